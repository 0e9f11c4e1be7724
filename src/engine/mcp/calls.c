/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where each call stands, and those that all of them meet: an event, the end of the server, the unload. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"

void mcp_calls_init(struct mcp_calls *calls)
{
	for (size_t i = 0; i < MCP_STAGES; i++)
		list_init(&calls->in[i]);
}

size_t mcp_calls_count(const struct mcp_calls *calls)
{
	size_t count = 0;

	for (size_t i = 0; i < MCP_STAGES; i++)
		count += calls->count[i];
	return count;
}

/* Those that wait are bounded by the queue's limits, those that are sent by their number. */
static bool waits(enum mcp_stage stage)
{
	return stage == MCP_ASKING || stage == MCP_QUEUED;
}

static void count(struct mcp_call *c, bool in)
{
	struct mcp_calls *calls = &c->owner->calls;
	uint32_t one = in ? 1 : UINT32_MAX;

	calls->count[c->stage] += one;
	if (c->stage == MCP_SENT && c->tool == NULL)
		calls->interceptors += one;
	if (!waits(c->stage) || c->call->unqueued)
		return;
	calls->queued += one;
	calls->queued_bytes += in ? c->call->input.len : 0 - (uint64_t)c->call->input.len;
}

void mcp_call_enter(struct mcp_call *c, enum mcp_stage stage)
{
	c->stage = stage;
	list_append(&c->owner->calls.in[stage], &c->link);
	count(c, true);
}

static void leave(struct mcp_call *c)
{
	count(c, false);
	list_remove(&c->link);
}

void mcp_call_move(struct mcp_call *c, enum mcp_stage stage)
{
	leave(c);
	mcp_call_enter(c, stage);
}

void mcp_call_free(struct mcp_call *c)
{
	if (!list_empty(&c->link))
		leave(c);
	op_fini(&c->ask);
	buffer_fini(&c->arguments);
	free(c->tool);
	free(c);
}

static struct mcp_call *find(struct mcp_calls *calls, int64_t id)
{
	LIST_EACH (node, &calls->in[MCP_SENT]) {
		struct mcp_call *c = LIST_ENTRY(node, struct mcp_call, link);

		if (c->id == id)
			return c;
	}
	return NULL;
}

/* A failure without a code of the server's while the pipes are closed: how it ended is known in a moment. */
static bool lost_server(const struct mcp_event *event)
{
	return event->code == 0 && span_starts(span_text(event->error.text), span_text("Transport closed"));
}

bool mcp_calls_event(struct mcp_engine *self, const struct mcp_event *event)
{
	struct mcp_call *c = find(&self->calls, event->id);

	if (c == NULL)
		return false;
	switch (event->kind) {
	case MCP_EVENT_WRITTEN:
		c->written = true; /* a use that was granted is used up */
		break;
	case MCP_EVENT_RESULT:
		mcp_call_answer(c, event->json);
		break;
	case MCP_EVENT_ERROR:
		if (lost_server(event))
			mcp_call_move(c, MCP_LOST);
		else
			mcp_call_fail(c, &event->error, false);
		break;
	default:
		break; /* progress: the client has taken it into account */
	}
	mcp_calls_pump(self);
	return true;
}

static void fail_all(struct mcp_engine *self, enum mcp_stage stage, const struct capsule_error *err, bool plain)
{
	while (!list_empty(&self->calls.in[stage]))
		mcp_call_fail(LIST_ENTRY(self->calls.in[stage].next, struct mcp_call, link), err, plain);
}

void mcp_calls_lost(struct mcp_engine *self, const struct capsule_error *why)
{
	struct capsule_error err = *why;

	if (!span_starts(span_text(why->text), span_text("Transport closed")))
		(void)error_in(&err, "Transport closed");
	fail_all(self, MCP_LOST, &err, false);
	fail_all(self, MCP_SENT, &err, false);
	(void)error_set(&err, CAPSULE_ESTATE, "MCP server not running: %s: %s", mcp_engine_name(self), why->text);
	fail_all(self, MCP_QUEUED, &err, true);
}

/* The server is told that nobody waits for it any more. */
static void give_up(struct mcp_call *c, const char *why)
{
	struct mcp_client *client = mcp_server_client(c->owner->server);

	if (c->stage != MCP_SENT || client == NULL)
		return;
	if (mcp_client_cancel(client, c->id, span_text(why)))
		c->written = true;
	mcp_server_kick(c->owner->server);
}

void mcp_calls_cancel(struct mcp_engine *self, const struct capsule_error *err)
{
	LIST_EACH (node, &self->calls.in[MCP_SENT])
		give_up(LIST_ENTRY(node, struct mcp_call, link), err->text);
	for (size_t stage = 0; stage < MCP_STAGES; stage++)
		fail_all(self, (enum mcp_stage)stage, err, true);
}

/* A call was cancelled from outside: its operation has ended already. */
void mcp_call_stopped(struct op *op)
{
	struct mcp_call *c = op->producer;
	struct mcp_engine *self = c->owner;
	struct capsule_error err;

	give_up(c, "the caller has given it up");
	(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled");
	mcp_call_fail(c, &err, true);
	mcp_calls_pump(self);
}
