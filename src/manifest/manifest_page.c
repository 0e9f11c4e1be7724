/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes docs/manifest.md from the key table, or compares the page with it, so that the two can't drift apart.
 *
 *   manifest-page > docs/manifest.md
 *   manifest-page --check docs/manifest.md */
#include "base/cleanup.h"
#include "base/limits.h"
#include "manifest/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char introduction[] =
	"# Capsule.toml\n"
	"\n"
	"<!-- Written by `manifest-page` from src/manifest/keys.def; change the table and run\n"
	"     `build/src/manifest/manifest-page > docs/manifest.md`. -->\n"
	"\n"
	"The manifest says what a capsule is made of, what it offers, what it needs and what it may touch. It is a\n"
	"[TOML](https://toml.io) file, UTF-8, of at most %u bytes. `capsule check` names every problem of one with its\n"
	"line, the reason and the fix.\n"
	"\n"
	"The smallest manifest that runs something:\n"
	"\n"
	"```toml\n"
	"[package]\n"
	"name = \"hello\"\n"
	"version = \"0.1.0\"\n"
	"\n"
	"[[component]]\n"
	"file = \"hello.wasm\"\n"
	"\n"
	"[[tool]]\n"
	"name = \"greet\"\n"
	"description = \"Greets somebody by name.\"\n"
	"input_schema = { type = \"object\" }\n"
	"```\n"
	"\n"
	"## Rules\n"
	"\n"
	"- A key has the type that the tables below name; nothing is converted: `\"true\"` is not a boolean,\n"
	"  and `5.0` no integer.\n"
	"- A table or key that is not listed here is ignored, with a warning that offers the nearest known name.\n"
	"- Where `[[...]]` is written, any number of entries up to %u may follow each other; a single `[...]` counts as one.\n"
	"- A list has at most %u entries, an entry at most %u bytes. A text contains no NUL character.\n"
	"- \"any\" means any TOML value; it is kept as JSON: dates and times as text, `nan` and `inf` as null.\n"
	"- Nothing is expanded: `$HOME`, `~` and `%%x%%` are what they are.\n"
	"- A capsule id has 1 to %u characters of `a-z`, `0-9` and `-`.\n";

static void print_type(FILE *out, const struct key_row *row)
{
	static const char *const types[] = {
		[KEY_STRING] = "text",
		[KEY_PATH] = "path",
		[KEY_ID] = "capsule id",
		[KEY_BOOL] = "boolean",
		[KEY_INTEGER] = "integer",
		[KEY_STRINGS] = "list of texts",
		[KEY_JSON] = "any",
		[KEY_JSON_TABLE] = "table",
		[KEY_SUBTABLE] = "table",
	};

	if (row->type != KEY_WORD) {
		(void)fputs(types[row->type], out);
		return;
	}
	for (size_t i = 0; row->words[i] != NULL; i++)
		(void)fprintf(out, "%s`\"%s\"`", i > 0 ? ", " : "", row->words[i]);
}

static void print_default(FILE *out, const struct key_row *row)
{
	if (row->need >= NEED_REQUIRED)
		(void)fputs(row->need == NEED_FILLED ? "**required**, not empty" : "**required**", out);
	else if (row->fallback != NULL)
		(void)fprintf(out, "`%s`%s", row->fallback[0] != '\0' ? row->fallback : "\"\"",
			row->need == NEED_ADVISED ? ", with a warning" : "");
	else
		(void)fputs(row->type == KEY_STRINGS ? "`[]`" : "none", out);
}

static void print_limit(FILE *out, const struct key_row *row)
{
	if (row->type == KEY_STRINGS)
		(void)fprintf(out, "%zu entries", row->limit);
	else if (row->type == KEY_INTEGER)
		(void)fprintf(out, "%" PRId64 " to %" PRId64, row->least, row->most);
	else if (row->limit > 0)
		(void)fprintf(out, "%zu bytes", row->limit);
	else
		(void)fputs("-", out);
}

static void print_row(FILE *out, const struct key_row *row)
{
	(void)fprintf(out, "| `%s`", row->name);
	if (row->alias != NULL)
		(void)fprintf(out, " (older name: `%s`)", row->alias);
	(void)fputs(" | ", out);
	print_type(out, row);
	(void)fputs(" | ", out);
	print_default(out, row);
	(void)fputs(" | ", out);
	print_limit(out, row);
	(void)fprintf(out, " | %s | %s |\n", row->doc, row->used_by);
}

static void print_added(FILE *out, const struct key_table *tables, size_t count)
{
	char label[64];

	(void)fputs(
		"\n## Additions of this runtime\n\n"
		"Keys that astrid 0.3 does not know and ignores, so that a capsule which uses them loads there, too.\n\n"
		"| table | key | what it adds |\n|---|---|---|\n",
		out);
	for (size_t i = 0; i < count; i++) {
		keys_label(&tables[i], NULL, label, sizeof(label));
		for (size_t j = 0; j < tables[i].key_count; j++)
			if (tables[i].keys[j].added)
				(void)fprintf(out, "| `%s` | `%s` | %s |\n", label, tables[i].keys[j].name,
					tables[i].keys[j].doc);
	}
}

static void print_page(FILE *out)
{
	size_t count;
	const struct key_table *tables = keys_tables(&count);
	char label[64];

	(void)fprintf(out, introduction, LIMIT_MANIFEST_BYTES, LIMIT_MANIFEST_ENTRIES, LIMIT_MANIFEST_ENTRIES,
		LIMIT_MANIFEST_TEXT, LIMIT_NAME);
	for (size_t i = 0; i < count; i++) {
		keys_label(&tables[i], NULL, label, sizeof(label));
		(void)fprintf(out, "\n## `%s`\n\n%s%s\n\n", label, tables[i].doc,
			tables[i].need >= NEED_REQUIRED ? " Every manifest has this table." : "");
		(void)fputs(
			"| key | type | when absent | limit | meaning | used by |\n|---|---|---|---|---|---|\n", out);
		for (size_t j = 0; j < tables[i].key_count; j++)
			print_row(out, &tables[i].keys[j]);
	}
	print_added(out, tables, count);
}

/* Number of the first line in which two texts differ. */
static unsigned differing_line(const char *a, const char *b)
{
	unsigned line = 1;

	for (; *a != '\0' && *a == *b; a++, b++)
		line += *a == '\n';
	return line;
}

/* The exit status: 0 when the file at `path` is what the table says. */
static int check(const char *page, const char *path)
{
	HOLD(free_drop) char *found = NULL;
	size_t size = strlen(page) + 2, got;
	FILE *file = fopen(path, "r");

	if (file == NULL) {
		perror(path);
		return 1;
	}
	found = calloc(1, size);
	got = found != NULL ? fread(found, 1, size - 1, file) : 0;
	(void)fclose(file);
	if (found != NULL && got == strlen(page) && strcmp(found, page) == 0)
		return 0;
	(void)fprintf(stderr,
		"%s:%u: differs from src/manifest/keys.def; run `build/src/manifest/manifest-page > %s`\n", path,
		found != NULL ? differing_line(page, found) : 1, path);
	return 1;
}

int main(int argc, char **argv)
{
	HOLD(free_drop) char *page = NULL;
	size_t size;
	FILE *out = open_memstream(&page, &size);

	if (out == NULL) {
		perror("manifest-page");
		return 1;
	}
	print_page(out);
	if (fclose(out) != 0) {
		perror("manifest-page");
		return 1;
	}
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(page, argv[2]);
	if (argc != 1) {
		(void)fputs("usage: manifest-page [--check FILE]\n", stderr);
		return 2;
	}
	return fputs(page, stdout) < 0 || fflush(stdout) != 0 ? 1 : 0;
}
