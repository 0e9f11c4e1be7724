/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/run_lines.h"
#include "cli/run_replies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Lines ---- */

/* All lines of `text`, put `piece` bytes at a time, written into `out` with '|' behind each and '!' for one that is
 * too long. */
static void split(const char *text, size_t piece, char *out, size_t size)
{
	struct run_lines lines = { 0 };
	size_t len = strlen(text), used = 0, line_len = 0;
	const char *line = NULL;

	out[0] = '\0';
	for (size_t at = 0; at <= len; at += piece) {
		bool ended = len - at < piece || len == at;
		enum run_line found;

		assert_true(run_lines_put(&lines, text + at, len - at < piece ? len - at : piece));
		while ((found = run_lines_next(&lines, ended, &line, &line_len)) != RUN_LINE_NONE)
			used += (size_t)snprintf(out + used, size - used, "%.*s%s",
				found == RUN_LINE_WHOLE ? (int)line_len : 0, line, found == RUN_LINE_WHOLE ? "|" : "!");
	}
	run_lines_fini(&lines);
}

static void lines_are_the_same_however_they_come(void **state)
{
	static const char *const texts[][2] = {
		{ "", "" },
		{ "a", "a|" },
		{ "a\n", "a|" },
		{ "a\nbc\n\nd", "a|bc||d|" },
		{ "\n\n", "||" },
		{ "a\r\nb", "a\r|b|" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (size_t piece = 1; piece < 9; piece++) {
			split(texts[i][0], piece, out, sizeof out);
			assert_string_equal(out, texts[i][1]);
		}
	}
}

static void put_times(struct run_lines *lines, char byte, size_t count)
{
	char *bytes = malloc(RUN_CHUNK_BYTES);

	assert_non_null(bytes);
	memset(bytes, byte, RUN_CHUNK_BYTES);
	while (count > 0) {
		size_t len = count < RUN_CHUNK_BYTES ? count : RUN_CHUNK_BYTES;
		const char *line = NULL;
		size_t line_len = 0;

		assert_true(run_lines_put(lines, bytes, len));
		count -= len;
		if (count > 0)
			assert_int_equal(run_lines_next(lines, false, &line, &line_len), RUN_LINE_NONE);
	}
	free(bytes);
}

static void the_longest_line_is_whole_and_one_byte_more_is_skipped(void **state)
{
	struct run_lines lines = { 0 };
	const char *line = NULL;
	size_t len = 0;

	(void)state;
	put_times(&lines, 'x', RUN_LINE_BYTES_MAX);
	assert_true(run_lines_put(&lines, "\n", 1));
	assert_int_equal(run_lines_next(&lines, false, &line, &len), RUN_LINE_WHOLE);
	assert_int_equal(len, RUN_LINE_BYTES_MAX);
	assert_int_equal(run_lines_next(&lines, false, &line, &len), RUN_LINE_NONE);
	put_times(&lines, 'y', RUN_LINE_BYTES_MAX + 1);
	assert_true(run_lines_put(&lines, "\na\n", 3));
	assert_int_equal(run_lines_next(&lines, false, &line, &len), RUN_LINE_TOO_LONG);
	assert_int_equal(run_lines_next(&lines, false, &line, &len), RUN_LINE_WHOLE);
	assert_int_equal(lines.number, 3);
	assert_memory_equal(line, "a", 1);
	run_lines_fini(&lines);
}

/* What is kept does not grow with a line that never ends. */
static void an_endless_line_is_told_once_and_not_kept(void **state)
{
	struct run_lines lines = { 0 };
	const char *line = NULL;
	size_t len = 0, told = 0, chunks = 4 * RUN_LINE_BYTES_MAX / RUN_CHUNK_BYTES;
	char *bytes = calloc(1, RUN_CHUNK_BYTES);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < chunks; i++) {
		assert_true(run_lines_put(&lines, bytes, RUN_CHUNK_BYTES));
		told += run_lines_next(&lines, false, &line, &len) == RUN_LINE_TOO_LONG;
		assert_true(lines.capacity <= 2 * (RUN_LINE_BYTES_MAX + RUN_CHUNK_BYTES));
	}
	assert_int_equal(told, 1);
	assert_int_equal(run_lines_next(&lines, true, &line, &len), RUN_LINE_NONE);
	assert_int_equal(lines.number, 1);
	free(bytes);
	run_lines_fini(&lines);
}

/* ---- Messages ---- */

static void check_line(const char *line, const char *topic, const char *payload, const char *request)
{
	struct run_message message;
	char why[RUN_WHY_BYTES] = "";
	bool good = run_message_read_line(&message, line, strlen(line), why);

	assert_int_equal(good, topic != NULL);
	if (good) {
		assert_string_equal(message.topic, topic);
		assert_string_equal(message.payload, payload);
		assert_int_equal(message.payload_len, strlen(payload));
		assert_string_equal(message.request != NULL ? message.request : "none", request);
	} else {
		assert_non_null(strstr(why, payload));
	}
	run_message_fini(&message);
}

static void a_line_has_a_topic_and_a_payload_that_stays_as_it_is(void **state)
{
	(void)state;
	check_line(" {\"topic\":\"a.b\",\"payload\":1.50} ", "a.b", "1.50", "none");
	check_line("{\"x\":0,\"payload\":{\"k\":1,\"k\":2},\"topic\":\"\\u00e9\"}", "\xC3\xA9", "{\"k\":1,\"k\":2}",
		"none");
	check_line("{\"topic\":\"a\",\"payload\":{\"req_id\":\"r_1-A\"}}", "a", "{\"req_id\":\"r_1-A\"}", "r_1-A");
	check_line("", NULL, "there is no JSON", "");
	check_line("[\"topic\",\"payload\"]", NULL, "an object with `topic` and `payload`", "");
	check_line("{\"topic\":null,\"payload\":1}", NULL, "`topic` is no text", "");
	check_line("{\"topic\":\"a\\u0000\",\"payload\":1}", NULL, "`topic` has a NUL in it", "");
	check_line("{\"topic\":\"a\",\"payload\":1", NULL, "not valid JSON: ", "");
}

static void an_operand_is_a_topic_and_json(void **state)
{
	struct run_message message;
	char why[RUN_WHY_BYTES] = "";

	(void)state;
	assert_true(run_message_read(&message, "a.b", "{\"_astrid_delivery_id\": \"d\"}", why));
	assert_string_equal(message.topic, "a.b");
	assert_string_equal(message.payload, "{\"_astrid_delivery_id\": \"d\"}");
	assert_string_equal(message.request, "d");
	run_message_fini(&message);
	assert_false(run_message_read(&message, "a.b", "{", why));
	assert_non_null(strstr(why, "not valid JSON: "));
	run_message_fini(&message);
}

/* ---- Requests ---- */

static void check_id(const char *json, const char *expected)
{
	char *id = run_request_id(json, strlen(json));

	assert_string_equal(id != NULL ? id : "none", expected);
	free(id);
}

static void an_id_is_found_where_the_runtime_finds_it(void **state)
{
	char text[256], id[130];

	(void)state;
	check_id("{\"req_id\":\"r\"}", "r");
	check_id("{\"_astrid_delivery_id\":\"d\",\"req_id\":\"r\"}", "r");
	check_id("{\"type\":\"custom\",\"data\":{\"req_id\":\"r\"}}", "r");
	check_id("{\"type\":\"other\",\"data\":{\"req_id\":\"r\"}}", "none");
	check_id("{\"req_id\":1}", "none");
	check_id("{\"req_id\":\"\"}", "none");
	check_id("{\"req_id\":\"a.b\"}", "none");
	check_id("[\"req_id\"]", "none");
	check_id("no JSON", "none");
	memset(id, 'x', sizeof id);
	id[128] = '\0';
	(void)snprintf(text, sizeof text, "{\"req_id\":\"%s\"}", id);
	check_id(text, id);
	(void)snprintf(text, sizeof text, "{\"req_id\":\"%sx\"}", id);
	check_id(text, "none");
}

static void the_oldest_request_is_answered_first(void **state)
{
	struct run_replies replies = { 0 };

	(void)state;
	assert_null(run_replies_oldest(&replies));
	assert_true(run_replies_await(&replies, "b"));
	assert_true(run_replies_await(&replies, "a"));
	assert_true(run_replies_await(&replies, "b"));
	assert_int_equal(replies.count, 3);
	assert_string_equal(run_replies_oldest(&replies), "b");
	assert_false(run_replies_take(&replies, "c", 1));
	assert_true(run_replies_take(&replies, "bx", 1));
	assert_string_equal(run_replies_oldest(&replies), "a");
	assert_true(run_replies_take(&replies, "b", 1));
	assert_false(run_replies_take(&replies, "b", 1));
	assert_int_equal(replies.count, 1);
	run_replies_fini(&replies);
	assert_int_equal(replies.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_however_they_come),
		cmocka_unit_test(the_longest_line_is_whole_and_one_byte_more_is_skipped),
		cmocka_unit_test(an_endless_line_is_told_once_and_not_kept),
		cmocka_unit_test(a_line_has_a_topic_and_a_payload_that_stays_as_it_is),
		cmocka_unit_test(an_operand_is_a_topic_and_json),
		cmocka_unit_test(an_id_is_found_where_the_runtime_finds_it),
		cmocka_unit_test(the_oldest_request_is_answered_first),
	};

	return cmocka_run_group_tests_name("run_lines", tests, NULL, NULL);
}
