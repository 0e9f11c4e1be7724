/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events on their way to interceptors: who is called, in which order, how many at once, and what comes of it. */
#include "dispatch/dispatch_fixture.h"

/* rt:216 */
static void a_matching_interceptor_is_called(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("test.topic", "act"));

	publish(events, "other.topic", "{}");
	events_turn(events);
	assert_int_equal(a->call_count, 0);
	publish(events, "test.topic", "{\"n\":1}");
	assert_int_equal(a->calls_ever, 0); /* guests run from the loop only */
	events_turn(events);
	assert_int_equal(a->call_count, 1);
	assert_string_equal(guest_sees(a, 0), "act {\"n\":1}");
	guest_answer(a, 0, "");
	events_turn(events);
	assert_int_equal(a->calls_ever, 1);
	assert_notes(events, "settled other.topic\na/act test.topic: delivered\nsettled test.topic\n");
	assert_closed(events);
	assert_not_logged(events);
}

/* rt:215: as topic_match has it, at the far end of the way. */
static void a_star_is_one_segment_of_an_interceptor(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("foo.*", "one") ON("*.b.*", "mid"));

	a->answers = "";
	publish(events, "foo.bar.baz", "{}");
	publish(events, "x.c.z", "{}");
	events_turn(events);
	assert_int_equal(a->calls_ever, 0);
	publish(events, "foo.bar", "{}");
	publish(events, "a.b.c", "{}");
	events_turn(events);
	assert_int_equal(a->calls_ever, 2);
	assert_closed(events);
}

/* rt:217 */
static void two_capsules_do_not_wait_for_each_other(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("a", "act")), *b = guest_add(events, "b", ON("b", "act"));

	publish(events, "a", "1");
	publish(events, "b", "2");
	events_turn(events);
	assert_string_equal(guest_sees(a, 0), "act 1");
	assert_string_equal(guest_sees(b, 0), "act 2");
	guest_answer(b, 0, "");
	guest_answer(a, 0, "");
	events_turn(events);
	assert_closed(events);
}

static struct event_value text(const char *value)
{
	return (struct event_value){ .kind = EVENT_TEXT, .text = span_text(value) };
}

/* rt:218 */
static void a_lifecycle_event_comes_with_all_of_it(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("astrid.v1.lifecycle.tool_call_started", "act"));
	const struct event_value values[] = { { .kind = EVENT_UUID, .uuid = { { 1 } } }, text("look"), { 0 } };
	const char *seen;

	dispatch_lifecycle(events->dispatch, EVENT_TOOL_CALL_STARTED, values, 3);
	events_turn(events);
	seen = guest_sees(a, 0);
	assert_non_null(strstr(seen, "act {\"type\":\"tool_call_started\",\"metadata\":{\"event_id\":\""));
	assert_non_null(strstr(seen, "\"timestamp\":\"1970-01-01T00:00:00Z\""));
	assert_non_null(strstr(seen,
		"\"source\":\"runtime\"},\"call_id\":\"01000000-0000-0000-0000-000000000000\",\"tool_name\":\"look\","
		"\"server_name\":null}"));
	assert_string_equal(seen + strlen(seen) - 2, "l}");
	guest_answer(a, 0, DENY); /* it is a fact */
	events_turn(events);
	assert_notes(events,
		"a/act astrid.v1.lifecycle.tool_call_started: delivered\nsettled astrid.v1.lifecycle.tool_call_started\n");
	assert_closed(events);
}

/* rt:219 */
static void who_is_not_ready_gets_nothing(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_join(events, "a", ON("t", "act"));

	publish(events, "t", "{}");
	events_turn(events);
	assert_int_equal(a->calls_ever, 0);
	assert_int_equal(member_ready(a->member, NULL), CAPSULE_OK);
	events_turn(events);
	assert_int_equal(a->calls_ever, 0); /* what came before does not come later */
	member_stop(a->member);             /* as when it fails */
	publish(events, "t", "{}");
	events_turn(events);
	assert_int_equal(a->calls_ever, 0);
	assert_int_equal(dispatch_counts(events->dispatch)->matched, 0);
}

/* rt:219: also when it fails with events in its inbox, and nobody has told the dispatcher yet. */
static void who_has_failed_is_not_called(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));

	a->refuses = CAPSULE_ESTATE;
	publish(events, "t", "{}");
	events_turn(events);
	assert_int_equal(a->calls_ever, 0);
	assert_notes(events, "a/act t: failed\nsettled t\n");
	assert_logged(events, "a: interceptor `act` of `t` failed: refused");
	assert_closed(events);
}

/* rt:220 */
static void two_interceptors_of_one_capsule_are_both_called(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "one") ON("*", "two"));

	publish(events, "t", "7");
	events_turn(events);
	assert_int_equal(a->call_count, 2);
	assert_string_equal(guest_sees(a, 0), "one 7");
	assert_string_equal(guest_sees(a, 1), "two 7");
	guest_answer(a, 1, "");
	guest_answer(a, 0, "");
	events_turn(events);
	assert_int_equal(a->calls_ever, 2);
	assert_notes(events, "a/two t: delivered\na/one t: delivered\nsettled t\n");
}

/* rt:221 */
static void custom_payloads_are_bare_and_known_ones_tagged(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));

	publish(events, "t", "{\"k\":1}");
	publish(events, "t", "{\"type\":\"user_input\",\"text\":\"hi\",\"session_id\":\"s\",\"context\":null}");
	events_turn(events);
	assert_string_equal(guest_sees(a, 0), "act {\"k\":1}");
	assert_non_null(strstr(guest_sees(a, 1), "\"type\":\"user_input\""));
	guest_answer(a, 0, "");
	guest_answer(a, 0, "");
	events_turn(events);
}

/* rt:222 */
static void four_at_once_and_the_rest_in_order(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));
	char wanted[16];

	for (int i = 0; i < 10; i++) {
		(void)snprintf(wanted, sizeof wanted, "%d", i);
		publish(events, "t", wanted);
	}
	for (int i = 0; i < 10; i++) {
		events_turn(events);
		assert_int_equal(a->call_count, i < 6 ? LIMIT_CALLS_IN_PROGRESS : 10 - i);
		(void)snprintf(wanted, sizeof wanted, "act %d", i);
		assert_string_equal(guest_sees(a, 0), wanted);
		guest_answer(a, 0, "");
	}
	events_turn(events);
	assert_int_equal(a->calls_most, 4);
	assert_int_equal(a->calls_ever, 10);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_DELIVERED], 10);
	assert_closed(events);
}

/* rt:184 */
static void each_capsule_has_four_calls_of_its_own(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act") ON("t", "again")), *b;

	for (int i = 0; i < 4; i++)
		publish(events, "t", "1");
	events_turn(events);
	assert_int_equal(a->call_count, LIMIT_CALLS_IN_PROGRESS);
	assert_int_equal(a->member->in_progress, 4);
	b = guest_add(events, "b", ON("t", "act"));
	assert_int_equal(b->member->in_progress, 0);
	for (int i = 0; i < 5; i++)
		publish(events, "t", "2");
	events_turn(events);
	assert_int_equal(a->call_count, 4);
	assert_int_equal(b->call_count, 4);
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(b->call_count, 4);
	assert_int_equal(b->calls_ever, 5);
	assert_int_equal(a->calls_ever, 4); /* a place of another one is of no use to it */
	a->answers = b->answers = "";
	while (a->call_count > 0 || b->call_count > 0) {
		guest_answer(a->call_count > 0 ? a : b, 0, "");
		events_turn(events);
	}
	assert_int_equal(a->calls_most, 4);
	assert_int_equal(a->calls_ever, 18);
	assert_int_equal(b->calls_ever, 5);
	assert_closed(events);
}

/* rt:224 */
static void a_failure_is_logged_and_the_next_event_comes(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));

	publish(events, "t", "1");
	publish(events, "t", "2");
	events_turn(events);
	guest_fail(a, 0, CAPSULE_EGUEST, "out of luck");
	events_turn(events);
	assert_logged(events, "a: interceptor `act` of `t` failed: out of luck");
	guest_fail(a, 0, CAPSULE_EUNSUPPORTED, "Not supported");
	events_turn(events);
	assert_not_logged(events);
	assert_notes(events, "a/act t: failed\nsettled t\na/act t: failed\nsettled t\n");
	publish(events, "t", "3");
	events_turn(events);
	assert_string_equal(guest_sees(a, 0), "act 3");
	guest_fail(a, 0, CAPSULE_ETRAP, "unreachable");
	events_turn(events);
	assert_logged(events, "unreachable");
	assert_closed(events);
}

/* rt:226 */
static void matches_are_told(void **state)
{
	struct events *events = *state;
	struct publication publication = { 0 };
	struct guest *a = guest_add(events, "a", ON("t", "one") ON("t", "two"));

	assert_int_equal(a->member->inbox.budget.messages, 1024);
	assert_int_equal(publish_as(events, &publication, "u", "{}", NULL), CAPSULE_OK);
	assert_int_equal(publication.matches, 0);
	assert_int_equal(publish_as(events, &publication, "t", "{}", NULL), CAPSULE_OK);
	assert_int_equal(publication.matches, 2);
	assert_false(publication.asks);
	assert_true(dispatch_reaches(events->dispatch, span_text("t")));
	assert_false(dispatch_reaches(events->dispatch, span_text("u")));
	a->answers = "";
	events_turn(events);
	assert_closed(events);
}

static void a_capsule_gets_what_it_publishes_itself(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));
	const struct uuid session = { { 7 } };
	struct engine_call *call;

	member_session(a->member, &session);
	assert_int_equal(publish_from(a, "t", "1", NULL), CAPSULE_OK);
	events_turn(events);
	call = guest_call(a, 0);
	assert_memory_equal(&call->origin.source, &session, sizeof session);
	assert_int_equal(call->origin.hops, 1);
	assert_int_equal(call->origin.chain_len, 0);
	assert_int_not_equal(call->origin.call_id, 0);
	guest_answer(a, 0, "\"an answer nobody reads\"");
	events_turn(events);
	assert_int_equal(a->member->stats.published, 1);
	assert_closed(events);
}

static void each_call_has_its_time_limit(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "one") "timeout_ms = 250\n" ON("t", "two"));

	publish(events, "t", "1");
	events_turn(events);
	assert_int_equal(guest_call(a, 0)->wall_ms, 250);
	assert_int_equal(guest_call(a, 1)->wall_ms, 0);
	assert_true(guest_call(a, 0)->origin.call_id != guest_call(a, 1)->origin.call_id);
	guest_answer(a, 0, "");
	guest_answer(a, 0, "");
	events_turn(events);
}

static void nobody_to_get_it_and_nobody_to_watch(void **state)
{
	struct events *events = *state;

	dispatch_watch(events->dispatch, NULL);
	publish(events, "t", "{}");
	events_turn(events);
	assert_notes(events, "");
	assert_int_equal(dispatch_counts(events->dispatch)->matched, 0);
}

static void a_chain_of_events_has_an_end(void **state)
{
	struct events *events = *state;
	const struct dispatch_options options = { .hops_most = 3 };
	struct publication publication = { .source = "wasm_guest" };
	struct capsule_error err;
	struct guest *a;

	events_open(events, &options);
	a = guest_add(events, "a", ON("t", "act"));
	origin_init(&publication.origin);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(publish_as(events, &publication, "t", "1", NULL), CAPSULE_OK);
		events_turn(events);
		publication.origin = guest_call(a, 0)->origin;
		assert_int_equal(publication.origin.hops, i + 1);
		guest_answer(a, 0, "");
		events_turn(events);
	}
	assert_fails(publish_as(events, &publication, "t", "1", &err), &err, CAPSULE_ELIMIT,
		"3 events led to one another, each published while the one before was handled: `t`");
	assert_int_equal(dispatch_counts(events->dispatch)->matched, 3);
	assert_closed(events);
}

static void what_is_wanted_is_known_until_somebody_comes_or_goes(void **state)
{
	struct events *events = *state;
	struct guest *a;
	uint64_t generation;

	assert_true(dispatch_wanted(events->dispatch, EVENT_CONFIG_RELOADED)); /* somebody watches */
	dispatch_watch(events->dispatch, NULL);
	assert_false(dispatch_wanted(events->dispatch, EVENT_CONFIG_RELOADED));
	generation = dispatch_generation(events->dispatch);
	assert_int_not_equal(generation, 0);
	a = guest_add(events, "a", ON("astrid.v1.lifecycle.config_reloaded", "act"));
	assert_int_not_equal(dispatch_generation(events->dispatch), generation);
	assert_true(dispatch_wanted(events->dispatch, EVENT_CONFIG_RELOADED));
	assert_true(dispatch_wanted(events->dispatch, EVENT_CONFIG_RELOADED));
	assert_false(dispatch_wanted(events->dispatch, EVENT_CUSTOM));
	dispatch_lifecycle(events->dispatch, EVENT_CONFIG_RELOADED, NULL, 0);
	events_turn(events);
	assert_int_equal(a->call_count, 1);
	member_stop(a->member);
	assert_false(dispatch_wanted(events->dispatch, EVENT_CONFIG_RELOADED));
	dispatch_lifecycle(events->dispatch, EVENT_CONFIG_RELOADED, NULL, 0);
	assert_int_equal(dispatch_counts(events->dispatch)->matched, 1);
	guest_answer(a, 0, "");
	events_turn(events);
}

static void an_unload_ends_what_waits(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("5") ON("t", "act"));
	const uint64_t *outcomes = dispatch_counts(events->dispatch)->outcomes;

	for (int i = 0; i < 4; i++)
		publish(events, "t", "0");
	events_turn(events);
	for (int i = 0; i < 5; i++)
		publish(events, "t", "1");
	assert_int_equal(a->member->inbox.messages, 5);
	notes_clear(events);
	member_stop(a->member);
	assert_int_equal(outcomes[OUTCOME_GONE], 5);
	assert_int_equal(dispatch_counts(events->dispatch)->pending, 4); /* those that run go on */
	member_stop(a->member);
	for (int i = 0; i < 3; i++)
		guest_answer(a, 0, "");
	guest_fail(a, 0, CAPSULE_ECANCELLED, "unloaded");
	events_turn(events);
	assert_int_equal(outcomes[OUTCOME_DELIVERED], 3);
	assert_int_equal(outcomes[OUTCOME_FAILED], 1);
	assert_int_equal(events->settled, 9);
	assert_closed(events);
}

static void a_capsule_comes_back(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act") ON("u", "other"));

	publish(events, "t", "1");
	events_turn(events);
	member_stop(a->member);
	publish(events, "t", "2");
	/* The one from before still runs. */
	assert_int_equal(member_ready(a->member, NULL), CAPSULE_OK);
	assert_int_equal(member_ready(a->member, NULL), CAPSULE_OK);
	publish(events, "t", "3");
	events_turn(events);
	assert_int_equal(a->call_count, 2);
	assert_string_equal(guest_sees(a, 0), "act 1");
	assert_string_equal(guest_sees(a, 1), "act 3");
	guest_answer(a, 0, "");
	guest_answer(a, 0, "");
	events_turn(events);
	assert_closed(events);
	/* The next time it runs a loop: its interceptors are subscriptions. */
	member_stop(a->member);
	assert_int_equal(member_loops(a->member, NULL), CAPSULE_OK);
	assert_int_equal(member_ready(a->member, NULL), CAPSULE_OK);
	publish(events, "t", "4");
	events_turn(events);
	assert_int_equal(a->calls_ever, 2);
	assert_int_equal(a->member->inbox.messages, 1);
	member_stop(a->member);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_GONE], 1);
	assert_int_equal(member_ready(a->member, NULL), CAPSULE_OK);
	publish(events, "u", "5");
	events_turn(events);
	assert_string_equal(guest_sees(a, 0), "other 5");
	guest_answer(a, 0, "");
	events_turn(events);
	assert_closed(events);
}

/* Its load fails with one more. */
static void a_loop_has_64_interceptors_at_most(void **state)
{
	struct events *events = *state;
	HOLD(buffer_fini) struct buffer tables = { 0 }, told = { 0 };
	struct capsule_error err;
	struct guest *a, *b;

	for (int i = 0; i < 64; i++)
		(void)buffer_printf(&tables, "[[interceptor]]\nevent = \"t.e%d\"\naction = \"act\"\n", i);
	a = guest_join(events, "a", buffer_text(&tables));
	assert_int_equal(member_loops(a->member, NULL), CAPSULE_OK);
	assert_true(subscriptions_append_interceptors(member_subscriptions(a->member), &told));
	assert_non_null(strstr(buffer_text(&told), "[{\"handle_id\":1,\"action\":\"act\",\"topic\":\"t.e0\"}"));
	assert_non_null(strstr(buffer_text(&told), "{\"handle_id\":64,\"action\":\"act\",\"topic\":\"t.e63\"}]"));
	(void)buffer_append_text(&tables, ON("t.more", "act"));
	b = guest_join(events, "b", buffer_text(&tables));
	assert_fails(member_loops(b->member, &err), &err, CAPSULE_EMANIFEST,
		"a capsule with a run loop may declare 64 [[interceptor]] entries, this one has 65");
}

static void announcements_are_of_the_runtime(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));
	static const struct uuid nobody;

	dispatch_announce(events->dispatch, span_text("t"), span_text("{\"n\":1}"));
	events_turn(events);
	assert_string_equal(guest_sees(a, 0), "act {\"n\":1}");
	assert_memory_equal(&guest_call(a, 0)->origin.source, &nobody, sizeof nobody);
	guest_answer(a, 0, "");
	events_turn(events);
	assert_not_logged(events);
	dispatch_announce(events->dispatch, span_text("t"), span_text("no json"));
	assert_logged(events, "`t` was not published: not valid JSON");
}

/* What follows a call: it is over when the test says so. */
static struct op *following;

static bool follow(void *user, struct op *op, op_done_fn done, void *done_user)
{
	struct buffer result = op->result;

	(void)user;
	op->result = (struct buffer){ 0 };
	op_start(op, done, done_user, NULL, 0, "commit");
	op->result = result;
	following = op;
	return true;
}

static void the_outcome_comes_after_what_follows_the_call(void **state)
{
	struct events *events = *state;
	struct guest *a, *b = guest_add(events, "b", ON("t", "act"));

	events->after_call = follow;
	following = NULL;
	a = guest_add(events, "a", GUARD("t", "guard"));
	publish(events, "t", "1");
	events_turn(events);
	guest_answer(a, 0, DENY);
	events_turn(events);
	assert_notes(events, "");
	assert_non_null(following);
	op_finish(following);
	events_turn(events);
	assert_notes(events, "a/guard vetoes t: no\nb/act t: vetoed\na/guard t: delivered\nsettled t\n");
	following = NULL;
	publish(events, "t", "1");
	events_turn(events);
	guest_fail(a, 0, CAPSULE_EGUEST, "alas"); /* nothing is to follow that */
	events_turn(events);
	assert_null(following);
	assert_int_equal(b->calls_ever, 0);
	assert_closed(events);
}

/* Engines know of their calls alone: nothing keeps the capsule for what follows one. */
static void a_capsule_goes_while_something_follows(void **state)
{
	struct events *events = *state;
	struct guest *a, *b = guest_add(events, "b", ON("t", "act"));

	events->after_call = follow;
	a = guest_add(events, "a", GUARD("t", "guard"));
	publish(events, "t", "1");
	publish(events, "t", "2");
	events_turn(events);
	guest_answer(a, 0, ALLOW);
	events_turn(events);
	assert_int_equal(a->call_count, 1);
	assert_int_equal(a->member->in_progress, 2);
	guest_drop(a);
	events_turn(events);
	assert_int_equal(b->calls_ever, 1); /* the answer counts; the call that was stopped denies */
	assert_string_equal(guest_sees(b, 0), "act 1");
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_VETOED], 1);
	assert_closed(events);
}

static void count_ended(void *user, struct event *event)
{
	int *ended = user;

	assert_ptr_equal(event->ticket, user);
	assert_int_equal(event->open, 0);
	event->ticket = NULL;
	(*ended)++;
}

static void a_ticket_is_told_of_the_end_once(void **state)
{
	struct events *events = *state;
	int ended = 0;
	const struct dispatch_options options = { .ended = count_ended, .user = &ended };
	struct publication publication = { .ticket = &ended };
	struct guest *a;

	events_open(events, &options);
	dispatch_watch(events->dispatch, NULL);
	a = guest_add(events, "a", REWRITE("t", "make") ON("t", "act"));
	assert_int_equal(publish_as(events, &publication, "u", "1", NULL), CAPSULE_OK);
	assert_int_equal(ended, 1); /* it is for nobody */
	assert_int_equal(publish_as(events, &publication, "t", "1", NULL), CAPSULE_OK);
	events_turn(events);
	guest_answer(a, 0, "{\"payload\":2}");
	events_turn(events);
	assert_int_equal(ended, 1);
	assert_string_equal(guest_sees(a, 0), "act 2");
	guest_answer(a, 0, "");
	events_turn(events);
	assert_int_equal(ended, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_matching_interceptor_is_called),
		TEST(a_star_is_one_segment_of_an_interceptor),
		TEST(two_capsules_do_not_wait_for_each_other),
		TEST(a_lifecycle_event_comes_with_all_of_it),
		TEST(who_is_not_ready_gets_nothing),
		TEST(who_has_failed_is_not_called),
		TEST(two_interceptors_of_one_capsule_are_both_called),
		TEST(custom_payloads_are_bare_and_known_ones_tagged),
		TEST(four_at_once_and_the_rest_in_order),
		TEST(each_capsule_has_four_calls_of_its_own),
		TEST(a_failure_is_logged_and_the_next_event_comes),
		TEST(matches_are_told),
		TEST(a_capsule_gets_what_it_publishes_itself),
		TEST(each_call_has_its_time_limit),
		TEST(nobody_to_get_it_and_nobody_to_watch),
		TEST(a_chain_of_events_has_an_end),
		TEST(what_is_wanted_is_known_until_somebody_comes_or_goes),
		TEST(an_unload_ends_what_waits),
		TEST(a_capsule_comes_back),
		TEST(a_loop_has_64_interceptors_at_most),
		TEST(announcements_are_of_the_runtime),
		TEST(the_outcome_comes_after_what_follows_the_call),
		TEST(a_capsule_goes_while_something_follows),
		TEST(a_ticket_is_told_of_the_end_once),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
