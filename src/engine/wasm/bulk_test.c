/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule:bulk: whole blocks between kernel memory and the guest's own, and arguments as a block. */
#include "engine/wasm/engine_fixture.h"

#define ENV(name, type) "(import \"extism:host/env\" \"" #name "\" (func $" #name " " type "))"
#define BULK(name, type) "(import \"capsule:bulk\" \"" #name "\" (func $" #name " " type "))"
#define COMMON                                                                                                         \
	ENV(input_offset, "(result i64)")                                                                              \
	ENV(input_length, "(result i64)")                                                                              \
	ENV(output_set, "(param i64 i64)")                                                                             \
	ENV(length, "(param i64) (result i64)")                                                                        \
	BULK(load, "(param i64 i64 i32 i32) (result i32)")                                                             \
	BULK(store, "(param i32 i32) (result i64)")
/* Answer the first `len` bytes of memory. */
#define ANSWER                                                                                                         \
	"(func $answer (param $len i32) (local $block i64)"                                                            \
	"  (local.set $block (call $store (i32.const 0) (local.get $len)))"                                            \
	"  (call $output_set (local.get $block) (call $length (local.get $block))))"
#define LOAD(offset, to, len)                                                                                          \
	"(call $load (call $input_offset) (i64.const " #offset ") (i32.const " #to ") (i32.const " #len "))"

static const char copies[] = "(module " COMMON "(memory (export \"memory\") 1)" ANSWER "(func (export \"echo\") (call $answer " LOAD(
	0, 0,
	65536) "))"
	       "(func (export \"middle\") (call $answer " LOAD(2, 0,
		       3) "))"
			  "(func (export \"behind\") (call $answer " LOAD(6, 0,
				  100) "))"
				       "(func (export \"far\") (call $answer " LOAD(-1, 0,
					       100) "))"
						    "(func (export \"no_block\") (call $answer (call $load (i64.const 3) (i64.const 0) (i32.const 0) (i32.const 9))))"
						    "(func (export \"over\") (drop " LOAD(0, 65533,
							    6) "))"
							       "(func (export \"nothing_over\") (drop " LOAD(0, 65540,
								       0) ") (call $answer (i32.const 0)))"
									  "(func (export \"store_over\") (drop (call $store (i32.const 65535) (i32.const 2))))"
									  "(func (export \"store_all\") (drop (call $store (i32.const 0) (i32.const -1))))"
									  "(func (export \"store_none\") (call $answer (i32.const 0))))";

static void assert_copies(struct guest *guest, const char *name, const char *input, const char *answer)
{
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, name, span_text(input));
	call_start(&call);
	assert_answered(&call, answer);
}

static void test_blocks_are_copied_whole_or_in_part(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, copies);

	assert_copies(guest, "echo", "abcdef", "abcdef");
	assert_copies(guest, "echo", "", "");
	assert_copies(guest, "middle", "abcdef", "cde");
	assert_copies(guest, "behind", "abcdef", "");
	assert_copies(guest, "far", "abcdef", "");
	assert_copies(guest, "no_block", "abcdef", "");
	assert_copies(guest, "store_none", "abcdef", "");
	assert_copies(guest, "nothing_over", "abcdef", "");
}

static void assert_copy_fails(struct guest *guest, const char *name, const char *says)
{
	HOLD(call_fini) struct guest_call call;

	call_init(&call, guest, name, span_text("abcdef"));
	call_start(&call);
	assert_failed(&call, CAPSULE_EINVAL, says);
}

static void test_a_range_outside_the_guest_ends_the_call(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, copies);

	assert_copy_fails(
		guest, "over", "capsule:bulk::load: 6 bytes at 65533 are not inside the guest's memory of 65536 bytes");
	assert_copy_fails(guest, "store_over", "capsule:bulk::store: 2 bytes at 65535");
	assert_copy_fails(guest, "store_all", "capsule:bulk::store: 4294967295 bytes at 0");
	assert_copies(guest, "echo", "still", "still");
}

static void test_a_guest_without_a_memory_has_no_place_for_bytes(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(
		*state, "(module " COMMON "(memory 1) (func (export \"load\") (drop " LOAD(0, 0, 1) ")))");

	assert_copy_fails(guest, "load", "not inside the guest's memory of 0 bytes");
}

/* Answers its input and behind it the block of arguments. */
static const char takes_arguments[] = "(module " COMMON BULK(arguments,
	"(result i64)") "(memory (export \"memory\") 1)" ANSWER
			"(func $both (export \"plain\") (export \"astrid_tool_call\") (export \"astrid_hook_trigger\") (local $n i32)"
			"  (local.set $n " LOAD(0, 0,
				1000) ")"
				      "  (call $answer (i32.add (local.get $n) (call $load (call $arguments) (i64.const 0) (local.get $n) (i32.const 1000)))))"
				      "(func (export \"astrid_upgrade\") (call $both)))";

static void test_arguments_come_as_a_block_where_they_are_asked_for(void **state)
{
	static const struct {
		enum engine_call_kind kind;
		const char *name, *input, *answer;
	} cases[] = {
		{ ENGINE_TOOL, "greet", "{\"a\":1}", "{\"name\":\"greet\"}{\"a\":1}" },
		{ ENGINE_INTERCEPTOR, "act", "\x01\xff", "{\"name\":\"act\"}\x01\xff" },
		{ ENGINE_INTERCEPTOR, "act", "", "{\"name\":\"act\"}" },
		{ ENGINE_EXPORT, "plain", "bytes", "bytes" },
		{ ENGINE_UPGRADE, "0.1.0", "", "0.1.0" },
	};
	HOLD(guest_drop) struct guest *guest = guest_new(*state, takes_arguments);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		HOLD(call_fini) struct guest_call call;

		call_init(&call, guest, cases[i].name, span_text(cases[i].input));
		call.call.kind = cases[i].kind;
		call_start(&call);
		assert_answered(&call, cases[i].answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_copied_whole_or_in_part),
		cmocka_unit_test(test_a_range_outside_the_guest_ends_the_call),
		cmocka_unit_test(test_a_guest_without_a_memory_has_no_place_for_bytes),
		cmocka_unit_test(test_arguments_come_as_a_block_where_they_are_asked_for),
	};

	return cmocka_run_group_tests_name("wasm_bulk", tests, engine_fixture_new, engine_fixture_free);
}
