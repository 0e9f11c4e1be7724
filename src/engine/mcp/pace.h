/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How often something that a server causes may happen: some at once, then one in a while. Pure, any thread. */
#ifndef ENGINE_MCP_PACE_H
#define ENGINE_MCP_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint32_t burst;    /* how many at once */
	int64_t every_ns;  /* the time after which one more may be */
	uint32_t left;     /* that may be now */
	int64_t filled_ns; /* when `left` was counted */
	bool begun;
};

/** Whether one more may be now; it is counted. */
bool pace_take(struct pace *pace, int64_t now_ns);

#endif
