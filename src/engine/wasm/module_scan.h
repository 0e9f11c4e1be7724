/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What Wasmtime's C API does not tell of a module: the memories and tables that it defines without exporting them. */
#ifndef WASM_MODULE_SCAN_H
#define WASM_MODULE_SCAN_H

#include "base/span.h"

struct module_scan {
	uint64_t memory_count, memory_min,
		memory_max;              /* of the first memory, pages; max UINT64_MAX when there is none */
	uint64_t table_count, table_min; /* largest minimum of its tables, elements */
};

/** Whether `bytes` is a component, which has the magic number of a module but another layer. */
bool module_is_component(struct span bytes);

/** Read the memory and table sections of the binary module `bytes`. False when its framing is broken before they are found;
 *  of what is not there the counts are 0. */
bool module_scan(struct span bytes, struct module_scan *out);

#endif
