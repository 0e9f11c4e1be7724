/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The import module capsule:bulk, an addition of this host: bytes move between kernel memory and the guest's own memory as
 * one copy, where Extism's interface takes a call for each eight of them. */
#include "engine/wasm/guest_memory.h"

#define BULK(name)                                                                                                     \
	static wasm_trap_t *bulk_##name(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
#define UNUSED_BULK() ((void)env, (void)count)

static wasm_trap_t *out_of_bounds(
	struct wasm_instance *instance, const char *name, uint32_t at, uint64_t len, size_t size)
{
	(void)error_set(&instance->failure, CAPSULE_EINVAL,
		"capsule:bulk::%s: %llu bytes at %u are not inside the guest's memory of %zu bytes", name,
		(unsigned long long)len, at, size);
	return instance_trap(instance);
}

/* load(block, offset, to, len): copy at most `len` bytes of the block, from `offset` on, to `to`; answers how many. */
BULK(load)
{
	struct wasm_instance *instance = instance_of(caller);
	struct span block = kernel_block(&instance->kernel, (uint64_t)values[0].i64);
	uint64_t offset = (uint64_t)values[1].i64, len = (uint32_t)values[3].i32;
	uint32_t to = (uint32_t)values[2].i32;
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *target;

	UNUSED_BULK();
	len = offset >= block.len ? 0 : len < block.len - offset ? len : block.len - offset;
	target = guest_memory_at(&memory, to, len);
	if (len > 0 && target == NULL)
		return out_of_bounds(instance, "load", to, len, memory.size);
	if (len > 0)
		memcpy(target, block.data + offset, len);
	values[0].i32 = (int32_t)(uint32_t)len;
	return NULL;
}

/* store(from, len): a new block with those bytes; 0 for none. */
BULK(store)
{
	struct wasm_instance *instance = instance_of(caller);
	uint32_t from = (uint32_t)values[0].i32, len = (uint32_t)values[1].i32;
	struct guest_memory memory = guest_memory_of_caller(caller);
	const uint8_t *source = guest_memory_at(&memory, from, len);

	UNUSED_BULK();
	if (len > 0 && source == NULL)
		return out_of_bounds(instance, "store", from, len, memory.size);
	return instance_put(instance, span_of(source, len), &values[0].i64);
}

/* arguments(): the block that holds the arguments of the current call. A module that imports this gets them here and not in
 * its input. */
BULK(arguments)
{
	UNUSED_BULK();
	values[0].i64 = (int64_t)instance_of(caller)->arguments;
	return NULL;
}

enum capsule_status bulk_bind(struct binding_table *table, struct capsule_error *err)
{
	static const struct binding bindings[] = {
		{ .module = BULK_MODULE, .name = "load", .type = "IIii:i", .call = bulk_load },
		{ .module = BULK_MODULE, .name = "store", .type = "ii:I", .call = bulk_store },
		{ .module = BULK_MODULE, .name = BULK_ARGUMENTS, .type = ":I", .call = bulk_arguments },
	};
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; status == CAPSULE_OK && i < sizeof bindings / sizeof bindings[0]; i++)
		status = binding_add(table, &bindings[i], err);
	return status;
}
