/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is told of events that did not arrive: notices of losses, and answers to requests that nobody took. */
#include "dispatch/dispatch_fixture.h"

#define LAGGED "astrid.v1.event_bus.lagged"

/* Somebody who hears what the runtime tells. */
struct ear {
	struct listener *listener;
	struct buffer heard; /* "topic payload\n" */
	uint32_t hops;
};

static void hear(void *user, struct event *event, uint64_t lost)
{
	struct ear *ear = user;
	static const struct uuid nobody;

	assert_int_equal(lost, 0);
	assert_memory_equal(&event->origin.source, &nobody, sizeof nobody);
	assert_string_equal(event->source, "runtime");
	ear->hops = event->origin.hops;
	(void)buffer_printf(&ear->heard, "%.*s %.*s\n", SPAN_ARG(event->topic), SPAN_ARG(event->inner));
}

static void ear_open(struct ear *ear, struct events *events, const char *pattern)
{
	const struct listener_options options = { .pattern = span_text(pattern), .arrived = hear, .user = ear };

	*ear = (struct ear){ 0 };
	assert_int_equal(listener_new(&ear->listener, events->dispatch, &options, NULL), CAPSULE_OK);
}

static void ear_close(struct ear *ear)
{
	listener_free(ear->listener);
	buffer_fini(&ear->heard);
}

static void assert_heard(struct ear *ear, const char *text)
{
	const char *heard = buffer_text(&ear->heard);

	assert_string_equal(heard != NULL ? heard : "", text);
	buffer_clear(&ear->heard);
}

static void flood(struct events *events, int count)
{
	for (int i = 0; i < count; i++)
		publish(events, "t", "1");
}

/* rt:223 */
static void losses_are_told_at_once_and_then_every_ten_seconds(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("2") ON("t", "act"));
	struct ear ear;

	ear_open(&ear, events, LAGGED);
	flood(events, 20);
	assert_heard(&ear, "");
	events_turn(events);
	assert_heard(&ear, LAGGED " {\"lagged_count\":18}\n");
	assert_logged(events, "18 events were lost: inboxes were full");
	assert_int_equal(a->call_count, 2);
	a->answers = "";
	guest_answer(a, 0, "");
	guest_answer(a, 0, "");
	events_turn(events);
	flood(events, 20);
	events_advance(events, 4000);
	flood(events, 5);
	events_advance(events, 5999);
	assert_heard(&ear, "");
	assert_not_logged(events);
	events_advance(events, 1);
	assert_heard(&ear, LAGGED " {\"lagged_count\":21}\n"); /* what was lost in between, all of it */
	assert_logged(events, "21 events");
	events_advance(events, 60000);
	assert_heard(&ear, "");
	flood(events, 3);
	events_turn(events);
	assert_heard(&ear, LAGGED " {\"lagged_count\":1}\n");
	assert_logged(events, "1 events");
	ear_close(&ear);
	assert_closed(events);
}

/* rt:235 rt:236: the counter of one receiver. */
static void who_lost_something_is_told(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_join(events, "a", INBOX("2"));
	struct subscriptions *subscriptions = member_subscriptions(a->member);
	struct subscription *subscription;
	HOLD(buffer_fini) struct buffer out = { 0 };
	uint64_t handle;
	char json[2];

	assert_int_equal(subscriptions_add(subscriptions, span_text("t"), &handle, NULL), CAPSULE_OK);
	assert_int_equal(subscriptions_find(subscriptions, handle, &subscription, NULL), CAPSULE_OK);
	assert_int_equal(subscription_drain(subscription, LIMIT_DRAIN, false, NULL, &out, NULL), CAPSULE_OK);
	assert_string_equal(buffer_text(&out), "{\"dropped\":0,\"lagged\":0,\"messages\":[]}");
	buffer_clear(&out);
	for (int i = 1; i <= 5; i++) {
		(void)snprintf(json, sizeof json, "%d", i);
		publish(events, "t", json);
		if (i == 4)
			events_turn(events); /* another burst */
	}
	assert_int_equal(subscription_drain(subscription, LIMIT_DRAIN, false, NULL, &out, NULL), CAPSULE_OK);
	assert_non_null(
		strstr(buffer_text(&out), "\"lagged\":3,\"messages\":[{\"payload\":{\"type\":\"custom\",\"data\":4}"));
	assert_non_null(strstr(buffer_text(&out), "},{\"payload\":{\"type\":\"custom\",\"data\":5}"));
	buffer_clear(&out);
	assert_int_equal(subscription_drain(subscription, LIMIT_DRAIN, false, NULL, &out, NULL), CAPSULE_OK);
	assert_string_equal(buffer_text(&out), "{\"dropped\":0,\"lagged\":0,\"messages\":[]}");
	assert_closed(events);
}

/* Whoever publishes under the same topic is no notice. */
static void the_losses_of_what_looks_like_a_notice_are_told(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("1") ON(LAGGED, "look") "on_full = \"fail\"\n");

	for (int i = 0; i < 4; i++) {
		publish(events, LAGGED, "0");
		events_turn(events);
	}
	for (int i = 0; i < 3; i++)
		publish(events, LAGGED, "1");
	assert_int_equal(a->member->inbox.counts.outcomes[OUTCOME_OVERFLOW], 2);
	events_turn(events);
	assert_logged(events, "2 events were lost: inboxes were full");
	/* That of the notice itself is counted alone. */
	assert_int_equal(a->member->inbox.counts.outcomes[OUTCOME_OVERFLOW], 3);
	events_advance(events, 2 * LIMIT_LAG_NOTICE_MS);
	assert_not_logged(events);
	assert_int_equal(a->call_count, 4);
}

static void the_losses_of_notices_are_no_news(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("1") ON("t", "act") ON(LAGGED, "look") "on_full = \"fail\"\n");

	for (int i = 0; i < 4; i++) {
		publish(events, "t", "0");
		events_turn(events);
	}
	flood(events, 3);
	events_turn(events);
	assert_logged(events, "2 events were lost");
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_OVERFLOW], 3);
	events_advance(events, 60000);
	assert_not_logged(events);
	a->answers = "";
	while (a->call_count > 0)
		guest_answer(a, 0, "");
	events_turn(events);
	assert_closed(events);
}

static void a_request_without_a_receiver_is_answered(void **state)
{
	struct events *events = *state;
	struct ear ear;

	ear_open(&ear, events, "astrid.v1.*");
	publish(events, "ask", "{\"req_id\":\"r-1\",\"x\":1}");
	assert_heard(&ear, "");
	events_turn(events);
	assert_heard(&ear,
		"astrid.v1.response.failure.r-1 {\"req_id\":\"r-1\",\"status\":\"failed\",\"error\":{\"code\":\"no_receiver\","
		"\"message\":\"no capsule handles it\"}}\n");
	publish(events, "ask", "{\"_astrid_delivery_id\":\"d_2\"}");
	events_turn(events);
	assert_heard(&ear,
		"astrid.v1.delivery.failure.d_2 {\"_astrid_delivery_id\":\"d_2\",\"status\":\"failed\",\"error\":{\"code\":"
		"\"no_receiver\",\"message\":\"no capsule handles it\"}}\n");
	/* What is no segment of a topic is no request. */
	publish(events, "ask", "{\"req_id\":\"a.b\"}");
	publish(events, "ask", "{\"req_id\":7}");
	events_turn(events);
	assert_heard(&ear, "");
	assert_int_equal(ear.hops, 2);
	ear_close(&ear);
}

static void expect(struct events *events, struct ear *ear, const char *code, const char *text)
{
	HOLD(buffer_fini) struct buffer wanted = { 0 };

	events_turn(events);
	(void)buffer_printf(&wanted,
		"astrid.v1.response.failure.r {\"req_id\":\"r\",\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":"
		"\"%s\"}}\n",
		code, text);
	assert_heard(ear, buffer_text(&wanted));
}

#define REQUEST "{\"req_id\":\"r\"}"

static void each_way_in_which_a_request_is_not_taken(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("ask", "act")), *g;
	struct ear ear;

	ear_open(&ear, events, "astrid.v1.response.failure.*");
	publish(events, "ask", REQUEST);
	events_turn(events);
	guest_fail(b, 0, CAPSULE_ETRAP, "the password is 1234");
	expect(events, &ear, "failed", "the capsule that handles it failed"); /* and no word of what exactly */
	publish(events, "ask", REQUEST);
	guest_drop(b);
	expect(events, &ear, "gone", "the capsule that handles it is not there any more");
	g = guest_add(events, "g", GUARD("ask", "guard") "priority = -1\n");
	publish(events, "ask", REQUEST);
	events_turn(events);
	guest_fail(g, 0, CAPSULE_EGUEST, "no");
	expect(events, &ear, "denied", "it was denied");
	guest_drop(g);
	b = guest_add(events, "b", "[events]\ninbox_messages = 1\ninbox_bytes = 65536\n" ON("ask", "act"));
	for (int i = 0; i < 4; i++) {
		publish(events, "ask", "0");
		events_turn(events);
	}
	publish(events, "ask", REQUEST);
	publish(events, "ask", "1");
	expect(events, &ear, "overflow", "the capsule that handles it has too much to do");
	b->answers = "";
	while (b->call_count > 0)
		guest_answer(b, 0, "");
	ear_close(&ear);
	events_turn(events);
	assert_closed(events);
}

static void a_request_that_is_too_large_or_denied(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", "[events]\ninbox_bytes = 65536\n" ON("ask", "act"));
	struct guest *g = guest_add(events, "g", GUARD("other", "guard")),
		     *c = guest_add(events, "c", ON("other", "act"));
	HOLD(buffer_fini) struct buffer large = { 0 };
	struct ear ear;

	ear_open(&ear, events, "astrid.v1.response.failure.*");
	(void)buffer_printf(&large, "{\"req_id\":\"r\",\"x\":\"%070000d\"}", 0);
	publish(events, "ask", buffer_text(&large));
	expect(events, &ear, "too_large", "it is too large for the capsule that handles it");
	assert_int_equal(b->calls_ever, 0);
	/* The guard itself has seen it, which is no answer; nobody else has. */
	g->answers = DENY;
	publish(events, "other", REQUEST);
	expect(events, &ear, "denied", "it was denied");
	assert_int_equal(c->calls_ever, 0);
	g->answers = "";
	c->answers = "";
	publish(events, "other", REQUEST);
	events_turn(events);
	assert_heard(&ear, "");
	ear_close(&ear);
	assert_closed(events);
}

/* A guard is no receiver: when it lets a request pass that is for nobody, nobody has taken it. */
static void a_guard_alone_takes_nothing(void **state)
{
	struct events *events = *state;
	struct guest *g = guest_add(events, "g", GUARD("ask", "guard"));
	struct ear ear;

	ear_open(&ear, events, "astrid.v1.response.failure.*");
	g->answers = "";
	publish(events, "ask", REQUEST);
	expect(events, &ear, "no_receiver", "no capsule handles it");
	ear_close(&ear);
}

static void somebody_took_it(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("ask", "one") ON("ask", "two"));
	struct ear ear;

	ear_open(&ear, events, "astrid.v1.response.failure.*");
	publish(events, "ask", REQUEST);
	events_turn(events);
	guest_answer(b, 0, "");
	guest_fail(b, 0, CAPSULE_EGUEST, "no");
	events_turn(events);
	assert_heard(&ear, "");
	ear_close(&ear);
}

/* Its receiver fails, and so would whoever was told of that. */
static void there_is_no_receipt_for_a_receipt(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("*.*.*.*.*", "act"));

	b->refuses = CAPSULE_ESTATE;
	publish(events, "ask", REQUEST);
	events_turn(events);
	assert_int_equal(dispatch_counts(events->dispatch)->matched, 1);
	assert_int_equal(events->settled, 2);
}

/* A capsule that asks again whenever it is told that nobody answers. */
static void receipts_are_steps_of_a_loop(void **state)
{
	struct events *events = *state;
	const struct dispatch_options options = { .hops_most = 6 };
	struct publication publication = { 0 };
	struct guest *b;
	int asked = 0;

	events_open(events, &options);
	b = guest_add(events, "b", ON("astrid.v1.response.failure.*", "again"));
	assert_int_equal(publish_as(events, &publication, "ask", REQUEST, NULL), CAPSULE_OK);
	events_turn(events);
	while (b->call_count > 0) {
		struct publication again = { .source = "wasm_guest", .origin = guest_call(b, 0)->origin };

		assert_int_equal(again.origin.hops, 2 * ++asked);
		if (publish_as(events, &again, "ask", REQUEST, NULL) != CAPSULE_OK)
			assert_int_equal(asked, 3);
		guest_answer(b, 0, "");
		events_turn(events);
	}
	assert_int_equal(asked, 3);
	assert_closed(events);
}

static void there_is_a_bound_for_requests_of_one_turn(void **state)
{
	struct events *events = *state;
	struct ear ear;
	int lines = 0;

	ear_open(&ear, events, "astrid.v1.response.failure.*");
	for (int i = 0; i < 4100; i++)
		publish(events, "ask", REQUEST);
	assert_int_equal(events->dispatch->unanswered_count, 4096);
	assert_not_logged(events);
	/* They come in portions, or the inbox of whoever hears them would overflow. */
	for (int i = 0; i < 100; i++)
		events_turn(events);
	for (size_t i = 0; i < ear.heard.len; i++)
		lines += ear.heard.data[i] == '\n';
	assert_int_equal(lines, 4096);
	assert_int_equal(events->dispatch->unanswered_count, 0);
	assert_string_equal(buffer_text(&events->logged),
		": 4 requests that nobody took are not answered: there is no room for more than 4096 at once\n");
	ear_close(&ear);
}

/* However many they are, and for however long they come: one line in a while. */
static void requests_without_end_do_not_fill_the_log(void **state)
{
	struct events *events = *state;

	for (int turn = 0; turn < 50; turn++) {
		for (int i = 0; i < 4100; i++)
			publish(events, "ask", REQUEST);
		events_turn(events);
	}
	assert_string_equal(buffer_text(&events->logged),
		": 4 requests that nobody took are not answered: there is no room for more than 4096 at once\n");
	buffer_clear(&events->logged);
	events_advance(events, LIMIT_LAG_NOTICE_MS - 1);
	assert_not_logged(events);
	events_advance(events, 1);
	assert_string_equal(buffer_text(&events->logged),
		": 196 requests that nobody took are not answered: there is no room for more than 4096 at once\n");
}

/* What was to be told is not told, and nothing is left behind. */
static void the_dispatcher_goes_first(void **state)
{
	struct events *events = *state;
	const struct dispatch_options options = { 0 };
	struct guest *a = guest_add(events, "a", INBOX("1") ON("t", "act"));

	publish(events, "ask", REQUEST);
	flood(events, 3);
	events_turn(events);
	flood(events, 3);
	a->answers = "";
	events_turn(events);
	while (a->call_count > 0)
		guest_answer(a, 0, "");
	events_turn(events);
	guest_drop(a);
	publish(events, "ask", REQUEST);
	events_open(events, &options);
	events_advance(events, 60000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(losses_are_told_at_once_and_then_every_ten_seconds),
		TEST(who_lost_something_is_told),
		TEST(the_losses_of_what_looks_like_a_notice_are_told),
		TEST(the_losses_of_notices_are_no_news),
		TEST(a_request_without_a_receiver_is_answered),
		TEST(each_way_in_which_a_request_is_not_taken),
		TEST(a_request_that_is_too_large_or_denied),
		TEST(a_guard_alone_takes_nothing),
		TEST(somebody_took_it),
		TEST(there_is_no_receipt_for_a_receipt),
		TEST(receipts_are_steps_of_a_loop),
		TEST(there_is_a_bound_for_requests_of_one_turn),
		TEST(requests_without_end_do_not_fill_the_log),
		TEST(the_dispatcher_goes_first),
	};

	return cmocka_run_group_tests_name("dispatch_notices", tests, NULL, NULL);
}
