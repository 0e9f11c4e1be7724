/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The keys of one table: known ones are read, unknown ones are warned of, missing ones are reported at the header. */
#include "manifest/reader.h"

#include <stdio.h>

/* A value that shows the form of what is missing. */
static const char *example(const struct key_row *row)
{
	switch (row->type) {
	case KEY_BOOL:
		return "true";
	case KEY_INTEGER:
		return "0";
	case KEY_STRINGS:
		return "[\"...\"]";
	case KEY_JSON_TABLE:
	case KEY_SUBTABLE:
		return "{ ... }";
	default:
		return "\"...\"";
	}
}

static void report_missing(struct reader *reader, const struct reader_entry *entry, const struct key_row *row)
{
	struct place place = reader_value_place(reader, entry->node);
	char fix[READER_FIX_MAX], label[READER_LABEL_MAX], otherwise[128] = "";
	bool advised = row->need == NEED_ADVISED;

	(void)snprintf(fix, sizeof(fix), "add `%s = %s`: %s", row->name, example(row), row->doc);
	if (advised)
		(void)snprintf(otherwise, sizeof(otherwise), "; taken as %s", row->fallback);
	reader_report(reader, advised ? SEVERITY_WARNING : SEVERITY_ERROR, place, fix, "missing key `%s` in %s%s",
		row->name, reader_label(entry, label), otherwise);
}

static void report_unknown(struct reader *reader, const struct reader_entry *entry, const struct deps_toml_node *node)
{
	char fix[READER_FIX_MAX] = "", label[READER_LABEL_MAX];

	(void)reader_label(entry, label);
	if (!reader_full(reader))
		reader_suggest_key(entry->table, label, reader_key(node), fix);
	reader_report(reader, SEVERITY_WARNING, reader_key_place(reader, node), fix, "unknown key `%.*s` in %s",
		READER_NAME_ARG(node->key, node->key_len), label);
}

static void report_twice(struct reader *reader, const struct reader_entry *entry, const struct key_row *row,
	const struct deps_toml_node *node)
{
	char fix[READER_FIX_MAX], label[READER_LABEL_MAX];

	(void)snprintf(fix, sizeof(fix), "remove `%s`, the older name", row->alias);
	reader_report(reader, SEVERITY_ERROR, reader_key_place(reader, node), fix,
		"`%s` and `%s` in %s are two names of the same key, give one of them", row->name, row->alias,
		reader_label(entry, label));
}

static void read_key(
	struct reader *reader, const struct reader_entry *entry, const struct deps_toml_node *node, bool *seen)
{
	const struct key_row *row = keys_find(entry->table, reader_key(node));

	if (row == NULL) {
		report_unknown(reader, entry, node);
		return;
	}
	if (seen[row - entry->table->keys]) {
		report_twice(reader, entry, row, node);
		return;
	}
	seen[row - entry->table->keys] = true;
	reader_read_value(reader, entry, row, node);
}

/* What is absent may stand on a line that could not be read, so nothing is called missing in a file with broken syntax. */
static void read_absent(struct reader *reader, const struct reader_entry *entry, const struct key_row *row)
{
	if (row->need != NEED_OPTIONAL && reader->muted_count == 0)
		report_missing(reader, entry, row);
	reader_set_fallback(reader, entry, row);
}

void reader_read_entry(struct reader *reader, const struct reader_entry *entry)
{
	bool seen[KEYS_PER_TABLE_MAX] = { false };
	size_t place_offset = entry->table->place_offset;

	if (place_offset != KEYS_NO_OFFSET)
		*(struct place *)keys_member(entry->target, place_offset) = reader_value_place(reader, entry->node);
	for (uint32_t at = entry->node->first_child; at != 0; at = reader->nodes[at].next)
		if (!reader_muted(reader, &reader->nodes[at]))
			read_key(reader, entry, &reader->nodes[at], seen);
	for (size_t i = 0; i < entry->table->key_count; i++)
		if (!seen[i])
			read_absent(reader, entry, &entry->table->keys[i]);
}
