/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tables for people: aligned columns, coloured cells, no terminal tricks in what cells hold. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/output.h"

#define TABLE_COLUMNS 5

struct table_cell {
	const char *text; /* NULL and "" are empty */
	enum style style;
};

struct table_row {
	char *text[TABLE_COLUMNS];
	enum style style[TABLE_COLUMNS];
	char *note; /* lines below it; NULL for none */
};

/* Zero-initialise. */
struct table {
	struct table_row *rows;
	size_t count, capacity;
};

/** Append a row of copies of `cells` (TABLE_COLUMNS of them). Returns false when memory ran out. */
bool cli_table_add(struct table *table, const struct table_cell *cells);

/** Print `note` below the row that was added last, each of its lines indented. Returns false when memory ran out. */
bool cli_table_note(struct table *table, const char *note);

/** Print it, indented by `indent` columns. */
void cli_table_print(const struct output *out, const struct table *table, size_t indent);

void cli_table_fini(struct table *table);

#endif
