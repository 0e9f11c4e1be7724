/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Guests that take all they can get: stack, memory, tables, kernel memory. They must hurt nobody but themselves. */
#include "engine/wasm/engine_fixture.h"

#include <stdio.h>

#define ENV(name, type) "(import \"extism:host/env\" \"" #name "\" (func $" #name " " type "))"

/* ---- The stack ---- */

/* `down` recurses as often as its input says and calls a host function at the bottom, which uses 200 KiB of its own. */
static const char diver[] = MODULE(IMPORT_TEST("deep", "(result i64)"),
	"(func $dive (param i32) (result i64)"
	"  (if (result i64) (i32.eqz (local.get 0)) (then (call $deep))"
	"    (else (i64.add (i64.const 1) (call $dive (i32.sub (local.get 0) (i32.const 1)))))))"
	"(func (export \"dive\") (drop (call $dive (call $arg (i64.const 0)))))"
	"(func $fall (param i64) (result i64) (i64.add (call $fall (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))"
	"(func (export \"fall\") (drop (call $fall (i64.const 0))))");

static bool dives(struct guest *guest, uint64_t depth)
{
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, "dive", span_of(&depth, sizeof depth));
	call_start(&call);
	call_await(&call);
	if (call.error.status != CAPSULE_OK)
		assert_says(call.error.text, "call stack exhausted");
	advance_ms(guest->fixture, 2000); /* past what slows failures down */
	return call.error.status == CAPSULE_OK;
}

static void test_endless_recursion_is_a_trap(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, diver);

	assert_fails(guest, "fall", CAPSULE_ETRAP, "call stack exhausted");
	assert_fails(guest, "fall", CAPSULE_ETRAP, "in fall at");
	assert_answers(guest, "count", "1");
}

static void test_at_the_deepest_recursion_a_host_function_has_room(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, diver);
	uint64_t works = 100, fails = 1000000;

	assert_true(dives(guest, works));
	assert_false(dives(guest, fails));
	while (fails - works > 1) {
		uint64_t middle = works + (fails - works) / 2;

		fixture->deep = 0;
		if (dives(guest, middle))
			works = middle;
		else
			fails = middle;
	}
	fixture->deep = 0;
	assert_true(dives(guest, works));
	assert_int_equal(fixture->deep, 16 * 17 / 2);
	assert_true(works > 5000);
}

/* ---- Memory ---- */

#define GROW                                                                                                           \
	"(func (export \"grow\") (result i32) (memory.grow (call $arg (i64.const 0))))"                                \
	"(func (export \"refused\") (result i32)"                                                                      \
	"  (i32.ne (i32.const -1) (memory.grow (call $arg (i64.const 0)))))"                                           \
	"(func (export \"last\") (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))"        \
	"  (i32.const 1)) (call $count))"

static void grow(struct guest *guest, const char *name, uint64_t pages, const char *says)
{
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, name, span_of(&pages, sizeof pages));
	call_start(&call);
	if (says == NULL)
		assert_answered(&call, "");
	else
		assert_failed(&call, CAPSULE_EGUEST, says);
}

static void test_memory_grows_to_the_ceiling_and_no_further(void **state) /* abi:22 */
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, MODULE("", "(memory 0)" GROW));

	grow(guest, "grow", 1024, NULL); /* gives back 0, the pages before */
	assert_answers(guest, "last", "1");
	grow(guest, "refused", 1, NULL);
	grow(guest, "refused", UINT32_MAX, NULL);
	assert_answers(guest, "last", "2");
}

static void test_the_ceiling_counts_what_was_declared(void **state) /* abi:21 abi:23 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *full = guest_new(fixture, MODULE("", "(memory 1024)" GROW));
	HOLD(guest_drop) struct guest *fixed = guest_new(fixture, MODULE("", "(memory 1 1)" GROW));

	assert_answers(full, "last", "1");
	grow(full, "refused", 1, NULL);
	assert_answers(fixed, "last", "1");
	grow(fixed, "refused", 1, NULL);
}

static void test_an_operator_may_set_a_lower_ceiling(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL, *large = NULL;

	fixture->limits.memory_pages = 3;
	guest = guest_new(fixture, MODULE("", "(memory 1)" GROW));
	large = guest_new(fixture, MODULE("", "(memory 4)" GROW));
	grow(guest, "refused", 3, NULL);
	grow(guest, "grow", 2, "exit code: 1");
	grow(guest, "refused", 1, NULL);
	assert_answers(guest, "last", "1");
	assert_fails(large, "last", CAPSULE_ETRAP, "above the ceiling");
}

static void test_the_first_byte_behind_the_memory_is_a_trap(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("",
			"(memory 1)"
			"(func (export \"behind\") (i32.store8 (i32.const 65536) (i32.const 1)))"
			"(func (export \"far\") (drop (i64.load offset=4294967295 (i32.const -1))))"));

	assert_fails(guest, "behind", CAPSULE_ETRAP, "out of bounds memory access");
	assert_fails(guest, "far", CAPSULE_ETRAP, "out of bounds memory access");
	assert_answers(guest, "count", "1");
}

static void test_memory_of_an_ended_instance_is_not_seen_by_the_next(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("",
			CRASH "(memory 2)"
			      "(func (export \"mark\") (i64.store (i32.const 131064) (i64.const -1)) (call $fall_over))"
			      "(func (export \"marked\") (result i32)"
			      "  (i64.ne (i64.const 0) (i64.load (i32.const 131064))))"));

	for (int i = 0; i < 3; i++) {
		assert_fails(guest, "mark", CAPSULE_ETRAP, "unreachable");
		assert_answers(guest, "marked", "");
	}
}

static void test_kernel_memory_has_a_ceiling_of_its_own(void **state) /* abi:22 */
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("",
			"(func (export \"once\") (drop (call $alloc (i64.const 70000000))))"
			"(func (export \"steps\") (loop $more (drop (call $alloc (i64.const 1000000))) (br $more)))"
			"(func (export \"huge\") (drop (call $alloc (i64.const -1))))"
			"(func (export \"small\") (loop $more (drop (call $alloc (i64.const 1))) (br $more)))"
			"(func (export \"fits\") (drop (call $alloc (i64.const 60000000))) (call $count))"));

	assert_fails(guest, "once", CAPSULE_ELIMIT, "out of memory");
	assert_fails(guest, "steps", CAPSULE_ELIMIT, "out of memory");
	assert_fails(guest, "huge", CAPSULE_ELIMIT, "out of memory");
	assert_fails(guest, "small", CAPSULE_ELIMIT, "out of memory");
	assert_answers(guest, "fits", "1");
}

static void test_one_guest_that_fills_its_memory_does_not_stop_another(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *filler = guest_new(fixture,
		MODULE("",
			"(memory 1024) (func (export \"fill\") (loop $again"
			"  (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864)) (br $again)))"));
	HOLD(guest_drop) struct guest *other = guest_new(fixture, MODULE("", ""));

	for (int round = 0; round < 3; round++) {
		CALL(fill, filler, "fill");
		for (int i = 0; i < 10; i++) {
			CALL(call, other, "count");
			call_await(&call);
			assert_int_equal(call.error.status, CAPSULE_OK);
		}
		op_cancel(&fill.call.op);
		assert_failed(&fill, CAPSULE_ECANCELLED, "cancelled");
	}
}

/* ---- Lower ceilings ---- */

static void test_a_runtime_may_have_a_lower_ceiling_for_guests(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL, *full = NULL;

	engine_fixture_restart(fixture, (struct wasm_options){ .guest_pages = 20, .kernel_pages = 16 });
	guest = guest_new(fixture, MODULE("", "(memory 0)" GROW));
	full = guest_new(fixture, MODULE("", "(memory 20 100)" GROW));
	assert_refused(guest_try(fixture, "(module (memory 21))", NULL), CAPSULE_EMODULE,
		"a memory of 21 pages; the ceiling is 20 pages");
	grow(guest, "refused", 21, NULL);
	grow(guest, "grow", 20, NULL);
	assert_answers(guest, "last", "1");
	grow(guest, "refused", 1, NULL);
	assert_answers(full, "last", "1");
	grow(full, "refused", 1, NULL);
}

static void test_behind_a_lower_ceiling_is_a_trap(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	engine_fixture_restart(fixture, (struct wasm_options){ .guest_pages = 1, .kernel_pages = 16 });
	guest = guest_new(fixture,
		MODULE("",
			"(memory 1)"
			"(func (export \"behind\") (i32.store8 (i32.const 65536) (i32.const 1)))"
			"(func (export \"kernel\") (i32.store8 (i32.const 1048576) (i32.const 1)))"
			"(func (export \"far\") (drop (i64.load offset=4294967295 (i32.const -1))))"));
	assert_fails(guest, "behind", CAPSULE_ETRAP, "out of bounds memory access");
	assert_fails(guest, "kernel", CAPSULE_ETRAP, "out of bounds memory access");
	assert_fails(guest, "far", CAPSULE_ETRAP, "out of bounds memory access");
	assert_answers(guest, "count", "1");
}

/* An input of so many bytes; NULL: it is taken. */
static void hand_over(struct guest *guest, size_t bytes, const char *says)
{
	HOLD(free_drop) uint8_t *input = calloc(1, bytes);
	HOLD(call_fini) struct guest_call call;

	assert_non_null(input);
	call_init(&call, guest, "count", span_of(input, bytes));
	call_start(&call);
	if (says == NULL)
		assert_answered(&call, "1");
	else
		assert_failed(&call, CAPSULE_ELIMIT, says);
}

static void test_a_runtime_may_have_a_lower_ceiling_for_kernel_memory(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	engine_fixture_restart(fixture, (struct wasm_options){ .guest_pages = 20, .kernel_pages = 32 });
	guest = guest_new(fixture,
		MODULE("",
			"(memory 20) (func (export \"over\") (drop (call $alloc (i64.const 2097152))))"
			"(func (export \"steps\") (loop $more (drop (call $alloc (i64.const 1000))) (br $more)))"));
	hand_over(guest, 1000000, NULL);
	assert_fails(guest, "over", CAPSULE_ELIMIT, "the kernel memory is at its ceiling of 2 MiB");
	assert_fails(guest, "steps", CAPSULE_ELIMIT, "the kernel memory is at its ceiling of 2 MiB");
	hand_over(guest, 2097152, "the input of 2097152 bytes does not fit into the guest's kernel memory of 2 MiB");
	assert_answers(guest, "count", "1");
}

/* ---- Tables ---- */

static void test_tables_are_limited(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer wat = { 0 };
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		MODULE("",
			"(table $t 0 funcref)"
			"(func (export \"most\") (result i32) (table.grow $t (ref.null func) (i32.const 100000)))"
			"(func (export \"more\") (result i32) (i32.ne (i32.const -1)"
			"  (table.grow $t (ref.null func) (i32.const 1))))"));

	buffer_append_text(&wat, "(module");
	for (int i = 0; i < 90; i++)
		buffer_append_text(&wat, " (table 10 funcref)");
	buffer_append_text(&wat, ")");
	assert_refused(guest_try(fixture, buffer_text(&wat), NULL), CAPSULE_EMODULE, "defines 90 tables");
	assert_refused(guest_try(fixture, "(module (table 100001 funcref))", NULL), CAPSULE_EMODULE,
		"the largest of at least 100001 elements");
	assert_answers(guest, "most", "");
	assert_answers(guest, "more", "");
}

static void test_a_table_with_an_initialiser_is_limited_when_it_is_made(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_try(
		*state, "(module (func $f) (table 200000 funcref (ref.func $f)) (func (export \"x\")))", NULL);

	if (guest->load_error.status == CAPSULE_OK)
		assert_fails(guest, "x", CAPSULE_ETRAP, "table");
	else
		assert_int_equal(guest->load_error.status, CAPSULE_EMODULE);
}

/* ---- Traps ---- */

static void test_arithmetic_without_a_result_is_a_trap(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("",
			"(table 2 funcref) (type $plain (func))"
			"(func (export \"zero\") (drop (i32.div_u (i32.const 1) (global.get $zero))))"
			"(func (export \"least\") (drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1)))))"
			"(func (export \"nan\") (drop (i32.trunc_f64_s (f64.div (f64.const 0) (f64.convert_i32_u (global.get $zero))))))"
			"(func (export \"empty\") (call_indirect (type $plain) (global.get $zero)))"
			"(func (export \"outside\") (call_indirect (type $plain) (i32.const 2)))"
			"(global $zero (mut i32) (i32.const 0))"));

	assert_fails(guest, "zero", CAPSULE_ETRAP, "integer division by zero");
	assert_fails(guest, "least", CAPSULE_ETRAP, "integer overflow");
	assert_fails(guest, "nan", CAPSULE_ETRAP, "bad conversion to integer");
	assert_fails(guest, "empty", CAPSULE_ETRAP, "call to an empty table slot");
	assert_fails(guest, "outside", CAPSULE_ETRAP, "out of bounds table access");
	assert_answers(guest, "count", "1");
}

/* ---- Many ---- */

static void test_many_failing_calls_reuse_what_they_had(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, MODULE("", CRASH "(memory 1)"));

	for (int i = 0; i < 200; i++) {
		assert_fails(guest, "crash", CAPSULE_ETRAP, "unreachable");
		advance_ms(fixture, 1024);
	}
	assert_answers(guest, "count", "1");
}

static void test_many_capsules_stand_beside_each_other(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guests[70];

	for (size_t i = 0; i < 70; i++)
		guests[i] = guest_new(fixture, MODULE("", "(memory 1)"));
	for (size_t i = 0; i < 70; i++)
		assert_answers(guests[i], "count", "1");
	for (size_t i = 0; i < 70; i++)
		assert_answers(guests[i], "count", "2");
	for (size_t i = 0; i < 70; i++)
		guest_free(guests[i]);
}

/* A runtime whose guests do without signal handlers: none are there while they run. */
static int set_up_without_signals(void **state)
{
	int status = engine_fixture_new(state);

	engine_fixture_restart(*state, (struct wasm_options){ .no_signals = true });
	return status;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)
#define WITHOUT_SIGNALS(test)                                                                                          \
	{                                                                                                              \
#test "_without_signals", test, set_up_without_signals, engine_fixture_free, NULL                      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_endless_recursion_is_a_trap),
		TEST(test_at_the_deepest_recursion_a_host_function_has_room),
		TEST(test_memory_grows_to_the_ceiling_and_no_further),
		TEST(test_the_ceiling_counts_what_was_declared),
		TEST(test_an_operator_may_set_a_lower_ceiling),
		TEST(test_the_first_byte_behind_the_memory_is_a_trap),
		TEST(test_memory_of_an_ended_instance_is_not_seen_by_the_next),
		TEST(test_kernel_memory_has_a_ceiling_of_its_own),
		TEST(test_one_guest_that_fills_its_memory_does_not_stop_another),
		TEST(test_a_runtime_may_have_a_lower_ceiling_for_guests),
		TEST(test_behind_a_lower_ceiling_is_a_trap),
		TEST(test_a_runtime_may_have_a_lower_ceiling_for_kernel_memory),
		TEST(test_tables_are_limited),
		TEST(test_a_table_with_an_initialiser_is_limited_when_it_is_made),
		TEST(test_arithmetic_without_a_result_is_a_trap),
		TEST(test_many_failing_calls_reuse_what_they_had),
		TEST(test_many_capsules_stand_beside_each_other),
		WITHOUT_SIGNALS(test_endless_recursion_is_a_trap),
		WITHOUT_SIGNALS(test_at_the_deepest_recursion_a_host_function_has_room),
		WITHOUT_SIGNALS(test_memory_grows_to_the_ceiling_and_no_further),
		WITHOUT_SIGNALS(test_the_first_byte_behind_the_memory_is_a_trap),
		WITHOUT_SIGNALS(test_memory_of_an_ended_instance_is_not_seen_by_the_next),
		WITHOUT_SIGNALS(test_kernel_memory_has_a_ceiling_of_its_own),
		WITHOUT_SIGNALS(test_tables_are_limited),
		WITHOUT_SIGNALS(test_arithmetic_without_a_result_is_a_trap),
		WITHOUT_SIGNALS(test_many_failing_calls_reuse_what_they_had),
	};

	return cmocka_run_group_tests_name("hostile guests", tests, NULL, NULL);
}
