/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the commands print: results on standard output, everything else on standard error. Text of guests and files reaches
 * a terminal only cleaned of what could steer it. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum style { STYLE_PLAIN, STYLE_HEADING, STYLE_NAME, STYLE_GOOD, STYLE_BAD, STYLE_WARNING, STYLE_FAINT };

struct output {
	bool terminal;     /* standard output is one */
	bool colour;       /* on standard output */
	bool error_colour; /* on standard error */
};

/** Look at the two streams and the environment; `color` is enum color_when. */
struct output cli_output_open(int color);

/** Hand over what is buffered. A reader that went away is no reason to complain. Returns the exit status for a program that
 *  would otherwise end with `status`: 1 after having said why when output got lost, 141 when nobody reads any more. */
int cli_output_finish(int status);

/** Say `format` (and a newline) on standard error, after "capsule: "; unprintable characters are replaced. Returns 1. */
int cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Say each line of `lines`. Returns 0 when there is none, else 1. */
int cli_say_lines(const char *lines);

/** Say why the library failed; returns the exit status for it. */
int cli_say_error(const struct capsule_error *error);

/** Say that memory ran out; returns 1. */
int cli_say_memory(void);

enum clean_mode {
	CLEAN_TEXT, /* newline and tab stay */
	CLEAN_LINE, /* newline, tab and carriage return become a space */
};

/** Write `len` bytes of `text`, each unprintable character replaced by U+FFFD. */
void cli_print_clean(FILE *stream, const char *text, size_t len, enum clean_mode mode);

/** Write `text` as one line's part, cleaned, in `style` if `colour`. */
void cli_print_styled(FILE *stream, bool colour, enum style style, const char *text);

/** Print the words in `len` bytes of `text` on `stream`, wrapped to 80 columns, each line indented by `indent` columns.
 *  `column` is where the first line stands already. Ends with a newline. */
void cli_print_wrapped(FILE *stream, const char *text, size_t len, size_t indent, size_t column);

/** Print the bytes of an answer: as they are, on a terminal cleaned; `newline` asks for one behind it if it lacks it. */
void cli_print_answer(const struct output *out, const char *bytes, size_t len, bool newline);

/** `value` in `buffer`, digits grouped in threes by commas. Returns `buffer`. */
const char *cli_number(uint64_t value, char *buffer, size_t size);
#define CLI_NUMBER(value) cli_number(value, (char[32]){ 0 }, 32)

#endif
