/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child has and has not when its program begins, and what is told when it can't begin. */
#include "process/process_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void no_done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	(void)user;
	(void)result;
	(void)failure;
	fail_msg("done of a child that was refused");
}

static void expect_refused(
	const struct fixture *fixture, const struct process_spec *spec, enum capsule_status status, const char *text)
{
	struct capsule_error error = { .status = CAPSULE_OK };
	struct process *process = NULL;

	assert_int_equal(process_start(&process, fixture->loop, spec, no_done, NULL, &error), status);
	assert_string_equal(error.text, text);
	assert_null(process);
	assert_false(loop_turn(fixture->loop, 0) && loop_turn(fixture->loop, 0));
}

static void the_exit_status_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_shell(fixture, &run, "exit 0");
	assert_true(process_pid(run.process) > 1);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
	fixture_start_shell(fixture, &run, "exit 255");
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 255, "");
}

static void a_signal_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_shell(fixture, &run, "kill -SEGV $$");
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_SIGNALED, SIGSEGV, "");
}

static void the_exit_status_of_the_launcher_is_free_for_programs(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_shell(fixture, &run, "exit 127");
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 127, "");
}

static void arguments_arrive_as_they_are(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "printf '<%s>' \"$@\"", "sh", "", "--", "--cpu", "a b\n*", NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "<><--><--cpu><a b\n*>");
}

static void the_environment_is_what_was_given_and_empty_without(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/usr/bin/env", NULL };
	const char *const env[] = { "A=1", "LD_PRELOAD=", "B=x=y z", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.env = env;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "A=1\nLD_PRELOAD=\nB=x=y z\n");
	spec.env = NULL;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
}

static void the_folder_is_what_was_given_and_the_root_without(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/pwd", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.cwd = "/proc/sys";
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "/proc/sys\n");
	spec.cwd = NULL;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "/\n");
}

static void input_comes_from_the_descriptor_or_from_nowhere(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/cat", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	assert_int_equal(write(fixture->ends[1], "hello", 5), 5);
	fixture_close_writing_end(fixture);
	spec.input = fixture->ends[0];
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "hello");
	spec.input = -1;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
}

/* A file in memory that contains `letter`, under a number of at least `number`. */
static int letter_file(char letter, int number)
{
	int made = memfd_create("letter", MFD_CLOEXEC), fd = fcntl(made, F_DUPFD_CLOEXEC, number);

	assert_int_equal(write(made, &letter, 1), 1);
	(void)close(made);
	assert_true(fd >= number);
	return fd;
}

static void passed_descriptors_come_in_their_order_from_3_on(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c",
		"for fd in 3 4 5 6 7 8 9 10; do od -An -c -j0 /proc/self/fd/$fd; done | tr -d ' \\n'", NULL };
	const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;
	int fds[PROCESS_FDS_MAX];

	/* Numbers that are targets of others, in all directions, one of them twice. */
	for (int i = 0; i < PROCESS_FDS_MAX; i++)
		fds[i] = letter_file((char)('h' - i), 3);
	for (int i = 0; i < PROCESS_FDS_MAX / 2; i++) {
		int other = fds[i];

		fds[i] = fds[PROCESS_FDS_MAX - 1 - i];
		fds[PROCESS_FDS_MAX - 1 - i] = other;
	}
	(void)close(fds[6]);
	fds[6] = fds[5];
	spec.fds = fds;
	spec.fd_count = PROCESS_FDS_MAX;
	spec.env = env;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "abcdeffh");
	for (int i = 0; i < PROCESS_FDS_MAX; i++)
		if (i != 6)
			(void)close(fds[i]);
}

static void nothing_else_is_open(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "fds", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	const int fds[] = { fixture->ends[0], fixture->ends[1] };
	struct run run;
	int leaky = fcntl(fixture->ends[0], F_DUPFD, 200); /* an embedder's, not close-on-exec */
	int low = fcntl(fixture->ends[0], F_DUPFD, 0);

	assert_true(leaky >= 200 && low > 2);
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "0 1 2 ");
	spec.fds = fds;
	spec.fd_count = 2;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "0 1 2 3 4 ");
	(void)close(leaky);
	(void)close(low);
}

/* Start with everything blocked and much ignored, as some programs that embed the library are. */
static void signals_are_as_in_a_fresh_process_whatever_the_embedder_does(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status", NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	sigset_t all, before;
	struct run run;

	(void)sigfillset(&all);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGRTMIN + 3, SIG_IGN);
	fixture_start(fixture, &run, &spec);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGRTMIN + 3, SIG_DFL);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	fixture_wait(fixture, &run);
	assert_non_null(strstr(run.output, "SigBlk:\t0000000000000000\n"));
	assert_non_null(strstr(run.output, "SigIgn:\t0000000000000000\n"));
	assert_int_equal(run.result.code, 0);
	run_fini(&run);
}

static void it_gains_no_privileges_and_its_files_are_its_own(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "/bin/grep NoNewPrivs /proc/self/status; umask; ulimit -c",
		NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "NoNewPrivs:\t1\n0077\n0\n");
}

static void it_leads_a_session_and_a_group_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	struct run run;
	pid_t pid;

	fixture_start_child(fixture, &run, "hold", 0);
	pid = process_pid(run.process);
	assert_int_equal(getsid(pid), pid);
	assert_int_equal(getpgid(pid), pid);
	process_kill(run.process);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

static void what_is_not_absolute_is_refused_at_once(void **state)
{
	struct fixture *fixture = *state;
	const char *argv[] = { "sh", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	expect_refused(fixture, &spec, CAPSULE_EINVAL, "start a child: `sh` must be an absolute path");
	argv[0] = "";
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "start a child: `` must be an absolute path");
	argv[0] = "/bin/sh";
	spec.cwd = "tmp";
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "start a child: `tmp` must be an absolute path");
	spec.cwd = NULL;
	spec.launcher = "capsule-launch";
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "start a child: `capsule-launch` must be an absolute path");
	spec.launcher = NULL;
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "start a child: `` must be an absolute path");
	argv[0] = NULL;
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "start a child: no program is named");
}

static void descriptors_that_can_not_be_passed_are_refused_at_once(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	int fds[PROCESS_FDS_MAX + 1] = { 999 };

	spec.fds = fds;
	spec.fd_count = 1;
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "pass descriptor 999 to a child: it is not open");
	fds[0] = -1;
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "pass descriptor -1 to a child: it is not open");
	spec.fd_count = PROCESS_FDS_MAX + 1;
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "run /bin/true: 9 descriptors to pass, more than 8");
	spec.fd_count = 0;
	spec.input = 999;
	expect_refused(fixture, &spec, CAPSULE_EINVAL, "pass descriptor 999 to a child: it is not open");
}

static void a_launcher_that_is_missing_is_told_at_once(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.launcher = "/nonexistent/capsule-launch";
	expect_refused(fixture, &spec, CAPSULE_ENOTFOUND,
		"start /nonexistent/capsule-launch (is the installation complete?): No such file or directory");
	spec.launcher = "/";
	expect_refused(fixture, &spec, CAPSULE_EIO, "start / (is the installation complete?): Permission denied");
}

static void arguments_that_are_too_long_are_told_at_once(void **state)
{
	struct fixture *fixture = *state;
	char wanted[FIXTURE_PATH + 64];
	char *argument = calloc(1, 256 * 1024);
	const char *const argv[] = { "/bin/true", argument, NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);

	assert_non_null(argument);
	memset(argument, 'x', 256 * 1024 - 1);
	(void)snprintf(wanted, sizeof wanted, "start %s for /bin/true: Argument list too long", fixture->launcher);
	expect_refused(fixture, &spec, CAPSULE_EIO, wanted);
	free(argument);
}

/* Whatever step it is that has none left. */
static void without_descriptors_nothing_is_started(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	struct process *process = NULL;
	struct rlimit before, few;
	int refused = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (rlim_t limit = 0; process == NULL && limit < 100; limit++) {
		enum capsule_status status;

		few = (struct rlimit){ .rlim_cur = limit, .rlim_max = before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		status = process_start(&process, fixture->loop, &spec, no_done, NULL, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(status, process == NULL ? CAPSULE_EIO : CAPSULE_OK);
		refused += status != CAPSULE_OK;
	}
	assert_non_null(process);
	assert_true(refused > 10);
	process_abandon(process);
}

static void expect_failure(
	const struct fixture *fixture, const struct process_spec *spec, enum capsule_status status, const char *text)
{
	struct run run;

	fixture_start(fixture, &run, spec);
	fixture_wait(fixture, &run);
	fixture_expect_failure(&run, status, text);
}

static void a_program_that_can_not_run_is_told_with_the_reason(void **state)
{
	struct fixture *fixture = *state;
	char path[] = "/tmp/capsule-process-XXXXXX", wanted[512];
	const char *argv[] = { "/nonexistent/program", NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	int fd = mkostemp(path, O_CLOEXEC);

	expect_failure(fixture, &spec, CAPSULE_ENOTFOUND,
		"run /nonexistent/program: it, and the interpreter that its first line may name, must exist: "
		"No such file or directory");
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "neither\n", 8), 8);
	argv[0] = path;
	(void)snprintf(wanted, sizeof wanted,
		"run %s: it must be an executable file in folders that this user may enter: Permission denied", path);
	expect_failure(fixture, &spec, CAPSULE_EIO, wanted);
	assert_int_equal(fchmod(fd, 0700), 0);
	(void)close(fd);
	(void)snprintf(wanted, sizeof wanted,
		"run %s: it must be a program for this machine, or a script that begins with #! and its interpreter: "
		"Exec format error",
		path);
	expect_failure(fixture, &spec, CAPSULE_EIO, wanted);
	(void)unlink(path);
}

static void a_folder_that_can_not_be_entered_is_told_with_the_reason(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.cwd = "/nonexistent";
	expect_failure(fixture, &spec, CAPSULE_ENOTFOUND,
		"run /bin/true: enter its folder /nonexistent: No such file or directory");
	spec.cwd = "/dev/null";
	expect_failure(fixture, &spec, CAPSULE_EIO, "run /bin/true: enter its folder /dev/null: Not a directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_exit_status_is_told),
		TEST(a_signal_is_told),
		TEST(the_exit_status_of_the_launcher_is_free_for_programs),
		TEST(arguments_arrive_as_they_are),
		TEST(the_environment_is_what_was_given_and_empty_without),
		TEST(the_folder_is_what_was_given_and_the_root_without),
		TEST(input_comes_from_the_descriptor_or_from_nowhere),
		TEST(passed_descriptors_come_in_their_order_from_3_on),
		TEST(nothing_else_is_open),
		TEST(signals_are_as_in_a_fresh_process_whatever_the_embedder_does),
		TEST(it_gains_no_privileges_and_its_files_are_its_own),
		TEST(it_leads_a_session_and_a_group_of_its_own),
		TEST(what_is_not_absolute_is_refused_at_once),
		TEST(descriptors_that_can_not_be_passed_are_refused_at_once),
		TEST(a_launcher_that_is_missing_is_told_at_once),
		TEST(arguments_that_are_too_long_are_told_at_once),
		TEST(without_descriptors_nothing_is_started),
		TEST(a_program_that_can_not_run_is_told_with_the_reason),
		TEST(a_folder_that_can_not_be_entered_is_told_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
