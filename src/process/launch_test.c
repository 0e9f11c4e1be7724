/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule-launch by itself, here run as the program of a child, so that we speak to it in its own words: what it refuses, and
 * how it tells so. And what the library makes of what a launcher tells. */
#include "process/launch.h"
#include "process/process_fixture.h"

#include <errno.h>
#include <sys/stat.h>

/* Run it with `words`, NULL-ended, and our pipe as its status pipe. */
static void launch(struct fixture *fixture, struct run *run, const char *const *words)
{
	const char *argv[24] = { fixture->launcher };
	struct process_spec spec = fixture_spec(fixture, argv);

	for (int i = 0; words[i] != NULL; i++)
		argv[i + 1] = words[i];
	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	fixture_start(fixture, run, &spec);
	fixture_wait(fixture, run);
}

static void expect_told(struct fixture *fixture, const char *const *words, enum launch_step step, int os_errno)
{
	struct launch_message told = { .step = -1 };
	struct run run;

	launch(fixture, &run, words);
	assert_int_equal(read(fixture->ends[0], &told, sizeof told), sizeof told);
	assert_int_equal(told.step, step);
	assert_int_equal(told.os_errno, os_errno);
	fixture_expect(&run, PROCESS_EXITED, LAUNCH_EXIT, "");
}

static const char *own_pid(void)
{
	static char text[16];

	(void)snprintf(text, sizeof text, "%d", (int)getpid());
	return text;
}

static void words_that_it_does_not_know_are_refused(void **state)
{
	const char *const bad[][10] = {
		{ NULL },
		{ "--", "/bin/true", NULL },
		{ "--parent", "1", "--fds", "0", "--", "/bin/true", NULL },
		{ "--parent", "1", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--fds", "0", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--parent", "1", "--fds", "0", "--cwd", "/", NULL },
		{ "--parent", "1", "--fds", "0", "--cwd", "/", "--", NULL },
		{ "--parent", "1", "--fds", "0", "--cwd", "/", "--", "true", NULL },
		{ "--parent", "1", "--fds", "0", "--cwd", "/", "/bin/true", NULL },
		{ "--parent", "1", "--fds", "257", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--parent", "1", "--fds", "-1", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--parent", "1", "--fds", "", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--parent", "1x", "--fds", "0", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--parent", "99999999999999999999", "--fds", "0", "--cwd", "/", "--", "/bin/true", NULL },
		{ "--paren", "1", "--fds", "0", "--cwd", "/", "--", "/bin/true", NULL },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		expect_told(*state, bad[i], LAUNCH_OPTIONS, EINVAL);
}

static void it_does_not_run_below_another_parent(void **state)
{
	const char *const words[] = { "--parent", "1", "--fds", "0", "--cwd", "/", "--", "/bin/true", NULL };

	expect_told(*state, words, LAUNCH_PARENT, ESRCH);
}

static void descriptors_that_it_was_not_given_are_told(void **state)
{
	const char *const words[] = { "--parent", own_pid(), "--fds", "3", "--cwd", "/", "--", "/bin/true", NULL };

	expect_told(*state, words, LAUNCH_FDS, EBADF);
}

static void what_comes_later_is_told_through_the_pipe_where_it_is_then(void **state)
{
	const char *const folder[] = { "--parent", own_pid(), "--fds", "0", "--cwd", "/nonexistent", "--", "/x", NULL };
	const char *const program[] = { "--parent", own_pid(), "--fds", "0", "--cwd", "/", "--", "/x", NULL };

	expect_told(*state, folder, LAUNCH_CWD, ENOENT);
	expect_told(*state, program, LAUNCH_RUN, ENOENT);
}

static void the_pipe_closes_when_the_program_runs(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = { "--parent", own_pid(), "--fds", "0", "--cwd", "/", "--", fixture->child, "fds",
		NULL };
	struct run run;

	launch(fixture, &run, words);
	fixture_close_writing_end(fixture);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_EXITED, 0, "0 1 2 ");
}

static void by_hand_it_says_what_it_is(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->launcher, NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	assert_int_equal(run.result.code, LAUNCH_EXIT);
	assert_string_equal(
		run.error, "capsule-launch: step 0: Invalid argument; it is started by libcapsule, not by hand\n");
	run_fini(&run);
}

/* Run a launcher that tells `bytes`, as printf(1) writes them. */
static void launch_other(struct fixture *fixture, struct run *run, const char *bytes)
{
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	char path[] = "/tmp/capsule-process-XXXXXX";
	int fd = mkostemp(path, 0);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "#!/bin/sh\nprintf '%s' >&3\nexit 127\n", bytes) > 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	(void)close(fd);
	spec.launcher = path;
	fixture_start(fixture, run, &spec);
	fixture_wait(fixture, run);
	(void)unlink(path);
}

static void a_launcher_of_another_version_is_told(void **state)
{
	struct run run;

	launch_other(*state, &run, "\\000\\000\\000\\000\\026\\000\\000\\000");
	fixture_expect_failure(&run, CAPSULE_EIO,
		"run /bin/true: capsule-launch is of another version than this library; install both from one build: "
		"Invalid argument");
	launch_other(*state, &run, "\\020\\000\\000\\000\\026\\000\\000\\000");
	fixture_expect_failure(&run, CAPSULE_EIO, "run /bin/true: capsule-launch failed: Invalid argument");
	launch_other(*state, &run, "\\377\\377\\377\\377\\026\\000\\000\\000");
	fixture_expect_failure(&run, CAPSULE_EIO, "run /bin/true: capsule-launch failed: Invalid argument");
	launch_other(*state, &run, "\\000"); /* not a whole message */
	fixture_expect(&run, PROCESS_EXITED, 127, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_that_it_does_not_know_are_refused),
		TEST(it_does_not_run_below_another_parent),
		TEST(descriptors_that_it_was_not_given_are_told),
		TEST(what_comes_later_is_told_through_the_pipe_where_it_is_then),
		TEST(the_pipe_closes_when_the_program_runs),
		TEST(by_hand_it_says_what_it_is),
		TEST(a_launcher_of_another_version_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
