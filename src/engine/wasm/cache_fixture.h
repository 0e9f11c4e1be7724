/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the cache: a real engine, a small compiled module whose export `answer` gives 42, and a folder of the test's
 * own, in which `dir` is the cache and is not there yet. */
#ifndef WASM_CACHE_FIXTURE_H
#define WASM_CACHE_FIXTURE_H

#include "engine/wasm/cache.h"
#include "engine/wasm/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CACHE_PATH 256

struct cache_fixture {
	wasm_engine_t *engine;
	struct buffer description; /* of its profile */
	wasm_byte_vec_t code;
	struct artefact_seal seal; /* of that code */
	char root[64];
	char dir[CACHE_PATH]; /* <root>/cache */
	struct cache cache;
};

/** cmocka's set-up and tear-down; *state is the fixture. */
int cache_fixture_new(void **state);
int cache_fixture_free(void **state);

/** `<root>/<name>`, in one of 8 places that are used in turn; and the same for a file of the cache folder, and for the entry of
 *  a key. */
const char *cache_path(const struct cache_fixture *fixture, const char *name);
const char *cache_file_path(const struct cache_fixture *fixture, const char *name);
const char *cache_entry_path(const struct cache_fixture *fixture, const uint8_t key[ARTEFACT_KEY]);

/** The module as `engine` compiles it. Owned by the caller. */
wasm_byte_vec_t cache_compile(wasm_engine_t *engine);

/** Keep the code under the fixture's seal, or under a key of which the first byte is `number`; fails the test when that does
 *  not work. */
void cache_fill(struct cache_fixture *fixture);
void cache_fill_as(struct cache_fixture *fixture, uint8_t number);

/** The key of cache_fill_as(). */
void cache_key_of(const struct cache_fixture *fixture, uint8_t number, uint8_t key[ARTEFACT_KEY]);

/** Whether the fixture's entry can be loaded; what was loaded has to answer. `says` is what `err` says then, "" for nothing. */
bool cache_answers(struct cache_fixture *fixture, const char *says);

/** Whether the module answers as it has to (taken). */
bool cache_module_works(const struct cache_fixture *fixture, wasmtime_module_t *module);

/** Write a file of the cache folder, which is made, with these permissions, in place of what stood there. */
void cache_write(const struct cache_fixture *fixture, const char *path, struct span bytes, unsigned mode);

/** The bytes of a file. Owned by the caller. */
struct buffer cache_read(const char *path);

/** How many files the cache folder holds, of names that begin with `prefix`. */
int cache_count(const struct cache_fixture *fixture, const char *prefix);

bool cache_exists(const char *path);
unsigned cache_mode(const char *path);

/** Set when a file was last read and written, in seconds before now. */
void cache_age(const char *path, int64_t read_s, int64_t written_s);

void cache_says(const struct capsule_error *err, enum capsule_status status, const char *text);

#endif
