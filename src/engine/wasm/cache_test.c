/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The folder of compiled code: when it is made and how, which folders are not used, and what happens when it can't take
 * anything. */
#include "engine/wasm/cache_fixture.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SOMEBODY 12345 /* a user that this is not */
#define WRITERS 6
#define ROUNDS 20

/* ---- What works ---- */

static void test_looking_into_no_folder_makes_none(void **state)
{
	struct cache_fixture *fixture = *state;

	assert_false(cache_answers(fixture, ""));
	assert_false(cache_exists(fixture->dir));
}

static void test_without_a_cache_nothing_is_kept(void **state)
{
	struct cache_fixture *fixture = *state;
	struct capsule_error err;

	fixture->cache.dir = NULL;
	assert_false(cache_answers(fixture, ""));
	assert_int_equal(
		cache_put(&fixture->cache, span_of(fixture->code.data, fixture->code.size), &fixture->seal, &err), -1);
	assert_string_equal(err.text, "");
}

static void test_what_is_kept_can_be_loaded(void **state)
{
	struct cache_fixture *fixture = *state;
	struct artefact_seal other = fixture->seal;
	struct capsule_error err;

	cache_fill(fixture);
	assert_true(cache_answers(fixture, ""));
	assert_true(cache_answers(fixture, ""));
	other.key[31] ^= 1;
	assert_null(cache_load(&fixture->cache, other.key, fixture->engine, &err));
	assert_string_equal(err.text, "");
}

static void test_the_descriptor_of_a_new_entry_holds_the_sealed_code(void **state)
{
	struct cache_fixture *fixture = *state;
	struct span code = span_of(fixture->code.data, fixture->code.size);
	struct capsule_error err;
	HOLD(fd_drop) int fd = cache_put(&fixture->cache, code, &fixture->seal, &err);
	HOLD(buffer_fini) struct buffer file = cache_read(cache_entry_path(fixture, fixture->seal.key));
	wasmtime_module_t *module = cache_map(fixture->engine, fd, code, &err);

	assert_non_null(module);
	assert_true(cache_module_works(fixture, module));
	assert_true(artefact_sound(buffer_span(&file)));
	assert_int_equal(file.len, code.len + ARTEFACT_SEAL);
	assert_memory_equal(file.data, code.data, code.len);
}

static void test_folders_are_private_and_entries_are_never_written_again(void **state)
{
	struct cache_fixture *fixture = *state;
	mode_t mask = umask(0);

	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/one/two/three", fixture->root);
	cache_fill(fixture);
	(void)umask(mask);
	assert_int_equal(cache_mode(cache_path(fixture, "one")), 0700);
	assert_int_equal(cache_mode(cache_path(fixture, "one/two")), 0700);
	assert_int_equal(cache_mode(cache_path(fixture, "one/two/three")), 0700);
	assert_int_equal(cache_mode(cache_entry_path(fixture, fixture->seal.key)), 0400);
	assert_int_equal(cache_count(fixture, ""), 1);
	assert_true(cache_answers(fixture, ""));
}

static void test_an_entry_is_replaced_by_a_new_one(void **state)
{
	struct cache_fixture *fixture = *state;

	cache_fill(fixture);
	cache_fill(fixture);
	assert_int_equal(cache_count(fixture, ""), 1);
	assert_true(cache_answers(fixture, ""));
}

/* ---- Folders that are not used ---- */

/* Neither reading nor writing may happen, and both have to say why. */
static void refuse(struct cache_fixture *fixture, enum capsule_status status, const char *says)
{
	struct span code = span_of(fixture->code.data, fixture->code.size);
	struct capsule_error err;

	assert_null(cache_load(&fixture->cache, fixture->seal.key, fixture->engine, &err));
	cache_says(&err, status, says);
	cache_says(&err, status, fixture->dir);
	assert_int_equal(cache_put(&fixture->cache, code, &fixture->seal, &err), -1);
	cache_says(&err, status, says);
	cache_says(&err, status, fixture->dir);
}

static void test_a_folder_that_is_open_to_others_is_not_used(void **state)
{
	static const mode_t open_modes[] = { 0755, 0770, 0701, 0704, 0702, 0710, 0720, 0740, 0777, 01777 };
	struct cache_fixture *fixture = *state;
	char says[32];

	cache_fill(fixture);
	for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
		assert_int_equal(chmod(fixture->dir, open_modes[i]), 0);
		(void)snprintf(says, sizeof says, "(mode %03o)", (unsigned)open_modes[i] & 0777);
		refuse(fixture, CAPSULE_EDENIED, says);
		refuse(fixture, CAPSULE_EDENIED, "chmod 700 it");
	}
	assert_int_equal(cache_count(fixture, ""), 1);
	assert_int_equal(chmod(fixture->dir, 0700), 0);
	assert_true(cache_answers(fixture, ""));
}

static void test_a_folder_of_somebody_else_is_not_used(void **state)
{
	struct cache_fixture *fixture = *state;

	if (geteuid() != 0)
		return; /* only root can give something away */
	cache_fill(fixture);
	assert_int_equal(chown(fixture->dir, SOMEBODY, (gid_t)-1), 0);
	refuse(fixture, CAPSULE_EDENIED, "belongs to user 12345, not to this one (0): name another");
	assert_int_equal(cache_count(fixture, ""), 1);
}

static void test_a_link_is_no_folder(void **state)
{
	struct cache_fixture *fixture = *state;

	assert_int_equal(mkdir(cache_path(fixture, "elsewhere"), 0700), 0);
	assert_int_equal(symlink("elsewhere", fixture->dir), 0);
	refuse(fixture, CAPSULE_EIO, "is a file or a link, expected a folder: remove it, or name another");
	assert_int_equal(rmdir(cache_path(fixture, "elsewhere")), 0); /* empty */
	refuse(fixture, CAPSULE_EIO, "is a file or a link, expected a folder: remove it, or name another");
	assert_false(cache_exists(cache_path(fixture, "elsewhere")));
}

static void test_a_file_is_no_folder(void **state)
{
	struct cache_fixture *fixture = *state;
	HOLD(fd_drop) int fd = creat(fixture->dir, 0600);

	assert_true(fd >= 0);
	refuse(fixture, CAPSULE_EIO, "is a file or a link, expected a folder: remove it, or name another");
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/cache/below", fixture->root);
	refuse(fixture, CAPSULE_EIO, "Not a directory");
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
}

static void test_folders_that_are_far_away_are_not_made(void **state)
{
	struct cache_fixture *fixture = *state;
	struct capsule_error err;

	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/one/two/three/four", fixture->root);
	assert_false(cache_answers(fixture, ""));
	assert_int_equal(
		cache_put(&fixture->cache, span_of(fixture->code.data, fixture->code.size), &fixture->seal, &err), -1);
	cache_says(&err, CAPSULE_ENOTFOUND, fixture->dir);
	assert_false(cache_exists(cache_path(fixture, "one")));
}

/* ---- Folders that can't take anything ---- */

static void test_a_full_disk_is_told_and_leaves_no_draft(void **state)
{
	struct cache_fixture *fixture = *state;
	struct span code = span_of(fixture->code.data, fixture->code.size);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit usual, small;
	struct capsule_error err;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	for (rlim_t room = 0; room <= code.len + 1; room += code.len / 2) { /* nothing, half of the code, a bit more */
		int fd;

		small = usual;
		small.rlim_cur = room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		fd = cache_put(&fixture->cache, code, &fixture->seal, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
		assert_int_equal(fd, -1);
		cache_says(&err, CAPSULE_EIO, "can't take");
		cache_says(&err, CAPSULE_EIO, "File too large");
		assert_int_equal(cache_count(fixture, ""), 0);
	}
	(void)signal(SIGXFSZ, before);
	cache_fill(fixture);
	assert_true(cache_answers(fixture, ""));
}

static void test_a_folder_in_the_way_of_an_entry_is_told_and_stays(void **state)
{
	struct cache_fixture *fixture = *state;
	struct capsule_error err;
	const char *entry;

	cache_fill_as(fixture, 1);
	entry = cache_entry_path(fixture, fixture->seal.key);
	assert_int_equal(mkdir(entry, 0700), 0);
	assert_false(cache_answers(fixture, "was damaged"));
	assert_int_equal(
		cache_put(&fixture->cache, span_of(fixture->code.data, fixture->code.size), &fixture->seal, &err), -1);
	cache_says(&err, CAPSULE_EIO, "can't take");
	assert_int_equal(cache_count(fixture, ""), 2);
	assert_int_equal(cache_count(fixture, CACHE_DRAFT), 0);
	assert_int_equal(rmdir(entry), 0);
}

/* ---- Several at once ---- */

/* What a child does; its exit status tells. */
static int fill_and_read(struct cache_fixture *fixture, int start)
{
	char letter;

	if (read(start, &letter, 1) != 0)
		return 2;
	for (int i = 0; i < ROUNDS; i++) {
		struct capsule_error err;
		HOLD(fd_drop)
		int fd = cache_put(
			&fixture->cache, span_of(fixture->code.data, fixture->code.size), &fixture->seal, &err);
		wasmtime_module_t *module;

		if (fd < 0)
			return 3;
		module = cache_load(&fixture->cache, fixture->seal.key, fixture->engine, &err);
		if (module == NULL || err.status != CAPSULE_OK)
			return 4;
		wasmtime_module_delete(module);
	}
	return 0;
}

static void test_processes_that_fill_one_entry_at_once_leave_a_sound_one(void **state)
{
	struct cache_fixture *fixture = *state;
	pid_t children[WRITERS];
	int start[2], status;

	assert_int_equal(pipe2(start, O_CLOEXEC), 0);
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			(void)close(start[1]);
			_exit(fill_and_read(fixture, start[0]));
		}
	}
	assert_int_equal(close(start[1]), 0); /* all of them begin */
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(close(start[0]), 0);
	assert_int_equal(cache_count(fixture, ""), 1);
	assert_true(cache_answers(fixture, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_fixture_new, cache_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_looking_into_no_folder_makes_none),
		TEST(test_without_a_cache_nothing_is_kept),
		TEST(test_what_is_kept_can_be_loaded),
		TEST(test_the_descriptor_of_a_new_entry_holds_the_sealed_code),
		TEST(test_folders_are_private_and_entries_are_never_written_again),
		TEST(test_an_entry_is_replaced_by_a_new_one),
		TEST(test_a_folder_that_is_open_to_others_is_not_used),
		TEST(test_a_folder_of_somebody_else_is_not_used),
		TEST(test_a_link_is_no_folder),
		TEST(test_a_file_is_no_folder),
		TEST(test_folders_that_are_far_away_are_not_made),
		TEST(test_a_full_disk_is_told_and_leaves_no_draft),
		TEST(test_a_folder_in_the_way_of_an_entry_is_told_and_stays),
		TEST(test_processes_that_fill_one_entry_at_once_leave_a_sound_one),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
