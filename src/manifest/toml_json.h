/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A TOML value as JSON, for the keys that take any value. */
#ifndef MANIFEST_TOML_JSON_H
#define MANIFEST_TOML_JSON_H

#include "base/buffer.h"

#include <capsule_deps.h>

/** Append value `index` of `nodes` (borrowed) as compact JSON: 64-bit integers as they are, not-a-number and infinities as
 *  null, dates and times as RFC 3339 strings, tables in the order of the file. Errors: CAPSULE_ELIMIT for values in each
 *  other deeper than LIMIT_JSON_DEPTH and for the limit of `out`, CAPSULE_ENOMEM. Threads: any. */
MUST_CHECK enum capsule_status toml_json_append(
	struct buffer *out, const struct deps_toml_node *nodes, uint32_t index, struct capsule_error *err);

#endif
