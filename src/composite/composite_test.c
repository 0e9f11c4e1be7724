/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One life cycle over several engines, on a clock that is moved by hand. The engines are made here: each does what its test says,
 * and notes in one text what was asked of it, in order. */
#include "composite/composite_fixture.h"

/* ---- Loading ---- */

static void engines_are_loaded_in_order_and_unloaded_in_reverse(void **state) /* rt:178 */
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 3);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
	composite_fixture_load(fixture);
	assert_notes(fixture, "load a, load b, load c");
	assert_int_equal(fixture->changes, 2);
	assert_string_equal(composite_engine_name(fixture->composite, 2), "fake");
	assert_null(composite_engine_name(fixture->composite, 3));
	composite_fixture_unload(fixture);
	assert_notes(fixture, "unload c, unload b, unload a");
	assert_int_equal(fixture->changes, 4);
}

static void a_capsule_without_engines_is_ready(void **state) /* rt:180 rt:183 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 0);
	composite_fixture_load(fixture);
	waiter_init(&waiter, fixture);
	composite_wait_ready(fixture->composite, &waiter.op, 0, waiter_done, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_tools(fixture, "[]", 0);
	composite_fixture_unload(fixture);
}

static void an_engine_that_fails_takes_the_others_down(void **state) /* rt:185 */
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };
	WAITER(waiter);

	composite_fixture_make(fixture, 3);
	fixture->fakes[1]->load_error = "E";
	fixture->fakes[0]->tool = "t";
	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_EMODULE);
	assert_string_equal(waiter.error.text, "E");
	assert_int_equal(composite_state(fixture->composite, &why), COMPOSITE_FAILED);
	assert_int_equal(why.status, CAPSULE_EMODULE);
	assert_string_equal(why.text, "E");
	assert_notes(fixture, "load a, load b, unload b, unload a");
	assert_tools(fixture, "[]", 0);
	assert_false(fixture->fakes[0]->loaded);
}

static void what_failed_to_load_may_be_loaded_again(void **state)
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	fixture->fakes[1]->load_error = "E";
	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_EMODULE);
	fixture->fakes[1]->load_error = NULL;
	buffer_clear(&fixture->notes);
	composite_fixture_load(fixture);
	assert_notes(fixture, "load a, load b");
}

static void what_failed_by_itself_is_taken_down_before_it_is_loaded_again(void **state)
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 2);
	composite_fixture_load(fixture);
	fail_by_itself(fixture->fakes[0], "crashed");
	buffer_clear(&fixture->notes);
	composite_fixture_load(fixture);
	assert_notes(fixture, "unload b, unload a, load a, load b");
}

static void loading_twice_does_not_double_the_tools(void **state) /* rt:186 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 3);
	fixture->fakes[0]->tool = "one";
	fixture->fakes[2]->tool = "two";
	composite_fixture_load(fixture);
	assert_tools(fixture, "[{\"name\":\"one\"},{\"name\":\"two\"}]", 2);
	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_ESTATE);
	assert_string_equal(waiter.error.text, "capsule 'one' is loaded");
	composite_fixture_unload(fixture);
	assert_tools(fixture, "[]", 0);
	composite_fixture_load(fixture);
	assert_tools(fixture, "[{\"name\":\"one\"},{\"name\":\"two\"}]", 2);
}

static void a_cancelled_load_stops_the_engine_and_takes_the_others_down(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };
	WAITER(waiter);

	composite_fixture_make(fixture, 3);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &waiter);
	composite_fixture_turn(fixture);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_LOADING);
	assert_string_equal(composite_stage(fixture->composite), "thinking");
	op_cancel(&waiter.op);
	assert_ended(fixture, &waiter, CAPSULE_ECANCELLED);
	assert_int_equal(composite_state(fixture->composite, &why), COMPOSITE_FAILED);
	assert_int_equal(why.status, CAPSULE_ECANCELLED);
	assert_null(composite_stage(fixture->composite));
	assert_notes(fixture, "load a, load b, stop b, unload b, unload a");
}

static void a_load_may_be_cancelled_at_any_step(void **state)
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 3);
	for (int turns = 0; turns < 6; turns++) {
		WAITER(waiter);

		load_start(fixture, &waiter);
		for (int i = 0; i < turns; i++)
			(void)loop_turn(fixture->loop, 0);
		op_cancel(&waiter.op);
		composite_fixture_turn(fixture);
		assert_int_equal(waiter.done, 1);
		if (waiter.error.status == CAPSULE_OK) {
			composite_fixture_unload(fixture);
			continue;
		}
		assert_int_equal(waiter.error.status, CAPSULE_ECANCELLED);
		assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_FAILED);
		for (size_t i = 0; i < 3; i++)
			assert_false(fixture->fakes[i]->loaded);
	}
}

static void a_load_whose_handle_is_gone_is_cancelled(void **state)
{
	struct fixture *fixture = *state;
	struct waiter waiter;

	composite_fixture_make(fixture, 2);
	fixture->fakes[0]->hold_load = true;
	load_start(fixture, &waiter);
	composite_fixture_turn(fixture);
	op_fini(&waiter.op);
	composite_fixture_turn(fixture);
	assert_int_equal(waiter.done, 0);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_FAILED);
	assert_notes(fixture, "load a, stop a, unload a");
}

static void unloading_ends_a_load(void **state)
{
	struct fixture *fixture = *state;
	WAITER(loading);
	WAITER(unloading);

	composite_fixture_make(fixture, 2);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &loading);
	composite_fixture_turn(fixture);
	unload_start(fixture, &unloading);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADING);
	assert_ended(fixture, &loading, CAPSULE_ECANCELLED);
	assert_string_equal(loading.error.text, "cancelled: capsule 'one' is unloaded");
	assert_ended(fixture, &unloading, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
	assert_notes(fixture, "load a, load b, stop b, unload b, unload a");
}

static void unloading_while_a_failed_load_is_taken_down_ends_in_unloaded(void **state)
{
	struct fixture *fixture = *state;
	WAITER(loading);
	WAITER(unloading);

	composite_fixture_make(fixture, 2);
	fixture->fakes[1]->load_error = "E";
	fixture->fakes[0]->hold_unload = true;
	load_start(fixture, &loading);
	composite_fixture_turn(fixture);
	assert_non_null(fixture->fakes[0]->unloading);
	unload_start(fixture, &unloading);
	assert_ended(fixture, &loading, CAPSULE_ECANCELLED);
	assert_int_equal(unloading.done, 0);
	op_finish(fixture->fakes[0]->unloading);
	assert_ended(fixture, &unloading, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
}

/* ---- Health and calls ---- */

static void an_engine_that_fails_makes_the_capsule_fail(void **state) /* rt:179 */
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 }, err = { 0 };
	struct engine_call call = { 0 };

	composite_fixture_make(fixture, 2);
	fixture->fakes[0]->takes_calls = true;
	composite_fixture_load(fixture);
	fail_by_itself(fixture->fakes[1], "engine crashed");
	assert_int_equal(composite_state(fixture->composite, &why), COMPOSITE_FAILED);
	assert_int_equal(why.status, CAPSULE_ETRAP);
	assert_string_equal(why.text, "engine crashed");
	assert_string_equal(composite_state_name(COMPOSITE_FAILED), "failed");
	assert_int_equal(composite_call(fixture->composite, &call, waiter_done, NULL, &err), CAPSULE_ESTATE);
	assert_string_equal(err.text, "capsule 'one' has failed: engine crashed");
	assert_tools(fixture, "[]", 0);
	fail_by_itself(fixture->fakes[0], "and another");
	(void)composite_state(fixture->composite, &why);
	assert_string_equal(why.text, "engine crashed");
	composite_fixture_unload(fixture);
}

static void an_engine_that_failed_while_the_next_was_loaded_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &waiter);
	composite_fixture_turn(fixture);
	fail_by_itself(fixture->fakes[0], "engine crashed");
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_LOADING);
	op_finish(fixture->fakes[1]->loading);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, &why), COMPOSITE_FAILED);
	assert_string_equal(why.text, "engine crashed");
}

static void calls_go_to_the_first_engine_that_takes_them(void **state) /* rt:188 */
{
	struct fixture *fixture = *state;
	struct engine_call call, refused = { 0 };
	struct waiter end;
	struct capsule_error err = { 0 };

	composite_fixture_make(fixture, 2);
	composite_fixture_load(fixture);
	op_init(&refused.op, fixture->loop);
	refused.kind = ENGINE_INTERCEPTOR;
	assert_int_equal(composite_call(fixture->composite, &refused, waiter_done, NULL, &err), CAPSULE_EUNSUPPORTED);
	assert_string_equal(err.text, "Not supported: a");
	fixture->fakes[1]->takes_calls = true;
	call_start(fixture, &call, &end);
	buffer_append_text(&call.op.result, "B");
	call_finish(&call);
	composite_fixture_turn(fixture);
	assert_int_equal(end.done, 1);
	assert_string_equal(buffer_text(&call.op.result), "B");
	op_fini(&call.op);
	buffer_clear(&fixture->notes);
	fixture->fakes[0]->call_error = "E";
	assert_int_equal(composite_call(fixture->composite, &refused, waiter_done, NULL, &err), CAPSULE_EGUEST);
	assert_string_equal(err.text, "E");
	assert_notes(fixture, "call a");
	fixture->fakes[0]->call_error = NULL;
	fixture->fakes[1]->call_error = "later";
	assert_int_equal(composite_call(fixture->composite, &refused, waiter_done, NULL, &err), CAPSULE_EGUEST);
	assert_string_equal(err.text, "later");
}

static void without_engines_nothing_takes_calls(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call call = { 0 };
	struct capsule_error err = { 0 };

	composite_fixture_make(fixture, 0);
	assert_int_equal(composite_call(fixture->composite, &call, waiter_done, NULL, &err), CAPSULE_ESTATE);
	assert_string_equal(err.text, "capsule 'one' is not loaded");
	composite_fixture_load(fixture);
	assert_int_equal(composite_call(fixture->composite, &call, waiter_done, NULL, &err), CAPSULE_EUNSUPPORTED);
	assert_non_null(strstr(err.text, "nothing that takes calls"));
}

static void an_engine_may_leave_out_what_it_has_not(void **state)
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	composite_fixture_make(fixture, 2);
	fixture->fakes[0]->engine.ops = &plain_ops;
	fixture->fakes[1]->tool = "t";
	composite_fixture_load(fixture);
	assert_int_equal(composite_calls(fixture->composite), 0);
	assert_tools(fixture, "[{\"name\":\"t\"}]", 1);
	waiter_init(&waiter, fixture);
	composite_wait_ready(fixture->composite, &waiter.op, 10, waiter_done, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, composite_setup, composite_teardown)
	const struct CMUnitTest tests[] = {
		TEST(engines_are_loaded_in_order_and_unloaded_in_reverse),
		TEST(a_capsule_without_engines_is_ready),
		TEST(an_engine_that_fails_takes_the_others_down),
		TEST(what_failed_to_load_may_be_loaded_again),
		TEST(what_failed_by_itself_is_taken_down_before_it_is_loaded_again),
		TEST(loading_twice_does_not_double_the_tools),
		TEST(a_cancelled_load_stops_the_engine_and_takes_the_others_down),
		TEST(a_load_may_be_cancelled_at_any_step),
		TEST(a_load_whose_handle_is_gone_is_cancelled),
		TEST(unloading_ends_a_load),
		TEST(unloading_while_a_failed_load_is_taken_down_ends_in_unloaded),
		TEST(an_engine_that_fails_makes_the_capsule_fail),
		TEST(an_engine_that_failed_while_the_next_was_loaded_is_noticed),
		TEST(calls_go_to_the_first_engine_that_takes_them),
		TEST(without_engines_nothing_takes_calls),
		TEST(an_engine_may_leave_out_what_it_has_not),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
