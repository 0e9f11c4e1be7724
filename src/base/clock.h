/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time behind an interface, so that tests move it by hand instead of sleeping. All values in nanoseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

struct clock {
	int64_t (*monotonic_ns)(
		const struct clock *clock); /* never goes back; no meaning but differences. Threads: any */
	int64_t (*realtime_ns)(const struct clock *clock); /* since the Unix epoch. Threads: any */
};

/* The machine's clocks. */
extern const struct clock clock_system;

/* A clock that stands still until it is moved. Threads: one. */
struct clock_manual {
	struct clock clock;
	int64_t monotonic, realtime;
};

void clock_manual_init(struct clock_manual *manual, int64_t realtime_ns);
void clock_manual_advance(struct clock_manual *manual, int64_t ns);

static inline int64_t clock_monotonic_ns(const struct clock *clock)
{
	return clock->monotonic_ns(clock);
}

static inline int64_t clock_realtime_ns(const struct clock *clock)
{
	return clock->realtime_ns(clock);
}

#endif
