/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel's text. The plain part follows the reference kernel's bounds: a load below the header or behind the memory's
 * end gives 0, a store there is ignored; both ends of a word count. A waiting import becomes three calls: begin says whether there is anything to wait
 * for, the one shared asynchronous import `wait` suspends the fiber, finish has a live caller again and answers. */
#include "engine/wasm/kernel_module.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "capsule_deps.h"
#include "engine/wasm/instance.h"
#include "engine/wasm/trap.h"

#include <stdio.h>
#include <time.h>

/* Byte offsets into struct kernel_header. */
static_assert(offsetof(struct kernel_header, input_offset) == 0, "the text below says 0");
static_assert(offsetof(struct kernel_header, input_length) == 8, "the text below says 8");
static_assert(offsetof(struct kernel_header, output_offset) == 16, "the text below says 16");
static_assert(offsetof(struct kernel_header, output_length) == 24, "the text below says 24");
static_assert(offsetof(struct kernel_header, error) == 32, "the text below says 32");
static_assert(offsetof(struct kernel_header, log_level) == 40, "the text below says 40");
static_assert(sizeof(struct kernel_header) == KERNEL_HEADER, "guests reach what lies behind byte 64");

/* Whether local 0 is neither in the header nor behind the end: 64 <= offset <= end for a byte, <= end - 7 for a word, with one
 * comparison that wraps below 64. Written out in each function, since the compiler does not inline and these are where guests
 * spend their time. `below` is 64, plus 7 for a word. */
#define IN_REACH(below)                                                                                                \
	"(i64.le_u (i64.sub (local.get 0) (i64.const 64))"                                                             \
	" (i64.sub (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)) (i64.const " below ")))"

static const char plain_text[] =
	"(func (export \"extism:host/env/load_u8\") (param i64) (result i32)\n"
	"  (if (result i32) " IN_REACH(
		"64") "\n"
		      "    (then (i32.load8_u (i32.wrap_i64 (local.get 0)))) (else (i32.const 0))))\n"
		      "(func (export \"extism:host/env/load_u64\") (param i64) (result i64)\n"
		      "  (if (result i64) " IN_REACH(
			      "71") "\n"
				    "    (then (i64.load (i32.wrap_i64 (local.get 0)))) (else (i64.const 0))))\n"
				    "(func (export \"extism:host/env/store_u8\") (param i64 i32)\n"
				    "  (if " IN_REACH(
					    "64") "\n"
						  "    (then (i32.store8 (i32.wrap_i64 (local.get 0)) (local.get 1)))))\n"
						  "(func (export \"extism:host/env/store_u64\") (param i64 i64)\n"
						  "  (if " IN_REACH(
							  "71") "\n"
								"    (then (i64.store (i32.wrap_i64 (local.get 0)) (local.get 1)))))\n"
								"(func (export \"extism:host/env/input_offset\") (result i64) (i64.load (i32.const 0)))\n"
								"(func (export \"extism:host/env/input_length\") (result i64) (i64.load (i32.const 8)))\n"
								"(func (export \"extism:host/env/output_offset\") (result i64) (i64.load (i32.const 16)))\n"
								"(func (export \"extism:host/env/output_length\") (result i64) (i64.load (i32.const 24)))\n"
								"(func (export \"extism:host/env/error_get\") (result i64) (i64.load (i32.const 32)))\n"
								"(func (export \"extism:host/env/get_log_level\") (result i32) (i32.load (i32.const 40)))\n"
								"(func (export \"extism:host/env/input_load_u8\") (param i64) (result i32)\n"
								"  (if (result i32) (i64.lt_u (local.get 0) (i64.load (i32.const 8)))\n"
								"    (then (i32.load8_u (i32.wrap_i64 (i64.add (i64.load (i32.const 0)) (local.get 0)))))\n"
								"    (else (i32.const 0))))\n"
								"(func (export \"extism:host/env/input_load_u64\") (param i64) (result i64) (local i64)\n"
								"  (local.set 1 (i64.load (i32.const 8)))\n"
								"  (if (result i64) (i32.and (i64.ge_u (local.get 1) (i64.const 8))\n"
								"      (i64.le_u (local.get 0) (i64.sub (local.get 1) (i64.const 8))))\n"
								"    (then (i64.load (i32.wrap_i64 (i64.add (i64.load (i32.const 0)) (local.get 0)))))\n"
								"    (else (i64.const 0))))\n";

static bool waits(const struct binding *binding)
{
	return binding->kernel_export != NULL && binding->call != NULL;
}

static size_t param_count(const char *type)
{
	return (size_t)(strchr(type, ':') - type);
}

static void append_params(struct buffer *out, const char *type)
{
	if (*type == ':')
		return;
	buffer_append_text(out, " (param");
	for (; *type != ':'; type++)
		buffer_append_text(out, *type == 'i' ? " i32" : " i64");
	buffer_append_text(out, ")");
}

static void append_waiting(struct buffer *out, const struct binding *binding, size_t number)
{
	const char *result = strchr(binding->type, ':') + 1;

	buffer_printf(out, "(func (export \"%s\")", binding->kernel_export);
	append_params(out, binding->type);
	if (*result != '\0')
		buffer_append_text(out, *result == 'i' ? " (result i32)" : " (result i64)");
	buffer_printf(out, "\n  (if (call $begin%zu", number);
	for (size_t i = 0; i < param_count(binding->type); i++)
		buffer_printf(out, " (local.get %zu)", i);
	buffer_append_text(out, ") (then (call $wait)))\n  ");
	if (*result == '\0')
		buffer_append_text(out, "(drop (call $finish)))\n");
	else if (*result == 'i')
		buffer_append_text(out, "(i32.wrap_i64 (call $finish)))\n");
	else
		buffer_append_text(out, "(call $finish))\n");
}

static enum capsule_status kernel_module_text(
	struct buffer *out, const struct binding_table *table, uint32_t pages, struct capsule_error *err)
{
	buffer_append_text(out,
		"(module $" KERNEL_MODULE_NAME "\n"
		"(import \"host\" \"" KERNEL_WAIT "\" (func $wait))\n"
		"(import \"host\" \"" KERNEL_FINISH "\" (func $finish (result i64)))\n");
	for (size_t i = 0; i < table->count; i++) {
		if (!waits(&table->items[i]))
			continue;
		buffer_printf(out, "(import \"host\" \"%s\" (func $begin%zu", table->items[i].kernel_export, i);
		append_params(out, table->items[i].type);
		buffer_append_text(out, " (result i32)))\n");
	}
	buffer_printf(out, "(memory (export \"memory\") %u %u)\n", LIMIT_WASM_KERNEL_PAGES_LEAST, pages);
	buffer_append_text(out, plain_text);
	for (size_t i = 0; i < table->count; i++)
		if (waits(&table->items[i]))
			append_waiting(out, &table->items[i], i);
	buffer_append_text(out, ")\n");
	return buffer_check(out, err);
}

/* Begin functions answer an i32 whatever their import answers. */
static wasmtime_error_t *define_begin(wasmtime_linker_t *linker, const struct binding *binding)
{
	char type[sizeof binding->type];
	wasm_functype_t *functype;
	wasmtime_error_t *error;
	size_t params = param_count(binding->type);

	memcpy(type, binding->type, params);
	memcpy(type + params, ":i", 3);
	functype = binding_functype(type);
	error = wasmtime_linker_define_func_unchecked(linker, "host", 4, binding->kernel_export,
		strlen(binding->kernel_export), functype, binding->call, binding->env, NULL);
	wasm_functype_delete(functype);
	return error;
}

static wasmtime_error_t *define_imports(wasmtime_linker_t *linker, const struct binding_table *table)
{
	wasm_functype_t *nothing = binding_functype(":"), *number = binding_functype(":I");
	wasmtime_error_t *error = wasmtime_linker_define_async_func(
		linker, "host", 4, KERNEL_WAIT, strlen(KERNEL_WAIT), nothing, instance_wait, NULL, NULL);

	if (error == NULL)
		error = wasmtime_linker_define_func_unchecked(
			linker, "host", 4, KERNEL_FINISH, strlen(KERNEL_FINISH), number, instance_finish, NULL, NULL);
	for (size_t i = 0; error == NULL && i < table->count; i++)
		if (waits(&table->items[i]))
			error = define_begin(linker, &table->items[i]);
	wasm_functype_delete(nothing);
	wasm_functype_delete(number);
	return error;
}

static wasmtime_error_t *compile(struct wasm_runtime *runtime, const struct buffer *text)
{
	wasm_byte_vec_t bytes = { 0 };
	wasmtime_error_t *error = wasmtime_wat2wasm((const char *)text->data, text->len, &bytes);

	if (error == NULL) {
		error = wasmtime_module_new(
			runtime->engine, (const uint8_t *)bytes.data, bytes.size, &runtime->kernel_module);
		wasm_byte_vec_delete(&bytes);
	}
	return error;
}

static void keep(struct wasm_runtime *runtime, const struct artefact_seal *seal)
{
	wasm_byte_vec_t code;
	struct capsule_error note;
	wasmtime_error_t *error = wasmtime_module_serialize(runtime->kernel_module, &code);

	if (error != NULL) {
		wasmtime_error_delete(error);
		return;
	}
	HOLD(fd_drop) int fd = cache_put(&runtime->cache, span_of(code.data, code.size), seal, &note);

	wasm_byte_vec_delete(&code);
	wasm_runtime_warn(runtime, &note);
}

/* From the cache, or compiled and then kept. It is our own text: compiling it here is safe and takes milliseconds. */
static wasmtime_error_t *find_or_compile(struct wasm_runtime *runtime, const struct buffer *text)
{
	struct artefact_seal seal = { .module_bytes = text->len, .created = time(NULL), .name = "(kernel)" };
	struct capsule_error note;
	wasmtime_error_t *error;

	deps_blake3(text->data, text->len, seal.module);
	cache_key(seal.module, buffer_span(&runtime->description), seal.key);
	(void)snprintf(seal.engine, sizeof seal.engine, "Wasmtime %s", WASMTIME_VERSION);
	runtime->kernel_module = cache_load(&runtime->cache, seal.key, runtime->engine, &note);
	wasm_runtime_warn(runtime, &note);
	if (runtime->kernel_module != NULL)
		return NULL;
	error = compile(runtime, text);
	if (error == NULL && runtime->cache.dir != NULL)
		keep(runtime, &seal);
	return error;
}

enum capsule_status kernel_module_build(struct wasm_runtime *runtime, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	wasmtime_linker_t *linker;
	wasmtime_error_t *error;
	enum capsule_status status = kernel_module_text(&text, &runtime->bindings, runtime->profile.kernel_pages, err);

	if (status != CAPSULE_OK)
		return status;
	linker = wasmtime_linker_new(runtime->engine);
	error = define_imports(linker, &runtime->bindings);
	if (error == NULL)
		error = find_or_compile(runtime, &text);
	if (error == NULL)
		error = wasmtime_linker_instantiate_pre(linker, runtime->kernel_module, &runtime->kernel);
	wasmtime_linker_delete(linker);
	if (error == NULL)
		return CAPSULE_OK;
	return trap_error_text(err, CAPSULE_EINTERNAL, error, "the kernel module can't be built");
}
