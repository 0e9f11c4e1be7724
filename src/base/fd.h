/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files opened so that a path can't lead elsewhere. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/buffer.h"

/** Open `path` beneath the folder `dir` with `flags` and O_CLOEXEC (openat2): a path that leaves the folder - absolute, by `..`
 *  or through a link - fails with EXDEV. Returns the descriptor, or -1 with errno set. Threads: any. */
int fd_open_beneath(const char *dir, const char *path, int flags);

/** Append what can be read from `fd` up to its end to `out`. Returns 0, or -1 with errno set: EFBIG when it is more than `limit` bytes (one
 *  byte more was read then) or than `out` may hold, ENOMEM. Threads: any. */
int fd_read_all(int fd, size_t limit, struct buffer *out);

/** Write all of `bytes` at the descriptor's position. Returns 0, or -1 with errno set. Threads: any. */
int fd_write_all(int fd, struct span bytes);

#endif
