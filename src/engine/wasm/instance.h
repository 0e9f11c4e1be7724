/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One instance of a module: its Wasmtime store with the kernel's instance and the guest's, the book of its kernel memory,
 * and the host call that it may be in. Made fresh, used for many calls, thrown away after one that was cut off in the
 * middle. */
#ifndef WASM_INSTANCE_H
#define WASM_INSTANCE_H

#include "engine/wasm/kernel_memory.h"
#include "engine/wasm/module.h"
#include "engine/wasm/shared.h"

struct wasm_capsule;
struct wasm_instance;

#define STDERR_TAIL 512 /* last bytes that a guest wrote to its standard error, for the message of a trap */

/* Where a waiting poll_oneoff finds its subscriptions and writes its events, in guest memory. */
struct wasi_poll {
	uint32_t subscriptions, events, stored;
	uint32_t count;
	bool old_layout;    /* of the import module wasi_unstable */
	int64_t started_ns; /* monotonic; relative timeouts count from here */
};

/* Writes what a waiting import answers into *result (0 is preset). Returns NULL, or the trap that ends the call. */
typedef wasm_trap_t *(*wait_finish_fn)(struct wasm_instance *instance, wasmtime_caller_t *caller, int64_t *result);

#define EXPORTS_KEPT 2 /* capsules have tools and interceptors: two exports take turns */

/* An export that was called. */
struct export_cache {
	char name[64];
	wasmtime_func_t function;
	bool known, returns_value;
};

struct wasm_instance {
	struct wasm_capsule *owner;
	struct wasm_runtime *shared;
	struct wasm_module *module; /* one reference */
	struct slab_slot *slot;
	wasmtime_store_t *store;
	wasmtime_context_t *context;
	wasmtime_instance_t kernel_instance, guest;
	wasmtime_memory_t kernel_wasm_memory;
	struct kernel_memory kernel;
	struct list_node active_link; /* in shared->active */
	bool begun;                   /* kernel instantiated: `kernel` may be used */
	bool ready;                   /* guest instantiated and initialised */
	struct export_cache caches[EXPORTS_KEPT];
	uint32_t oldest_cache;
	uint64_t arguments; /* block with the arguments of the current call, for guests that ask for it there */

	/* The host call it is in. */
	struct host_call host_call;
	struct timer sleep; /* of poll_oneoff */
	struct wasi_poll poll;
	wait_finish_fn finish;     /* set by a begin that makes the guest wait */
	int64_t ready_result;      /* the answer: of a begin that did not, or of the finish */
	uint64_t reserved;         /* block for the result of the host call; 0: none yet */
	const char *waits_in;      /* name of the import whose begin makes the guest wait */
	const uint8_t *wait_frame; /* where its stack was when it began to wait */
	bool waiting;              /* parked in the kernel's wait */
	bool wait_over;            /* may go on */
	bool wait_charged;         /* waits for the host's own work */

	/* What ended the guest in the middle. */
	struct capsule_error failure; /* text of a host function, or a limit; status CAPSULE_OK when there is none */
	bool exited;                  /* by proc_exit */
	uint32_t exit_code;
	char stderr_tail[STDERR_TAIL];
	size_t stderr_len;
};

/** Make a store and its slot for `module` (a reference is taken). No guest code runs. */
MUST_CHECK enum capsule_status instance_new(
	struct wasm_instance **out, struct wasm_capsule *owner, struct wasm_module *module, struct capsule_error *err);

/** Delete store and slot (taken; NULL is fine). No future of the store may be alive. A host call that waits is let go. */
void instance_free(struct wasm_instance *instance);

/** Futures of the two steps of instantiation; results go into the instance. The caller polls and deletes them. */
wasmtime_call_future_t *instance_start_kernel(
	struct wasm_instance *instance, wasm_trap_t **trap, wasmtime_error_t **error);
wasmtime_call_future_t *instance_start_guest(
	struct wasm_instance *instance, wasm_trap_t **trap, wasmtime_error_t **error);

/** After the kernel's step: find its memory. */
MUST_CHECK enum capsule_status instance_kernel_ready(struct wasm_instance *instance, struct capsule_error *err);

/** The guest's export `name` when it is a function. Borrowed by value. */
bool instance_function(struct wasm_instance *instance, const char *name, wasmtime_func_t *func);

/** The instance a host function was called from. */
struct wasm_instance *instance_of(wasmtime_caller_t *caller);

/** A trap with the text of instance->failure, which the caller has filled. */
wasm_trap_t *instance_trap(struct wasm_instance *instance);

/** The guest that waits may go on: to be called once, from the loop. */
void instance_resume(struct wasm_instance *instance);

/** Copy `bytes` into a kernel block for the guest: *handle is 0 for no bytes. NULL, or the trap for "out of memory". */
wasm_trap_t *instance_put(struct wasm_instance *instance, struct span bytes, int64_t *handle);

/** host_call.reserve: the block in which the result will be. */
MUST_CHECK enum capsule_status instance_reserve(struct host_call *call, size_t len, struct capsule_error *err);

/* Callbacks of the kernel module's imports "wait" and "finish". */
void instance_wait(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t arg_count,
	wasmtime_val_t *results, size_t result_count, wasm_trap_t **trap, wasmtime_async_continuation_t *continuation);
wasm_trap_t *instance_finish(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count);

#endif
