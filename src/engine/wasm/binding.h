/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Everything that a guest can import, by module and name, with its type and what serves it: a function of the host called
 * directly, or a function of the kernel module, which is either plain WebAssembly (memory access) or the begin / wait /
 * finish sequence around a host function that may park the guest. */
#ifndef WASM_BINDING_H
#define WASM_BINDING_H

#include "base/map.h"
#include "host/host.h"
#include <wasm.h>
#include <wasmtime.h>

#define BULK_MODULE "capsule:bulk"
#define BULK_ARGUMENTS "arguments"

struct binding {
	const char *module, *name;
	char type[12];             /* parameters, ':', results: i = i32, I = i64, e.g. "II:I" */
	const char *kernel_export; /* NULL: called directly */
	wasmtime_func_unchecked_callback_t
		call;                    /* direct: the function; waiting: its begin, which answers 1 in an i32 when
	                                          * the guest has to wait; NULL: plain WebAssembly of the kernel */
	void *env;                       /* handed to `call` */
	const struct host_function *row; /* NULL for what is no row of the host's table */
};

struct binding_table {
	struct binding *items;
	size_t count, capacity;
	struct map by_name; /* "module\0name" -> struct binding */
	char *names;        /* kernel export names, one block */
};

struct wasm_extra;

/** Build the table. Free it with binding_table_fini(), also after a failure. */
MUST_CHECK enum capsule_status binding_table_init(
	struct binding_table *table, const struct wasm_extra *extra, struct capsule_error *err);
void binding_table_fini(struct binding_table *table);

/** The binding of an import, NULL when there is none. Borrowed from the table. */
const struct binding *binding_find(const struct binding_table *table, struct span module, struct span name);

/** Whether the import module exists at all. */
bool binding_module_known(const struct binding_table *table, struct span module);

/** Add one while the table is built. `binding` is copied. */
MUST_CHECK enum capsule_status binding_add(
	struct binding_table *table, const struct binding *binding, struct capsule_error *err);

/** A Wasmtime function type for `type` (letters as above). Owned by the caller. */
wasm_functype_t *binding_functype(const char *type);

/** Define all direct ones in `linker`. */
MUST_CHECK enum capsule_status binding_define(
	const struct binding_table *table, wasmtime_linker_t *linker, struct capsule_error *err);

/* The sources of the table, each in its file. */
MUST_CHECK enum capsule_status native_bind(
	struct binding_table *table, struct capsule_error *err); /* extism:host/env */
MUST_CHECK enum capsule_status adapter_bind(struct binding_table *table, const struct host_function *rows,
	uint32_t count, const char *module, struct capsule_error *err);
MUST_CHECK enum capsule_status shim_bind(struct binding_table *table, struct capsule_error *err);
MUST_CHECK enum capsule_status bulk_bind(struct binding_table *table, struct capsule_error *err); /* capsule:bulk */
MUST_CHECK enum capsule_status wasi_bind(struct binding_table *table, struct capsule_error *err);

#endif
