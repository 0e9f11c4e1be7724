/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The home: when it is made, who may have it, and what survives in it. For another process that has it this program starts
 * itself again, as `hold HOME CAPSULE`. */
#include "runtime/home.h"
#include "runtime/runtime_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A runtime on `<folder>/home`, instead of the one there is. */
static void restart_at_home(struct fixture *fixture)
{
	fixture_restart(fixture, (struct capsule_runtime_options){ .home = fixture_path(fixture, "home") });
}

static bool exists(const struct fixture *fixture, const char *name)
{
	struct stat info;

	return lstat(fixture_path(fixture, name), &info) == 0;
}

static mode_t mode_of(const struct fixture *fixture, const char *name)
{
	struct stat info;

	assert_int_equal(lstat(fixture_path(fixture, name), &info), 0);
	return info.st_mode & 07777;
}

static void nothing_is_written_without_need(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "frugal", "");
	struct capsule *capsule;

	fixture_restart(
		fixture, (struct capsule_runtime_options){ .home = fixture_path(fixture, "home"), .cache_dir = "" });
	capsule = fixture_load(fixture, path);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	fixture_unload(fixture, capsule);
	assert_false(exists(fixture, "home"));
	restart_at_home(fixture);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "quoted", "{}"), "\"x\"");
	assert_int_equal(mode_of(fixture, "home/cache/capsules"), 0700);
	assert_false(exists(fixture, "home/capsule.db"));
	assert_false(exists(fixture, "home/capsule.lock"));
}

static void the_first_write_makes_a_home_that_is_private(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "writer", "");
	mode_t mask = umask(0);

	restart_at_home(fixture);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "keep", "{}"), "Hello!");
	(void)umask(mask);
	assert_int_equal(mode_of(fixture, "home"), 0700);
	assert_int_equal(mode_of(fixture, "home/capsule.db"), 0600);
	assert_int_equal(mode_of(fixture, "home/capsule.lock"), 0600);
}

/* rt:100 */
static void a_fresh_home_gets_its_folders(void **state)
{
	static const char *const folders[] = { "home", "home/keys", "home/logs", "home/sessions" };
	struct fixture *fixture = *state;
	mode_t mask = umask(0);

	assert_int_equal(home_make(fixture_path(fixture, "home"), fixture->err), CAPSULE_OK);
	(void)umask(mask);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		assert_int_equal(mode_of(fixture, folders[i]), 0700);
	assert_int_equal(chmod(fixture_path(fixture, "home/logs"), 0750), 0);
	assert_int_equal(rmdir(fixture_path(fixture, "home/keys")), 0);
	assert_int_equal(home_make(fixture_path(fixture, "home"), fixture->err), CAPSULE_OK);
	assert_int_equal(mode_of(fixture, "home/keys"), 0700);
	assert_int_equal(mode_of(fixture, "home/logs"), 0750); /* what is there is somebody's decision */
	fixture_write(fixture, "file", "");
	assert_int_equal(home_make(fixture_path(fixture, "file"), fixture->err), CAPSULE_EIO);
	assert_int_equal(home_make(fixture_path(fixture, "no/home"), fixture->err), CAPSULE_ENOTFOUND);
}

static void state_survives_into_the_next_runtime_and_the_lock_does_not(void **state)
{
	struct fixture *fixture = *state;
	char path[128], other[128];

	(void)snprintf(path, sizeof path, "%s", fixture_capsule(fixture, "keeper", ""));
	(void)snprintf(other, sizeof other, "%s", fixture_capsule(fixture, "stranger", ""));
	restart_at_home(fixture);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "keep", "{}"), "Hello!");
	assert_true(exists(fixture, "home/capsule.lock"));
	restart_at_home(fixture);
	assert_false(exists(fixture, "home/capsule.lock"));
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "get", "{}"), "Hello!");
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, other), "get", "{}"), "");
	fixture_restart(fixture,
		(struct capsule_runtime_options){ .home = fixture_path(fixture, "home"), .principal = "somebody" });
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "get", "{}"), "");
}

static void a_memory_store_touches_nothing(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "memory", "");
	struct capsule *capsule;

	fixture_restart(fixture,
		(struct capsule_runtime_options){ .home = fixture_path(fixture, "home"), .memory_store = true });
	capsule = fixture_load(fixture, path);
	assert_string_equal(fixture_call(fixture, capsule, "keep", "{}"), "Hello!");
	assert_string_equal(fixture_call(fixture, capsule, "get", "{}"), "Hello!");
	assert_false(exists(fixture, "home"));
	fixture_restart(fixture,
		(struct capsule_runtime_options){ .home = fixture_path(fixture, "home"), .memory_store = true });
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "get", "{}"), "");
	assert_false(exists(fixture, "home"));
}

static void a_bare_module_keeps_its_state_in_memory(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;

	restart_at_home(fixture);
	assert_int_equal(
		capsule_call_export(fixture_load_module(fixture), "keep", "", 0, NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	assert_false(exists(fixture, "home/capsule.db"));
}

static void a_second_runtime_of_this_process_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct fixture second = *fixture;
	const char *path = fixture_capsule(fixture, "second", "");
	struct capsule *capsule;
	char pid[64];

	second.runtime = NULL;
	restart_at_home(fixture);
	restart_at_home(&second);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "keep", "{}"), "Hello!");
	capsule = fixture_load(&second, path);
	assert_int_equal(fixture_call_fails(&second, capsule, "get"), CAPSULE_ELOCKED);
	(void)snprintf(pid, sizeof pid, "in use by process %ld, which is this one", (long)getpid());
	assert_says(&second, pid);
	assert_true(exists(fixture, "home/capsule.lock"));
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	assert_string_equal(fixture_call(&second, capsule, "get", "{}"), "Hello!");
	capsule_runtime_free(second.runtime);
	assert_false(exists(fixture, "home/capsule.lock"));
}

/* Start this program again with the home; it has it when this returns. */
static pid_t start_holder(const struct fixture *fixture, const char *path)
{
	char *const arguments[] = { "home_test", "hold", (char *)(uintptr_t)fixture_path(fixture, "home"),
		(char *)(uintptr_t)path, NULL };
	posix_spawn_file_actions_t actions;
	char answer = 0;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &answer, 1), 1);
	assert_int_equal(answer, '+');
	(void)close(ends[0]);
	return pid;
}

static void kill_and_reap(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it did not end by a failure of its own */
}

static void a_home_that_another_process_has_is_refused_until_that_is_gone(void **state)
{
	struct fixture *fixture = *state;
	char path[128], env[128], text[64];
	struct capsule *capsule;
	pid_t pid;

	(void)snprintf(path, sizeof path, "%s", fixture_capsule(fixture, "held", ""));
	(void)snprintf(env, sizeof env, "%s",
		fixture_capsule(fixture, "asks",
			"[env.word]\ntype = \"string\"\n"
			"default = \"x\"\n"));
	restart_at_home(fixture);
	pid = start_holder(fixture, path);
	(void)snprintf(text, sizeof text, "in use by process %ld: end it, or name another home", (long)pid);
	capsule = fixture_load(fixture, path);
	assert_int_equal(fixture_call_fails(fixture, capsule, "get"), CAPSULE_ELOCKED);
	assert_says(fixture, text);
	assert_says(fixture, fixture_path(fixture, "home"));
	assert_int_equal(fixture_load_fails(fixture, env), CAPSULE_ELOCKED);
	assert_says(fixture, text);
	assert_true(exists(fixture, "home/capsule.lock"));
	kill_and_reap(pid);
	assert_true(exists(fixture, "home/capsule.lock")); /* of a process that is dead: no lock any more */
	assert_string_equal(fixture_call(fixture, capsule, "get", "{}"), "Hello!");
	(void)fixture_load(fixture, env);
	restart_at_home(fixture);
	assert_false(exists(fixture, "home/capsule.lock"));
}

static void a_lock_file_that_nobody_holds_is_taken_over(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "stale", "");
	char owner[64] = "", expected[64];
	FILE *file;

	assert_int_equal(mkdir(fixture_path(fixture, "home"), 0700), 0);
	fixture_write(fixture, "home/capsule.lock", "99999999999999 and more than a number\n");
	restart_at_home(fixture);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "keep", "{}"), "Hello!");
	file = fopen(fixture_path(fixture, "home/capsule.lock"), "re");
	assert_non_null(file);
	assert_int_not_equal(fread(owner, 1, sizeof owner - 1, file), 0);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
	assert_string_equal(owner, expected);
}

static void a_lock_file_that_is_a_link_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "linked", "");

	assert_int_equal(mkdir(fixture_path(fixture, "home"), 0700), 0);
	fixture_write(fixture, "precious", "untouched");
	assert_int_equal(symlink(fixture_path(fixture, "precious"), fixture_path(fixture, "home/capsule.lock")), 0);
	restart_at_home(fixture);
	assert_int_equal(fixture_call_fails(fixture, fixture_load(fixture, path), "keep"), CAPSULE_EIO);
	assert_says(fixture, "the lock file");
	restart_at_home(fixture);
	assert_true(exists(fixture, "home/capsule.lock"));
	assert_false(exists(fixture, "home/capsule.db"));
	assert_int_equal(mode_of(fixture, "precious"), 0777 & mode_of(fixture, "precious"));
}

static void a_home_that_can_not_be_made_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "homeless", "");
	struct capsule *capsule;

	fixture_restart(fixture, (struct capsule_runtime_options){ .home = fixture_path(fixture, "no/such/home") });
	assert_int_equal(fixture_call_fails(fixture, fixture_load(fixture, path), "keep"), CAPSULE_ENOTFOUND);
	assert_says(fixture, "no/such/home can't be made");
	fixture_write(fixture, "home", "a file");
	restart_at_home(fixture);
	capsule = fixture_load(fixture, path);
	assert_int_equal(fixture_call_fails(fixture, capsule, "keep"), CAPSULE_EIO);
	assert_says(fixture, "Not a directory");
	assert_int_equal(unlink(fixture_path(fixture, "home")), 0);
	assert_string_equal(fixture_call(fixture, capsule, "keep", "{}"), "Hello!");
}

static void a_store_that_is_none_leaves_no_lock(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "damaged", "");

	assert_int_equal(mkdir(fixture_path(fixture, "home"), 0700), 0);
	fixture_write(fixture, "home/capsule.db", "This is a text of more than sixteen bytes, and no database.\n");
	restart_at_home(fixture);
	assert_int_equal(fixture_call_fails(fixture, fixture_load(fixture, path), "keep"), CAPSULE_ESTORE);
	assert_says(fixture, "capsule.db");
	assert_false(exists(fixture, "home/capsule.lock"));
}

static void set_variable(const char *name, const char *value)
{
	assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

static void a_variable_that_names_no_absolute_home_is_refused(void **state) /* hs:217 */
{
	static const char *const bad[] = { "", "relative", "./here", "/tmp/../etc", "/..", "/tmp/.." };
	struct fixture *fixture = *state;
	struct capsule_runtime_options options = { .size = sizeof options };
	struct capsule_runtime *runtime = NULL;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		set_variable("ASTRID_HOME", bad[i]);
		assert_int_equal(capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
		assert_says(fixture, "ASTRID_HOME");
		assert_says(fixture, bad[i]);
		assert_null(runtime);
	}
}

static void the_home_comes_from_the_environment(void **state) /* hs:217 */
{
	struct fixture *fixture = *state;
	char path[128];

	(void)snprintf(path, sizeof path, "%s", fixture_capsule(fixture, "roaming", ""));
	set_variable("ASTRID_HOME", NULL);
	set_variable("HOME", fixture->folder);
	fixture_restart(fixture, (struct capsule_runtime_options){ .size = 0 });
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "keep", "{}"), "Hello!");
	assert_int_equal(mode_of(fixture, ".astrid"), 0700);
	assert_true(exists(fixture, ".astrid/capsule.db"));
	set_variable("ASTRID_HOME", fixture_path(fixture, "named"));
	fixture_restart(fixture, (struct capsule_runtime_options){ .size = 0 });
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "get", "{}"), "");
	assert_true(exists(fixture, "named/capsule.db"));
	restart_at_home(fixture);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "get", "{}"), "");
	assert_true(exists(fixture, "home/capsule.db"));
}

static void no_home_at_all_fails_only_what_needs_one(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "nowhere", "");
	struct capsule *capsule;

	set_variable("ASTRID_HOME", NULL);
	set_variable("HOME", NULL);
	fixture_restart(fixture, (struct capsule_runtime_options){ .size = 0 });
	capsule = fixture_load(fixture, path);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	assert_int_equal(fixture_call_fails(fixture, capsule, "keep"), CAPSULE_ESTORE);
	assert_says(fixture, "set ASTRID_HOME");
}

/* The program that another process runs: takes the home, says so, and waits to be killed. */
static int hold(const char *home, const char *path)
{
	struct capsule_runtime_options options = { .size = sizeof options, .home = home };
	struct capsule_runtime *runtime;
	struct capsule_op *op, *call;

	if (capsule_runtime_new(&runtime, &options, NULL) != CAPSULE_OK ||
		capsule_load(runtime, path, NULL, NULL, &op, NULL) != CAPSULE_OK ||
		capsule_op_wait(op, NULL) != CAPSULE_OK ||
		capsule_call(capsule_op_capsule(op), "keep", "{}", 2, NULL, NULL, &call, NULL) != CAPSULE_OK ||
		capsule_op_wait(call, NULL) != CAPSULE_OK || write(STDOUT_FILENO, "+", 1) != 1)
		return 1;
	for (;;)
		(void)pause();
}

static int restore(void **state)
{
	set_variable("ASTRID_HOME", NULL);
	return fixture_teardown(state);
}

int main(int argc, char **argv)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, restore)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_written_without_need),
		TEST(the_first_write_makes_a_home_that_is_private),
		TEST(a_fresh_home_gets_its_folders),
		TEST(state_survives_into_the_next_runtime_and_the_lock_does_not),
		TEST(a_memory_store_touches_nothing),
		TEST(a_bare_module_keeps_its_state_in_memory),
		TEST(a_second_runtime_of_this_process_is_refused),
		TEST(a_home_that_another_process_has_is_refused_until_that_is_gone),
		TEST(a_lock_file_that_nobody_holds_is_taken_over),
		TEST(a_lock_file_that_is_a_link_is_refused),
		TEST(a_home_that_can_not_be_made_is_told),
		TEST(a_store_that_is_none_leaves_no_lock),
		TEST(a_variable_that_names_no_absolute_home_is_refused),
		TEST(the_home_comes_from_the_environment),
		TEST(no_home_at_all_fails_only_what_needs_one),
	};

	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return hold(argv[2], argv[3]);
	set_variable("ASTRID_HOME", NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
