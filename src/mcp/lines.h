/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages out of a stream of bytes: one line each, LF or CRLF, empty ones skipped, the last one also without an
 * end. Bounded: a line over the limit ends the stream. Pure. */
#ifndef MCP_LINES_H
#define MCP_LINES_H

#include "base/buffer.h"
#include "base/error.h"

/* Zero-initialised with a limit it is at the beginning of a stream. */
struct lines {
	size_t limit;       /* bytes of one line, without its end */
	struct buffer part; /* of a line that is not complete: holds no LF */
	bool failed;
};

/** Take `bytes`; `line` is called for each complete one that is not blank (borrowed for the call, without its end).
 *  Lines that lie in `bytes` whole are not copied. Stops when `line` returns false, and drops the rest. Errors:
 *  CAPSULE_ELIMIT ("message exceeds <n> bytes"), CAPSULE_ENOMEM; after a failure nothing is taken any more, which is
 *  CAPSULE_ESTATE. */
MUST_CHECK enum capsule_status lines_take(struct lines *lines, struct span bytes,
	bool (*line)(void *user, struct span text), void *user, struct capsule_error *err);

/** The stream is at its end: what is left is a line. */
void lines_end(struct lines *lines, bool (*line)(void *user, struct span text), void *user);

void lines_fini(struct lines *lines);

#endif
