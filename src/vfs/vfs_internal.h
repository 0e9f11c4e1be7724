/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The insides of a tree of files, shared by its paths (path.c), its queue (vfs.c) and its work on the pool
 * (vfs_job.c). Folder and overlay have one user at a time: the loop thread while `job` is NULL, else that job; the
 * job's mutex orders the change of hands. Meanwhile the loop thread only asks the overlay what it says about a
 * path, which has a lock of its own. */
#ifndef VFS_VFS_INTERNAL_H
#define VFS_VFS_INTERNAL_H

#include "loop/loop.h"
#include "vfs/overlay.h"

struct vfs_job;

struct vfs {
	struct loop *loop;
	struct tree tree;
	struct overlay *overlay;  /* NULL: straight to the folder */
	bool parents;             /* writing makes missing parents; of no meaning with an overlay */
	struct vfs_job *job;      /* what runs on the pool; NULL when nothing does */
	struct list_node waiting; /* vfs_request.waiting, oldest first */
	size_t waiting_count;
	struct runnable drain; /* goes on with the waiting ones, a slice a turn */
	size_t root_len;       /* of `root` as the beginning of a path: 0 for the root of the disk */
	char root[];           /* canonical */
};

/** The part of `text` behind the folder, "" for the folder itself; NULL when `text`, which is canonical, is not in
 *  it. */
const char *vfs_relative(const struct vfs *vfs, const char *text);

/** Do `work` now. Threads: any that is the user of folder and overlay. Failures leave `work->result` empty. */
MUST_CHECK enum capsule_status vfs_execute(struct vfs *vfs, struct vfs_work *work, struct capsule_error *err);

/** Hand folder and overlay to a job on the pool which runs `request`, of which it copies what it reads. There must
 *  be none yet. Threads: loop. */
MUST_CHECK enum capsule_status vfs_job_start(struct vfs *vfs, struct vfs_request *request, struct capsule_error *err);

/** `request` is let go of: when a job is about it, that job answers nobody, and does nothing when it has not begun.
 *  Returns whether there was one. Threads: loop. */
bool vfs_job_detach(struct vfs *vfs, const struct vfs_request *request);

/** Let go of the request of the job (there is one) and wait until the job is over. Threads: loop. */
void vfs_job_drop(struct vfs *vfs);

/** Go on with what waits, now that no job runs. Threads: loop. */
void vfs_resume(struct vfs *vfs);

#endif
