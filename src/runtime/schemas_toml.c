/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as TOML, and JSON so that equal values are equal bytes. Values come from json_parse(), which bounds their
 * nesting and with it the recursion here. */
#include "runtime/schemas.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/diagnostic_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define NOTES_MAX 4096  /* bytes of all lines */
#define POINTER_MAX 160 /* bytes of a place in a line */
#define TWO_TO_63 0x1p63

/* Add a line, unless there are enough of them. */
PRINTF_LIKE(2, 3) static void add_note(struct schemas_notes *notes, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (notes->text.len + sizeof line > NOTES_MAX) {
		notes->skipped++;
		return;
	}
	/* A line may have been cut inside a character. */
	buffer_append_span(&notes->text, span_of(line, text_utf8_valid_prefix(span_text(line))));
	buffer_append_byte(&notes->text, '\n');
}

/* Whether TOML, whose integers have 63 bits and a sign, can hold it. */
static bool is_writable(const yyjson_val *value)
{
	uint64_t number;
	double real;

	if (yyjson_is_null(json_reader(value)))
		return false;
	if (!yyjson_is_uint(json_reader(value)))
		return true;
	number = yyjson_get_uint(json_reader(value));
	if (number <= INT64_MAX)
		return true;
	real = (double)number;
	return real < 2 * TWO_TO_63 && (uint64_t)real == number;
}

static void append_number(struct buffer *out, const yyjson_val *value)
{
	double real;

	if (!yyjson_is_real(json_reader(value))) {
		json_append_value(out, value);
		return;
	}
	real = yyjson_get_real(json_reader(value));
	if (real >= -TWO_TO_63 && real < TWO_TO_63 && (double)(int64_t)real == real)
		buffer_printf(out, "%" PRId64, (int64_t)real);
	else if (real >= TWO_TO_63 && real < 2 * TWO_TO_63)
		buffer_printf(out, "%" PRIu64, (uint64_t)real);
	else
		json_append_value(out, value);
}

/* The value follows its key, as in yyjson. */
static int compare_keys(const void *a, const void *b)
{
	const yyjson_val *x = *(const yyjson_val *const *)a, *y = *(const yyjson_val *const *)b;
	size_t x_len = yyjson_get_len(json_reader(x)), y_len = yyjson_get_len(json_reader(y));
	int order = memcmp(
		yyjson_get_str(json_reader(x)), yyjson_get_str(json_reader(y)), x_len < y_len ? x_len : y_len);

	return order != 0 ? order : (x_len > y_len) - (x_len < y_len);
}

static void append_sorted(struct buffer *out, const yyjson_val *object)
{
	size_t index, count = yyjson_obj_size(json_reader(object));
	HOLD(free_drop) const yyjson_val **keys = calloc(count + 1, sizeof(const yyjson_val *));
	yyjson_val *key, *value;
	bool first = true;

	if (keys == NULL) {
		out->failed = out->starved = true;
		return;
	}
	yyjson_obj_foreach(json_reader(object), index, count, key, value) keys[index] = key;
	qsort(keys, count, sizeof(const yyjson_val *), compare_keys);
	for (size_t i = 0; i < count && !out->failed; i++) {
		value = yyjson_obj_iter_get_val(json_reader(keys[i]));
		if (!is_writable(value))
			continue;
		buffer_append_text(out, first ? "" : ",");
		json_append_value(out, keys[i]);
		buffer_append_byte(out, ':');
		schemas_append_canonical(out, value);
		first = false;
	}
}

bool schemas_append_canonical(struct buffer *out, const yyjson_val *value)
{
	size_t index, count;
	yyjson_val *item;
	bool first = true;

	if (yyjson_is_num(json_reader(value))) {
		append_number(out, value);
	} else if (yyjson_is_obj(json_reader(value))) {
		buffer_append_byte(out, '{');
		append_sorted(out, value);
		buffer_append_byte(out, '}');
	} else if (yyjson_is_arr(json_reader(value))) {
		buffer_append_byte(out, '[');
		yyjson_arr_foreach(json_reader(value), index, count, item)
		{
			if (out->failed || !is_writable(item))
				continue;
			buffer_append_text(out, first ? "" : ",");
			schemas_append_canonical(out, item);
			first = false;
		}
		buffer_append_byte(out, ']');
	} else {
		json_append_value(out, value);
	}
	return !out->failed;
}

/* A value on the way down to the one that is written. */
struct step {
	const struct step *up; /* NULL for the root */
	struct span key;       /* of a member */
	size_t index;          /* of an item, when there is no key */
	bool member;
};

struct writer {
	struct buffer *out;
	const char *tool;
	struct schemas_notes *notes;
};

static void append_pointer(struct buffer *out, const struct step *step)
{
	if (step->up == NULL)
		return;
	append_pointer(out, step->up);
	if (step->member)
		buffer_printf(out, "/%.*s", SPAN_ARG(step->key));
	else
		buffer_printf(out, "/%zu", step->index);
}

static void note_left_out(const struct writer *writer, const struct step *step, const yyjson_val *value)
{
	HOLD(buffer_fini) struct buffer pointer = { 0 };
	bool is_null = yyjson_is_null(json_reader(value));
	struct span shown;

	append_pointer(&pointer, step);
	shown = buffer_span(&pointer);
	if (shown.len > POINTER_MAX)
		shown.len = text_utf8_valid_prefix(span_of(shown.data, POINTER_MAX));
	add_note(writer->notes, "tool `%.128s`: left out %.*s: TOML has no %s", writer->tool, SPAN_ARG(shown),
		is_null ? "null" : "integer that large");
}

/* A basic string on one line. What a terminal or an editor might act on is escaped. */
static void append_string(struct buffer *out, struct span text)
{
	buffer_append_byte(out, '"');
	while (text.len > 0 && !out->failed) {
		bool plain;
		size_t len = diagnostic_char(text, &plain);
		uint32_t code = text.data[0];

		if (len > 1) {
			code &= 0x7Fu >> len;
			for (size_t i = 1; i < len; i++)
				code = code << 6 | (text.data[i] & 0x3Fu);
		}
		if (code == '"' || code == '\\')
			buffer_printf(out, "\\%c", (int)code);
		else if (plain)
			buffer_append(out, text.data, len);
		else if (code == '\n')
			buffer_append_text(out, "\\n");
		else if (code == '\t')
			buffer_append_text(out, "\\t");
		else
			buffer_printf(out, code > 0xFFFF ? "\\U%08" PRIX32 : "\\u%04" PRIX32, code);
		text = span_of(text.data + len, text.len - len);
	}
	buffer_append_byte(out, '"');
}

static bool is_bare(struct span key)
{
	for (size_t i = 0; i < key.len; i++) {
		uint8_t c = key.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
			    c == '-'))
			return false;
	}
	return key.len > 0;
}

static struct span string_span(const yyjson_val *string)
{
	return span_of(yyjson_get_str(json_reader(string)), yyjson_get_len(json_reader(string)));
}

static void write_value(const struct writer *writer, const struct step *step, const yyjson_val *value);

/* Returns whether the value was written, a comma before it unless it is the first. */
static bool write_part(const struct writer *writer, const struct step *step, const yyjson_val *value, bool first)
{
	if (!is_writable(value)) {
		note_left_out(writer, step, value);
		return false;
	}
	if (step->member) {
		buffer_append_text(writer->out, first ? " " : ", ");
		if (is_bare(step->key))
			buffer_append_span(writer->out, step->key);
		else
			append_string(writer->out, step->key);
		buffer_append_text(writer->out, " = ");
	} else if (!first) {
		buffer_append_text(writer->out, ", ");
	}
	write_value(writer, step, value);
	return true;
}

static void write_items(const struct writer *writer, const struct step *up, const yyjson_val *array)
{
	size_t index, count;
	yyjson_val *item;
	bool first = true;

	buffer_append_byte(writer->out, '[');
	yyjson_arr_foreach(json_reader(array), index, count, item)
	{
		struct step step = { .up = up, .index = index };

		if (!writer->out->failed && write_part(writer, &step, item, first))
			first = false;
	}
	buffer_append_byte(writer->out, ']');
}

static void write_members(const struct writer *writer, const struct step *up, const yyjson_val *object)
{
	size_t index, count;
	yyjson_val *key, *value;
	bool first = true;

	buffer_append_byte(writer->out, '{');
	yyjson_obj_foreach(json_reader(object), index, count, key, value)
	{
		struct step step = { .up = up, .key = string_span(key), .member = true };

		if (!writer->out->failed && write_part(writer, &step, value, first))
			first = false;
	}
	buffer_append_text(writer->out, first ? "}" : " }");
}

static void write_value(const struct writer *writer, const struct step *step, const yyjson_val *value)
{
	if (yyjson_is_obj(json_reader(value)))
		write_members(writer, step, value);
	else if (yyjson_is_arr(json_reader(value)))
		write_items(writer, step, value);
	else if (yyjson_is_str(json_reader(value)))
		append_string(writer->out, string_span(value));
	else if (yyjson_is_uint(json_reader(value)) && yyjson_get_uint(json_reader(value)) > INT64_MAX)
		buffer_printf(writer->out, "%" PRIu64 ".0", yyjson_get_uint(json_reader(value)));
	else
		json_append_value(writer->out, value);
}

bool schemas_append_toml(struct buffer *out, const yyjson_val *value, const char *tool, struct schemas_notes *notes)
{
	const struct writer writer = { out, tool, notes };
	const struct step root = { 0 };

	write_value(&writer, &root, value);
	return !out->failed;
}

bool schemas_append_table(
	struct buffer *out, const struct schemas_tool *tool, const char *eol, struct schemas_notes *notes)
{
	buffer_printf(out, "%s[[tool]]%sname = ", eol, eol);
	append_string(out, span_text(tool->name));
	buffer_printf(out, "%sdescription = ", eol);
	append_string(out, span_text(tool->description != NULL ? tool->description : ""));
	buffer_printf(out, "%sinput_schema = ", eol);
	schemas_append_toml(out, tool->schema, tool->name, notes);
	if (tool->description == NULL)
		add_note(notes, "tool `%.128s`: the module has no description of it; write one into Capsule.toml",
			tool->name);
	return buffer_append_text(out, eol);
}
