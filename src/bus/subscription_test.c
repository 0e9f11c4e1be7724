/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Handles of a guest's subscriptions, and what it reads from them. */
#include "bus/subscription.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct bus *bus;
static struct inbox inbox;
static struct subscriptions subs;
static const struct event_source source = { .source = "wasm_guest", .realtime_ns = 1000000000 };

static int set_up(void **state)
{
	static const struct bus_hooks hooks;
	static const struct inbox_budget budget;

	(void)state;
	assert_int_equal(bus_new(&bus, &hooks, NULL), CAPSULE_OK);
	inbox_init(&inbox, bus, &budget, NULL);
	subscriptions_init(&subs, &inbox);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	inbox_close(&inbox, OUTCOME_GONE);
	subscriptions_close(&subs);
	assert_int_equal(bus_counts(bus)->pending, 0);
	bus_free(bus);
	return 0;
}

static uint64_t subscribe(const char *pattern)
{
	struct capsule_error err;
	uint64_t handle = 0;

	if (subscriptions_add(&subs, span_text(pattern), &handle, &err) != CAPSULE_OK)
		fail_msg("%s: %s", pattern, err.text);
	return handle;
}

static struct subscription *find(uint64_t handle)
{
	struct subscription *subscription = NULL;

	assert_int_equal(subscriptions_find(&subs, handle, &subscription, NULL), CAPSULE_OK);
	return subscription;
}

/* Publish `json` as a guest would; whether to hold it. */
static struct event *publish(const char *topic, const char *json, struct list_node *held)
{
	struct payload payload = { 0 };
	struct bus_matches matches;
	struct event *event = NULL;

	assert_int_equal(payload_read(&payload, span_text(json), NULL), CAPSULE_OK);
	assert_int_equal(event_new_ipc(&event, &source, span_text(topic), &payload, NULL), CAPSULE_OK);
	payload_fini(&payload);
	bus_match(bus, span_text(topic), EVENT_IPC, &matches);
	bus_publish(bus, event, &matches, false, held);
	return event;
}

static void tell(const char *topic, const char *json)
{
	event_release(publish(topic, json, NULL));
}

/* What a drain answers, read. */
static yyjson_doc *drain(uint64_t handle, size_t budget, bool first)
{
	const struct json_limits limits = { .bytes_max = 64 * MIB };
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct capsule_error err;
	yyjson_doc *doc = NULL;

	assert_int_equal(subscription_drain(find(handle), budget, first, NULL, &out, &err), CAPSULE_OK);
	assert_int_equal(json_parse(&doc, buffer_span(&out), &limits, "answer", &err), CAPSULE_OK);
	assert_int_equal(yyjson_obj_size(doc->root), 3);
	assert_true(yyjson_is_arr(yyjson_obj_get(doc->root, "messages")));
	return doc;
}

static uint64_t member(const yyjson_doc *doc, const char *name)
{
	assert_true(yyjson_is_uint(yyjson_obj_get(doc->root, name)));
	return yyjson_get_uint(yyjson_obj_get(doc->root, name));
}

/* A drain answers the numbers from `from` to `to` and so many lost ones. */
static void drains(uint64_t handle, size_t budget, bool first, unsigned from, unsigned to, uint64_t lagged)
{
	HOLD(json_doc_drop) yyjson_doc *doc = drain(handle, budget, first);
	yyjson_val *messages = yyjson_obj_get(doc->root, "messages");
	size_t index, count;
	yyjson_val *message;

	assert_int_equal(member(doc, "dropped"), 0);
	assert_int_equal(member(doc, "lagged"), lagged);
	assert_int_equal(yyjson_arr_size(messages), to + 1 - from);
	yyjson_arr_foreach(messages, index, count, message) assert_int_equal(
		yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(message, "payload"), "data")), from + index);
}

static void publish_numbers(unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++) {
		char json[16];

		(void)snprintf(json, sizeof json, "%u", i);
		tell("foo.a", json);
	}
}

/* rt:175 abi:125 */
static void there_are_128_and_no_handle_comes_again(void **state)
{
	struct capsule_error err;
	uint64_t handle = 0;

	(void)state;
	for (uint64_t i = 1; i <= LIMIT_SUBSCRIPTIONS; i++)
		assert_int_equal(subscribe("foo.*"), i);
	assert_int_equal(subscriptions_add(&subs, span_text("foo.*"), &handle, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "Subscription limit reached"));
	assert_int_equal(subscriptions_remove(&subs, 128, NULL), CAPSULE_OK);
	handle = subscribe("foo.*");
	assert_true(handle > 128);
	assert_int_equal(subscriptions_remove(&subs, 7, NULL), CAPSULE_OK);
	assert_true(subscribe("foo.*") > handle);
	assert_int_equal(subscriptions_add(&subs, span_text("foo.*"), &handle, &err), CAPSULE_ELIMIT);
}

static void a_refused_pattern_costs_no_handle(void **state)
{
	struct capsule_error err;
	uint64_t handle = 99;

	(void)state;
	assert_int_equal(subscriptions_add(&subs, span_text("a..b"), &handle, &err), CAPSULE_EINVAL);
	assert_int_equal(handle, 99);
	assert_int_equal(subscribe("a.b"), 1);
}

/* rt:177 */
static void handles_of_interceptors_are_the_runtimes(void **state)
{
	struct subscription *none;
	struct capsule_error err;
	uint64_t own;

	(void)state;
	assert_int_equal(subscriptions_add_interceptor(&subs, "foo.*", "on_foo", ON_FULL_BLOCK, &err), CAPSULE_OK);
	own = subscribe("foo.a");
	assert_int_equal(own, 2);
	assert_int_equal(subscriptions_remove(&subs, 1, &err), CAPSULE_EDENIED);
	assert_non_null(strstr(err.text, "runtime-owned interceptor handle"));
	tell("foo.a", "1");
	drains(1, LIMIT_DRAIN, false, 1, 1, 0); /* it is still there */
	assert_int_equal(subscriptions_remove(&subs, own, &err), CAPSULE_OK);
	assert_int_equal(subscriptions_find(&subs, own, &none, &err), CAPSULE_ENOTFOUND);
	assert_null(none);
	assert_int_equal(subscriptions_remove(&subs, own, &err), CAPSULE_ENOTFOUND);
	assert_int_equal(subscriptions_remove(&subs, 42, &err), CAPSULE_ENOTFOUND);
	assert_non_null(strstr(err.text, "not found"));
	assert_int_equal(subscriptions_remove(&subs, 0, &err), CAPSULE_ENOTFOUND);
	assert_int_equal(subscriptions_remove(&subs, UINT64_MAX, &err), CAPSULE_ENOTFOUND);
}

static void interceptors_are_listed_with_their_handles(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	assert_true(subscriptions_append_interceptors(&subs, &out));
	assert_string_equal(buffer_text(&out), "[]");
	assert_int_equal(subscriptions_add_interceptor(&subs, "a.*", "on_a", ON_FULL_FAIL, NULL), CAPSULE_OK);
	(void)subscribe("b");
	assert_int_equal(subscriptions_add_interceptor(&subs, "c", "on \"c\"", ON_FULL_DROP_OLDEST, NULL), CAPSULE_OK);
	buffer_clear(&out);
	assert_true(subscriptions_append_interceptors(&subs, &out));
	assert_string_equal(buffer_text(&out),
		"[{\"handle_id\":1,\"action\":\"on_a\",\"topic\":\"a.*\"},"
		"{\"handle_id\":3,\"action\":\"on \\\"c\\\"\",\"topic\":\"c\"}]");
	buffer_fini(&out);
}

static void a_last_star_of_an_interceptor_is_one_segment(void **state)
{
	struct event *event = NULL;
	struct bus_matches matches;

	(void)state;
	assert_int_equal(subscriptions_add_interceptor(&subs, "foo.*", "on_foo", ON_FULL_BLOCK, NULL), CAPSULE_OK);
	assert_int_equal(subscriptions_add_interceptor(
				 &subs, event_type_topic(EVENT_CONFIG_RELOADED), "on_config", ON_FULL_BLOCK, NULL),
		CAPSULE_OK);
	tell("foo.a.b", "1");
	drains(1, LIMIT_DRAIN, false, 1, 0, 0);
	/* And it gets lifecycle events. */
	assert_int_equal(event_new_lifecycle(&event, &source, EVENT_CONFIG_RELOADED, NULL, 0, NULL), CAPSULE_OK);
	bus_match(bus, event->topic, event->type, &matches);
	bus_publish(bus, event, &matches, false, NULL);
	event_release(event);
	{
		HOLD(json_doc_drop) yyjson_doc *doc = drain(2, LIMIT_DRAIN, false);
		yyjson_val *message = yyjson_arr_get_first(yyjson_obj_get(doc->root, "messages"));
		yyjson_val *payload = yyjson_obj_get(message, "payload");

		assert_string_equal(yyjson_get_str(yyjson_obj_get(payload, "type")), "config_reloaded");
	}
}

/* abi:124 */
static void a_last_star_is_one_or_more_segments(void **state)
{
	uint64_t handle = subscribe("foo.*");

	(void)state;
	tell("foo.a", "1");
	tell("foo", "99");
	tell("foo.a.b", "2");
	drains(handle, LIMIT_DRAIN, false, 1, 2, 0);
}

/* rt:242 */
static void an_empty_answer_has_all_members(void **state)
{
	struct buffer out = { 0 };
	uint64_t handle = subscribe("foo.*");

	(void)state;
	assert_int_equal(subscription_drain(find(handle), LIMIT_DRAIN, false, NULL, &out, NULL), CAPSULE_OK);
	assert_string_equal(buffer_text(&out), "{\"dropped\":0,\"lagged\":0,\"messages\":[]}");
	buffer_fini(&out);
}

/* abi:127 rt:237 */
static void messages_come_in_order_and_once(void **state)
{
	uint64_t handle = subscribe("foo.*");

	(void)state;
	assert_false(subscription_ready(find(handle)));
	publish_numbers(1, 5);
	assert_true(subscription_ready(find(handle)));
	drains(handle, LIMIT_DRAIN, false, 1, 5, 0);
	assert_false(subscription_ready(find(handle)));
	drains(handle, LIMIT_DRAIN, false, 1, 0, 0);
	publish_numbers(1, 10);
	drains(handle, LIMIT_DRAIN, false, 1, 10, 0);
	drains(handle, LIMIT_DRAIN, false, 1, 0, 0);
	assert_int_equal(inbox.counts.outcomes[OUTCOME_DELIVERED], 15);
}

/* abi:118 abi:119 abi:120 */
static void payloads_arrive_in_their_form(void **state)
{
	static const struct {
		const char *published, *received;
	} rows[] = {
		{ "{\"foo\":1}", "{\"type\":\"custom\",\"data\":{\"foo\":1}}" },
		{ "{\"type\":\"user_input\",\"text\":\"t\",\"x\":1}",
			"{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"}" },
		{ "{\"type\":\"user_input\"}", "{\"type\":\"custom\",\"data\":{\"type\":\"user_input\"}}" },
		{ "{\"type\":\"custom\",\"data\":5}", "{\"type\":\"custom\",\"data\":5}" },
		{ "\"s\"", "{\"type\":\"custom\",\"data\":\"s\"}" },
	};
	uint64_t handle = subscribe("foo.*");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buffer out = { 0 };
		char want[512];

		tell("foo.a", rows[i].published);
		assert_int_equal(subscription_drain(find(handle), LIMIT_DRAIN, false, NULL, &out, NULL), CAPSULE_OK);
		(void)snprintf(want, sizeof want,
			"{\"dropped\":0,\"lagged\":0,\"messages\":[{\"payload\":%s,\"signature\":null,\"source_id\":"
			"\"00000000-0000-0000-0000-000000000000\",\"timestamp\":\"1970-01-01T00:00:01Z\","
			"\"topic\":\"foo.a\"}]}",
			rows[i].received);
		assert_string_equal(buffer_text(&out), want);
		buffer_fini(&out);
	}
}

/* rt:235 abi:130 */
static void losses_are_told_with_the_next_answer(void **state)
{
	uint64_t handle = subscribe("foo.*");

	(void)state;
	drains(handle, LIMIT_DRAIN, false, 1, 0, 0);
	publish_numbers(1, 1500);
	drains(handle, LIMIT_DRAIN, false, 477, 1500, 476);
	drains(handle, LIMIT_DRAIN, false, 1, 0, 0);
	publish_numbers(1, 1030);
	publish_numbers(1031, 1034);
	drains(handle, LIMIT_DRAIN, false, 11, 1034, 10);
	drains(handle, LIMIT_DRAIN, false, 1, 0, 0);
}

/* rt:241; a payload here has 26 bytes: {"type":"custom","data":1}. */
static void what_does_not_fit_comes_with_the_next_answer(void **state)
{
	uint64_t handle = subscribe("foo.*");

	(void)state;
	publish_numbers(1, 5);
	drains(handle, LIMIT_DRAIN, false, 1, 5, 0);
	publish_numbers(0, 9);
	drains(handle, 50, false, 0, 0, 0);
	drains(handle, 52, false, 1, 2, 0);
	drains(handle, 52, true, 3, 5, 0); /* the first one is beside the budget */
	drains(handle, 1, false, 6, 6, 0);
	drains(handle, 0, true, 7, 7, 0);
	drains(handle, 50, true, 8, 9, 0);
	drains(handle, 50, true, 1, 0, 0);
}

/* abi:131 */
static void ten_mib_go_into_one_answer(void **state)
{
	enum { EACH = 3 * 1024 * 1024 };
	uint64_t handle = subscribe("foo.*");
	struct buffer json = { 0 };

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		buffer_clear(&json);
		assert_true(buffer_append_byte(&json, '"') && buffer_reserve(&json, EACH));
		memset(json.data + 1, 'a' + (int)i, EACH);
		json.len += EACH;
		assert_true(buffer_append_byte(&json, '"'));
		tell("foo.a", buffer_text(&json));
	}
	buffer_fini(&json);
	for (unsigned i = 0; i < 2; i++) {
		HOLD(json_doc_drop) yyjson_doc *doc = drain(handle, LIMIT_DRAIN, false);
		yyjson_val *messages = yyjson_obj_get(doc->root, "messages");
		size_t index, count;
		yyjson_val *message;

		assert_int_equal(yyjson_arr_size(messages), i == 0 ? 3 : 2);
		assert_int_equal(member(doc, "dropped"), 0);
		assert_int_equal(member(doc, "lagged"), 0);
		yyjson_arr_foreach(messages, index, count, message)
		{
			const char *data = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(message, "payload"), "data"));

			assert_int_equal(data[0], 'a' + (int)(3 * i + index));
		}
	}
}

static void an_answer_that_fails_takes_nothing(void **state)
{
	uint64_t handle = subscribe("foo.*");
	struct buffer out = { .limit = 64 };
	struct capsule_error err;

	(void)state;
	inbox.budget.messages = 3;
	publish_numbers(1, 5);
	assert_int_equal(subscription_drain(find(handle), LIMIT_DRAIN, false, NULL, &out, &err), CAPSULE_ELIMIT);
	buffer_fini(&out);
	drains(handle, LIMIT_DRAIN, false, 3, 5, 2);
}

static enum capsule_status note_reserve(void *user, size_t len, struct capsule_error *err)
{
	size_t *most = user;

	if (len > *most)
		return error_set(err, CAPSULE_ELIMIT, "there is no room for %zu bytes", len);
	*most = len;
	return CAPSULE_OK;
}

static void what_there_is_no_room_for_stays(void **state)
{
	uint64_t handle = subscribe("foo.*"), taken = 0;
	struct capsule_error err;
	uint32_t hops;

	(void)state;
	inbox.budget.messages = 9;
	publish_numbers(1, 10);
	for (unsigned most = 500; taken < 9; taken++) {
		size_t bytes = most;
		const struct drain_room room = { note_reserve, &bytes };
		HOLD(buffer_fini) struct buffer out = { 0 };
		char first[32];

		assert_int_equal(subscription_drain(find(handle), LIMIT_DRAIN, false, &room, &out, &err), CAPSULE_OK);
		assert_int_equal(bytes, out.len);
		assert_true(subscription_drained(find(handle), &hops));
		(void)snprintf(first, sizeof first, "\"data\":%u}", (unsigned)taken + 2);
		assert_non_null(strstr(buffer_text(&out), first));
		assert_non_null(strstr(buffer_text(&out), taken == 0 ? "\"lagged\":1," : "\"lagged\":0,"));
		taken = inbox.counts.outcomes[OUTCOME_DELIVERED] - 1;
	}
	assert_false(subscription_ready(find(handle)));
}

static void a_message_without_room_stays(void **state)
{
	uint64_t handle = subscribe("foo.*");
	size_t bytes = 60; /* for an answer without messages */
	const struct drain_room room = { note_reserve, &bytes };
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct capsule_error err;

	(void)state;
	assert_int_equal(subscription_drain(find(handle), LIMIT_DRAIN, true, &room, &out, &err), CAPSULE_OK);
	publish_numbers(1, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			subscription_drain(find(handle), LIMIT_DRAIN, true, &room, &out, &err), CAPSULE_ELIMIT);
		assert_non_null(strstr(err.text, "there is no room"));
	}
	drains(handle, LIMIT_DRAIN, false, 1, 3, 0);
}

static void held_messages_are_not_read(void **state)
{
	uint64_t handle = subscribe("foo.*");
	struct list_node held;
	struct event *event;

	(void)state;
	list_init(&held);
	publish_numbers(1, 1);
	event = publish("foo.b", "2", &held);
	publish_numbers(3, 3);
	drains(handle, LIMIT_DRAIN, false, 1, 1, 0);
	assert_false(subscription_ready(find(handle)));
	bus_entry_release(LIST_ENTRY(held.next, struct bus_entry, held_link), event);
	event_release(event);
	drains(handle, LIMIT_DRAIN, false, 2, 3, 0);
}

/* ---- Waiting ---- */

struct waiter {
	unsigned woken, ended;
};

static void wake(void *user, bool ended)
{
	struct waiter *waiter = user;

	waiter->woken++;
	waiter->ended += ended;
}

static void who_waits_is_woken_once(void **state)
{
	uint64_t handle = subscribe("foo.*");
	struct waiter waiter = { 0 }, other = { 0 };

	(void)state;
	subscription_wait(find(handle), wake, &waiter);
	tell("bar", "1");
	assert_int_equal(waiter.woken, 0);
	publish_numbers(1, 3);
	assert_int_equal(waiter.woken, 1);
	drains(handle, LIMIT_DRAIN, true, 1, 3, 0);
	publish_numbers(1, 1);
	assert_int_equal(waiter.woken, 1); /* it does not wait any more */
	drains(handle, LIMIT_DRAIN, true, 1, 1, 0);
	subscription_wait(find(handle), wake, &waiter);
	subscription_wait(find(handle), wake, &other);
	publish_numbers(1, 1);
	assert_int_equal(waiter.woken, 1);
	assert_int_equal(other.woken, 1);
	drains(handle, LIMIT_DRAIN, true, 1, 1, 0);
	subscription_wait(find(handle), wake, &other);
	subscription_wait(find(handle), NULL, NULL); /* the wait is cancelled */
	publish_numbers(1, 1);
	assert_int_equal(other.woken, 1);
	assert_int_equal(waiter.ended + other.ended, 0);
}

static void who_waits_is_told_of_the_end_alone(void **state)
{
	uint64_t handle = subscribe("foo.*");
	struct waiter waiter = { 0 };
	struct list_node held;
	struct event *event;

	(void)state;
	list_init(&held);
	/* When the held one goes, the other could be taken: but nobody can any more. */
	event = publish("foo.b", "1", &held);
	publish_numbers(2, 2);
	subscription_wait(find(handle), wake, &waiter);
	assert_int_equal(subscriptions_remove(&subs, handle, NULL), CAPSULE_OK);
	assert_int_equal(waiter.woken, 1);
	assert_int_equal(waiter.ended, 1);
	assert_true(list_empty(&held));
	assert_int_equal(inbox.counts.outcomes[OUTCOME_GONE], 2);
	assert_int_equal(event->refs, 1);
	event_release(event);
}

static void closing_ends_all_and_handles_go_on(void **state)
{
	struct waiter waiter = { 0 };
	uint64_t handle = subscribe("foo.*");

	(void)state;
	assert_int_equal(subscribe("bar"), 2);
	assert_int_equal(subscriptions_add_interceptor(&subs, "foo.*", "on_foo", ON_FULL_BLOCK, NULL), CAPSULE_OK);
	subscription_wait(find(handle), wake, &waiter);
	publish_numbers(1, 3);
	subscription_wait(find(handle), wake, &waiter);
	subscriptions_close(&subs);
	subscriptions_close(&subs);
	assert_int_equal(waiter.woken, 2);
	assert_int_equal(waiter.ended, 1);
	assert_int_equal(inbox.counts.outcomes[OUTCOME_GONE], 6);
	assert_int_equal(inbox.counts.pending, 0);
	assert_int_equal(subscribe("foo.*"), 4);
	publish_numbers(1, 1);
	drains(4, LIMIT_DRAIN, false, 1, 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The envelope of a message is many times as long as the smallest payload, and a manifest may have a large inbox. */
static void an_answer_has_so_many_messages(void **state)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct subscription *subscription;

	(void)state;
	inbox.budget.messages = 2 * LIMIT_DRAIN_MESSAGES;
	subscription = find(subscribe("t"));
	for (unsigned i = 0; i <= LIMIT_DRAIN_MESSAGES; i++)
		tell("t", "0");
	assert_int_equal(subscription_drain(subscription, LIMIT_DRAIN, false, NULL, &out, NULL), CAPSULE_OK);
	assert_int_equal(inbox.counts.outcomes[OUTCOME_DELIVERED], LIMIT_DRAIN_MESSAGES);
	assert_int_equal(inbox.counts.pending, 1);
	assert_true(subscription_ready(subscription));
	buffer_clear(&out);
	assert_int_equal(subscription_drain(subscription, LIMIT_DRAIN, true, NULL, &out, NULL), CAPSULE_OK);
	assert_int_equal(inbox.counts.pending, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_are_128_and_no_handle_comes_again),
		TEST(a_refused_pattern_costs_no_handle),
		TEST(handles_of_interceptors_are_the_runtimes),
		TEST(interceptors_are_listed_with_their_handles),
		TEST(a_last_star_of_an_interceptor_is_one_segment),
		TEST(a_last_star_is_one_or_more_segments),
		TEST(an_empty_answer_has_all_members),
		TEST(messages_come_in_order_and_once),
		TEST(payloads_arrive_in_their_form),
		TEST(losses_are_told_with_the_next_answer),
		TEST(what_does_not_fit_comes_with_the_next_answer),
		TEST(ten_mib_go_into_one_answer),
		TEST(an_answer_that_fails_takes_nothing),
		TEST(what_there_is_no_room_for_stays),
		TEST(a_message_without_room_stays),
		TEST(held_messages_are_not_read),
		TEST(an_answer_has_so_many_messages),
		TEST(who_waits_is_woken_once),
		TEST(who_waits_is_told_of_the_end_alone),
		TEST(closing_ends_all_and_handles_go_on),
	};

	return cmocka_run_group_tests_name("bus_subscription", tests, NULL, NULL);
}
