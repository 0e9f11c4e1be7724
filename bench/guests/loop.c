/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A run loop that has done much and now has nothing to do: three thousand host functions with answers, which is as many
 * blocks as its kernel memory has room for, then an hour of sleep. */
#include <capsule_guest.h>

/* A subscription of WASI preview 1 to a clock, and what happened. */
struct subscription {
	uint64_t userdata;
	uint64_t tag;
	uint32_t clock, unused;
	uint64_t timeout, precision;
	uint64_t flags;
};

struct event {
	uint64_t bytes[4];
};

__attribute__((import_module("wasi_snapshot_preview1"), import_name("poll_oneoff"))) int32_t poll_oneoff(
	const struct subscription *in, struct event *out, uint32_t count, uint32_t *events);

CAPSULE_EXPORT(run)
{
	static const struct subscription hour = { .clock = 1, .timeout = UINT64_C(3600000000000) };
	static struct event event;
	static uint32_t events;

	for (;;) {
		for (int i = 0; i < 3000; i++)
			extism_free(astrid_clock_ms());
		if (poll_oneoff(&hour, &event, 1, &events) != 0)
			return 1;
	}
}
