/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/blake3.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "capsule_deps.h"

#include <errno.h>

static_assert(BLAKE3_SIZE == DEPS_BLAKE3_SIZE, "one size of a hash");

DEFINE_DROP(hasher_drop, struct deps_hasher *, deps_hasher_free)

void blake3_bytes(struct span bytes, uint8_t out[BLAKE3_SIZE])
{
	deps_blake3(bytes.data, bytes.len, out);
}

int64_t blake3_file(int fd, uint64_t limit, uint8_t out[BLAKE3_SIZE])
{
	HOLD(hasher_drop) struct deps_hasher *hasher = deps_hasher_new();
	HOLD(free_drop) uint8_t *piece = malloc(LIMIT_INLINE_WORK);
	uint64_t total = 0;
	ssize_t got;

	if (piece == NULL) {
		errno = ENOMEM;
		return -1;
	}
	while ((got = read(fd, piece, LIMIT_INLINE_WORK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		total += (uint64_t)got;
		if (total > limit) {
			errno = EFBIG;
			return -1;
		}
		deps_hasher_update(hasher, piece, (size_t)got);
	}
	deps_hasher_finish(hasher, out);
	return (int64_t)total;
}

/* The one of the dependencies, by another name: only few folders may know theirs. */
static struct deps_hasher *inner(const struct blake3_hasher *hasher)
{
	return (struct deps_hasher *)(uintptr_t)hasher;
}

struct blake3_hasher *blake3_hasher_new(void)
{
	return (struct blake3_hasher *)deps_hasher_new();
}

void blake3_hasher_add(struct blake3_hasher *hasher, struct span bytes)
{
	deps_hasher_update(inner(hasher), bytes.data, bytes.len);
}

void blake3_hasher_finish(const struct blake3_hasher *hasher, uint8_t out[BLAKE3_SIZE])
{
	deps_hasher_finish(inner(hasher), out);
}

void blake3_hasher_free(struct blake3_hasher *hasher)
{
	deps_hasher_free(inner(hasher));
}

void blake3_hex(const uint8_t hash[BLAKE3_SIZE], char out[BLAKE3_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < BLAKE3_SIZE; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * (size_t)BLAKE3_SIZE] = '\0';
}
