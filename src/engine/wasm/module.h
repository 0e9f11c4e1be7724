/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A compiled module that fits this host, shared by all instances that come from the same bytes. */
#ifndef WASM_MODULE_H
#define WASM_MODULE_H

#include "engine/wasm/module_source.h"
#include "engine/wasm/shared.h"

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
	bool export_hook;    /* exports astrid_hook_trigger: it can be asked for the actions of interceptors */
};

/** The module that was made of these bytes, with one reference more; NULL when none is loaded. */
struct wasm_module *module_known(struct wasm_runtime *shared, const uint8_t hash[HASH_LEN]);

/** Make a module of compiled code (taken, also on failure) that came from `source`, and enter it under its hash. One reference is
 *  the caller's. NULL with `err` filled: CAPSULE_EMODULE (does not fit this host; says why), CAPSULE_ENOMEM. */
struct wasm_module *module_make(struct wasm_runtime *shared, wasmtime_module_t *code,
	const struct module_source *source, struct capsule_error *err);

void module_unref(struct wasm_module *module);
struct wasm_module *module_ref(struct wasm_module *module);

/** Whether the memory and tables that a module declares are within the ceilings; needs no compiler. Errors: CAPSULE_EMODULE.
 *  Threads: any. */
MUST_CHECK enum capsule_status module_check_resources(
	const struct module_scan *scan, uint32_t guest_pages, struct capsule_error *err);

/** Check imports and well-known exports of a compiled module against the binding table and fill `module` from them.
 *  Every import that does not fit is named. Errors: CAPSULE_EMODULE. */
MUST_CHECK enum capsule_status module_check(
	struct wasm_module *module, const struct binding_table *table, struct capsule_error *err);

/** Letters of a function type as in struct binding; false when it has other types or more than fit in `out`. */
bool module_type_letters(const wasm_functype_t *type, char *out, size_t size);

#endif
