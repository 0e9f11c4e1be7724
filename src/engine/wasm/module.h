/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A compiled module: read, checked against what the host offers, compiled on the pool, shared by all instances that come from
 * the same bytes. */
#ifndef WASM_MODULE_H
#define WASM_MODULE_H

#include "engine/wasm/module_scan.h"
#include "engine/wasm/shared.h"

#define HASH_LEN 32

/* An initialiser that runs once in a fresh instance, before the first call. */
struct module_initializer {
	const char *name; /* NULL: none */
	bool two_zeroes;  /* called with two i32 zeroes instead of nothing */
};

struct wasm_module {
	struct wasm_runtime *shared;
	uint32_t refs;
	uint8_t hash[HASH_LEN]; /* BLAKE3 of the file */
	size_t bytes;
	wasmtime_module_t *module;
	const struct binding **kernel_imports; /* those of its imports that its store's kernel serves */
	size_t kernel_import_count;
	struct module_initializer initializers[2];
	struct module_scan scan;
	bool run_mismatch;   /* exports run as a function of another type, which no host can call */
	bool run_loop;       /* exports run as a function without parameters */
	bool bulk_arguments; /* takes the arguments of a call as a block of their own */
	bool export_schemas; /* exports astrid_export_schemas: built with the project's own SDK */
};

/* A module on its way from a file to an instance. */
struct module_load;

/** Read `file` (beneath the folder `dir` unless that is NULL; bounded by `limit_bytes`), hash, look up or compile, check. `done` runs once from the loop: with *module (one
 *  reference) or an error. `expected_hash` is 64 hex digits or NULL. Returns a handle that stays valid until done, for
 *  module_load_cancel(); NULL when out of memory (err filled, done will not run). */
struct module_load *module_load_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char *expected_hash,
	void (*done)(void *user, struct wasm_module *module, const struct capsule_error *error), void *user,
	struct capsule_error *err);

/* A module as it was compiled, not checked against the host. Valid during the callback. */
struct module_inspected {
	wasm_importtype_vec_t imports;
	wasm_exporttype_vec_t exports;
	struct module_scan scan;
	uint8_t hash[HASH_LEN];
	size_t bytes;
};

/** As module_load_start(), for a look at the module: it need not fit this host, and is not kept. */
struct module_load *module_inspect_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes,
	void (*done)(void *user, const struct module_inspected *module, const struct capsule_error *error), void *user,
	struct capsule_error *err);

/** done() will not be called. */
void module_load_cancel(struct module_load *load);

void module_unref(struct wasm_module *module);
struct wasm_module *module_ref(struct wasm_module *module);

/** Check imports, memory and well-known exports of a compiled module against the binding table and fill `module` from them.
 *  Every import that does not fit is named. Errors: CAPSULE_EMODULE. */
MUST_CHECK enum capsule_status module_check(
	struct wasm_module *module, const struct binding_table *table, struct capsule_error *err);

/** Letters of a function type as in struct binding; false when it has other types or more than fit in `out`. */
bool module_type_letters(const wasm_functype_t *type, char *out, size_t size);

#endif
