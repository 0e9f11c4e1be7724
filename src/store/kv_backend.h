/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a kind of storage gives the key-value store. kv.c checks the arguments, keeps the order and decides on which thread
 * an operation runs; a backend only reads and writes. It is used by one thread at a time, the loop's or one of the pool,
 * and the change from one to the other is ordered by the store. */
#ifndef STORE_KV_BACKEND_H
#define STORE_KV_BACKEND_H

#include "store/kv.h"

/* One operation: what is asked (borrowed, checked) and the answer. */
struct kv_work {
	int64_t scope;
	struct span key; /* or prefix */
	struct span value;
	size_t size_max; /* SIZE_MAX: whatever it takes */
	struct buffer *result;
	bool found;
	bool too_large; /* a stored value of more than size_max bytes stood in the way, and nothing was done */
	uint64_t count;
};

typedef enum capsule_status (*kv_backend_fn)(void *state, struct kv_work *work, struct capsule_error *err);

/* Every member is required unless it says otherwise. Errors: CAPSULE_ESTORE, CAPSULE_EIO, CAPSULE_ENOMEM. */
struct kv_backend {
	/** The number, above 0, by which `work.scope` names this principal and capsule; 0 when nothing was ever stored under
	 *  them and `create` is false. It stays the same while the storage is open. */
	enum capsule_status (*scope)(void *state, const char *principal, const char *capsule, bool create, int64_t *id,
		struct capsule_error *err);

	kv_backend_fn get;    /* found, result; too_large instead of reading a larger value */
	kv_backend_fn set;    /* may answer too_large instead of replacing a larger value */
	kv_backend_fn remove; /* found; may answer too_large */
	kv_backend_fn list;   /* kv_list_key() for each key with this prefix, in byte order, until it answers false */
	kv_backend_fn clear_prefix; /* count; all or nothing */

	/** Whether upkeep() should run soon. Optional; asked after each operation. Must cost next to nothing. */
	bool (*upkeep_due)(const void *state);
	/** Blocking housekeeping, run on the pool. Optional together with upkeep_due(). */
	void (*upkeep)(void *state);

	void (*close)(void *state); /* takes the state */
};

/** Make a store on `backend` (static) with its `state` (taken, on failure too). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status kv_store_new(struct kv_store **out, struct loop *loop, const struct kv_backend *backend,
	void *state, struct capsule_error *err);

/** Add `key` to the JSON array that is being written to `out`; a key that is not UTF-8 is left out. Returns false when
 *  the list is full or memory ran out: the backend then ends the listing with CAPSULE_OK. */
bool kv_list_key(struct buffer *out, struct span key);

#endif
