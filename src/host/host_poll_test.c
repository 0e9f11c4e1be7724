/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Subscriptions by their handles, and reading without waiting, on a real bus. */
#include "host/host_event_fixture.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EMPTY_ANSWER "{\"dropped\":0,\"lagged\":0,\"messages\":[]}"

static int set_up(void **state)
{
	struct event_fixture *events = event_fixture_new(fixture_new(false));

	fixture_grant(events->host, "ipc_subscribe = [\"a.*\", \"foo.*\"]");
	*state = events;
	return 0;
}

static int tear_down(void **state)
{
	struct event_fixture *events = *state;
	struct fixture *host = events->host;

	event_fixture_free(events);
	fixture_free(host);
	return 0;
}

static enum capsule_status subscribe(struct event_fixture *events, const char *pattern)
{
	return CALL(events->host, "astrid_ipc_subscribe", span_text(pattern));
}

static enum capsule_status poll(struct event_fixture *events, const char *handle)
{
	return CALL(events->host, "astrid_ipc_poll", span_text(handle));
}

static void assert_ok(const struct event_fixture *events, enum capsule_status status)
{
	if (status != CAPSULE_OK)
		fail_msg("%s", events->host->err.text);
}

#define ASSERT_FAILS(events, call, status, text)                                                                       \
	do {                                                                                                           \
		assert_int_equal((call), (status));                                                                    \
		assert_error_says((events)->host, (text));                                                             \
	} while (0)

static void assert_at(const struct event_fixture *events, const char *pointer, const char *json)
{
	char *text = event_fixture_at(events, pointer);

	assert_string_equal(text, json);
	free(text);
}

static void interceptors_are_not_unsubscribed(void **state) /* rt:177 */
{
	struct event_fixture *events = *state;

	assert_ok(events, CALL0(events->host, "astrid_get_interceptor_handles"));
	assert_result(events->host, "[]");
	assert_int_equal(subscriptions_add_interceptor(
				 &events->subscriptions, "foo.*", "act\"", ON_FULL_DROP_OLDEST, &events->host->err),
		CAPSULE_OK);
	assert_ok(events, subscribe(events, "a.b"));
	assert_ok(events, CALL0(events->host, "astrid_get_interceptor_handles"));
	assert_result(events->host, "[{\"handle_id\":1,\"action\":\"act\\\"\",\"topic\":\"foo.*\"}]");
	ASSERT_FAILS(events, CALL(events->host, "astrid_ipc_unsubscribe", span_text("1")), CAPSULE_EDENIED,
		"ipc_unsubscribe failed: subscription 1 is a runtime-owned interceptor handle");
	assert_ok(events, poll(events, "1"));
	assert_ok(events, CALL(events->host, "astrid_ipc_unsubscribe", span_text("2")));
	ASSERT_FAILS(events, poll(events, "2"), CAPSULE_ENOTFOUND, "not found");
	ASSERT_FAILS(
		events, CALL(events->host, "astrid_ipc_unsubscribe", span_text("42")), CAPSULE_ENOTFOUND, "not found");
}

static void handles_are_numbers_of_subscriptions(void **state) /* abi:126 */
{
	static const char *const broken[] = { "", "abc", " 1", "1 ", "-1", "++1", "+", "0x1", "1.0",
		"18446744073709551616", "99999999999999999999999999999999" };
	static const char *const unknown[] = { "0", "99", "2", "18446744073709551615", "00" };
	static const char *const functions[] = { "astrid_ipc_poll", "astrid_ipc_unsubscribe" };
	struct event_fixture *events = *state;
	char handle[33];

	memset(handle, '1', sizeof handle);
	assert_ok(events, subscribe(events, "a.b"));
	for (size_t f = 0; f < 2; f++) {
		for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
			ASSERT_FAILS(events, CALL(events->host, functions[f], span_text(broken[i])), CAPSULE_EINVAL,
				"Invalid subscription handle");
		for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
			ASSERT_FAILS(events, CALL(events->host, functions[f], span_text(unknown[i])), CAPSULE_ENOTFOUND,
				"Subscription handle not found");
		ASSERT_FAILS(events, CALL(events->host, functions[f], span_of(handle, 33)), CAPSULE_ELIMIT,
			"Subscription handle exceeds 32 bytes: it has 33");
		ASSERT_FAILS(events, CALL(events->host, functions[f], span_of("1\0", 2)), CAPSULE_EINVAL,
			"Invalid subscription handle");
		ASSERT_FAILS(events, CALL(events->host, functions[f], span_of("\xFF", 1)), CAPSULE_EINVAL,
			"Invalid subscription handle");
	}
	assert_ok(events, poll(events, "+1"));
	assert_ok(events, poll(events, "00000000000000000000000000000001"));
	events->host->host.services.subscriptions = NULL;
	ASSERT_FAILS(events, poll(events, "1"), CAPSULE_ENOTFOUND, "Subscription handle not found");
	ASSERT_FAILS(events, subscribe(events, "a.b"), CAPSULE_EUNSUPPORTED, "there are no events for 'testing'");
	assert_ok(events, CALL0(events->host, "astrid_get_interceptor_handles"));
	assert_result(events->host, "[]");
}

static void what_has_arrived_is_read_once_and_in_order(void **state) /* abi:126 abi:127 rt:242 */
{
	struct event_fixture *events = *state;
	const char *handle = event_fixture_subscribe(events, "foo.*");
	char text[16];
	uint64_t lagged;

	assert_ok(events, poll(events, handle));
	assert_result(events->host, EMPTY_ANSWER);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		event_fixture_publish(events, "foo.a", span_text(text), 0);
	}
	assert_ok(events, poll(events, handle));
	assert_int_equal(event_fixture_count(events, &lagged), 5);
	assert_int_equal(lagged, 0);
	for (int i = 0; i < 5; i++) {
		char pointer[40];

		(void)snprintf(pointer, sizeof pointer, "/messages/%d/payload/data", i);
		(void)snprintf(text, sizeof text, "%d", i);
		assert_at(events, pointer, text);
	}
	assert_ok(events, poll(events, handle));
	assert_result(events->host, EMPTY_ANSWER);
}

static void what_was_lost_is_told_once(void **state) /* abi:130 */
{
	struct event_fixture *events = *state;
	const char *handle = event_fixture_subscribe(events, "foo.*");
	uint64_t lagged;
	char text[16];

	for (int i = 0; i < 1500; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		event_fixture_publish(events, "foo.a", span_text(text), 0);
	}
	assert_ok(events, poll(events, handle));
	assert_int_equal(event_fixture_count(events, &lagged), 1024);
	assert_int_equal(lagged, 476);
	assert_at(events, "/messages/0/payload/data", "476");
	assert_ok(events, poll(events, handle));
	assert_result(events->host, EMPTY_ANSWER);
}

static void one_answer_holds_ten_mib_and_the_next_one_the_rest(void **state) /* abi:131 */
{
	struct event_fixture *events = *state;
	const char *handle = event_fixture_subscribe(events, "foo.*");
	char *text = event_fixture_text(4 * MIB);
	uint64_t lagged;

	for (int i = 0; i < 3; i++)
		event_fixture_publish(events, "foo.a", span_of(text, 4 * MIB), 0);
	free(text);
	assert_ok(events, poll(events, handle));
	assert_int_equal(event_fixture_count(events, &lagged), 2);
	assert_int_equal(lagged, 0);
	assert_ok(events, poll(events, handle));
	assert_int_equal(event_fixture_count(events, &lagged), 1);
	assert_int_equal(lagged, 0);
	assert_ok(events, poll(events, handle));
	assert_result(events->host, EMPTY_ANSWER);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(interceptors_are_not_unsubscribed),
		CASE(handles_are_numbers_of_subscriptions),
		CASE(what_has_arrived_is_read_once_and_in_order),
		CASE(what_was_lost_is_told_once),
		CASE(one_answer_holds_ten_mib_and_the_next_one_the_rest),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
