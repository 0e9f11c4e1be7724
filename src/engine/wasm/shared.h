/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the WASM engine: what all capsules of a runtime share. */
#ifndef WASM_SHARED_H
#define WASM_SHARED_H

#include "engine/wasm/binding.h"
#include "engine/wasm/cache.h"
#include "engine/wasm/compile.h"
#include "engine/wasm/profile.h"
#include "engine/wasm/slab.h"
#include "engine/wasm/ticker.h"
#include "engine/wasm/wasm.h"

struct wasm_runtime {
	struct loop *loop;
	const struct log_sink *log;
	struct wasm_profile profile;
	struct buffer description; /* of everything that compiled code depends on */
	struct cache cache;
	struct compiler compiler;
	char *libexec_dir;
	bool compile_in_process;
	wasm_engine_t *engine;
	struct slab *slab;
	struct ticker *ticker;
	struct binding_table bindings;
	wasmtime_linker_t
		*linker; /* every direct import; what comes from a store's kernel is shadowed in for each instance */
	wasmtime_module_t *kernel_module;
	wasmtime_instance_pre_t *kernel;
	struct map modules;          /* BLAKE3 of the file -> struct wasm_module, those that are loaded now */
	struct list_node loads;      /* struct module_load */
	uint32_t jobs;               /* how many those are; what is on the pool uses the engine */
	struct list_node active;     /* instances that ran since the last trim */
	struct timer trim;           /* gives back the pages of idle stacks */
	char warned[ERROR_TEXT_MAX]; /* the last that wasm_runtime_warn() told */
};

/** Tell the log what is wrong with the cache, unless `note` is CAPSULE_OK or says what was told last: a folder that can't be used
 *  is met twice for each module. Threads: loop. */
void wasm_runtime_warn(struct wasm_runtime *runtime, const struct capsule_error *note);

#endif
