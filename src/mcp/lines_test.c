/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines, in whatever pieces they come. */
#include "mcp/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct seen {
	struct buffer text; /* each line and '|' */
	size_t stop_after;  /* lines; 0: never */
	const uint8_t *last;
};

static bool see(void *user, struct span line)
{
	struct seen *seen = user;

	assert_true(buffer_append_span(&seen->text, line) && buffer_append_byte(&seen->text, '|'));
	seen->last = line.data;
	return seen->stop_after == 0 || --seen->stop_after > 0;
}

static enum capsule_status put(struct lines *lines, const char *text, struct seen *seen, struct capsule_error *err)
{
	return lines_take(lines, span_text(text), see, seen, err);
}

/* mv:89 */
static void both_ends_of_lines_are_fine_and_blank_ones_skipped(void **state)
{
	struct lines lines = { .limit = 100 };
	struct seen seen = { .stop_after = 0 };

	(void)state;
	assert_int_equal(put(&lines, "a\n\nb\r\n\r\n \t\nc\rd\ne", &seen, NULL), CAPSULE_OK);
	assert_string_equal(buffer_text(&seen.text), "a|b|c\rd|");
	lines_end(&lines, see, &seen);
	assert_string_equal(buffer_text(&seen.text), "a|b|c\rd|e|");
	assert_int_equal(put(&lines, "f\n", &seen, NULL), CAPSULE_ESTATE);
	buffer_fini(&seen.text);
	lines_fini(&lines);
}

static void pieces_make_no_difference(void **state)
{
	const char *text = "{\"a\":1}\r\n\nsecond\n\r\nthird";

	(void)state;
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct lines lines = { .limit = 100 };
		struct seen seen = { .stop_after = 0 };

		for (size_t at = 0; at < strlen(text); at += piece) {
			size_t len = strlen(text) - at < piece ? strlen(text) - at : piece;

			assert_int_equal(lines_take(&lines, span_of(text + at, len), see, &seen, NULL), CAPSULE_OK);
		}
		lines_end(&lines, see, &seen);
		assert_string_equal(buffer_text(&seen.text), "{\"a\":1}|second|third|");
		buffer_fini(&seen.text);
		lines_fini(&lines);
	}
}

static void a_whole_line_is_not_copied(void **state)
{
	struct lines lines = { .limit = 100 };
	struct seen seen = { .stop_after = 0 };
	const char *text = "one\ntwo\n";

	(void)state;
	assert_int_equal(put(&lines, text, &seen, NULL), CAPSULE_OK);
	assert_ptr_equal(seen.last, text + 4);
	assert_null(lines.part.data);
	buffer_fini(&seen.text);
	lines_fini(&lines);
}

static void whoever_wants_no_more_gets_no_more(void **state)
{
	struct lines lines = { .limit = 100 };
	struct seen seen = { .stop_after = 2 };

	(void)state;
	assert_int_equal(put(&lines, "a\nb\nc\nd", &seen, NULL), CAPSULE_OK);
	assert_string_equal(buffer_text(&seen.text), "a|b|");
	assert_int_equal(lines.part.len, 0);
	buffer_fini(&seen.text);
	lines_fini(&lines);
}

static void exactly_the_limit_fits(void **state)
{
	static const char *const fits[] = { "12345\n", "12345\r\n", "1234567890\n", "123456", "12345\rx" };
	struct capsule_error err;

	(void)state;
	for (size_t pieces = 0; pieces < 2; pieces++) {
		for (size_t i = 0; i < 5; i++) {
			struct lines lines = { .limit = 5 };
			struct seen seen = { .stop_after = 0 };
			enum capsule_status status = CAPSULE_OK;

			for (const char *at = fits[i]; pieces == 1 && status == CAPSULE_OK && *at != '\0'; at++)
				status = lines_take(&lines, span_of(at, 1), see, &seen, &err);
			if (pieces == 0)
				status = put(&lines, fits[i], &seen, &err);
			/* A sixth byte may still be a CR, which "123456" is not known not to be. */
			assert_int_equal(status, i < 2 || i == 3 ? CAPSULE_OK : CAPSULE_ELIMIT);
			if (status == CAPSULE_ELIMIT) {
				assert_string_equal(err.text, "message exceeds 5 bytes");
				assert_int_equal(put(&lines, "a\n", &seen, NULL), CAPSULE_ESTATE);
			}
			lines_end(&lines, see, &seen);
			assert_int_equal(seen.text.len, i < 2 ? 6 : 0);
			buffer_fini(&seen.text);
			lines_fini(&lines);
		}
	}
}

static void memory_of_a_large_line_is_given_back(void **state)
{
	struct lines lines = { .limit = 1 << 20 };
	struct seen seen = { .stop_after = 0 };
	char piece[1024];

	(void)state;
	memset(piece, 'x', sizeof piece);
	for (int i = 0; i < 200; i++)
		assert_int_equal(lines_take(&lines, span_of(piece, sizeof piece), see, &seen, NULL), CAPSULE_OK);
	assert_int_equal(put(&lines, "\n", &seen, NULL), CAPSULE_OK);
	assert_int_equal(seen.text.len, 200 * sizeof piece + 1);
	assert_null(lines.part.data);
	buffer_fini(&seen.text);
	lines_fini(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_of_lines_are_fine_and_blank_ones_skipped),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(a_whole_line_is_not_copied),
		cmocka_unit_test(whoever_wants_no_more_gets_no_more),
		cmocka_unit_test(exactly_the_limit_fits),
		cmocka_unit_test(memory_of_a_large_line_is_given_back),
	};

	return cmocka_run_group_tests_name("mcp_lines", tests, NULL, NULL);
}
