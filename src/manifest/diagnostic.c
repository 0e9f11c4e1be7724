/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Collects problems up to a limit. Errors are never crowded out by warnings, and whatever text they carry is safe to show. */
#include "manifest/diagnostic.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/diagnostic_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static size_t utf8_length(uint8_t first)
{
	if (first < 0xC2 || first > 0xF4)
		return 1;
	if (first < 0xE0)
		return 2;
	return first < 0xF0 ? 3 : 4;
}

static uint32_t utf8_decode(const uint8_t *bytes, size_t length)
{
	uint32_t code = bytes[0];

	if (length > 1)
		code &= 0xFFu >> (length + 1);
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (bytes[i] & 0x3Fu);
	return code;
}

size_t diagnostic_char(struct span bytes, bool *plain)
{
	size_t length = utf8_length(bytes.data[0]);
	uint32_t code;

	*plain = false;
	if (length > bytes.len || !text_is_utf8(span_of(bytes.data, length)))
		return 1;
	code = utf8_decode(bytes.data, length);
	*plain = code >= 0x20 && !(code >= 0x7F && code <= 0x9F) /* control characters */
		&& !(code >= 0x2028 && code <= 0x202E)           /* separators and embedded directions */
		&& !(code >= 0x2066 && code <= 0x2069);          /* isolated directions */
	return length;
}

/* One '?' for each character that is not plain; the text only gets shorter. */
static void clean(char *text)
{
	size_t len = strlen(text), from = 0, to = 0;

	while (from < len) {
		bool plain;
		size_t length = diagnostic_char(span_of(text + from, len - from), &plain);

		if (plain) {
			memmove(text + to, text + from, length);
			to += length;
		} else {
			text[to++] = '?';
		}
		from += length;
	}
	text[to] = '\0';
}

static void item_fini(struct diagnostic *item)
{
	free(item->text);
	free(item->fix);
}

/* Room for one more when it is an error and a warning can go. */
static bool drop_last_warning(struct diagnostics *diagnostics)
{
	for (size_t i = diagnostics->items != NULL ? diagnostics->count : 0; i-- > 0;) {
		struct diagnostic *item = &diagnostics->items[i];

		if (item->severity != SEVERITY_WARNING)
			continue;
		item_fini(item);
		memmove(item, item + 1, (diagnostics->count - i - 1) * sizeof(*item));
		diagnostics->count--;
		diagnostics->skipped++;
		return true;
	}
	return false;
}

/* Keeps `item` (its texts are taken) or counts it as skipped. Does not count errors. */
static void keep(struct diagnostics *diagnostics, struct diagnostic item)
{
	if (diagnostics->items == NULL) {
		diagnostics->items = calloc(LIMIT_MANIFEST_DIAGNOSTICS, sizeof(item));
		diagnostics->capacity = diagnostics->items != NULL ? LIMIT_MANIFEST_DIAGNOSTICS : 0;
	}
	if (item.text != NULL &&
		(diagnostics->count < diagnostics->capacity ||
			(item.severity == SEVERITY_ERROR && drop_last_warning(diagnostics)))) {
		diagnostics->items[diagnostics->count++] = item;
		return;
	}
	item_fini(&item);
	diagnostics->skipped++;
}

void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, uint32_t line, uint32_t column,
	uint32_t length, const char *fix, const char *format, ...)
{
	struct diagnostic item = { .severity = severity, .line = line, .column = column, .length = length };
	va_list args;

	va_start(args, format);
	if (vasprintf(&item.text, format, args) < 0)
		item.text = NULL;
	va_end(args);
	if (item.text != NULL)
		clean(item.text);
	item.fix = fix != NULL ? strdup(fix) : NULL;
	if (item.fix != NULL)
		clean(item.fix);
	if (severity == SEVERITY_ERROR)
		diagnostics->errors++;
	keep(diagnostics, item);
}

void diagnostics_take(struct diagnostics *diagnostics, struct diagnostics *from)
{
	for (size_t i = 0; i < from->count; i++)
		keep(diagnostics, from->items[i]);
	diagnostics->errors += from->errors;
	diagnostics->skipped += from->skipped;
	from->count = 0;
	diagnostics_fini(from);
}

static bool stands_after(const struct diagnostic *a, const struct diagnostic *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* By insertion: there are few, they are nearly sorted, and those at one place must keep their order. */
void diagnostics_sort(struct diagnostics *diagnostics)
{
	for (size_t i = 1; i < diagnostics->count; i++) {
		struct diagnostic item = diagnostics->items[i];
		size_t at = i;

		while (at > 0 && stands_after(&diagnostics->items[at - 1], &item)) {
			diagnostics->items[at] = diagnostics->items[at - 1];
			at--;
		}
		diagnostics->items[at] = item;
	}
}

const struct diagnostic *diagnostics_first_error(const struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		if (diagnostics->items[i].severity == SEVERITY_ERROR)
			return &diagnostics->items[i];
	return NULL;
}

void diagnostics_fini(struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		item_fini(&diagnostics->items[i]);
	free(diagnostics->items);
	*diagnostics = (struct diagnostics){ 0 };
}
