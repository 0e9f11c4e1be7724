/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Taking a capsule down while something is under way, and waiting for it to be ready. */
#include "composite/composite_fixture.h"

/* ---- Unloading ---- */

static void an_unload_that_fails_does_not_keep_the_others(void **state) /* rt:187 */
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 3);
	fixture->fakes[1]->unload_error = "stuck";
	fixture->fakes[0]->tool = "t";
	composite_fixture_load(fixture);
	buffer_clear(&fixture->notes);
	composite_fixture_unload(fixture);
	assert_notes(fixture, "unload c, unload b, unload a");
	assert_tools(fixture, "[]", 0);
}

static void unloading_twice_is_one_unload_with_two_ends(void **state)
{
	struct fixture *fixture = *state;
	WAITER(first);
	WAITER(second);
	WAITER(third);

	composite_fixture_make(fixture, 1);
	composite_fixture_load(fixture);
	fixture->fakes[0]->hold_unload = true;
	unload_start(fixture, &first);
	unload_start(fixture, &second);
	composite_fixture_turn(fixture);
	assert_int_equal(first.done + second.done, 0);
	op_finish(fixture->fakes[0]->unloading);
	assert_ended(fixture, &first, CAPSULE_OK);
	assert_ended(fixture, &second, CAPSULE_OK);
	unload_start(fixture, &third);
	assert_ended(fixture, &third, CAPSULE_OK);
	assert_notes(fixture, "load a, unload a");
}

static void who_waits_for_an_unload_may_go(void **state)
{
	struct fixture *fixture = *state;
	struct waiter waiter;

	composite_fixture_make(fixture, 1);
	composite_fixture_load(fixture);
	fixture->fakes[0]->hold_unload = true;
	unload_start(fixture, &waiter);
	op_fini(&waiter.op);
	composite_fixture_turn(fixture);
	op_finish(fixture->fakes[0]->unloading);
	composite_fixture_turn(fixture);
	assert_int_equal(waiter.done, 0);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
}

static void calls_in_flight_may_end_while_it_is_unloaded(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call calls[2], late = { 0 };
	struct waiter ends[2];
	struct capsule_error err = { 0 };
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	fixture->fakes[0]->takes_calls = true;
	composite_fixture_load(fixture);
	call_start(fixture, &calls[0], &ends[0]);
	call_start(fixture, &calls[1], &ends[1]);
	assert_int_equal(composite_calls(fixture->composite), 2);
	unload_start(fixture, &waiter);
	composite_fixture_advance(fixture, 99);
	assert_int_equal(waiter.done, 0);
	op_init(&late.op, fixture->loop);
	assert_int_equal(composite_call(fixture->composite, &late, waiter_done, NULL, &err), CAPSULE_ESTATE);
	assert_string_equal(err.text, "capsule 'one' is being unloaded");
	call_finish(&calls[0]);
	composite_fixture_turn(fixture);
	assert_int_equal(waiter.done, 0);
	call_finish(&calls[1]);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(ends[0].done + ends[1].done, 2);
	assert_int_equal(ends[1].error.status, CAPSULE_OK);
	assert_int_equal(fixture->logged.len, 0);
	op_fini(&calls[0].op);
	op_fini(&calls[1].op);
}

static void calls_are_stopped_when_their_time_is_over(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call call;
	struct waiter end;
	WAITER(waiter);

	composite_fixture_make(fixture, 1);
	fixture->fakes[0]->takes_calls = true;
	composite_fixture_load(fixture);
	call_start(fixture, &call, &end);
	unload_start(fixture, &waiter);
	composite_fixture_advance(fixture, 99);
	assert_int_equal(waiter.done, 0);
	composite_fixture_advance(fixture, 1);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(end.done, 1);
	assert_string_equal(end.error.text, "stopped");
	assert_string_equal(buffer_text(&fixture->logged), "one: unloading: 1 calls are stopped after 100 ms\n");
	op_fini(&call.op);
}

static void a_call_that_is_given_up_counts_no_longer(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call call;
	struct waiter end;
	WAITER(waiter);

	composite_fixture_make(fixture, 1);
	fixture->fakes[0]->takes_calls = true;
	composite_fixture_load(fixture);
	call_start(fixture, &call, &end);
	unload_start(fixture, &waiter);
	op_fini(&call.op);
	assert_notes(fixture, "load a, call a");
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(end.done, 0);
}

static void the_last_reference_frees(void **state)
{
	struct fixture *fixture = *state;
	struct composite *composite;

	composite_fixture_make(fixture, 2);
	composite_fixture_load(fixture);
	composite = composite_hold(fixture->composite);
	composite_release(composite);
	composite_fixture_turn(fixture);
	assert_int_equal(composite_state(composite, NULL), COMPOSITE_READY);
	composite_release(composite);
	composite_fixture_turn(fixture);
	assert_int_equal(fixture->gone, 1);
	assert_notes(fixture, "load a, load b, unload b, unload a");
}

static void a_release_lets_calls_in_flight_end(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call call;
	struct waiter end;

	composite_fixture_make(fixture, 1);
	fixture->fakes[0]->takes_calls = true;
	composite_fixture_load(fixture);
	call_start(fixture, &call, &end);
	composite_release(fixture->composite);
	composite_fixture_advance(fixture, 99);
	assert_int_equal(fixture->gone, 0);
	call_finish(&call);
	composite_fixture_turn(fixture);
	assert_int_equal(fixture->gone, 1);
	assert_int_equal(end.error.status, CAPSULE_OK);
	op_fini(&call.op);
}

static void a_release_while_it_loads_or_failed_unloads_and_frees(void **state)
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &waiter);
	composite_fixture_turn(fixture);
	composite_release(fixture->composite);
	assert_ended(fixture, &waiter, CAPSULE_ECANCELLED);
	assert_int_equal(fixture->gone, 1);
	assert_notes(fixture, "load a, load b, stop b, unload b, unload a");
}

static void engines_are_added_before_the_first_load_only(void **state)
{
	struct fixture *fixture = *state;
	struct fake *late = calloc(1, sizeof *late);
	struct capsule_error err = { 0 };

	assert_non_null(late);
	composite_fixture_make(fixture, 1);
	composite_fixture_load(fixture);
	late->engine.ops = &fake_ops;
	late->fixture = fixture;
	list_init(&late->waiting);
	assert_int_equal(composite_add(fixture->composite, &late->engine, &err), CAPSULE_ESTATE);
}

/* ---- Readiness ---- */

static void wait_start(struct fixture *fixture, struct waiter *waiter, uint64_t timeout_ms)
{
	waiter_init(waiter, fixture);
	composite_wait_ready(fixture->composite, &waiter->op, timeout_ms, waiter_done, waiter);
}

static void become_ready(struct fake *fake)
{
	struct list_node *node;

	fake->ready = true;
	while ((node = list_take_first(&fake->waiting)) != NULL)
		op_finish(LIST_ENTRY(node, struct op, link));
}

static void all_engines_share_one_deadline(void **state) /* rt:181 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	fixture->fakes[0]->hold_ready = true;
	composite_fixture_load(fixture);
	buffer_clear(&fixture->notes);
	wait_start(fixture, &waiter, 50);
	composite_fixture_turn(fixture);
	composite_fixture_advance(fixture, 49);
	assert_int_equal(waiter.done, 0);
	clock_manual_advance(&fixture->clock, NS_PER_MS);
	assert_ended(fixture, &waiter, CAPSULE_ETIMEOUT);
	become_ready(fixture->fakes[0]);
	composite_fixture_turn(fixture);
	assert_notes(fixture, "wait a");
}

static void healthy_engines_are_ready(void **state) /* rt:182 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	composite_fixture_load(fixture);
	wait_start(fixture, &waiter, 100);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_notes(fixture, "load a, load b, wait a, wait b");
}

static void without_time_nothing_is_ready(void **state) /* rt:183 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 1);
	composite_fixture_load(fixture);
	wait_start(fixture, &waiter, 0);
	assert_ended(fixture, &waiter, CAPSULE_ETIMEOUT);
}

static void many_may_wait(void **state) /* rt:196 */
{
	struct fixture *fixture = *state;
	WAITER(patient);
	WAITER(short_time);
	WAITER(cancelled);
	WAITER(late);

	composite_fixture_make(fixture, 2);
	fixture->fakes[1]->hold_ready = true;
	composite_fixture_load(fixture);
	wait_start(fixture, &patient, 500);
	wait_start(fixture, &short_time, 10);
	wait_start(fixture, &cancelled, 500);
	composite_fixture_turn(fixture);
	op_cancel(&cancelled.op);
	assert_ended(fixture, &cancelled, CAPSULE_ECANCELLED);
	composite_fixture_advance(fixture, 20);
	assert_ended(fixture, &short_time, CAPSULE_ETIMEOUT);
	become_ready(fixture->fakes[1]);
	assert_ended(fixture, &patient, CAPSULE_OK);
	wait_start(fixture, &late, 1);
	assert_ended(fixture, &late, CAPSULE_OK);
}

static void unloading_ends_who_waits_for_readiness(void **state)
{
	struct fixture *fixture = *state;
	WAITER(waiter);
	WAITER(late);

	composite_fixture_make(fixture, 1);
	fixture->fakes[0]->hold_ready = true;
	composite_fixture_load(fixture);
	wait_start(fixture, &waiter, 500);
	composite_fixture_turn(fixture);
	composite_fixture_unload(fixture);
	assert_ended(fixture, &waiter, CAPSULE_ESTATE);
	wait_start(fixture, &late, 500);
	assert_ended(fixture, &late, CAPSULE_ESTATE);
	assert_string_equal(late.error.text, "capsule 'one' is not loaded");
}

static void who_waits_for_readiness_may_go(void **state)
{
	struct fixture *fixture = *state;
	struct waiter waiter;

	composite_fixture_make(fixture, 1);
	fixture->fakes[0]->hold_ready = true;
	composite_fixture_load(fixture);
	wait_start(fixture, &waiter, 500);
	composite_fixture_turn(fixture);
	op_fini(&waiter.op);
	become_ready(fixture->fakes[0]);
	composite_fixture_advance(fixture, 500);
	assert_int_equal(waiter.done, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, composite_setup, composite_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_unload_that_fails_does_not_keep_the_others),
		TEST(unloading_twice_is_one_unload_with_two_ends),
		TEST(who_waits_for_an_unload_may_go),
		TEST(calls_in_flight_may_end_while_it_is_unloaded),
		TEST(calls_are_stopped_when_their_time_is_over),
		TEST(a_call_that_is_given_up_counts_no_longer),
		TEST(the_last_reference_frees),
		TEST(a_release_lets_calls_in_flight_end),
		TEST(a_release_while_it_loads_or_failed_unloads_and_frees),
		TEST(engines_are_added_before_the_first_load_only),
		TEST(all_engines_share_one_deadline),
		TEST(healthy_engines_are_ready),
		TEST(without_time_nothing_is_ready),
		TEST(many_may_wait),
		TEST(unloading_ends_who_waits_for_readiness),
		TEST(who_waits_for_readiness_may_go),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
