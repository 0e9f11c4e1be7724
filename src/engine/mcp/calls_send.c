/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the queue to the server: in order, as many tools at once as may be, and beside them a few interceptors, for which
 * events wait. */
#include "engine/mcp/internal.h"

#include "base/limits.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

/* The smaller one of all limits wins; progress begins the first one anew, and never the second. */
static struct mcp_request_options times(const struct mcp_call *c)
{
	const struct mcp_engine *self = c->owner;
	const struct mcp_engine_limits *limits = &self->limits;
	uint64_t declared = (uint64_t)self->declared->timeout_ms;
	struct mcp_request_options options = { .progress = c->tool != NULL };

	if (c->tool == NULL) {
		options.timeout_ms = least(limits->interceptor_ms, c->call->wall_ms);
		options.hard_ms = options.timeout_ms;
		return options;
	}
	options.hard_ms = least(least(limits->call_hard_ms, self->env.limits.call_wall_ms), c->call->wall_ms);
	options.timeout_ms = least(declared != 0 ? declared : limits->call_ms, options.hard_ms);
	return options;
}

/* What was there when the call was admitted may be another tool now. */
static enum capsule_status look_again(const struct mcp_call *c, const struct mcp_tool *tool, struct capsule_error *err)
{
	const struct mcp_engine *self = c->owner;
	const char *refusal = tool != NULL ? mcp_tool_refusal(tool) : NULL;

	if (tool == NULL || tool->hidden)
		return error_set(err, CAPSULE_ENOTFOUND, "the server does not have it any more");
	if (refusal != NULL)
		return error_set(err, CAPSULE_EDENIED, "%s", refusal);
	if (self->declared->pin_tools || c->once || strcmp(c->consent, "manifest") != 0) {
		if (strcmp(tool->hash, c->description) != 0)
			return error_set(err, CAPSULE_EDENIED,
				"its description changed after the call was allowed; call it again");
	}
	return CAPSULE_OK;
}

static enum capsule_status ask_server(struct mcp_call *c, struct span raw, struct capsule_error *err)
{
	struct mcp_engine *self = c->owner;
	struct mcp_client *client = mcp_server_client(self->server);
	struct mcp_request_options options = times(c);
	struct span arguments = c->tool == NULL ? buffer_span(&c->arguments) : c->call->input;

	if (client == NULL)
		return mcp_engine_refuse(self, err);
	if (arguments.len == 0)
		arguments = span_text("null");
	return mcp_client_call_tool(client, raw, arguments, &options, loop_now(self->env.loop), &c->id, err);
}

static void tell_called(const struct mcp_call *c)
{
	/* Nobody is told of interceptors: one that listens would be called for its own call. */
	if (c->tool != NULL)
		mcp_engine_tell(c->owner,
			(struct mcp_life_note){ .kind = MCP_LIFE_TOOL_CALLED,
				.tool = span_text(c->tool),
				.arguments = c->call->input });
}

/* Send it. False: the client takes no more for now. */
static bool send_call(struct mcp_call *c)
{
	struct mcp_engine *self = c->owner;
	struct span raw = span_text(MCP_INTERCEPT_TOOL);
	enum capsule_status status = CAPSULE_OK;
	struct capsule_error err;

	if (c->tool != NULL) {
		const struct mcp_tool *tool = mcp_catalog_find(&self->catalog, self->declared, c->tool);

		status = look_again(c, tool, &err);
		raw = tool != NULL ? tool->raw : raw;
	}
	c->begun_ns = loop_now(self->env.loop);
	if (status == CAPSULE_OK && !c->recorded) {
		c->recorded = true;
		mcp_call_record(c, "started", NULL, span_of(NULL, 0));
	}
	if (status == CAPSULE_OK)
		status = ask_server(c, raw, &err);
	if (status == CAPSULE_ELIMIT && self->calls.count[MCP_SENT] > 0)
		return false;
	if (status != CAPSULE_OK) {
		if (!c->recorded)
			mcp_call_record(c, "refused", &err, span_of(NULL, 0));
		mcp_call_fail(c, &err, false);
		return true;
	}
	mcp_call_move(c, MCP_SENT);
	tell_called(c);
	mcp_server_kick(self->server);
	return true;
}

/* The first one for which there is room. */
static struct mcp_call *next_call(const struct mcp_engine *self)
{
	const struct mcp_calls *calls = &self->calls;
	bool tools = calls->count[MCP_SENT] - calls->interceptors < self->limits.in_flight;
	bool interceptors = calls->interceptors < MCP_INTERCEPTORS_AT_ONCE;

	if (!tools && !interceptors)
		return NULL;
	LIST_EACH (node, &calls->in[MCP_QUEUED]) {
		struct mcp_call *c = LIST_ENTRY(node, struct mcp_call, link);

		if (c->tool != NULL ? tools : interceptors)
			return c;
	}
	return NULL;
}

void mcp_calls_pump(struct mcp_engine *self)
{
	struct mcp_call *c;

	while (mcp_engine_health(self, NULL) == ENGINE_READY && (c = next_call(self)) != NULL) {
		if (!send_call(c))
			return;
	}
}
