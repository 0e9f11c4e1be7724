/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Timers on the loop's own clock, which tests move by hand; libuv only learns when to wake up. A binary heap of
 * intrusive entries: no allocation when one is armed except the heap's array growing. */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct timer;

/* Runs on the loop thread from a turn; the timer is disarmed and may be armed again or freed from inside. */
typedef void (*timer_fn)(struct timer *timer);

struct timer {
	timer_fn fire;
	int64_t due_ns;    /* monotonic */
	uint64_t sequence; /* equal times fire in the order in which they were armed */
	size_t index;      /* place in the heap plus one; 0 when not armed */
};

struct timer_heap {
	struct timer **items;
	size_t count, capacity;
	uint64_t sequence;
};

/** Arm `timer` (borrowed until it fires or is disarmed) for `due_ns`; an armed one is moved. Returns false only when out
 *  of memory. */
bool timer_heap_arm(struct timer_heap *heap, struct timer *timer, int64_t due_ns);

/** Take it out. Harmless when not armed. */
void timer_heap_disarm(struct timer_heap *heap, struct timer *timer);

/** The earliest timer that is due at `now_ns`, taken out of the heap; NULL when none is. */
struct timer *timer_heap_take_due(struct timer_heap *heap, int64_t now_ns);

/** When the earliest timer is due, INT64_MAX when there is none. */
int64_t timer_heap_next(const struct timer_heap *heap);

void timer_heap_fini(struct timer_heap *heap);

#endif
