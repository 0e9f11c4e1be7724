/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The heap alone: order, moving, taking out, and a long random comparison with a plain array. */
#include "loop/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void earliest_comes_first_and_equal_times_keep_their_order(void **state)
{
	struct timer_heap heap = { 0 };
	struct timer late = { 0 }, first = { 0 }, second = { 0 }, early = { 0 };

	(void)state;
	assert_true(timer_heap_arm(&heap, &late, 30));
	assert_true(timer_heap_arm(&heap, &first, 20));
	assert_true(timer_heap_arm(&heap, &second, 20));
	assert_true(timer_heap_arm(&heap, &early, 10));
	assert_int_equal(timer_heap_next(&heap), 10);
	assert_ptr_equal(timer_heap_take_due(&heap, 100), &early);
	assert_ptr_equal(timer_heap_take_due(&heap, 100), &first);
	assert_ptr_equal(timer_heap_take_due(&heap, 100), &second);
	assert_ptr_equal(timer_heap_take_due(&heap, 100), &late);
	assert_null(timer_heap_take_due(&heap, 100));
	timer_heap_fini(&heap);
}

static void nothing_is_taken_before_it_is_due(void **state)
{
	struct timer_heap heap = { 0 };
	struct timer timer = { 0 };

	(void)state;
	assert_int_equal(timer_heap_next(&heap), INT64_MAX);
	assert_null(timer_heap_take_due(&heap, INT64_MAX));
	assert_true(timer_heap_arm(&heap, &timer, 10));
	assert_null(timer_heap_take_due(&heap, 9));
	assert_ptr_equal(timer_heap_take_due(&heap, 10), &timer);
	timer_heap_fini(&heap);
}

static void arming_an_armed_timer_moves_it(void **state)
{
	struct timer_heap heap = { 0 };
	struct timer moved = { 0 }, other = { 0 };

	(void)state;
	assert_true(timer_heap_arm(&heap, &moved, 10));
	assert_true(timer_heap_arm(&heap, &other, 20));
	assert_true(timer_heap_arm(&heap, &moved, 30));
	assert_int_equal(heap.count, 2);
	assert_ptr_equal(timer_heap_take_due(&heap, 100), &other);
	assert_ptr_equal(timer_heap_take_due(&heap, 100), &moved);
	timer_heap_fini(&heap);
}

static void disarming_twice_is_harmless(void **state)
{
	struct timer_heap heap = { 0 };
	struct timer timer = { 0 }, never = { 0 };

	(void)state;
	assert_true(timer_heap_arm(&heap, &timer, 10));
	timer_heap_disarm(&heap, &timer);
	timer_heap_disarm(&heap, &timer);
	timer_heap_disarm(&heap, &never);
	assert_int_equal(timer_heap_next(&heap), INT64_MAX);
	timer_heap_fini(&heap);
}

static void fini_disarms_what_is_left(void **state)
{
	struct timer_heap heap = { 0 };
	struct timer timer = { 0 };

	(void)state;
	assert_true(timer_heap_arm(&heap, &timer, 10));
	timer_heap_fini(&heap);
	assert_int_equal(timer.index, 0);
	timer_heap_disarm(&heap, &timer);
}

static void a_heap_that_cannot_grow_refuses_and_keeps_what_it_has(void **state)
{
	struct timer *items[1] = { NULL };
	struct timer_heap heap = { .items = items, .count = SIZE_MAX / 2 + 1, .capacity = SIZE_MAX / 2 + 1 };
	struct timer timer = { 0 };

	(void)state;
	assert_false(timer_heap_arm(&heap, &timer, 10));
	assert_int_equal(timer.index, 0);
	assert_ptr_equal(heap.items, items);
	assert_int_equal(heap.count, SIZE_MAX / 2 + 1);
}

#define MANY 500

/* The armed timer that should come next. */
static struct timer *expected(struct timer *timers)
{
	struct timer *best = NULL;

	for (size_t i = 0; i < MANY; i++) {
		struct timer *timer = &timers[i];

		if (timer->index != 0 &&
			(best == NULL || timer->due_ns < best->due_ns ||
				(timer->due_ns == best->due_ns && timer->sequence < best->sequence)))
			best = timer;
	}
	return best;
}

static void take_and_compare(struct timer_heap *heap, struct timer *timers)
{
	struct timer *next = expected(timers);

	assert_ptr_equal(timer_heap_take_due(heap, INT64_MAX), next);
}

static void random_changes_keep_the_order(void **state)
{
	static struct timer timers[MANY];
	struct timer_heap heap = { 0 };
	uint32_t random = 12345;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		struct timer *timer;

		random = random * 1664525u + 1013904223u;
		timer = &timers[(random >> 8) % MANY];
		if (random >> 30 == 0)
			timer_heap_disarm(&heap, timer);
		else if (random >> 30 == 1)
			take_and_compare(&heap, timers);
		else
			assert_true(timer_heap_arm(&heap, timer, (random >> 16) % 64));
	}
	while (heap.count > 0)
		take_and_compare(&heap, timers);
	assert_null(expected(timers));
	timer_heap_fini(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(earliest_comes_first_and_equal_times_keep_their_order),
		cmocka_unit_test(nothing_is_taken_before_it_is_due),
		cmocka_unit_test(arming_an_armed_timer_moves_it),
		cmocka_unit_test(disarming_twice_is_harmless),
		cmocka_unit_test(fini_disarms_what_is_left),
		cmocka_unit_test(a_heap_that_cannot_grow_refuses_and_keeps_what_it_has),
		cmocka_unit_test(random_changes_keep_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
