/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the cache removes by itself: what was not used for longest, and what nobody finished. */
#include "engine/wasm/cache_fixture.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/wasm/cache_trim.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HOUR 3600

static size_t entry_bytes(const struct cache_fixture *fixture)
{
	return fixture->code.size + ARTEFACT_SEAL;
}

static const char *entry(const struct cache_fixture *fixture, uint8_t number)
{
	uint8_t key[ARTEFACT_KEY];

	cache_key_of(fixture, number, key);
	return cache_entry_path(fixture, key);
}

static bool kept(const struct cache_fixture *fixture, uint8_t number)
{
	return cache_exists(entry(fixture, number));
}

/* Entries 1 to 4, used so many seconds ago. */
static void fill_four(struct cache_fixture *fixture, const int64_t used_s[4])
{
	for (uint8_t i = 0; i < 4; i++) {
		cache_fill_as(fixture, i + 1);
		cache_age(entry(fixture, i + 1), used_s[i], 10000);
	}
}

static void test_what_was_not_used_for_longest_goes_first(void **state)
{
	struct cache_fixture *fixture = *state;

	fill_four(fixture, (const int64_t[]){ 300, 500, 100, 400 });
	fixture->cache.limit = 4 * entry_bytes(fixture);
	cache_fill_as(fixture, 5);
	assert_false(kept(fixture, 2));
	assert_int_equal(cache_count(fixture, ""), 4);
	cache_fill_as(fixture, 6);
	assert_false(kept(fixture, 4));
	assert_int_equal(cache_count(fixture, ""), 4);
	fixture->cache.limit = 2 * entry_bytes(fixture) + 1;
	cache_fill_as(fixture, 7);
	assert_true(kept(fixture, 7));
	assert_false(kept(fixture, 1) || kept(fixture, 3));
	assert_int_equal(cache_count(fixture, ""), 2);
}

static void test_nothing_goes_while_all_fits(void **state)
{
	struct cache_fixture *fixture = *state;

	fixture->cache.limit = 4 * entry_bytes(fixture);
	fill_four(fixture, (const int64_t[]){ 300, 500, 100, 400 });
	assert_int_equal(cache_count(fixture, ""), 4);
}

static void test_the_new_entry_stays_whatever_the_others_look_like(void **state)
{
	struct cache_fixture *fixture = *state;

	fill_four(fixture, (const int64_t[]){ -5000, -6000, -7000, -8000 });
	fixture->cache.limit = entry_bytes(fixture);
	cache_fill(fixture);
	assert_int_equal(cache_count(fixture, ""), 1);
	assert_true(cache_answers(fixture, ""));
}

static void test_code_over_the_limit_is_not_kept(void **state)
{
	struct cache_fixture *fixture = *state;
	struct span code = span_of(fixture->code.data, fixture->code.size);
	struct capsule_error err;

	fixture->cache.limit = entry_bytes(fixture) - 1;
	assert_int_equal(cache_put(&fixture->cache, code, &fixture->seal, &err), -1);
	assert_string_equal(err.text, "");
	assert_false(cache_exists(fixture->dir));
	fixture->cache.limit++;
	cache_fill(fixture);
	assert_true(cache_answers(fixture, ""));
}

static void test_loading_is_using(void **state)
{
	struct cache_fixture *fixture = *state;
	const char *path = entry(fixture, fixture->seal.key[0]);
	struct stat before, after;

	cache_fill(fixture);
	cache_age(path, HOUR / 2, HOUR); /* the system itself notes a use only when the last is older than the file */
	assert_int_equal(lstat(path, &before), 0);
	assert_true(cache_answers(fixture, ""));
	assert_int_equal(lstat(path, &after), 0);
	assert_true(after.st_atim.tv_sec >= before.st_atim.tv_sec + HOUR / 2 - 1);
	assert_int_equal(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
}

static void test_a_use_saves_an_entry(void **state)
{
	struct cache_fixture *fixture = *state;

	cache_fill(fixture);
	cache_fill_as(fixture, 1);
	cache_age(entry(fixture, fixture->seal.key[0]), HOUR, 2 * HOUR);
	cache_age(entry(fixture, 1), HOUR / 2, 2 * HOUR);
	assert_true(cache_answers(fixture, ""));
	fixture->cache.limit = 2 * entry_bytes(fixture);
	cache_fill_as(fixture, 2);
	assert_false(kept(fixture, 1));
	assert_true(cache_answers(fixture, ""));
}

static void leave(const struct cache_fixture *fixture, const char *name, int64_t written_s)
{
	const char *path = cache_file_path(fixture, name);

	cache_write(fixture, path, span_text("half of some code"), 0600);
	cache_age(path, written_s, written_s);
}

static void test_drafts_that_nobody_writes_to_are_removed(void **state)
{
	struct cache_fixture *fixture = *state;

	leave(fixture, ".draft-0000000000000001", HOUR + 60);
	leave(fixture, ".draft-", 10 * HOUR);
	leave(fixture, ".draft-0000000000000002", HOUR - 60);
	leave(fixture, ".draft-0000000000000003", 0);
	leave(fixture, ".draft-0000000000000004", -10 * HOUR);
	cache_fill(fixture);
	assert_false(cache_exists(cache_file_path(fixture, ".draft-0000000000000001")));
	assert_false(cache_exists(cache_file_path(fixture, ".draft-")));
	assert_int_equal(cache_count(fixture, CACHE_DRAFT), 3);
}

static void test_files_of_others_are_left_alone(void **state)
{
	static const char *const names[] = { "README", ".code", "0123.code", ".drafts",
		"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF.code",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0.code",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.cod",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.code~" };
	struct cache_fixture *fixture = *state;
	const size_t count = sizeof names / sizeof names[0];

	for (size_t i = 0; i < count; i++)
		leave(fixture, names[i], 100 * HOUR);
	assert_int_equal(mkdir(entry(fixture, 200), 0700), 0);
	assert_int_equal(mkdir(cache_file_path(fixture, ".draft-folder"), 0700), 0);
	cache_age(cache_file_path(fixture, ".draft-folder"), 100 * HOUR, 100 * HOUR);
	fixture->cache.limit = entry_bytes(fixture);
	cache_fill_as(fixture, 1);
	cache_fill(fixture);
	assert_int_equal(cache_count(fixture, ""), (int)count + 3);
	assert_false(kept(fixture, 1));
}

/* ---- The walk ---- */

struct seen {
	int entries, drafts, stop_after;
	uint64_t bytes;
};

static bool see(void *user, const struct cache_file *file)
{
	struct seen *seen = user;

	seen->entries += !file->draft;
	seen->drafts += file->draft;
	seen->bytes += file->bytes;
	return --seen->stop_after != 0;
}

static void test_a_walk_sees_entries_and_drafts_until_it_is_stopped(void **state)
{
	struct cache_fixture *fixture = *state;
	struct seen all = { 0 }, two = { .stop_after = 2 };
	struct capsule_error err;
	int folder;

	fill_four(fixture, (const int64_t[]){ 1, 2, 3, 4 });
	leave(fixture, ".draft-x", 0);
	leave(fixture, "README", 0);
	folder = cache_folder(&fixture->cache, false, &err);
	assert_true(folder >= 0);
	assert_true(cache_walk(folder, see, &all));
	assert_true(cache_walk(folder, see, &two));
	assert_int_equal(all.entries, 4);
	assert_int_equal(all.drafts, 1);
	assert_int_equal(all.bytes, 4 * entry_bytes(fixture) + strlen("half of some code"));
	assert_int_equal(two.entries + two.drafts, 2);
	assert_int_equal(close(folder), 0);
	assert_false(cache_walk(folder, see, &all));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_fixture_new, cache_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_not_used_for_longest_goes_first),
		TEST(test_nothing_goes_while_all_fits),
		TEST(test_the_new_entry_stays_whatever_the_others_look_like),
		TEST(test_code_over_the_limit_is_not_kept),
		TEST(test_loading_is_using),
		TEST(test_a_use_saves_an_entry),
		TEST(test_drafts_that_nobody_writes_to_are_removed),
		TEST(test_files_of_others_are_left_alone),
		TEST(test_a_walk_sees_entries_and_drafts_until_it_is_stopped),
	};

	return cmocka_run_group_tests_name("size of the cache", tests, NULL, NULL);
}
