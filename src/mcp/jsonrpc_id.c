/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ids and codes are integers, also those that are written as 1.0 or 1e3: exactly, without a binary fraction between. */
#include "mcp/jsonrpc.h"

#define EXPONENT_MAX 100000 /* beyond it nothing but 0 is an integer of 64 bits */

/* A number as digits times a power of ten. Digits beyond what 64 bits hold end it, unless they are zeros. */
struct decimal {
	bool negative;
	uint64_t digits;
	int64_t exponent;
	int64_t zeros; /* behind `digits`, not in it yet */
};

/* Append a digit; false when the number is too long to be an integer of 64 bits. */
static bool append_digit(struct decimal *decimal, unsigned digit)
{
	if (digit == 0) {
		decimal->zeros += decimal->digits > 0;
		return true;
	}
	for (; decimal->zeros >= 0; decimal->zeros--) {
		if (__builtin_mul_overflow(decimal->digits, 10, &decimal->digits))
			return false;
	}
	decimal->zeros = 0;
	return !__builtin_add_overflow(decimal->digits, digit, &decimal->digits);
}

static int64_t read_exponent(const uint8_t *at, const uint8_t *end)
{
	bool negative = at < end && *at == '-';
	int64_t value = 0;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (; at < end; at++) {
		value = 10 * value + (*at - '0');
		if (value > EXPONENT_MAX)
			value = EXPONENT_MAX;
	}
	return negative ? -value : value;
}

static bool read_decimal(struct span json, struct decimal *decimal)
{
	const uint8_t *at = json.data, *end = json.data + json.len;
	bool fraction = false;

	if (at < end && *at == '-') {
		decimal->negative = true;
		at++;
	}
	for (; at < end && *at != 'e' && *at != 'E'; at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		decimal->exponent -= fraction;
		if (!append_digit(decimal, *at - (unsigned)'0'))
			return false;
	}
	if (at < end)
		decimal->exponent += read_exponent(at + 1, end);
	return true;
}

bool jsonrpc_integer(struct span json, int64_t *out)
{
	struct decimal decimal = { .negative = false };
	uint64_t value, limit;

	if (json.len == 0 || (json.data[0] != '-' && (json.data[0] < '0' || json.data[0] > '9')))
		return false;
	if (!read_decimal(json, &decimal))
		return false;
	value = decimal.digits;
	decimal.exponent += decimal.zeros;
	if (value > 0 && decimal.exponent < 0)
		return false;
	for (; value > 0 && decimal.exponent > 0; decimal.exponent--) {
		if (__builtin_mul_overflow(value, 10, &value))
			return false;
	}
	limit = (uint64_t)INT64_MAX + decimal.negative;
	if (value > limit)
		return false;
	*out = decimal.negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool jsonrpc_id_read(struct span json, struct jsonrpc_id *out)
{
	*out = (struct jsonrpc_id){ .kind = JSONRPC_INTEGER_ID };
	if (json_is_string(json)) {
		out->kind = JSONRPC_TEXT_ID;
		out->text = json;
		return json.len <= JSONRPC_ID_MAX;
	}
	if (span_is(json, "null")) {
		out->kind = JSONRPC_NULL_ID;
		return true;
	}
	return jsonrpc_integer(json, &out->number);
}

bool jsonrpc_id_equal(const struct jsonrpc_id *a, const struct jsonrpc_id *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == JSONRPC_INTEGER_ID)
		return a->number == b->number;
	return a->kind != JSONRPC_TEXT_ID || json_scan_same(a->text, b->text);
}
