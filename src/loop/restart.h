/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* When something that ended by itself is started again, for capsules and servers alike: after 2, 4, 8, ... seconds,
 * at most 120, each up to a tenth longer by chance, so that what fell together does not rise together; given up
 * after 5 attempts in a row; what was healthy for a minute begins anew. Kept by whoever owns it across unloads:
 * attempts count, not successes. Pure, any thread. */
#ifndef LOOP_RESTART_H
#define LOOP_RESTART_H

#include <stdbool.h>
#include <stdint.h>

struct restart_policy {
	uint64_t first_ms, most_ms; /* 0: 2,000 and 120,000 */
	uint32_t attempts;          /* in a row; 0: 5 */
	uint64_t healthy_ms;        /* 0: 60,000 */
};

struct restart {
	struct restart_policy policy;
	uint32_t attempts;
	int64_t healthy_since_ns; /* 0: it is not */
};

/** It is healthy from `now` on. */
void restart_healthy(struct restart *restart, int64_t now_ns);

/** It ended. Returns whether to try again, and in *delay_ms after how long; `chance` is any number. */
bool restart_ended(struct restart *restart, int64_t now_ns, uint64_t chance, uint64_t *delay_ms);

#endif
