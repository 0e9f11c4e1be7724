/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a guest reads from a subscription is gone from its inbox: kernel memory has to have room for it first. */
#include "engine/wasm/engine_fixture.h"

#include "bus/subscription.h"

#include <stdlib.h>

#define KERNEL_PAGES 32 /* 1 MiB more than it begins with */
#define MESSAGES 10
#define LARGE ((size_t)200 * KIB)
#define TOO_LARGE ((size_t)2 * MIB)

#define USER(name, type) "(import \"extism:host/user\" \"astrid_ipc_" name "\" (func $" name type "))"

/* Both read the subscription 1; `recv` waits up to 9 ms. */
static const char reader[] = MODULE(USER("poll", "(param i64) (result i64)")
					    USER("recv", "(param i64 i64) (result i64)"),
	"(func $byte (param i32) (result i64) (local i64)"
	"  (local.set 1 (call $alloc (i64.const 1))) (call $store (local.get 1) (local.get 0)) (local.get 1))"
	"(func (export \"poll\") (call $give (call $poll (call $byte (i32.const 49)))))"
	"(func (export \"recv\") (call $give (call $recv (call $byte (i32.const 49)) (call $byte (i32.const 57)))))");

struct test {
	struct engine_fixture *fixture;
	struct bus *bus;
	struct inbox inbox;
	struct subscriptions subscriptions;
};

static int set_up(void **state)
{
	static const struct bus_hooks hooks;
	static const struct inbox_budget budget;
	struct test *test = calloc(1, sizeof *test);
	void *fixture;
	uint64_t handle = 0;

	assert_non_null(test);
	assert_int_equal(engine_fixture_new(&fixture), 0);
	test->fixture = fixture;
	engine_fixture_restart(fixture, (struct wasm_options){ .kernel_pages = KERNEL_PAGES });
	assert_int_equal(bus_new(&test->bus, &hooks, NULL), CAPSULE_OK);
	inbox_init(&test->inbox, test->bus, &budget, NULL);
	subscriptions_init(&test->subscriptions, &test->inbox);
	assert_int_equal(subscriptions_add(&test->subscriptions, span_text("a.*"), &handle, NULL), CAPSULE_OK);
	assert_int_equal(handle, 1);
	test->fixture->services.subscriptions = &test->subscriptions;
	*state = test;
	return 0;
}

static int tear_down(void **state)
{
	struct test *test = *state;
	void *fixture = test->fixture;

	subscriptions_close(&test->subscriptions);
	inbox_close(&test->inbox, OUTCOME_GONE);
	bus_free(test->bus);
	free(test);
	return engine_fixture_free(&fixture);
}

static void publish(struct test *test, size_t len)
{
	static const struct event_source source = { .source = "wasm_guest" };
	char *text = malloc(len);
	struct payload payload = { 0 };
	struct bus_matches matches;
	struct event *event = NULL;

	assert_non_null(text);
	memset(text, 'x', len);
	text[0] = text[len - 1] = '"';
	assert_int_equal(payload_read(&payload, span_of(text, len), NULL), CAPSULE_OK);
	assert_int_equal(event_new_ipc(&event, &source, span_text("a.b"), &payload, NULL), CAPSULE_OK);
	bus_match(test->bus, span_text("a.b"), EVENT_IPC, &matches);
	bus_publish(test->bus, event, &matches, false, NULL);
	event_release(event);
	payload_fini(&payload);
	free(text);
}

static uint64_t delivered(const struct test *test)
{
	return test->inbox.counts.outcomes[OUTCOME_DELIVERED];
}

static size_t messages_in(struct span answer)
{
	size_t count = 0;

	assert_int_equal(answer.data[0], '{');
	for (size_t i = 0; i + 8 < answer.len; i++)
		count += memcmp(answer.data + i, "\"topic\":", 8) == 0;
	return count;
}

static void test_an_answer_has_what_kernel_memory_has_room_for(void **state)
{
	struct test *test = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(test->fixture, reader);
	uint64_t taken = 0;

	for (int i = 0; i < MESSAGES; i++)
		publish(test, LARGE);
	while (taken < MESSAGES) {
		CALL(call, guest, taken % 2 == 0 ? "poll" : "recv");

		call_await(&call);
		if (call.error.status != CAPSULE_OK)
			fail_msg("%s", call.error.text);
		assert_true(delivered(test) > taken);
		assert_int_equal(messages_in(buffer_span(&call.call.op.result)), delivered(test) - taken);
		taken = delivered(test);
	}
	assert_answers(guest, "poll", "{\"dropped\":0,\"lagged\":0,\"messages\":[]}");
}

static void test_a_message_that_does_not_fit_is_told_and_stays(void **state)
{
	struct test *test = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(test->fixture, reader);
	CALL(waiting, guest, "recv");

	settle(test->fixture);
	assert_int_equal(waiting.done, 0);
	publish(test, TOO_LARGE);
	assert_failed(&waiting, CAPSULE_ELIMIT, "ipc_recv failed: oom: out of memory");
	assert_fails(guest, "poll", CAPSULE_ELIMIT,
		"ipc_poll failed: oom: out of memory: the kernel memory is at its ceiling of 2 MiB");
	assert_int_equal(delivered(test), 0);
	assert_int_equal(test->inbox.messages, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_an_answer_has_what_kernel_memory_has_room_for),
		TEST(test_a_message_that_does_not_fit_is_told_and_stays),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
