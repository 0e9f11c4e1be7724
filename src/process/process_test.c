/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How children end: by themselves, by their deadline, by us, with the loop, with this program; and who else ends with them.
 * For the last case this program starts itself again, as `runtime DESCRIPTOR`. */
#include "process/process_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#define RUNTIME_FD 50

static void start_with_deadline(const struct fixture *fixture, struct run *run, const char *verb)
{
	const char *const argv[] = { fixture->child, verb, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	spec.wall_ms = 1000;
	spec.grace_ms = 200;
	fixture_start(fixture, run, &spec);
	assert_int_equal(fixture_hear(fixture), 'r');
}

static void the_deadline_ends_it_and_no_earlier(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start_with_deadline(fixture, &run, "hold");
	fixture_advance(fixture, 999);
	assert_int_equal(kill(process_pid(run.process), 0), 0);
	assert_int_equal(run.calls, 0);
	fixture_advance(fixture, 1);
	fixture_wait(fixture, &run); /* SIGTERM is enough: the clock stands still */
	fixture_expect(&run, PROCESS_TIMEOUT, 0, "");
}

static void sigterm_comes_first_and_sigkill_after_the_grace_time(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start_with_deadline(fixture, &run, "stubborn");
	fixture_advance(fixture, 1000);
	assert_int_equal(fixture_hear(fixture), 't');
	fixture_advance(fixture, 199);
	process_kill(run.process); /* it is being ended already */
	fixture_advance(fixture, 0);
	assert_int_equal(kill(process_pid(run.process), 0), 0);
	assert_int_equal(run.calls, 0);
	fixture_advance(fixture, 1);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_TIMEOUT, 0, "");
}

static void without_grace_time_it_is_killed_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_child(fixture, &run, "stubborn", 0);
	fixture_close_writing_end(fixture);
	assert_int_equal(fixture_hear(fixture), 'r');
	process_kill(run.process);
	assert_int_equal(run.calls, 0); /* never from inside */
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0); /* it got no SIGTERM to tell of */
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

static void a_deadline_that_was_kept_does_nothing(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.wall_ms = UINT64_MAX; /* more than the clock can tell */
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
	fixture_advance(fixture, 1000);
	assert_int_equal(run.calls, 1);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
}

static void output_until_the_end_is_kept_when_it_is_killed(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "echo begun; echo x >&3; while :; do read line <&0; done", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	spec.grace_ms = 1000;
	fixture_start(fixture, &run, &spec);
	assert_int_equal(fixture_hear(fixture), 'x');
	process_kill(run.process);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_KILLED, 0, "begun\n");
}

/* Hear `count` of them begin. */
static void hear_ready(const struct fixture *fixture, int count)
{
	while (count-- > 0)
		assert_int_equal(fixture_hear(fixture), 'r');
}

static void its_whole_group_dies_with_it(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_child(fixture, &run, "tree", 1000);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 3);
	process_kill(run.process); /* SIGTERM ends the first of them alone, and that what is left of the group */
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

static void what_it_leaves_behind_in_its_group_dies_when_it_ends(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_child(fixture, &run, "orphan", 0);
	fixture_close_writing_end(fixture);
	fixture_wait(fixture, &run);       /* although the orphan holds the pipes open */
	while (fixture_hear(fixture) != 0) /* it may have been killed before it said anything */
		continue;
	fixture_expect(&run, PROCESS_EXITED, 5, "");
}

static void a_grandchild_that_holds_the_pipes_open_ends_nobodys_wait(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "runaway", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;
	int input[2];

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	spec.input = input[0];
	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	fixture_start(fixture, &run, &spec);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 1); /* it has a session of its own now */
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 5, "");
	(void)close(input[0]);
	(void)close(input[1]);
	assert_int_equal(fixture_hear(fixture), 0); /* and lives until its input ends */
}

static void abandoned_it_is_killed_and_reaped_in_silence(void **state)
{
	struct fixture *fixture = *state;
	struct run run;
	pid_t pid;

	fixture_start_child(fixture, &run, "tree", 1000);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 3);
	pid = process_pid(run.process);
	process_abandon(run.process);
	process_abandon(NULL);
	assert_int_equal(fixture_hear(fixture), 0);
	while (loop_turn(fixture->loop, 10000))
		continue;
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* not even a zombie */
	assert_int_equal(run.calls, 0);
}

static void abandoned_while_it_is_being_ended_it_does_not_get_its_grace_time(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_child(fixture, &run, "stubborn", 1000);
	hear_ready(fixture, 1);
	process_kill(run.process);
	assert_int_equal(fixture_hear(fixture), 't');
	process_abandon(run.process);
	while (loop_turn(fixture->loop, 10000))
		continue;
	assert_int_equal(run.calls, 0);
}

static void children_end_and_are_reaped_with_the_loop(void **state)
{
	struct fixture *fixture = *state;
	struct run runs[5];

	for (int i = 0; i < 5; i++) {
		fixture_start_child(fixture, &runs[i], i == 2 ? "tree" : "stubborn", 1000);
		hear_ready(fixture, i == 2 ? 3 : 1);
	}
	fixture_close_writing_end(fixture);
	process_kill(runs[0].process);
	assert_int_equal(fixture_hear(fixture), 't');
	process_abandon(runs[1].process);
	loop_free(fixture->loop);
	fixture->loop = NULL;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left, not even as a zombie */
	assert_int_equal(fixture_hear(fixture), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(runs[i].calls, 0);
}

static void many_run_at_once(void **state)
{
	struct fixture *fixture = *state;
	static struct run runs[64];
	char script[64], wanted[16];

	for (int i = 0; i < 64; i++) {
		(void)snprintf(script, sizeof script, "echo %d; exit %d", i, i);
		fixture_start_shell(fixture, &runs[i], script);
	}
	for (int i = 63; i >= 0; i--) {
		(void)snprintf(wanted, sizeof wanted, "%d\n", i);
		fixture_wait(fixture, &runs[i]);
		fixture_expect(&runs[i], PROCESS_EXITED, i, wanted);
	}
}

/* A done that starts the next one. */
struct chain {
	const struct fixture *fixture;
	struct process *process;
	int left;
};

static void next_link(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct chain *chain = user;
	const char *const argv[] = { "/bin/true", NULL };
	const struct process_spec spec = fixture_spec(chain->fixture, argv);

	assert_null(failure);
	assert_int_equal(result->end, PROCESS_EXITED);
	assert_int_equal(result->code, 0);
	if (--chain->left > 0)
		assert_int_equal(process_start(&chain->process, chain->fixture->loop, &spec, next_link, chain, NULL),
			CAPSULE_OK);
}

static void done_may_start_another(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	struct chain chain = { .fixture = fixture, .left = 3 };

	assert_int_equal(process_start(&chain.process, fixture->loop, &spec, next_link, &chain, NULL), CAPSULE_OK);
	while (loop_turn(fixture->loop, 10000))
		continue;
	assert_int_equal(chain.left, 0);
}

static void another_poll_loop_is_woken_by_its_end(void **state)
{
	struct fixture *fixture = *state;
	struct pollfd outside = { .fd = loop_fd(fixture->loop), .events = POLLIN };
	struct run run;

	fixture_start_shell(fixture, &run, "echo x");
	for (int turns = 0; run.calls == 0 && turns < 1000; turns++) {
		int wait_ms = loop_timeout_ms(fixture->loop);

		assert_true(wait_ms != 0 || turns < 999);
		assert_true(poll(&outside, 1, wait_ms < 0 ? 10000 : wait_ms) > 0 || wait_ms == 0);
		(void)loop_turn(fixture->loop, 0);
	}
	fixture_expect(&run, PROCESS_EXITED, 0, "x\n");
}

static void children_of_the_embedder_are_left_alone(void **state)
{
	struct fixture *fixture = *state;
	char *const argv[] = { "sh", "-c", "exit 7", NULL };
	siginfo_t info;
	struct run run;
	int status;
	pid_t pid;

	assert_int_equal(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, NULL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* a zombie already */
	fixture_start_shell(fixture, &run, "exit 1");
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 1, "");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void an_exit_status_that_somebody_took_is_a_failure(void **state)
{
	struct fixture *fixture = *state;
	struct run run;
	char wanted[FIXTURE_PATH + 256];

	(void)snprintf(wanted, sizeof wanted,
		"run %s: its exit status is lost: this process ignores SIGCHLD or waits for any child; it must do neither",
		fixture->child);
	(void)signal(SIGCHLD, SIG_IGN);
	fixture_start_child(fixture, &run, "hold", 0);
	hear_ready(fixture, 1);
	assert_int_equal(kill(process_pid(run.process), SIGINT), 0);
	fixture_wait(fixture, &run);
	(void)signal(SIGCHLD, SIG_DFL);
	fixture_expect_failure(&run, CAPSULE_ESTATE, wanted);
	fixture_start_child(fixture, &run, "hold", 0);
	hear_ready(fixture, 1);
	assert_int_equal(kill(process_pid(run.process), SIGINT), 0);
	assert_int_equal(waitpid(-1, NULL, 0), process_pid(run.process));
	fixture_wait(fixture, &run);
	fixture_expect_failure(&run, CAPSULE_ESTATE, wanted);
}

static void what_we_ended_is_told_although_its_status_is_lost(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	(void)signal(SIGCHLD, SIG_IGN);
	fixture_start_child(fixture, &run, "tree", 0);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 3);
	process_kill(run.process);
	fixture_wait(fixture, &run);
	(void)signal(SIGCHLD, SIG_DFL);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

/* This program once more, with the writing end as RUNTIME_FD. */
static pid_t start_runtime(const struct fixture *fixture)
{
	char number[16];
	char *const argv[] = { "process_test", "runtime", number, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	(void)snprintf(number, sizeof number, "%d", RUNTIME_FD);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fixture->ends[1], RUNTIME_FD), 0);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void ignore_done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	(void)user;
	(void)result;
	(void)failure;
}

/* Start a child that ignores SIGTERM and look after it for ever. */
static int be_runtime(int fd)
{
	struct fixture fixture = { .loop = NULL };
	const char *const argv[] = { fixture.child, "stubborn", NULL };
	struct process_spec spec = fixture_spec(&fixture, argv);
	struct process *process;

	fixture_paths(&fixture);
	spec.fds = &fd;
	spec.fd_count = 1;
	if (loop_new(&fixture.loop, &clock_system, NULL) != CAPSULE_OK ||
		process_start(&process, fixture.loop, &spec, ignore_done, NULL, NULL) != CAPSULE_OK)
		return 1;
	while (loop_turn(fixture.loop, -1))
		continue;
	return 1;
}

static void it_dies_with_this_program(void **state)
{
	struct fixture *fixture = *state;
	pid_t runtime = start_runtime(fixture);
	int status;

	fixture_close_writing_end(fixture);
	hear_ready(fixture, 1);
	assert_int_equal(kill(runtime, SIGKILL), 0);
	assert_int_equal(waitpid(runtime, &status, 0), runtime);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(fixture_hear(fixture), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_deadline_ends_it_and_no_earlier),
		TEST(sigterm_comes_first_and_sigkill_after_the_grace_time),
		TEST(without_grace_time_it_is_killed_at_once),
		TEST(a_deadline_that_was_kept_does_nothing),
		TEST(output_until_the_end_is_kept_when_it_is_killed),
		TEST(its_whole_group_dies_with_it),
		TEST(what_it_leaves_behind_in_its_group_dies_when_it_ends),
		TEST(a_grandchild_that_holds_the_pipes_open_ends_nobodys_wait),
		TEST(abandoned_it_is_killed_and_reaped_in_silence),
		TEST(abandoned_while_it_is_being_ended_it_does_not_get_its_grace_time),
		TEST(children_end_and_are_reaped_with_the_loop),
		TEST(many_run_at_once),
		TEST(done_may_start_another),
		TEST(another_poll_loop_is_woken_by_its_end),
		TEST(children_of_the_embedder_are_left_alone),
		TEST(an_exit_status_that_somebody_took_is_a_failure),
		TEST(what_we_ended_is_told_although_its_status_is_lost),
		TEST(it_dies_with_this_program),
	};

	if (argc == 3 && strcmp(argv[1], "runtime") == 0)
		return be_runtime((int)strtol(argv[2], NULL, 10));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
