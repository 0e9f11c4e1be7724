/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One text for one JSON value, and its hash: what is put down of a call's arguments, and by what a tool's description
 * is known again. Pure, any thread. */
#ifndef ENGINE_MCP_ARGUMENTS_H
#define ENGINE_MCP_ARGUMENTS_H

#include "base/blake3.h"
#include "base/json.h"

/** Append `value` as canonical JSON: no blanks, the members of each object in byte order of their keys, numbers in
 *  the shortest form that reads back as the same number, strings as json_append_string() has them. Numbers beyond 64
 *  bits are the nearest double. Returns false as buffer_append() does; a value deeper than LIMIT_JSON_DEPTH, which
 *  json_parse() does not give, fails too. */
bool arguments_append_canonical(struct buffer *out, const yyjson_val *value);

/** The BLAKE3 of the canonical text of `json`, hexadecimal. Empty text counts as null. Errors: as json_parse(), at most
 *  LIMIT_PAYLOAD bytes. */
MUST_CHECK enum capsule_status arguments_hash(struct span json, char out[BLAKE3_HEX], struct capsule_error *err);

#endif
