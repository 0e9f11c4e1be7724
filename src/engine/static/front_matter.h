/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What may stand at the head of a skill: YAML between two lines of dashes, read as one mapping. Threads: any. */
#ifndef STATIC_FRONT_MATTER_H
#define STATIC_FRONT_MATTER_H

#include "base/buffer.h"

#define FRONT_MATTER_DEPTH 16    /* collections inside one another */
#define FRONT_MATTER_VALUES 1024 /* keys and values in all */

/** Part `file` into what stands between a first line "---" and the next line "---" or "...", and what comes after it. Without such a first
 *  line `matter` is empty and `body` is the file. Both are borrowed from it. Errors: CAPSULE_EINVAL (the second line is missing),
 *  CAPSULE_ELIMIT (over LIMIT_FRONT_MATTER bytes). */
MUST_CHECK enum capsule_status front_matter_split(
	struct span file, struct span *matter, struct span *body, struct capsule_error *err);

/** Append the mapping `matter` as a compact JSON object: plain scalars as null, booleans and numbers where YAML's core schema reads them so,
 *  everything else as text; nothing for an empty one. Lines in messages count from `first_line`. Errors: CAPSULE_EINVAL (no YAML,
 *  no mapping, a repeated key, an anchor or alias, a tag), CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status front_matter_json(
	struct span matter, unsigned first_line, struct buffer *out, struct capsule_error *err);

#endif
