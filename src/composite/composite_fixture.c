/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "composite/composite_fixture.h"

static struct fake *fake_of(const struct engine *engine)
{
	return LIST_ENTRY(engine, struct fake, engine);
}

static void composite_fixture_note(struct fake *fake, const char *what)
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

	composite_fixture_note(fake, "stop");
	fake->loading = NULL;
}

static void fake_load(struct engine *engine, struct op *op)
{
	struct fake *fake = fake_of(engine);

	composite_fixture_note(fake, "load");
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

	composite_fixture_note(fake, "unload");
	while ((node = list_take_first(&fake->calls)) != NULL)
		fail_op(&LIST_ENTRY(node, struct engine_call, link)->op, "stopped");
	fake->call_count = 0;
	fake->loaded = false;
	fake->failure = NULL;
	fake->recovers = false;
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

	composite_fixture_note(fake, "call");
	if (fake->call_error != NULL)
		return error_set(err, CAPSULE_EGUEST, "%s", fake->call_error);
	if (fake->interceptor_unknown && call->kind == ENGINE_INTERCEPTOR)
		return error_set(err, CAPSULE_ENOTFOUND, "Function not found: %s", fake->name);
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
	return fake->recovers ? ENGINE_RECOVERING : ENGINE_FAILED;
}

static void fake_wait_ready(struct engine *engine, struct op *op)
{
	struct fake *fake = fake_of(engine);

	composite_fixture_note(fake, "wait");
	if (!fake->hold_ready || fake->ready)
		op_finish(op);
	else
		list_append(&fake->waiting, &op->link);
}

static size_t fake_tools(const struct engine *engine, bool first, struct map *taken, struct buffer *out)
{
	struct fake *fake = fake_of(engine);
	bool long_form = false;

	if (fake->tool == NULL)
		return 0;
	if (taken != NULL) {
		long_form = map_get(taken, span_text(fake->tool)) != NULL;
		assert_int_equal(map_put(taken, span_text(fake->tool), fake, NULL, NULL), CAPSULE_OK);
	}
	buffer_printf(out, "%s{\"name\":\"%s%s%s\"}", first ? "" : ",", long_form ? fake->name : "",
		long_form ? ":" : "", fake->tool);
	return 1;
}

static bool fake_offers(const struct engine *engine, const char *tool)
{
	const struct fake *fake = fake_of(engine);
	size_t len = strlen(fake->name);

	if (fake->tool == NULL)
		return false;
	return strcmp(fake->tool, tool) == 0 ||
		(strncmp(tool, fake->name, len) == 0 && tool[len] == ':' && strcmp(tool + len + 1, fake->tool) == 0);
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

const struct engine_ops fake_ops = {
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

const struct engine_ops offering_ops = {
	.name = "offering",
	.load = fake_load,
	.unload = fake_unload,
	.call = fake_call,
	.offers = fake_offers,
	.health = fake_health,
	.wait_ready = fake_wait_ready,
	.tools = fake_tools,
	.calls = fake_calls,
	.free = fake_free,
};

/* What an engine may leave out. */
const struct engine_ops plain_ops = {
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

static void tools_changed(void *user)
{
	struct fixture *fixture = user;

	fixture->retooled++;
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

int composite_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, 0);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	fixture->log = (struct log_sink){ write_log, fixture, CAPSULE_LOG_TRACE };
	*state = fixture;
	return 0;
}

void composite_fixture_turn(struct fixture *fixture)
{
	for (int i = 0; i < 12; i++)
		(void)loop_turn(fixture->loop, 0);
}

void composite_fixture_advance(struct fixture *fixture, int64_t ms)
{
	clock_manual_advance(&fixture->clock, ms * NS_PER_MS);
	composite_fixture_turn(fixture);
}

int composite_teardown(void **state)
{
	struct fixture *fixture = *state;

	composite_release(fixture->composite);
	composite_fixture_turn(fixture);
	composite_fixture_advance(fixture, LIMIT_UNLOAD_GRACE_MS);
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
void composite_fixture_make(struct fixture *fixture, size_t count)
{
	static const char *const names[] = { "a", "b", "c" };
	const struct composite_options options = { .loop = fixture->loop,
		.id = "one",
		.log = &fixture->log,
		.grace_ms = 100,
		.changed = state_changed,
		.retooled = tools_changed,
		.gone = composite_gone,
		.user = fixture };

	assert_int_equal(composite_new(&fixture->composite, &options, NULL), CAPSULE_OK);
	fixture->count = count;
	for (size_t i = 0; i < count && i < ENGINES_MAX; i++) {
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

void waiter_done(struct op *op, void *user)
{
	struct waiter *waiter = user;

	waiter->done++;
	(void)error_copy(&waiter->error, &op->error);
}

void waiter_init(struct waiter *waiter, struct fixture *fixture)
{
	memset(waiter, 0, sizeof *waiter);
	op_init(&waiter->op, fixture->loop);
}

void waiter_fini(struct waiter *waiter)
{
	op_fini(&waiter->op);
}

void load_start(struct fixture *fixture, struct waiter *waiter)
{
	waiter_init(waiter, fixture);
	op_start(&waiter->op, waiter_done, waiter, NULL, 0, "load");
	composite_load(fixture->composite, &waiter->op);
}

void unload_start(struct fixture *fixture, struct waiter *waiter)
{
	waiter_init(waiter, fixture);
	op_start(&waiter->op, waiter_done, waiter, NULL, 0, "unload");
	composite_unload(fixture->composite, &waiter->op);
}

void assert_ended(struct fixture *fixture, const struct waiter *waiter, enum capsule_status status)
{
	composite_fixture_turn(fixture);
	assert_int_equal(waiter->done, 1);
	if (waiter->error.status != status)
		fail_msg("%d instead of %d: %s", (int)waiter->error.status, (int)status, waiter->error.text);
}

void composite_fixture_load(struct fixture *fixture)
{
	WAITER(waiter);

	load_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_READY);
}

void composite_fixture_unload(struct fixture *fixture)
{
	WAITER(waiter);

	unload_start(fixture, &waiter);
	assert_ended(fixture, &waiter, CAPSULE_OK);
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_UNLOADED);
}

void assert_notes(struct fixture *fixture, const char *text)
{
	const char *notes = buffer_text(&fixture->notes);

	assert_string_equal(notes == NULL ? "" : notes, text);
	buffer_clear(&fixture->notes);
}

void assert_tools(struct fixture *fixture, const char *text, size_t count)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	size_t counted = 99;

	assert_true(composite_append_tools(fixture->composite, &out, &counted));
	assert_string_equal(buffer_text(&out), text);
	assert_int_equal(counted, count);
}

void recover_by_itself(struct fake *fake, const char *why)
{
	fake->failure = why;
	fake->recovers = why != NULL;
	engine_changed(&fake->engine);
}

void fail_by_itself(struct fake *fake, const char *why)
{
	fake->failure = why;
	fake->recovers = false;
	engine_changed(&fake->engine);
}

void call_start(struct fixture *fixture, struct engine_call *call, struct waiter *waiter)
{
	memset(call, 0, sizeof *call);
	memset(waiter, 0, sizeof *waiter);
	op_init(&call->op, fixture->loop);
	assert_int_equal(composite_call(fixture->composite, call, waiter_done, waiter, NULL), CAPSULE_OK);
}

void call_finish(struct engine_call *call)
{
	struct fake *fake = fake_of(call->engine);

	op_finish(&call->op);
	fake_call_over(fake, call);
}
