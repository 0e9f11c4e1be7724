/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests that wait for an answer, by their ids. */
#ifndef CLI_RUN_REPLIES_H
#define CLI_RUN_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests that may wait at once; nothing more is published until one is answered. */
#define RUN_REQUESTS_MOST 4096

#define RUN_REQUEST_BUCKETS 1024

struct run_request;

/* Zero-initialise. */
struct run_replies {
	struct run_request *buckets[RUN_REQUEST_BUCKETS];
	size_t count;
	uint64_t sequence;
};

/** Wait for an answer to `id` (copied); the same one twice waits for two. Returns false when memory ran out. */
bool run_replies_await(struct run_replies *replies, const char *id);

/** An answer to the `len` bytes of `id` came: the oldest such request waits no longer. Returns whether there was one.
 *  */
bool run_replies_take(struct run_replies *replies, const char *id, size_t len);

/** The id that has waited for longest, borrowed; NULL: none waits. */
const char *run_replies_oldest(const struct run_replies *replies);

void run_replies_fini(struct run_replies *replies);

#endif
