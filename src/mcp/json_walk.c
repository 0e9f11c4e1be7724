/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Objects and arrays member by member, and what strings mean. */
#include "mcp/json_scan.h"

#include "base/text.h"

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

/* What the escape at `text`, a backslash, means: *len bytes. Returns how many it takes there. */
static size_t meaning(const uint8_t *text, uint8_t bytes[4], size_t *len)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	uint32_t code;

	if (text[1] != 'u') {
		const char *found = strchr(letters, text[1]);

		bytes[0] = (uint8_t)(found != NULL ? meanings[found - letters] : '?');
		*len = 1;
		return 2;
	}
	code = hex_value(text + 2);
	if (code < 0xD800 || code > 0xDFFF) {
		*len = encode(code, bytes);
		return 6;
	}
	code = 0x10000 + ((code - 0xD800) << 10) + (hex_value(text + 8) - 0xDC00);
	*len = encode(code, bytes);
	return 12;
}

bool json_scan_unescape(struct span string, struct buffer *out)
{
	const uint8_t *at = string.data + 1, *end = string.data + string.len - 1;
	uint8_t bytes[4];
	size_t len;

	while (at < end && !out->failed) {
		const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
		const uint8_t *until = escape != NULL ? escape : end;

		(void)buffer_append(out, at, (size_t)(until - at));
		at = until;
		if (escape != NULL) {
			at += meaning(escape, bytes, &len);
			(void)buffer_append(out, bytes, len);
		}
	}
	return !out->failed;
}

/* A string byte by byte, as it is meant. */
struct meant {
	const uint8_t *at, *end;
	uint8_t bytes[4]; /* of an escape */
	size_t next, len;
};

static struct meant meant_of(struct span string)
{
	return (struct meant){ .at = string.data + 1, .end = string.data + string.len - 1 };
}

/* The next byte, -1 at the end. */
static int meant_next(struct meant *meant)
{
	if (meant->next < meant->len)
		return meant->bytes[meant->next++];
	if (meant->at == meant->end)
		return -1;
	if (*meant->at != '\\')
		return *meant->at++;
	meant->at += meaning(meant->at, meant->bytes, &meant->len);
	meant->next = 1;
	return meant->bytes[0];
}

bool json_scan_same(struct span a, struct span b)
{
	struct meant first = meant_of(a), second = meant_of(b);
	int byte;

	if (span_equal(a, b))
		return true;
	do {
		byte = meant_next(&first);
		if (byte != meant_next(&second))
			return false;
	} while (byte >= 0);
	return true;
}

bool json_scan_is(struct span string, const char *text)
{
	struct meant meant;
	size_t len = strlen(text), at = 0;
	int byte;

	if (!json_is_string(string) || string.len < len + 2)
		return false;
	if (string.len == len + 2) /* an escape would make it longer than what it means */
		return memcmp(string.data + 1, text, len) == 0 && memchr(text, '\\', len) == NULL;
	meant = meant_of(string);
	while ((byte = meant_next(&meant)) >= 0) {
		if (at == len || byte != (uint8_t)text[at++])
			return false;
	}
	return at == len;
}
