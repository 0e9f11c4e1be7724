/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Buffers: contents, limits, and what is left after a failure. */
#include "base/buffer.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void appended_parts_stand_one_behind_the_other(void **state)
{
	struct buffer buffer = { 0 };

	(void)state;
	assert_true(buffer_append(&buffer, "ab", 2));
	assert_true(buffer_append_text(&buffer, "cd"));
	assert_true(buffer_append_span(&buffer, span_text("ef")));
	assert_true(buffer_append_byte(&buffer, 'g'));
	assert_true(buffer_printf(&buffer, "%d-%s", 42, "h"));
	assert_string_equal(buffer_text(&buffer), "abcdefg42-h");
	assert_int_equal(buffer.len, 11);
	assert_true(span_is(buffer_span(&buffer), "abcdefg42-h"));
	buffer_fini(&buffer);
}

static void growing_keeps_all_bytes(void **state)
{
	struct buffer buffer = { 0 };

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		assert_true(buffer_append_byte(&buffer, (uint8_t)(i * 7)));
	assert_int_equal(buffer.len, 100000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(buffer.data[i], (uint8_t)(i * 7));
	buffer_fini(&buffer);
}

static void empty_buffer_has_empty_text(void **state)
{
	struct buffer buffer = { 0 };
	char *text;

	(void)state;
	assert_int_equal(buffer_span(&buffer).len, 0);
	assert_true(buffer_append(&buffer, NULL, 0));
	assert_string_equal(buffer_text(&buffer), "");
	buffer_fini(&buffer);
	text = buffer_steal(&buffer);
	assert_string_equal(text, "");
	free(text);
}

static void printf_longer_than_the_room_is_whole(void **state)
{
	struct buffer buffer = { 0 };

	(void)state;
	assert_true(buffer_append_text(&buffer, "begin "));
	assert_true(buffer_printf(&buffer, "%0500d", 7));
	assert_int_equal(buffer.len, 506);
	assert_memory_equal(buffer.data, "begin 000", 9);
	assert_string_equal(buffer_text(&buffer) + 503, "007");
	buffer_fini(&buffer);
}

static void limit_is_reached_but_not_passed(void **state)
{
	struct buffer buffer = { .limit = 5 };
	struct capsule_error err = { 0 };

	(void)state;
	assert_true(buffer_append_text(&buffer, "abcde"));
	assert_int_equal(buffer_room(&buffer), 0);
	assert_int_equal(buffer_check(&buffer, &err), CAPSULE_OK);
	assert_string_equal(buffer_text(&buffer), "abcde");
	assert_false(buffer_append_byte(&buffer, 'f'));
	assert_int_equal(buffer_check(&buffer, &err), CAPSULE_ELIMIT);
	assert_string_equal(err.text, "longer than the limit of 5 bytes");
	buffer_fini(&buffer);
	assert_int_equal(buffer.limit, 5);
}

static void failed_append_changes_nothing_and_later_ones_fail_too(void **state)
{
	struct buffer buffer = { .limit = 5 };

	(void)state;
	assert_true(buffer_append_text(&buffer, "abc"));
	assert_false(buffer_append_text(&buffer, "def"));
	assert_int_equal(buffer.len, 3);
	assert_memory_equal(buffer.data, "abc", 3);
	assert_false(buffer_append_byte(&buffer, 'd'));
	assert_false(buffer_append(&buffer, NULL, 0));
	assert_false(buffer_printf(&buffer, "x"));
	assert_null(buffer_text(&buffer));
	assert_null(buffer_steal(&buffer));
	buffer_clear(&buffer);
	assert_true(buffer_append_text(&buffer, "abcde"));
	buffer_fini(&buffer);
}

static void printf_over_the_limit_fails(void **state)
{
	struct buffer buffer = { .limit = 100 };

	(void)state;
	assert_true(buffer_append_text(&buffer, "abc"));
	assert_false(buffer_printf(&buffer, "%0200d", 1));
	assert_int_equal(buffer.len, 3);
	assert_true(buffer.failed);
	buffer_fini(&buffer);
}

static void sizes_that_overflow_are_refused(void **state)
{
	struct buffer buffer = { 0 };
	struct capsule_error err = { 0 };

	(void)state;
	assert_true(buffer_append_byte(&buffer, 'x'));
	assert_false(buffer_reserve(&buffer, SIZE_MAX));
	assert_int_equal(buffer_check(&buffer, &err), CAPSULE_ELIMIT);
	buffer_clear(&buffer);
	assert_false(buffer_reserve(&buffer, BUFFER_MAX + 1));
	buffer_fini(&buffer);
}

static void exhausted_memory_is_told_apart_from_the_limit(void **state)
{
	struct buffer buffer = { .failed = true, .starved = true, .len = 7 };
	struct capsule_error err = { 0 };

	(void)state;
	assert_int_equal(buffer_check(&buffer, &err), CAPSULE_ENOMEM);
	assert_string_equal(err.text, "out of memory after 7 bytes");
}

static void stolen_text_is_the_callers(void **state)
{
	struct buffer buffer = { .limit = 10 };
	char *text;

	(void)state;
	assert_true(buffer_append_text(&buffer, "mine"));
	text = buffer_steal(&buffer);
	assert_string_equal(text, "mine");
	assert_int_equal(buffer.len, 0);
	assert_null(buffer.data);
	assert_int_equal(buffer.limit, 10);
	free(text);
}

static void spans_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(span_equal(span_of(NULL, 0), span_text("")));
	assert_true(span_equal(span_of("a\0b", 3), span_of("a\0b", 3)));
	assert_false(span_equal(span_of("a\0b", 3), span_of("a\0c", 3)));
	assert_false(span_is(span_text("ab"), "abc"));
	assert_true(span_starts(span_text("abc"), span_text("ab")));
	assert_true(span_starts(span_text("abc"), span_of(NULL, 0)));
	assert_false(span_starts(span_text("ab"), span_text("abc")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_parts_stand_one_behind_the_other),
		cmocka_unit_test(growing_keeps_all_bytes),
		cmocka_unit_test(empty_buffer_has_empty_text),
		cmocka_unit_test(printf_longer_than_the_room_is_whole),
		cmocka_unit_test(limit_is_reached_but_not_passed),
		cmocka_unit_test(failed_append_changes_nothing_and_later_ones_fail_too),
		cmocka_unit_test(printf_over_the_limit_fails),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(exhausted_memory_is_told_apart_from_the_limit),
		cmocka_unit_test(stolen_text_is_the_callers),
		cmocka_unit_test(spans_compare_by_bytes),
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
