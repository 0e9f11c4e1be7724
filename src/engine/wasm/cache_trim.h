/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef WASM_CACHE_TRIM_H
#define WASM_CACHE_TRIM_H

#include <stdint.h>

/** Remove from the folder `dir_fd` (borrowed) the entries that were not used for longest until the rest has at most `limit` bytes,
 *  never `keep`; and drafts that nobody has written to for an hour. Threads: any. */
void cache_trim(int dir_fd, uint64_t limit, const char *keep);

#endif
