/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel module: one instance of it stands in every store, beside the guest. It owns the memory that host and guest
 * exchange bytes through, serves the guest's loads and stores without leaving WebAssembly, and wraps each host function
 * that may wait. Its text is made from the binding table. */
#ifndef WASM_KERNEL_MODULE_H
#define WASM_KERNEL_MODULE_H

#include "engine/wasm/shared.h"

/* Its name in backtraces, from which its frames are left out. */
#define KERNEL_MODULE_NAME "capsule_kernel"

/* Names of the functions that the module imports from "host". */
#define KERNEL_WAIT "wait"
#define KERNEL_FINISH "finish"

/** Fill runtime->kernel_module and runtime->kernel from its engine and bindings. The code comes from the cache where there is
 *  one, and is kept there otherwise. */
MUST_CHECK enum capsule_status kernel_module_build(struct wasm_runtime *runtime, struct capsule_error *err);

#endif
