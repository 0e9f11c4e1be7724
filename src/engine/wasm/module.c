/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/module.h"

#include "base/cleanup.h"

static void module_free(struct wasm_module *module)
{
	if (module->module != NULL)
		wasmtime_module_delete(module->module);
	free(module->kernel_imports);
	free(module);
}

struct wasm_module *module_make(struct wasm_runtime *shared, wasmtime_module_t *code,
	const struct module_source *source, struct capsule_error *err)
{
	struct wasm_module *module = calloc(1, sizeof *module);
	enum capsule_status status;

	if (module == NULL) {
		wasmtime_module_delete(code);
		(void)error_set(err, CAPSULE_ENOMEM, "no memory for a module");
		return NULL;
	}
	*module = (struct wasm_module){
		.shared = shared, .refs = 1, .bytes = source->file_bytes, .scan = source->scan, .module = code
	};
	memcpy(module->hash, source->hash, HASH_LEN);
	status = module_check(module, &shared->bindings, err);
	if (status == CAPSULE_OK)
		status = map_put(&shared->modules, span_of(module->hash, HASH_LEN), module, NULL, err);
	if (status == CAPSULE_OK)
		return module;
	module_free(module);
	return NULL;
}

struct wasm_module *module_known(struct wasm_runtime *shared, const uint8_t hash[HASH_LEN])
{
	struct wasm_module *module = map_get(&shared->modules, span_of(hash, HASH_LEN));

	return module == NULL ? NULL : module_ref(module);
}

struct wasm_module *module_ref(struct wasm_module *module)
{
	module->refs++;
	return module;
}

void module_unref(struct wasm_module *module)
{
	if (module == NULL || --module->refs > 0)
		return;
	(void)map_remove(&module->shared->modules, span_of(module->hash, HASH_LEN));
	module_free(module);
}
