/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How sandboxed children end: politely, at once, with what they started, and with this program at every stage of their
 * start. The pipe that each of them has as descriptor 3 tells when all that hold it are gone. */
#include "process/process_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define RUNTIME_FD 100
#define RUNTIME_S 300
#define STAGES 40
#define STAGE_NS 400000 /* so that the last ones are killed when the program runs */

static void hear_ready(const struct fixture *fixture, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(fixture_hear(fixture), 'r');
}

static void start(struct fixture *fixture, struct run *run, const char *verb, uint64_t grace_ms)
{
	struct sandbox_plan plan = fixture_plan(fixture);

	fixture_start_inside(fixture, run, &plan, verb, grace_ms);
	sandbox_plan_fini(&plan);
}

static void the_polite_signal_comes_to_the_program_and_not_to_its_sandbox(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start(fixture, &run, "stubborn", 1000);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 1);
	process_kill(run.process);
	assert_int_equal(fixture_hear(fixture), 't');
	fixture_advance(fixture, 999);
	assert_int_equal(run.calls, 0);
	fixture_advance(fixture, 1);
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

/* Two generations ignore it, the third does not: when that one is gone, so are they. */
static void its_group_gets_it_too(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start(fixture, &run, "tree", 60000);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 3);
	process_kill(run.process);
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

static void another_signal_and_the_shorter_time(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	for (int sandboxed = 0; sandboxed < 2; sandboxed++) {
		if (sandboxed == 1)
			start(fixture, &run, "stubborn", 0);
		else
			fixture_start_child(fixture, &run, "stubborn", 0);
		hear_ready(fixture, 1);
		process_end(run.process, SIGTERM, 5000);
		assert_int_equal(fixture_hear(fixture), 't');
		process_end(run.process, SIGTERM, 9000);
		fixture_advance(fixture, 4000);
		assert_int_equal(run.calls, 0);
		process_end(run.process, SIGTERM, 500);
		process_kill(run.process); /* it is being ended already */
		fixture_advance(fixture, 499);
		assert_int_equal(run.calls, 0);
		fixture_advance(fixture, 1);
		fixture_wait(fixture, &run);
		fixture_expect(&run, PROCESS_KILLED, 0, "");
		start(fixture, &run, "stubborn", 0);
		hear_ready(fixture, 1);
		process_end(run.process, SIGINT, 5000); /* which it does not expect */
		fixture_wait(fixture, &run);
		fixture_expect(&run, PROCESS_KILLED, 0, "");
	}
}

/* mv:133: deaf to the end of its input and to SIGTERM, it is gone after the grace time, and its grandchildren too */
static void the_deaf_and_what_they_forked_off_are_gone_with_the_grace_time(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start(fixture, &run, "daemons", 4000);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 4);
	process_kill(run.process);
	fixture_advance(fixture, 4000);
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
}

static void what_it_leaves_behind_is_gone_when_it_has_ended(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "leave", NULL };
	struct sandbox_plan plan = fixture_plan(fixture);
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;
	int input[2];

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	spec.sandbox = &plan;
	spec.input = input[0];
	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	fixture_start(fixture, &run, &spec);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 1);
	assert_int_equal(write(input[1], "x", 1), 1);
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_EXITED, 6, "x");
	(void)close(input[0]);
	(void)close(input[1]);
	sandbox_plan_fini(&plan);
}

static void one_that_closes_its_output_is_waited_for(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "mute", NULL };
	struct sandbox_plan plan = fixture_plan(fixture);
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;
	int input[2];

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	spec.sandbox = &plan;
	spec.input = input[0];
	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	fixture_start(fixture, &run, &spec);
	hear_ready(fixture, 1);
	(void)loop_turn(fixture->loop, 0); /* its end of the pipes is closed: nobody in the sandbox holds them open */
	assert_int_equal(run.calls, 0);
	(void)close(input[1]);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 7, "");
	(void)close(input[0]);
	sandbox_plan_fini(&plan);
}

static void the_deadline_ends_it(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "hold", NULL };
	struct sandbox_plan plan = fixture_plan(fixture);
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.sandbox = &plan;
	spec.wall_ms = 100;
	spec.grace_ms = 100;
	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	fixture_start(fixture, &run, &spec);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 1);
	fixture_advance(fixture, 100);
	fixture_wait(fixture, &run);
	assert_int_equal(fixture_hear(fixture), 0);
	fixture_expect(&run, PROCESS_TIMEOUT, 0, "");
	sandbox_plan_fini(&plan);
}

/* Whatever it is at then. */
static void ended_while_it_is_being_made_nothing_is_left(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	for (uint64_t grace_ms = 0; grace_ms < 2; grace_ms++)
		for (int stage = 0; stage < STAGES; stage++) {
			struct timespec time = { .tv_nsec = stage * STAGE_NS };
			struct pollfd said = { .fd = fixture->ends[0], .events = POLLIN };

			start(fixture, &run, "hold", grace_ms);
			(void)ppoll(&said, 1, &time, NULL);
			process_kill(run.process);
			fixture_advance(fixture, 1);
			fixture_wait(fixture, &run);
			fixture_expect(&run, PROCESS_KILLED, 0, "");
			if (poll(&said, 1, 0) == 1)
				hear_ready(fixture, 1);
		}
	fixture_close_writing_end(fixture);
	assert_int_equal(fixture_hear(fixture), 0);
}

static void abandoned_and_left_to_the_loop_they_are_gone(void **state)
{
	struct fixture *fixture = *state;
	struct run runs[4];

	for (int i = 0; i < 4; i++)
		start(fixture, &runs[i], "daemons", 60000);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 16);
	process_abandon(runs[0].process);
	process_kill(runs[1].process);
	process_abandon(runs[1].process);
	process_kill(runs[2].process);
	loop_free(fixture->loop);
	fixture->loop = NULL;
	assert_int_equal(fixture_hear(fixture), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(runs[i].calls, 0);
}

struct starter {
	struct fixture *fixture;
	struct run run;
};

static void *start_it(void *user)
{
	struct starter *starter = user;

	start(starter->fixture, &starter->run, "stubborn", 1000);
	hear_ready(starter->fixture, 1);
	return NULL;
}

/* hs:132: a loop may be handed over to another thread, and the one that started the child may end. */
static void it_outlives_the_thread_that_started_it(void **state)
{
	struct starter starter = { .fixture = *state };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, start_it, &starter), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	fixture_close_writing_end(starter.fixture);
	(void)loop_turn(starter.fixture->loop, 0);
	assert_int_equal(starter.run.calls, 0);
	process_kill(starter.run.process);
	assert_int_equal(fixture_hear(starter.fixture), 't'); /* it can still answer */
	fixture_advance(starter.fixture, 1000);
	fixture_wait(starter.fixture, &starter.run);
	assert_int_equal(fixture_hear(starter.fixture), 0);
	fixture_expect(&starter.run, PROCESS_KILLED, 0, "");
}

static void many_sandboxes_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct run runs[12];

	for (int i = 0; i < 12; i++)
		start(fixture, &runs[i], i % 2 == 0 ? "session" : "daemons", 0);
	fixture_close_writing_end(fixture);
	hear_ready(fixture, 24);
	for (int i = 0; i < 12; i++) {
		if (i % 2 == 1)
			process_kill(runs[i].process);
		fixture_wait(fixture, &runs[i]);
		fixture_expect(&runs[i], i % 2 == 0 ? PROCESS_EXITED : PROCESS_KILLED, 0, i % 2 == 0 ? "1 1 0\n" : "");
	}
	assert_int_equal(fixture_hear(fixture), 0);
}

/* This program once more, with the writing end as RUNTIME_FD, in a group of its own. */
static pid_t start_runtime(const struct fixture *fixture, const char *what)
{
	char *const argv[] = { "sandboxed_end_test", (char *)(uintptr_t)what, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fixture->ends[1], RUNTIME_FD), 0);
	assert_int_equal(posix_spawnattr_init(&attributes), 0);
	assert_int_equal(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP), 0);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ), 0);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void kill_runtime(pid_t runtime)
{
	int status;

	assert_int_equal(kill(runtime, SIGKILL), 0);
	assert_int_equal(waitpid(runtime, &status, 0), runtime);
	assert_true(WIFSIGNALED(status));
}

static void ignore_done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	(void)user;
	(void)result;
	(void)failure;
}

/* Start a sandboxed child, tell so, and look after it for ever. `fork` leaves a copy of this process behind that goes on. */
static int be_runtime(bool forks)
{
	static const int fd = RUNTIME_FD;
	struct fixture fixture = { .loop = NULL };
	const char *const argv[] = { fixture.child, "daemons", NULL };
	struct process_spec spec = fixture_spec(&fixture, argv);
	struct sandbox_plan plan;
	struct process *process;

	fixture_paths(&fixture);
	plan = fixture_plan(&fixture);
	spec.sandbox = &plan;
	spec.fds = &fd;
	spec.fd_count = 1;
	if (loop_new(&fixture.loop, &clock_system, NULL) != CAPSULE_OK || write(fd, "s", 1) != 1 ||
		process_start(&process, fixture.loop, &spec, ignore_done, NULL, NULL) != CAPSULE_OK)
		return 1;
	if (forks && fork() == 0) {
		(void)close(fd); /* what it holds beside is the library's end of all that it has with the child */
		(void)alarm(RUNTIME_S);
		for (;;)
			(void)pause();
	}
	while (loop_turn(fixture.loop, -1))
		continue;
	return 1;
}

/* Killed at each of many moments after it began to start the child. */
static void they_end_with_this_program_at_every_stage(void **state)
{
	struct fixture *fixture = *state;

	for (int stage = 0; stage < STAGES; stage++) {
		pid_t runtime = start_runtime(fixture, "runtime");
		struct timespec time = { .tv_nsec = stage * STAGE_NS };
		int said = 0;

		assert_int_equal(fixture_hear(fixture), 's');
		(void)ppoll(NULL, 0, &time, NULL);
		kill_runtime(runtime);
		(void)close(fixture->ends[1]);
		while (fixture_hear(fixture) != 0) /* until nobody is left who could say anything */
			said++;
		assert_true(said <= 4);
		(void)close(fixture->ends[0]);
		assert_int_equal(pipe2(fixture->ends, O_CLOEXEC), 0);
	}
}

static void they_end_with_this_program_when_they_are_set_up(void **state)
{
	struct fixture *fixture = *state;
	pid_t runtime = start_runtime(fixture, "runtime");

	fixture_close_writing_end(fixture);
	assert_int_equal(fixture_hear(fixture), 's');
	hear_ready(fixture, 4);
	kill_runtime(runtime);
	assert_int_equal(fixture_hear(fixture), 0);
}

/* As programs do that embed the library and use fork() for workers: these have its descriptors. */
static void they_end_although_a_copy_of_this_program_lives_on(void **state)
{
	struct fixture *fixture = *state;
	pid_t runtime;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	runtime = start_runtime(fixture, "forks");
	fixture_close_writing_end(fixture);
	assert_int_equal(fixture_hear(fixture), 's');
	hear_ready(fixture, 4);
	kill_runtime(runtime);
	assert_int_equal(fixture_hear(fixture), 0);
	assert_int_equal(kill(-runtime, SIGKILL), 0);
	assert_true(waitpid(-runtime, NULL, 0) > 0);
	while (waitpid(-1, NULL, 0) > 0) /* what the sandbox was made with is ours now */
		continue;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* As nobody, since the kernel holds root to no number. Writes what the child wrote to RUNTIME_FD. */
static int be_bomber(void)
{
	struct fixture fixture = { .loop = NULL };
	const char *const argv[] = { fixture.child, "bomb", NULL };
	struct process_spec spec = fixture_spec(&fixture, argv);
	struct sandbox_plan plan;
	struct run run;
	int said;

	fixture_paths(&fixture);
	plan = fixture_plan(&fixture);
	spec.sandbox = &plan;
	spec.limits.processes = 20;
	if (geteuid() == 0 &&
		(setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
		return 1;
	if (loop_new(&fixture.loop, &clock_system, NULL) != CAPSULE_OK)
		return 1;
	fixture_start(&fixture, &run, &spec);
	fixture_wait(&fixture, &run);
	said = dprintf(RUNTIME_FD, "%s", run.output == NULL ? run.failure.text : run.output);
	run_fini(&run);
	loop_free(fixture.loop);
	sandbox_plan_fini(&plan);
	return said < 0;
}

static void forks_without_end_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	pid_t runtime = start_runtime(fixture, "bomber");
	char text[256] = "";
	int status;

	fixture_close_writing_end(fixture); /* the end is heard although it may have said nothing */
	for (size_t i = 0; i + 1 < sizeof text && (text[i] = fixture_hear(fixture)) != 0; i++)
		continue;
	assert_int_equal(waitpid(runtime, &status, 0), runtime);
	assert_string_equal(text, "19 1\n"); /* and the program itself */
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_polite_signal_comes_to_the_program_and_not_to_its_sandbox),
		TEST(its_group_gets_it_too),
		TEST(another_signal_and_the_shorter_time),
		TEST(the_deaf_and_what_they_forked_off_are_gone_with_the_grace_time),
		TEST(what_it_leaves_behind_is_gone_when_it_has_ended),
		TEST(one_that_closes_its_output_is_waited_for),
		TEST(the_deadline_ends_it),
		TEST(ended_while_it_is_being_made_nothing_is_left),
		TEST(abandoned_and_left_to_the_loop_they_are_gone),
		TEST(it_outlives_the_thread_that_started_it),
		TEST(many_sandboxes_at_once),
		TEST(they_end_with_this_program_at_every_stage),
		TEST(they_end_with_this_program_when_they_are_set_up),
		TEST(they_end_although_a_copy_of_this_program_lives_on),
		TEST(forks_without_end_are_bounded),
	};

	if (argc == 2) /* should the test not be there any more to end it */
		(void)alarm(RUNTIME_S);
	if (argc == 2 && strcmp(argv[1], "bomber") == 0)
		return be_bomber();
	if (argc == 2)
		return be_runtime(strcmp(argv[1], "forks") == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
