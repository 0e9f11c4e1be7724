/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Input goes in as one kernel block, output and error message come back as ranges of kernel memory. A guest that returns,
 * with success or with an error of its own, keeps its instance; one that trapped, was refused or stopped does not: no
 * destructor ran and its stack pointer is off. */
#include "engine/wasm/outcome.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/wasm/trap.h"

#include <inttypes.h>

#define EXPORT_TOOL "astrid_tool_call"
#define EXPORT_HOOK "astrid_hook_trigger"
#define EXPORT_INSTALL "astrid_install"
#define EXPORT_UPGRADE "astrid_upgrade"
#define EXPORT_START "_start"

#define COMPARED 256 /* exports that a name is compared with: a hostile module has any number */

static const char *export_name(const struct engine_call *call)
{
	switch (call->kind) {
	case ENGINE_TOOL:
		return EXPORT_TOOL;
	case ENGINE_INTERCEPTOR:
		return EXPORT_HOOK;
	case ENGINE_INSTALL:
		return EXPORT_INSTALL;
	case ENGINE_UPGRADE:
		return EXPORT_UPGRADE;
	default:
		return call->name;
	}
}

static bool is_lifecycle(const struct engine_call *call)
{
	return call->kind == ENGINE_INSTALL || call->kind == ENGINE_UPGRADE;
}

wasmtime_call_future_t *outcome_start_initializer(struct wasm_capsule *capsule)
{
	struct wasm_instance *instance = capsule->instance;
	const struct module_initializer *initializer = &instance->module->initializers[capsule->next_initializer];

	if (initializer->name == NULL || !instance_function(instance, initializer->name, &capsule->function))
		return NULL;
	for (size_t i = 0; i < 2; i++)
		capsule->values[i] = (wasmtime_val_t){ .kind = WASMTIME_I32 };
	return wasmtime_func_call_async(instance->context, &capsule->function, capsule->values,
		initializer->two_zeroes ? 2 : 0, NULL, 0, &capsule->trap, &capsule->error);
}

#define APPEND(out, literal) (void)buffer_append(out, literal, sizeof(literal) - 1)

/* {"name":...,"arguments":[bytes]}, or the name alone for a guest that takes its arguments as a block. */
static void append_request(struct buffer *out, const struct engine_call *call, bool with_arguments)
{
	APPEND(out, "{\"name\":");
	json_append_string(out, span_text(call->name));
	if (with_arguments) {
		APPEND(out, ",\"arguments\":");
		if (call->array.len > 0)
			buffer_append_span(out, call->array);
		else
			json_append_byte_array(out, call->input);
	}
	(void)buffer_append_byte(out, '}');
}

/* Guests built with the project's own SDK read JSON, older ones the bare text. */
static void append_upgrade(struct buffer *out, const struct engine_call *call, bool as_json)
{
	if (!as_json) {
		buffer_append_text(out, call->name);
		return;
	}
	buffer_append_text(out, "{\"prev_version\":");
	json_append_string(out, span_text(call->name));
	buffer_append_text(out, "}");
}

static enum capsule_status put_block(
	struct wasm_capsule *capsule, struct span bytes, uint64_t *offset, struct capsule_error *err)
{
	bool ok = true;

	*offset = kernel_put(&capsule->instance->kernel, bytes, &ok);
	if (ok)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"oom: the input of %zu bytes does not fit into the guest's kernel memory of %u MiB", bytes.len,
		capsule->shared->profile.kernel_pages / 16);
}

static enum capsule_status put_input(struct wasm_capsule *capsule, struct span input, struct capsule_error *err)
{
	uint64_t offset;
	enum capsule_status status = put_block(capsule, input, &offset, err);

	if (status == CAPSULE_OK)
		kernel_input_set(&capsule->instance->kernel, offset, input.len);
	return status;
}

static enum capsule_status prepare_input(struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct engine_call *call = capsule->current;
	struct buffer *text = &capsule->instance->host_call.out;
	enum capsule_status status;

	kernel_reset(&capsule->instance->kernel);
	capsule->instance->arguments = 0;
	if (call->kind == ENGINE_EXPORT)
		return put_input(capsule, call->input, err);
	buffer_clear(text);
	if (call->kind == ENGINE_TOOL || call->kind == ENGINE_INTERCEPTOR)
		append_request(text, call, !capsule->module->bulk_arguments);
	else if (call->kind == ENGINE_UPGRADE)
		append_upgrade(text, call, capsule->module->export_schemas);
	status = buffer_check(text, err);
	if (status == CAPSULE_OK)
		status = put_input(capsule, buffer_span(text), err);
	if (status == CAPSULE_OK && capsule->module->bulk_arguments)
		status = put_block(capsule, call->input, &capsule->instance->arguments, err);
	return status;
}

/* Whether the export can be called: nothing in, nothing or one value out. */
static bool callable(struct wasm_capsule *capsule, char *letters, size_t size)
{
	wasm_functype_t *type = wasmtime_func_type(capsule->instance->context, &capsule->function);
	bool plain = wasm_functype_params(type)->size == 0 && wasm_functype_results(type)->size <= 1;

	capsule->returns_value = wasm_functype_results(type)->size == 1;
	if (!module_type_letters(type, letters, size))
		letters[0] = '\0';
	wasm_functype_delete(type);
	return plain;
}

static enum capsule_status unknown_export(
	const struct wasm_capsule *capsule, const char *name, struct capsule_error *err)
{
	wasm_exporttype_vec_t exports;
	HOLD(free_drop) char **names = NULL;
	const char *near = NULL;
	size_t count = 0;

	wasmtime_module_exports(capsule->module->module, &exports);
	names = calloc(exports.size + 1, sizeof *names);
	for (size_t i = 0; names != NULL && i < exports.size && i < COMPARED; i++) {
		const wasm_name_t *export = wasm_exporttype_name(exports.data[i]);

		names[count] = text_copy(span_of(export->data, export->size));
		count += names[count] != NULL;
	}
	wasm_exporttype_vec_delete(&exports);
	if (names != NULL)
		near = text_nearest(name, (const char *const *)names, count);
	if (near != NULL)
		(void)error_set(err, CAPSULE_ENOTFOUND, "Function not found: %.256s; did you mean %s?", name, near);
	else
		(void)error_set(err, CAPSULE_ENOTFOUND, "Function not found: %.256s", name);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	return CAPSULE_ENOTFOUND;
}

enum capsule_status outcome_no_hook(const struct wasm_capsule *capsule, struct capsule_error *err)
{
	return unknown_export(capsule, EXPORT_HOOK, err);
}

static void keep_export(struct wasm_capsule *capsule, const char *name)
{
	struct wasm_instance *instance = capsule->instance;
	struct export_cache *cache = &instance->caches[instance->oldest_cache];

	if (strlen(name) >= sizeof cache->name)
		return;
	memcpy(cache->name, name, strlen(name) + 1);
	cache->function = capsule->function;
	cache->returns_value = capsule->returns_value;
	cache->known = true;
	instance->oldest_cache = (instance->oldest_cache + 1) % EXPORTS_KEPT;
}

/* Find the export; the last ones found are remembered, since a capsule's calls go to the same few. */
static enum capsule_status find_export(struct wasm_capsule *capsule, const char *name, struct capsule_error *err)
{
	char letters[32];

	for (size_t i = 0; i < EXPORTS_KEPT; i++) {
		const struct export_cache *cache = &capsule->instance->caches[i];

		if (!cache->known || strcmp(cache->name, name) != 0)
			continue;
		capsule->function = cache->function;
		capsule->returns_value = cache->returns_value;
		return CAPSULE_OK;
	}
	if (!instance_function(capsule->instance, name, &capsule->function))
		return unknown_export(capsule, name, err);
	if (!callable(capsule, letters, sizeof letters))
		return error_set(err, CAPSULE_EMODULE,
			"the export `%.128s` can't be called: it takes parameters or gives back more than one value; "
			"() and () -> i32 are callable",
			name);
	keep_export(capsule, name);
	return CAPSULE_OK;
}

wasmtime_call_future_t *outcome_start_call(struct wasm_capsule *capsule, struct capsule_error *err)
{
	struct wasm_instance *instance = capsule->instance;
	const struct engine_call *call = capsule->current;

	instance->failure.status = CAPSULE_OK;
	instance->exited = false;
	instance->stderr_len = 0;
	if (find_export(capsule, export_name(call), err) != CAPSULE_OK) {
		if (is_lifecycle(call))
			error_clear(err);
		capsule->skipped = is_lifecycle(call);
		return NULL;
	}
	capsule->skipped = false;
	if (prepare_input(capsule, err) != CAPSULE_OK)
		return NULL;
	capsule->values[0] = (wasmtime_val_t){ .kind = WASMTIME_I32 };
	return wasmtime_func_call_async(instance->context, &capsule->function, NULL, 0, capsule->values,
		capsule->returns_value ? 1 : 0, &capsule->trap, &capsule->error);
}

/* Whose failure it is, in front of what happened. */
static enum capsule_status in_call(const struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct engine_call *call = capsule->current;

	if (call->kind == ENGINE_TOOL)
		return error_in(err, "tool `%.128s`", call->name);
	if (call->kind == ENGINE_INTERCEPTOR)
		return error_in(err, "action `%.128s`", call->name);
	return error_in(err, "`%.128s`", export_name(call));
}

static enum capsule_status take_output(struct wasm_capsule *capsule, struct capsule_error *err)
{
	struct buffer *result = &capsule->current->op.result;
	struct span output = kernel_output(&capsule->instance->kernel);

	result->limit = LIMIT_OUTPUT;
	if (!buffer_append_span(result, output) && result->starved)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the output of %zu bytes", output.len);
	if (result->failed)
		return error_set(err, CAPSULE_ELIMIT, "the output of %zu bytes is over the limit of %u bytes",
			output.len, LIMIT_OUTPUT);
	return CAPSULE_OK;
}

/* The guest's own error message, if it set one. */
static bool take_error(struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct kernel_memory *kernel = &capsule->instance->kernel;
	struct span message = kernel_block(kernel, kernel_header(kernel)->error);
	HOLD(buffer_fini) struct buffer text = { .limit = 4 * ERROR_TEXT_MAX };

	if (message.len == 0)
		return false;
	text_append_lossy(&text, span_of(message.data, message.len < ERROR_TEXT_MAX ? message.len : ERROR_TEXT_MAX));
	(void)error_set(err, CAPSULE_EGUEST, "%.*s", SPAN_ARG(buffer_span(&text)));
	return true;
}

static int64_t return_code(const struct wasm_capsule *capsule)
{
	if (!capsule->returns_value)
		return 0;
	return capsule->values[0].kind == WASMTIME_I32 ? capsule->values[0].of.i32 : -1;
}

/* The guest came back by itself. */
static void decide_returned(struct wasm_capsule *capsule, struct capsule_error *err)
{
	int64_t code = return_code(capsule);

	if (capsule->skipped)
		return;
	if (!take_error(capsule, err)) {
		if (code == 0)
			(void)take_output(capsule, err);
		else
			(void)error_set(err, CAPSULE_EGUEST, "Returned non-zero exit code: %" PRId64, code);
	}
	if (err->status != CAPSULE_OK)
		(void)in_call(capsule, err);
}

bool outcome_decide(struct wasm_capsule *capsule, struct capsule_error *err)
{
	struct wasm_instance *instance = capsule->instance;
	bool cut_off = capsule->trap != NULL || capsule->error != NULL;
	bool clean_exit = instance->exited && instance->exit_code == 0;

	if (!cut_off) {
		decide_returned(capsule, err);
		return capsule->current->kind != ENGINE_EXPORT || strcmp(capsule->current->name, EXPORT_START) != 0;
	}
	(void)trap_describe(instance, capsule->trap, capsule->error, err);
	capsule->trap = NULL;
	capsule->error = NULL;
	if (clean_exit && capsule->phase == PHASE_CALL) {
		error_clear(err);
		if (!take_error(capsule, err))
			(void)take_output(capsule, err);
	}
	if (err->status != CAPSULE_OK)
		(void)in_call(capsule, err);
	return false;
}
