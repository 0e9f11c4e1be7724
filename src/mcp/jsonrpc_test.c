/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ids, envelopes, and JSON as text. How whole messages are taken is shown with the client. */
#include "mcp/jsonrpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void integers_are_read_exactly(void **state)
{
	static const struct {
		const char *text;
		bool fine;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "0e999999999999", true, 0 },
		{ "1.0", true, 1 },
		{ "1.50e1", true, 15 },
		{ "-120e-1", true, -12 },
		{ "100E+2", true, 10000 },
		{ "9007199254740993", true, 9007199254740993 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775807.000", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "1e19", false, 0 },
		{ "1e99999999999999999999", false, 0 },
		{ "1.5", false, 0 },
		{ "1e-1", false, 0 },
		{ "0.000000000000000000000000000001", false, 0 },
		{ "1.00000000000000000000000000000000001", false, 0 },
		{ "\"1\"", false, 0 },
		{ "true", false, 0 },
		{ "", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t value = 77;

		assert_int_equal(jsonrpc_integer(span_text(rows[i].text), &value), rows[i].fine);
		if (rows[i].fine)
			assert_true(value == rows[i].value);
	}
}

/* mv:93 */
static void ids_are_equal_by_type_and_value(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "1", "1.0", true },
		{ "1", "\"1\"", false },
		{ "\"a\"", "\"\\u0061\"", true },
		{ "\"a\\/\"", "\"a/\"", true },
		{ "\"a\"", "\"A\"", false },
		{ "null", "null", true },
		{ "0", "null", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct jsonrpc_id a, b;

		assert_true(jsonrpc_id_read(span_text(rows[i].a), &a) && jsonrpc_id_read(span_text(rows[i].b), &b));
		assert_int_equal(jsonrpc_id_equal(&a, &b), rows[i].equal);
	}
}

static void an_id_is_short(void **state)
{
	char text[JSONRPC_ID_MAX + 1];
	struct jsonrpc_id id;

	(void)state;
	memset(text, 'a', sizeof text);
	text[0] = '"';
	text[JSONRPC_ID_MAX - 1] = '"';
	assert_true(jsonrpc_id_read(span_of(text, JSONRPC_ID_MAX), &id));
	text[JSONRPC_ID_MAX - 1] = 'a';
	text[JSONRPC_ID_MAX] = '"';
	assert_false(jsonrpc_id_read(span_of(text, JSONRPC_ID_MAX + 1), &id));
	assert_false(jsonrpc_id_read(span_text("true"), &id));
	assert_false(jsonrpc_id_read(span_text("[]"), &id));
}

static void json_is_what_the_grammar_says(void **state)
{
	static const char *const right[] = { "0", "-0.0e-0", "[]", " { } ", "[1,[2,{\"a\":null}]]",
		"\"\\ud83d\\ude00\"", "{\"\":\"\"}", "true", "1e999999", "\"\xC3\xA9 \xF0\x9F\x98\x80\"",
		"\"12345678\\n12345678\"" };
	static const char *const wrong[] = { "", " ", "01", "-", "1.", ".5", "1e", "+1", "[1,]", "[,1]", "{\"a\"}",
		"{\"a\":}", "{a:1}", "{\"a\":1,}", "[1}", "\"", "\"\\", "\"\\x\"", "\"\\u12g4\"", "\"\\udc00\"",
		"\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"a\tb\"", "\"1234567\x01\"", "tru", "null0", "1 2", "[",
		"{\"a\":1", "\xEF\xBB\xBF{}", "\"\xED\xA0\x80\"", "'a'", "NaN" };
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
		assert_true(json_scan_whole(span_text(right[i]), 0, &why));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		why = NULL;
		assert_false(json_scan_whole(span_text(wrong[i]), 0, &why));
		assert_non_null(why);
	}
	assert_false(json_scan_whole(span_of("\"a\0b\"", 5), 0, NULL));
	assert_false(json_scan_whole(span_of("\"\\\0\"", 4), 0, NULL));
}

static void depth_is_bounded(void **state)
{
	char text[2 * (LIMIT_JSON_DEPTH + 1)];

	(void)state;
	memset(text, '[', LIMIT_JSON_DEPTH + 1);
	memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
	assert_true(json_scan_whole(span_of(text + 1, 2 * LIMIT_JSON_DEPTH), 0, NULL));
	assert_false(json_scan_whole(span_of(text, sizeof text), 0, NULL));
	assert_true(json_scan_whole(span_text("[[1]]"), 2, NULL));
	assert_false(json_scan_whole(span_text("[[[]]]"), 2, NULL));
}

static void members_are_found_whatever_their_keys_look_like(void **state)
{
	static const char *const keys[] = { "b", "none", "a" };
	struct span values[3];

	(void)state;
	json_scan_find(span_text("{\"a\" : 1, \"\\u0062\":[{\"a\":2}] ,\"a\":3.0}"), keys, values, 3);
	assert_true(span_is(values[0], "[{\"a\":2}]"));
	assert_int_equal(values[1].len, 0);
	assert_true(span_is(values[2], "3.0")); /* the last one */
	json_scan_find(span_text("[1]"), keys, values, 3);
	assert_int_equal(values[0].len + values[2].len, 0);
	assert_int_equal(json_scan_get(span_of(NULL, 0), "a").len, 0);
	assert_true(json_scan_is(span_text("\"\\u0061b\""), "ab"));
	assert_false(json_scan_is(span_text("\"\\u0061bc\""), "ab"));
	assert_false(json_scan_is(span_text("\"a\\u0000b\""), "a"));
	assert_false(json_scan_is(span_text("ab"), "ab"));
}

static void strings_mean_what_they_say(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	assert_true(json_scan_unescape(
		span_text("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20ac\\ud83d\\ude00z\""), &out));
	assert_int_equal(out.len, 20);
	assert_memory_equal(out.data, "a\"\\/\b\f\n\r\t\0\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z", 20);
	buffer_fini(&out);
}

static void messages_are_one_line_each(void **state)
{
	const struct jsonrpc_id text_id = { .kind = JSONRPC_TEXT_ID, .text = { (const uint8_t *)"\"a\"", 3 } };
	const struct jsonrpc_id null_id = { .kind = JSONRPC_NULL_ID }, no_id = { .kind = JSONRPC_NO_ID };
	struct buffer out = { 0 };

	(void)state;
	assert_true(jsonrpc_append_request(&out, INT64_MIN, span_text("m\n"), span_text("{\n\"a\" : \"b c\"\r\n}")));
	assert_true(jsonrpc_append_notification(&out, span_text("n"), span_of(NULL, 0)));
	assert_true(jsonrpc_append_result(&out, &text_id, span_of(NULL, 0)));
	assert_true(jsonrpc_append_error(&out, &null_id, -32700, span_text("\xFF\n"), span_text("[ 1 ]")));
	assert_true(jsonrpc_append_error(&out, &no_id, 0, span_of(NULL, 0), span_of(NULL, 0)));
	assert_string_equal(buffer_text(&out),
		"{\"jsonrpc\":\"2.0\",\"id\":-9223372036854775808,\"method\":\"m\\n\",\"params\":{\"a\":\"b c\"}}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"\xEF\xBF\xBD\\n\",\"data\":[1]}}\n"
		"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":0,\"message\":\"\"}}\n");
	buffer_fini(&out);
}

struct heard {
	size_t messages, bad, bad_batches;
	const char *reason;
	struct jsonrpc_message last;
};

static void hear(void *user, const struct jsonrpc_message *message)
{
	struct heard *heard = user;

	heard->messages++;
	heard->last = *message;
}

static void hear_bad(void *user, const char *reason, bool is_batch)
{
	struct heard *heard = user;

	heard->bad++;
	heard->bad_batches += is_batch;
	heard->reason = reason;
}

static struct heard read_text(const char *text, struct jsonrpc_limits limits, bool batches)
{
	struct heard heard = { .messages = 0 };

	assert_int_equal(jsonrpc_read(span_text(text), &limits, batches, hear, hear_bad, &heard, NULL), CAPSULE_OK);
	return heard;
}

static void batches_have_their_rules(void **state)
{
	const struct jsonrpc_limits limits = { .batch = 2 };
	const char *two = " [{\"jsonrpc\":\"2.0\",\"method\":\"a\"} , 1]";
	struct heard heard;

	(void)state;
	heard = read_text(two, limits, true);
	assert_true(heard.messages == 1 && heard.bad == 1 && heard.bad_batches == 0);
	heard = read_text(two, limits, false);
	assert_true(heard.messages == 0 && heard.bad == 1 && heard.bad_batches == 1);
	heard = read_text("[1,2,3]", limits, true);
	assert_true(heard.bad == 1 && heard.bad_batches == 1);
	assert_string_equal(heard.reason, "a batch of too many messages");
	heard = read_text("[{\"jsonrpc\":\"2.0\",\"method\":\"a\"},", limits, true); /* nothing of it is taken */
	assert_true(heard.messages == 0 && heard.bad == 1 && heard.bad_batches == 0);
}

static void what_is_absent_or_of_a_wrong_type(void **state)
{
	const struct jsonrpc_limits limits = { .bytes = 100 };
	struct heard heard;

	(void)state;
	heard = read_text("{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":null,\"more\":1}", limits, false);
	assert_int_equal(heard.messages, 1);
	assert_int_equal(heard.last.params.len, 0);
	heard = read_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":2.0}}", limits, false);
	assert_int_equal(heard.last.kind, JSONRPC_ERROR);
	assert_int_equal(heard.last.code, 2);
	assert_int_equal(heard.last.message.len, 0);
	heard = read_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":2.5,\"message\":\"x\"}}", limits, false);
	assert_int_equal(heard.last.kind, JSONRPC_BAD_ANSWER);
	heard = read_text(
		"{\"jsonrpc\":\"2.0\",\"method\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaa\"}",
		limits, false);
	assert_string_equal(heard.reason, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_read_exactly),
		cmocka_unit_test(ids_are_equal_by_type_and_value),
		cmocka_unit_test(an_id_is_short),
		cmocka_unit_test(json_is_what_the_grammar_says),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(members_are_found_whatever_their_keys_look_like),
		cmocka_unit_test(strings_mean_what_they_say),
		cmocka_unit_test(messages_are_one_line_each),
		cmocka_unit_test(batches_have_their_rules),
		cmocka_unit_test(what_is_absent_or_of_a_wrong_type),
	};

	return cmocka_run_group_tests_name("mcp_jsonrpc", tests, NULL, NULL);
}
