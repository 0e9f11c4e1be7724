/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Making and unmaking instances, and the wait that all waiting imports share. */
#include "engine/wasm/instance.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/wasm/activation.h"
#include "engine/wasm/trap.h"

static void host_resumed(struct host_call *call)
{
	instance_resume(call->user);
}

enum capsule_status instance_new(
	struct wasm_instance **out, struct wasm_capsule *owner, struct wasm_module *module, struct capsule_error *err)
{
	struct wasm_instance *instance = calloc(1, sizeof *instance);
	int64_t pages = owner->env.limits.memory_pages;
	enum capsule_status status;

	if (instance == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an instance");
	list_init(&instance->active_link);
	status = slab_take(owner->shared->slab, &instance->slot, err);
	if (status != CAPSULE_OK) {
		free(instance);
		return status;
	}
	instance->owner = owner;
	instance->shared = owner->shared;
	instance->module = module_ref(module);
	host_call_init(&instance->host_call, &owner->host, host_resumed, instance);
	instance->host_call.reserve = instance_reserve;
	instance->store = wasmtime_store_new(owner->shared->engine, instance, NULL);
	instance->context = wasmtime_store_context(instance->store);
	wasmtime_store_limiter(instance->store, LIMIT_WASM_GUEST_PAGES * (int64_t)LIMIT_WASM_PAGE,
		LIMIT_WASM_TABLE_ELEMENTS, LIMIT_WASM_INSTANCES, LIMIT_WASM_TABLES, LIMIT_WASM_MEMORIES);
	instance->slot->guest_max = (size_t)pages * LIMIT_WASM_PAGE;
	wasmtime_store_epoch_deadline_callback(instance->store, activation_epoch, owner, NULL);
	*out = instance;
	return CAPSULE_OK;
}

void instance_free(struct wasm_instance *instance)
{
	if (instance == NULL)
		return;
	loop_timer_disarm(instance->shared->loop, &instance->sleep);
	host_call_fini(&instance->host_call);
	list_remove(&instance->active_link);
	wasmtime_store_delete(instance->store);
	kernel_memory_fini(&instance->kernel);
	slab_return(instance->slot);
	module_unref(instance->module);
	free(instance);
}

wasmtime_call_future_t *instance_start_kernel(
	struct wasm_instance *instance, wasm_trap_t **trap, wasmtime_error_t **error)
{
	return wasmtime_instance_pre_instantiate_async(
		instance->shared->kernel, instance->context, &instance->kernel_instance, trap, error);
}

/* Extism's numbers: 0 trace to 4 error, off is the largest. */
static uint64_t extism_log_level(const struct log_sink *log)
{
	return log->write == NULL || log->level >= CAPSULE_LOG_OFF ? INT32_MAX : (uint64_t)log->level;
}

static bool kernel_grow(struct kernel_memory *memory, uint32_t pages)
{
	struct wasm_instance *instance = memory->user;
	uint64_t before;
	wasmtime_error_t *error = wasmtime_memory_grow(
		instance->context, &instance->kernel_wasm_memory, pages, &before);

	if (error != NULL) {
		wasmtime_error_delete(error);
		return false;
	}
	memory->size = wasmtime_memory_data_size(instance->context, &instance->kernel_wasm_memory);
	return true;
}

enum capsule_status instance_kernel_ready(struct wasm_instance *instance, struct capsule_error *err)
{
	wasmtime_context_t *context = instance->context;
	wasmtime_extern_t item;

	if (!wasmtime_instance_export_get(context, &instance->kernel_instance, "memory", 6, &item))
		return error_set(err, CAPSULE_EINTERNAL, "the kernel module has no memory");
	instance->kernel_wasm_memory = item.of.memory;
	kernel_memory_init(&instance->kernel, wasmtime_memory_data(context, &item.of.memory),
		wasmtime_memory_data_size(context, &item.of.memory), kernel_grow, instance);
	kernel_header(&instance->kernel)->log_level = extism_log_level(instance->owner->host.log);
	instance->begun = true;
	return CAPSULE_OK;
}

/* Put this store's kernel functions in front of those of whichever store was linked before. */
static wasmtime_error_t *shadow_kernel(struct wasm_instance *instance)
{
	const struct wasm_module *module = instance->module;

	for (size_t i = 0; i < module->kernel_import_count; i++) {
		const struct binding *binding = module->kernel_imports[i];
		wasmtime_error_t *error;
		wasmtime_extern_t item;

		if (!wasmtime_instance_export_get(instance->context, &instance->kernel_instance, binding->kernel_export,
			    strlen(binding->kernel_export), &item))
			return wasmtime_error_new("the kernel module lacks an export");
		error = wasmtime_linker_define(instance->shared->linker, instance->context, binding->module,
			strlen(binding->module), binding->name, strlen(binding->name), &item);
		if (error != NULL)
			return error;
	}
	return NULL;
}

wasmtime_call_future_t *instance_start_guest(
	struct wasm_instance *instance, wasm_trap_t **trap, wasmtime_error_t **error)
{
	*error = shadow_kernel(instance);
	if (*error != NULL)
		return NULL;
	return wasmtime_linker_instantiate_async(
		instance->shared->linker, instance->context, instance->module->module, &instance->guest, trap, error);
}

bool instance_function(struct wasm_instance *instance, const char *name, wasmtime_func_t *func)
{
	wasmtime_extern_t item;

	if (!wasmtime_instance_export_get(instance->context, &instance->guest, name, strlen(name), &item))
		return false;
	if (item.kind == WASMTIME_EXTERN_FUNC)
		*func = item.of.func;
	wasmtime_extern_delete(&item);
	return item.kind == WASMTIME_EXTERN_FUNC;
}

struct wasm_instance *instance_of(wasmtime_caller_t *caller)
{
	return wasmtime_context_get_data(wasmtime_caller_context(caller));
}

wasm_trap_t *instance_trap(struct wasm_instance *instance)
{
	return wasmtime_trap_new(instance->failure.text, strlen(instance->failure.text));
}

void instance_resume(struct wasm_instance *instance)
{
	instance->wait_over = true;
	if (instance->waiting)
		activation_resume(instance);
}

/* Asked by Wasmtime at each poll of a fiber that waits; it is polled only when it may go on. */
static bool wait_may_go_on(void *env)
{
	struct wasm_instance *instance = env;

	if (!instance->wait_over)
		return false;
	instance->waiting = false;
	return true;
}

void instance_wait(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t arg_count,
	wasmtime_val_t *results, size_t result_count, wasm_trap_t **trap, wasmtime_async_continuation_t *continuation)
{
	struct wasm_instance *instance = instance_of(caller);

	(void)env;
	(void)args;
	(void)arg_count;
	(void)results;
	(void)result_count;
	(void)trap;
	instance->wait_frame = __builtin_frame_address(0);
	instance->waiting = true;
	instance->wait_over = false;
	*continuation = (wasmtime_async_continuation_t){ .callback = wait_may_go_on, .env = instance };
}

wasm_trap_t *instance_finish(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	struct wasm_instance *instance = instance_of(caller);
	wait_finish_fn finish = instance->finish;
	wasm_trap_t *trap = NULL;

	(void)env;
	(void)count;
	instance->finish = NULL;
	if (finish != NULL) {
		instance->ready_result = 0;
		trap = finish(instance, caller, &instance->ready_result);
	}
	values[0].i64 = instance->ready_result;
	return trap;
}
