/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interceptors that a server serves by one tool of a fixed name. The server is a process. */
#include "engine/mcp/engine_fixture.h"

#include "base/cleanup.h"
#include "base/limits.h"

static const char *const with_hook[] = { "astrid_hook_intercept", "go", NULL };

/* mv:120 */
static void an_interceptor_is_a_call_of_that_tool(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", with_hook);
	stage_run_hook(stage, &shot, "h", "{\"a\":1}");
	assert_int_equal(shot.status, CAPSULE_OK);
	assert_int_equal(
		stage_count(&stage->sent,
			"\"name\":\"astrid_hook_intercept\",\"arguments\":{\"hook\":\"h\",\"payload\":{\"a\":1}}"),
		1);
	assert_int_equal(stage_count(&stage->records, "started astrid_hook_intercept manifest"), 1);
	assert_int_equal(stage_count(&stage->records, "ended astrid_hook_intercept manifest"), 1);
	assert_int_equal(
		stage_count(&stage->life, "called"), 0); /* one that listens would be called for its own call */
	shot_fini(&shot);
}

static void it_is_no_tool_for_anybody_else(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };
	struct buffer out = { 0 };

	stage_open(stage, "", with_hook);
	assert_false(stage->engine->ops->offers(stage->engine, "astrid_hook_intercept"));
	assert_int_equal(stage_call(stage, &shot, "s:astrid_hook_intercept", "{}"), CAPSULE_EUNSUPPORTED);
	assert_int_equal(stage->engine->ops->tools(stage->engine, true, NULL, &out), 1);
	buffer_fini(&out);
	shot_fini(&shot);
}

static void a_server_without_it_lets_the_next_engine_have_the_event(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_hook(stage, &shot, "h", "{}"), CAPSULE_EUNSUPPORTED);
	shot_fini(&shot);
}

/* mv:121 */
static void a_payload_that_is_no_json_fails(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", with_hook);
	assert_int_equal(stage_hook(stage, &shot, "h", "not json"), CAPSULE_EINVAL);
	assert_true(strncmp(shot.text, "failed to deserialize interceptor payload: ", 43) == 0);
	assert_int_equal(stage_hook(stage, &shot, "h", ""), CAPSULE_EINVAL);
	shot_fini(&shot);
}

/* mv:122 */
static void texts_are_the_answer_and_null_is_none(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", with_hook);
	stage_run_hook(stage, &shot, "raw",
		"{\"content\":[{\"type\":\"text\",\"text\":\"ab\"},{\"type\":\"text\",\"text\":\"cd\"}]}");
	assert_string_equal(shot.result, "abcd");
	stage_run_hook(stage, &shot, "raw", "{\"content\":[{\"type\":\"text\",\"text\":\"null\"}]}");
	assert_int_equal(shot.status, CAPSULE_OK);
	assert_string_equal(shot.result, "");
	stage_run_hook(stage, &shot, "raw", "{\"content\":[]}");
	assert_int_equal(shot.status, CAPSULE_OK);
	assert_string_equal(shot.result, "");
	shot_fini(&shot);
}

/* mv:123 */
static void a_call_that_fails_is_a_failure_of_the_interceptor(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", with_hook);
	stage_run_hook(stage, &shot, "fail", "{}");
	assert_true(shot.status != CAPSULE_OK);
	assert_non_null(strstr(shot.text, "astrid_hook_intercept - Mcp error: -32602: bad"));
	shot_fini(&shot);
}

/* mv:124 */
static void is_error_is_a_failure_with_its_text_in_the_log(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", with_hook);
	stage_run_hook(
		stage, &shot, "raw", "{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"no rules\"}]}");
	assert_int_equal(shot.status, CAPSULE_EGUEST);
	assert_string_equal(shot.text, "interceptor `raw` of MCP server '" SERVER_NAME "' failed: no rules");
	assert_int_equal(stage_count(&stage->logged, "an interceptor failed: no rules"), 1);
	shot_fini(&shot);
}

/* mv:125 */
static void one_that_never_answers_ends_after_five_seconds(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", with_hook);
	assert_int_equal(stage_hook(stage, &shot, "hold", "{}"), CAPSULE_OK);
	stage_advance(stage, 4900);
	assert_int_equal(shot.done, 0);
	stage_advance(stage, 200);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_ETIMEOUT);
	shot.call.wall_ms = 1000;
	assert_int_equal(stage_hook(stage, &shot, "hold", "{}"), CAPSULE_OK);
	stage_advance(stage, 1100);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_ETIMEOUT);
	shot_fini(&shot);
}

static void four_are_called_at_once_and_tools_pass_them(void **state)
{
	struct stage *stage = *state;
	static struct shot shots[6];
	struct shot go = { 0 };

	stage_open(stage, "", with_hook);
	for (int i = 0; i < 6; i++)
		assert_int_equal(stage_hook(stage, &shots[i], "hold", "{}"), CAPSULE_OK);
	stage_run(stage, &go, "go", "{}");
	assert_int_equal(shots[0].done + shots[1].done + shots[2].done + shots[3].done, 4);
	STAGE_UNTIL(stage, stage_count(&stage->sent, "\"hook\":\"hold\"") == 6);
	assert_int_equal(shots[4].done + shots[5].done, 0);
	stage_run(stage, &go, "go", "{}");
	STAGE_UNTIL(stage, shots[4].done == 1 && shots[5].done == 1);
	for (int i = 0; i < 6; i++)
		shot_fini(&shots[i]);
	shot_fini(&go);
}

static void tools_that_take_their_time_do_not_hold_them_up(void **state)
{
	struct stage *stage = *state;
	struct shot held = { 0 }, waits = { 0 }, hook = { 0 };

	stage->limits.in_flight = 1;
	stage_open(stage, "", (const char *const[]){ "astrid_hook_intercept", "hold", NULL });
	assert_int_equal(stage_call(stage, &held, "hold", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &waits, "hold", "{}"), CAPSULE_OK);
	stage_run_hook(stage, &hook, "h", "{}");
	assert_int_equal(hook.status, CAPSULE_OK);
	assert_int_equal(held.done + waits.done, 0);
	assert_int_equal(stage_count(&stage->sent, "\"name\":\"hold\""), 1);
	op_cancel(&held.call.op);
	op_cancel(&waits.call.op);
	shot_fini(&held);
	shot_fini(&waits);
	shot_fini(&hook);
}

#define INTERCEPTOR_TEST(fact) cmocka_unit_test_setup_teardown(fact, stage_set_up, stage_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INTERCEPTOR_TEST(an_interceptor_is_a_call_of_that_tool),
		INTERCEPTOR_TEST(it_is_no_tool_for_anybody_else),
		INTERCEPTOR_TEST(a_server_without_it_lets_the_next_engine_have_the_event),
		INTERCEPTOR_TEST(a_payload_that_is_no_json_fails),
		INTERCEPTOR_TEST(texts_are_the_answer_and_null_is_none),
		INTERCEPTOR_TEST(a_call_that_fails_is_a_failure_of_the_interceptor),
		INTERCEPTOR_TEST(is_error_is_a_failure_with_its_text_in_the_log),
		INTERCEPTOR_TEST(one_that_never_answers_ends_after_five_seconds),
		INTERCEPTOR_TEST(four_are_called_at_once_and_tools_pass_them),
		INTERCEPTOR_TEST(tools_that_take_their_time_do_not_hold_them_up),
	};

	return cmocka_run_group_tests_name("mcp_interceptors", tests, NULL, NULL);
}
