/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an error keeps of a message, whatever its parts are, and what the public functions tell about it. */
#include "base/error.h"

#include "base/span.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LONG 5000 /* bytes, more than is ever formatted on the stack */

/* `count` times `unit`, free with free(). */
static char *repeat(const char *unit, size_t count)
{
	size_t len = strlen(unit);
	char *text = malloc(len * count + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, unit, len);
	text[len * count] = '\0';
	return text;
}

static void assert_ends(const char *text, const char *end)
{
	assert_true(strlen(text) >= strlen(end));
	assert_string_equal(text + strlen(text) - strlen(end), end);
}

static void set_returns_and_keeps_the_status(void **state)
{
	struct capsule_error err = { .os_errno = 5 };

	(void)state;
	assert_int_equal(error_set(&err, CAPSULE_EDENIED, "path '%s' in row %d", "/etc", 7), CAPSULE_EDENIED);
	assert_int_equal(err.status, CAPSULE_EDENIED);
	assert_int_equal(err.os_errno, 0);
	assert_string_equal(err.text, "path '/etc' in row 7");
	assert_int_equal(error_set(NULL, CAPSULE_ELIMIT, "%d", 1), CAPSULE_ELIMIT);
}

static void os_error_ends_with_the_system_text(void **state)
{
	struct capsule_error err;

	(void)state;
	assert_int_equal(error_os(&err, EACCES, "open '%s'", "x"), CAPSULE_EIO);
	assert_string_equal(err.text, "open 'x': Permission denied");
	assert_int_equal(err.os_errno, EACCES);
	assert_int_equal(error_os(&err, ENOMEM, "open"), CAPSULE_ENOMEM);
	assert_int_equal(error_os(&err, ENOENT, "open"), CAPSULE_ENOTFOUND);
	assert_int_equal(error_os(NULL, ENOENT, "open"), CAPSULE_ENOTFOUND);
}

static void outer_layers_put_theirs_in_front(void **state)
{
	struct capsule_error err;

	(void)state;
	(void)error_os(&err, EACCES, "open");
	assert_int_equal(error_in(&err, "capsule '%s'", "mail"), CAPSULE_EIO);
	assert_string_equal(err.text, "capsule 'mail': open: Permission denied");
	assert_int_equal(err.os_errno, EACCES);
	assert_int_equal(error_in(NULL, "x"), CAPSULE_EINTERNAL);
}

static void context_around_no_error_is_an_internal_error(void **state)
{
	struct capsule_error err = { 0 };

	(void)state;
	assert_int_equal(error_in(&err, "load"), CAPSULE_EINTERNAL);
}

static void old_text_may_be_part_of_the_new(void **state)
{
	struct capsule_error err;

	(void)state;
	(void)error_set(&err, CAPSULE_EIO, "inner");
	(void)error_set(&err, CAPSULE_ESTORE, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
}

static void long_text_keeps_beginning_and_end(void **state)
{
	char *operand = repeat("k", LONG);
	struct capsule_error err;

	(void)state;
	(void)error_set(&err, CAPSULE_EINVAL, "key '%s' is unknown", operand);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "key 'kkk", 8);
	assert_non_null(strstr(err.text, "k...k"));
	assert_ends(err.text, "kkk' is unknown");
	free(operand);
}

static void text_of_exactly_the_limit_is_whole(void **state)
{
	char *text = repeat("y", ERROR_TEXT_MAX - 1);
	struct capsule_error err;

	(void)state;
	(void)error_set(&err, CAPSULE_EINVAL, "%s", text);
	assert_string_equal(err.text, text);
	(void)error_set(&err, CAPSULE_EINVAL, "%s!", text);
	assert_ends(err.text, "y!");
	assert_non_null(strstr(err.text, "..."));
	free(text);
}

static void reason_survives_long_context(void **state)
{
	char *context = repeat("c", LONG);
	struct capsule_error err;

	(void)state;
	(void)error_set(&err, CAPSULE_EINVAL, "the reason");
	for (int i = 0; i < 5; i++)
		(void)error_in(&err, "%s", context);
	assert_ends(err.text, "ccc: the reason");
	assert_int_equal(err.text[0], 'c');
	free(context);
}

static void cut_falls_between_characters(void **state)
{
	static const char *const units[] = { "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80" };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		char *text = repeat(units[i], LONG / 4);

		for (int shift = 0; shift < 5; shift++) {
			(void)error_set(&err, CAPSULE_EINVAL, "%.*s%s", shift, "abcd", text);
			assert_true(text_is_utf8(span_text(err.text)));
			assert_null(strchr(err.text, '?'));
			assert_true(strlen(err.text) > ERROR_TEXT_MAX - 8);
		}
		free(text);
	}
}

static void control_characters_become_question_marks(void **state)
{
	struct capsule_error err;

	(void)state;
	(void)error_set(&err, CAPSULE_EINVAL, "a\x1B[2J\r\x7F\xC2\x9B|\n\t\xC2\xA0");
	assert_string_equal(err.text, "a?[2J???|\n\t\xC2\xA0");
}

static void bytes_that_are_no_text_become_question_marks(void **state)
{
	struct capsule_error err;

	(void)state;
	(void)error_set(&err, CAPSULE_EINVAL, "a\xFF\xE2\x82 b\xC3");
	assert_string_equal(err.text, "a??? b?");
}

static void copy_and_clear(void **state)
{
	struct capsule_error from, to;

	(void)state;
	(void)error_os(&from, EACCES, "open");
	assert_int_equal(error_copy(&to, &from), CAPSULE_EIO);
	assert_string_equal(to.text, from.text);
	assert_int_equal(to.os_errno, EACCES);
	assert_int_equal(error_copy(NULL, &from), CAPSULE_EIO);
	error_clear(&to);
	assert_int_equal(to.status, CAPSULE_OK);
	assert_int_equal(to.os_errno, 0);
	assert_string_equal(to.text, "");
	error_clear(NULL);
}

static void public_object_starts_empty_and_tells_what_was_filled(void **state)
{
	struct capsule_error *error = capsule_error_new();

	(void)state;
	assert_non_null(error);
	assert_int_equal(capsule_error_status(error), CAPSULE_OK);
	assert_string_equal(capsule_error_text(error), "");
	(void)error_os(error, EACCES, "open");
	assert_int_equal(capsule_error_status(error), CAPSULE_EIO);
	assert_string_equal(capsule_error_text(error), "open: Permission denied");
	assert_int_equal(capsule_error_os(error), EACCES);
	capsule_error_free(error);
}

static void public_functions_take_null(void **state)
{
	(void)state;
	assert_int_equal(capsule_error_status(NULL), CAPSULE_OK);
	assert_string_equal(capsule_error_text(NULL), "");
	assert_int_equal(capsule_error_os(NULL), 0);
	capsule_error_free(NULL);
}

static void every_status_has_words_an_exit_status_and_a_code(void **state)
{
	(void)state;
	for (int i = 0; i < CAPSULE_STATUS_COUNT; i++) {
		assert_non_null(capsule_status_text((enum capsule_status)i));
		assert_int_equal(capsule_status_exit((enum capsule_status)i) == 0, i == CAPSULE_OK);
		assert_int_equal(capsule_status_rpc((enum capsule_status)i) == 0, i == CAPSULE_OK);
	}
	assert_int_equal(capsule_status_exit(CAPSULE_EUSAGE), 2);
	assert_int_equal(capsule_status_rpc(CAPSULE_EINVAL), -32602);
	assert_string_equal(capsule_status_text(CAPSULE_EDENIED), "denied");
}

static void values_outside_the_table_are_unknown_failures(void **state)
{
	(void)state;
	assert_string_equal(capsule_status_text((enum capsule_status)CAPSULE_STATUS_COUNT), "unknown status");
	assert_int_equal(capsule_status_exit((enum capsule_status)CAPSULE_STATUS_COUNT), 1);
	assert_int_equal(capsule_status_rpc((enum capsule_status)CAPSULE_STATUS_COUNT), -32603);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_and_keeps_the_status),
		cmocka_unit_test(os_error_ends_with_the_system_text),
		cmocka_unit_test(outer_layers_put_theirs_in_front),
		cmocka_unit_test(context_around_no_error_is_an_internal_error),
		cmocka_unit_test(old_text_may_be_part_of_the_new),
		cmocka_unit_test(long_text_keeps_beginning_and_end),
		cmocka_unit_test(text_of_exactly_the_limit_is_whole),
		cmocka_unit_test(reason_survives_long_context),
		cmocka_unit_test(cut_falls_between_characters),
		cmocka_unit_test(control_characters_become_question_marks),
		cmocka_unit_test(bytes_that_are_no_text_become_question_marks),
		cmocka_unit_test(copy_and_clear),
		cmocka_unit_test(public_object_starts_empty_and_tells_what_was_filled),
		cmocka_unit_test(public_functions_take_null),
		cmocka_unit_test(every_status_has_words_an_exit_status_and_a_code),
		cmocka_unit_test(values_outside_the_table_are_unknown_failures),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
