/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The folder of compiled modules: what is in it, whether it is sound, away with it. None of this needs a runtime, and it may be
 * done while runtimes use the folder: they keep what they have loaded. */
#ifndef CAPSULE_CACHE_H
#define CAPSULE_CACHE_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule_cache;

/** Open the folder `dir`, for NULL cache/capsules in $ASTRID_HOME, else in $HOME/.astrid. A folder that does not exist is an empty
 *  one; nothing is made. Free it with capsule_cache_close(). Threads: one at a time.
 *  Errors: CAPSULE_EINVAL (not absolute), CAPSULE_EDENIED (not ours, or others may enter it; with what to change), CAPSULE_EIO,
 *  CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_cache_open(
	struct capsule_cache **out, const char *dir, struct capsule_error *err);

CAPSULE_API void capsule_cache_close(struct capsule_cache *cache);

/** What it holds, newest use first, as a JSON object: {"dir", "bytes", "entries": [{"key", "name" (of the module's file),
 *  "module" (its BLAKE3), "module_bytes", "bytes", "created", "used" (seconds since the epoch), "state"}]}. "state" is "ok" for an
 *  entry that this build would look for, "other" for one of another version, configuration or processor, "broken" for what is
 *  no entry. Contents are not read through. *json is borrowed from `cache` until the next call. Errors: CAPSULE_EIO,
 *  CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_cache_list(
	struct capsule_cache *cache, const char **json, struct capsule_error *err);

/** As capsule_cache_list(), but reads everything and compares the digests: what does not match is "broken". With `remove`
 *  broken entries and the leftovers of interrupted writers are removed. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_cache_verify(
	struct capsule_cache *cache, bool remove, const char **json, struct capsule_error *err);

/** Remove everything in it that is an entry or a leftover of one. *entries and *bytes (may be NULL) tell how much that was.
 *  Errors: CAPSULE_EIO. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_cache_clear(
	struct capsule_cache *cache, uint64_t *entries, uint64_t *bytes, struct capsule_error *err);

#ifdef __cplusplus
}
#endif

#endif
