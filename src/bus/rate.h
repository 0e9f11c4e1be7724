/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much a capsule may publish: one bucket of bytes and one of messages, each holds what a second allows. Loop
 * thread only. */
#ifndef BUS_RATE_H
#define BUS_RATE_H

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

struct rate_limits {
	uint64_t bytes_per_s;    /* 0: LIMIT_PUBLISH_BYTES_PER_S; more than 2^33 mean that, here and below */
	uint64_t messages_per_s; /* 0: LIMIT_PUBLISH_MESSAGES_PER_S */
};

struct rate {
	struct rate_limits limits;
	int64_t filled_ns;                  /* the time up to which the buckets are filled */
	uint64_t bytes, messages;           /* what is left */
	uint64_t bytes_part, messages_part; /* of what flows in: billionths of a byte and of a message */
};

/** Both buckets full at `now_ns`, monotonic. */
void rate_init(struct rate *rate, const struct rate_limits *limits, int64_t now_ns);

/** Take one message of `bytes` bytes. A refusal takes nothing. Errors: CAPSULE_ELIMIT ("Payload too large ..." for
 *  more than LIMIT_PUBLISH, "Rate limit exceeded ..." with the limit and how long until it would pass). */
MUST_CHECK enum capsule_status rate_take(struct rate *rate, size_t bytes, int64_t now_ns, struct capsule_error *err);

#endif
