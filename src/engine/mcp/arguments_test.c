/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One text for one value. */
#include "engine/mcp/arguments.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_canonical(const char *json, const char *expected)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct buffer text = { 0 };

	assert_int_equal(json_parse(&doc, span_text(json), &limits, "json", NULL), CAPSULE_OK);
	assert_true(arguments_append_canonical(&text, yyjson_doc_get_root(doc)));
	assert_string_equal(buffer_text(&text), expected);
	buffer_fini(&text);
}

static void members_are_in_byte_order_at_every_level(void **state)
{
	(void)state;
	assert_canonical("{\"b\":{\"z\":[],\"a\":{}},\"a\":[{\"y\":1,\"x\":2}]}",
		"{\"a\":[{\"x\":2,\"y\":1}],\"b\":{\"a\":{},\"z\":[]}}");
	assert_canonical("{\"ab\":1,\"a\":2,\"A\":3,\"\":4,\"\\u00e9\":5,\"z\":6}",
		"{\"\":4,\"A\":3,\"a\":2,\"ab\":1,\"z\":6,\"\xc3\xa9\":5}");
}

static void blanks_and_escapes_do_not_matter(void **state)
{
	(void)state;
	assert_canonical(" [ \"\\u0041\\/\" , null , true ,\n false ] ", "[\"A/\",null,true,false]");
	assert_canonical("\"x\"", "\"x\"");
	assert_canonical("[[],[[]],{}]", "[[],[[]],{}]");
}

static void numbers_have_their_shortest_form(void **state)
{
	(void)state;
	assert_canonical("[1,-0,1.50,100e-2,0.1000000000000000055511151231257827]", "[1,0,1.5,1.0,0.1]");
	assert_canonical("[18446744073709551615,-9223372036854775808]", "[18446744073709551615,-9223372036854775808]");
}

static void nesting_up_to_the_limit_is_written(void **state)
{
	char text[2 * 128 + 1];

	(void)state;
	memset(text, '[', 128);
	memset(text + 128, ']', 128);
	text[256] = '\0';
	assert_canonical(text, text);
}

static void too_little_room_fails_without_a_leak(void **state)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct buffer text = { .limit = 12 };

	(void)state;
	assert_int_equal(
		json_parse(&doc, span_text("{\"a\":{\"b\":{\"c\":\"long\"}}}"), &limits, "json", NULL), CAPSULE_OK);
	assert_false(arguments_append_canonical(&text, yyjson_doc_get_root(doc)));
	assert_int_equal(buffer_check(&text, NULL), CAPSULE_ELIMIT);
	buffer_fini(&text);
}

/* mv:229 */
static void order_of_members_does_not_change_the_hash(void **state)
{
	char one[BLAKE3_HEX], other[BLAKE3_HEX], expected[BLAKE3_HEX];
	uint8_t hash[BLAKE3_SIZE];

	(void)state;
	assert_int_equal(arguments_hash(span_text("{\"a\":1,\"b\":{\"c\":[2],\"d\":3}}"), one, NULL), CAPSULE_OK);
	assert_int_equal(
		arguments_hash(span_text("{ \"b\" : {\"d\":3,\"c\":[2]}, \"a\":1 }"), other, NULL), CAPSULE_OK);
	assert_string_equal(one, other);
	blake3_bytes(span_text("{\"a\":1,\"b\":{\"c\":[2],\"d\":3}}"), hash);
	blake3_hex(hash, expected);
	assert_string_equal(one, expected);
	assert_int_equal(arguments_hash(span_text("{\"a\":2,\"b\":{\"c\":[2],\"d\":3}}"), other, NULL), CAPSULE_OK);
	assert_string_not_equal(one, other);
}

static void no_arguments_hash_as_null(void **state)
{
	char one[BLAKE3_HEX], other[BLAKE3_HEX];
	struct capsule_error err;

	(void)state;
	assert_int_equal(arguments_hash(span_text(""), one, NULL), CAPSULE_OK);
	assert_int_equal(arguments_hash(span_text("null"), other, NULL), CAPSULE_OK);
	assert_string_equal(one, other);
	assert_int_equal(arguments_hash(span_text("{"), one, &err), CAPSULE_EINVAL);
	assert_non_null(strstr(err.text, "arguments: line 1"));
	assert_int_equal(arguments_hash(span_text("{\"a\":1,\"a\":2}"), one, &err), CAPSULE_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_in_byte_order_at_every_level),
		cmocka_unit_test(blanks_and_escapes_do_not_matter),
		cmocka_unit_test(numbers_have_their_shortest_form),
		cmocka_unit_test(nesting_up_to_the_limit_is_written),
		cmocka_unit_test(too_little_room_fails_without_a_leak),
		cmocka_unit_test(order_of_members_does_not_change_the_hash),
		cmocka_unit_test(no_arguments_hash_as_null),
	};

	return cmocka_run_group_tests_name("mcp_arguments", tests, NULL, NULL);
}
