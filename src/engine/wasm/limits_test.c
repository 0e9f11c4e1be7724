/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The clocks on every call, the queue in front of a capsule, and the two ways to end a call from outside. */
#include "engine/wasm/engine_fixture.h"

static const char plain[] = MODULE("", SPIN CRASH);

static struct guest *guest_with_cpu(struct engine_fixture *fixture, const char *wat, uint64_t cpu_ms)
{
	fixture->limits.call_cpu_ms = cpu_ms;
	return guest_new(fixture, wat);
}

static void test_a_guest_that_spins_is_stopped_at_its_budget(void **state) /* abi:56 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_with_cpu(fixture, plain, 20);
	int64_t before;

	assert_answers(guest, "count", "1");
	before = wasm_capsule_cpu_ns(guest->engine);
	CALL(call, guest, "spin");
	assert_failed(&call, CAPSULE_ETIMEOUT, "timeout: the limit of 20 ms of CPU time is used up");
	assert_says(call.error.text, "in spin at");
	assert_true(call.call.cpu_ns >= 20 * NS_PER_MS && call.call.cpu_ns < 200 * NS_PER_MS);
	assert_int_equal(wasm_capsule_cpu_ns(guest->engine), before + call.call.cpu_ns);
	assert_answers(guest, "count", "1");
}

static void test_a_call_may_have_a_smaller_budget(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, plain);
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, "spin", span_of(NULL, 0));
	call.call.cpu_ms = 5;
	call_start(&call);
	assert_failed(&call, CAPSULE_ETIMEOUT, "5 ms of CPU time");
}

static void test_start_functions_and_initialisers_have_the_same_budget(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *starts = guest_with_cpu(fixture, MODULE("", SPIN "(start $spin)"), 10);
	HOLD(guest_drop)
	struct guest *initialises = guest_with_cpu(
		fixture, MODULE("", "(func (export \"_initialize\") (loop $again (br $again)))"), 10);

	for (int i = 0; i < 2; i++) {
		assert_fails(starts, "count", CAPSULE_ETIMEOUT, "10 ms of CPU time");
		assert_fails(initialises, "count", CAPSULE_ETIMEOUT, "10 ms of CPU time");
	}
}

static void test_the_wall_limit_stops_a_spinner_too(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);
	CALL(call, guest, "spin");

	(void)loop_turn(fixture->loop, 0);
	(void)loop_turn(fixture->loop, 0);
	clock_manual_advance(&fixture->clock, LIMIT_CALL_WALL_MS * NS_PER_MS);
	assert_failed(&call, CAPSULE_ETIMEOUT, "the wall limit is reached after 600000 ms");
	assert_answers(guest, "count", "1");
}

static void test_a_spinner_does_not_keep_others_from_their_calls(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *spinner = guest_new(fixture, plain), *other = guest_new(fixture, plain);
	CALL(spin, spinner, "spin");

	for (int i = 0; i < 20; i++) {
		CALL(call, other, "count");
		call_await(&call);
		assert_int_equal(call.error.status, CAPSULE_OK);
	}
	assert_int_equal(spin.done, 0);
	op_cancel(&spin.call.op);
	assert_failed(&spin, CAPSULE_ECANCELLED, "cancelled");
}

static void test_calls_are_served_one_after_the_other(void **state) /* abi:63 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		MODULE(IMPORT_TEST("wait", "(param i64) (result i64)"),
			"(func (export \"slow\") (drop (call $wait (i64.const 0))) (call $count))"));
	CALL(first, guest, "slow");
	CALL(second, guest, "slow");
	CALL(third, guest, "count");

	turn_until(fixture, &fixture->parked_count, 1);
	settle(fixture);
	assert_int_equal(fixture->parked_ever, 1);
	answer_parked(fixture, "");
	assert_answered(&first, "1");
	settle(fixture);
	assert_int_equal(fixture->parked_ever, 2);
	assert_int_equal(third.done, 0);
	answer_parked(fixture, "");
	assert_answered(&third, "3");
	assert_answered(&second, "2");
	assert_true(first.order < second.order && second.order < third.order);
}

/* A call that the queue has no room for is refused at once, and its done() never runs. */
static void refuse_call(struct guest *guest, struct span input, const char *says)
{
	struct capsule_error err = { 0 };
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, "count", input);
	assert_int_equal(guest->engine->ops->call(guest->engine, &call.call, NULL, NULL, &err), CAPSULE_ELIMIT);
	assert_says(err.text, says);
	assert_int_equal(call.call.op.state, OP_IDLE);
}

static void test_the_queue_has_room_for_so_many_calls(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	fixture->limits.queue_calls = 2;
	guest = guest_new(fixture, plain);
	CALL(running, guest, "spin");
	CALL(first, guest, "count");
	CALL(second, guest, "count");
	refuse_call(guest, span_of(NULL, 0), "2 calls with 0 bytes are waiting");
	op_cancel(&first.call.op);
	CALL(third, guest, "count");
	refuse_call(guest, span_of(NULL, 0), "2 calls with 0 bytes are waiting");
	op_cancel(&running.call.op);
	assert_answered(&second, "1");
	assert_answered(&third, "2");
	assert_failed(&first, CAPSULE_ECANCELLED, "cancelled");
	assert_failed(&running, CAPSULE_ECANCELLED, "cancelled");
}

static void test_the_queue_has_room_for_so_many_bytes(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;
	HOLD(call_fini) struct guest_call large;

	fixture->limits.queue_bytes = 10;
	guest = guest_new(fixture, plain);
	refuse_call(guest, span_text("eleven byte"), "10 bytes are the most");
	CALL(running, guest, "spin");
	call_init(&large, guest, "count", span_text("ten  bytes"));
	call_start(&large);
	refuse_call(guest, span_text("1"), "1 calls with 10 bytes");
	op_cancel(&running.call.op);
	assert_answered(&large, "1");
	assert_failed(&running, CAPSULE_ECANCELLED, "cancelled");
	large.done = 0;
	call_start(&large);
	assert_answered(&large, "2");
}

static size_t calls(const struct guest *guest)
{
	return guest->engine->ops->calls(guest->engine);
}

static void start_unqueued(struct guest_call *call, struct guest *guest, struct span input)
{
	call_init(call, guest, "count", input);
	call->call.unqueued = true;
	call_start(call);
}

/* Whatever its owner bounds has room, and takes none from the others; in flight it is all the same. */
static void test_calls_that_their_owner_bounds_do_not_use_the_queue_up(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;
	HOLD(call_fini) struct guest_call bytes;
	static struct guest_call more[3];

	fixture->limits.queue_calls = 2;
	fixture->limits.queue_bytes = 10;
	guest = guest_new(fixture, plain);
	CALL(running, guest, "spin");
	CALL(first, guest, "count");
	call_init(&bytes, guest, "count", span_text("ten  bytes"));
	call_start(&bytes);
	refuse_call(guest, span_of(NULL, 0), "2 calls with 10 bytes are waiting");
	for (int i = 0; i < 3; i++)
		start_unqueued(&more[i], guest, span_text("more than ten bytes"));
	assert_int_equal(calls(guest), 6);
	refuse_call(guest, span_of(NULL, 0), "2 calls with 10 bytes are waiting");
	op_cancel(&more[1].call.op);
	assert_int_equal(calls(guest), 5);
	refuse_call(guest, span_of(NULL, 0), "2 calls with 10 bytes are waiting");
	op_cancel(&first.call.op);
	refuse_call(guest, span_text("1"), "1 calls with 10 bytes are waiting");
	op_cancel(&running.call.op);
	assert_answered(&bytes, "1");
	assert_answered(&more[0], "2");
	assert_answered(&more[2], "3");
	assert_int_equal(calls(guest), 0);
	for (int i = 0; i < 3; i++)
		call_fini(&more[i]);
	CALL(again, guest, "spin");
	bytes.done = 0;
	call_start(&bytes);
	refuse_call(guest, span_text("1"), "1 calls with 10 bytes are waiting");
	CALL(last, guest, "count");
	refuse_call(guest, span_of(NULL, 0), "2 calls with 10 bytes are waiting");
	op_cancel(&again.call.op);
	assert_answered(&last, "2");
	assert_answered(&bytes, "1");
}

/* Calls that wait are made in one slice. */
static void test_calls_that_follow_each_other_keep_their_own_accounts(void **state)
{
	static const char *const answers[] = { "1", "2", NULL, "1", "2" };
	static struct guest_call queue[5];
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);
	int64_t cpu_ns = 0;

	for (int i = 0; i < 5; i++) {
		call_init(&queue[i], guest, answers[i] == NULL ? "crash" : "count", span_of(NULL, 0));
		queue[i].call.wall_ns = -1;
		call_start(&queue[i]);
	}
	for (int i = 0; i < 5; i++) {
		if (answers[i] == NULL)
			assert_failed(&queue[i], CAPSULE_ETRAP, "unreachable");
		else
			assert_answered(&queue[i], answers[i]);
		assert_int_equal(queue[i].order, i + 1);
		assert_int_equal(queue[i].call.wall_ns, 0); /* of the clock that stands still */
		assert_true(queue[i].call.cpu_ns > 0);
		cpu_ns += queue[i].call.cpu_ns;
		call_fini(&queue[i]);
	}
	assert_int_equal(wasm_capsule_cpu_ns(guest->engine), cpu_ns);
}

#define MANY 1000

static void test_a_capsule_with_many_calls_does_not_keep_others_waiting(void **state)
{
	static struct guest_call queue[MANY];
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *busy = guest_new(fixture, MODULE("", "(func (export \"nothing\"))"));
	HOLD(guest_drop) struct guest *other = guest_new(fixture, plain);

	assert_answers(busy, "nothing", "");
	assert_answers(other, "count", "1");
	for (int i = 0; i < MANY; i++) {
		call_init(&queue[i], busy, "nothing", span_of(NULL, 0));
		call_start(&queue[i]);
	}
	CALL(call, other, "count");
	assert_answered(&call, "2");
	call_await(&queue[MANY - 1]);
	assert_true(call.order < queue[MANY - 1].order);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(queue[i].done, 1);
		assert_int_equal(queue[i].error.status, CAPSULE_OK);
		call_fini(&queue[i]);
	}
}

/* More exports than are remembered, in turn. */
static void test_the_export_that_is_meant_is_called(void **state)
{
	static const char wat[] = MODULE("",
		"(func (export \"astrid_tool_call\") (call $say (i32.const 116)))"
		"(func (export \"astrid_hook_trigger\") (result i32) (call $say (i32.const 104)) (i32.const 0))"
		"(func (export \"other\") (call $say (i32.const 111)))");
	static const struct {
		enum engine_call_kind kind;
		const char *answer;
	} turns[] = { { ENGINE_TOOL, "t" }, { ENGINE_INTERCEPTOR, "h" }, { ENGINE_EXPORT, "o" } };
	HOLD(guest_drop) struct guest *guest = guest_new(*state, wat);

	for (int i = 0; i < 24; i++) {
		int turn = i < 8 ? i % 2 : i % 3;
		HOLD(call_fini) struct guest_call call;

		call_init(&call, guest, "other", span_of(NULL, 0));
		call.call.kind = turns[turn].kind;
		call_start(&call);
		assert_answered(&call, turns[turn].answer);
	}
}

static void test_a_call_in_the_queue_can_be_cancelled(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);
	HOLD(call_fini) struct guest_call second;
	CALL(first, guest, "count");

	call_init(&second, guest, "count", span_of(NULL, 0));
	second.call.wall_ns = second.call.cpu_ns = -1;
	call_start(&second);
	CALL(third, guest, "count");
	op_cancel(&second.call.op);
	assert_answered(&third, "2");
	assert_answered(&first, "1");
	assert_failed(&second, CAPSULE_ECANCELLED, "call: cancelled");
	assert_int_equal(second.call.wall_ns, 0);
	assert_int_equal(second.call.cpu_ns, 0);
}

static void test_an_operation_may_be_freed_wherever_its_call_stands(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);
	CALL(running, guest, "spin");
	CALL(queued, guest, "count");
	CALL(last, guest, "count");

	(void)loop_turn(fixture->loop, 0);
	op_fini(&queued.call.op);
	op_fini(&running.call.op);
	assert_answered(&last, "1");
	assert_int_equal(running.done + queued.done, 0);
}

static void test_unloading_ends_all_calls_once(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);
	struct capsule_error err = { 0 };
	HOLD(call_fini) struct guest_call late;
	CALL(running, guest, "spin");
	CALL(queued, guest, "count");

	(void)loop_turn(fixture->loop, 0);
	(void)loop_turn(fixture->loop, 0);
	guest_unload(guest);
	assert_failed(&running, CAPSULE_ECANCELLED, "is unloaded");
	assert_failed(&queued, CAPSULE_ECANCELLED, "is unloaded");
	call_init(&late, guest, "count", span_of(NULL, 0));
	assert_int_equal(guest->engine->ops->call(guest->engine, &late.call, NULL, NULL, &err), CAPSULE_ESTATE);
	assert_says(err.text, "is not loaded");
	assert_int_equal(guest->engine->ops->health(guest->engine, NULL), ENGINE_UNLOADED);
}

static void test_many_aborted_calls_in_a_row_are_slowed_down(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);

	for (int i = 0; i < 9; i++)
		assert_fails(guest, "crash", CAPSULE_ETRAP, "unreachable");
	CALL(call, guest, "count");
	settle(fixture);
	assert_int_equal(call.done, 0);
	advance_ms(fixture, 1);
	assert_answered(&call, "1");
	assert_answers(guest, "count", "2");
	assert_fails(guest, "crash", CAPSULE_ETRAP, "unreachable");
	assert_answers(guest, "count", "1");
}

static void test_unloading_during_the_pause_ends_the_calls(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, plain);

	for (int i = 0; i < 9; i++)
		assert_fails(guest, "crash", CAPSULE_ETRAP, "unreachable");
	CALL(call, guest, "count");
	guest_unload(guest);
	assert_failed(&call, CAPSULE_ECANCELLED, "is unloaded");
	advance_ms(fixture, 5000);
}

static void test_exits_with_success_are_not_slowed_down(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))",
			"(func (export \"leave\") (call $count) (call $exit (i32.const 0)))"
			"(func (export \"_start\") (call $count))"));

	for (int i = 0; i < 12; i++) {
		assert_answers(guest, "leave", "1");
		assert_answers(guest, "_start", "1");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_guest_that_spins_is_stopped_at_its_budget),
		TEST(test_a_call_may_have_a_smaller_budget),
		TEST(test_start_functions_and_initialisers_have_the_same_budget),
		TEST(test_the_wall_limit_stops_a_spinner_too),
		TEST(test_a_spinner_does_not_keep_others_from_their_calls),
		TEST(test_calls_are_served_one_after_the_other),
		TEST(test_the_queue_has_room_for_so_many_calls),
		TEST(test_the_queue_has_room_for_so_many_bytes),
		TEST(test_calls_that_their_owner_bounds_do_not_use_the_queue_up),
		TEST(test_calls_that_follow_each_other_keep_their_own_accounts),
		TEST(test_a_capsule_with_many_calls_does_not_keep_others_waiting),
		TEST(test_the_export_that_is_meant_is_called),
		TEST(test_a_call_in_the_queue_can_be_cancelled),
		TEST(test_an_operation_may_be_freed_wherever_its_call_stands),
		TEST(test_unloading_ends_all_calls_once),
		TEST(test_many_aborted_calls_in_a_row_are_slowed_down),
		TEST(test_unloading_during_the_pause_ends_the_calls),
		TEST(test_exits_with_success_are_not_slowed_down),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
