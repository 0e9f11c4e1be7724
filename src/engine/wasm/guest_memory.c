/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/guest_memory.h"

#include "engine/wasm/activation.h"

static struct guest_memory memory_of(wasmtime_context_t *context, const wasmtime_extern_t *item)
{
	struct guest_memory memory = { 0 };

	if (item->kind == WASMTIME_EXTERN_MEMORY) {
		memory.data = wasmtime_memory_data(context, &item->of.memory);
		memory.size = wasmtime_memory_data_size(context, &item->of.memory);
	}
	return memory;
}

struct guest_memory guest_memory_of_caller(wasmtime_caller_t *caller)
{
	struct guest_memory memory = { 0 };
	wasmtime_extern_t item;

	if (wasmtime_caller_export_get(caller, "memory", 6, &item)) {
		memory = memory_of(wasmtime_caller_context(caller), &item);
		wasmtime_extern_delete(&item);
	}
	return memory;
}

struct guest_memory guest_memory_of(struct wasm_instance *instance)
{
	struct guest_memory memory = { 0 };
	wasmtime_extern_t item;

	if (instance->owner->phase >= PHASE_INIT &&
		wasmtime_instance_export_get(instance->context, &instance->guest, "memory", 6, &item)) {
		memory = memory_of(instance->context, &item);
		wasmtime_extern_delete(&item);
	}
	return memory;
}

uint8_t *guest_memory_at(const struct guest_memory *memory, uint32_t offset, uint64_t len)
{
	return offset <= memory->size && len <= memory->size - offset && memory->data != NULL ? memory->data + offset
											      : NULL;
}
