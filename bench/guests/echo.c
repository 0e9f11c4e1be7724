/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Answers with its whole input, eight bytes at a time, as guests do that were built with a plug-in development kit. */
#include <capsule_guest.h>

CAPSULE_EXPORT(astrid_tool_call)
{
	uint64_t len = extism_input_length(), handle = extism_alloc(len), i = 0;

	for (; i + 8 <= len; i += 8)
		extism_store_u64(handle + i, extism_input_load_u64(i));
	for (; i < len; i++)
		extism_store_u8(handle + i, extism_input_load_u8(i));
	extism_output_set(handle, len);
	return 0;
}
