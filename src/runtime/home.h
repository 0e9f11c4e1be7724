/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The folder that keeps what outlives the process, and the one key-value store in it. Nothing is made or opened before it is
 * needed. While the store is open a lock file says which process has the home. */
#ifndef RUNTIME_HOME_H
#define RUNTIME_HOME_H

#include "loop/loop.h"
#include "store/kv.h"

struct home {
	struct loop *loop;
	char *path;        /* NULL when none resolves */
	char *socket_path; /* <path>/sessions/system.sock; NULL without a path */
	char *lock_path;
	int lock_fd;
	bool memory; /* keep everything in memory */
	struct kv_store *store;
};

/** Resolve the home: `path` if not NULL, else $ASTRID_HOME, else $HOME/.astrid. A path given must be absolute and without
 *  "..": CAPSULE_EINVAL. No home at all is no failure until something has to be stored. */
MUST_CHECK enum capsule_status home_init(
	struct home *home, struct loop *loop, const char *path, bool memory, struct capsule_error *err);

/** The folder for compiled modules in the home at `path`. Owned by the caller; NULL when out of memory. Threads: any. */
char *home_cache_path(const char *path);

/** Likewise the folder that global:// means. */
char *home_global_path(const char *path);

/** The home that the environment names, NULL with *err empty when it names none. Owned by the caller. Errors: CAPSULE_EINVAL. */
MUST_CHECK enum capsule_status home_default_path(char **out, struct capsule_error *err);

/** Whether `path` can be a home: absolute and without "..". `from` says whose it is in the message. Errors: CAPSULE_EINVAL. Threads: any. */
MUST_CHECK enum capsule_status home_check_path(const char *path, const char *from, struct capsule_error *err);

/** Make the home folder and its keys/, logs/ and sessions/ where they are missing, closed to others; what is there stays as it is.
 *  Errors: CAPSULE_EIO, CAPSULE_ENOTFOUND (the folder above it does not exist). Threads: any. */
MUST_CHECK enum capsule_status home_make(const char *path, struct capsule_error *err);

/** Close the store and release the lock. */
void home_fini(struct home *home);

/** The store, opened on first use. Errors: CAPSULE_ELOCKED naming the process that has the home, CAPSULE_ESTORE, CAPSULE_EIO. */
MUST_CHECK enum capsule_status home_store(struct home *home, struct kv_store **store, struct capsule_error *err);

#endif
