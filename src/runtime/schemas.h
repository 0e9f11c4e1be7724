/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between the parts of the comparison of exported tools with a manifest: reading an answer, JSON as TOML, the file. */
#ifndef RUNTIME_SCHEMAS_H
#define RUNTIME_SCHEMAS_H

#include "base/json.h"

/* One tool of an answer. Borrowed from its document. */
struct schemas_tool {
	const char *name;
	const char *description;  /* NULL when the answer has none */
	const yyjson_val *schema; /* an object */
};

/** The tools in `root`, the root of a document of json_parse(), in its order; free *tools with free(). All names are
 *  valid and differ, and descriptions are what a manifest may hold. Errors: CAPSULE_EINVAL, CAPSULE_ELIMIT,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status schemas_read(
	struct schemas_tool **tools, size_t *count, const yyjson_val *root, struct capsule_error *err);

/* What became of values while they were written. */
struct schemas_notes {
	struct buffer text; /* lines */
	size_t skipped;     /* lines that were one too many */
};

/** Append `value`, of a document of json_parse(), so that equal values are equal bytes: keys sorted, numbers by what
 *  they are worth, without what TOML can't hold. Returns false as buffer_append() does. */
bool schemas_append_canonical(struct buffer *out, const yyjson_val *value);

/** Append `value` as a TOML value on one line. What TOML can't hold is left out and noted under the name `tool`.
 *  Returns as above. */
bool schemas_append_toml(struct buffer *out, const yyjson_val *value, const char *tool, struct schemas_notes *notes);

/** Append the [[tool]] table of `tool`, an empty line before it, lines ending with `eol`. Returns as above. */
bool schemas_append_table(
	struct buffer *out, const struct schemas_tool *tool, const char *eol, struct schemas_notes *notes);

/** Replace the content `before` of the file `path` by `after` in one step, its permissions kept. Errors: CAPSULE_ESTATE
 *  when it is no regular file or holds something else, CAPSULE_EIO, CAPSULE_ENOTFOUND, CAPSULE_ENOMEM; the file is as
 *  it was then. */
MUST_CHECK enum capsule_status schemas_replace(
	const char *path, struct span before, struct span after, struct capsule_error *err);

#endif
