/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server is now, for people and programs. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"

static void append_text(struct buffer *out, const char *key, const char *text)
{
	(void)buffer_printf(out, ",\"%s\":", key);
	if (text != NULL)
		(void)json_append_lossy(out, span_text(text));
	else
		(void)buffer_append_text(out, "null");
}

static void append_server(struct buffer *out, const struct mcp_server_info *info)
{
	append_text(out, "revision", info != NULL ? mcp_revision_text(info->revision) : NULL);
	(void)buffer_append_text(out, ",\"server\":");
	if (info == NULL) {
		(void)buffer_append_text(out, "null");
	} else {
		(void)buffer_append_text(out, "{\"name\":");
		(void)json_append_lossy(out, span_text(info->name != NULL ? info->name : ""));
		append_text(out, "version", info->version);
		append_text(out, "title", info->title);
		(void)buffer_append_byte(out, '}');
	}
	append_text(out, "instructions", info != NULL ? info->instructions : NULL);
}

static void append_tools(struct buffer *out, const struct mcp_catalog *catalog)
{
	size_t shown = 0, changed = 0;

	for (size_t i = 0; i < catalog->count; i++)
		shown += !catalog->tools[i]->hidden;
	(void)buffer_printf(out, ",\"tools\":%zu,\"tools_changed\":[", shown);
	for (size_t i = 0; i < catalog->count; i++) {
		if (!catalog->tools[i]->changed)
			continue;
		(void)buffer_append_text(out, changed++ > 0 ? "," : "");
		(void)json_append_string(out, span_text(catalog->tools[i]->name));
	}
	(void)buffer_append_byte(out, ']');
}

bool mcp_engine_append_json(const struct engine *engine, struct buffer *out)
{
	const struct mcp_engine *self = mcp_engine_of(engine);
	struct mcp_client *client = mcp_server_client(self->server);
	struct capsule_error why = { .status = CAPSULE_OK };
	const char *digest = mcp_server_digest(self->server);
	enum mcp_server_state state = mcp_server_state(self->server, &why);
	struct mcp_client_counts counts = { 0 };

	if (client != NULL)
		mcp_client_counts(client, &counts);
	if (self->phase == MCP_LOAD_FAILED)
		why = self->why;
	(void)buffer_append_text(out, "{\"id\":");
	(void)json_append_lossy(out, span_text(mcp_engine_name(self)));
	append_text(out, "name", self->declared->id);
	append_text(out, "state", mcp_server_state_name(state));
	append_text(out, "reason", why.status != CAPSULE_OK ? why.text : NULL);
	(void)buffer_printf(out, ",\"pid\":");
	(void)(mcp_server_pid(self->server) > 0 ? buffer_printf(out, "%d", mcp_server_pid(self->server))
						: buffer_append_text(out, "null"));
	append_server(out, client != NULL ? mcp_client_server(client) : NULL);
	append_tools(out, &self->catalog);
	(void)buffer_printf(out, ",\"in_flight\":%u,\"restarts\":%u", self->calls.count[MCP_SENT],
		mcp_server_restarts(self->server));
	append_text(out, "program", mcp_server_program(self->server));
	append_text(out, "digest", digest[0] != '\0' ? digest : NULL);
	return buffer_printf(out, ",\"sandboxed\":%s,\"bad_lines\":%llu}",
		self->services->unsandboxed == NULL ? "true" : "false", (unsigned long long)counts.bad_lines);
}
