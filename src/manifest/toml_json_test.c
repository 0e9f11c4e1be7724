/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TOML values as JSON: every kind, and the depth at which it ends. */
#include "manifest/toml_json.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* `toml` is one value. */
static void assert_json(const char *toml, const char *json)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct deps_toml *parsed;
	size_t count;

	buffer_printf(&text, "v = %s\n", toml);
	parsed = deps_toml_parse((const char *)text.data, text.len);
	(void)deps_toml_errors(parsed, &count);
	assert_int_equal(count, 0);
	assert_int_equal(toml_json_append(&out, deps_toml_nodes(parsed, &count), 1, NULL), CAPSULE_OK);
	deps_toml_free(parsed);
	assert_string_equal(buffer_text(&out), json);
}

static void texts_are_escaped(void **state)
{
	(void)state;
	assert_json("\"a\\\"b\\\\c\\n\\u0000\\u001F\xC3\xA4\"", "\"a\\\"b\\\\c\\n\\u0000\\u001f\xC3\xA4\"");
}

static void integers_keep_64_bits(void **state)
{
	(void)state;
	assert_json("9223372036854775807", "9223372036854775807");
	assert_json("-9223372036854775808", "-9223372036854775808");
	assert_json("0x7F", "127");
}

static void floats_stay_floats(void **state)
{
	(void)state;
	assert_json("1.0", "1.0");
	assert_json("-2.5e-3", "-0.0025");
}

static void not_a_number_and_infinities_become_null(void **state)
{
	(void)state;
	assert_json("[nan, inf, -inf]", "[null,null,null]");
}

static void booleans_are_booleans(void **state)
{
	(void)state;
	assert_json("[true, false]", "[true,false]");
}

static void dates_and_times_become_texts(void **state)
{
	(void)state;
	assert_json("1979-05-27T07:32:00Z", "\"1979-05-27T07:32:00Z\"");
	assert_json("[1979-05-27, 07:32:00.5]", "[\"1979-05-27\",\"07:32:00.5\"]");
}

static void empty_arrays_and_tables_stay_empty(void **state)
{
	(void)state;
	assert_json("[]", "[]");
	assert_json("{}", "{}");
	assert_json("[[], {}, [[]]]", "[[],{},[[]]]");
}

static void tables_keep_the_order_of_the_file(void **state)
{
	(void)state;
	assert_json("{ z = 1, a = { y = [1, { b = 2 }] }, \"\\\"\" = 3 }",
		"{\"z\":1,\"a\":{\"y\":[1,{\"b\":2}]},\"\\\"\":3}");
}

/* `depth` arrays in each other, the outermost at index 1; `nodes` has room for one more than that. */
static void make_nested(struct deps_toml_node *nodes, uint32_t depth)
{
	for (uint32_t i = 1; i <= depth; i++)
		nodes[i] = (struct deps_toml_node){
			.kind = DEPS_TOML_ARRAY,
			.parent = i - 1,
			.first_child = i < depth ? i + 1 : 0,
		};
}

static void depth_of_128_is_the_last_one(void **state)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct deps_toml_node nodes[LIMIT_JSON_DEPTH + 2] = { 0 };
	struct capsule_error err = { 0 };

	(void)state;
	make_nested(nodes, LIMIT_JSON_DEPTH);
	assert_int_equal(toml_json_append(&out, nodes, 1, &err), CAPSULE_OK);
	assert_int_equal(out.len, 2 * LIMIT_JSON_DEPTH);
	make_nested(nodes, LIMIT_JSON_DEPTH + 1);
	assert_int_equal(toml_json_append(&out, nodes, 1, &err), CAPSULE_ELIMIT);
	assert_string_equal(err.text, "values stand in each other deeper than 128 levels");
}

static void limit_of_the_buffer_holds(void **state)
{
	HOLD(buffer_fini) struct buffer out = { .limit = 4 };
	struct deps_toml_node nodes[] = { { 0 }, { .kind = DEPS_TOML_STRING, .text = "abc", .text_len = 3 } };

	(void)state;
	assert_int_equal(toml_json_append(&out, nodes, 1, NULL), CAPSULE_ELIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_escaped),
		cmocka_unit_test(integers_keep_64_bits),
		cmocka_unit_test(floats_stay_floats),
		cmocka_unit_test(not_a_number_and_infinities_become_null),
		cmocka_unit_test(booleans_are_booleans),
		cmocka_unit_test(dates_and_times_become_texts),
		cmocka_unit_test(empty_arrays_and_tables_stay_empty),
		cmocka_unit_test(tables_keep_the_order_of_the_file),
		cmocka_unit_test(depth_of_128_is_the_last_one),
		cmocka_unit_test(limit_of_the_buffer_holds),
	};

	return cmocka_run_group_tests_name("manifest_toml_json", tests, NULL, NULL);
}
