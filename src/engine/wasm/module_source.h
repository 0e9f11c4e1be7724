/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module's file: opened, read, hashed, assembled when it is text, and looked at as far as that needs no compiler. */
#ifndef WASM_MODULE_SOURCE_H
#define WASM_MODULE_SOURCE_H

#include "base/buffer.h"
#include "engine/wasm/module_scan.h"

#define HASH_LEN 32

struct module_source {
	char *dir;           /* folder that the file must lie in; NULL: anywhere */
	char *file;          /* as it was named */
	char *expected_hash; /* 64 lower-case hex digits; NULL: any */
	uint64_t limit_bytes;
	int fd;            /* -1 when it is not open */
	size_t file_bytes; /* size of the file */
	uint8_t hash[HASH_LEN];
	struct buffer bytes; /* the binary module */
	struct module_scan scan;
};

/** Name what is to be read; all texts are copied. False when out of memory. Free with module_source_fini() in any case. */
bool module_source_init(struct module_source *source, const char *dir, const char *file, const char *expected_hash,
	uint64_t limit_bytes);
void module_source_fini(struct module_source *source);

/** Open the file and learn its size. Does not block on anything that is no file. Errors: CAPSULE_EMODULE, CAPSULE_ENOTFOUND,
 *  CAPSULE_EIO, CAPSULE_ELIMIT; their messages name the file. Threads: any. */
MUST_CHECK enum capsule_status module_source_open(struct module_source *source, struct capsule_error *err);

/** Read what was opened and fill the rest. Errors as above. Threads: any. */
MUST_CHECK enum capsule_status module_source_read(struct module_source *source, struct capsule_error *err);

#endif
