/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Operations: what was started and is not done yet. Each completes exactly once, from a turn of its runtime. */
#ifndef CAPSULE_OP_H
#define CAPSULE_OP_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule;

/** A handle on one operation. Owned by whoever started it, until capsule_op_free(). Threads: the runtime's. */
struct capsule_op;

/** Runs once when `op` is complete, inside capsule_runtime_turn(). May start other operations and may free `op`. */
typedef void (*capsule_done_fn)(struct capsule_op *op, void *user);

/** Let go of the handle (taken; NULL is fine). An operation that is still pending is cancelled and its done function is not
 *  called any more; an unload goes on. Allowed in every done function, the operation's own included. */
CAPSULE_API void capsule_op_free(struct capsule_op *op);

/** Ask for its end; it completes with CAPSULE_ECANCELLED in a later turn, unless it is complete already. */
CAPSULE_API void capsule_op_cancel(struct capsule_op *op);

/** Whether it is complete. */
CAPSULE_API bool capsule_op_done(const struct capsule_op *op);

/** What a load or an inspection is at right now, for a progress line: "reading", "compiling" ...; NULL when there is nothing to
 *  tell. Borrowed until the next turn. */
CAPSULE_API const char *capsule_op_stage(const struct capsule_op *op);

/** Turn the runtime until `op` is complete: for simple programs without a loop of their own. Returns the operation's status
 *  with its text in `err` (may be NULL), CAPSULE_ECANCELLED when somebody frees `op` meanwhile, or CAPSULE_ESTATE when called
 *  from inside a turn or on a thread to which the runtime does not belong, CAPSULE_EINVAL for NULL. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_op_wait(struct capsule_op *op, struct capsule_error *err);

/** Its outcome: CAPSULE_OK, or why it failed. Borrowed from `op`; an empty error while it is pending. */
CAPSULE_API const struct capsule_error *capsule_op_error(const struct capsule_op *op);

/** The bytes of the answer, a zero byte behind them that `*len` does not count. Borrowed from `op`; "" when there are none. */
CAPSULE_API const char *capsule_op_result(const struct capsule_op *op, size_t *len);

/** The capsule that capsule_load() made; NULL for other operations or after a failure. Borrowed from the runtime until
 *  capsule_unload() is complete. */
CAPSULE_API struct capsule *capsule_op_capsule(const struct capsule_op *op);

/** What a call cost, in nanoseconds: on the wall from its start (waiting for its turn not counted), and of processor time for
 *  the guest and for the host's work on its behalf. 0 for other operations. */
CAPSULE_API int64_t capsule_op_wall_ns(const struct capsule_op *op);
CAPSULE_API int64_t capsule_op_cpu_ns(const struct capsule_op *op);

#ifdef __cplusplus
}
#endif

#endif
