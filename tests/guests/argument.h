/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Arguments of tools as blocks of bytes that the caller chooses: a string, or a number N for N bytes of 'x', or an array of
 * numbers for those bytes. */
#ifndef ARGUMENT_H
#define ARGUMENT_H

#include <capsule_guest.h>

/* The block for the argument `name`; 0 when it is absent or empty. */
static inline uint64_t block(struct guest_value args, const char *name)
{
	struct guest_value value = guest_get(args, name);
	int64_t size;
	uint64_t handle;

	switch (guest_kind_of(value)) {
	case GUEST_STRING:
		return guest_put_block(guest_as_text(value));
	case GUEST_ARRAY:
		return guest_put_block(guest_as_bytes(value));
	case GUEST_NUMBER:
		size = guest_as_integer(value);
		handle = extism_alloc((uint64_t)size);
		for (int64_t i = 0; i < size; i++)
			extism_store_u8(handle + (uint64_t)i, 'x');
		return handle;
	default:
		return 0;
	}
}

/* Answers the block that a host function gave. */
static inline void answer(uint64_t handle)
{
	guest_answer(guest_take_block(handle));
}

#endif
