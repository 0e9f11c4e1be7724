/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a file to a module: what is small is done in a turn of the loop, what may take long on the pool or in a child. All
 * functions: loop thread. */
#ifndef WASM_MODULE_LOAD_H
#define WASM_MODULE_LOAD_H

#include "engine/wasm/module.h"

/* A module on its way from a file to an instance. */
struct module_load;

/** Read `file` (beneath the folder `dir` unless that is NULL; bounded by `limit_bytes`), hash it, take its code from what is
 *  loaded, from the cache or from the compiler, and check it. `done` runs once from a later turn: with *module (one reference)
 *  or an error. `expected_hash` is 64 hex digits or NULL. *stage (may be NULL) says meanwhile what is being done, NULL again at
 *  the end. Returns a handle that stays valid until done, for module_load_cancel(); NULL when out of memory (err filled, done
 *  will not run). */
struct module_load *module_load_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char *expected_hash, const char **stage,
	void (*done)(void *user, struct wasm_module *module, const struct capsule_error *error), void *user,
	struct capsule_error *err);

/* A module as it was compiled, not checked against the host. Valid during the callback. */
struct module_inspected {
	wasm_importtype_vec_t imports;
	wasm_exporttype_vec_t exports;
	const struct module_source *source;
};

/** As module_load_start(), for a look at the module: it need not fit this host, and is not kept. */
struct module_load *module_inspect_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char **stage,
	void (*done)(void *user, const struct module_inspected *module, const struct capsule_error *error), void *user,
	struct capsule_error *err);

/** Give it up (taken): done() will not be called, and a child that compiles for it alone is killed. */
void module_load_cancel(struct module_load *load);

#endif
