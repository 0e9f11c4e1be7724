/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How run loops begin and how they are unloaded: what the floors above are told, and how long a loop may go on. */
#include "engine/wasm/engine_fixture.h"

#include <stdio.h>

#define ROWS                                                                                                           \
	IMPORT_TEST("wait", "(param i64) (result i64)")                                                                \
	IMPORT_TEST("fail", "(result i64)") IMPORT_TEST("deep", "(result i64)")
#define RUN(type, body) MODULE(ROWS, "(func (export \"run\") " type body ")")
#define PARK "(drop (call $wait (i64.const 0)))"
#define GO_ON "(drop (call $deep))" /* leaves its mark in fixture->deep */
#define FOR_EVER(body) "(loop $again " body "(br $again))"

static struct guest *run_new(struct engine_fixture *fixture, const char *wat)
{
	struct guest *guest = guest_try(fixture, wat, "");

	if (guest->load_error.status != CAPSULE_OK)
		fail_msg("%s", guest->load_error.text);
	return guest;
}

static enum engine_health health(const struct guest *guest)
{
	return guest->engine->ops->health(guest->engine, NULL);
}

static void told(struct engine *engine, void *user)
{
	(void)engine;
	++*(int *)user;
}

/* From now on nobody may be told that it failed. */
static void expect_silence(struct guest *guest, int *changes)
{
	*changes = 0;
	guest->engine->changed = told;
	guest->engine->user = changes;
}

static void assert_silence(const struct guest *guest, const int *changes)
{
	assert_int_equal(guest->fixture->logged.len, 0);
	assert_int_equal(*changes, 0);
	assert_int_equal(health(guest), ENGINE_UNLOADED);
}

/* ---- The end ---- */

/* What it waited for was ended from outside: it goes on and comes to its end, whatever that is. */
static void test_a_loop_whose_wait_ends_goes_on(void **state)
{
	static const char *const loops[] = {
		RUN("", PARK GO_ON),
		RUN("(result i32)", PARK GO_ON "(i32.const 3)"),
		RUN("", FOR_EVER(PARK GO_ON "(drop (call $fail))")),
		RUN("", PARK GO_ON "(unreachable)"),
	};
	struct engine_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
		HOLD(guest_drop) struct guest *guest = run_new(fixture, loops[i]);
		int changes;

		fixture->deep = 0;
		expect_silence(guest, &changes);
		guest_unload(guest);
		settle(fixture);
		assert_int_equal(guest->unloaded, 0);
		answer_parked(fixture, "");
		turn_until(fixture, &guest->unloaded, 1);
		assert_int_not_equal(fixture->deep, 0);
		assert_int_equal(fixture->stopped, 0);
		assert_silence(guest, &changes);
	}
}

static void test_a_loop_that_goes_on_waiting_is_cut_off(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));
	int changes;

	expect_silence(guest, &changes);
	guest_unload(guest);
	answer_parked(fixture, "");
	advance_ms(fixture, LIMIT_LOOP_STOP_MS - 1);
	assert_int_equal(fixture->parked_count, 1);
	assert_int_equal(guest->unloaded, 0);
	advance_ms(fixture, 1);
	assert_int_equal(guest->unloaded, 1);
	assert_int_equal(fixture->stopped, 1);
	assert_silence(guest, &changes);
}

static void test_a_loop_that_spins_is_cut_off(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER("")));
	int changes;

	expect_silence(guest, &changes);
	guest_unload(guest);
	advance_ms(fixture, LIMIT_LOOP_STOP_MS - 1);
	assert_int_equal(guest->unloaded, 0);
	advance_ms(fixture, 1);
	turn_until(fixture, &guest->unloaded, 1);
	assert_silence(guest, &changes);
}

/* Its CPU limit holds in the time that it has, too; that it is used up is nobody's failure either. */
static void test_a_loop_that_uses_up_its_processor_time_meanwhile_is_over(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;
	int changes;

	fixture->limits.call_cpu_ms = 10;
	guest = run_new(fixture, RUN("", PARK FOR_EVER("")));
	expect_silence(guest, &changes);
	guest_unload(guest);
	answer_parked(fixture, "");
	turn_until(fixture, &guest->unloaded, 1);
	assert_silence(guest, &changes);
}

static void count_done(struct op *op, void *user)
{
	(void)op;
	++*(int *)user;
}

static void test_each_unload_is_finished(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));
	struct op ops[3];
	int done[3] = { 0 };

	for (int i = 0; i < 3; i++)
		op_init(&ops[i], fixture->loop);
	guest_unload(guest);
	for (int i = 0; i < 2; i++) {
		advance_ms(fixture, 200);
		op_start(&ops[i], count_done, &done[i], NULL, 0, "unload");
		guest->engine->ops->unload(guest->engine, &ops[i]);
	}
	settle(fixture);
	assert_int_equal(guest->unloaded + done[0] + done[1], 0);
	advance_ms(fixture, LIMIT_LOOP_STOP_MS - 400); /* counted from the first one */
	assert_int_equal(guest->unloaded, 1);
	assert_int_equal(done[0], 1);
	assert_int_equal(done[1], 1);
	op_start(&ops[2], count_done, &done[2], NULL, 0, "unload");
	guest->engine->ops->unload(guest->engine, &ops[2]);
	settle(fixture);
	assert_int_equal(done[2], 1);
	for (int i = 0; i < 3; i++)
		op_fini(&ops[i]);
}

static void test_who_gives_up_an_unload_does_not_stop_it(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));
	struct op op;
	int done = 0;

	op_init(&op, fixture->loop);
	op_start(&op, count_done, &done, NULL, 0, "unload");
	guest->engine->ops->unload(guest->engine, &op);
	op_fini(&op);
	guest_unload(guest);
	advance_ms(fixture, LIMIT_LOOP_STOP_MS);
	assert_int_equal(guest->unloaded, 1);
	assert_int_equal(done, 0);
}

static void test_while_a_loop_stops_calls_are_refused(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));
	HOLD(call_fini) struct guest_call call;
	struct capsule_error err = { 0 };

	guest_unload(guest);
	settle(fixture);
	assert_int_equal(health(guest), ENGINE_UNLOADED);
	call_init(&call, guest, "count", span_of(NULL, 0));
	assert_int_equal(guest->engine->ops->call(guest->engine, &call.call, NULL, NULL, &err), CAPSULE_ESTATE);
	assert_says(err.text, "is not loaded");
	assert_int_equal(guest->engine->ops->calls(guest->engine), 0);
}

static void test_many_loops_stop_side_by_side(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guests[PARKED_MAX];

	for (int i = 0; i < PARKED_MAX; i++)
		guests[i] = run_new(fixture, RUN("", FOR_EVER(PARK)));
	turn_until(fixture, &fixture->parked_count, PARKED_MAX);
	for (int i = 0; i < PARKED_MAX; i++)
		guest_unload(guests[i]);
	advance_ms(fixture, LIMIT_LOOP_STOP_MS - 1);
	assert_int_equal(fixture->stopped, 0);
	advance_ms(fixture, 1);
	assert_int_equal(fixture->stopped, PARKED_MAX);
	for (int i = 0; i < PARKED_MAX; i++) {
		assert_int_equal(guests[i]->unloaded, 1);
		guest_free(guests[i]);
	}
	assert_int_equal(fixture->logged.len, 0);
}

/* One that is cut off each time does not have to wait before it begins again. */
static void test_a_loop_can_be_loaded_again(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));

	for (int i = 1; i <= 12; i++) {
		assert_int_equal(fixture->parked_ever, i);
		guest_unload(guest);
		advance_ms(fixture, LIMIT_LOOP_STOP_MS);
		assert_int_equal(guest->unloaded, i);
		op_start(&guest->load, guest_load_done, guest, NULL, 0, "load");
		guest->engine->ops->load(guest->engine, &guest->load);
		turn_until(fixture, &guest->loaded, i + 1);
		settle(fixture);
		assert_int_equal(health(guest), ENGINE_READY);
	}
	guest->unloaded = 0; /* it is loaded */
}

static void test_a_loop_that_failed_is_unloaded_at_once(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", "(unreachable)"));

	settle(fixture);
	assert_int_equal(health(guest), ENGINE_FAILED);
	guest_unload(guest);
	settle(fixture);
	assert_int_equal(guest->unloaded, 1);
}

static void test_a_loop_that_is_still_being_loaded_never_begins(void **state)
{
	struct engine_fixture *fixture = *state;

	for (int i = 0; i < 2; i++) {
		HOLD(guest_drop) struct guest *guest = guest_start(fixture, span_text(RUN("", FOR_EVER(PARK))), "");

		if (i == 0)
			op_cancel(&guest->load);
		guest_unload(guest);
		turn_until(fixture, &guest->unloaded, 1);
		settle(fixture);
		assert_int_equal(guest->loaded, 1);
		assert_int_equal(guest->load_error.status, CAPSULE_ECANCELLED);
		assert_int_equal(fixture->parked_ever, 0);
	}
}

/* ---- In between ---- */

/* Frames upon frames below the one that waits, a block that is held and many that were freed: a second later what the loop
 * does not need has gone back, and it goes on with the rest. */
#define LEVELS "100"
#define RUN_DEEP                                                                                                       \
	MODULE(ROWS "(import \"extism:host/env\" \"free\" (func $free (param i64)))"                                   \
		    "(import \"extism:host/env\" \"load_u8\" (func $load (param i64) (result i32)))",                  \
		"(func $down (param i32) (result i32)"                                                                 \
		"  (if (i32.eqz (local.get 0)) (then " PARK "(return (i32.const 0))))"                                 \
		"  (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))"                        \
		"(func (export \"run\") (result i32) (local $held i64) (local $n i32)"                                 \
		"  (local.set $n (i32.const 3000))"                                                                    \
		"  (loop $more (call $free (call $alloc (i64.const 20)))"                                              \
		"    (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"                             \
		"  (local.set $held (call $alloc (i64.const 3000)))"                                                   \
		"  (call $store (i64.add (local.get $held) (i64.const 2999)) (i32.const 77))" GO_ON                    \
		"  (local.set $n (call $down (i32.const " LEVELS ")))"                                                 \
		"  (local.set $n (i32.add (local.get $n) (call $down (i32.const 1))))"                                 \
		"  (i32.add (local.get $n) (call $load (i64.add (local.get $held) (i64.const 2999)))))")

static void test_a_loop_that_waits_keeps_what_it_needs(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN_DEEP);
	struct capsule_error why = { 0 };

	for (int i = 0; i < 2; i++) {
		turn_until(fixture, &fixture->parked_count, 1);
		advance_ms(fixture, 1500);
		advance_ms(fixture, 1500);
		answer_parked(fixture, "an answer");
		settle(fixture);
	}
	assert_int_equal(guest->engine->ops->health(guest->engine, &why), ENGINE_FAILED);
	assert_says(why.text, "exit code: 5128"); /* 1 + ... + 100, 1, 77 */
}

static void test_a_loop_that_waits_causes_one_wake_up(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));

	turn_until(fixture, &fixture->parked_count, 1);
	settle(fixture);
	assert_true(loop_timeout_ms(fixture->loop) > 0);
	advance_ms(fixture, 1500);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	advance_ms(fixture, 100000);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_int_equal(health(guest), ENGINE_READY);
}

/* ---- The beginning ---- */

static const struct guest *beginning; /* whose load begin_loop() belongs to */

static enum capsule_status begin_loop(void *user, struct origin *origin, struct capsule_error *err)
{
	struct engine_fixture *fixture = user;

	(void)err;
	assert_string_equal(origin->principal, "default");
	assert_int_equal(fixture->parked_ever, 0);
	assert_true(op_pending(&beginning->load));
	assert_int_equal(fixture->order++, 0); /* once */
	(void)snprintf(origin->principal, sizeof origin->principal, "whoever");
	origin->owner = 7;
	return CAPSULE_OK;
}

static enum capsule_status refuse_loop(void *user, struct origin *origin, struct capsule_error *err)
{
	(void)user;
	(void)origin;
	return error_set(err, CAPSULE_ELIMIT, "no subscription is left");
}

static void test_the_floors_above_are_asked_before_the_first_instruction(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	fixture->services.run_loop = begin_loop;
	guest = guest_start(fixture, span_text(RUN("", FOR_EVER(PARK))), "");
	beginning = guest;
	turn_until(fixture, &guest->loaded, 1);
	turn_until(fixture, &fixture->parked_count, 1);
	assert_string_equal(fixture->origin.principal, "whoever");
	assert_int_equal(fixture->origin.owner, 7);
	assert_int_equal(fixture->order, 1);
}

static void test_without_them_a_loop_acts_for_the_default(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = run_new(fixture, RUN("", FOR_EVER(PARK)));

	turn_until(fixture, &fixture->parked_count, 1);
	assert_string_equal(fixture->origin.principal, "default");
	assert_int_equal(fixture->origin.owner, 0);
	assert_int_equal(health(guest), ENGINE_READY);
}

static void test_what_they_refuse_is_not_loaded(void **state)
{
	struct engine_fixture *fixture = *state;

	fixture->services.run_loop = refuse_loop;
	assert_refused(guest_try(fixture, RUN("", FOR_EVER(PARK)), ""), CAPSULE_ELIMIT, "no subscription is left");
	settle(fixture);
	assert_int_equal(fixture->parked_ever, 0);
}

static void test_they_are_not_asked_about_other_modules(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *plain = NULL;
	HOLD(guest_drop) struct guest *bare = NULL;

	fixture->services.run_loop = refuse_loop;
	plain = run_new(fixture, MODULE("", ""));
	bare = guest_new(fixture, RUN("", "(call $count)"));
	assert_answers(plain, "count", "1");
	assert_answers(bare, "run", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_loop_whose_wait_ends_goes_on),
		TEST(test_a_loop_that_goes_on_waiting_is_cut_off),
		TEST(test_a_loop_that_spins_is_cut_off),
		TEST(test_a_loop_that_uses_up_its_processor_time_meanwhile_is_over),
		TEST(test_each_unload_is_finished),
		TEST(test_who_gives_up_an_unload_does_not_stop_it),
		TEST(test_while_a_loop_stops_calls_are_refused),
		TEST(test_many_loops_stop_side_by_side),
		TEST(test_a_loop_can_be_loaded_again),
		TEST(test_a_loop_that_failed_is_unloaded_at_once),
		TEST(test_a_loop_that_is_still_being_loaded_never_begins),
		TEST(test_a_loop_that_waits_keeps_what_it_needs),
		TEST(test_a_loop_that_waits_causes_one_wake_up),
		TEST(test_the_floors_above_are_asked_before_the_first_instruction),
		TEST(test_without_them_a_loop_acts_for_the_default),
		TEST(test_what_they_refuse_is_not_loaded),
		TEST(test_they_are_not_asked_about_other_modules),
	};

	return cmocka_run_group_tests_name("the ends of run loops", tests, NULL, NULL);
}
