/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A compiled module as a file: what Wasmtime serialised, and behind it a seal that says what it is and holds the digest of all of
 * it. Wasmtime reads a file from its front and does not mind what follows. Loading code that was changed is running it, so
 * nothing is loaded before its seal was checked. Threads: any. */
#ifndef WASM_ARTEFACT_H
#define WASM_ARTEFACT_H

#include "base/buffer.h"

#define ARTEFACT_KEY 32
#define ARTEFACT_SEAL 304 /* bytes behind the code */

struct artefact_seal {
	uint8_t key[ARTEFACT_KEY];    /* of the cache entry: module, configuration, processor */
	uint8_t module[ARTEFACT_KEY]; /* BLAKE3 of the module's file */
	uint64_t module_bytes;
	int64_t created; /* seconds since the epoch */
	char engine[64]; /* what compiled it */
	char name[96];   /* of the module's file, cut; for listings */
};

/** The seal for `code`, as it is to be appended: ARTEFACT_SEAL bytes into `out`. */
void artefact_seal_make(const struct artefact_seal *seal, struct span code, uint8_t out[ARTEFACT_SEAL]);

/** Read the seal of `file` without looking at the rest. False when `file` does not end in one, or in one that does not fit its
 *  length. Texts are terminated. */
bool artefact_seal_read(struct span file, struct artefact_seal *seal);

/** Whether the digest in the seal is that of everything before it. */
bool artefact_sound(struct span file);

#endif
