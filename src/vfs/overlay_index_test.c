/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of an overlay: damaged ones, those of others, full disks, the lock. */
#include "vfs/overlay_fixture.h"
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *file_of(const struct fixture *f, const char *name)
{
	return path_of("%s/%s", f->overlay_path, name);
}

static void write_file(const char *path, const char *mode, const char *text, size_t len)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void append_line(const struct fixture *f, const char *text)
{
	write_file(file_of(f, "index"), "a", text, strlen(text));
}

static void assert_damaged(struct fixture *f, const char *reason)
{
	assert_int_equal(fixture_try_open(f), CAPSULE_ESTORE);
	if (strstr(f->error.text, reason) == NULL)
		fail_msg("%s", f->error.text);
	assert_non_null(strstr(f->error.text, "copy from there what you need, then remove "));
	assert_non_null(strstr(f->error.text, f->overlay_path));
	assert_int_equal(access(file_of(f, "upper/kept"), F_OK), 0); /* nothing was tidied away */
	assert_null(f->overlay);
}

#define BASE                                                                                                           \
	",\"size\":1,\"mtime\":1,\"inode\":1,\"hash\":\"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85\"}"

static void damaged_lines_are_refused(void **state)
{
	static const struct {
		const char *line, *reason;
	} lines[] = {
		{ "\n", "it is not JSON" },
		{ "{\"path\":\"a\",\"is\":\"folder\",\"base\":nu\n", "it is not JSON" },
		{ "{\"path\":\"a\",\"path\":\"b\",\"is\":\"gone\"}\n", "it is not JSON" },
		{ "[]\n", "no path" },
		{ "{\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":7,\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"/etc/passwd\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"../x\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"a/../x\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"a//b\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"a/.\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"a/\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"a\\u0000b\",\"is\":\"gone\"}\n", "no path" },
		{ "{\"path\":\"a\"}\n", "what became" },
		{ "{\"path\":\"a\",\"is\":\"link\",\"base\":null}\n", "what became" },
		{ "{\"path\":\"a\",\"is\":\"file\"}\n", "based on" },
		{ "{\"path\":\"a\",\"is\":\"file\",\"base\":{}}\n", "based on" },
		{ "{\"path\":\"a\",\"is\":\"file\",\"base\":{\"is\":\"none\"" BASE "}\n", "based on" },
		{ "{\"path\":\"a\",\"is\":\"file\",\"base\":"
		  "{\"is\":\"file\",\"size\":-1,\"mtime\":1,\"inode\":1,\"hash\":\"\"}}\n",
			"based on" },
		{ "{\"path\":\"a\",\"is\":\"file\",\"base\":"
		  "{\"is\":\"file\",\"size\":1,\"mtime\":1,\"inode\":1,\"hash\":\"xy\"}}\n",
			"based on" },
		{ "{\"path\":\"a\",\"is\":\"file\",\"base\":{\"is\":\"file\",\"size\":1,\"mtime\":1.5,\"inode\":1}}\n",
			"based on" },
		{ "{\"path\":\"kept\",\"is\":\"folder\",\"base\":null}\n", "upper/kept is no folder" },
		{ "\xff\xfe\n", "it is not JSON" },
	};
	struct fixture *f = *state;
	HOLD(buffer_fini) struct buffer sound = { 0 };
	FILE *file;
	int byte;

	put(f, "kept", "x");
	fixture_close(f);
	file = fopen(file_of(f, "index"), "r");
	assert_non_null(file);
	while ((byte = fgetc(file)) != EOF)
		(void)buffer_append_byte(&sound, (uint8_t)byte);
	(void)fclose(file);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		append_line(f, lines[i].line);
		assert_damaged(f, lines[i].reason);
		write_file(file_of(f, "index"), "w", (char *)sound.data, sound.len);
	}
	append_line(f,
		"{\"path\":\"a\",\"is\":\"deleted\",\"base\":{\"is\":\"file\"" BASE
		"}\n"); /* a sound one, to see that the others would be read */
	fixture_open(f);
	assert_string_equal(dirty(f), "a:deleted kept:added");
}

static void a_damaged_beginning_is_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} files[] = {
		{ "", "no first line" },
		{ "{\"overlay\":1", "no first line" },
		{ "{}\n", "version 1" },
		{ "{\"overlay\":2,\"hash\":\"\",\"root\":\"\"}\n", "version 1" },
		{ "{\"overlay\":1}\n", "names no folder" },
		{ "x\n", "not JSON" },
	};
	struct fixture *f = *state;

	put(f, "kept", "x");
	fixture_close(f);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		write_file(file_of(f, "index"), "w", files[i].text, strlen(files[i].text));
		assert_damaged(f, files[i].reason);
	}
	assert_int_equal(unlink(file_of(f, "index")), 0);
	assert_damaged(f, "index is missing");
	assert_int_equal(mkfifo(file_of(f, "index"), 0600), 0);
	assert_int_equal(fixture_try_open(f), CAPSULE_EIO); /* and not a wait */
	assert_int_equal(unlink(file_of(f, "index")), 0);
	assert_int_equal(symlink("/etc/passwd", file_of(f, "index")), 0);
	assert_int_equal(fixture_try_open(f), CAPSULE_EIO);
}

static void a_torn_last_line_is_dropped(void **state)
{
	struct fixture *f = *state;

	put(f, "a", "1");
	put(f, "b", "2");
	fixture_close(f);
	append_line(f, "{\"path\":\"a\",\"is\":\"go");
	fixture_open(f);
	assert_string_equal(dirty(f), "a:added b:added");
	put(f, "c", "3");
	fixture_reopen(f);
	assert_string_equal(dirty(f), "a:added b:added c:added");
}

static void an_overlay_belongs_to_one_folder(void **state)
{
	struct fixture *f = *state;

	put(f, "a", "1");
	fixture_close(f);
	assert_int_equal(
		overlay_open(&f->overlay, &f->lower, "/somewhere/else", f->overlay_path, true, NULL, &f->error),
		CAPSULE_ESTORE);
	assert_non_null(strstr(f->error.text, f->lower_path));
	assert_non_null(strstr(f->error.text, "/somewhere/else"));
	fixture_open(f);
	assert_string_equal(dirty(f), "a:added");
}

static void a_journal_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const texts[] = { "", "{}", "[\"a\",", "[\"../outside\"]", "[\"/etc/passwd\"]", "[7]",
		"[\"\"]" };
	struct fixture *f = *state;

	put(f, "kept", "x");
	fixture_close(f);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		write_file(file_of(f, "commit"), "w", texts[i], strlen(texts[i]));
		assert_damaged(f, "commit: ");
		assert_false(below_there(f, "kept"));
	}
	write_file(file_of(f, "commit"), "w", "[\"kept\",\"unknown\"]", 18);
	fixture_open(f);
	assert_string_equal(below_get(f, "kept"), "x");
}

static void a_journal_may_name_a_path_twice(void **state)
{
	static const char journal[] = "[\"a\",\"d/b\",\"a\",\"gone\",\"d/b\",\"a\",\"gone\"]";
	struct fixture *f = *state;

	below_put_old(f, "gone", "old");
	put(f, "a", "1");
	put(f, "d/b", "2");
	drop(f, "gone");
	fixture_close(f);
	write_file(file_of(f, "commit"), "w", journal, sizeof journal - 1);
	fixture_open(f);
	assert_string_equal(below_get(f, "a"), "1");
	assert_string_equal(below_get(f, "d/b"), "2");
	assert_false(below_there(f, "gone"));
	assert_string_equal(dirty(f), "d:folder");
}

static void nothing_is_made_to_look(void **state)
{
	struct fixture *f = *state;
	char *seen;

	fixture_close(f);
	assert_int_equal(overlay_open(&f->overlay, &f->lower, f->lower_path, path_of("%s/none/at/all", f->dir), false,
				 NULL, &f->error),
		CAPSULE_ENOTFOUND);
	assert_int_equal(mkdir(path_of("%s/empty", f->dir), 0700), 0);
	assert_int_equal(overlay_open(&f->overlay, &f->lower, f->lower_path, path_of("%s/empty", f->dir), false, NULL,
				 &f->error),
		CAPSULE_ENOTFOUND);
	seen = snapshot(path_of("%s/empty", f->dir));
	assert_string_equal(seen, "");
	free(seen);
	assert_int_not_equal(access(path_of("%s/none", f->dir), F_OK), 0);
	fixture_open(f);
}

static void one_process_has_it_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct overlay *second = NULL;
	int ends[2], status;
	char byte, pid_text[32];
	pid_t pid;

	assert_int_equal(overlay_open(&second, &f->lower, f->lower_path, f->overlay_path, true, NULL, &f->error),
		CAPSULE_ELOCKED);
	assert_non_null(strstr(f->error.text, "which is this one"));
	fixture_close(f);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		if (fixture_try_open(f) != CAPSULE_OK || write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(fixture_try_open(f), CAPSULE_ELOCKED);
	(void)snprintf(pid_text, sizeof pid_text, "process %d (", pid);
	assert_non_null(strstr(f->error.text, pid_text));
	assert_non_null(strstr(f->error.text, program_invocation_short_name));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fixture_open(f);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* An index that can't grow: what is refused leaves no half line behind which later ones would be lost. */
static void a_line_that_has_no_room_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, old;
	struct stat info;

	put(f, "a", "1");
	assert_int_equal(stat(file_of(f, "index"), &info), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)info.st_size + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(run_verb(f, VFS_WRITE, "b/c", "2"), CAPSULE_EIO);
	assert_non_null(strstr(f->error.text, "index"));
	assert_int_equal(run_verb(f, VFS_MKDIR, "d", NULL), CAPSULE_EIO);
	assert_int_equal(run_verb(f, VFS_UNLINK, "a", NULL), CAPSULE_EIO);
	put(f, "a", "more"); /* needs no line */
	assert_string_equal(names(f, ""), "a");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	put(f, "e", "3");
	assert_string_equal(dirty(f), "a:added e:added");
	fixture_reopen(f);
	assert_string_equal(dirty(f), "a:added e:added");
	assert_string_equal(get(f, "a"), "more");
}

static void the_index_does_not_grow_for_ever(void **state)
{
	struct fixture *f = *state;
	struct stat info;

	put(f, "kept", "x");
	below_put(f, "low", "old");
	drop(f, "low");
	for (int i = 0; i < 20000; i++) {
		put(f, "a", "1");
		drop(f, "a");
		if (i % 5000 == 0) {
			put(f, "low", "again");
			drop(f, "low");
		}
	}
	assert_int_equal(stat(file_of(f, "index"), &info), 0);
	assert_in_range(info.st_size, 1, 1 << 20);
	fixture_reopen(f);
	assert_string_equal(dirty(f), "kept:added low:deleted");
	assert_int_equal(stat(file_of(f, "index"), &info), 0);
	assert_in_range(info.st_size, 1, 1000);
}

/* Few lines can be long as well. */
static void an_index_of_long_lines_does_not_grow_for_ever(void **state)
{
	struct fixture *f = *state;
	struct stat info;
	char name[201];

	memset(name, '\x01', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	put(f, "kept", "x");
	f->overlay->index.lengthy = 8192;
	for (int i = 0; i < 100; i++) {
		put(f, name, "1");
		drop(f, name);
		assert_int_equal(stat(file_of(f, "index"), &info), 0);
		assert_in_range(info.st_size, 1, 8192);
	}
	fixture_reopen(f);
	assert_string_equal(dirty(f), "kept:added");
}

static void what_the_index_does_not_know_is_removed(void **state)
{
	struct fixture *f = *state;
	char *seen;

	put(f, "d/kept", "x");
	below_mkdir(f, "e/f");
	put(f, "e/f/kept", "y");
	fixture_close(f);
	write_file(file_of(f, "upper/d/stray"), "w", "x", 1);
	write_file(file_of(f, "upper/stray"), "w", "x", 1);
	assert_int_equal(symlink("/etc/passwd", file_of(f, "upper/link")), 0);
	assert_int_equal(mkdir(file_of(f, "upper/s"), 0700), 0);
	assert_int_equal(mkdir(file_of(f, "upper/s/t"), 0700), 0);
	write_file(file_of(f, "upper/s/t/stray"), "w", "x", 1);
	fixture_open(f);
	seen = snapshot(file_of(f, "upper"));
	assert_string_equal(seen, "d/ \nd/kept x\ne/ \ne/f/ \ne/f/kept y\n");
	free(seen);
}

/* What could not be removed stays until the overlay is opened again. */
static void a_file_that_the_index_does_not_know_is_not_seen(void **state)
{
	struct fixture *f = *state;

	put(f, "d/kept", "x");
	write_file(file_of(f, "upper/d/left"), "w", "x", 1);
	assert_false(there(f, "d/left"));
	assert_int_equal(run_verb(f, VFS_STAT, "d/left", NULL), CAPSULE_ENOTFOUND);
	assert_int_equal(run_verb(f, VFS_UNLINK, "d/left", NULL), CAPSULE_ENOTFOUND);
	put(f, "d/left", "new");
	assert_string_equal(get(f, "d/left"), "new");
	assert_string_equal(dirty(f), "d:folder d/kept:added d/left:added");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		TEST(damaged_lines_are_refused),
		TEST(a_damaged_beginning_is_refused),
		TEST(a_torn_last_line_is_dropped),
		TEST(an_overlay_belongs_to_one_folder),
		TEST(a_journal_that_leads_elsewhere_is_refused),
		TEST(a_journal_may_name_a_path_twice),
		TEST(nothing_is_made_to_look),
		TEST(one_process_has_it_at_a_time),
		TEST(a_line_that_has_no_room_is_taken_back),
		TEST(the_index_does_not_grow_for_ever),
		TEST(an_index_of_long_lines_does_not_grow_for_ever),
		TEST(what_the_index_does_not_know_is_removed),
		TEST(a_file_that_the_index_does_not_know_is_not_seen),
	};

	return cmocka_run_group_tests_name("overlay, its files", tests, NULL, NULL);
}
