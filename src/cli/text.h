/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text that comes from elsewhere, made fit for a terminal and for messages; the nearest of several names. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_BAD_CODE UINT32_MAX

/** Decode the code point at `text` (`len` bytes, at least 1) into `*code`; CLI_BAD_CODE for a byte that is not UTF-8.
 *  Returns how many bytes it takes. */
size_t cli_utf8_next(const char *text, size_t len, uint32_t *code);

/** Whether all `len` bytes of `text` are UTF-8. */
bool cli_utf8_valid(const char *text, size_t len);

/** Whether a terminal might take `code` for a command or reorder the line because of it: control characters, newline and tab
 *  included, overrides of the writing direction, and CLI_BAD_CODE. */
bool cli_code_unprintable(uint32_t code);

/** Columns that `text` takes: one for each code point. */
size_t cli_text_width(const char *text);

/* The nearest of the names offered so far. */
struct nearest {
	const char *wanted;
	const char *best; /* NULL: none is near enough */
	size_t distance;
};

/** Begin looking for the name nearest to `wanted` (borrowed). A name is near with at most a third of its length, and one more, in
 *  edits. */
struct nearest cli_nearest_start(const char *wanted);

/** Take `name` (borrowed) into account; names over 63 bytes are not. */
void cli_nearest_offer(struct nearest *nearest, const char *name);

/** "; did you mean '<prefix><name>'?" in `buffer`, or "" when nothing is near. Returns `buffer`. */
const char *cli_nearest_text(const struct nearest *nearest, const char *prefix, char *buffer, size_t size);
#define CLI_MEANT(nearest, prefix) cli_nearest_text(nearest, prefix, (char[128]){ 0 }, 128)

/** `text` in `buffer` (at least 32 bytes), its middle left out when it is too long. Returns `buffer`. */
const char *cli_text_short(const char *text, char *buffer, size_t size);
#define CLI_SHORT(text) cli_text_short(text, (char[256]){ 0 }, 256)

#endif
