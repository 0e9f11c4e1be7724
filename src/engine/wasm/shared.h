/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the WASM engine: what all capsules of a runtime share. */
#ifndef WASM_SHARED_H
#define WASM_SHARED_H

#include "engine/wasm/binding.h"
#include "engine/wasm/slab.h"
#include "engine/wasm/ticker.h"
#include "engine/wasm/wasm.h"

struct wasm_runtime {
	struct loop *loop;
	wasm_engine_t *engine;
	struct slab *slab;
	struct ticker *ticker;
	struct binding_table bindings;
	wasmtime_linker_t
		*linker; /* every direct import; what comes from a store's kernel is shadowed in for each instance */
	wasmtime_module_t *kernel_module;
	wasmtime_instance_pre_t *kernel;
	struct map modules;      /* BLAKE3 of the file -> struct wasm_module, those that are loaded now */
	uint32_t jobs;           /* module loads on the pool; they use the engine */
	struct list_node active; /* instances that ran since the last trim */
	struct timer trim;       /* gives back the pages of idle stacks */
};

#endif
