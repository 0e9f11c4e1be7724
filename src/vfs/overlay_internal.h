/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of the overlay share. Functions that return -1 set errno. */
#ifndef VFS_OVERLAY_INTERNAL_H
#define VFS_OVERLAY_INTERNAL_H

#include "vfs/overlay.h"
#include "vfs/overlay_index.h"

#include <stdlib.h>

struct overlay {
	const struct tree *lower;
	struct tree upper;
	struct overlay_index index;
	struct vfs_limits limits;
	uint64_t bytes; /* of the files in upper */
	bool touched;   /* see overlay_touched(); under index.lock */
	char *dir, *root;
	int dir_fd, lock_fd;
};

/* What the index says about the folders above a path. Offsets are lengths of a prefix of the path, 0 for none. */
struct overlay_way {
	size_t deleted; /* the first one that was deleted: nothing below it exists */
	size_t file;    /* the first one that is a file of the overlay */
	size_t own;     /* the deepest folder of the overlay's own */
};

struct overlay_way overlay_way(const struct overlay *overlay, struct span path);

/* A path as the capsule sees it. */
struct overlay_look {
	struct overlay_entry *entry; /* its own, also when it was deleted; NULL for none */
	struct stat stat;
	bool own;  /* a file or folder in upper that the index knows */
	bool link; /* with ELOOP: it is a link itself, and `stat` is of it */
};

/** Look at `relative`. Returns 0, or -1: ENOENT, ENOTDIR, ELOOP when a link stands there or on the way, ENAMETOOLONG.
 *  `out->entry` is set in any case. */
int overlay_look(const struct overlay *overlay, const char *relative, struct overlay_look *out);

/** The part of overlay_look() that the index tells, without a system call: `entry` and `own`. Returns 0, or -1 where the
 *  index says that there is nothing: ENOENT, ENOTDIR, ENAMETOOLONG. `*way` (may be NULL) is the way to it. */
int overlay_look_index(
	const struct overlay *overlay, const char *relative, struct overlay_look *out, struct overlay_way *way);

/** Put the outcome of `work` that errno tells of into `err`. */
enum capsule_status overlay_fail(struct vfs_work *work, struct capsule_error *err);

/** Whether the folder has nothing in it, as the capsule sees it. Returns 1, 0 or -1. */
int overlay_is_empty(const struct overlay *overlay, const char *folder);

/** Make `entry` one that is no more, and what upper has of it too. */
MUST_CHECK enum capsule_status overlay_forget(
	struct overlay *overlay, struct overlay_entry *entry, struct capsule_error *err);

/** Note what stands at `relative` in `lower` now: overlay_base.below tells; a link is OVERLAY_BELOW_OTHER. Returns 0, or
 *  -1. */
int overlay_base_take(const struct tree *lower, const char *relative, struct overlay_base *base);

/** The same, for `below` alone: a file is not read. */
int overlay_base_look(const struct tree *lower, const char *relative, struct overlay_base *base);

enum overlay_verdict {
	OVERLAY_SAME,    /* below stands what the change was based on */
	OVERLAY_DONE,    /* below stands already what the change makes */
	OVERLAY_CHANGED, /* somebody else changed it: a conflict */
};

/** Compare what stands below with what `entry` was based on. `*now` is it, st_ino 0 when nothing stands there. Returns
 *  0, or -1. */
int overlay_judge(
	const struct overlay *overlay, const struct overlay_entry *entry, struct stat *now, enum overlay_verdict *out);

/** The hash of the regular file `relative`, any size. Returns 0, or -1. */
int overlay_hash(const struct tree *tree, const char *relative, uint8_t hash[BLAKE3_SIZE]);

/* An array of entries; free() the array. */
struct overlay_list {
	struct overlay_entry **items;
	size_t count;
};

static inline void overlay_list_fini(struct overlay_list *list)
{
	free(list->items);
}

/** The entries at `relative` and below it, sorted by path, and those above it of the kind `above`. */
MUST_CHECK enum capsule_status overlay_select(const struct overlay *overlay, const char *relative,
	enum overlay_kind above, struct overlay_list *out, struct capsule_error *err);

/* The verbs. `work` as overlay_run() got it. */
typedef enum capsule_status overlay_verb(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err);
overlay_verb overlay_exists, overlay_stat, overlay_names, overlay_read, overlay_write, overlay_mkdir, overlay_unlink,
	overlay_commit, overlay_rollback, overlay_diff;

/** Finish the commit that the file `commit` in the overlay's folder tells of, if there is one. */
MUST_CHECK enum capsule_status overlay_recover(struct overlay *overlay, struct capsule_error *err);

/** Take the lock in the folder. Errors: CAPSULE_ELOCKED, CAPSULE_EIO. */
MUST_CHECK enum capsule_status overlay_lock(struct overlay *overlay, struct capsule_error *err);

/** Bring the index and upper/ together after it was read: what was begun and not done is dropped. */
MUST_CHECK enum capsule_status overlay_settle(struct overlay *overlay, struct capsule_error *err);

/** errno about a file of the overlay itself, called `name` in its folder. */
enum capsule_status overlay_failed(const struct overlay *overlay, const char *name, struct capsule_error *err);

#endif
