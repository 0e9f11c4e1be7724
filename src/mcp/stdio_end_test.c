/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How servers end: by themselves at each stage, by the rules that they break, by us. */
#include "mcp/stdio_fixture.h"

#include <errno.h>
#include <signal.h>

static void start_and_ready(struct scene *scene, const char *verb)
{
	scene_start(scene, verb);
	scene_expect(scene, MCP_EVENT_READY, 1);
}

static void call(struct scene *scene)
{
	assert_int_equal(scene_call(scene, span_text("{}"), NULL), CAPSULE_OK);
}

static void an_exit_in_the_handshake_is_told_with_its_last_words(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "exit");
	scene_expect_end(scene, "it exited with status 3");
	assert_non_null(strstr(scene->ended.text, "\none\nno licence found"));
	assert_string_equal((const char *)buffer_text(&scene->heard), "<one><no licence found>");
	assert_int_equal(scene->counts[MCP_EVENT_READY], 0);
}

static void an_exit_before_anything_is_read_is_told(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "before");
	scene_expect_end(scene, "it exited with status 7");
}

static void a_program_that_does_not_exist_is_told_as_such(void **state)
{
	struct scene *scene = *state;
	struct mcp_exit exit;

	(void)snprintf(scene->child, sizeof scene->child, "/nowhere/server");
	scene_start(scene, "serve");
	scene_expect_end(scene, "/nowhere/server");
	assert_true(mcp_stdio_exit(scene->server, &exit));
	assert_false(exit.ran);
}

/* mv:79 */
static void a_refusal_in_the_handshake_is_told_with_code_and_message(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "refuse");
	scene_expect_end(scene, "-32000");
	assert_non_null(strstr(scene->ended.text, "no licence"));
}

static void another_revision_ends_it(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "revision");
	scene_expect_end(scene, "1999-01-01");
}

/* mv:80 */
static void a_server_that_never_answers_is_given_up_after_ten_seconds(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "silent");
	while (scene->counts[MCP_EVENT_ENDED] == 0 && mcp_stdio_pid(scene->server) == 0)
		scene_turn(scene, 0);
	scene_turn(scene, 0);
	scene_stage(scene, 'i');
	scene_advance(scene, 9999);
	scene_turn(scene, 0);
	assert_int_equal(scene->lost, 0);
	scene_advance(scene, 1);
	assert_int_equal(scene->lost, 1);
	scene_expect_end(scene, "");
}

static void an_output_that_ends_in_the_handshake_ends_it(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "mute");
	while (scene->lost == 0)
		scene_turn(scene, SCENE_PATIENCE_MS);
	assert_int_equal(scene->counts[MCP_EVENT_ENDED], 0);
	scene_advance(scene, 250);
	scene_expect_end(scene, "it had to be ended");
}

/* mv:115 */
static void a_death_in_a_call_fails_the_call(void **state)
{
	struct scene *scene = *state;
	struct mcp_exit exit;

	start_and_ready(scene, "die");
	call(scene);
	scene_expect(scene, MCP_EVENT_ERROR, 1);
	assert_non_null(strstr(scene->failed.text, "Transport closed"));
	scene_expect_end(scene, "it was ended by signal 9 (KILL)");
	assert_int_equal(scene->lost, scene->lost != 0);
	assert_true(mcp_stdio_exit(scene->server, &exit));
	assert_true(exit.ran && exit.end == PROCESS_SIGNALED && exit.code == SIGKILL && exit.in_flight == 1);
}

static void a_clean_exit_tells_how_many_calls_it_left(void **state)
{
	struct scene *scene = *state;
	struct mcp_exit exit;

	start_and_ready(scene, "leave");
	call(scene);
	scene_expect_end(scene, "it exited with status 0");
	assert_true(mcp_stdio_exit(scene->server, &exit));
	assert_true(exit.ran && exit.end == PROCESS_EXITED && exit.code == 0 && exit.in_flight == 1);
}

static void what_it_wrote_before_its_end_is_read(void **state)
{
	struct scene *scene = *state;
	struct mcp_client_counts counts;

	start_and_ready(scene, "last-words");
	call(scene);
	scene_expect_end(scene, "it exited with status 5");
	assert_int_equal(scene->counts[MCP_EVENT_RESULT], 1);
	mcp_client_counts(mcp_stdio_client(scene->server), &counts);
	assert_int_equal(counts.unknown_answers, 500);
}

static void somebody_who_holds_the_pipes_open_does_not_hold_up_the_end(void **state)
{
	struct scene *scene = *state;

	scene_start(scene, "fork");
	scene_expect_end(scene, "it exited with status 4");
}

static void an_output_that_ends_is_an_end_whoever_lives(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "close");
	while (scene->lost == 0)
		scene_turn(scene, SCENE_PATIENCE_MS);
	assert_true(mcp_stdio_pid(scene->server) > 1);
	assert_int_equal(scene_call(scene, span_text("{}"), NULL), CAPSULE_ESTATE);
	scene_advance(scene, 250);
	scene_expect_end(scene, "it had to be ended");
}

static void an_input_that_is_closed_is_an_end_once_it_is_written_to(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "shut");
	scene_stage(scene, 'r');
	scene_stage(scene, 's');
	call(scene);
	scene_expect(scene, MCP_EVENT_ERROR, 1);
	while (scene->lost == 0)
		scene_turn(scene, SCENE_PATIENCE_MS);
	assert_non_null(strstr(scene->lost_why.text, "does not read"));
	scene_advance(scene, 250);
	scene_expect_end(scene, "it had to be ended");
}

/* mv:133 */
static void who_ignores_the_end_of_input_and_sigterm_is_killed_with_all_its_children(void **state)
{
	struct scene *scene = *state;
	int pid;

	start_and_ready(scene, "tree");
	pid = mcp_stdio_pid(scene->server);
	mcp_stdio_stop(scene->server, false);
	scene_stage(scene, 'e');
	scene_advance(scene, 1999);
	assert_int_equal(kill(pid, 0), 0);
	scene_advance(scene, 1); /* SIGTERM */
	scene_advance(scene, 1999);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(scene->counts[MCP_EVENT_ENDED], 0);
	scene_advance(scene, 1);
	scene_expect_end(scene, "it was stopped; it had to be ended");
	while (kill(-pid, 0) == 0) /* killed; whoever inherits the grandchild has yet to reap it */
		scene_turn(scene, 1);
	assert_int_equal(errno, ESRCH);
}

static void a_stop_at_once_overtakes_one_in_order(void **state)
{
	struct scene *scene = *state;

	start_and_ready(scene, "stubborn");
	mcp_stdio_stop(scene->server, false);
	scene_stage(scene, 'e');
	mcp_stdio_stop(scene->server, true);
	scene_expect_end(scene, "it was stopped; it had to be ended");
	assert_int_equal(scene->lost, 0);
}

static void killed_at_each_stage_of_the_handshake_it_is_told_and_leaves_nothing(void **state)
{
	static const struct {
		const char *verb;
		char letter;
	} stages[] = { { "silent", 0 }, { "silent", 's' }, { "silent", 'i' }, { "serve", 'i' }, { "serve", 'r' } };
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
		memset(scene->counts, 0, sizeof scene->counts);
		scene->lost = 0;
		scene_start(scene, stages[i].verb);
		for (int turn = 0; turn < 2 && stages[i].letter != 0; turn++)
			scene_turn(scene, 0);
		if (stages[i].letter == 'r')
			scene_expect(scene, MCP_EVENT_READY, 1);
		if (stages[i].letter != 0)
			scene_stage(scene, stages[i].letter);
		assert_int_equal(kill(mcp_stdio_pid(scene->server), SIGKILL), 0);
		scene_expect_end(scene, "it was ended by signal 9 (KILL)");
		assert_int_equal(
			scene->counts[MCP_EVENT_READY], stages[i].letter == 'r' ? 1 : scene->counts[MCP_EVENT_READY]);
		mcp_stdio_free(scene->server);
		scene->server = NULL;
	}
}

static void it_can_be_freed_at_any_moment(void **state)
{
	static const char letters[] = { 0, 's', 'i' };
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof letters; i++) {
		scene_start(scene, "silent");
		scene_turn(scene, 0);
		if (letters[i] != 0)
			scene_stage(scene, letters[i]);
		mcp_stdio_free(scene->server);
	}
	start_and_ready(scene, "stubborn");
	mcp_stdio_stop(scene->server, false);
	mcp_stdio_free(scene->server);
	scene->server = NULL;
	scene->frees_at = MCP_EVENT_ENDED;
	scene_start(scene, "before");
	scene_expect_end(scene, "status 7");
	assert_null(scene->server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(an_exit_in_the_handshake_is_told_with_its_last_words),
		SCENE_TEST(an_exit_before_anything_is_read_is_told),
		SCENE_TEST(a_program_that_does_not_exist_is_told_as_such),
		SCENE_TEST(a_refusal_in_the_handshake_is_told_with_code_and_message),
		SCENE_TEST(another_revision_ends_it),
		SCENE_TEST(a_server_that_never_answers_is_given_up_after_ten_seconds),
		SCENE_TEST(an_output_that_ends_in_the_handshake_ends_it),
		SCENE_TEST(a_death_in_a_call_fails_the_call),
		SCENE_TEST(a_clean_exit_tells_how_many_calls_it_left),
		SCENE_TEST(what_it_wrote_before_its_end_is_read),
		SCENE_TEST(somebody_who_holds_the_pipes_open_does_not_hold_up_the_end),
		SCENE_TEST(an_output_that_ends_is_an_end_whoever_lives),
		SCENE_TEST(an_input_that_is_closed_is_an_end_once_it_is_written_to),
		SCENE_TEST(who_ignores_the_end_of_input_and_sigterm_is_killed_with_all_its_children),
		SCENE_TEST(a_stop_at_once_overtakes_one_in_order),
		SCENE_TEST(killed_at_each_stage_of_the_handshake_it_is_told_and_leaves_nothing),
		SCENE_TEST(it_can_be_freed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
