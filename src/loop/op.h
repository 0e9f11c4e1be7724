/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A pending operation: one deadline, one way to cancel it, and exactly one completion, run on the loop thread from a turn
 * of the loop and never from inside the call that started or finished it.
 *
 *   idle -- op_start --> pending -- op_finish / deadline / op_cancel --> finished -- next turn: done() --> idle
 *
 * The producer is whoever called op_start(): it calls op_finish() when the result is there. The first of op_finish, deadline
 * and cancel decides the status; later ones are ignored. When deadline or cancel came first the loop calls the producer's
 * `stop` at once, from which it must let go of the op (it will not be asked again, and must not call op_finish any more).
 */
#ifndef LOOP_OP_H
#define LOOP_OP_H

#include "base/buffer.h"
#include "base/list.h"
#include "loop/timer.h"

struct loop;
struct op;

/* Run once. `op` may be started again, or its memory freed, from inside. */
typedef void (*op_done_fn)(struct op *op, void *user);

/* Called when a deadline or a cancel ended the operation before its producer did. Must not block. */
typedef void (*op_stop_fn)(struct op *op);

enum op_state { OP_IDLE, OP_PENDING, OP_FINISHED };

struct op {
	struct loop *loop;
	enum op_state state;
	op_done_fn done;
	void *user;
	op_stop_fn stop; /* may be NULL; a producer that begins later than op_start() may set it */
	void *producer;  /* the producer's own */
	struct timer deadline;
	uint64_t timeout_ms; /* for the message of a missed deadline */
	const char *stage;   /* what the producer is at, for a progress line: a static text or NULL */
	const char *what;    /* static text that begins its messages, e.g. "sleep" */
	struct list_node link;
	struct capsule_error error; /* status CAPSULE_OK when it went well */
	struct buffer result;       /* bytes of the answer; filled by the producer before op_finish() */
};

/** Make `op` idle and empty. Must come before anything else. */
void op_init(struct op *op, struct loop *loop);

/** Free what `op` holds. Allowed in every state: a pending operation is stopped and its done() is not called. */
void op_fini(struct op *op);

/** Idle -> pending. `timeout_ms` 0 means no deadline. `stop` may be NULL. Clears result and error. Threads: loop. */
void op_start(struct op *op, op_done_fn done, void *user, op_stop_fn stop, uint64_t timeout_ms, const char *what);

/** Pending -> finished with CAPSULE_OK. Ignored when not pending. Threads: loop. */
void op_finish(struct op *op);

/** Pending -> finished with the failure in `err` (borrowed, its status must not be CAPSULE_OK). Threads: loop. */
void op_fail(struct op *op, const struct capsule_error *err);

/** Pending -> finished with CAPSULE_ECANCELLED. Ignored when not pending. Threads: loop. */
void op_cancel(struct op *op);

static inline bool op_pending(const struct op *op)
{
	return op->state == OP_PENDING;
}

#endif
