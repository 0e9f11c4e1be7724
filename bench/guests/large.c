/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module of the size of a whole program, about 800 KB: seventeen hundred functions of ordinary size, in nine shapes with other
 * constants each, that loop, read and write memory and call each other directly and through a table; and 100 KB of texts. The
 * tool runs a few of them and answers with its whole input. */
#include <capsule_guest.h>

#define BYTES 256 /* what the functions work on */
#define DEPTH 3   /* of calls */

struct work {
	uint8_t bytes[BYTES];
	uint32_t words[BYTES / 4];
	uint32_t depth, used;
	double sum;
};

typedef uint32_t step(struct work *work, uint32_t seed);

#define COUNT 1700
static step *const steps[COUNT];
static const char *const texts[COUNT];

static __attribute__((noinline)) uint32_t go_on(struct work *work, uint32_t seed)
{
	uint32_t answer;

	if (work->depth >= DEPTH)
		return seed;
	work->depth++;
	answer = steps[seed % COUNT](work, seed ^ work->depth);
	work->depth--;
	return answer;
}

/* Writes a number of one byte or five at *at; false at the end of the bytes. */
static __attribute__((noinline)) bool put(struct work *work, uint32_t *at, uint32_t value)
{
	if (*at + 5 > BYTES)
		return false;
	work->bytes[(*at)++] = value < 255 ? (uint8_t)value : 255;
	for (uint32_t i = 0; value >= 255 && i < 4; i++)
		work->bytes[(*at)++] = (uint8_t)(value >> 8 * i);
	return true;
}

/* Reads what put() wrote. */
static __attribute__((noinline)) bool take(struct work *work, uint32_t *at, uint32_t *value)
{
	if (*at + 5 > BYTES)
		return false;
	*value = work->bytes[(*at)++];
	if (*value < 255)
		return true;
	*value = 0;
	for (uint32_t i = 0; i < 4; i++)
		*value |= (uint32_t)work->bytes[(*at)++] << 8 * i;
	return true;
}

#define STEP(name) static __attribute__((noinline)) uint32_t name(struct work *work, uint32_t seed)

/* ---- The shapes: n is the number of the function, and the ten of a row call those before them ---- */

#define MIX(n)                                                                                                         \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint64_t hash = UINT64_C(14695981039346656037) + n;                                                    \
                                                                                                                       \
		for (uint32_t i = n % 7; i < BYTES; i += 1 + n % 3) {                                                  \
			hash = (hash ^ work->bytes[i]) * (UINT64_C(1099511628211) + 2 * n);                            \
			if ((hash & 0xff) == n % 251)                                                                  \
				work->words[(i + n) % (BYTES / 4)] ^= (uint32_t)(hash >> 32);                          \
		}                                                                                                      \
		if (hash % 3 == 0)                                                                                     \
			return go_on(work, (uint32_t)hash + seed);                                                     \
		return (uint32_t)(hash >> (n % 29)) + seed;                                                            \
	}

#define SORT(n, before)                                                                                                \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint32_t first = (seed + n) % (BYTES / 4 - 9), count = 5 + n % 5;                                      \
                                                                                                                       \
		for (uint32_t i = first + 1; i < first + count; i++) {                                                 \
			uint32_t key = work->words[i] + n, at = i;                                                     \
                                                                                                                       \
			for (; at > first && (work->words[at - 1] ^ n) > key; at--)                                    \
				work->words[at] = work->words[at - 1];                                                 \
			work->words[at] = key;                                                                         \
		}                                                                                                      \
		if (work->words[first] > seed)                                                                         \
			return f##before(work, work->words[first + n % 4]);                                            \
		return work->words[first] * n + seed;                                                                  \
	}

#define SEARCH(n, before)                                                                                              \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		const char *text = texts[(seed + n) % COUNT];                                                          \
		uint32_t found = 0;                                                                                    \
                                                                                                                       \
		for (uint32_t i = 0; text[i] != '\0'; i++) {                                                           \
			uint32_t same = 0;                                                                             \
                                                                                                                       \
			while (same < 3 && i + same < BYTES && text[i + same] != '\0' &&                               \
				(uint8_t)text[i + same] == (work->bytes[(i + same * n) % BYTES] ^ n % 32))             \
				same++;                                                                                \
			found += same * (n % 13 + 1);                                                                  \
		}                                                                                                      \
		return found > n % 17 ? f##before(work, seed + found) : go_on(work, seed - found);                     \
	}

#define SELECT(n, before)                                                                                              \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint32_t value = seed ^ n;                                                                             \
                                                                                                                       \
		for (uint32_t i = 0; i < 8; i++)                                                                       \
			switch ((value >> (i % 5)) % 9) {                                                              \
			case 0:                                                                                        \
				value += work->bytes[(value + n) % BYTES];                                             \
				break;                                                                                 \
			case 1:                                                                                        \
				value = value << 5 | value >> 27;                                                      \
				break;                                                                                 \
			case 2:                                                                                        \
				work->bytes[value % BYTES] = (uint8_t)(value >> n % 23);                               \
				break;                                                                                 \
			case 3:                                                                                        \
				value *= 2 * n + 1;                                                                    \
				break;                                                                                 \
			case 4:                                                                                        \
				value ^= work->words[value % (BYTES / 4)];                                             \
				break;                                                                                 \
			case 5:                                                                                        \
				value -= n * 77;                                                                       \
				break;                                                                                 \
			case 6:                                                                                        \
				work->words[i] = value;                                                                \
				break;                                                                                 \
			case 7:                                                                                        \
				value = (uint32_t)__builtin_clz(value | 1) * n;                                        \
				break;                                                                                 \
			default:                                                                                       \
				value = ~value + n;                                                                    \
				break;                                                                                 \
			}                                                                                              \
		return value % 4 == 0 ? f##before(work, value) : value;                                                \
	}

#define PRINT(n, before)                                                                                               \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint32_t value = seed * n, at = (seed + n) % (BYTES - 24), base = 2 + n % 15;                          \
                                                                                                                       \
		if (value > UINT32_C(4000000000) - n) {                                                                \
			work->bytes[at++] = '-';                                                                       \
			value = -value;                                                                                \
		}                                                                                                      \
		do {                                                                                                   \
			uint32_t digit = value % base;                                                                 \
                                                                                                                       \
			work->bytes[at++ % BYTES] = (uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10);            \
			value /= base;                                                                                 \
		} while (value > n % 11);                                                                              \
		work->bytes[at % BYTES] = n % 96 + 32;                                                                 \
		work->used = at > work->used ? at : work->used;                                                        \
		return f##before(work, at) + n;                                                                        \
	}

#define ENCODE(n, before)                                                                                              \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint32_t at = seed % (BYTES / 2);                                                                      \
                                                                                                                       \
		if (!put(work, &at, n % 200) || !put(work, &at, seed))                                                 \
			return go_on(work, at);                                                                        \
		if (seed > n * 1000) {                                                                                 \
			if (!put(work, &at, work->words[n % 64]) || !put(work, &at, n ^ seed) || !put(work, &at, 7))   \
				return f##before(work, at + n);                                                        \
		} else if (!put(work, &at, work->used + n) || !put(work, &at, work->words[(seed + n) % 64])) {         \
			return at ^ n;                                                                                 \
		}                                                                                                      \
		for (uint32_t i = 0; i < n % 6 + 2; i++)                                                               \
			if (!put(work, &at, work->words[i] * n) || !put(work, &at, i))                                 \
				return f##before(work, seed + i);                                                      \
		work->words[n % 61] = at;                                                                              \
		work->words[n % 59 + 3] += at << n % 13;                                                               \
		return put(work, &at, n + at) ? at : go_on(work, n);                                                   \
	}

#define MEASURE(n, before)                                                                                             \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		double x = work->sum / (n + 1.5), least = 1e9, most = -1e9, sum = 0;                                   \
                                                                                                                       \
		for (uint32_t i = 0; i < 16; i++) {                                                                    \
			double y = x * work->bytes[(i * n) % BYTES] + (double)(int32_t)work->words[i] / (n * 3.0);     \
                                                                                                                       \
			least = y < least ? y : least;                                                                 \
			most = y > most ? y : most;                                                                    \
			sum += __builtin_sqrt(__builtin_fabs(y)) * 0.5;                                                \
		}                                                                                                      \
		work->sum = most - least > n ? sum / (most - least) : sum * 0.0625;                                    \
		if (work->sum < n * 0.01)                                                                              \
			return f##before(work, seed + n);                                                              \
		return seed ^ (uint32_t)work->sum;                                                                     \
	}

#define DECODE(n, before)                                                                                              \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint32_t at = seed % (BYTES / 2), kind, count, value;                                                  \
                                                                                                                       \
		if (!take(work, &at, &kind) || !take(work, &at, &count))                                               \
			return go_on(work, at - n);                                                                    \
		if (kind % 4 == n % 4) {                                                                               \
			if (!take(work, &at, &value) || value > n * 3)                                                 \
				return f##before(work, at ^ n);                                                        \
			work->words[value % (BYTES / 4)] = count + n;                                                  \
		} else if (kind % 4 == 2) {                                                                            \
			if (!take(work, &at, &value) || !take(work, &at, &kind))                                       \
				return f##before(work, at + n);                                                        \
			work->bytes[(value + n) % BYTES] = (uint8_t)(kind >> n % 19);                                  \
		}                                                                                                      \
		for (uint32_t i = 0; i < count % 8; i++) {                                                             \
			if (!take(work, &at, &value))                                                                  \
				return f##before(work, n * i);                                                         \
			work->words[i + n % 50] ^= value;                                                              \
		}                                                                                                      \
		return at + kind * n;                                                                                  \
	}

#define GATHER(n, before, other)                                                                                       \
	STEP(f##n)                                                                                                     \
	{                                                                                                              \
		uint32_t found[8], count = 0;                                                                          \
                                                                                                                       \
		for (uint32_t i = 0; i < BYTES / 4 && count < 8; i++)                                                  \
			if ((work->words[i] & (n % 16)) == (seed & (n % 16)))                                          \
				found[count++] = i;                                                                    \
		while (count-- > 0) {                                                                                  \
			uint32_t value = work->words[found[count]];                                                    \
                                                                                                                       \
			seed = seed * 31 + (value % (n + 3)) * count;                                                  \
			if (value % 64 == n % 64)                                                                      \
				return f##other(work, seed);                                                           \
			work->words[found[count]] = value / (n % 5 + 2) + seed;                                        \
		}                                                                                                      \
		return f##before(work, seed);                                                                          \
	}

/* ---- Seventeen hundred of them, f1000 to f2699 ---- */

#define TEN(n)                                                                                                         \
	MIX(n##0)                                                                                                      \
	SORT(n##1, n##0)                                                                                               \
	SEARCH(n##2, n##1)                                                                                             \
	SELECT(n##3, n##1)                                                                                             \
	PRINT(n##4, n##3)                                                                                              \
	ENCODE(n##5, n##4)                                                                                             \
	MEASURE(n##6, n##5)                                                                                            \
	DECODE(n##7, n##4)                                                                                             \
	ENCODE(n##8, n##7)                                                                                             \
	GATHER(n##9, n##8, n##6)

#define TIMES_10(what, n)                                                                                              \
	what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) what(n##7) what(n##8) what(n##9)
#define TIMES_100(what, n)                                                                                             \
	TIMES_10(what, n##0)                                                                                           \
	TIMES_10(what, n##1)                                                                                           \
	TIMES_10(what, n##2)                                                                                           \
	TIMES_10(what, n##3)                                                                                           \
	TIMES_10(what, n##4)                                                                                           \
	TIMES_10(what, n##5)                                                                                           \
	TIMES_10(what, n##6)                                                                                           \
	TIMES_10(what, n##7)                                                                                           \
	TIMES_10(what, n##8)                                                                                           \
	TIMES_10(what, n##9)

/* clang-format off */
#define ALL(what) \
	TIMES_100(what, 1) TIMES_10(what, 20) TIMES_10(what, 21) TIMES_10(what, 22) TIMES_10(what, 23) \
	TIMES_10(what, 24) TIMES_10(what, 25) TIMES_10(what, 26)
/* clang-format on */

ALL(TEN)

#define POINTERS(n) f##n##0, f##n##1, f##n##2, f##n##3, f##n##4, f##n##5, f##n##6, f##n##7, f##n##8, f##n##9,
#define TEXT(n) "function " #n ": " #n " is none of the values that are possible"
#define TEXTS(n)                                                                                                       \
	TEXT(n##0), TEXT(n##1), TEXT(n##2), TEXT(n##3), TEXT(n##4), TEXT(n##5), TEXT(n##6), TEXT(n##7), TEXT(n##8),    \
		TEXT(n##9),

static step *const steps[COUNT] = { ALL(POINTERS) };
static const char *const texts[COUNT] = { ALL(TEXTS) };

CAPSULE_EXPORT(astrid_tool_call)
{
	static struct work work;
	uint64_t len = extism_input_length(), handle = extism_alloc(len), i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t word = extism_input_load_u64(i);

		work.words[i / 8 % (BYTES / 4)] += (uint32_t)word;
		extism_store_u64(handle + i, word);
	}
	for (; i < len; i++)
		extism_store_u8(handle + i, extism_input_load_u8(i));
	work.used = go_on(&work, work.words[0]);
	extism_output_set(handle, len);
	return 0;
}
