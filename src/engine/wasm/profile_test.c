/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What code depends on: ceilings that are filled in, and a description that tells any two configurations apart. */
#include "engine/wasm/profile.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <wasmtime.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct buffer describe(struct wasm_profile profile)
{
	struct buffer text = { 0 };

	profile_fill(&profile);
	profile_describe(&profile, &text);
	assert_non_null(buffer_text(&text));
	return text;
}

static bool same(struct wasm_profile left, struct wasm_profile right)
{
	HOLD(buffer_fini) struct buffer one = describe(left);
	HOLD(buffer_fini) struct buffer other = describe(right);

	return span_equal(buffer_span(&one), buffer_span(&other));
}

static void test_ceilings_of_zero_become_the_highest(void **state)
{
	struct wasm_profile profile = { 0 };

	(void)state;
	profile_fill(&profile);
	assert_false(profile.no_signals);
	assert_int_equal(profile.guest_pages, LIMIT_WASM_GUEST_PAGES);
	assert_int_equal(profile.kernel_pages, LIMIT_WASM_KERNEL_PAGES);
}

static void test_ceilings_that_are_too_high_are_lowered(void **state)
{
	struct wasm_profile profile = { .guest_pages = UINT32_MAX, .kernel_pages = LIMIT_WASM_KERNEL_PAGES + 1 };

	(void)state;
	profile_fill(&profile);
	assert_int_equal(profile.guest_pages, LIMIT_WASM_GUEST_PAGES);
	assert_int_equal(profile.kernel_pages, LIMIT_WASM_KERNEL_PAGES);
}

static void test_ceilings_that_were_set_stay(void **state)
{
	struct wasm_profile profile = { .no_signals = true, .guest_pages = 1, .kernel_pages = 16 };

	(void)state;
	profile_fill(&profile);
	assert_true(profile.no_signals);
	assert_int_equal(profile.guest_pages, 1);
	assert_int_equal(profile.kernel_pages, 16);
}

static void test_equal_profiles_have_equal_descriptions(void **state)
{
	const struct wasm_profile usual = { 0 };
	const struct wasm_profile written_out = { .guest_pages = LIMIT_WASM_GUEST_PAGES,
		.kernel_pages = LIMIT_WASM_KERNEL_PAGES };
	const struct wasm_profile small = { .no_signals = true, .guest_pages = 10, .kernel_pages = 20 };

	(void)state;
	assert_true(same(usual, usual));
	assert_true(same(usual, written_out));
	assert_true(same(small, small));
}

static void test_each_member_changes_the_description(void **state)
{
	const struct wasm_profile base = { .guest_pages = 100, .kernel_pages = 100 };
	struct wasm_profile signals = base, guest = base, kernel = base;

	(void)state;
	signals.no_signals = true;
	guest.guest_pages = 101;
	kernel.kernel_pages = 101;
	assert_false(same(base, signals));
	assert_false(same(base, guest));
	assert_false(same(base, kernel));
	assert_false(same(base, (struct wasm_profile){ 0 }));
}

/* Wasmtime reserves as much for one memory as for the other, so that code depends on the larger ceiling alone. */
static void test_the_smaller_ceiling_makes_no_difference_to_code(void **state)
{
	const struct wasm_profile left = { .guest_pages = 100, .kernel_pages = 16 };
	const struct wasm_profile right = { .guest_pages = 50, .kernel_pages = 100 };

	(void)state;
	assert_true(same(left, right));
}

static void test_the_description_names_engine_build_and_processor(void **state)
{
	HOLD(buffer_fini) struct buffer text = describe((struct wasm_profile){ 0 });

	(void)state;
	assert_non_null(strstr(buffer_text(&text), "wasmtime=" WASMTIME_VERSION "\n"));
	assert_non_null(strstr(buffer_text(&text), "\nbuild="));
	assert_non_null(strstr(buffer_text(&text), "\nsignals_based_traps=1\n"));
	assert_non_null(strstr(buffer_text(&text), "\nmemory_reservation=67108864\n"));
#if defined(__x86_64__)
	assert_non_null(strstr(buffer_text(&text), "\ncpuid7="));
#else
	assert_non_null(strstr(buffer_text(&text), "\nhwcap="));
#endif
}

/* It is part of what Wasmtime compares, and what it does changes the code's tables. */
static void test_the_environment_of_wasmtime_changes_the_description(void **state)
{
	HOLD(buffer_fini) struct buffer usual = { 0 }, details = { 0 };

	(void)state;
	assert_int_equal(unsetenv("WASMTIME_BACKTRACE_DETAILS"), 0);
	usual = describe((struct wasm_profile){ 0 });
	assert_int_equal(setenv("WASMTIME_BACKTRACE_DETAILS", "1", 1), 0);
	details = describe((struct wasm_profile){ 0 });
	assert_int_equal(unsetenv("WASMTIME_BACKTRACE_DETAILS"), 0);
	assert_false(span_equal(buffer_span(&usual), buffer_span(&details)));
}

/* Code for one profile, and whether an engine of another takes it. */
static bool takes(struct wasm_profile made, struct wasm_profile used)
{
	wasm_byte_vec_t binary = { 0 }, code = { 0 };
	wasmtime_module_t *module = NULL;
	wasmtime_error_t *error;
	wasm_engine_t *engine;

	profile_fill(&made);
	profile_fill(&used);
	engine = wasm_engine_new_with_config(profile_config(&made));
	assert_null(wasmtime_wat2wasm("(module (memory 1))", strlen("(module (memory 1))"), &binary));
	assert_null(wasmtime_module_new(engine, (const uint8_t *)binary.data, binary.size, &module));
	assert_null(wasmtime_module_serialize(module, &code));
	wasmtime_module_delete(module);
	wasm_engine_delete(engine);
	engine = wasm_engine_new_with_config(profile_config(&used));
	module = NULL;
	error = wasmtime_module_deserialize(engine, (const uint8_t *)code.data, code.size, &module);
	if (error == NULL)
		wasmtime_module_delete(module);
	else
		wasmtime_error_delete(error);
	wasm_engine_delete(engine);
	wasm_byte_vec_delete(&binary);
	wasm_byte_vec_delete(&code);
	return error == NULL;
}

static void test_engines_of_one_profile_take_each_others_code(void **state)
{
	const struct wasm_profile small = { .guest_pages = 20, .kernel_pages = 16 };
	const struct wasm_profile checked = { .no_signals = true };

	(void)state;
	assert_true(takes((struct wasm_profile){ 0 }, (struct wasm_profile){ 0 }));
	assert_true(takes(small, small));
	assert_true(takes(checked, checked));
	assert_false(takes(checked, (struct wasm_profile){ 0 }));
	assert_false(takes(small, checked));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ceilings_of_zero_become_the_highest),
		cmocka_unit_test(test_ceilings_that_are_too_high_are_lowered),
		cmocka_unit_test(test_ceilings_that_were_set_stay),
		cmocka_unit_test(test_equal_profiles_have_equal_descriptions),
		cmocka_unit_test(test_each_member_changes_the_description),
		cmocka_unit_test(test_the_smaller_ceiling_makes_no_difference_to_code),
		cmocka_unit_test(test_the_description_names_engine_build_and_processor),
		cmocka_unit_test(test_the_environment_of_wasmtime_changes_the_description),
		cmocka_unit_test(test_engines_of_one_profile_take_each_others_code),
	};

	return cmocka_run_group_tests_name("profiles", tests, NULL, NULL);
}
