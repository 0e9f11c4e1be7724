/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Guests with a loop of their own: which modules are that, what their manifest may say, how they end. */
#include "engine/wasm/engine_fixture.h"

#include <stdio.h>

#define WAIT IMPORT_TEST("wait", "(param i64) (result i64)")
#define RUN(type, body) MODULE(WAIT, "(func (export \"run\") " type body ")")
#define PARK "(drop (call $wait (i64.const 0)))"

/* A capsule, whose manifest has `lines`, that has to load. */
static struct guest *capsule_new(struct engine_fixture *fixture, const char *wat, const char *lines)
{
	struct guest *guest = guest_try(fixture, wat, lines);

	if (guest->load_error.status != CAPSULE_OK)
		fail_msg("%s", guest->load_error.text);
	return guest;
}

static enum engine_health health(const struct guest *guest, struct capsule_error *why)
{
	return guest->engine->ops->health(guest->engine, why);
}

static void test_a_run_loop_runs_until_it_is_unloaded(void **state) /* abi:15 */
{
	static const char *const modules[] = { RUN("", "(loop $again " PARK "(br $again))"),
		RUN("(result i32)", "(loop $again " PARK "(br $again)) (i32.const 0)") };
	struct engine_fixture *fixture = *state;

	for (int i = 0; i < 2; i++) {
		HOLD(guest_drop) struct guest *guest = capsule_new(fixture, modules[i], "");

		assert_true(wasm_capsule_loops(guest->engine));
		for (int n = 0; n < 3; n++) {
			answer_parked(fixture, "");
			advance_ms(fixture, 2 * (int64_t)LIMIT_CALL_WALL_MS);
			assert_int_equal(health(guest, NULL), ENGINE_READY);
		}
		guest_unload(guest);
		assert_int_equal(health(guest, NULL), ENGINE_UNLOADED);
		advance_ms(fixture, LIMIT_LOOP_STOP_MS);
		assert_int_equal(fixture->stopped, i + 1);
		assert_int_equal(guest->unloaded, 1);
	}
	assert_int_equal(fixture->logged.len, 0);
}

static void test_a_run_loop_takes_no_calls(void **state) /* abi:43 rt:207 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = capsule_new(fixture, RUN("", PARK), "");
	struct capsule_error err = { 0 };
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, "action", span_of(NULL, 0));
	call.call.kind = ENGINE_INTERCEPTOR;
	assert_int_equal(guest->engine->ops->call(guest->engine, &call.call, NULL, NULL, &err), CAPSULE_EUNSUPPORTED);
	assert_says(err.text, "Not supported");
}

static void test_a_run_loop_that_ends_has_failed(void **state)
{
	static const struct {
		const char *wat, *says;
		enum capsule_status status;
	} ends[] = {
		{ RUN("", PARK), "WASM run loop exited unexpectedly: it returned", CAPSULE_EGUEST },
		{ RUN("(result i32)", PARK "(i32.const 3)"), "exit code: 3", CAPSULE_EGUEST },
		{ RUN("", PARK "(unreachable)"), "unreachable", CAPSULE_ETRAP },
	};
	struct engine_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		HOLD(guest_drop) struct guest *guest = capsule_new(fixture, ends[i].wat, "");
		struct capsule_error why = { 0 };
		HOLD(call_fini) struct guest_call call;

		answer_parked(fixture, "");
		settle(fixture);
		assert_int_equal(health(guest, &why), ENGINE_FAILED);
		assert_int_equal(why.status, ends[i].status);
		assert_says(why.text, ends[i].says);
		assert_says(buffer_text(&fixture->logged), ends[i].says);
		call_init(&call, guest, "count", span_of(NULL, 0));
		assert_int_equal(guest->engine->ops->call(guest->engine, &call.call, NULL, NULL, &why), CAPSULE_ESTATE);
		assert_says(why.text, "has failed");
	}
}

static void test_run_of_another_type_is_refused(void **state) /* abi:16 */
{
	struct engine_fixture *fixture = *state;

	assert_refused(
		guest_try(fixture, RUN("(param i32) (result i32)", "(i32.const 0)"), ""), CAPSULE_EMODULE, "mismatch");
	assert_refused(guest_try(fixture, RUN("(result i64)", "(i64.const 0)"), ""), CAPSULE_EMODULE, "mismatch");
	assert_refused(guest_try(fixture, RUN("(result f32)", "(f32.const 0)"), ""), CAPSULE_EMODULE, "mismatch");
}

static void test_a_global_called_run_is_no_run_loop(void **state) /* abi:17 */
{
	HOLD(guest_drop)
	struct guest *guest = capsule_new(*state, MODULE("", "(global (export \"run\") i32 (i32.const 1))"), "");

	assert_false(wasm_capsule_loops(guest->engine));
	assert_answers(guest, "count", "1");
}

static void test_run_of_a_bare_module_is_an_export_like_others(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, RUN("", "(call $count)"));

	assert_false(wasm_capsule_loops(guest->engine));
	assert_answers(guest, "run", "1");
	assert_answers(guest, "run", "2");
}

/* `count` interceptors, the last for `event`. */
static struct guest *with_interceptors(struct engine_fixture *fixture, const char *wat, int count, const char *event)
{
	HOLD(buffer_fini) struct buffer lines = { 0 };

	for (int i = 1; i < count; i++)
		buffer_printf(&lines, "[[interceptor]]\nevent = \"a.b%d\"\naction = \"act\"\n", i);
	buffer_printf(&lines, "[[interceptor]]\nevent = \"%s\"\naction = \"act\"\n", event);
	return guest_try(fixture, wat, buffer_text(&lines));
}

static void test_a_run_loop_may_have_64_interceptors(void **state) /* abi:24 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *most = with_interceptors(fixture, RUN("", PARK), 64, "a.last");
	HOLD(guest_drop) struct guest *tools = with_interceptors(fixture, MODULE("", ""), 65, "a.last");

	assert_int_equal(most->load_error.status, CAPSULE_OK);
	assert_int_equal(tools->load_error.status, CAPSULE_OK);
	assert_refused(with_interceptors(fixture, RUN("", PARK), 65, "a.last"), CAPSULE_EMANIFEST, "has 65");
}

static void test_an_interceptor_of_a_run_loop_only_observes(void **state)
{
	static const enum interceptor_mode modes[] = { INTERCEPTOR_GUARDS, INTERCEPTOR_REWRITES };
	static const char lines[] = "[[interceptor]]\nevent = \"a.b\"\naction = \"act\"\n";
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *observes = capsule_new(fixture, RUN("", PARK), lines);

	assert_int_equal(health(observes, NULL), ENGINE_READY);
	for (int i = 0; i < 2; i++) {
		struct guest *guest = guest_start(fixture, span_text(RUN("", PARK)), lines);
		struct manifest_interceptor *interceptor = &guest->manifest->interceptors.items[0];

		interceptor->mode = modes[i];
		interceptor->mode_place.line = 10;
		turn_until(fixture, &guest->loaded, 1);
		assert_refused(guest, CAPSULE_EMANIFEST,
			"Capsule.toml:10: an interceptor of a capsule with a run loop can't decide about events, since a loop "
			"takes no calls: remove `mode`, or");
	}
}

/* ---- Readiness ---- */

#define SAY "(import \"extism:host/user\" \"astrid_signal_ready\" (func $say_ready))"
#define RUN_SAYS(body) MODULE(WAIT SAY, "(func (export \"run\") " body ")")

struct ready_wait {
	struct op op;
	int done;
	struct capsule_error error;
};

static void ready_done(struct op *op, void *user)
{
	struct ready_wait *wait = user;

	wait->done++;
	(void)error_copy(&wait->error, &op->error);
}

static void ready_start(struct ready_wait *wait, const struct guest *guest, uint64_t timeout_ms)
{
	memset(wait, 0, sizeof *wait);
	op_init(&wait->op, guest->fixture->loop);
	op_start(&wait->op, ready_done, wait, NULL, timeout_ms, "ready");
	guest->engine->ops->wait_ready(guest->engine, &wait->op);
}

static void assert_ready(struct engine_fixture *fixture, struct ready_wait *wait, enum capsule_status status)
{
	turn_until(fixture, &wait->done, 1);
	assert_int_equal(wait->error.status, status);
	op_fini(&wait->op);
}

static void test_a_run_loop_is_ready_when_it_says_so(void **state) /* rt:196 abi:37 abi:39 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = capsule_new(fixture, RUN_SAYS("(loop $again " PARK "(call $say_ready) (br $again))"), "");
	struct ready_wait early, patient, second, late;

	ready_start(&early, guest, 50);
	ready_start(&patient, guest, 500);
	ready_start(&second, guest, 500);
	advance_ms(fixture, 49);
	assert_int_equal(early.done, 0);
	advance_ms(fixture, 1);
	assert_ready(fixture, &early, CAPSULE_ETIMEOUT);
	assert_int_equal(patient.done, 0);
	answer_parked(fixture, "");
	assert_ready(fixture, &patient, CAPSULE_OK);
	assert_ready(fixture, &second, CAPSULE_OK);
	answer_parked(fixture, "");
	ready_start(&late, guest, 10);
	assert_ready(fixture, &late, CAPSULE_OK);
}

static void test_once_ready_always_ready(void **state) /* rt:196 abi:40 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = capsule_new(fixture, RUN_SAYS("(call $say_ready)"), "");
	struct ready_wait wait;

	settle(fixture);
	assert_int_equal(health(guest, NULL), ENGINE_FAILED);
	ready_start(&wait, guest, 10);
	assert_ready(fixture, &wait, CAPSULE_OK);
}

static void test_a_run_loop_that_ends_does_not_become_ready(void **state) /* rt:196 abi:38 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = capsule_new(fixture, RUN("", PARK), "");
	struct ready_wait wait, late;

	ready_start(&wait, guest, 500);
	answer_parked(fixture, "");
	turn_until(fixture, &wait.done, 1);
	assert_says(wait.error.text, "ended without becoming ready: WASM run loop exited");
	assert_ready(fixture, &wait, CAPSULE_ESTATE);
	assert_int_equal(health(guest, NULL), ENGINE_FAILED);
	ready_start(&late, guest, 500);
	assert_ready(fixture, &late, CAPSULE_ESTATE);
}

static void test_unloading_ends_who_waits(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = capsule_new(fixture, RUN("", PARK), "");
	struct ready_wait wait, late;

	ready_start(&wait, guest, 500);
	guest_unload(guest);
	assert_ready(fixture, &wait, CAPSULE_ESTATE);
	ready_start(&late, guest, 500);
	assert_ready(fixture, &late, CAPSULE_ESTATE);
}

static void test_unloaded_there_is_nothing_to_wait_for_and_no_failure(void **state) /* abi:48 */
{
	static const char *const modules[] = { RUN("", PARK), MODULE("", "") };
	struct engine_fixture *fixture = *state;

	for (int i = 0; i < 2; i++) {
		HOLD(guest_drop) struct guest *guest = capsule_new(fixture, modules[i], "");
		struct ready_wait wait;

		guest_unload(guest);
		advance_ms(fixture, LIMIT_LOOP_STOP_MS);
		assert_int_equal(guest->unloaded, 1);
		ready_start(&wait, guest, 10);
		assert_ready(fixture, &wait, CAPSULE_OK);
		assert_int_equal(health(guest, NULL), ENGINE_UNLOADED);
	}
}

static void test_without_a_run_loop_it_is_ready_at_once(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = capsule_new(fixture, MODULE("", ""), "");
	struct ready_wait wait;

	ready_start(&wait, guest, 10);
	assert_ready(fixture, &wait, CAPSULE_OK);
}

static void changed(struct engine *engine, void *user)
{
	(void)engine;
	++*(int *)user;
}

static void test_a_failure_is_told_and_so_is_the_last_call(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *loop = capsule_new(fixture, RUN("", PARK), "");
	HOLD(guest_drop) struct guest *plain = capsule_new(fixture, MODULE("", ""), "");
	int told[2] = { 0 };

	loop->engine->changed = plain->engine->changed = changed;
	loop->engine->user = &told[0];
	plain->engine->user = &told[1];
	assert_int_equal(loop->engine->ops->calls(loop->engine), 0);
	answer_parked(fixture, "");
	turn_until(fixture, &told[0], 1);
	assert_answers(plain, "count", "1");
	assert_int_equal(told[1], 0);
	plain->engine->tell_idle = true;
	{
		CALL(running, plain, "count");
		CALL(waiting, plain, "count");

		assert_int_equal(plain->engine->ops->calls(plain->engine), 2);
		op_cancel(&waiting.call.op);
		assert_int_equal(told[1], 1);
		assert_int_equal(plain->engine->ops->calls(plain->engine), 1);
		assert_answered(&running, "2");
	}
	assert_int_equal(told[1], 2);
	assert_int_equal(plain->engine->ops->calls(plain->engine), 0);
}

static void test_tools_are_those_of_the_manifest(void **state) /* rt:207 */
{
	static const char lines[] =
		"[[tool]]\nname = \"t\"\ndescription = \"\\\"d\\\"\"\n[[tool]]\nname = \"u\"\ndescription = \"\"\n";
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *plain = capsule_new(fixture, MODULE("", ""), lines);
	HOLD(guest_drop) struct guest *loop = capsule_new(fixture, RUN("", PARK), lines);
	HOLD(buffer_fini) struct buffer out = { 0 };

	assert_int_equal(loop->engine->ops->tools(loop->engine, true, NULL, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(plain->engine->ops->tools(plain->engine, false, NULL, &out), 2);
	assert_says(buffer_text(&out), ",{\"name\":\"t\",\"description\":\"\\\"d\\\"\",\"input_schema\":{");
	assert_says(buffer_text(&out), "},{\"name\":\"u\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_run_loop_runs_until_it_is_unloaded),
		TEST(test_a_run_loop_takes_no_calls),
		TEST(test_a_run_loop_that_ends_has_failed),
		TEST(test_run_of_another_type_is_refused),
		TEST(test_a_global_called_run_is_no_run_loop),
		TEST(test_run_of_a_bare_module_is_an_export_like_others),
		TEST(test_a_run_loop_may_have_64_interceptors),
		TEST(test_an_interceptor_of_a_run_loop_only_observes),
		TEST(test_a_run_loop_is_ready_when_it_says_so),
		TEST(test_once_ready_always_ready),
		TEST(test_a_run_loop_that_ends_does_not_become_ready),
		TEST(test_unloading_ends_who_waits),
		TEST(test_unloaded_there_is_nothing_to_wait_for_and_no_failure),
		TEST(test_without_a_run_loop_it_is_ready_at_once),
		TEST(test_a_failure_is_told_and_so_is_the_last_call),
		TEST(test_tools_are_those_of_the_manifest),
	};

	return cmocka_run_group_tests_name("run loops", tests, NULL, NULL);
}
