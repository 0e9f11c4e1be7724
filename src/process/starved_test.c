/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every allocation, and every descriptor, that the start of a program takes is refused once: what fails says so, and nothing
 * stays open, runs or is lost. The library in this program is the usual one, with its calls of malloc() and the like sent
 * to tests/starved.c. What is lost on the way is found by the leak sanitizer. */
#include "process/children.h"
#include "process/digest.h"
#include "process/process_fixture.h"
#include "process/program.h"
#include "tests/starved.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define ROUND_MAX 2000 /* refusals before all has to be well */
#define PATIENCE_MS 10000
#define ROOM 200 /* descriptors that a start has room in, however many are open */

static struct capsule_error failure;

struct end {
	int calls;
	enum capsule_status status;
};

static void process_over(void *user, const struct process_result *result, const struct capsule_error *why)
{
	struct end *end = user;

	end->calls++;
	end->status = result != NULL ? CAPSULE_OK : why->status;
}

/* Start /bin/true in a sandbox and wait for it. */
static enum capsule_status start_one(struct fixture *fixture)
{
	const struct program_places places = { .capsule_dir = NULL };
	const char *argv[] = { NULL, NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct sandbox_plan plan = { 0 };
	struct program program = { 0 };
	struct program_image image = { .fd = -1, .script_fd = -1 };
	struct process *process = NULL;
	struct end end = { 0 };
	enum capsule_status status = program_find(&program, "true", &places, &failure);

	if (status == CAPSULE_OK)
		status = program_open(&image, &program, NULL, &failure);
	if (status == CAPSULE_OK)
		status = sandbox_plan_show(&plan, "/tmp", false, "test", &failure);
	argv[0] = program.path;
	spec.image = &image;
	spec.sandbox = &plan;
	if (status == CAPSULE_OK)
		status = process_start(&process, fixture->loop, &spec, process_over, &end, &failure);
	while (status == CAPSULE_OK && end.calls == 0)
		(void)loop_turn(fixture->loop, PATIENCE_MS);
	program_image_fini(&image);
	program_fini(&program);
	sandbox_plan_fini(&plan);
	return status != CAPSULE_OK ? status : end.status;
}

static void op_over(struct op *op, void *user)
{
	struct end *end = user;

	end->calls++;
	end->status = op->error.status;
}

static enum capsule_status run_for_guest(struct fixture *fixture, struct children *children,
	const struct process_spec *spec, struct child_report *report)
{
	struct end end = { 0 };
	struct op op;
	enum capsule_status status;

	op_init(&op, fixture->loop);
	op_start(&op, op_over, &end, NULL, 0, "a program");
	status = children_run(children, spec, 0, &op, &failure);
	while (status == CAPSULE_OK && end.calls == 0)
		(void)loop_turn(fixture->loop, PATIENCE_MS);
	op_fini(&op);
	children_take(children, &op, report);
	return status != CAPSULE_OK ? status : end.status;
}

/* One program in the foreground and one in the background, as a guest runs them. */
static enum capsule_status children_of_a_guest(struct fixture *fixture)
{
	const char *const argv[] = { "/bin/sh", "-c", "echo a; echo b >&2", NULL };
	const struct process_spec spec = fixture_spec(fixture, argv);
	struct children *children = NULL;
	struct child_report report = { 0 };
	uint64_t id = 0;
	enum capsule_status status = children_new(&children, fixture->loop, &failure);

	if (status == CAPSULE_OK)
		status = run_for_guest(fixture, children, &spec, &report);
	child_report_fini(&report);
	if (status == CAPSULE_OK)
		status = children_start(children, &spec, 0, &id, &failure);
	while (status == CAPSULE_OK && children_running(children) > 0)
		(void)loop_turn(fixture->loop, PATIENCE_MS);
	if (status == CAPSULE_OK)
		status = children_read(children, id, &report, &failure);
	child_report_fini(&report);
	children_free(children);
	return status;
}

static enum capsule_status digest_of_a_folder(struct fixture *fixture)
{
	char digest[DIGEST_TEXT];

	(void)fixture;
	return digest_path(digest, "/etc/ssl", false, &failure);
}

typedef enum capsule_status story_fn(struct fixture *fixture);

static void sweep(void **state, story_fn *story)
{
	bool starved = true;
	int nth = 0;

	assert_int_equal(story(*state), CAPSULE_OK);
	while (starved) {
		enum capsule_status status;

		assert_true(++nth < ROUND_MAX);
		starved_begin(nth);
		status = story(*state);
		starved = starved_end();
		/* The machine's own words may be kept for what can do without. */
		if (status != CAPSULE_OK && status != CAPSULE_ENOMEM)
			fail_msg("allocation %d: status %d", nth, (int)status);
		if (!starved)
			assert_int_equal(status, CAPSULE_OK);
	}
}

static void a_start_out_of_memory_leaves_nothing(void **state)
{
	sweep(state, start_one);
}

static void children_out_of_memory_leave_nothing(void **state)
{
	sweep(state, children_of_a_guest);
}

static void a_digest_out_of_memory_leaves_nothing(void **state)
{
	sweep(state, digest_of_a_folder);
}

static void a_start_out_of_descriptors_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit usual, less;
	int failures = 0;

	assert_int_equal(start_one(fixture), CAPSULE_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	less = usual;
	for (int room = 0; room < ROOM; room++) {
		enum capsule_status status;

		less.rlim_cur = (rlim_t)room;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
		status = start_one(fixture);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
		failures += status != CAPSULE_OK;
	}
	assert_in_range(failures, 10, ROOM - 1);
	assert_int_equal(start_one(fixture), CAPSULE_OK);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_start_out_of_memory_leaves_nothing),
		TEST(children_out_of_memory_leave_nothing),
		TEST(a_digest_out_of_memory_leaves_nothing),
		TEST(a_start_out_of_descriptors_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
