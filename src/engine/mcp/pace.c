/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/pace.h"

static void refill(struct pace *pace, int64_t now_ns)
{
	int64_t more = (now_ns - pace->filled_ns) / pace->every_ns;

	if (!pace->begun || pace->left + more >= pace->burst) {
		pace->begun = true;
		pace->left = pace->burst;
		pace->filled_ns = now_ns;
		return;
	}
	pace->left += (uint32_t)more;
	pace->filled_ns += more * pace->every_ns;
}

bool pace_take(struct pace *pace, int64_t now_ns)
{
	refill(pace, now_ns);
	if (pace->left == 0)
		return false;
	pace->left--;
	return true;
}
