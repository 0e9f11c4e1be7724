/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hooks: whom a capsule's question reaches, what comes of the answers, and what ends the wait. */
#include "dispatch/dispatch_fixture.h"

static enum capsule_status call_hook(struct guest *caller, struct waiting *waiting, const char *topic,
	const struct origin *from, struct capsule_error *err)
{
	struct origin origin;

	origin_init(&origin);
	waiting_init(waiting, caller->events);
	return dispatch_hook(caller->member, from != NULL ? from : &origin, span_text(topic), span_text("{\"q\":1}"),
		&waiting->op, waiting_done, waiting, err);
}

static void hook(struct guest *caller, struct waiting *waiting, const char *topic)
{
	assert_int_equal(call_hook(caller, waiting, topic, NULL, NULL), CAPSULE_OK);
	assert_int_equal(waiting->done, 0);
}

static void assert_answers(struct waiting *waiting, const char *text)
{
	assert_int_equal(waiting->done, 1);
	assert_int_equal(waiting->error.status, CAPSULE_OK);
	assert_string_equal(buffer_text(&waiting->op.result), text);
}

/* rt:225 abi:83 */
static void interceptors_of_others_answer(void **state)
{
	struct events *events = *state;
	struct guest *c = guest_add(events, "c", ON("h.x", "one") ON("h.*", "two"));
	struct guest *a = guest_add(events, "a", ON("h.x", "own")), *b = guest_add(events, "b", ON("h.x", "act"));
	WAITING(waiting);

	hook(a, &waiting, "h.x");
	events_turn(events);
	assert_int_equal(a->calls_ever, 0);
	assert_string_equal(guest_sees(b, 0), "act {\"q\":1}");
	assert_string_equal(guest_sees(c, 0), "one {\"q\":1}");
	assert_string_equal(guest_sees(c, 1), "two {\"q\":1}");
	guest_answer(c, 1, " { \"c\" : 2 } ");
	guest_answer(c, 0, "1");
	events_turn(events);
	assert_int_equal(waiting.done, 0);
	guest_answer(b, 0, "\"b\"");
	events_turn(events);
	/* By capsule id, then as the manifest has them, whoever was loaded or answered first. */
	assert_answers(&waiting, "[\"b\",1,{\"c\":2}]");
	assert_int_equal(dispatch_counts(events->dispatch)->matched, 0); /* a hook is no event */
	assert_notes(events, "");
	assert_not_logged(events);
}

/* rt:225 */
static void nobody_to_answer(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("h", "own"));
	WAITING(waiting);

	hook(a, &waiting, "h");
	events_turn(events);
	assert_answers(&waiting, "[]");
	assert_null(a->member->hook);
}

/* abi:84 */
static void answers_that_are_left_out(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "act"));
	struct guest *c = guest_add(events, "c", ON("h", "act"));
	WAITING(first);
	WAITING(second);

	b->answers = "";
	c->answers = "nope";
	hook(a, &first, "h");
	events_turn(events);
	assert_answers(&first, "[]");
	assert_logged(events, "c: hook `h`: interceptor `act` is left out: its answer is no JSON");
	b->answers = "null";
	hook(a, &second, "h");
	events_turn(events);
	assert_answers(&second, "[null]");
}

/* abi:85 */
static void who_runs_a_loop_or_is_not_ready_contributes_nothing(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_join(events, "b", ON("h", "act"));
	struct guest *c = guest_join(events, "c", ON("h", "act"));
	WAITING(waiting);

	assert_int_equal(member_loops(c->member, NULL), CAPSULE_OK);
	assert_int_equal(member_ready(c->member, NULL), CAPSULE_OK);
	hook(a, &waiting, "h");
	events_turn(events);
	assert_answers(&waiting, "[]");
	assert_int_equal(b->calls_ever + c->calls_ever, 0);
	assert_int_equal(c->member->inbox.messages, 0);
}

static void failures_are_left_out(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(events, "b", ON("h", "one") ON("h", "two") ON("h", "three"));
	WAITING(waiting);

	hook(a, &waiting, "h");
	events_turn(events);
	guest_fail(b, 0, CAPSULE_ETRAP, "unreachable");
	events_turn(events);
	assert_logged(events, "b: hook `h`: interceptor `one` is left out: unreachable");
	guest_fail(b, 0, CAPSULE_EUNSUPPORTED, "no such export");
	guest_answer(b, 0, "3");
	events_turn(events);
	assert_answers(&waiting, "[3]");
	assert_not_logged(events);
}

static void calls_that_are_refused_are_left_out(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "act"));
	WAITING(waiting);

	b->refuses = CAPSULE_ESTATE;
	hook(a, &waiting, "h");
	events_turn(events);
	assert_answers(&waiting, "[]");
	assert_logged(events, "is left out: refused");
}

static void answers_are_as_large_as_one_payload_together(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "one") ON("h", "two"));
	HOLD(buffer_fini) struct buffer large = { 0 };
	WAITING(first);
	WAITING(second);

	(void)buffer_printf(&large, "\"%0*d\"", (int)LIMIT_PAYLOAD - 2, 0);
	hook(a, &first, "h");
	events_turn(events);
	guest_answer(b, 0, buffer_text(&large));
	guest_answer(b, 0, "2");
	events_turn(events);
	assert_int_equal(first.done, 1);
	assert_int_equal(first.op.result.len, LIMIT_PAYLOAD + 2);
	assert_logged(events, "interceptor `two` is left out: all answers together are too large");
	(void)buffer_append_byte(&large, ' ');
	hook(a, &second, "h");
	events_turn(events);
	guest_answer(b, 0, buffer_text(&large));
	guest_answer(b, 0, "2");
	events_turn(events);
	assert_answers(&second, "[2]");
	assert_logged(events, "interceptor `one` is left out: its answer is too large");
}

/* Hooks and events have the same four places, and neither waits for ever. */
static void calls_of_hooks_take_turns_with_events(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(
		events, "b", ON("h", "h1") ON("h", "h2") ON("h", "h3") ON("h", "h4") ON("h", "h5") ON("t", "act"));
	WAITING(waiting);

	for (int i = 0; i < 3; i++)
		publish(events, "t", "1");
	hook(a, &waiting, "h");
	events_turn(events);
	assert_int_equal(b->call_count, 4);
	assert_string_equal(guest_sees(b, 0), "h1 {\"q\":1}");
	assert_string_equal(guest_sees(b, 1), "act 1");
	assert_string_equal(guest_sees(b, 2), "h2 {\"q\":1}");
	assert_string_equal(guest_sees(b, 3), "act 1");
	b->answers = "7";
	while (b->call_count > 0)
		guest_answer(b, 0, "7");
	events_turn(events);
	assert_answers(&waiting, "[7,7,7,7,7]");
	assert_int_equal(b->calls_most, 4);
	assert_int_equal(b->calls_ever, 8);
	assert_closed(events);
}

static void a_hook_has_its_time(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(events, "b", ON("h", "act") "timeout_ms = 300\n" ON("u", "busy"));
	struct guest *c = guest_add(events, "c", ON("h", "act"));
	WAITING(waiting);

	hook(a, &waiting, "h");
	events_turn(events);
	assert_int_equal(guest_call(b, 0)->wall_ms, 300);
	assert_int_equal(guest_call(c, 0)->wall_ms, LIMIT_HOOK_MS);
	assert_int_equal(guest_call(c, 0)->origin.deadline_ns, LIMIT_HOOK_MS * NS_PER_MS);
	guest_answer(b, 0, "1");
	events_advance(events, LIMIT_HOOK_MS - 1);
	assert_int_equal(waiting.done, 0);
	events_advance(events, 1);
	assert_answers(&waiting, "[1]");
	assert_logged(events, "c: hook `h`: interceptor `act` is left out: it has not answered within 10000 ms");
	guest_answer(c, 0, "2"); /* nobody reads it */
	events_turn(events);
	assert_not_logged(events);
	assert_int_equal(c->member->in_progress, 0);
}

static void calls_that_have_not_begun_never_do(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "act") ON("u", "busy"));
	WAITING(waiting);

	for (int i = 0; i < 4; i++)
		publish(events, "u", "1");
	events_turn(events);
	hook(a, &waiting, "h");
	events_turn(events);
	assert_int_equal(b->call_count, 4);
	events_advance(events, LIMIT_HOOK_MS);
	assert_answers(&waiting, "[]");
	while (b->call_count > 0)
		guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(b->calls_ever, 4);
}

static void a_caller_lets_go(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "one") ON("h", "two"));
	struct guest *c = guest_add(events, "c", ON("h", "act"));
	WAITING(before);
	WAITING(during);
	WAITING(again);

	hook(a, &before, "h"); /* nothing has begun */
	op_cancel(&before.op);
	events_turn(events);
	assert_int_equal(before.error.status, CAPSULE_ECANCELLED);
	assert_int_equal(b->calls_ever + c->calls_ever, 0);
	hook(a, &during, "h");
	events_turn(events);
	guest_answer(b, 0, "1");
	events_turn(events);
	op_cancel(&during.op);
	assert_null(a->member->hook);
	events_turn(events);
	assert_int_equal(during.done, 1);
	assert_int_equal(during.error.status, CAPSULE_ECANCELLED);
	/* What still runs is in nobody's way. */
	hook(a, &again, "h");
	events_turn(events);
	assert_int_equal(b->call_count, 3);
	b->answers = c->answers = "5";
	while (b->call_count > 0)
		guest_answer(b, 0, "5");
	while (c->call_count > 0)
		guest_answer(c, 0, "5");
	events_turn(events);
	assert_answers(&again, "[5,5,5]");
	assert_not_logged(events);
}

/* Its operation goes with the call that made it. */
static void a_caller_is_gone(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "act"));
	struct waiting *waiting = calloc(1, sizeof *waiting);

	assert_non_null(waiting);
	hook(a, waiting, "h");
	events_turn(events);
	op_fini(&waiting->op);
	free(waiting);
	guest_drop(a);
	guest_answer(b, 0, "1");
	events_turn(events);
	assert_int_equal(b->member->in_progress, 0);
}

static void capsules_that_go_away(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "act"));
	struct guest *c = guest_add(events, "c", ON("h", "act") ON("u", "busy"));
	WAITING(waiting);

	for (int i = 0; i < 4; i++)
		publish(events, "u", "1");
	events_turn(events);
	hook(a, &waiting, "h");
	events_turn(events);
	guest_drop(c); /* its turn has not come */
	assert_logged(events, "c: hook `h`: interceptor `act` is left out: its capsule is not there any more");
	assert_int_equal(waiting.done, 0);
	member_stop(b->member); /* it runs */
	assert_int_equal(waiting.done, 0);
	guest_fail(b, 0, CAPSULE_ECANCELLED, "unloaded");
	events_turn(events);
	assert_answers(&waiting, "[]");
}

/* The event that b has to wait for does not keep it from answering: calls of hooks do not stand behind it. */
static void a_guard_asks_who_waits_for_what_it_says(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "guard"));
	struct guest *b = guest_add(events, "b", ON("t", "see") ON("h", "answer"));
	WAITING(waiting);

	publish(events, "t", "1");
	events_turn(events);
	assert_int_equal(a->call_count, 1);
	assert_int_equal(b->call_count, 0);
	hook(a, &waiting, "h");
	events_turn(events);
	guest_answer(b, 0, "\"yes\"");
	events_turn(events);
	assert_answers(&waiting, "[\"yes\"]");
	guest_answer(a, 0, ALLOW);
	events_turn(events);
	assert_string_equal(guest_sees(b, 0), "see 1");
	guest_answer(b, 0, "");
	events_turn(events);
	assert_closed(events);
}

static void a_circle_is_refused_at_once(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("back", "act")), *b = guest_add(events, "b", ON("h", "act"));
	struct capsule_error err;
	WAITING(outer);
	WAITING(inner);

	hook(a, &outer, "h");
	events_turn(events);
	/* b, while it answers, asks a. */
	assert_fails(call_hook(b, &inner, "back", &guest_call(b, 0)->origin, &err), &err, CAPSULE_ESTATE,
		"all that it calls wait for the caller: b -> a -> b");
	assert_false(op_pending(&inner.op));
	assert_null(b->member->hook);
	assert_logged(
		events, "a: hook `back`: interceptor `act` is left out: its capsule waits for the one that calls");
	guest_answer(b, 0, "1");
	events_turn(events);
	assert_answers(&outer, "[1]");
}

static void one_of_two_waits_for_the_caller(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("back", "act")), *b = guest_add(events, "b", ON("h", "act"));
	struct guest *c = guest_add(events, "c", ON("back", "act"));
	WAITING(outer);
	WAITING(inner);

	hook(a, &outer, "h");
	events_turn(events);
	hook(b, &inner, "back");
	assert_logged(events, "a: hook `back`: interceptor `act` is left out");
	events_turn(events);
	assert_int_equal(a->calls_ever, 0);
	guest_answer(c, 0, "\"c\"");
	events_turn(events);
	assert_answers(&inner, "[\"c\"]");
	guest_answer(b, 0, "1");
	events_turn(events);
	assert_answers(&outer, "[1]");
}

static void a_circle_of_three(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("to.a", "act")), *b = guest_add(events, "b", ON("to.b", "act"));
	struct guest *c = guest_add(events, "c", ON("to.c", "act"));
	struct capsule_error err;
	WAITING(first);
	WAITING(second);
	WAITING(third);

	hook(a, &first, "to.b");
	events_turn(events);
	hook(b, &second, "to.c");
	events_turn(events);
	assert_fails(call_hook(c, &third, "to.a", NULL, &err), &err, CAPSULE_ESTATE, "c -> a -> b -> c");
	guest_answer(c, 0, "1");
	events_turn(events);
	assert_answers(&second, "[1]");
	guest_answer(b, 0, "2");
	events_turn(events);
	assert_answers(&first, "[2]");
}

static void a_capsule_has_one_hook_at_a_time(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("h", "act"));
	struct capsule_error err;
	WAITING(first);
	WAITING(second);

	hook(a, &first, "h");
	assert_fails(call_hook(a, &second, "h", NULL, &err), &err, CAPSULE_ESTATE,
		"capsule 'a' waits for the answers to another hook");
	b->answers = "1";
	events_turn(events);
	assert_answers(&first, "[1]");
}

static void eight_may_wait_for_one_another(void **state)
{
	struct events *events = *state;
	struct guest *guests[10];
	static struct waiting waits[10];
	struct origin origin;
	struct capsule_error err;
	char id[16], tables[64], topic[16];

	for (int i = 0; i < 10; i++) {
		(void)snprintf(id, sizeof id, "g%d", i);
		(void)snprintf(tables, sizeof tables, "[[interceptor]]\nevent = \"h.%d\"\naction = \"act\"\n", i);
		guests[i] = guest_add(events, id, tables);
	}
	origin_init(&origin);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(topic, sizeof topic, "h.%d", i + 1);
		assert_int_equal(call_hook(guests[i], &waits[i], topic, &origin, NULL), CAPSULE_OK);
		events_turn(events);
		origin = guest_call(guests[i + 1], 0)->origin;
		assert_int_equal(origin.chain_len, i + 1);
		assert_int_equal(origin.chain[i], guests[i]->member->number);
	}
	assert_fails(call_hook(guests[8], &waits[8], "h.9", &origin, &err), &err, CAPSULE_ELIMIT,
		"8 capsules wait for one another already");
	for (int i = 8; i > 0; i--) {
		guest_answer(guests[i], 0, "1");
		events_turn(events);
		assert_answers(&waits[i - 1], "[1]");
		waiting_fini(&waits[i - 1]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(interceptors_of_others_answer),
		TEST(nobody_to_answer),
		TEST(answers_that_are_left_out),
		TEST(who_runs_a_loop_or_is_not_ready_contributes_nothing),
		TEST(failures_are_left_out),
		TEST(calls_that_are_refused_are_left_out),
		TEST(answers_are_as_large_as_one_payload_together),
		TEST(calls_of_hooks_take_turns_with_events),
		TEST(a_hook_has_its_time),
		TEST(calls_that_have_not_begun_never_do),
		TEST(a_caller_lets_go),
		TEST(a_caller_is_gone),
		TEST(capsules_that_go_away),
		TEST(a_guard_asks_who_waits_for_what_it_says),
		TEST(a_circle_is_refused_at_once),
		TEST(one_of_two_waits_for_the_caller),
		TEST(a_circle_of_three),
		TEST(a_capsule_has_one_hook_at_a_time),
		TEST(eight_may_wait_for_one_another),
	};

	return cmocka_run_group_tests_name("dispatch_hook", tests, NULL, NULL);
}
