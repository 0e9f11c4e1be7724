/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Shows problems to a person, with the line quoted and a caret under the place, and to programs as JSON. */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "manifest/diagnostic.h"
#include "manifest/diagnostic_text.h"

#include <stdio.h>

#define WINDOW 100       /* characters of a line that are shown */
#define WINDOW_BEFORE 40 /* of them before the place, when the line is cut */
#define GUTTER 5         /* digits of a line number, at least */

struct palette {
	const char *place, *severity[2], *source, *fix, *off;
};

static const struct palette plain_palette = { "", { "", "" }, "", "", "" };
static const struct palette colour_palette = { "\033[1m", { "\033[1;31m", "\033[1;33m" }, "\033[34m", "\033[32m",
	"\033[0m" };
static const char *const severity_words[] = { [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning" };

/* A file that starts with a byte order mark starts, for a person, behind it. */
static struct span skip_mark(struct span source)
{
	struct span mark = span_text("\xEF\xBB\xBF");

	return span_starts(source, mark) ? span_of(source.data + mark.len, source.len - mark.len) : source;
}

/* Line `line` (from 1) without its end. False when the text has none. */
static bool find_line(struct span source, uint32_t line, struct span *found)
{
	const uint8_t *at = source.data, *end, *text_end = source.data + source.len;

	if (source.len == 0 || line == 0)
		return false;
	for (uint32_t i = 1; i < line; i++) {
		at = memchr(at, '\n', (size_t)(text_end - at));
		if (at == NULL)
			return false;
		at++;
	}
	end = memchr(at, '\n', (size_t)(text_end - at));
	if (end == NULL)
		end = text_end;
	*found = span_of(at, (size_t)(end - at));
	if (found->len > 0 && found->data[found->len - 1] == '\r')
		found->len--;
	return true;
}

static size_t count_chars(struct span text)
{
	size_t count = 0;
	bool plain;

	while (text.len > 0) {
		size_t length = diagnostic_char(text, &plain);

		text = span_of(text.data + length, text.len - length);
		count++;
	}
	return count;
}

/* Append `count` characters of `text` after skipping `skip`; a tab becomes one blank, what must not be shown a '?'. */
static void append_chars(struct buffer *out, struct span text, size_t skip, size_t count)
{
	for (size_t i = 0; text.len > 0 && i < skip + count; i++) {
		bool plain;
		size_t length = diagnostic_char(text, &plain);

		if (i >= skip) {
			if (plain)
				buffer_append(out, text.data, length);
			else
				buffer_append_byte(out, text.data[0] == '\t' ? ' ' : '?');
		}
		text = span_of(text.data + length, text.len - length);
	}
}

static void append_repeated(struct buffer *out, char byte, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buffer_append_byte(out, (uint8_t)byte);
}

/* The line with a caret under the place, both cut to a window around the place when the line is long. */
static void quote(struct buffer *out, const struct diagnostic *item, struct span line, const struct palette *colours)
{
	size_t start = item->column > 0 ? item->column - 1 : 0;
	size_t first, marked, total = count_chars(line), from = 0, shown = total;
	int gutter = snprintf(NULL, 0, "%u", item->line);

	start = start < line.len ? start : line.len;
	first = count_chars(span_of(line.data, start));
	marked = item->length < line.len - start ? item->length : line.len - start;
	marked = count_chars(span_of(line.data + start, marked));
	if (total > WINDOW) {
		shown = WINDOW;
		if (first > WINDOW_BEFORE)
			from = first - WINDOW_BEFORE < total - WINDOW ? first - WINDOW_BEFORE : total - WINDOW;
	}
	if (marked > from + shown - first)
		marked = from + shown - first;
	if (gutter < GUTTER)
		gutter = GUTTER;
	buffer_printf(out, "%s%*u |%s", colours->source, gutter, item->line, colours->off);
	buffer_append_text(out, from > 0 ? " ..." : line.len > 0 ? " " : "");
	append_chars(out, line, from, shown);
	buffer_append_text(out, from + shown < total ? "..." : "");
	buffer_printf(out, "\n%s%*s |%s ", colours->source, gutter, "", colours->off);
	append_repeated(out, ' ', first - from + (from > 0 ? 3 : 0));
	buffer_append_text(out, colours->severity[item->severity]);
	append_repeated(out, '^', marked > 0 ? marked : 1);
	buffer_printf(out, "%s\n", colours->off);
}

static void print_item(const struct diagnostic *item, const char *path, struct span source,
	const struct palette *colours, struct buffer *out)
{
	struct span line;

	buffer_append_text(out, colours->place);
	append_chars(out, span_text(path), 0, strlen(path));
	if (item->line > 0)
		buffer_printf(out, ":%u:%u", item->line, item->column);
	buffer_printf(out, ":%s %s%s:%s ", colours->off, colours->severity[item->severity],
		severity_words[item->severity], colours->off);
	buffer_append_text(out, item->text);
	buffer_append_byte(out, '\n');
	if (find_line(source, item->line, &line))
		quote(out, item, line, colours);
	if (item->fix != NULL) {
		buffer_printf(out, "      %sfix:%s ", colours->fix, colours->off);
		buffer_append_text(out, item->fix);
		buffer_append_byte(out, '\n');
	}
}

bool diagnostics_print(
	const struct diagnostics *diagnostics, const char *path, struct span source, bool colour, struct buffer *out)
{
	const struct palette *colours = colour ? &colour_palette : &plain_palette;

	source = skip_mark(source);
	for (size_t i = 0; i < diagnostics->count; i++)
		print_item(&diagnostics->items[i], path, source, colours, out);
	if (diagnostics->skipped > 0) {
		append_chars(out, span_text(path), 0, strlen(path));
		buffer_printf(out, ": %zu more problem%s not shown\n", diagnostics->skipped,
			diagnostics->skipped == 1 ? "" : "s");
	}
	return !out->failed;
}

static void json_item(const struct diagnostic *item, struct span path, struct buffer *out)
{
	buffer_printf(out, "{\"severity\":\"%s\",\"file\":", severity_words[item->severity]);
	json_append_string(out, path);
	buffer_printf(
		out, ",\"line\":%u,\"column\":%u,\"length\":%u,\"message\":", item->line, item->column, item->length);
	json_append_string(out, span_text(item->text));
	if (item->fix != NULL) {
		buffer_append_text(out, ",\"fix\":");
		json_append_string(out, span_text(item->fix));
	}
	buffer_append_byte(out, '}');
}

bool diagnostics_json(const struct diagnostics *diagnostics, const char *path, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer name = { 0 };

	if (!text_append_lossy(&name, span_text(path)))
		return false;
	buffer_append_byte(out, '[');
	for (size_t i = 0; i < diagnostics->count; i++) {
		if (i > 0)
			buffer_append_byte(out, ',');
		json_item(&diagnostics->items[i], buffer_span(&name), out);
	}
	buffer_append_byte(out, ']');
	return !out->failed;
}
