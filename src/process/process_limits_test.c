/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Limits of a child: those that the kernel keeps, and how much of its output is kept. */
#include "process/process_fixture.h"

#include <signal.h>
#include <sys/resource.h>

static const char *const path_env[] = { "PATH=/usr/bin:/bin", NULL };

static void start_limited(
	const struct fixture *fixture, struct run *run, const char *script, const struct process_limits *limits)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.env = path_env;
	spec.limits = *limits;
	fixture_start(fixture, run, &spec);
	fixture_wait(fixture, run);
}

static void limits_are_set_in_their_units(void **state)
{
	struct fixture *fixture = *state;
	const struct process_limits limits = {
		.cpu_ms = 2001, .memory_bytes = 100 << 20, .file_bytes = 5120, .open_files = 17
	};
	struct run run;

	/* In this order: seconds soft and hard, KiB, blocks of 512 bytes, descriptors soft and hard. */
	start_limited(fixture, &run, "ulimit -St; ulimit -Ht; ulimit -Hv; ulimit -Hf; ulimit -Sn; ulimit -Hn", &limits);
	fixture_expect(&run, PROCESS_EXITED, 0, "3\n4\n102400\n10\n17\n17\n");
}

static void what_is_not_limited_is_as_here(void **state)
{
	struct fixture *fixture = *state;
	const struct process_limits none = { .cpu_ms = 0 };
	struct rlimit files;
	char wanted[128];
	struct run run;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	(void)snprintf(wanted, sizeof wanted, "unlimited\nunlimited\nunlimited\n%ju\n", (uintmax_t)files.rlim_cur);
	start_limited(fixture, &run, "ulimit -t; ulimit -v; ulimit -f; ulimit -n", &none);
	fixture_expect(&run, PROCESS_EXITED, 0, wanted);
}

static void a_limit_that_is_above_ours_is_ours(void **state)
{
	struct fixture *fixture = *state;
	const struct process_limits limits = { .open_files = 100, .cpu_ms = UINT64_MAX };
	struct rlimit before, lower;
	struct run run;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	lower = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
	start_limited(fixture, &run, "ulimit -Sn; ulimit -Hn", &limits);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	fixture_expect(&run, PROCESS_EXITED, 0, "64\n100\n");
}

static void too_much_processor_time_ends_it(void **state)
{
	struct fixture *fixture = *state;
	const struct process_limits limits = { .cpu_ms = 1 };
	struct run run;

	start_limited(fixture, &run, "while :; do :; done", &limits);
	assert_true(run.result.cpu_ns > NS_PER_S / 4); /* the limit counts in ticks, which a busy machine gives away */
	fixture_expect(&run, PROCESS_SIGNALED, SIGXCPU, "");
}

static void memory_beyond_the_limit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { fixture->child, "allocate", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
	spec.limits.memory_bytes = 32 << 20;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 9, "");
}

static void a_file_beyond_the_limit_ends_it(void **state)
{
	struct fixture *fixture = *state;
	const struct process_limits limits = { .file_bytes = 4096 };
	char path[] = "/tmp/capsule-process-XXXXXX", script[128];
	struct run run;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)snprintf(script, sizeof script, "exec head -c 4097 /dev/zero >%s", path);
	start_limited(fixture, &run, script, &limits);
	assert_int_equal(lseek(fd, 0, SEEK_END), 4096);
	(void)close(fd);
	(void)unlink(path);
	fixture_expect(&run, PROCESS_SIGNALED, SIGXFSZ, "");
}

/* Two streams of different lengths. */
static void start_flood(const struct fixture *fixture, struct run *run, size_t limit)
{
	const char *const argv[] = { "/bin/sh", "-c",
		"yes abcdefg | head -c 3000000; yes 1234567 | head -c 2000001 >&2", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.env = path_env;
	spec.output.limit = spec.error.limit = limit;
	fixture_start(fixture, run, &spec);
	fixture_wait(fixture, run);
	assert_int_equal(run->result.end, PROCESS_EXITED);
	assert_int_equal(run->result.code, 0);
	assert_int_equal(run->result.output_bytes, 3000000);
	assert_int_equal(run->result.error_bytes, 2000001);
}

static void output_beyond_the_limit_is_counted_and_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start_flood(fixture, &run, 19);
	assert_string_equal(run.output, "abcdefg\nabcdefg\nabc");
	assert_string_equal(run.error, "1234567\n1234567\n123");
	run_fini(&run);
	start_flood(fixture, &run, 0);
	assert_string_equal(run.output, "");
	run_fini(&run);
}

static void output_within_the_limit_is_kept_whole(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	start_flood(fixture, &run, 3000000);
	assert_int_equal(strlen(run.output), 3000000);
	assert_int_equal(strlen(run.error), 2000001);
	for (size_t i = 0; i < 3000000; i++)
		assert_true(run.output[i] == "abcdefg\n"[i % 8]);
	run_fini(&run);
}

static void a_limit_without_bound_is_one(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/echo", "x", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.output.limit = spec.error.limit = SIZE_MAX;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "x\n");
}

static void output_is_raw_bytes(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_shell(fixture, &run, "printf 'a\\000\\377b'");
	fixture_wait(fixture, &run);
	assert_int_equal(run.result.output_bytes, 4);
	fixture_expect(&run, PROCESS_EXITED, 0, "a"); /* as text it ends there */
}

static void a_child_that_closes_its_output_goes_on(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	fixture_start_shell(fixture, &run, "echo x; exec >&- 2>&-; read line; exit 4");
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 4, "x\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(limits_are_set_in_their_units),
		TEST(what_is_not_limited_is_as_here),
		TEST(a_limit_that_is_above_ours_is_ours),
		TEST(too_much_processor_time_ends_it),
		TEST(memory_beyond_the_limit_is_refused),
		TEST(a_file_beyond_the_limit_ends_it),
		TEST(output_beyond_the_limit_is_counted_and_dropped),
		TEST(output_within_the_limit_is_kept_whole),
		TEST(a_limit_without_bound_is_one),
		TEST(output_is_raw_bytes),
		TEST(a_child_that_closes_its_output_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
