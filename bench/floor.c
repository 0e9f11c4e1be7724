/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls are fibers and epochs are on, as in the product, since without them a guest could not be stopped; everything else is
 * as Wasmtime has it by default. */
#include "floor.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasmtime.h>

#define MODULE_MAX ((size_t)1 << 20)
#define FIRST 64 /* bytes of the header in front of what the allocator gives */
#define KERNEL_BYTES (200u * 65536)

/* What guests find in the first bytes of the kernel's memory. */
struct header {
	uint64_t input, input_length, output, output_length, top;
};

static const char kernel_text[] =
	"(module (memory (export \"memory\") 200)\n"
	"(func (export \"input_length\") (result i64) (i64.load (i32.const 8)))\n"
	"(func (export \"input_load_u64\") (param i64) (result i64)\n"
	"  (i64.load (i32.wrap_i64 (i64.add (i64.load (i32.const 0)) (local.get 0)))))\n"
	"(func (export \"input_load_u8\") (param i64) (result i32)\n"
	"  (i32.load8_u (i32.wrap_i64 (i64.add (i64.load (i32.const 0)) (local.get 0)))))\n"
	"(func (export \"store_u64\") (param i64 i64) (i64.store (i32.wrap_i64 (local.get 0)) (local.get 1)))\n"
	"(func (export \"store_u8\") (param i64 i32) (i32.store8 (i32.wrap_i64 (local.get 0)) (local.get 1)))\n"
	"(func (export \"output_set\") (param i64 i64)\n"
	"  (i64.store (i32.const 16) (local.get 0)) (i64.store (i32.const 24) (local.get 1)))\n"
	"(func (export \"error_set\") (param i64) unreachable)\n"
	"(func (export \"alloc\") (param i64) (result i64)\n"
	"  (i64.load (i32.const 32))\n"
	"  (i64.store (i32.const 32) (i64.add (i64.load (i32.const 32))\n"
	"    (i64.and (i64.add (local.get 0) (i64.const 127)) (i64.const -64))))))\n";

static const char *const kernel_exports[] = { "input_length", "input_load_u64", "input_load_u8", "store_u64",
	"store_u8", "output_set", "error_set", "alloc" };

struct floor {
	wasm_engine_t *engine;
	wasmtime_module_t *kernel_module, *guest_module;
	wasmtime_linker_t *linker;
	wasmtime_instance_pre_t *kernel_pre;
	const char *export;
	wasmtime_store_t *store; /* NULL: no instance */
	wasmtime_context_t *context;
	wasmtime_func_t function;
	uint8_t *memory;
	uint8_t output[KERNEL_BYTES];
};

static void check(const char *what, wasmtime_error_t *error, wasm_trap_t *trap)
{
	wasm_byte_vec_t text = { 0 };

	if (error == NULL && trap == NULL)
		return;
	if (error != NULL)
		wasmtime_error_message(error, &text);
	else
		wasm_trap_message(trap, &text);
	bench_fail("floor: %s: %.*s", what, (int)text.size, text.data);
}

static void finish(const char *what, wasmtime_call_future_t *future, wasmtime_error_t **error, wasm_trap_t **trap)
{
	while (!wasmtime_call_future_poll(future)) {
	}
	wasmtime_call_future_delete(future);
	check(what, *error, *trap);
}

static wasmtime_module_t *compile(wasm_engine_t *engine, const void *bytes, size_t len)
{
	wasmtime_module_t *module = NULL;

	check("compile", wasmtime_module_new(engine, bytes, len, &module), NULL);
	return module;
}

static wasmtime_module_t *compile_kernel(wasm_engine_t *engine)
{
	wasm_byte_vec_t bytes = { 0 };
	wasmtime_module_t *module;

	check("kernel", wasmtime_wat2wasm(kernel_text, strlen(kernel_text), &bytes), NULL);
	module = compile(engine, bytes.data, bytes.size);
	wasm_byte_vec_delete(&bytes);
	return module;
}

static wasmtime_module_t *compile_guest(wasm_engine_t *engine, const char *guests, const char *guest)
{
	wasmtime_module_t *module;
	uint8_t *bytes = malloc(MODULE_MAX);
	char path[512];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof path, "%s/%s.wasm", guests, guest);
	file = fopen(path, "rb");
	if (file == NULL || bytes == NULL)
		bench_fail("%s can't be read", path);
	len = fread(bytes, 1, MODULE_MAX, file);
	(void)fclose(file);
	module = compile(engine, bytes, len);
	free(bytes);
	return module;
}

/* The host function that does nothing. */
static wasm_trap_t *empty(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	(void)env;
	(void)caller;
	(void)count;
	values[0].i64 = 0;
	return NULL;
}

static void define_empty(wasmtime_linker_t *linker, const char *name)
{
	wasm_functype_t *type = wasm_functype_new_0_1(wasm_valtype_new_i64());

	check(name,
		wasmtime_linker_define_func_unchecked(
			linker, "capsule:test", 12, name, strlen(name), type, empty, NULL, NULL),
		NULL);
	wasm_functype_delete(type);
}

static wasmtime_error_t *on_epoch(
	wasmtime_context_t *context, void *data, uint64_t *delta, wasmtime_update_deadline_kind_t *kind)
{
	(void)context;
	(void)data;
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_YIELD;
	return NULL;
}

struct floor *floor_open(const char *guests, const char *guest, const char *export)
{
	struct floor *floor = calloc(1, sizeof *floor);
	wasm_config_t *config = wasm_config_new();

	if (floor == NULL)
		bench_fail("out of memory");
	wasmtime_config_epoch_interruption_set(config, true);
	floor->engine = wasm_engine_new_with_config(config);
	floor->kernel_module = compile_kernel(floor->engine);
	floor->guest_module = compile_guest(floor->engine, guests, guest);
	floor->linker = wasmtime_linker_new(floor->engine);
	wasmtime_linker_allow_shadowing(floor->linker, true);
	define_empty(floor->linker, "bench_empty");
	define_empty(floor->linker, "bench_ready");
	check("kernel", wasmtime_linker_instantiate_pre(floor->linker, floor->kernel_module, &floor->kernel_pre), NULL);
	floor->export = export;
	floor_renew(floor);
	return floor;
}

void floor_close(struct floor *floor)
{
	floor_drop(floor);
	wasmtime_instance_pre_delete(floor->kernel_pre);
	wasmtime_linker_delete(floor->linker);
	wasmtime_module_delete(floor->guest_module);
	wasmtime_module_delete(floor->kernel_module);
	wasm_engine_delete(floor->engine);
	free(floor);
}

void floor_drop(struct floor *floor)
{
	if (floor->store != NULL)
		wasmtime_store_delete(floor->store);
	floor->store = NULL;
}

static wasmtime_extern_t export_of(struct floor *floor, wasmtime_instance_t *instance, const char *name)
{
	wasmtime_extern_t item;

	if (!wasmtime_instance_export_get(floor->context, instance, name, strlen(name), &item))
		bench_fail("floor: no export `%s`", name);
	return item;
}

void floor_renew(struct floor *floor)
{
	wasmtime_instance_t kernel, guest;
	wasmtime_error_t *error = NULL;
	wasm_trap_t *trap = NULL;
	wasmtime_extern_t item;

	floor->store = wasmtime_store_new(floor->engine, NULL, NULL);
	floor->context = wasmtime_store_context(floor->store);
	wasmtime_store_epoch_deadline_callback(floor->store, on_epoch, NULL, NULL);
	wasmtime_context_set_epoch_deadline(floor->context, 1);
	finish("kernel",
		wasmtime_instance_pre_instantiate_async(floor->kernel_pre, floor->context, &kernel, &trap, &error),
		&error, &trap);
	for (size_t i = 0; i < sizeof kernel_exports / sizeof kernel_exports[0]; i++) {
		item = export_of(floor, &kernel, kernel_exports[i]);
		check("link",
			wasmtime_linker_define(floor->linker, floor->context, "extism:host/env", 15, kernel_exports[i],
				strlen(kernel_exports[i]), &item),
			NULL);
	}
	finish("guest",
		wasmtime_linker_instantiate_async(
			floor->linker, floor->context, floor->guest_module, &guest, &trap, &error),
		&error, &trap);
	item = export_of(floor, &kernel, "memory");
	floor->memory = wasmtime_memory_data(floor->context, &item.of.memory);
	floor->function = export_of(floor, &guest, floor->export).of.func;
}

size_t floor_call(struct floor *floor, const void *input, size_t len)
{
	struct header *header = (struct header *)(void *)floor->memory;
	wasmtime_val_t result = { .kind = WASMTIME_I32 };
	wasmtime_error_t *error = NULL;
	wasm_trap_t *trap = NULL;

	*header = (struct header){ .input = FIRST, .input_length = len, .top = (FIRST + len + 127) & ~UINT64_C(63) };
	memcpy(floor->memory + FIRST, input, len);
	finish("call", wasmtime_func_call_async(floor->context, &floor->function, NULL, 0, &result, 1, &trap, &error),
		&error, &trap);
	if (result.of.i32 != 0 || header->output + header->output_length > sizeof floor->output)
		bench_fail("floor: the guest failed");
	memcpy(floor->output, floor->memory + header->output, header->output_length);
	return header->output_length;
}
