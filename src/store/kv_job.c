/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One operation on the pool. The job owns copies of everything it reads and the buffer it writes to, because its request
 * may be cancelled and freed while a thread is in the middle of it.
 *
 *   queued -- a thread of the pool, or kv_job_wait() --> running --> ended -- on the loop thread: settled
 *
 * Whoever moves it from queued to running does the work. libuv keeps the job until its after() in any case. */
#include "loop/pool.h"
#include "store/kv_internal.h"

#include <pthread.h>
#include <stdlib.h>

enum job_phase { JOB_QUEUED, JOB_RUNNING, JOB_ENDED };

struct kv_job {
	struct pool_job pool;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	enum job_phase phase; /* under the mutex */

	struct kv_store *store;
	struct kv_scope *scope;     /* ref; NULL for upkeep */
	struct kv_request *request; /* borrowed, loop thread; NULL for upkeep and once nobody waits for it */
	bool settled;               /* loop thread; the store may be gone afterwards */

	enum kv_verb verb;
	struct kv_work work;
	struct buffer result;
	struct capsule_error error;
	uint8_t bytes[]; /* key, value */
};

static void run(struct kv_job *job)
{
	if (job->scope == NULL)
		job->store->backend->upkeep(job->store->state);
	else
		job->error.status = kv_execute(job->scope, job->verb, &job->work, &job->error);
}

static bool claim(struct kv_job *job)
{
	bool mine;

	pthread_mutex_lock(&job->mutex);
	mine = job->phase == JOB_QUEUED;
	if (mine)
		job->phase = JOB_RUNNING;
	pthread_mutex_unlock(&job->mutex);
	return mine;
}

static void run_claimed(struct kv_job *job)
{
	run(job);
	pthread_mutex_lock(&job->mutex);
	job->phase = JOB_ENDED;
	pthread_cond_signal(&job->ended);
	pthread_mutex_unlock(&job->mutex);
}

/* Take the storage back and answer the request. */
static void settle(struct kv_job *job)
{
	struct kv_request *request = job->request;

	job->settled = true;
	job->store->job = NULL;
	job->request = NULL;
	if (request != NULL) {
		request->found = job->work.found;
		request->count = job->work.count;
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
	kv_scope_free(job->scope);
	job->scope = NULL;
}

static void free_job(struct kv_job *job)
{
	pthread_cond_destroy(&job->ended);
	pthread_mutex_destroy(&job->mutex);
	free(job);
}

static void pool_work(struct pool_job *pool)
{
	struct kv_job *job = LIST_ENTRY(pool, struct kv_job, pool);

	if (claim(job))
		run_claimed(job);
}

static void pool_after(struct pool_job *pool)
{
	struct kv_job *job = LIST_ENTRY(pool, struct kv_job, pool);

	if (!job->settled) {
		struct kv_store *store = job->store;

		settle(job);
		kv_store_resume(store);
	}
	free_job(job);
}

static struct span copy_to(uint8_t *at, struct span bytes)
{
	if (bytes.len > 0)
		memcpy(at, bytes.data, bytes.len);
	return span_of(at, bytes.len);
}

static struct kv_job *job_for(struct kv_store *store, struct kv_request *request)
{
	struct span key = request != NULL ? request->key : span_of(NULL, 0);
	struct span value = request != NULL && request->verb == KV_SET ? request->value : span_of(NULL, 0);
	struct kv_job *job = malloc(sizeof *job + key.len + value.len);

	if (job == NULL)
		return NULL;
	*job = (struct kv_job){
		.pool = { .work = pool_work, .after = pool_after },
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
		.store = store,
		.request = request,
		.work = { .size_max = SIZE_MAX },
	};
	job->work.result = &job->result;
	job->work.key = copy_to(job->bytes, key);
	job->work.value = copy_to(job->bytes + key.len, value);
	if (request != NULL) {
		job->verb = request->verb;
		job->scope = request->scope;
		kv_scope_ref(job->scope);
	}
	return job;
}

enum capsule_status kv_job_start(struct kv_store *store, struct kv_request *request, struct capsule_error *err)
{
	struct kv_job *job = job_for(store, request);
	enum capsule_status status;

	if (job == NULL)
		return error_set(err, CAPSULE_ENOMEM, "storage request: out of memory");
	status = pool_submit(store->loop, &job->pool, err);
	if (status != CAPSULE_OK) {
		kv_scope_free(job->scope);
		free_job(job);
		return status;
	}
	store->job = job;
	return CAPSULE_OK;
}

bool kv_job_detach(struct kv_store *store, const struct kv_request *request)
{
	if (store->job == NULL || store->job->request != request)
		return false;
	store->job->request = NULL;
	return true;
}

void kv_job_wait(struct kv_store *store)
{
	struct kv_job *job = store->job;

	if (claim(job)) {
		run_claimed(job);
	} else {
		pthread_mutex_lock(&job->mutex);
		while (job->phase != JOB_ENDED)
			pthread_cond_wait(&job->ended, &job->mutex);
		pthread_mutex_unlock(&job->mutex);
	}
	settle(job);
}
