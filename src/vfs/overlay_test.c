/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule sees through its overlay, and what counts as a change. Case numbers stand in the names. */
#include "vfs/overlay_fixture.h"

#include "base/limits.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* mv:184 mv:185 */
static void mv184_mv185_a_new_file_is_above_until_it_is_committed(void **state)
{
	struct fixture *f = *state;

	put(f, "new.txt", "hello");
	assert_string_equal(get(f, "new.txt"), "hello");
	assert_int_equal(access(path_of("%s/upper/new.txt", f->overlay_path), F_OK), 0);
	assert_false(below_there(f, "new.txt"));
	assert_string_equal(commit_all(f), "{\"committed\":[\"new.txt\"],\"conflicts\":[],\"failed\":[]}");
	assert_string_equal(below_get(f, "new.txt"), "hello");
	assert_int_equal(overlay_count(f->overlay), 0);
	assert_string_equal(get(f, "new.txt"), "hello");
	assert_int_not_equal(access(path_of("%s/upper/new.txt", f->overlay_path), F_OK), 0);
}

/* mv:186 mv:194 */
static void mv186_mv194_rollback_drops_the_file_and_shows_the_one_below(void **state)
{
	struct fixture *f = *state;

	below_put(f, "a.txt", "original");
	put(f, "a.txt", "changed");
	put(f, "b.txt", "new");
	assert_string_equal(get(f, "a.txt"), "changed");
	assert_string_equal(rollback_all(f), "{\"dropped\":[\"b.txt\",\"a.txt\"]}");
	assert_string_equal(get(f, "a.txt"), "original");
	assert_string_equal(below_get(f, "a.txt"), "original");
	assert_false(there(f, "b.txt"));
	assert_int_not_equal(access(path_of("%s/upper/b.txt", f->overlay_path), F_OK), 0);
	assert_int_equal(overlay_count(f->overlay), 0);
}

/* mv:187 */
static void mv187_each_written_file_is_dirty(void **state)
{
	struct fixture *f = *state;

	put(f, "b.txt", "b");
	put(f, "a.txt", "a");
	put(f, "a.txt", "again");
	assert_string_equal(dirty(f), "a.txt:added b.txt:added");
}

/* mv:188 */
static void mv188_a_file_written_and_removed_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	put(f, "x", "1");
	drop(f, "x");
	assert_int_equal(overlay_count(f->overlay), 0);
	assert_false(there(f, "x"));
	assert_int_equal(run_verb(f, VFS_UNLINK, "x", NULL), CAPSULE_ENOTFOUND);
	assert_string_equal(names(f, ""), "");
}

/* mv:189 */
static void mv189_folders_on_the_way_are_changes_too(void **state)
{
	struct fixture *f = *state;

	put(f, "deep/nested/file.txt", "x");
	assert_string_equal(dirty(f), "deep:folder deep/nested:folder deep/nested/file.txt:added");
	assert_string_equal(commit_all(f),
		"{\"committed\":[\"deep\",\"deep/nested\",\"deep/nested/file.txt\"],\"conflicts\":[],\"failed\":[]}");
	assert_string_equal(below_get(f, "deep/nested/file.txt"), "x");
	put(f, "deep/other/file.txt", "y");
	assert_string_equal(dirty(f), "deep/other:folder deep/other/file.txt:added");
	(void)rollback_all(f);
	assert_int_equal(overlay_count(f->overlay), 0);
	assert_int_not_equal(access(path_of("%s/upper/deep", f->overlay_path), F_OK), 0);
	assert_false(there(f, "deep/other"));
	assert_true(there(f, "deep/nested"));
}

/* mv:190 */
static void mv190_a_written_file_of_below_stays_there_until_it_is_committed(void **state)
{
	struct fixture *f = *state;

	below_put(f, "a.txt", "one");
	put(f, "a.txt", "one and two"); /* as a whole: that is how guests append */
	assert_string_equal(below_get(f, "a.txt"), "one");
	assert_string_equal(get(f, "a.txt"), "one and two");
	assert_string_equal(dirty(f), "a.txt:modified");
	(void)commit_all(f);
	assert_string_equal(below_get(f, "a.txt"), "one and two");
}

/* mv:192 */
static void mv192_a_made_folder_is_committed(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "newdir");
	assert_string_equal(dirty(f), "newdir:folder");
	assert_false(below_there(f, "newdir"));
	(void)commit_all(f);
	assert_true(below_there(f, "newdir"));
	assert_int_equal(overlay_count(f->overlay), 0);
}

/* mv:193 */
static void mv193_looking_changes_nothing(void **state)
{
	struct fixture *f = *state;

	below_put(f, "d/a.txt", "bytes");
	assert_string_equal(get(f, "d/a.txt"), "bytes");
	assert_string_equal(names(f, "d"), "a.txt");
	make_dir(f, "d"); /* it is there already */
	assert_int_equal(run_verb(f, VFS_STAT, "d/a.txt", NULL), CAPSULE_OK);
	assert_int_equal(f->work.stat.size, 5);
	assert_true(f->work.stat.is_file);
	assert_int_equal(overlay_count(f->overlay), 0);
}

/* mv:195 abi:107 */
static void mv195_abi107_a_removed_file_is_hidden_and_removed_by_a_commit(void **state)
{
	struct fixture *f = *state;

	below_put(f, "gone.txt", "x");
	below_put(f, "kept.txt", "y");
	drop(f, "gone.txt");
	assert_false(there(f, "gone.txt"));
	assert_string_equal(names(f, ""), "kept.txt");
	assert_int_equal(run_verb(f, VFS_READ, "gone.txt", NULL), CAPSULE_ENOTFOUND);
	assert_int_equal(run_verb(f, VFS_STAT, "gone.txt", NULL), CAPSULE_ENOTFOUND);
	assert_true(below_there(f, "gone.txt"));
	fixture_reopen(f);
	assert_string_equal(dirty(f), "gone.txt:deleted");
	(void)commit_all(f);
	assert_false(below_there(f, "gone.txt"));
	put(f, "own.txt", "z");
	drop(f, "own.txt");
	assert_false(there(f, "own.txt"));
}

/* mv:196 */
static void mv196_a_folder_that_is_only_below_is_listed(void **state)
{
	struct fixture *f = *state;

	below_put(f, "d/b", "");
	below_put(f, "d/a", "");
	below_put(f, "d/\xff", ""); /* not UTF-8: left out */
	assert_string_equal(names(f, "d"), "a b");
	assert_int_equal(run_verb(f, VFS_LIST, "none", NULL), CAPSULE_ENOTFOUND);
	assert_int_equal(run_verb(f, VFS_LIST, "d/a", NULL), CAPSULE_EIO);
}

/* mv:197 */
static void mv197_a_name_in_both_is_listed_once_and_is_the_one_above(void **state)
{
	struct fixture *f = *state;

	below_put(f, "x", "file");
	below_put(f, "z", "");
	drop(f, "x");
	make_dir(f, "x");
	put(f, "x/inside", "");
	put(f, "z", "above");
	put(f, "y", "");
	assert_string_equal(names(f, ""), "x y z");
	assert_int_equal(run_verb(f, VFS_STAT, "x", NULL), CAPSULE_OK);
	assert_true(f->work.stat.is_dir);
	assert_string_equal(names(f, "x"), "inside");
	assert_string_equal(dirty(f), "x:folder x/inside:added y:added z:modified");
	assert_int_equal(overlay_shadows(f->overlay, "x"), OVERLAY_OWN_FOLDER);
	assert_int_equal(overlay_shadows(f->overlay, "z"), OVERLAY_OWN_FILE);
	assert_int_equal(overlay_shadows(f->overlay, "q"), OVERLAY_NOTHING);
	(void)commit_all(f);
	assert_true(below_there(f, "x/inside"));
	assert_int_equal(overlay_count(f->overlay), 0);
}

/* Reading asks the index alone first; what it says when it fails is what a whole look says. */
static void what_can_not_be_read_is_told_as_it_is_seen(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "own");
	below_put(f, "d/x", "other");
	assert_int_equal(
		symlink("d", path_of("%s/own", f->lower_path)), 0); /* in the place of an own folder: not seen */
	assert_int_equal(run_verb(f, VFS_READ, "own/x", NULL), CAPSULE_ENOTFOUND);
	assert_false(f->work.linked);
	assert_int_equal(symlink("d", path_of("%s/link", f->lower_path)), 0);
	assert_int_equal(run_verb(f, VFS_READ, "link", NULL), CAPSULE_EIO);
	assert_true(f->work.linked);
	assert_int_equal(run_verb(f, VFS_READ, "link/x", NULL), CAPSULE_EIO);
	assert_true(f->work.linked);
	put(f, "file", "x");
	assert_int_equal(run_verb(f, VFS_READ, "file/x", NULL), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "Not a directory"));
	assert_int_equal(run_verb(f, VFS_READ, "own", NULL), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "Is a directory"));
	assert_int_equal(run_verb(f, VFS_READ, "d", NULL), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "Is a directory"));
	assert_int_equal(run_verb(f, VFS_READ, "", NULL), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "Is a directory"));
}

/* mv:200 */
static void mv200_a_write_that_fails_changes_nothing(void **state)
{
	struct fixture *f = *state;

	below_mkdir(f, "d/e");
	below_put(f, "file", "x");
	assert_int_equal(run_verb(f, VFS_WRITE, "d", "x"), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "Is a directory"));
	assert_int_equal(run_verb(f, VFS_WRITE, "", "x"), CAPSULE_EIO);
	assert_int_equal(run_verb(f, VFS_WRITE, "file/below", "x"), CAPSULE_EIO);
	assert_int_equal(run_verb(f, VFS_MKDIR, "file", NULL), CAPSULE_EIO);
	assert_int_equal(run_verb(f, VFS_MKDIR, "file/below/it", NULL), CAPSULE_EIO);
	assert_int_equal(run_verb(f, VFS_UNLINK, "d", NULL), CAPSULE_EIO);
	assert_int_equal(run_verb(f, VFS_UNLINK, "", NULL), CAPSULE_EDENIED);
	assert_int_equal(run_verb(f, VFS_MKDIR, "", NULL), CAPSULE_EDENIED);
	assert_int_equal(run_verb(f, VFS_WRITE, "bad\xffname", "x"), CAPSULE_EIO);
	assert_int_equal(mkfifo(path_of("%s/fifo", f->lower_path), 0600), 0);
	assert_int_equal(run_verb(f, VFS_WRITE, "fifo", "x"), CAPSULE_EUNSUPPORTED);
	assert_int_equal(overlay_count(f->overlay), 0);
	fixture_reopen(f);
	assert_int_equal(overlay_count(f->overlay), 0);
}

/* A file of below, 40 MiB, is written while another thread reads it: that one sees the whole file, old or new,
 * and the overlay keeps one copy. */
#define BIG ((size_t)40 << 20)

static const char *read_big(const struct tree *upper, const struct tree *lower)
{
	struct buffer bytes = { 0 };
	const char *wrong = NULL;
	uint64_t size;

	if (tree_read(upper, "big", 2 * BIG, &bytes, &size) != 0 &&
		tree_read(lower, "big", 2 * BIG, &bytes, &size) != 0)
		wrong = "it is nowhere";
	else if (bytes.len != BIG || memcmp(bytes.data, bytes.data + 1, BIG - 1) != 0)
		wrong = "half a file";
	buffer_fini(&bytes);
	return wrong;
}

static void *read_all_the_time(void *argument)
{
	struct fixture *f = argument;
	const char *wrong = NULL;
	struct tree upper;

	if (tree_open(&upper, path_of("%s/upper", f->overlay_path)) != 0)
		return "can't open";
	for (int i = 0; i < 5 && wrong == NULL; i++)
		wrong = read_big(&upper, &f->lower);
	tree_close(&upper);
	return (void *)(uintptr_t)wrong;
}

static void whoever_reads_sees_a_whole_file(void **state)
{
	struct fixture *f = *state;
	char *bytes = malloc(BIG + 1);
	pthread_t thread;
	void *wrong;
	char letter = 'a';

	assert_non_null(bytes);
	memset(bytes, letter, BIG);
	bytes[BIG] = '\0';
	below_put(f, "big", bytes);
	assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, f), 0);
	do {
		letter = letter == 'z' ? 'a' : (char)(letter + 1);
		memset(bytes, letter, BIG);
		put(f, "big", bytes);
	} while (pthread_tryjoin_np(thread, &wrong) != 0);
	free(bytes);
	if (wrong != NULL)
		fail_msg("%s", (const char *)wrong);
	assert_string_equal(dirty(f), "big:modified");
	assert_int_not_equal(access(path_of("%s/writing", f->overlay_path), F_OK), 0);
	assert_int_equal(overlay_count(f->overlay), 1);
}

static void what_was_deleted_can_be_made_again(void **state)
{
	struct fixture *f = *state;

	below_put(f, "d/a", "old");
	below_put(f, "d/b", "old");
	drop(f, "d/a");
	drop(f, "d/b");
	assert_string_equal(names(f, "d"), "");
	drop(f, "d");
	assert_false(there(f, "d"));
	assert_false(there(f, "d/a"));
	assert_int_equal(overlay_shadows(f->overlay, "d/x/y"), OVERLAY_HIDDEN);
	put(f, "d/a", "new");
	assert_string_equal(names(f, "d"), "a");
	assert_string_equal(get(f, "d/a"), "new");
	assert_string_equal(dirty(f), "d:folder d/a:modified d/b:deleted");
	drop(f, "d/a"); /* there is one below: it stays hidden */
	assert_false(there(f, "d/a"));
	drop(f, "d");
	put(f, "d", "a file now");
	assert_string_equal(get(f, "d"), "a file now");
	assert_int_equal(run_verb(f, VFS_READ, "d/a", NULL), CAPSULE_EIO);
	fixture_reopen(f);
	assert_string_equal(dirty(f), "d:modified d/a:deleted d/b:deleted");
	assert_string_equal(commit_all(f), "{\"committed\":[\"d/b\",\"d/a\",\"d\"],\"conflicts\":[],\"failed\":[]}");
	assert_string_equal(below_get(f, "d"), "a file now");
	assert_int_equal(overlay_count(f->overlay), 0);
}

static void a_folder_is_removed_only_when_nothing_is_seen_in_it(void **state)
{
	struct fixture *f = *state;

	below_put(f, "d/low", "");
	put(f, "d/up", "");
	assert_int_equal(run_verb(f, VFS_UNLINK, "d", NULL), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "not empty"));
	drop(f, "d/low");
	assert_int_equal(run_verb(f, VFS_UNLINK, "d", NULL), CAPSULE_EIO);
	drop(f, "d/up");
	drop(f, "d");
	assert_string_equal(names(f, ""), "");
	(void)commit_all(f);
	assert_false(below_there(f, "d"));
}

static void changes_outlive_the_process(void **state)
{
	struct fixture *f = *state;

	below_put(f, "a", "1");
	put(f, "a", "2");
	put(f, "n/m", "3");
	put(f, "tmp", "");
	drop(f, "tmp");
	fixture_reopen(f);
	assert_string_equal(dirty(f), "a:modified n:folder n/m:added");
	assert_string_equal(get(f, "a"), "2");
	assert_string_equal(get(f, "n/m"), "3");
	fixture_reopen(f);
	assert_string_equal(dirty(f), "a:modified n:folder n/m:added");
}

static void links_are_told_and_not_followed(void **state)
{
	struct fixture *f = *state;

	below_put(f, "real/x", "1");
	assert_int_equal(symlink("real", path_of("%s/link", f->lower_path)), 0);
	assert_int_equal(symlink("/etc/hostname", path_of("%s/out", f->lower_path)), 0);
	for (enum vfs_verb verb = VFS_EXISTS; verb <= VFS_WRITE; verb++) {
		assert_int_equal(run_verb(f, verb, "link/x", "y"), CAPSULE_EIO);
		assert_true(f->work.linked);
	}
	assert_int_equal(run_verb(f, VFS_WRITE, "out", "y"), CAPSULE_EIO);
	assert_true(f->work.linked);
	assert_int_equal(run_verb(f, VFS_READ, "out", NULL), CAPSULE_EIO);
	assert_true(f->work.linked);
	assert_int_equal(overlay_count(f->overlay), 0);
	assert_string_equal(names(f, ""), "link out real");
	assert_int_equal(run_verb(f, VFS_STAT, "link", NULL), CAPSULE_OK);
	assert_false(f->work.stat.is_dir);
	drop(f, "link"); /* the link, not what it points to */
	assert_string_equal(names(f, ""), "out real");
	(void)commit_all(f);
	assert_true(below_there(f, "real/x"));
	assert_false(below_there(f, "link"));
}

static void a_link_in_the_place_of_an_own_folder_is_not_seen(void **state)
{
	struct fixture *f = *state;

	put(f, "d/x", "own");
	assert_int_equal(symlink("/etc", path_of("%s/d", f->lower_path)), 0);
	assert_string_equal(names(f, "d"), "x");
	assert_false(there(f, "d/passwd"));
	put(f, "d/passwd", "harmless");
	assert_string_equal(get(f, "d/passwd"), "harmless");
	drop(f, "d/passwd");
	assert_string_equal(dirty(f), "d:folder! d/x:added!");
}

static void the_overlay_is_full_at_its_limits(void **state)
{
	struct fixture *f = *state;

	f->limits = (struct vfs_limits){ .bytes = 10, .entries = 4 };
	fixture_reopen(f);
	below_put(f, "low", "");
	put(f, "a", "12345");
	put(f, "b", "12345");
	assert_int_equal(run_verb(f, VFS_WRITE, "c", "x"), CAPSULE_ELIMIT);
	assert_non_null(strstr(f->error.text, "10 bytes"));
	assert_non_null(strstr(f->error.text, "commit or roll back"));
	assert_int_equal(run_verb(f, VFS_WRITE, "a", "123456"), CAPSULE_ELIMIT);
	assert_string_equal(get(f, "a"), "12345");
	put(f, "a", "1234");
	put(f, "c", "x");
	assert_int_equal(run_verb(f, VFS_MKDIR, "d/e", NULL), CAPSULE_ELIMIT);
	assert_non_null(strstr(f->error.text, "4 files and folders"));
	drop(f, "low");
	assert_int_equal(run_verb(f, VFS_MKDIR, "d", NULL), CAPSULE_ELIMIT);
	fixture_reopen(f); /* what it holds is counted again */
	assert_int_equal(run_verb(f, VFS_WRITE, "c", "xy"), CAPSULE_ELIMIT);
	(void)rollback_all(f);
	put(f, "c", "1234567890");
	drop(f, "c");
	put(f, "c", "1234567890");
	(void)commit_all(f);
	put(f, "e", "1234567890");
}

static void paths_have_a_limit_of_their_own(void **state)
{
	struct fixture *f = *state;
	char path[LIMIT_PATH];
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < sizeof path - 1; i++)
		path[i] = i % 250 == 249 ? '/' : 'p';
	path[sizeof path - 1] = '\0';
	for (int i = 0; i < 20000 && status == CAPSULE_OK; i++) {
		char number[8];

		(void)snprintf(number, sizeof number, "%07d", i);
		memcpy(path + sizeof path - 8, number, 7);
		status = run_verb(f, VFS_WRITE, path, "");
	}
	assert_int_equal(status, CAPSULE_ELIMIT);
	assert_non_null(strstr(f->error.text, "the paths in it"));
	fixture_reopen(f);
	assert_in_range(overlay_count(f->overlay), 4000, LIMIT_OVERLAY_NAMES / 4000);
	(void)rollback_all(f);
}

static double seconds(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Each step of `count` files: written, listed, opened again, compared, committed. */
static double time_many(struct fixture *f, int count, const char *folder)
{
	double start = seconds();

	for (int i = 0; i < count; i++)
		put(f, path_of("%s/%d", folder, i), "x");
	(void)names(f, folder);
	fixture_reopen(f);
	assert_int_equal(run_verb(f, VFS_DIFF, "", NULL), CAPSULE_OK);
	(void)commit_all(f);
	assert_int_equal(overlay_count(f->overlay), 0);
	return seconds() - start;
}

static void many_files_cost_each_the_same(void **state)
{
	struct fixture *f = *state;
	double few = time_many(f, 1000, "few"), many = time_many(f, 10000, "many");

	print_message("1,000 files: %.3f s, 10,000 files: %.3f s of processor time\n", few, many);
	assert_true(many < 40 * (few + 0.01)); /* 10 if it is linear, 100 if each costs all */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		TEST(mv184_mv185_a_new_file_is_above_until_it_is_committed),
		TEST(mv186_mv194_rollback_drops_the_file_and_shows_the_one_below),
		TEST(mv187_each_written_file_is_dirty),
		TEST(mv188_a_file_written_and_removed_leaves_nothing),
		TEST(mv189_folders_on_the_way_are_changes_too),
		TEST(mv190_a_written_file_of_below_stays_there_until_it_is_committed),
		TEST(mv192_a_made_folder_is_committed),
		TEST(mv193_looking_changes_nothing),
		TEST(mv195_abi107_a_removed_file_is_hidden_and_removed_by_a_commit),
		TEST(mv196_a_folder_that_is_only_below_is_listed),
		TEST(mv197_a_name_in_both_is_listed_once_and_is_the_one_above),
		TEST(what_can_not_be_read_is_told_as_it_is_seen),
		TEST(mv200_a_write_that_fails_changes_nothing),
		TEST(whoever_reads_sees_a_whole_file),
		TEST(what_was_deleted_can_be_made_again),
		TEST(a_folder_is_removed_only_when_nothing_is_seen_in_it),
		TEST(changes_outlive_the_process),
		TEST(links_are_told_and_not_followed),
		TEST(a_link_in_the_place_of_an_own_folder_is_not_seen),
		TEST(the_overlay_is_full_at_its_limits),
		TEST(paths_have_a_limit_of_their_own),
		TEST(many_files_cost_each_the_same),
	};

	return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
