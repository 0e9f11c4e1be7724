/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The import module extism:host/env: what of Extism's guest interface is not plain memory access. The argument handles of
 * configuration, variable, log and HTTP functions are consumed: their blocks are freed. */
#include "engine/wasm/activation.h"
#include "engine/wasm/instance.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#define NATIVE(name)                                                                                                   \
	static wasm_trap_t *native_##name(                                                                             \
		void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
#define UNUSED_NATIVE() ((void)env, (void)count)

#define VAR_OVERHEAD 48 /* bytes that count for each variable besides its key and value */

static enum capsule_status oom(const struct wasm_instance *instance, struct capsule_error *err)
{
	return error_set(err, CAPSULE_ELIMIT,
		"oom: out of memory: the kernel memory is at its ceiling of %u MiB or %u blocks",
		instance->shared->profile.kernel_pages / 16, LIMIT_KERNEL_BLOCKS);
}

static wasm_trap_t *trap_oom(struct wasm_instance *instance)
{
	(void)oom(instance, &instance->failure);
	return instance_trap(instance);
}

enum capsule_status instance_reserve(struct host_call *call, size_t len, struct capsule_error *err)
{
	struct wasm_instance *instance = call->user;
	bool ok = true;

	instance->reserved = kernel_alloc(&instance->kernel, len, &ok);
	return ok ? CAPSULE_OK : oom(instance, err);
}

wasm_trap_t *instance_put(struct wasm_instance *instance, struct span bytes, int64_t *handle)
{
	bool ok = true;

	*handle = (int64_t)kernel_put(&instance->kernel, bytes, &ok);
	return ok ? NULL : trap_oom(instance);
}

NATIVE(alloc)
{
	struct wasm_instance *instance = instance_of(caller);
	bool ok = true;

	UNUSED_NATIVE();
	values[0].i64 = (int64_t)kernel_alloc(&instance->kernel, (uint64_t)values[0].i64, &ok);
	return ok ? NULL : trap_oom(instance);
}

NATIVE(free)
{
	UNUSED_NATIVE();
	kernel_free(&instance_of(caller)->kernel, (uint64_t)values[0].i64);
	return NULL;
}

NATIVE(length)
{
	UNUSED_NATIVE();
	values[0].i64 = (int64_t)kernel_length(&instance_of(caller)->kernel, (uint64_t)values[0].i64);
	return NULL;
}

NATIVE(input_set)
{
	UNUSED_NATIVE();
	kernel_input_set(&instance_of(caller)->kernel, (uint64_t)values[0].i64, (uint64_t)values[1].i64);
	return NULL;
}

NATIVE(output_set)
{
	UNUSED_NATIVE();
	kernel_output_set(&instance_of(caller)->kernel, (uint64_t)values[0].i64, (uint64_t)values[1].i64);
	return NULL;
}

NATIVE(error_set)
{
	UNUSED_NATIVE();
	kernel_error_set(&instance_of(caller)->kernel, (uint64_t)values[0].i64);
	return NULL;
}

NATIVE(reset)
{
	UNUSED_NATIVE();
	(void)values;
	kernel_reset(&instance_of(caller)->kernel);
	return NULL;
}

NATIVE(memory_bytes)
{
	UNUSED_NATIVE();
	values[0].i64 = (int64_t)kernel_bytes(&instance_of(caller)->kernel);
	return NULL;
}

/* The block behind a handle that a function consumes. 0 is empty; anything else must be a block. */
static wasm_trap_t *native_arg(struct wasm_instance *instance, uint64_t handle, struct span *out)
{
	*out = kernel_block(&instance->kernel, handle);
	if (handle == 0 || out->len > 0)
		return NULL;
	(void)error_set(&instance->failure, CAPSULE_EINVAL, "invalid handle offset: %llu", (unsigned long long)handle);
	return instance_trap(instance);
}

NATIVE(config_get)
{
	struct wasm_instance *instance = instance_of(caller);
	uint64_t handle = (uint64_t)values[0].i64;
	const char *value = NULL;
	struct span key;
	wasm_trap_t *trap = native_arg(instance, handle, &key);

	UNUSED_NATIVE();
	if (trap != NULL)
		return trap;
	if (!text_is_utf8(key)) {
		(void)error_set(&instance->failure, CAPSULE_EINVAL, "config_get: the key is not valid UTF-8");
		return instance_trap(instance);
	}
	/* A capsule's settings are reached by astrid_get_config only; a bare module has no other way. */
	if (instance->owner->env.config != NULL)
		value = map_get(instance->owner->env.config, key);
	kernel_free(&instance->kernel, handle);
	return instance_put(instance, value == NULL ? span_of(NULL, 0) : span_text(value), &values[0].i64);
}

NATIVE(var_get)
{
	struct wasm_instance *instance = instance_of(caller);
	uint64_t handle = (uint64_t)values[0].i64;
	const struct buffer *value;
	struct span key;
	wasm_trap_t *trap = native_arg(instance, handle, &key);

	UNUSED_NATIVE();
	if (trap != NULL)
		return trap;
	value = map_get(&instance->owner->vars, key);
	kernel_free(&instance->kernel, handle);
	return instance_put(instance, value == NULL ? span_of(NULL, 0) : buffer_span(value), &values[0].i64);
}

static void var_remove(struct wasm_capsule *capsule, struct span key)
{
	struct buffer *old = map_remove(&capsule->vars, key);

	if (old == NULL)
		return;
	capsule->vars_bytes -= key.len + old->len + VAR_OVERHEAD;
	buffer_fini(old);
	free(old);
}

static enum capsule_status var_store(
	struct wasm_capsule *capsule, struct span key, struct span value, struct capsule_error *err)
{
	const struct buffer *old = map_get(&capsule->vars, key);
	size_t without = capsule->vars_bytes - (old == NULL ? 0 : key.len + old->len + VAR_OVERHEAD);
	HOLD(free_drop) struct buffer *copy = NULL;

	if (without + key.len + value.len + VAR_OVERHEAD > LIMIT_EXTISM_VARS)
		return error_set(
			err, CAPSULE_ELIMIT, "Variable store is full: %u bytes are the most", LIMIT_EXTISM_VARS);
	copy = calloc(1, sizeof *copy);
	if (copy == NULL || !buffer_append_span(copy, value))
		return error_set(err, CAPSULE_ENOMEM, "no memory for a variable");
	var_remove(capsule, key);
	if (map_put(&capsule->vars, key, copy, NULL, err) != CAPSULE_OK) {
		buffer_fini(copy);
		return CAPSULE_ENOMEM;
	}
	capsule->vars_bytes += key.len + value.len + VAR_OVERHEAD;
	copy = NULL;
	return CAPSULE_OK;
}

NATIVE(var_set)
{
	struct wasm_instance *instance = instance_of(caller);
	uint64_t key_handle = (uint64_t)values[0].i64, value_handle = (uint64_t)values[1].i64;
	struct span key, value;
	wasm_trap_t *trap = native_arg(instance, key_handle, &key);

	UNUSED_NATIVE();
	if (trap == NULL)
		trap = native_arg(instance, value_handle, &value);
	if (trap != NULL)
		return trap;
	if (value_handle == 0)
		var_remove(instance->owner, key);
	else if (var_store(instance->owner, key, value, &instance->failure) != CAPSULE_OK)
		return instance_trap(instance);
	kernel_free(&instance->kernel, key_handle);
	kernel_free(&instance->kernel, value_handle);
	return NULL;
}

/* No address is allowed this way; a capsule asks through the host's own HTTP function, which its manifest governs. */
NATIVE(http_request)
{
	struct wasm_instance *instance = instance_of(caller);
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD, .depth_max = LIMIT_JSON_DEPTH };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct span request;
	const char *url;
	wasm_trap_t *trap = native_arg(instance, (uint64_t)values[0].i64, &request);

	UNUSED_NATIVE();
	if (trap != NULL)
		return trap;
	if (json_parse(&doc, request, &limits, "HTTP request", &instance->failure) != CAPSULE_OK)
		return instance_trap(instance);
	url = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "url"));
	if (url == NULL)
		(void)error_set(&instance->failure, CAPSULE_EINVAL, "HTTP request: the member `url` is missing");
	else
		(void)error_set(&instance->failure, CAPSULE_EDENIED, "HTTP request to %.256s is not allowed", url);
	return instance_trap(instance);
}

NATIVE(zero_i32)
{
	UNUSED_NATIVE();
	(void)caller;
	values[0].i32 = 0;
	return NULL;
}

NATIVE(zero_i64)
{
	UNUSED_NATIVE();
	(void)caller;
	values[0].i64 = 0;
	return NULL;
}

/* `env` is the level as a pointer-sized number. */
NATIVE(log)
{
	struct wasm_instance *instance = instance_of(caller);
	enum capsule_log_level level = (enum capsule_log_level)(uintptr_t)env;
	const struct log_sink *log = instance->owner->host.log;
	uint64_t handle = (uint64_t)values[0].i64;
	struct span message;
	wasm_trap_t *trap = native_arg(instance, handle, &message);

	(void)count;
	if (trap != NULL)
		return trap;
	if (log_wants(log, level)) {
		if (text_is_utf8(message)) {
			if (message.len > LIMIT_LOG_MESSAGE)
				message.len = text_utf8_valid_prefix(span_of(message.data, LIMIT_LOG_MESSAGE));
			log_write(log, level, instance->owner->host.capsule_id, message);
		} else {
			log_write(log, CAPSULE_LOG_ERROR, instance->owner->host.capsule_id,
				span_text("a log message of the guest is not valid UTF-8"));
		}
	}
	kernel_free(&instance->kernel, handle);
	return NULL;
}

struct native {
	const char *name, *type;
	wasmtime_func_unchecked_callback_t call; /* NULL: plain WebAssembly of the kernel */
	enum capsule_log_level level;
};

static const struct native natives[] = {
	{ .name = "alloc", .type = "I:I", .call = native_alloc },
	{ .name = "free", .type = "I:", .call = native_free },
	{ .name = "length", .type = "I:I", .call = native_length },
	{ .name = "length_unsafe", .type = "I:I", .call = native_length },
	{ .name = "load_u8", .type = "I:i" },
	{ .name = "load_u64", .type = "I:I" },
	{ .name = "store_u8", .type = "Ii:" },
	{ .name = "store_u64", .type = "II:" },
	{ .name = "input_set", .type = "II:", .call = native_input_set },
	{ .name = "input_length", .type = ":I" },
	{ .name = "input_offset", .type = ":I" },
	{ .name = "input_load_u8", .type = "I:i" },
	{ .name = "input_load_u64", .type = "I:I" },
	{ .name = "output_set", .type = "II:", .call = native_output_set },
	{ .name = "output_length", .type = ":I" },
	{ .name = "output_offset", .type = ":I" },
	{ .name = "error_set", .type = "I:", .call = native_error_set },
	{ .name = "error_get", .type = ":I" },
	{ .name = "reset", .type = ":", .call = native_reset },
	{ .name = "memory_bytes", .type = ":I", .call = native_memory_bytes },
	{ .name = "config_get", .type = "I:I", .call = native_config_get },
	{ .name = "var_get", .type = "I:I", .call = native_var_get },
	{ .name = "var_set", .type = "II:", .call = native_var_set },
	{ .name = "http_request", .type = "II:I", .call = native_http_request },
	{ .name = "http_status_code", .type = ":i", .call = native_zero_i32 },
	{ .name = "http_headers", .type = ":I", .call = native_zero_i64 },
	{ .name = "log_trace", .type = "I:", .call = native_log, .level = CAPSULE_LOG_TRACE },
	{ .name = "log_debug", .type = "I:", .call = native_log, .level = CAPSULE_LOG_DEBUG },
	{ .name = "log_info", .type = "I:", .call = native_log, .level = CAPSULE_LOG_INFO },
	{ .name = "log_warn", .type = "I:", .call = native_log, .level = CAPSULE_LOG_WARN },
	{ .name = "log_error", .type = "I:", .call = native_log, .level = CAPSULE_LOG_ERROR },
	{ .name = "get_log_level", .type = ":i" },
};

enum capsule_status native_bind(struct binding_table *table, struct capsule_error *err)
{
	for (size_t i = 0; i < sizeof natives / sizeof natives[0]; i++) {
		struct binding binding = {
			.module = "extism:host/env", .name = natives[i].name, .call = natives[i].call
		};

		binding.env = (void *)(uintptr_t)natives[i].level;
		binding.kernel_export = natives[i].call == NULL ? natives[i].name : NULL;
		memcpy(binding.type, natives[i].type, strlen(natives[i].type) + 1);
		if (binding_add(table, &binding, err) != CAPSULE_OK)
			return CAPSULE_ENOMEM;
	}
	return CAPSULE_OK;
}
