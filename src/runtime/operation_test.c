/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Handles of operations: one completion each and only from a turn, and what happens to those that are given up at any point. */
#include "runtime/runtime_fixture.h"

#include "base/limits.h"
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void done_runs_once_and_only_from_a_turn(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "once", ""));
	struct outcome calls[3], load = { 0 }, inspection = { 0 };
	struct capsule_op *loading = NULL, *inspecting = NULL;

	for (int i = 0; i < 3; i++)
		fixture_start(fixture, capsule, "quoted", &calls[i]);
	assert_int_equal(capsule_load(fixture->runtime, "/nonexistent", fixture_note, &load, &loading, fixture->err),
		CAPSULE_OK);
	assert_int_equal(
		capsule_inspect(fixture->runtime, "/nonexistent", fixture_note, &inspection, &inspecting, fixture->err),
		CAPSULE_OK);
	assert_int_equal(calls[0].done + calls[1].done + calls[2].done + load.done + inspection.done, 0);
	assert_false(capsule_op_done(calls[0].op));
	fixture_settle(fixture);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(calls[i].done, 1);
		assert_true(capsule_op_done(calls[i].op));
		capsule_op_cancel(calls[i].op);
	}
	fixture_settle(fixture);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(calls[i].done, 1);
		assert_int_equal(calls[i].status, CAPSULE_OK);
		capsule_op_free(calls[i].op);
	}
	assert_int_equal(load.done, 1);
	assert_int_equal(load.status, CAPSULE_ENOTFOUND);
	assert_int_equal(inspection.done, 1);
	assert_int_equal(inspection.status, CAPSULE_ENOTFOUND);
	capsule_op_free(loading);
	capsule_op_free(inspecting);
	capsule_op_free(NULL);
}

static void accessors_say_nothing_before_completion(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "early", "");
	struct capsule *capsule = fixture_load(fixture, path);
	struct capsule_op *loading = NULL;
	struct outcome outcome;
	size_t len = 7;

	path = fixture_capsule(fixture, "late", "");
	assert_int_equal(capsule_load(fixture->runtime, path, NULL, NULL, &loading, NULL), CAPSULE_OK);
	assert_null(capsule_op_capsule(loading));
	fixture_start(fixture, capsule, "quoted", &outcome);
	assert_false(capsule_op_done(outcome.op));
	assert_string_equal(capsule_op_result(outcome.op, &len), "");
	assert_int_equal(len, 0);
	assert_int_equal(capsule_error_status(capsule_op_error(outcome.op)), CAPSULE_OK);
	assert_string_equal(capsule_error_text(capsule_op_error(outcome.op)), "");
	assert_int_equal(capsule_op_wall_ns(outcome.op), 0);
	assert_int_equal(capsule_op_cpu_ns(outcome.op), 0);
	assert_null(capsule_op_capsule(outcome.op));
	assert_int_equal(capsule_op_wait(outcome.op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(outcome.op, NULL), CAPSULE_OK);
	assert_null(capsule_op_capsule(outcome.op));
	capsule_op_free(outcome.op);
	assert_int_equal(capsule_op_wait(loading, NULL), CAPSULE_OK);
	assert_non_null(capsule_op_capsule(loading));
	assert_int_equal(capsule_op_wall_ns(loading), 0);
	assert_string_equal(capsule_op_result(loading, NULL), "");
	capsule_op_free(loading);
}

struct inside {
	struct fixture *fixture;
	struct capsule *capsule;
	struct capsule_op *other;
	enum capsule_status wait;
	bool turn;
	int done;
};

static void tries_to_go_on(struct capsule_op *op, void *user)
{
	struct inside *inside = user;

	inside->done++;
	inside->turn = capsule_runtime_turn(inside->fixture->runtime, -1);
	inside->wait = capsule_op_wait(inside->other, inside->fixture->err);
	(void)op;
	capsule_runtime_free(inside->fixture->runtime);
}

static void waiting_turning_and_freeing_are_refused_inside_of_a_turn(void **state)
{
	struct fixture *fixture = *state;
	struct inside inside = { .fixture = fixture, .turn = true };
	struct outcome outcome;
	struct capsule_op *op = NULL;

	inside.capsule = fixture_load(fixture, fixture_capsule(fixture, "inside", ""));
	assert_int_equal(
		capsule_call(inside.capsule, "quoted", "{}", 2, tries_to_go_on, &inside, &op, NULL), CAPSULE_OK);
	fixture_start(fixture, inside.capsule, "rest", &outcome);
	inside.other = outcome.op;
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	assert_int_equal(inside.done, 1);
	assert_int_equal(inside.wait, CAPSULE_ESTATE);
	assert_says(fixture, "capsule_op_wait() can't be called from inside a turn");
	assert_false(inside.turn);
	assert_int_equal(capsule_op_wait(outcome.op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	capsule_op_free(outcome.op);
}

#define CHAIN 200

/* Frees its own handle, so that the next call gets it again. */
static void calls_again(struct capsule_op *op, void *user)
{
	struct inside *inside = user;

	assert_int_equal(capsule_error_status(capsule_op_error(op)), CAPSULE_OK);
	assert_string_equal(capsule_op_result(op, NULL), "\"x\"");
	capsule_op_free(op);
	if (++inside->done < CHAIN)
		assert_int_equal(capsule_call(inside->capsule, "quoted", "{}", 2, calls_again, inside, &inside->other,
					 inside->fixture->err),
			CAPSULE_OK);
}

static void handles_freed_in_done_serve_the_next_call(void **state)
{
	struct fixture *fixture = *state;
	struct inside inside = { .fixture = fixture };
	struct capsule_op *first = NULL;

	inside.capsule = fixture_load(fixture, fixture_capsule(fixture, "chain", ""));
	assert_int_equal(
		capsule_call(inside.capsule, "quoted", "{}", 2, calls_again, &inside, &first, NULL), CAPSULE_OK);
	assert_int_equal(
		capsule_op_wait(first, fixture->err), CAPSULE_OK); /* of the first, whoever has its handle now */
	assert_int_equal(inside.done, 1);
	while (inside.done < CHAIN)
		(void)capsule_runtime_turn(fixture->runtime, -1);
	fixture_settle(fixture);
	assert_int_equal(inside.done, CHAIN);
}

static void frees_the_other(struct capsule_op *op, void *user)
{
	struct inside *inside = user;

	(void)op;
	inside->done++;
	capsule_op_free(inside->other);
}

static void waiting_ends_when_somebody_frees_the_operation(void **state)
{
	struct fixture *fixture = *state;
	struct inside inside = { .fixture = fixture };
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "freed", ""));
	struct capsule_op *op = NULL;
	struct outcome outcome;

	assert_int_equal(
		capsule_call(capsule, "quoted", "{}", 2, frees_the_other, &inside, &op, fixture->err), CAPSULE_OK);
	fixture_start(fixture, capsule, "wait", &outcome);
	inside.other = outcome.op;
	assert_int_equal(capsule_op_wait(outcome.op, fixture->err), CAPSULE_ECANCELLED);
	assert_int_equal(inside.done, 1);
	assert_int_equal(outcome.done, 0);
	capsule_op_free(op);
}

static void many_handles_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "many", ""));
	static struct outcome outcomes[150];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 150; i++)
			fixture_start(fixture, capsule, i % 2 == 0 ? "quoted" : "bytes", &outcomes[i]);
		for (int i = 0; i < 150; i++) {
			assert_int_equal(capsule_op_wait(outcomes[i].op, NULL), CAPSULE_OK);
			assert_string_equal(outcomes[i].result,
				i % 2 == 0 ? "\"x\""
					   : "a\xef\xbf\xbd"
					     "b\xef\xbf\xbd");
		}
		for (int i = 0; i < 150; i++)
			capsule_op_free(outcomes[(i + round) % 150].op);
	}
}

/* One call that runs (spinning or waiting), two behind it. */
static void freed_calls(struct fixture *fixture, struct capsule *capsule, const char *tool)
{
	struct outcome running, queued, last;

	fixture_start(fixture, capsule, tool, &running);
	fixture_start(fixture, capsule, "keep", &queued);
	fixture_start(fixture, capsule, "quoted", &last);
	fixture_settle(fixture);
	assert_int_equal(running.done, 0);
	capsule_op_free(queued.op);
	capsule_op_free(running.op);
	assert_int_equal(capsule_op_wait(last.op, fixture->err), CAPSULE_OK);
	assert_int_equal(running.done + queued.done, 0);
	assert_string_equal(last.result, "\"x\"");
	capsule_op_free(last.op);
	assert_string_equal(fixture_call(fixture, capsule, "get", "{}"), "");
}

static void a_freed_call_ends_without_a_word_and_the_others_go_on(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "given-up", ""));
	struct outcome outcome;

	freed_calls(fixture, capsule, "wait");
	fixture_start(fixture, capsule, "spin", &outcome);
	for (int i = 0; i < 5; i++)
		assert_true(capsule_runtime_turn(fixture->runtime, -1));
	assert_int_equal(outcome.done, 0);
	capsule_op_free(outcome.op);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	assert_int_equal(outcome.done, 0);
}

static void a_finished_call_that_is_freed_before_its_turn_is_not_told(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "late", ""));
	struct outcome outcome;

	fixture_start(fixture, capsule, "quoted", &outcome);
	capsule_op_cancel(outcome.op);
	capsule_op_cancel(outcome.op);
	capsule_op_free(outcome.op);
	fixture_settle(fixture);
	assert_int_equal(outcome.done, 0);
}

static void a_cancelled_call_completes_in_a_later_turn(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "cancel", ""));
	struct outcome running, queued;

	fixture_start(fixture, capsule, "wait", &running);
	fixture_start(fixture, capsule, "quoted", &queued);
	fixture_settle(fixture);
	capsule_op_cancel(queued.op);
	capsule_op_cancel(running.op);
	assert_int_equal(running.done + queued.done, 0);
	assert_false(capsule_op_done(running.op));
	assert_int_equal(capsule_op_wait(running.op, fixture->err), CAPSULE_ECANCELLED);
	assert_says(fixture, "cancelled");
	assert_int_equal(capsule_op_wait(queued.op, NULL), CAPSULE_ECANCELLED);
	assert_int_equal(running.done, 1);
	assert_int_equal(queued.done, 1);
	capsule_op_free(running.op);
	capsule_op_free(queued.op);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
}

/* It goes on for operations that were given up. Two at a time would do no harm, but the thread sanitizer knows nothing of the
 * locks inside Wasmtime and finds races. */
static void let_compiler_end(const struct fixture *fixture)
{
	while (capsule_runtime_turn(fixture->runtime, 0))
		(void)capsule_runtime_turn(fixture->runtime, -1);
}

static void a_load_can_be_given_up_at_any_turn(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "loading", "");

	for (int turns = 0; turns < 4; turns++) {
		for (int way = 0; way < 2; way++) {
			struct outcome outcome = { 0 };
			struct capsule_op *op = NULL;

			assert_int_equal(
				capsule_load(fixture->runtime, path, fixture_note, &outcome, &op, NULL), CAPSULE_OK);
			for (int i = 0; i < turns && outcome.done == 0; i++)
				(void)capsule_runtime_turn(fixture->runtime, -1);
			if (way == 0 && outcome.done == 0) {
				enum capsule_status status;

				capsule_op_cancel(op);
				status = capsule_op_wait(
					op, NULL); /* well when it was loaded already, and not told yet */
				assert_true(status == CAPSULE_ECANCELLED || status == CAPSULE_OK);
				assert_int_equal(capsule_op_capsule(op) != NULL, status == CAPSULE_OK);
			}
			if (capsule_op_capsule(op) != NULL)
				fixture_unload(fixture, capsule_op_capsule(op));
			capsule_op_free(op);
			assert_in_range(outcome.done, 0, 1);
			let_compiler_end(fixture);
		}
	}
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "quoted", "{}"), "\"x\"");
}

static void an_inspection_can_be_given_up_at_any_turn(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "inspecting", "");

	for (int turns = 0; turns < 4; turns++) {
		struct outcome outcome = { 0 };
		struct capsule_op *op = NULL;

		assert_int_equal(
			capsule_inspect(fixture->runtime, path, fixture_note, &outcome, &op, NULL), CAPSULE_OK);
		for (int i = 0; i < turns && outcome.done == 0; i++)
			(void)capsule_runtime_turn(fixture->runtime, -1);
		if (turns % 2 == 0 && outcome.done == 0) {
			capsule_op_cancel(op);
			assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_ECANCELLED);
		}
		capsule_op_free(op);
		let_compiler_end(fixture);
	}
}

static void unloading_cancels_the_calls_first(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "unload", ""));
	struct outcome running, queued, unload = { 0 };
	struct capsule_op *again = NULL;

	fixture_start(fixture, capsule, "wait", &running);
	fixture_start(fixture, capsule, "quoted", &queued);
	fixture_settle(fixture);
	assert_int_equal(capsule_unload(capsule, fixture_note, &unload, &unload.op, fixture->err), CAPSULE_OK);
	assert_int_equal(running.done + queued.done + unload.done, 0);
	assert_int_equal(capsule_health(capsule, NULL), CAPSULE_UNLOADED);
	assert_int_equal(capsule_call(capsule, "quoted", "{}", 2, NULL, NULL, &again, fixture->err), CAPSULE_ESTATE);
	assert_says(fixture, "is being unloaded");
	assert_int_equal(capsule_unload(capsule, NULL, NULL, &again, fixture->err), CAPSULE_ESTATE);
	assert_says(fixture, "being unloaded already");
	assert_null(again);
	assert_int_equal(capsule_op_wait(unload.op, fixture->err), CAPSULE_OK);
	assert_int_equal(running.status, CAPSULE_ECANCELLED);
	assert_non_null(strstr(running.text, "unload"));
	assert_int_equal(queued.status, CAPSULE_ECANCELLED);
	assert_int_equal(running.done + queued.done + unload.done, 3);
	capsule_op_cancel(unload.op);
	capsule_op_free(unload.op);
	capsule_op_free(running.op);
	capsule_op_free(queued.op);
}

static void an_unload_goes_on_when_its_handle_is_freed_or_cancelled(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "leaving", "");

	for (int way = 0; way < 3; way++) {
		struct capsule *capsule = fixture_load(fixture, path);
		struct outcome running, unload = { 0 };

		fixture_start(fixture, capsule, "wait", &running);
		fixture_settle(fixture);
		assert_int_equal(capsule_unload(capsule, fixture_note, &unload, &unload.op, NULL), CAPSULE_OK);
		if (way == 1)
			capsule_op_cancel(unload.op);
		if (way != 0)
			assert_int_equal(capsule_op_wait(running.op, NULL), CAPSULE_ECANCELLED);
		capsule_op_free(unload.op);
		capsule_op_free(running.op);
		fixture_settle(fixture);
	}
}

/* 2,000 functions take the compiler far longer than the turns of the tests. */
static void write_large_module(const struct fixture *fixture)
{
	FILE *file = fopen(fixture_path(fixture, "large/guest.wat"), "we");

	assert_non_null(file);
	assert_true(fputs("(module\n", file) >= 0);
	for (int i = 0; i < 2000; i++)
		assert_true(
			fprintf(file,
				"(func (export \"f%d\") (param i64 i64) (result i64) (local $x i64)\n"
				"(loop $l (local.set $x (i64.add (i64.mul (local.get $x) (local.get 0)) (i64.const %d)))\n"
				"(br_if $l (i64.lt_u (local.get $x) (local.get 1)))) (local.get $x))\n",
				i, i) > 0);
	assert_true(fputs(")\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void the_runtime_can_be_freed_with_everything_under_way(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "busy", "");
	struct outcome calls[4], others[4] = { 0 };
	struct capsule *capsule = fixture_load(fixture, path);
	struct capsule *leaving = fixture_load(fixture, fixture_capsule(fixture, "leaving", ""));
	struct capsule *spinning = fixture_load(fixture, fixture_capsule(fixture, "spinning", ""));

	fixture_capsule_of(fixture, "large", "", "");
	write_large_module(fixture);
	fixture_start(fixture, leaving, "wait", &calls[0]);
	fixture_start(fixture, capsule, "wait", &calls[1]);
	fixture_start(fixture, capsule, "quoted", &calls[2]);
	fixture_settle(fixture);
	fixture_start(fixture, spinning, "spin", &calls[3]);
	assert_int_equal(capsule_load(fixture->runtime, fixture_path(fixture, "large"), fixture_note, &others[0],
				 &others[0].op, NULL),
		CAPSULE_OK);
	for (int i = 0; i < 20; i++)
		(void)capsule_runtime_turn(fixture->runtime, 1);
	assert_int_equal(
		capsule_inspect(fixture->runtime, path, fixture_note, &others[1], &others[1].op, NULL), CAPSULE_OK);
	path = fixture_capsule(fixture, "late", "");
	assert_int_equal(
		capsule_load(fixture->runtime, path, fixture_note, &others[2], &others[2].op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_unload(leaving, fixture_note, &others[3], &others[3].op, NULL), CAPSULE_OK);
	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
	for (int i = 0; i < 4; i++)
		assert_int_equal(calls[i].done + others[i].done, 0);
}

static void the_runtime_can_be_freed_while_a_module_is_compiled(void **state)
{
	struct fixture *fixture = *state;

	fixture_capsule_of(fixture, "large", "", "");
	write_large_module(fixture);
	for (int way = 0; way < 3; way++) {
		struct outcome outcome = { 0 };

		assert_int_equal(capsule_load(fixture->runtime, fixture_path(fixture, "large"), fixture_note, &outcome,
					 &outcome.op, NULL),
			CAPSULE_OK);
		(void)capsule_runtime_turn(fixture->runtime, -1); /* it has been read, and is handed to the compiler */
		assert_int_equal(outcome.done, 0);
		if (way == 1)
			capsule_op_free(outcome.op);
		if (way == 2) {
			capsule_op_cancel(outcome.op);
			assert_int_equal(capsule_op_wait(outcome.op, NULL), CAPSULE_ECANCELLED);
		}
		fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
		assert_int_equal(outcome.done, way == 2);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	}
}

/* The handle of a call that is under way, with 2 MiB of arguments in it. */
static struct capsule_op *start_large(struct fixture *fixture, struct capsule *capsule)
{
	static char arguments[2 * MIB];
	struct capsule_op *op = NULL;

	memset(arguments, 'x', sizeof arguments);
	arguments[0] = '"';
	arguments[sizeof arguments - 1] = '"';
	assert_int_equal(capsule_call(capsule, "quoted", arguments, sizeof arguments, NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	return op;
}

static void large_buffers_of_handles_are_used_again_within_bounds(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "roomy", ""));
	struct capsule_runtime *runtime = fixture->runtime;
	struct capsule_op *ops[8];

	for (int i = 0; i < 8; i++)
		ops[i] = start_large(fixture, capsule);
	for (int i = 0; i < 8; i++)
		capsule_op_free(ops[i]);
	fixture_settle(fixture);
	assert_in_range(runtime->spare_large, 2 * MIB, 8 * MIB);
	for (int i = 0; i < 4; i++) {
		size_t before = runtime->spare_large;

		ops[0] = start_large(fixture, capsule);
		assert_true(runtime->spare_large < before);
		assert_int_equal(capsule_op_wait(ops[0], fixture->err), CAPSULE_OK);
		capsule_op_free(ops[0]);
		assert_int_equal(runtime->spare_large, before);
	}
	runtime->spare_timer.fire(&runtime->spare_timer); /* as after a second */
	assert_int_equal(runtime->spare_large, 0);
	ops[0] = start_large(fixture, capsule);
	assert_int_equal(capsule_op_wait(ops[0], fixture->err), CAPSULE_OK);
	capsule_op_free(ops[0]);
	assert_in_range(runtime->spare_large, 2 * MIB, 8 * MIB);
}

static void handles_that_are_complete_may_be_left_to_the_runtime(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture, fixture_load(fixture, fixture_capsule(fixture, "left", "")), "quoted", &outcome);
	assert_int_equal(capsule_op_wait(outcome.op, NULL), CAPSULE_OK);
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	capsule_runtime_free(NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(done_runs_once_and_only_from_a_turn),
		TEST(accessors_say_nothing_before_completion),
		TEST(waiting_turning_and_freeing_are_refused_inside_of_a_turn),
		TEST(handles_freed_in_done_serve_the_next_call),
		TEST(waiting_ends_when_somebody_frees_the_operation),
		TEST(many_handles_come_and_go),
		TEST(a_freed_call_ends_without_a_word_and_the_others_go_on),
		TEST(a_finished_call_that_is_freed_before_its_turn_is_not_told),
		TEST(a_cancelled_call_completes_in_a_later_turn),
		TEST(a_load_can_be_given_up_at_any_turn),
		TEST(an_inspection_can_be_given_up_at_any_turn),
		TEST(unloading_cancels_the_calls_first),
		TEST(an_unload_goes_on_when_its_handle_is_freed_or_cancelled),
		TEST(the_runtime_can_be_freed_with_everything_under_way),
		TEST(the_runtime_can_be_freed_while_a_module_is_compiled),
		TEST(large_buffers_of_handles_are_used_again_within_bounds),
		TEST(handles_that_are_complete_may_be_left_to_the_runtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
