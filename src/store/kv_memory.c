/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A store that lives and dies with the process: the twin of the one on disk for tests, for trying a capsule without
 * leaving anything behind, and for programs that want no files. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "store/kv_backend.h"
#include "store/kv_sorted.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

struct memory_scope {
	struct kv_sorted keys;
	int64_t id; /* its place in the array plus one */
};

struct memory {
	struct map by_name; /* principal, NUL, capsule -> struct memory_scope */
	struct memory_scope **scopes;
	size_t count, capacity;
};

DEFINE_DROP(scope_drop, struct memory_scope *, free)

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "storage: out of memory");
}

static struct kv_sorted *keys_of(struct memory *memory, const struct kv_work *work)
{
	return &memory->scopes[work->scope - 1]->keys;
}

static bool reserve_scope(struct memory *memory)
{
	size_t capacity = memory->capacity > 0 ? memory->capacity * 2 : 8;
	struct memory_scope **scopes;

	if (memory->count < memory->capacity)
		return true;
	scopes = reallocarray(memory->scopes, capacity, sizeof(struct memory_scope *));
	if (scopes == NULL)
		return false;
	memory->scopes = scopes;
	memory->capacity = capacity;
	return true;
}

static enum capsule_status add_scope(struct memory *memory, struct span name, int64_t *id, struct capsule_error *err)
{
	HOLD(scope_drop) struct memory_scope *scope = malloc(sizeof *scope);
	enum capsule_status status;
	uint64_t seed;

	if (scope == NULL || !reserve_scope(memory))
		return no_memory(err);
	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return error_os(err, errno, "storage: random bytes");
	kv_sorted_init(&scope->keys, seed);
	scope->id = (int64_t)memory->count + 1;
	status = map_put(&memory->by_name, name, scope, NULL, err);
	if (status != CAPSULE_OK)
		return status;
	*id = scope->id;
	memory->scopes[memory->count++] = GIVE(scope);
	return CAPSULE_OK;
}

static enum capsule_status memory_scope(
	void *state, const char *principal, const char *capsule, bool create, int64_t *id, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer name = { 0 };
	struct memory *memory = state;
	const struct memory_scope *scope;

	buffer_append(&name, principal, strlen(principal) + 1);
	if (!buffer_append_text(&name, capsule))
		return no_memory(err);
	scope = map_get(&memory->by_name, buffer_span(&name));
	if (scope != NULL)
		*id = scope->id;
	else if (create)
		return add_scope(memory, buffer_span(&name), id, err);
	return CAPSULE_OK;
}

static enum capsule_status memory_get(void *state, struct kv_work *work, struct capsule_error *err)
{
	const struct kv_node *node = kv_sorted_find(keys_of(state, work), work->key);

	if (node == NULL)
		return CAPSULE_OK;
	if (kv_node_value(node).len > work->size_max) {
		work->too_large = true;
		return CAPSULE_OK;
	}
	work->found = true;
	if (!buffer_append_span(work->result, kv_node_value(node)))
		return buffer_check(work->result, err);
	return CAPSULE_OK;
}

static enum capsule_status memory_set(void *state, struct kv_work *work, struct capsule_error *err)
{
	return kv_sorted_put(keys_of(state, work), work->key, work->value) ? CAPSULE_OK : no_memory(err);
}

static enum capsule_status memory_delete(void *state, struct kv_work *work, struct capsule_error *err)
{
	(void)err;
	work->found = kv_sorted_remove(keys_of(state, work), work->key);
	return CAPSULE_OK;
}

static enum capsule_status memory_list(void *state, struct kv_work *work, struct capsule_error *err)
{
	const struct kv_node *node = kv_sorted_seek(keys_of(state, work), work->key);

	(void)err;
	for (; node != NULL && span_starts(kv_node_key(node), work->key); node = kv_sorted_next(node)) {
		if (!kv_list_key(work->result, kv_node_key(node)))
			break;
	}
	return CAPSULE_OK;
}

static enum capsule_status memory_clear_prefix(void *state, struct kv_work *work, struct capsule_error *err)
{
	(void)err;
	work->count = kv_sorted_remove_prefix(keys_of(state, work), work->key);
	return CAPSULE_OK;
}

static void memory_close(void *state)
{
	struct memory *memory = state;

	for (size_t i = 0; i < memory->count; i++) {
		kv_sorted_fini(&memory->scopes[i]->keys);
		free(memory->scopes[i]);
	}
	free(memory->scopes);
	map_fini(&memory->by_name);
	free(memory);
}

static const struct kv_backend memory_backend = {
	.scope = memory_scope,
	.get = memory_get,
	.set = memory_set,
	.remove = memory_delete,
	.list = memory_list,
	.clear_prefix = memory_clear_prefix,
	.close = memory_close,
};

enum capsule_status kv_open_memory(struct kv_store **out, struct loop *loop, struct capsule_error *err)
{
	struct memory *memory = calloc(1, sizeof *memory);

	if (memory == NULL)
		return no_memory(err);
	return kv_store_new(out, loop, &memory_backend, memory, err);
}
