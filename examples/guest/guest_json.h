/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as far as arguments and answers of tools need it. The host has checked that arguments are JSON, so what is
 * malformed is not told apart from what is absent. Nothing here recurses, and what it walks over may be of any size and
 * depth. See capsule_guest.h, which is the header to include. */
#ifndef GUEST_JSON_H
#define GUEST_JSON_H

#include "guest_memory.h"

/* ---- Writing ---- */

/** `text` as a JSON string, quotes included. */
static inline void guest_write_string(struct guest_writer *writer, struct guest_bytes text)
{
	static const char hex[] = "0123456789abcdef";

	guest_write_byte(writer, '"');
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c < 0x20) {
			guest_write_text(writer, "\\u00");
			guest_write_byte(writer, (uint8_t)hex[c >> 4]);
			guest_write_byte(writer, (uint8_t)hex[c & 15]);
			continue;
		}
		if (c == '"' || c == '\\')
			guest_write_byte(writer, '\\');
		guest_write_byte(writer, c);
	}
	guest_write_byte(writer, '"');
}

/** `number` in decimal. */
static inline void guest_write_integer(struct guest_writer *writer, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	uint8_t digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (uint8_t)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		guest_write_byte(writer, '-');
	guest_write(writer, (struct guest_bytes){ digits + at, sizeof digits - at });
}

/* ---- Reading ---- */

/* A place in JSON text: in the guest's memory, or in the input of the call, which is then read where it is. */
struct guest_reader {
	const uint8_t *data; /* NULL: the input */
	uint64_t at, len;
	uint64_t word; /* the eight bytes of the input around `at` */
};

static inline struct guest_reader guest_read_bytes(struct guest_bytes text)
{
	return (struct guest_reader){ .data = text.data, .len = text.data != NULL ? text.len : 0 };
}

static inline struct guest_reader guest_read_input(void)
{
	return (struct guest_reader){ .len = extism_input_length(), .word = extism_input_load_u64(0) };
}

/* The next byte, or -1 at the end. */
static inline int guest_peek(const struct guest_reader *reader)
{
	if (reader->at >= reader->len)
		return -1;
	if (reader->data != NULL)
		return reader->data[reader->at];
	if ((reader->at | 7) < reader->len)
		return (int)(reader->word >> (reader->at & 7) * 8 & 0xff);
	return (int)extism_input_load_u8(reader->at); /* a word that reaches over the end reads as 0 */
}

static inline int guest_next(struct guest_reader *reader)
{
	int c = guest_peek(reader);

	if (c >= 0 && (++reader->at & 7) == 0 && reader->data == NULL)
		reader->word = extism_input_load_u64(reader->at);
	return c;
}

/* The next byte that is not white space, without taking it. */
static inline int guest_json_peek(struct guest_reader *reader)
{
	int c;

	while ((c = guest_peek(reader)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		(void)guest_next(reader);
	return c;
}

/* Take `wanted` if it is next. */
static inline bool guest_json_take(struct guest_reader *reader, int wanted)
{
	if (guest_json_peek(reader) != wanted)
		return false;
	(void)guest_next(reader);
	return true;
}

static inline void guest_write_code_point(struct guest_writer *writer, uint32_t c)
{
	if (c < 0x80) {
		guest_write_byte(writer, (uint8_t)c);
		return;
	}
	if (c < 0x800) {
		guest_write_byte(writer, (uint8_t)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			guest_write_byte(writer, (uint8_t)(0xe0 | c >> 12));
		} else {
			guest_write_byte(writer, (uint8_t)(0xf0 | c >> 18));
			guest_write_byte(writer, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		}
		guest_write_byte(writer, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	}
	guest_write_byte(writer, (uint8_t)(0x80 | (c & 0x3f)));
}

/* Four hexadecimal digits, or -1. */
static inline int32_t guest_json_hex(struct guest_reader *reader)
{
	int32_t value = 0;

	for (int i = 0; i < 4; i++) {
		int c = guest_next(reader);

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* What stands behind \u. A half of a pair without the other becomes U+FFFD. */
static inline bool guest_json_unicode(struct guest_reader *reader, struct guest_writer *out)
{
	int32_t c = guest_json_hex(reader), low;

	while (c >= 0xd800 && c <= 0xdbff) {
		struct guest_reader behind = *reader;

		low = guest_next(&behind) == '\\' && guest_next(&behind) == 'u' ? guest_json_hex(&behind) : -1;
		if (low < 0) {
			c = 0xfffd;
			break;
		}
		*reader = behind;
		if (low >= 0xdc00 && low <= 0xdfff) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			break;
		}
		guest_write_code_point(out, 0xfffd);
		c = low;
	}
	if (c >= 0xdc00 && c <= 0xdfff)
		c = 0xfffd;
	if (c >= 0)
		guest_write_code_point(out, (uint32_t)c);
	return c >= 0;
}

static inline bool guest_json_escape(struct guest_reader *reader, struct guest_writer *out)
{
	int c = guest_next(reader);

	switch (c) {
	case 'u':
		return guest_json_unicode(reader, out);
	case 'b':
		c = '\b';
		break;
	case 'f':
		c = '\f';
		break;
	case 'n':
		c = '\n';
		break;
	case 'r':
		c = '\r';
		break;
	case 't':
		c = '\t';
		break;
	default:
		if (c != '"' && c != '\\' && c != '/')
			return false;
	}
	guest_write_byte(out, (uint8_t)c);
	return true;
}

/** Take a JSON string and append what it stands for. False if none is next or the memory is at its ceiling. */
static inline bool guest_json_take_string(struct guest_reader *reader, struct guest_writer *out)
{
	int c;

	if (!guest_json_take(reader, '"'))
		return false;
	while ((c = guest_next(reader)) != '"') {
		if (c < 0 || (c == '\\' && !guest_json_escape(reader, out)))
			return false;
		if (c != '\\')
			guest_write_byte(out, (uint8_t)c);
	}
	return guest_writer_reserve(out, 0);
}

/** Take any JSON value. False at the end of the text. */
static inline bool guest_json_skip(struct guest_reader *reader)
{
	uint64_t depth = 0;
	bool in_string = false;

	if (guest_json_peek(reader) < 0)
		return false;
	for (;;) {
		int c = guest_peek(reader);

		if (c < 0 || (depth == 0 && !in_string && (c == ',' || c == '}' || c == ']')))
			return c >= 0 || (depth == 0 && !in_string);
		(void)guest_next(reader);
		if (c == '\\' && in_string)
			(void)guest_next(reader);
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']'))
			depth--;
	}
}

/** Move from the start of an object to the value of its member `name`. False when there is none. */
static inline bool guest_json_seek(struct guest_reader *reader, const char *name)
{
	if (!guest_json_take(reader, '{'))
		return false;
	do {
		struct guest_writer key = { 0 };

		if (!guest_json_take_string(reader, &key) || !guest_json_take(reader, ':'))
			return false;
		if (guest_equal(guest_written(&key), guest_text(name)))
			return true;
		if (!guest_json_skip(reader))
			return false;
	} while (guest_json_take(reader, ','));
	return false;
}

/** The string `name` of the flat object `json`. False when it is absent, no string, or too long for the memory. */
static inline bool guest_json_string(struct guest_bytes json, const char *name, struct guest_bytes *value)
{
	struct guest_reader reader = guest_read_bytes(json);
	struct guest_writer text = { 0 };
	bool found = guest_json_seek(&reader, name) && guest_json_take_string(&reader, &text);

	*value = guest_written(&text);
	return found;
}

/** The whole number at the start of `text`. False when there is none, when it does not fit, when a fraction or an
 *  exponent follows. */
static inline bool guest_parse_integer(struct guest_bytes text, int64_t *value)
{
	bool negative = text.len > 0 && text.data[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + negative, number = 0;
	size_t start = negative, at = start;

	for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
		uint64_t digit = text.data[at] - '0';

		if (number > (limit - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (at == start || (at < text.len && (text.data[at] == '.' || (text.data[at] | 0x20) == 'e')))
		return false;
	*value = (int64_t)(negative ? -number : number);
	return true;
}

/** The whole number `name` of the flat object `json`. False when it is absent or no such number. */
static inline bool guest_json_integer(struct guest_bytes json, const char *name, int64_t *value)
{
	struct guest_reader reader = guest_read_bytes(json);

	if (!guest_json_seek(&reader, name) || guest_json_peek(&reader) < 0)
		return false;
	return guest_parse_integer((struct guest_bytes){ json.data + reader.at, json.len - (size_t)reader.at }, value);
}

/* Take an array of numbers from 0 to 255 and append them as bytes. */
static inline bool guest_json_take_byte_array(struct guest_reader *reader, struct guest_writer *out)
{
	if (!guest_json_take(reader, '['))
		return false;
	if (guest_json_take(reader, ']'))
		return true;
	do {
		uint32_t value = 0, digits = 0;
		int c = guest_json_peek(reader);

		for (; c >= '0' && c <= '9' && digits < 4; c = guest_peek(reader), digits++) {
			value = value * 10 + (uint32_t)(c - '0');
			(void)guest_next(reader);
		}
		if (digits == 0 || value > 255)
			return false;
		guest_write_byte(out, (uint8_t)value);
	} while (guest_json_take(reader, ','));
	return guest_json_take(reader, ']') && guest_writer_reserve(out, 0);
}

#endif
