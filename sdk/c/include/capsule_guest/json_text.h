/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as text: is it JSON at all, where does a value end, what does a string stand for. Nothing recurses; each function
 * reads the text once. Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_JSON_TEXT_H
#define CAPSULE_GUEST_JSON_TEXT_H

#include "bytes.h"

#define GUEST_JSON_DEPTH 128u /* arrays and objects inside one another; the host has the same limit */

/* One bit for each level: whether it is an object. */
struct guest_nesting {
	uint32_t depth;
	uint8_t bits[GUEST_JSON_DEPTH / 8];
};

GUEST_INLINE bool guest_nesting_push(struct guest_nesting *nesting, bool object)
{
	uint8_t bit = (uint8_t)(1u << nesting->depth % 8);

	if (nesting->depth >= GUEST_JSON_DEPTH)
		return false;
	nesting->bits[nesting->depth / 8] &= (uint8_t)~bit;
	nesting->bits[nesting->depth / 8] |= object ? bit : 0;
	nesting->depth++;
	return true;
}

/* Whether the innermost level is an object. */
GUEST_INLINE bool guest_nesting_object(const struct guest_nesting *nesting)
{
	uint32_t last = nesting->depth - 1;

	return nesting->depth > 0 && (nesting->bits[last / 8] >> last % 8 & 1) != 0;
}

/* ---- Checking ---- */

/* Text that is being checked: nothing behind `at` is trusted. */
struct guest_check {
	const uint8_t *at, *end;
	const char *problem; /* NULL so far */
};

GUEST_INLINE int guest_check_peek(const struct guest_check *check)
{
	return check->at < check->end ? *check->at : -1;
}

GUEST_INLINE bool guest_check_fail(struct guest_check *check, const char *problem)
{
	if (check->problem == NULL)
		check->problem = problem;
	return false;
}

GUEST_INLINE bool guest_is_digit(int byte)
{
	return byte >= '0' && byte <= '9';
}

GUEST_INLINE const uint8_t *guest_skip_white(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

GUEST_INLINE int guest_hex_digit(int byte)
{
	if (guest_is_digit(byte))
		return byte - '0';
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'f' ? (byte | 0x20) - 'a' + 10 : -1;
}

/* Behind a backslash. */
GUEST_OUTLINE bool guest_check_escape(struct guest_check *check)
{
	int byte = guest_check_peek(check);

	if (byte != '"' && byte != '\\' && byte != '/' && byte != 'b' && byte != 'f' && byte != 'n' && byte != 'r' &&
		byte != 't' && byte != 'u')
		return guest_check_fail(check, "an unknown escape in a string");
	check->at++;
	for (int i = 0; byte == 'u' && i < 4; i++) {
		if (check->at >= check->end || guest_hex_digit(*check->at) < 0)
			return guest_check_fail(check, "four hexadecimal digits are expected behind \\u");
		check->at++;
	}
	return true;
}

/* At the opening quote. */
GUEST_OUTLINE bool guest_check_string(struct guest_check *check)
{
	for (check->at++; check->at < check->end && *check->at != '"';) {
		size_t take;

		if (*check->at == '\\') {
			check->at++;
			if (!guest_check_escape(check))
				return false;
			continue;
		}
		if (*check->at < 0x20)
			return guest_check_fail(check, "a control character in a string; it must be escaped");
		if (!guest_utf8(check->at, (size_t)(check->end - check->at), &take))
			return guest_check_fail(check, "text that is not UTF-8");
		check->at += take;
	}
	if (check->at >= check->end)
		return guest_check_fail(check, "a string is not closed");
	check->at++;
	return true;
}

GUEST_INLINE bool guest_check_digits(struct guest_check *check)
{
	if (!guest_is_digit(guest_check_peek(check)))
		return guest_check_fail(check, "a digit is expected");
	while (guest_is_digit(guest_check_peek(check)))
		check->at++;
	return true;
}

GUEST_OUTLINE bool guest_check_number(struct guest_check *check)
{
	const uint8_t *start;

	check->at += guest_check_peek(check) == '-';
	start = check->at;
	if (!guest_check_digits(check))
		return false;
	if (*start == '0' && check->at - start > 1)
		return guest_check_fail(check, "a number with a zero in front");
	if (guest_check_peek(check) == '.') {
		check->at++;
		if (!guest_check_digits(check))
			return false;
	}
	if (guest_check_peek(check) != 'e' && guest_check_peek(check) != 'E')
		return true;
	check->at++;
	check->at += guest_check_peek(check) == '-' || guest_check_peek(check) == '+';
	return guest_check_digits(check);
}

GUEST_INLINE bool guest_check_word(struct guest_check *check, const char *word)
{
	struct guest_bytes expected = guest_text(word);

	if ((size_t)(check->end - check->at) < expected.len || memcmp(check->at, expected.data, expected.len) != 0)
		return guest_check_fail(check, "a value is expected");
	check->at += expected.len;
	return true;
}

/* A value that has no others inside. */
GUEST_OUTLINE bool guest_check_scalar(struct guest_check *check)
{
	switch (guest_check_peek(check)) {
	case '"':
		return guest_check_string(check);
	case 't':
		return guest_check_word(check, "true");
	case 'f':
		return guest_check_word(check, "false");
	case 'n':
		return guest_check_word(check, "null");
	case -1:
		return guest_check_fail(check, "it ends too early");
	default:
		if (guest_check_peek(check) == '-' || guest_is_digit(guest_check_peek(check)))
			return guest_check_number(check);
		return guest_check_fail(check, "a value is expected");
	}
}

/* A key with its colon. */
GUEST_OUTLINE bool guest_check_key(struct guest_check *check)
{
	check->at = guest_skip_white(check->at, check->end);
	if (guest_check_peek(check) != '"')
		return guest_check_fail(
			check, check->at >= check->end ? "it ends too early" : "a key in quotes is expected");
	if (!guest_check_string(check))
		return false;
	check->at = guest_skip_white(check->at, check->end);
	if (guest_check_peek(check) != ':')
		return guest_check_fail(check, "a colon is expected behind a key");
	check->at++;
	return true;
}

/* Behind a value: close what ends here, then move behind the comma and the key in front of the next value. False at the
 * end of the text and on a problem. */
GUEST_OUTLINE bool guest_check_next(struct guest_check *check, struct guest_nesting *nesting)
{
	for (;;) {
		int byte;

		check->at = guest_skip_white(check->at, check->end);
		byte = guest_check_peek(check);
		if (nesting->depth == 0)
			return byte < 0 ? false : guest_check_fail(check, "something stands behind the value");
		if (byte == ',') {
			check->at++;
			return !guest_nesting_object(nesting) || guest_check_key(check);
		}
		if (byte != (guest_nesting_object(nesting) ? '}' : ']'))
			return guest_check_fail(check,
				byte < 0                                ? "it ends too early"
					: guest_nesting_object(nesting) ? "a comma or } is expected"
									: "a comma or ] is expected");
		check->at++;
		nesting->depth--;
	}
}

/** Why `text` is not one JSON value nested at most GUEST_JSON_DEPTH levels, with the place in bytes in `*at`; NULL when it
 *  is. Repeated keys are allowed here, see json_read.h. */
GUEST_OUTLINE const char *guest_json_problem(struct guest_bytes text, size_t *at)
{
	static const uint8_t nothing[1] = { 0 };
	const uint8_t *data = text.len > 0 ? text.data : nothing;
	struct guest_check check = { data, data + text.len, NULL };
	struct guest_nesting nesting = { .depth = 0 };
	bool more = true;

	while (more) {
		int byte;

		check.at = guest_skip_white(check.at, check.end);
		byte = guest_check_peek(&check);
		if (byte == '{' || byte == '[') {
			if (!guest_nesting_push(&nesting, byte == '{')) {
				(void)guest_check_fail(&check, "it is nested deeper than 128 levels");
				break;
			}
			check.at = guest_skip_white(check.at + 1, check.end);
			if (guest_check_peek(&check) != (byte == '{' ? '}' : ']')) {
				more = byte == '[' || guest_check_key(&check);
				continue;
			}
			check.at++;
			nesting.depth--;
		} else if (!guest_check_scalar(&check)) {
			break;
		}
		more = guest_check_next(&check, &nesting);
	}
	*at = (size_t)(check.at - data);
	return check.problem;
}

/* ---- Walking over text that was checked ---- */

/* Behind the string whose opening quote is at `at`. */
GUEST_INLINE const uint8_t *guest_skip_string(const uint8_t *at, const uint8_t *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

/* Behind the value that begins at `at`. */
GUEST_OUTLINE const uint8_t *guest_skip_value(const uint8_t *at, const uint8_t *end)
{
	size_t depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = guest_skip_string(at, end);
		} else if (*at == '{' || *at == '[') {
			depth++;
			at++;
			continue;
		} else if (*at == '}' || *at == ']') {
			if (depth == 0)
				return at;
			depth--;
			at++;
		} else if (depth > 0) {
			at++;
			continue;
		} else {
			while (at < end && *at != ',' && *at != '}' && *at != ']' && *at > ' ')
				at++;
		}
		if (depth == 0)
			return at;
	}
	return end;
}

/* What the escape at `*at`, behind its backslash, stands for, and move behind it. Half a surrogate pair is U+FFFD. */
GUEST_OUTLINE uint32_t guest_take_escape(const uint8_t **at, const uint8_t *end)
{
	static const char letters[] = "bfnrt", codes[] = "\b\f\n\r\t";
	uint32_t code = 0, low = 0;
	uint8_t letter = *(*at)++;

	for (size_t i = 0; i < sizeof letters - 1; i++)
		if (letter == (uint8_t)letters[i])
			return (uint8_t)codes[i];
	if (letter != 'u' || end - *at < 4)
		return letter;
	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)guest_hex_digit(*(*at)++);
	if (code < 0xd800 || code > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
	for (int i = 2; i < 6; i++)
		low = low << 4 | (uint32_t)guest_hex_digit((*at)[i]);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd; /* the second escape stands for itself */
	*at += 6;
	return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* The next bytes of a string's content (between its quotes) into `out`; gives how many, 0 at the end. */
GUEST_OUTLINE size_t guest_take_unit(const uint8_t **at, const uint8_t *end, uint8_t out[4])
{
	if (*at >= end)
		return 0;
	if (**at != '\\' || end - *at < 2) {
		out[0] = *(*at)++;
		return 1;
	}
	(*at)++;
	return guest_utf8_put(guest_take_escape(at, end), out);
}

#endif
