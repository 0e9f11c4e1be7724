/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A bus with a few inboxes, driven by bytes, beside a model of it that is plain arrays and sums: after each step both
 * say the same outcomes in the same order, have the same entries, and the books close. For the unit test and the fuzz
 * target; what does not agree ends the program. */
#ifndef BUS_BUS_DRIVE_H
#define BUS_BUS_DRIVE_H

#include <stddef.h>
#include <stdint.h>

struct bus_drive_input {
	const uint8_t *data; /* what is done; NULL: random bytes from `seed` */
	size_t len;
	uint64_t seed;
	uint64_t events_most; /* published before it ends */
	uint32_t deep_every;  /* steps between two comparisons of all entries */
};

/** Publish, hold, take, close ... until the bytes end or `events_most` were published, then end everything. Returns
 *  how many were published. */
uint64_t bus_drive(const struct bus_drive_input *input);

#endif
