/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Host functions that make their guest wait: every way out of the wait, and what the next call finds. */
#include "engine/wasm/engine_fixture.h"

#define WAIT IMPORT_TEST("wait", "(param i64) (result i64)")
#define IMPORTS                                                                                                        \
	WAIT IMPORT_TEST("work", "") IMPORT_TEST("late", "(result i64)") IMPORT_TEST("ready", "(result i64)")          \
		IMPORT_TEST("fail", "(result i64)")
#define SLEEP_IMPORT                                                                                                   \
	"(import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
/* One subscription of zeroes at 0, but for its timeout: realtime clock, relative. */
#define SLEEP                                                                                                          \
	"(memory (export \"memory\") 1)"                                                                               \
	"(func $sleep (export \"sleep\") (i64.store (i32.const 24) (i64.const 60000000000000))"                        \
	"  (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512))))"

static const char waiting[] = MODULE(IMPORTS,
	"(func (export \"wait\") (call $give (call $wait (i64.const 0))))"
	"(func (export \"twice\") (drop (call $wait (i64.const 0))) (call $give (call $wait (i64.const 0))))"
	"(func (export \"work\") (call $work) (call $count))"
	"(func (export \"late\") (call $give (call $late)))"
	"(func (export \"ready\") (call $give (call $ready)))"
	"(func (export \"fail\") (call $give (call $fail)))");

/* A guest that counted to 1 on its first instance. */
static struct guest *counted(struct engine_fixture *fixture)
{
	struct guest *guest = guest_new(fixture, waiting);

	assert_answers(guest, "count", "1");
	return guest;
}

static void test_a_row_that_waits_answers_when_its_operation_does(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "wait");

	turn_until(fixture, &fixture->parked_count, 1);
	settle(fixture);
	assert_int_equal(call.done, 0);
	answer_parked(fixture, "hello");
	assert_answered(&call, "hello");
	assert_answers(guest, "count", "2");
	assert_int_equal(fixture->stopped, 0);
}

static void test_a_call_may_wait_more_than_once(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "twice");

	answer_parked(fixture, "first");
	answer_parked(fixture, "second");
	assert_answered(&call, "second");
	assert_int_equal(fixture->parked_ever, 2);
}

static void test_a_row_that_is_ready_at_once_does_not_park(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);

	assert_answers(guest, "ready", "at once");
	assert_answers(guest, "count", "2");
	assert_int_equal(fixture->parked_ever, 0);
}

static void test_a_refusal_before_the_wait_ends_the_instance(void **state)
{
	HOLD(guest_drop) struct guest *guest = counted(*state);

	assert_fails(guest, "fail", CAPSULE_EDENIED, "refused before it waited");
	assert_answers(guest, "count", "1");
}

static void test_a_failed_operation_is_the_failure_of_the_call(void **state)
{
	struct engine_fixture *fixture = *state;
	const struct capsule_error why = { .status = CAPSULE_EIO, .text = "no luck" };
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "wait");

	op_fail(take_parked(fixture), &why);
	assert_failed(&call, CAPSULE_EIO, "wait failed: no luck");
	assert_answers(guest, "count", "1");
}

static void test_a_failed_finish_is_the_failure_of_the_call(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "late");

	answer_parked(fixture, "of no use");
	assert_failed(&call, CAPSULE_EIO, "late: what came back is of no use");
	assert_int_equal(fixture->late, 1);
	assert_answers(guest, "count", "1");
}

static void test_cancelling_the_call_stops_what_it_waits_for(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "wait");

	turn_until(fixture, &fixture->parked_count, 1);
	op_cancel(&call.call.op);
	assert_int_equal(fixture->stopped, 1);
	assert_failed(&call, CAPSULE_ECANCELLED, "cancelled");
	assert_answers(guest, "count", "1");
}

static void test_cancelling_between_answer_and_finish_drops_the_answer(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "wait");

	answer_parked(fixture, "too late");
	op_cancel(&call.call.op);
	assert_failed(&call, CAPSULE_ECANCELLED, "cancelled");
	assert_answers(guest, "count", "1");
}

static void test_unloading_ends_a_call_that_waits(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "wait");

	turn_until(fixture, &fixture->parked_count, 1);
	guest_unload(guest);
	assert_int_equal(fixture->stopped, 1);
	assert_failed(&call, CAPSULE_ECANCELLED, "is unloaded");
}

static void test_the_wall_limit_ends_a_wait_and_names_it(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	fixture->limits.call_wall_ms = 1000;
	guest = counted(fixture);
	CALL(call, guest, "wait");
	turn_until(fixture, &fixture->parked_count, 1);
	advance_ms(fixture, 999);
	assert_int_equal(call.done, 0);
	advance_ms(fixture, 1);
	assert_failed(&call, CAPSULE_ETIMEOUT, "the wall limit is reached after 1000 ms, the guest waits in wait");
	assert_int_equal(fixture->stopped, 1);
	assert_int_equal(call.call.wall_ns, 1000 * NS_PER_MS);
	assert_answers(guest, "count", "1");
}

static void test_a_call_may_have_a_smaller_wall_limit_and_no_larger_one(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	HOLD(call_fini) struct guest_call small, large;

	call_init(&small, guest, "wait", span_of(NULL, 0));
	small.call.wall_ms = 5;
	call_start(&small);
	turn_until(fixture, &fixture->parked_count, 1);
	advance_ms(fixture, 5);
	assert_failed(&small, CAPSULE_ETIMEOUT, "5 ms");
	call_init(&large, guest, "wait", span_of(NULL, 0));
	large.call.wall_ms = UINT64_MAX;
	call_start(&large);
	turn_until(fixture, &fixture->parked_count, 1);
	advance_ms(fixture, LIMIT_CALL_WALL_MS);
	assert_failed(&large, CAPSULE_ETIMEOUT, "600000 ms");
}

static void test_a_guest_that_sleeps_is_not_said_to_wait_in_an_earlier_function(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		MODULE(IMPORTS SLEEP_IMPORT, SLEEP "(func (export \"both\") (drop (call $ready)) (call $sleep))"));
	CALL(call, guest, "both");

	settle(fixture);
	advance_ms(fixture, LIMIT_CALL_WALL_MS);
	assert_failed(&call, CAPSULE_ETIMEOUT, "the guest waits in poll_oneoff");
}

static void test_work_of_the_host_is_charged_and_waiting_is_not(void **state) /* abi:57 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	fixture->limits.call_cpu_ms = 20;
	guest = counted(fixture);
	CALL(waits, guest, "wait");
	turn_until(fixture, &fixture->parked_count, 1);
	burn_ms(30);
	advance_ms(fixture, 12000);
	answer_parked(fixture, "rested");
	assert_answered(&waits, "rested");
	assert_true(waits.call.cpu_ns < 20 * NS_PER_MS);
	CALL(works, guest, "work");
	turn_until(fixture, &fixture->parked_count, 1);
	burn_ms(30);
	answer_parked(fixture, "");
	assert_failed(&works, CAPSULE_ETIMEOUT, "20 ms of CPU time");
	assert_true(works.call.cpu_ns >= 30 * NS_PER_MS);
	assert_answers(guest, "count", "1");
}

static void test_work_within_the_budget_goes_on(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = counted(fixture);
	CALL(call, guest, "work");

	turn_until(fixture, &fixture->parked_count, 1);
	burn_ms(5);
	answer_parked(fixture, "");
	assert_answered(&call, "2");
	assert_true(call.call.cpu_ns >= 5 * NS_PER_MS);
}

static void test_guests_that_wait_do_not_wait_for_each_other(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *first = counted(fixture), *second = counted(fixture);
	CALL(one, first, "wait");
	struct op *oldest;

	oldest = take_parked(fixture);
	CALL(two, second, "wait");
	answer_parked(fixture, "b");
	assert_answered(&two, "b");
	assert_int_equal(one.done, 0);
	buffer_append_text(&oldest->result, "a");
	op_finish(oldest);
	assert_answered(&one, "a");
}

static void test_initialisers_and_start_functions_may_wait(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *initialised = guest_new(
		fixture, MODULE(WAIT, "(func (export \"_initialize\") (drop (call $wait (i64.const 0))))"));
	HOLD(guest_drop)
	struct guest *started = guest_new(
		fixture, MODULE(WAIT, "(func $begin (drop (call $wait (i64.const 0)))) (start $begin)"));
	CALL(first, initialised, "count");

	answer_parked(fixture, "");
	assert_string_equal(fixture->origin.principal, "default"); /* of the call that they are run for */
	assert_answered(&first, "1");
	CALL(second, started, "count");
	turn_until(fixture, &fixture->parked_count, 1);
	op_cancel(&second.call.op);
	assert_failed(&second, CAPSULE_ECANCELLED, "cancelled");
	CALL(third, started, "count");
	answer_parked(fixture, "");
	assert_answered(&third, "1");
}

static void test_an_argument_is_checked_before_anything_waits(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		MODULE(WAIT,
			"(func (export \"no_block\") (drop (call $wait (i64.const 1))))"
			"(func (export \"too_long\") (drop (call $wait (call $alloc (i64.const 65)))))"));

	assert_fails(guest, "no_block", CAPSULE_EINVAL, "invalid memory offset");
	assert_fails(guest, "too_long", CAPSULE_ELIMIT, "exceeds maximum allowed limit");
	assert_int_equal(fixture->parked_ever, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_row_that_waits_answers_when_its_operation_does),
		TEST(test_a_call_may_wait_more_than_once),
		TEST(test_a_row_that_is_ready_at_once_does_not_park),
		TEST(test_a_refusal_before_the_wait_ends_the_instance),
		TEST(test_a_failed_operation_is_the_failure_of_the_call),
		TEST(test_a_failed_finish_is_the_failure_of_the_call),
		TEST(test_cancelling_the_call_stops_what_it_waits_for),
		TEST(test_cancelling_between_answer_and_finish_drops_the_answer),
		TEST(test_unloading_ends_a_call_that_waits),
		TEST(test_the_wall_limit_ends_a_wait_and_names_it),
		TEST(test_a_call_may_have_a_smaller_wall_limit_and_no_larger_one),
		TEST(test_a_guest_that_sleeps_is_not_said_to_wait_in_an_earlier_function),
		TEST(test_work_of_the_host_is_charged_and_waiting_is_not),
		TEST(test_work_within_the_budget_goes_on),
		TEST(test_guests_that_wait_do_not_wait_for_each_other),
		TEST(test_initialisers_and_start_functions_may_wait),
		TEST(test_an_argument_is_checked_before_anything_waits),
	};

	return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
