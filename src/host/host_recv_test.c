/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Waiting for messages: what ends a wait, and that nothing is left of it afterwards. */
#include "host/host_event_fixture.h"

#include "base/limits.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EMPTY_ANSWER "{\"dropped\":0,\"lagged\":0,\"messages\":[]}"

struct test {
	struct event_fixture *events;
	struct fixture *host;
	char handle[24]; /* of a subscription to "foo.*" */
};

static int set_up(void **state)
{
	struct test *test = calloc(1, sizeof *test);

	assert_non_null(test);
	test->host = fixture_new(false);
	test->events = event_fixture_new(test->host);
	fixture_grant(test->host, "ipc_publish = [\"a.b\"]\nipc_subscribe = [\"foo.*\"]");
	memcpy(test->handle, event_fixture_subscribe(test->events, "foo.*"), sizeof test->handle);
	*state = test;
	return 0;
}

static int tear_down(void **state)
{
	struct test *test = *state;

	event_fixture_free(test->events);
	fixture_free(test->host);
	free(test);
	return 0;
}

static enum host_answer begin(struct test *test, const char *timeout)
{
	const struct span args[] = { span_text(test->handle), span_text(timeout) };

	return fixture_begin(test->host, "astrid_ipc_recv", 2, args);
}

static void assert_waits(struct test *test, const char *timeout)
{
	assert_int_equal(begin(test, timeout), HOST_WAITING);
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 0);
}

/* What waited goes on without any time passing. */
static void assert_goes_on(struct test *test)
{
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 1);
	if (host_call_finish(&test->host->call, &test->host->err) != CAPSULE_OK)
		fail_msg("%s", test->host->err.text);
}

static void publish(struct test *test, const char *payload)
{
	event_fixture_publish(test->events, "foo.a", span_text(payload), 0);
}

static size_t count(struct test *test)
{
	uint64_t lagged;

	return event_fixture_count(test->events, &lagged);
}

static void assert_at(struct test *test, const char *pointer, const char *json)
{
	char *text = event_fixture_at(test->events, pointer);

	assert_string_equal(text, json);
	free(text);
}

static void what_is_there_is_given_at_once(void **state) /* abi:128 */
{
	struct test *test = *state;

	publish(test, "1");
	assert_int_equal(begin(test, "0"), HOST_READY);
	assert_int_equal(count(test), 1);
	assert_int_equal(begin(test, "0"), HOST_READY);
	assert_result(test->host, EMPTY_ANSWER);
	publish(test, "2");
	publish(test, "3");
	assert_int_equal(begin(test, "1000"), HOST_READY);
	assert_int_equal(count(test), 2);
}

static void a_publication_ends_a_wait(void **state) /* abi:129 rt:238 */
{
	struct test *test = *state;

	assert_waits(test, "60000");
	publish(test, "1");
	publish(test, "2");
	assert_goes_on(test);
	assert_int_equal(count(test), 2);
	assert_at(test, "/messages/0/payload/data", "1");
	assert_at(test, "/messages/1/payload/data", "2");
	assert_waits(test, "60000");
}

static void other_topics_do_not(void **state)
{
	struct test *test = *state;

	assert_waits(test, "60000");
	event_fixture_publish(test->events, "bar.a", span_text("1"), 0);
	event_fixture_publish(test->events, "foo", span_text("1"), 0);
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 0);
	publish(test, "2");
	assert_goes_on(test);
	assert_int_equal(count(test), 1);
}

static void assert_lasts(struct test *test, const char *timeout, int64_t ms)
{
	assert_waits(test, timeout);
	clock_manual_advance(&test->host->clock, ms * NS_PER_MS - 1);
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 0);
	clock_manual_advance(&test->host->clock, 1);
	(void)loop_turn(test->host->loop, 0);
	assert_goes_on(test);
	assert_result(test->host, EMPTY_ANSWER);
}

static void a_wait_ends_with_nothing_after_its_time(void **state) /* abi:128 */
{
	struct test *test = *state;

	assert_lasts(test, "1", 1);
	assert_lasts(test, "+250", 250);
	assert_lasts(test, "60000", 60000);
	assert_lasts(test, "70000", 60000);
	assert_lasts(test, "18446744073709551615", 60000);
	publish(test, "1"); /* the subscription is as it was */
	assert_int_equal(begin(test, "1"), HOST_READY);
	assert_int_equal(count(test), 1);
}

static void what_comes_with_the_end_of_the_time_is_not_lost(void **state)
{
	struct test *test = *state;

	assert_waits(test, "5");
	clock_manual_advance(&test->host->clock, 5 * NS_PER_MS);
	(void)loop_turn(test->host->loop, 0);
	publish(test, "1");
	assert_goes_on(test);
	assert_int_equal(count(test), 1);
}

static void arguments_are_checked(void **state) /* abi:128 */
{
	static const char *const times[] = { "x", "", " 1", "1 ", "-1", "1.5", "18446744073709551616" };
	static const char *const handles[] = { "", "abc", " 1", "-1", "18446744073709551616" };
	struct test *test = *state;
	char handle[33];

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		assert_int_equal(CALL(test->host, "astrid_ipc_recv", span_text(test->handle), span_text(times[i])),
			CAPSULE_EINVAL);
		assert_error_says(test->host, "ipc_recv failed: Invalid timeout format");
	}
	for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
		assert_int_equal(
			CALL(test->host, "astrid_ipc_recv", span_text(handles[i]), span_text("0")), CAPSULE_EINVAL);
		assert_error_says(test->host, "Invalid subscription handle");
	}
	assert_int_equal(CALL(test->host, "astrid_ipc_recv", span_text("0"), span_text("9")), CAPSULE_ENOTFOUND);
	assert_error_says(test->host, "Subscription handle not found: 0");
	memset(handle, '1', sizeof handle);
	assert_int_equal(CALL(test->host, "astrid_ipc_recv", span_of(handle, 33), span_text("0")), CAPSULE_ELIMIT);
	assert_error_says(test->host, "exceeds maximum allowed limit of 32 bytes");
	assert_int_equal(CALL(test->host, "astrid_ipc_recv", span_text("\xFF"), span_text("0")), CAPSULE_EINVAL);
	assert_error_says(test->host, "handle is not valid UTF-8");
}

/* How run loops end: an answer without messages, then there is nothing of that handle. */
static void the_end_of_a_subscription_ends_a_wait(void **state) /* rt:240 */
{
	struct test *test = *state;

	assert_waits(test, "60000");
	subscriptions_close(&test->events->subscriptions);
	assert_goes_on(test);
	assert_result(test->host, EMPTY_ANSWER);
	assert_int_equal(begin(test, "60000"), HOST_FAILED);
	assert_int_equal(test->host->err.status, CAPSULE_ENOTFOUND);
	assert_error_says(test->host, "ipc_recv failed: Subscription handle not found");
}

static void one_that_ends_after_a_message_came_ends_it_the_same_way(void **state)
{
	struct test *test = *state;

	assert_waits(test, "60000");
	publish(test, "1");
	assert_int_equal(subscriptions_remove(&test->events->subscriptions, 1, &test->host->err), CAPSULE_OK);
	assert_goes_on(test);
	assert_result(test->host, EMPTY_ANSWER);
}

static void a_call_that_is_cancelled_leaves_nothing(void **state)
{
	struct test *test = *state;

	assert_waits(test, "100");
	host_call_cancel(&test->host->call);
	publish(test, "1");
	clock_manual_advance(&test->host->clock, 200 * NS_PER_MS);
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 0);
	assert_int_equal(begin(test, "100"), HOST_READY); /* what came is still there */
	assert_int_equal(count(test), 1);

	assert_waits(test, "100"); /* woken, but not gone on yet */
	publish(test, "2");
	host_call_cancel(&test->host->call);
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 0);
	assert_int_equal(begin(test, "100"), HOST_READY);
	assert_int_equal(count(test), 1);
}

/* As when an instance is thrown away. */
static void a_call_that_is_freed_leaves_nothing(void **state)
{
	struct test *test = *state;
	struct host_call *call = &test->host->call, before = *call;

	assert_waits(test, "100");
	host_call_fini(call);
	memset(call, 0xEE, sizeof *call);
	publish(test, "1");
	clock_manual_advance(&test->host->clock, 200 * NS_PER_MS);
	(void)loop_turn(test->host->loop, 0);
	assert_int_equal(test->host->resumed, 0);
	for (size_t i = 0; i < sizeof *call; i++)
		assert_int_equal(((const uint8_t *)call)[i], 0xEE); /* nobody wrote there */
	host_call_init(call, &test->host->host, before.resume, before.user);
	assert_int_equal(begin(test, "100"), HOST_READY);
	assert_int_equal(count(test), 1);
}

static void the_first_message_is_beside_the_budget(void **state)
{
	struct test *test = *state;
	char *text = event_fixture_text(5 * MIB - 64);

	assert_waits(test, "100");
	for (int i = 0; i < 3; i++)
		event_fixture_publish(test->events, "foo.a", span_of(text, 5 * MIB - 64), 0);
	free(text);
	assert_goes_on(test);
	assert_int_equal(count(test), 3);
	assert_true(test->host->call.result.len > 10 * MIB);
}

static void who_rests_keeps_no_memory_of_large_answers(void **state)
{
	struct test *test = *state;
	char *text = event_fixture_text(1 * MIB);

	event_fixture_publish(test->events, "foo.a", span_of(text, 1 * MIB), 0);
	free(text);
	assert_int_equal(begin(test, "100"), HOST_READY);
	assert_true(test->host->call.out.capacity > 1 * MIB);
	assert_waits(test, "100");
	assert_true(test->host->call.out.capacity <= 4096);
}

/* One event leads to the next only while something comes. */
static void a_wait_for_nothing_ends_a_row_of_events(void **state)
{
	struct test *test = *state;

	event_fixture_publish(test->events, "foo.a", span_text("1"), 7);
	assert_int_equal(begin(test, "1"), HOST_READY);
	assert_int_equal(test->host->host.received_hops, 7);
	assert_int_equal(begin(test, "0"), HOST_READY); /* nobody waited */
	assert_int_equal(test->host->host.received_hops, 7);
	assert_lasts(test, "10", 10);
	assert_int_equal(test->host->host.received_hops, 0);
	assert_waits(test, "10");
	event_fixture_publish(test->events, "foo.a", span_text("1"), 3);
	assert_goes_on(test);
	assert_int_equal(CALL(test->host, "astrid_ipc_publish", span_text("a.b"), span_text("1")), CAPSULE_OK);
	assert_int_equal(test->events->origin.hops, 3);
}

static void a_message_that_is_held_is_waited_for(void **state)
{
	struct test *test = *state;
	struct list_node held;
	struct bus_matches matches;
	struct payload payload = { 0 };
	struct event_source source = { .source = "wasm_guest" };
	struct event *event;

	list_init(&held);
	assert_int_equal(payload_read(&payload, span_text("1"), &test->host->err), CAPSULE_OK);
	assert_int_equal(event_new_ipc(&event, &source, span_text("foo.a"), &payload, &test->host->err), CAPSULE_OK);
	bus_match(test->events->bus, span_text("foo.a"), EVENT_IPC, &matches);
	bus_publish(test->events->bus, event, &matches, false, &held);
	publish(test, "2");
	assert_waits(test, "100");
	bus_entry_release(LIST_ENTRY(held.next, struct bus_entry, held_link), event);
	assert_goes_on(test);
	assert_int_equal(count(test), 2);
	event_release(event);
	payload_fini(&payload);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(what_is_there_is_given_at_once),
		CASE(a_publication_ends_a_wait),
		CASE(other_topics_do_not),
		CASE(a_wait_ends_with_nothing_after_its_time),
		CASE(what_comes_with_the_end_of_the_time_is_not_lost),
		CASE(arguments_are_checked),
		CASE(the_end_of_a_subscription_ends_a_wait),
		CASE(one_that_ends_after_a_message_came_ends_it_the_same_way),
		CASE(a_call_that_is_cancelled_leaves_nothing),
		CASE(a_call_that_is_freed_leaves_nothing),
		CASE(the_first_message_is_beside_the_budget),
		CASE(who_rests_keeps_no_memory_of_large_answers),
		CASE(a_wait_for_nothing_ends_a_row_of_events),
		CASE(a_message_that_is_held_is_waited_for),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
