/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The WASM engine as the rest of the program sees it: what all capsules of a runtime share, and one engine for each. */
#ifndef WASM_WASM_H
#define WASM_WASM_H

#include "engine/engine.h"

struct wasm_runtime;

/* Further host functions, linked under the import module "capsule:test"; for the tests of waiting calls. */
struct wasm_extra {
	const struct host_function *rows;
	uint32_t count;
};

/* How the engine of a runtime is set up. Zero-initialised is a good set-up without a cache. Texts are copied. */
struct wasm_options {
	const struct wasm_extra *extra;
	const struct log_sink
		*log;          /* for problems of the cache; borrowed for the runtime's life, NULL: they are not told */
	const char *cache_dir; /* where compiled modules are kept; NULL: nowhere */
	uint64_t cache_bytes;  /* 0: LIMIT_CACHE */
	const char *libexec_dir; /* NULL: looked for */
	bool compile_in_process;
	uint64_t compile_cpu_ms, compile_bytes; /* 0: the defaults */
	uint32_t compile_jobs;
	bool no_signals;
	uint32_t guest_pages, kernel_pages; /* ceilings of the two memories; 0: the defaults */
};

/** Make what all capsules of one loop share: Wasmtime's engine, the address space slab, the ticker thread, the kernel module
 *  and the compiled modules. `loop` is borrowed and must outlive it; `options` may be NULL. Errors: CAPSULE_ENOMEM,
 *  CAPSULE_EIO, CAPSULE_EINTERNAL. Threads: loop. */
MUST_CHECK enum capsule_status wasm_runtime_new(
	struct wasm_runtime **out, struct loop *loop, const struct wasm_options *options, struct capsule_error *err);

/** Free it (taken; NULL is fine). Every engine must have been freed before. */
void wasm_runtime_free(struct wasm_runtime *runtime);

/** Make the engine of one capsule, not loaded yet. `env` is copied, what it points to is borrowed. `file` (copied) is the
 *  module's path when it does not come from env->manifest. Free it with its ops. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status wasm_capsule_new(struct engine **out, struct wasm_runtime *runtime,
	const struct engine_env *env, const char *file, struct capsule_error *err);

/** Processor time of all calls so far, in nanoseconds, for an engine made by wasm_capsule_new(). */
int64_t wasm_capsule_cpu_ns(const struct engine *engine);

/** Whether a loaded engine made by wasm_capsule_new() runs a loop of its own, which takes no calls. */
bool wasm_capsule_loops(const struct engine *engine);

/** Describe the module of `env` as the JSON object that capsule_inspect() documents; `op` is started by the caller. `file` as
 *  above. Compiles, runs nothing. */
void wasm_inspect(struct wasm_runtime *runtime, const struct engine_env *env, const char *file, struct op *op);

/** What the engine and the library are built from, as one line. A static string. */
const char *wasm_build_info(void);

#endif
