/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interceptors that decide: asked in order, before anybody else, and what it means when one can't say anything. */
#include "dispatch/dispatch_fixture.h"

static void a_guard_is_asked_before_others_get_it(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t", "act")), *g = guest_add(events, "g", GUARD("t", "guard"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	assert_int_equal(b->call_count, 0);
	assert_string_equal(guest_sees(g, 0), "guard 1");
	guest_answer(g, 0, ALLOW);
	events_turn(events);
	assert_allowed(&decision);
	assert_string_equal(guest_sees(b, 0), "act 1");
	guest_answer(b, 0, "");
	events_turn(events);
	assert_notes(events, "g/guard t: delivered\nb/act t: delivered\nsettled t\n");
	assert_closed(events);
}

static void a_denial_is_told_with_its_reason(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t", "act")), *g = guest_add(events, "g", GUARD("t", "guard"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_answer(g, 0, "{\"verdict\":\"deny\",\"reason\":\"too loud\"}");
	events_turn(events);
	assert_denied(&decision, "denied by interceptor `guard` of capsule 'g': too loud");
	assert_int_equal(b->calls_ever, 0);
	assert_notes(events, "g/guard vetoes t: too loud\nb/act t: vetoed\ng/guard t: delivered\nsettled t\n");
	assert_int_equal(g->member->stats.vetoed, 1);
	assert_closed(events);
	assert_not_logged(events);
}

static void those_who_decide_come_by_priority_then_in_order_of_loading(void **state)
{
	struct events *events = *state;
	struct guest *x = guest_add(events, "x", GUARD("t", "x") "priority = 7\n"),
		     *y = guest_add(events, "y", GUARD("t", "y1") GUARD("t", "y2") "priority = -1\n"),
		     *z = guest_add(events, "z", REWRITE("t", "z"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	assert_string_equal(guest_sees(y, 0), "y2 1");
	guest_answer(y, 0, "");
	events_turn(events);
	assert_string_equal(guest_sees(y, 0), "y1 1");
	assert_int_equal(z->call_count, 0);
	guest_answer(y, 0, "null");
	events_turn(events);
	assert_string_equal(guest_sees(z, 0), "z 1");
	assert_int_equal(x->call_count, 0);
	guest_answer(z, 0, "{}");
	events_turn(events);
	assert_int_equal(decision.told, 0);
	assert_string_equal(guest_sees(x, 0), "x 1");
	guest_answer(x, 0, ALLOW);
	events_turn(events);
	assert_allowed(&decision);
	assert_closed(events);
}

static void one_of_equal_priority_can_still_veto(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "one")), *b = guest_add(events, "b", GUARD("t", "two"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_answer(a, 0, ALLOW);
	events_turn(events);
	guest_answer(b, 0, DENY);
	events_turn(events);
	assert_denied(&decision, "denied by interceptor `two` of capsule 'b': no");
}

static void after_a_denial_nobody_is_asked(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "one")), *b = guest_add(events, "b", GUARD("t", "two"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_answer(a, 0, DENY);
	events_turn(events);
	assert_int_equal(b->calls_ever, 0);
	assert_notes(events, "a/one vetoes t: no\nb/two t: vetoed\na/one t: delivered\nsettled t\n");
	assert_closed(events);
}

static void what_was_rewritten_is_what_the_others_get(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", REWRITE("t", "one")), *b = guest_add(events, "b", GUARD("t", "two"));
	struct guest *c = guest_add(events, "c", ON("t", "act"));
	struct decision decision;

	ask(events, &decision, "t", "{\"secret\":1}");
	events_turn(events);
	guest_answer(a, 0, "{\"payload\":{\"secret\":\"***\"}}");
	events_turn(events);
	assert_string_equal(guest_sees(b, 0), "two {\"secret\":\"***\"}");
	guest_answer(b, 0, ALLOW);
	events_turn(events);
	assert_allowed(&decision);
	assert_string_equal(decision.payload, "{\"secret\":\"***\"}");
	assert_string_equal(guest_sees(c, 0), "act {\"secret\":\"***\"}");
	guest_answer(c, 0, "");
	events_turn(events);
	assert_notes(events,
		"a/one makes t {\"secret\":\"***\"}\na/one t: delivered\nb/two t: delivered\nc/act t: delivered\nsettled t\n");
	assert_int_equal(a->member->stats.rewritten, 1);
	assert_closed(events);
}

static void receivers_that_go_do_not_stop_the_question(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t", "act")), *g = guest_add(events, "g", GUARD("t", "guard"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_drop(b);
	guest_answer(g, 0, ALLOW);
	events_turn(events);
	assert_allowed(&decision);
	assert_notes(events, "b/act t: gone\ng/guard t: delivered\nsettled t\n");
	assert_closed(events);
}

/* Both events are for b, and only the first is guarded by a slow guard. */
static void two_events_at_once_keep_their_order(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t.*", "act")), *c = guest_add(events, "c", ON("t.two", "act"));
	struct guest *g = guest_add(events, "g", GUARD("t.one", "slow") GUARD("t.two", "quick"));
	struct decision first, second;

	ask(events, &first, "t.one", "1");
	ask(events, &second, "t.two", "2");
	events_turn(events);
	assert_string_equal(guest_sees(g, 1), "quick 2");
	guest_answer(g, 1, ALLOW);
	events_turn(events);
	assert_allowed(&second);
	assert_int_equal(b->call_count, 0); /* its turn is after the first one's */
	assert_string_equal(guest_sees(c, 0), "act 2");
	guest_answer(g, 0, ALLOW);
	events_turn(events);
	assert_string_equal(guest_sees(b, 0), "act 1");
	assert_string_equal(guest_sees(b, 1), "act 2");
	b->answers = c->answers = "";
	guest_answer(b, 0, "");
	guest_answer(b, 0, "");
	guest_answer(c, 0, "");
	events_turn(events);
	assert_closed(events);
}

static void a_held_event_keeps_back_only_whom_it_would_reach(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", ON("t", "act") ON("u", "act"));
	struct guest *c = guest_add(events, "c", ON("u", "act")), *g = guest_add(events, "g", GUARD("t", "guard"));

	publish(events, "t", "1");
	publish(events, "u", "2");
	events_turn(events);
	assert_string_equal(guest_sees(c, 0), "act 2");
	assert_int_equal(b->call_count, 0);
	guest_answer(g, 0, DENY);
	events_turn(events);
	assert_int_equal(b->call_count, 1); /* what was denied is not in the way any more */
	assert_string_equal(guest_sees(b, 0), "act 2");
	guest_answer(b, 0, "");
	guest_answer(c, 0, "");
	events_turn(events);
	assert_closed(events);
}

static void facts_are_not_held(void **state)
{
	struct events *events = *state;
	struct guest *g = guest_add(events, "g", ON("astrid.v1.lifecycle.config_reloaded", "look"));
	struct guest *b = guest_add(events, "b", ON("*.*.*.*", "act"));

	/* The manifest's checks refuse it; what the dispatcher does must not depend on them. */
	member_stop(g->member);
	g->manifest->interceptors.items[0].mode = INTERCEPTOR_GUARDS;
	assert_int_equal(member_ready(g->member, NULL), CAPSULE_OK);
	dispatch_lifecycle(events->dispatch, EVENT_CONFIG_RELOADED, NULL, 0);
	events_turn(events);
	assert_int_equal(b->call_count, 1);
	guest_answer(g, 0, DENY);
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_DELIVERED], 2);
	assert_closed(events);
}

static void a_guard_is_asked_about_its_own_publication(void **state)
{
	struct events *events = *state;
	struct guest *g = guest_add(events, "g", GUARD("t", "guard") ON("t", "act"));

	assert_int_equal(publish_from(g, "t", "1", NULL), CAPSULE_OK);
	events_turn(events);
	assert_int_equal(g->call_count, 1);
	guest_answer(g, 0, ALLOW);
	events_turn(events);
	assert_string_equal(guest_sees(g, 0), "act 1");
	guest_answer(g, 0, "");
	events_turn(events);
	assert_closed(events);
}

/* What a rewriter puts in place may be too large for an inbox. */
static void what_was_made_too_large_is_counted(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", REWRITE("t", "one"));
	struct guest *b = guest_add(events, "b", "[events]\ninbox_bytes = 65536\n" GUARD("t", "two") ON("t", "act"));
	HOLD(buffer_fini) struct buffer large = { 0 };
	struct decision decision;

	(void)buffer_printf(&large, "{\"payload\":\"%070000d\"}", 0);
	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_answer(a, 0, buffer_text(&large));
	events_turn(events);
	assert_denied(&decision,
		"denied by interceptor `two` of capsule 'b': interceptor `two` failed: it is too large for its inbox");
	assert_int_equal(b->calls_ever, 0);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_TOO_LARGE], 1);
	assert_closed(events);
}

static void what_is_too_large_to_publish_is_no_rewriting(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", REWRITE("t", "one"));
	HOLD(buffer_fini) struct buffer large = { 0 };
	struct decision decision;

	(void)buffer_printf(&large, "{\"payload\":\"%0*d\"}", (int)LIMIT_PUBLISH, 0);
	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_answer(a, 0, buffer_text(&large));
	events_turn(events);
	assert_int_equal(decision.told, 1);
	assert_non_null(strstr(decision.denied, "interceptor `one` failed: "));
	assert_closed(events);
}

/* Nobody can be told any more, and nothing is left behind. */
static void the_dispatcher_may_go_before_the_end(void **state)
{
	struct events *events = *state;
	const struct dispatch_options options = { 0 };
	struct guest *g = guest_add(events, "g", GUARD("t", "guard"));
	struct decision decision;

	ask(events, &decision, "t", "1");
	member_stop(g->member); /* the chain is to end in the next turn */
	member_free(g->member);
	g->member = NULL;
	events->count = 0;
	events_open(events, &options);
	events_turn(events);
	assert_int_equal(decision.told, 0);
	composite_release(g->composite);
	events_turn(events);
	manifest_free(g->manifest);
	free(g);
}

static void long_reasons_are_cut_between_characters(void **state)
{
	struct events *events = *state;
	struct guest *g = guest_add(events, "g", GUARD("t", "guard"));
	HOLD(buffer_fini) struct buffer answer = { 0 };
	struct decision decision;
	size_t len;

	(void)buffer_append_text(&answer, "{\"verdict\":\"deny\",\"reason\":\"a");
	for (int i = 0; i < 400; i++)
		(void)buffer_append_text(&answer, "\xc3\xa4");
	(void)buffer_append_text(&answer, "\"}");
	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_answer(g, 0, buffer_text(&answer));
	events_turn(events);
	len = strlen(decision.denied);
	assert_string_equal(decision.denied + len - 2, "\xc3\xa4");
	/* The same of what a failure says. */
	ask(events, &decision, "t", "1");
	events_turn(events);
	guest_fail(g, 0, CAPSULE_EGUEST, buffer_text(&answer) + 28);
	events_turn(events);
	len = strlen(decision.denied);
	assert_string_equal(decision.denied + len - 2, "\xc3\xa4");
	assert_closed(events);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_guard_is_asked_before_others_get_it),
		TEST(a_denial_is_told_with_its_reason),
		TEST(those_who_decide_come_by_priority_then_in_order_of_loading),
		TEST(one_of_equal_priority_can_still_veto),
		TEST(after_a_denial_nobody_is_asked),
		TEST(what_was_rewritten_is_what_the_others_get),
		TEST(receivers_that_go_do_not_stop_the_question),
		TEST(two_events_at_once_keep_their_order),
		TEST(a_held_event_keeps_back_only_whom_it_would_reach),
		TEST(facts_are_not_held),
		TEST(a_guard_is_asked_about_its_own_publication),
		TEST(what_was_made_too_large_is_counted),
		TEST(what_is_too_large_to_publish_is_no_rewriting),
		TEST(the_dispatcher_may_go_before_the_end),
		TEST(long_reasons_are_cut_between_characters),
	};

	return cmocka_run_group_tests_name("dispatch_chain", tests, NULL, NULL);
}
