/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as text, checked and taken apart without building anything: values stay the spans that they are in the text,
 * so that they can be handed on with each number as it was written. Strict RFC 8259, bounded depth, no recursion. Pure,
 * any thread. */
#ifndef MCP_JSON_SCAN_H
#define MCP_JSON_SCAN_H

#include "base/buffer.h"
#include "base/limits.h"

/* A place in a text. `why` is set once something is wrong, and then nothing moves any more. */
struct json_scan {
	const uint8_t *at, *end;
	size_t depth_max; /* containers inside one another in one value */
	bool begun;       /* a member or item was read since json_scan_open() */
	const char *why;  /* static */
};

/** Begin at the start of `text` (borrowed), which must be UTF-8: json_scan_whole() checks that too. */
struct json_scan json_scan_begin(struct span text, size_t depth_max);

/** Check and skip one value. Its text, without blanks around it, goes to *value. Returns false when it is wrong. */
bool json_scan_value(struct json_scan *scan, struct span *value);

/** Step into the container that begins here with `bracket`, '{' or '['. Returns false when another thing does. */
bool json_scan_open(struct json_scan *scan, char bracket);

/** The next member of the object, or item of the array, that was opened. Returns false behind the last one, or when
 *  something is wrong, which `why` tells apart. `key` is a JSON string with its quotes. */
bool json_scan_member(struct json_scan *scan, struct span *key, struct span *value);
bool json_scan_item(struct json_scan *scan, struct span *value);

/** Whether nothing but blanks is left. */
bool json_scan_done(struct json_scan *scan);

/** Whether `text` is one JSON value in UTF-8. If not, *why (static, may be NULL) says what is wrong. `depth_max` is
 *  LIMIT_JSON_DEPTH at most, which 0 means. */
bool json_scan_whole(struct span text, size_t depth_max, const char **why);

/** Look up `count` members of `object`, which is valid JSON: values[i] is the last one under keys[i], empty when there
 *  is none or `object` is another thing. One walk. */
void json_scan_find(struct span object, const char *const *keys, struct span *values, size_t count);

/** The same for one. */
struct span json_scan_get(struct span object, const char *key);

/** Append what the valid JSON string `string` means. It may hold anything, NUL too. Returns false as buffer_append(). */
bool json_scan_unescape(struct span string, struct buffer *out);

/** Whether two valid JSON strings mean the same. */
bool json_scan_same(struct span a, struct span b);

/** Whether the valid JSON value `string` is a string that means `text`. */
bool json_scan_is(struct span string, const char *text);

static inline bool json_is_object(struct span value)
{
	return value.len > 0 && value.data[0] == '{';
}

static inline bool json_is_array(struct span value)
{
	return value.len > 0 && value.data[0] == '[';
}

static inline bool json_is_string(struct span value)
{
	return value.len > 0 && value.data[0] == '"';
}

#endif
