/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Commits: what is a conflict, what is kept of the file that is replaced, what fails, and that nothing outside is
 * reached. */
#include "vfs/overlay_fixture.h"

#include "base/blake3.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *conflicts(struct fixture *f)
{
	const char *answer = commit_all(f);
	const char *at = strstr(answer, "\"conflicts\":");

	assert_non_null(at);
	return at;
}

#define ONLY_CONFLICT(path) "\"conflicts\":[\"" path "\"],\"failed\":[]}"
#define NO_CONFLICT "\"conflicts\":[],\"failed\":[]}"

/* mv:203 */
static void mv203_a_file_that_changed_below_is_a_conflict(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "a", "old");
	below_put_old(f, "b", "old");
	put(f, "a", "capsule's");
	put(f, "b", "capsule's");
	below_put(f, "a", "user's");
	assert_string_equal(dirty(f), "a:modified! b:modified");
	assert_string_equal(commit_all(f), "{\"committed\":[\"b\"],\"conflicts\":[\"a\"],\"failed\":[]}");
	assert_string_equal(below_get(f, "a"), "user's");
	assert_string_equal(get(f, "a"), "capsule's");
	fixture_reopen(f);
	assert_string_equal(dirty(f), "a:modified!");
	below_put(f, "a", "old"); /* as it was: no longer one */
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_string_equal(below_get(f, "a"), "capsule's");
}

static void a_change_in_the_same_moment_is_seen(void **state)
{
	struct fixture *f = *state;

	struct stat info;

	below_put(f, "a", "one");
	assert_int_equal(tree_stat(&f->lower, "a", &info), 0);
	put(f, "a", "mine");
	below_put(f, "a", "two"); /* same size, same inode, and now the same time stamp */
	assert_int_equal(utimensat(AT_FDCWD, path_of("%s/a", f->lower_path),
				 (struct timespec[2]){ info.st_mtim, info.st_mtim }, 0),
		0);
	assert_string_equal(conflicts(f), ONLY_CONFLICT("a"));
	assert_string_equal(below_get(f, "a"), "two");
}

static void the_same_bytes_are_no_conflict(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "touched", "same");
	below_put_old(f, "both", "old");
	put(f, "touched", "new");
	put(f, "both", "equal");
	put(f, "made", "equal");
	make_dir(f, "folder");
	below_put(f, "touched", "same"); /* another time stamp */
	below_put(f, "both", "equal");
	below_put(f, "made", "equal");
	below_mkdir(f, "folder");
	assert_string_equal(dirty(f), "both:modified folder:folder made:added touched:modified");
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_string_equal(below_get(f, "touched"), "new");
	assert_int_equal(overlay_count(f->overlay), 0);
}

static void what_was_made_or_removed_on_both_sides(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "deleted", "old");
	below_put_old(f, "removed", "old");
	below_put_old(f, "both-removed", "old");
	below_put_old(f, "turned", "old");
	put(f, "new", "capsule's");
	make_dir(f, "place");
	put(f, "removed", "capsule's");
	put(f, "turned", "capsule's");
	drop(f, "deleted");
	drop(f, "both-removed");
	below_put(f, "new", "user's");
	below_put(f, "place", "user's");
	below_put(f, "deleted", "user's");
	below_remove(f, "removed");
	below_remove(f, "both-removed");
	below_remove(f, "turned");
	below_put(f, "turned/x", "user's");
	assert_string_equal(commit_all(f),
		"{\"committed\":[\"both-removed\"],"
		"\"conflicts\":[\"place\",\"new\",\"removed\",\"turned\",\"deleted\"],\"failed\":[]}");
	assert_string_equal(below_get(f, "new"), "user's");
	assert_string_equal(below_get(f, "place"), "user's");
	assert_string_equal(below_get(f, "deleted"), "user's");
	assert_string_equal(below_get(f, "turned/x"), "user's");
	assert_false(below_there(f, "removed"));
	assert_int_equal(overlay_count(f->overlay), 5);
	(void)rollback_all(f);
	assert_string_equal(get(f, "turned/x"), "user's");
}

static void a_deleted_folder_into_which_something_came_stays(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "d/x", "");
	drop(f, "d/x");
	drop(f, "d");
	below_put(f, "d/y", "user's");
	assert_string_equal(conflicts(f), ONLY_CONFLICT("d"));
	assert_string_equal(below_get(f, "d/y"), "user's");
	assert_false(below_there(f, "d/x"));
}

/* mv:204 */
static void mv204_permissions_of_a_replaced_file_are_kept(void **state)
{
	struct fixture *f = *state;
	mode_t mask = umask(027);
	struct stat info;

	below_put_old(f, "script", "#!/bin/sh\n");
	below_put_old(f, "set-user-id", "x");
	assert_int_equal(chmod(path_of("%s/script", f->lower_path), 0755), 0);
	assert_int_equal(chmod(path_of("%s/set-user-id", f->lower_path), 04755), 0);
	put(f, "script", "#!/bin/sh\necho\n");
	put(f, "set-user-id", "y");
	put(f, "new", "");
	assert_string_equal(conflicts(f), NO_CONFLICT);
	(void)umask(mask);
	assert_int_equal(tree_stat(&f->lower, "script", &info), 0);
	assert_int_equal(info.st_mode & 07777, 0755);
	assert_int_equal(tree_stat(&f->lower, "set-user-id", &info), 0);
	assert_int_equal(info.st_mode & 07777, 0755); /* what a capsule wrote runs as nobody else */
	assert_int_equal(tree_stat(&f->lower, "new", &info), 0);
	assert_int_equal(info.st_mode & 07777, 0640);
}

static void a_part_can_be_committed_or_rolled_back(void **state)
{
	struct fixture *f = *state;

	put(f, "d/e/f", "1");
	put(f, "d/g", "2");
	put(f, "de", "3");
	assert_int_equal(run_verb(f, VFS_COMMIT, "d/e/none", NULL), CAPSULE_ENOTFOUND);
	assert_non_null(strstr(f->error.text, "no change at `d/e/none`"));
	assert_int_equal(run_verb(f, VFS_DIFF, "x", NULL), CAPSULE_ENOTFOUND);
	assert_int_equal(run_verb(f, VFS_ROLLBACK, "x", NULL), CAPSULE_ENOTFOUND);
	assert_int_equal(run_verb(f, VFS_COMMIT, "d/e", NULL), CAPSULE_OK);
	assert_string_equal(
		buffer_text(&f->result), "{\"committed\":[\"d\",\"d/e\",\"d/e/f\"],\"conflicts\":[],\"failed\":[]}");
	assert_string_equal(dirty(f), "d/g:added de:added");
	assert_int_equal(run_verb(f, VFS_ROLLBACK, "d", NULL), CAPSULE_OK);
	assert_string_equal(dirty(f), "de:added");
	drop(f, "d/e/f");
	drop(f, "d/e");
	assert_int_equal(
		run_verb(f, VFS_ROLLBACK, "d/e/f", NULL), CAPSULE_OK); /* with the folder, or it could not be seen */
	assert_string_equal(get(f, "d/e/f"), "1");
	assert_string_equal(rollback_all(f), "{\"dropped\":[\"de\"]}");
	assert_string_equal(rollback_all(f), "{\"dropped\":[]}");
	assert_string_equal(commit_all(f), "{\"committed\":[],\"conflicts\":[],\"failed\":[]}");
}

static void a_file_becomes_a_folder(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "a", "file");
	drop(f, "a");
	put(f, "a/b/c", "in it");
	assert_string_equal(dirty(f), "a:folder a/b:folder a/b/c:added");
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_string_equal(below_get(f, "a/b/c"), "in it");
	drop(f, "a/b/c");
	drop(f, "a/b");
	drop(f, "a");
	put(f, "a", "file");
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_string_equal(below_get(f, "a"), "file");
	assert_int_equal(overlay_count(f->overlay), 0);
}

static void the_diff_tells_sizes_and_hashes(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "a", "abc");
	put(f, "a", "");
	make_dir(f, "d");
	assert_int_equal(run_verb(f, VFS_DIFF, "", NULL), CAPSULE_OK);
	assert_string_equal(buffer_text(&f->result),
		"[{\"path\":\"a\",\"status\":\"modified\",\"old_size\":3,"
		"\"old_hash\":\"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85\",\"new_size\":0,"
		"\"new_hash\":\"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262\",\"conflict\":false},"
		"{\"path\":\"d\",\"status\":\"folder\",\"old_size\":null,\"old_hash\":null,\"new_size\":null,"
		"\"new_hash\":null,"
		"\"conflict\":false}]");
}

/* A folder beside the workspace, with a file that nothing may touch. */
static void make_outside(const struct fixture *f)
{
	FILE *file;

	assert_int_equal(mkdir(path_of("%s/outside", f->dir), 0755), 0);
	file = fopen(path_of("%s/outside/secret", f->dir), "w");
	assert_non_null(file);
	(void)fputs("secret", file);
	(void)fclose(file);
}

static void assert_outside_untouched(const struct fixture *f)
{
	char *seen = snapshot(path_of("%s/outside", f->dir));

	assert_string_equal(seen, "secret secret\n");
	free(seen);
}

static void links_that_come_before_a_commit_lead_nowhere(void **state)
{
	struct fixture *f = *state;
	const char *outside = path_of("%s/outside", f->dir);

	make_outside(f);
	below_put_old(f, "d/secret", "old");
	below_put_old(f, "e/secret", "old");
	below_put_old(f, "file", "old");
	below_put_old(f, "gone", "old");
	put(f, "d/secret", "capsule's");
	put(f, "d/new", "capsule's");
	drop(f, "e/secret");
	put(f, "file", "capsule's");
	drop(f, "gone");
	make_dir(f, "own");
	put(f, "own/secret", "capsule's");
	below_remove(f, "d/secret");
	below_remove(f, "d");
	below_remove(f, "e/secret");
	below_remove(f, "e");
	below_remove(f, "file");
	below_remove(f, "gone");
	assert_int_equal(symlink(outside, path_of("%s/d", f->lower_path)), 0);
	assert_int_equal(symlink(outside, path_of("%s/e", f->lower_path)), 0);
	assert_int_equal(symlink(outside, path_of("%s/own", f->lower_path)), 0);
	assert_int_equal(symlink(path_of("%s/secret", outside), path_of("%s/file", f->lower_path)), 0);
	assert_int_equal(symlink(path_of("%s/secret", outside), path_of("%s/gone", f->lower_path)), 0);
	assert_string_equal(commit_all(f),
		"{\"committed\":[],\"conflicts\":[\"own\","
		"\"d/new\",\"d/secret\",\"file\",\"own/secret\",\"gone\",\"e/secret\"],\"failed\":[]}");
	assert_outside_untouched(f);
	assert_string_equal(get(f, "own/secret"), "capsule's");
	(void)rollback_all(f);
	assert_outside_untouched(f);
}

static void a_link_at_the_temporary_name_is_not_written_through(void **state)
{
	struct fixture *f = *state;
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX];

	make_outside(f);
	put(f, "a", "capsule's");
	blake3_bytes(span_text("a"), hash);
	blake3_hex(hash, hex);
	assert_int_equal(symlink(path_of("%s/outside/secret", f->dir),
				 path_of("%s/.a.capsule-commit-%.16s", f->lower_path, hex)),
		0);
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_outside_untouched(f);
	assert_string_equal(below_get(f, "a"), "capsule's");
}

/* Do `body` in a child with a mount namespace of its own, in which the workspace is mounted by `mount_lower`. */
static void in_mounted(struct fixture *f, int (*mount_lower)(const char *path), void (*body)(struct fixture *f))
{
	pid_t pid;
	int status;

	fixture_close(f); /* a child would share the lock */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0)
			_exit(77);
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount_lower(f->lower_path) != 0)
			_exit(77);
		tree_close(&f->lower);
		if (tree_open(&f->lower, f->lower_path) != 0)
			_exit(1);
		fixture_open(f);
		body(f);
		fixture_close(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* nothing can be mounted here */
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fixture_open(f);
}

static int mount_read_only(const char *path)
{
	return mount(path, path, NULL, MS_BIND, NULL) != 0
		? -1
		: mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

static int mount_small(const char *path)
{
	return mount("none", path, "tmpfs", 0, "size=64k");
}

static void commit_read_only(struct fixture *f)
{
	assert_string_equal(commit_all(f),
		"{\"committed\":[],\"conflicts\":[],\"failed\":[{\"path\":\"d\",\"reason\":\"Read-only file system\"},"
		"{\"path\":\"a\",\"reason\":\"Read-only file system\"},"
		"{\"path\":\"gone\",\"reason\":\"Read-only file system\"}]}");
}

static void a_read_only_workspace_fails_each_change_and_loses_none(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "gone", "");
	put(f, "a", "capsule's");
	make_dir(f, "d");
	drop(f, "gone");
	in_mounted(f, mount_read_only, commit_read_only);
	assert_string_equal(dirty(f), "a:added d:folder gone:deleted");
	assert_string_equal(get(f, "a"), "capsule's");
	assert_string_equal(conflicts(f), NO_CONFLICT);
}

static char large[256 * 1024];

static void commit_without_room(struct fixture *f)
{
	char *seen;

	assert_string_equal(commit_all(f),
		"{\"committed\":[\"d\",\"d/small\",\"z\"],\"conflicts\":[],"
		"\"failed\":[{\"path\":\"large\",\"reason\":\"No space left on "
		"device\"}]}");
	seen = snapshot(f->lower_path);
	assert_string_equal(seen, "d/ \nd/small x\nz y\n"); /* nothing half, no temporary file */
	free(seen);
	assert_int_equal(strlen(get(f, "large")), sizeof large - 1);
}

static void a_full_disk_fails_what_has_no_room(void **state)
{
	struct fixture *f = *state;

	memset(large, 'l', sizeof large - 1);
	put(f, "d/small", "x");
	put(f, "large", large);
	put(f, "z", "y");
	in_mounted(f, mount_small, commit_without_room);
	assert_string_equal(dirty(f), "large:added");
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_int_equal(strlen(below_get(f, "large")), sizeof large - 1);
}

static void a_file_too_large_for_the_process_fails_alone(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, old;

	memset(large, 'l', sizeof large - 1);
	put(f, "large", large);
	put(f, "small", "x");
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(run_verb(f, VFS_WRITE, "more", large), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "File too large"));
	assert_false(there(f, "more"));
	assert_string_equal(commit_all(f),
		"{\"committed\":[\"small\"],\"conflicts\":[],"
		"\"failed\":[{\"path\":\"large\",\"reason\":\"File too large\"}]}");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_string_equal(dirty(f), "large:added");
	assert_string_equal(conflicts(f), NO_CONFLICT);
}

static void long_names_have_temporary_ones_too(void **state)
{
	struct fixture *f = *state;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	put(f, name, "x");
	assert_string_equal(conflicts(f), NO_CONFLICT);
	assert_string_equal(below_get(f, name), "x");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		TEST(mv203_a_file_that_changed_below_is_a_conflict),
		TEST(a_change_in_the_same_moment_is_seen),
		TEST(the_same_bytes_are_no_conflict),
		TEST(what_was_made_or_removed_on_both_sides),
		TEST(a_deleted_folder_into_which_something_came_stays),
		TEST(mv204_permissions_of_a_replaced_file_are_kept),
		TEST(a_part_can_be_committed_or_rolled_back),
		TEST(a_file_becomes_a_folder),
		TEST(the_diff_tells_sizes_and_hashes),
		TEST(links_that_come_before_a_commit_lead_nowhere),
		TEST(a_link_at_the_temporary_name_is_not_written_through),
		TEST(a_read_only_workspace_fails_each_change_and_loses_none),
		TEST(a_full_disk_fails_what_has_no_room),
		TEST(a_file_too_large_for_the_process_fails_alone),
		TEST(long_names_have_temporary_ones_too),
	};

	return cmocka_run_group_tests_name("overlay, commit", tests, NULL, NULL);
}
