/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers to text and back: exact, rounded to the nearest double with ties to even, and the shortest digits that read
 * back as the same double. No tables, no C library: whole numbers of up to GUEST_BIG_LIMBS * 32 bits do the work.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_NUMBER_H
#define CAPSULE_GUEST_NUMBER_H

#include "bytes.h"

#define GUEST_NUMBER_MAX 32u  /* bytes of the longest number that is written */
#define GUEST_DIGITS_MAX 768u /* significant digits that can make a difference; of more, only whether one is not 0 */
#define GUEST_BIG_LIMBS 96u   /* 3,072 bits: 769 digits and 2^1074 both fit with room for one factor of ten */

/* ---- Whole numbers ---- */

/** `value` in decimal into `out`, which has room for GUEST_NUMBER_MAX bytes; gives the length. */
GUEST_OUTLINE size_t guest_print_unsigned(uint64_t value, char *out)
{
	char digits[20];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	for (size_t i = 0; i < count; i++)
		out[i] = digits[count - 1 - i];
	return count;
}

GUEST_INLINE size_t guest_print_integer(int64_t value, char *out)
{
	if (value >= 0)
		return guest_print_unsigned((uint64_t)value, out);
	out[0] = '-';
	return 1 + guest_print_unsigned(-(uint64_t)value, out + 1);
}

/** The whole number that `text` is from its first to its last byte. False when it is none or does not fit. */
GUEST_OUTLINE bool guest_parse_integer(struct guest_bytes text, int64_t *value)
{
	bool negative = text.len > 0 && text.data[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + negative, number = 0;

	for (size_t at = negative; at < text.len; at++) {
		uint64_t digit = (uint64_t)text.data[at] - '0';

		if (digit > 9 || number > (limit - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (text.len == (size_t)negative)
		return false;
	*value = (int64_t)(negative ? -number : number);
	return true;
}

/* ---- Large whole numbers: limbs of 32 bits, the lowest first, none of the highest 0 ---- */

struct guest_big {
	uint32_t count;
	uint32_t limbs[GUEST_BIG_LIMBS];
};

GUEST_INLINE void guest_big_set(struct guest_big *big, uint64_t value)
{
	big->limbs[0] = (uint32_t)value;
	big->limbs[1] = (uint32_t)(value >> 32);
	big->count = value >> 32 != 0 ? 2 : value != 0;
}

/* big = big * factor + more */
GUEST_OUTLINE void guest_big_multiply(struct guest_big *big, uint32_t factor, uint32_t more)
{
	uint64_t carry = more;

	for (uint32_t i = 0; i < big->count; i++) {
		carry += (uint64_t)big->limbs[i] * factor;
		big->limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0 && big->count < GUEST_BIG_LIMBS)
		big->limbs[big->count++] = (uint32_t)carry;
}

/* big = big * base^exponent, where base is 5 or 10 */
GUEST_OUTLINE void guest_big_multiply_power(struct guest_big *big, uint32_t base, uint32_t exponent)
{
	const uint32_t ninth = base == 5 ? 1953125 : 1000000000;

	for (; exponent >= 9; exponent -= 9)
		guest_big_multiply(big, ninth, 0);
	for (; exponent > 0; exponent--)
		guest_big_multiply(big, base, 0);
}

GUEST_INLINE uint32_t guest_big_bits(const struct guest_big *big)
{
	return big->count == 0 ? 0 : big->count * 32 - (uint32_t)__builtin_clz(big->limbs[big->count - 1]);
}

GUEST_OUTLINE void guest_big_shift(struct guest_big *big, uint32_t bits)
{
	uint32_t whole = bits / 32, rest = bits % 32;

	if (big->count == 0 || big->count + whole >= GUEST_BIG_LIMBS)
		return;
	for (uint32_t i = big->count; i > 0; i--)
		big->limbs[i - 1 + whole] = big->limbs[i - 1];
	for (uint32_t i = 0; i < whole; i++)
		big->limbs[i] = 0;
	big->count += whole;
	if (rest > 0)
		guest_big_multiply(big, (uint32_t)1 << rest, 0);
}

GUEST_OUTLINE int guest_big_compare(const struct guest_big *a, const struct guest_big *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (uint32_t i = a->count; i > 0; i--)
		if (a->limbs[i - 1] != b->limbs[i - 1])
			return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
	return 0;
}

/* a = a - b, which is not larger */
GUEST_OUTLINE void guest_big_subtract(struct guest_big *a, const struct guest_big *b)
{
	int64_t borrow = 0;

	for (uint32_t i = 0; i < a->count; i++) {
		borrow += (int64_t)a->limbs[i] - (i < b->count ? b->limbs[i] : 0);
		a->limbs[i] = (uint32_t)borrow;
		borrow >>= 32;
	}
	while (a->count > 0 && a->limbs[a->count - 1] == 0)
		a->count--;
}

/* a = a + b */
GUEST_OUTLINE void guest_big_add(struct guest_big *a, const struct guest_big *b)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < b->count || carry != 0; i++) {
		if (i >= GUEST_BIG_LIMBS)
			return;
		carry += (uint64_t)(i < a->count ? a->limbs[i] : 0) + (i < b->count ? b->limbs[i] : 0);
		a->limbs[i] = (uint32_t)carry;
		carry >>= 32;
		if (i >= a->count)
			a->count = i + 1;
	}
}

/* ---- Text to double ---- */

/* mantissa * 2^exponent, where `more` says that the true value is a little larger; to the nearest double. */
GUEST_OUTLINE double guest_round(uint64_t mantissa, int32_t exponent, bool more)
{
	int32_t zeros = __builtin_clzll(mantissa), shift = 11, power;
	uint64_t keep, rest, half, bits;
	double value;

	mantissa <<= zeros;
	exponent -= zeros;
	power = exponent + 63;
	if (power < -1022)
		shift += -1022 - power;
	if (power > 1023 || shift > 64) {
		bits = power > 1023 ? UINT64_C(0x7ff) << 52 : 0;
	} else {
		half = (uint64_t)1 << (shift - 1);
		keep = shift == 64 ? 0 : mantissa >> shift;
		rest = shift == 64 ? mantissa : mantissa & (((uint64_t)1 << shift) - 1);
		if (rest > half || (rest == half && (more || keep % 2 != 0)))
			keep++;
		bits = shift == 11 ? ((uint64_t)(power + 1022) << 52) + keep : keep;
	}
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* digits * 10^exponent, exactly, then rounded. `digits` is not 0. */
GUEST_OUTLINE double guest_scale(struct guest_big *digits, int32_t exponent)
{
	struct guest_big divisor;
	int32_t power = exponent, difference;
	uint64_t quotient = 0;

	guest_big_set(&divisor, 1);
	if (exponent >= 0)
		guest_big_multiply_power(digits, 5, (uint32_t)exponent);
	else
		guest_big_multiply_power(&divisor, 5, (uint32_t)-exponent);
	difference = (int32_t)guest_big_bits(&divisor) - (int32_t)guest_big_bits(digits);
	if (difference > 0)
		guest_big_shift(digits, (uint32_t)difference);
	else
		guest_big_shift(&divisor, (uint32_t)-difference);
	for (int i = 0; i < 64; i++) {
		quotient <<= 1;
		if (guest_big_compare(digits, &divisor) >= 0) {
			guest_big_subtract(digits, &divisor);
			quotient |= 1;
		}
		guest_big_multiply(digits, 2, 0);
	}
	return guest_round(quotient, power - difference - 63, digits->count > 0);
}

/** The double nearest to a number in the form of JSON, from its first to its last byte: infinite when it is too large, 0
 *  when it is too small. The form was checked before. */
GUEST_OUTLINE double guest_parse_number(struct guest_bytes text)
{
	static const double tens[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
		1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	bool negative = text.len > 0 && text.data[0] == '-', point = false, lost = false, minus = false;
	int64_t exponent = 0, written = 0;
	struct guest_big digits = { 0 };
	uint32_t count = 0;
	size_t at = negative;
	double value;

	for (; at < text.len && (text.data[at] == '.' || (text.data[at] >= '0' && text.data[at] <= '9')); at++) {
		if (text.data[at] == '.') {
			point = true;
			continue;
		}
		exponent -= point;
		if (count == 0 && text.data[at] == '0')
			continue;
		if (count < GUEST_DIGITS_MAX) {
			guest_big_multiply(&digits, 10, (uint32_t)(text.data[at] - '0'));
			count++;
		} else {
			exponent++;
			lost = lost || text.data[at] != '0';
		}
	}
	at++; /* e */
	if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
		minus = text.data[at++] == '-';
	for (; at < text.len && written < 1000000000; at++)
		written = written * 10 + (text.data[at] - '0');
	exponent += minus ? -written : written;
	if (lost) { /* a digit that stands for all that were left out */
		guest_big_multiply(&digits, 10, 1);
		exponent--;
		count++;
	}
	if (count == 0 || exponent + count < -330) {
		value = 0;
	} else if (exponent + count > 310) {
		value = __builtin_inf();
	} else if (count <= 15 && exponent >= -22 && exponent <= 22) { /* both are exact as doubles */
		value = (double)(digits.limbs[0] | (digits.count > 1 ? (uint64_t)digits.limbs[1] << 32 : 0));
		value = exponent < 0 ? value / tens[-exponent] : value * tens[exponent];
	} else {
		value = guest_scale(&digits, (int32_t)exponent);
	}
	return negative ? -value : value;
}

/* ---- Double to text ---- */

/* What is asked of the digits of a number: value = r / s, and the half distances to its neighbours, low / s and high / s. */
struct guest_shortest {
	struct guest_big r, s, low, high;
	bool even; /* the ends of the interval read back as the number too */
};

/* Whether r + high reaches beyond s. */
GUEST_OUTLINE bool guest_shortest_over(const struct guest_shortest *work)
{
	struct guest_big sum = work->r;
	int order;

	guest_big_add(&sum, &work->high);
	order = guest_big_compare(&sum, &work->s);
	return order > 0 || (work->even && order == 0);
}

GUEST_INLINE bool guest_shortest_under(const struct guest_shortest *work)
{
	int order = guest_big_compare(&work->r, &work->low);

	return order < 0 || (work->even && order == 0);
}

GUEST_OUTLINE void guest_shortest_tenfold(struct guest_shortest *work, uint32_t exponent)
{
	guest_big_multiply_power(&work->r, 10, exponent);
	guest_big_multiply_power(&work->low, 10, exponent);
	guest_big_multiply_power(&work->high, 10, exponent);
}

/* Set up for mantissa * 2^exponent, which is not 0; gives k where the value is 0.ddd * 10^k. */
GUEST_OUTLINE int32_t guest_shortest_start(struct guest_shortest *work, uint64_t mantissa, int32_t exponent)
{
	/* Below a power of two the neighbours are closer. */
	bool closer = mantissa == (uint64_t)1 << 52 && exponent > -1074;
	int32_t bits = exponent + 63 - __builtin_clzll(mantissa), power;

	work->even = mantissa % 2 == 0;
	guest_big_set(&work->r, mantissa);
	guest_big_set(&work->s, 1);
	guest_big_set(&work->low, 1);
	guest_big_shift(&work->r, (uint32_t)(1 + closer + (exponent > 0 ? exponent : 0)));
	guest_big_shift(&work->s, (uint32_t)(1 + closer + (exponent < 0 ? -exponent : 0)));
	guest_big_shift(&work->low, (uint32_t)(exponent > 0 ? exponent : 0));
	work->high = work->low;
	if (closer)
		guest_big_shift(&work->high, 1);
	power = bits > 0 ? (bits * 30103 + 99999) / 100000
			 : bits * 30103 / 100000; /* log 2, rounded up; may be one low */
	if (power > 0)
		guest_big_multiply_power(&work->s, 10, (uint32_t)power);
	else
		guest_shortest_tenfold(work, (uint32_t)-power);
	if (guest_shortest_over(work))
		return power + 1;
	guest_shortest_tenfold(work, 1);
	return power;
}

/* The digits behind the point; gives how many, at most 17. */
GUEST_OUTLINE uint32_t guest_shortest_digits(struct guest_shortest *work, char digits[18])
{
	for (uint32_t count = 0;;) {
		char digit = '0';
		bool under, over;

		for (; guest_big_compare(&work->r, &work->s) >= 0; digit++)
			guest_big_subtract(&work->r, &work->s);
		under = guest_shortest_under(work);
		over = guest_shortest_over(work);
		if (under || over || count == 16) {
			guest_big_multiply(&work->r, 2, 0);
			digit = (char)(digit + (!under || (over && guest_big_compare(&work->r, &work->s) >= 0)));
			digits[count++] = digit;
			return count;
		}
		digits[count++] = digit;
		guest_shortest_tenfold(work, 1);
	}
}

/** The shortest text that reads back as `value`, into `out`; gives the length. `null` when it is infinite or no number. */
GUEST_OUTLINE size_t guest_print_number(double value, char *out)
{
	struct guest_shortest work;
	uint64_t bits, mantissa;
	int32_t exponent, power;
	uint32_t count, at = 0, len = 0;
	char digits[18];

	memcpy(&bits, &value, sizeof bits);
	exponent = (int32_t)(bits >> 52 & 0x7ff);
	mantissa = bits & ((UINT64_C(1) << 52) - 1);
	if (exponent == 0x7ff) {
		memcpy(out, "null", 4);
		return 4;
	}
	if (bits >> 63 != 0)
		out[len++] = '-';
	if (exponent == 0 && mantissa == 0) {
		memcpy(out + len, "0.0", 3);
		return len + (bits >> 63 != 0 ? 3 : 1);
	}
	mantissa |= exponent > 0 ? UINT64_C(1) << 52 : 0;
	power = guest_shortest_start(&work, mantissa, (exponent > 0 ? exponent : 1) - 1075);
	count = guest_shortest_digits(&work, digits);
	if (power < -5 || power > 21) { /* d.ddde-7 */
		out[len++] = digits[at++];
		if (count > 1)
			out[len++] = '.';
		while (at < count)
			out[len++] = digits[at++];
		out[len++] = 'e';
		return len + guest_print_integer(power - 1, out + len);
	}
	if (power <= 0) {
		out[len++] = '0';
		out[len++] = '.';
		for (; power < 0; power++)
			out[len++] = '0';
	}
	for (int32_t place = power; at < count || place > 0; place--) {
		if (place == 0 && at > 0)
			out[len++] = '.';
		out[len++] = '0';
		if (at < count)
			out[len - 1] = digits[at++];
	}
	return len;
}

#endif
