/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes to pointer, open addressing, keys copied. The hash is keyed with random bytes, since keys come from guests and
 * manifests. Zero-initialised is empty. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/error.h"
#include "base/span.h"

struct map_entry;

struct map {
	struct map_entry *entries;
	size_t capacity; /* a power of two, 0 when nothing was put yet */
	size_t count;
	size_t used; /* entries and tombstones */
	uint64_t seed[2];
};

/** Free the table and the copied keys; values are the caller's. Afterwards empty and usable. */
void map_fini(struct map *map);

/** The value under `key`, NULL when absent. */
void *map_get(const struct map *map, struct span key);

/** Put `value` (not NULL, stays the caller's) under a copy of `key`. The value that stood there before goes to `*old`
 *  (NULL when none; `old` may be NULL). Errors, which change nothing: CAPSULE_ENOMEM; CAPSULE_EIO when the kernel gives
 *  no random bytes for the seed of a new map. */
MUST_CHECK enum capsule_status map_put(
	struct map *map, struct span key, void *value, void **old, struct capsule_error *err);

/** Take the value under `key` out of the map. Returns it, NULL when absent. */
void *map_remove(struct map *map, struct span key);

/** Walk the entries in no particular order: start with *cursor = 0, returns false at the end. The map must not change
 *  meanwhile. `key` and `value` may be NULL; the key is borrowed. */
bool map_next(const struct map *map, size_t *cursor, struct span *key, void **value);

#endif
