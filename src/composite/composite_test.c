/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One life cycle over several engines, on a clock that is moved by hand. The engines are made here: each does what its test says,
 * and notes in one text what was asked of it, in order. */
#include "composite/composite.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ENGINES_MAX 3
#define CALLS_MAX 4

struct fixture;

struct fake {
	struct engine engine;
	struct fixture *fixture;
	const char *name;
	/* What it does: */
	bool hold_load, hold_unload, hold_ready; /* until the test says so */
	const char *load_error, *unload_error, *call_error;
	bool takes_calls;
	const char *tool;
	/* What became of it: */
	struct op *loading, *unloading;
	struct list_node waiting; /* op.link */
	struct list_node calls;   /* engine_call.link */
	size_t call_count;
	const char *failure;
	bool loaded, ready;
};

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct log_sink log;
	struct buffer logged;
	struct buffer notes;
	struct composite *composite;
	struct fake *fakes[ENGINES_MAX];
	size_t count;
	int changes, gone;
};

struct waiter {
	struct op op;
	int done;
	struct capsule_error error;
};

static struct fake *fake_of(const struct engine *engine)
{
	return LIST_ENTRY(engine, struct fake, engine);
}

static void note(struct fake *fake, const char *what)
{
	buffer_printf(&fake->fixture->notes, "%s%s %s", fake->fixture->notes.len == 0 ? "" : ", ", what, fake->name);
}

static void fail_op(struct op *op, const char *text)
{
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_EMODULE, "%s", text);
	op_fail(op, &err);
}

static void fake_load_stopped(struct op *op)
{
	struct fake *fake = op->producer;

	note(fake, "stop");
	fake->loading = NULL;
}

static void fake_load(struct engine *engine, struct op *op)
{
	struct fake *fake = fake_of(engine);

	note(fake, "load");
	fake->ready = false;
	if (fake->load_error != NULL) {
		fail_op(op, fake->load_error);
		return;
	}
	fake->loaded = true;
	op->stage = "thinking";
	if (!fake->hold_load) {
		op_finish(op);
		return;
	}
	op->producer = fake;
	op->stop = fake_load_stopped;
	fake->loading = op;
}

static void fake_unload(struct engine *engine, struct op *op)
{
	struct fake *fake = fake_of(engine);
	struct list_node *node;

	note(fake, "unload");
	while ((node = list_take_first(&fake->calls)) != NULL)
		fail_op(&LIST_ENTRY(node, struct engine_call, link)->op, "stopped");
	fake->call_count = 0;
	fake->loaded = false;
	fake->failure = NULL;
	if (fake->hold_unload)
		fake->unloading = op;
	else if (fake->unload_error != NULL)
		fail_op(op, fake->unload_error);
	else
		op_finish(op);
}

static void fake_call_over(struct fake *fake, struct engine_call *call)
{
	list_remove(&call->link);
	fake->call_count--;
	if (fake->engine.tell_idle)
		engine_changed(&fake->engine);
}

static void fake_call_stopped(struct op *op)
{
	struct engine_call *call = LIST_ENTRY(op, struct engine_call, op);

	fake_call_over(fake_of(call->engine), call);
}

static enum capsule_status fake_call(
	struct engine *engine, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	struct fake *fake = fake_of(engine);

	note(fake, "call");
	if (fake->call_error != NULL)
		return error_set(err, CAPSULE_EGUEST, "%s", fake->call_error);
	if (!fake->takes_calls)
		return error_set(err, CAPSULE_EUNSUPPORTED, "Not supported: %s", fake->name);
	call->engine = engine;
	op_start(&call->op, done, user, fake_call_stopped, 0, "call");
	list_init(&call->link);
	list_append(&fake->calls, &call->link);
	fake->call_count++;
	return CAPSULE_OK;
}

static enum engine_health fake_health(struct engine *engine, struct capsule_error *why)
{
	const struct fake *fake = fake_of(engine);

	if (fake->failure == NULL)
		return fake->loaded ? ENGINE_READY : ENGINE_UNLOADED;
	(void)error_set(why, CAPSULE_ETRAP, "%s", fake->failure);
	return ENGINE_FAILED;
}

static void fake_wait_ready(struct engine *engine, struct op *op)
{
	struct fake *fake = fake_of(engine);

	note(fake, "wait");
	if (!fake->hold_ready || fake->ready)
		op_finish(op);
	else
		list_append(&fake->waiting, &op->link);
}

static size_t fake_tools(const struct engine *engine, bool first, struct buffer *out)
{
	const struct fake *fake = LIST_ENTRY(engine, const struct fake, engine);

	if (fake->tool == NULL)
		return 0;
	buffer_printf(out, "%s{\"name\":\"%s\"}", first ? "" : ",", fake->tool);
	return 1;
}

static size_t fake_calls(const struct engine *engine)
{
	return LIST_ENTRY(engine, const struct fake, engine)->call_count;
}

static void fake_free(struct engine *engine)
{
	struct fake *fake = fake_of(engine);
	struct fixture *fixture = fake->fixture;

	assert_false(fake->loaded);
	assert_true(list_empty(&fake->waiting));
	for (size_t i = 0; i < fixture->count; i++)
		if (fixture->fakes[i] == fake)
			fixture->fakes[i] = NULL;
	free(fake);
}

static const struct engine_ops fake_ops = {
	.name = "fake",
	.load = fake_load,
	.unload = fake_unload,
	.call = fake_call,
	.health = fake_health,
	.wait_ready = fake_wait_ready,
	.tools = fake_tools,
	.calls = fake_calls,
	.free = fake_free,
};

/* What an engine may leave out. */
static const struct engine_ops plain_ops = {
	.name = "plain",
	.load = fake_load,
	.unload = fake_unload,
	.call = fake_call,
	.health = fake_health,
	.free = fake_free,
};

static void state_changed(void *user)
{
	struct fixture *fixture = user;

	fixture->changes++;
}

static void composite_gone(void *user)
{
	struct fixture *fixture = user;

	fixture->gone++;
	fixture->composite = NULL;
}

static void write_log(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct fixture *fixture = user;

	(void)level;
	buffer_printf(&fixture->logged, "%s: %.*s\n", capsule, (int)len, message);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, 0);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	fixture->log = (struct log_sink){ write_log, fixture, CAPSULE_LOG_TRACE };
	*state = fixture;
	return 0;
}

static void turn(struct fixture *fixture)
{
	for (int i = 0; i < 12; i++)
		(void)loop_turn(fixture->loop, 0);
}

static void advance(struct fixture *fixture, int64_t ms)
{
	clock_manual_advance(&fixture->clock, ms * NS_PER_MS);
	turn(fixture);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	composite_release(fixture->composite);
	turn(fixture);
	advance(fixture, LIMIT_UNLOAD_GRACE_MS);
	assert_int_equal(fixture->gone, 1);
	for (size_t i = 0; i < fixture->count; i++)
		assert_null(fixture->fakes[i]);
	loop_free(fixture->loop);
	buffer_fini(&fixture->logged);
	buffer_fini(&fixture->notes);
	free(fixture);
	return 0;
}

/* A capsule of `count` engines called a, b and c. */
static void make(struct fixture *fixture, size_t count)
{
	static const char *const names[] = { "a", "b", "c" };
	const struct composite_options options = { .loop = fixture->loop,
		.id = "one",
		.log = &fixture->log,
		.grace_ms = 100,
		.changed = state_changed,
		.gone = composite_gone,
		.user = fixture };

	assert_int_equal(composite_new(&fixture->composite, &options, NULL), CAPSULE_OK);
	fixture->count = count;
	for (size_t i = 0; i < count; i++) {
		struct fake *fake = calloc(1, sizeof *fake);

		assert_non_null(fake);
		fake->engine.ops = &fake_ops;
		fake->fixture = fixture;
		fake->name = names[i];
		list_init(&fake->waiting);
		list_init(&fake->calls);
		fixture->fakes[i] = fake;
		assert_int_equal(composite_add(fixture->composite, &fake->engine, NULL), CAPSULE_OK);
	}
}

static void waiter_done(struct op *op, void *user)
{
	struct waiter *waiter = user;

	waiter->done++;
	(void)error_copy(&waiter->error, &op->error);
}

static void waiter_init(struct waiter *waiter, struct fixture *fixture)
{
	memset(waiter, 0, sizeof *waiter);
	op_init(&waiter->op, fixture->loop);
}

static void waiter_fini(struct waiter *waiter)
{
	op_fini(&waiter->op);
}

#define WAITER(name) HOLD(waiter_fini) struct waiter name

static void load_start(struct fixture *fixture, struct waiter *waiter)
{
	waiter_init(waiter, fixture);
	op_start(&waiter->op, waiter_done, waiter, NULL, 0, "load");
	composite_load(fixture->composite, &waiter->op);
}

static void unload_start(struct fixture *fixture, struct waiter *waiter)
{
	waiter_init(waiter, fixture);
	op_start(&waiter->op, waiter_done, waiter, NULL, 0, "unload");
	composite_unload(fixture->composite, &waiter->op);
}

static void assert_ended(struct fixture *fixture, const struct waiter *waiter, enum capsule_status status)
{
	turn(fixture);
	assert_int_equal(waiter->done, 1);
	if (waiter->error.status != status)
		fail_msg("%d instead of %d: %s", (int)waiter->error.status, (int)status, waiter->error.text);
}

static void load(struct fixture *fixture)
{
	WAITER(waiter);

	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_READY);
}

static void unload(struct fixture *fixture)
{
	WAITER(waiter);

	unload_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
}

static void assert_notes(struct fixture *fixture, const char *text)
{
	const char *notes = buffer_text(&fixture->notes);

	assert_string_equal(notes == NULL ? "" : notes, text);
	buffer_clear(&fixture->notes);
}

static void assert_tools(struct fixture *fixture, const char *text, size_t count)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	size_t counted = 99;

	assert_true(composite_append_tools(fixture->composite, &out, &counted));
	assert_string_equal(buffer_text(&out), text);
	assert_int_equal(counted, count);
}

static void fail_by_itself(struct fake *fake, const char *why)
{
	fake->failure = why;
	engine_changed(&fake->engine);
}

static void call_start(struct fixture *fixture, struct engine_call *call, struct waiter *waiter)
{
	memset(call, 0, sizeof *call);
	memset(waiter, 0, sizeof *waiter);
	op_init(&call->op, fixture->loop);
	assert_int_equal(composite_call(fixture->composite, call, waiter_done, waiter, NULL), CAPSULE_OK);
}

static void call_finish(struct engine_call *call)
{
	struct fake *fake = fake_of(call->engine);

	op_finish(&call->op);
	fake_call_over(fake, call);
}

/* ---- Loading ---- */

static void engines_are_loaded_in_order_and_unloaded_in_reverse(void **state) /* rt:178 */
{
	struct fixture *fixture = *state;

	make(fixture, 3);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
	load(fixture);
	assert_notes(fixture, "load a, load b, load c");
	assert_int_equal(fixture->changes, 2);
	assert_string_equal(composite_engine_name(fixture->composite, 2), "fake");
	assert_null(composite_engine_name(fixture->composite, 3));
	unload(fixture);
	assert_notes(fixture, "unload c, unload b, unload a");
	assert_int_equal(fixture->changes, 4);
}

static void a_capsule_without_engines_is_ready(void **state) /* rt:180 rt:183 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	make(fixture, 0);
	load(fixture);
	waiter_init(&waiter, fixture);
	composite_wait_ready(fixture->composite, &waiter.op, 0, waiter_done, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_tools(fixture, "[]", 0);
	unload(fixture);
}

static void an_engine_that_fails_takes_the_others_down(void **state) /* rt:185 */
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };
	WAITER(waiter);

	make(fixture, 3);
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

	make(fixture, 2);
	fixture->fakes[1]->load_error = "E";
	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_EMODULE);
	fixture->fakes[1]->load_error = NULL;
	buffer_clear(&fixture->notes);
	load(fixture);
	assert_notes(fixture, "load a, load b");
}

static void what_failed_by_itself_is_taken_down_before_it_is_loaded_again(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2);
	load(fixture);
	fail_by_itself(fixture->fakes[0], "crashed");
	buffer_clear(&fixture->notes);
	load(fixture);
	assert_notes(fixture, "unload b, unload a, load a, load b");
}

static void loading_twice_does_not_double_the_tools(void **state) /* rt:186 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	make(fixture, 3);
	fixture->fakes[0]->tool = "one";
	fixture->fakes[2]->tool = "two";
	load(fixture);
	assert_tools(fixture, "[{\"name\":\"one\"},{\"name\":\"two\"}]", 2);
	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_ESTATE);
	assert_string_equal(waiter.error.text, "capsule 'one' is loaded");
	unload(fixture);
	assert_tools(fixture, "[]", 0);
	load(fixture);
	assert_tools(fixture, "[{\"name\":\"one\"},{\"name\":\"two\"}]", 2);
}

static void a_cancelled_load_stops_the_engine_and_takes_the_others_down(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };
	WAITER(waiter);

	make(fixture, 3);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &waiter);
	turn(fixture);
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

	make(fixture, 3);
	for (int turns = 0; turns < 6; turns++) {
		WAITER(waiter);

		load_start(fixture, &waiter);
		for (int i = 0; i < turns; i++)
			(void)loop_turn(fixture->loop, 0);
		op_cancel(&waiter.op);
		turn(fixture);
		assert_int_equal(waiter.done, 1);
		if (waiter.error.status == CAPSULE_OK) {
			unload(fixture);
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

	make(fixture, 2);
	fixture->fakes[0]->hold_load = true;
	load_start(fixture, &waiter);
	turn(fixture);
	op_fini(&waiter.op);
	turn(fixture);
	assert_int_equal(waiter.done, 0);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_FAILED);
	assert_notes(fixture, "load a, stop a, unload a");
}

static void unloading_ends_a_load(void **state)
{
	struct fixture *fixture = *state;
	WAITER(loading);
	WAITER(unloading);

	make(fixture, 2);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &loading);
	turn(fixture);
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

	make(fixture, 2);
	fixture->fakes[1]->load_error = "E";
	fixture->fakes[0]->hold_unload = true;
	load_start(fixture, &loading);
	turn(fixture);
	assert_non_null(fixture->fakes[0]->unloading);
	unload_start(fixture, &unloading);
	assert_ended(fixture, &loading, CAPSULE_ECANCELLED);
	assert_int_equal(unloading.done, 0);
	op_finish(fixture->fakes[0]->unloading);
	assert_ended(fixture, &unloading, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
}

/* ---- Unloading ---- */

static void an_unload_that_fails_does_not_keep_the_others(void **state) /* rt:187 */
{
	struct fixture *fixture = *state;

	make(fixture, 3);
	fixture->fakes[1]->unload_error = "stuck";
	fixture->fakes[0]->tool = "t";
	load(fixture);
	buffer_clear(&fixture->notes);
	unload(fixture);
	assert_notes(fixture, "unload c, unload b, unload a");
	assert_tools(fixture, "[]", 0);
}

static void unloading_twice_is_one_unload_with_two_ends(void **state)
{
	struct fixture *fixture = *state;
	WAITER(first);
	WAITER(second);
	WAITER(third);

	make(fixture, 1);
	load(fixture);
	fixture->fakes[0]->hold_unload = true;
	unload_start(fixture, &first);
	unload_start(fixture, &second);
	turn(fixture);
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

	make(fixture, 1);
	load(fixture);
	fixture->fakes[0]->hold_unload = true;
	unload_start(fixture, &waiter);
	op_fini(&waiter.op);
	turn(fixture);
	op_finish(fixture->fakes[0]->unloading);
	turn(fixture);
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

	make(fixture, 2);
	fixture->fakes[0]->takes_calls = true;
	load(fixture);
	call_start(fixture, &calls[0], &ends[0]);
	call_start(fixture, &calls[1], &ends[1]);
	assert_int_equal(composite_calls(fixture->composite), 2);
	unload_start(fixture, &waiter);
	advance(fixture, 99);
	assert_int_equal(waiter.done, 0);
	op_init(&late.op, fixture->loop);
	assert_int_equal(composite_call(fixture->composite, &late, waiter_done, NULL, &err), CAPSULE_ESTATE);
	assert_string_equal(err.text, "capsule 'one' is being unloaded");
	call_finish(&calls[0]);
	turn(fixture);
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

	make(fixture, 1);
	fixture->fakes[0]->takes_calls = true;
	load(fixture);
	call_start(fixture, &call, &end);
	unload_start(fixture, &waiter);
	advance(fixture, 99);
	assert_int_equal(waiter.done, 0);
	advance(fixture, 1);
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

	make(fixture, 1);
	fixture->fakes[0]->takes_calls = true;
	load(fixture);
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

	make(fixture, 2);
	load(fixture);
	composite = composite_hold(fixture->composite);
	composite_release(composite);
	turn(fixture);
	assert_int_equal(composite_state(composite, NULL), COMPOSITE_READY);
	composite_release(composite);
	turn(fixture);
	assert_int_equal(fixture->gone, 1);
	assert_notes(fixture, "load a, load b, unload b, unload a");
}

static void a_release_lets_calls_in_flight_end(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call call;
	struct waiter end;

	make(fixture, 1);
	fixture->fakes[0]->takes_calls = true;
	load(fixture);
	call_start(fixture, &call, &end);
	composite_release(fixture->composite);
	advance(fixture, 99);
	assert_int_equal(fixture->gone, 0);
	call_finish(&call);
	turn(fixture);
	assert_int_equal(fixture->gone, 1);
	assert_int_equal(end.error.status, CAPSULE_OK);
	op_fini(&call.op);
}

static void a_release_while_it_loads_or_failed_unloads_and_frees(void **state)
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	make(fixture, 2);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &waiter);
	turn(fixture);
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
	make(fixture, 1);
	load(fixture);
	late->engine.ops = &fake_ops;
	late->fixture = fixture;
	list_init(&late->waiting);
	assert_int_equal(composite_add(fixture->composite, &late->engine, &err), CAPSULE_ESTATE);
}

/* ---- Health and calls ---- */

static void an_engine_that_fails_makes_the_capsule_fail(void **state) /* rt:179 */
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 }, err = { 0 };
	struct engine_call call = { 0 };

	make(fixture, 2);
	fixture->fakes[0]->takes_calls = true;
	load(fixture);
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
	unload(fixture);
}

static void an_engine_that_failed_while_the_next_was_loaded_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };
	WAITER(waiter);

	make(fixture, 2);
	fixture->fakes[1]->hold_load = true;
	load_start(fixture, &waiter);
	turn(fixture);
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

	make(fixture, 2);
	load(fixture);
	op_init(&refused.op, fixture->loop);
	refused.kind = ENGINE_INTERCEPTOR;
	assert_int_equal(composite_call(fixture->composite, &refused, waiter_done, NULL, &err), CAPSULE_EUNSUPPORTED);
	assert_string_equal(err.text, "Not supported: a");
	fixture->fakes[1]->takes_calls = true;
	call_start(fixture, &call, &end);
	buffer_append_text(&call.op.result, "B");
	call_finish(&call);
	turn(fixture);
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

	make(fixture, 0);
	assert_int_equal(composite_call(fixture->composite, &call, waiter_done, NULL, &err), CAPSULE_ESTATE);
	assert_string_equal(err.text, "capsule 'one' is not loaded");
	load(fixture);
	assert_int_equal(composite_call(fixture->composite, &call, waiter_done, NULL, &err), CAPSULE_EUNSUPPORTED);
	assert_non_null(strstr(err.text, "nothing that takes calls"));
}

static void an_engine_may_leave_out_what_it_has_not(void **state)
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	make(fixture, 2);
	fixture->fakes[0]->engine.ops = &plain_ops;
	fixture->fakes[1]->tool = "t";
	load(fixture);
	assert_int_equal(composite_calls(fixture->composite), 0);
	assert_tools(fixture, "[{\"name\":\"t\"}]", 1);
	waiter_init(&waiter, fixture);
	composite_wait_ready(fixture->composite, &waiter.op, 10, waiter_done, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
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

	make(fixture, 2);
	fixture->fakes[0]->hold_ready = true;
	load(fixture);
	buffer_clear(&fixture->notes);
	wait_start(fixture, &waiter, 50);
	turn(fixture);
	advance(fixture, 49);
	assert_int_equal(waiter.done, 0);
	clock_manual_advance(&fixture->clock, NS_PER_MS);
	assert_ended(fixture, &waiter, CAPSULE_ETIMEOUT);
	become_ready(fixture->fakes[0]);
	turn(fixture);
	assert_notes(fixture, "wait a");
}

static void healthy_engines_are_ready(void **state) /* rt:182 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	make(fixture, 2);
	load(fixture);
	wait_start(fixture, &waiter, 100);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_notes(fixture, "load a, load b, wait a, wait b");
}

static void without_time_nothing_is_ready(void **state) /* rt:183 */
{
	struct fixture *fixture = *state;
	WAITER(waiter);

	make(fixture, 1);
	load(fixture);
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

	make(fixture, 2);
	fixture->fakes[1]->hold_ready = true;
	load(fixture);
	wait_start(fixture, &patient, 500);
	wait_start(fixture, &short_time, 10);
	wait_start(fixture, &cancelled, 500);
	turn(fixture);
	op_cancel(&cancelled.op);
	assert_ended(fixture, &cancelled, CAPSULE_ECANCELLED);
	advance(fixture, 20);
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

	make(fixture, 1);
	fixture->fakes[0]->hold_ready = true;
	load(fixture);
	wait_start(fixture, &waiter, 500);
	turn(fixture);
	unload(fixture);
	assert_ended(fixture, &waiter, CAPSULE_ESTATE);
	wait_start(fixture, &late, 500);
	assert_ended(fixture, &late, CAPSULE_ESTATE);
	assert_string_equal(late.error.text, "capsule 'one' is not loaded");
}

static void who_waits_for_readiness_may_go(void **state)
{
	struct fixture *fixture = *state;
	struct waiter waiter;

	make(fixture, 1);
	fixture->fakes[0]->hold_ready = true;
	load(fixture);
	wait_start(fixture, &waiter, 500);
	turn(fixture);
	op_fini(&waiter.op);
	become_ready(fixture->fakes[0]);
	advance(fixture, 500);
	assert_int_equal(waiter.done, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
		TEST(an_engine_that_fails_makes_the_capsule_fail),
		TEST(an_engine_that_failed_while_the_next_was_loaded_is_noticed),
		TEST(calls_go_to_the_first_engine_that_takes_them),
		TEST(without_engines_nothing_takes_calls),
		TEST(an_engine_may_leave_out_what_it_has_not),
		TEST(all_engines_share_one_deadline),
		TEST(healthy_engines_are_ready),
		TEST(without_time_nothing_is_ready),
		TEST(many_may_wait),
		TEST(unloading_ends_who_waits_for_readiness),
		TEST(who_waits_for_readiness_may_go),
	};

	return cmocka_run_group_tests_name("composite", tests, NULL, NULL);
}
