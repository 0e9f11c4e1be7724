/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every allocation of the library fails once: nothing crashes or hangs, what fails says so, and afterwards everything works.
 * The library in this program is the usual one, with its own calls of malloc() and the like (not those of Wasmtime, which
 * ends the process without memory) sent to those of tests/starved.c. What is lost on the way is found by the leak
 * sanitizer. */
#include "runtime/runtime_fixture.h"

#include "tests/starved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct round {
	struct fixture *fixture;
	struct capsule_runtime *runtime;
	struct capsule_error *err;
	const char *path;        /* of a capsule folder */
	struct capsule *capsule; /* loaded already, for the phases that ask for it */
	int failures;            /* steps that did not go well */
};

struct phase {
	void (*run)(struct round *round);
	bool make_runtime, load; /* before the hunger begins */
	const char *folder;      /* of what is loaded; NULL: "hungry" */
};

/* A step went well, or failed for the one reason that it can have. A guest's kernel memory that can't be kept account of is
 * as full as one at its ceiling. */
static bool went_well(struct round *round, enum capsule_status status)
{
	if (status == CAPSULE_OK)
		return true;
	round->failures++;
	if (status != CAPSULE_ENOMEM && strstr(capsule_error_text(round->err), "oom: ") == NULL)
		fail_msg("%s: %s", capsule_status_text(status), capsule_error_text(round->err));
	assert_int_equal(capsule_error_status(round->err), status);
	return false;
}

static void op_drop(struct capsule_op **op)
{
	capsule_op_free(*op);
}

#define HELD_OP __attribute__((cleanup(op_drop))) struct capsule_op

/* Wait for what was started with `status`; a pointer to the handle, since it is not known before. */
static bool ended_well(struct round *round, enum capsule_status status, struct capsule_op *const *op)
{
	return went_well(round, status) && went_well(round, capsule_op_wait(*op, round->err));
}

static void make_runtime(struct round *round)
{
	struct capsule_runtime_options options = {
		.size = sizeof options, .home = fixture_path(round->fixture, "home"), .principal = "somebody"
	};

	(void)went_well(round, capsule_runtime_new(&round->runtime, &options, round->err));
}

static void load(struct round *round)
{
	HELD_OP *op = NULL;

	round->capsule = NULL;
	if (!ended_well(round, capsule_load(round->runtime, round->path, NULL, NULL, &op, round->err), &op))
		return;
	round->capsule = capsule_op_capsule(op);
	assert_non_null(strstr(round->path, capsule_id(round->capsule)));
	assert_non_null(strstr(capsule_tools_json(round->capsule), "\"name\""));
}

static void call(struct round *round, const char *tool, const char *answer)
{
	static const char arguments[] = "{ \"name\" : \"a b\" }";
	HELD_OP *op = NULL;

	if (ended_well(round,
		    capsule_call(round->capsule, tool, arguments, strlen(arguments), NULL, NULL, &op, round->err), &op))
		assert_string_equal(capsule_op_result(op, NULL), answer);
}

static void call_tools(struct round *round)
{
	HELD_OP *op = NULL;
	enum capsule_status status;

	call(round, "keep", "Hello!");
	call(round, "bytes",
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd");
	call(round, "quoted", "\"x\"");
	status = capsule_call(round->capsule, "qouted", "1", 1, NULL, NULL, &op, round->err);
	assert_true(status == CAPSULE_ENOTFOUND || status == CAPSULE_ENOMEM);
	(void)ended_well(round, capsule_unload(round->capsule, NULL, NULL, &op, round->err), &op);
}

static void use_module(struct round *round)
{
	static const struct capsule_setting settings[] = { { "greeting", "Good morning" },
		{ "greeting", "Good night" } };
	HELD_OP *op = NULL, *answer = NULL;

	if (ended_well(round,
		    capsule_load_module(round->runtime, fixture_path(round->fixture, "guest.wat"), settings, 2, NULL,
			    NULL, &op, round->err),
		    &op) &&
		ended_well(round,
			capsule_call_export(
				capsule_op_capsule(op), "setting", "in", 2, NULL, NULL, &answer, round->err),
			&answer))
		assert_string_equal(capsule_op_result(answer, NULL), "Good night");
}

static void inspect(struct round *round)
{
	HELD_OP *op = NULL;

	if (ended_well(round, capsule_inspect(round->runtime, round->path, NULL, NULL, &op, round->err), &op))
		assert_non_null(strstr(capsule_op_result(op, NULL), "\"astrid_kv_get\""));
}

static void check(struct round *round)
{
	struct capsule_report *report = NULL;

	if (!went_well(round, capsule_check(&report, fixture_path(round->fixture, "bad"), round->err)))
		return;
	(void)capsule_report_text(report, true);
	(void)capsule_report_json(report);
	capsule_report_free(report);
}

/* Three that know of each other: two in a cycle, and one with something that nobody provides. */
static void check_together(struct round *round)
{
	static const char *const names[] = { "there", "back", "alone" };
	struct capsule_report *reports[3] = { NULL };
	size_t count = 0;

	while (count < 3 &&
		went_well(
			round, capsule_check(&reports[count], fixture_path(round->fixture, names[count]), round->err)))
		count++;
	/* A warning that there was no memory for is no failure. */
	if (count == 3 && went_well(round, capsule_check_together(reports, count, round->err)) && starved_waits())
		assert_int_equal(capsule_report_warnings(reports[2]) - capsule_report_warnings(reports[0]), 1);
	for (size_t i = 0; i < count; i++)
		capsule_report_free(reports[i]);
}

static void ran(void *arg)
{
	*(bool *)arg = true;
}

static void post(struct round *round)
{
	bool done = false;

	if (went_well(round, capsule_runtime_post(round->runtime, ran, &done, round->err))) {
		(void)capsule_runtime_turn(round->runtime, 0);
		assert_true(done);
	}
}

/* ---- Events ---- */

static void heard(void *user, const struct capsule_event *event, uint64_t lost)
{
	(void)lost;
	*(size_t *)user += event->payload_len > 0;
}

/* The number behind `key` in what came of all events. */
static long book(struct round *round, const char *key)
{
	const char *stats = capsule_event_stats_json(round->runtime), *at = stats != NULL ? strstr(stats, key) : NULL;

	return at != NULL ? strtol(at + strlen(key), NULL, 10) : 0;
}

/* One that hears, one that decides; a message, and a call that both want to know of. Each event has its outcome, whatever
 * fails. */
static void take_part(struct round *round)
{
	struct capsule_subscription *subscription = NULL;
	HELD_OP *op = NULL, *called = NULL;
	size_t count = 0;
	enum capsule_status status;

	(void)went_well(
		round, capsule_subscribe(round->runtime, "*.*", NULL, heard, &count, &subscription, round->err));
	(void)ended_well(
		round, capsule_publish(round->runtime, "a.b", "{\"k\":1}", 7, NULL, NULL, &op, round->err), &op);
	status = capsule_call(round->capsule, "tool", "{}", 2, NULL, NULL, &called, round->err);
	if (status == CAPSULE_OK)
		status = capsule_op_wait(called, round->err);
	/* One who decides and can't says no. */
	if (status == CAPSULE_EDENIED && strstr(capsule_error_text(round->err), "memory") != NULL)
		round->failures++;
	else
		(void)went_well(round, status);
	fixture_settle(&(struct fixture){ .runtime = round->runtime });
	assert_int_equal(book(round, "\"pending\":"), 0);
	if (starved_waits())
		assert_int_equal(count, 4); /* the message, what the first one published, the call, its result */
	capsule_unsubscribe(subscription);
}

/* One round in which the allocation number `nth` fails. Returns whether there was one. */
static bool starve(struct fixture *fixture, const struct phase *phase, int nth)
{
	const char *folder = phase->folder != NULL ? phase->folder : "hungry";
	struct round round = { .fixture = fixture, .err = fixture->err, .path = fixture_path(fixture, folder) };
	bool fired;

	if (phase->make_runtime)
		make_runtime(&round);
	if (phase->load)
		load(&round);
	assert_int_equal(round.failures, 0);
	starved_begin(nth);
	phase->run(&round);
	fired = starved_end();
	if (!fired)
		assert_int_equal(round.failures, 0);
	capsule_runtime_free(round.runtime);
	return fired;
}

#define DEPENDENCIES(needs, offers) "[dependencies]\nrequires = [\"" needs "\"]\nprovides = [\"" offers "\"]\n"

#define HEARS(event, action) "[[interceptor]]\nevent = \"" event "\"\naction = \"" action "\"\n"
#define EVENTS                                                                                                         \
	"[capabilities]\nipc_publish = [\"echo.it\"]\n[[tool]]\nname = \"tool\"\ndescription = \"Does it.\"\n" HEARS(  \
		"a.b", "echo") HEARS("echo.it", "hears")                                                               \
		HEARS("a.*", "guards") "mode = \"guard\"\n" HEARS("tool.v1.*.*.*",                                     \
			"guards") "mode = \"guard\"\n" HEARS("astrid.v1.lifecycle.tool_call_completed", "hears")

static void sweep(void **state, const struct phase *phase)
{
	struct fixture *fixture = *state;
	int nth = 1;

	(void)fixture_capsule(fixture, "hungry", "[env.word]\ntype = \"string\"\ndefault = \"x\"\n");
	(void)fixture_capsule(fixture, "bad", "[package\n");
	fixture_write(fixture, "bad/Capsule.toml",
		"[package]\nname = \"Bad Name\"\nverson = 1\n[[component]]\nfile = 7\n[[tool]]\nname = \"t\"\n");
	(void)fixture_capsule(fixture, "there", DEPENDENCIES("topic:back", "topic:there"));
	(void)fixture_capsule(fixture, "back", DEPENDENCIES("topic:*", "topic:back"));
	(void)fixture_capsule(fixture, "alone", DEPENDENCIES("tool:none", "topic:alone"));
	fixture_write(fixture, "guest.wat", fixture_guest);
	fixture_capsule_of(fixture, "events", EVENTS, fixture_event_guest);
	while (starve(fixture, phase, nth))
		nth++;
	assert_in_range(nth, 2, 5000);
}

static void a_runtime_that_is_made(void **state)
{
	sweep(state, &(struct phase){ .run = make_runtime });
}

static void a_capsule_that_is_loaded(void **state)
{
	sweep(state, &(struct phase){ .run = load, .make_runtime = true });
}

static void tools_that_are_called(void **state)
{
	sweep(state, &(struct phase){ .run = call_tools, .make_runtime = true, .load = true });
}

static void a_module_that_is_used(void **state)
{
	sweep(state, &(struct phase){ .run = use_module, .make_runtime = true });
}

static void a_module_that_is_inspected(void **state)
{
	sweep(state, &(struct phase){ .run = inspect, .make_runtime = true });
}

static void a_manifest_that_is_checked(void **state)
{
	sweep(state, &(struct phase){ .run = check });
}

static void manifests_that_are_compared(void **state)
{
	sweep(state, &(struct phase){ .run = check_together });
}

static void events_that_are_taken_part_in(void **state)
{
	sweep(state, &(struct phase){ .run = take_part, .make_runtime = true, .load = true, .folder = "events" });
}

static void a_post(void **state)
{
	sweep(state, &(struct phase){ .run = post, .make_runtime = true });
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_runtime_that_is_made),
		TEST(a_capsule_that_is_loaded),
		TEST(tools_that_are_called),
		TEST(a_module_that_is_used),
		TEST(a_module_that_is_inspected),
		TEST(a_manifest_that_is_checked),
		TEST(manifests_that_are_compared),
		TEST(a_post),
		TEST(events_that_are_taken_part_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
