/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How problems are collected: in which order, how many, and with which characters. */
#include "manifest/diagnostic.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void add(struct diagnostics *found, enum severity severity, uint32_t line, uint32_t column, const char *text)
{
	diagnostics_add(found, severity, line, column, 1, NULL, "%s", text);
}

static void text_and_fix_are_kept(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };

	(void)state;
	diagnostics_add(&found, SEVERITY_WARNING, 3, 4, 5, "the fix", "number %d", 7);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.errors, 0);
	assert_int_equal(found.items[0].line, 3);
	assert_int_equal(found.items[0].column, 4);
	assert_int_equal(found.items[0].length, 5);
	assert_string_equal(found.items[0].text, "number 7");
	assert_string_equal(found.items[0].fix, "the fix");
}

static void order_is_by_place_and_stable(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	static const char expected[] = "abcde";

	(void)state;
	add(&found, SEVERITY_ERROR, 2, 1, "c");
	add(&found, SEVERITY_ERROR, 10, 1, "e");
	add(&found, SEVERITY_WARNING, 2, 1, "d");
	add(&found, SEVERITY_ERROR, 1, 9, "b");
	add(&found, SEVERITY_ERROR, 0, 0, "a");
	diagnostics_sort(&found);
	for (size_t i = 0; i < found.count; i++)
		assert_int_equal(found.items[i].text[0], expected[i]);
}

static void warnings_over_the_limit_are_counted(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };

	(void)state;
	for (uint32_t i = 0; i < LIMIT_MANIFEST_DIAGNOSTICS + 3; i++)
		add(&found, SEVERITY_WARNING, i, 1, "w");
	assert_int_equal(found.count, LIMIT_MANIFEST_DIAGNOSTICS);
	assert_int_equal(found.skipped, 3);
	assert_int_equal(found.errors, 0);
}

static void error_over_the_limit_takes_the_place_of_the_last_warning(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= LIMIT_MANIFEST_DIAGNOSTICS; i++)
		add(&found, i == 5 ? SEVERITY_WARNING : SEVERITY_ERROR, i, 1, "x");
	add(&found, SEVERITY_ERROR, 100, 1, "late");
	add(&found, SEVERITY_ERROR, 101, 1, "later");
	assert_int_equal(found.count, LIMIT_MANIFEST_DIAGNOSTICS);
	assert_int_equal(found.errors, LIMIT_MANIFEST_DIAGNOSTICS + 1);
	assert_int_equal(found.skipped, 2);
	assert_string_equal(found.items[found.count - 1].text, "late");
	assert_int_equal(found.items[4].line, 6);
}

static void characters_that_steer_a_terminal_are_replaced(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };

	(void)state;
	diagnostics_add(
		&found, SEVERITY_ERROR, 1, 1, 1, "a\tb\x7F", "%s", "\033[2J\xC2\x9B|\xE2\x80\xAE|\xE2\x81\xA6|\n");
	assert_string_equal(found.items[0].text, "?[2J?|?|?|?");
	assert_string_equal(found.items[0].fix, "a?b?");
}

static void bytes_that_are_no_utf8_are_replaced_one_by_one(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };

	(void)state;
	add(&found, SEVERITY_ERROR, 1, 1, "\xFF\xC3|\xE2\x82|\xED\xA0\x80|\xF0\x9F\x98\x80 \xC3\xA4");
	assert_string_equal(found.items[0].text, "??|??|???|\xF0\x9F\x98\x80 \xC3\xA4");
}

static void first_error_skips_warnings(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };

	(void)state;
	assert_null(diagnostics_first_error(&found));
	add(&found, SEVERITY_WARNING, 1, 1, "w");
	assert_null(diagnostics_first_error(&found));
	add(&found, SEVERITY_ERROR, 2, 1, "e");
	assert_string_equal(diagnostics_first_error(&found)->text, "e");
}

static void taking_moves_problems_and_counts(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 }, more = { 0 };

	(void)state;
	add(&found, SEVERITY_WARNING, 1, 1, "w");
	add(&more, SEVERITY_ERROR, 2, 1, "e");
	more.errors += 2;
	more.skipped += 2;
	diagnostics_take(&found, &more);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.errors, 3);
	assert_int_equal(found.skipped, 2);
	assert_int_equal(more.count + more.errors + more.skipped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_fix_are_kept),
		cmocka_unit_test(order_is_by_place_and_stable),
		cmocka_unit_test(warnings_over_the_limit_are_counted),
		cmocka_unit_test(error_over_the_limit_takes_the_place_of_the_last_warning),
		cmocka_unit_test(characters_that_steer_a_terminal_are_replaced),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced_one_by_one),
		cmocka_unit_test(first_error_skips_warnings),
		cmocka_unit_test(taking_moves_problems_and_counts),
	};

	return cmocka_run_group_tests_name("manifest_diagnostic", tests, NULL, NULL);
}
