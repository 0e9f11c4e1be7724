/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Does a compiled module fit this host: every import known and of the right type, one memory within the ceiling, the exports
 * that the host calls of the types that it calls them with. All misfits are told at once. */
#include "engine/wasm/module.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#define NAME_SHOWN 96 /* bytes of an import's module and of its name */

bool module_type_letters(const wasm_functype_t *type, char *out, size_t size)
{
	const wasm_valtype_vec_t *parts[] = { wasm_functype_params(type), wasm_functype_results(type) };
	size_t at = 0;

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < parts[p]->size; i++) {
			wasm_valkind_t kind = wasm_valtype_kind(parts[p]->data[i]);

			if ((kind != WASM_I32 && kind != WASM_I64) || at + 3 > size)
				return false;
			out[at++] = kind == WASM_I32 ? 'i' : 'I';
		}
		if (p == 0)
			out[at++] = ':';
	}
	out[at] = '\0';
	return true;
}

/* As much of a hostile name as a message has room for. */
static struct span shown(struct span name)
{
	return name.len <= NAME_SHOWN ? name
				      : span_of(name.data, text_utf8_valid_prefix(span_of(name.data, NAME_SHOWN)));
}

/* "II:I" as "(i64, i64) -> i64". */
static void append_type(struct buffer *out, const char *letters)
{
	const char *colon = strchr(letters, ':');

	buffer_append_text(out, "(");
	for (const char *at = letters; at < colon; at++)
		buffer_printf(out, "%s%s", at == letters ? "" : ", ", *at == 'i' ? "i32" : "i64");
	buffer_append_text(out, ")");
	if (colon[1] != '\0')
		buffer_printf(out, " -> %s", colon[1] == 'i' ? "i32" : "i64");
}

static const char *nearest_import(const struct binding_table *table, struct span module, struct span name)
{
	HOLD(free_drop) const char **names = calloc(table->count, sizeof *names);
	HOLD(free_drop) char *wanted = text_copy(name);
	size_t count = 0;

	if (names == NULL || wanted == NULL)
		return NULL;
	for (size_t i = 0; i < table->count; i++)
		if (span_is(module, table->items[i].module))
			names[count++] = table->items[i].name;
	return text_nearest(wanted, names, count);
}

static void explain_unknown(
	const struct binding_table *table, struct span module, struct span name, struct buffer *problems)
{
	const char *near;

	buffer_printf(problems, "\n  import %.*s::%.*s ", SPAN_ARG(shown(module)), SPAN_ARG(shown(name)));
	if (!binding_module_known(table, module)) {
		buffer_append_text(problems, "comes from a module that this host does not offer");
		return;
	}
	near = nearest_import(table, module, name);
	buffer_append_text(problems, "does not exist");
	if (near != NULL)
		buffer_printf(problems, "; did you mean %s?", near);
}

/* The binding of one import, or NULL with a line in `problems`. */
static const struct binding *check_import(
	const wasm_importtype_t *import, const struct binding_table *table, struct buffer *problems)
{
	const wasm_name_t *module_name = wasm_importtype_module(import), *import_name = wasm_importtype_name(import);
	struct span module = span_of(module_name->data, module_name->size);
	struct span name = span_of(import_name->data, import_name->size);
	const wasm_externtype_t *type = wasm_importtype_type(import);
	const struct binding *binding = binding_find(table, module, name);
	const wasm_functype_t *func = wasm_externtype_as_functype_const(type);
	char letters[32];
	bool plain = func != NULL && module_type_letters(func, letters, sizeof letters);

	if (func == NULL) {
		buffer_printf(problems, "\n  import %.*s::%.*s is not a function; only functions can be imported",
			SPAN_ARG(shown(module)), SPAN_ARG(shown(name)));
		return NULL;
	}
	if (binding == NULL) {
		explain_unknown(table, module, name, problems);
		return NULL;
	}
	if (plain && strcmp(letters, binding->type) == 0)
		return binding;
	buffer_printf(problems, "\n  import %.*s::%.*s has the wrong type (type mismatch): it is ",
		SPAN_ARG(shown(module)), SPAN_ARG(shown(name)));
	append_type(problems, binding->type);
	buffer_append_text(problems, ", the module wants ");
	if (plain)
		append_type(problems, letters);
	else
		buffer_append_text(problems, "other types of values");
	return NULL;
}

static enum capsule_status check_imports(
	struct wasm_module *module, const struct binding_table *table, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer problems = { .limit = 640 };
	wasm_importtype_vec_t imports;

	wasmtime_module_imports(module->module, &imports);
	module->kernel_imports = calloc(imports.size + 1, sizeof *module->kernel_imports);
	for (size_t i = 0; module->kernel_imports != NULL && i < imports.size; i++) {
		const struct binding *binding = check_import(imports.data[i], table, &problems);

		if (binding != NULL && strcmp(binding->module, BULK_MODULE) == 0 &&
			strcmp(binding->name, BULK_ARGUMENTS) == 0)
			module->bulk_arguments = true;
		if (binding != NULL && binding->kernel_export != NULL)
			module->kernel_imports[module->kernel_import_count++] = binding;
	}
	wasm_importtype_vec_delete(&imports);
	if (module->kernel_imports == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the imports of a module");
	if (problems.len > 0 || problems.failed)
		return error_set(err, CAPSULE_EMODULE, "the module does not fit this host:%.*s%s", (int)problems.len,
			(const char *)problems.data, problems.failed ? "\n  and more" : "");
	return CAPSULE_OK;
}

struct exports {
	char hs_init[32], ctors[32], initialize[32], run[32];
};

static void note_export(struct wasm_module *module, const wasm_exporttype_t *export, struct exports *found)
{
	const wasm_name_t *export_name = wasm_exporttype_name(export);
	struct span name = span_of(export_name->data, export_name->size);
	const wasm_functype_t *func = wasm_externtype_as_functype_const(wasm_exporttype_type(export));
	struct {
		const char *name;
		char *letters;
	} known[] = { { "hs_init", found->hs_init }, { "__wasm_call_ctors", found->ctors },
		{ "_initialize", found->initialize }, { "run", found->run } };

	if (func == NULL)
		return;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (span_is(name, known[i].name) && !module_type_letters(func, known[i].letters, 32))
			memcpy(known[i].letters, "other", 6);
	module->export_schemas = module->export_schemas || span_is(name, "astrid_export_schemas");
	module->export_hook = module->export_hook || span_is(name, "astrid_hook_trigger");
}

/* Which initialisers a fresh instance runs, in this priority; a wrong type means that nothing is called. */
static void choose_initializers(struct wasm_module *module, const struct exports *found)
{
	bool initialize = strcmp(found->initialize, ":") == 0;
	size_t count = 0;

	if (found->hs_init[0] != '\0') {
		if (initialize)
			module->initializers[count++].name = "_initialize";
		if (strcmp(found->hs_init, "ii:") == 0)
			module->initializers[count] = (struct module_initializer){ .name = "hs_init",
				.two_zeroes = true };
	} else if (found->ctors[0] != '\0') {
		if (strcmp(found->ctors, ":") == 0)
			module->initializers[count].name = "__wasm_call_ctors";
	} else if (initialize) {
		module->initializers[count].name = "_initialize";
	}
}

static void check_exports(struct wasm_module *module)
{
	struct exports found = { 0 };
	wasm_exporttype_vec_t exports;

	wasmtime_module_exports(module->module, &exports);
	for (size_t i = 0; i < exports.size; i++)
		note_export(module, exports.data[i], &found);
	wasm_exporttype_vec_delete(&exports);
	choose_initializers(module, &found);
	module->run_loop = strcmp(found.run, ":") == 0 || strcmp(found.run, ":i") == 0;
	module->run_mismatch = found.run[0] != '\0' && !module->run_loop;
}

enum capsule_status module_check_resources(
	const struct module_scan *scan, uint32_t guest_pages, struct capsule_error *err)
{
	if (scan->memory_count > 1)
		return error_set(err, CAPSULE_EMODULE, "the module defines %llu memories; one is the most",
			(unsigned long long)scan->memory_count);
	if (scan->memory_count == 1 && scan->memory_min > guest_pages)
		return error_set(err, CAPSULE_EMODULE,
			"oom: the module declares a memory of %llu pages; the ceiling is %u pages (%u KiB). Link it with "
			"a smaller initial memory",
			(unsigned long long)scan->memory_min, guest_pages, guest_pages * 64);
	if (scan->table_count > LIMIT_WASM_TABLES || scan->table_min > LIMIT_WASM_TABLE_ELEMENTS)
		return error_set(err, CAPSULE_EMODULE,
			"the module defines %llu tables, the largest of at least %llu elements; %u tables of %u elements "
			"are the most",
			(unsigned long long)scan->table_count, (unsigned long long)scan->table_min, LIMIT_WASM_TABLES,
			LIMIT_WASM_TABLE_ELEMENTS);
	return CAPSULE_OK;
}

enum capsule_status module_check(
	struct wasm_module *module, const struct binding_table *table, struct capsule_error *err)
{
	enum capsule_status status = check_imports(module, table, err);

	if (status == CAPSULE_OK)
		check_exports(module);
	return status;
}
