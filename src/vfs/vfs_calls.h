/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of files: requests that are run to their end. */
#ifndef VFS_VFS_CALLS_H
#define VFS_VFS_CALLS_H

#include "vfs/vfs_fixture.h"

/* A request and what became of it. */
struct call {
	struct vfs_request request;
	int done;  /* how often done() ran */
	int order; /* when: counted over all calls of the process */
};

static inline void call_done(struct op *op, void *user)
{
	static int order;
	struct call *call = user;

	(void)op;
	call->done++;
	call->order = ++order;
}

static inline struct call *call_new(const struct place *place, enum vfs_verb verb, const char *path, struct span data)
{
	struct call *call = calloc(1, sizeof *call);

	assert_non_null(call);
	vfs_request_init(&call->request, place->loop);
	call->request.verb = verb;
	call->request.data = data;
	assert_int_equal(vfs_path_set(place->vfs, span_text(path), &call->request.path, NULL), CAPSULE_OK);
	return call;
}

static inline void call_free(struct call *call)
{
	vfs_request_fini(&call->request);
	free(call);
}

DEFINE_DROP(call_drop, struct call *, call_free)

#define CALL(name, verb, path, data) HOLD(call_drop) struct call *name = call_new(place, verb, path, data)

#define NOTHING span_of(NULL, 0)

static inline enum vfs_answer submit(const struct place *place, struct call *call)
{
	call->done = 0;
	return vfs_submit(place->vfs, &call->request, call_done, call);
}

static inline void wait_for(const struct place *place, const struct call *call)
{
	while (call->done == 0)
		(void)loop_turn(place->loop, -1);
}

/* Run it to its end. Returns the status. */
static inline enum capsule_status run(const struct place *place, struct call *call)
{
	if (submit(place, call) == VFS_WAITING)
		wait_for(place, call);
	return call->request.op.error.status;
}

#endif
