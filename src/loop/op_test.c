/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Operations: what decides their status, that done() runs once and from a turn, and that they can be freed anywhere. */
#include "loop/op.h"

#include "loop/loop_internal.h"
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct op op;
	int done, stopped;
	bool restart;
	struct op *to_free;
	enum capsule_status status;
	enum op_state state_in_done;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, 0);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	op_init(&fixture->op, fixture->loop);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	op_fini(&fixture->op);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void count_done(struct op *op, void *user)
{
	struct fixture *fixture = user;

	fixture->done++;
	fixture->status = op->error.status;
	fixture->state_in_done = op->state;
	if (fixture->to_free != NULL)
		op_fini(fixture->to_free);
	if (fixture->restart) {
		op_start(op, count_done, user, NULL, 0, "again");
		op_finish(op);
	}
}

static void count_stop(struct op *op)
{
	struct fixture *fixture = op->user;

	fixture->stopped++;
	op_finish(op); /* too late, must change nothing */
}

static void start(struct fixture *fixture, uint64_t timeout_ms)
{
	op_start(&fixture->op, count_done, fixture, count_stop, timeout_ms, "sleep");
}

static void turn(struct fixture *fixture)
{
	(void)loop_turn(fixture->loop, 0);
}

static void done_runs_once_and_only_from_a_turn(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 0);
	assert_true(op_pending(&fixture->op));
	turn(fixture);
	assert_int_equal(fixture->done, 0);
	op_finish(&fixture->op);
	assert_int_equal(fixture->done, 0);
	assert_int_equal(fixture->op.state, OP_FINISHED);
	turn(fixture);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->stopped, 0);
	assert_int_equal(fixture->status, CAPSULE_OK);
	assert_int_equal(fixture->state_in_done, OP_IDLE);
}

static void finishing_twice_completes_once(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 0);
	op_finish(&fixture->op);
	op_finish(&fixture->op);
	turn(fixture);
	op_finish(&fixture->op);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
}

static void cancel_stops_the_producer_at_once(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 1000);
	op_cancel(&fixture->op);
	assert_int_equal(fixture->stopped, 1);
	assert_int_equal(fixture->done, 0);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->status, CAPSULE_ECANCELLED);
	assert_string_equal(fixture->op.error.text, "sleep: cancelled");
	clock_manual_advance(&fixture->clock, 2000 * NS_PER_MS);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->stopped, 1);
}

static void a_missed_deadline_says_what_and_how_long(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 250);
	clock_manual_advance(&fixture->clock, 250 * NS_PER_MS - 1);
	turn(fixture);
	assert_true(op_pending(&fixture->op));
	clock_manual_advance(&fixture->clock, 1);
	turn(fixture);
	assert_int_equal(fixture->stopped, 1);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->status, CAPSULE_ETIMEOUT);
	assert_string_equal(fixture->op.error.text, "sleep: no answer within 250 ms");
}

static void what_came_first_decides(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 10);
	op_finish(&fixture->op);
	op_cancel(&fixture->op);
	clock_manual_advance(&fixture->clock, 20 * NS_PER_MS);
	turn(fixture);
	assert_int_equal(fixture->status, CAPSULE_OK);
	assert_int_equal(fixture->stopped, 0);

	start(fixture, 10);
	op_cancel(&fixture->op);
	op_finish(&fixture->op);
	turn(fixture);
	assert_int_equal(fixture->status, CAPSULE_ECANCELLED);
	assert_int_equal(fixture->done, 2);
}

static void a_failure_is_copied(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error err = { 0 };

	error_set(&err, CAPSULE_EDENIED, "no key for it");
	start(fixture, 0);
	op_fail(&fixture->op, &err);
	error_clear(&err);
	op_fail(&fixture->op, &(struct capsule_error){ .status = CAPSULE_EIO });
	turn(fixture);
	assert_int_equal(fixture->status, CAPSULE_EDENIED);
	assert_string_equal(fixture->op.error.text, "no key for it");
	assert_int_equal(fixture->stopped, 0);
}

static void start_clears_the_last_result_and_error(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 0);
	assert_true(buffer_append_text(&fixture->op.result, "old"));
	op_cancel(&fixture->op);
	turn(fixture);
	start(fixture, 0);
	assert_int_equal(fixture->op.result.len, 0);
	assert_int_equal(fixture->op.error.status, CAPSULE_OK);
	assert_string_equal(fixture->op.error.text, "");
}

static void a_done_that_finishes_again_does_not_keep_the_turn(void **state)
{
	struct fixture *fixture = *state;

	fixture->restart = true;
	start(fixture, 0);
	op_finish(&fixture->op);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
	turn(fixture);
	assert_int_equal(fixture->done, 2);
}

static void fini_while_pending_stops_and_calls_nobody(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 10);
	op_fini(&fixture->op);
	assert_int_equal(fixture->stopped, 1);
	assert_int_equal(fixture->op.state, OP_IDLE);
	clock_manual_advance(&fixture->clock, 20 * NS_PER_MS);
	turn(fixture);
	assert_int_equal(fixture->done, 0);
	assert_false(loop_turn(fixture->loop, 0));
}

static void fini_while_finished_calls_nobody(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 10);
	op_finish(&fixture->op);
	op_fini(&fixture->op);
	turn(fixture);
	assert_int_equal(fixture->done, 0);
	assert_int_equal(fixture->stopped, 0);
}

static void fini_from_its_own_done(void **state)
{
	struct fixture *fixture = *state;

	fixture->to_free = &fixture->op;
	start(fixture, 10);
	op_finish(&fixture->op);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
}

static void fini_from_the_done_of_another_in_the_same_batch(void **state)
{
	struct fixture *fixture = *state;
	struct op *other = malloc(sizeof *other);

	assert_non_null(other);
	op_init(other, fixture->loop);
	fixture->to_free = other;
	start(fixture, 0);
	op_start(other, count_done, fixture, NULL, 0, "other");
	op_finish(&fixture->op);
	op_finish(other);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
	free(other);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
}

static void free_own_memory(struct op *op, void *user)
{
	*(bool *)user = true;
	op_fini(op);
	free(op);
}

static void done_may_free_the_operation(void **state)
{
	struct fixture *fixture = *state;
	struct op *op = malloc(sizeof *op);
	bool freed = false;

	assert_non_null(op);
	op_init(op, fixture->loop);
	op_start(op, free_own_memory, &freed, NULL, 10, "freed");
	op_finish(op);
	turn(fixture);
	assert_true(freed);
}

static void an_enormous_timeout_never_comes(void **state)
{
	struct fixture *fixture = *state;

	clock_manual_advance(&fixture->clock, NS_PER_S);
	start(fixture, UINT64_MAX);
	clock_manual_advance(&fixture->clock, INT64_MAX / 2);
	turn(fixture);
	assert_true(op_pending(&fixture->op));
	op_cancel(&fixture->op);
	turn(fixture);
	start(fixture, INT64_MAX / NS_PER_MS); /* fits alone, but not with the time that has gone */
	turn(fixture);
	assert_true(op_pending(&fixture->op));
}

/* Start with a heap of timers that can't grow any more. */
static void start_without_memory(struct fixture *fixture)
{
	struct timer_heap heap = fixture->loop->timers;

	fixture->loop->timers.count = fixture->loop->timers.capacity = SIZE_MAX / 2 + 1;
	start(fixture, 10);
	fixture->loop->timers = heap;
}

static void without_memory_for_its_deadline_it_ends_in_a_turn(void **state)
{
	struct fixture *fixture = *state;

	start_without_memory(fixture);
	assert_true(op_pending(&fixture->op));
	assert_int_equal(fixture->stopped, 0);
	turn(fixture);
	turn(fixture);
	assert_int_equal(fixture->stopped, 1);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->status, CAPSULE_ENOMEM);
}

static void without_memory_for_its_deadline_a_prompt_answer_still_counts(void **state)
{
	struct fixture *fixture = *state;

	start_without_memory(fixture);
	op_finish(&fixture->op);
	turn(fixture);
	turn(fixture);
	assert_int_equal(fixture->stopped, 0);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->status, CAPSULE_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(done_runs_once_and_only_from_a_turn),
		TEST(finishing_twice_completes_once),
		TEST(cancel_stops_the_producer_at_once),
		TEST(a_missed_deadline_says_what_and_how_long),
		TEST(what_came_first_decides),
		TEST(a_failure_is_copied),
		TEST(start_clears_the_last_result_and_error),
		TEST(a_done_that_finishes_again_does_not_keep_the_turn),
		TEST(fini_while_pending_stops_and_calls_nobody),
		TEST(fini_while_finished_calls_nobody),
		TEST(fini_from_its_own_done),
		TEST(fini_from_the_done_of_another_in_the_same_batch),
		TEST(done_may_free_the_operation),
		TEST(an_enormous_timeout_never_comes),
		TEST(without_memory_for_its_deadline_it_ends_in_a_turn),
		TEST(without_memory_for_its_deadline_a_prompt_answer_still_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
