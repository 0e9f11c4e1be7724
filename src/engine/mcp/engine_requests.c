/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What people ask a server themselves, past the tools: any method of the protocol, and whole lists. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"

struct asked {
	struct list_node link;
	struct mcp_engine *owner;
	struct op *op;
	int64_t id;
};

/* A list that is asked for by several is fetched once, under one id. */
static bool is_awaited(const struct mcp_engine *self, int64_t id)
{
	bool awaited = self->listing && self->list_id == id;

	LIST_EACH (node, &self->asked)
		awaited |= LIST_ENTRY(node, struct asked, link)->id == id;
	return awaited;
}

static void stopped(struct op *op)
{
	struct asked *asked = op->producer;
	struct mcp_engine *self = asked->owner;
	struct mcp_client *client = mcp_server_client(self->server);

	list_remove(&asked->link);
	if (client != NULL && !is_awaited(self, asked->id)) {
		(void)mcp_client_cancel(client, asked->id, span_text("it was given up"));
		mcp_server_kick(self->server);
	}
	free(asked);
}

/* Make place for a request; the caller has started `op`. */
static enum capsule_status begin(
	struct asked **out, struct mcp_engine *self, struct mcp_client **client, struct capsule_error *err)
{
	struct asked *asked;

	*client = mcp_server_client(self->server);
	if (mcp_server_state(self->server, NULL) != MCP_SERVER_READY || *client == NULL)
		return mcp_engine_refuse(self, err);
	asked = calloc(1, sizeof *asked);
	if (asked == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a request");
	list_init(&asked->link);
	asked->owner = self;
	*out = asked;
	return CAPSULE_OK;
}

static void follow(struct asked *asked, struct op *op)
{
	asked->op = op;
	op->producer = asked;
	op->stop = stopped;
	list_append(&asked->owner->asked, &asked->link);
	mcp_server_kick(asked->owner->server);
}

enum capsule_status mcp_engine_request(
	struct engine *engine, struct span method, struct span params, struct op *op, struct capsule_error *err)
{
	struct mcp_engine *self = mcp_engine_of(engine);
	const struct mcp_request_options options = { .timeout_ms = self->limits.call_ms };
	HOLD(free_drop) struct asked *asked = NULL;
	struct mcp_client *client;
	enum capsule_status status = begin(&asked, self, &client, err);

	if (asked == NULL)
		return status;
	status = mcp_client_request(client, method, params, &options, loop_now(self->env.loop), &asked->id, err);
	if (status == CAPSULE_OK)
		follow(GIVE(asked), op);
	return status;
}

enum capsule_status mcp_engine_list(struct engine *engine, enum mcp_list list, struct op *op, struct capsule_error *err)
{
	struct mcp_engine *self = mcp_engine_of(engine);
	HOLD(free_drop) struct asked *asked = NULL;
	struct mcp_client *client;
	enum capsule_status status = begin(&asked, self, &client, err);

	if (asked == NULL)
		return status;
	status = mcp_client_list(client, list, loop_now(self->env.loop), &asked->id, err);
	if (status == CAPSULE_OK)
		follow(GIVE(asked), op);
	return status;
}

static void end(struct asked *asked, const struct capsule_error *err, struct span result)
{
	struct op *op = asked->op;
	struct capsule_error failure;

	list_remove(&asked->link);
	free(asked);
	op->stop = NULL;
	if (err != NULL) {
		op_fail(op, err);
		return;
	}
	(void)buffer_append_span(&op->result, result);
	if (buffer_check(&op->result, &failure) != CAPSULE_OK)
		op_fail(op, &failure);
	else
		op_finish(op);
}

void mcp_engine_answer_asked(struct mcp_engine *self, const struct mcp_event *event)
{
	bool failed = event->error.status != CAPSULE_OK;

	if (event->kind != MCP_EVENT_RESULT && event->kind != MCP_EVENT_LISTED && event->kind != MCP_EVENT_ERROR)
		return;
	LIST_EACH_SAFE (node, &self->asked) {
		struct asked *asked = LIST_ENTRY(node, struct asked, link);

		if (asked->id == event->id)
			end(asked, failed ? &event->error : NULL, event->json);
	}
}

void mcp_engine_end_asked(struct mcp_engine *self, const struct capsule_error *err)
{
	while (!list_empty(&self->asked))
		end(LIST_ENTRY(self->asked.next, struct asked, link), err, span_of(NULL, 0));
}
