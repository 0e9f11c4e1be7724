/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MCP servers of capsules through the public functions, with real children in real sandboxes. */
#include "runtime/servers_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Wait for an operation whose result is text. */
static const char *result_of(struct fixture *fixture, enum capsule_status started, struct capsule_op **op)
{
	static char text[4096];

	assert_status(fixture, started, CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(*op, fixture->err), CAPSULE_OK);
	(void)snprintf(text, sizeof text, "%s", capsule_op_result(*op, NULL));
	capsule_op_free(*op);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part) == NULL)
		fail_msg("`%s` is not in `%s`", part, text);
}

static bool is_ill(void *user)
{
	return capsule_health(user, NULL) == CAPSULE_FAILED;
}

static bool is_well(void *user)
{
	return capsule_health(user, NULL) == CAPSULE_READY;
}

static bool has_late(void *user)
{
	return strstr(capsule_tools_json(user), "\"late\"") != NULL;
}

/* ---- Tools ---- */

static void tools_of_servers_are_tools_of_the_capsule(void **state) /* mv:17 mv:18 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(
		fixture, servers_capsule(fixture, "demo", MAY_START SERVER("files") SERVER("more")));
	struct capsule_op *op = NULL;
	const char *tools = capsule_tools_json(capsule);

	assert_has(tools,
		"{\"name\":\"echo\",\"description\":\"\",\"input_schema\":{\"type\":\"object\"},"
		"\"origin\":{\"server\":\"capsule:demo:files\",\"tool\":\"echo\"}}");
	assert_has(tools, "{\"name\":\"more:echo\"");
	assert_has(fixture_call(fixture, capsule, "echo", "{\"text\":\"a\"}"), "\"text\":\"a\"");
	assert_has(fixture_call(fixture, capsule, "more:echo", "{\"text\":\"b\"}"), "\"text\":\"b\"");
	assert_has(fixture_call(fixture, capsule, "files:fail", "{}"), "\"is_error\":true,\"error\":\"it broke\"");
	assert_status(
		fixture, capsule_call(capsule, "ecko", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_ENOTFOUND);
	assert_says(fixture, "did you mean `echo`?");
	assert_has(capsule_mcp_servers_json(capsule), "\"id\":\"capsule:demo:more\"");
	fixture_unload(fixture, capsule);
}

static void the_manifest_comes_before_its_servers(void **state) /* rt:190 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule;

	fixture_capsule(fixture, "both",
		MAY_START SERVER("one") "[[mcp_server]]\nid = \"web\"\ntype = \"sse\"\ncommand = \"python3\"\n"
					"[[mcp_server]]\nid = \"bare\"\ncommand = \"python3\"\n" SERVER("two"));
	servers_write(fixture, "both");
	capsule = fixture_load(fixture, fixture_path(fixture, "both"));
	assert_has(capsule_states_json(fixture->runtime), "\"engines\":[\"wasm\",\"mcp\",\"mcp\",\"static\"]");
	assert_has(capsule_tools_json(capsule), "\"origin\":\"wasm\"");
	assert_has(capsule_tools_json(capsule), "{\"name\":\"one:echo\"");
	assert_string_equal(fixture_call(fixture, capsule, "nothing", "{}"), "");
	assert_has(fixture_call(fixture, capsule, "one:echo", "{\"text\":\"a\"}"), "\"content\":[");
	fixture_unload(fixture, capsule);
}

static void tools_that_change_are_listed_anew(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));

	assert_false(has_late(capsule));
	(void)fixture_call(fixture, capsule, "more", "{}");
	servers_turn_until(fixture, has_late, capsule);
	assert_has(fixture_call(fixture, capsule, "late", "{}"), "\"text\":\"late\"");
}

/* ---- Its end ---- */

static void a_server_that_ends_leaves_the_rest_of_the_capsule(void **state) /* mv:116 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule;
	struct capsule_op *op = NULL;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .restart_ms = 3600000 });
	fixture_capsule(fixture, "x", MAY_START SERVER("s"));
	servers_write(fixture, "x");
	capsule = fixture_load(fixture, fixture_path(fixture, "x"));
	assert_status(fixture, capsule_call(capsule, "die", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_not_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	servers_turn_until(fixture, is_ill, capsule);
	assert_int_equal(capsule_health(capsule, fixture->err), CAPSULE_FAILED);
	assert_says(fixture, "MCP server 'capsule:x:s' is no longer running");
	assert_has(capsule_states_json(fixture->runtime), "\"state\":\"ready\",\"reason\":\"MCP server 'capsule:x:s'");
	assert_string_equal(fixture_call(fixture, capsule, "nothing", "{}"), "");
	fixture_unload(fixture, capsule);
}

static void a_server_that_ends_comes_back(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule;
	struct capsule_op *op = NULL;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .restart_ms = 1 });
	capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	assert_status(fixture, capsule_call(capsule, "die", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_not_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	servers_turn_until(fixture, is_ill, capsule);
	servers_turn_until(fixture, is_well, capsule);
	assert_has(fixture_call(fixture, capsule, "echo", "{\"text\":\"again\"}"), "again");
}

static void a_server_that_does_not_start_fails_the_load(void **state) /* mv:19 */
{
	struct fixture *fixture = *state;

	fixture_capsule(fixture, "both",
		MAY_START
		"[[mcp_server]]\nid = \"s\"\ntype = \"stdio\"\ncommand = \"python3\"\nargs = [\"-c\", \"pass\"]\n");
	assert_int_not_equal(fixture_load_fails(fixture, fixture_path(fixture, "both")), CAPSULE_OK);
	assert_says(fixture, "Failed to connect MCP host engine: ");
	assert_string_equal(capsule_states_json(fixture->runtime), "[]");
}

/* ---- Beyond tools ---- */

static void a_server_can_be_asked_for_more_than_tools(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(
		fixture, servers_capsule(fixture, "demo", MAY_START SERVER("one") SERVER("two")));
	struct capsule_op *op = NULL;
	static const char uri[] = "{ \"uri\": \"a:b\" }";

	assert_string_equal(result_of(fixture,
				    capsule_mcp_request(capsule, "one", "resources/read", uri, sizeof uri - 1, NULL,
					    NULL, &op, fixture->err),
				    &op),
		"{\"contents\":[{\"uri\":\"a:b\",\"text\":\"read\"}]}");
	assert_string_equal(
		result_of(fixture,
			capsule_mcp_list(capsule, "capsule:demo:two", "resources", NULL, NULL, &op, fixture->err), &op),
		"[{\"uri\":\"a:b\",\"name\":\"A\"}]");
	assert_status(fixture,
		capsule_mcp_request(capsule, "one", "tools/call", NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_EUNSUPPORTED);
	assert_status(fixture,
		capsule_mcp_request(capsule, "one", "prompts/list", NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_EUNSUPPORTED);
	assert_status(fixture, capsule_mcp_request(capsule, "one", "ping", "[]", 2, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(
		fixture, capsule_mcp_list(capsule, "one", "roots", NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_says(fixture, "name one of them: one, two");
	assert_status(fixture, capsule_mcp_request(capsule, "onne", "ping", NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_ENOTFOUND);
	assert_says(fixture, "did you mean `one`?");
}

static void a_request_whose_handle_is_freed_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	struct capsule_op *op = NULL;

	for (int i = 0; i < 3; i++) {
		assert_status(fixture,
			capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, fixture->err), CAPSULE_OK);
		if (i == 1)
			capsule_op_cancel(op);
		capsule_op_free(op);
	}
	assert_string_equal(
		result_of(fixture, capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, fixture->err),
			&op),
		"{}");
	assert_status(fixture, capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	/* The runtime goes with it under way. */
}

static void a_command_is_a_capsule_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = { "python3", "./server.py", NULL };
	struct capsule_command command = { .size = sizeof command, .argv = argv };
	struct capsule_op *op = NULL;
	struct capsule *capsule;

	servers_write(fixture, ".");
	command.dir = fixture_path(fixture, "");
	assert_status(
		fixture, capsule_load_command(fixture->runtime, &command, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	assert_string_equal(capsule_id(capsule), "command");
	assert_has(fixture_call(fixture, capsule, "echo", "{\"text\":\"a\"}"), "\"text\":\"a\"");
	assert_has(capsule_mcp_servers_json(capsule), "\"id\":\"capsule:command:server\"");
	fixture_unload(fixture, capsule);
	command.dir = "relative";
	assert_status(fixture, capsule_load_command(fixture->runtime, &command, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	command.size = 3;
	assert_status(fixture, capsule_load_command(fixture->runtime, &command, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(
		fixture, capsule_load_command(fixture->runtime, NULL, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
}

static void a_program_runs_beside_a_server(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	const char *const argv[] = { "/bin/sh", "-c", "exit 7", NULL }, *const relative[] = { "sh", NULL };
	const char *const endless[] = { "/bin/sh", "-c", "while :; do sleep 9; done", NULL };
	const char *const told[] = { "/bin/sh", "-c", "echo out; echo err >&2", NULL };
	int ends[2], streams[3] = { STDIN_FILENO, -1, -1 };
	char seen[32];
	struct capsule_op *op = NULL;

	assert_string_equal(
		result_of(
			fixture, capsule_mcp_run_inside(capsule, NULL, argv, NULL, NULL, NULL, &op, fixture->err), &op),
		"7");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	streams[1] = streams[2] = ends[1];
	assert_string_equal(
		result_of(fixture, capsule_mcp_run_inside(capsule, NULL, told, streams, NULL, NULL, &op, fixture->err),
			&op),
		"0");
	assert_int_equal(read(ends[0], seen, sizeof seen), 8);
	assert_memory_equal(seen, "out\nerr\n", 8);
	(void)close(ends[0]);
	(void)close(ends[1]);
	streams[1] = 1000000;
	assert_status(fixture, capsule_mcp_run_inside(capsule, NULL, told, streams, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_run_inside(capsule, NULL, relative, NULL, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture, capsule_mcp_run_inside(capsule, NULL, endless, NULL, NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	capsule_op_cancel(op);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_ECANCELLED);
	capsule_op_free(op);
}

/* ---- What is told ---- */

struct lines {
	int to_server, from_server;
	char first[256];
};

static void traced(void *user, const char *server, bool to_server, const char *line, size_t len)
{
	struct lines *lines = user;

	assert_string_equal(server, "capsule:demo:s");
	if (lines->to_server == 0)
		(void)snprintf(lines->first, sizeof lines->first, "%.*s", (int)len, line);
	lines->to_server += to_server;
	lines->from_server += !to_server;
}

static void every_line_can_be_seen(void **state)
{
	struct fixture *fixture = *state;
	struct lines lines = { 0 };
	struct capsule *capsule;

	capsule_mcp_trace(fixture->runtime, traced, &lines);
	capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	assert_has(lines.first, "\"method\":\"initialize\"");
	assert_int_equal(lines.to_server, 3);
	assert_int_equal(lines.from_server, 2);
	(void)fixture_call(fixture, capsule, "echo", "{}");
	assert_int_equal(lines.to_server, 4);
	capsule_mcp_trace(fixture->runtime, NULL, NULL);
	(void)fixture_call(fixture, capsule, "echo", "{}");
	assert_int_equal(lines.to_server, 4);
}

static void calls_are_audited_and_told_on_the_bus(void **state) /* mv:111 */
{
	struct fixture *fixture = *state;
	struct audited audited = { 0 };
	struct heard heard;
	struct capsule *capsule;
	const struct capsule_subscribe_options lifecycle = { .size = sizeof lifecycle, .lifecycle = true };

	fixture_restart(fixture,
		(struct capsule_runtime_options){
			.memory_store = true, .audit = servers_audited, .audit_user = &audited });
	events_subscribe_with(fixture, "astrid.v1.lifecycle.*", &lifecycle, events_arrived, &heard);
	capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	assert_string_equal(audited.operations, "mcp_server connected");
	assert_string_equal(audited.operand, "capsule:demo:s");
	assert_has(audited.detail, "\"event\":\"connected\",\"revision\":\"2025-11-25\",\"digest\":null");
	(void)fixture_call(fixture, capsule, "s:echo", "{\"text\":\"a\"}");
	fixture_settle(fixture);
	assert_string_equal(audited.operations, "mcp_server connected, mcp_call started, mcp_call ended");
	assert_string_equal(audited.operand, "mcp://capsule:demo:s:echo");
	assert_has(audited.detail, "\"stage\":\"ended\",\"consent\":\"manifest\",\"arguments_hash\":\"");
	assert_has(audited.detail, "\"success\":true,\"result_hash\":\"");
	assert_has(heard.topics, "astrid.v1.lifecycle.mcp_server_connected");
	assert_has(heard.topics, "astrid.v1.lifecycle.mcp_tool_called");
	assert_has(heard.topics, "astrid.v1.lifecycle.mcp_tool_completed");
	fixture_unload(fixture, capsule);
	fixture_settle(fixture);
	assert_has(heard.topics, "astrid.v1.lifecycle.mcp_server_disconnected");
	assert_has(audited.operations, "mcp_server ");
}

static void lives_of_servers_are_audited(void **state) /* mv:147 mv:148 */
{
	struct fixture *fixture = *state;
	struct audited audited = { 0 };
	struct capsule *capsule = NULL;
	struct capsule_op *op = NULL;

	fixture_restart(fixture,
		(struct capsule_runtime_options){
			.memory_store = true, .audit = servers_audited, .audit_user = &audited });
	(void)servers_capsule(fixture, "wrong", MAY_START SERVER("s"));
	fixture_write(fixture, "wrong/server.py", "raise SystemExit(1)\n");
	assert_status(fixture,
		capsule_load(fixture->runtime, fixture_path(fixture, "wrong"), NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	assert_true(capsule_op_wait(op, fixture->err) != CAPSULE_OK);
	capsule_op_free(op);
	assert_string_equal(audited.operations, "");
	capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("a") SERVER("b")));
	assert_string_equal(audited.operations, "mcp_server connected, mcp_server connected");
	fixture_unload(fixture, capsule);
	assert_int_equal(audited.count, 4);
	assert_has(audited.detail, "\"event\":\"disconnected\"");
	assert_has(audited.detail, "\"reason\":\"it was stopped; it exited with status 0\"");
}

/* ---- Options ---- */

static void options_that_are_wrong_are_named(void **state)
{
	struct fixture *fixture = *state;
	const char *const ids[] = { "Not An Id" };
	struct capsule_runtime_options options = { .size = sizeof options, .mcp_call_ms = UINT64_MAX };
	struct capsule_runtime *runtime = NULL;

	assert_status(fixture, capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "mcp_call_ms is 18446744073709551615");
	options.mcp_call_ms = 0;
	options.unsandboxed_count = 1;
	assert_status(fixture, capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "unsandboxed is NULL");
	options.unsandboxed = ids;
	assert_status(fixture, capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "unsandboxed[0] is `Not An Id`");
}

static void a_capsule_runs_without_a_sandbox_only_when_it_is_named(void **state)
{
	struct fixture *fixture = *state;
	const char *const ids[] = { "demo" };
	struct capsule *capsule;

	fixture_restart(fixture,
		(struct capsule_runtime_options){ .memory_store = true, .unsandboxed = ids, .unsandboxed_count = 1 });
	capsule = fixture_load(fixture, servers_capsule(fixture, "demo", MAY_START SERVER("s")));
	assert_has(capsule_mcp_servers_json(capsule), "\"sandboxed\":false");
	capsule = fixture_load(fixture, servers_capsule(fixture, "other", MAY_START SERVER("s")));
	assert_has(capsule_mcp_servers_json(capsule), "\"sandboxed\":true");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(tools_of_servers_are_tools_of_the_capsule),
		TEST(the_manifest_comes_before_its_servers),
		TEST(tools_that_change_are_listed_anew),
		TEST(a_server_that_ends_leaves_the_rest_of_the_capsule),
		TEST(a_server_that_ends_comes_back),
		TEST(a_server_that_does_not_start_fails_the_load),
		TEST(a_server_can_be_asked_for_more_than_tools),
		TEST(a_request_whose_handle_is_freed_is_given_up),
		TEST(a_command_is_a_capsule_of_its_own),
		TEST(a_program_runs_beside_a_server),
		TEST(every_line_can_be_seen),
		TEST(calls_are_audited_and_told_on_the_bus),
		TEST(lives_of_servers_are_audited),
		TEST(options_that_are_wrong_are_named),
		TEST(a_capsule_runs_without_a_sandbox_only_when_it_is_named),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
