/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Values of a JSON document: places in its text, checked once as a whole when the first of them is looked at. A value is
 * small and passed by value; it is valid as long as the text. Nothing here recurses.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_JSON_VALUE_H
#define CAPSULE_GUEST_JSON_VALUE_H

#include "json_text.h"
#include "text.h"

enum guest_kind { GUEST_ABSENT, GUEST_NULL, GUEST_BOOL, GUEST_NUMBER, GUEST_STRING, GUEST_ARRAY, GUEST_OBJECT };

struct guest_document {
	const uint8_t *begin, *end;
	struct guest_bytes subject; /* what failures begin with: the tool, or what the text is */
	bool arguments;             /* of a handler: failures speak of arguments */
	bool checked, broken;
};

struct guest_value {
	struct guest_document *document;
	const uint8_t *at;   /* its first byte, or that of the object in which it is missing */
	const char *missing; /* NULL, or the name under which nothing was found */
};

/** A value whose text is `text`, which must stay as it is. `subject` is what failures begin with, as in "the settings". The
 *  text is checked when something is asked of the value; the call fails if it is not JSON. */
GUEST_INLINE struct guest_value guest_json_open(
	struct guest_document *document, struct guest_bytes text, struct guest_bytes subject)
{
	*document = (struct guest_document){ .subject = subject };
	document->begin = text.len > 0 ? text.data : (const uint8_t *)"";
	document->end = document->begin + text.len;
	return (struct guest_value){ document, document->begin, NULL };
}

GUEST_OUTLINE void guest_json_check(struct guest_document *document)
{
	size_t at;
	const char *problem = guest_json_problem(
		guest_bytes_of(document->begin, (size_t)(document->end - document->begin)), &at);

	document->checked = true;
	document->broken = problem != NULL;
	if (document->broken && document->arguments)
		guest_fail(document->subject, ": the arguments are not JSON: ", problem, ", at byte ", at);
	else if (document->broken)
		guest_fail(document->subject, ": not JSON: ", problem, ", at byte ", at);
}

/** Whether there is a value. */
GUEST_INLINE bool guest_present(struct guest_value value)
{
	if (value.document == NULL || value.at == NULL || value.missing != NULL)
		return false;
	if (!value.document->checked)
		guest_json_check(value.document);
	return !value.document->broken;
}

GUEST_INLINE const uint8_t *guest_value_start(struct guest_value value)
{
	return guest_skip_white(value.at, value.document->end);
}

/** What `value` is. GUEST_ABSENT for what was not found and for text that is not JSON. */
GUEST_OUTLINE enum guest_kind guest_kind_of(struct guest_value value)
{
	if (!guest_present(value))
		return GUEST_ABSENT;
	switch (*guest_value_start(value)) {
	case '{':
		return GUEST_OBJECT;
	case '[':
		return GUEST_ARRAY;
	case '"':
		return GUEST_STRING;
	case 't':
	case 'f':
		return GUEST_BOOL;
	case 'n':
		return GUEST_NULL;
	default:
		return GUEST_NUMBER;
	}
}

/** The JSON text of `value`, empty when it is absent. */
GUEST_OUTLINE struct guest_bytes guest_raw(struct guest_value value)
{
	const uint8_t *start;

	if (!guest_present(value))
		return guest_bytes_of(NULL, 0);
	start = guest_value_start(value);
	return guest_bytes_of(start, (size_t)(guest_skip_value(start, value.document->end) - start));
}

/* ---- Strings ---- */

/* What stands between the quotes of the string at `at`. */
GUEST_INLINE struct guest_bytes guest_string_content(const uint8_t *at, const uint8_t *end)
{
	return guest_bytes_of(at + 1, (size_t)(guest_skip_string(at, end) - at) - 2);
}

/* Whether the string with this content is `name`. */
GUEST_OUTLINE bool guest_string_is(struct guest_bytes content, struct guest_bytes name)
{
	const uint8_t *at = content.data, *end = content.data + content.len;
	uint8_t unit[4];
	size_t len, seen = 0;

	while ((len = guest_take_unit(&at, end, unit)) > 0) {
		if (len > name.len - seen || memcmp(unit, name.data + seen, len) != 0)
			return false;
		seen += len;
	}
	return seen == name.len;
}

/* What the string with this content stands for: the content itself where nothing is escaped, else a copy. */
GUEST_OUTLINE struct guest_bytes guest_string_decode(struct guest_bytes content)
{
	const uint8_t *at = content.data, *end = content.data + content.len;
	uint8_t *copy;
	size_t len = 0, more;

	while (at < end && *at != '\\')
		at++;
	if (at == end)
		return content;
	copy = guest_alloc(content.len); /* what is decoded is never longer */
	if (copy == NULL) {
		guest_fail_memory();
		return guest_bytes_of(NULL, 0);
	}
	at = content.data;
	do {
		uint8_t unit[4];

		more = guest_take_unit(&at, end, unit);
		for (size_t i = 0; i < more; i++)
			copy[len++] = unit[i];
	} while (more > 0);
	return guest_bytes_of(copy, len);
}

/* ---- Failures that name the place ---- */

struct guest_path_level {
	const uint8_t *key; /* its opening quote; NULL in an array */
	uint32_t index;
};

/* The keys and indices that lead to `target`, from the start of the document: "items[2].name". Gives how many levels. */
GUEST_OUTLINE uint32_t guest_path_find(
	const struct guest_document *document, const uint8_t *target, struct guest_path_level *levels)
{
	const uint8_t *at = document->begin;
	struct guest_nesting nesting = { .depth = 0 };
	bool key = false;

	while (at < target) {
		struct guest_path_level *level = nesting.depth > 0 ? &levels[nesting.depth - 1] : NULL;

		if (*at == '"') {
			if (key && level != NULL)
				level->key = at;
			key = false;
			at = guest_skip_string(at, document->end);
			continue;
		}
		if (*at == '{' || *at == '[') {
			if (!guest_nesting_push(&nesting, *at == '{'))
				return 0;
			levels[nesting.depth - 1] = (struct guest_path_level){ NULL, 0 };
			key = *at == '{';
		} else if ((*at == '}' || *at == ']') && nesting.depth > 0) {
			nesting.depth--;
		} else if (*at == ',' && level != NULL) {
			level->index++;
			key = guest_nesting_object(&nesting);
		}
		at++;
	}
	return nesting.depth;
}

GUEST_OUTLINE void guest_failure_add_content(struct guest_bytes content)
{
	const uint8_t *at = content.data, *end = content.data + content.len;
	uint8_t unit[4];
	size_t len;

	while (guest_failure.len < GUEST_FAILURE_MAX / 2 && at < end) {
		size_t take;

		if (*at != '\\') { /* a whole character */
			(void)guest_utf8(at, (size_t)(end - at), &take);
			guest_failure_add(guest_bytes_of(at, take));
			at += take;
			continue;
		}
		len = guest_take_unit(&at, end, unit);
		guest_failure_add(guest_bytes_of(unit, len));
	}
}

/* Append where `value` is, without its missing name; nothing for the document itself. */
GUEST_OUTLINE void guest_failure_add_path(struct guest_value value)
{
	struct guest_path_level levels[GUEST_JSON_DEPTH];
	uint32_t depth = value.at != NULL ? guest_path_find(value.document, value.at, levels) : 0;
	uint16_t start = guest_failure.len;
	char room[GUEST_NUMBER_MAX];

	for (uint32_t i = 0; i < depth; i++) {
		if (levels[i].key != NULL) {
			if (guest_failure.len > start)
				guest_failure_add(guest_text("."));
			guest_failure_add_content(guest_string_content(levels[i].key, value.document->end));
			continue;
		}
		guest_failure_add(guest_text("["));
		guest_failure_add(guest_bytes_of(room, guest_print_unsigned(levels[i].index, room)));
		guest_failure_add(guest_text("]"));
	}
}

/* Begin a failure about `value`: subject, and its path in backticks. False if the call has failed before, or, with the
 * failure begun, there is no path since it is the document as a whole: `*whole`. */
GUEST_OUTLINE bool guest_failure_begin(struct guest_value value, bool *whole)
{
	uint16_t start, before;

	if (guest_failure.failed)
		return false;
	guest_fail(value.document != NULL ? value.document->subject : guest_text("value"), ": ");
	start = guest_failure.len;
	guest_failure_add(guest_text(value.document != NULL && value.document->arguments ? "argument `" : "`"));
	before = guest_failure.len;
	if (value.document != NULL)
		guest_failure_add_path(value);
	if (value.missing != NULL) {
		if (guest_failure.len > before)
			guest_failure_add(guest_text("."));
		guest_failure_add(guest_text(value.missing));
	}
	*whole = guest_failure.len == before;
	if (*whole)
		guest_failure.len = start;
	else
		guest_failure_add(guest_text("`"));
	return true;
}

/* `value` is absent, and `expected` was wanted. */
GUEST_OUTLINE void guest_fail_missing(struct guest_value value, const char *expected)
{
	bool whole;

	if (!guest_failure_begin(value, &whole))
		return;
	if (whole)
		guest_failure_add(guest_text("a value"));
	guest_failure_add(guest_text(" is missing; "));
	guest_failure_add(guest_text(expected));
	guest_failure_add(guest_text(" is expected"));
}

/* `value` is `got`, and `expected` was wanted. */
GUEST_OUTLINE void guest_fail_wrong(struct guest_value value, const char *expected, const char *got)
{
	bool whole;

	if (!guest_failure_begin(value, &whole))
		return;
	if (whole && value.document->arguments)
		guest_failure_add(guest_text("the arguments"));
	guest_failure_add(guest_text(whole && !value.document->arguments ? "" : ": "));
	guest_failure_add(guest_text(expected));
	guest_failure_add(guest_text(" is expected, got "));
	guest_failure_add(guest_text(got));
}

/** guest_reject(value, "must be between 1 and ", most): let the call fail with the text of the parts behind the name of the
 *  value, as in "greet: argument `limit` must be between 1 and 10". For checks that the getters don't make. */
#define guest_reject(value, ...) guest_reject_parts(value, GUEST_PART_ARRAY(__VA_ARGS__), GUEST_PART_COUNT(__VA_ARGS__))

GUEST_OUTLINE void guest_reject_parts(struct guest_value value, const struct guest_part *parts, size_t count)
{
	char room[GUEST_NUMBER_MAX];
	bool whole;

	if (!guest_failure_begin(value, &whole))
		return;
	if (whole && value.document != NULL && value.document->arguments)
		guest_failure_add(guest_text("the arguments"));
	guest_failure_add(guest_text(" "));
	for (size_t i = 0; i < count; i++)
		guest_failure_add(guest_part_written(&parts[i], room));
}

#endif
