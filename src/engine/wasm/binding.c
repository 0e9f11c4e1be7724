/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of imports: built once for a runtime from five sources, then only looked up. */
#include "engine/wasm/binding.h"

#include "base/cleanup.h"
#include "engine/wasm/wasm.h"

#include <assert.h>
#include <stdio.h>

#define TEST_MODULE "capsule:test"
#define NAMES_PER_BINDING 96

enum capsule_status binding_add(struct binding_table *table, const struct binding *binding, struct capsule_error *err)
{
	if (table->count == table->capacity) {
		size_t capacity = table->capacity == 0 ? 256 : table->capacity * 2;
		struct binding *items = realloc(table->items, capacity * sizeof *items);

		if (items == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for the table of imports");
		table->items = items;
		table->capacity = capacity;
	}
	table->items[table->count++] = *binding;
	return CAPSULE_OK;
}

/* "module\0name", the key of the map. Returns its length, 0 when it does not fit. */
static size_t binding_key(char *out, size_t size, struct span module, struct span name)
{
	if (module.len + 1 + name.len > size)
		return 0;
	memcpy(out, module.data, module.len);
	out[module.len] = '\0';
	memcpy(out + module.len + 1, name.data, name.len);
	return module.len + 1 + name.len;
}

/* The map points into the array, so it is filled when the array has its final place. */
static enum capsule_status binding_index(struct binding_table *table, struct capsule_error *err)
{
	for (size_t i = 0; i < table->count; i++) {
		struct binding *binding = &table->items[i];
		char key[256];
		size_t len = binding_key(key, sizeof key, span_text(binding->module), span_text(binding->name));
		enum capsule_status status = map_put(&table->by_name, span_of(key, len), binding, NULL, err);

		if (status != CAPSULE_OK)
			return status;
	}
	return CAPSULE_OK;
}

/* What the kernel serves is exported there under "<module>/<name>", one name for each binding. */
static enum capsule_status binding_name_exports(struct binding_table *table, struct capsule_error *err)
{
	char *next = calloc(table->count, NAMES_PER_BINDING);

	table->names = next;
	if (next == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the names of the kernel module");
	for (size_t i = 0; i < table->count; i++, next += NAMES_PER_BINDING) {
		struct binding *binding = &table->items[i];

		if (binding->kernel_export == NULL)
			continue;
		(void)snprintf(next, NAMES_PER_BINDING, "%s/%s", binding->module, binding->name);
		binding->kernel_export = next;
	}
	return CAPSULE_OK;
}

enum capsule_status binding_table_init(
	struct binding_table *table, const struct wasm_extra *extra, struct capsule_error *err)
{
	enum capsule_status status;

	*table = (struct binding_table){ 0 };
	status = native_bind(table, err);
	if (status == CAPSULE_OK)
		status = adapter_bind(table, host_functions, host_function_count, "extism:host/user", err);
	if (status == CAPSULE_OK && extra != NULL)
		status = adapter_bind(table, extra->rows, extra->count, TEST_MODULE, err);
	if (status == CAPSULE_OK)
		status = shim_bind(table, err);
	if (status == CAPSULE_OK)
		status = bulk_bind(table, err);
	if (status == CAPSULE_OK)
		status = wasi_bind(table, err);
	if (status == CAPSULE_OK)
		status = binding_name_exports(table, err);
	if (status == CAPSULE_OK)
		status = binding_index(table, err);
	return status;
}

void binding_table_fini(struct binding_table *table)
{
	map_fini(&table->by_name);
	free(table->items);
	free(table->names);
	*table = (struct binding_table){ 0 };
}

const struct binding *binding_find(const struct binding_table *table, struct span module, struct span name)
{
	char key[256];
	size_t len = binding_key(key, sizeof key, module, name);

	return len == 0 ? NULL : map_get(&table->by_name, span_of(key, len));
}

bool binding_module_known(const struct binding_table *table, struct span module)
{
	for (size_t i = 0; i < table->count; i++)
		if (span_is(module, table->items[i].module))
			return true;
	return false;
}

static void valtype_vec(wasm_valtype_vec_t *out, const char *letters, size_t count)
{
	wasm_valtype_t *types[sizeof((struct binding *)0)->type];

	assert(count <= sizeof types / sizeof types[0]);
	for (size_t i = 0; i < count; i++)
		types[i] = wasm_valtype_new(letters[i] == 'i' ? WASM_I32 : WASM_I64);
	wasm_valtype_vec_new(out, count, types);
}

wasm_functype_t *binding_functype(const char *type)
{
	const char *colon = strchr(type, ':');
	wasm_valtype_vec_t params, results;

	valtype_vec(&params, type, (size_t)(colon - type));
	valtype_vec(&results, colon + 1, strlen(colon + 1));
	return wasm_functype_new(&params, &results);
}

enum capsule_status binding_define(
	const struct binding_table *table, wasmtime_linker_t *linker, struct capsule_error *err)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct binding *binding = &table->items[i];
		wasm_functype_t *type;
		wasmtime_error_t *error;

		if (binding->kernel_export != NULL)
			continue;
		type = binding_functype(binding->type);
		error = wasmtime_linker_define_func_unchecked(linker, binding->module, strlen(binding->module),
			binding->name, strlen(binding->name), type, binding->call, binding->env, NULL);
		wasm_functype_delete(type);
		if (error != NULL) {
			wasmtime_error_delete(error);
			return error_set(err, CAPSULE_EINTERNAL, "the import %s::%s can't be defined", binding->module,
				binding->name);
		}
	}
	return CAPSULE_OK;
}
