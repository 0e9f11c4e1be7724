/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A process that ends at any step of its work. The system calls that change something go through this program, which
 * counts them in a child and ends it at one of them; a write that is cut has written half. */
#include "vfs/overlay_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CUT 42 /* exit status of a child that was ended at its step */
#define NEVER (-1)

static long steps_left = NEVER;

static bool cut_here(void)
{
	return steps_left != NEVER && steps_left-- == 0;
}

static void step(void)
{
	if (cut_here())
		_exit(CUT);
}

int renameat(int from, const char *old, int to, const char *new)
{
	step();
	return (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

static void (*at_copy)(void);    /* called once, when a copy in the folder below is put on the disk */
static struct buffer sync_order; /* the names of what is put on the disk, a space behind each */

int fsync(int fd)
{
	char where[4096] = "";

	step();
	if (readlink(path_of("/proc/self/fd/%d", fd), where, sizeof where - 1) > 0)
		(void)buffer_printf(&sync_order, "%s ", strrchr(where, '/') + 1);
	if (at_copy != NULL && strstr(where, ".capsule-commit-") != NULL) {
		at_copy();
		at_copy = NULL;
	}
	return (int)syscall(SYS_fsync, fd);
}

int unlinkat(int dir, const char *name, int flags)
{
	step();
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	step();
	return (int)syscall(SYS_mkdirat, dir, name, mode);
}

int fchmod(int fd, mode_t mode)
{
	step();
	return (int)syscall(SYS_fchmod, fd, mode);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (cut_here()) {
		(void)syscall(SYS_write, fd, bytes, len / 2);
		_exit(CUT);
	}
	return syscall(SYS_write, fd, bytes, len);
}

/* Do `body` on the overlay of `f` in a child that is ended at step `at`. Returns whether it was. The overlay is closed
 * here. */
static bool run_cut(struct fixture *f, long at, void (*body)(struct fixture *f))
{
	pid_t pid;
	int status;

	fixture_close(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		steps_left = at;
		if (fixture_try_open(f) != CAPSULE_OK)
			_exit(1);
		body(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CUT);
	return WEXITSTATUS(status) == CUT;
}

static char bulk_old[150000], bulk_new[170000]; /* more than one piece */

static void make_changes(struct fixture *f)
{
	memset(bulk_old, 'o', sizeof bulk_old - 1);
	memset(bulk_new, 'n', sizeof bulk_new - 1);
	below_put_old(f, "bulk", bulk_old);
	below_put_old(f, "d/gone", "x");
	below_put_old(f, "e/x", "x");
	below_put_old(f, "file", "x");
	below_put_old(f, "kept", "x");
	put(f, "bulk", bulk_new);
	put(f, "new/deep/a", "a");
	drop(f, "d/gone");
	drop(f, "d");
	drop(f, "e/x"); /* a folder becomes a file */
	drop(f, "e");
	put(f, "e", "file");
	drop(f, "file"); /* and a file a folder */
	put(f, "file/in", "it");
}

static void assert_seen(struct fixture *f)
{
	assert_string_equal(names(f, ""), "bulk e file kept new");
	assert_string_equal(get(f, "bulk"), bulk_new);
	assert_string_equal(get(f, "new/deep/a"), "a");
	assert_string_equal(get(f, "e"), "file");
	assert_string_equal(get(f, "file/in"), "it");
}

/* Nothing half below: each file there is the old or the new one. */
static void assert_whole_below(struct fixture *f)
{
	const char *bytes = below_get(f, "bulk");
	char *seen;

	assert_non_null(bytes);
	assert_true(strcmp(bytes, bulk_old) == 0 || strcmp(bytes, bulk_new) == 0);
	bytes = below_get(f, "new/deep/a");
	assert_true(bytes == NULL || strcmp(bytes, "a") == 0);
	bytes = below_get(f, "e");
	assert_true(bytes == NULL || strcmp(bytes, "file") == 0);
	bytes = below_get(f, "file/in");
	assert_true(bytes == NULL || strcmp(bytes, "it") == 0);
	seen = snapshot(f->lower_path);
	if (strstr(seen, "capsule-commit") != NULL)
		fail_msg("a temporary file is left:\n%.300s", seen);
	free(seen);
}

static void commit_quietly(struct fixture *f)
{
	(void)run_verb(f, VFS_COMMIT, "", NULL);
}

static void nothing(struct fixture *f)
{
	(void)f;
}

static void assert_all_below(struct fixture *f)
{
	char *seen = snapshot(f->lower_path), *expected = NULL;

	assert_true(
		asprintf(&expected, "bulk %s\ne file\nfile/ \nfile/in it\nkept x\nnew/ \nnew/deep/ \nnew/deep/a a\n",
			bulk_new) > 0);
	assert_string_equal(seen, expected);
	free(expected);
	free(seen);
	seen = snapshot(path_of("%s/upper", f->overlay_path));
	assert_string_equal(seen, "");
	free(seen);
}

/* One commit that is cut at step `at`, and the one that finishes it at `again`. Returns whether the first was cut. */
static bool one_cut_commit(long at, long again)
{
	void *state;
	struct fixture *f;
	bool cut;

	(void)fixture_new(&state);
	f = state;
	make_changes(f);
	cut = run_cut(f, at, commit_quietly);
	if (cut && again != NEVER)
		(void)run_cut(f, again, nothing); /* opening it finishes the commit, until it is cut as well */
	fixture_open(f);
	assert_whole_below(f);
	assert_seen(f);
	assert_non_null(strstr(commit_all(f), "\"conflicts\":[],\"failed\":[]}"));
	assert_int_equal(overlay_count(f->overlay), 0);
	assert_seen(f);
	assert_all_below(f);
	assert_int_not_equal(access(path_of("%s/commit", f->overlay_path), F_OK), 0);
	(void)fixture_free(&state);
	return cut;
}

static void a_commit_that_is_cut_anywhere_is_finished(void **state)
{
	long at = 0;

	(void)state;
	while (one_cut_commit(at, NEVER))
		at++;
	print_message("%ld steps\n", at);
	assert_in_range(at, 40, 400);
}

static void so_is_one_that_is_cut_twice(void **state)
{
	long at = 0;

	(void)state;
	while (one_cut_commit(at, at * 7 % 61))
		at++;
	assert_in_range(at, 40, 400);
}

/* A commit that was cut before its journal was there changed nothing; the first rename below comes after it. */
static void without_a_journal_nothing_is_changed(void **state)
{
	for (long at = 0;; at++) {
		char *before, *after;
		struct fixture *f;
		bool journal;

		(void)fixture_new(state);
		f = *state;
		make_changes(f);
		before = snapshot(f->lower_path);
		assert_true(run_cut(f, at, commit_quietly));
		journal = access(path_of("%s/commit", f->overlay_path), F_OK) == 0;
		after = snapshot(f->lower_path);
		if (!journal)
			assert_string_equal(before, after);
		free(before);
		free(after);
		(void)fixture_free(state);
		if (journal)
			return;
	}
}

/* What was changed below while a commit lay cut is a conflict, as it is otherwise. */
static void a_finished_commit_overwrites_nothing_either(void **state)
{
	bool cut = true;
	int conflicts = 0;

	(void)state;
	for (long at = 0; cut; at++) {
		void *own;
		struct fixture *f;
		char *seen;

		(void)fixture_new(&own);
		f = own;
		below_put_old(f, "a", "old");
		put(f, "a", "capsule's");
		cut = run_cut(f, at, commit_quietly);
		if (cut && strcmp(below_get(f, "a"), "old") == 0) {
			below_put(f, "a", "user's");
			fixture_open(f);
			assert_string_equal(below_get(f, "a"), "user's");
			assert_string_equal(get(f, "a"), "capsule's");
			assert_string_equal(dirty(f), "a:modified!");
			seen = snapshot(f->lower_path);
			assert_string_equal(seen, "a user's\n"); /* no temporary file */
			free(seen);
			conflicts++;
		}
		(void)fixture_free(&own);
	}
	assert_in_range(conflicts, 5, 100);
}

/* A change below between the first look and the rename: while the copy is put on the disk. */

static struct fixture *meddled;

static void meddle(void)
{
	below_put(meddled, "a", "user's");
}

static void a_change_while_a_file_is_copied_is_a_conflict(void **state)
{
	struct fixture *f = *state;

	below_put_old(f, "a", "old");
	put(f, "a", "capsule's");
	meddled = f;
	at_copy = meddle;
	assert_string_equal(commit_all(f), "{\"committed\":[],\"conflicts\":[\"a\"],\"failed\":[]}");
	assert_null(at_copy);
	assert_string_equal(below_get(f, "a"), "user's");
	assert_string_equal(get(f, "a"), "capsule's");
}

/* After a power cut there is what was put on the disk. The journal comes after what it refers to, and goes before
 * anything else is written. */
static void a_commit_puts_on_the_disk_what_its_journal_refers_to(void **state)
{
	struct fixture *f = *state;
	const char *order, *rest;

	below_put_old(f, "gone", "old");
	put(f, "a", "capsule's");
	put(f, "d/b", "capsule's");
	drop(f, "gone");
	buffer_clear(&sync_order);
	(void)commit_all(f);
	order = buffer_text(&sync_order);
	rest = strstr(order, "a b index commit.new overlay ");
	assert_ptr_equal(rest, order);
	rest = strstr(order + strlen("a b index commit.new overlay "), "overlay ");
	assert_non_null(rest);
	assert_string_equal(rest, "overlay ");
	buffer_fini(&sync_order);
}

/* Changes that are cut. */

static void change_a_lot(struct fixture *f)
{
	(void)run_verb(f, VFS_WRITE, "low", "new");
	(void)run_verb(f, VFS_WRITE, "deep/folder/file", "new");
	(void)run_verb(f, VFS_UNLINK, "own", NULL);
	(void)run_verb(f, VFS_UNLINK, "low2", NULL);
	(void)run_verb(f, VFS_WRITE, "low2", "again");
	(void)run_verb(f, VFS_UNLINK, "low2", NULL);
	(void)run_verb(f, VFS_MKDIR, "low2/folder", NULL);
	(void)run_verb(f, VFS_WRITE, "over", "new and longer");
	(void)run_verb(f, VFS_WRITE, "hidden", "new");
}

static void assert_one_of(struct fixture *f, const char *path, const char *const *states)
{
	const char *bytes = "-"; /* absent */

	if (there(f, path)) {
		assert_int_equal(run_verb(f, VFS_STAT, path, NULL), CAPSULE_OK);
		bytes = f->work.stat.is_dir ? "/" : get(f, path);
	}
	for (; *states != NULL; states++)
		if (strcmp(bytes, *states) == 0)
			return;
	fail_msg("`%s` is `%s`", path, bytes);
}

#define ONE_OF(f, path, ...) assert_one_of(f, path, (const char *const[]){ __VA_ARGS__, NULL })

static void a_change_that_is_cut_is_done_or_not(void **state)
{
	bool cut = true;
	long at = 0;

	for (; cut; at++) {
		struct fixture *f;

		(void)fixture_new(state);
		f = *state;
		below_put_old(f, "low", "old");
		below_put_old(f, "low2", "old");
		below_put_old(f, "hidden", "old");
		put(f, "own", "own");
		put(f, "over", "old");
		put(f, "kept/x", "kept");
		drop(f, "hidden");
		cut = run_cut(f, at, change_a_lot);
		fixture_open(f);
		ONE_OF(f, "low", "old", "new");
		ONE_OF(f, "deep", "-", "/");
		ONE_OF(f, "deep/folder/file", "-", "new");
		ONE_OF(f, "own", "own", "-");
		ONE_OF(f, "low2", "old", "again", "-", "/");
		ONE_OF(f, "over", "old", "new and longer");
		assert_string_equal(get(f, "kept/x"), "kept");
		ONE_OF(f, "hidden", "-", "new"); /* but never the old one */
		assert_string_equal(below_get(f, "low2"), "old");
		change_a_lot(f); /* it goes on from any of them */
		assert_string_equal(names(f, ""), "deep hidden kept low low2 over");
		assert_non_null(strstr(commit_all(f), "\"conflicts\":[],\"failed\":[]}"));
		assert_int_equal(overlay_count(f->overlay), 0);
		(void)fixture_free(state);
	}
	print_message("%ld steps\n", at);
	assert_in_range(at, 20, 200);
}

static void roll_back_quietly(struct fixture *f)
{
	(void)run_verb(f, VFS_ROLLBACK, "", NULL);
}

static void a_rollback_that_is_cut_leaves_whole_changes(void **state)
{
	bool cut = true;

	for (long at = 0; cut; at++) {
		struct fixture *f;
		char *before, *after;

		(void)fixture_new(state);
		f = *state;
		make_changes(f);
		before = snapshot(f->lower_path);
		cut = run_cut(f, at, roll_back_quietly);
		fixture_open(f);
		ONE_OF(f, "bulk", bulk_old, bulk_new);
		ONE_OF(f, "new/deep/a", "-", "a");
		(void)rollback_all(f);
		after = snapshot(f->lower_path);
		assert_string_equal(before, after);
		free(before);
		free(after);
		after = snapshot(path_of("%s/upper", f->overlay_path));
		assert_string_equal(after, "");
		free(after);
		assert_string_equal(get(f, "d/gone"), "x");
		(void)fixture_free(state);
	}
}

/* A writer that is killed. Generation g is the content of file g % FILES, removed when g % 10 is 9. */

#define FILES 23

static size_t generation_text(char text[9000], unsigned generation)
{
	int len = snprintf(text, 32, "%u ", generation);
	size_t size = (size_t)len + generation * 131 % 8000;

	memset(text + len, 'a' + (int)(generation % 26), size - (size_t)len);
	text[size] = '\0';
	return size;
}

static void write_until_killed(struct fixture *f, unsigned generation, int report)
{
	char text[9000], path[32];

	if (fixture_try_open(f) != CAPSULE_OK)
		_exit(1);
	for (;; generation++) {
		(void)snprintf(path, sizeof path, "f%u/%u", generation % 3, generation % FILES);
		(void)generation_text(text, generation);
		if (generation % 10 == 9 ? run_verb(f, VFS_UNLINK, path, NULL) != CAPSULE_OK &&
					f->error.status != CAPSULE_ENOTFOUND
					 : run_verb(f, VFS_WRITE, path, text) != CAPSULE_OK)
			_exit(2);
		if (syscall(SYS_write, report, &generation, sizeof generation) != (ssize_t)sizeof generation)
			_exit(3);
	}
}

/* The state of each file is that of its last acknowledged generation, or of the one under way. */
static void assert_generations(struct fixture *f, unsigned first, unsigned acknowledged)
{
	char text[9000], path[32];

	for (unsigned back = 0; back < 3 * FILES && acknowledged - back > first; back++) {
		unsigned last = acknowledged - back;

		if (acknowledged + 1 - last == 3 * FILES) /* the one under way is in the same place */
			continue;
		(void)snprintf(path, sizeof path, "f%u/%u", last % 3, last % FILES);
		assert_int_equal(there(f, path), last % 10 != 9);
		(void)generation_text(text, last);
		if (last % 10 != 9)
			assert_string_equal(get(f, path), text);
	}
}

static void a_killed_writer_loses_nothing_it_acknowledged(void **state)
{
	struct fixture *f = *state;
	unsigned acknowledged = 0, first = 0;

	for (unsigned round = 0; round < 25; round++) {
		unsigned goal = acknowledged + 50 + round * 37 % 200;
		int ends[2], status;
		pid_t pid;

		fixture_close(f);
		assert_int_equal(pipe(ends), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_until_killed(f, acknowledged + 1, ends[1]);
		(void)close(ends[1]);
		while (acknowledged < goal)
			assert_int_equal(read(ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status)); /* not by a failure of its own */
		while (read(ends[0], &acknowledged, sizeof acknowledged) == (ssize_t)sizeof acknowledged)
			continue; /* what it had still said */
		(void)close(ends[0]);
		fixture_open(f);
		assert_generations(f, first, acknowledged);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_commit_that_is_cut_anywhere_is_finished),
		cmocka_unit_test(so_is_one_that_is_cut_twice),
		cmocka_unit_test(without_a_journal_nothing_is_changed),
		cmocka_unit_test(a_finished_commit_overwrites_nothing_either),
		TEST(a_change_while_a_file_is_copied_is_a_conflict),
		TEST(a_commit_puts_on_the_disk_what_its_journal_refers_to),
		cmocka_unit_test(a_change_that_is_cut_is_done_or_not),
		cmocka_unit_test(a_rollback_that_is_cut_leaves_whole_changes),
		TEST(a_killed_writer_loses_nothing_it_acknowledged),
	};

	return cmocka_run_group_tests_name("overlay, processes that end", tests, NULL, NULL);
}
