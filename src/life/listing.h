/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names in a folder that may be capsules, sorted. */
#ifndef LIFE_LISTING_H
#define LIFE_LISTING_H

#include "base/buffer.h"

/* Zero-initialised is empty. */
struct listing {
	struct buffer text;
	const char **names; /* by bytes */
	size_t count;
};

/** Read the folder `fd` (borrowed, an open directory that was not read yet): names of folders and links, without those that begin with '.' or
 *  end with ".bak". Returns 0 or an errno value, EOVERFLOW over LIMIT_DIRECTORY_ENTRIES; the listing is then empty. Blocks.
 *  listing_fini() frees it. Threads: any. */
MUST_CHECK int listing_read(struct listing *out, int fd);
void listing_fini(struct listing *listing);

#endif
