/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the tree of files: one piece of work as plain data, done where the caller is. */
#ifndef VFS_WORK_H
#define VFS_WORK_H

#include "vfs/tree.h"
#include "vfs/vfs.h"

struct vfs_work {
	enum vfs_verb verb;
	const char *relative; /* canonical, "" for the folder itself */
	struct span data;
	uint64_t limit;
	struct buffer *result; /* filled as vfs_request.op.result */
	bool exists, linked;
	struct vfs_stat stat;
};

/** Do `work` on the folder itself. Blocks. One at a time for each tree. Threads: any. */
MUST_CHECK enum capsule_status direct_run(
	const struct tree *tree, bool parents, struct vfs_work *work, struct capsule_error *err);

/** errno as the error of a file operation on `path`: the texts that vfs_submit() documents. */
enum capsule_status vfs_errno(struct capsule_error *err, int os_errno, const char *path);

/* What working on the folder itself and on its overlay have in common. */

/** That the folder itself is to be changed: CAPSULE_EDENIED. */
enum capsule_status vfs_refuse_root(struct capsule_error *err);

/** That `path`, a file of `size` bytes, has more than `limit`: CAPSULE_ELIMIT. */
enum capsule_status vfs_refuse_file(struct capsule_error *err, uint64_t size, uint64_t limit, const char *path);

/** That `path` is a folder of more than LIMIT_DIRECTORY_ENTRIES names: CAPSULE_ELIMIT. */
enum capsule_status vfs_refuse_names(struct capsule_error *err, const char *path);

/** What stands there, as whoever asked is told. */
void vfs_found(struct vfs_work *work, const struct stat *seen);

/** Compare two `const char *` by their bytes, for qsort(). */
int vfs_compare_names(const void *a, const void *b);

#endif
