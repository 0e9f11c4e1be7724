/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text rules that hold at every border: UTF-8 checking and repair, trimming, decimal numbers, nearest names. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buffer.h"

/** Whether `bytes` is well-formed UTF-8 (no surrogates, no overlong forms, nothing over U+10FFFF). */
bool text_is_utf8(struct span bytes);

/** Offset of the first byte that breaks UTF-8, or bytes.len when it is well-formed. */
size_t text_utf8_valid_prefix(struct span bytes);

/** Append `bytes` with each maximal invalid part replaced by one U+FFFD. Returns false as buffer_append() does. */
bool text_append_lossy(struct buffer *out, struct span bytes);

/** `text` without White_Space characters at both ends. Borrowed from the input, which must be UTF-8. */
struct span text_trim(struct span text);

/** Parse an unsigned 64-bit decimal: ASCII digits, one leading '+' allowed, leading zeros fine, nothing else.
 *  Returns false for anything else, also for overflow. */
bool text_parse_u64(struct span text, uint64_t *value);

/** ASCII letters to lower case, in place. */
void text_lower(char *text);

/** The entry of `names` (count entries, each borrowed) nearest to `name`, or NULL when none is near enough to be meant:
 *  at most a third of its length in edits (insert, delete, replace, swap). Names over 64 bytes are not compared. */
const char *text_nearest(const char *name, const char *const *names, size_t count);

/** A copy of `bytes` with a zero byte behind it, free with free(). NULL when out of memory. Bytes are copied as they are. */
char *text_copy(struct span bytes);

#endif
