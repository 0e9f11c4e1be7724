/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Answers with its whole input, moved as a whole: into its own memory and out of it again. */
#include <capsule_guest.h>

CAPSULE_EXPORT(bulk)
{
	static uint8_t bytes[1 << 20];
	uint32_t len = capsule_bulk_load(extism_input_offset(), 0, bytes, sizeof bytes);

	extism_output_set(capsule_bulk_store(bytes, len), len);
	return 0;
}
