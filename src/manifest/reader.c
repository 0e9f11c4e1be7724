/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Places and messages for the parser. A place where the syntax is broken is reported once, as such: the TOML parser goes on
 * behind it with whatever it could make of it, and further messages about that would only mislead. */
#include "manifest/reader.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_MAX 512 /* bytes of what the TOML parser says */

static bool find_lines(struct reader *reader)
{
	size_t count = 1;

	const uint8_t *at = reader->text.data, *end = at + reader->text.len;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		count++;
		at++;
	}
	at = reader->text.data;
	reader->lines = malloc(count * sizeof(*reader->lines));
	if (reader->lines == NULL)
		return false;
	reader->lines[0] = 0;
	for (reader->line_count = 1; reader->line_count < count; reader->line_count++) {
		at = (const uint8_t *)memchr(at, '\n', (size_t)(end - at)) + 1;
		reader->lines[reader->line_count] = (uint32_t)(at - reader->text.data);
	}
	return true;
}

static bool on_line(const struct reader *reader, size_t offset, size_t index)
{
	return reader->lines[index] <= offset && (index + 1 == reader->line_count || offset < reader->lines[index + 1]);
}

/* Index of the line that holds byte `offset`. Most questions are about the line of the last one, or the next. */
static size_t line_index(struct reader *reader, size_t offset)
{
	size_t low = 0, high = reader->line_count, last = reader->last_line;

	if (on_line(reader, offset, last))
		return last;
	if (last + 1 < reader->line_count && on_line(reader, offset, last + 1))
		return reader->last_line = last + 1;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (reader->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return reader->last_line = low;
}

/* Offset of the end of a line, its line feed left out. */
static size_t line_end(const struct reader *reader, size_t index)
{
	return index + 1 < reader->line_count ? reader->lines[index + 1] - 1u : reader->text.len;
}

/* Line and column of the bytes from `start` to `end`, cut at the end of the line. */
static struct place place_of(struct reader *reader, size_t start, size_t end)
{
	size_t index = line_index(reader, start), limit = line_end(reader, index);
	size_t length = (end < limit ? end : limit) - (start < limit ? start : limit);

	return (struct place){
		.line = (uint32_t)index + 1,
		.column = (uint32_t)(start - reader->lines[index]) + 1,
		.length = length > 0 ? (uint32_t)length : 1,
	};
}

struct place reader_value_place(struct reader *reader, const struct deps_toml_node *node)
{
	return place_of(reader, node->start, node->end);
}

struct place reader_key_place(struct reader *reader, const struct deps_toml_node *node)
{
	return place_of(reader, node->key_start, node->key_end);
}

bool reader_muted(struct reader *reader, const struct deps_toml_node *node)
{
	size_t start = node->key != NULL ? node->key_start : node->start;
	size_t end = node->end > start ? node->end : start;
	size_t first, last;

	if (reader->muted_count == 0)
		return false;
	first = line_index(reader, start) + 1;
	last = line_index(reader, end) + 1;
	for (size_t i = 0; i < reader->muted_count; i++)
		if (reader->muted[i].first <= last && reader->muted[i].last >= first)
			return true;
	return false;
}

struct span reader_source(const struct reader *reader, const struct deps_toml_node *node)
{
	size_t len = node->end - node->start;

	if (len > READER_NAME_MAX || memchr(reader->text.data + node->start, '\n', len) != NULL)
		return span_of(NULL, 0);
	return span_of(reader->text.data + node->start, len);
}

const char *reader_kind(const struct deps_toml_node *node)
{
	static const char *const kinds[] = {
		[DEPS_TOML_STRING] = "a string",
		[DEPS_TOML_INTEGER] = "an integer",
		[DEPS_TOML_FLOAT] = "a float",
		[DEPS_TOML_BOOLEAN] = "a boolean",
		[DEPS_TOML_DATETIME] = "a date or time",
		[DEPS_TOML_ARRAY] = "an array",
		[DEPS_TOML_TABLE] = "a table",
	};

	return kinds[node->kind];
}

bool reader_full(const struct reader *reader)
{
	return reader->found->count >= LIMIT_MANIFEST_DIAGNOSTICS;
}

void reader_report(
	struct reader *reader, enum severity severity, struct place place, const char *fix, const char *format, ...)
{
	HOLD(free_drop) char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		text = NULL;
		reader->out_of_memory = true;
		return;
	}
	diagnostics_add(reader->found, severity, place.line, place.column, place.length, fix, "%s", text);
}

static bool starts_header(const struct reader *reader, size_t index)
{
	size_t at = reader->lines[index], end = line_end(reader, index);

	while (at < end && (reader->text.data[at] == ' ' || reader->text.data[at] == '\t'))
		at++;
	return at < end && reader->text.data[at] == '[';
}

/* Mutes the line of a syntax error; behind a broken header also the lines up to the next one, whose keys got lost. */
static void mute(struct reader *reader, size_t start)
{
	size_t first = line_index(reader, start), last = first;

	if (starts_header(reader, first))
		while (last + 1 < reader->line_count && !starts_header(reader, last + 1))
			last++;
	if (reader->muted_count < READER_MUTED_MAX)
		reader->muted[reader->muted_count++] = (struct line_range){ (uint32_t)first + 1, (uint32_t)last + 1 };
}

/* The value that began on an earlier line and goes on at byte `offset`: most likely it lacks its end. NULL when none does. */
static const struct deps_toml_node *open_value(struct reader *reader, size_t offset)
{
	for (size_t i = 1; i < reader->node_count; i++) {
		const struct deps_toml_node *node = &reader->nodes[i];
		bool inside = node->start < offset && offset <= node->end;

		if (inside && node->key != NULL && node->start > node->key_start &&
			line_index(reader, node->start) < line_index(reader, offset))
			return node;
	}
	return NULL;
}

static void report_syntax_error(
	struct reader *reader, const struct deps_toml_error *error, const struct deps_toml_node *open)
{
	struct place place = place_of(reader, error->start, error->end);
	char fix[READER_FIX_MAX] = "";

	if (open != NULL)
		(void)snprintf(fix, sizeof(fix), "the value of `%.*s` begins on line %zu; is it closed?",
			READER_NAME_ARG(open->key, open->key_len), line_index(reader, open->start) + 1);
	else if (strcmp(error->message, "duplicate key") == 0)
		(void)snprintf(fix, sizeof(fix), "a name may stand once in a table; remove or rename one of them");
	reader_report(reader, SEVERITY_ERROR, place, fix[0] != '\0' ? fix : NULL, "invalid TOML: %.*s",
		(int)(error->message_len < MESSAGE_MAX ? error->message_len : MESSAGE_MAX), error->message);
}

/* One message a line and one a value: what follows is mostly a consequence. */
static void report_syntax(struct reader *reader)
{
	size_t count;
	const struct deps_toml_error *errors = deps_toml_errors(reader->toml, &count);
	const struct deps_toml_node *told_value = NULL;
	uint32_t told_line = 0;

	for (size_t i = 0; i < count; i++) {
		const struct deps_toml_node *open = open_value(reader, errors[i].start);
		uint32_t line = (uint32_t)line_index(reader, errors[i].start) + 1;

		mute(reader, errors[i].start);
		if (line != told_line && (open == NULL || open != told_value))
			report_syntax_error(reader, &errors[i], open);
		told_line = line;
		told_value = open;
	}
}

const char *reader_label(const struct reader_entry *entry, char label[READER_LABEL_MAX])
{
	if (entry->in != NULL)
		(void)snprintf(label, READER_LABEL_MAX, "[%s.%s]", entry->of->name, entry->in->name);
	else
		keys_label(entry->table, entry->node->key, label, READER_LABEL_MAX);
	return label;
}

bool reader_init(struct reader *reader, struct span text, struct diagnostics *found)
{
	*reader = (struct reader){ .text = text, .found = found };
	if (!find_lines(reader))
		return false;
	if (toml_quick_read(&reader->quick, text)) {
		reader->nodes = reader->quick.nodes;
		reader->node_count = reader->quick.count;
		return true;
	}
	reader->toml = deps_toml_parse((const char *)text.data, text.len);
	reader->nodes = deps_toml_nodes(reader->toml, &reader->node_count);
	report_syntax(reader);
	return true;
}

void reader_fini(struct reader *reader)
{
	free(reader->lines);
	toml_quick_fini(&reader->quick);
	deps_toml_free(reader->toml);
	*reader = (struct reader){ 0 };
}
