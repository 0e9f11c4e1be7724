/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is read as JSON, what is refused, and where the message says it was. */
#include "base/json.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct json_limits plain_limits = { .bytes_max = 16 * MIB };

static enum capsule_status parse(const char *text, yyjson_doc **doc, struct capsule_error *err)
{
	error_clear(err);
	*doc = NULL;
	return json_parse(doc, span_text(text), &plain_limits, "arguments", err);
}

/* `depth` arrays inside one another. */
static void append_nest(struct buffer *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		(void)buffer_append_byte(out, '[');
	for (size_t i = 0; i < depth; i++)
		(void)buffer_append_byte(out, ']');
	assert_false(out->failed);
}

static void strict_json_is_accepted(void **state)
{
	static const char *const good[] = { "{}", "[]", "null", "true", "0", "-0", "1e2", "\"\"", " \t\r\n[1 , 2]\n ",
		"{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}", "\"\\u0000\\ud83d\\ude00\\/\"", "18446744073709551615",
		"-9223372036854775808", "{\"\":1,\" \":2}", "[[],{},[[]],{\"x\":{}}]" };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		HOLD(json_doc_drop) yyjson_doc *doc;

		if (parse(good[i], &doc, &err) != CAPSULE_OK)
			fail_msg("%s: %s", good[i], err.text);
		assert_non_null(doc);
	}
}

static void everything_else_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "[", "]", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1 2]", "01",
		"1.", ".5", "+1", "NaN", "Infinity", "1e999", "nul", "True", "// x\n1", "/**/1", "[] []",
		"\xEF\xBB\xBF{}", "\"\x01\"", "\"\n\"", "\"\\x\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
		"\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"a", "{\"a\"}", "{1:2}", "[[[" };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		yyjson_doc *doc;

		if (parse(bad[i], &doc, &err) != CAPSULE_EINVAL)
			fail_msg("%s: %s", bad[i], err.text);
		assert_null(doc);
		assert_memory_equal(err.text, "arguments: ", 11);
	}
}

static void zero_bytes_end_nothing(void **state)
{
	HOLD(json_doc_drop) yyjson_doc *doc;
	struct capsule_error err;

	(void)state;
	assert_int_equal(parse("{\"a\\u0000b\":\"c\\u0000\"}", &doc, &err), CAPSULE_OK);
	assert_int_equal(yyjson_get_len(yyjson_obj_getn(yyjson_doc_get_root(doc), "a\0b", 3)), 2);
	assert_int_equal(json_parse(&doc, span_of("1\0", 2), &plain_limits, "x", &err), CAPSULE_EINVAL);
}

static void message_names_line_and_column_in_characters(void **state)
{
	struct capsule_error err;
	yyjson_doc *doc;

	(void)state;
	assert_int_equal(parse("{\n \"\xC3\xA9\xE2\x82\xAC\": nope}", &doc, &err), CAPSULE_EINVAL);
	assert_memory_equal(err.text, "arguments: line 2, column 8: ", 29);
}

static void text_over_the_byte_limit_is_refused_unread(void **state)
{
	const struct json_limits limits = { .bytes_max = 4 };
	struct capsule_error err;
	yyjson_doc *doc = NULL;

	(void)state;
	assert_int_equal(json_parse(&doc, span_text("[1] "), &limits, "body", &err), CAPSULE_OK);
	json_doc_drop(&doc);
	assert_int_equal(json_parse(&doc, span_text("]]]]]"), &limits, "body", &err), CAPSULE_ELIMIT);
	assert_string_equal(err.text, "body: 5 bytes of JSON, at most 4 are allowed");
}

static void nesting_is_accepted_up_to_the_limit(void **state)
{
	static const size_t depths[] = { 1, 2, 127, LIMIT_JSON_DEPTH };
	struct buffer text = { 0 };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
		const struct json_limits limits = { .bytes_max = MIB, .depth_max = depths[i] };
		yyjson_doc *doc = NULL;

		buffer_clear(&text);
		append_nest(&text, depths[i]);
		assert_int_equal(json_parse(&doc, buffer_span(&text), &limits, "x", &err), CAPSULE_OK);
		json_doc_drop(&doc);
		buffer_clear(&text);
		append_nest(&text, depths[i] + 1);
		assert_int_equal(json_parse(&doc, buffer_span(&text), &limits, "x", &err), CAPSULE_ELIMIT);
	}
	buffer_fini(&text);
}

static void place_of_too_deep_nesting_is_named(void **state)
{
	const struct json_limits limits = { .bytes_max = MIB, .depth_max = 2 };
	struct capsule_error err;
	yyjson_doc *doc = NULL;

	(void)state;
	assert_int_equal(
		json_parse(&doc, span_text("[\"[[[\\\"[\",[],{\"[{\":\n[1]}]"), &limits, "x", &err), CAPSULE_ELIMIT);
	assert_string_equal(err.text, "x: line 2, column 1: nested deeper than 2 levels");
}

static void siblings_do_not_add_to_the_depth(void **state)
{
	const struct json_limits limits = { .bytes_max = MIB, .depth_max = 2 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct capsule_error err;

	(void)state;
	assert_int_equal(
		json_parse(&doc, span_text("[[],[],{},{\"a\":1},[1],[],5,[]]"), &limits, "x", &err), CAPSULE_OK);
}

static void megabytes_of_brackets_are_refused_for_their_depth(void **state)
{
	struct buffer text = { 0 };
	struct capsule_error err;
	yyjson_doc *doc = NULL;

	(void)state;
	for (size_t i = 0; i < MIB; i++)
		assert_true(buffer_append_byte(&text, '['));
	assert_int_equal(json_parse(&doc, buffer_span(&text), &plain_limits, "x", &err), CAPSULE_ELIMIT);
	assert_string_equal(err.text, "x: line 1, column 129: nested deeper than 128 levels");
	buffer_clear(&text);
	append_nest(&text, MIB);
	assert_int_equal(json_parse(&doc, buffer_span(&text), &plain_limits, "x", &err), CAPSULE_ELIMIT);
	buffer_fini(&text);
}

/* The allowance must suffice for the texts that make most values of their bytes. */
static void densest_texts_are_accepted(void **state)
{
	static const char *const units[] = { "1,", "[],", "\"\",", "{},", "[1],", "{\"\":1}," };

	(void)state;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		for (size_t count = 0; count < 40000; count = count * 2 + 7) {
			HOLD(json_doc_drop) yyjson_doc *doc = NULL;
			struct buffer text = { 0 };
			struct capsule_error err;

			(void)buffer_append_byte(&text, '[');
			for (size_t j = 0; j < count; j++)
				(void)buffer_append_text(&text, units[i]);
			assert_true(buffer_append_text(&text, "0]"));
			assert_int_equal(json_parse(&doc, buffer_span(&text), &plain_limits, "x", &err), CAPSULE_OK);
			buffer_fini(&text);
		}
	}
}

static void repeated_key_is_refused_with_its_place(void **state)
{
	struct capsule_error err;
	yyjson_doc *doc;

	(void)state;
	assert_int_equal(parse("{\"a\":1,\n \"b\":{\"a\":2},\"\\u0061\":3}", &doc, &err), CAPSULE_EINVAL);
	assert_string_equal(err.text, "arguments: line 2, column 14: repeated key \"a\"");
	assert_int_equal(parse("[{\"x\":{\"\":1,\"\":2}}]", &doc, &err), CAPSULE_EINVAL);
	assert_int_equal(parse("{\"a\\u0000b\":1,\"a\\u0000c\":2}", &doc, &err), CAPSULE_OK);
	json_doc_drop(&doc);
}

/* An object of `count` keys with the value of key `again` repeated at the end unless again == count. */
static enum capsule_status parse_object(size_t count, size_t again, struct capsule_error *err)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct buffer text = { 0 };
	enum capsule_status status;

	(void)buffer_append_byte(&text, '{');
	for (size_t i = 0; i < count; i++)
		(void)buffer_printf(&text, "%s\"key%zu\":{\"x\":[1]}", i > 0 ? "," : "", i);
	if (again < count)
		(void)buffer_printf(&text, ",\"key%zu\":0", again);
	assert_true(buffer_append_byte(&text, '}'));
	status = json_parse(&doc, buffer_span(&text), &plain_limits, "x", err);
	buffer_fini(&text);
	return status;
}

static void repeated_keys_are_found_in_objects_of_every_size(void **state)
{
	static const size_t counts[] = { 1, 2, 15, 16, 17, 31, 32, 33, 100, 1000, 100000 };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		assert_int_equal(parse_object(counts[i], counts[i], &err), CAPSULE_OK);
		assert_int_equal(parse_object(counts[i], 0, &err), CAPSULE_EINVAL);
		assert_int_equal(parse_object(counts[i], counts[i] / 2, &err), CAPSULE_EINVAL);
		assert_int_equal(parse_object(counts[i], counts[i] - 1, &err), CAPSULE_EINVAL);
	}
}

static void long_repeated_key_is_cut_in_the_message(void **state)
{
	struct buffer text = { 0 };
	struct capsule_error err;
	yyjson_doc *doc;

	(void)state;
	(void)buffer_append_text(&text, "{\"x\":0");
	for (int i = 0; i < 2; i++) {
		(void)buffer_append_text(&text, ",\"a");
		for (int j = 0; j < 1000; j++)
			(void)buffer_append_text(&text, "\xC3\xA9");
		(void)buffer_append_text(&text, "\":1");
	}
	(void)buffer_append_text(&text, "}");
	assert_int_equal(parse(buffer_text(&text), &doc, &err), CAPSULE_EINVAL);
	assert_in_range(strlen(err.text), 150, 250);
	assert_string_equal(err.text + strlen(err.text) - 6, "\xC3\xA9...\"");
	buffer_fini(&text);
}

static void where_repeats_are_allowed_the_last_one_wins(void **state)
{
	const struct json_limits limits = { .bytes_max = MIB, .allow_duplicates = true };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct capsule_error err;
	yyjson_val *root;

	(void)state;
	assert_int_equal(
		json_parse(&doc, span_text("{\"a\":1,\"b\":2,\"a\":3,\"aa\":4}"), &limits, "x", &err), CAPSULE_OK);
	root = yyjson_doc_get_root(doc);
	assert_int_equal(yyjson_get_int(json_last(root, "a")), 3);
	assert_int_equal(yyjson_get_int(json_last(root, "b")), 2);
	assert_null(json_last(root, "c"));
	assert_null(json_last(yyjson_obj_get(root, "b"), "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_json_is_accepted),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(zero_bytes_end_nothing),
		cmocka_unit_test(message_names_line_and_column_in_characters),
		cmocka_unit_test(text_over_the_byte_limit_is_refused_unread),
		cmocka_unit_test(nesting_is_accepted_up_to_the_limit),
		cmocka_unit_test(place_of_too_deep_nesting_is_named),
		cmocka_unit_test(siblings_do_not_add_to_the_depth),
		cmocka_unit_test(megabytes_of_brackets_are_refused_for_their_depth),
		cmocka_unit_test(densest_texts_are_accepted),
		cmocka_unit_test(repeated_key_is_refused_with_its_place),
		cmocka_unit_test(repeated_keys_are_found_in_objects_of_every_size),
		cmocka_unit_test(long_repeated_key_is_cut_in_the_message),
		cmocka_unit_test(where_repeats_are_allowed_the_last_one_wins),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
