/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes and text with a length, and UTF-8. Compiles for wasm32, with or without a C library, and for the machine itself.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_BYTES_H
#define CAPSULE_GUEST_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Many names are there for those who need them. */
#define GUEST_INLINE static inline __attribute__((unused))
/* The larger ones are never copied into their callers, which keeps modules small. */
#define GUEST_OUTLINE static __attribute__((unused, noinline))
/* State and functions that all source files of a capsule share, although each of them includes the header. */
#define GUEST_SHARED __attribute__((weak))

#if defined(__wasm__) && !defined(__wasi__)

/* There is no C library: clang calls these four by itself where it copies, clears and compares. */

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

GUEST_SHARED __attribute__((no_builtin)) void *memmove(void *to, const void *from, size_t len)
{
#ifdef __wasm_bulk_memory__
	return __builtin_memmove(to, from, len); /* one instruction, memory.copy */
#else
	uint8_t *target = to;
	const uint8_t *source = from;

	if (target < source)
		for (size_t i = 0; i < len; i++)
			target[i] = source[i];
	else
		for (size_t i = len; i > 0; i--)
			target[i - 1] = source[i - 1];
	return to;
#endif
}

GUEST_SHARED __attribute__((no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	return memmove(to, from, len);
}

GUEST_SHARED __attribute__((no_builtin)) void *memset(void *to, int byte, size_t len)
{
#ifdef __wasm_bulk_memory__
	return __builtin_memset(to, byte, len); /* one instruction, memory.fill */
#else
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)byte;
	return to;
#endif
}

GUEST_SHARED __attribute__((no_builtin)) int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

#else
#include <string.h>
#endif

/* Copy `len` bytes. Most texts are short, and an instruction that copies any length costs more than a loop then. */
#ifdef __clang__
__attribute__((no_builtin("memcpy")))
#endif
GUEST_INLINE void
guest_copy(void *to, const void *from, size_t len)
{
	if (len > 32) {
		memcpy(to, from, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

/* Bytes in the guest's memory. Text is UTF-8; there is no terminator, and a NUL is a byte like any other. */
struct guest_bytes {
	const uint8_t *data; /* may be NULL when len is 0 */
	size_t len;
};

/** The bytes of a C string, its terminator left out. */
GUEST_INLINE struct guest_bytes guest_text(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0')
		len++;
	return (struct guest_bytes){ (const uint8_t *)text, len };
}

GUEST_INLINE struct guest_bytes guest_bytes_of(const void *data, size_t len)
{
	return (struct guest_bytes){ data, len };
}

GUEST_INLINE struct guest_bytes guest_bytes_same(struct guest_bytes bytes)
{
	return bytes;
}

/** What a macro of the SDK takes for bytes: a C string or a `struct guest_bytes`. */
#define GUEST_BYTES(x)                                                                                                 \
	_Generic((x), struct guest_bytes : guest_bytes_same, char * : guest_text, const char * : guest_text)(x)

#define guest_equal(a, b) guest_bytes_equal(GUEST_BYTES(a), GUEST_BYTES(b))
#define guest_starts(text, prefix) guest_bytes_start(GUEST_BYTES(text), GUEST_BYTES(prefix))
#define guest_contains(text, part) guest_bytes_contain(GUEST_BYTES(text), GUEST_BYTES(part))

/** guest_equal(a, b): whether both are the same bytes. */
GUEST_INLINE bool guest_bytes_equal(struct guest_bytes a, struct guest_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/** guest_starts(text, prefix): whether `text` begins with `prefix`. */
GUEST_INLINE bool guest_bytes_start(struct guest_bytes bytes, struct guest_bytes prefix)
{
	return bytes.len >= prefix.len && guest_bytes_equal(guest_bytes_of(bytes.data, prefix.len), prefix);
}

/** guest_contains(text, part): whether `part` stands somewhere in `text`. */
GUEST_OUTLINE bool guest_bytes_contain(struct guest_bytes bytes, struct guest_bytes part)
{
	for (size_t at = 0; part.len <= bytes.len && at <= bytes.len - part.len; at++)
		if (part.len == 0 || memcmp(bytes.data + at, part.data, part.len) == 0)
			return true;
	return false;
}

/** `bytes` without the first `count`; empty when there are fewer. */
GUEST_INLINE struct guest_bytes guest_after(struct guest_bytes bytes, size_t count)
{
	if (count >= bytes.len)
		return guest_bytes_of(NULL, 0);
	return guest_bytes_of(bytes.data + count, bytes.len - count);
}

/* ---- UTF-8 ---- */

/** Look at the character at the start of `len` > 0 bytes. True: it is valid and `*take` bytes long. False: `*take` bytes
 *  are to be replaced by one U+FFFD (the longest beginning of a character, or a single byte). */
GUEST_OUTLINE bool guest_utf8(const uint8_t *text, size_t len, size_t *take)
{
	uint8_t first = text[0], low = 0x80, high = 0xbf;
	size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;

	*take = 1;
	if (first < 0x80)
		return true;
	if (first < 0xc2 || first > 0xf4)
		return false;
	if (first == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xed)
		high = 0x9f; /* surrogates */
	else if (first == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	for (size_t i = 1; i <= more; i++) {
		if (i >= len || text[i] < low || text[i] > high)
			return false;
		*take = i + 1;
		low = 0x80;
		high = 0xbf;
	}
	return true;
}

/** The bytes of the character `code` (a surrogate becomes U+FFFD), at most four; gives how many. */
GUEST_OUTLINE size_t guest_utf8_put(uint32_t code, uint8_t out[4])
{
	size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const uint8_t marks[] = { 0x00, 0xc0, 0xe0, 0xf0 };

	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
		code = 0xfffd;
		more = 2;
	}
	for (size_t i = more; i > 0; i--, code >>= 6)
		out[i] = (uint8_t)(0x80 | (code & 0x3f));
	out[0] = (uint8_t)(marks[more] | code);
	return more + 1;
}

#endif
