/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a module, WAT text when they begin with "(". Whatever they are, scanning reads nothing outside of them; of what
 * compiles, the scan finds what Wasmtime finds, and the check against the host's imports ends with a verdict in clean text. */
#include "engine/wasm/module.h"

#include "base/limits.h"
#include "base/text.h"
#include "fuzz/target.h"

#define INPUT_MAX (32 * KIB) /* compiling takes too long for larger ones */

/* Made once, kept to the end of the process. */
static struct wasm_runtime *the_runtime(void)
{
	static struct wasm_runtime *runtime;
	static struct loop *loop;

	if (runtime == NULL) {
		CHECK(loop_new(&loop, &clock_system, NULL) == CAPSULE_OK);
		CHECK(wasm_runtime_new(&runtime, loop, NULL, NULL) == CAPSULE_OK);
	}
	return runtime;
}

/* The memory that the module exports, if it is its own, has the limits that the scan found. */
static void check_memory(const struct wasm_module *module)
{
	wasm_importtype_vec_t imports;
	wasm_exporttype_vec_t exports;
	bool imported = false;

	wasmtime_module_imports(module->module, &imports);
	wasmtime_module_exports(module->module, &exports);
	for (size_t i = 0; i < imports.size; i++)
		imported |= wasm_externtype_kind(wasm_importtype_type(imports.data[i])) == WASM_EXTERN_MEMORY;
	for (size_t i = 0; i < exports.size && !imported; i++) {
		const wasm_externtype_t *type = wasm_exporttype_type(exports.data[i]);

		if (wasm_externtype_kind(type) != WASM_EXTERN_MEMORY)
			continue;
		CHECK(module->scan.memory_count == 1);
		CHECK(module->scan.memory_min ==
			wasmtime_memorytype_minimum(wasm_externtype_as_memorytype_const(type)));
	}
	wasm_importtype_vec_delete(&imports);
	wasm_exporttype_vec_delete(&exports);
}

static void check_module(struct span bytes, const struct module_scan *scan, bool framed)
{
	struct wasm_runtime *runtime = the_runtime();
	struct wasm_module module = { .shared = runtime, .scan = *scan };
	struct capsule_error err = { 0 };
	wasmtime_error_t *error = wasmtime_module_new(runtime->engine, bytes.data, bytes.len, &module.module);

	if (error != NULL) {
		wasmtime_error_delete(error);
		return;
	}
	CHECK(framed);
	CHECK(!module_is_component(bytes));
	check_memory(&module);
	if (module_check(&module, &runtime->bindings, &err) != CAPSULE_OK) {
		CHECK(err.status == CAPSULE_EMODULE);
		CHECK(err.text[0] != '\0' && text_is_utf8(span_text(err.text)));
	} else {
		CHECK(module.scan.memory_count <= 1 && !(module.run_loop && module.run_mismatch));
		for (size_t i = 0; i < module.kernel_import_count; i++)
			CHECK(module.kernel_imports[i]->kernel_export != NULL);
	}
	free(module.kernel_imports);
	wasmtime_module_delete(module.module);
}

static void check_bytes(struct span bytes)
{
	struct module_scan scan;
	bool framed = module_scan(bytes, &scan);

	if (bytes.len <= INPUT_MAX)
		check_module(bytes, &scan, framed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	wasm_byte_vec_t binary = { 0 };
	wasmtime_error_t *error;

	if (size == 0 || data[0] != '(' || size > INPUT_MAX) {
		check_bytes(span_of(data, size));
		return 0;
	}
	error = wasmtime_wat2wasm((const char *)data, size, &binary);
	if (error != NULL) {
		wasmtime_error_delete(error);
		return 0;
	}
	check_bytes(span_of(binary.data, binary.size));
	wasm_byte_vec_delete(&binary);
	return 0;
}
