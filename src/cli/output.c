/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two standard streams. */
#include "cli/output.h"
#include "cli/options.h"
#include "cli/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_COLUMNS 80
#define EXIT_BROKEN_PIPE 141 /* what a shell shows for a program that SIGPIPE ended */

static const char *const style_codes[] = {
	[STYLE_PLAIN] = "",
	[STYLE_HEADING] = "\033[1m",
	[STYLE_NAME] = "\033[36m",
	[STYLE_GOOD] = "\033[32m",
	[STYLE_BAD] = "\033[31m",
	[STYLE_WARNING] = "\033[33m",
	[STYLE_FAINT] = "\033[2m",
};

static bool colour_wanted(int color, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0 && isatty(fd);
}

struct output cli_output_open(int color)
{
	return (struct output){
		.terminal = isatty(STDOUT_FILENO),
		.colour = colour_wanted(color, STDOUT_FILENO),
		.error_colour = colour_wanted(color, STDERR_FILENO),
	};
}

int cli_output_finish(int status)
{
	if (ferror(stdout) == 0 && fflush(stdout) == 0)
		return status;
	/* Why an earlier write failed is forgotten by now: what it says to one more is the reason. */
	clearerr(stdout);
	errno = 0;
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	if (errno == EPIPE)
		return EXIT_BROKEN_PIPE;
	return cli_say("cannot write to standard output: %s", errno != 0 ? strerror(errno) : "something got lost");
}

int cli_say(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (len < 0)
		return cli_say_memory();
	(void)fputs("capsule: ", stderr);
	cli_print_clean(stderr, text, (size_t)len, CLEAN_TEXT);
	(void)fputc('\n', stderr);
	free(text);
	return 1;
}

int cli_say_lines(const char *lines)
{
	int status = 0;

	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n");

		status = cli_say("%.*s", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
	return status;
}

int cli_say_error(const struct capsule_error *error)
{
	const char *text = capsule_error_text(error);

	(void)cli_say("%s", text[0] != '\0' ? text : capsule_status_text(capsule_error_status(error)));
	return capsule_status_exit(capsule_error_status(error));
}

int cli_say_memory(void)
{
	(void)fputs("capsule: out of memory\n", stderr);
	return 1;
}

void cli_print_clean(FILE *stream, const char *text, size_t len, enum clean_mode mode)
{
	size_t written = 0, at = 0;

	while (at < len) {
		uint32_t code;
		size_t bytes = cli_utf8_next(text + at, len - at, &code);
		bool space = code == '\n' || code == '\t' || (mode == CLEAN_LINE && code == '\r');

		if (cli_code_unprintable(code) && !(space && mode == CLEAN_TEXT)) {
			(void)fwrite(text + written, 1, at - written, stream);
			(void)fputs(space ? " " : "\xEF\xBF\xBD", stream);
			written = at + bytes;
		}
		at += bytes;
	}
	(void)fwrite(text + written, 1, len - written, stream);
}

void cli_print_styled(FILE *stream, bool colour, enum style style, const char *text)
{
	colour = colour && style != STYLE_PLAIN;
	if (colour)
		(void)fputs(style_codes[style], stream);
	cli_print_clean(stream, text, strlen(text), CLEAN_LINE);
	if (colour)
		(void)fputs("\033[0m", stream);
}

static bool blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

void cli_print_wrapped(FILE *stream, const char *text, size_t len, size_t indent, size_t column)
{
	bool fresh = true; /* no word on this line yet */

	for (size_t at = 0; at < len;) {
		size_t start = at, width = 0;
		uint32_t code;

		if (blank(text[at])) {
			at++;
			continue;
		}
		for (; at < len && !blank(text[at]); width++)
			at += cli_utf8_next(text + at, len - at, &code);
		if (!fresh && column + 1 + width > LINE_COLUMNS) {
			(void)fputc('\n', stream);
			column = 0;
			fresh = true;
		}
		if (!fresh || column < indent) {
			size_t gap = fresh ? indent - column : 1;

			(void)fprintf(stream, "%*s", (int)gap, "");
			column += gap;
		}
		cli_print_clean(stream, text + start, at - start, CLEAN_LINE);
		column += width;
		fresh = false;
	}
	(void)fputc('\n', stream);
}

void cli_print_answer(const struct output *out, const char *bytes, size_t len, bool newline)
{
	if (out->terminal)
		cli_print_clean(stdout, bytes, len, CLEAN_TEXT);
	else
		(void)fwrite(bytes, 1, len, stdout);
	if (newline && (len == 0 || bytes[len - 1] != '\n'))
		(void)fputc('\n', stdout);
}

const char *cli_number(uint64_t value, char *buffer, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buffer[at++] = ',';
		buffer[at++] = digits[i];
	}
	buffer[at] = '\0';
	return buffer;
}
