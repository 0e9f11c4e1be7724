/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Blocking work on libuv's pool: plain data out, a completion on the loop back. Never a WASM store, a capsule or the bus. */
#ifndef LOOP_POOL_H
#define LOOP_POOL_H

#include "loop/loop.h"
#include <uv.h>

struct pool_job {
	void (*work)(struct pool_job *job);  /* Threads: pool. May block. */
	void (*after)(struct pool_job *job); /* Threads: loop, in a turn. The job may be freed from inside. */
	uv_work_t request;
};

/** Queue `job` (borrowed until after() runs, which it always does, exactly once). It can't be stopped once it runs; an owner
 *  that lost interest lets after() free it. */
MUST_CHECK enum capsule_status pool_submit(struct loop *loop, struct pool_job *job, struct capsule_error *err);

#endif
