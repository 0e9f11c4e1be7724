/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is in the cache folder, for whoever asks. Threads: any. */
#ifndef WASM_CACHE_REPORT_H
#define WASM_CACHE_REPORT_H

#include "engine/wasm/cache.h"

enum cache_look {
	CACHE_LIST,   /* read the seals */
	CACHE_VERIFY, /* read everything */
	CACHE_REPAIR, /* and remove what is broken, and what was left unfinished */
};

/** Append the JSON object that capsule_cache_list() describes. `description` is what profile_describe() says of the profile that
 *  counts as this one. Errors: CAPSULE_EDENIED, CAPSULE_EIO, CAPSULE_ENOMEM, CAPSULE_ELIMIT. */
MUST_CHECK enum capsule_status cache_report(const struct cache *cache, enum cache_look look, struct span description,
	struct buffer *json, struct capsule_error *err);

/** Remove everything. Both numbers are filled also after a failure. Errors: CAPSULE_EDENIED, CAPSULE_EIO. */
MUST_CHECK enum capsule_status cache_clear(
	const struct cache *cache, uint64_t *entries, uint64_t *bytes, struct capsule_error *err);

#endif
