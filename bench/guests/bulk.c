/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Answers with its whole input, moved as a whole: into its own memory and out of it again. */
#include "capsule_guest.h"

#define BULK(name) __attribute__((import_module("capsule:bulk"), import_name(#name)))
BULK(load) uint32_t bulk_load(uint64_t block, uint64_t offset, void *to, uint32_t len);
BULK(store) uint64_t bulk_store(const void *from, uint32_t len);
GUEST_ENV(input_offset) uint64_t extism_input_offset(void);

GUEST_EXPORT(bulk)
{
	static uint8_t bytes[1 << 20];
	uint32_t len = bulk_load(extism_input_offset(), 0, bytes, sizeof bytes);

	extism_output_set(bulk_store(bytes, len), len);
	return 0;
}
