/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Attempts are counted when something ends and not when it comes back: what dies in each of its starts is given up as
 * well as what dies a moment after each of them. */
#include "loop/restart.h"

#include "base/clock.h"

#define FIRST_MS 2000
#define MOST_MS 120000
#define ATTEMPTS 5
#define HEALTHY_MS 60000
#define CHANCE_PART 10 /* chance adds up to this part of the delay */

static uint64_t or_default(uint64_t value, uint64_t usual)
{
	return value != 0 ? value : usual;
}

/* Of attempt number `attempt`, counted from 1. */
static uint64_t delay_of(const struct restart_policy *policy, uint32_t attempt)
{
	uint64_t most = or_default(policy->most_ms, MOST_MS);
	uint64_t delay = or_default(policy->first_ms, FIRST_MS);

	while (--attempt > 0 && delay < most)
		delay = delay > most / 2 ? most : delay * 2;
	return delay < most ? delay : most;
}

static bool was_healthy(const struct restart *restart, int64_t now_ns)
{
	uint64_t least_ms = or_default(restart->policy.healthy_ms, HEALTHY_MS);
	int64_t healthy_ns;

	if (restart->healthy_since_ns == 0 || __builtin_sub_overflow(now_ns, restart->healthy_since_ns, &healthy_ns))
		return false;
	return healthy_ns > 0 && (uint64_t)(healthy_ns / NS_PER_MS) >= least_ms;
}

void restart_healthy(struct restart *restart, int64_t now_ns)
{
	restart->healthy_since_ns = now_ns != 0 ? now_ns : -1; /* 0 says that it is not */
}

bool restart_ended(struct restart *restart, int64_t now_ns, uint64_t chance, uint64_t *delay_ms)
{
	uint64_t delay;

	if (was_healthy(restart, now_ns))
		restart->attempts = 0;
	restart->healthy_since_ns = 0;
	if (restart->attempts >= or_default(restart->policy.attempts, ATTEMPTS))
		return false;
	restart->attempts++;
	delay = delay_of(&restart->policy, restart->attempts);
	*delay_ms = delay + chance % (delay / CHANCE_PART + 1);
	return true;
}
