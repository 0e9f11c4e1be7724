/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SipHash with one round a word and three at the end, as the hash tables of several languages use it. */
#include "base/hash.h"

#define WORD sizeof(uint64_t)

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

/* The first `len` bytes (at most 8) as a little-endian number. */
static uint64_t load(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

uint64_t hash_keyed(const uint64_t seed[2], struct span bytes)
{
	struct sip s = {
		.v0 = seed[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = seed[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = seed[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = seed[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t last = (uint64_t)bytes.len << 56;
	size_t at = 0;

	for (; bytes.len - at >= WORD; at += WORD)
		sip_word(&s, load(bytes.data + at, WORD));
	if (at < bytes.len)
		last |= load(bytes.data + at, bytes.len - at);
	sip_word(&s, last);
	s.v2 ^= 0xFF;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
