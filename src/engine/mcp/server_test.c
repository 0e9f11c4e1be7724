/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Servers that start and those that may not, what they are given, and how they are stopped. */
#include "engine/mcp/server_fixture.h"

#include "gate/gate.h"

#include <poll.h>

#define GRANT(name) "host_process = [\"" name "\"]"
#define COMMAND(name) "command = \"" name "\""

static void assert_refused(
	struct world *world, const char *capabilities, const char *server, const char *first, const char *part)
{
	world_server(world, capabilities, server, "");
	world_start_fails(world, first);
	world_assert_why(world, part);
}

/* mv:2 mv:3 mv:6 mv:7 rt:191 rt:192 */
static void a_command_that_is_not_granted_is_not_looked_for(void **state)
{
	struct world *world = *state;

	assert_refused(world, GRANT("npx"), COMMAND("./bin/npx-malicious"),
		"Unsupported entry point: Security Check Failed", "capability for './bin/npx-malicious' was not");
	assert_refused(world, GRANT("npx"), COMMAND("python3"), "Unsupported entry point: Security Check Failed",
		"host_process capability for 'python3' was not declared in the manifest.");
	assert_refused(world, GRANT("npx"), COMMAND("npx2"), "Security Check Failed", "'npx2'");
	assert_refused(world, "", COMMAND("npx"), "Security Check Failed", "'npx'");
	assert_refused(world, GRANT("/bin/sh"), COMMAND("sh"), "Security Check Failed", "'sh'");
}

/* mv:4 */
static void a_command_that_is_granted_is_looked_for(void **state)
{
	struct world *world = *state;

	assert_refused(world, GRANT("no-such-npx"), COMMAND("no-such-npx"),
		"Unsupported entry point: ", "Cannot resolve binary 'no-such-npx'");
}

/* mv:5 */
static void a_command_with_blanks_is_told_where_arguments_belong(void **state)
{
	struct world *world = *state;

	assert_refused(world, GRANT("npx"), COMMAND("npx -y x"), "Security Check Failed", "arguments belong in args");
}

/* mv:1 */
static void an_entry_without_command_says_so(void **state)
{
	struct world *world = *state;

	assert_refused(world, "", "", "Unsupported entry point: MCP server requires a 'command' field", "`files`");
}

/* mv:21 */
static void settings_that_nobody_gave_are_told_all_at_once(void **state)
{
	struct world *world = *state;

	world_server(world, GRANT("sh"), COMMAND("sh"),
		"[env]\nB = { type = \"string\" }\nA = { type = \"string\" }\nC = { type = \"string\", default = \"\" }");
	world_start_fails(world, "Missing required environment variables: A, B.");
}

/* mv:57 mv:58 */
static void settings_that_decide_what_runs_are_no_settings_of_a_server(void **state)
{
	static const char *const names[] = { "LD_PRELOAD", "ld_anything", "NPM_CONFIG_REGISTRY", "Node_Options",
		"env" };
	struct world *world = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct diagnostics found = { 0 };
		struct manifest *manifest = NULL;
		struct capsule_error err;
		char text[512];

		(void)snprintf(text, sizeof text,
			"[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[capabilities]\n" GRANT(
				"sh") "\n[[mcp_server]]\nid = \"files\"\ntype = \"stdio\"\n" COMMAND("sh") "\n[env]\n%s = "
													   "{ type = \"string\", default = \"x\" }\n",
			names[i]);
		assert_int_equal(
			manifest_parse(&manifest, span_text(text), "Capsule.toml", &found, &err), CAPSULE_EMANIFEST);
		assert_non_null(strstr(err.text, names[i]));
		assert_non_null(strstr(err.text, "so no program may get it"));
		diagnostics_fini(&found);
	}
	world_child(world, "serve", "");
	world_server(world, GRANT("./server"), "command = \"./server\"\nargs = [\"report\"]",
		"[env]\nSAFE_VAR = { type = \"string\", default = \"safe\" }\nLDFLAGS = { type = \"string\", default = \"-s\" }");
	world_start_ready(world);
	world_call(world);
	assert_non_null(strstr(world->result, "env SAFE_VAR=safe\\n"));
	assert_non_null(strstr(world->result, "env LDFLAGS=-s\\n"));
}

static void assert_reported(const struct world *world, const char *part)
{
	if (strstr(world->result, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", world->result, part);
}

static void start_reporter(struct world *world)
{
	assert_int_equal(setenv("CARGO_HOME", "/nowhere", 1), 0);
	world_child(world, "serve", "");
	world->services.workspace = "/w";
	world_server(world, GRANT("./server"),
		"command = \"./server\"\nargs = [\"report\", \"./data/x\", \"../y\", \"a b\", \"workspace://\", "
		"\"workspace:///in//x\"]",
		"[env]\nSEVEN = { type = \"string\", default = 7 }\nYES = { type = \"string\", default = true }\n"
		"LANG = { type = \"string\", default = \"eo\" }\nSPACE = { type = \"string\", default = \"a b=c\" }");
	world_start_ready(world);
	assert_int_equal(unsetenv("CARGO_HOME"), 0);
	world_call(world);
}

static void assert_environment(const struct world *world)
{
	char expected[256];

	assert_reported(world, "env SEVEN=7\\n");
	assert_reported(world, "env YES=true\\n");
	assert_reported(world, "env SPACE=a b=c\\n");
	assert_reported(world, "env LANG=eo\\n");
	assert_reported(world, "env PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\\n");
	assert_null(strstr(world->result, "CARGO_HOME"));
	assert_ptr_equal(strstr(strstr(world->result, "env LANG=") + 1, "env LANG="), NULL);
	assert_null(strstr(world->result, "ASTRID_SOCKET_PATH"));
	assert_null(strstr(world->result, "CAPSULE_BUILD_DIR"));
	(void)snprintf(expected, sizeof expected, "word %s/server\\n", world->place->capsule);
	assert_reported(world, expected);
	(void)snprintf(expected, sizeof expected, "word %s/data/x\\nword ../y\\nword a b\\nword /w\\nword /w/in//x\\n",
		world->place->capsule);
	assert_reported(world, expected);
	(void)snprintf(expected, sizeof expected, "cwd %s\\n", world->state_dir);
	assert_reported(world, expected);
}

static void nobody_is_woken_for_an_idle_server(void **state)
{
	struct world *world = *state;
	struct pollfd ready = { .fd = loop_fd(world->loop), .events = POLLIN };

	world_child(world, "serve", "");
	world_server(world, GRANT("./server"), COMMAND("./server"), "");
	world_start_ready(world);
	while (loop_timeout_ms(world->loop) == 0 || poll(&ready, 1, 0) > 0)
		(void)loop_turn(world->loop, 0);
	assert_int_equal(loop_timeout_ms(world->loop), -1);
	world_stop_and_wait(world);
}

static void a_word_in_no_workspace_or_out_of_it_ends_the_start(void **state)
{
	struct world *world = *state;

	world_child(world, "serve", "");
	world_server(world, GRANT("./server"), "command = \"./server\"\nargs = [\"workspace://in\"]", "");
	world_start_fails(world, "its argument `workspace://in`: there is no workspace");
	world->services.workspace = "/w";
	world_server(world, GRANT("./server"), "command = \"./server\"\nargs = [\"workspace://in/../..\"]", "");
	world_start_fails(world, "its argument `workspace://in/../..` leads out of a folder by `..`");
}

/* mv:17 mv:23 mv:46 mv:53: without a `hash` it is not read, so that it has no digest */
static void it_gets_its_settings_its_words_and_its_folder(void **state)
{
	struct world *world = *state;
	char expected[256];

	start_reporter(world);
	assert_string_equal(mcp_server_name(world->server), WORLD_NAME);
	assert_environment(world);
	(void)snprintf(expected, sizeof expected, "env HOME=%s\\n", world->state_dir);
	assert_reported(world, expected); /* there is no private one */
	(void)snprintf(expected, sizeof expected, "%s/server", world->place->capsule);
	assert_string_equal(mcp_server_program(world->server), expected);
	assert_string_equal(mcp_server_digest(world->server), "");
	assert_int_equal(world_logged(world, "files runs without a sandbox: it is a test"), 1);
	world_stop_and_wait(world);
	world_start_ready(world);
	assert_int_equal(world_logged(world, "files runs without a sandbox: it is a test"), 2);
}

/* mv:17 mv:52 mv:56 */
static void in_the_sandbox_it_gets_the_same_and_no_more(void **state)
{
	struct world *world = *state;
	struct capsule_error error;

	world->services.unsandboxed = NULL;
	if (sandbox_available(&error) != CAPSULE_OK)
		fail_msg("%s", error.text);
	start_reporter(world);
	assert_environment(world);
	assert_reported(world, "env HOME=/home/capsule\\n");
	assert_int_equal(world_logged(world, "without a sandbox"), 0);
	world_stop_and_wait(world);
}

static void assert_network(struct world *world, bool expected)
{
	struct server_setup setup;

	assert_int_equal(server_setup_make(&setup, world->server, NULL), CAPSULE_OK);
	assert_int_equal(setup.plan.network, expected);
	server_setup_fini(&setup);
}

/* A manifest whose server wants a network without `net` holding `*` is refused when it is read. */
static void a_network_takes_the_word_of_the_server_and_a_grant(void **state)
{
	struct world *world = *state;

	world_server(world, GRANT("sh") "\nnet = [\"*\"]", COMMAND("sh"), "");
	assert_network(world, false);
	world_server(world, GRANT("sh") "\nnet = [\"*\"]", COMMAND("sh") "\nnetwork = true", "");
	assert_network(world, true);
	world->env.gate = gate_deny_all(); /* an embedder takes hosts away */
	assert_network(world, false);
}

/* mv:12 rt:194 */
static void a_script_that_is_no_server_fails_in_the_handshake(void **state)
{
	struct world *world = *state;
	char slice[128];

	place_folder(world->place, "capsule/run");
	(void)snprintf(slice, sizeof slice, "capsule/run/%s", program_triple());
	place_write(world->place, slice, "#!/bin/sh\necho hello\necho no such thing >&2\n", 0755);
	world_server(world, GRANT("./run"), COMMAND("./run"), "");
	world_start_fails(world,
		"Failed to connect MCP host engine: MCP initialization failed: MCP handshake failed for " WORLD_NAME
		": ");
	world_assert_why(world, "it exited with status 0");
	world_assert_why(world, "\nno such thing");
}

/* mv:77 mv:79 */
static void failures_of_the_handshake_say_what_and_whose(void **state)
{
	struct world *world = *state;

	world_child(world, "refuse", "");
	world_start_fails(world, "MCP initialization failed: MCP handshake failed for " WORLD_NAME ": ");
	world_assert_why(world, "-32000");
	world_assert_why(world, "no licence");
	world_child(world, "exit", "");
	world_start_fails(world, "MCP initialization failed: MCP handshake failed for " WORLD_NAME ": ");
	world_assert_why(world, "\nno licence found");
}

/* mv:80 */
static void a_server_that_never_answers_fails_and_is_gone(void **state)
{
	struct world *world = *state;
	struct world_op op;

	world_child(world, "silent", "");
	world_start(world, &op);
	world_until(world, MCP_SERVER_INITIALIZING);
	world_advance(world, 9999);
	assert_false(op.done);
	world_advance(world, 501);
	world_wait(world, &op);
	assert_non_null(strstr(op.error.text, "MCP handshake failed for " WORLD_NAME));
	assert_int_equal(mcp_server_pid(world->server), 0);
}

/* mv:135 */
static void a_start_that_failed_leaves_nothing_in_the_way_of_the_next(void **state)
{
	struct world *world = *state;

	world_child(world, "serve", "");
	place_write(world->place, "capsule/server", "#!/bin/sh\nexit 1\n", 0755);
	world_start_fails(world, "it exited with status 1");
	world_child(world, "serve", "");
	world_start_ready(world);
	world_call(world);
}

/* mv:51 */
static void a_program_that_was_replaced_is_not_started(void **state)
{
	char lines[512], digest[DIGEST_TEXT];
	struct world *world = *state;
	FILE *file = fopen(world->child, "rb");

	assert_non_null(file);
	assert_int_equal(digest_file(digest, DIGEST_BLAKE3, fileno(file), NULL), CAPSULE_OK);
	(void)fclose(file);
	(void)snprintf(lines, sizeof lines, "hash = \"%s\"", digest);
	world_child(world, "serve", lines);
	world_start_ready(world);
	assert_string_equal(mcp_server_digest(world->server), digest);
	world_stop_and_wait(world);
	file = fopen(place_path(world->place, "capsule/server"), "ab");
	assert_non_null(file);
	assert_int_equal(fputc('x', file), 'x');
	(void)fclose(file);
	world_start_fails(world, "hash mismatch for ./server: expected");
}

static void a_file_of_its_integrity_list_that_differs_keeps_it_from_starting(void **state)
{
	struct world *world = *state;
	char digest[DIGEST_TEXT], lines[512];
	FILE *file;

	place_write(world->place, "capsule/data", "right", 0644);
	file = fopen(place_path(world->place, "capsule/data"), "rb");
	assert_non_null(file);
	assert_int_equal(digest_file(digest, DIGEST_BLAKE3, fileno(file), NULL), CAPSULE_OK);
	(void)fclose(file);
	(void)snprintf(lines, sizeof lines, "integrity = [\"data=%s\"]", digest);
	world_child(world, "serve", lines);
	world_start_ready(world);
	world_stop_and_wait(world);
	place_write(world->place, "capsule/data", "wrong", 0644);
	world_start_fails(world, "expected");
}

static void it_is_started_once(void **state)
{
	struct world *world = *state;
	struct world_op first, second;

	world_child(world, "serve", "");
	world_start(world, &first);
	world_start(world, &second);
	world_wait(world, &second);
	assert_string_equal(second.error.text, "MCP server already running: " WORLD_NAME);
	world_wait(world, &first);
	assert_int_equal(first.error.status, CAPSULE_OK);
}

static void a_stop_ends_every_state_and_a_start_follows(void **state)
{
	struct world *world = *state;
	struct world_op start, stop, again;

	world_child(world, "serve", "");
	world_stop_and_wait(world); /* registered */
	world_stop_and_wait(world); /* stopped */
	world_start(world, &start);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_SPAWNING);
	world_stop_and_wait(world);
	world_wait(world, &start);
	assert_int_equal(start.error.status, CAPSULE_ECANCELLED);
	world_start(world, &start);
	world_until(world, MCP_SERVER_INITIALIZING);
	world_stop(world, &stop);
	world_stop(world, &again);
	world_wait(world, &start);
	assert_int_equal(start.error.status, CAPSULE_ECANCELLED);
	world_wait(world, &stop);
	world_wait(world, &again);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_STOPPED);
	world_start_ready(world);
	world_stop_and_wait(world);
	world_start_ready(world);
}

static void what_it_says_while_it_is_stopped_is_not_heard(void **state)
{
	struct world *world = *state;
	struct world_op start, stop;

	world_child(world, "serve", ""); /* which answers what it has read before it ends */
	world_start(world, &start);
	world_until(world, MCP_SERVER_INITIALIZING);
	world_stop(world, &stop);
	world_wait(world, &start);
	world_wait(world, &stop);
	assert_int_equal(world->ready, 0);
	assert_int_equal(world->ended, 1);
}

static void a_start_that_is_cancelled_stops_it(void **state)
{
	struct world *world = *state;
	struct world_op op;

	world_child(world, "silent", "");
	world_start(world, &op);
	op_cancel(&op.op);
	world_wait(world, &op);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_STOPPED);
	world_start(world, &op);
	world_until(world, MCP_SERVER_INITIALIZING);
	op_cancel(&op.op);
	world_wait(world, &op);
	world_until(world, MCP_SERVER_STOPPED);
}

/* mv:18 mv:134: the clock stands still, the list does not wait for it. */
static void two_of_a_capsule_live_side_by_side_and_a_stop_of_one_holds_up_no_other(void **state)
{
	struct world *world = *state;
	struct mcp_server *stubborn;
	struct mcp_server_options options;
	struct world_op stop = { .done = false };
	int64_t id;

	world_child(world, "serve", "");
	world_server(world, GRANT("./server"),
		"command = \"./server\"\nargs = [\"stubborn\"]\n[[mcp_server]]\nid = \"other\"\ntype = \"stdio\"\n"
		"command = \"./server\"\nargs = [\"serve\"]",
		"");
	world_start_ready(world);
	stubborn = world->server;
	options = stubborn->options;
	options.declared = &world->manifest->mcp_servers.items[1];
	assert_int_equal(mcp_server_new(&world->server, &options, NULL), CAPSULE_OK);
	assert_string_equal(mcp_server_name(world->server), "capsule:demo:other");
	world_start_ready(world);
	op_init(&stop.op, world->loop);
	op_start(&stop.op, NULL, NULL, NULL, 0, "test");
	mcp_server_stop(stubborn, &stop.op);
	assert_int_equal(mcp_client_list(mcp_server_client(world->server), MCP_TOOLS, loop_now(world->loop), &id, NULL),
		CAPSULE_OK);
	mcp_server_kick(world->server);
	world->result[0] = '\0';
	while (world->result[0] == '\0')
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	assert_int_equal(mcp_server_state(stubborn, NULL), MCP_SERVER_DRAINING);
	op_fini(&stop.op);
	mcp_server_free(stubborn);
}

static void a_flood_of_standard_error_leaves_the_log_usable(void **state)
{
	struct world *world = *state;

	world_child(world, "chatter", "");
	world_start_ready(world);
	while (world->server->log.dropped < 10000)
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	assert_int_equal(world_logged(world, "and another thing"), SERVER_LOG_BURST);
	world_advance(world, 1000);
	while (world_logged(world, "and another thing") < SERVER_LOG_BURST + SERVER_LOG_A_SECOND)
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	assert_int_equal(world_logged(world, "and another thing"), SERVER_LOG_BURST + SERVER_LOG_A_SECOND);
	assert_int_equal(world_logged(world, "lines were left out) and"), 1);
}

static void ran_inside(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct world *world = user;

	if (failure != NULL)
		fail_msg("%s", failure->text);
	assert_true(result->output.len < sizeof world->result);
	memcpy(world->result, result->output.data, result->output.len);
	world->result[result->output.len] = '\0';
	world->changes = -1;
}

static void another_program_can_be_run_where_it_runs(void **state)
{
	static const char script[] = "pwd; echo $HOME; echo ${SEVEN-none}; ls \"$0\"";
	struct world *world = *state;
	const char *words[] = { "/bin/sh", "-c", script, world->place->capsule, NULL };
	struct process_spec spec = { .argv = words, .input = -1, .output = { .limit = 4096 } };
	struct process *process;
	struct capsule_error error;
	char expected[256];

	world->services.unsandboxed = NULL;
	world_child(world, "serve", "");
	if (mcp_server_run_inside(world->server, &process, &spec, ran_inside, world, &error) != CAPSULE_OK)
		fail_msg("%s", error.text);
	while (world->changes >= 0)
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	(void)snprintf(expected, sizeof expected, "%s\n/home/capsule\nnone\nserver\n", world->state_dir);
	assert_string_equal(world->result, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_command_that_is_not_granted_is_not_looked_for),
		WORLD_TEST(a_command_that_is_granted_is_looked_for),
		WORLD_TEST(a_command_with_blanks_is_told_where_arguments_belong),
		WORLD_TEST(an_entry_without_command_says_so),
		WORLD_TEST(settings_that_nobody_gave_are_told_all_at_once),
		WORLD_TEST(it_gets_its_settings_its_words_and_its_folder),
		WORLD_TEST(nobody_is_woken_for_an_idle_server),
		WORLD_TEST(a_word_in_no_workspace_or_out_of_it_ends_the_start),
		WORLD_TEST(in_the_sandbox_it_gets_the_same_and_no_more),
		WORLD_TEST(a_network_takes_the_word_of_the_server_and_a_grant),
		WORLD_TEST(settings_that_decide_what_runs_are_no_settings_of_a_server),
		WORLD_TEST(a_script_that_is_no_server_fails_in_the_handshake),
		WORLD_TEST(failures_of_the_handshake_say_what_and_whose),
		WORLD_TEST(a_server_that_never_answers_fails_and_is_gone),
		WORLD_TEST(a_start_that_failed_leaves_nothing_in_the_way_of_the_next),
		WORLD_TEST(a_program_that_was_replaced_is_not_started),
		WORLD_TEST(a_file_of_its_integrity_list_that_differs_keeps_it_from_starting),
		WORLD_TEST(it_is_started_once),
		WORLD_TEST(a_stop_ends_every_state_and_a_start_follows),
		WORLD_TEST(what_it_says_while_it_is_stopped_is_not_heard),
		WORLD_TEST(a_start_that_is_cancelled_stops_it),
		WORLD_TEST(two_of_a_capsule_live_side_by_side_and_a_stop_of_one_holds_up_no_other),
		WORLD_TEST(a_flood_of_standard_error_leaves_the_log_usable),
		WORLD_TEST(another_program_can_be_run_where_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
