/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server wrote to its standard error: the last bytes in a ring that grows as it is needed, and lines for a log.
 * Pure. */
#ifndef MCP_STDIO_STDERR_H
#define MCP_STDIO_STDERR_H

#include "mcp/stdio.h"

#define STDERR_QUOTED_BYTES 256 /* of one quoted line */

struct stderr_ring {
	uint8_t *bytes;
	size_t capacity, start, len;
	struct buffer line; /* raw, of the line that is not complete: its first MCP_STDERR_LINE bytes */
};

/** Take `bytes`. `heard` (may be NULL) gets each line that is complete now. What memory can't be had for is dropped. */
void stderr_take(struct stderr_ring *ring, struct span bytes, void (*heard)(void *user, struct span line), void *user);

/** It is at its end: what is left is a line. */
void stderr_end(struct stderr_ring *ring, void (*heard)(void *user, struct span line), void *user);

/** Append the last `lines` lines, cleaned and cut, each behind a line break. Returns false as buffer_append() does. */
bool stderr_append_last(const struct stderr_ring *ring, size_t lines, struct buffer *out);

void stderr_fini(struct stderr_ring *ring);

#endif
