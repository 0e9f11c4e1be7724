/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests to a tree of files: what runs at once, what goes to the pool, and their order. A request runs inside vfs_submit()
 * when it is small and nothing else is under way. Otherwise it waits, or goes to the pool; nothing overtakes anything. */
#include "base/cleanup.h"
#include "vfs/vfs_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* Waiting requests served in a row before timers and guests get their turn. */
#define DRAIN_SLICE 32

/* Doing it. */

static bool is_gone(const struct vfs *vfs)
{
	struct stat seen;

	return fstat(vfs->tree.fd, &seen) == 0 && seen.st_nlink == 0;
}

enum capsule_status vfs_execute(struct vfs *vfs, struct vfs_work *work, struct capsule_error *err)
{
	enum capsule_status status = vfs->overlay != NULL ? overlay_run(vfs->overlay, work, err)
							  : direct_run(&vfs->tree, vfs->parents, work, err);

	if (status == CAPSULE_ENOTFOUND && is_gone(vfs))
		status = error_set(err, CAPSULE_EIO,
			"IO error: the folder %s was removed while it was in use; make it again and restart",
			vfs->root);
	if (status != CAPSULE_OK)
		buffer_clear(work->result);
	return status;
}

/* An overlay takes the fingerprint of a file that is below before it changes it for the first time, and lists the names
 * in a folder before it removes it. */
static bool is_bulk_change(const struct vfs *vfs, const struct vfs_request *request)
{
	struct stat below;

	switch (overlay_shadows(vfs->overlay, request->path.relative)) {
	case OVERLAY_OWN_FILE:
		return false;
	case OVERLAY_OWN_FOLDER:
		return request->verb == VFS_UNLINK;
	default:
		return tree_stat(&vfs->tree, request->path.relative, &below) == 0 &&
			(S_ISDIR(below.st_mode) || (uint64_t)below.st_size > LIMIT_INLINE_WORK);
	}
}

/* Whether doing it takes long, as far as can be told before. Reading tells only while it reads. */
static bool is_bulk(const struct vfs *vfs, const struct vfs_request *request)
{
	switch (request->verb) {
	case VFS_EXISTS:
	case VFS_STAT:
	case VFS_MKDIR:
	case VFS_READ:
		return false;
	case VFS_WRITE:
		if (request->data.len > LIMIT_INLINE_WORK)
			return true;
		break;
	case VFS_UNLINK:
		break;
	default:
		return true;
	}
	return vfs->overlay != NULL && is_bulk_change(vfs, request);
}

/* Do `request` in this thread. False when it turned out to be bulk: nothing has happened then. */
static bool run_here(struct vfs *vfs, struct vfs_request *request, struct capsule_error *err)
{
	uint64_t limit = request->limit != 0 ? request->limit : LIMIT_PAYLOAD;
	struct vfs_work work = {
		.verb = request->verb,
		.relative = request->path.relative,
		.data = request->data,
		.limit = limit < LIMIT_INLINE_WORK ? limit : LIMIT_INLINE_WORK,
		.result = &request->op.result,
	};
	enum capsule_status status;

	if (is_bulk(vfs, request))
		return false;
	status = vfs_execute(vfs, &work, err);
	if (status == CAPSULE_ELIMIT && request->verb == VFS_READ && limit > work.limit) {
		error_clear(err);
		return false;
	}
	request->exists = work.exists;
	request->linked = work.linked;
	request->stat = work.stat;
	return true;
}

/* The queue. */

static bool is_busy(const struct vfs *vfs)
{
	return vfs->job != NULL || !list_empty(&vfs->waiting);
}

static void resume_later(struct vfs *vfs)
{
	if (vfs->job == NULL && !list_empty(&vfs->waiting))
		loop_ready(vfs->loop, &vfs->drain, true);
}

static void stop_request(struct op *op)
{
	struct vfs_request *request = LIST_ENTRY(op, struct vfs_request, op);
	struct vfs *vfs = request->vfs;

	if (vfs_job_detach(vfs, request)) {
		resume_later(vfs);
		return;
	}
	list_remove(&request->waiting);
	vfs->waiting_count--;
}

/* Take the oldest waiting request (there is one) and do it, here or on the pool. */
static void serve_first(struct vfs *vfs)
{
	struct vfs_request *request = LIST_ENTRY(list_take_first(&vfs->waiting), struct vfs_request, waiting);
	struct capsule_error error = { .status = CAPSULE_OK };

	vfs->waiting_count--;
	if (!run_here(vfs, request, &error) && vfs_job_start(vfs, request, &error) == CAPSULE_OK)
		return;
	if (error.status == CAPSULE_OK)
		op_finish(&request->op);
	else
		op_fail(&request->op, &error);
}

static void drain(struct runnable *runnable)
{
	struct vfs *vfs = LIST_ENTRY(runnable, struct vfs, drain);

	for (int i = 0; i < DRAIN_SLICE && vfs->job == NULL && !list_empty(&vfs->waiting); i++)
		serve_first(vfs);
	resume_later(vfs);
}

void vfs_resume(struct vfs *vfs)
{
	drain(&vfs->drain);
}

void vfs_request_init(struct vfs_request *request, struct loop *loop)
{
	*request = (struct vfs_request){ .verb = VFS_EXISTS };
	op_init(&request->op, loop);
	list_init(&request->waiting);
	request->path.relative = request->path.text;
}

void vfs_request_fini(struct vfs_request *request)
{
	op_fini(&request->op);
}

static void begin(struct vfs *vfs, struct vfs_request *request)
{
	request->vfs = vfs;
	request->path.relative = vfs_relative(vfs, request->path.text);
	request->path.itself = vfs_verb_itself(request->verb);
	request->exists = false;
	request->linked = false;
	request->stat = (struct vfs_stat){ 0 };
	buffer_clear(&request->op.result);
	error_clear(&request->op.error);
}

enum vfs_answer vfs_submit(struct vfs *vfs, struct vfs_request *request, op_done_fn done, void *user)
{
	struct capsule_error *err = &request->op.error;

	begin(vfs, request);
	if (request->path.relative == NULL) {
		error_set(err, CAPSULE_EINVAL, "path: not one of the folder %s", vfs->root);
		return VFS_DONE;
	}
	if (!is_busy(vfs)) {
		if (run_here(vfs, request, err) || vfs_job_start(vfs, request, err) != CAPSULE_OK)
			return VFS_DONE;
		op_start(&request->op, done, user, stop_request, 0, "files");
		return VFS_WAITING;
	}
	if (vfs->waiting_count >= VFS_WAITING_MAX) {
		error_set(err, CAPSULE_ELIMIT, "%d requests for files of %s are waiting already", VFS_WAITING_MAX,
			vfs->root);
		return VFS_DONE;
	}
	op_start(&request->op, done, user, stop_request, 0, "files");
	list_append(&vfs->waiting, &request->waiting);
	vfs->waiting_count++;
	return VFS_WAITING;
}

/* Life. */

static enum capsule_status open_tree(struct vfs **out, struct loop *loop, const char *root, struct capsule_error *err)
{
	HOLD(free_drop) char *canonical = realpath(root, NULL);
	size_t len = canonical != NULL ? strlen(canonical) : 0;
	HOLD(free_drop) struct vfs *vfs = malloc(sizeof *vfs + len + 1);

	if (canonical == NULL || vfs == NULL)
		return error_os(err, canonical == NULL ? errno : ENOMEM, "open the folder %s", root);
	if (len >= LIMIT_PATH)
		return error_set(
			err, CAPSULE_EIO, "open the folder %s: its path is longer than %d bytes", root, LIMIT_PATH - 1);
	*vfs = (struct vfs){
		.loop = loop, .drain = { .run = drain }, .root_len = strcmp(canonical, "/") == 0 ? 0 : len
	};
	memcpy(vfs->root, canonical, len + 1);
	if (tree_open(&vfs->tree, canonical) != 0)
		return error_os(err, errno, "open the folder %s", root);
	list_init(&vfs->waiting);
	list_init(&vfs->drain.link);
	*out = GIVE(vfs);
	return CAPSULE_OK;
}

enum capsule_status vfs_open_direct(
	struct vfs **out, struct loop *loop, const char *root, bool parents, struct capsule_error *err)
{
	enum capsule_status status = open_tree(out, loop, root, err);

	if (status == CAPSULE_OK)
		(*out)->parents = parents;
	return status;
}

DEFINE_DROP(vfs_drop, struct vfs *, vfs_close)

enum capsule_status vfs_open_overlay(struct vfs **out, struct loop *loop, const char *root, const char *overlay,
	const struct vfs_limits *limits, struct capsule_error *err)
{
	HOLD(vfs_drop) struct vfs *vfs = NULL;
	enum capsule_status status = open_tree(&vfs, loop, root, err);

	if (status == CAPSULE_OK)
		status = overlay_open(&vfs->overlay, &vfs->tree, vfs->root, overlay, true, limits, err);
	if (status == CAPSULE_OK)
		*out = GIVE(vfs);
	return status;
}

void vfs_close(struct vfs *vfs)
{
	if (vfs == NULL)
		return;
	while (!list_empty(&vfs->waiting))
		vfs_request_fini(LIST_ENTRY(vfs->waiting.next, struct vfs_request, waiting));
	if (vfs->job != NULL)
		vfs_job_drop(vfs);
	loop_unready(&vfs->drain);
	overlay_close(vfs->overlay);
	tree_close(&vfs->tree);
	free(vfs);
}

const char *vfs_root(const struct vfs *vfs)
{
	return vfs->root;
}

bool vfs_dirty(const struct vfs *vfs)
{
	return vfs->overlay != NULL && overlay_touched(vfs->overlay) && overlay_count(vfs->overlay) > 0;
}
