/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one thread that owns everything: libuv for descriptors and the pool, a heap of timers on a clock of ours, a queue of
 * finished operations and the run queue of guests that can go on. All functions: loop thread only, except loop_post(). */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "loop/op.h"

struct uv_loop_s;
struct loop;

/* Something that can make progress when it gets the processor: a guest's fiber. */
struct runnable {
	/* Run for one slice. Must not free `runnable` unless it is not queued afterwards. Queues itself again (loop_ready)
	 * when it has more to do; `spent` says then that it used up its slice. */
	void (*run)(struct runnable *runnable);
	struct list_node link;
};

/* Something on the loop that must be let go of before the loop is, when its owner has not done so. */
struct loop_closer {
	void (*close)(struct loop_closer *closer); /* from loop_free(); it is in no list any more */
	struct list_node link;
};

/** Make a loop on `clock` (borrowed for its life). Free it with loop_free(). */
MUST_CHECK enum capsule_status loop_new(struct loop **out, const struct clock *clock, struct capsule_error *err);

/** Close everything and free (`loop` taken, NULL is fine). Pending operations must have been ended by their owners; closers
 *  run, the last one added first. Waits for jobs on the pool and runs their after(); what was posted and did not run yet is dropped. */
void loop_free(struct loop *loop);

/** The clock's monotonic time now. */
int64_t loop_now(const struct loop *loop);

/** The time `ms` milliseconds from now, for loop_timer_arm(); so far away that it never comes when it does not fit. */
int64_t loop_due_after(const struct loop *loop, uint64_t ms);

const struct clock *loop_clock(const struct loop *loop);

/** Have `closer` (borrowed) run by loop_free(); and no longer, harmless when it was added and has run. */
void loop_closer_add(struct loop *loop, struct loop_closer *closer);
void loop_closer_remove(struct loop_closer *closer);

/** libuv's loop, for the modules that need its handles. */
struct uv_loop_s *loop_uv(struct loop *loop);

/** A descriptor that is readable when loop_turn() has something to do, for another poll loop; and how long that loop may
 *  wait at most: 0 now, -1 for ever. */
int loop_fd(const struct loop *loop);
int loop_timeout_ms(const struct loop *loop);

/** Do what can be done now: due timers, ready descriptors, finished operations, one round of the run queue. With
 *  `wait` it first waits until there is something to do, at most `wait_ms` (-1 without limit). Returns whether anything
 *  is still pending in libuv, armed or queued. Not re-entrant: returns false inside itself. */
bool loop_turn(struct loop *loop, int wait_ms);

/** Whether loop_turn() runs: on the loop's thread, whether the calling code is inside it. Threads: any. */
bool loop_in_turn(const struct loop *loop);

/** Queue `runnable` (borrowed until it runs). Fibers that used up their slice (`spent`) wait behind all that have not.
 *  Harmless when it is queued already. */
void loop_ready(struct loop *loop, struct runnable *runnable, bool spent);

/** Take it out of the queue. Harmless when not queued. */
void loop_unready(struct runnable *runnable);

/** Arm and disarm a timer on the loop's clock. Arming fails (false) only when out of memory. */
bool loop_timer_arm(struct loop *loop, struct timer *timer, int64_t due_ns);
void loop_timer_disarm(struct loop *loop, struct timer *timer);

/** Queue `op` whose state has just become finished; its done() runs in the next turn. For op.c only. */
void loop_op_finished(struct loop *loop, struct op *op);

/** Run `fn(arg)` on the loop thread from a turn, never from inside this function. The one function that any thread may
 *  call. Calls run in the order in which one thread posted them. Returns CAPSULE_ENOMEM, CAPSULE_ELIMIT when
 *  LOOP_POST_MAX calls are waiting, or CAPSULE_ESTATE while loop_free() runs. Threads: any. */
MUST_CHECK enum capsule_status loop_post(
	struct loop *loop, void (*fn)(void *arg), void *arg, struct capsule_error *err);

#define LOOP_POST_MAX 65536

/** Refuse further posts and drop those that wait: for an owner that still turns the loop while it takes down what posted
 *  calls are about. loop_free() does it too. */
void loop_post_close(struct loop *loop);

#endif
