/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a sandboxed child has when its program begins, how its end is told, and what is told when it can't begin. What it
 * sees is tested with the plans. */
#include "process/process_fixture.h"

#include "process/program.h"

#include <errno.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *const path_env[] = { "PATH=/usr/bin:/bin", NULL };

/* Run `argv` in the smallest sandbox, until it has ended. */
static void run_inside(struct fixture *fixture, struct run *run, struct process_spec *spec)
{
	struct sandbox_plan plan = fixture_plan(fixture);

	spec->sandbox = &plan;
	fixture_start(fixture, run, spec);
	spec->sandbox = NULL;
	sandbox_plan_fini(&plan);
	fixture_wait(fixture, run);
}

static void run_shell(struct fixture *fixture, struct run *run, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.env = path_env;
	run_inside(fixture, run, &spec);
}

static void run_verb(struct fixture *fixture, struct run *run, const char *verb)
{
	const char *const argv[] = { fixture->child, verb, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	run_inside(fixture, run, &spec);
}

/* hs:105: 137 for SIGKILL */
static void the_exit_status_is_told_also_of_a_signal(void **state)
{
	struct run run;

	run_shell(*state, &run, "exit 0");
	fixture_expect(&run, PROCESS_EXITED, 0, "");
	run_shell(*state, &run, "exit 1");
	fixture_expect(&run, PROCESS_EXITED, 1, "");
	run_shell(*state, &run, "exit 127");
	fixture_expect(&run, PROCESS_EXITED, 127, "");
	run_shell(*state, &run, "kill -KILL $$");
	fixture_expect(&run, PROCESS_EXITED, 137, "");
	run_shell(*state, &run, "kill -SEGV $$");
	fixture_expect(&run, PROCESS_EXITED, 139, "");
}

static void its_streams_are_its_own(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "cat; echo er >&2", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.env = path_env;
	assert_int_equal(write(fixture->ends[1], "hello", 5), 5);
	fixture_close_writing_end(fixture);
	spec.input = fixture->ends[0];
	run_inside(fixture, &run, &spec);
	assert_string_equal(run.error, "er\n");
	assert_string_equal(run.output, "hello");
	run_fini(&run);
	spec.input = -1;
	run_inside(fixture, &run, &spec);
	assert_string_equal(run.output, "");
	run_fini(&run);
}

/* mv:71: no descriptors from 3 on but those that were passed; a session and a group of its own */
static void nothing_else_is_open_and_it_leads_its_session(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "fds", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	const int fds[] = { fixture->ends[0], fixture->ends[1] };
	struct run run;
	int leaky = fcntl(fixture->ends[0], F_DUPFD, 40); /* an embedder's, not close-on-exec */

	assert_true(leaky >= 40);
	run_inside(fixture, &run, &spec);
	fixture_expect(&run, PROCESS_EXITED, 0, "0 1 2 ");
	spec.fds = fds;
	spec.fd_count = 2;
	run_inside(fixture, &run, &spec);
	fixture_expect(&run, PROCESS_EXITED, 0, "0 1 2 3 4 ");
	(void)close(leaky);
	run_verb(fixture, &run, "session");
	fixture_expect(&run, PROCESS_EXITED, 0, "1 1 0\n");
}

static void passed_descriptors_come_in_their_order(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c",
		"for fd in 3 4 5 6 7 8 9; do read x </proc/self/fd/$fd; echo $x; done", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;
	int fds[PROCESS_FDS_MAX];

	for (int i = 0; i < PROCESS_FDS_MAX; i++) {
		fds[i] = memfd_create("number", MFD_CLOEXEC);
		assert_true(dprintf(fds[i], "%d\n", i) > 0);
	}
	spec.fds = fds;
	spec.fd_count = PROCESS_FDS_MAX;
	run_inside(fixture, &run, &spec);
	fixture_expect(&run, PROCESS_EXITED, 0, "0\n1\n2\n3\n4\n5\n6\n");
	for (int i = 0; i < PROCESS_FDS_MAX; i++)
		(void)close(fds[i]);
}

/* And what it says to the loader of programs is not heard outside. */
static void the_environment_is_what_was_given_and_empty_without(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/usr/bin/env", NULL };
	const char *const env[] = { "A=1", "LD_DEBUG=", "LD_SHOW_AUXV=", "B=x=y z", "C=", NULL };
	const char *const debug[] = { "LD_DEBUG=help", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.env = env;
	run_inside(fixture, &run, &spec);
	assert_non_null(strstr(run.output, "A=1\nLD_DEBUG=\nLD_SHOW_AUXV=\nB=x=y z\nC=\n"));
	assert_int_equal(run.result.code, 0);
	run_fini(&run);
	spec.env = debug; /* the loader prints its help instead of running a program */
	run_inside(fixture, &run, &spec);
	assert_non_null(strstr(run.output, "Valid options for the LD_DEBUG"));
	run_fini(&run);
	spec.env = NULL;
	run_inside(fixture, &run, &spec);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
}

static void an_environment_that_is_too_large_is_refused_at_once(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/usr/bin/env", NULL };
	struct sandbox_plan plan = fixture_plan(fixture);
	struct process_spec spec = fixture_spec(fixture, argv);
	struct capsule_error error = { .status = CAPSULE_OK };
	struct process *process = NULL;
	char *variable = calloc(1, 1024 * 1024 + 1);
	const char *const env[] = { variable, NULL };

	assert_non_null(variable);
	memset(variable, 'x', 1024 * 1024);
	spec.env = env;
	spec.sandbox = &plan;
	assert_int_equal(process_start(&process, fixture->loop, &spec, NULL, NULL, &error), CAPSULE_ELIMIT);
	assert_non_null(strstr(error.text, "its environment is larger than 1048576 bytes"));
	sandbox_plan_fini(&plan);
	free(variable);
}

static void it_is_filtered_and_gains_no_privileges(void **state)
{
	struct run run;

	run_shell(*state, &run,
		"grep -E '^(NoNewPrivs|Seccomp|SigBlk|SigIgn|CapEff|CapBnd|CapAmb):' /proc/self/status; umask; "
		"ulimit -c");
	fixture_expect(&run, PROCESS_EXITED, 0,
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nCapEff:\t0000000000000000\n"
		"CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n0077\n0\n");
}

static void the_first_process_is_out_of_its_reach(void **state)
{
	struct run run;

	run_shell(*state, &run,
		"kill -KILL 1; kill -TERM 1; kill -STOP 1; "
		"for what in mem environ maps fd/0 fd/2 fd/6 fd/7; do cat /proc/1/$what 2>/dev/null && echo $what; "
		"readlink /proc/1/$what; done; readlink /proc/1/exe; readlink /proc/1/root; echo here");
	fixture_expect(&run, PROCESS_EXITED, 0, "here\n");
}

static void limits_are_set_inside(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c",
		"ulimit -St; ulimit -Ht; ulimit -Hv; ulimit -Hf; ulimit -Sn; ulimit -Hn; "
		"grep processes /proc/self/limits",
		NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct sandbox_plan plan = fixture_plan(fixture);
	struct run run;

	plan.limits = (struct process_limits){ .open_files = 400, .processes = 20 };
	spec.env = path_env;
	spec.sandbox = &plan;
	spec.limits = (struct process_limits){
		.cpu_ms = 2001, .memory_bytes = 100 << 20, .file_bytes = 5120, .open_files = 17
	};
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	sandbox_plan_fini(&plan);
	fixture_expect(&run, PROCESS_EXITED, 0,
		"3\n4\n102400\n10\n17\n17\nMax processes             21                   21                   processes \n");
}

static void a_program_that_is_not_there_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/usr/bin/nonexistent", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	run_inside(fixture, &run, &spec);
	fixture_expect_failure(&run, CAPSULE_ENOTFOUND,
		"run /usr/bin/nonexistent: it, and the interpreter that its first line may name, must exist: "
		"No such file or directory");
	spec.cwd = "/usr/nonexistent";
	run_inside(fixture, &run, &spec);
	fixture_expect_failure(&run, CAPSULE_ENOTFOUND,
		"run /usr/bin/nonexistent: enter its folder /usr/nonexistent: No such file or directory");
}

/* A sandbox that can't be made is no program that failed. */
static void a_sandbox_that_can_not_be_made_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct sandbox_plan plan = { .cwd = (char *)(uintptr_t) "/usr/nonexistent" };
	struct run run;

	spec.sandbox = &plan;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	assert_int_equal(run.failure.status, CAPSULE_EIO);
	assert_non_null(strstr(run.failure.text, "/usr/nonexistent"));
	run_fini(&run);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

/* A folder with `tool`, which is another file than the one that `image` was opened from. */
struct tool {
	char folder[64], path[80], other[80];
	struct program_image image;
};

static void copy_program(const char *from, const char *path)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct stat info;

	assert_int_equal(fstat(in, &info), 0);
	for (off_t done = 0; done < info.st_size;)
		assert_true(sendfile(out, in, &done, (size_t)(info.st_size - done)) > 0);
	(void)close(in);
	(void)close(out);
}

static void tool_make(struct tool *tool, const char *text)
{
	*tool = (struct tool){ .folder = "/tmp/capsule-process-XXXXXX", .image = { .fd = -1, .script_fd = -1 } };
	assert_non_null(mkdtemp(tool->folder));
	(void)snprintf(tool->path, sizeof tool->path, "%s/tool", tool->folder);
	(void)snprintf(tool->other, sizeof tool->other, "%s/other", tool->folder);
	if (text == NULL)
		copy_program("/bin/echo", tool->path);
	else
		write_file(tool->path, text, 0700);
	tool->image.fd = open(tool->path, O_RDONLY | O_CLOEXEC);
	tool->image.path = tool->path;
	if (text != NULL) {
		tool->image.script_fd = memfd_create("script", MFD_CLOEXEC);
		assert_int_equal(write(tool->image.script_fd, text, strlen(text)), strlen(text));
	}
}

static void tool_replace(const struct tool *tool)
{
	write_file(tool->other, "#!/bin/sh\necho replaced\n", 0700);
	assert_int_equal(rename(tool->other, tool->path), 0);
}

static void tool_remove(const struct tool *tool)
{
	(void)close(tool->image.fd);
	if (tool->image.script_fd >= 0)
		(void)close(tool->image.script_fd);
	(void)unlink(tool->path);
	(void)rmdir(tool->folder);
}

static void start_tool(struct fixture *fixture, struct run *run, const struct tool *tool, bool inside)
{
	const char *const argv[] = { tool->path, "opened", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct sandbox_plan plan = fixture_plan(fixture);

	assert_int_equal(sandbox_plan_show(&plan, tool->folder, false, "program", NULL), CAPSULE_OK);
	spec.image = &tool->image;
	spec.sandbox = inside ? &plan : NULL;
	fixture_start(fixture, run, &spec);
	sandbox_plan_fini(&plan);
	fixture_wait(fixture, run);
}

/* In a sandbox it is executed at its path, where it can't be written. */
static void the_file_that_was_opened_runs_or_nothing(void **state)
{
	char wanted[256];
	struct tool tool;
	struct run run;

	tool_make(&tool, NULL);
	for (int inside = 0; inside < 2; inside++) {
		start_tool(*state, &run, &tool, inside == 1);
		fixture_expect(&run, PROCESS_EXITED, 0, "opened\n");
	}
	tool_replace(&tool);
	start_tool(*state, &run, &tool, false);
	fixture_expect(&run, PROCESS_EXITED, 0, "opened\n");
	start_tool(*state, &run, &tool, true);
	(void)snprintf(wanted, sizeof wanted, "run %s: its file was replaced after it was verified; start it again: %s",
		tool.path, strerror(ESTALE));
	fixture_expect_failure(&run, CAPSULE_EIO, wanted);
	tool_remove(&tool);
}

static void of_a_script_the_copy_runs_or_nothing(void **state)
{
	char wanted[256];
	struct tool tool;
	struct run run;

	tool_make(&tool, "#!/bin/sh\necho $0 $1\n");
	(void)snprintf(wanted, sizeof wanted, "%s opened\n", tool.path);
	for (int inside = 0; inside < 2; inside++) {
		start_tool(*state, &run, &tool, inside == 1);
		fixture_expect(&run, PROCESS_EXITED, 0, wanted);
	}
	tool_replace(&tool);
	start_tool(*state, &run, &tool, true);
	fixture_expect(&run, PROCESS_EXITED, 0, wanted);
	start_tool(*state, &run, &tool, false);
	(void)snprintf(wanted, sizeof wanted, "run %s: its file was replaced after it was verified; start it again: %s",
		tool.path, strerror(ESTALE));
	fixture_expect_failure(&run, CAPSULE_EIO, wanted);
	tool_remove(&tool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_exit_status_is_told_also_of_a_signal),
		TEST(its_streams_are_its_own),
		TEST(nothing_else_is_open_and_it_leads_its_session),
		TEST(passed_descriptors_come_in_their_order),
		TEST(the_environment_is_what_was_given_and_empty_without),
		TEST(an_environment_that_is_too_large_is_refused_at_once),
		TEST(it_is_filtered_and_gains_no_privileges),
		TEST(the_first_process_is_out_of_its_reach),
		TEST(limits_are_set_inside),
		TEST(a_program_that_is_not_there_is_told),
		TEST(a_sandbox_that_can_not_be_made_is_told),
		TEST(the_file_that_was_opened_runs_or_nothing),
		TEST(of_a_script_the_copy_runs_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
