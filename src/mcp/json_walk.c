/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Objects and arrays member by member, and what strings mean. */
#include "mcp/json_scan.h"

#include "base/cleanup.h"
#include "base/text.h"

#define KEY_COMPARED 64 /* bytes of a key with escapes, which makes it longer, that is compared with ours */

static void skip_blanks(struct json_scan *scan)
{
	while (scan->at < scan->end &&
		(*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static bool wrong(struct json_scan *scan, const char *why)
{
	if (scan->why == NULL)
		scan->why = why;
	return false;
}

bool json_scan_open(struct json_scan *scan, char bracket)
{
	skip_blanks(scan);
	if (scan->why != NULL || scan->at == scan->end || *scan->at != (uint8_t)bracket)
		return false;
	if (scan->depth_max == 0)
		return wrong(scan, "nested too deep");
	scan->at++;
	scan->depth_max--;
	scan->begun = false;
	return true;
}

/* Step over what stands before the next member or item. Returns false behind the last one, or when it is wrong. */
static bool advance(struct json_scan *scan, char closing)
{
	if (scan->why != NULL)
		return false;
	skip_blanks(scan);
	if (scan->at == scan->end)
		return wrong(scan, "a bracket is not closed");
	if (*scan->at == (uint8_t)closing) {
		scan->at++;
		scan->depth_max++;
		return false;
	}
	if (!scan->begun) {
		scan->begun = true;
		return true;
	}
	if (*scan->at != ',')
		return wrong(scan, closing == '}' ? "a comma or } is missing" : "a comma or ] is missing");
	scan->at++;
	return true;
}

bool json_scan_member(struct json_scan *scan, struct span *key, struct span *value)
{
	if (!advance(scan, '}'))
		return false;
	skip_blanks(scan);
	if (scan->at == scan->end || *scan->at != '"')
		return wrong(scan, "a key is missing");
	if (!json_scan_value(scan, key))
		return false;
	skip_blanks(scan);
	if (scan->at == scan->end || *scan->at != ':')
		return wrong(scan, "a colon is missing");
	scan->at++;
	return json_scan_value(scan, value);
}

bool json_scan_item(struct json_scan *scan, struct span *value)
{
	return advance(scan, ']') && json_scan_value(scan, value);
}

bool json_scan_done(struct json_scan *scan)
{
	skip_blanks(scan);
	return scan->why == NULL && (scan->at == scan->end || wrong(scan, "more text behind the value"));
}

bool json_scan_whole(struct span text, size_t depth_max, const char **why)
{
	struct json_scan scan = json_scan_begin(text, depth_max);
	struct span value;
	bool fine = text_is_utf8(text) || wrong(&scan, "not UTF-8");

	fine = fine && json_scan_value(&scan, &value) && json_scan_done(&scan);
	if (!fine && why != NULL)
		*why = scan.why;
	return fine;
}

void json_scan_find(struct span object, const char *const *keys, struct span *values, size_t count)
{
	struct json_scan scan = json_scan_begin(object, 0);
	struct span key, value;

	for (size_t i = 0; i < count; i++)
		values[i] = span_of(NULL, 0);
	if (!json_scan_open(&scan, '{'))
		return;
	while (json_scan_member(&scan, &key, &value)) {
		for (size_t i = 0; i < count; i++) {
			if (json_scan_is(key, keys[i]))
				values[i] = value;
		}
	}
}

struct span json_scan_get(struct span object, const char *key)
{
	struct span value;

	json_scan_find(object, &key, &value, 1);
	return value;
}

static uint32_t hex_value(const uint8_t *digits)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)(digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 0x20) - 'a' + 10);
	return code;
}

static size_t encode(uint32_t code, uint8_t text[4])
{
	if (code < 0x80) {
		text[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		text[0] = (uint8_t)(0xC0 | code >> 6);
		text[1] = (uint8_t)(0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000) {
		text[0] = (uint8_t)(0xE0 | code >> 12);
		text[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
		text[2] = (uint8_t)(0x80 | (code & 0x3F));
		return 3;
	}
	text[0] = (uint8_t)(0xF0 | code >> 18);
	text[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
	text[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
	text[3] = (uint8_t)(0x80 | (code & 0x3F));
	return 4;
}

/* Append what the escape at `text`, a backslash, means. Returns how many bytes it takes there. */
static size_t append_meaning(struct buffer *out, const uint8_t *text)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	uint8_t bytes[4];
	uint32_t code;

	if (text[1] != 'u') {
		const char *found = strchr(letters, text[1]);

		(void)buffer_append_byte(out, (uint8_t)(found != NULL ? meanings[found - letters] : '?'));
		return 2;
	}
	code = hex_value(text + 2);
	if (code < 0xD800 || code > 0xDFFF) {
		(void)buffer_append(out, bytes, encode(code, bytes));
		return 6;
	}
	code = 0x10000 + ((code - 0xD800) << 10) + (hex_value(text + 8) - 0xDC00);
	(void)buffer_append(out, bytes, encode(code, bytes));
	return 12;
}

bool json_scan_unescape(struct span string, struct buffer *out)
{
	const uint8_t *at = string.data + 1, *end = string.data + string.len - 1;

	while (at < end && !out->failed) {
		const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
		const uint8_t *until = escape != NULL ? escape : end;

		(void)buffer_append(out, at, (size_t)(until - at));
		at = until;
		if (escape != NULL)
			at += append_meaning(out, escape);
	}
	return !out->failed;
}

bool json_scan_is(struct span string, const char *text)
{
	HOLD(buffer_fini) struct buffer meant = { 0 };
	size_t len = strlen(text);

	if (!json_is_string(string) || string.len < len + 2)
		return false;
	if (string.len == len + 2)
		return memcmp(string.data + 1, text, len) == 0 && memchr(text, '\\', len) == NULL;
	/* Longer: the same only if there are escapes, none of which is over six times as long as what it means. */
	if (string.len > 6 * len + 2 || len > KEY_COMPARED || memchr(string.data, '\\', string.len) == NULL)
		return false;
	return json_scan_unescape(string, &meant) && span_is(buffer_span(&meant), text);
}
