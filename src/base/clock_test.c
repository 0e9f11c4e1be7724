/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The clocks, and the origin that carries their deadlines. */
#include "base/clock.h"

#include "base/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void system_clock_never_goes_back(void **state)
{
	int64_t last = clock_monotonic_ns(&clock_system);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_monotonic_ns(&clock_system);

		assert_true(now >= last);
		last = now;
	}
}

static void system_realtime_counts_from_1970(void **state)
{
	(void)state;
	assert_true(clock_realtime_ns(&clock_system) > INT64_C(1600000000) * NS_PER_S);
}

static void manual_clock_moves_only_by_hand(void **state)
{
	struct clock_manual manual;

	(void)state;
	clock_manual_init(&manual, 5 * NS_PER_S);
	assert_int_equal(clock_monotonic_ns(&manual.clock), 0);
	assert_int_equal(clock_realtime_ns(&manual.clock), 5 * NS_PER_S);
	clock_manual_advance(&manual, 3 * NS_PER_MS);
	assert_int_equal(clock_monotonic_ns(&manual.clock), 3 * NS_PER_MS);
	assert_int_equal(clock_realtime_ns(&manual.clock), 5 * NS_PER_S + 3 * NS_PER_MS);
}

static void origin_starts_as_the_embedders_for_the_default_principal(void **state)
{
	struct origin origin = { .owner = 7, .chain_len = 3 };
	const struct uuid nil = { { 0 } };

	(void)state;
	origin_init(&origin);
	assert_string_equal(origin.principal, "default");
	assert_int_equal(origin.owner, 0);
	assert_int_equal(origin.chain_len, 0);
	assert_int_equal(origin.deadline_ns, 0);
	assert_memory_equal(&origin.source, &nil, sizeof nil);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_clock_never_goes_back),
		cmocka_unit_test(system_realtime_counts_from_1970),
		cmocka_unit_test(manual_clock_moves_only_by_hand),
		cmocka_unit_test(origin_starts_as_the_embedders_for_the_default_principal),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
