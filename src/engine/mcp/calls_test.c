/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls of tools: what goes over the pipe, what comes back, what is put down, what ends them. The server is a process. */
#include "engine/mcp/engine_fixture.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/mcp/arguments.h"

#define CALL_FAILED "Tool call failed: " SERVER_NAME ":"

/* mv:101 */
static void an_object_of_arguments_goes_as_it_is(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "echo", NULL });
	stage_run(stage, &shot, "echo", "{\"b\":1.50,\"a\":{\"x\":\"\\n\"}}");
	assert_int_equal(shot.status, CAPSULE_OK);
	assert_int_equal(
		stage_count(&stage->sent, "\"name\":\"echo\",\"arguments\":{\"b\":1.50,\"a\":{\"x\":\"\\n\"}}"), 1);
	stage_run(stage, &shot, "s:echo", "{}");
	assert_int_equal(stage_count(&stage->sent, "\"name\":\"echo\",\"arguments\":{}"), 1);
	shot_fini(&shot);
}

/* mv:102 */
static void other_arguments_are_wrapped_and_null_is_left_out(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "echo", NULL });
	stage_run(stage, &shot, "echo", "null");
	stage_run(stage, &shot, "echo", "");
	assert_int_equal(stage_count(&stage->sent, "\"arguments\""), 0);
	stage_run(stage, &shot, "echo", "[1]");
	assert_int_equal(stage_count(&stage->sent, "\"arguments\":{\"value\":[1]}"), 1);
	stage_run(stage, &shot, "echo", "\"x\"");
	assert_int_equal(stage_count(&stage->sent, "\"arguments\":{\"value\":\"x\"}"), 1);
	shot_fini(&shot);
}

static void an_escaped_name_reaches_the_tool(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "read file", NULL });
	stage_run(stage, &shot, "read_x20file", "{}");
	assert_int_equal(stage_count(&stage->sent, "\"name\":\"read file\""), 1);
	shot_fini(&shot);
}

/* mv:103 */
static void a_server_that_does_not_run_takes_no_calls(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "other", "{}"), CAPSULE_EUNSUPPORTED);
	assert_string_equal(shot.text, "Tool not found: " SERVER_NAME ":other");
	assert_int_equal(stage_call(stage, &shot, "echo", "{"), CAPSULE_EINVAL);
	op_start(&stage->unload, NULL, NULL, NULL, 0, "unload");
	stage->engine->ops->unload(stage->engine, &stage->unload);
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_ESTATE);
	assert_string_equal(shot.text, "MCP server not running: " SERVER_NAME ": it is not loaded");
	op_fini(&stage->unload);
	op_init(&stage->unload, stage->loop);
	shot_fini(&shot);
}

/* mv:105 mv:146 */
static void an_error_of_the_server_is_the_error_of_the_call(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "fail", NULL });
	stage_run(stage, &shot, "fail", "{}");
	assert_true(shot.status != CAPSULE_OK);
	assert_string_equal(shot.text, CALL_FAILED "fail - Mcp error: -32602: bad");
	assert_string_equal(buffer_text(&stage->records),
		"started fail manifest 0 0 ok\nended fail manifest 0 0 " CALL_FAILED "fail - Mcp error: -32602: bad\n");
	shot_fini(&shot);
}

static void run_raw(struct stage *stage, struct shot *shot, const char *result)
{
	HOLD(buffer_fini) struct buffer arguments = { 0 };

	assert_true(buffer_printf(&arguments, "{\"result\":%s}", result));
	stage_run(stage, shot, "raw", buffer_text(&arguments));
	assert_string_equal(shot->text, "");
	assert_int_equal(shot->status, CAPSULE_OK);
}

/* mv:106 */
static void texts_come_back_as_items_and_success(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "raw", NULL });
	run_raw(stage, &shot, "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}");
	assert_string_equal(shot.result,
		"{\"success\":true,\"is_error\":false,\"error\":null,\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
		"{\"type\":\"text\",\"text\":\"b\"}],\"original\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
		"{\"type\":\"text\",\"text\":\"b\"}]}}");
	assert_int_equal(stage_count(&stage->life, "called raw\ncompleted raw well\n"), 1);
	shot_fini(&shot);
}

/* mv:107 */
static void is_error_is_a_result_and_no_failure(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "raw", NULL });
	run_raw(stage, &shot,
		"{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}]}");
	assert_non_null(strstr(shot.result, "{\"success\":false,\"is_error\":true,\"error\":\"x\\ny\","));
	assert_int_equal(stage_count(&stage->records, " x\ny\n"), 1);
	assert_int_equal(stage_count(&stage->life, "completed raw badly\n"), 1);
	run_raw(stage, &shot,
		"{\"isError\":true,\"content\":[{\"type\":\"image\",\"data\":\"AA==\",\"mimeType\":\"image/png\"}]}");
	assert_non_null(strstr(shot.result, "\"error\":\"Unknown error\""));
	shot_fini(&shot);
}

static void a_long_text_of_an_error_is_cut_where_it_is_put_down(void **state)
{
	struct stage *stage = *state;
	HOLD(buffer_fini) struct buffer result = { 0 };
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "raw", NULL });
	(void)buffer_append_text(&result, "{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"\\u0000begin ");
	for (size_t i = 0; i < 2 * ERROR_TEXT_MAX; i++)
		(void)buffer_append_byte(&result, 'e');
	(void)buffer_append_text(&result, " end\"}]}");
	run_raw(stage, &shot, buffer_text(&result));
	assert_int_equal(stage_count(&stage->records, " ?begin eee"), 1);
	assert_int_equal(stage_count(&stage->records, "eee end\n"), 1);
	assert_int_equal(stage_count(&stage->records, "Unknown error"), 0);
	shot_fini(&shot);
}

/* mv:108 mv:109 mv:110 */
static void other_items_are_kept_whole(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "raw", NULL });
	run_raw(stage, &shot, "{\"content\":[{\"type\":\"audio\",\"data\":\"AAAA\",\"mimeType\":\"audio/wav\"}]}");
	assert_non_null(strstr(
		shot.result, "\"content\":[{\"type\":\"audio\",\"data\":\"AAAA\",\"mime_type\":\"audio/wav\"}]"));
	run_raw(stage, &shot,
		"{\"content\":[{\"type\":\"resource\",\"resource\":{\"uri\":\"x:1\",\"blob\":\"QUI=\"}},"
		"{\"type\":\"resource_link\",\"uri\":\"x:2\",\"name\":\"two\"}]}");
	assert_non_null(strstr(shot.result,
		"\"content\":[{\"type\":\"resource\",\"uri\":\"x:1\",\"data\":\"QUI=\",\"encoding\":\"base64\"},"
		"{\"type\":\"resource_link\",\"uri\":\"x:2\",\"name\":\"two\",\"data\":null}]"));
	run_raw(stage, &shot, "{\"content\":[]}");
	assert_non_null(strstr(shot.result, "{\"success\":true,\"is_error\":false,\"error\":null,\"content\":[]"));
	shot_fini(&shot);
}

static void a_result_that_is_none_fails_the_call(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "raw", NULL });
	stage_run(stage, &shot, "raw", "{\"result\":{\"content\":7}}");
	assert_int_equal(shot.status, CAPSULE_EINVAL);
	assert_string_equal(shot.text, CALL_FAILED "raw - the content of a tool's result is no array");
	shot_fini(&shot);
}

/* mv:112 mv:114 */
static void no_answer_in_time_ends_the_call_and_tells_the_server(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 }, other = { 0 };

	stage_open(stage, "timeout_ms = 5000", (const char *const[]){ "hold", "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "hold", "{}"), CAPSULE_OK);
	STAGE_UNTIL(stage, stage_count(&stage->sent, "\"name\":\"hold\"") == 1);
	stage_advance(stage, 4900);
	assert_int_equal(shot.done, 0);
	stage_advance(stage, 200);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_ETIMEOUT);
	assert_string_equal(shot.text, CALL_FAILED "hold - request timeout after 5s");
	STAGE_UNTIL(stage, stage_count(&stage->sent, "notifications/cancelled") == 1);
	assert_int_equal(stage_count(&stage->sent, "\"requestId\":"), 1);
	/* The late answer is ignored. */
	STAGE_UNTIL(stage, stage_count(&stage->received, "late") == 1);
	stage_run(stage, &other, "echo", "{}");
	assert_int_equal(other.status, CAPSULE_OK);
	assert_int_equal(shot.done, 1);
	shot_fini(&shot);
	shot_fini(&other);
}

/* mv:113 */
static void progress_keeps_a_call_alive_until_the_hard_limit(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 }, tick = { 0 };

	stage->limits.call_hard_ms = 100000;
	stage_open(stage, "", (const char *const[]){ "hold", "tick", NULL });
	assert_int_equal(stage_call(stage, &shot, "hold", "{}"), CAPSULE_OK);
	for (int i = 0; i < 9; i++) {
		stage_run(stage, &tick, "tick", "{}");
		stage_advance(stage, 10000);
		assert_int_equal(shot.done, 0);
	}
	stage_run(stage, &tick, "tick", "{}");
	stage_advance(stage, 10100);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_ETIMEOUT);
	assert_string_equal(shot.text, CALL_FAILED "hold - request timeout after 100s");
	STAGE_UNTIL(stage, stage_count(&stage->sent, "notifications/cancelled") == 1);
	shot_fini(&shot);
	shot_fini(&tick);
}

static void the_wall_limit_of_a_call_wins_when_it_is_smaller(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { .call = { .wall_ms = 1000 } };

	stage_open(stage, "", (const char *const[]){ "hold", NULL });
	assert_int_equal(stage_call(stage, &shot, "hold", "{}"), CAPSULE_OK);
	stage_advance(stage, 1100);
	STAGE_UNTIL(stage, shot.done == 1);
	assert_int_equal(shot.status, CAPSULE_ETIMEOUT);
	shot_fini(&shot);
}

static void a_cancelled_call_is_taken_back(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 }, echo = { 0 };

	stage_open(stage, "", (const char *const[]){ "hold", "echo", NULL });
	assert_int_equal(stage_call(stage, &shot, "hold", "{}"), CAPSULE_OK);
	stage_run(stage, &echo, "echo", "{}"); /* so the server has it */
	op_cancel(&shot.call.op);
	assert_int_equal(stage->engine->ops->calls(stage->engine), 0);
	shot_fini(&echo);
	STAGE_UNTIL(stage, shot.done == 1 && stage_count(&stage->sent, "notifications/cancelled") == 1);
	assert_int_equal(shot.status, CAPSULE_ECANCELLED);
	assert_int_equal(stage_count(&stage->records, "ended hold manifest 0 0 cancelled\n"), 1);
	shot_fini(&shot);
}

/* mv:115 */
static void the_death_of_the_server_ends_its_calls_with_its_last_words(void **state)
{
	struct stage *stage = *state;
	struct shot held = { 0 }, shot = { 0 };

	stage_open(stage, "", (const char *const[]){ "hold", "die", NULL });
	assert_int_equal(stage_call(stage, &held, "hold", "{}"), CAPSULE_OK);
	stage_run(stage, &shot, "die", "{}");
	STAGE_UNTIL(stage, held.done == 1);
	assert_true(shot.status != CAPSULE_OK);
	assert_true(strncmp(shot.text, CALL_FAILED "die - Transport closed",
			    strlen(CALL_FAILED "die - Transport closed")) == 0);
	assert_true(strncmp(held.text, CALL_FAILED "hold - Transport closed",
			    strlen(CALL_FAILED "hold - Transport closed")) == 0);
	assert_non_null(strstr(shot.text, "KILL"));
	assert_non_null(strstr(shot.text, "the index is damaged"));
	assert_int_equal(
		stage_count(&stage->records, "ended die manifest 0 0 " CALL_FAILED "die - Transport closed"), 1);
	assert_int_equal(stage->engine->ops->calls(stage->engine), 0);
	shot_fini(&shot);
	shot_fini(&held);
}

#define MANY 32

/* mv:119 */
static void answers_find_their_calls_in_any_order(void **state)
{
	struct stage *stage = *state;
	HOLD(free_drop) struct shot *shots = calloc(MANY, sizeof *shots);
	struct shot go = { 0 };
	long long first;

	stage_open(stage, "", (const char *const[]){ "hold", "go", NULL });
	for (int i = 0; i < MANY; i++)
		assert_int_equal(stage_call(stage, &shots[i], "hold", "{}"), CAPSULE_OK);
	stage_run(stage, &go, "go", "{}");
	first = strtoll(strstr(shots[0].result, "\"text\":\"") + strlen("\"text\":\""), NULL, 10);
	for (int i = 0; i < MANY; i++) {
		char expected[64];

		assert_int_equal(shots[i].done, 1);
		(void)snprintf(expected, sizeof expected, "\"text\":\"%lld\"", first + i);
		assert_non_null(strstr(shots[i].result, expected));
		shot_fini(&shots[i]);
	}
	shot_fini(&go);
}

static void more_than_may_be_in_flight_wait_in_order(void **state)
{
	struct stage *stage = *state;
	static struct shot shots[5];
	struct shot over = { 0 }, owned = { .call = { .unqueued = true } };

	stage->limits.in_flight = 2;
	stage->env.limits.queue_calls = 3;
	stage_open(stage, "", (const char *const[]){ "hold", "go", NULL });
	for (int i = 0; i < 5; i++)
		assert_int_equal(stage_call(stage, &shots[i], i < 2 ? "hold" : "go", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &over, "go", "{}"), CAPSULE_ELIMIT);
	assert_non_null(strstr(over.text, "3 calls or 67108864 bytes are the most"));
	assert_int_equal(stage_call(stage, &owned, "go", "{}"), CAPSULE_OK);
	assert_int_equal(stage->engine->ops->calls(stage->engine), 6);
	STAGE_UNTIL(stage, stage_count(&stage->sent, "\"name\":\"hold\"") == 2);
	for (int i = 0; i < 10; i++)
		(void)loop_turn(stage->loop, 0);
	assert_int_equal(stage_count(&stage->sent, "\"name\":\"go\""), 0);
	op_cancel(&shots[3].call.op);
	op_cancel(&shots[1].call.op);
	STAGE_UNTIL(stage, shots[0].done == 1 && shots[2].done == 1 && shots[4].done == 1 && owned.done == 1);
	assert_int_equal(stage_count(&stage->sent, "\"name\":\"go\""), 3);
	assert_int_equal(shots[3].status, CAPSULE_ECANCELLED);
	for (int i = 0; i < 5; i++)
		shot_fini(&shots[i]);
	shot_fini(&over);
	shot_fini(&owned);
}

static void unloading_ends_what_is_under_way(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 }, queued = { 0 };

	stage->limits.in_flight = 1;
	stage_open(stage, "", (const char *const[]){ "hold", NULL });
	stage->engine->tell_idle = true;
	assert_int_equal(stage_call(stage, &shot, "hold", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &queued, "hold", "{}"), CAPSULE_OK);
	stage_unload(stage);
	assert_int_equal(shot.status, CAPSULE_ECANCELLED);
	assert_int_equal(queued.status, CAPSULE_ECANCELLED);
	assert_int_equal(stage->changes, 2);
	assert_int_equal(stage_count(&stage->records, "ended hold"), 1); /* the other one was never begun */
	shot_fini(&shot);
	shot_fini(&queued);
}

/* mv:145 */
static void each_call_is_put_down_twice(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };
	char hash[BLAKE3_HEX];
	uint8_t bytes[BLAKE3_SIZE];

	stage_open(stage, "", (const char *const[]){ "raw", NULL });
	run_raw(stage, &shot, "{\"content\":[]}");
	assert_string_equal(buffer_text(&stage->records), "started raw manifest 0 0 ok\nended raw manifest 14 14 ok\n");
	assert_int_equal(arguments_hash(span_text("{\"result\":{\"content\":[]}}"), hash, NULL), CAPSULE_OK);
	assert_string_equal(stage->hash, hash);
	blake3_bytes(span_text("{\"content\":[]}"), bytes);
	blake3_hex(bytes, hash);
	assert_string_equal(stage->result_hash, hash);
	shot_fini(&shot);
}

static void a_long_result_is_put_down_by_its_beginning(void **state)
{
	struct stage *stage = *state;
	struct shot shot = { 0 };
	HOLD(buffer_fini) struct buffer text = { 0 }, padding = { 0 };

	for (int i = 0; i < 3000; i++)
		assert_true(buffer_append_text(&padding, "\xc3\xa9"));
	assert_true(buffer_printf(&text, "{\"content\":[{\"type\":\"text\",\"text\":\"") &&
		buffer_append(&text, padding.data, 2000) && buffer_append_text(&text, "\"}]}"));
	stage_open(stage, "", (const char *const[]){ "raw", "echo", NULL });
	run_raw(stage, &shot, buffer_text(&text));
	assert_int_equal(stage_count(&stage->records, "ended raw manifest 2039 2039 ok\n"), 1);
	buffer_clear(&text);
	assert_true(buffer_append_text(&text, "{\"x\":\"") && buffer_append_span(&text, buffer_span(&padding)) &&
		buffer_append_text(&text, "\"}"));
	stage_run(stage, &shot, "echo", buffer_text(&text));
	assert_int_equal(stage_count(&stage->records, " 4095 ok\n") + stage_count(&stage->records, " 4096 ok\n"), 1);
	shot_fini(&shot);
}

static void it_has_tools_and_no_exports(void **state)
{
	static const enum engine_call_kind kinds[] = { ENGINE_EXPORT, ENGINE_INSTALL, ENGINE_UPGRADE };
	struct stage *stage = *state;

	stage_open(stage, "", (const char *const[]){ "echo", NULL });
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct engine_call call = { .kind = kinds[i], .name = "echo" };

		assert_int_equal(
			stage->engine->ops->call(stage->engine, &call, NULL, NULL, NULL), CAPSULE_EUNSUPPORTED);
	}
}

static void a_tool_that_is_gone_when_its_turn_comes_fails_its_call(void **state)
{
	struct stage *stage = *state;
	struct shot change = { 0 }, held = { 0 }, shot = { 0 };

	stage->limits.in_flight = 2;
	stage_make(stage, "",
		(const char *const[]){ TOOL("hold") "," TOOL("slow") "," TOOL("echo"), "then", TOOL("hold"), NULL });
	stage_load(stage);
	assert_int_equal(stage_call(stage, &held, "hold", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &change, "slow", "{}"), CAPSULE_OK);
	assert_int_equal(stage_call(stage, &shot, "echo", "{}"), CAPSULE_OK);
	STAGE_UNTIL(stage, stage->retools == 1);
	assert_int_equal(shot.done, 0);
	op_cancel(&held.call.op);
	STAGE_UNTIL(stage, shot.done == 1 && held.done == 1);
	assert_int_equal(shot.status, CAPSULE_ENOTFOUND);
	assert_string_equal(shot.text, CALL_FAILED "echo - the server does not have it any more");
	assert_int_equal(stage_count(&stage->sent, "\"name\":\"echo\""), 0);
	op_cancel(&change.call.op);
	STAGE_UNTIL(stage, change.done == 1);
	shot_fini(&held);
	shot_fini(&change);
	shot_fini(&shot);
}

#define CALLS_TEST(fact) cmocka_unit_test_setup_teardown(fact, stage_set_up, stage_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS_TEST(an_object_of_arguments_goes_as_it_is),
		CALLS_TEST(other_arguments_are_wrapped_and_null_is_left_out),
		CALLS_TEST(an_escaped_name_reaches_the_tool),
		CALLS_TEST(a_server_that_does_not_run_takes_no_calls),
		CALLS_TEST(an_error_of_the_server_is_the_error_of_the_call),
		CALLS_TEST(texts_come_back_as_items_and_success),
		CALLS_TEST(is_error_is_a_result_and_no_failure),
		CALLS_TEST(a_long_text_of_an_error_is_cut_where_it_is_put_down),
		CALLS_TEST(other_items_are_kept_whole),
		CALLS_TEST(a_result_that_is_none_fails_the_call),
		CALLS_TEST(no_answer_in_time_ends_the_call_and_tells_the_server),
		CALLS_TEST(progress_keeps_a_call_alive_until_the_hard_limit),
		CALLS_TEST(the_wall_limit_of_a_call_wins_when_it_is_smaller),
		CALLS_TEST(a_cancelled_call_is_taken_back),
		CALLS_TEST(the_death_of_the_server_ends_its_calls_with_its_last_words),
		CALLS_TEST(answers_find_their_calls_in_any_order),
		CALLS_TEST(more_than_may_be_in_flight_wait_in_order),
		CALLS_TEST(unloading_ends_what_is_under_way),
		CALLS_TEST(each_call_is_put_down_twice),
		CALLS_TEST(a_long_result_is_put_down_by_its_beginning),
		CALLS_TEST(it_has_tools_and_no_exports),
		CALLS_TEST(a_tool_that_is_gone_when_its_turn_comes_fails_its_call),
	};

	return cmocka_run_group_tests_name("mcp_calls", tests, NULL, NULL);
}
