/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Several loads at once: how many children there are, who shares one, and what becomes of a child whose load is given up. A
 * child is stopped by a signal where a test needs it to be under way. */
#include "engine/wasm/compile_fixture.h"

#include "engine/wasm/shared.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SAME 5 /* loads of the same bytes */

static const struct module_plan endless = { .ifs = ENDLESS_IFS, .data_bytes = 1, .answer = 1 };

static size_t modules(const struct engine_fixture *fixture)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (map_next(&fixture->runtime->modules, &cursor, NULL, &value))
		count++;
	return count;
}

static void assert_cancelled(struct guest *guest)
{
	assert_int_equal(watch_load(guest), 0);
	assert_int_equal(guest->load_error.status, CAPSULE_ECANCELLED);
	guest_free(guest);
}

/* As compile_fixture_new() would: a runtime that has `jobs` children at most. */
static void use_jobs(struct engine_fixture *fixture, uint32_t jobs)
{
	engine_fixture_restart(fixture, (struct wasm_options){ .compile_jobs = jobs });
}

/* ---- The same bytes ---- */

static void test_loads_of_the_same_bytes_share_one_child(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guests[SAME];

	use_jobs(fixture, SAME);
	for (size_t i = 0; i < SAME; i++)
		guests[i] = start_large(fixture, 7);
	for (size_t i = 0; i < SAME; i++) {
		assert_true(watch_load(guests[i]) <= 1);
		assert_loaded(guests[i], 7);
	}
	assert_int_equal(modules(fixture), 1);
	for (size_t i = 0; i < SAME; i++)
		guest_free(guests[i]);
	assert_int_equal(modules(fixture), 0);
}

static void test_when_the_first_of_them_is_cancelled_the_others_get_it(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first = start_large(fixture, 7), *second = start_large(fixture, 7);
	pid_t child = await_children(fixture, 1);
	struct guest *third;

	stop_child(child);
	op_cancel(&first->load);
	assert_int_equal(count_children(NULL), 1);
	third = start_large(fixture, 7);
	settle(fixture);
	assert_int_equal(await_children(fixture, 1), child);
	assert_int_equal(second->loaded + third->loaded, 0);
	continue_child(child);
	assert_loaded(second, 7);
	assert_loaded(third, 7);
	assert_cancelled(first);
	assert_int_equal(modules(fixture), 1);
	guest_free(second);
	guest_free(third);
}

static void test_when_the_first_of_them_is_unloaded_the_others_get_it(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first = start_large(fixture, 7), *second = start_large(fixture, 7);
	pid_t child = await_children(fixture, 1);

	stop_child(child);
	guest_free(first);
	assert_int_equal(await_children(fixture, 1), child);
	continue_child(child);
	assert_loaded(second, 7);
	guest_free(second);
}

static void test_when_a_later_one_is_cancelled_the_first_gets_it(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first = start_large(fixture, 7), *second = start_large(fixture, 7);
	pid_t child = await_children(fixture, 1);

	stop_child(child);
	settle(fixture);
	op_cancel(&second->load);
	settle(fixture);
	assert_int_equal(await_children(fixture, 1), child);
	continue_child(child);
	assert_loaded(first, 7);
	assert_cancelled(second);
	guest_free(first);
}

static void test_when_all_of_them_are_cancelled_the_child_goes(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guests[3];
	static const size_t orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 } };

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < 3; i++)
			guests[i] = start_plan(fixture, &endless);
		stop_child(await_children(fixture, 1));
		settle(fixture);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(count_children(NULL), 1);
			op_cancel(&guests[orders[round][i]]->load);
		}
		(void)await_children(fixture, 0);
		assert_int_equal(fixture->runtime->jobs, 0);
		for (size_t i = 0; i < 3; i++)
			assert_cancelled(guests[i]);
	}
}

static void test_a_failure_is_told_to_each_of_them_with_its_own_name(void **state)
{
	const struct module_plan plan = { .functions = LARGE_FUNCTIONS, .data_bytes = 1, .answer = 1, .broken = true };
	struct engine_fixture *fixture = *state;
	struct guest *first = start_plan(fixture, &plan), *second = start_plan(fixture, &plan);

	assert_true(watch_load(first) == 1 && watch_load(second) <= 1);
	assert_says(first->load_error.text, "guest-1.wasm: it is no valid module");
	assert_says(second->load_error.text, "guest-2.wasm: it is no valid module");
	assert_null(strstr(second->load_error.text, "guest-1"));
	assert_refused(first, CAPSULE_EMODULE, "type mismatch");
	assert_refused(second, CAPSULE_EMODULE, "type mismatch");
}

static void test_loads_on_the_pool_share_too(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first, *second, *third;

	engine_fixture_restart(fixture, (struct wasm_options){ .compile_in_process = true });
	first = start_large(fixture, 7);
	second = start_large(fixture, 7);
	(void)loop_turn(fixture->loop, 0);
	(void)loop_turn(fixture->loop, 0);
	op_cancel(&first->load);
	op_cancel(&second->load);
	third = start_large(fixture, 7);
	assert_loaded(third, 7);
	assert_cancelled(first);
	assert_cancelled(second);
	assert_int_equal(modules(fixture), 1);
	guest_free(third);
}

/* ---- Loads that are given up ---- */

static void test_unloading_ends_the_child(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = start_plan(fixture, &endless);

	(void)await_children(fixture, 1);
	guest_unload(guest);
	(void)await_children(fixture, 0);
	assert_int_equal(guest->loaded, 1);
	assert_says(guest->load_error.text, "is unloaded");
	assert_cancelled(guest);
}

static void test_a_runtime_that_is_freed_leaves_no_child(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = start_plan(fixture, &endless);

	(void)await_children(fixture, 1);
	guest_free(guest); /* the runtime, and what is left of the child, goes with the fixture */
}

static void inspected(struct op *op, void *user)
{
	int *ends = user;

	(void)op;
	++*ends;
}

static void test_an_inspection_is_compiled_by_a_child_and_can_be_cancelled(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = start_plan(fixture, &endless);
	const struct engine_env env = { .loop = fixture->loop, .capsule_id = "tested", .log = &fixture->log };
	int ends = 0;
	struct op op;

	(void)await_children(fixture, 1);
	op_cancel(&guest->load);
	(void)await_children(fixture, 0);
	assert_cancelled(guest);
	op_init(&op, fixture->loop);
	op_start(&op, inspected, &ends, NULL, 0, "inspect");
	wasm_inspect(fixture->runtime, &env, compile_path(fixture, "guest-1.wasm"), &op);
	(void)await_children(fixture, 1);
	op_cancel(&op);
	(void)await_children(fixture, 0);
	turn_until(fixture, &ends, 1);
	assert_int_equal(op.error.status, CAPSULE_ECANCELLED);
	op_fini(&op);
}

/* ---- Taking turns ---- */

static void test_one_job_is_one_child_at_a_time(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guests[3];

	use_jobs(fixture, 1);
	for (uint8_t i = 0; i < 3; i++)
		guests[i] = start_large(fixture, i + 1);
	for (uint8_t i = 0; i < 3; i++)
		assert_true(watch_load(guests[i]) <= 1);
	for (uint8_t i = 0; i < 3; i++) {
		assert_loaded(guests[i], i + 1);
		guest_free(guests[i]);
	}
}

static void test_two_jobs_are_two_children_and_the_third_waits(void **state)
{
	struct engine_fixture *fixture = *state;
	struct module_plan plan = endless;
	struct guest *guests[3];

	use_jobs(fixture, 2);
	for (size_t i = 0; i < 3; i++) {
		plan.answer++;
		guests[i] = start_plan(fixture, &plan);
	}
	(void)await_children(fixture, 2);
	settle(fixture);
	assert_int_equal(fixture->runtime->compiler.running, 2);
	(void)await_children(fixture, 2);
	for (size_t i = 0; i < 3; i++)
		guest_free(guests[i]);
}

static void test_a_load_that_waits_for_its_turn_gets_it_when_another_is_cancelled(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first, *second;
	pid_t child;

	use_jobs(fixture, 1);
	first = start_plan(fixture, &endless);
	child = await_children(fixture, 1);
	second = start_large(fixture, 8);
	settle(fixture);
	assert_int_equal(await_children(fixture, 1), child);
	op_cancel(&first->load);
	assert_loaded(second, 8);
	assert_cancelled(first);
	guest_free(second);
}

static void test_a_load_that_waits_for_its_turn_can_be_cancelled(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first, *second, *third;
	pid_t child;

	use_jobs(fixture, 1);
	first = start_large(fixture, 7);
	child = await_children(fixture, 1);
	stop_child(child);
	second = start_plan(fixture, &endless);
	third = start_large(fixture, 8);
	settle(fixture);
	op_cancel(&second->load);
	settle(fixture);
	assert_int_equal(second->loaded, 1);
	assert_int_equal(await_children(fixture, 1), child);
	continue_child(child);
	assert_loaded(first, 7);
	assert_loaded(third, 8);
	assert_cancelled(second);
	guest_free(first);
	guest_free(third);
}

/* ---- What is said meanwhile ---- */

static void test_the_stage_says_that_it_is_compiled(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *first = start_large(fixture, 7), *second = start_large(fixture, 7);
	pid_t child = await_children(fixture, 1);

	stop_child(child);
	settle(fixture);
	assert_string_equal(first->load.stage, "compiling");
	assert_string_equal(second->load.stage, "compiling");
	continue_child(child);
	assert_loaded(first, 7);
	assert_loaded(second, 7);
	assert_null(first->load.stage);
	assert_null(second->load.stage);
	guest_free(first);
	guest_free(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, compile_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_loads_of_the_same_bytes_share_one_child),
		TEST(test_when_the_first_of_them_is_cancelled_the_others_get_it),
		TEST(test_when_the_first_of_them_is_unloaded_the_others_get_it),
		TEST(test_when_a_later_one_is_cancelled_the_first_gets_it),
		TEST(test_when_all_of_them_are_cancelled_the_child_goes),
		TEST(test_a_failure_is_told_to_each_of_them_with_its_own_name),
		TEST(test_loads_on_the_pool_share_too),
		TEST(test_unloading_ends_the_child),
		TEST(test_a_runtime_that_is_freed_leaves_no_child),
		TEST(test_an_inspection_is_compiled_by_a_child_and_can_be_cancelled),
		TEST(test_one_job_is_one_child_at_a_time),
		TEST(test_two_jobs_are_two_children_and_the_third_waits),
		TEST(test_a_load_that_waits_for_its_turn_gets_it_when_another_is_cancelled),
		TEST(test_a_load_that_waits_for_its_turn_can_be_cancelled),
		TEST(test_the_stage_says_that_it_is_compiled),
	};

	return cmocka_run_group_tests_name("compiling at once", tests, NULL, NULL);
}
