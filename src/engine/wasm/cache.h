/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The folder of compiled modules: one file for each module, configuration and processor, named by its key. Whoever can write
 * into it can run code in every process that loads from it, so a folder that is not ours alone is not used, and what is loaded
 * is hashed first, through the descriptor it is then loaded from. A file is written under another name, renamed when it is
 * whole, and never changed afterwards. Nothing here is held between two calls, so several processes and threads may use one
 * folder. Threads: any. */
#ifndef WASM_CACHE_H
#define WASM_CACHE_H

#include "engine/wasm/artefact.h"
#include <sys/stat.h>
#include <wasm.h>
#include <wasmtime.h>

struct cache {
	char *dir;      /* absolute; NULL: no cache */
	uint64_t limit; /* bytes of all entries */
};

#define CACHE_SUFFIX ".code"
#define CACHE_NAME (2 * ARTEFACT_KEY + sizeof(CACHE_SUFFIX)) /* "<key in hex>.code" with its end */
#define CACHE_DRAFT ".draft-"                                /* what the names of unfinished files begin with */

/** The key under which the code for a module is kept: `module` is its hash, `description` what profile_describe() says. */
void cache_key(const uint8_t module[ARTEFACT_KEY], struct span description, uint8_t key[ARTEFACT_KEY]);

/** Name of the entry's file. */
void cache_name(const uint8_t key[ARTEFACT_KEY], char name[CACHE_NAME]);

/** Open the folder; -1 when it does not exist and `make` is false, or with `err` filled: CAPSULE_EDENIED for one that is not
 *  ours alone (with what to change), CAPSULE_EIO. With `make` it and up to two above it are made (0700). The caller closes it. */
int cache_folder(const struct cache *cache, bool make, struct capsule_error *err);

/** The compiled module of the entry `key`, NULL when there is none that is sound. An entry that was damaged is removed. `err` is
 *  filled when there is something that an operator should hear of, and empty otherwise. Owned by the caller. */
wasmtime_module_t *cache_load(
	const struct cache *cache, const uint8_t key[ARTEFACT_KEY], wasm_engine_t *engine, struct capsule_error *err);

/** Keep `code` under seal->key, and remove what was not used for longest while there is more than fits. Returns a descriptor of
 *  the new entry (the caller closes it), -1 with `err` filled when it can't be kept. */
int cache_put(const struct cache *cache, struct span code, const struct artefact_seal *seal, struct capsule_error *err);

/** Whether the file behind `fd` can be an entry: regular, ours, written by nobody else, of a length that can be one. *info is
 *  filled when it can. */
bool cache_usable(int fd, struct stat *info);

/** A module from the sound artefact behind `fd`, NULL with `err` filled. `code` is the same as bytes, used where the system does
 *  not let a descriptor be opened by name. Owned by the caller. */
wasmtime_module_t *cache_map(wasm_engine_t *engine, int fd, struct span code, struct capsule_error *err);

/* One file of the folder, as a walk over it sees it. */
struct cache_file {
	const char *name;
	uint64_t bytes;
	int64_t used_ns; /* last use of an entry, last change of a draft, since the epoch */
	bool draft;
};

/** Call `visit` for each entry and draft in the folder `dir_fd` (borrowed), until it returns false. Other files are left out.
 *  Returns false when the folder can't be read, with errno set. */
bool cache_walk(int dir_fd, bool (*visit)(void *user, const struct cache_file *file), void *user);

#endif
