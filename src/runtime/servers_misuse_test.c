/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public functions of MCP servers at the wrong moment, on the wrong thread, with what they must not get. */
#include "runtime/servers_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define CALLS 5

/* Everything that asks for something, as somebody who may not. cmocka's checks belong to the main thread, and not below a
 * turn: results are kept. */
struct attempt {
	struct capsule_runtime *runtime;
	struct capsule *capsule;
	enum capsule_status status[CALLS];
	bool tried, listed;
};

static void try_everything(struct attempt *attempt)
{
	const char *const argv[] = { "/bin/true", NULL };
	const struct capsule_command command = { .size = sizeof command, .argv = argv };
	struct capsule *capsule = attempt->capsule;
	struct capsule_op *op = NULL;

	attempt->tried = true;
	attempt->status[0] = capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, NULL);
	attempt->status[1] = capsule_mcp_list(capsule, NULL, "tools", NULL, NULL, &op, NULL);
	attempt->status[2] = capsule_mcp_approve(capsule, NULL, NULL, NULL);
	attempt->status[3] = capsule_mcp_run_inside(capsule, NULL, argv, NULL, NULL, NULL, &op, NULL);
	attempt->status[4] = capsule_load_command(attempt->runtime, &command, NULL, NULL, &op, NULL);
	attempt->listed = capsule_mcp_servers_json(capsule) != NULL;
	capsule_mcp_trace(attempt->runtime, NULL, NULL); /* must not take effect */
}

static void assert_all(const struct attempt *attempt, enum capsule_status status)
{
	assert_true(attempt->tried);
	assert_false(attempt->listed);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(attempt->status[i], status);
}

static void *try_elsewhere(void *arg)
{
	try_everything(arg);
	return NULL;
}

static int lines;

static void counted(void *user, const char *server, bool to_server, const char *line, size_t len)
{
	(void)user;
	(void)server;
	(void)to_server;
	(void)line;
	(void)len;
	lines++;
}

static void another_thread_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct attempt attempt = { .runtime = fixture->runtime };
	pthread_t thread;

	attempt.capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	lines = 0;
	capsule_mcp_trace(fixture->runtime, counted, NULL);
	assert_int_equal(pthread_create(&thread, NULL, try_elsewhere, &attempt), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_all(&attempt, CAPSULE_ESTATE);
	assert_non_null(strstr(fixture_call(fixture, attempt.capsule, "echo", "{}"), "echo"));
	assert_int_equal(lines, 2);
}

static void traced(void *user, const char *server, bool to_server, const char *line, size_t len)
{
	struct attempt *attempt = user;

	counted(NULL, server, to_server, line, len);
	if (!attempt->tried)
		try_everything(attempt);
}

static void the_trace_function_is_refused_everything(void **state)
{
	struct fixture *fixture = *state;
	struct attempt attempt = { .runtime = fixture->runtime };

	attempt.capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	lines = 0;
	capsule_mcp_trace(fixture->runtime, traced, &attempt);
	assert_non_null(strstr(fixture_call(fixture, attempt.capsule, "echo", "{}"), "echo"));
	assert_all(&attempt, CAPSULE_ESTATE);
	assert_int_equal(lines, 2);
	capsule_mcp_trace(fixture->runtime, NULL, NULL);
	(void)fixture_call(fixture, attempt.capsule, "echo", "{}");
	assert_int_equal(lines, 2);
}

static void nothing_in_the_place_of_a_handle_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct attempt attempt = { .runtime = NULL };
	struct capsule *capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	const char *const argv[] = { "/bin/true", NULL };
	const struct capsule_command command = { .size = sizeof command, .argv = argv };
	struct capsule_op *op = NULL;

	try_everything(&attempt);
	assert_all(&attempt, CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, NULL, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_request(capsule, NULL, NULL, NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_request(capsule, NULL, "ping", NULL, 2, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_list(capsule, NULL, NULL, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_status(
		fixture, capsule_mcp_list(capsule, NULL, "tools", NULL, NULL, NULL, fixture->err), CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_run_inside(capsule, NULL, NULL, NULL, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_run_inside(capsule, NULL, argv, NULL, NULL, NULL, NULL, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_load_command(fixture->runtime, &command, NULL, NULL, NULL, fixture->err),
		CAPSULE_EINVAL);
	assert_null(op);
	capsule_prompt_answer(NULL, CAPSULE_ANSWER_ONCE);
}

static void a_capsule_that_is_loading_or_being_unloaded_has_no_server_to_ask(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule;
	struct capsule_op *load = NULL, *unload = NULL, *op = NULL;

	assert_status(fixture,
		capsule_load(fixture->runtime, servers_capsule(fixture, "demo", MAY_START SERVER("s")), NULL, NULL,
			&load, fixture->err),
		CAPSULE_OK);
	capsule = capsule_op_capsule(load);
	if (capsule != NULL) {
		assert_int_not_equal(
			capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, fixture->err), CAPSULE_OK);
		assert_non_null(capsule_mcp_servers_json(capsule));
	}
	assert_status(fixture, capsule_op_wait(load, fixture->err), CAPSULE_OK);
	capsule = capsule_op_capsule(load);
	capsule_op_free(load);
	assert_status(fixture, capsule_unload(capsule, NULL, NULL, &unload, fixture->err), CAPSULE_OK);
	while (!capsule_op_done(unload)) {
		enum capsule_status status = capsule_mcp_request(
			capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, fixture->err);

		if (status == CAPSULE_OK)
			capsule_op_free(op);
		(void)capsule_mcp_servers_json(capsule);
		(void)capsule_runtime_turn(fixture->runtime, -1);
	}
	capsule_op_free(unload);
}

static void a_request_under_way_ends_with_its_capsule(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	const char *const argv[] = { "/bin/sh", "-c", "while :; do sleep 9; done", NULL };
	struct capsule_op *asked = NULL, *inside = NULL;

	assert_status(fixture, capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &asked, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_mcp_run_inside(capsule, NULL, argv, NULL, NULL, NULL, &inside, fixture->err),
		CAPSULE_OK);
	fixture_unload(fixture, capsule);
	while (!capsule_op_done(asked))
		(void)capsule_runtime_turn(fixture->runtime, -1);
	capsule_op_free(asked);
	capsule_op_cancel(inside);
	assert_status(fixture, capsule_op_wait(inside, fixture->err), CAPSULE_ECANCELLED);
	capsule_op_free(inside);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_thread_is_refused),
		TEST(the_trace_function_is_refused_everything),
		TEST(nothing_in_the_place_of_a_handle_is_refused),
		TEST(a_capsule_that_is_loading_or_being_unloaded_has_no_server_to_ask),
		TEST(a_request_under_way_ends_with_its_capsule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
