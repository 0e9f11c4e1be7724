/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as it is written: the exact bytes, and the limit of the buffer that takes them. */
#include "base/json.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct json_limits plain_limits = { .bytes_max = MIB, .allow_duplicates = true };

static void assert_rewritten(const char *text, const char *expected)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct buffer out = { 0 };

	assert_int_equal(json_parse(&doc, span_text(text), &plain_limits, "x", NULL), CAPSULE_OK);
	assert_true(json_append_value(&out, yyjson_doc_get_root(doc)));
	assert_string_equal(buffer_text(&out), expected);
	buffer_fini(&out);
}

static void values_are_written_compact_and_in_order(void **state)
{
	(void)state;
	assert_rewritten(" { \"b\" : [ 1 , { } , [ ] , [ [ ] ] , null ] , \"a\" : { \"c\" : true , \"d\" : false } } ",
		"{\"b\":[1,{},[],[[]],null],\"a\":{\"c\":true,\"d\":false}}");
	assert_rewritten("\"x\"", "\"x\"");
	assert_rewritten("[]", "[]");
	assert_rewritten("{}", "{}");
	assert_rewritten("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}");
}

static void numbers_keep_their_value(void **state)
{
	static const char *const same[] = { "0", "7", "-1", "18446744073709551615", "-9223372036854775808", "1.5",
		"-0.0", "0.1", "1e300", "5e-324", "1.7976931348623157e308", "123456789.123456" };

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		assert_rewritten(same[i], same[i]);
	assert_rewritten("1.0", "1.0");
	assert_rewritten("10E-1", "1.0");
}

static void part_of_a_document_is_written_alone(void **state)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct buffer out = { 0 };

	(void)state;
	assert_int_equal(
		json_parse(&doc, span_text("{\"a\":[1,{\"b\":[]}],\"c\":3}"), &plain_limits, "x", NULL), CAPSULE_OK);
	assert_true(json_append_value(&out, yyjson_obj_get(yyjson_doc_get_root(doc), "a")));
	assert_string_equal(buffer_text(&out), "[1,{\"b\":[]}]");
	buffer_fini(&out);
}

static void deepest_value_is_written(void **state)
{
	struct buffer text = { 0 };

	(void)state;
	for (int i = 0; i < LIMIT_JSON_DEPTH / 2; i++)
		(void)buffer_append_text(&text, "[{\"k\":");
	(void)buffer_append_text(&text, "1");
	for (int i = 0; i < LIMIT_JSON_DEPTH / 2; i++)
		(void)buffer_append_text(&text, "}]");
	assert_rewritten(buffer_text(&text), buffer_text(&text));
	buffer_fini(&text);
}

static void value_deeper_than_any_parsed_one_is_refused(void **state)
{
	char text[2 * (LIMIT_JSON_DEPTH + 1)];
	struct buffer out = { 0 };
	yyjson_doc *doc;

	(void)state;
	memset(text, '[', LIMIT_JSON_DEPTH + 1);
	memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
	doc = yyjson_read(text, sizeof text, 0);
	assert_non_null(doc);
	assert_false(json_append_value(&out, yyjson_doc_get_root(doc)));
	assert_true(out.failed);
	yyjson_doc_free(doc);
	buffer_fini(&out);
}

static void strings_are_escaped_as_little_as_possible(void **state)
{
	static const char *const cases[][2] = {
		{ "", "\"\"" },
		{ "\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x0b", "\"\\u0001\\u001f\\u000b\"" },
		{ "/\x7f\xC3\xA9\xF0\x9F\x98\x80<>&'", "\"/\x7f\xC3\xA9\xF0\x9F\x98\x80<>&'\"" },
		{ "12345678\"1234567\\12345678\n", "\"12345678\\\"1234567\\\\12345678\\n\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buffer out = { 0 };

		assert_true(json_append_string(&out, span_text(cases[i][0])));
		assert_string_equal(buffer_text(&out), cases[i][1]);
		buffer_fini(&out);
	}
}

/* Eight bytes are judged at once: each byte value must be judged right in each place among others. */
static void every_byte_is_escaped_right_in_every_place(void **state)
{
	(void)state;
	for (unsigned int byte = 0; byte < 0x80; byte++) {
		for (size_t place = 0; place < 17; place++) {
			HOLD(json_doc_drop) yyjson_doc *doc = NULL;
			struct buffer out = { 0 };
			char text[17];

			memset(text, '!', sizeof text);
			text[place] = (char)byte;
			assert_true(json_append_string(&out, span_of(text, sizeof text)));
			if (byte >= 0x20 && byte != '"' && byte != '\\')
				assert_int_equal(out.len, sizeof text + 2);
			assert_int_equal(json_parse(&doc, buffer_span(&out), &plain_limits, "x", NULL), CAPSULE_OK);
			assert_int_equal(yyjson_get_len(yyjson_doc_get_root(doc)), sizeof text);
			assert_memory_equal(yyjson_get_str(yyjson_doc_get_root(doc)), text, sizeof text);
			buffer_fini(&out);
		}
	}
}

static void string_fits_exactly_or_fails(void **state)
{
	struct buffer exact = { .limit = 7 }, less = { .limit = 6 };

	(void)state;
	assert_true(json_append_string(&exact, span_text("ab\ncd")) == false);
	buffer_clear(&exact);
	assert_true(json_append_string(&exact, span_text("abcde")));
	assert_false(json_append_string(&less, span_text("abcde")));
	assert_int_equal(less.len, 0);
	buffer_fini(&exact);
	buffer_fini(&less);
}

static void byte_array_holds_every_byte_value(void **state)
{
	struct buffer out = { 0 }, expected = { 0 };
	uint8_t bytes[256];

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		bytes[i] = (uint8_t)i;
		assert_true(buffer_printf(&expected, "%c%u", i == 0 ? '[' : ',', i));
	}
	assert_true(buffer_append_byte(&expected, ']'));
	assert_true(json_append_byte_array(&out, span_of(bytes, sizeof bytes)));
	assert_string_equal(buffer_text(&out), buffer_text(&expected));
	buffer_fini(&out);
	buffer_fini(&expected);
}

static void short_byte_arrays(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	assert_true(json_append_byte_array(&out, span_of(NULL, 0)));
	assert_true(json_append_byte_array(&out, span_of("\x05", 1)));
	assert_true(json_append_byte_array(&out, span_of("\xFF", 1)));
	assert_true(json_append_byte_array(&out, span_of("\x63\x64", 2)));
	assert_string_equal(buffer_text(&out), "[][5][255][99,100]");
	buffer_fini(&out);
}

static void byte_array_fits_exactly_or_fails(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 200 };
	const size_t exact = sizeof "[1,2,3,4,5,200]" - 1;

	(void)state;
	for (size_t limit = 1; limit < exact + 10; limit++) {
		struct buffer out = { .limit = limit };

		assert_int_equal(json_append_byte_array(&out, span_of(bytes, sizeof bytes)), limit >= exact);
		assert_int_equal(out.len, limit >= exact ? exact : 0);
		buffer_fini(&out);
	}
}

static void writing_stops_at_the_limit(void **state)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	const char *text = "{\"a\":[1,-2,3.5,\"x\\ny\",null,true,false,{}]}";

	(void)state;
	assert_int_equal(json_parse(&doc, span_text(text), &plain_limits, "x", NULL), CAPSULE_OK);
	for (size_t limit = 1; limit <= strlen(text); limit++) {
		struct buffer out = { .limit = limit };

		assert_int_equal(json_append_value(&out, yyjson_doc_get_root(doc)), limit == strlen(text));
		assert_true(out.len <= limit);
		buffer_fini(&out);
	}
}

static void assert_member(const char *text, const char *key, const char *expected)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct capsule_error err;

	assert_int_equal(json_parse(&doc, span_text(text), &plain_limits, "text", &err), CAPSULE_OK);
	assert_true(json_append_compact(&out, json_member_text(yyjson_doc_get_root(doc), span_text(text), key)));
	assert_string_equal(buffer_text(&out), expected);
}

static void a_member_is_found_as_it_is_written(void **state)
{
	(void)state;
	assert_member("{\"a\":123456789012345678901234567890.10}", "a", "123456789012345678901234567890.10");
	assert_member(" { \"x\" : [ { \"a\" : 1 } , \"a\" ] , \"a\" : { \"b\" : [ 2.50 , { } ] } , \"c\" : 3 } ", "a",
		"{\"b\":[2.50,{}]}");
	assert_member("{\"x\":\"\\\\\",\"y\":\":,{\\\"}\",\"a\":\"} ,:\\\"\"}", "a", "\"} ,:\\\"\"");
	assert_member("{\"\\u0061\":1,\"b\":2}", "a", "1");
	assert_member("{\"a\":null}", "a", "null");
	assert_member("{\"b\":{\"a\":1}}", "a", "");
	assert_member("{}", "a", "");
	assert_member("[{\"a\":1}]", "a", "");
	assert_member("\"a\"", "a", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_written_compact_and_in_order),
		cmocka_unit_test(numbers_keep_their_value),
		cmocka_unit_test(part_of_a_document_is_written_alone),
		cmocka_unit_test(deepest_value_is_written),
		cmocka_unit_test(value_deeper_than_any_parsed_one_is_refused),
		cmocka_unit_test(strings_are_escaped_as_little_as_possible),
		cmocka_unit_test(every_byte_is_escaped_right_in_every_place),
		cmocka_unit_test(string_fits_exactly_or_fails),
		cmocka_unit_test(byte_array_holds_every_byte_value),
		cmocka_unit_test(short_byte_arrays),
		cmocka_unit_test(byte_array_fits_exactly_or_fails),
		cmocka_unit_test(writing_stops_at_the_limit),
		cmocka_unit_test(a_member_is_found_as_it_is_written),
	};

	return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
