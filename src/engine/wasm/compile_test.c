/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiling, seen from a load: what is compiled where, what a child may cost, how its failures read, and that what is kept
 * spares the next one. */
#include "engine/wasm/compile_fixture.h"

#include "engine/wasm/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NOWHERE "/nowhere/at/all"

/* How often `words` are in `text`. */
static int count_words(const char *text, const char *words)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, words)) != NULL; at += strlen(words))
		count++;
	return count;
}

static int count_logged(struct engine_fixture *fixture, const char *words)
{
	const char *text = fixture->logged.len == 0 ? "" : buffer_text(&fixture->logged);

	return count_words(text, words);
}

/* A load that fails, after at most one child. */
static void assert_fails_to_compile(
	struct engine_fixture *fixture, const struct module_plan *plan, enum capsule_status status, const char *says)
{
	struct guest *guest = start_plan(fixture, plan);

	(void)watch_load(guest);
	assert_says(guest->load_error.text, "WASM module ");
	assert_refused(guest, status, says);
	assert_int_equal(count_children(NULL), 0);
}

static const struct module_plan endless = { .ifs = ENDLESS_IFS, .data_bytes = 1, .answer = 1 };

/* ---- Where ---- */

static void test_a_large_module_is_compiled_by_a_child_and_runs(void **state)
{
	HOLD(guest_drop) struct guest *guest = start_large(*state, 7);

	assert_int_equal(watch_load(guest), 1);
	assert_loaded(guest, 7);
	assert_int_equal(count_children(NULL), 0);
}

static void test_a_large_data_section_goes_through_the_child(void **state)
{
	const struct module_plan plan = { .functions = 1, .data_bytes = 3000000, .answer = 5 };
	HOLD(guest_drop) struct guest *guest = start_plan(*state, &plan);

	assert_int_equal(watch_load(guest), 1);
	assert_loaded(guest, 5);
}

static void test_a_small_module_needs_no_child(void **state)
{
	struct module_plan plan = { .functions = 450, .data_bytes = 100, .answer = 3 };
	HOLD(buffer_fini) struct buffer bytes = module_bytes(&plan);
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	assert_true(bytes.len < LIMIT_COMPILE_INLINE && bytes.len > LIMIT_COMPILE_INLINE - 4000);
	engine_fixture_restart(fixture, (struct wasm_options){ .libexec_dir = NOWHERE });
	guest = start_plan(fixture, &plan);
	assert_int_equal(watch_load(guest), 0);
	assert_loaded(guest, 3);
}

static void test_compile_in_process_starts_no_child(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;

	engine_fixture_restart(fixture, (struct wasm_options){ .libexec_dir = NOWHERE, .compile_in_process = true });
	guest = start_large(fixture, 4);
	assert_int_equal(watch_load(guest), 0);
	assert_loaded(guest, 4);
}

static void test_without_the_compiler_the_error_says_where_was_looked(void **state)
{
	const struct module_plan plan = { .functions = LARGE_FUNCTIONS, .data_bytes = 1, .answer = 1 };
	struct engine_fixture *fixture = *state;

	engine_fixture_restart(fixture, (struct wasm_options){ .libexec_dir = NOWHERE });
	assert_fails_to_compile(
		fixture, &plan, CAPSULE_ENOTFOUND, "capsule-launch is not there; looked in " NOWHERE ". ");
}

/* ---- What is kept ---- */

/* A runtime that keeps code; without `compiler` it can't compile a large module. */
static void use_cache(struct engine_fixture *fixture, bool compiler)
{
	engine_fixture_restart(fixture,
		(struct wasm_options){
			.cache_dir = compile_path(fixture, "cache"), .libexec_dir = compiler ? NULL : NOWHERE });
}

static void load_once(struct engine_fixture *fixture)
{
	HOLD(guest_drop) struct guest *guest = start_large(fixture, 6);

	assert_loaded(guest, 6);
}

static void test_the_second_load_needs_no_compiler(void **state)
{
	struct engine_fixture *fixture = *state;

	use_cache(fixture, true);
	load_once(fixture);
	use_cache(fixture, false);
	load_once(fixture);
	load_once(fixture);
	assert_int_equal(fixture->logged.len, 0);
}

static void test_what_was_compiled_in_process_is_kept_too(void **state)
{
	struct engine_fixture *fixture = *state;

	engine_fixture_restart(fixture,
		(struct wasm_options){ .cache_dir = compile_path(fixture, "cache"),
			.libexec_dir = NOWHERE,
			.compile_in_process = true });
	load_once(fixture);
	use_cache(fixture, false);
	load_once(fixture);
}

/* Whether the file is the code of the kernel module, which every runtime keeps too. */
static bool is_kernel(int dir, const char *name)
{
	HOLD(fd_drop) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char seal[ARTEFACT_SEAL];

	assert_true(fd >= 0);
	assert_true(lseek(fd, -ARTEFACT_SEAL, SEEK_END) > 0);
	assert_int_equal(read(fd, seal, sizeof seal), ARTEFACT_SEAL);
	return memmem(seal, sizeof seal, "(kernel)", 8) != NULL;
}

/* The entries of guests; *path (owned by the caller) is one of them. */
static int find_entries(const struct engine_fixture *fixture, char **path)
{
	DIR *folder = opendir(compile_path(fixture, "cache"));
	const struct dirent *file;
	int count = 0;

	assert_non_null(folder);
	while ((file = readdir(folder)) != NULL) {
		if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
			continue;
		assert_non_null(strstr(file->d_name, CACHE_SUFFIX));
		if (is_kernel(dirfd(folder), file->d_name))
			continue;
		count++;
		if (path != NULL)
			assert_true(asprintf(path, "%s/cache/%s", fixture->folder, file->d_name) > 0);
	}
	(void)closedir(folder);
	return count;
}

static void damage(const char *path)
{
	HOLD(fd_drop) int fd = -1;
	struct stat info;
	uint8_t byte = 0;

	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(pread(fd, &byte, 1, info.st_size / 2), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, info.st_size / 2), 1);
}

static void test_a_damaged_entry_is_compiled_anew_and_told_once(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(free_drop) char *path = NULL;

	use_cache(fixture, true);
	load_once(fixture);
	assert_int_equal(find_entries(fixture, &path), 1);
	damage(path);
	load_once(fixture);
	assert_int_equal(count_logged(fixture, "was damaged; it is made anew"), 1);
	assert_int_equal(count_logged(fixture, path), 1);
	use_cache(fixture, false);
	load_once(fixture);
	assert_int_equal(count_logged(fixture, "\n"), 1);
}

static void test_a_damaged_entry_of_a_small_module_is_told_too(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(free_drop) char *path = NULL;

	use_cache(fixture, false);
	guest_free(guest_new(fixture, MODULE("", "")));
	assert_int_equal(find_entries(fixture, &path), 1);
	damage(path);
	guest_free(guest_new(fixture, MODULE("", "")));
	assert_int_equal(count_logged(fixture, "was damaged; it is made anew"), 1);
	guest_free(guest_new(fixture, MODULE("", "")));
	assert_int_equal(count_logged(fixture, "\n"), 1);
}

static void test_a_cache_that_is_of_no_use_costs_a_warning_and_no_load(void **state)
{
	struct engine_fixture *fixture = *state;

	assert_int_equal(mkdir(compile_path(fixture, "cache"), 0755), 0);
	use_cache(fixture, true);
	load_once(fixture);
	assert_int_equal(count_logged(fixture, "is open to others (mode 755)"), 1);
	assert_int_equal(count_logged(fixture, "\n"), 1);
	assert_int_equal(rmdir(compile_path(fixture, "cache")), 0);
	assert_int_equal(symlink("/dev/null", compile_path(fixture, "cache")), 0);
	load_once(fixture);
	assert_int_equal(count_logged(fixture, "is a file or a link, expected a folder"), 1);
	assert_int_equal(count_logged(fixture, "\n"), 2);
}

/* ---- Failures and limits ---- */

static void test_what_the_compiler_refuses_is_told_once(void **state)
{
	const struct module_plan plan = { .functions = LARGE_FUNCTIONS, .data_bytes = 1, .answer = 1, .broken = true };
	struct guest *guest = start_plan(*state, &plan);

	assert_int_equal(watch_load(guest), 1);
	assert_says(guest->load_error.text, "guest-1.wasm: it is no valid module: ");
	assert_int_equal(count_words(guest->load_error.text, "no valid module"), 1);
	assert_int_equal(count_words(guest->load_error.text, "WASM module"), 1);
	assert_refused(guest, CAPSULE_EMODULE, "type mismatch: expected i32 but nothing on stack");
}

static void test_processor_time_of_the_compiler_is_limited(void **state)
{
	struct engine_fixture *fixture = *state;

	engine_fixture_restart(fixture, (struct wasm_options){ .compile_cpu_ms = 1000 });
	assert_fails_to_compile(fixture, &endless, CAPSULE_ELIMIT,
		"it can't be compiled within 1 s of processor time; raise compile_cpu_ms (--compile-seconds)");
}

static void test_memory_of_the_compiler_is_limited(void **state)
{
	const struct module_plan plan = { .functions = 20000, .data_bytes = 1, .answer = 1 };
	struct engine_fixture *fixture = *state;

	engine_fixture_restart(fixture, (struct wasm_options){ .compile_bytes = 64ull * MIB });
	assert_fails_to_compile(fixture, &plan, CAPSULE_ELIMIT,
		"it can't be compiled within 64 MiB of memory; raise compile_bytes (--compile-mib)");
}

static void test_a_child_that_does_not_get_on_is_ended(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = start_large(fixture, 1);

	stop_child(await_children(fixture, 1));
	advance_ms(fixture, 4 * (int64_t)LIMIT_COMPILE_CPU_MS - 1);
	assert_int_equal(guest->loaded, 0);
	advance_ms(fixture, 1);
	(void)watch_load(guest);
	assert_refused(guest, CAPSULE_ELIMIT, "it was not compiled within 240 s on the clock");
	assert_int_equal(count_children(NULL), 0);
}

static void test_less_than_a_second_of_processor_time_is_a_second(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = NULL;
	pid_t child;

	engine_fixture_restart(fixture, (struct wasm_options){ .compile_cpu_ms = 1 });
	guest = start_large(fixture, 2);
	child = await_children(fixture, 1);
	stop_child(child);
	advance_ms(fixture, 3999);
	assert_int_equal(guest->loaded, 0);
	continue_child(child);
	assert_loaded(guest, 2);
}

static void test_a_child_that_somebody_ends_is_told(void **state)
{
	struct engine_fixture *fixture = *state;
	struct guest *guest = start_plan(fixture, &endless);

	assert_int_equal(kill(await_children(fixture, 1), SIGKILL), 0);
	(void)watch_load(guest);
	assert_refused(guest, CAPSULE_EMODULE, "the compiler was ended by signal 9 (Killed)");
	assert_int_equal(count_children(NULL), 0);
	load_once(fixture);
}

static void test_nothing_is_kept_of_what_failed(void **state)
{
	const struct module_plan plan = { .functions = LARGE_FUNCTIONS, .data_bytes = 1, .answer = 1, .broken = true };
	struct engine_fixture *fixture = *state;

	use_cache(fixture, true);
	assert_fails_to_compile(fixture, &plan, CAPSULE_EMODULE, "no valid module");
	assert_int_equal(find_entries(fixture, NULL), 0);
	assert_int_equal(fixture->logged.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, compile_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_large_module_is_compiled_by_a_child_and_runs),
		TEST(test_a_large_data_section_goes_through_the_child),
		TEST(test_a_small_module_needs_no_child),
		TEST(test_compile_in_process_starts_no_child),
		TEST(test_without_the_compiler_the_error_says_where_was_looked),
		TEST(test_the_second_load_needs_no_compiler),
		TEST(test_what_was_compiled_in_process_is_kept_too),
		TEST(test_a_damaged_entry_is_compiled_anew_and_told_once),
		TEST(test_a_damaged_entry_of_a_small_module_is_told_too),
		TEST(test_a_cache_that_is_of_no_use_costs_a_warning_and_no_load),
		TEST(test_what_the_compiler_refuses_is_told_once),
		TEST(test_processor_time_of_the_compiler_is_limited),
		TEST(test_memory_of_the_compiler_is_limited),
		TEST(test_a_child_that_does_not_get_on_is_ended),
		TEST(test_less_than_a_second_of_processor_time_is_a_second),
		TEST(test_a_child_that_somebody_ends_is_told),
		TEST(test_nothing_is_kept_of_what_failed),
	};

	return cmocka_run_group_tests_name("compiling", tests, NULL, NULL);
}
