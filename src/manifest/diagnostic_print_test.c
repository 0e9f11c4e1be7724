/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a person sees of a problem, and what a program gets. */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "manifest/diagnostic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The text for one error at `line`:`column` of `length` bytes in `source`. */
static void assert_shown(
	const char *source, uint32_t line, uint32_t column, uint32_t length, const char *fix, const char *expected)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };

	diagnostics_add(&found, SEVERITY_ERROR, line, column, length, fix, "wrong");
	assert_true(diagnostics_print(&found, "f.toml", span_text(source), false, &out));
	assert_string_equal(buffer_text(&out), expected);
}

static void line_is_quoted_with_a_caret_and_the_fix(void **state)
{
	(void)state;
	assert_shown("a = 1\nbcd = 2\n", 2, 1, 3, "write it",
		"f.toml:2:1: error: wrong\n"
		"    2 | bcd = 2\n"
		"      | ^^^\n"
		"      fix: write it\n");
}

static void problem_without_a_place_has_no_quote(void **state)
{
	(void)state;
	assert_shown("a = 1\n", 0, 0, 0, NULL, "f.toml: error: wrong\n");
}

static void place_outside_the_source_has_no_quote(void **state)
{
	(void)state;
	assert_shown("", 3, 1, 1, NULL, "f.toml:3:1: error: wrong\n");
	assert_shown("a\nb", 3, 1, 1, NULL, "f.toml:3:1: error: wrong\n");
}

static void tab_counts_as_one_blank(void **state)
{
	(void)state;
	assert_shown("\tx\ty", 1, 4, 1, NULL,
		"f.toml:1:4: error: wrong\n"
		"    1 |  x y\n"
		"      |    ^\n");
}

static void caret_counts_characters(void **state)
{
	(void)state;
	assert_shown("\xC3\xA4\xC3\xA4 = \xE2\x82\xAC\xE2\x82\xAC\n", 1, 8, 6, NULL,
		"f.toml:1:8: error: wrong\n"
		"    1 | \xC3\xA4\xC3\xA4 = \xE2\x82\xAC\xE2\x82\xAC\n"
		"      |      ^^\n");
}

static void end_of_line_can_be_marked(void **state)
{
	(void)state;
	assert_shown("ab\r\n", 1, 3, 1, NULL,
		"f.toml:1:3: error: wrong\n"
		"    1 | ab\n"
		"      |   ^\n");
	assert_shown("a\n", 2, 1, 1, NULL,
		"f.toml:2:1: error: wrong\n"
		"    2 |\n"
		"      | ^\n");
}

static void control_characters_and_bad_bytes_are_not_shown(void **state)
{
	(void)state;
	assert_shown("\033[31m\xFF\xE2\x80\xAE.", 1, 10, 1, NULL,
		"f.toml:1:10: error: wrong\n"
		"    1 | ?[31m??.\n"
		"      |        ^\n");
}

static void byte_order_mark_is_not_shown(void **state)
{
	(void)state;
	assert_shown("\xEF\xBB\xBF"
		     "ab",
		1, 2, 1, NULL,
		"f.toml:1:2: error: wrong\n"
		"    1 | ab\n"
		"      |  ^\n");
}

/* 300 characters: three letters at `at`, dots elsewhere. */
static void make_long_line(char line[301], size_t at)
{
	memset(line, '.', 300);
	memcpy(line + at, "abc", 3);
	line[300] = '\0';
}

static void assert_window(size_t at, bool cut_before, bool cut_behind)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	char line[301];
	const char *text, *quoted, *caret;

	make_long_line(line, at);
	diagnostics_add(&found, SEVERITY_ERROR, 1, (uint32_t)at + 1, 3, NULL, "wrong");
	assert_true(diagnostics_print(&found, "f", span_text(line), false, &out));
	text = buffer_text(&out);
	quoted = strchr(text, '\n') + 1;
	caret = strchr(quoted, '\n') + 1;
	assert_int_equal(caret - quoted, 8 + 100 + (cut_before ? 3 : 0) + (cut_behind ? 3 : 0) + 1);
	assert_int_equal(strstr(quoted, "abc") - quoted, strstr(caret, "^^^") - caret);
}

static void long_line_is_cut_to_a_window_around_the_place(void **state)
{
	(void)state;
	assert_window(0, false, true);
	assert_window(150, true, true);
	assert_window(297, true, false);
}

static void long_mark_ends_with_the_window(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	char line[301];
	const char *caret;

	(void)state;
	make_long_line(line, 0);
	diagnostics_add(&found, SEVERITY_ERROR, 1, 101, 200, NULL, "wrong");
	assert_true(diagnostics_print(&found, "f", span_text(line), false, &out));
	caret = strchr(buffer_text(&out), '^');
	assert_int_equal(strspn(caret, "^"), 60);
}

static void high_line_numbers_keep_the_caret_in_place(void **state)
{
	HOLD(buffer_fini) struct buffer source = { 0 };

	(void)state;
	for (int i = 1; i < 1234567; i++)
		buffer_append_byte(&source, '\n');
	buffer_append_text(&source, "ab");
	assert_shown(buffer_text(&source), 1234567, 2, 1, NULL,
		"f.toml:1234567:2: error: wrong\n"
		"1234567 | ab\n"
		"        |  ^\n");
}

static void colours_are_put_around_the_words(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };

	(void)state;
	diagnostics_add(&found, SEVERITY_WARNING, 1, 1, 1, "f", "w");
	assert_true(diagnostics_print(&found, "f", span_text("x"), true, &out));
	assert_string_equal(buffer_text(&out),
		"\033[1mf:1:1:\033[0m \033[1;33mwarning:\033[0m w\n"
		"\033[34m    1 |\033[0m x\n"
		"\033[34m      |\033[0m \033[1;33m^\033[0m\n"
		"      \033[32mfix:\033[0m f\n");
}

static void problems_not_kept_are_told(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };

	(void)state;
	for (int i = 0; i <= LIMIT_MANIFEST_DIAGNOSTICS; i++)
		diagnostics_add(&found, SEVERITY_ERROR, 0, 0, 0, NULL, "e");
	assert_true(diagnostics_print(&found, "f", span_text(""), false, &out));
	assert_non_null(strstr(buffer_text(&out), "f: 1 more problem not shown\n"));
}

static void path_with_control_characters_is_shown_without_them(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };

	(void)state;
	diagnostics_add(&found, SEVERITY_ERROR, 0, 0, 0, NULL, "e");
	assert_true(diagnostics_print(&found, "a\033b\n", span_text(""), false, &out));
	assert_string_equal(buffer_text(&out), "a?b?: error: e\n");
}

static void full_buffer_is_told(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer text = { .limit = 10 }, json = { .limit = 10 };

	(void)state;
	diagnostics_add(&found, SEVERITY_ERROR, 0, 0, 0, NULL, "a text that does not fit");
	assert_false(diagnostics_print(&found, "f", span_text(""), false, &text));
	assert_false(diagnostics_json(&found, "f", &json));
}

static void json_has_all_members(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };

	(void)state;
	diagnostics_add(&found, SEVERITY_ERROR, 1, 2, 3, "f\"", "a");
	diagnostics_add(&found, SEVERITY_WARNING, 0, 0, 0, NULL, "b");
	assert_true(diagnostics_json(&found, "x\xFF/Capsule.toml", &out));
	assert_string_equal(buffer_text(&out),
		"[{\"severity\":\"error\",\"file\":\"x\xEF\xBF\xBD/Capsule.toml\",\"line\":1,\"column\":2,\"length\":3,"
		"\"message\":\"a\",\"fix\":\"f\\\"\"},"
		"{\"severity\":\"warning\",\"file\":\"x\xEF\xBF\xBD/Capsule.toml\",\"line\":0,\"column\":0,\"length\":0,"
		"\"message\":\"b\"}]");
}

static void no_problems_are_an_empty_array(void **state)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	const struct diagnostics found = { 0 };

	(void)state;
	assert_true(diagnostics_json(&found, "f", &out));
	assert_string_equal(buffer_text(&out), "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_quoted_with_a_caret_and_the_fix),
		cmocka_unit_test(problem_without_a_place_has_no_quote),
		cmocka_unit_test(place_outside_the_source_has_no_quote),
		cmocka_unit_test(tab_counts_as_one_blank),
		cmocka_unit_test(caret_counts_characters),
		cmocka_unit_test(end_of_line_can_be_marked),
		cmocka_unit_test(control_characters_and_bad_bytes_are_not_shown),
		cmocka_unit_test(byte_order_mark_is_not_shown),
		cmocka_unit_test(long_line_is_cut_to_a_window_around_the_place),
		cmocka_unit_test(long_mark_ends_with_the_window),
		cmocka_unit_test(high_line_numbers_keep_the_caret_in_place),
		cmocka_unit_test(colours_are_put_around_the_words),
		cmocka_unit_test(problems_not_kept_are_told),
		cmocka_unit_test(path_with_control_characters_is_shown_without_them),
		cmocka_unit_test(full_buffer_is_told),
		cmocka_unit_test(json_has_all_members),
		cmocka_unit_test(no_problems_are_an_empty_array),
	};

	return cmocka_run_group_tests_name("manifest_diagnostic_print", tests, NULL, NULL);
}
