/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Key-value storage behind one interface: SQLite on disk and a memory twin. Every access goes through a scope, which is a
 * principal and a capsule: one scope never sees the keys of another.
 *
 * Rules of keys: not empty, no NUL byte, at most LIMIT_KEY bytes; values up to LIMIT_PAYLOAD bytes. A write is acknowledged
 * only when a crash of this process can't lose it any more.
 *
 * Small requests run where they are made, since a hop to another thread costs more than they do. A value over
 * LIMIT_INLINE_WORK bytes, a listing or a clear runs on the pool; requests made meanwhile wait for it, in order. */
#ifndef STORE_KV_H
#define STORE_KV_H

#include "base/buffer.h"
#include "loop/op.h"

struct kv_store;
struct kv_scope;

/** Open (and make) the SQLite database `path`, file mode 0600. WAL, exclusive locking. Errors: CAPSULE_ELOCKED when another
 *  process has it open, CAPSULE_ESTORE when the file is no database of ours, of a newer format or damaged, CAPSULE_ENOTFOUND
 *  when its folder is missing, CAPSULE_EIO. Blocks on the disk. `loop` is borrowed and must outlive the store.
 *  Threads: loop. */
MUST_CHECK enum capsule_status kv_open_sqlite(
	struct kv_store **out, struct loop *loop, const char *path, struct capsule_error *err);

/** A store that lives and dies with the process; listings come in the same order as SQLite's (bytewise). */
MUST_CHECK enum capsule_status kv_open_memory(struct kv_store **out, struct loop *loop, struct capsule_error *err);

/** Close the store (taken, NULL is fine). Requests that still wait finish with CAPSULE_ECANCELLED; one that is on the pool
 *  is waited for. Scopes must have been freed before. */
void kv_close(struct kv_store *store);

/** The part of `store` (borrowed, must outlive the scope) that belongs to `principal` and `capsule`. Both non-empty, without
 *  NUL, at most LIMIT_NAME bytes. Free it with kv_scope_free(). */
MUST_CHECK enum capsule_status kv_scope_new(struct kv_scope **out, struct kv_store *store, const char *principal,
	const char *capsule, struct capsule_error *err);
void kv_scope_free(struct kv_scope *scope);

enum kv_verb {
	KV_GET,    /* key -> found, op.result */
	KV_SET,    /* key, value */
	KV_DELETE, /* key -> found: whether it existed */
	KV_LIST,   /* key is a prefix, may be empty -> op.result: JSON array of the keys in byte order, those that are
	                  * not UTF-8 left out; at most LIMIT_PAYLOAD bytes, else CAPSULE_ELIMIT */
	KV_CLEAR_PREFIX, /* key is a prefix, may be empty: the whole scope -> count; one transaction */
};

/* One request. The caller owns it, inits op with op_init(), and keeps it until it is done. */
struct kv_request {
	struct op op;
	enum kv_verb verb;
	struct span key;   /* borrowed until done when the request waits */
	struct span value; /* KV_SET; as key */
	bool found;
	uint64_t count;
	struct kv_scope *scope;
	struct list_node waiting; /* the store's */
};

enum kv_progress {
	KV_DONE,    /* finished inside the call: see op.error.status; done() will not be called */
	KV_WAITING, /* done() will be called */
};

/** Run or queue `request`. `done`, `user` as in op_start(), used only when the answer is KV_WAITING; then op_cancel() takes
 *  back a request that has not started, and detaches one that has (its effect still happens). At most KV_WAITING_MAX
 *  requests wait per store, beyond that CAPSULE_ELIMIT. Failures are in request->op.error: CAPSULE_EINVAL with
 *  "invalid key: key must not be empty", "invalid key: key must not contain null bytes", "invalid key: prefix must not
 *  contain null bytes" (clear only; a listing with such a prefix finds nothing), CAPSULE_ELIMIT (too large), CAPSULE_ESTORE
 *  and CAPSULE_EIO naming the file, CAPSULE_ENOMEM. Threads: loop. */
MUST_CHECK enum kv_progress kv_submit(struct kv_scope *scope, struct kv_request *request, op_done_fn done, void *user);

#define KV_WAITING_MAX 4096

/** Wait for and run `request` to its end here, for code outside a turn that may block (start-up). Returns its status. */
MUST_CHECK enum capsule_status kv_run(struct kv_scope *scope, struct kv_request *request, struct capsule_error *err);

#endif
