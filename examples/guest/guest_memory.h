/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The guest's own memory, blocks of the host brought into it and back, and text that grows. See capsule_guest.h, which
 * is the header to include. */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "guest_host.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- Memory of the guest ---- */

/* Clang calls these three by itself where it copies and clears. */

__attribute__((weak, no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

__attribute__((weak, no_builtin)) void *memset(void *to, int byte, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)byte;
	return to;
}

__attribute__((weak, no_builtin)) int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

/* Bytes in the guest's memory; text is UTF-8 without a terminator. */
struct guest_bytes {
	const uint8_t *data;
	size_t len;
};

/** The bytes of a string literal, its terminator left out. */
static inline struct guest_bytes guest_text(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0')
		len++;
	return (struct guest_bytes){ (const uint8_t *)text, len };
}

static inline bool guest_equal(struct guest_bytes a, struct guest_bytes b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

#define GUEST_PAGE 65536u

extern uint8_t __heap_base; /* the linker's: where the static data ends */
static size_t guest_top;    /* where the next allocation begins; 0 at the start */

/** Give up everything that was allocated. guest_dispatch() does it before each call. */
static inline void guest_reset(void)
{
	guest_top = ((size_t)&__heap_base + 7) & ~(size_t)7;
}

/** `size` bytes, aligned to 8, not zeroed. NULL when the memory of the guest is at its ceiling. */
static inline void *guest_alloc(size_t size)
{
	uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * GUEST_PAGE, end;
	size_t start;

	if (guest_top == 0)
		guest_reset();
	start = guest_top;
	end = start + (((uint64_t)size + 7) & ~(uint64_t)7);
	if (end > SIZE_MAX)
		return NULL;
	if (end > have &&
		__builtin_wasm_memory_grow(0, (size_t)((end - have + GUEST_PAGE - 1) / GUEST_PAGE)) == SIZE_MAX)
		return NULL;
	guest_top = (size_t)end;
	return (void *)start;
}

/* ---- Blocks ---- */

/** A new block with a copy of `bytes`; 0 if there are none. */
static inline uint64_t guest_put(struct guest_bytes bytes)
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

/** Copy the block `handle` into the guest's memory and free it: for the results of host functions. False when the
 *  memory is at its ceiling; the block is freed then too. */
static inline bool guest_take(uint64_t handle, struct guest_bytes *out)
{
	uint64_t len = extism_length(handle), i = 0;
	uint8_t *copy = len <= SIZE_MAX ? guest_alloc((size_t)len) : NULL;

	for (; copy != NULL && len - i >= 8; i += 8) {
		uint64_t word = extism_load_u64(handle + i);

		__builtin_memcpy(copy + i, &word, 8);
	}
	for (; copy != NULL && i < len; i++)
		copy[i] = (uint8_t)extism_load_u8(handle + i);
	*out = (struct guest_bytes){ copy, copy != NULL ? (size_t)len : 0 };
	extism_free(handle);
	return copy != NULL;
}

/** Set the answer of this call. Returns 0, so that an export can end with it. */
static inline int32_t guest_output(struct guest_bytes bytes)
{
	if (bytes.len > 0)
		extism_output_set(guest_put(bytes), bytes.len);
	return 0;
}

/** Let this call fail with `text`. Returns -1, so that an export can end with it. The instance is kept. */
static inline int32_t guest_fail(const char *text)
{
	extism_error_set(guest_put(guest_text(text)));
	return -1;
}

/* ---- Writing ---- */

/* Text that grows. Zero-initialise; what does not fit is noted and told by guest_answer(). */
struct guest_writer {
	uint8_t *data;
	size_t len, room;
	bool failed; /* the memory is at its ceiling */
};

/* Room for `more` bytes; in place when nothing was allocated behind it. */
static inline bool guest_writer_reserve(struct guest_writer *writer, size_t more)
{
	uint64_t wanted = (uint64_t)writer->len + more, room = (uint64_t)writer->room * 2;
	uint8_t *data;

	if (writer->failed || wanted <= writer->room)
		return !writer->failed;
	room = ((room > wanted ? room : wanted) + 63) & ~(uint64_t)63;
	if (writer->data != NULL && (size_t)writer->data + writer->room == guest_top) {
		data = room <= SIZE_MAX && guest_alloc((size_t)room - writer->room) != NULL ? writer->data : NULL;
	} else {
		data = room <= SIZE_MAX ? guest_alloc((size_t)room) : NULL;
		if (data != NULL && writer->len > 0)
			memcpy(data, writer->data, writer->len);
	}
	writer->failed = data == NULL;
	if (data != NULL) {
		writer->data = data;
		writer->room = (size_t)room;
	}
	return !writer->failed;
}

static inline void guest_write(struct guest_writer *writer, struct guest_bytes bytes)
{
	if (!guest_writer_reserve(writer, bytes.len))
		return;
	if (bytes.len > 0)
		memcpy(writer->data + writer->len, bytes.data, bytes.len);
	writer->len += bytes.len;
}

static inline void guest_write_byte(struct guest_writer *writer, uint8_t byte)
{
	if (guest_writer_reserve(writer, 1))
		writer->data[writer->len++] = byte;
}

static inline void guest_write_text(struct guest_writer *writer, const char *text)
{
	guest_write(writer, guest_text(text));
}

static inline struct guest_bytes guest_written(const struct guest_writer *writer)
{
	return (struct guest_bytes){ writer->data, writer->len };
}

/** Set what was written as the answer of this call. Returns 0, or -1 when it did not fit into memory. */
static inline int32_t guest_answer(const struct guest_writer *writer)
{
	return writer->failed ? guest_fail("out of memory: the guest is at its ceiling")
			      : guest_output(guest_written(writer));
}

/** Let this call fail with what was written. Returns -1. */
static inline int32_t guest_fail_with(const struct guest_writer *writer)
{
	extism_error_set(guest_put(guest_written(writer)));
	return -1;
}

#endif
