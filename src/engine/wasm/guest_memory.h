/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A guest's own memory, as host functions reach it. What a guest says of it is hostile: every range is checked. */
#ifndef WASM_GUEST_MEMORY_H
#define WASM_GUEST_MEMORY_H

#include "engine/wasm/instance.h"

/* Valid until the guest runs again. */
struct guest_memory {
	uint8_t *data;
	size_t size;
};

/** The memory that the calling guest exports as "memory"; size 0 when it exports none. For functions that guests call
 *  directly. */
struct guest_memory guest_memory_of_caller(wasmtime_caller_t *caller);

/** The same for functions that are reached through the kernel module, whose memory the caller would be asked for. Size 0 while
 *  the guest's start function runs, too: its exports are not known yet. */
struct guest_memory guest_memory_of(struct wasm_instance *instance);

/** `len` bytes at `offset`, NULL when they are not all there. */
uint8_t *guest_memory_at(const struct guest_memory *memory, uint32_t offset, uint64_t len);

#endif
