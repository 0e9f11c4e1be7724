/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that need consent. The server is a process; the person is this test. */
#include "engine/mcp/engine_fixture.h"

#include "base/cleanup.h"
#include "engine/mcp/internal.h"

#include <signal.h>

static void what_the_manifest_denies_is_refused_and_put_down(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "deny = [\"ech*\"]", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_EDENIED);
	assert_string_equal(shot.text,
		"Authorization failed: " SERVER_NAME
		":echo: the manifest of capsule 'demo' denies it (\"ech*\" in `deny` of [[mcp_server]] 's')");
	assert_int_equal(stage_count(&stage->records, "refused echo denied 0 0 Authorization failed"), 1);
	assert_int_equal(stage_count(&stage->sent, "tools/call"), 0);
	assert_int_equal(stage->questions, 0);
	shot_fini(&shot);
}

static void nobody_to_ask_means_no_and_says_how_to_allow_it(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage->services.ask = NULL;
	stage_open(stage, "consent = \"ask\"", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_EDENIED);
	assert_non_null(strstr(shot.text, "Authorization required for " SERVER_NAME ":echo: "));
	assert_non_null(strstr(shot.text, "add \"echo\" to `allow`"));
	shot_fini(&shot);
}

static void once_is_asked_each_time(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "ask = [\"echo\"]", (const char *const[]){ "echo", NULL });
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
		assert_int_equal(stage->questions, i);
		assert_int_equal(stage->engine->ops->calls(stage->engine), 1);
		stage_answer(stage, MCP_ANSWER_ONCE);
		STAGE_UNTIL(stage, shot.done == 1);
		assert_int_equal(shot.status, CAPSULE_OK);
	}
	assert_int_equal(stage_count(&stage->records, "started echo asked"), 2);
	shot_fini(&shot);
}

static void for_the_session_is_asked_once(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "ask = [\"echo\"]", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	stage_answer(stage, MCP_ANSWER_SESSION);
	STAGE_UNTIL(stage, shot.done == 1);
	stage_run(stage, &shot, "s:echo", "{\"other\":true}");
	assert_int_equal(stage->questions, 1);
	assert_int_equal(stage_count(&stage->records, "started echo remembered"), 1);
	/* Also after it was loaded again. */
	stage_unload(stage);
	stage_load(stage);
	stage_run(stage, &shot, "echo", "{}");
	assert_int_equal(stage->questions, 1);
	shot_fini(&shot);
}

static void no_is_a_refusal_that_is_put_down(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "consent = \"ask\"", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	stage_answer(stage, MCP_ANSWER_DENY);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_EDENIED);
	assert_string_equal(buffer_text(&stage->records),
		"refused echo denied 0 0 Authorization failed: " SERVER_NAME ":echo: it was not allowed\n");
	shot_fini(&shot);
}

static void a_question_is_taken_back_with_its_call_and_has_a_deadline(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "consent = \"ask\"", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	op_cancel(&shot.call.op);
	assert_int_equal(stage->withdrawn, 1);
	STAGE_UNTIL(stage, shot.done == 1);
	shot.call.wall_ms = 1000;
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	stage_advance(stage, 1100);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(stage->withdrawn, 2);
	assert_int_equal(shot.status, CAPSULE_ETIMEOUT);
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	stage_unload(stage);
	assert_int_equal(stage->withdrawn, 3);
	assert_int_equal(shot.status, CAPSULE_ECANCELLED);
	shot_fini(&shot);
}

static void a_question_that_can_not_be_asked_refuses_the_call(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage->ask_fails = true;
	stage_open(stage, "consent = \"ask\"", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_ELIMIT);
	assert_non_null(strstr(shot.text, "too many questions"));
	assert_int_equal(stage->engine->ops->calls(stage->engine), 0);
	shot_fini(&shot);
}

static void a_use_that_was_never_written_is_not_used_up(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "consent = \"ask\"", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "echo", "{\"a\":1,\"b\":2}"), CAPSULE_OK);
	stage_kill_server(stage);
	stage_answer(stage, MCP_ANSWER_ONCE);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_ESTATE);
	stage_advance(stage, 3000);
	STAGE_UNTIL(stage, stage->engine->ops->health(stage->engine, NULL) == ENGINE_READY);
	/* Other arguments are another call. */
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	assert_int_equal(stage->questions, 2);
	stage_answer(stage, MCP_ANSWER_DENY);
	STAGE_UNTIL(stage, shot.done == 1);
	stage_run(stage, &shot, "echo", "{\"b\":2,\"a\":1}");
	assert_int_equal(shot.status, CAPSULE_OK);
	assert_int_equal(stage->questions, 2);
	assert_int_equal(stage_call(stage, &shot, "echo", "{\"b\":2,\"a\":1}"), CAPSULE_OK);
	assert_int_equal(stage->questions, 3);
	op_cancel(&shot.call.op);
	STAGE_UNTIL(stage, shot.done == 1);
	shot_fini(&shot);
}

static void half_a_request_that_is_given_up_is_used_up(void **state)
{
	enum { LEN = 256 * 1024 }; /* more than a pipe takes */
	struct stage *stage = *state;
	HOLD(free_drop) char *arguments = malloc(LEN + 1);
	struct shot shot = { 0 };
	pid_t pid;

	assert_non_null(arguments);
	memset(arguments, 'x', LEN);
	arguments[0] = arguments[LEN - 1] = '"';
	arguments[LEN] = '\0';
	stage_open(stage, "consent = \"ask\"", (const char *const[]){ "hold", NULL });
	pid = mcp_server_pid(mcp_engine_of(stage->engine)->server);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(stage_call(stage, &shot, "hold", arguments), CAPSULE_OK);
	stage_answer(stage, MCP_ANSWER_ONCE);
	STAGE_UNTIL(stage, stage_count(&stage->records, "started hold asked") == 1);
	(void)loop_turn(stage->loop, 0); /* it is written as far as it goes */
	op_cancel(&shot.call.op);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(kill(pid, SIGCONT), 0);
	/* The server will get all of it: once more is another use. */
	assert_int_equal(stage_call(stage, &shot, "hold", arguments), CAPSULE_OK);
	assert_int_equal(stage->questions, 2);
	op_cancel(&shot.call.op);
	STAGE_UNTIL(stage, shot.done == 1);
	shot_fini(&shot);
}

static void unloading_a_deaf_server_ends_all_that_waits(void **state)
{
	struct stage *stage = *state;
	struct shot sent = { 0 }, queued = { 0 }, asked = { 0 };

	stage->limits.in_flight = 1;
	stage_open(stage, "ask = [\"asked\"]", (const char *const[]){ "hold", "asked", NULL });
	assert_int_equal(kill(mcp_server_pid(mcp_engine_of(stage->engine)->server), SIGSTOP), 0);
	assert_int_equal(stage_call(stage, &sent, "hold", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &queued, "hold", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &asked, "asked", "{}"), CAPSULE_OK);
	(void)loop_turn(stage->loop, 0);
	op_start(&stage->unload, NULL, NULL, NULL, 0, "unload");
	stage->engine->ops->unload(stage->engine, &stage->unload);
	assert_int_equal(stage->engine->ops->calls(stage->engine), 0);
	assert_int_equal(stage->withdrawn, 1);
	STAGE_UNTIL(stage, sent.done + queued.done + asked.done == 3);
	assert_int_equal(sent.status, CAPSULE_ECANCELLED);
	assert_int_equal(queued.status, CAPSULE_ECANCELLED);
	assert_int_equal(asked.status, CAPSULE_ECANCELLED);
	assert_string_equal(buffer_text(&stage->records),
		"started hold manifest 0 0 ok\nended hold manifest 0 0 cancelled: capsule 'demo' is unloaded\n");
	assert_true(op_pending(&stage->unload)); /* it has its time to end */
	op_fini(&stage->unload);
	op_init(&stage->unload, stage->loop);
	op_start(&stage->unload, stage_unloaded, stage, NULL, 0, "unload");
	stage->engine->ops->unload(stage->engine, &stage->unload); /* once more waits for the same end */
	stage_advance(stage, 2000);
	stage_advance(stage, 2000);
	STAGE_UNTIL(stage, stage->unloaded == 1);
	shot_fini(&sent);
	shot_fini(&queued);
	shot_fini(&asked);
}

static void a_tool_that_changes_while_somebody_is_asked_is_not_called(void **state)
{
	static const char second[] = "{\"name\":\"echo\",\"description\":\"Other.\",\"inputSchema\":{}}," TOOL(
		"change");
	struct stage *stage = *state;
	struct shot shot = { 0 }, change = { 0 };

	stage_make(stage, "ask = [\"echo\"]",
		(const char *const[]){ TOOL("echo") "," TOOL("change"), "then", second, NULL });
	stage_load(stage);
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	stage_run(stage, &change, "change", "{}");
	STAGE_UNTIL(stage, stage->retools == 1);
	stage_answer(stage, MCP_ANSWER_SESSION);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_EDENIED);
	assert_non_null(strstr(shot.text, "its description changed after the call was allowed"));
	assert_int_equal(stage_count(&stage->records, "refused echo asked 0 0 its description changed after"), 1);
	assert_int_equal(stage_count(&stage->records, "started echo"), 0);
	shot_fini(&shot);
	shot_fini(&change);
}

#define CONSENT_TEST(fact) cmocka_unit_test_setup_teardown(fact, stage_set_up, stage_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONSENT_TEST(what_the_manifest_denies_is_refused_and_put_down),
		CONSENT_TEST(nobody_to_ask_means_no_and_says_how_to_allow_it),
		CONSENT_TEST(once_is_asked_each_time),
		CONSENT_TEST(for_the_session_is_asked_once),
		CONSENT_TEST(no_is_a_refusal_that_is_put_down),
		CONSENT_TEST(a_question_is_taken_back_with_its_call_and_has_a_deadline),
		CONSENT_TEST(a_question_that_can_not_be_asked_refuses_the_call),
		CONSENT_TEST(a_use_that_was_never_written_is_not_used_up),
		CONSENT_TEST(half_a_request_that_is_given_up_is_used_up),
		CONSENT_TEST(unloading_a_deaf_server_ends_all_that_waits),
		CONSENT_TEST(a_tool_that_changes_while_somebody_is_asked_is_not_called),
	};

	return cmocka_run_group_tests_name("mcp_calls_consent", tests, NULL, NULL);
}
