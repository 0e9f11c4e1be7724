/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The heap behind the timers. Each entry knows its place, so that one far from the top is moved or taken out in
 * logarithmic time: nearly every deadline is disarmed and never fires. */
#include "loop/timer.h"

#include <stdlib.h>

#define HEAP_FIRST_CAPACITY 16

static bool before(const struct timer *a, const struct timer *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->sequence < b->sequence);
}

static void place(struct timer_heap *heap, struct timer *timer, size_t at)
{
	heap->items[at] = timer;
	timer->index = at + 1;
}

/* Put `timer` at the free place `at` or above it. */
static void sift_up(struct timer_heap *heap, struct timer *timer, size_t at)
{
	while (at > 0) {
		size_t parent = (at - 1) / 2;

		if (!before(timer, heap->items[parent]))
			break;
		place(heap, heap->items[parent], at);
		at = parent;
	}
	place(heap, timer, at);
}

/* Put `timer` at the free place `at` or below it. */
static void sift_down(struct timer_heap *heap, struct timer *timer, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child]))
			child++;
		if (!before(heap->items[child], timer))
			break;
		place(heap, heap->items[child], at);
		at = child;
	}
	place(heap, timer, at);
}

static bool grow(struct timer_heap *heap)
{
	size_t capacity = heap->capacity == 0 ? HEAP_FIRST_CAPACITY : heap->capacity;
	struct timer **items;

	if (heap->capacity > 0 && __builtin_mul_overflow(capacity, (size_t)2, &capacity))
		return false;
	items = reallocarray(heap->items, capacity, sizeof *items);
	if (items == NULL)
		return false;
	heap->items = items;
	heap->capacity = capacity;
	return true;
}

bool timer_heap_arm(struct timer_heap *heap, struct timer *timer, int64_t due_ns)
{
	timer_heap_disarm(heap, timer);
	if (heap->count == heap->capacity && !grow(heap))
		return false;
	timer->due_ns = due_ns;
	timer->sequence = ++heap->sequence;
	sift_up(heap, timer, heap->count++);
	return true;
}

void timer_heap_disarm(struct timer_heap *heap, struct timer *timer)
{
	size_t at = timer->index - 1;
	struct timer *last;

	if (timer->index == 0)
		return;
	timer->index = 0;
	last = heap->items[--heap->count];
	if (last == timer)
		return;
	if (at > 0 && before(last, heap->items[(at - 1) / 2]))
		sift_up(heap, last, at);
	else
		sift_down(heap, last, at);
}

struct timer *timer_heap_take_due(struct timer_heap *heap, int64_t now_ns)
{
	struct timer *first;

	if (heap->count == 0 || heap->items[0]->due_ns > now_ns)
		return NULL;
	first = heap->items[0];
	timer_heap_disarm(heap, first);
	return first;
}

int64_t timer_heap_next(const struct timer_heap *heap)
{
	return heap->count == 0 ? INT64_MAX : heap->items[0]->due_ns;
}

void timer_heap_fini(struct timer_heap *heap)
{
	for (size_t i = 0; i < heap->count; i++)
		heap->items[i]->index = 0;
	free(heap->items);
	*heap = (struct timer_heap){ 0 };
}
