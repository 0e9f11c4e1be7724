/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as what happens on a bus: published, held, let go, taken, ended, closed. The model beside it says what comes of each
 * entry. */
#include "bus/bus_drive.h"
#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An empty input has no bytes, but it has an end. */
	static const uint8_t nothing;
	const struct bus_drive_input input = {
		.data = size > 0 ? data : &nothing, .len = size, .events_most = UINT64_MAX, .deep_every = 1
	};

	(void)bus_drive(&input);
	return 0;
}
