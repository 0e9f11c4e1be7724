/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Servers that live, and say things that they should not. */
#include "mcp/stdio_fixture.h"

#include <poll.h>

#define BIG (256 * 1024)
#define MIB_BYTES (1024L * 1024)

static void start_and_ready(struct scene *scene, const char *verb)
{
	scene_start(scene, verb);
	scene_expect(scene, MCP_EVENT_READY, 1);
}

static void assert_answers(struct scene *scene)
{
	int results = scene->counts[MCP_EVENT_RESULT];

	assert_int_equal(scene_call(scene, span_text("{}"), NULL), CAPSULE_OK);
	scene_expect(scene, MCP_EVENT_RESULT, results + 1);
	assert_non_null(strstr(scene->last, "done"));
}

static void it_is_started_called_and_stopped(void **state)
{
	struct scene *scene = *state;
	struct mcp_exit exit;

	start_and_ready(scene, "serve");
	assert_true(mcp_stdio_pid(scene->server) > 1);
	assert_false(mcp_stdio_exit(scene->server, &exit));
	assert_answers(scene);
	assert_answers(scene);
	mcp_stdio_stop(scene->server, false);
	mcp_stdio_stop(scene->server, false);
	assert_int_equal(scene->counts[MCP_EVENT_ENDED], 0);
	scene_expect_end(scene, "it was stopped; it exited with status 0");
	assert_int_equal(scene->ended.status, CAPSULE_ECANCELLED);
	assert_int_equal(scene->lost, 0);
	assert_true(mcp_stdio_exit(scene->server, &exit));
	assert_true(exit.ran && exit.end == PROCESS_EXITED && exit.code == 0);
}

static void lines_that_are_no_messages_are_told_and_do_no_harm(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "banner");
	assert_int_equal(scene->counts[MCP_EVENT_BAD_LINE], 2);
	assert_answers(scene);
}

static void answers_that_come_twice_or_to_nothing_are_counted(void **state)
{
	struct scene *scene = *state;
	struct mcp_client_counts counts;

	start_and_ready(scene, "twice");
	assert_answers(scene);
	assert_answers(scene);
	mcp_client_counts(mcp_stdio_client(scene->server), &counts);
	assert_true(counts.unknown_answers + counts.late_answers >= 2);
	assert_int_equal(counts.in_flight, 0);
}

static void an_answer_with_another_id_is_not_the_one_of_the_handshake(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "wrong-ids");
	assert_answers(scene);
}

static void an_idle_server_wakes_nobody_up(void **state)
{
	struct scene *scene = *state;
	struct pollfd ready = { .fd = loop_fd(scene->fixture->loop), .events = POLLIN };

	start_and_ready(scene, "serve");
	assert_answers(scene);
	while (loop_timeout_ms(scene->fixture->loop) == 0 || poll(&ready, 1, 0) > 0)
		scene_turn(scene, 0);
	assert_int_equal(loop_timeout_ms(scene->fixture->loop), -1);
}

/* Everybody else on the loop has a turn between two steps of the one that floods. */
static void starve_nobody(struct scene *scene, const char *verb)
{
	struct scene other = { .fixture = scene->fixture, .client = scene->client, .frees_at = -1 };

	memcpy(other.child, scene->child, sizeof other.child);
	scene_start(scene, verb);
	scene_expect(scene, MCP_EVENT_READY, 1);
	while (scene->heard.len < 1000 && scene->counts[MCP_EVENT_LOG] < 1000)
		scene_turn(scene, SCENE_PATIENCE_MS);
	start_and_ready(&other, "serve");
	for (int i = 0; i < 20; i++)
		assert_answers(&other);
	assert_int_equal(scene->counts[MCP_EVENT_ENDED], 0);
	mcp_stdio_stop(other.server, false);
	scene_expect_end(&other, "status 0");
	mcp_stdio_free(other.server);
	buffer_fini(&other.heard);
}

static void a_flood_of_notifications_starves_nobody(void **state)
{
	struct scene *scene = *state;

	starve_nobody(scene, "flood");
	mcp_stdio_stop(scene->server, true);
	scene_expect_end(scene, "it was stopped");
}

static void a_flood_of_standard_error_starves_nobody(void **state)
{
	struct scene *scene = *state;

	starve_nobody(scene, "chatter");
	mcp_stdio_stop(scene->server, true);
	scene_expect_end(scene, "it was stopped");
}

/* mv:72 */
static void a_mebibyte_of_standard_error_without_an_end_is_one_short_line(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "mumble");
	assert_answers(scene);
	mcp_stdio_stop(scene->server, false);
	scene_expect_end(scene, "it was stopped");
	assert_int_equal(scene->heard.len, MCP_STDERR_LINE + 2);
}

static long resident_bytes(void)
{
	char text[128] = "", *resident = text;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	(void)fclose(file);
	(void)strtol(text, &resident, 10);
	return strtol(resident, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* mv:90 */
static void a_line_of_100_mib_ends_it_and_is_not_kept(void **state)
{
	struct scene *scene = *state;
	long before = resident_bytes();

	scene_start(scene, "huge");
	scene_expect_end(scene, "message exceeds 16777216 bytes");
	assert_int_equal(scene->lost, 1);
	assert_true(resident_bytes() - before < 64 * MIB_BYTES);
}

static void a_server_that_does_not_read_fills_what_may_wait_and_blocks_nobody(void **state)
{
	struct scene *scene = *state;
	char *arguments = malloc(BIG);
	int calls = 0;

	assert_non_null(arguments);
	memset(arguments, 'x', BIG);
	arguments[0] = arguments[BIG - 1] = '"';
	scene->client.in_flight = 1000;
	start_and_ready(scene, "deaf");
	while (scene_call(scene, span_of(arguments, BIG), NULL) == CAPSULE_OK) {
		scene_turn(scene, 0);
		assert_true(++calls < 1000);
	}
	assert_int_equal(scene->failed.status, CAPSULE_ELIMIT);
	assert_true(calls > 64);
	mcp_stdio_stop(scene->server, false);
	scene_advance(scene, 2000);
	scene_expect_end(scene, "it was stopped");
	free(arguments);
}

static void what_did_not_fit_goes_on_when_there_is_room(void **state)
{
	struct scene *scene = *state;
	char *arguments = malloc(BIG);

	assert_non_null(arguments);
	memset(arguments, 'x', BIG);
	arguments[0] = arguments[BIG - 1] = '"';
	start_and_ready(scene, "serve");
	for (int i = 0; i < 30; i++)
		assert_int_equal(scene_call(scene, span_of(arguments, BIG), NULL), CAPSULE_OK);
	scene_expect(scene, MCP_EVENT_RESULT, 30);
	assert_int_equal(scene->counts[MCP_EVENT_WRITTEN], 30);
	free(arguments);
}

static void list(struct scene *scene)
{
	int64_t id;

	assert_int_equal(mcp_client_list(mcp_stdio_client(scene->server), MCP_TOOLS, loop_now(scene->fixture->loop),
				 &id, &scene->failed),
		CAPSULE_OK);
	mcp_stdio_kick(scene->server);
	scene_expect(scene, MCP_EVENT_LISTED, scene->counts[MCP_EVENT_LISTED] + 1);
}

static void tools_that_change_are_told_and_listed_anew(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "change");
	list(scene);
	assert_non_null(strstr(scene->last, "\"echo\""));
	assert_answers(scene);
	assert_int_equal(scene->counts[MCP_EVENT_CHANGED], 1);
	list(scene);
	assert_non_null(strstr(scene->last, "\"other\""));
}

static void a_list_without_end_fails_alone(void **state)
{
	struct scene *scene = *state;

	scene->client.list_pages = 50;
	start_and_ready(scene, "cursors");
	list(scene);
	assert_int_not_equal(scene->failed.status, CAPSULE_OK);
	assert_answers(scene);
}

static void it_can_be_freed_from_inside_of_an_event(void **state)
{
	static const int kinds[] = { MCP_EVENT_READY, MCP_EVENT_WRITTEN, MCP_EVENT_RESULT, MCP_EVENT_LOG };
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		memset(scene->counts, 0, sizeof scene->counts);
		scene->frees_at = kinds[i];
		scene_start(scene, kinds[i] == MCP_EVENT_LOG ? "flood" : "serve");
		while (scene->server != NULL && scene->counts[MCP_EVENT_READY] == 0)
			scene_turn(scene, SCENE_PATIENCE_MS);
		if (scene->server != NULL && kinds[i] != MCP_EVENT_LOG)
			assert_int_equal(scene_call(scene, span_text("{}"), NULL), CAPSULE_OK);
		while (scene->server != NULL)
			scene_turn(scene, SCENE_PATIENCE_MS);
		assert_int_equal(scene->counts[kinds[i]], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(it_is_started_called_and_stopped),
		SCENE_TEST(lines_that_are_no_messages_are_told_and_do_no_harm),
		SCENE_TEST(answers_that_come_twice_or_to_nothing_are_counted),
		SCENE_TEST(an_answer_with_another_id_is_not_the_one_of_the_handshake),
		SCENE_TEST(an_idle_server_wakes_nobody_up),
		SCENE_TEST(a_flood_of_notifications_starves_nobody),
		SCENE_TEST(a_flood_of_standard_error_starves_nobody),
		SCENE_TEST(a_mebibyte_of_standard_error_without_an_end_is_one_short_line),
		SCENE_TEST(a_line_of_100_mib_ends_it_and_is_not_kept),
		SCENE_TEST(a_server_that_does_not_read_fills_what_may_wait_and_blocks_nobody),
		SCENE_TEST(what_did_not_fit_goes_on_when_there_is_room),
		SCENE_TEST(tools_that_change_are_told_and_listed_anew),
		SCENE_TEST(a_list_without_end_fails_alone),
		SCENE_TEST(it_can_be_freed_from_inside_of_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
