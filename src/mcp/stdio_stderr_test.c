/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server wrote to its standard error: lines for the log, the end of it for messages. */
#include "mcp/stdio_stderr.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CHUNK 1000

struct listener {
	struct buffer lines;
	size_t count, longest;
};

static void heard(void *user, struct span line)
{
	struct listener *listener = user;

	listener->count++;
	if (line.len > listener->longest)
		listener->longest = line.len;
	assert_true(text_is_utf8(line));
	assert_true(buffer_append_text(&listener->lines, "<") && buffer_append_span(&listener->lines, line) &&
		buffer_append_text(&listener->lines, ">"));
}

static void assert_text(struct buffer *buffer, const char *expected)
{
	assert_string_equal(buffer_text(buffer), expected);
	buffer_fini(buffer);
}

/* Take `text` in pieces of `piece` bytes and compare the lines. */
static void assert_lines(const char *text, size_t piece, const char *expected)
{
	struct stderr_ring ring = { 0 };
	struct listener listener = { 0 };

	for (size_t at = 0, len = strlen(text); at < len; at += piece)
		stderr_take(&ring, span_of(text + at, len - at < piece ? len - at : piece), heard, &listener);
	stderr_end(&ring, heard, &listener);
	assert_text(&listener.lines, expected);
	stderr_fini(&ring);
}

static void lines_are_the_same_in_whatever_pieces_they_come(void **state)
{
	static const char text[] = "one\r\n\n\ntwo\tand\nthr\xc3\xa9"
				   "e";

	(void)state;
	for (size_t piece = 1; piece <= sizeof text; piece++)
		assert_lines(text, piece,
			"<one><two\tand><thr\xc3\xa9"
			"e>");
}

static void what_a_terminal_would_obey_is_taken_out(void **state)
{
	(void)state;
	assert_lines("\033[1;31mred\033[0m \033]0;title\a b\x7f\n", 100, "<red ?]0;title? b?>");
	assert_lines("a\rb\vc\x01\xc2\x9b"
		     "2J\n",
		100, "<a?b?c??2J>");
	assert_lines("\xff\xfe bytes\n", 100, "<\xef\xbf\xbd\xef\xbf\xbd bytes>");
	assert_lines("cut \033[\n\033[3", 100, "<cut ?[><?[3>");
}

static void assert_last(const struct stderr_ring *ring, size_t lines, const char *expected)
{
	struct buffer out = { 0 };

	assert_true(stderr_append_last(ring, lines, &out));
	assert_string_equal(out.len == 0 ? "" : buffer_text(&out), expected);
	buffer_fini(&out);
}

static void the_last_lines_are_quoted(void **state)
{
	struct stderr_ring ring = { 0 };

	(void)state;
	assert_last(&ring, 10, "");
	stderr_take(&ring, span_text("one\ntwo\n\nthree\r\nfo\033[1mur"), NULL, NULL);
	assert_last(&ring, 0, "");
	assert_last(&ring, 1, "\nfour");
	assert_last(&ring, 2, "\nthree\nfour");
	assert_last(&ring, 3, "\ntwo\nthree\nfour");
	assert_last(&ring, 10, "\none\ntwo\nthree\nfour");
	stderr_take(&ring, span_text("\n"), NULL, NULL);
	assert_last(&ring, 2, "\nthree\nfour");
	stderr_fini(&ring);
}

/* mv:72 */
static void a_mebibyte_without_an_end_costs_the_ring_and_is_one_line(void **state)
{
	struct stderr_ring ring = { 0 };
	struct listener listener = { 0 };
	struct buffer out = { 0 };
	char bytes[CHUNK];

	(void)state;
	memset(bytes, 'm', sizeof bytes);
	for (int i = 0; i < 1049; i++) {
		stderr_take(&ring, span_of(bytes, sizeof bytes), heard, &listener);
		assert_true(ring.capacity <= MCP_STDERR_RING && ring.len <= ring.capacity);
		assert_true(ring.line.len <= MCP_STDERR_LINE);
	}
	assert_int_equal(listener.count, 0);
	stderr_take(&ring, span_text("\nafter\n"), heard, &listener);
	assert_int_equal(listener.count, 2);
	assert_int_equal(listener.longest, MCP_STDERR_LINE);
	assert_true(stderr_append_last(&ring, 10, &out));
	assert_int_equal(out.len, 1 + STDERR_QUOTED_BYTES + strlen("\nafter"));
	buffer_fini(&out);
	buffer_fini(&listener.lines);
	stderr_fini(&ring);
}

static void a_ring_that_went_around_has_the_last_bytes_in_order(void **state)
{
	struct stderr_ring ring = { 0 };
	char line[64];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int len = snprintf(line, sizeof line, "line %d\n", i);

		stderr_take(&ring, span_of(line, (size_t)len), NULL, NULL);
	}
	assert_last(&ring, 3, "\nline 19997\nline 19998\nline 19999");
	assert_int_equal(ring.len, MCP_STDERR_RING);
	stderr_fini(&ring);
}

static void a_quoted_line_is_not_cut_inside_of_a_character(void **state)
{
	struct stderr_ring ring = { 0 };
	struct buffer out = { 0 };
	char line[STDERR_QUOTED_BYTES + 8];

	(void)state;
	memset(line, 'a', sizeof line);
	memcpy(line + STDERR_QUOTED_BYTES - 1, "\xe2\x82\xac", 3);
	stderr_take(&ring, span_of(line, sizeof line), NULL, NULL);
	assert_true(stderr_append_last(&ring, 1, &out));
	assert_int_equal(out.len, STDERR_QUOTED_BYTES); /* a line break, and a byte less than there was room for */
	assert_true(text_is_utf8(buffer_span(&out)));
	buffer_fini(&out);
	stderr_fini(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_in_whatever_pieces_they_come),
		cmocka_unit_test(what_a_terminal_would_obey_is_taken_out),
		cmocka_unit_test(the_last_lines_are_quoted),
		cmocka_unit_test(a_mebibyte_without_an_end_costs_the_ring_and_is_one_line),
		cmocka_unit_test(a_ring_that_went_around_has_the_last_bytes_in_order),
		cmocka_unit_test(a_quoted_line_is_not_cut_inside_of_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
