/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which run loops are stopped for the processor time that they use: those that never wait, and no others. */
#include "engine/wasm/engine_fixture.h"

#define ROWS                                                                                                           \
	IMPORT_TEST("wait", "(param i64) (result i64)")                                                                \
	IMPORT_TEST("work", "")                                                                                        \
	IMPORT_TEST("ready", "(result i64)") IMPORT_TEST("deliver", "(result i64)") IMPORT_TEST("poll", "(result i64)")
#define FREE "(import \"extism:host/env\" \"free\" (func $free (param i64)))"
#define RUN(body) MODULE(ROWS FREE, "(func (export \"run\") (local i32) " body ")")
#define PARK "(drop (call $wait (i64.const 0)))"
#define FOR_EVER(body) "(loop $again " body "(br $again))"
#define SOME_WORK                                                                                                      \
	"(local.set 0 (i32.const 2000000))"                                                                            \
	"(loop $work (br_if $work (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"

static struct guest *run_new(struct engine_fixture *fixture, const char *wat, uint64_t cpu_ms)
{
	struct guest *guest;

	fixture->limits.call_cpu_ms = cpu_ms;
	guest = guest_try(fixture, wat, "");
	if (guest->load_error.status != CAPSULE_OK)
		fail_msg("%s", guest->load_error.text);
	return guest;
}

static enum engine_health health(const struct guest *guest, struct capsule_error *why)
{
	return guest->engine->ops->health(guest->engine, why);
}

static void told(struct engine *engine, void *user)
{
	(void)engine;
	++*(int *)user;
}

/* It has to fail for its CPU time, before the machine's clock is 20 seconds on, and to tell so once. */
static void assert_stopped(struct engine_fixture *fixture, struct guest *guest)
{
	struct capsule_error why = { 0 };
	int changes = 0;

	guest->engine->changed = told;
	guest->engine->user = &changes;
	turn_until(fixture, &changes, 1);
	settle(fixture);
	assert_int_equal(changes, 1);
	assert_int_equal(health(guest, &why), ENGINE_FAILED);
	assert_int_equal(why.status, CAPSULE_ETIMEOUT);
	assert_says(why.text,
		"WASM run loop exited unexpectedly: `run`: timeout: the run loop used 20 ms of CPU time without waiting once");
	assert_says(buffer_text(&fixture->logged), why.text);
	guest->engine->changed = NULL;
}

static void test_a_loop_that_never_waits_is_stopped(void **state)
{
	static const char *const loops[] = {
		RUN(FOR_EVER("")),
		/* rows that answer at once: one that never waits, whatever it hands over, and one that had nothing to hand
		 * over */
		RUN(FOR_EVER("(call $free (call $poll))")),
		RUN(FOR_EVER("(call $free (call $ready))")),
	};
	struct engine_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
		HOLD(guest_drop) struct guest *guest = run_new(fixture, loops[i], 20);

		assert_stopped(fixture, guest);
	}
}

static void test_a_loop_that_begins_to_spin_is_stopped(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN(PARK FOR_EVER("")), 20);

	for (int i = 0; i < 3; i++) {
		settle(fixture);
		burn_ms(10); /* while it waits: not its own */
	}
	assert_int_equal(health(guest, NULL), ENGINE_READY);
	answer_parked(fixture, "");
	assert_stopped(fixture, guest);
}

/* Its budget begins again with each wait: no work of a few milliseconds each ends it, however much there is. */
static void test_a_loop_that_waits_is_not_stopped(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN(FOR_EVER(PARK SOME_WORK)), 40);

	while (wasm_capsule_cpu_ns(guest->engine) < 100 * NS_PER_MS)
		answer_parked(fixture, "");
	assert_int_equal(health(guest, NULL), ENGINE_READY);
}

static void test_waiting_for_long_is_not_charged(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN(FOR_EVER(PARK)), 20);

	for (int i = 0; i < 3; i++) {
		advance_ms(fixture, 13000);
		answer_parked(fixture, "");
		advance_ms(fixture, 2 * (int64_t)LIMIT_CALL_WALL_MS);
	}
	assert_int_equal(health(guest, NULL), ENGINE_READY);
}

/* A flood: there is always something to take, so it never has to wait. */
static void test_a_loop_that_is_handed_one_thing_after_the_other_is_not_stopped(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN(FOR_EVER("(call $free (call $deliver))")), 20);

	while (wasm_capsule_cpu_ns(guest->engine) < 100 * NS_PER_MS)
		(void)loop_turn(fixture->loop, 0);
	assert_int_equal(health(guest, NULL), ENGINE_READY);
}

/* What the host does for it on the pool is its own work, and no wait. */
static void test_too_much_work_of_the_host_stops_it(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN(FOR_EVER("(call $work)")), 20);
	struct capsule_error why = { 0 };

	for (int i = 0; i < 6 && health(guest, &why) == ENGINE_READY; i++) {
		struct op *op = take_parked(fixture);

		burn_ms(5);
		op_finish(op);
		settle(fixture);
	}
	assert_int_equal(why.status, CAPSULE_ETIMEOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_loop_that_never_waits_is_stopped),
		TEST(test_a_loop_that_begins_to_spin_is_stopped),
		TEST(test_a_loop_that_waits_is_not_stopped),
		TEST(test_waiting_for_long_is_not_charged),
		TEST(test_a_loop_that_is_handed_one_thing_after_the_other_is_not_stopped),
		TEST(test_too_much_work_of_the_host_stops_it),
	};

	return cmocka_run_group_tests_name("processor time of run loops", tests, NULL, NULL);
}
