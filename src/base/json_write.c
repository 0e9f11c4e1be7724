/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing JSON straight into a buffer. Strings and byte arrays are on the path of every call of a guest, so they are
 * written a word at a time; escapes are those of the reference, byte for byte. */
#include "base/json.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#define WORD sizeof(uint64_t)
#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define INTEGER_TEXT_MAX 20 /* digits of 2^64 - 1, or 19 and a sign */
#define REAL_POOL 256       /* yyjson's pool needs a little more than the 32 bytes of the longest number */

/* The decimal digits of a byte with a comma behind them, and how many bytes that is. */
struct byte_text {
	char text[4];
	uint32_t len;
};

#define DIGIT(b, unit) ('0' + (b) / (unit) % 10)
#define PICK(b, of_one, of_two, of_three) ((b) > 99 ? (of_three) : (b) > 9 ? (of_two) : (of_one))
#define BYTE_TEXT(b)                                                                                                   \
	{                                                                                                              \
		.text = { PICK(b, DIGIT(b, 1), DIGIT(b, 10), DIGIT(b, 100)), PICK(b, ',', DIGIT(b, 1), DIGIT(b, 10)),  \
			PICK(b, 0, ',', DIGIT(b, 1)), PICK(b, 0, 0, ',') },                                            \
		.len = PICK(b, 2, 3, 4),                                                                               \
	}
#define BYTE_TEXTS_4(b) BYTE_TEXT(b), BYTE_TEXT((b) + 1), BYTE_TEXT((b) + 2), BYTE_TEXT((b) + 3)
#define BYTE_TEXTS_16(b) BYTE_TEXTS_4(b), BYTE_TEXTS_4((b) + 4), BYTE_TEXTS_4((b) + 8), BYTE_TEXTS_4((b) + 12)
#define BYTE_TEXTS_64(b) BYTE_TEXTS_16(b), BYTE_TEXTS_16((b) + 16), BYTE_TEXTS_16((b) + 32), BYTE_TEXTS_16((b) + 48)

static const struct byte_text byte_texts[256] = { BYTE_TEXTS_64(0), BYTE_TEXTS_64(64), BYTE_TEXTS_64(128),
	BYTE_TEXTS_64(192) };

/* A container that is being written. */
struct frame {
	const yyjson_val *end; /* the value behind its last one */
	size_t index;          /* values written, keys among them */
	bool object;
};

/* Whether one of the eight bytes is a control character, a quote or a backslash. */
static bool needs_escape(uint64_t word)
{
	uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
	uint64_t hit = ((word - EACH_BYTE(0x20)) & ~word) | ((quote - EACH_BYTE(1)) & ~quote) |
		((backslash - EACH_BYTE(1)) & ~backslash);

	return (hit & EACH_BYTE(0x80)) != 0;
}

static size_t plain_prefix(struct span text)
{
	size_t at = 0;
	uint64_t word;

	for (; text.len - at >= WORD; at += WORD) {
		memcpy(&word, text.data + at, WORD);
		if (needs_escape(word))
			break;
	}
	while (at < text.len && text.data[at] >= 0x20 && text.data[at] != '"' && text.data[at] != '\\')
		at++;
	return at;
}

static bool append_escape(struct buffer *out, uint8_t byte)
{
	static const char letters[0x20] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
	char letter = byte < 0x20 ? letters[byte] : (char)byte;

	if (letter != 0) {
		char escape[2] = { '\\', letter };

		return buffer_append(out, escape, sizeof escape);
	}
	return buffer_printf(out, "\\u%04x", byte);
}

/* Append `text`, which begins with a byte to escape. */
static bool append_escaped(struct buffer *out, struct span text)
{
	while (text.len > 0) {
		size_t plain;

		if (!append_escape(out, text.data[0]))
			return false;
		text = span_of(text.data + 1, text.len - 1);
		plain = plain_prefix(text);
		if (!buffer_append(out, text.data, plain))
			return false;
		text = span_of(text.data + plain, text.len - plain);
	}
	return true;
}

bool json_append_string(struct buffer *out, struct span text)
{
	size_t plain = plain_prefix(text);
	uint8_t *at;

	/* Escapes make it longer still, so this asks for no byte too many. */
	if (!buffer_reserve(out, text.len < SIZE_MAX - 2 ? text.len + 2 : SIZE_MAX))
		return false;
	at = out->data + out->len;
	*at++ = '"';
	if (plain > 0)
		memcpy(at, text.data, plain);
	at += plain;
	if (plain == text.len) {
		*at = '"';
		out->len += plain + 2;
		return true;
	}
	out->len += plain + 1;
	return append_escaped(out, span_of(text.data + plain, text.len - plain)) && buffer_append_byte(out, '"');
}

bool json_append_lossy(struct buffer *out, struct span text)
{
	HOLD(buffer_fini) struct buffer repaired = { 0 };

	if (text_is_utf8(text))
		return json_append_string(out, text);
	if (text_append_lossy(&repaired, text))
		return json_append_string(out, buffer_span(&repaired));
	out->failed = true;
	out->starved = out->starved || repaired.starved;
	return false;
}

static bool append_integer(struct buffer *out, uint64_t magnitude, bool negative)
{
	char text[INTEGER_TEXT_MAX], *at = text + sizeof text;

	do {
		*--at = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude > 0);
	if (negative)
		*--at = '-';
	return buffer_append(out, at, (size_t)(text + sizeof text - at));
}

static bool append_real(struct buffer *out, const yyjson_val *value)
{
	_Alignas(16) char memory[REAL_POOL];
	const char *text;
	yyjson_alc alc;
	size_t len;

	yyjson_alc_pool_init(&alc, memory, sizeof memory);
	text = yyjson_val_write_opts(value, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);
	if (text == NULL) { /* not a number of JSON */
		out->failed = true;
		return false;
	}
	return buffer_append(out, text, len);
}

static bool append_number(struct buffer *out, const yyjson_val *value)
{
	switch (unsafe_yyjson_get_subtype(json_reader(value))) {
	case YYJSON_SUBTYPE_UINT:
		return append_integer(out, value->uni.u64, false);
	case YYJSON_SUBTYPE_SINT:
		return value->uni.i64 < 0 ? append_integer(out, 0 - value->uni.u64, true)
					  : append_integer(out, value->uni.u64, false);
	default:
		return append_real(out, value);
	}
}

static bool append_scalar(struct buffer *out, const yyjson_val *value)
{
	yyjson_val *scalar = json_reader(value);

	switch (unsafe_yyjson_get_type(scalar)) {
	case YYJSON_TYPE_STR:
		return json_append_string(out, span_of(value->uni.str, unsafe_yyjson_get_len(scalar)));
	case YYJSON_TYPE_NULL:
		return buffer_append(out, "null", 4);
	case YYJSON_TYPE_BOOL:
		return unsafe_yyjson_get_bool(scalar) ? buffer_append(out, "true", 4) : buffer_append(out, "false", 5);
	default:
		return append_number(out, value);
	}
}

/* What stands between the last value of `frame` and the next one. */
static bool append_separator(struct buffer *out, struct frame *frame)
{
	size_t index = frame->index++;

	if (frame->object && index % 2 == 1)
		return buffer_append_byte(out, ':');
	return index == 0 || buffer_append_byte(out, ',');
}

bool json_append_value(struct buffer *out, const yyjson_val *value)
{
	struct frame frames[LIMIT_JSON_DEPTH];
	const yyjson_val *end = unsafe_yyjson_get_next(json_reader(value));
	size_t depth = 0;

	while (value != end && !out->failed) {
		const yyjson_val *after = unsafe_yyjson_get_next(json_reader(value));

		if (depth > 0)
			(void)append_separator(out, &frames[depth - 1]);
		if (!unsafe_yyjson_is_ctn(json_reader(value))) {
			(void)append_scalar(out, value);
		} else if (depth == LIMIT_JSON_DEPTH) {
			out->failed = true;
		} else {
			bool object = unsafe_yyjson_get_type(json_reader(value)) == YYJSON_TYPE_OBJ;

			frames[depth++] = (struct frame){ .end = after, .object = object };
			(void)buffer_append_byte(out, object ? '{' : '[');
		}
		value++;
		while (depth > 0 && value == frames[depth - 1].end)
			(void)buffer_append_byte(out, frames[--depth].object ? '}' : ']');
	}
	return !out->failed;
}

/* Bytes of the array's text, for buffers whose limit may be too near for the longest text. */
static size_t byte_array_len(struct span bytes)
{
	size_t len = 1;

	for (size_t i = 0; i < bytes.len; i++)
		len += byte_texts[bytes.data[i]].len;
	return len;
}

bool json_append_byte_array(struct buffer *out, struct span bytes)
{
	size_t need = bytes.len < BUFFER_MAX ? 4 * bytes.len + 1 : SIZE_MAX;
	const struct byte_text *last;
	uint8_t *at;

	if (bytes.len == 0)
		return buffer_append(out, "[]", 2);
	if (need != SIZE_MAX && need > buffer_room(out))
		need = byte_array_len(bytes);
	if (!buffer_reserve(out, need))
		return false;
	at = out->data + out->len;
	*at++ = '[';
	/* All four bytes of each text are stored; what was too much is overwritten by the next one, so the last goes
	 * apart. */
	for (size_t i = 0; i + 1 < bytes.len; i++) {
		const struct byte_text *text = &byte_texts[bytes.data[i]];

		memcpy(at, text->text, sizeof text->text);
		at += text->len;
	}
	last = &byte_texts[bytes.data[bytes.len - 1]];
	memcpy(at, last->text, last->len);
	at += last->len;
	at[-1] = ']';
	out->len = (size_t)(at - out->data);
	return true;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* What has no blanks at all is compact already, and is the common case. */
static bool has_blanks(struct span text)
{
	return memchr(text.data, ' ', text.len) != NULL || memchr(text.data, '\n', text.len) != NULL ||
		memchr(text.data, '\t', text.len) != NULL || memchr(text.data, '\r', text.len) != NULL;
}

bool json_append_compact(struct buffer *out, struct span text)
{
	bool in_string = false;
	size_t from = 0;

	if (text.len == 0) /* and perhaps no text at all, which memchr() must not be given */
		return !out->failed;
	for (size_t i = has_blanks(text) ? 0 : text.len; i < text.len; i++) {
		if (text.data[i] == '"') {
			in_string = !in_string;
		} else if (in_string) {
			i += text.data[i] == '\\';
		} else if (is_blank(text.data[i])) {
			(void)buffer_append(out, text.data + from, i - from);
			from = i + 1;
		}
	}
	return buffer_append(out, text.data + from, text.len - from);
}

/* The value of the member number `index` of an object. */
static struct span member_at(struct span text, size_t index)
{
	const uint8_t *from = NULL;
	bool in_string = false;
	size_t depth = 0, i = 0;

	for (; i < text.len; i++) {
		uint8_t byte = text.data[i];

		if (byte == '"')
			in_string = !in_string;
		else if (in_string)
			i += byte == '\\';
		else if (depth == 1 && from != NULL && (byte == ',' || byte == '}'))
			break;
		else if (byte == '{' || byte == '[')
			depth++;
		else if (byte == '}' || byte == ']')
			depth--;
		else if (byte == ':' && depth == 1 && index-- == 0)
			from = text.data + i + 1;
	}
	return from != NULL && i < text.len ? span_of(from, (size_t)(text.data + i - from)) : span_of(NULL, 0);
}

struct span json_member_text(const yyjson_val *object, struct span text, const char *key)
{
	yyjson_obj_iter iter = yyjson_obj_iter_with(json_reader(object));
	yyjson_val *name;

	for (size_t index = 0; (name = yyjson_obj_iter_next(&iter)) != NULL; index++)
		if (yyjson_equals_str(name, key))
			return member_at(text, index);
	return span_of(NULL, 0);
}
