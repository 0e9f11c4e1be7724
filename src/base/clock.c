/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The machine's clocks, and one that tests move. */
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec now = { 0 };

	(void)clock_gettime(id, &now); /* can't fail for the two clocks every Linux has */
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t system_monotonic_ns(const struct clock *clock)
{
	(void)clock;
	return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_realtime_ns(const struct clock *clock)
{
	(void)clock;
	return read_clock(CLOCK_REALTIME);
}

const struct clock clock_system = { .monotonic_ns = system_monotonic_ns, .realtime_ns = system_realtime_ns };

static int64_t manual_monotonic_ns(const struct clock *clock)
{
	return ((const struct clock_manual *)clock)->monotonic;
}

static int64_t manual_realtime_ns(const struct clock *clock)
{
	return ((const struct clock_manual *)clock)->realtime;
}

static_assert(offsetof(struct clock_manual, clock) == 0, "a manual clock is found from its clock by a cast");

void clock_manual_init(struct clock_manual *manual, int64_t realtime_ns)
{
	*manual = (struct clock_manual){
		.clock = { .monotonic_ns = manual_monotonic_ns, .realtime_ns = manual_realtime_ns },
		.realtime = realtime_ns,
	};
}

void clock_manual_advance(struct clock_manual *manual, int64_t ns)
{
	manual->monotonic += ns;
	manual->realtime += ns;
}
