/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interceptors that decide and can't say anything: they fail, take too long, have no room, are not there any more. */
#include "dispatch/dispatch_fixture.h"

/* Each way in which a guard can have nothing to say. */
enum trouble { FAILS, TRAPS, TAKES_TOO_LONG, HAS_NO_EXPORT, REFUSES, BABBLES, OVERREACHES, GOES_WHILE_ASKED, TROUBLES };

static void make_trouble(struct events *events, struct guest *g, enum trouble trouble)
{
	switch (trouble) {
	case FAILS:
		guest_fail(g, 0, CAPSULE_EGUEST, "alas");
		break;
	case TRAPS:
		guest_fail(g, 0, CAPSULE_ETRAP, "unreachable");
		break;
	case TAKES_TOO_LONG:
		guest_fail(g, 0, CAPSULE_ETIMEOUT, "no time left");
		break;
	case HAS_NO_EXPORT:
		guest_fail(g, 0, CAPSULE_EUNSUPPORTED, "no such export");
		break;
	case BABBLES:
		guest_answer(g, 0, "well, yes");
		break;
	case OVERREACHES:
		guest_answer(g, 0, "{\"payload\":1}");
		break;
	case GOES_WHILE_ASKED:
		member_stop(g->member);
		guest_fail(g, 0, CAPSULE_ECANCELLED, "unloaded");
		break;
	default:
		break;
	}
	events_turn(events);
}

static void try_trouble(struct events *events, enum trouble trouble, bool allow, const char *why)
{
	struct guest *b = guest_add(events, "b", ON("t", "act"));
	struct guest *g = guest_add(
		events, "g", allow ? GUARD("t", "guard") "on_error = \"allow\"\n" : GUARD("t", "guard"));
	struct decision decision;

	g->refuses = trouble == REFUSES ? CAPSULE_ESTATE : CAPSULE_OK;
	ask(events, &decision, "t", "1");
	events_turn(events);
	make_trouble(events, g, trouble);
	if (allow) {
		assert_allowed(&decision);
		assert_string_equal(guest_sees(b, 0), "act 1");
		guest_answer(b, 0, "");
		events_turn(events);
	} else {
		assert_int_equal(b->calls_ever, 0);
		assert_int_equal(decision.told, 1);
		if (strstr(decision.denied, why) == NULL)
			fail_msg("%s", decision.denied);
	}
	assert_closed(events);
	guest_drop(g);
	guest_drop(b);
}

static void who_can_say_nothing_denies_unless_told_otherwise(void **state)
{
	static const char *const why[TROUBLES] = { [FAILS] = "interceptor `guard` failed: alas",
		[TRAPS] = "failed: unreachable",
		[TAKES_TOO_LONG] = "failed: no time left",
		[HAS_NO_EXPORT] = "failed: no such export",
		[REFUSES] = "failed: refused",
		[BABBLES] = "failed: its answer:",
		[OVERREACHES] = "only one with mode = \"rewrite\" may",
		[GOES_WHILE_ASKED] = "failed: unloaded" };

	for (int i = 0; i < TROUBLES; i++) {
		try_trouble(*state, (enum trouble)i, false, why[i]);
		try_trouble(*state, (enum trouble)i, true, NULL);
	}
}

static void an_answer_of_no_use_is_logged(void **state)
{
	struct events *events = *state;
	struct guest *g = guest_add(events, "g", GUARD("t", "guard") "on_error = \"allow\"\n");

	g->answers = "{\"verdict\":\"perhaps\"}";
	publish(events, "t", "1");
	events_turn(events);
	assert_logged(
		events, "g: interceptor `guard` decides about `t`, and its answer is of no use: its `verdict` must be");
	assert_notes(events, "g/guard t: delivered\nsettled t\n");
}

static void all_of_them_have_one_time_limit(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "one")), *b = guest_add(events, "b", GUARD("t", "two"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	events_advance(events, 6000);
	guest_answer(a, 0, ALLOW);
	events_turn(events);
	events_advance(events, 3999);
	assert_int_equal(b->call_count, 1);
	assert_int_equal(decision.told, 0);
	events_advance(events, 1);
	assert_int_equal(b->call_count, 0); /* cancelled */
	assert_denied(&decision,
		"denied by interceptor `two` of capsule 'b': interceptor `two` failed: all who decide took more than 10000 ms "
		"together");
	assert_closed(events);
}

/* The one who is asked is stuck behind its other calls. */
static void the_time_is_up_before_its_turn_comes(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("u", "busy") GUARD("t", "one"));
	struct guest *b = guest_add(
		events, "b", GUARD("t", "two") "on_error = \"allow\"\npriority = 1\n" ON("t", "act"));
	struct decision decision;

	for (int i = 0; i < 4; i++)
		publish(events, "u", "0");
	ask(events, &decision, "t", "1");
	events_advance(events, 10000);
	assert_denied(&decision,
		"denied by interceptor `one` of capsule 'a': interceptor `one` failed: all who decide took more than 10000 ms "
		"together");
	assert_int_equal(b->calls_ever, 0);
	for (int i = 0; i < 4; i++)
		guest_answer(a, 0, "");
	events_turn(events);
	assert_int_equal(a->calls_ever, 4);
	assert_closed(events);
}

static void those_who_allow_when_late_let_it_pass(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "one") "on_error = \"allow\"\n");
	struct guest *b = guest_add(events, "b", GUARD("t", "two") "on_error = \"allow\"\n" ON("t", "act"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	events_advance(events, 10000);
	assert_int_equal(a->call_count, 0);
	assert_allowed(&decision);
	assert_string_equal(guest_sees(b, 0), "act 1"); /* `two` was not asked any more */
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(b->calls_ever, 1);
	assert_closed(events);
}

static void a_guard_with_a_full_inbox_denies(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t", "act"));
	struct guest *g = guest_add(events, "g", INBOX("1") GUARD("t", "guard") "on_full = \"fail\"\n" ON("u", "busy"));
	struct decision decision;

	for (int i = 0; i < 5; i++) {
		publish(events, "u", "0");
		events_turn(events);
	}
	assert_int_equal(g->member->inbox.messages, 1);
	notes_clear(events);
	ask(events, &decision, "t", "1"); /* its publisher can't wait, so nothing fails for it */
	events_turn(events);
	assert_denied(&decision,
		"denied by interceptor `guard` of capsule 'g': interceptor `guard` failed: its inbox is full");
	assert_notes(events,
		"g/guard vetoes t: interceptor `guard` failed: its inbox is full\ng/guard t: overflow\n"
		"settled astrid.v1.event_bus.lagged\nb/act t: vetoed\nsettled t\n");
	assert_int_equal(b->calls_ever, 0);
	g->answers = "";
	while (g->call_count > 0)
		guest_answer(g, 0, "");
	events_turn(events);
	assert_closed(events);
}

/* A flood of others makes its turn go by: no way around a guard. */
static void a_guard_whose_turn_was_dropped_denies(void **state)
{
	struct events *events = *state;
	struct guest *g = guest_add(events, "g", INBOX("1") GUARD("t", "guard") ON("u", "busy"));
	struct decision decision;

	for (int i = 0; i < 4; i++) {
		publish(events, "u", "0");
		events_turn(events);
	}
	ask(events, &decision, "t", "1");
	publish(events, "u", "1");
	events_turn(events);
	assert_denied(&decision,
		"denied by interceptor `guard` of capsule 'g': interceptor `guard` failed: its inbox is full");
	g->answers = "";
	while (g->call_count > 0)
		guest_answer(g, 0, "");
	events_turn(events);
	assert_closed(events);
}

static void a_guard_that_goes_before_it_runs_denies(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t", "act")), *g = guest_add(events, "g", GUARD("t", "guard"));
	struct decision decision;

	ask(events, &decision, "t", "1"); /* it is asked, and has not begun */
	guest_drop(g);                    /* it is freed before the publisher is told */
	events_turn(events);
	assert_denied(&decision,
		"denied by interceptor `guard` of capsule 'g': interceptor `guard` failed: its capsule is not there any more");
	assert_int_equal(b->calls_ever, 0);
	assert_closed(events);
}

static void a_guard_that_goes_before_it_is_asked_denies(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "one")), *b = guest_add(events, "b", GUARD("t", "two"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_drop(b);
	assert_int_equal(decision.told, 0); /* the first one still runs */
	guest_answer(a, 0, ALLOW);
	events_turn(events);
	assert_denied(&decision,
		"denied by interceptor `two` of capsule 'b': interceptor `two` failed: its capsule is not there any more");
	assert_closed(events);
}

static void a_guard_that_allows_may_go(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "one") "on_error = \"allow\"\n" ON("u", "u"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	member_stop(a->member);
	events_turn(events);
	assert_allowed(&decision);
	assert_closed(events);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_can_say_nothing_denies_unless_told_otherwise),
		TEST(an_answer_of_no_use_is_logged),
		TEST(all_of_them_have_one_time_limit),
		TEST(the_time_is_up_before_its_turn_comes),
		TEST(those_who_allow_when_late_let_it_pass),
		TEST(a_guard_with_a_full_inbox_denies),
		TEST(a_guard_whose_turn_was_dropped_denies),
		TEST(a_guard_that_goes_before_it_runs_denies),
		TEST(a_guard_that_goes_before_it_is_asked_denies),
		TEST(a_guard_that_allows_may_go),
	};

	return cmocka_run_group_tests_name("dispatch_chain_trouble", tests, NULL, NULL);
}
