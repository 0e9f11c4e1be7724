/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From bytes to a module: what is refused and how that reads, what two capsules share, and loads that are given up. */
#include "engine/wasm/engine_fixture.h"

#include "capsule_deps.h"
#include "engine/wasm/module_scan.h"
#include "engine/wasm/shared.h"

#include <stdio.h>
#include <sys/stat.h>

#define IMPORTS(module, name, what) "(module (import \"" module "\" \"" name "\" " what "))"

static void refuse(void **state, const char *wat, const char *says)
{
	assert_refused(guest_try(*state, wat, NULL), CAPSULE_EMODULE, says);
}

static void test_imports_that_do_not_exist_are_named(void **state) /* abi:9 abi:11 */
{
	refuse(state, IMPORTS("extism:host/user", "astrid_nope", "(func)"),
		"extism:host/user::astrid_nope does not exist");
	refuse(state, IMPORTS("extism:host/user", "astrid_kv_gett", "(func)"), "did you mean astrid_kv_get?");
	refuse(state, IMPORTS("extism:host/env", "frobnicate", "(func)"), "extism:host/env::frobnicate");
	refuse(state, IMPORTS("nowhere", "x", "(func)"), "comes from a module that this host does not offer");
	refuse(state, IMPORTS("", "", "(func)"), "import :: ");
}

static void test_imports_of_another_type_are_named(void **state) /* abi:10 */
{
	refuse(state, IMPORTS("extism:host/user", "astrid_kv_delete", "(func (param i64) (result i64))"),
		"has the wrong type (type mismatch): it is (i64), the module wants (i64) -> i64");
	refuse(state, IMPORTS("extism:host/env", "alloc", "(func (param f32))"),
		"the module wants other types of values");
}

static void test_only_functions_can_be_imported(void **state) /* abi:12 */
{
	refuse(state, IMPORTS("extism:host/env", "memory", "(memory 1)"), "extism:host/env::memory is not a function");
	refuse(state, IMPORTS("env", "g", "(global i32)"), "env::g is not a function");
	refuse(state, IMPORTS("env", "t", "(table 1 funcref)"), "env::t is not a function");
}

static void test_all_that_is_wrong_is_told_at_once(void **state)
{
	struct guest *guest = guest_try(
		*state, "(module (import \"a\" \"b\" (func)) (import \"extism:host/env\" \"allocate\" (func)))", NULL);

	assert_says(guest->load_error.text, "import a::b");
	assert_refused(guest, CAPSULE_EMODULE, "import extism:host/env::allocate");
}

static void test_endless_names_do_not_hide_what_is_wrong(void **state)
{
	HOLD(buffer_fini) struct buffer wat = { 0 };

	buffer_append_text(&wat, "(module (import \"extism:host/env\" \"y");
	for (int i = 0; i < 5000; i++)
		buffer_append_text(&wat, "\xc3\xa4");
	buffer_append_text(&wat, "\" (func)))");
	refuse(state, buffer_text(&wat), "\xc3\xa4 does not exist");
}

static void test_memories_over_the_ceiling_are_refused(void **state) /* abi:21 */
{
	refuse(state, "(module (memory 1025))", "a memory of 1025 pages; the ceiling is 1024 pages");
	refuse(state, "(module (memory 65536))", "65536 pages");
	refuse(state, "(module (memory 1) (memory 1))", "defines 2 memories; one is the most");
	refuse(state, "(module (memory i64 1))", "no valid module");
	refuse(state, "(module (memory 1 1 shared))", "no valid module");
}

static void test_bytes_that_are_no_module_are_refused(void **state) /* abi:7 */
{
	static const char *const no_modules[] = { "\0asm", "\0asm\1\0\0\0\5", "\0xyz\1\0\0\0", "\0asm\2\0\0\0" };
	static const size_t lengths[] = { 4, 9, 8, 8 };
	struct engine_fixture *fixture = *state;

	for (size_t i = 0; i < 4; i++) {
		struct guest *guest = guest_start(fixture, span_of(no_modules[i], lengths[i]), "");

		turn_until(fixture, &guest->loaded, 1);
		assert_refused(guest, CAPSULE_EMODULE, "no valid module");
	}
	refuse(state, "(module", ".wat: ");
	refuse(state, "", "the file is empty");
	struct guest *component = guest_start(fixture, span_of("\0asm\x0d\0\1\0", 8), NULL);
	turn_until(fixture, &component->loaded, 1);
	assert_refused(component, CAPSULE_EMODULE, "is a component");
}

static void test_a_module_over_its_limit_is_refused(void **state)
{
	struct engine_fixture *fixture = *state;
	const char *wat = MODULE("", "");

	fixture->limits.module_bytes = strlen(wat);
	guest_free(guest_new(fixture, wat));
	fixture->limits.module_bytes--;
	assert_refused(guest_try(fixture, wat, NULL), CAPSULE_ELIMIT, "over the limit of");
}

/* ---- Files ---- */

/* Load `file`, which is not one that the fixture wrote. */
static void refuse_file(struct engine_fixture *fixture, const char *dir, const char *file, const char *says)
{
	struct guest *guest = guest_start_file(fixture, dir, file);

	turn_until(fixture, &guest->loaded, 1);
	assert_says(guest->load_error.text, says);
	assert_int_equal(guest->engine->ops->health(guest->engine, NULL), ENGINE_FAILED);
	guest_free(guest);
}

static void test_files_that_can_not_be_modules_are_refused(void **state) /* abi:4 */
{
	struct engine_fixture *fixture = *state;
	HOLD(free_drop) char *pipe_path = NULL;

	assert_true(asprintf(&pipe_path, "%s/pipe.wasm", fixture->folder) > 0);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	refuse_file(fixture, NULL, "/nowhere/at.wasm", "Failed to read WASM module /nowhere/at.wasm");
	refuse_file(fixture, NULL, fixture->folder, "it is not a regular file");
	refuse_file(fixture, NULL, pipe_path, "it is not a regular file");
	refuse_file(fixture, fixture->folder, "absent.wasm", "Failed to read WASM module absent.wasm");
}

static void test_a_module_outside_the_folder_is_refused(void **state) /* abi:2 */
{
	struct engine_fixture *fixture = *state;
	HOLD(free_drop) char *link_path = NULL;

	assert_true(asprintf(&link_path, "%s/link.wasm", fixture->folder) > 0);
	assert_int_equal(symlink("/etc/hostname", link_path), 0);
	refuse_file(fixture, fixture->folder, "../x.wasm", "lies outside the capsule's folder");
	refuse_file(fixture, fixture->folder, "/etc/hostname", "lies outside the capsule's folder");
	refuse_file(fixture, fixture->folder, "link.wasm", "lies outside the capsule's folder");
}

/* ---- Hashes and sharing ---- */

static void test_the_hash_of_the_manifest_has_to_be_that_of_the_file(void **state) /* abi:6 */
{
	struct engine_fixture *fixture = *state;
	const char *wat = MODULE("", "");
	HOLD(buffer_fini) struct buffer digest = { 0 }, right = { 0 }, wrong = { 0 };
	HOLD(guest_drop) struct guest *guest = NULL;
	uint8_t hash[32];

	deps_blake3((const uint8_t *)wat, strlen(wat), hash);
	for (size_t i = 0; i < sizeof hash; i++)
		buffer_printf(&digest, "%02x", hash[i]);
	buffer_printf(&right, "hash = \"%s\"", buffer_text(&digest));
	buffer_printf(&wrong, "hash = \"%064d\"", 7);
	guest = guest_try(fixture, wat, buffer_text(&right));
	assert_string_equal(guest->load_error.text, "");
	struct guest *refused = guest_try(fixture, wat, buffer_text(&wrong));
	assert_says(refused->load_error.text, "expected BLAKE3 00000000");
	assert_refused(refused, CAPSULE_EMODULE, buffer_text(&digest));
}

static size_t modules(const struct engine_fixture *fixture)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (map_next(&fixture->runtime->modules, &cursor, NULL, &value))
		count++;
	return count;
}

static void test_capsules_of_the_same_bytes_share_a_module(void **state)
{
	struct engine_fixture *fixture = *state;
	const char *wat = MODULE("", CRASH);
	struct guest *first = guest_new(fixture, wat), *second = guest_new(fixture, wat);
	struct guest *beside = guest_start(fixture, span_text(wat), NULL), *other = guest_new(fixture, "(module)");

	turn_until(fixture, &beside->loaded, 1);
	assert_int_equal(modules(fixture), 2);
	assert_answers(first, "count", "1");
	assert_answers(second, "count", "1");
	assert_answers(second, "count", "2");
	guest_free(first);
	guest_free(beside);
	guest_free(other);
	assert_int_equal(modules(fixture), 1);
	assert_answers(second, "count", "3");
	guest_free(second);
	assert_int_equal(modules(fixture), 0);
}

static void test_two_loads_of_the_same_bytes_at_once_end_with_one_module(void **state)
{
	struct engine_fixture *fixture = *state;
	struct span wat = span_text(MODULE("", ""));
	struct guest *first = guest_start(fixture, wat, NULL), *second = guest_start(fixture, wat, NULL);

	turn_until(fixture, &first->loaded, 1);
	turn_until(fixture, &second->loaded, 1);
	assert_int_equal(modules(fixture), 1);
	assert_answers(first, "count", "1");
	assert_answers(second, "count", "1");
	guest_free(first);
	guest_free(second);
	assert_int_equal(modules(fixture), 0);
}

/* ---- Loads that are given up ---- */

static void test_a_load_can_be_cancelled(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = guest_start(fixture, span_text(MODULE("", "")), NULL);

	assert_int_equal(guest->engine->ops->health(guest->engine, NULL), ENGINE_LOADING);
	op_cancel(&guest->load);
	turn_until(fixture, &guest->loaded, 1);
	assert_int_equal(guest->load_error.status, CAPSULE_ECANCELLED);
	guest_free(guest);
	while (fixture->runtime->jobs > 0)
		(void)loop_turn(fixture->loop, -1);
	assert_int_equal(modules(fixture), 0);
}

static void test_unloading_ends_a_load(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = guest_start(fixture, span_text(MODULE("", "")), NULL);

	guest_unload(guest);
	turn_until(fixture, &guest->loaded, 1);
	assert_int_equal(guest->load_error.status, CAPSULE_ECANCELLED);
	guest_free(guest); /* and the runtime goes while the job still runs */
}

static void test_an_operation_that_is_freed_gives_up_its_load(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = guest_start(fixture, span_text(MODULE("", "")), NULL);

	op_fini(&guest->load);
	settle(fixture);
	assert_int_equal(guest->loaded, 0);
	assert_int_equal(guest->engine->ops->health(guest->engine, NULL), ENGINE_UNLOADED);
	guest_free(guest);
}

/* ---- The scan of a binary ---- */

static const uint8_t scanned[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 0, 3, 1, 'n', 'x', 4, 9, 2, 0x70, 0, 0x83, 0x01, 0x70,
	1, 5, 6, 5, 6, 1, 1, 0x80, 0x08, 0x80, 0x10 };

static void test_a_scan_finds_memory_and_tables(void **state)
{
	struct module_scan scan;

	(void)state;
	assert_true(module_scan(span_of(scanned, sizeof scanned), &scan));
	assert_int_equal(scan.memory_count, 1);
	assert_int_equal(scan.memory_min, 1024);
	assert_int_equal(scan.memory_max, 2048);
	assert_int_equal(scan.table_count, 2);
	assert_int_equal(scan.table_min, 131);
	assert_true(module_scan(span_of(scanned, 8), &scan));
	assert_int_equal(scan.memory_count + scan.table_count, 0);
}

static void test_a_scan_reads_tables_of_typed_references(void **state)
{
	static const uint8_t typed[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 4, 6, 1, 0x63, 0x80, 0x01, 0, 7, 5, 3, 1, 0, 9 };
	struct module_scan scan;

	(void)state;
	assert_true(module_scan(span_of(typed, sizeof typed), &scan));
	assert_int_equal(scan.table_min, 7);
	assert_int_equal(scan.memory_min, 9);
}

static void test_a_scan_of_what_is_cut_off_reads_nothing_behind_it(void **state)
{
	struct module_scan scan;

	(void)state;
	for (size_t len = 0; len < sizeof scanned; len++) {
		HOLD(free_drop) uint8_t *exact = malloc(len + 1);

		assert_non_null(exact);
		memcpy(exact, scanned, len);
		assert_int_equal(module_scan(span_of(exact, len), &scan), len == 8 || len == 13 || len == 24);
	}
}

static void test_a_scan_survives_every_changed_byte(void **state)
{
	uint8_t bytes[sizeof scanned];
	struct module_scan scan;

	(void)state;
	for (size_t at = 8; at < sizeof scanned; at++) {
		for (int value = 0; value < 256; value++) {
			memcpy(bytes, scanned, sizeof scanned);
			bytes[at] = (uint8_t)value;
			(void)module_scan(span_of(bytes, sizeof bytes), &scan);
			(void)module_is_component(span_of(bytes, sizeof bytes));
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_imports_that_do_not_exist_are_named),
		TEST(test_imports_of_another_type_are_named),
		TEST(test_only_functions_can_be_imported),
		TEST(test_all_that_is_wrong_is_told_at_once),
		TEST(test_endless_names_do_not_hide_what_is_wrong),
		TEST(test_memories_over_the_ceiling_are_refused),
		TEST(test_bytes_that_are_no_module_are_refused),
		TEST(test_a_module_over_its_limit_is_refused),
		TEST(test_files_that_can_not_be_modules_are_refused),
		TEST(test_a_module_outside_the_folder_is_refused),
		TEST(test_the_hash_of_the_manifest_has_to_be_that_of_the_file),
		TEST(test_capsules_of_the_same_bytes_share_a_module),
		TEST(test_two_loads_of_the_same_bytes_at_once_end_with_one_module),
		TEST(test_a_load_can_be_cancelled),
		TEST(test_unloading_ends_a_load),
		TEST(test_an_operation_that_is_freed_gives_up_its_load),
		cmocka_unit_test(test_a_scan_finds_memory_and_tables),
		cmocka_unit_test(test_a_scan_reads_tables_of_typed_references),
		cmocka_unit_test(test_a_scan_of_what_is_cut_off_reads_nothing_behind_it),
		cmocka_unit_test(test_a_scan_survives_every_changed_byte),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
