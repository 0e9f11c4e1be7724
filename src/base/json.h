/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as this project reads and writes it: yyjson with our limits. Reading is strict RFC 8259, UTF-8, nesting up to
 * LIMIT_JSON_DEPTH, repeated keys in one object refused, size bounded by the caller. Writing is compact. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buffer.h"
#include <yyjson.h>

struct json_limits {
	size_t bytes_max; /* longest text */
	size_t depth_max; /* arrays and objects inside one another; 0 means LIMIT_JSON_DEPTH, which is also the most */
	bool allow_duplicates; /* a repeated key: refused, or kept for readers that use json_last() */
};

/** Parse `text` (borrowed) into a document; free it with yyjson_doc_free(). `what` names it in the message, e.g.
 *  "arguments". Errors: CAPSULE_EINVAL with line, column and reason; CAPSULE_ELIMIT; CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status json_parse(yyjson_doc **out, struct span text, const struct json_limits *limits,
	const char *what, struct capsule_error *err);

/** `value` for yyjson's readers, which take pointers to non-const and change nothing. */
static inline yyjson_val *json_reader(const yyjson_val *value)
{
	return (yyjson_val *)(uintptr_t)value;
}

/** The value under `key` in `object` (borrowed, any value), the last one when the key is repeated; yyjson_obj_get() gives
 *  the first. Returns NULL when absent or when `object` is none. */
yyjson_val *json_last(const yyjson_val *object, const char *key);

/** Append `text` as a JSON string with quotes: \" \\ \b \f \n \r \t, other control bytes as \u00xx in lower case,
 *  everything else as it is. `text` must be UTF-8. */
bool json_append_string(struct buffer *out, struct span text);

/** The same of text that need not be UTF-8, as paths are: each maximal invalid part becomes one U+FFFD. */
bool json_append_lossy(struct buffer *out, struct span text);

/** Append the compact JSON of `value`, which comes from json_parse(). Returns false as buffer_append() does, and marks the
 *  buffer failed when a value made otherwise is deeper than LIMIT_JSON_DEPTH. */
bool json_append_value(struct buffer *out, const yyjson_val *value);

/** Append `text`, which must be valid JSON or empty, without the blanks between its parts. Not written anew from its values:
 *  a number of many digits stays what it is. */
bool json_append_compact(struct buffer *out, struct span text);

/** The member `key` of `object` as it is written in `text`, which `object` was parsed from as a whole: to pass it on with
 *  numbers as they stand there. Empty when there is none. */
struct span json_member_text(const yyjson_val *object, struct span text, const char *key);

/** Append `bytes` as a JSON array of numbers, the form in which guests expect tool arguments. */
bool json_append_byte_array(struct buffer *out, struct span bytes);

void json_doc_drop(yyjson_doc **doc);

#endif
