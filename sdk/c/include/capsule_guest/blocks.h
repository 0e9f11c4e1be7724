/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Blocks: what crosses between guest and host. They lie in a memory of their own and are named by handles; 0 is the empty
 * block. A guest copies in and out; the SDK does it in the wrappers of host.h, so that few authors need this header.
 *
 * By default whole blocks are copied at once, by imports of the module `capsule:bulk`, which this host offers and others
 * don't. With -DCAPSULE_PORTABLE copies go eight bytes at a time, through what every Extism host has.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_BLOCKS_H
#define CAPSULE_GUEST_BLOCKS_H

#include "text.h"

#define GUEST_ENV(name) __attribute__((import_module("extism:host/env"), import_name(#name)))

/* A new block of `size` bytes, not zeroed; 0 for size 0. Beyond the ceiling of 64 MiB the call fails. */
GUEST_ENV(alloc) uint64_t extism_alloc(uint64_t size);
GUEST_ENV(free) void extism_free(uint64_t handle);
/* Bytes of the block that starts at `handle`; 0 if none does. */
GUEST_ENV(length) uint64_t extism_length(uint64_t handle);
/* Bytes at handle + offset, little-endian. Out of range: reads give 0, writes are ignored. */
GUEST_ENV(load_u8) uint32_t extism_load_u8(uint64_t at);
GUEST_ENV(load_u64) uint64_t extism_load_u64(uint64_t at);
GUEST_ENV(store_u8) void extism_store_u8(uint64_t at, uint32_t value);
GUEST_ENV(store_u64) void extism_store_u64(uint64_t at, uint64_t value);
GUEST_ENV(input_offset) uint64_t extism_input_offset(void);
GUEST_ENV(input_length) uint64_t extism_input_length(void);
GUEST_ENV(input_load_u8) uint32_t extism_input_load_u8(uint64_t offset);
GUEST_ENV(input_load_u64) uint64_t extism_input_load_u64(uint64_t offset);
/* The answer of this call: `length` bytes from `handle`. The block must not be freed. */
GUEST_ENV(output_set) void extism_output_set(uint64_t handle, uint64_t length);
/* The call fails with the text of the block, whatever the export returns; 0 takes it back. */
GUEST_ENV(error_set) void extism_error_set(uint64_t handle);
/* Variables of the capsule as long as it is loaded, 1 MiB in all. Arguments are freed; value 0 removes. */
GUEST_ENV(var_get) uint64_t extism_var_get(uint64_t key);
GUEST_ENV(var_set) void extism_var_set(uint64_t key, uint64_t value);

#ifndef CAPSULE_PORTABLE

#define GUEST_BULK(name) __attribute__((import_module("capsule:bulk"), import_name(#name)))

/* Copy at most `len` bytes of `block`, from `offset` on, to `to`; gives how many. */
GUEST_BULK(load) uint32_t capsule_bulk_load(uint64_t block, uint64_t offset, void *to, size_t len);
/* A new block with a copy of `len` bytes; 0 for none. */
GUEST_BULK(store) uint64_t capsule_bulk_store(const void *from, size_t len);
/* The block with the arguments of the call, 0 for none. A module that imports this gets them here only: its input is
 * {"name":...} alone. */
GUEST_BULK(arguments) uint64_t capsule_bulk_arguments(void);

/** A new block with a copy of `bytes`; 0 if there are none. */
GUEST_OUTLINE uint64_t guest_put_block(struct guest_bytes bytes)
{
	return capsule_bulk_store(bytes.data, bytes.len);
}

/* Copy `len` bytes of a block to `to`. */
GUEST_OUTLINE void guest_block_read(uint64_t handle, uint8_t *to, size_t len)
{
	(void)capsule_bulk_load(handle, 0, to, len);
}

/* Copy `len` bytes of the input, from `offset` on; they are there. */
GUEST_OUTLINE void guest_input_read(uint64_t offset, uint8_t *to, size_t len)
{
	(void)capsule_bulk_load(extism_input_offset(), offset, to, len);
}

#else

GUEST_OUTLINE uint64_t guest_put_block(struct guest_bytes bytes)
{
	uint64_t handle = extism_alloc(bytes.len);
	size_t i = 0;

	for (; bytes.len - i >= 8; i += 8) {
		uint64_t word;

		__builtin_memcpy(&word, bytes.data + i, 8);
		extism_store_u64(handle + i, word);
	}
	for (; i < bytes.len; i++)
		extism_store_u8(handle + i, bytes.data[i]);
	return handle;
}

GUEST_OUTLINE void guest_block_read(uint64_t handle, uint8_t *to, size_t len)
{
	size_t i = 0;

	for (; len - i >= 8; i += 8) {
		uint64_t word = extism_load_u64(handle + i);

		__builtin_memcpy(to + i, &word, 8);
	}
	for (; i < len; i++)
		to[i] = (uint8_t)extism_load_u8(handle + i);
}

GUEST_OUTLINE void guest_input_read(uint64_t offset, uint8_t *to, size_t len)
{
	size_t i = 0;

	for (; len - i >= 8; i += 8) {
		uint64_t word = extism_input_load_u64(offset + i);

		__builtin_memcpy(to + i, &word, 8);
	}
	for (; i < len; i++)
		to[i] = (uint8_t)extism_input_load_u8(offset + i);
}

#endif

/* Room for `len` bytes; when there is none the call fails. */
GUEST_INLINE uint8_t *guest_room(uint64_t len)
{
	uint8_t *room = len <= SIZE_MAX / 2 ? guest_alloc((size_t)len) : NULL;

	if (room == NULL)
		guest_fail_memory();
	return room;
}

/** Copy the block `handle` into the guest's memory and free it: for the results of host functions. Empty, and the call
 *  fails, when the memory is at its ceiling. */
GUEST_OUTLINE struct guest_bytes guest_take_block(uint64_t handle)
{
	uint64_t len = handle != 0 ? extism_length(handle) : 0;
	uint8_t *copy = len > 0 ? guest_room(len) : NULL;

	if (copy != NULL)
		guest_block_read(handle, copy, (size_t)len);
	if (handle != 0)
		extism_free(handle);
	return guest_bytes_of(copy, copy != NULL ? (size_t)len : 0);
}

/** The input of the call as it is: for exports of one's own. */
GUEST_OUTLINE struct guest_bytes guest_input(void)
{
	uint64_t len = extism_input_length();
	uint8_t *copy = len > 0 ? guest_room(len) : NULL;

	if (copy != NULL)
		guest_input_read(0, copy, (size_t)len);
	return guest_bytes_of(copy, copy != NULL ? (size_t)len : 0);
}

/** Set the output of the call: for exports of one's own. Handlers use guest_answer(). */
#define guest_output(bytes) guest_output_bytes(GUEST_BYTES(bytes))

GUEST_OUTLINE void guest_output_bytes(struct guest_bytes bytes)
{
	if (bytes.len > 0)
		extism_output_set(guest_put_block(bytes), bytes.len);
}

/** How an export ends: 0, or the failure is told and -1. */
GUEST_OUTLINE int32_t guest_end_call(void)
{
	if (!guest_failed())
		return 0;
	extism_error_set(guest_put_block(guest_failure.len > 0 ? guest_failure_text() : guest_text("failed")));
	return -1;
}

/* ---- Wrappers of host functions, used by host.h: bytes in, bytes out, blocks freed. When the call has failed they do
 * nothing and give nothing, but for the log, so that a handler that goes on in a straight line does no harm. ---- */

/* clang-format off */
#define GUEST_WRAP_0(type, name, gives) \
	GUEST_INLINE type guest_##name(void) \
	{ \
		GUEST_STOPS_##gives \
		GUEST_GIVES_##gives(astrid_##name(), (void)0) \
	}
#define GUEST_WRAP_1(type, name, gives, a) \
	GUEST_INLINE type guest_##name(struct guest_bytes a) \
	{ \
		uint64_t block; \
		GUEST_STOPS_##gives \
		block = guest_put_block(a); \
		GUEST_GIVES_##gives(astrid_##name(block), extism_free(block)) \
	}
#define GUEST_WRAP_2(type, name, gives, a, b) \
	GUEST_INLINE type guest_##name(struct guest_bytes a, struct guest_bytes b) \
	{ \
		uint64_t block, second; \
		GUEST_STOPS_##gives \
		block = guest_put_block(a); \
		second = guest_put_block(b); \
		GUEST_GIVES_##gives(astrid_##name(block, second), (extism_free(block), extism_free(second))) \
	}
#define GUEST_WRAP_3(type, name, gives, a, b, c) \
	GUEST_INLINE type guest_##name(struct guest_bytes a, struct guest_bytes b, struct guest_bytes c) \
	{ \
		uint64_t block, second, third; \
		GUEST_STOPS_##gives \
		block = guest_put_block(a); \
		second = guest_put_block(b); \
		third = guest_put_block(c); \
		GUEST_GIVES_##gives(astrid_##name(block, second, third), \
			(extism_free(block), extism_free(second), extism_free(third))) \
	}
#define GUEST_STOPS_ALWAYS_NOTHING
#define GUEST_STOPS_NOTHING if (guest_failed()) return;
#define GUEST_STOPS_BYTES if (guest_failed()) return guest_bytes_of(NULL, 0);
#define GUEST_STOPS_NUMBER if (guest_failed()) return 0;
#define GUEST_GIVES_ALWAYS_NOTHING(call, cleanup) call; cleanup;
#define GUEST_GIVES_NOTHING(call, cleanup) call; cleanup;
#define GUEST_GIVES_BYTES(call, cleanup) uint64_t given = call; cleanup; return guest_take_block(given);
#define GUEST_GIVES_NUMBER(call, cleanup) uint64_t given = call; cleanup; return (int64_t)given;
/* clang-format on */

#endif
