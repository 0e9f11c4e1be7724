/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files, runtimes and calls for the tests of the public functions. */
#include "runtime/runtime_fixture.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TURNS_MAX 100000

/* The host hands {"name":"<tool>","arguments":[...]} to a tool call: the letter at offset 9 tells the tool. */
const char fixture_guest[] =
	"(module\n"
	"(import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))\n"
	"(import \"extism:host/env\" \"length\" (func $size (param i64) (result i64)))\n"
	"(import \"extism:host/env\" \"store_u8\" (func $store_u8 (param i64 i32)))\n"
	"(import \"extism:host/env\" \"input_length\" (func $input_length (result i64)))\n"
	"(import \"extism:host/env\" \"input_load_u8\" (func $input_load_u8 (param i64) (result i32)))\n"
	"(import \"extism:host/env\" \"output_set\" (func $output_set (param i64 i64)))\n"
	"(import \"extism:host/env\" \"error_set\" (func $error_set (param i64)))\n"
	"(import \"extism:host/env\" \"log_info\" (func $log_info (param i64)))\n"
	"(import \"extism:host/env\" \"log_warn\" (func $log_warn (param i64)))\n"
	"(import \"extism:host/env\" \"config_get\" (func $config_get (param i64) (result i64)))\n"
	"(import \"extism:host/user\" \"astrid_kv_set\" (func $kv_set (param i64 i64)))\n"
	"(import \"extism:host/user\" \"astrid_kv_get\" (func $kv_get (param i64) (result i64)))\n"
	"(import \"wasi_snapshot_preview1\" \"poll_oneoff\"\n"
	"(func $poll (param i32 i32 i32 i32) (result i32)))\n"
	"(memory (export \"memory\") 1)\n"
	"(data (i32.const 0) \"Hello!\")\n"
	"(data (i32.const 16) \"a\\ffb\\e2\\82\")\n"
	"(data (i32.const 32) \"\\22x\\22\")\n"
	"(data (i32.const 48) \"greeting\")\n"
	"(data (i32.const 64) \"boom\")\n"
	"(func $block (param $at i32) (param $len i32) (result i64)\n"
	"(local $h i64) (local $i i32)\n"
	"(local.set $h (call $alloc (i64.extend_i32_u (local.get $len))))\n"
	"(block $done (loop $next\n"
	"(br_if $done (i32.ge_u (local.get $i) (local.get $len)))\n"
	"(call $store_u8 (i64.add (local.get $h) (i64.extend_i32_u (local.get $i)))\n"
	"(i32.load8_u (i32.add (local.get $at) (local.get $i))))\n"
	"(local.set $i (i32.add (local.get $i) (i32.const 1)))\n"
	"(br $next)))\n"
	"(local.get $h))\n"
	"(func $say (param $at i32) (param $len i32)\n"
	"(call $output_set (call $block (local.get $at) (local.get $len)) (i64.extend_i32_u (local.get $len))))\n"
	"(func $give (param $h i64)\n"
	"(call $output_set (local.get $h) (call $size (local.get $h))))\n"
	"(func $echo (export \"echo\")\n"
	"(local $h i64) (local $len i64) (local $i i64)\n"
	"(local.set $len (call $input_length))\n"
	"(local.set $h (call $alloc (local.get $len)))\n"
	"(block $done (loop $next\n"
	"(br_if $done (i64.ge_u (local.get $i) (local.get $len)))\n"
	"(call $store_u8 (i64.add (local.get $h) (local.get $i)) (call $input_load_u8 (local.get $i)))\n"
	"(local.set $i (i64.add (local.get $i) (i64.const 1)))\n"
	"(br $next)))\n"
	"(call $output_set (local.get $h) (local.get $len)))\n"
	"(func $spin (export \"spin\") (loop $again (br $again)))\n"
	"(func $sleep (param $ns i64)\n"
	"(i32.store (i32.const 272) (i32.const 1))\n"
	"(i64.store (i32.const 280) (local.get $ns))\n"
	"(drop (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 1024))))\n"
	"(func $wait (export \"wait\") (call $sleep (i64.const 300000000000)))\n"
	"(func $keep (export \"keep\")\n"
	"(call $kv_set (call $block (i32.const 64) (i32.const 4)) (call $block (i32.const 0) (i32.const 6)))\n"
	"(call $say (i32.const 0) (i32.const 6)))\n"
	"(func $get (export \"get\") (call $give (call $kv_get (call $block (i32.const 64) (i32.const 4)))))\n"
	"(func (export \"setting\") (call $give (call $config_get (call $block (i32.const 48) (i32.const 8)))))\n"
	"(func $log\n"
	"(call $log_info (call $block (i32.const 0) (i32.const 6)))\n"
	"(call $log_warn (call $block (i32.const 64) (i32.const 4))))\n"
	"(func $fall_over (unreachable))\n"
	"(func $is (param $c i32) (result i32)\n"
	"(i32.eq (call $input_load_u8 (i64.const 9)) (local.get $c)))\n"
	"(func (export \"astrid_tool_call\") (result i32)\n"
	"(if (call $is (i32.const 101)) (then (call $echo)))\n"
	"(if (call $is (i32.const 98)) (then (call $say (i32.const 16) (i32.const 5))))\n"
	"(if (call $is (i32.const 113)) (then (call $say (i32.const 32) (i32.const 3))))\n"
	"(if (call $is (i32.const 115)) (then (call $spin)))\n"
	"(if (call $is (i32.const 114)) (then (call $sleep (i64.const 5000000))))\n"
	"(if (call $is (i32.const 119)) (then (call $wait)))\n"
	"(if (call $is (i32.const 108)) (then (call $log)))\n"
	"(if (call $is (i32.const 107)) (then (call $keep)))\n"
	"(if (call $is (i32.const 103)) (then (call $get)))\n"
	"(if (call $is (i32.const 116)) (then (call $fall_over)))\n"
	"(if (call $is (i32.const 102))\n"
	"(then (call $error_set (call $block (i32.const 64) (i32.const 4)))))\n"
	"(i32.const 0)))\n";

const char fixture_event_guest[] =
	"(module\n"
	"(import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))\n"
	"(import \"extism:host/env\" \"store_u8\" (func $store_u8 (param i64 i32)))\n"
	"(import \"extism:host/env\" \"input_load_u8\" (func $input_load_u8 (param i64) (result i32)))\n"
	"(import \"extism:host/env\" \"output_set\" (func $output_set (param i64 i64)))\n"
	"(import \"extism:host/user\" \"astrid_ipc_publish\" (func $publish (param i64 i64)))\n"
	"(import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))\n"
	"(memory (export \"memory\") 1)\n"
	"(data (i32.const 0) \"echo.it\")\n"
	"(data (i32.const 16) \"1\")\n"
	"(data (i32.const 32) \"{\\22verdict\\22:\\22deny\\22}\")\n"
	"(func $block (param $at i32) (param $len i32) (result i64)\n"
	"(local $h i64) (local $i i32)\n"
	"(local.set $h (call $alloc (i64.extend_i32_u (local.get $len))))\n"
	"(block $done (loop $next\n"
	"(br_if $done (i32.ge_u (local.get $i) (local.get $len)))\n"
	"(call $store_u8 (i64.add (local.get $h) (i64.extend_i32_u (local.get $i)))\n"
	"(i32.load8_u (i32.add (local.get $at) (local.get $i))))\n"
	"(local.set $i (i32.add (local.get $i) (i32.const 1)))\n"
	"(br $next)))\n"
	"(local.get $h))\n"
	"(func $sleep (param $ns i64)\n"
	"(i32.store (i32.const 272) (i32.const 1))\n"
	"(i64.store (i32.const 280) (local.get $ns))\n"
	"(drop (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 1024))))\n"
	"(func $is (param $c i32) (result i32)\n"
	"(i32.eq (call $input_load_u8 (i64.const 9)) (local.get $c)))\n"
	"(func (export \"astrid_tool_call\") (result i32)\n"
	"(call $output_set (call $block (i32.const 16) (i32.const 1)) (i64.const 1)) (i32.const 0))\n"
	"(func (export \"astrid_hook_trigger\") (result i32)\n"
	"(if (call $is (i32.const 101)) (then (call $publish (call $block (i32.const 0) (i32.const 7))\n"
	"(call $block (i32.const 16) (i32.const 1)))))\n"
	"(if (call $is (i32.const 119)) (then (call $sleep (i64.const 300000000000))))\n"
	"(if (call $is (i32.const 116)) (then (unreachable)))\n"
	"(if (call $is (i32.const 100)) (then\n"
	"(call $output_set (call $block (i32.const 32) (i32.const 18)) (i64.const 18))))\n"
	"(i32.const 0)))\n";

static const int trap_signals[] = { SIGILL, SIGSEGV, SIGBUS, SIGFPE };
static struct sigaction trap_actions[sizeof trap_signals / sizeof trap_signals[0]];

/* After the first runtime was made, when they are Wasmtime's. */
static void remember_trap_actions(void)
{
	static bool known;

	for (size_t i = 0; !known && i < sizeof trap_signals / sizeof trap_signals[0]; i++)
		assert_int_equal(sigaction(trap_signals[i], NULL, &trap_actions[i]), 0);
	known = true;
}

void fixture_expect_traps(void)
{
	for (size_t i = 0; i < sizeof trap_signals / sizeof trap_signals[0]; i++)
		assert_int_equal(sigaction(trap_signals[i], &trap_actions[i], NULL), 0);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	(void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/capsule-runtime-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->err = capsule_error_new();
	assert_non_null(fixture->err);
	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
	remember_trap_actions();
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	capsule_runtime_free(fixture->runtime);
	capsule_error_free(fixture->err);
	assert_int_equal(nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture);
	return 0;
}

const char *fixture_path(const struct fixture *fixture, const char *name)
{
	static char paths[16][512];
	static unsigned next;
	char *path = paths[next++ % 16];

	(void)snprintf(path, sizeof paths[0], "%s/%s", fixture->folder, name);
	return path;
}

void fixture_write(const struct fixture *fixture, const char *name, const char *text)
{
	FILE *file = fopen(fixture_path(fixture, name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void fixture_capsule_of(const struct fixture *fixture, const char *name, const char *more, const char *module)
{
	char file[128], manifest[4096];

	assert_int_equal(mkdir(fixture_path(fixture, name), 0755), 0);
	(void)snprintf(manifest, sizeof manifest,
		"[package]\nname = \"%s\"\nversion = \"1.0.0\"\n\n[[component]]\nfile = \"guest.wat\"\n%s", name, more);
	(void)snprintf(file, sizeof file, "%s/Capsule.toml", name);
	fixture_write(fixture, file, manifest);
	(void)snprintf(file, sizeof file, "%s/guest.wat", name);
	fixture_write(fixture, file, module);
}

const char *fixture_capsule(const struct fixture *fixture, const char *name, const char *more)
{
	static const char *const tools[] = { "echo", "bytes", "nothing", "quoted", "spin", "rest", "wait", "log",
		"keep", "get", "trap", "fail" };
	char text[4096];
	size_t len = 0;

	for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
			"[[tool]]\nname = \"%s\"\ndescription = \"Does it.\"\n", tools[i]);
	(void)snprintf(text + len, sizeof text - len, "%s", more);
	fixture_capsule_of(fixture, name, text, fixture_guest);
	return fixture_path(fixture, name);
}

void fixture_restart(struct fixture *fixture, struct capsule_runtime_options options)
{
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	options.size = sizeof options;
	if (options.unload_grace_ms == 0)
		options.unload_grace_ms = 1; /* no test waits for calls that never end */
	assert_status(fixture, capsule_runtime_new(&fixture->runtime, &options, fixture->err), CAPSULE_OK);
}

/* Wait for a load, its handle freed. */
static struct capsule *loaded(struct fixture *fixture, struct capsule_op *op, enum capsule_status wanted)
{
	enum capsule_status status = capsule_op_wait(op, fixture->err);
	struct capsule *capsule = capsule_op_capsule(op);

	assert_status(fixture, status, wanted);
	capsule_op_free(op);
	return capsule;
}

struct capsule *fixture_load(struct fixture *fixture, const char *path)
{
	struct capsule_op *op = NULL;
	struct capsule *capsule;

	assert_status(fixture, capsule_load(fixture->runtime, path, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	capsule = loaded(fixture, op, CAPSULE_OK);
	assert_non_null(capsule);
	return capsule;
}

struct capsule *fixture_load_module(struct fixture *fixture)
{
	static const struct capsule_setting settings[] = { { "greeting", "Good morning" }, { "other", "x" } };
	struct capsule_op *op = NULL;
	struct capsule *capsule;

	fixture_write(fixture, "guest.wat", fixture_guest);
	assert_status(fixture,
		capsule_load_module(fixture->runtime, fixture_path(fixture, "guest.wat"), settings, 2, NULL, NULL, &op,
			fixture->err),
		CAPSULE_OK);
	capsule = loaded(fixture, op, CAPSULE_OK);
	assert_non_null(capsule);
	return capsule;
}

struct capsule *fixture_load_again(struct fixture *fixture, struct capsule *capsule, const char *path)
{
	fixture_unload(fixture, capsule);
	return fixture_load(fixture, path);
}

enum capsule_status fixture_load_fails(struct fixture *fixture, const char *path)
{
	struct capsule_op *op = NULL;
	enum capsule_status status;

	assert_status(fixture, capsule_load(fixture->runtime, path, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	status = capsule_op_wait(op, fixture->err);
	assert_int_not_equal(status, CAPSULE_OK);
	assert_null(loaded(fixture, op, status));
	assert_int_equal(capsule_error_status(fixture->err), status);
	return status;
}

void fixture_note(struct capsule_op *op, void *user)
{
	struct outcome *outcome = user;

	outcome->done++;
	outcome->status = capsule_error_status(capsule_op_error(op));
	(void)snprintf(outcome->text, sizeof outcome->text, "%s", capsule_error_text(capsule_op_error(op)));
	(void)snprintf(outcome->result, sizeof outcome->result, "%s", capsule_op_result(op, NULL));
}

void fixture_start(struct fixture *fixture, struct capsule *capsule, const char *tool, struct outcome *outcome)
{
	*outcome = (struct outcome){ 0 };
	assert_status(fixture, capsule_call(capsule, tool, "{}", 2, fixture_note, outcome, &outcome->op, fixture->err),
		CAPSULE_OK);
}

const char *fixture_call(struct fixture *fixture, struct capsule *capsule, const char *tool, const char *arguments)
{
	static char answer[4096];
	struct capsule_op *op = NULL;

	assert_status(fixture, capsule_call(capsule, tool, arguments, strlen(arguments), NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	(void)snprintf(answer, sizeof answer, "%s", capsule_op_result(op, NULL));
	capsule_op_free(op);
	return answer;
}

enum capsule_status fixture_call_fails(struct fixture *fixture, struct capsule *capsule, const char *tool)
{
	struct capsule_op *op = NULL;
	enum capsule_status status;
	size_t len = 1;

	assert_status(fixture, capsule_call(capsule, tool, "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	status = capsule_op_wait(op, fixture->err);
	assert_int_not_equal(status, CAPSULE_OK);
	assert_string_equal(capsule_op_result(op, &len), "");
	assert_int_equal(len, 0);
	capsule_op_free(op);
	return status;
}

void fixture_unload(struct fixture *fixture, struct capsule *capsule)
{
	struct capsule_op *op = NULL;

	assert_status(fixture, capsule_unload(capsule, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
}

void fixture_settle(const struct fixture *fixture)
{
	int turns = 0;

	do {
		(void)capsule_runtime_turn(fixture->runtime, 0);
	} while (capsule_runtime_timeout_ms(fixture->runtime) == 0 && ++turns < TURNS_MAX);
	assert_in_range(turns, 0, TURNS_MAX - 1);
}

void assert_says(const struct fixture *fixture, const char *text)
{
	if (strstr(capsule_error_text(fixture->err), text) == NULL)
		fail_msg("`%s` does not say `%s`", capsule_error_text(fixture->err), text);
}

void assert_status(const struct fixture *fixture, enum capsule_status status, enum capsule_status wanted)
{
	if (status != wanted)
		fail_msg("status %d instead of %d: %s", (int)status, (int)wanted, capsule_error_text(fixture->err));
}
