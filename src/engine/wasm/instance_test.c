/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What ends an instance and what it keeps: errors of the guest's own, traps, exits, initialisers, variables, idle time. */
#include "engine/wasm/engine_fixture.h"

#include <stdio.h>

#define ENV(name, type) "(import \"extism:host/env\" \"" #name "\" (func $" #name " " type "))"
#define WASI(name, type) "(import \"wasi_snapshot_preview1\" \"" #name "\" (func $" #name " " type "))"

/* Set the text "boom" as the guest's error. */
#define SET_BOOM                                                                                                       \
	"(func $boom (local i64) (local.set 0 (call $alloc (i64.const 4)))"                                            \
	"  (call $store_u64 (local.get 0) (i64.const 0x6d6f6f62)) (call $error_set (local.get 0)))"

static const char endings[] = MODULE(ENV(error_set, "(param i64)") ENV(store_u64, "(param i64 i64)") WASI(
					     proc_exit, "(param i32)") WASI(proc_raise, "(param i32) (result i32)"),
	CRASH SET_BOOM "(func (export \"boom\") (call $boom))"
		       "(func (export \"seven\") (result i32) (i32.const 7))"
		       "(func (export \"exit_0\") (call $say (i32.const 120)) (call $proc_exit (i32.const 0)))"
		       "(func (export \"exit_3\") (call $say (i32.const 120)) (call $proc_exit (i32.const 3)))"
		       "(func (export \"exit_boom\") (call $boom) (call $proc_exit (i32.const 0)))"
		       "(func (export \"raise\") (drop (call $proc_raise (i32.const 6))))"
		       "(func (export \"divide\") (result i32) (i32.div_u (i32.const 1) (i32.const 0)))"
		       "(func (export \"wants\") (param i32))"
		       "(func (export \"gives\") (result i32 i32) (i32.const 0) (i32.const 0))"
		       "(global (export \"constant\") i32 (i32.const 1))");

static void test_an_error_of_the_guest_keeps_its_instance(void **state) /* abi:53 abi:54 abi:55 abi:62 */
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, endings);

	assert_answers(guest, "count", "1");
	assert_fails(guest, "boom", CAPSULE_EGUEST, "boom");
	assert_answers(guest, "count", "2");
	assert_fails(guest, "seven", CAPSULE_EGUEST, "Returned non-zero exit code: 7");
	assert_answers(guest, "count", "3");
}

static void test_a_trap_ends_the_instance_and_names_its_functions(void **state) /* abi:55 */
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, endings);

	assert_answers(guest, "count", "1");
	assert_fails(guest, "crash", CAPSULE_ETRAP, "trap: unreachable code reached");
	assert_answers(guest, "count", "1");
	assert_fails(guest, "crash", CAPSULE_ETRAP, "in fall_over at");
	assert_fails(guest, "divide", CAPSULE_ETRAP, "integer division by zero");
	assert_fails(guest, "raise", CAPSULE_ETRAP, "raised signal 6");
	assert_answers(guest, "count", "1");
}

/* Answers its input; `exports` follow. */
#define ECHO(exports)                                                                                                  \
	"(module (import \"extism:host/env\" \"input_offset\" (func $offset (result i64)))"                            \
	"(import \"extism:host/env\" \"input_length\" (func $length (result i64)))"                                    \
	"(import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"                                   \
	"(func $echo (call $output (call $offset) (call $length)))" exports ")"

static void assert_kind_answers(
	struct guest *guest, enum engine_call_kind kind, const char *name, const char *input, const char *answer)
{
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, name, span_text(input));
	call.call.kind = kind;
	call_start(&call);
	assert_answered(&call, answer);
}

static void test_an_interceptor_gets_action_and_payload_and_answers_bytes(void **state) /* abi:59 */
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state, ECHO("(export \"astrid_hook_trigger\" (func $echo))"));

	assert_kind_answers(guest, ENGINE_INTERCEPTOR, "act", "{}", "{\"name\":\"act\",\"arguments\":[123,125]}");
}

static void test_a_lifecycle_hook_gets_what_it_reads(void **state) /* abi:142 */
{
	HOLD(guest_drop)
	struct guest *old = guest_new(
		*state, ECHO("(export \"astrid_install\" (func $echo)) (export \"astrid_upgrade\" (func $echo))"));
	HOLD(guest_drop)
	struct guest *sdk = guest_new(
		*state, ECHO("(export \"astrid_upgrade\" (func $echo)) (func (export \"astrid_export_schemas\"))"));

	assert_kind_answers(old, ENGINE_INSTALL, "", "", "");
	assert_kind_answers(old, ENGINE_UPGRADE, "0.1.0", "", "0.1.0");
	assert_kind_answers(sdk, ENGINE_UPGRADE, "0.1.0", "", "{\"prev_version\":\"0.1.0\"}");
}

/* hs:100: whatever a hook asks for is judged as in any call. The version that it gets is the request here. */
static void test_a_lifecycle_hook_starts_no_program_past_the_gate(void **state)
{
	static const char *const rows[] = { "astrid_spawn_host", "astrid_spawn_background_host" };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char module[512];

		(void)snprintf(module, sizeof module,
			"(module (import \"extism:host/env\" \"input_offset\" (func $offset (result i64)))"
			"(import \"extism:host/user\" \"%s\" (func $start (param i64) (result i64)))"
			"(func (export \"astrid_upgrade\") (drop (call $start (call $offset)))))",
			rows[i]);
		HOLD(guest_drop)
		struct guest *guest = guest_try(*state, module, "[capabilities]\nhost_process = [\"git\"]\n");
		HOLD(call_fini) struct guest_call call;

		assert_int_equal(guest->load_error.status, CAPSULE_OK);
		call_init(&call, guest, "{\"cmd\":\"rm\"}", span_of(NULL, 0));
		call.call.kind = ENGINE_UPGRADE;
		call_start(&call);
		assert_failed(&call, CAPSULE_EDENIED, "Security Check Failed");
	}
}

static void test_an_exit_is_judged_by_its_status(void **state) /* abi:58 */
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, endings);

	assert_answers(guest, "count", "1");
	assert_answers(guest, "exit_0", "x");
	assert_answers(guest, "count", "1");
	assert_fails(guest, "exit_3", CAPSULE_EGUEST, "exited with status 3");
	assert_fails(guest, "exit_boom", CAPSULE_EGUEST, "boom");
	assert_answers(guest, "count", "1");
}

static void test_what_can_not_be_called_keeps_the_instance(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, endings);

	assert_answers(guest, "count", "1");
	assert_fails(guest, "wants", CAPSULE_EMODULE, "can't be called");
	assert_fails(guest, "gives", CAPSULE_EMODULE, "can't be called");
	assert_fails(guest, "constant", CAPSULE_ENOTFOUND, "Function not found: constant");
	assert_fails(guest, "nothing", CAPSULE_ENOTFOUND, "Function not found: nothing");
	assert_answers(guest, "count", "2");
}

static void test_a_module_without_exports_has_no_tools(void **state) /* abi:18 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_try(fixture, "(module)", "");
	HOLD(call_fini) struct guest_call call;

	assert_int_equal(guest->load_error.status, CAPSULE_OK);
	call_init(&call, guest, "anything", span_of(NULL, 0));
	call.call.kind = ENGINE_TOOL;
	call_start(&call);
	assert_failed(&call, CAPSULE_ENOTFOUND, "Function not found: astrid_tool_call");
	call.done = 0;
	call.call.kind = ENGINE_INSTALL;
	call_start(&call);
	assert_answered(&call, "");
}

static void test_start_gets_a_fresh_instance_each_time(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state, MODULE("", "(func (export \"_start\") (call $count))"));

	assert_answers(guest, "_start", "1");
	assert_answers(guest, "_start", "1");
	assert_answers(guest, "count", "1");
	assert_answers(guest, "count", "2");
}

/* ---- Variables ---- */

static const char variables[] = MODULE(ENV(var_get, "(param i64) (result i64)") ENV(var_set, "(param i64 i64)"),
	CRASH "(func $block (param i32) (result i64) (local i64) (local.set 1 (call $alloc (i64.const 1)))"
	      "  (call $store (local.get 1) (local.get 0)) (local.get 1))"
	      "(func (export \"set\") (call $var_set (call $block (i32.const 107)) (call $block (i32.const 118))))"
	      "(func (export \"unset\") (call $var_set (call $block (i32.const 107)) (i64.const 0)))"
	      "(func (export \"fill\")"
	      "  (call $var_set (call $block (i32.const 107)) (call $alloc (i64.const 1048576))))"
	      "(func (export \"get\") (call $give (call $var_get (call $block (i32.const 107)))))");

static void test_variables_belong_to_the_capsule(void **state) /* abi:73 */
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, variables);

	assert_answers(guest, "get", "");
	assert_answers(guest, "set", "");
	assert_answers(guest, "get", "v");
	assert_fails(guest, "crash", CAPSULE_ETRAP, "unreachable");
	assert_answers(guest, "get", "v");
	assert_fails(guest, "fill", CAPSULE_ELIMIT, "Variable store is full");
	assert_answers(guest, "get", "v");
	assert_answers(guest, "unset", "");
	assert_answers(guest, "get", "");
}

/* ---- Initialisers ---- */

#define ADD(export, number)                                                                                            \
	"(func (export \"" export "\") (global.set $n (i32.add (global.get $n) (i32.const " number "))))"

/* What the first two calls of `count` say. */
static void assert_initialised(struct engine_fixture *fixture, const char *wat, const char *first, const char *second)
{
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, wat);

	assert_answers(guest, "count", first);
	assert_answers(guest, "count", second);
	assert_fails(guest, "crash", CAPSULE_ETRAP, "unreachable");
	assert_answers(guest, "count", first);
}

static void test_an_initialiser_runs_once_on_each_instance(void **state) /* abi:60 */
{
	assert_initialised(*state, MODULE("", CRASH ADD("_initialize", "4")), "5", "6");
}

static void test_constructors_come_before_initialize(void **state) /* abi:61 */
{
	assert_initialised(*state, MODULE("", CRASH ADD("_initialize", "4") ADD("__wasm_call_ctors", "2")), "3", "4");
}

static void test_a_haskell_guest_is_initialised_with_two_zeroes(void **state)
{
	assert_initialised(*state,
		MODULE("",
			CRASH ADD("_initialize", "4") ADD("__wasm_call_ctors",
				"2") "(func (export \"hs_init\") (param i32 i32) (global.set $n (i32.add (global.get $n)"
				     "  (i32.add (i32.const 1) (i32.or (local.get 0) (local.get 1))))))"),
		"6", "7");
	assert_initialised(*state,
		MODULE("", CRASH "(func (export \"hs_init\") (param i32 i32) (global.set $n (i32.const 50)))"), "3",
		"4");
}

static void test_an_initialiser_of_another_type_is_not_called(void **state)
{
	assert_initialised(
		*state, MODULE("", CRASH "(func (export \"_initialize\") (param i32) (unreachable))"), "1", "2");
	assert_initialised(*state,
		MODULE("",
			CRASH ADD(
				"_initialize", "4") "(func (export \"__wasm_call_ctors\") (result i32) (unreachable))"),
		"1", "2");
}

static void test_a_guest_that_can_not_begin_fails_its_call(void **state) /* abi:19 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *starts = guest_new(fixture, MODULE("", CRASH "(start $fall_over)"));
	HOLD(guest_drop)
	struct guest *initialises = guest_new(fixture,
		MODULE(WASI(proc_exit, "(param i32)"),
			"(func (export \"_initialize\") (call $proc_exit (i32.const 0)))"));

	assert_fails(starts, "count", CAPSULE_ETRAP, "unreachable");
	assert_fails(starts, "count", CAPSULE_ETRAP, "in fall_over at");
	assert_fails(initialises, "count", CAPSULE_EGUEST, "exited with status 0");
}

static void test_an_initialiser_may_ask_the_host(void **state) /* abi:80 */
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("(import \"extism:host/user\" \"astrid_get_caller\" (func $caller (result i64)))",
			"(global $len (mut i64) (i64.const 0))"
			"(func (export \"_initialize\") (global.set $len (call $length (call $caller))))"
			"(func (export \"caller\") (call $give (call $caller)))"
			"(func (export \"len\") (call $say (i32.add (i32.const 48) (i32.wrap_i64 (global.get $len)))))"));

	assert_answers(guest, "len", "2");
	assert_answers(guest, "caller", "{}");
}

/* ---- Between calls ---- */

static void test_an_idle_instance_keeps_what_it_knows(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = guest_new(
		fixture, MODULE("", "(func (export \"large\") (call $give (call $alloc (i64.const 3000000))))"));

	assert_answers(guest, "count", "1");
	for (int i = 0; i < 2; i++) {
		CALL(large, guest, "large");
		call_await(&large);
		assert_int_equal(large.call.op.result.len, 3000000);
		advance_ms(fixture, 1000);
		advance_ms(fixture, 1000);
	}
	assert_answers(guest, "count", "2");
}

static void test_what_a_guest_wrote_before_it_fell_is_told(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE(WASI(fd_write, "(param i32 i32 i32 i32) (result i32)"),
			CRASH "(memory (export \"memory\") 1) (data (i32.const 0) \"\\10\\00\\00\\00\\0e\\00\\00\\00\")"
			      "(data (i32.const 16) \"lost the plot\\0a\")"
			      "(func (export \"complain\")"
			      "  (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"
			      "  (call $fall_over))"));

	assert_fails(guest, "complain", CAPSULE_ETRAP, "it wrote: lost the plot");
	for (int i = 0; i < 2; i++) {
		CALL(call, guest, "crash");
		assert_failed(&call, CAPSULE_ETRAP, "unreachable");
		assert_null(strstr(call.error.text, "it wrote"));
	}
}

/* Names that a guest gives its functions are cut where a character ends: messages stay UTF-8. */
static void test_long_names_of_functions_are_cut(void **state)
{
	HOLD(buffer_fini) struct buffer wat = { 0 };
	HOLD(guest_drop) struct guest *guest = NULL;

	buffer_append_text(&wat, "(module (func $\"x");
	for (int i = 0; i < 100; i++)
		buffer_append_text(&wat, "\xc3\xa4");
	buffer_append_text(&wat, "\" (export \"crash\") (unreachable)))");
	guest = guest_new(*state, buffer_text(&wat));
	CALL(call, guest, "crash");
	assert_failed(&call, CAPSULE_ETRAP, "\xc3\xa4 at 0x");
}

static void test_long_log_messages_are_cut_where_a_character_ends(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		MODULE(ENV(log_info, "(param i64)"),
			"(func $filled (param i32) (result i64) (local i64 i64)"
			"  (local.set 1 (call $alloc (i64.const 70001)))"
			"  (loop $next"
			"    (call $store (i64.add (local.get 1) (local.get 2)) (i32.const 0xc3))"
			"    (call $store (i64.add (local.get 1) (i64.add (local.get 2) (i64.const 1))) (i32.const 0xa4))"
			"    (local.set 2 (i64.add (local.get 2) (i64.const 2)))"
			"    (br_if $next (i64.lt_u (local.get 2) (i64.const 70000))))"
			"  (call $store (i64.add (local.get 1) (i64.const 70000)) (local.get 0)) (local.get 1))"
			"(func (export \"log\") (call $log_info (call $filled (i32.const 120))))"
			"(func (export \"odd\") (local i64) (local.set 0 (call $filled (i32.const 120)))"
			"  (call $store (local.get 0) (i32.const 120)) (call $log_info (local.get 0)))"));

	assert_answers(guest, "log", "");
	assert_int_equal(fixture->logged.len, LIMIT_LOG_MESSAGE + 1);
	buffer_clear(&fixture->logged);
	assert_answers(guest, "odd", "");
	assert_string_equal(buffer_text(&fixture->logged), "a log message of the guest is not valid UTF-8\n");
}

/* Has to load with `lines` in its manifest, the first of them in [[component]]. */
static struct guest *guest_with(struct engine_fixture *fixture, const char *wat, const char *lines)
{
	struct guest *guest = guest_try(fixture, wat, lines);

	if (guest->load_error.status != CAPSULE_OK)
		fail_msg("%s", guest->load_error.text);
	return guest;
}

static void test_calls_share_no_memory_when_each_has_its_own_instance(void **state)
{
	HOLD(guest_drop) struct guest *kept = guest_with(*state, endings, "instance = \"kept\"");
	HOLD(guest_drop) struct guest *fresh = guest_with(*state, endings, "instance = \"per-call\"");

	for (int i = 0; i < 3; i++) {
		const char answer[] = { (char)('1' + i), '\0' };

		assert_answers(kept, "count", answer);
		assert_answers(fresh, "count", "1");
	}
	assert_fails(fresh, "boom", CAPSULE_EGUEST, "boom");
	assert_fails(fresh, "crash", CAPSULE_ETRAP, "unreachable");
	assert_answers(fresh, "count", "1");
}

static void test_a_call_that_waits_keeps_its_instance_to_its_end(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_with(*state,
		MODULE(IMPORT_TEST("wait", "(param i64) (result i64)"),
			"(func (export \"wait\") (call $count) (call $give (call $wait (i64.const 0))))"),
		"instance = \"per-call\"");
	struct engine_fixture *fixture = *state;

	CALL(waits, guest, "wait");
	CALL(behind, guest, "count");
	turn_until(fixture, &fixture->parked_count, 1);
	answer_parked(fixture, "on");
	assert_answered(&waits, "on");
	assert_answered(&behind, "1");
}

static void test_a_run_loop_can_not_have_an_instance_for_each_call(void **state)
{
	assert_refused(guest_try(*state, "(module (func (export \"run\")))", "instance = \"per-call\""),
		CAPSULE_EMANIFEST, "remove `instance = \"per-call\"`");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_error_of_the_guest_keeps_its_instance),
		TEST(test_a_trap_ends_the_instance_and_names_its_functions),
		TEST(test_an_interceptor_gets_action_and_payload_and_answers_bytes),
		TEST(test_a_lifecycle_hook_gets_what_it_reads),
		TEST(test_a_lifecycle_hook_starts_no_program_past_the_gate),
		TEST(test_an_exit_is_judged_by_its_status),
		TEST(test_what_can_not_be_called_keeps_the_instance),
		TEST(test_a_module_without_exports_has_no_tools),
		TEST(test_start_gets_a_fresh_instance_each_time),
		TEST(test_variables_belong_to_the_capsule),
		TEST(test_an_initialiser_runs_once_on_each_instance),
		TEST(test_constructors_come_before_initialize),
		TEST(test_a_haskell_guest_is_initialised_with_two_zeroes),
		TEST(test_an_initialiser_of_another_type_is_not_called),
		TEST(test_a_guest_that_can_not_begin_fails_its_call),
		TEST(test_an_initialiser_may_ask_the_host),
		TEST(test_an_idle_instance_keeps_what_it_knows),
		TEST(test_what_a_guest_wrote_before_it_fell_is_told),
		TEST(test_long_names_of_functions_are_cut),
		TEST(test_long_log_messages_are_cut_where_a_character_ends),
		TEST(test_calls_share_no_memory_when_each_has_its_own_instance),
		TEST(test_a_call_that_waits_keeps_its_instance_to_its_end),
		TEST(test_a_run_loop_can_not_have_an_instance_for_each_call),
	};

	return cmocka_run_group_tests_name("instances", tests, NULL, NULL);
}
