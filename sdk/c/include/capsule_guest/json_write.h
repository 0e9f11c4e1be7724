/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing JSON that can't be broken: commas come by themselves, text is escaped, bytes that are not UTF-8 become U+FFFD,
 * numbers that JSON does not have become null, and what is still open at the end is closed. A mistake in the order of the
 * calls (a value in an object without a key, more ends than beginnings, a second value) is kept, and the call fails with it.
 *
 *   guest_begin_object(out);                  {
 *   guest_put_text(out, "name", name);          "name":"Ada"
 *   guest_put_array(out, "tags");               ,"tags":[
 *   guest_add_text(out, "new");                   "new"
 *   guest_end(out);                             ]
 *   guest_end(out);                           }
 *
 * guest_add_...() write a value: an item of an array, or the whole document. guest_put_...() write a member of an object.
 * Text is a C string or a struct guest_bytes. Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_JSON_WRITE_H
#define CAPSULE_GUEST_JSON_WRITE_H

#include "json_value.h"

/* Zero-initialise one that is no handler's `out`. */
struct guest_json_writer {
	struct guest_buffer text;
	struct guest_nesting nesting;
	bool comma;          /* something stands before, on this level */
	bool keyed;          /* a key has been written, its value not yet */
	const char *problem; /* NULL: none so far */
};

GUEST_INLINE void guest_writer_fail(struct guest_json_writer *out, const char *problem)
{
	if (out->problem == NULL)
		out->problem = problem;
}

/* What goes before a value. False when no value may stand here. */
GUEST_OUTLINE bool guest_writer_value(struct guest_json_writer *out)
{
	bool object = guest_nesting_object(&out->nesting);

	if (object && !out->keyed)
		guest_writer_fail(out, "a value in an object without a key");
	else if (out->nesting.depth == 0 && out->comma)
		guest_writer_fail(out, "a second value behind the first");
	if (out->problem != NULL)
		return false;
	if (out->comma && !object)
		guest_append_byte(&out->text, ',');
	out->comma = true;
	out->keyed = false;
	return true;
}

GUEST_OUTLINE void guest_writer_begin(struct guest_json_writer *out, bool object)
{
	if (!guest_writer_value(out))
		return;
	if (!guest_nesting_push(&out->nesting, object)) {
		guest_writer_fail(out, "nesting deeper than 128 levels");
		guest_append_bytes(&out->text, guest_text("null"));
		return;
	}
	guest_append_byte(&out->text, object ? '{' : '[');
	out->comma = false;
}

GUEST_INLINE void guest_begin_object(struct guest_json_writer *out)
{
	guest_writer_begin(out, true);
}

GUEST_INLINE void guest_begin_array(struct guest_json_writer *out)
{
	guest_writer_begin(out, false);
}

/** End the innermost array or object. A key without a value gets null. */
GUEST_OUTLINE void guest_end(struct guest_json_writer *out)
{
	bool object = guest_nesting_object(&out->nesting);

	if (out->nesting.depth == 0) {
		guest_writer_fail(out, "more ends than beginnings");
		return;
	}
	if (out->keyed)
		guest_append_bytes(&out->text, guest_text("null"));
	guest_append_byte(&out->text, object ? '}' : ']');
	out->nesting.depth--;
	out->comma = true;
	out->keyed = false;
}

/* A string with its quotes. */
GUEST_OUTLINE void guest_writer_string(struct guest_buffer *text, struct guest_bytes value)
{
	static const char hex[] = "0123456789abcdef", letters[] = "btn\0fr";
	size_t plain = 0, at = 0, take;

	guest_append_byte(text, '"');
	while (at < value.len) {
		uint8_t byte = value.data[at];
		bool valid = guest_utf8(value.data + at, value.len - at, &take);

		if (valid && byte >= 0x20 && byte != '"' && byte != '\\') {
			at += take;
			continue;
		}
		guest_append_bytes(text, guest_bytes_of(value.data + plain, at - plain));
		if (!valid) {
			guest_append_bytes(text, guest_text("\xef\xbf\xbd"));
		} else if (byte >= 0x20 || (byte >= '\b' && byte <= '\r' && byte != '\v')) {
			guest_append_byte(text, '\\');
			guest_append_byte(text, byte >= 0x20 ? byte : (uint8_t)letters[byte - '\b']);
		} else {
			guest_append_bytes(text, guest_text("\\u00"));
			guest_append_byte(text, (uint8_t)hex[byte >> 4]);
			guest_append_byte(text, (uint8_t)hex[byte & 15]);
		}
		at += take;
		plain = at;
	}
	guest_append_bytes(text, guest_bytes_of(value.data + plain, at - plain));
	guest_append_byte(text, '"');
}

/** The key of the next value, in an object. The same key twice is the author's mistake; it is not looked for. */
#define guest_key(out, name) guest_key_bytes(out, GUEST_BYTES(name))

GUEST_OUTLINE void guest_key_bytes(struct guest_json_writer *out, struct guest_bytes name)
{
	if (!guest_nesting_object(&out->nesting))
		guest_writer_fail(out, "a key outside of an object");
	else if (out->keyed)
		guest_writer_fail(out, "a key behind a key");
	if (out->problem != NULL)
		return;
	if (out->comma)
		guest_append_byte(&out->text, ',');
	guest_writer_string(&out->text, name);
	guest_append_byte(&out->text, ':');
	out->comma = true;
	out->keyed = true;
}

/* ---- Values ---- */

/* A value that is written as it stands. */
GUEST_OUTLINE void guest_writer_plain(struct guest_json_writer *out, struct guest_bytes text)
{
	if (guest_writer_value(out))
		guest_append_bytes(&out->text, text);
}

#define guest_add_text(out, value) guest_add_text_bytes(out, GUEST_BYTES(value))

GUEST_INLINE void guest_add_text_bytes(struct guest_json_writer *out, struct guest_bytes value)
{
	if (guest_writer_value(out))
		guest_writer_string(&out->text, value);
}

GUEST_OUTLINE void guest_add_integer(struct guest_json_writer *out, int64_t value)
{
	char room[GUEST_NUMBER_MAX];

	guest_writer_plain(out, guest_bytes_of(room, guest_print_integer(value, room)));
}

/** The shortest digits that read back as `value`; null for what is infinite or no number. */
GUEST_OUTLINE void guest_add_number(struct guest_json_writer *out, double value)
{
	char room[GUEST_NUMBER_MAX];

	guest_writer_plain(out, guest_bytes_of(room, guest_print_number(value, room)));
}

GUEST_INLINE void guest_add_bool(struct guest_json_writer *out, bool value)
{
	guest_writer_plain(out, guest_text(value ? "true" : "false"));
}

GUEST_INLINE void guest_add_null(struct guest_json_writer *out)
{
	guest_writer_plain(out, guest_text("null"));
}

/** A value that was read, as it stands in its text; null when it is absent. */
GUEST_INLINE void guest_add_value(struct guest_json_writer *out, struct guest_value value)
{
	guest_writer_plain(out, guest_present(value) ? guest_raw(value) : guest_text("null"));
}

/** JSON text of somebody else; it is checked, and the call fails if it is no JSON. Together with what it stands in it may
 *  be nested deeper than 128 levels, which the host then refuses. */
#define guest_add_json(out, text) guest_add_json_bytes(out, GUEST_BYTES(text))

GUEST_OUTLINE void guest_add_json_bytes(struct guest_json_writer *out, struct guest_bytes text)
{
	size_t at;
	bool good = guest_json_problem(text, &at) == NULL;

	if (!good)
		guest_writer_fail(out, "text that is not JSON");
	guest_writer_plain(out, text);
}

/** Bytes as base64 in a string; guest_get_bytes() reads it. */
GUEST_OUTLINE void guest_add_bytes(struct guest_json_writer *out, struct guest_bytes value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (!guest_writer_value(out))
		return;
	guest_append_byte(&out->text, '"');
	for (size_t at = 0; at < value.len; at += 3) {
		size_t count = value.len - at < 3 ? value.len - at : 3;
		uint32_t bits = (uint32_t)value.data[at] << 16;

		bits |= count > 1 ? (uint32_t)value.data[at + 1] << 8 : 0;
		bits |= count > 2 ? value.data[at + 2] : 0;
		for (size_t i = 0; i < 4; i++)
			guest_append_byte(&out->text, i <= count ? (uint8_t)digits[bits >> (18 - 6 * i) & 63] : '=');
	}
	guest_append_byte(&out->text, '"');
}

/* ---- Members ---- */

#define guest_put_text(out, name, value) (guest_key(out, name), guest_add_text(out, value))
#define guest_put_integer(out, name, value) (guest_key(out, name), guest_add_integer(out, value))
#define guest_put_number(out, name, value) (guest_key(out, name), guest_add_number(out, value))
#define guest_put_bool(out, name, value) (guest_key(out, name), guest_add_bool(out, value))
#define guest_put_null(out, name) (guest_key(out, name), guest_add_null(out))
#define guest_put_value(out, name, value) (guest_key(out, name), guest_add_value(out, value))
#define guest_put_json(out, name, text) (guest_key(out, name), guest_add_json(out, text))
#define guest_put_bytes(out, name, value) (guest_key(out, name), guest_add_bytes(out, value))
#define guest_put_object(out, name) (guest_key(out, name), guest_begin_object(out))
#define guest_put_array(out, name) (guest_key(out, name), guest_begin_array(out))

/* ---- The end ---- */

/** Close what is open; gives the JSON, empty when nothing was written. On a mistake, or when the memory was at its ceiling,
 *  the call fails and the result is empty. */
GUEST_OUTLINE struct guest_bytes guest_written(struct guest_json_writer *out)
{
	while (out->nesting.depth > 0)
		guest_end(out);
	if (out->problem != NULL)
		guest_fail("the answer can't be written as JSON: ", out->problem);
	return out->problem != NULL || out->text.failed ? guest_bytes_of(NULL, 0) : guest_appended(&out->text);
}

#endif
