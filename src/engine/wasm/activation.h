/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One capsule on the WASM engine, and the call that it is in. The call goes through phases - kernel instance, guest
 * instance, initialisers, the export - each of them a future that the loop polls one slice at a time. */
#ifndef WASM_ACTIVATION_H
#define WASM_ACTIVATION_H

#include "engine/wasm/instance.h"
#include "engine/wasm/module_load.h"

enum phase { PHASE_IDLE, PHASE_KERNEL, PHASE_GUEST, PHASE_INIT, PHASE_CALL };

struct wasm_capsule {
	struct engine engine;
	struct engine_env env;
	struct wasm_runtime *shared;
	char *file; /* path of the module */
	struct host host;
	struct map vars; /* Extism variables: name -> struct buffer */
	size_t vars_bytes;

	/* Life */
	enum engine_health health;
	struct capsule_error why; /* of ENGINE_FAILED */
	struct op *load_op;
	struct module_load *loading;
	struct wasm_module *module;
	bool per_call;                  /* each call has an instance of its own */
	struct wasm_instance *instance; /* NULL until the first call and after one that was cut off */

	/* Calls */
	struct list_node queue; /* engine_call.link, the first is the next; see call_queue.h */
	uint32_t queued;        /* those that the limits of the queue count */
	uint64_t queued_bytes;
	uint32_t unbounded; /* the others (engine_call.unqueued) */
	struct engine_call *current;
	struct engine_call run_call; /* of a run loop */
	bool said_ready;             /* the run loop did, since it was loaded */
	struct list_node waiting;    /* op.link of those that wait until it does */
	struct list_node unloads;    /* op.link of those that wait until it is unloaded */
	struct runnable runnable;
	struct timer wall;  /* wall limit of the current call; of a run loop, when it has to have ended by itself */
	struct timer pause; /* after too many aborted calls in a row */
	uint32_t aborted_in_row;

	/* The current activation */
	enum phase phase;
	uint32_t next_initializer;
	wasmtime_call_future_t *future;
	wasm_trap_t *trap;
	wasmtime_error_t *error;
	wasmtime_val_t values[2];
	wasmtime_func_t function;
	bool returns_value;
	bool skipped;          /* a lifecycle hook that the module does not have */
	bool started;          /* its first slice began */
	int64_t started_ns;    /* the loop's time then */
	int64_t stopped_ns;    /* the loop's time at the end of its last slice */
	int64_t wall_limit_ns; /* 0: none */
	int64_t cpu_ns;        /* charged to the call so far */
	int64_t cpu_limit_ns;
	int64_t since_wait_ns;  /* charged since a run loop last waited */
	int64_t slice_start_ns; /* system clock; 0 outside a slice */
	int64_t wait_start_ns;  /* system clock; of a wait that is charged */
	int64_t thread_cpu_ns; /* processor clock of the thread at the start of a slice that is charged by it, else 0 */
	int64_t total_cpu_ns;  /* of all calls */
};

/** Start the next call that waits when none is running. */
void activation_next(struct wasm_capsule *capsule);

/** End the current call now, wherever its fiber stands, with `why` (borrowed). The instance is thrown away. */
void activation_abort(struct wasm_capsule *capsule, const struct capsule_error *why);

/** The guest of `instance` may go on after a wait. */
void activation_resume(struct wasm_instance *instance);

/** struct runnable's run. */
void activation_run(struct runnable *runnable);

/** Epoch callback: `data` is the capsule. */
wasmtime_error_t *activation_epoch(
	wasmtime_context_t *context, void *data, uint64_t *delta, wasmtime_update_deadline_kind_t *kind);

/** Nothing runs any more: let go of instance and module, and end who waits for the unload. May be repeated. */
void wasm_capsule_down(struct wasm_capsule *capsule);

/** Throw the instance away; a call must not be running. */
void capsule_drop_instance(struct wasm_capsule *capsule);

#endif
