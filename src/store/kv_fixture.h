/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the store: one of either kind in a folder of its own, and requests that are run to their end. */
#ifndef STORE_KV_FIXTURE_H
#define STORE_KV_FIXTURE_H

#include "base/cleanup.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "store/kv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LARGE (1u * MIB) /* bytes of a value that goes to the pool */

struct fixture {
	struct loop *loop;
	struct kv_store *store;
	struct kv_scope *scope; /* of "alice" and "notes" */
	char folder[64];
	char path[96]; /* of the database, whether it exists or not */
};

/* A request and what became of it. */
struct call {
	struct kv_request request;
	int done;  /* how often done() ran */
	int order; /* when: counted over all calls of the process */
	enum capsule_status status;
};

static inline struct kv_scope *scope_new(struct kv_store *store, const char *principal, const char *capsule)
{
	struct kv_scope *scope = NULL;

	assert_int_equal(kv_scope_new(&scope, store, principal, capsule, NULL), CAPSULE_OK);
	return scope;
}

static inline void fixture_open(struct fixture *fixture, bool on_disk)
{
	struct capsule_error error = { .status = CAPSULE_OK };

	enum capsule_status status;

	if (on_disk)
		status = kv_open_sqlite(&fixture->store, fixture->loop, fixture->path, &error);
	else
		status = kv_open_memory(&fixture->store, fixture->loop, &error);
	assert_string_equal(error.text, "");
	assert_int_equal(status, CAPSULE_OK);
	fixture->scope = scope_new(fixture->store, "alice", "notes");
}

static inline void fixture_close(struct fixture *fixture)
{
	kv_scope_free(fixture->scope);
	kv_close(fixture->store);
	fixture->scope = NULL;
	fixture->store = NULL;
}

/* A fixture with loop and folder, but no store yet. */
static inline int fixture_new(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	const char *tmp = getenv("TMPDIR");

	assert_non_null(fixture);
	if (tmp == NULL || strlen(tmp) > 32)
		tmp = "/tmp";
	(void)snprintf(fixture->folder, sizeof fixture->folder, "%s/store-test-XXXXXX", tmp);
	assert_non_null(mkdtemp(fixture->folder));
	(void)snprintf(fixture->path, sizeof fixture->path, "%s/capsule.db", fixture->folder);
	assert_int_equal(loop_new(&fixture->loop, &clock_system, NULL), CAPSULE_OK);
	*state = fixture;
	return 0;
}

/* Remove the database, what stands beside it, and the folder, which must then be empty. */
static inline int fixture_free(void **state)
{
	static const char *const suffix[] = { "", "-wal", "-shm", "-journal" };
	struct fixture *fixture = *state;
	char path[128];

	fixture_close(fixture);
	loop_free(fixture->loop);
	for (size_t i = 0; i < sizeof suffix / sizeof suffix[0]; i++) {
		(void)snprintf(path, sizeof path, "%s%s", fixture->path, suffix[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static inline void call_done(struct op *op, void *user)
{
	static int order;
	struct call *call = user;

	call->done++;
	call->order = ++order;
	call->status = op->error.status;
}

static inline void call_init(
	struct call *call, const struct fixture *fixture, enum kv_verb verb, struct span key, struct span value)
{
	*call = (struct call){ .request = { .verb = verb, .key = key, .value = value } };
	op_init(&call->request.op, fixture->loop);
}

static inline enum kv_progress call_submit(struct call *call, struct kv_scope *scope)
{
	enum kv_progress progress = kv_submit(scope, &call->request, call_done, call);

	call->done = 0;
	if (progress == KV_DONE)
		call->status = call->request.op.error.status;
	return progress;
}

static inline void call_wait(struct call *call, const struct fixture *fixture)
{
	while (call->done == 0)
		(void)loop_turn(fixture->loop, -1);
}

/* Run it to its end by turns of the loop. Returns the status. */
static inline enum capsule_status call_run(struct call *call, const struct fixture *fixture, struct kv_scope *scope)
{
	if (call_submit(call, scope) == KV_WAITING)
		call_wait(call, fixture);
	return call->status;
}

static inline void call_fini(struct call *call)
{
	op_fini(&call->request.op);
}

#define CALL(name, fixture, verb, key, value)                                                                          \
	HOLD(call_fini) struct call name;                                                                              \
	call_init(&name, fixture, verb, key, value)

#define NOTHING span_of(NULL, 0)

static inline enum capsule_status set_in(
	const struct fixture *fixture, struct kv_scope *scope, struct span key, struct span value)
{
	CALL(call, fixture, KV_SET, key, value);

	return call_run(&call, fixture, scope);
}

static inline void set(const struct fixture *fixture, const char *key, const char *value)
{
	assert_int_equal(set_in(fixture, fixture->scope, span_text(key), span_text(value)), CAPSULE_OK);
}

/* The value must be there and be these bytes. */
static inline void expect_in(const struct fixture *fixture, struct kv_scope *scope, struct span key, struct span value)
{
	CALL(call, fixture, KV_GET, key, NOTHING);

	assert_int_equal(call_run(&call, fixture, scope), CAPSULE_OK);
	assert_true(call.request.found);
	assert_int_equal(call.request.op.result.len, value.len);
	assert_true(span_equal(buffer_span(&call.request.op.result), value));
}

static inline void expect(const struct fixture *fixture, const char *key, const char *value)
{
	expect_in(fixture, fixture->scope, span_text(key), span_text(value));
}

static inline bool exists(const struct fixture *fixture, struct kv_scope *scope, const char *key)
{
	CALL(call, fixture, KV_GET, span_text(key), NOTHING);

	assert_int_equal(call_run(&call, fixture, scope), CAPSULE_OK);
	assert_true(call.request.found || call.request.op.result.len == 0);
	return call.request.found;
}

static inline void expect_list(
	const struct fixture *fixture, struct kv_scope *scope, struct span prefix, const char *json)
{
	CALL(call, fixture, KV_LIST, prefix, NOTHING);

	assert_int_equal(call_run(&call, fixture, scope), CAPSULE_OK);
	assert_string_equal(buffer_text(&call.request.op.result), json);
}

static inline uint64_t clear(const struct fixture *fixture, struct kv_scope *scope, struct span prefix)
{
	CALL(call, fixture, KV_CLEAR_PREFIX, prefix, NOTHING);

	assert_int_equal(call_run(&call, fixture, scope), CAPSULE_OK);
	return call.request.count;
}

/* A number below `bound`; the same row of them for the same seed. */
static inline uint32_t draw(uint32_t *seed, uint32_t bound)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % bound;
}

/* `size` bytes that are not all the same, free with free(). */
static inline uint8_t *bytes_new(size_t size, unsigned seed)
{
	uint8_t *bytes = malloc(size > 0 ? size : 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(seed * 31 + i + (i >> 8) * 7);
	return bytes;
}

#endif
