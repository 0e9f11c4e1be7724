/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between the rows of the host's table and the guest: argument handles become spans of kernel memory, results become blocks,
 * failures become traps, and a row that waits parks the fiber. */
#include "engine/wasm/activation.h"
#include "engine/wasm/instance.h"

#include <assert.h>

/* Rule of arguments: too long fails before anything is copied, 0 is empty, anything else must be the start of a block. */
static enum capsule_status read_args(
	struct wasm_instance *instance, const struct host_function *row, const wasmtime_val_raw_t *values)
{
	for (uint32_t i = 0; i < row->arg_count; i++) {
		uint64_t handle = (uint64_t)values[i].i64;
		struct span block = kernel_block(&instance->kernel, handle);

		instance->host_call.args[i] = block;
		if (row->args[i].kind == HOST_UNREAD)
			continue;
		if (host_arg_check(row, i, block.len, &instance->failure) != CAPSULE_OK)
			return instance->failure.status;
		if (handle != 0 && block.len == 0)
			return error_set(&instance->failure, CAPSULE_EINVAL,
				"%s: %s: invalid memory offset %llu: no block starts there", row->name,
				row->args[i].name, (unsigned long long)handle);
	}
	return CAPSULE_OK;
}

static wasm_trap_t *write_result(struct wasm_instance *instance, int64_t *result)
{
	const struct host_call *call = &instance->host_call;
	struct span block = kernel_block(&instance->kernel, instance->reserved);

	*result = (int64_t)instance->reserved;
	instance->reserved = 0;
	if (*result != 0) {
		assert(call->row->result == HOST_BLOCK && block.len == call->result.len);
		memcpy((uint8_t *)(uintptr_t)block.data, call->result.data, block.len);
	} else if (call->row->result == HOST_BLOCK) {
		return instance_put(instance, call->result, result);
	} else if (call->row->result == HOST_NUMBER) {
		*result = call->number;
	}
	return NULL;
}

static wasm_trap_t *row_finish(struct wasm_instance *instance, wasmtime_caller_t *caller, int64_t *result)
{
	(void)caller;
	if (host_call_finish(&instance->host_call, &instance->failure) != CAPSULE_OK)
		return instance_trap(instance);
	return write_result(instance, result);
}

/* A row that waits counts as having done so when it had something to hand over at once. */
static void note_delivered(struct wasm_instance *instance, const struct host_function *row)
{
	if (row->waits == HOST_WAITS && instance->host_call.delivered)
		instance->owner->since_wait_ns = 0;
}

static enum host_answer begin(struct wasm_instance *instance, const struct host_function *row,
	const wasmtime_val_raw_t *values, wasm_trap_t **trap, int64_t *result)
{
	enum host_answer answer = HOST_FAILED;

	*trap = NULL;
	*result = 0;
	if (read_args(instance, row, values) == CAPSULE_OK)
		answer = host_call_begin(&instance->host_call, row, &instance->failure);
	if (answer == HOST_READY) {
		note_delivered(instance, row);
		*trap = write_result(instance, result);
	} else if (answer == HOST_FAILED) {
		*trap = instance_trap(instance);
	}
	return answer;
}

static wasm_trap_t *call_now(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	struct wasm_instance *instance = instance_of(caller);
	wasm_trap_t *trap;
	int64_t result;

	(void)begin(instance, env, values, &trap, &result);
	if (count > 0)
		values[0].i64 = result;
	return trap;
}

/* Answers whether the guest has to wait. */
static wasm_trap_t *call_begin(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	struct wasm_instance *instance = instance_of(caller);
	const struct host_function *row = env;
	wasm_trap_t *trap;
	bool wait;

	(void)count;
	wait = begin(instance, row, values, &trap, &instance->ready_result) == HOST_WAITING;
	instance->finish = wait ? row_finish : NULL;
	instance->waits_in = row->name;
	instance->wait_charged = row->waits == HOST_WORKS;
	values[0].i32 = wait;
	return trap;
}

enum capsule_status adapter_bind(struct binding_table *table, const struct host_function *rows, uint32_t count,
	const char *module, struct capsule_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct host_function *row = &rows[i];
		struct binding binding = { .module = module, .name = row->name, .row = row };
		uint32_t at = 0;

		/* Guests were built against one signature: handles are i64, whatever they stand for. */
		while (at < row->arg_count)
			binding.type[at++] = 'I';
		binding.type[at++] = ':';
		if (row->result != HOST_NOTHING)
			binding.type[at] = 'I';
		binding.call = row->waits == HOST_NOW ? call_now : call_begin;
		binding.kernel_export = row->waits == HOST_NOW ? NULL : row->name;
		binding.env = (void *)(uintptr_t)row;
		if (binding_add(table, &binding, err) != CAPSULE_OK)
			return CAPSULE_ENOMEM;
	}
	return CAPSULE_OK;
}

/* The shim namespace reaches the same rows by index, with the arguments that the row has. */

static const struct host_function *shim_row(int32_t index)
{
	return index >= 0 && (uint32_t)index < host_function_count ? &host_functions[index] : NULL;
}

#define SHIM_NONE 0
#define SHIM_I64 2
#define SHIM_ARGS 5 /* that a guest always passes */

static_assert(HOST_ARGS_MAX <= SHIM_ARGS, "every row can be reached by index");

static wasm_trap_t *shim_arg_type(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	const struct host_function *row = shim_row(values[0].i32);
	int32_t arg = values[1].i32;

	(void)env;
	(void)caller;
	(void)count;
	values[0].i32 = row != NULL && arg >= 0 && (uint32_t)arg < row->arg_count ? SHIM_I64 : SHIM_NONE;
	return NULL;
}

static wasm_trap_t *shim_return_type(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	const struct host_function *row = shim_row(values[0].i32);

	(void)env;
	(void)caller;
	(void)count;
	values[0].i32 = row != NULL && row->result != HOST_NOTHING ? SHIM_I64 : SHIM_NONE;
	return NULL;
}

static wasm_trap_t *shim_invoke(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	const struct host_function *row = shim_row(values[0].i32);
	struct wasm_instance *instance = instance_of(caller);

	(void)env;
	if (row != NULL) {
		wasmtime_val_raw_t args[SHIM_ARGS];
		wasm_trap_t *trap;

		memcpy(args, values + 1, sizeof args);
		trap = call_begin((void *)(uintptr_t)row, caller, args, count);

		values[0].i32 = args[0].i32;
		return trap;
	}
	instance->finish = NULL;
	instance->ready_result = 0;
	values[0].i32 = 0;
	return NULL;
}

enum capsule_status shim_bind(struct binding_table *table, struct capsule_error *err)
{
	static const struct binding shim[] = {
		{ .module = "shim", .name = "__get_function_arg_type", .type = "ii:i", .call = shim_arg_type },
		{ .module = "shim", .name = "__get_function_return_type", .type = "i:i", .call = shim_return_type },
		{ .module = "shim",
			.name = "__invokeHostFunc",
			.type = "iIIIII:I",
			.call = shim_invoke,
			.kernel_export = "invoke" },
	};

	for (size_t i = 0; i < sizeof shim / sizeof shim[0]; i++)
		if (binding_add(table, &shim[i], err) != CAPSULE_OK)
			return CAPSULE_ENOMEM;
	return CAPSULE_OK;
}
