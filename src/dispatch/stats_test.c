/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Times in a histogram, and what a capsule is told to have done. */
#include "dispatch/dispatch_fixture.h"

#include "base/json.h"

static void without_any_there_is_no_time(void **state)
{
	const struct member_stats stats = { 0 };

	(void)state;
	assert_int_equal(stats_quantile(&stats, 0), 0);
	assert_int_equal(stats_quantile(&stats, 0.5), 0);
	assert_int_equal(stats_quantile(&stats, 1), 0);
}

static void a_quantile_is_too_large_by_a_half_at_most(void **state)
{
	(void)state;
	for (int64_t ns = 256; ns < INT64_C(1) << 39; ns += ns / 7 + 1) {
		struct member_stats stats = { 0 };
		int64_t told;

		stats_note(&stats, ns);
		told = stats_quantile(&stats, 0.99);
		assert_true(told > ns && told <= ns + ns / 2);
		assert_int_equal(stats_quantile(&stats, 0), told);
	}
}

static void borders_of_the_histogram(void **state)
{
	static const struct {
		int64_t ns, told;
	} rows[] = { { INT64_MIN, 256 }, { -1, 256 }, { 0, 256 }, { 255, 256 }, { 256, 384 }, { 383, 384 },
		{ 384, 512 }, { 511, 512 }, { 512, 768 }, { INT64_C(1) << 39, INT64_C(3) << 38 },
		{ INT64_MAX, INT64_C(3) << 38 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct member_stats stats = { 0 };

		stats_note(&stats, rows[i].ns);
		assert_int_equal(stats_quantile(&stats, 0.5), rows[i].told);
	}
}

static void quantiles_of_many(void **state)
{
	struct member_stats stats = { 0 };

	(void)state;
	for (int i = 0; i < 98; i++)
		stats_note(&stats, 300);
	stats_note(&stats, 5000);
	stats_note(&stats, 50000);
	assert_int_equal(stats_quantile(&stats, 0.5), 384);
	assert_int_equal(stats_quantile(&stats, 0.98), 384);
	assert_int_equal(stats_quantile(&stats, 0.99), 6144);
	assert_int_equal(stats_quantile(&stats, 1), 65536);
}

static uint64_t number(yyjson_doc *doc, const char *pointer)
{
	return yyjson_get_uint(yyjson_doc_ptr_get(doc, pointer));
}

static void what_a_capsule_did(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("2") GUARD("g", "guard") ON("t", "act"));
	const struct json_limits limits = { .bytes_max = 4096 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	HOLD(buffer_fini) struct buffer out = { 0 };

	assert_int_equal(publish_from(a, "g", "1", NULL), CAPSULE_OK);
	events_turn(events);
	clock_manual_advance(&events->clock, NS_PER_MS);
	guest_call(a, 0)->cpu_ns = 40;
	guest_answer(a, 0, DENY);
	for (int i = 0; i < 4; i++) {
		publish(events, "t", "1");
		events_turn(events);
	}
	for (int i = 0; i < 3; i++)
		publish(events, "t", "1");
	guest_call(a, 0)->cpu_ns = 2;
	guest_fail(a, 0, CAPSULE_EGUEST, "no");
	events_turn(events);
	assert_true(member_append_stats(a->member, &out));
	assert_int_equal(json_parse(&doc, buffer_span(&out), &limits, "stats", NULL), CAPSULE_OK);
	assert_string_equal(yyjson_get_str(yyjson_doc_ptr_get(doc, "/capsule")), "a");
	assert_int_equal(number(doc, "/published"), 1);
	assert_int_equal(number(doc, "/refused"), 0);
	assert_int_equal(number(doc, "/matched"), 8);
	assert_int_equal(number(doc, "/delivered"), 1);
	assert_int_equal(number(doc, "/failed"), 1);
	assert_int_equal(number(doc, "/vetoes"), 1);
	assert_int_equal(number(doc, "/rewrites"), 0);
	assert_int_equal(number(doc, "/dropped/overflow"), 1);
	assert_int_equal(number(doc, "/pending"), 5);
	assert_int_equal(number(doc, "/queue/messages"), 1);
	assert_int_equal(number(doc, "/queue/bytes"), 539);
	assert_int_equal(number(doc, "/queue/most_messages"), 2);
	assert_int_equal(number(doc, "/queue/max_messages"), 2);
	assert_int_equal(number(doc, "/queue/max_bytes"), LIMIT_INBOX_BYTES);
	assert_int_equal(number(doc, "/cpu_ns"), 42);
	assert_int_equal(number(doc, "/p50_ns"), 256);
	assert_int_equal(number(doc, "/p99_ns"), 1 << 20);
	a->answers = "";
	while (a->call_count > 0)
		guest_answer(a, 0, "");
	events_turn(events);
	assert_closed(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_any_there_is_no_time),
		cmocka_unit_test(a_quantile_is_too_large_by_a_half_at_most),
		cmocka_unit_test(borders_of_the_histogram),
		cmocka_unit_test(quantiles_of_many),
		cmocka_unit_test_setup_teardown(what_a_capsule_did, events_setup, events_teardown),
	};

	return cmocka_run_group_tests_name("dispatch_stats", tests, NULL, NULL);
}
