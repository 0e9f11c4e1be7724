/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store above its backends: rules of keys, scopes, and the order of requests. A request runs at once in the caller's
 * thread when it is small and the storage is free. Otherwise it waits, or goes to the pool; nothing overtakes anything. */
#include "store/kv.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "store/kv_internal.h"

#include <stdlib.h>

/* Waiting requests served in a row before timers and guests get their turn: some 0.1 ms of small ones. */
#define DRAIN_SLICE 32

static bool store_busy(const struct kv_store *store)
{
	return store->job != NULL || !list_empty(&store->waiting);
}

/* Scopes. */

static enum capsule_status check_name(const char *name, const char *what, struct capsule_error *err)
{
	if (name[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "invalid key: namespace must not be empty (%s)", what);
	if (strnlen(name, LIMIT_NAME + 1) > LIMIT_NAME)
		return error_set(err, CAPSULE_EINVAL, "invalid key: %s longer than %d bytes", what, LIMIT_NAME);
	return CAPSULE_OK;
}

enum capsule_status kv_scope_new(struct kv_scope **out, struct kv_store *store, const char *principal,
	const char *capsule, struct capsule_error *err)
{
	enum capsule_status status = check_name(principal, "principal", err);
	size_t principal_size, capsule_size;
	struct kv_scope *scope;

	if (status == CAPSULE_OK)
		status = check_name(capsule, "capsule", err);
	if (status != CAPSULE_OK)
		return status;
	principal_size = strlen(principal) + 1;
	capsule_size = strlen(capsule) + 1;
	scope = malloc(sizeof *scope + principal_size + capsule_size);
	if (scope == NULL)
		return error_set(err, CAPSULE_ENOMEM, "storage scope: out of memory");
	*scope = (struct kv_scope){ .store = store, .refs = 1 };
	scope->principal = memcpy(scope->names, principal, principal_size);
	scope->capsule = memcpy(scope->names + principal_size, capsule, capsule_size);
	*out = scope;
	return CAPSULE_OK;
}

void kv_scope_ref(struct kv_scope *scope)
{
	scope->refs++;
}

void kv_scope_free(struct kv_scope *scope)
{
	if (scope != NULL && --scope->refs == 0)
		free(scope);
}

/* Checks. */

static bool takes_prefix(enum kv_verb verb)
{
	return verb == KV_LIST || verb == KV_CLEAR_PREFIX;
}

static enum capsule_status check_request(const struct kv_request *request, struct capsule_error *err)
{
	const char *what = takes_prefix(request->verb) ? "prefix" : "key";

	if (request->key.len == 0 && !takes_prefix(request->verb))
		return error_set(err, CAPSULE_EINVAL, "invalid key: key must not be empty");
	if (request->key.len > LIMIT_KEY)
		return error_set(err, CAPSULE_ELIMIT, "%s of %zu bytes is over the limit of %d bytes", what,
			request->key.len, LIMIT_KEY);
	if (request->verb != KV_LIST && request->key.len > 0 && memchr(request->key.data, 0, request->key.len) != NULL)
		return error_set(err, CAPSULE_EINVAL, "invalid key: %s must not contain null bytes", what);
	if (request->verb == KV_SET && request->value.len > LIMIT_PAYLOAD)
		return error_set(err, CAPSULE_ELIMIT, "value of %zu bytes is over the limit of %u bytes",
			request->value.len, LIMIT_PAYLOAD);
	return CAPSULE_OK;
}

/* Running one operation. */

bool kv_list_key(struct buffer *out, struct span key)
{
	if (!text_is_utf8(key))
		return true;
	if (out->len > 1 && !buffer_append_byte(out, ','))
		return false;
	return json_append_string(out, key);
}

static enum capsule_status execute_list(struct kv_store *store, struct kv_work *work, struct capsule_error *err)
{
	size_t limit = work->result->limit;
	enum capsule_status status = CAPSULE_OK;

	work->result->limit = LIMIT_PAYLOAD;
	buffer_append_byte(work->result, '[');
	if (work->scope != 0)
		status = store->backend->list(store->state, work, err);
	buffer_append_byte(work->result, ']');
	work->result->limit = limit;
	if (status == CAPSULE_OK)
		status = buffer_check(work->result, err);
	if (status == CAPSULE_ELIMIT)
		return error_set(err, status, "the list of keys is over the limit of %u bytes; ask for a longer prefix",
			LIMIT_PAYLOAD);
	return status;
}

static enum capsule_status dispatch(
	struct kv_store *store, enum kv_verb verb, struct kv_work *work, struct capsule_error *err)
{
	if (verb == KV_LIST)
		return execute_list(store, work, err);
	if (work->scope == 0)
		return CAPSULE_OK;
	switch (verb) {
	case KV_GET:
		return store->backend->get(store->state, work, err);
	case KV_SET:
		return store->backend->set(store->state, work, err);
	case KV_DELETE:
		return store->backend->remove(store->state, work, err);
	case KV_CLEAR_PREFIX:
		return store->backend->clear_prefix(store->state, work, err);
	case KV_LIST:
		break;
	}
	return error_set(err, CAPSULE_EINTERNAL, "storage: unknown operation");
}

enum capsule_status kv_execute(
	struct kv_scope *scope, enum kv_verb verb, struct kv_work *work, struct capsule_error *err)
{
	struct kv_store *store = scope->store;
	enum capsule_status status = CAPSULE_OK;

	if (scope->id == 0)
		status = store->backend->scope(
			store->state, scope->principal, scope->capsule, verb == KV_SET, &scope->id, err);
	work->scope = scope->id;
	if (status == CAPSULE_OK)
		status = dispatch(store, verb, work, err);
	if (status != CAPSULE_OK)
		buffer_clear(work->result);
	return status;
}

/* Run `request` in this thread. False when a value over `size_max` bytes is concerned: nothing has happened then. */
static bool run_here(struct kv_request *request, size_t size_max, struct capsule_error *err)
{
	struct kv_work work = {
		.key = request->key,
		.value = request->value,
		.size_max = size_max,
		.result = &request->op.result,
	};

	if (kv_execute(request->scope, request->verb, &work, err) == CAPSULE_OK && work.too_large)
		return false;
	request->found = work.found;
	request->count = work.count;
	return true;
}

/* Whether it is clear before looking into the storage that the loop should not do this. */
static bool is_bulk(const struct kv_request *request)
{
	return takes_prefix(request->verb) || (request->verb == KV_SET && request->value.len > LIMIT_INLINE_WORK);
}

static void upkeep_if_due(struct kv_store *store)
{
	enum capsule_status status;

	if (store->job != NULL || store->backend->upkeep_due == NULL || !store->backend->upkeep_due(store->state))
		return;
	status = kv_job_start(store, NULL, NULL);
	(void)status; /* a failure loses nothing: it is due again after the next request */
}

/* The queue. */

static void stop_request(struct op *op)
{
	struct kv_request *request = LIST_ENTRY(op, struct kv_request, op);
	struct kv_store *store = request->scope->store;

	if (kv_job_detach(store, request))
		return;
	list_remove(&request->waiting);
	store->waiting_count--;
	kv_scope_free(request->scope);
}

static void finish(struct kv_request *request, const struct capsule_error *error)
{
	if (error->status == CAPSULE_OK)
		op_finish(&request->op);
	else
		op_fail(&request->op, error);
}

/* Take the oldest waiting request (there is one) and serve it: in this thread when it may block or the request is small,
 * else on the pool. */
static void serve_first(struct kv_store *store, bool may_block)
{
	struct kv_request *request = LIST_ENTRY(list_take_first(&store->waiting), struct kv_request, waiting);
	struct kv_scope *scope = request->scope;
	struct capsule_error error = { .status = CAPSULE_OK };

	store->waiting_count--;
	if ((may_block || !is_bulk(request)) && run_here(request, may_block ? SIZE_MAX : LIMIT_INLINE_WORK, &error))
		finish(request, &error);
	else if (kv_job_start(store, request, &error) != CAPSULE_OK)
		finish(request, &error);
	kv_scope_free(scope);
}

static void drain(struct runnable *runnable)
{
	struct kv_store *store = LIST_ENTRY(runnable, struct kv_store, drain);

	for (int i = 0; i < DRAIN_SLICE && store->job == NULL && !list_empty(&store->waiting); i++) {
		serve_first(store, false);
		upkeep_if_due(store);
	}
	if (store->job == NULL && !list_empty(&store->waiting))
		loop_ready(store->loop, &store->drain, true);
}

void kv_store_resume(struct kv_store *store)
{
	upkeep_if_due(store);
	drain(&store->drain);
}

static void begin(struct kv_request *request, struct kv_scope *scope)
{
	request->scope = scope;
	request->found = false;
	request->count = 0;
	buffer_clear(&request->op.result);
	error_clear(&request->op.error);
}

static enum kv_progress submit_to_pool(struct kv_store *store, struct kv_request *request, op_done_fn done, void *user)
{
	if (kv_job_start(store, request, &request->op.error) != CAPSULE_OK)
		return KV_DONE;
	op_start(&request->op, done, user, stop_request, 0, "storage");
	return KV_WAITING;
}

enum kv_progress kv_submit(struct kv_scope *scope, struct kv_request *request, op_done_fn done, void *user)
{
	struct kv_store *store = scope->store;

	begin(request, scope);
	if (check_request(request, &request->op.error) != CAPSULE_OK)
		return KV_DONE;
	if (!store_busy(store)) {
		if (is_bulk(request) || !run_here(request, LIMIT_INLINE_WORK, &request->op.error))
			return submit_to_pool(store, request, done, user);
		upkeep_if_due(store);
		return KV_DONE;
	}
	if (store->waiting_count >= KV_WAITING_MAX) {
		error_set(
			&request->op.error, CAPSULE_ELIMIT, "%d storage requests are waiting already", KV_WAITING_MAX);
		return KV_DONE;
	}
	op_start(&request->op, done, user, stop_request, 0, "storage");
	kv_scope_ref(scope);
	list_append(&store->waiting, &request->waiting);
	store->waiting_count++;
	return KV_WAITING;
}

enum capsule_status kv_run(struct kv_scope *scope, struct kv_request *request, struct capsule_error *err)
{
	struct kv_store *store = scope->store;

	begin(request, scope);
	if (check_request(request, &request->op.error) == CAPSULE_OK) {
		if (store->job != NULL)
			kv_job_wait(store);
		while (!list_empty(&store->waiting))
			serve_first(store, true);
		(void)run_here(request, SIZE_MAX, &request->op.error); /* nothing is over SIZE_MAX */
		upkeep_if_due(store);
	}
	return error_copy(err, &request->op.error);
}

/* Life. */

enum capsule_status kv_store_new(struct kv_store **out, struct loop *loop, const struct kv_backend *backend,
	void *state, struct capsule_error *err)
{
	struct kv_store *store = malloc(sizeof *store);

	if (store == NULL) {
		backend->close(state);
		return error_set(err, CAPSULE_ENOMEM, "storage: out of memory");
	}
	*store = (struct kv_store){ .loop = loop, .backend = backend, .state = state, .drain = { .run = drain } };
	list_init(&store->waiting);
	list_init(&store->drain.link);
	*out = store;
	return CAPSULE_OK;
}

void kv_close(struct kv_store *store)
{
	if (store == NULL)
		return;
	loop_unready(&store->drain);
	while (!list_empty(&store->waiting))
		op_cancel(&LIST_ENTRY(store->waiting.next, struct kv_request, waiting)->op);
	if (store->job != NULL)
		kv_job_wait(store);
	store->backend->close(store->state);
	free(store);
}
