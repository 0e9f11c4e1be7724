/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One request on the pool. The job owns copies of everything it reads and the buffer it writes to, because its request may
 * be cancelled and freed while a thread is in the middle of it.
 *
 *   queued -- a thread of the pool --> running --> ended -- on the loop thread: settled
 *
 * A queued job that nobody wants any more goes straight to ended and does nothing. libuv keeps it until its after(). */
#include "loop/pool.h"
#include "vfs/vfs_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum job_phase { JOB_QUEUED, JOB_RUNNING, JOB_ENDED };

struct vfs_job {
	struct pool_job pool;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	enum job_phase phase; /* under the mutex */

	struct vfs *vfs;             /* NULL once settled: it may be gone */
	struct vfs_request *request; /* borrowed, loop thread; NULL once nobody waits for it */

	struct vfs_work work;
	struct buffer result;
	struct capsule_error error;
	uint8_t bytes[]; /* path with a zero byte, data */
};

/* Queued -> `to`. False when it was not queued any more. */
static bool claim(struct vfs_job *job, enum job_phase to)
{
	bool mine;

	pthread_mutex_lock(&job->mutex);
	mine = job->phase == JOB_QUEUED;
	if (mine)
		job->phase = to;
	pthread_mutex_unlock(&job->mutex);
	return mine;
}

/* Take folder and overlay back and answer the request. */
static void settle(struct vfs_job *job)
{
	struct vfs_request *request = job->request;

	job->vfs->job = NULL;
	job->vfs = NULL;
	job->request = NULL;
	if (request != NULL) {
		request->exists = job->work.exists;
		request->linked = job->work.linked;
		request->stat = job->work.stat;
		job->result.limit = request->op.result.limit;
		buffer_fini(&request->op.result);
		request->op.result = job->result;
		job->result = (struct buffer){ 0 };
		if (job->error.status == CAPSULE_OK)
			op_finish(&request->op);
		else
			op_fail(&request->op, &job->error);
	}
	buffer_fini(&job->result);
}

static void free_job(struct vfs_job *job)
{
	pthread_cond_destroy(&job->ended);
	pthread_mutex_destroy(&job->mutex);
	free(job);
}

static void pool_work(struct pool_job *pool)
{
	struct vfs_job *job = LIST_ENTRY(pool, struct vfs_job, pool);

	if (!claim(job, JOB_RUNNING))
		return;
	job->error.status = vfs_execute(job->vfs, &job->work, &job->error);
	pthread_mutex_lock(&job->mutex);
	job->phase = JOB_ENDED;
	pthread_cond_signal(&job->ended);
	pthread_mutex_unlock(&job->mutex);
}

static void pool_after(struct pool_job *pool)
{
	struct vfs_job *job = LIST_ENTRY(pool, struct vfs_job, pool);

	if (job->vfs != NULL) {
		struct vfs *vfs = job->vfs;

		settle(job);
		vfs_resume(vfs);
	}
	free_job(job);
}

enum capsule_status vfs_job_start(struct vfs *vfs, struct vfs_request *request, struct capsule_error *err)
{
	size_t path_size = strlen(request->path.relative) + 1;
	struct span data = request->verb == VFS_WRITE ? request->data : span_of(NULL, 0);
	struct vfs_job *job = malloc(sizeof *job + path_size + data.len);
	enum capsule_status status;

	if (job == NULL)
		return vfs_errno(err, ENOMEM, request->path.relative);
	*job = (struct vfs_job){
		.pool = { .work = pool_work, .after = pool_after },
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
		.vfs = vfs,
		.request = request,
		.work = { .verb = request->verb, .limit = request->limit },
	};
	memcpy(job->bytes, request->path.relative, path_size);
	if (data.len > 0)
		memcpy(job->bytes + path_size, data.data, data.len);
	job->work.relative = (const char *)job->bytes;
	job->work.data = span_of(job->bytes + path_size, data.len);
	job->work.result = &job->result;
	status = pool_submit(vfs->loop, &job->pool, err);
	if (status != CAPSULE_OK) {
		free_job(job);
		return status;
	}
	vfs->job = job;
	return CAPSULE_OK;
}

bool vfs_job_detach(struct vfs *vfs, const struct vfs_request *request)
{
	struct vfs_job *job = vfs->job;

	if (job == NULL || job->request != request)
		return false;
	job->request = NULL;
	if (claim(job, JOB_ENDED))
		settle(job);
	return true;
}

void vfs_job_drop(struct vfs *vfs)
{
	struct vfs_job *job = vfs->job;

	if (job->request != NULL)
		vfs_request_fini(job->request);
	if (vfs->job == NULL)
		return; /* it had not begun */
	pthread_mutex_lock(&job->mutex);
	while (job->phase == JOB_RUNNING)
		pthread_cond_wait(&job->ended, &job->mutex);
	pthread_mutex_unlock(&job->mutex);
	settle(job);
}
