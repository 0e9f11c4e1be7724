/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/process_fixture.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sys/wait.h>

#define PATIENCE_MS 60000 /* for what comes at once unless the machine is stuck */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static void path_in(char *path, const char *variable, const char *name)
{
	const char *folder = getenv(variable);

	if (folder == NULL)
		fail_msg("%s is not set: run this test by \"meson test\"", variable);
	assert_true(snprintf(path, FIXTURE_PATH, "%s/%s", folder, name) < FIXTURE_PATH);
}

void fixture_paths(struct fixture *fixture)
{
	path_in(fixture->launcher, "CAPSULE_LIBEXEC_DIR", "capsule-launch");
	path_in(fixture->child, "CAPSULE_BUILD_DIR", "src/process/process_child");
}

int fixture_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, 0);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	loop_free(fixture->loop); /* libuv keeps two descriptors once it has had a loop */
	fixture->fds_before = count_fds();
	fixture_paths(fixture);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	assert_int_equal(pipe2(fixture->ends, O_CLOEXEC), 0);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_free(fixture->loop);
	(void)close(fixture->ends[0]);
	fixture_close_writing_end(fixture);
	assert_int_equal(count_fds(), fixture->fds_before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(fixture);
	return 0;
}

struct process_spec fixture_spec(const struct fixture *fixture, const char *const *argv)
{
	return (struct process_spec){
		.launcher = fixture->launcher,
		.argv = argv,
		.input = -1,
		.output = { .limit = 64 * 1024 },
		.error = { .limit = 64 * 1024 },
	};
}

static char *text_of(const struct buffer *buffer)
{
	char *text = text_copy(buffer_span(buffer));

	assert_non_null(text);
	return text;
}

static void done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct run *run = user;

	run->calls++;
	run->process = NULL;
	assert_true((result == NULL) != (failure == NULL));
	if (failure != NULL)
		(void)error_copy(&run->failure, failure);
	if (result == NULL)
		return;
	run->result = *result;
	run->output = text_of(&result->output);
	run->error = text_of(&result->error);
	run->result.output = run->result.error = (struct buffer){ .data = NULL };
}

void fixture_start(const struct fixture *fixture, struct run *run, const struct process_spec *spec)
{
	struct capsule_error error = { .status = CAPSULE_OK };

	*run = (struct run){ .calls = 0 };
	if (process_start(&run->process, fixture->loop, spec, done, run, &error) != CAPSULE_OK)
		fail_msg("%s", error.text);
	assert_int_equal(run->calls, 0);
}

void fixture_start_child(const struct fixture *fixture, struct run *run, const char *verb, uint64_t grace_ms)
{
	const char *const argv[] = { fixture->child, verb, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	spec.grace_ms = grace_ms;
	fixture_start(fixture, run, &spec);
}

struct sandbox_plan fixture_plan(const struct fixture *fixture)
{
	struct sandbox_plan plan = { .count = 0 };
	struct capsule_error error = { .status = CAPSULE_OK };

	if (sandbox_plan_show(&plan, fixture->child, false, "program", &error) != CAPSULE_OK)
		fail_msg("%s", error.text);
	return plan;
}

void fixture_start_inside(const struct fixture *fixture, struct run *run, const struct sandbox_plan *plan,
	const char *verb, uint64_t grace_ms)
{
	const char *const argv[] = { fixture->child, verb, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.sandbox = plan;
	spec.fds = &fixture->ends[1];
	spec.fd_count = 1;
	spec.grace_ms = grace_ms;
	fixture_start(fixture, run, &spec);
}

void fixture_start_shell(const struct fixture *fixture, struct run *run, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);

	fixture_start(fixture, run, &spec);
}

void fixture_wait(const struct fixture *fixture, struct run *run)
{
	int64_t end = clock_monotonic_ns(&clock_system) + PATIENCE_MS * NS_PER_MS;

	while (run->calls == 0 && clock_monotonic_ns(&clock_system) < end)
		(void)loop_turn(fixture->loop, PATIENCE_MS);
	assert_int_equal(run->calls, 1);
}

void fixture_advance(struct fixture *fixture, int64_t ms)
{
	clock_manual_advance(&fixture->clock, ms * NS_PER_MS);
	(void)loop_turn(fixture->loop, 0);
}

char fixture_hear(const struct fixture *fixture)
{
	struct pollfd ready = { .fd = fixture->ends[0], .events = POLLIN };
	char letter = 0;

	assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
	assert_true(read(fixture->ends[0], &letter, 1) >= 0);
	return letter;
}

void fixture_close_writing_end(struct fixture *fixture)
{
	if (fixture->ends[1] >= 0)
		(void)close(fixture->ends[1]);
	fixture->ends[1] = -1;
}

void run_fini(struct run *run)
{
	free(run->output);
	free(run->error);
	run->output = run->error = NULL;
}

void fixture_expect(struct run *run, enum process_end end, int code, const char *output)
{
	if (run->failure.status != CAPSULE_OK)
		fail_msg("%s", run->failure.text);
	assert_string_equal(run->error, "");
	assert_string_equal(run->output, output);
	assert_int_equal(run->result.end, end);
	assert_int_equal(run->result.code, code);
	run_fini(run);
}

void fixture_expect_failure(struct run *run, enum capsule_status status, const char *text)
{
	assert_string_equal(run->failure.text, text);
	assert_int_equal(run->failure.status, status);
	run_fini(run);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	(void)walk;
	return remove(path);
}

void fixture_remove_folder(const char *path)
{
	assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}
