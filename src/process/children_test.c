/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Children of one capsule, with real programs and a clock moved by hand. */
#include "process/children.h"

#include "process/process_fixture.h"

struct children_fixture {
	struct fixture *process;
	struct children *children;
	struct op op;
	int done; /* how often `op` ended */
};

static int set_up(void **state)
{
	struct children_fixture *fixture = calloc(1, sizeof *fixture);
	void *process = NULL;

	assert_non_null(fixture);
	assert_int_equal(fixture_set_up(&process), 0);
	fixture->process = process;
	assert_int_equal(children_new(&fixture->children, fixture->process->loop, NULL), CAPSULE_OK);
	op_init(&fixture->op, fixture->process->loop);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct children_fixture *fixture = *state;
	void *process = fixture->process;

	op_fini(&fixture->op);
	children_free(fixture->children);
	assert_int_equal(fixture_tear_down(&process), 0);
	free(fixture);
	return 0;
}

static void over(struct op *op, void *user)
{
	struct children_fixture *fixture = user;

	(void)op;
	fixture->done++;
}

static void begin(struct children_fixture *fixture)
{
	fixture->done = 0;
	op_start(&fixture->op, over, fixture, NULL, 0, "a program");
}

static enum capsule_status run(
	struct children_fixture *fixture, const char *script, uint64_t call_id, struct capsule_error *err)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct process_spec spec = fixture_spec(fixture->process, argv);

	spec.fds = &fixture->process->ends[1];
	spec.fd_count = 1;
	begin(fixture);
	return children_run(fixture->children, &spec, call_id, &fixture->op, err);
}

static uint64_t start(struct children_fixture *fixture, const char *script, uint64_t call_id)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct process_spec spec = fixture_spec(fixture->process, argv);
	struct capsule_error err;
	uint64_t id = 0;

	spec.fds = &fixture->process->ends[1];
	spec.fd_count = 1;
	if (children_start(fixture->children, &spec, call_id, &id, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return id;
}

/* Turn until the operation has ended. */
static void wait_for_op(struct children_fixture *fixture)
{
	while (fixture->done == 0)
		(void)loop_turn(fixture->process->loop, -1);
}

/* Turn until `count` children run. */
static void wait_for_running(struct children_fixture *fixture, size_t count)
{
	while (children_running(fixture->children) > count)
		(void)loop_turn(fixture->process->loop, -1);
	assert_int_equal(children_running(fixture->children), count);
}

static struct child_report taken(struct children_fixture *fixture)
{
	struct child_report report;

	wait_for_op(fixture);
	if (fixture->op.error.status != CAPSULE_OK)
		fail_msg("%s", fixture->op.error.text);
	children_take(fixture->children, &fixture->op, &report);
	return report;
}

static void expect(struct child_report *report, const char *output, int code)
{
	assert_true(span_is(buffer_span(&report->output), output));
	assert_int_equal(report->code, code);
	child_report_fini(report);
}

static struct child_report read_now(struct children_fixture *fixture, uint64_t id)
{
	struct child_report report;
	struct capsule_error err;

	if (children_read(fixture->children, id, &report, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return report;
}

static void a_run_tells_what_it_wrote_and_how_it_ended(void **state)
{
	struct children_fixture *fixture = *state;
	struct child_report report;

	assert_int_equal(run(fixture, "echo hi; echo er >&2; exit 3", 0, NULL), CAPSULE_OK);
	report = taken(fixture);
	assert_true(span_is(buffer_span(&report.error), "er\n"));
	assert_true(report.known && !report.running && !report.cancelled);
	assert_int_equal(report.output_lost + report.error_lost, 0);
	expect(&report, "hi\n", 3);
	assert_int_equal(run(fixture, "kill -9 $$", 0, NULL), CAPSULE_OK);
	report = taken(fixture);
	expect(&report, "", 137);
}

static void a_program_that_cannot_run_fails_its_operation(void **state)
{
	static const char *const argv[] = { "/nowhere/at-all", NULL };
	struct children_fixture *fixture = *state;
	struct process_spec spec = fixture_spec(fixture->process, argv);
	struct child_report report;
	uint64_t id = 0;

	begin(fixture);
	assert_int_equal(children_run(fixture->children, &spec, 0, &fixture->op, NULL), CAPSULE_OK);
	wait_for_op(fixture);
	assert_int_equal(fixture->op.error.status, CAPSULE_ENOTFOUND);
	children_take(fixture->children, &fixture->op, &report);
	assert_int_equal(report.output.len, 0);
	/* In the background nobody waits, so it reads like a program's own words. */
	assert_int_equal(children_start(fixture->children, &spec, 0, &id, NULL), CAPSULE_OK);
	wait_for_running(fixture, 0);
	report = read_now(fixture, id);
	assert_true(report.known && report.error.len > 0);
	expect(&report, "", 1);
}

static void a_large_output_is_cut_and_counted(void **state)
{
	struct children_fixture *fixture = *state;
	struct child_report report;

	assert_int_equal(run(fixture, "head -c 10485767 /dev/zero", 0, NULL), CAPSULE_OK);
	report = taken(fixture);
	assert_int_equal(report.output.len, CHILDREN_OUTPUT_MAX);
	assert_int_equal(report.output_lost, 7);
	assert_int_equal(report.code, 0);
	child_report_fini(&report);
}

static void what_is_not_utf8_is_replaced(void **state)
{
	struct children_fixture *fixture = *state;
	struct child_report report;

	assert_int_equal(run(fixture, "printf 'f\\377o'", 0, NULL), CAPSULE_OK);
	report = taken(fixture);
	expect(&report, "f\xEF\xBF\xBDo", 0);
}

static void letting_go_of_a_run_ends_it(void **state)
{
	struct children_fixture *fixture = *state;

	assert_int_equal(run(fixture, "echo r >&3; exec sleep 60", 0, NULL), CAPSULE_OK);
	assert_int_equal(fixture_hear(fixture->process), 'r');
	op_cancel(&fixture->op);
	wait_for_op(fixture);
	assert_int_equal(children_running(fixture->children), 0);
	fixture_close_writing_end(fixture->process);
	(void)fixture_hear(fixture->process);                /* the newline */
	assert_int_equal(fixture_hear(fixture->process), 0); /* it is gone */
}

static void numbers_count_from_one_and_eight_run(void **state) /* hs:116 hs:117 */
{
	static const char *const argv[] = { "/bin/sh", "-c", ":", NULL };
	struct children_fixture *fixture = *state;
	struct process_spec spec = fixture_spec(fixture->process, argv);
	struct capsule_error err;
	uint64_t id = 0;

	assert_int_equal(start(fixture, ":", 0), 1);
	wait_for_running(fixture, 0);
	for (uint64_t i = 0; i < CHILDREN_RUNNING_MAX; i++)
		assert_int_equal(start(fixture, "exec sleep 60", 0), i + 2);
	assert_int_equal(children_start(fixture->children, &spec, 0, &id, &err), CAPSULE_ELIMIT);
	assert_string_equal(err.text, "background process limit reached (max 8)");
}

static void ended_ones_are_kept_and_the_oldest_goes(void **state)
{
	struct children_fixture *fixture = *state;
	struct child_report report;
	struct capsule_error err;

	for (int i = 0; i <= CHILDREN_ENDED_MAX; i++) {
		(void)start(fixture, "exit 5", 0);
		wait_for_running(fixture, 0);
	}
	assert_int_equal(children_read(fixture->children, 1, &report, &err), CAPSULE_ENOTFOUND);
	assert_string_equal(err.text, "no background process with id 1");
	for (int twice = 0; twice < 2; twice++) {
		report = read_now(fixture, 2);
		assert_true(report.known && !report.running);
		expect(&report, "", 5);
		children_read_taken(fixture->children, 2);
	}
}

static void output_is_there_until_it_is_taken(void **state)
{
	struct children_fixture *fixture = *state;
	struct child_report report;
	uint64_t id = start(fixture, "echo hello", 0);

	wait_for_running(fixture, 0);
	for (int twice = 0; twice < 2; twice++) {
		report = read_now(fixture, id);
		expect(&report, "hello\n", 0);
	}
	children_read_taken(fixture->children, id);
	report = read_now(fixture, id);
	expect(&report, "", 0);
}

/* Read until `len` bytes are there. */
static struct child_report read_until(struct children_fixture *fixture, uint64_t id, size_t len)
{
	struct child_report report = read_now(fixture, id);

	while (report.output.len < len) {
		child_report_fini(&report);
		(void)loop_turn(fixture->process->loop, -1);
		report = read_now(fixture, id);
	}
	return report;
}

static void a_split_character_waits_for_its_rest(void **state) /* hs:134 */
{
	static const char script[] = "printf 'a\\342\\202'; echo r >&3; read -r line; printf '\\254b'";
	static const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct children_fixture *fixture = *state;
	struct process_spec spec = fixture_spec(fixture->process, argv);
	struct child_report report;
	uint64_t id = 0;
	int input[2];

	assert_int_equal(pipe(input), 0);
	spec.input = input[0];
	spec.fds = &fixture->process->ends[1];
	spec.fd_count = 1;
	assert_int_equal(children_start(fixture->children, &spec, 0, &id, NULL), CAPSULE_OK);
	assert_int_equal(fixture_hear(fixture->process), 'r');
	report = read_until(fixture, id, 1);
	assert_true(report.running);
	expect(&report, "a", -1);
	children_read_taken(fixture->children, id);
	assert_int_equal(write(input[1], "\n", 1), 1);
	wait_for_running(fixture, 0);
	report = read_now(fixture, id);
	expect(&report,
		"\xE2\x82\xAC"
		"b",
		0);
	assert_int_equal(close(input[0]) | close(input[1]), 0);
}

static void the_last_bytes_are_kept(void **state) /* hs:120 */
{
	struct children_fixture *fixture = *state;
	struct child_report report;
	uint64_t id = start(fixture, "head -c 500 /dev/zero; head -c 1048576 /dev/zero | tr '\\0' b", 0);

	wait_for_running(fixture, 0);
	report = read_now(fixture, id);
	assert_int_equal(report.output.len, CHILDREN_RING);
	assert_int_equal(report.output_lost, 500);
	assert_null(memchr(report.output.data, 0, report.output.len));
	child_report_fini(&report);
	children_read_taken(fixture->children, id);
	report = read_now(fixture, id);
	assert_int_equal(report.output_lost, 0);
	expect(&report, "", 0);
}

static void kill_it(struct children_fixture *fixture, uint64_t id, bool alive, const char *output, bool known, int code)
{
	struct child_report report;
	bool was_alive = !alive;

	begin(fixture);
	assert_int_equal(children_kill(fixture->children, id, &fixture->op, &was_alive, NULL), CAPSULE_OK);
	report = taken(fixture);
	assert_int_equal(was_alive, alive);
	assert_int_equal(report.known, known);
	assert_false(report.running);
	expect(&report, output, code);
	assert_int_equal(children_read(fixture->children, id, &report, NULL), CAPSULE_ENOTFOUND);
}

static void a_kill_tells_the_last_output(void **state) /* hs:121 hs:122 hs:124 */
{
	struct children_fixture *fixture = *state;
	uint64_t id = start(fixture, "echo out; echo r >&3; exec sleep 60", 0);

	assert_int_equal(fixture_hear(fixture->process), 'r');
	kill_it(fixture, id, true, "out\n", false, -1);
	id = start(fixture, "echo out; exit 4", 0);
	wait_for_running(fixture, 0);
	kill_it(fixture, id, false, "out\n", true, 4);
}

static void a_call_that_is_cancelled_ends_what_it_started(void **state) /* hs:111 hs:112 */
{
	struct children_fixture *fixture = *state;
	struct child_report report;
	uint64_t other, own;

	assert_int_equal(run(fixture, "echo part; echo r >&3; exec sleep 60", 7, NULL), CAPSULE_OK);
	assert_int_equal(fixture_hear(fixture->process), 'r');
	own = start(fixture, "exec sleep 60", 7);
	other = start(fixture, "exec sleep 60", 8);
	(void)start(fixture, "exec sleep 60", 0);
	assert_int_equal(children_cancel(fixture->children, 9), 0);
	assert_int_equal(children_running(fixture->children), 4);
	assert_int_equal(children_cancel(fixture->children, 7), 2);
	report = taken(fixture);
	assert_true(report.cancelled);
	expect(&report, "part\n", -1);
	wait_for_running(fixture, 2);
	report = read_now(fixture, own);
	assert_false(report.running || report.known);
	child_report_fini(&report);
	report = read_now(fixture, other);
	assert_true(report.running);
	child_report_fini(&report);
}

static void what_ignores_the_signal_is_killed_after_two_seconds(void **state) /* hs:113 */
{
	struct children_fixture *fixture = *state;
	struct child_report report;

	assert_int_equal(run(fixture, "trap '' INT; echo r >&3; while :; do sleep 0.01; done", 7, NULL), CAPSULE_OK);
	assert_int_equal(fixture_hear(fixture->process), 'r');
	assert_int_equal(children_cancel(fixture->children, 7), 1);
	fixture_advance(fixture->process, CHILDREN_CANCEL_GRACE_MS - 1);
	assert_int_equal(fixture->done, 0);
	assert_int_equal(children_running(fixture->children), 1);
	fixture_advance(fixture->process, 1);
	report = taken(fixture);
	assert_true(report.cancelled);
	expect(&report, "", -1);
}

static void a_cancel_hits_what_starts_a_moment_later(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c", ":", NULL };
	struct children_fixture *fixture = *state;
	struct process_spec spec = fixture_spec(fixture->process, argv);
	struct child_report report;
	struct capsule_error err;
	uint64_t id = 0;

	assert_int_equal(children_cancel(fixture->children, 7), 0);
	assert_int_equal(run(fixture, "echo no", 7, NULL), CAPSULE_OK);
	report = taken(fixture);
	assert_true(report.cancelled);
	expect(&report, "", -1);
	assert_int_equal(children_start(fixture->children, &spec, 7, &id, &err), CAPSULE_ECANCELLED);
	assert_string_equal(err.text, "process cancelled");
	assert_int_equal(start(fixture, ":", 8), 1);
	fixture_advance(fixture->process, CHILDREN_CANCEL_GRACE_MS + 1);
	assert_int_equal(start(fixture, ":", 7), 2);
}

static void the_end_of_all_is_told_to_those_who_wait(void **state)
{
	struct children_fixture *fixture = *state;
	struct capsule_error err;

	assert_int_equal(run(fixture, "echo part; exec sleep 60", 0, NULL), CAPSULE_OK);
	(void)start(fixture, "exec sleep 60", 0);
	children_end_all(fixture->children);
	assert_int_equal(children_running(fixture->children), 0);
	wait_for_op(fixture);
	assert_int_equal(fixture->op.error.status, CAPSULE_ECANCELLED);
	assert_string_equal(fixture->op.error.text, "process cancelled");
	assert_int_equal(run(fixture, "echo more", 0, &err), CAPSULE_ECANCELLED);
	op_fini(&fixture->op);
	children_open(fixture->children);
	assert_int_equal(start(fixture, ":", 0), 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(a_run_tells_what_it_wrote_and_how_it_ended),
		CASE(a_program_that_cannot_run_fails_its_operation),
		CASE(a_large_output_is_cut_and_counted),
		CASE(what_is_not_utf8_is_replaced),
		CASE(letting_go_of_a_run_ends_it),
		CASE(numbers_count_from_one_and_eight_run),
		CASE(ended_ones_are_kept_and_the_oldest_goes),
		CASE(output_is_there_until_it_is_taken),
		CASE(a_split_character_waits_for_its_rest),
		CASE(the_last_bytes_are_kept),
		CASE(a_kill_tells_the_last_output),
		CASE(a_call_that_is_cancelled_ends_what_it_started),
		CASE(what_ignores_the_signal_is_killed_after_two_seconds),
		CASE(a_cancel_hits_what_starts_a_moment_later),
		CASE(the_end_of_all_is_told_to_those_who_wait),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
