/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A tree of files as one capsule sees it: a folder, directly or below an overlay that keeps what the capsule wrote
 * until it is committed. Paths never leave the folder: they are made canonical here, judged by the caller, and opened
 * beneath a handle of the folder without following any link, so that what was judged is what is opened.
 *
 * How a guest's path becomes a file:
 *   vfs_path_set()      text -> path: lexical, touches nothing
 *   (the gate is asked about path.text)
 *   vfs_submit()        done with status, or `linked`: a link stands on the way and nothing was done
 *   vfs_path_resolve()  then: follow the links, ask the gate about the new path.text, submit again
 *
 * Work over LIMIT_INLINE_WORK bytes, listings, commits and rollbacks run on the pool, one after the other for each
 * tree; while one runs, whatever else is asked waits behind it. All functions: loop thread, except where it says
 * otherwise. */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "base/buffer.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "loop/op.h"

struct vfs;

/* Of an overlay; 0: the default of base/limits.h. */
struct vfs_limits {
	uint64_t bytes;   /* of all files in it */
	uint64_t entries; /* files, folders and deletions in it */
};

/* A path below the folder: canonical text, without "." and "..", links followed once resolved. Not to be copied: it
 * points into itself. */
struct vfs_path {
	char text[2 * LIMIT_PATH]; /* absolute: the folder's canonical path, and `relative` behind it */
	size_t len;
	const char *relative; /* inside `text`; "" for the folder itself */
	bool itself; /* what stands last is meant itself, also when it is a link; vfs_submit() sets it: vfs_verb_itself() */
};

enum vfs_verb {
	VFS_EXISTS,
	VFS_STAT,
	VFS_LIST,
	VFS_READ,
	VFS_WRITE,
	VFS_MKDIR,
	VFS_UNLINK,
	VFS_COMMIT,
	VFS_ROLLBACK,
	VFS_DIFF
};

/** What `vfs_path.itself` is for the verb: whether it is about a link and not about where the link leads. */
static inline bool vfs_verb_itself(enum vfs_verb verb)
{
	return verb == VFS_STAT || verb == VFS_UNLINK;
}

enum vfs_answer { VFS_DONE, VFS_WAITING };

struct vfs_stat {
	bool is_dir, is_file; /* both false for anything else, links included */
	uint64_t size;
	uint64_t mtime; /* seconds since 1970, 0 before it */
};

/* One piece of work; an instance has one and reuses it. */
struct vfs_request {
	/* op.error, and op.result: bytes read, names (each with a zero behind it, sorted by bytes, names that are not
	 * UTF-8 left out), or the JSON of commit, rollback and diff. */
	struct op op;
	enum vfs_verb verb;
	struct vfs_path path; /* COMMIT, ROLLBACK and DIFF: everything at it and below it */
	struct span data;     /* WRITE: borrowed until VFS_DONE, until op's done() ran or the request was cancelled */
	uint64_t limit;       /* READ: largest file; 0: LIMIT_PAYLOAD */
	/* Filled: */
	bool exists;
	bool linked; /* a link stands on the way: nothing was done and op.error says so */
	struct vfs_stat stat;

	struct vfs *vfs; /* vfs.c's own, while it is pending */
	struct list_node waiting;
};

/** The folder `root` itself, without an overlay. `parents`: writing makes missing parents. Free with vfs_close().
 *  Errors: CAPSULE_ENOTFOUND, CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status vfs_open_direct(
	struct vfs **out, struct loop *loop, const char *root, bool parents, struct capsule_error *err);

/** The folder `root` below the overlay that is kept in the folder `overlay` (made 0700 with its parents; locked).
 *  What a commit that was interrupted began is finished or undone first. Blocks: its index is read (LIMIT_OVERLAY_INDEX at
 *  most), each of its entries is looked at (LIMIT_OVERLAY_ENTRIES), and an interrupted commit copies up to all files in it
 *  (`limits->bytes`). Errors: as above, and CAPSULE_ELOCKED
 *  naming the process that has the overlay, CAPSULE_ESTORE when its files are damaged (with the way out). */
MUST_CHECK enum capsule_status vfs_open_overlay(struct vfs **out, struct loop *loop, const char *root,
	const char *overlay, const struct vfs_limits *limits, struct capsule_error *err);

/** Close it (taken; NULL is fine): pending requests are stopped and idle afterwards, their done() is not called.
 *  Work that a thread of the pool is in the middle of is waited for, so that nothing touches the folder afterwards
 *  and its overlay can be opened again. */
void vfs_close(struct vfs *vfs);

/** The canonical path of the folder. Borrowed. */
const char *vfs_root(const struct vfs *vfs);

/** Whether it has an overlay that holds changes, some of them made since everything was committed last. A conflict that
 *  such a commit has left there does not count. */
bool vfs_dirty(const struct vfs *vfs);

/** `request` as a path below the folder: leading slashes stripped, "." and ".." applied to the text. Errors:
 *  CAPSULE_EINVAL (NUL, not UTF-8, a component over 255 bytes), CAPSULE_EDENIED ("path escapes root boundary: ..."),
 *  CAPSULE_ELIMIT (too long). */
MUST_CHECK enum capsule_status vfs_path_set(
	const struct vfs *vfs, struct span request, struct vfs_path *out, struct capsule_error *err);

/** Follow the links on the way of `path` as the tree is now (40 at most, absolute ones count from the root of the
 *  disk) and rewrite it; what does not exist yet stays as text. Errors, which leave it as it was: CAPSULE_EDENIED
 *  (leads outside: "path escapes root boundary: ...", also for links of the process file system), CAPSULE_ELIMIT
 *  (too many links, too long), CAPSULE_ENOTFOUND (a link goes up from what does not exist), CAPSULE_EINVAL (leads to
 *  a name that is not UTF-8), CAPSULE_EIO. Only links are looked at; whether what is at the end exists, and may be
 *  used, is for vfs_submit() to say. Blocks for a few system calls a component. */
MUST_CHECK enum capsule_status vfs_path_resolve(
	const struct vfs *vfs, struct vfs_path *path, struct capsule_error *err);

void vfs_request_init(struct vfs_request *request, struct loop *loop);
/** Let go of it in any state. Work that has not begun has no effect; what a thread is in the middle of ends by
 *  itself and touches nothing of the request. */
void vfs_request_fini(struct vfs_request *request);

#define VFS_WAITING_MAX 1024 /* requests behind the one that is under way */

/** Do `request` (verb, path, data set). VFS_DONE: over, status in op.error, done() does not run. VFS_WAITING: `done`
 *  runs once later; op_cancel() lets go of it. Errors in op.error: CAPSULE_ENOTFOUND ("Not found: <path>"),
 *  CAPSULE_EDENIED ("Permission denied: ..."), CAPSULE_EIO with the errno, CAPSULE_EUNSUPPORTED (devices, FIFOs,
 *  sockets), CAPSULE_ELIMIT (file too large, overlay full, VFS_WAITING_MAX requests wait), CAPSULE_EINVAL (a path of
 *  another folder). */
enum vfs_answer vfs_submit(struct vfs *vfs, struct vfs_request *request, op_done_fn done, void *user);

#endif
