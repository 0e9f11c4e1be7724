/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One folder by its descriptor: what is below it is opened by relative path, without ever leaving the folder and without
 * following any link (openat2 with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS; one component after
 * the other with O_NOFOLLOW where the kernel refuses openat2). Only regular files are read and written. Functions that
 * return -1 set errno; ELOOP means that a link stands on the way. They may block. Threads: any. */
#ifndef VFS_TREE_H
#define VFS_TREE_H

#include "base/buffer.h"

#include <stdint.h>
#include <sys/stat.h>

struct tree {
	int fd;    /* O_PATH | O_DIRECTORY; -1 when closed */
	bool walk; /* no openat2 here */
};

/** Open the folder `path`. Returns 0, or -1. */
int tree_open(struct tree *tree, const char *path);
void tree_close(struct tree *tree);

/** Open `relative` ("" for the folder itself; components that are empty, "." or "..": EINVAL) with `flags` and `mode`
 *  (O_CLOEXEC, O_NOFOLLOW, O_NOCTTY and O_NONBLOCK are added): a descriptor or -1. Without O_PATH and O_DIRECTORY, what is
 *  no regular file is refused with ENOTSUP (a folder: EISDIR), before it is opened. O_PATH without O_DIRECTORY opens a link
 *  itself. */
int tree_openat(const struct tree *tree, const char *relative, int flags, unsigned mode);

/** Open the folder that holds `relative`, which must not be "", and point `*name` at its last component (inside
 *  `relative`). */
int tree_parent(const struct tree *tree, const char *relative, const char **name);

/** lstat of `relative`, no link on the way. */
int tree_stat(const struct tree *tree, const char *relative, struct stat *out);

/** Make the folder `relative` and its parents (0777 and the umask); fine when it is there already. `*made` (may be NULL)
 *  gets how many were made. */
int tree_mkdirs(const struct tree *tree, const char *relative, size_t *made);

/** Remove a file, link (not what it points to) or empty folder. */
int tree_unlink(const struct tree *tree, const char *relative);

/** Append the names in the folder `relative` to `names`, each with a zero byte behind it, no "." and "..". Returns -1 with
 *  EFBIG over LIMIT_DIRECTORY_ENTRIES, ENOMEM when `names` failed. */
int tree_list(const struct tree *tree, const char *relative, struct buffer *names);

/** Append the whole of a regular file to `out`; EFBIG when it is or grows larger than `limit`, with its size in `*size`;
 *  also when `out` has no room for it. */
int tree_read(const struct tree *tree, const char *relative, uint64_t limit, struct buffer *out, uint64_t *size);

/** Make `relative` hold `data`, in place: mode, owner and hard links of a file that exists are kept. The folder must exist.
 *  Where the file system can reserve room, a full disk is found (ENOSPC) before the old bytes are touched; a file that is
 *  made here and can't be written is removed again. */
int tree_write(const struct tree *tree, const char *relative, struct span data);

#endif
