/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who asked: the small record that the host stamps on every call and never a guest. */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H

#include "base/uuid.h"

#define ORIGIN_PRINCIPAL_MAX 64 /* bytes with the terminator */
#define ORIGIN_CHAIN_MAX 8      /* capsules that a call may come through */

struct origin {
	char principal[ORIGIN_PRINCIPAL_MAX]; /* who it is for; "default" unless configured */
	uint64_t owner;                   /* opaque id of the connection or chat turn that asked, 0 for the embedder */
	uint64_t call_id;                 /* unique in one runtime */
	int64_t deadline_ns;              /* monotonic; 0 for none */
	struct uuid source;               /* session of the capsule it came from; all zero for the embedder */
	uint32_t chain[ORIGIN_CHAIN_MAX]; /* numbers of the capsules that wait for its end, oldest first */
	uint32_t chain_len;
	uint32_t hops; /* events that led to it, each published while the one before was handled */
};

/** The origin of a request that the embedder makes itself, for the principal "default". */
void origin_init(struct origin *origin);

#endif
