/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* When to try again, told by numbers alone. rt:291 */
#include "loop/restart.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MINUTE_NS (60 * NS_PER_S)

static uint64_t delay_after_end(struct restart *restart, int64_t now_ns, uint64_t chance)
{
	uint64_t delay_ms = 0;

	assert_true(restart_ended(restart, now_ns, chance, &delay_ms));
	return delay_ms;
}

static void assert_given_up(struct restart *restart, int64_t now_ns)
{
	uint64_t delay_ms = 7;

	assert_false(restart_ended(restart, now_ns, 0, &delay_ms));
	assert_int_equal(delay_ms, 7);
}

static void delays_double_until_it_is_given_up_after_five_in_a_row(void **state)
{
	struct restart restart = { 0 };

	(void)state;
	for (uint64_t expected = 2000; expected <= 32000; expected *= 2)
		assert_int_equal(delay_after_end(&restart, 0, 0), expected);
	assert_given_up(&restart, 0);
	assert_given_up(&restart, 100 * MINUTE_NS); /* time alone forgives nothing */
}

static void delays_are_capped_at_two_minutes(void **state)
{
	struct restart restart = { .policy = { .attempts = 100 } };

	(void)state;
	for (int i = 0; i < 6; i++)
		(void)delay_after_end(&restart, 0, 0);
	for (int i = 6; i < 100; i++)
		assert_int_equal(delay_after_end(&restart, 0, 0), 120000);
	assert_given_up(&restart, 0);
}

static void a_policy_of_its_own_is_kept(void **state)
{
	struct restart restart = { .policy = { .first_ms = 10, .most_ms = 25, .attempts = 4, .healthy_ms = 5 } };

	(void)state;
	assert_int_equal(delay_after_end(&restart, 1, 0), 10);
	assert_int_equal(delay_after_end(&restart, 1, 0), 20);
	assert_int_equal(delay_after_end(&restart, 1, 0), 25);
	restart_healthy(&restart, 1);
	assert_int_equal(delay_after_end(&restart, 1 + 5 * NS_PER_MS, 0), 10);
}

static void a_policy_may_begin_above_its_ceiling_and_anywhere_below_the_largest_number(void **state)
{
	struct restart low = { .policy = { .first_ms = 50, .most_ms = 20 } };
	struct restart high = { .policy = { .first_ms = UINT64_MAX / 4, .most_ms = UINT64_MAX / 2 } };

	(void)state;
	assert_int_equal(delay_after_end(&low, 0, 0), 20);
	for (int i = 0; i < 4; i++)
		(void)delay_after_end(&high, 0, 0);
	assert_int_equal(delay_after_end(&high, 0, 0), UINT64_MAX / 2);
}

static void chance_adds_a_tenth_at_most(void **state)
{
	(void)state;
	for (uint64_t chance = 0; chance < 5000; chance += 7) {
		struct restart restart = { 0 };
		uint64_t delay_ms = delay_after_end(&restart, 0, chance);

		assert_true(delay_ms >= 2000 && delay_ms <= 2200);
	}
	assert_int_equal(delay_after_end(&(struct restart){ 0 }, 0, 200), 2200);
	assert_int_equal(delay_after_end(&(struct restart){ 0 }, 0, 201), 2000);
	assert_in_range(delay_after_end(&(struct restart){ 0 }, 0, UINT64_MAX), 2000, 2200);
}

static void a_minute_of_health_makes_it_begin_anew_and_less_does_not(void **state)
{
	struct restart restart = { 0 };
	int64_t now_ns = 0; /* also a time */

	(void)state;
	assert_int_equal(delay_after_end(&restart, now_ns, 0), 2000);
	restart_healthy(&restart, now_ns);
	now_ns += MINUTE_NS - NS_PER_MS;
	assert_int_equal(delay_after_end(&restart, now_ns, 0), 4000);
	restart_healthy(&restart, now_ns);
	now_ns += MINUTE_NS;
	assert_int_equal(delay_after_end(&restart, now_ns, 0), 2000);
	now_ns += MINUTE_NS; /* it was not healthy in this one */
	assert_int_equal(delay_after_end(&restart, now_ns, 0), 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_until_it_is_given_up_after_five_in_a_row),
		cmocka_unit_test(delays_are_capped_at_two_minutes),
		cmocka_unit_test(a_policy_of_its_own_is_kept),
		cmocka_unit_test(a_policy_may_begin_above_its_ceiling_and_anywhere_below_the_largest_number),
		cmocka_unit_test(chance_adds_a_tenth_at_most),
		cmocka_unit_test(a_minute_of_health_makes_it_begin_anew_and_less_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
