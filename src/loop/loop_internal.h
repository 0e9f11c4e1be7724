/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The loop's own state, for the files of this folder and their tests. */
#ifndef LOOP_LOOP_INTERNAL_H
#define LOOP_LOOP_INTERNAL_H

#include "loop/loop.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct post;

/* Calls from other threads. `inbox` is shared and under the lock, `batch` is what the loop thread took out of it. */
struct post_queue {
	pthread_mutex_t lock;
	struct post *inbox, **inbox_end;
	bool closed;
	atomic_size_t waiting; /* in both lists; read without the lock to see whether there is anything at all */
	struct post *batch;
	uv_async_t wake;
};

struct loop {
	uv_loop_t uv;
	uv_timer_t alarm; /* ends a wait; armed only during one */
	const struct clock *clock;
	bool uv_open;
	bool clock_is_real;  /* a clock moved by hand says nothing about how long to wait */
	atomic_bool in_turn; /* relaxed: another thread may ask by mistake */
	bool firing;         /* inside the step that fires timers */

	int64_t now_ns; /* as last read; the clock is read once in `reads_every` steps, not before each */
	unsigned steps, reads_every;
	int64_t polled_ns; /* when libuv was last asked */
	unsigned unpolled; /* turns since */

	struct timer_heap timers;
	struct list_node finished; /* struct op */
	struct list_node fresh;    /* struct runnable */
	struct list_node spent;    /* struct runnable */
	int64_t spent_ns;          /* when a spent runnable last ran, or the first of them was queued */
	unsigned spent_skipped;    /* turns since */

	struct post_queue posts;
	struct list_node closers; /* struct loop_closer */
};

/** Count one step of work; reads the clock when enough of them have gone by. */
void loop_step(struct loop *loop);

/** Make the queue ready for use on the open uv loop. Returns CAPSULE_EIO or CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status loop_post_init(struct loop *loop, struct capsule_error *err);

/** Free the lock. The uv handle must be closed. */
void loop_post_fini(struct loop *loop);

/** Run what was posted before this call, a bounded number. Returns whether there was any. */
bool loop_post_run(struct loop *loop);

static inline bool loop_post_waiting(const struct loop *loop)
{
	return atomic_load_explicit(&loop->posts.waiting, memory_order_relaxed) > 0;
}

/** Hand a finished operation to its done(). The operation is in no list and may be gone afterwards. */
void op_deliver(struct op *op);

#endif
