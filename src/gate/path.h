/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths as the gate reads them: components between slashes, where repeated slashes, components "." and a slash at the end
 * mean nothing. Texts are compared byte by byte; nothing is decoded, folded or expanded. */
#ifndef GATE_PATH_H
#define GATE_PATH_H

#include "base/error.h"
#include "base/span.h"

/** Take the next component off `*rest`. Returns false when there is none. */
bool path_next(struct span *rest, struct span *component);

/** Whether a component of `path` is "..". */
bool path_has_dots(struct span path);

/** Whether `path` is `root` or below it, both absolute. `*rest_at` (may be NULL) gets where in `path` the first component
 *  behind the root stands, the length of `path` when there is none. */
bool path_below(struct span root, struct span path, size_t *rest_at);

/** The order in which a folder stands directly before all that is below it. */
int path_compare(struct span a, struct span b);

/** `path` (absolute, without ".." in the part that does not exist) with links followed as far as it exists; the rest is kept
 *  as text. Owned by the caller. Errors: CAPSULE_EINVAL, CAPSULE_ENOMEM. Blocks on the disk. */
MUST_CHECK enum capsule_status path_canonical(char **out, const char *path, struct capsule_error *err);

#endif
