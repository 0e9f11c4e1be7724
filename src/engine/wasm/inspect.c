/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module described as JSON: what it imports and exports, its memory, and for each host function that it uses whether a call
 * would be let through. Compiles, runs nothing. */
#include "engine/wasm/module_load.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <inttypes.h>

struct inspection {
	struct op *op;
	struct wasm_runtime *shared;
	const struct engine_env *env;
	const char *file;
	struct module_load *load;
};

static void append_member(struct buffer *out, const char *name, struct span value)
{
	buffer_printf(out, "\"%s\":", name);
	json_append_string(out, value);
}

static const char *kind_name(wasm_externkind_t kind)
{
	switch (kind) {
	case WASM_EXTERN_FUNC:
		return "function";
	case WASM_EXTERN_GLOBAL:
		return "global";
	case WASM_EXTERN_TABLE:
		return "table";
	case WASM_EXTERN_MEMORY:
		return "memory";
	default:
		return "other";
	}
}

static const char *value_name(wasm_valkind_t kind)
{
	switch (kind) {
	case WASM_I32:
		return "i32";
	case WASM_I64:
		return "i64";
	case WASM_F32:
		return "f32";
	case WASM_F64:
		return "f64";
	default:
		return "ref";
	}
}

static void append_values(struct buffer *out, const wasm_valtype_vec_t *types)
{
	buffer_append_text(out, "(");
	for (size_t i = 0; i < types->size; i++)
		buffer_printf(out, "%s%s", i == 0 ? "" : ", ", value_name(wasm_valtype_kind(types->data[i])));
	buffer_append_text(out, ")");
}

static void append_kind_and_type(struct buffer *out, const wasm_externtype_t *type)
{
	const wasm_functype_t *func = wasm_externtype_as_functype_const(type);

	buffer_printf(out, "\"kind\":\"%s\",\"type\":", kind_name(wasm_externtype_kind(type)));
	if (func == NULL) {
		buffer_append_text(out, "null");
		return;
	}
	buffer_append_text(out, "\"");
	append_values(out, wasm_functype_params(func));
	if (wasm_functype_results(func)->size == 1)
		buffer_printf(out, " -> %s", value_name(wasm_valtype_kind(wasm_functype_results(func)->data[0])));
	else if (wasm_functype_results(func)->size > 1) {
		buffer_append_text(out, " -> ");
		append_values(out, wasm_functype_results(func));
	}
	buffer_append_text(out, "\"");
}

static struct span name_span(const wasm_name_t *name)
{
	return span_of(name->data, name->size);
}

static void append_imports(
	struct buffer *out, const struct inspection *inspection, const wasm_importtype_vec_t *imports)
{
	buffer_append_text(out, ",\"imports\":[");
	for (size_t i = 0; i < imports->size; i++) {
		struct span module = name_span(wasm_importtype_module(imports->data[i]));
		struct span name = name_span(wasm_importtype_name(imports->data[i]));
		bool known = binding_find(&inspection->shared->bindings, module, name) != NULL;

		buffer_append_text(out, i == 0 ? "{" : ",{");
		append_member(out, "module", module);
		buffer_append_text(out, ",");
		append_member(out, "name", name);
		buffer_append_text(out, ",");
		append_kind_and_type(out, wasm_importtype_type(imports->data[i]));
		buffer_printf(out, ",\"known\":%s}", known ? "true" : "false");
	}
	buffer_append_text(out, "]");
}

static void append_exports(struct buffer *out, const wasm_exporttype_vec_t *exports)
{
	buffer_append_text(out, ",\"exports\":[");
	for (size_t i = 0; i < exports->size; i++) {
		buffer_append_text(out, i == 0 ? "{" : ",{");
		append_member(out, "name", name_span(wasm_exporttype_name(exports->data[i])));
		buffer_append_text(out, ",");
		append_kind_and_type(out, wasm_exporttype_type(exports->data[i]));
		buffer_append_text(out, "}");
	}
	buffer_append_text(out, "]");
}

static void append_memory(struct buffer *out, const struct module_scan *scan)
{
	if (scan->memory_count == 0) {
		buffer_append_text(out, ",\"memory\":null");
		return;
	}
	buffer_printf(out, ",\"memory\":{\"pages_min\":%" PRIu64 ",\"pages_max\":", scan->memory_min);
	if (scan->memory_max == UINT64_MAX)
		buffer_append_text(out, "null}");
	else
		buffer_printf(out, "%" PRIu64 "}", scan->memory_max);
}

static void append_host_function(
	struct buffer *out, const struct inspection *inspection, const struct host_function *row)
{
	const struct engine_env *env = inspection->env;
	struct capsule_error why;
	const char *state = "ok";

	error_clear(&why);
	if (host_granted(row, env->capsule_id, env->manifest, &why) != CAPSULE_OK)
		state = "refused";
	else if (row->begin == NULL)
		state = "unserved";
	append_member(out, "name", span_text(row->name));
	buffer_append_text(out, ",\"capability\":");
	if (row->capability == NULL)
		buffer_append_text(out, "null");
	else
		json_append_string(out, span_text(row->capability));
	buffer_printf(out, ",\"state\":\"%s\",\"reason\":", state);
	if (why.text[0] != '\0')
		json_append_string(out, span_text(why.text));
	else if (row->begin == NULL)
		buffer_printf(out, "\"the %s service is not part of this release\"", row->service);
	else
		buffer_append_text(out, "null");
}

static void append_host_functions(
	struct buffer *out, const struct inspection *inspection, const wasm_importtype_vec_t *imports)
{
	bool first = true;

	buffer_append_text(out, ",\"host_functions\":[");
	for (size_t i = 0; i < imports->size; i++) {
		const struct binding *binding = binding_find(&inspection->shared->bindings,
			name_span(wasm_importtype_module(imports->data[i])),
			name_span(wasm_importtype_name(imports->data[i])));

		if (binding == NULL || binding->row == NULL)
			continue;
		buffer_append_text(out, first ? "{" : ",{");
		append_host_function(out, inspection, binding->row);
		buffer_append_text(out, "}");
		first = false;
	}
	buffer_append_text(out, "]");
}

/* As a capsule it would have a run loop. */
static bool exports_run(const wasm_exporttype_vec_t *exports)
{
	for (size_t i = 0; i < exports->size; i++) {
		const wasm_functype_t *func = wasm_externtype_as_functype_const(wasm_exporttype_type(exports->data[i]));
		char letters[32];

		if (span_is(name_span(wasm_exporttype_name(exports->data[i])), "run") && func != NULL &&
			module_type_letters(func, letters, sizeof letters))
			return strcmp(letters, ":") == 0 || strcmp(letters, ":i") == 0;
	}
	return false;
}

static void append_head(struct buffer *out, const struct inspection *inspection, const struct module_inspected *module)
{
	buffer_append_text(out, "{");
	append_member(out, "file", span_text(inspection->file));
	buffer_printf(out, ",\"bytes\":%zu,\"blake3\":\"", module->source->file_bytes);
	for (size_t i = 0; i < HASH_LEN; i++)
		buffer_printf(out, "%02x", module->source->hash[i]);
	buffer_append_text(out, "\",\"capsule\":");
	if (inspection->env->manifest == NULL)
		buffer_append_text(out, "null");
	else
		json_append_string(out, span_text(inspection->env->capsule_id));
	buffer_printf(out, ",\"kind\":\"%s\"", exports_run(&module->exports) ? "run-loop" : "tools");
}

static void inspected(void *user, const struct module_inspected *module, const struct capsule_error *error)
{
	struct inspection *inspection = user;
	struct buffer *out = &inspection->op->result;
	struct capsule_error err;

	if (module == NULL) {
		op_fail(inspection->op, error);
		free(inspection);
		return;
	}
	out->limit = LIMIT_OUTPUT;
	append_head(out, inspection, module);
	append_imports(out, inspection, &module->imports);
	append_exports(out, &module->exports);
	append_memory(out, &module->source->scan);
	append_host_functions(out, inspection, &module->imports);
	buffer_append_text(out, "}");
	if (buffer_check(out, &err) == CAPSULE_OK)
		op_finish(inspection->op);
	else
		op_fail(inspection->op, &err);
	free(inspection);
}

static void inspect_stopped(struct op *op)
{
	struct inspection *inspection = op->producer;

	module_load_cancel(inspection->load);
	free(inspection);
}

void wasm_inspect(struct wasm_runtime *runtime, const struct engine_env *env, const char *file, struct op *op)
{
	struct inspection *inspection = calloc(1, sizeof *inspection);
	struct capsule_error err;

	if (inspection == NULL) {
		(void)error_set(&err, CAPSULE_ENOMEM, "no memory to inspect a module");
		op_fail(op, &err);
		return;
	}
	*inspection = (struct inspection){ .op = op, .shared = runtime, .env = env, .file = file };
	op->producer = inspection;
	op->stop = inspect_stopped;
	inspection->load = module_inspect_start(runtime, env->dir, file,
		env->limits.module_bytes != 0 ? env->limits.module_bytes : LIMIT_WASM_MODULE, &op->stage, inspected,
		inspection, &err);
	if (inspection->load == NULL) {
		op_fail(op, &err);
		free(inspection);
	}
}
