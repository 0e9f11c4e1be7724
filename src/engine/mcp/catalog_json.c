/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tools of a server for those who may call them. */
#include "engine/mcp/catalog.h"

#include "base/cleanup.h"
#include "base/json.h"

const char *mcp_tool_refusal(const struct mcp_tool *tool)
{
	if (tool->needs_task)
		return "it can only be called as a task, which is not supported";
	return tool->blocked;
}

static void append_member(struct buffer *out, const char *key, const char *json)
{
	if (json == NULL)
		return;
	(void)buffer_printf(out, ",\"%s\":", key);
	(void)buffer_append_text(out, json);
}

/* Append the name under which nobody else is known. */
static void append_name(
	const struct mcp_tool *tool, const struct manifest_mcp_server *server, struct map *taken, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer name = { 0 };

	if (taken != NULL && map_get(taken, span_text(tool->name)) != NULL)
		(void)buffer_printf(&name, "%s:", server->id);
	(void)buffer_append_text(&name, tool->name);
	(void)json_append_string(out, buffer_span(&name));
	if (name.failed ||
		(taken != NULL &&
			map_put(taken, buffer_span(&name), (void *)(uintptr_t)tool, NULL, NULL) != CAPSULE_OK))
		out->failed = true;
}

static void append_tool(const struct mcp_tool *tool, const struct manifest_mcp_server *server, const char *origin,
	struct map *taken, struct buffer *out)
{
	const char *refusal = mcp_tool_refusal(tool);

	(void)buffer_append_text(out, "{\"name\":");
	append_name(tool, server, taken, out);
	(void)buffer_append_text(out, ",\"description\":");
	(void)json_append_string(out, span_text(tool->description != NULL ? tool->description : ""));
	append_member(out, "input_schema", tool->input_schema);
	(void)buffer_append_text(out, ",\"origin\":");
	(void)json_append_string(out, span_text(origin));
	if (tool->title != NULL) {
		(void)buffer_append_text(out, ",\"title\":");
		(void)json_append_string(out, span_text(tool->title));
	}
	append_member(out, "output_schema", tool->output_schema);
	append_member(out, "annotations", tool->annotations);
	if (refusal != NULL) {
		(void)buffer_append_text(out, ",\"callable\":false,\"why\":");
		(void)json_append_string(out, span_text(refusal));
	}
	(void)buffer_append_byte(out, '}');
}

size_t mcp_catalog_append(const struct mcp_catalog *catalog, const struct manifest_mcp_server *server,
	const char *origin, bool first, struct map *taken, struct buffer *out)
{
	size_t appended = 0;

	for (size_t i = 0; i < catalog->count; i++) {
		if (catalog->tools[i]->hidden)
			continue;
		if (!first || appended > 0)
			(void)buffer_append_byte(out, ',');
		append_tool(catalog->tools[i], server, origin, taken, out);
		appended++;
	}
	return appended;
}
