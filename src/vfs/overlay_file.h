/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The lines of an overlay's index as text, and files as a whole. Threads: any. */
#ifndef VFS_OVERLAY_FILE_H
#define VFS_OVERLAY_FILE_H

#include "vfs/overlay_index.h"

struct overlay_line {
	struct buffer path; /* to be freed */
	bool gone;
	enum overlay_kind kind; /* unless gone */
	struct overlay_base base;
};

/* Each appends a line with its end; `out` is marked failed where there is no room. */
void overlay_line_head(struct buffer *out, const char *root);
void overlay_line_entry(struct buffer *out, const struct overlay_entry *entry, enum overlay_kind kind);
void overlay_line_gone(struct buffer *out, const struct overlay_entry *entry);

/** Read a line (without its end). Returns NULL, or what is wrong with it: then there is nothing to free. */
const char *overlay_line_read(struct span text, struct overlay_line *line);

/** Whether `text` is the first line for the folder `root`. Errors: CAPSULE_ESTORE. */
MUST_CHECK enum capsule_status overlay_head_check(
	const char *dir, struct span text, const char *root, struct capsule_error *err);

/** Append what is in the regular file `fd` to `out`. Errors: CAPSULE_EIO (no regular file, too), CAPSULE_ELIMIT,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status overlay_read_all(int fd, struct buffer *out, struct capsule_error *err);

#endif
