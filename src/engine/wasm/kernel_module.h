/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel module: one instance of it stands in every store, beside the guest. It owns the memory that host and guest
 * exchange bytes through, serves the guest's loads and stores without leaving WebAssembly, and wraps each host function
 * that may wait. Its text is made from the binding table. */
#ifndef WASM_KERNEL_MODULE_H
#define WASM_KERNEL_MODULE_H

#include "engine/wasm/binding.h"

/* Its name in backtraces, from which its frames are left out. */
#define KERNEL_MODULE_NAME "capsule_kernel"

/* Names of the functions that the module imports from "host". */
#define KERNEL_WAIT "wait"
#define KERNEL_FINISH "finish"

/** Compile it for `engine` and resolve its imports: `*module` (wasmtime_module_delete) and `*pre`
 *  (wasmtime_instance_pre_delete) are the caller's. */
MUST_CHECK enum capsule_status kernel_module_build(wasmtime_module_t **module, wasmtime_instance_pre_t **pre,
	wasm_engine_t *engine, const struct binding_table *table, struct capsule_error *err);

#endif
