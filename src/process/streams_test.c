/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of what a child writes: the first bytes, the last ones, somebody else's; and taken while it runs. */
#include "process/process_fixture.h"

static const char *const path_env[] = { "PATH=/usr/bin:/bin", NULL };

/* A shell that reads commands for as long as the pipe has some, its output kept as `keep`. */
static struct process_spec shell_spec(const struct fixture *fixture, enum process_keep keep, size_t limit)
{
	static const char *const argv[] = { "/bin/sh", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);

	spec.env = path_env;
	spec.input = fixture->ends[0];
	spec.output = (struct process_stream){ .keep = keep, .limit = limit };
	return spec;
}

static void tell(const struct fixture *fixture, const char *command)
{
	assert_int_equal(write(fixture->ends[1], command, strlen(command)), strlen(command));
}

static void hear(void *user, struct span bytes)
{
	struct run *run = user;

	run->heard += bytes.len;
	if (bytes.len > run->most_heard)
		run->most_heard = bytes.len;
}

/* Turn until so many bytes were heard. */
static void wait_for(const struct fixture *fixture, const struct run *run, size_t count)
{
	while (run->heard < count)
		assert_true(loop_turn(fixture->loop, 60000));
	assert_int_equal(run->heard, count);
}

static void expect_taken(struct run *run, const char *text, uint64_t lost)
{
	struct buffer taken = { .limit = 1024 };
	uint64_t dropped = 99;

	assert_true(process_take_output(run->process, false, &taken, &dropped));
	assert_int_equal(taken.len, strlen(text));
	assert_memory_equal(taken.data == NULL ? (const void *)"" : taken.data, text, strlen(text));
	assert_int_equal(dropped, lost);
	buffer_fini(&taken);
}

static void the_last_bytes_are_kept(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "seq 1 300000; printf end", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.env = path_env;
	spec.output = (struct process_stream){ .keep = PROCESS_LAST, .limit = 10 };
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	assert_int_equal(run.result.output_bytes, 1988898);
	fixture_expect(&run, PROCESS_EXITED, 0, "300000\nend");
	spec.output.limit = 20000; /* more than is read at once */
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	assert_int_equal(strlen(run.output), 20000);
	for (int i = 0; i < 2856; i++)
		assert_int_equal(strtol(run.output + 20000 - 3 - (size_t)(7 * (i + 1)), NULL, 10), 300000 - i);
	run_fini(&run);
	spec.output.limit = 0;
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "");
}

/* mv:72: 1 MiB of errors without a line end takes 64 KiB here, and is bytes for somebody, not a terminal's */
static void a_megabyte_without_lines_takes_its_limit(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "head -c 1048576 /dev/zero | tr '\\0' x >&2", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct run run;

	spec.env = path_env;
	spec.error = (struct process_stream){ .keep = PROCESS_LAST, .limit = 64 * 1024, .heard = hear };
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	assert_int_equal(run.result.error_bytes, 1048576);
	assert_int_equal(run.heard, 1048576);
	assert_true(run.most_heard <= 8192);
	assert_int_equal(strlen(run.error), 64 * 1024);
	assert_int_equal(strspn(run.error, "x"), 64 * 1024);
	run_fini(&run);
}

static void the_last_bytes_are_taken_while_it_runs(void **state)
{
	struct fixture *fixture = *state;
	struct process_spec spec = shell_spec(fixture, PROCESS_LAST, 8);
	struct run run;

	spec.output.heard = hear;
	fixture_start(fixture, &run, &spec);
	expect_taken(&run, "", 0);
	tell(fixture, "printf abcde\n");
	wait_for(fixture, &run, 5);
	expect_taken(&run, "abcde", 0);
	expect_taken(&run, "", 0);
	tell(fixture, "printf 0123456\n");
	wait_for(fixture, &run, 12);
	tell(fixture, "printf 789\n");
	wait_for(fixture, &run, 15);
	expect_taken(&run, "23456789", 2);
	tell(fixture, "printf 0123456\n");
	wait_for(fixture, &run, 22);
	tell(fixture, "printf 789; printf er >&2; exit 3\n");
	fixture_wait(fixture, &run);
	assert_int_equal(run.result.output_bytes, 25);
	assert_string_equal(run.error, "er");
	run.error[0] = '\0';
	fixture_expect(&run, PROCESS_EXITED, 3, "23456789");
}

static void the_first_bytes_are_taken_and_make_room(void **state)
{
	struct fixture *fixture = *state;
	struct process_spec spec = shell_spec(fixture, PROCESS_FIRST, 4);
	struct run run;

	spec.output.heard = hear;
	fixture_start(fixture, &run, &spec);
	tell(fixture, "printf abcdef\n");
	wait_for(fixture, &run, 6);
	expect_taken(&run, "abcd", 2);
	tell(fixture, "printf gh; exit 0\n");
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, "gh");
}

static void what_can_not_be_taken_stays(void **state)
{
	struct fixture *fixture = *state;
	struct process_spec spec = shell_spec(fixture, PROCESS_FIRST, 64);
	struct buffer small = { .limit = 2 };
	struct run run;

	spec.output.heard = hear;
	fixture_start(fixture, &run, &spec);
	tell(fixture, "printf abc\n");
	wait_for(fixture, &run, 3);
	assert_false(process_take_output(run.process, false, &small, NULL));
	expect_taken(&run, "abc", 0);
	process_kill(run.process);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_KILLED, 0, "");
	buffer_fini(&small);
}

static void a_descriptor_of_ours_gets_it_and_nothing_is_read(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/sh", "-c", "printf out; printf err >&2", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	char text[8] = "";
	struct run run;

	spec.output = (struct process_stream){ .keep = PROCESS_GIVEN, .fd = fixture->ends[1], .heard = hear };
	fixture_start(fixture, &run, &spec);
	fixture_wait(fixture, &run);
	assert_int_equal(read(fixture->ends[0], text, sizeof text), 3);
	assert_string_equal(text, "out");
	assert_int_equal(run.heard, 0);
	assert_int_equal(run.result.output_bytes, 0);
	assert_string_equal(run.output, "");
	assert_string_equal(run.error, "err");
	run_fini(&run);
}

static void a_descriptor_that_is_not_open_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct capsule_error error = { .status = CAPSULE_OK };
	struct process *process = NULL;

	spec.error = (struct process_stream){ .keep = PROCESS_GIVEN, .fd = 999 };
	assert_int_equal(process_start(&process, fixture->loop, &spec, NULL, NULL, &error), CAPSULE_EINVAL);
	assert_string_equal(error.text, "pass descriptor 999 to a child: it is not open");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_bytes_are_kept),
		TEST(a_megabyte_without_lines_takes_its_limit),
		TEST(the_last_bytes_are_taken_while_it_runs),
		TEST(the_first_bytes_are_taken_and_make_room),
		TEST(what_can_not_be_taken_stays),
		TEST(a_descriptor_of_ours_gets_it_and_nothing_is_read),
		TEST(a_descriptor_that_is_not_open_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
