/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The insides of a store, shared by its queue (kv.c) and its work on the pool (kv_job.c).
 *
 * The storage has one holder at a time: the loop thread while `job` is NULL, else that job. So neither the backend nor
 * kv_scope.id needs a lock; the job's mutex orders the change of hands. */
#ifndef STORE_KV_INTERNAL_H
#define STORE_KV_INTERNAL_H

#include "loop/loop.h"
#include "store/kv_backend.h"

struct kv_job;

struct kv_store {
	struct loop *loop;
	const struct kv_backend *backend;
	void *state;
	struct kv_job *job;       /* what runs on the pool; NULL when nothing does */
	struct list_node waiting; /* kv_request.waiting, oldest first */
	size_t waiting_count;
	struct runnable drain; /* goes on with the waiting ones, a slice a turn */
};

/* Counted, since a request that nobody waits for any more may still need its scope on the pool. */
struct kv_scope {
	struct kv_store *store;
	size_t refs; /* loop thread */
	int64_t id;  /* 0 until something was found or stored; belongs to the holder of the storage */
	const char *principal, *capsule;
	char names[];
};

void kv_scope_ref(struct kv_scope *scope);

/** Do one operation, blocking, on any thread that holds the storage. Failures leave `work->result` empty. */
MUST_CHECK enum capsule_status kv_execute(
	struct kv_scope *scope, enum kv_verb verb, struct kv_work *work, struct capsule_error *err);

/** Give the storage to a job on the pool which runs `request`, or the upkeep when that is NULL. Key and value are copied,
 *  so that the request can be let go of at any time. The store must not have a job. Threads: loop. */
MUST_CHECK enum capsule_status kv_job_start(
	struct kv_store *store, struct kv_request *request, struct capsule_error *err);

/** Whether the store's job runs `request`; if so the job forgets it, and its effect still happens. Threads: loop. */
bool kv_job_detach(struct kv_store *store, const struct kv_request *request);

/** Wait for the store's job, or do its work here when no thread of the pool has begun it, and answer its request.
 *  Afterwards the store has no job. Threads: loop. */
void kv_job_wait(struct kv_store *store);

/** The job of the store is over and the storage back: go on with what waits. For kv_job.c. Threads: loop. */
void kv_store_resume(struct kv_store *store);

#endif
