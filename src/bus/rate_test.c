/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much may be published, with the time moved by hand. */
#include "bus/rate.h"

#include "base/clock.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct rate_limits usual;

static void refused(struct rate *rate, size_t bytes, int64_t now_ns, const char *token)
{
	struct capsule_error err;
	struct rate before = *rate;

	assert_int_equal(rate_take(rate, bytes, now_ns, &err), CAPSULE_ELIMIT);
	if (strstr(err.text, token) == NULL)
		fail_msg("%s", err.text);
	/* What has flowed in is there, and nothing is gone. */
	assert_true(rate->bytes >= before.bytes && rate->messages >= before.messages);
}

static void taken(struct rate *rate, size_t bytes, int64_t now_ns)
{
	struct capsule_error err;

	if (rate_take(rate, bytes, now_ns, &err) != CAPSULE_OK)
		fail_msg("%zu bytes: %s", bytes, err.text);
}

/* rt:243 */
static void one_payload_has_at_most_5_mib(void **state)
{
	struct rate rate;

	(void)state;
	rate_init(&rate, &usual, 0);
	refused(&rate, 5242881, 0, "Payload too large");
	refused(&rate, SIZE_MAX, 0, "Payload too large");
	taken(&rate, 5242880, 0);
}

/* rt:244 */
static void a_second_holds_10_mib(void **state)
{
	struct rate rate;

	(void)state;
	rate_init(&rate, &usual, 77 * NS_PER_S);
	taken(&rate, LIMIT_PUBLISH, 77 * NS_PER_S);
	taken(&rate, LIMIT_PUBLISH, 77 * NS_PER_S);
	refused(&rate, 1, 77 * NS_PER_S, "Rate limit exceeded");
	taken(&rate, LIMIT_PUBLISH, 78 * NS_PER_S);
	taken(&rate, LIMIT_PUBLISH, 78 * NS_PER_S);
	refused(&rate, 1, 78 * NS_PER_S, "Rate limit exceeded");
}

/* rt:245 */
static void each_has_a_budget_of_its_own(void **state)
{
	struct rate one, other;

	(void)state;
	rate_init(&one, &usual, 0);
	rate_init(&other, &usual, 0);
	taken(&one, LIMIT_PUBLISH, 0);
	taken(&one, LIMIT_PUBLISH, 0);
	refused(&one, 1, 0, "Rate limit exceeded");
	taken(&other, LIMIT_PUBLISH, 0);
	taken(&other, LIMIT_PUBLISH, 0);
}

/* rt:246 */
static void a_refusal_costs_nothing(void **state)
{
	const struct rate_limits limits = { .bytes_per_s = 100, .messages_per_s = 3 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limits, 0);
	taken(&rate, 60, 0);
	for (int i = 0; i < 100; i++) {
		refused(&rate, 41, 0, "Rate limit exceeded");
		refused(&rate, 101, 0, "Rate limit exceeded");
		refused(&rate, LIMIT_PUBLISH + 1, 0, "Payload too large");
	}
	taken(&rate, 40, 0);
	taken(&rate, 0, 0);
	refused(&rate, 0, 0, "3 messages a second");
}

/* A window that starts anew lets twice as much through at its border (rt-W-41); a bucket holds what it has. */
static void there_is_no_border_at_which_twice_as_much_passes(void **state)
{
	struct rate rate;
	size_t passed = 0;

	(void)state;
	rate_init(&rate, &usual, 0);
	taken(&rate, LIMIT_PUBLISH, 999 * NS_PER_MS);
	taken(&rate, LIMIT_PUBLISH, 999 * NS_PER_MS);
	/* Two milliseconds later there are two thousandths of a second's bytes. */
	while (rate_take(&rate, 1000, 1001 * NS_PER_MS, NULL) == CAPSULE_OK)
		passed += 1000;
	assert_int_equal(passed, 20000); /* of 20,971 */
}

static void messages_have_a_limit_too(void **state)
{
	const struct rate_limits limits = { .messages_per_s = 10 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limits, 0);
	for (int i = 0; i < 10; i++)
		taken(&rate, 1, 0);
	refused(&rate, 1, 0, "10 messages a second; the next one fits in 100 ms");
	refused(&rate, 1, 100 * NS_PER_MS - 1, "Rate limit exceeded");
	taken(&rate, 1, 100 * NS_PER_MS);
	refused(&rate, 1, 100 * NS_PER_MS, "Rate limit exceeded");
}

/* However often one looks, what flows in is the same. */
static void no_part_is_lost(void **state)
{
	const struct rate_limits limits = { .bytes_per_s = 7, .messages_per_s = 1000000 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limits, 0);
	taken(&rate, 7, 0);
	for (int64_t now = 1; now < 1000; now++)
		refused(&rate, 7, now * NS_PER_MS, "7 bytes a second");
	taken(&rate, 7, NS_PER_S);
}

static void the_time_that_is_told_is_enough(void **state)
{
	const struct rate_limits limits = { .bytes_per_s = 3000, .messages_per_s = 100 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limits, 0);
	taken(&rate, 3000, 0);
	refused(&rate, 100, 0, "this message fits in 34 ms");
	refused(&rate, 100, 33 * NS_PER_MS, "this message fits in 1 ms");
	taken(&rate, 100, 34 * NS_PER_MS);
}

static void a_bucket_never_holds_more_than_a_second(void **state)
{
	const struct rate_limits limits = { .bytes_per_s = 10, .messages_per_s = 10 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limits, 0);
	taken(&rate, 1, 500 * NS_PER_MS);
	taken(&rate, 10, INT64_MAX);
	refused(&rate, 1, INT64_MAX, "Rate limit exceeded");
	/* A clock that goes back gives nothing, and takes nothing. */
	rate_init(&rate, &limits, NS_PER_S);
	taken(&rate, 10, NS_PER_S);
	refused(&rate, 1, 0, "Rate limit exceeded");
	taken(&rate, 10, 2 * NS_PER_S);
}

static void limits_without_end_do_not_overflow(void **state)
{
	const struct rate_limits limits = { .bytes_per_s = UINT64_MAX, .messages_per_s = UINT64_MAX };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limits, 0);
	for (int64_t now = 0; now < 1000; now++)
		taken(&rate, LIMIT_PUBLISH, now * 999 * NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_payload_has_at_most_5_mib),
		cmocka_unit_test(a_second_holds_10_mib),
		cmocka_unit_test(each_has_a_budget_of_its_own),
		cmocka_unit_test(a_refusal_costs_nothing),
		cmocka_unit_test(there_is_no_border_at_which_twice_as_much_passes),
		cmocka_unit_test(messages_have_a_limit_too),
		cmocka_unit_test(no_part_is_lost),
		cmocka_unit_test(the_time_that_is_told_is_enough),
		cmocka_unit_test(a_bucket_never_holds_more_than_a_second),
		cmocka_unit_test(limits_without_end_do_not_overflow),
	};

	return cmocka_run_group_tests_name("bus_rate", tests, NULL, NULL);
}
