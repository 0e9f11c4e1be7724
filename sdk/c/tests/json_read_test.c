/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Getters of the guest SDK: what they take, and the exact texts of what they refuse. */
#include "sdk_fixture.h"

static void typed_values_are_read(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text,
		" { \"t\" : \"a\\nb\" , \"i\":-5,\"w\":1e3,\"n\":0.25, \"b\" : true, \"x\":null,"
		"\"o\":{\"k\":[1,[2],{\"z\":3}]},\"e\":[],\"d\":\"aGk=\",\"raw\":[104,105]}");
	struct guest_value items;

	(void)state;
	assert_bytes(guest_get_text(args, "t"), "a\nb");
	assert_int_equal(guest_get_integer(args, "i"), -5);
	assert_int_equal(guest_get_integer(args, "w"), 1000);
	assert_true(guest_get_number(args, "n") == 0.25);
	assert_true(guest_get_number(args, "i") == -5);
	assert_true(guest_get_bool(args, "b"));
	assert_bytes(guest_get_bytes(args, "d"), "hi");
	assert_bytes(guest_get_bytes(args, "raw"), "hi");
	items = guest_get_array(guest_get_object(args, "o"), "k");
	assert_int_equal(guest_count(items), 3);
	assert_bytes(guest_raw(items), "[1,[2],{\"z\":3}]");
	assert_int_equal(guest_count(guest_get_array(args, "e")), 0);
	assert_int_equal(guest_count(args), 10);
	assert_false(guest_failed());
	sdk_close(&text);
}

static void what_may_be_left_out_has_a_default(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text, "{\"x\":null,\"i\":1}");

	(void)state;
	assert_bytes(guest_get_text_or(args, "x", "none"), "none");
	assert_bytes(guest_get_text_or(args, "y", "none"), "none");
	assert_int_equal(guest_get_integer_or(args, "i", 7), 1);
	assert_int_equal(guest_get_integer_or(args, "y", 7), 7);
	assert_true(guest_get_number_or(args, "y", 0.5) == 0.5);
	assert_true(guest_get_bool_or(args, "x", true));
	assert_false(guest_has(args, "x"));
	assert_true(guest_has(args, "i"));
	assert_false(guest_present(guest_get_object_or_none(args, "x")));
	for (struct guest_each each = guest_each(guest_get_array_or_none(args, "y")); guest_next(&each);)
		fail();
	assert_false(guest_failed());
	(void)guest_get_text_or(args, "i", "none");
	assert_failure("greet: argument `i`: a string is expected, got a number");
	(void)guest_get_array_or_none(args, "i");
	assert_failure("greet: argument `i`: an array is expected, got a number");
	sdk_close(&text);
}

static void refusals_name_the_place(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text, "{\"limit\":\"5\",\"items\":[],\"n\":null}");

	(void)state;
	(void)guest_get_text(args, "name");
	assert_failure("greet: argument `name` is missing; a string is expected");
	assert_int_equal(guest_get_integer(args, "limit"), 0);
	assert_failure("greet: argument `limit`: a whole number is expected, got a string");
	(void)guest_get_bool(args, "n");
	assert_failure("greet: argument `n`: true or false is expected, got null");
	(void)guest_get_object(args, "items");
	assert_failure("greet: argument `items`: an object is expected, got an array");
	(void)guest_get_text(guest_get(args, "limit"), "x");
	assert_failure("greet: argument `limit`: an object is expected, got a string");
	(void)guest_get_text(guest_get(guest_get(args, "nope"), "deeper"), "x");
	assert_failure("greet: argument `x` is missing; a string is expected");
	sdk_close(&text);
}

static void refusals_name_the_item(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(
		&text, "{\"items\":[{},{\"name\":1},{\"a\":[\"x\",{\"k\\\"ey\":true}]}],\"s\":{\"t\":1}}");
	struct guest_each each;

	(void)state;
	each = guest_each(guest_get_array(args, "items"));
	assert_true(guest_next(&each));
	(void)guest_get_number(each.value, "name");
	assert_failure("greet: argument `items[0].name` is missing; a number is expected");
	assert_true(guest_next(&each));
	(void)guest_get_text(each.value, "name");
	assert_failure("greet: argument `items[1].name`: a string is expected, got a number");
	assert_true(guest_next(&each));
	each = guest_each(guest_get_array(each.value, "a"));
	assert_true(guest_next(&each) && guest_next(&each));
	(void)guest_as_integer(guest_get(each.value, "k\"ey"));
	assert_failure("greet: argument `items[2].a[1].k\"ey`: a whole number is expected, got true or false");
	guest_reject(guest_get(guest_get(args, "s"), "t"), "must be between ", 2, " and ", 3);
	assert_failure("greet: argument `s.t` must be between 2 and 3");
	sdk_close(&text);
}

static void only_the_first_failure_is_kept(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text, "{}");

	(void)state;
	(void)guest_get_text(args, "first");
	(void)guest_get_integer(args, "second");
	guest_fail("third");
	assert_failure("greet: argument `first` is missing; a string is expected");
	sdk_close(&text);
}

static void assert_refused(const char *json, const char *failure)
{
	struct sdk_text text;

	assert_bytes(guest_get_text(sdk_open(&text, json), "a"), "");
	assert_failure(failure);
	sdk_close(&text);
}

static void what_is_no_object_of_arguments_is_told(void **state)
{
	(void)state;
	assert_refused("[]", "greet: the arguments: an object is expected, got an array");
	assert_refused("", "greet: the arguments are not JSON: it ends too early, at byte 0");
	assert_refused("{\"a\":\"x", "greet: the arguments are not JSON: a string is not closed, at byte 7");
	assert_refused("{\"a\":tru}", "greet: the arguments are not JSON: a value is expected, at byte 5");
	assert_refused("{\"a\":\"\xff\"}", "greet: the arguments are not JSON: text that is not UTF-8, at byte 6");
	assert_refused("{\"a\":1}x", "greet: the arguments are not JSON: something stands behind the value, at byte 7");
	assert_refused("{\"a\":\"1\",\"b\":0,\"\\u0061\":\"2\"}", "greet: argument `a` is given twice");
}

static void numbers_that_do_not_fit_are_told(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text,
		"{\"big\":9223372036854775808,\"half\":1.5,\"far\":1e18,\"huge\":1e999,\"most\":9223372036854775807,"
		"\"whole\":-5.0}");

	(void)state;
	assert_true(guest_get_integer(args, "most") == INT64_MAX);
	assert_true(guest_get_integer(args, "whole") == -5);
	(void)guest_get_integer(args, "big");
	assert_failure("greet: argument `big`: a whole number is expected, got one that does not fit into 64 bits");
	(void)guest_get_integer(args, "half");
	assert_failure("greet: argument `half`: a whole number is expected, got one with a fraction");
	(void)guest_get_integer(args, "far");
	assert_failure(
		"greet: argument `far`: a whole number is expected, got one beyond 2^53 with a fraction or an exponent");
	(void)guest_get_integer(args, "huge");
	assert_failure(
		"greet: argument `huge`: a whole number is expected, got one beyond 2^53 with a fraction or an exponent");
	assert_true(guest_get_number(args, "huge") == 0);
	assert_failure("greet: argument `huge`: a number is expected, got one that is too large for a double");
	sdk_close(&text);
}

static void escapes_stand_for_what_they_should(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text,
		"{\"a\":\"\\u0041\\ud83d\\ude00\\b\\f\\n\\r\\t\\\"\\\\\\/\",\"nul\":\"x\\u0000y\",\"\\u006eame\":\"n\","
		"\"l\":\"\\ud800\",\"r\":\"\\udc00z\",\"two\":\"\\ud800\\ud83d\\ude00\",\"end\":\"\\ud800\\n\"}");

	(void)state;
	assert_bytes(guest_get_text(args, "a"), "A\xf0\x9f\x98\x80\b\f\n\r\t\"\\/");
	assert_int_equal(guest_get_text(args, "nul").len, 3);
	assert_memory_equal(guest_get_text(args, "nul").data, "x\0y", 3);
	assert_bytes(guest_get_text(args, "name"), "n");
	assert_bytes(guest_get_text(args, "l"), "\xef\xbf\xbd");
	assert_bytes(guest_get_text(args, "r"), "\xef\xbf\xbdz");
	assert_bytes(guest_get_text(args, "two"), "\xef\xbf\xbd\xf0\x9f\x98\x80");
	assert_bytes(guest_get_text(args, "end"), "\xef\xbf\xbd\n");
	assert_false(guest_failed());
	sdk_close(&text);
}

static void bytes_are_checked(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text,
		"{\"url\":\"_-8\",\"pad\":\"/+8=\",\"odd\":\"abcde\",\"bad\":\"ab!d\",\"rest\":\"ab\",\"over\":[1,256],\"e\":\"\"}");

	(void)state;
	assert_int_equal(guest_get_bytes(args, "url").len, 2);
	assert_memory_equal(guest_get_bytes(args, "url").data, "\xff\xef", 2);
	assert_true(guest_equal(guest_get_bytes(args, "url"), guest_get_bytes(args, "pad")));
	assert_int_equal(guest_get_bytes(args, "e").len, 0);
	assert_false(guest_failed());
	(void)guest_get_bytes(args, "odd");
	assert_failure(
		"greet: argument `odd`: base64 or an array of bytes is expected, got a string that is no base64");
	(void)guest_get_bytes(args, "bad");
	assert_failure(
		"greet: argument `bad`: base64 or an array of bytes is expected, got a string that is no base64");
	(void)guest_get_bytes(args, "rest");
	assert_failure(
		"greet: argument `rest`: base64 or an array of bytes is expected, got a string that is no base64");
	(void)guest_get_bytes(args, "over");
	assert_failure("greet: argument `over[1]` is no byte: 0 to 255 are");
	sdk_close(&text);
}

static void depth_is_bounded(void **state)
{
	struct sdk_text text;
	char json[600];

	(void)state;
	for (size_t depth = 127; depth <= 200; depth += depth == 129 ? 71 : 1) {
		memset(json, '[', depth);
		memset(json + depth, ']', depth);
		assert_int_equal(guest_present(sdk_open_bytes(&text, json, depth * 2)), depth <= GUEST_JSON_DEPTH);
		if (depth > GUEST_JSON_DEPTH)
			assert_failure(
				"greet: the arguments are not JSON: it is nested deeper than 128 levels, at byte 128");
		sdk_close(&text);
	}
}

static void without_memory_the_call_fails(void **state)
{
	struct sdk_text text;
	struct guest_value args = sdk_open(&text, "{\"a\":\"x\\n\",\"b\":\"plain\"}");

	(void)state;
	guest_native_restart(0);
	assert_bytes(guest_get_text(args, "b"), "plain");
	assert_false(guest_failed());
	assert_bytes(guest_get_text(args, "a"), "");
	assert_failure("out of memory: the guest is at its ceiling");
	assert_bytes(guest_join("a", 1), "");
	assert_failure("out of memory: the guest is at its ceiling");
	sdk_close(&text);
}

static void a_failure_is_short_and_utf8(void **state)
{
	static char json[4000];
	struct sdk_text text;
	size_t at;

	(void)state;
	memset(json, 0, sizeof json);
	json[0] = '{';
	json[1] = '"';
	memset(json + 2, 'k', 3000);
	memcpy(json + 3002, "\":1}", 5);
	(void)guest_as_text(guest_each(sdk_open(&text, json)).value);
	guest_forgive();
	for (struct guest_each each = guest_each(text.root); guest_next(&each);)
		(void)guest_as_text(each.value);
	assert_true(guest_failed());
	assert_true(guest_failure_text().len <= GUEST_FAILURE_MAX);
	guest_forgive();
	guest_fail("bad: ", guest_bytes_of("\xff\xe4\xb8", 3), "!");
	assert_bytes(guest_failure_text(), "bad: \xef\xbf\xbd\xef\xbf\xbd!");
	for (at = 0; at < guest_failure_text().len;) {
		size_t take;

		assert_true(guest_utf8(guest_failure_text().data + at, guest_failure_text().len - at, &take));
		at += take;
	}
	sdk_close(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typed_values_are_read),
		cmocka_unit_test(what_may_be_left_out_has_a_default),
		cmocka_unit_test(refusals_name_the_place),
		cmocka_unit_test(refusals_name_the_item),
		cmocka_unit_test(only_the_first_failure_is_kept),
		cmocka_unit_test(what_is_no_object_of_arguments_is_told),
		cmocka_unit_test(numbers_that_do_not_fit_are_told),
		cmocka_unit_test(escapes_stand_for_what_they_should),
		cmocka_unit_test(bytes_are_checked),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(without_memory_the_call_fails),
		cmocka_unit_test(a_failure_is_short_and_utf8),
	};

	return cmocka_run_group_tests_name("sdk_json_read", tests, NULL, NULL);
}
