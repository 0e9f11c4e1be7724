/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls of one server: whether they may be, whom to ask, in which order they go, and how each one ends, with a record
 * before and behind.
 *
 *   admitted --> ASKING (a person) --> QUEUED --> SENT --answer, limit, cancel--> over
 *                                                 SENT --the server is lost--> LOST --it is gone--> over
 * Loop thread. */
#ifndef ENGINE_MCP_CALLS_H
#define ENGINE_MCP_CALLS_H

#include "base/blake3.h"
#include "engine/engine.h"
#include "mcp/client.h"
#include "mcp/result.h"

#define MCP_PREVIEW_MAX 4096 /* bytes of a result that are put down */
#define MCP_INTERCEPTORS_AT_ONCE 4

struct mcp_engine;

enum mcp_stage { MCP_ASKING, MCP_QUEUED, MCP_SENT, MCP_LOST, MCP_STAGES };

struct mcp_call {
	struct list_node link; /* of mcp_calls.in[stage] */
	enum mcp_stage stage;
	struct mcp_engine *owner;
	struct engine_call *call;
	char *tool; /* the name it has here; NULL: an interceptor */
	char description[BLAKE3_HEX], hash[BLAKE3_HEX];
	struct buffer arguments; /* of an interceptor; of a tool they are call->input */
	const char *consent;
	bool once;     /* somebody granted this one use */
	bool recorded; /* as started */
	bool written;
	struct op ask;
	int64_t id, begun_ns;
};

struct mcp_calls {
	struct list_node in[MCP_STAGES];
	uint32_t count[MCP_STAGES];
	uint32_t interceptors; /* of those that are sent */
	uint32_t queued;       /* that count for the limits: asking or queued */
	uint64_t queued_bytes;
};

void mcp_calls_init(struct mcp_calls *calls);

/** engine_ops.call(). */
MUST_CHECK enum capsule_status mcp_calls_add(
	struct mcp_engine *self, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err);

/** How many wait or run. */
size_t mcp_calls_count(const struct mcp_calls *calls);

/** Send what can be sent. */
void mcp_calls_pump(struct mcp_engine *self);

/** An event about a request `event->id`: returns whether it was that of a call. */
bool mcp_calls_event(struct mcp_engine *self, const struct mcp_event *event);

/** The server is gone, `why`: all that are queued, sent or lost fail. */
void mcp_calls_lost(struct mcp_engine *self, const struct capsule_error *why);

/** End all of them with `err`, those that are asked about, too; the server is told of those that are sent. */
void mcp_calls_cancel(struct mcp_engine *self, const struct capsule_error *err);

/* ---- Between calls.c, calls_admit.c, calls_send.c and calls_end.c ---- */

void mcp_call_move(struct mcp_call *c, enum mcp_stage stage);
bool mcp_call_counts(enum mcp_stage stage);

/** Put it into `stage` for the first time. */
void mcp_call_enter(struct mcp_call *c, enum mcp_stage stage);

/** Free it; its operation has ended, or was never started. */
void mcp_call_free(struct mcp_call *c);

/** Over with a failure: "Tool call failed: <server>:<tool> - <text of err>" unless `plain`. Recorded and told. */
void mcp_call_fail(struct mcp_call *c, const struct capsule_error *err, bool plain);

/** Over with the server's result object. */
void mcp_call_answer(struct mcp_call *c, struct span json);

/** Put a note of it down; `stage` as in struct mcp_call_note. */
void mcp_call_record(
	const struct mcp_call *c, const char *stage, const struct capsule_error *error, struct span result);

/** The same before there is a call. */
void mcp_call_refused(const struct mcp_engine *self, const struct engine_call *call, const char *tool, const char *hash,
	const struct capsule_error *error);

/** Take its operation as stopped from outside: op_stop_fn of engine_call.op. */
void mcp_call_stopped(struct op *op);

#endif
