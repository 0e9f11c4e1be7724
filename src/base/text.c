/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UTF-8 by the table of well-formed sequences in the Unicode standard (chapter 3), so that what counts as one broken
 * part, and thus the number of replacement characters, is the same as in every other correct decoder. */
#include "base/text.h"

#include <stdlib.h>

#define WORD sizeof(uint64_t)
#define HIGH_BITS UINT64_C(0x8080808080808080)

struct sequence {
	size_t len; /* bytes of the character, or of the maximal broken part */
	bool valid;
};

/* The range of the second byte is what excludes overlong forms, surrogates and code points over U+10FFFF. */
static bool second_fits(uint8_t lead, uint8_t second)
{
	switch (lead) {
	case 0xE0:
		return second >= 0xA0 && second <= 0xBF;
	case 0xED:
		return second >= 0x80 && second <= 0x9F;
	case 0xF0:
		return second >= 0x90 && second <= 0xBF;
	case 0xF4:
		return second >= 0x80 && second <= 0x8F;
	default:
		return second >= 0x80 && second <= 0xBF;
	}
}

/* What stands at `text`; len is at least 1. */
static struct sequence sequence_at(const uint8_t *text, size_t len)
{
	uint8_t lead = text[0];
	size_t need = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
	size_t have = 1;

	if (need <= 1)
		return (struct sequence){ .len = 1, .valid = need == 1 };
	if (len >= 2 && second_fits(lead, text[1])) {
		have = 2;
		while (have < need && have < len && (text[have] & 0xC0) == 0x80)
			have++;
	}
	return (struct sequence){ .len = have, .valid = have == need };
}

size_t text_utf8_valid_prefix(struct span bytes)
{
	size_t at = 0;

	while (at < bytes.len) {
		struct sequence sequence;
		uint64_t word;

		while (bytes.len - at >= WORD) {
			memcpy(&word, bytes.data + at, WORD);
			if ((word & HIGH_BITS) != 0)
				break;
			at += WORD;
		}
		if (at == bytes.len)
			break;
		sequence = sequence_at(bytes.data + at, bytes.len - at);
		if (!sequence.valid)
			return at;
		at += sequence.len;
	}
	return at;
}

bool text_is_utf8(struct span bytes)
{
	return text_utf8_valid_prefix(bytes) == bytes.len;
}

bool text_append_lossy(struct buffer *out, struct span bytes)
{
	while (bytes.len > 0) {
		size_t valid = text_utf8_valid_prefix(bytes);

		if (!buffer_append(out, bytes.data, valid))
			return false;
		bytes = span_of(bytes.data + valid, bytes.len - valid);
		if (bytes.len > 0) {
			size_t broken = sequence_at(bytes.data, bytes.len).len;

			if (!buffer_append_text(out, "\xEF\xBF\xBD"))
				return false;
			bytes = span_of(bytes.data + broken, bytes.len - broken);
		}
	}
	return !out->failed;
}

/* Bytes of the White_Space character at `text`, 0 when another one stands there. */
static size_t space_at(const uint8_t *text, size_t len)
{
	if (len >= 1 && (text[0] == ' ' || (text[0] >= 0x09 && text[0] <= 0x0D)))
		return 1;
	if (len >= 2 && text[0] == 0xC2)
		return text[1] == 0x85 || text[1] == 0xA0 ? 2 : 0;
	if (len < 3)
		return 0;
	if (text[0] == 0xE2 && text[1] == 0x80) /* U+2000 to 200A, 2028, 2029, 202F */
		return text[2] <= 0x8A || text[2] == 0xA8 || text[2] == 0xA9 || text[2] == 0xAF ? 3 : 0;
	if ((text[0] == 0xE1 && text[1] == 0x9A && text[2] == 0x80) ||     /* U+1680 */
		(text[0] == 0xE2 && text[1] == 0x81 && text[2] == 0x9F) || /* U+205F */
		(text[0] == 0xE3 && text[1] == 0x80 && text[2] == 0x80))   /* U+3000 */
		return 3;
	return 0;
}

static size_t space_before_end(struct span text)
{
	for (size_t len = 1; len <= 3 && len <= text.len; len++) {
		if (space_at(text.data + text.len - len, len) == len)
			return len;
	}
	return 0;
}

struct span text_trim(struct span text)
{
	size_t len;

	while (text.len > 0 && (len = space_at(text.data, text.len)) > 0)
		text = span_of(text.data + len, text.len - len);
	while ((len = space_before_end(text)) > 0)
		text.len -= len;
	return text;
}

bool text_parse_u64(struct span text, uint64_t *value)
{
	size_t at = text.len > 0 && text.data[0] == '+' ? 1 : 0;
	uint64_t result = 0;

	if (at == text.len)
		return false;
	for (; at < text.len; at++) {
		uint8_t digit = (uint8_t)(text.data[at] - '0');

		if (digit > 9 || __builtin_mul_overflow(result, UINT64_C(10), &result) ||
			__builtin_add_overflow(result, (uint64_t)digit, &result))
			return false;
	}
	*value = result;
	return true;
}

void text_lower(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
	}
}

char *text_copy(struct span bytes)
{
	char *copy;

	if (bytes.len == SIZE_MAX || (copy = malloc(bytes.len + 1)) == NULL)
		return NULL;
	if (bytes.len > 0)
		memcpy(copy, bytes.data, bytes.len);
	copy[bytes.len] = '\0';
	return copy;
}
