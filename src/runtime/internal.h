/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: what the public handles are. */
#ifndef RUNTIME_INTERNAL_H
#define RUNTIME_INTERNAL_H

#include "base/map.h"
#include "engine/wasm/wasm.h"
#include "runtime/home.h"
#include "runtime/services.h"
#include <capsule/capsule.h>

#include <pthread.h>
#include <stdatomic.h>

struct capsule_runtime {
	_Atomic uintptr_t owner; /* thread_self() of the thread that may call */
	atomic_bool logging;     /* inside the embedder's log, audit or gate function, from where nobody may */
	struct loop *loop;
	struct wasm_runtime *wasm;
	struct log_sink log;
	capsule_log_fn write_log; /* the embedder's, behind `log` */
	void *log_user;
	struct engine_limits limits;
	struct home home;
	char *principal;
	char *workspace; /* as it was named, absolute; NULL: none */
	enum capsule_overlay_mode overlay;
	struct map overlays; /* id -> enum capsule_overlay_mode * of those that are treated otherwise */
	uint64_t overlay_bytes;
	struct list_node open_overlays; /* of services_files.c */
	capsule_audit_fn audit;
	void *audit_user;
	capsule_gate_fn gate;
	void *gate_user;
	uint64_t next_call_id;
	struct list_node capsules; /* struct capsule.link */
	struct list_node ops;      /* struct capsule_op.link of those that somebody holds */
	struct list_node spare;    /* op handles to use again */
	uint32_t spare_count;
	size_t spare_large; /* bytes of their large buffers */
	struct timer spare_timer;
	size_t leaving;               /* capsules that are being unloaded */
	struct capsule_op *awaited;   /* by capsule_op_wait(); NULL when it is complete or gone */
	struct capsule_error outcome; /* of `awaited` */
};

struct capsule {
	struct capsule_runtime *runtime;
	struct list_node link;
	char *id, *dir;
	struct manifest *manifest; /* NULL: a bare module */
	struct map settings;       /* of a bare module: name -> char * */
	struct engine *engine;     /* NULL until it is made */
	struct services services;  /* what it is lent */
	char *tools_json;
	bool unloading;  /* capsule_unload() was called */
	struct op leave; /* unloading at the end of its life */
};

enum operation { OPERATION_LOAD, OPERATION_UNLOAD, OPERATION_CALL, OPERATION_INSPECT };

struct capsule_op {
	struct capsule_runtime *runtime;
	struct list_node link;
	enum operation kind;
	capsule_done_fn done;
	void *user;
	bool complete;
	bool as_text; /* the result is made valid UTF-8 */
	struct capsule *capsule;
	struct engine_env inspect_env; /* OPERATION_INSPECT; what it borrows is in `inspected` */
	struct inspected *inspected;
	struct buffer input;     /* of a call: its name, a zero byte, the arguments */
	struct engine_call call; /* its op is the operation, whatever the kind */
};

/** A number that no other living thread has. The thread pointer where that is one instruction, since this is asked several times
 *  in each call. */
static inline uintptr_t thread_self(void)
{
#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
	return (uintptr_t)__builtin_thread_pointer();
#else
	return (uintptr_t)pthread_self();
#endif
}

/** Whether the calling code may use `runtime` now. The first thing that every public function asks that changes something:
 *  about a nanosecond. Threads: any. */
static inline bool runtime_usable(const struct capsule_runtime *runtime)
{
	return atomic_load_explicit(&runtime->owner, memory_order_relaxed) == thread_self() &&
		!atomic_load_explicit(&runtime->logging, memory_order_relaxed);
}

/** Why not, for the public `function`. Errors: CAPSULE_EINVAL (`runtime` or `out` is NULL), CAPSULE_ESTATE. Threads: any. */
enum capsule_status runtime_refuse(
	const struct capsule_runtime *runtime, const void *out, const char *function, struct capsule_error *err);

/** Both in one, for functions that give something back in `out`. */
MUST_CHECK static inline enum capsule_status runtime_enter(
	const struct capsule_runtime *runtime, const void *out, const char *function, struct capsule_error *err)
{
	error_clear(err);
	if (runtime != NULL && out != NULL && runtime_usable(runtime))
		return CAPSULE_OK;
	return runtime_refuse(runtime, out, function, err);
}

/** Let `runtime` belong to the calling thread. */
void runtime_own(struct capsule_runtime *runtime);

/** capsule_log_fn in front of the embedder's; `user` is the runtime. */
void runtime_log(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len);

/** A handle in the runtime's list. NULL when out of memory. */
struct capsule_op *operation_new(struct capsule_runtime *runtime, enum operation kind, capsule_done_fn done, void *user,
	struct capsule_error *err);

/** Give back a handle whose operation is not pending. */
void operation_discard(struct capsule_op *op);

/** op_done_fn of every operation; `user` is the handle. */
void operation_done(struct op *op, void *user);

/** Release a capsule: out of the list, its engine unloaded, then freed from a later turn. */
void capsule_leave(struct capsule *capsule);

/** The module file and folder of a manifest's component. Errors: CAPSULE_EMODULE when there is none. */
MUST_CHECK enum capsule_status capsule_component(
	const struct manifest *manifest, const char **file, struct capsule_error *err);

/** Free what an inspection borrows (taken; NULL is fine). */
void inspection_free(struct inspected *inspected);

/** Split what a caller named: the folder, from a folder or a Capsule.toml. Absolute; free with free(). */
char *capsule_folder(const char *path, struct capsule_error *err);

#endif
