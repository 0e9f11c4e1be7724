/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hooks: what a request must be, and the way of the answers. */
#include "host/host_event_fixture.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int set_up(void **state)
{
	*state = event_fixture_new(fixture_new(false));
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

static enum host_answer begin(struct event_fixture *events, const char *request)
{
	const struct span args[] = { span_text(request) };

	return fixture_begin(events->host, "astrid_trigger_hook", 1, args);
}

/* The hook ends with `answers`. */
static void answer(struct event_fixture *events, const char *answers)
{
	struct op *op = events->waiting;

	assert_non_null(op);
	assert_true(buffer_append_text(&op->result, answers));
	op_finish(op);
	fixture_await(events->host);
	assert_int_equal(host_call_finish(&events->host->call, &events->host->err), CAPSULE_OK);
}

static void without_other_capsules_there_is_no_answer(void **state) /* abi:81 mv:236; of mv:223 the first half */
{
	static const char *const requests[] = { "{", "", "garbage", "{}", "{\"hook\":\"h.x\",\"payload\":1}" };
	struct event_fixture *events = *state;

	events->host->host.services.hook = NULL;
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		assert_int_equal(CALL(events->host, "astrid_trigger_hook", span_text(requests[i])), CAPSULE_OK);
		assert_result(events->host, "[]");
	}
}

static void a_request_has_a_hook_and_a_payload(void **state) /* abi:82 mv:236 */
{
	static const char *const broken[] = { "{", "", "{}", "[]", "null", "{\"hook\":\"h.x\"}", "{\"payload\":1}",
		"{\"hook\":1,\"payload\":1}", "{\"hook\":null,\"payload\":1}", "{\"hook\":\"h.x\",\"payload\":1} x",
		"{\"hook\":\"h.x\",\"payload\":1,\"hook\":\"h.y\"}", "{\"hook\":\"\xFF\",\"payload\":1}" };
	struct event_fixture *events = *state;

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		assert_int_equal(begin(events, broken[i]), HOST_FAILED);
		assert_error_says(events->host, "trigger_hook failed: invalid trigger request: ");
	}
	assert_int_equal(events->hooked, 0);
}

static void a_hook_is_a_topic(void **state)
{
	static const char *const broken[] = { "", ".", "a..b", ".a", "a." };
	struct event_fixture *events = *state;
	char topic[258], request[300];

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		(void)snprintf(request, sizeof request, "{\"hook\":\"%s\",\"payload\":null}", broken[i]);
		assert_int_equal(begin(events, request), HOST_FAILED);
		assert_error_says(events->host, "empty segments");
	}
	memset(topic, 'x', sizeof topic);
	topic[257] = '\0';
	(void)snprintf(request, sizeof request, "{\"hook\":\"%s\",\"payload\":null}", topic);
	assert_int_equal(begin(events, request), HOST_FAILED);
	assert_error_says(events->host, "`hook` has 257 bytes, at most 256");
	topic[256] = '\0';
	(void)snprintf(request, sizeof request, "{\"hook\":\"%s\",\"payload\":null}", topic);
	assert_int_equal(begin(events, request), HOST_WAITING);
}

static void the_answers_of_others_are_the_result(void **state)
{
	struct event_fixture *events = *state;
	struct origin origin;

	origin_init(&origin);
	origin.call_id = 5;
	origin.hops = 3;
	events->host->call.origin = &origin;
	assert_int_equal(
		begin(events, "{\"more\":[], \"payload\": { \"a\" : [1, null] }, \"hook\":\"h.x\"}"), HOST_WAITING);
	assert_true(span_is(buffer_span(&events->topic), "h.x"));
	assert_true(span_is(buffer_span(&events->payload), "{\"a\":[1,null]}"));
	assert_int_equal(events->origin.call_id, 5);
	assert_int_equal(events->origin.hops, 3);
	answer(events, "[null,{\"b\":2}]");
	assert_result(events->host, "[null,{\"b\":2}]");
	assert_int_equal(begin(events, "{\"hook\":\"h.x\",\"payload\":null}"), HOST_WAITING);
	assert_true(span_is(buffer_span(&events->payload), "null"));
	answer(events, "[]");
	assert_result(events->host, "[]");
	events->host->call.origin = NULL;
}

static void a_hook_that_cannot_be_says_why(void **state)
{
	struct event_fixture *events = *state;

	(void)error_set(&events->refusal, CAPSULE_ESTATE, "a -> b -> a");
	assert_int_equal(begin(events, "{\"hook\":\"h.x\",\"payload\":1}"), HOST_FAILED);
	assert_error_says(events->host, "trigger_hook failed: a -> b -> a");
	error_clear(&events->refusal);
	assert_int_equal(begin(events, "{\"hook\":\"h.x\",\"payload\":1}"), HOST_WAITING);
	op_cancel(events->waiting);
	fixture_await(events->host);
	assert_int_equal(host_call_finish(&events->host->call, &events->host->err), CAPSULE_ECANCELLED);
	assert_error_says(events->host, "trigger_hook failed: ");
}

static void a_call_that_is_cancelled_lets_go(void **state)
{
	struct event_fixture *events = *state;

	assert_int_equal(begin(events, "{\"hook\":\"h.x\",\"payload\":1}"), HOST_WAITING);
	host_call_cancel(&events->host->call);
	assert_int_equal(events->stopped, 1);
	(void)loop_turn(events->host->loop, 0);
	assert_int_equal(events->host->resumed, 0);
	assert_int_equal(begin(events, "{\"hook\":\"h.x\",\"payload\":1}"), HOST_WAITING);
	answer(events, "[1]");
	assert_result(events->host, "[1]");
}

static void who_waits_for_answers_keeps_no_large_request(void **state)
{
	static const char head[] = "{\"hook\":\"h.x\",\"payload\":";
	struct event_fixture *events = *state;
	size_t len = sizeof head - 1 + LIMIT_INLINE_WORK;
	char *request = event_fixture_text(len + 1);

	memcpy(request, head, sizeof head - 1);
	request[sizeof head - 1] = request[len - 2] = '"';
	request[len - 1] = '}';
	request[len] = '\0';
	assert_int_equal(begin(events, request), HOST_WAITING);
	assert_int_equal(events->payload.len, LIMIT_INLINE_WORK - 1);
	assert_true(events->host->call.out.capacity <= 4096);
	answer(events, "[1]");
	assert_result(events->host, "[1]");
	free(request);
}

static void a_request_is_not_too_large(void **state)
{
	struct event_fixture *events = *state;
	char *text = calloc(1, 1 * MIB + 1);
	struct span args[1];

	assert_non_null(text);
	memset(text, ' ', 1 * MIB + 1);
	memcpy(text, "{\"hook\":\"h.x\",\"payload\":1}", 26);
	args[0] = span_of(text, 1 * MIB);
	assert_int_equal(fixture_begin(events->host, "astrid_trigger_hook", 1, args), HOST_WAITING);
	answer(events, "[]");
	args[0] = span_of(text, 1 * MIB + 1);
	assert_int_equal(fixture_begin(events->host, "astrid_trigger_hook", 1, args), HOST_FAILED);
	assert_error_says(events->host, "exceeds maximum allowed limit");
	free(text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(without_other_capsules_there_is_no_answer),
		CASE(a_request_has_a_hook_and_a_payload),
		CASE(a_hook_is_a_topic),
		CASE(the_answers_of_others_are_the_result),
		CASE(a_hook_that_cannot_be_says_why),
		CASE(a_call_that_is_cancelled_lets_go),
		CASE(who_waits_for_answers_keeps_no_large_request),
		CASE(a_request_is_not_too_large),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
