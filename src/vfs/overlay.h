/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one capsule wrote over one folder: a tree of its own and an index of what in it is new, changed or deleted, with
 * a fingerprint of what each change was based on. In the folder `dir`:
 *
 *   lock     locked while it is open; says which process has it
 *   index    one JSON object a line, appended before the change it tells of, rewritten when it is opened
 *   commit   while a commit is under way: the paths that it is about; what is found here at the next opening is finished
 *   upper/   files and folders as the capsule wrote them; nothing else is ever in it
 *
 * Functions that work block; one at a time for each overlay. Threads: any. overlay_shadows(), overlay_count() and
 * overlay_touched() never block and may be called while another thread is in overlay_run(). */
#ifndef VFS_OVERLAY_H
#define VFS_OVERLAY_H

#include "vfs/work.h"

struct overlay;

/** Open or make the overlay in `dir` over `lower` (borrowed, must outlive it; `root` is its path, kept in the overlay:
 *  another root is refused with CAPSULE_ESTORE). `make`: false gives CAPSULE_ENOTFOUND where there is none. Errors: see
 *  vfs_open_overlay(). */
MUST_CHECK enum capsule_status overlay_open(struct overlay **out, const struct tree *lower, const char *root,
	const char *dir, bool make, const struct vfs_limits *limits, struct capsule_error *err);

/** Close it (taken; NULL is fine); what it holds stays on the disk. */
void overlay_close(struct overlay *overlay);

/** Do `work`, any verb. */
MUST_CHECK enum capsule_status overlay_run(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err);

enum overlay_shadow {
	OVERLAY_NOTHING,    /* the folder below decides */
	OVERLAY_HIDDEN,     /* deleted, or below something that was */
	OVERLAY_OWN_FILE,   /* of the overlay's own: no link */
	OVERLAY_OWN_FOLDER, /* as well; what is in it may be below */
};

/** What the overlay says about `relative`. Looks at the index only. */
enum overlay_shadow overlay_shadows(struct overlay *overlay, const char *relative);

/** How many entries it has. */
size_t overlay_count(struct overlay *overlay);

/** Whether something was changed in it, or it had entries when it was opened, and no commit of everything came after. */
bool overlay_touched(struct overlay *overlay);

#endif
