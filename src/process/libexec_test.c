/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where helpers are looked for. Where this program is itself matters, so it is linked into folders of the test and started there
 * as `find NAME`, which prints the path or the reason. */
#include "process/libexec.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <build_facts.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NAME "capsule-helper"
#define VARIABLE "CAPSULE_LIBEXEC_DIR"
#define PATH_LEN 1024

struct fixture {
	char root[PATH_LEN]; /* in the build folder, so that this program can be linked into it */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	const char *build = getenv("CAPSULE_BUILD_DIR");

	assert_non_null(fixture);
	if (build == NULL)
		fail_msg("CAPSULE_BUILD_DIR is not set: run this test by \"meson test\"");
	(void)snprintf(fixture->root, sizeof fixture->root, "%s/libexec-test-XXXXXX", build);
	assert_non_null(mkdtemp(fixture->root));
	assert_int_equal(unsetenv(VARIABLE), 0);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(nftw(fixture->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture);
	return 0;
}

/* `<root>/<name>`, in one of 32 places that are used in turn. */
static const char *path_of(const struct fixture *fixture, const char *name)
{
	static char paths[32][2 * PATH_LEN];
	static unsigned next;
	char *path = paths[next++ % 32];

	(void)snprintf(path, sizeof paths[0], "%s/%s", fixture->root, name);
	return path;
}

/* Make the folders of `<root>/<name>`. */
static void make_folders(const struct fixture *fixture, const char *name)
{
	HOLD(free_drop) char *path = strdup(path_of(fixture, name));

	assert_non_null(path);
	for (char *slash = path + strlen(fixture->root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

/* A file `<root>/<name>`, with its folders. Returns its path. */
static const char *place(const struct fixture *fixture, const char *name, mode_t mode)
{
	HOLD(fd_drop) int fd = -1;

	make_folders(fixture, name);
	fd = open(path_of(fixture, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	return path_of(fixture, name);
}

/* This program at `<root>/<name>`. Returns its path. */
static const char *place_self(const struct fixture *fixture, const char *name)
{
	HOLD(free_drop) char *own = realpath("/proc/self/exe", NULL);

	assert_non_null(own);
	make_folders(fixture, name);
	assert_int_equal(link(own, path_of(fixture, name)), 0);
	return path_of(fixture, name);
}

static void assert_found(const char *dir, const char *path)
{
	HOLD(free_drop) char *found = NULL;
	struct capsule_error err;

	if (libexec_find(&found, dir, NAME, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	assert_string_equal(found, path);
}

/* It is looked for in these places and no others. */
static void assert_missing(const char *dir, const char *looked)
{
	char *found = (char *)(uintptr_t) "untouched";
	struct capsule_error err;
	char says[2 * PATH_LEN];

	(void)snprintf(says, sizeof says,
		NAME " is not there; looked in %s. Say where it is with libexec_dir or " VARIABLE, looked);
	assert_int_equal(libexec_find(&found, dir, NAME, &err), CAPSULE_ENOTFOUND);
	assert_null(found);
	if (strncmp(err.text, says, strlen(says)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", err.text, says);
}

/* ---- The folder that is named ---- */

static void test_a_folder_that_is_named_is_the_only_one(void **state)
{
	struct fixture *fixture = *state;
	const char *in_dir = place(fixture, "dir/" NAME, 0700);

	(void)place(fixture, "environment/" NAME, 0700);
	assert_int_equal(setenv(VARIABLE, path_of(fixture, "environment"), 1), 0);
	assert_found(path_of(fixture, "dir"), in_dir);
	assert_missing(path_of(fixture, "empty"), path_of(fixture, "empty"));
}

static void test_the_environment_is_the_only_one_when_it_names_a_folder(void **state)
{
	struct fixture *fixture = *state;
	const char *in_environment = place(fixture, "environment/" NAME, 0700);

	assert_int_equal(setenv(VARIABLE, path_of(fixture, "environment"), 1), 0);
	assert_found(NULL, in_environment);
	assert_int_equal(setenv(VARIABLE, path_of(fixture, "empty"), 1), 0);
	assert_missing(NULL, path_of(fixture, "empty"));
}

static void test_a_file_that_can_not_be_run_is_not_found(void **state)
{
	struct fixture *fixture = *state;

	(void)place(fixture, "dir/" NAME, 0600);
	assert_missing(path_of(fixture, "dir"), path_of(fixture, "dir"));
	assert_int_equal(symlink("nowhere", path_of(fixture, "dir/link")), 0);
	assert_int_equal(rename(path_of(fixture, "dir/link"), path_of(fixture, "dir/" NAME)), 0);
	assert_missing(path_of(fixture, "dir"), path_of(fixture, "dir"));
}

static void test_a_folder_is_no_program(void **state)
{
	struct fixture *fixture = *state;

	make_folders(fixture, "dir/" NAME "/");
	assert_missing(path_of(fixture, "dir"), path_of(fixture, "dir"));
}

static void test_a_path_that_is_not_absolute_is_not_used(void **state)
{
	struct fixture *fixture = *state;

	(void)place(fixture, "dir/" NAME, 0700);
	assert_int_equal(chdir(fixture->root), 0);
	assert_missing("dir", "dir");
	assert_missing("", "");
	assert_int_equal(setenv(VARIABLE, "dir", 1), 0);
	assert_missing(NULL, "dir");
	assert_int_equal(chdir("/"), 0);
}

static void test_endless_folder_names_are_survived(void **state)
{
	char dir[4 * PATH_LEN];
	struct capsule_error err;
	char *found = NULL;

	(void)state;
	memset(dir, 'x', sizeof dir - 1);
	dir[0] = '/';
	dir[sizeof dir - 1] = '\0';
	assert_int_equal(libexec_find(&found, dir, NAME, &err), CAPSULE_ENOTFOUND);
	assert_null(found);
	assert_non_null(strstr(err.text, NAME " is not there"));
}

/* ---- Where this program is ---- */

/* What `program find NAME` prints, started under another name, in another folder, with an empty environment or one that names a
 * folder. Borrowed until the next one. */
static const char *ask(const char *program, const char *argv0, const char *cwd, const char *variable)
{
	static char answer[4 * PATH_LEN];
	char *const argv[] = { (char *)(uintptr_t)argv0, (char *)(uintptr_t) "find", NULL };
	char *const env[] = { (char *)(uintptr_t)variable, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], status;
	size_t len = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn_file_actions_addchdir_np(&actions, cwd), 0);
	assert_int_equal(posix_spawn(&child, program, &actions, NULL, argv, env), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	while ((got = read(ends[0], answer + len, sizeof answer - 1 - len)) > 0)
		len += (size_t)got;
	answer[len] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return answer;
}

static void test_libexec_beside_the_program_is_found(void **state)
{
	struct fixture *fixture = *state;
	const char *program = place_self(fixture, "bundle/program");
	const char *helper = place(fixture, "bundle/libexec/" NAME, 0700);

	assert_string_equal(ask(program, program, "/", NULL), helper);
	assert_string_equal(ask(program, program, "/", VARIABLE "="), helper);
	assert_string_equal(ask("bundle/program", "bundle/program", fixture->root, NULL), helper);
}

static void test_libexec_of_the_tree_is_found(void **state)
{
	struct fixture *fixture = *state;
	const char *in_bin = place_self(fixture, "moved/" CAPSULE_BINDIR "/program");
	const char *in_lib = place_self(fixture, "moved/" CAPSULE_LIBDIR "/program");
	const char *helper = place(fixture, "moved/" CAPSULE_LIBEXECDIR "/capsule/" NAME, 0700);

	assert_string_equal(ask(in_bin, in_bin, "/", NULL), helper);
	assert_string_equal(ask(in_lib, in_lib, "/", NULL), helper);
	helper = place(fixture, "moved/" CAPSULE_BINDIR "/libexec/" NAME, 0700);
	assert_string_equal(ask(in_bin, in_bin, "/", NULL), helper);
}

static void test_links_to_the_program_lead_to_its_folder(void **state)
{
	struct fixture *fixture = *state;
	const char *program = place_self(fixture, "bundle/program");
	const char *helper = place(fixture, "bundle/libexec/" NAME, 0700);

	(void)place(fixture, "elsewhere/libexec/" NAME, 0700);
	assert_int_equal(symlink(program, path_of(fixture, "elsewhere/program")), 0);
	program = path_of(fixture, "elsewhere/program");
	assert_string_equal(ask(program, program, "/", NULL), helper);
}

static void test_the_name_that_the_program_was_called_by_does_not_matter(void **state)
{
	struct fixture *fixture = *state;
	const char *program = place_self(fixture, "bundle/program");
	const char *helper = place(fixture, "bundle/libexec/" NAME, 0700);
	const char *bait = place(fixture, "bait/program", 0700);

	(void)place(fixture, "bait/libexec/" NAME, 0700);
	assert_string_equal(ask(program, "program", path_of(fixture, "bait"), NULL), helper);
	assert_string_equal(ask(program, bait, "/", NULL), helper);
	assert_string_equal(ask(program, "./program", path_of(fixture, "bait"), NULL), helper);
	assert_string_equal(ask(program, "", path_of(fixture, "bait"), NULL), helper);
}

static void test_all_places_are_told_when_nothing_is_there(void **state)
{
	struct fixture *fixture = *state;
	const char *program = place_self(fixture, "tree/" CAPSULE_BINDIR "/program");
	char says[4 * PATH_LEN];

	(void)snprintf(says, sizeof says,
		NAME " is not there; looked in %s/tree/" CAPSULE_BINDIR "/libexec, %s/tree/" CAPSULE_LIBEXECDIR
		     "/capsule, " CAPSULE_PREFIX "/" CAPSULE_LIBEXECDIR "/capsule. Say where",
		fixture->root, fixture->root);
	if (strncmp(ask(program, program, "/", NULL), says, strlen(says)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", ask(program, program, "/", NULL), says);
}

/* The other side of ask(). */
static int find(void)
{
	HOLD(free_drop) char *path = NULL;
	struct capsule_error err;

	(void)fputs(libexec_find(&path, NULL, NAME, &err) == CAPSULE_OK ? path : err.text, stdout);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_folder_that_is_named_is_the_only_one),
		TEST(test_the_environment_is_the_only_one_when_it_names_a_folder),
		TEST(test_a_file_that_can_not_be_run_is_not_found),
		TEST(test_a_folder_is_no_program),
		TEST(test_a_path_that_is_not_absolute_is_not_used),
		TEST(test_endless_folder_names_are_survived),
		TEST(test_libexec_beside_the_program_is_found),
		TEST(test_libexec_of_the_tree_is_found),
		TEST(test_links_to_the_program_lead_to_its_folder),
		TEST(test_the_name_that_the_program_was_called_by_does_not_matter),
		TEST(test_all_places_are_told_when_nothing_is_there),
	};

	if (argc == 2 && strcmp(argv[1], "find") == 0)
		return find();
	return cmocka_run_group_tests_name("helpers", tests, NULL, NULL);
}
