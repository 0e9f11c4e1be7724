/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Jobs on libuv's pool. Nothing is cancelled here: that is what makes "after() runs exactly once" simple to keep. */
#include "loop/pool.h"

#include "base/list.h"

static void run_work(uv_work_t *request)
{
	struct pool_job *job = LIST_ENTRY(request, struct pool_job, request);

	job->work(job);
}

static void run_after(uv_work_t *request, int status)
{
	struct pool_job *job = LIST_ENTRY(request, struct pool_job, request);

	(void)status;
	job->after(job);
}

enum capsule_status pool_submit(struct loop *loop, struct pool_job *job, struct capsule_error *err)
{
	int result = uv_queue_work(loop_uv(loop), &job->request, run_work, run_after);

	if (result != 0)
		return error_os(err, -result, "queue a job on the thread pool");
	return CAPSULE_OK;
}
