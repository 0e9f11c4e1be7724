/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What happens to the server, and what it says by itself. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"

/* ---- Its life ---- */

static void connected(struct mcp_engine *self)
{
	const struct mcp_server_info *info = mcp_client_server(mcp_server_client(self->server));

	self->connected = true;
	mcp_engine_list_none(self);
	mcp_engine_tell(self,
		(struct mcp_life_note){ .kind = MCP_LIFE_CONNECTED,
			.revision = info != NULL ? mcp_revision_text(info->revision) : NULL,
			.digest = mcp_server_digest(self->server) });
	mcp_engine_list_tools(self);
}

static void disconnected(struct mcp_engine *self, const struct capsule_error *why)
{
	mcp_engine_list_none(self);
	mcp_calls_lost(self, why);
	mcp_engine_end_asked(self, why);
	if (self->connected)
		mcp_engine_tell(self, (struct mcp_life_note){ .kind = MCP_LIFE_DISCONNECTED, .reason = why->text });
	self->connected = false;
	mcp_engine_tell_health(self);
}

void mcp_engine_server_changed(void *user)
{
	struct mcp_engine *self = user;

	mcp_engine_tell_health(self);
}

/* ---- What it says ---- */

static void answer_roots(struct mcp_engine *self, struct mcp_client *client, uint64_t token)
{
	const struct mcp_services *services = self->services;
	HOLD(buffer_fini) struct buffer result = { .limit = MIB };

	(void)buffer_append_text(&result, "{\"roots\":");
	if (services->roots(services->user, &result) && buffer_append_byte(&result, '}'))
		mcp_client_answer(client, token, buffer_span(&result), 0, span_of(NULL, 0));
	else
		mcp_client_answer(client, token, span_of(NULL, 0), JSONRPC_INTERNAL_ERROR, span_text("out of memory"));
}

static void answer_request(struct mcp_engine *self, const struct mcp_event *event)
{
	struct mcp_client *client = mcp_server_client(self->server);

	if (client == NULL)
		return;
	if (self->services->roots != NULL && span_is(event->text, "roots/list"))
		answer_roots(self, client, event->token);
	else
		mcp_client_answer(client, event->token, span_of(NULL, 0), JSONRPC_METHOD_NOT_FOUND,
			span_text("Method not found"));
	mcp_server_kick(self->server);
}

/* Its own level counts for us up to `warning`: how serious it is to us is not for it to say. */
static enum capsule_log_level level_of(const yyjson_val *params)
{
	const yyjson_val *level = yyjson_obj_get(json_reader(params), "level");

	if (yyjson_equals_str(json_reader(level), "debug"))
		return CAPSULE_LOG_DEBUG;
	if (yyjson_equals_str(json_reader(level), "info") || yyjson_equals_str(json_reader(level), "notice"))
		return CAPSULE_LOG_INFO;
	return CAPSULE_LOG_WARN;
}

static void log_message(const struct mcp_engine *self, struct span json)
{
	const struct json_limits limits = { .bytes_max = LIMIT_LOG_MESSAGE };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	HOLD(buffer_fini) struct buffer text = { 0 };
	const yyjson_val *data;

	if (json_parse(&doc, json, &limits, "message", NULL) != CAPSULE_OK)
		return;
	data = yyjson_obj_get(yyjson_doc_get_root(doc), "data");
	if (data == NULL)
		return;
	if (yyjson_is_str(json_reader(data)))
		(void)buffer_append(&text, yyjson_get_str(json_reader(data)), yyjson_get_len(json_reader(data)));
	else
		(void)json_append_value(&text, data);
	mcp_engine_log_bounded(self, level_of(yyjson_doc_get_root(doc)), "it says", buffer_span(&text));
}

static void log_bad_line(const struct mcp_engine *self, const struct mcp_event *event)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)buffer_printf(&text, "%s: ", event->error.text);
	(void)buffer_append_span(&text, event->text);
	mcp_engine_log_bounded(self, CAPSULE_LOG_WARN, "a line that is no message was ignored", buffer_span(&text));
}

static void answered(struct mcp_engine *self, const struct mcp_event *event)
{
	if (!mcp_calls_event(self, event))
		mcp_engine_answer_asked(self, event);
}

void mcp_engine_event(void *user, const struct mcp_event *event)
{
	struct mcp_engine *self = user;

	switch (event->kind) {
	case MCP_EVENT_READY:
		connected(self);
		return;
	case MCP_EVENT_ENDED:
		disconnected(self, &event->error);
		return;
	case MCP_EVENT_LISTED:
		mcp_engine_answer_asked(self, event); /* who asked for the same list has the same id */
		if (self->listing && event->id == self->list_id)
			mcp_engine_listed(self, event->json, &event->error);
		return;
	case MCP_EVENT_CHANGED:
		if (event->list == MCP_TOOLS)
			mcp_engine_list_tools(self);
		return;
	case MCP_EVENT_REQUEST:
		answer_request(self, event);
		return;
	case MCP_EVENT_LOG:
		log_message(self, event->json);
		return;
	case MCP_EVENT_BAD_LINE:
		log_bad_line(self, event);
		return;
	default:
		answered(self, event);
		return;
	}
}
