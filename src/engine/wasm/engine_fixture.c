/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/engine_fixture.h"

#include "base/text.h"
#include "engine/wasm/shared.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATIENCE_NS (20 * NS_PER_S) /* of the machine's clock, before a test is given up */
#define WAIT_MS 20                  /* of one turn with nothing to do but wait for the pool */
#define CAPSULE_ID "tested"
#define DEEP_FRAME (12 * KIB)
#define DEEP_LEVELS 16

/* ---- The rows of capsule:test ---- */

static void forget_parked(struct engine_fixture *fixture, const struct op *op)
{
	int kept = 0;

	for (int i = 0; i < fixture->parked_count; i++)
		if (fixture->parked[i] != op)
			fixture->parked[kept++] = fixture->parked[i];
	fixture->parked_count = kept;
}

static void park_stopped(struct op *op)
{
	struct engine_fixture *fixture = op->producer;

	fixture->stopped++;
	forget_parked(fixture, op);
}

static enum host_answer begin_park(struct host_call *call, struct capsule_error *err)
{
	struct engine_fixture *fixture = call->host->services.user;

	if (fixture->parked_count == PARKED_MAX) {
		(void)error_set(err, CAPSULE_ELIMIT, "too many guests are parked");
		return HOST_FAILED;
	}
	call->op = &call->state.op;
	call->op->producer = fixture;
	op_start(call->op, host_call_resume, call, park_stopped, 0, "parking");
	fixture->parked[fixture->parked_count++] = call->op;
	fixture->parked_ever++;
	fixture->origin = *call->origin;
	return HOST_WAITING;
}

static enum host_answer begin_ready(struct host_call *call, struct capsule_error *err)
{
	(void)err;
	call->result = span_text("at once");
	return HOST_READY;
}

static enum host_answer begin_delivered(struct host_call *call, struct capsule_error *err)
{
	call->delivered = true;
	return begin_ready(call, err);
}

static enum host_answer begin_failed(struct host_call *call, struct capsule_error *err)
{
	(void)call;
	(void)error_set(err, CAPSULE_EDENIED, "refused before it waited");
	return HOST_FAILED;
}

static enum capsule_status finish_late(struct host_call *call, struct capsule_error *err)
{
	struct engine_fixture *fixture = call->host->services.user;

	fixture->late++;
	return error_set(err, CAPSULE_EIO, "late: what came back is of no use");
}

/* Frame upon frame, each written from end to end. */
static __attribute__((noinline)) uint32_t use_stack(uint32_t levels)
{
	volatile uint8_t room[DEEP_FRAME];
	uint32_t below;

	for (uint32_t i = 0; i < DEEP_FRAME; i++)
		room[i] = (uint8_t)levels;
	below = levels == 0 ? 0 : use_stack(levels - 1);
	return below + room[DEEP_FRAME - 1];
}

static enum host_answer begin_deep(struct host_call *call, struct capsule_error *err)
{
	struct engine_fixture *fixture = call->host->services.user;

	(void)err;
	fixture->deep = use_stack(DEEP_LEVELS);
	call->number = fixture->deep;
	return HOST_READY;
}

static const struct host_function test_rows[] = {
	{ .name = "wait",
		.args = { { "text", HOST_TEXT, 64 } },
		.arg_count = 1,
		.result = HOST_BLOCK,
		.waits = HOST_WAITS,
		.begin = begin_park },
	{ .name = "work", .result = HOST_NOTHING, .waits = HOST_WORKS, .begin = begin_park },
	{ .name = "late", .result = HOST_BLOCK, .waits = HOST_WAITS, .begin = begin_park, .finish = finish_late },
	{ .name = "ready", .result = HOST_BLOCK, .waits = HOST_WAITS, .begin = begin_ready },
	{ .name = "deliver", .result = HOST_BLOCK, .waits = HOST_WAITS, .begin = begin_delivered },
	{ .name = "poll", .result = HOST_BLOCK, .waits = HOST_NOW, .begin = begin_delivered },
	{ .name = "fail", .result = HOST_BLOCK, .waits = HOST_WAITS, .begin = begin_failed },
	{ .name = "deep", .result = HOST_NUMBER, .waits = HOST_NOW, .begin = begin_deep },
};

struct op *take_parked(struct engine_fixture *fixture)
{
	struct op *op;

	turn_until(fixture, &fixture->parked_count, 1);
	op = fixture->parked[0];
	forget_parked(fixture, op);
	return op;
}

void answer_parked(struct engine_fixture *fixture, const char *text)
{
	struct op *op = take_parked(fixture);

	buffer_append_text(&op->result, text);
	op_finish(op);
}

/* ---- The fixture ---- */

/* Wasmtime installs its handlers for traps once in a process, and the test runner puts others in their place before each
 * test: they are kept when the first engine is made, and put back by each test that has a guest. */
static const int trap_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

#define TRAP_SIGNALS (sizeof trap_signals / sizeof trap_signals[0])

static struct sigaction trap_handlers[TRAP_SIGNALS];

static void keep_trap_handlers(void)
{
	static bool kept;

	for (size_t i = 0; !kept && i < TRAP_SIGNALS; i++)
		assert_int_equal(sigaction(trap_signals[i], NULL, &trap_handlers[i]), 0);
	kept = true;
}

/* A runtime without handlers has to do without those of another: a fault that reaches the system ends the process. */
static void use_trap_handlers(const struct engine_fixture *fixture)
{
	const struct sigaction none = { .sa_handler = SIG_DFL };

	for (size_t i = 0; i < TRAP_SIGNALS; i++)
		assert_int_equal(sigaction(trap_signals[i],
					 fixture->runtime->profile.no_signals ? &none : &trap_handlers[i], NULL),
			0);
}

static void take_record(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct engine_fixture *fixture = user;

	(void)level;
	(void)capsule;
	buffer_append(&fixture->logged, message, len);
	buffer_append_text(&fixture->logged, "\n");
}

static enum capsule_status lend_kv(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct engine_fixture *fixture = user;

	(void)err;
	*scope = fixture->scope;
	return CAPSULE_OK;
}

int engine_fixture_new(void **state)
{
	struct engine_fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	(void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/capsule-engine-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	clock_manual_init(&fixture->clock, INT64_C(1700000000123) * NS_PER_MS);
	fixture->clock.monotonic = 1000 * NS_PER_S;
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	assert_int_equal(kv_open_memory(&fixture->store, fixture->loop, NULL), CAPSULE_OK);
	assert_int_equal(kv_scope_new(&fixture->scope, fixture->store, "default", CAPSULE_ID, NULL), CAPSULE_OK);
	fixture->log = (struct log_sink){ .write = take_record, .user = fixture };
	fixture->services = (struct host_services){ .user = fixture, .kv = lend_kv };
	engine_fixture_restart(fixture, (struct wasm_options){ 0 });
	keep_trap_handlers();
	*state = fixture;
	return 0;
}

void engine_fixture_restart(struct engine_fixture *fixture, struct wasm_options options)
{
	const struct wasm_extra extra = { .rows = test_rows, .count = sizeof test_rows / sizeof test_rows[0] };
	struct capsule_error err;

	options.extra = &extra;
	options.log = &fixture->log;
	wasm_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	if (wasm_runtime_new(&fixture->runtime, fixture->loop, &options, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

int engine_fixture_free(void **state)
{
	struct engine_fixture *fixture = *state;

	wasm_runtime_free(fixture->runtime);
	kv_scope_free(fixture->scope);
	kv_close(fixture->store);
	loop_free(fixture->loop);
	assert_int_equal(nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	buffer_fini(&fixture->logged);
	free(fixture);
	return 0;
}

void turn_until(struct engine_fixture *fixture, const int *counter, int value)
{
	int64_t end = clock_monotonic_ns(&clock_system) + PATIENCE_NS;

	while (*counter < value && clock_monotonic_ns(&clock_system) < end)
		(void)loop_turn(fixture->loop, WAIT_MS);
	assert_true(*counter >= value);
}

void settle(struct engine_fixture *fixture)
{
	for (int i = 0; i < 50; i++)
		(void)loop_turn(fixture->loop, 0);
}

void advance_ms(struct engine_fixture *fixture, int64_t ms)
{
	clock_manual_advance(&fixture->clock, ms * NS_PER_MS);
	settle(fixture);
}

void burn_ms(int64_t ms)
{
	int64_t end = clock_monotonic_ns(&clock_system) + ms * NS_PER_MS;

	while (clock_monotonic_ns(&clock_system) < end)
		continue;
}

/* ---- Guests ---- */

void guest_load_done(struct op *op, void *user)
{
	struct guest *guest = user;

	guest->loaded++;
	(void)error_copy(&guest->load_error, &op->error);
}

static void unload_done(struct op *op, void *user)
{
	struct guest *guest = user;

	(void)op;
	guest->unloaded++;
}

static void write_module(const char *path, struct span module)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, module.data, module.len), (ssize_t)module.len);
	assert_int_equal(close(fd), 0);
}

static struct manifest *make_manifest(const char *file, const char *lines)
{
	struct diagnostics diagnostics = { 0 };
	struct capsule_error err = { 0 };
	struct manifest *manifest = NULL;
	HOLD(free_drop) char *text = NULL;

	assert_true(asprintf(&text,
			    "[package]\nname = \"" CAPSULE_ID "\"\nversion = \"1.0.0\"\n"
			    "[[component]]\nid = \"main\"\nfile = \"%s\"\n%s\n",
			    file, lines) > 0);
	if (manifest_parse(&manifest, span_text(text), "Capsule.toml", &diagnostics, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	diagnostics_fini(&diagnostics);
	return manifest;
}

/* Make the engine and start its load; takes the manifest. */
static struct guest *start(struct engine_fixture *fixture, struct manifest *manifest, const char *dir, const char *file)
{
	struct guest *guest = calloc(1, sizeof *guest);
	const struct engine_env env = { .loop = fixture->loop,
		.capsule_id = CAPSULE_ID,
		.manifest = manifest,
		.dir = dir,
		.services = fixture->services,
		.log = &fixture->log,
		.limits = fixture->limits };

	assert_non_null(guest);
	use_trap_handlers(fixture);
	guest->fixture = fixture;
	guest->manifest = manifest;
	assert_int_equal(wasm_capsule_new(&guest->engine, fixture->runtime, &env, file, NULL), CAPSULE_OK);
	op_init(&guest->load, fixture->loop);
	op_init(&guest->unload, fixture->loop);
	op_start(&guest->load, guest_load_done, guest, NULL, 0, "load");
	guest->engine->ops->load(guest->engine, &guest->load);
	return guest;
}

struct guest *guest_start(struct engine_fixture *fixture, struct span module, const char *lines)
{
	bool binary = span_starts(module, span_of("\0", 1));
	HOLD(free_drop) char *path = NULL;
	const char *name;

	assert_true(asprintf(&path, "%s/guest-%u.%s", fixture->folder, ++fixture->guests, binary ? "wasm" : "wat") > 0);
	write_module(path, module);
	if (lines == NULL)
		return start(fixture, NULL, NULL, path);
	name = strrchr(path, '/') + 1;
	return start(fixture, make_manifest(name, lines), fixture->folder, name);
}

struct guest *guest_start_file(struct engine_fixture *fixture, const char *dir, const char *file)
{
	return start(fixture, NULL, dir, file);
}

struct guest *guest_try(struct engine_fixture *fixture, const char *wat, const char *lines)
{
	struct guest *guest = guest_start(fixture, span_text(wat), lines);

	turn_until(fixture, &guest->loaded, 1);
	return guest;
}

struct guest *guest_new(struct engine_fixture *fixture, const char *wat)
{
	struct guest *guest = guest_try(fixture, wat, NULL);

	if (guest->load_error.status != CAPSULE_OK)
		fail_msg("%s", guest->load_error.text);
	return guest;
}

void guest_unload(struct guest *guest)
{
	op_start(&guest->unload, unload_done, guest, NULL, 0, "unload");
	guest->engine->ops->unload(guest->engine, &guest->unload);
}

void guest_free(struct guest *guest)
{
	if (!op_pending(&guest->unload) && guest->unloaded == 0)
		guest_unload(guest);
	settle(guest->fixture);
	if (guest->unloaded == 0)
		advance_ms(guest->fixture, LIMIT_LOOP_STOP_MS);
	turn_until(guest->fixture, &guest->unloaded, 1);
	assert_int_equal(guest->unloaded, 1);
	guest->engine->ops->free(guest->engine);
	op_fini(&guest->load);
	op_fini(&guest->unload);
	manifest_free(guest->manifest);
	free(guest);
}

void guest_drop(struct guest **guest)
{
	if (*guest != NULL)
		guest_free(*guest);
}

void assert_says(const char *message, const char *text)
{
	if (strstr(message, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", message, text);
}

void assert_refused(struct guest *guest, enum capsule_status status, const char *says)
{
	struct capsule_error why = { 0 };

	assert_says(guest->load_error.text, says);
	assert_int_equal(guest->load_error.status, status);
	assert_int_equal(guest->engine->ops->health(guest->engine, &why), ENGINE_FAILED);
	assert_string_equal(why.text, guest->load_error.text);
	guest_free(guest);
}

/* ---- Calls ---- */

static void call_done(struct op *op, void *user)
{
	struct guest_call *call = user;

	call->done++;
	call->order = ++call->guest->fixture->order;
	(void)error_copy(&call->error, &op->error);
}

void call_init(struct guest_call *call, struct guest *guest, const char *name, struct span input)
{
	*call = (struct guest_call){ .guest = guest, .call = { .kind = ENGINE_EXPORT, .name = name, .input = input } };
	op_init(&call->call.op, guest->fixture->loop);
	origin_init(&call->call.origin);
}

void call_start(struct guest_call *call)
{
	struct capsule_error err = { 0 };
	struct engine *engine = call->guest->engine;

	if (engine->ops->call(engine, &call->call, call_done, call, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

void call_await(struct guest_call *call)
{
	turn_until(call->guest->fixture, &call->done, 1);
	assert_int_equal(call->done, 1);
}

void call_fini(struct guest_call *call)
{
	op_fini(&call->call.op);
}

void assert_answered(struct guest_call *call, const char *text)
{
	call_await(call);
	if (call->error.status != CAPSULE_OK)
		fail_msg("%s", call->error.text);
	assert_string_equal(buffer_text(&call->call.op.result), text);
}

void assert_failed(struct guest_call *call, enum capsule_status status, const char *says)
{
	call_await(call);
	assert_says(call->error.text, says);
	assert_int_equal(call->error.status, status);
	settle(call->guest->fixture);
	assert_int_equal(call->done, 1);
}

void assert_answers(struct guest *guest, const char *name, const char *text)
{
	CALL(call, guest, name);

	assert_answered(&call, text);
}

void assert_fails(struct guest *guest, const char *name, enum capsule_status status, const char *says)
{
	CALL(call, guest, name);

	assert_failed(&call, status, says);
}
