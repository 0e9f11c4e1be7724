/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Typed getters for JSON. A handler asks for its arguments by name and goes on: where one is missing or of another type,
 * the getter gives something empty, and the call fails when the handler returns, with a text such as
 *
 *   greet: argument `name` is missing; a string is expected
 *   search: argument `filter.tags[2]`: a string is expected, got a number
 *
 *   getter                         JSON                                                   when it fails
 *   guest_get_text                 string; \u0000 is a byte, half a surrogate U+FFFD      empty
 *   guest_get_integer              whole number that fits into 64 bits; 5.0 and 1e3 too   0
 *   guest_get_number               number that is finite as a double                      0
 *   guest_get_bool                 true, false                                            false
 *   guest_get_bytes                base64 in a string, or array of numbers up to 255      empty
 *   guest_get_object, _array       object, array                                          absent
 *   guest_get_..._or               the same, or absent or null: then the default          the default
 *
 * guest_as_...() do the same to a value, such as an item of an array; guest_get() finds a member of any type.
 *
 * Each getter reads the text of the object once, so it takes time in proportion to that text: ask for a member once. A key
 * that stands twice in an object is a failure when it is asked for. Text is checked as a whole before anything is taken
 * from it: deeper than 128 levels, not UTF-8, cut off - the call fails, and says at which byte.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_JSON_READ_H
#define CAPSULE_GUEST_JSON_READ_H

#include "json_value.h"

GUEST_INLINE const char *guest_kind_name(enum guest_kind kind)
{
	static const char *const names[] = { "nothing", "null", "true or false", "a number", "a string", "an array",
		"an object" };

	return names[kind];
}

/* Whether `value` is of this kind; the call fails if not. */
GUEST_OUTLINE bool guest_expect(struct guest_value value, enum guest_kind kind, const char *expected)
{
	enum guest_kind is = guest_kind_of(value);

	if (is == kind)
		return true;
	if (value.document != NULL && value.document->broken)
		return false;
	if (is == GUEST_ABSENT)
		guest_fail_missing(value, expected);
	else
		guest_fail_wrong(value, expected, guest_kind_name(is));
	return false;
}

/* ---- Going over arrays and objects ---- */

/* for (struct guest_each each = guest_each(items); guest_next(&each);) ... each.value ... */
struct guest_each {
	struct guest_value value;
	struct guest_bytes key; /* of a member, as it stands between its quotes; guest_each_key() decodes it */
	size_t index;           /* from 0 */
	const uint8_t *at;      /* behind the value; NULL before the first and when there is nothing */
	bool object, started;
};

/** All items of an array, or all members of an object. What is absent or null has none; the call fails when `value` is
 *  something else. */
GUEST_OUTLINE struct guest_each guest_each(struct guest_value value)
{
	enum guest_kind kind = guest_kind_of(value);
	struct guest_each each = { .value = value, .object = kind == GUEST_OBJECT };

	if (kind == GUEST_OBJECT || kind == GUEST_ARRAY)
		each.at = guest_value_start(value) + 1;
	else if (kind != GUEST_ABSENT && kind != GUEST_NULL)
		guest_fail_wrong(value, "an array", guest_kind_name(kind));
	return each;
}

/** Move on to the next; false when there is none. */
GUEST_OUTLINE bool guest_next(struct guest_each *each)
{
	const uint8_t *end, *at = each->at;

	if (at == NULL)
		return false;
	end = each->value.document->end;
	at = guest_skip_white(at, end);
	if (each->started && at < end && *at == ',')
		at = guest_skip_white(at + 1, end);
	if (at >= end || *at == '}' || *at == ']') {
		each->at = NULL;
		return false;
	}
	if (each->object) {
		each->key = guest_string_content(at, end);
		at = guest_skip_white(guest_skip_string(at, end), end);
		at = guest_skip_white(at + 1, end); /* the colon */
	}
	each->index += each->started;
	each->started = true;
	each->value.at = at;
	each->at = guest_skip_value(at, end);
	return true;
}

/** The key of the member that `each` is at. */
GUEST_OUTLINE struct guest_bytes guest_each_key(const struct guest_each *each)
{
	return guest_string_decode(each->key);
}

/** How many items an array or members an object has; 0 for anything else. */
GUEST_OUTLINE size_t guest_count(struct guest_value value)
{
	enum guest_kind kind = guest_kind_of(value);
	struct guest_each each;
	size_t count = 0;

	if (kind != GUEST_ARRAY && kind != GUEST_OBJECT)
		return 0;
	for (each = guest_each(value); guest_next(&each);)
		count++;
	return count;
}

/** The member `name` of an object, whatever it is; absent when there is none, and when `object` is absent. The call fails
 *  when `object` is something else, or has two members of that name. */
GUEST_OUTLINE struct guest_value guest_get(struct guest_value object, const char *name)
{
	struct guest_value found = { object.document, object.at, name };
	struct guest_bytes wanted = guest_text(name);

	if (!guest_present(object)) {
		found.at = object.missing == NULL ? NULL : object.at;
		return found;
	}
	if (!guest_expect(object, GUEST_OBJECT, "an object"))
		return (struct guest_value){ object.document, NULL, name };
	for (struct guest_each each = guest_each(object); guest_next(&each);) {
		if (!guest_string_is(each.key, wanted))
			continue;
		if (found.missing == NULL) {
			guest_reject(each.value, "is given twice");
			return (struct guest_value){ object.document, NULL, name };
		}
		found = each.value;
	}
	return found;
}

/* ---- Values ---- */

GUEST_OUTLINE struct guest_bytes guest_as_text(struct guest_value value)
{
	if (!guest_expect(value, GUEST_STRING, "a string"))
		return guest_bytes_of(NULL, 0);
	return guest_string_decode(guest_string_content(guest_value_start(value), value.document->end));
}

GUEST_INLINE bool guest_as_bool(struct guest_value value)
{
	return guest_expect(value, GUEST_BOOL, "true or false") && *guest_value_start(value) == 't';
}

GUEST_OUTLINE double guest_as_number(struct guest_value value)
{
	double number;

	if (!guest_expect(value, GUEST_NUMBER, "a number"))
		return 0;
	number = guest_parse_number(guest_raw(value));
	if (number - number == 0)
		return number;
	guest_fail_wrong(value, "a number", "one that is too large for a double");
	return 0;
}

/* Whether a number has a fraction or an exponent. */
GUEST_INLINE bool guest_number_has_more(struct guest_bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '.' || text.data[i] == 'e' || text.data[i] == 'E')
			return true;
	return false;
}

GUEST_OUTLINE int64_t guest_as_integer(struct guest_value value)
{
	static const char expected[] = "a whole number";
	const double exact = 9007199254740992.0; /* 2^53 */
	struct guest_bytes text;
	int64_t integer;
	double number;

	if (!guest_expect(value, GUEST_NUMBER, expected))
		return 0;
	text = guest_raw(value);
	if (guest_parse_integer(text, &integer))
		return integer;
	if (!guest_number_has_more(text)) {
		guest_fail_wrong(value, expected, "one that does not fit into 64 bits");
		return 0;
	}
	number = guest_parse_number(text);
	if (number >= -exact && number <= exact && (double)(int64_t)number == number)
		return (int64_t)number;
	guest_fail_wrong(value, expected,
		number > exact || number < -exact ? "one beyond 2^53 with a fraction or an exponent"
						  : "one with a fraction");
	return 0;
}

/* The value of a base64 digit, of the usual alphabet or the one for URLs; -1 for others. */
GUEST_INLINE int guest_base64_digit(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	return byte == '+' || byte == '-' ? 62 : byte == '/' || byte == '_' ? 63 : -1;
}

/* Decode base64, with or without padding, in place of `bytes`. */
GUEST_OUTLINE bool guest_base64_decode(struct guest_bytes text, uint8_t *out, size_t *len)
{
	size_t digits = text.len;
	uint32_t bits = 0;

	while (digits > 0 && text.len - digits < 2 && text.data[digits - 1] == '=')
		digits--;
	if (digits % 4 == 1 || (digits < text.len && text.len % 4 != 0))
		return false;
	*len = 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = guest_base64_digit(text.data[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 != 0)
			out[(*len)++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	return digits % 4 == 0 || (bits & (digits % 4 == 2 ? 15u : 3u)) == 0; /* nothing in the bits left over */
}

GUEST_OUTLINE struct guest_bytes guest_as_bytes(struct guest_value value)
{
	static const char expected[] = "base64 or an array of bytes";
	enum guest_kind kind = guest_kind_of(value);
	struct guest_bytes text = { NULL, 0 };
	uint8_t *bytes;
	size_t len = 0;

	if (kind == GUEST_STRING)
		text = guest_as_text(value);
	else if (!guest_expect(value, GUEST_ARRAY, expected))
		return text;
	bytes = guest_alloc(kind == GUEST_STRING ? text.len : guest_count(value));
	if (bytes == NULL) {
		guest_fail_memory();
		return guest_bytes_of(NULL, 0);
	}
	if (kind == GUEST_STRING && !guest_base64_decode(text, bytes, &len)) {
		guest_fail_wrong(value, expected, "a string that is no base64");
		return guest_bytes_of(NULL, 0);
	}
	if (kind == GUEST_ARRAY)
		for (struct guest_each each = guest_each(value); guest_next(&each);) {
			int64_t byte = guest_as_integer(each.value);

			if (byte < 0 || byte > 255)
				guest_reject(each.value, "is no byte: 0 to 255 are");
			bytes[len++] = (uint8_t)byte;
		}
	return guest_bytes_of(bytes, len);
}

/* ---- Members ---- */

GUEST_INLINE struct guest_bytes guest_get_text(struct guest_value object, const char *name)
{
	return guest_as_text(guest_get(object, name));
}

GUEST_INLINE int64_t guest_get_integer(struct guest_value object, const char *name)
{
	return guest_as_integer(guest_get(object, name));
}

GUEST_INLINE double guest_get_number(struct guest_value object, const char *name)
{
	return guest_as_number(guest_get(object, name));
}

GUEST_INLINE bool guest_get_bool(struct guest_value object, const char *name)
{
	return guest_as_bool(guest_get(object, name));
}

GUEST_INLINE struct guest_bytes guest_get_bytes(struct guest_value object, const char *name)
{
	return guest_as_bytes(guest_get(object, name));
}

GUEST_INLINE struct guest_value guest_get_object(struct guest_value object, const char *name)
{
	struct guest_value value = guest_get(object, name);

	return guest_expect(value, GUEST_OBJECT, "an object") ? value : (struct guest_value){ .missing = name };
}

GUEST_INLINE struct guest_value guest_get_array(struct guest_value object, const char *name)
{
	struct guest_value value = guest_get(object, name);

	return guest_expect(value, GUEST_ARRAY, "an array") ? value : (struct guest_value){ .missing = name };
}

/* ---- Members that may be left out ---- */

/** Whether the member `name` is there and not null. */
GUEST_INLINE bool guest_has(struct guest_value object, const char *name)
{
	return guest_kind_of(guest_get(object, name)) > GUEST_NULL;
}

GUEST_OUTLINE struct guest_bytes guest_get_text_or(struct guest_value object, const char *name, const char *otherwise)
{
	struct guest_value value = guest_get(object, name);

	return guest_kind_of(value) > GUEST_NULL && guest_expect(value, GUEST_STRING, "a string")
		? guest_as_text(value)
		: guest_text(otherwise);
}

GUEST_OUTLINE int64_t guest_get_integer_or(struct guest_value object, const char *name, int64_t otherwise)
{
	struct guest_value value = guest_get(object, name);

	return guest_kind_of(value) > GUEST_NULL ? guest_as_integer(value) : otherwise;
}

GUEST_INLINE double guest_get_number_or(struct guest_value object, const char *name, double otherwise)
{
	struct guest_value value = guest_get(object, name);

	return guest_kind_of(value) > GUEST_NULL ? guest_as_number(value) : otherwise;
}

GUEST_INLINE bool guest_get_bool_or(struct guest_value object, const char *name, bool otherwise)
{
	struct guest_value value = guest_get(object, name);

	return guest_kind_of(value) > GUEST_NULL ? guest_as_bool(value) : otherwise;
}

/** Absent when it is left out; guest_each() then has nothing to go over. */
GUEST_INLINE struct guest_value guest_get_object_or_none(struct guest_value object, const char *name)
{
	struct guest_value value = guest_get(object, name);

	if (guest_kind_of(value) > GUEST_NULL && guest_expect(value, GUEST_OBJECT, "an object"))
		return value;
	return (struct guest_value){ object.document, NULL, name };
}

GUEST_INLINE struct guest_value guest_get_array_or_none(struct guest_value object, const char *name)
{
	struct guest_value value = guest_get(object, name);

	if (guest_kind_of(value) > GUEST_NULL && guest_expect(value, GUEST_ARRAY, "an array"))
		return value;
	return (struct guest_value){ object.document, NULL, name };
}

/** Read JSON that is no argument, such as a stored value: `subject` is what failures begin with. `text` must stay as it is
 *  for as long as values of it are used, at most until the next call. */
#define guest_json(text, subject) guest_json_of(GUEST_BYTES(text), GUEST_BYTES(subject))

GUEST_INLINE struct guest_value guest_json_of(struct guest_bytes text, struct guest_bytes subject)
{
	struct guest_document *document = guest_alloc(sizeof *document);

	if (document != NULL)
		return guest_json_open(document, text, subject);
	guest_fail_memory();
	return (struct guest_value){ .missing = "" };
}

#endif
