/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The JSON writer of the guest SDK: what it writes, what it repairs, and the mistakes that it does not let through. */
#include "sdk_fixture.h"

#include <math.h>

static void structure_comes_by_itself(void **state)
{
	struct guest_json_writer out = { .problem = NULL };

	(void)state;
	guest_native_restart(ROOM);
	guest_begin_object(&out);
	guest_put_text(&out, "name", "Ada");
	guest_put_array(&out, "tags");
	guest_add_text(&out, "new");
	guest_begin_array(&out);
	guest_end(&out);
	guest_begin_object(&out);
	guest_end(&out);
	guest_add_integer(&out, -1);
	guest_end(&out);
	guest_put_number(&out, guest_text("half"), 0.5);
	guest_put_bool(&out, "yes", true);
	guest_put_null(&out, "nil");
	guest_put_bytes(&out, "b", guest_text("hi!?"));
	guest_put_json(&out, "j", "{ \"x\": [1] }");
	guest_end(&out);
	assert_bytes(guest_written(&out),
		"{\"name\":\"Ada\",\"tags\":[\"new\",[],{},-1],\"half\":0.5,\"yes\":true,\"nil\":null,\"b\":\"aGkhPw==\","
		"\"j\":{ \"x\": [1] }}");
	assert_false(guest_failed());
}

static void what_is_open_is_closed(void **state)
{
	struct guest_json_writer out = { .problem = NULL };

	(void)state;
	guest_native_restart(ROOM);
	guest_begin_object(&out);
	guest_put_array(&out, "a");
	guest_begin_object(&out);
	guest_key(&out, "k");
	assert_bytes(guest_written(&out), "{\"a\":[{\"k\":null}]}");
	assert_false(guest_failed());
}

static void nothing_written_is_nothing(void **state)
{
	struct guest_json_writer out = { .problem = NULL };

	(void)state;
	assert_bytes(guest_written(&out), "");
	assert_false(guest_failed());
}

static void text_is_escaped_and_repaired(void **state)
{
	struct guest_json_writer out = { .problem = NULL };

	(void)state;
	guest_native_restart(ROOM);
	guest_begin_array(&out);
	guest_add_text(&out, guest_bytes_of("a\"\\/\b\f\n\r\t\x0b\x01\x7f\0z", 14));
	guest_add_text(&out, "\xff ok \xe4\xb8 \xed\xa0\x80 \xf0\x9f\x98\x80");
	guest_add_text(&out, "\xc0\x80");
	assert_bytes(guest_written(&out),
		"[\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u0001\x7f\\u0000z\","
		"\"\xef\xbf\xbd ok \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xf0\x9f\x98\x80\","
		"\"\xef\xbf\xbd\xef\xbf\xbd\"]");
}

static void numbers_that_json_lacks_are_null(void **state)
{
	struct guest_json_writer out = { .problem = NULL };

	(void)state;
	guest_native_restart(ROOM);
	guest_begin_array(&out);
	guest_add_number(&out, (double)NAN);
	guest_add_number(&out, (double)-INFINITY);
	assert_bytes(guest_written(&out), "[null,null]");
}

static void assert_mistake(struct guest_json_writer *out, const char *failure)
{
	assert_bytes(guest_written(out), "");
	assert_failure(failure);
	guest_native_restart(ROOM);
	*out = (struct guest_json_writer){ .problem = NULL };
}

static void mistakes_are_kept(void **state)
{
	struct guest_json_writer out = { .problem = NULL };

	(void)state;
	guest_native_restart(ROOM);
	guest_begin_object(&out);
	guest_add_integer(&out, 1);
	assert_mistake(&out, "the answer can't be written as JSON: a value in an object without a key");
	guest_add_integer(&out, 1);
	guest_add_integer(&out, 2);
	assert_mistake(&out, "the answer can't be written as JSON: a second value behind the first");
	guest_begin_array(&out);
	guest_key(&out, "k");
	assert_mistake(&out, "the answer can't be written as JSON: a key outside of an object");
	guest_begin_object(&out);
	guest_key(&out, "k");
	guest_key(&out, "l");
	assert_mistake(&out, "the answer can't be written as JSON: a key behind a key");
	guest_end(&out);
	assert_mistake(&out, "the answer can't be written as JSON: more ends than beginnings");
	guest_add_json(&out, "[1,");
	assert_mistake(&out, "the answer can't be written as JSON: text that is not JSON");
	for (int i = 0; i < 129; i++)
		guest_begin_array(&out);
	assert_mistake(&out, "the answer can't be written as JSON: nesting deeper than 128 levels");
}

static void without_memory_it_fails(void **state)
{
	struct guest_json_writer out = { .problem = NULL };
	static const char line[1000] = { 'x' };

	(void)state;
	guest_native_restart(2 * GUEST_PAGE);
	guest_begin_array(&out);
	for (int i = 0; i < 200; i++)
		guest_add_text(&out, guest_bytes_of(line, sizeof line));
	assert_bytes(guest_written(&out), "");
	assert_failure("out of memory: the guest is at its ceiling");
	guest_native_restart(ROOM);
}

/* A buffer that other allocations come behind moves, and keeps its contents. */
static void buffers_grow_side_by_side(void **state)
{
	struct guest_buffer one = { .len = 0 }, two = { .len = 0 };

	(void)state;
	guest_native_restart(ROOM);
	for (int i = 0; i < 100000; i++) {
		guest_append_byte(&one, (uint8_t)i);
		guest_append_byte(&two, (uint8_t)(i + 1));
	}
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(one.data[i], (uint8_t)i);
		assert_int_equal(two.data[i], (uint8_t)(i + 1));
	}
}

static void kept_memory_outlives_the_call(void **state)
{
	uint8_t *kept, *first, *again;

	(void)state;
	guest_native_restart(ROOM);
	first = guest_alloc(100);
	kept = guest_keep(3 * GUEST_PAGE);
	memset(kept, 7, 3 * GUEST_PAGE);
	for (int round = 0; round < 10; round++) {
		guest_reset();
		again = guest_alloc(100);
		assert_ptr_equal(again, first);
		memset(guest_alloc(5 * GUEST_PAGE), round, 5 * GUEST_PAGE);
	}
	for (size_t i = 0; i < 3 * GUEST_PAGE; i++)
		assert_int_equal(kept[i], 7);
	assert_true(guest_native_used < 14 * GUEST_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure_comes_by_itself),
		cmocka_unit_test(what_is_open_is_closed),
		cmocka_unit_test(nothing_written_is_nothing),
		cmocka_unit_test(text_is_escaped_and_repaired),
		cmocka_unit_test(numbers_that_json_lacks_are_null),
		cmocka_unit_test(mistakes_are_kept),
		cmocka_unit_test(without_memory_it_fails),
		cmocka_unit_test(buffers_grow_side_by_side),
		cmocka_unit_test(kept_memory_outlives_the_call),
	};

	return cmocka_run_group_tests_name("sdk_json_write", tests, NULL, NULL);
}
