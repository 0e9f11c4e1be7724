/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule wrote into its overlay of a workspace: see it, keep it, drop it. Needs no runtime; blocks on the disk.
 * An overlay is used by one process at a time. Threads: any, one object by one thread at a time. */
#ifndef CAPSULE_FILES_H
#define CAPSULE_FILES_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule_overlay;

/** Open the overlay that the capsule `id` has on `workspace` (NULL: the working directory) in `home` (NULL: the
 *  default). What can't be an id is taken for the path of the capsule's folder. A commit that was cut off is finished
 *  first. Errors: CAPSULE_ENOTFOUND (it has none), CAPSULE_ELOCKED naming the process that has it open,
 *  CAPSULE_EMANIFEST, CAPSULE_EINVAL, CAPSULE_ESTORE, CAPSULE_EIO, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_overlay_open(struct capsule_overlay **out, const char *id,
	const char *workspace, const char *home, struct capsule_error *err);
CAPSULE_API void capsule_overlay_close(struct capsule_overlay *overlay);

/** Its folder; the files are in upper/ there, as the capsule wrote them. Borrowed. */
CAPSULE_API const char *capsule_overlay_dir(const struct capsule_overlay *overlay);

/* `path` is relative to the workspace and means everything at it and below it; NULL or "" means all. The answers are
 * JSON, borrowed until the next call:
 *   diff      [{"path", "status": "added" | "modified" | "deleted" | "folder", "old_size", "old_hash", "new_size",
 *             "new_hash", "conflict": whether the workspace changed meanwhile}], sorted by path
 *   commit    {"committed": [path], "conflicts": [path], "failed": [{"path", "reason"}]}; what conflicts or failed
 *             stays in the overlay
 *   rollback  {"dropped": [path]}
 * Errors: CAPSULE_EIO, CAPSULE_ENOTFOUND (no change at `path`), CAPSULE_EDENIED (`path` leads out of the workspace),
 * CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_overlay_diff(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err);
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_overlay_commit(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err);
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_overlay_rollback(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err);

#ifdef __cplusplus
}
#endif

#endif
