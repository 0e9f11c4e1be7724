/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The grammar of JSON over plain text. Strings are what takes the time in real messages, so those go eight bytes at a
 * time; containers are kept as bits, so that depth costs no stack. */
#include "mcp/json_scan.h"

#include "base/text.h"

#define WORD sizeof(uint64_t)
#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Which containers are open in the value that is skipped. */
struct nesting {
	size_t depth;
	bool object[LIMIT_JSON_DEPTH];
};

enum after { AFTER_COMMA, AFTER_ALL, AFTER_WRONG };

static bool fail(struct json_scan *scan, const char *why)
{
	if (scan->why == NULL)
		scan->why = why;
	return false;
}

static void skip_blanks(struct json_scan *scan)
{
	while (scan->at < scan->end &&
		(*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static bool take(struct json_scan *scan, char byte)
{
	if (scan->at == scan->end || *scan->at != (uint8_t)byte)
		return false;
	scan->at++;
	return true;
}

/* Move over bytes that mean themselves in a string. */
static void skip_plain(struct json_scan *scan)
{
	while ((size_t)(scan->end - scan->at) >= WORD) {
		uint64_t word, quote, backslash;

		memcpy(&word, scan->at, WORD);
		quote = word ^ EACH_BYTE('"');
		backslash = word ^ EACH_BYTE('\\');
		if (((((word - EACH_BYTE(0x20)) & ~word) | ((quote - EACH_BYTE(1)) & ~quote) |
			     ((backslash - EACH_BYTE(1)) & ~backslash)) &
			    EACH_BYTE(0x80)) != 0)
			break;
		scan->at += WORD;
	}
	while (scan->at < scan->end && *scan->at >= 0x20 && *scan->at != '"' && *scan->at != '\\')
		scan->at++;
}

static int hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The four digits of a \u escape; false when there are none. */
static bool take_hex(struct json_scan *scan, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++) {
		int digit = scan->at < scan->end ? hex_digit(*scan->at) : -1;

		if (digit < 0)
			return fail(scan, "an escape of a string is wrong");
		*code = *code << 4 | (uint32_t)digit;
		scan->at++;
	}
	return true;
}

/* The character of a \u escape, behind its `\u`: one of the basic plane, or a pair of surrogates. */
static bool take_character(struct json_scan *scan, uint32_t *code)
{
	uint32_t low;

	if (!take_hex(scan, code))
		return false;
	if (*code < 0xD800 || *code > 0xDFFF)
		return true;
	if (*code > 0xDBFF || !take(scan, '\\') || !take(scan, 'u'))
		return fail(scan, "a string holds half a character");
	if (!take_hex(scan, &low))
		return false;
	if (low < 0xDC00 || low > 0xDFFF)
		return fail(scan, "a string holds half a character");
	*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
	return true;
}

static bool skip_string(struct json_scan *scan)
{
	uint32_t code;

	if (!take(scan, '"'))
		return fail(scan, "a string is missing");
	for (;;) {
		skip_plain(scan);
		if (scan->at == scan->end)
			return fail(scan, "a string has no end");
		if (take(scan, '"'))
			return true;
		if (!take(scan, '\\'))
			return fail(scan, "a string holds a control character");
		if (scan->at == scan->end)
			return fail(scan, "a string has no end");
		if (take(scan, 'u')) {
			if (!take_character(scan, &code))
				return false;
		} else if (*scan->at == 0 || strchr("\"\\/bfnrt", *scan->at++) == NULL) {
			return fail(scan, "an escape of a string is wrong");
		}
	}
}

static bool skip_digits(struct json_scan *scan)
{
	const uint8_t *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > from || fail(scan, "a number is wrong");
}

static bool skip_number(struct json_scan *scan)
{
	(void)take(scan, '-');
	if (!take(scan, '0') && !skip_digits(scan))
		return false;
	if (take(scan, '.') && !skip_digits(scan))
		return false;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			(void)take(scan, '-');
		return skip_digits(scan);
	}
	return true;
}

static bool skip_word(struct json_scan *scan, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
		return fail(scan, "a value is wrong");
	scan->at += len;
	return true;
}

static bool skip_scalar(struct json_scan *scan)
{
	if (scan->at == scan->end)
		return fail(scan, "a value is missing");
	switch (*scan->at) {
	case '"':
		return skip_string(scan);
	case 't':
		return skip_word(scan, "true");
	case 'f':
		return skip_word(scan, "false");
	case 'n':
		return skip_word(scan, "null");
	default:
		if (*scan->at != '-' && (*scan->at < '0' || *scan->at > '9'))
			return fail(scan, "a value is missing");
		return skip_number(scan);
	}
}

static bool skip_key(struct json_scan *scan)
{
	skip_blanks(scan);
	if (!skip_string(scan))
		return false;
	skip_blanks(scan);
	return take(scan, ':') || fail(scan, "a colon is missing");
}

/* A container begins: note it, and go to its first value. *empty: it ended already. */
static bool enter(struct json_scan *scan, struct nesting *nesting, bool *empty)
{
	bool object = *scan->at++ == '{';

	*empty = false;
	if (nesting->depth == scan->depth_max)
		return fail(scan, "nested too deep");
	skip_blanks(scan);
	if (take(scan, object ? '}' : ']')) {
		*empty = true;
		return true;
	}
	nesting->object[nesting->depth++] = object;
	return !object || skip_key(scan);
}

/* A value ended: go to the next one, through the ends of containers. */
static enum after go_on(struct json_scan *scan, struct nesting *nesting)
{
	while (nesting->depth > 0) {
		bool object = nesting->object[nesting->depth - 1];

		skip_blanks(scan);
		if (take(scan, ','))
			return !object || skip_key(scan) ? AFTER_COMMA : AFTER_WRONG;
		if (!take(scan, object ? '}' : ']')) {
			(void)fail(scan, object ? "a comma or } is missing" : "a comma or ] is missing");
			return AFTER_WRONG;
		}
		nesting->depth--;
	}
	return AFTER_ALL;
}

struct json_scan json_scan_begin(struct span text, size_t depth_max)
{
	static const uint8_t nothing;
	const uint8_t *data = text.data != NULL ? text.data : &nothing;

	if (depth_max == 0 || depth_max > LIMIT_JSON_DEPTH)
		depth_max = LIMIT_JSON_DEPTH;
	return (struct json_scan){ .at = data, .end = data + text.len, .depth_max = depth_max };
}

bool json_scan_value(struct json_scan *scan, struct span *value)
{
	struct nesting nesting; /* only what is below its depth is read */
	enum after after = AFTER_COMMA;
	const uint8_t *from;
	bool whole;

	if (scan->why != NULL)
		return false;
	nesting.depth = 0;
	skip_blanks(scan);
	from = scan->at;
	while (after == AFTER_COMMA) {
		skip_blanks(scan);
		whole = true;
		if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '[')) {
			if (!enter(scan, &nesting, &whole))
				return false;
		} else if (!skip_scalar(scan)) {
			return false;
		}
		if (whole)
			after = go_on(scan, &nesting);
	}
	*value = span_of(from, (size_t)(scan->at - from));
	return after == AFTER_ALL;
}
