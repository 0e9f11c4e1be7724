/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Column widths follow the longest cell, up to a limit: one overlong name must not push all others off the screen. */
#include "cli/table.h"
#include "cli/text.h"
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 48
#define GAP 2

static bool grow(struct table *table)
{
	size_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
	struct table_row *rows = reallocarray(table->rows, capacity, sizeof *rows);

	if (rows == NULL)
		return false;
	table->rows = rows;
	table->capacity = capacity;
	return true;
}

bool cli_table_add(struct table *table, const struct table_cell *cells)
{
	struct table_row *row;
	bool copied = true;

	if (table->count == table->capacity && !grow(table))
		return false;
	row = &table->rows[table->count++];
	row->note = NULL;
	for (size_t i = 0; i < TABLE_COLUMNS; i++) {
		row->style[i] = cells[i].style;
		row->text[i] = strdup(cells[i].text != NULL ? cells[i].text : "");
		copied = copied && row->text[i] != NULL;
	}
	return copied;
}

bool cli_table_note(struct table *table, const char *note)
{
	struct table_row *row = &table->rows[table->count - 1];

	free(row->note);
	row->note = strdup(note);
	return row->note != NULL;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t widest = 0;

	for (size_t i = 0; i < table->count; i++) {
		size_t width = cli_text_width(table->rows[i].text[column]);

		if (width > widest && width <= WIDTH_MAX)
			widest = width;
	}
	return widest;
}

static void print_row(const struct output *out, const struct table_row *row, const size_t *widths, size_t indent)
{
	size_t owed = indent; /* blanks before the next cell; none are printed behind the last */

	for (size_t i = 0; i < TABLE_COLUMNS; i++) {
		size_t width = cli_text_width(row->text[i]);

		if (widths[i] == 0 && width == 0)
			continue;
		if (width > 0) {
			(void)printf("%*s", (int)owed, "");
			cli_print_styled(stdout, out->colour, row->style[i], row->text[i]);
			owed = 0;
		}
		owed += (width < widths[i] ? widths[i] - width : 0) + GAP;
	}
	(void)fputc('\n', stdout);
}

static void print_note(const char *note, size_t indent)
{
	while (*note != '\0') {
		size_t len = strcspn(note, "\n");

		(void)printf("%*s", (int)indent, "");
		cli_print_clean(stdout, note, len, CLEAN_LINE);
		(void)fputc('\n', stdout);
		note += len + (note[len] == '\n');
	}
}

void cli_table_print(const struct output *out, const struct table *table, size_t indent)
{
	size_t widths[TABLE_COLUMNS];

	for (size_t i = 0; i < TABLE_COLUMNS; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->count; i++) {
		print_row(out, &table->rows[i], widths, indent);
		if (table->rows[i].note != NULL)
			print_note(table->rows[i].note, indent + GAP);
	}
}

void cli_table_fini(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		for (size_t column = 0; column < TABLE_COLUMNS; column++)
			free(table->rows[i].text[column]);
		free(table->rows[i].note);
	}
	free(table->rows);
}
