/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the text of a Capsule.toml to struct manifest: the tables at the top, then what concerns the file as a whole. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/reader.h"
#include "manifest/validate.h"

#include <stdio.h>
#include <stdlib.h>

static void read_entry(
	struct reader *reader, const struct key_table *table, const struct deps_toml_node *node, void *target)
{
	struct reader_entry entry = { .table = table, .node = node, .target = target };

	reader_read_entry(reader, &entry);
}

/* `node` should be `expected`; `key` is its name in a [name.KEY]. */
static void report_shape(struct reader *reader, const struct key_table *table, const struct deps_toml_node *node,
	const char *key, const char *expected)
{
	char label[READER_LABEL_MAX], fix[READER_FIX_MAX];

	keys_label(table, key, label, sizeof(label));
	(void)snprintf(fix, sizeof(fix), "write a header %s and its keys below", label);
	reader_report(reader, SEVERITY_ERROR, reader_value_place(reader, node), fix, "%s must be %s, found %s", label,
		expected, reader_kind(node));
}

/* Room for `count` entries; false when there are none, too many, or no memory. */
static bool make_entries(struct reader *reader, struct manifest *manifest, const struct key_table *table,
	const struct deps_toml_node *node, size_t count)
{
	char label[READER_LABEL_MAX];

	if (count == 0)
		return false;
	if (count > LIMIT_MANIFEST_ENTRIES) {
		keys_label(table, NULL, label, sizeof(label));
		reader_report(reader, SEVERITY_ERROR, reader_value_place(reader, node),
			"split the capsule into several", "there are %zu entries of %s, at most %d are allowed", count,
			label, LIMIT_MANIFEST_ENTRIES);
		return false;
	}
	if (keys_entries_make(table, manifest, count))
		return true;
	reader->out_of_memory = true;
	return false;
}

/* An array of tables; a single table counts as an array of one. */
static void read_array(struct reader *reader, struct manifest *manifest, const struct key_table *table,
	const struct deps_toml_node *node)
{
	bool single = node->kind == DEPS_TOML_TABLE;
	size_t count;
	char *entries;

	if (!single && node->kind != DEPS_TOML_ARRAY) {
		report_shape(reader, table, node, NULL, "an array of tables");
		return;
	}
	if (!make_entries(reader, manifest, table, node, single ? 1 : node->child_count))
		return;
	entries = keys_entries(table, manifest, &count);
	if (single) {
		read_entry(reader, table, node, entries);
		return;
	}
	for (uint32_t at = node->first_child; at != 0; at = reader->nodes[at].next, entries += table->entry_size) {
		const struct deps_toml_node *child = &reader->nodes[at];

		if (reader_muted(reader, child))
			continue;
		if (child->kind == DEPS_TOML_TABLE)
			read_entry(reader, table, child, entries);
		else
			report_shape(reader, table, child, NULL, "a table");
	}
}

/* The KEY of [name.KEY] becomes a member of the entry. */
static void read_map_key(struct reader *reader, const struct deps_toml_node *node, char **key)
{
	struct place place = reader_key_place(reader, node);

	if (node->key_len == 0)
		reader_report(reader, SEVERITY_ERROR, place, "give it a name", "the name of a setting is empty");
	else if (node->key_len > LIMIT_KEY)
		reader_report(reader, SEVERITY_ERROR, place, "shorten it",
			"the name of a setting has %zu bytes, at most %d are allowed", node->key_len, LIMIT_KEY);
	else if (memchr(node->key, '\0', node->key_len) != NULL)
		reader_report(
			reader, SEVERITY_ERROR, place, "remove it", "the name of a setting contains a NUL character");
	else if ((*key = text_copy(reader_key(node))) == NULL)
		reader->out_of_memory = true;
}

static void read_map(struct reader *reader, struct manifest *manifest, const struct key_table *table,
	const struct deps_toml_node *node)
{
	size_t count;
	char *entries;

	if (node->kind != DEPS_TOML_TABLE) {
		report_shape(reader, table, node, NULL, "a table of tables");
		return;
	}
	if (!make_entries(reader, manifest, table, node, node->child_count))
		return;
	entries = keys_entries(table, manifest, &count);
	for (uint32_t at = node->first_child; at != 0; at = reader->nodes[at].next, entries += table->entry_size) {
		const struct deps_toml_node *child = &reader->nodes[at];

		if (reader_muted(reader, child))
			continue;
		read_map_key(reader, child, keys_member(entries, table->key_offset));
		if (child->kind == DEPS_TOML_TABLE)
			read_entry(reader, table, child, entries);
		else
			report_shape(reader, table, child, child->key, "a table");
	}
}

static void read_table(struct reader *reader, struct manifest *manifest, const struct key_table *table,
	const struct deps_toml_node *node)
{
	size_t count;

	switch (table->shape) {
	case SHAPE_SINGLE:
		if (node->kind == DEPS_TOML_TABLE)
			read_entry(reader, table, node, keys_entries(table, manifest, &count));
		else
			report_shape(reader, table, node, NULL, "a single table");
		break;
	case SHAPE_ARRAY:
		read_array(reader, manifest, table, node);
		break;
	case SHAPE_MAP:
		read_map(reader, manifest, table, node);
		break;
	}
}

static void report_unknown_table(struct reader *reader, const struct deps_toml_node *node)
{
	bool is_table = node->kind == DEPS_TOML_TABLE || node->kind == DEPS_TOML_ARRAY;
	char fix[READER_FIX_MAX] = "";

	if (!reader_full(reader))
		reader_suggest_table(node, fix);
	reader_report(reader, SEVERITY_WARNING, reader_key_place(reader, node), fix, "unknown %s `%.*s`%s",
		is_table ? "table" : "key", READER_NAME_ARG(node->key, node->key_len),
		is_table ? "" : " outside of a table");
}

/* A required table that is not there: told without a place, with the keys that it must have. */
static void report_missing_table(struct reader *reader, const struct key_table *table)
{
	char keys[256] = "", fix[READER_FIX_MAX], label[READER_LABEL_MAX];
	size_t len = 0;

	for (size_t i = 0; i < table->key_count; i++)
		if (table->keys[i].need >= NEED_REQUIRED && len < sizeof(keys))
			len += (size_t)snprintf(
				keys + len, sizeof(keys) - len, "%s`%s`", len > 0 ? " and " : "", table->keys[i].name);
	keys_label(table, NULL, label, sizeof(label));
	(void)snprintf(fix, sizeof(fix), "begin the file with a line `%s` and give %s below it", label, keys);
	reader_report(
		reader, SEVERITY_ERROR, (struct place){ 0 }, fix, "missing table %s with its keys %s", label, keys);
}

static void report_absent_tables(struct reader *reader)
{
	size_t count;
	const struct key_table *tables = keys_tables(&count);

	for (size_t i = 0; i < count; i++) {
		uint32_t at = reader->nodes[0].first_child;

		if (tables[i].need < NEED_REQUIRED)
			continue;
		while (at != 0 && !span_is(reader_key(&reader->nodes[at]), tables[i].name))
			at = reader->nodes[at].next;
		if (at == 0)
			report_missing_table(reader, &tables[i]);
	}
}

static void read_root(struct reader *reader, struct manifest *manifest)
{
	for (uint32_t at = reader->nodes[0].first_child; at != 0; at = reader->nodes[at].next) {
		const struct deps_toml_node *node = &reader->nodes[at];
		const struct key_table *table = keys_table_find(reader_key(node));

		/* A header on a broken line has good keys below it; a value on one is lost. */
		if (reader_muted(reader, node) && (table == NULL || node->start > node->key_start))
			continue;
		if (table != NULL)
			read_table(reader, manifest, table, node);
		else
			report_unknown_table(reader, node);
	}
	if (reader->muted_count == 0)
		report_absent_tables(reader);
}

/* One module makes a capsule: a second one would be carried along without ever running. */
static void check_components(struct reader *reader, const struct manifest *manifest)
{
	const struct manifest_component *first = manifest->components.items;

	for (size_t i = 1; i < manifest->components.count; i++) {
		const struct manifest_component *other = &first[i];

		if (first->file != NULL && other->file != NULL)
			reader_report(reader, SEVERITY_ERROR, other->place,
				"keep one [[component]] and make a capsule of its own for the other module",
				"a capsule has one component, this one has `%.200s` (line %u) and `%.200s`",
				first->file, first->place.line, other->file);
	}
}

/* Commands are typed with a slash in front, and some authors write it as part of the name. */
static void strip_command_slashes(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->commands.count; i++) {
		char *name = manifest->commands.items[i].name;

		if (name != NULL && name[0] == '/')
			memmove(name, name + 1, strlen(name));
	}
}

static int compare_env(const void *a, const void *b)
{
	return strcmp(((const struct manifest_env *)a)->key, ((const struct manifest_env *)b)->key);
}

static struct manifest *read_manifest(struct reader *reader, const char *path)
{
	HOLD(manifest_drop) struct manifest *manifest = calloc(1, sizeof(*manifest));

	if (manifest == NULL)
		return NULL;
	manifest->path = text_copy(span_text(path));
	if (manifest->path == NULL)
		return NULL;
	read_root(reader, manifest);
	check_components(reader, manifest);
	strip_command_slashes(manifest);
	/* The first in the file of what can't be read is told before anything that is read and wrong. */
	diagnostics_sort(reader->found);
	if (!reader->out_of_memory && reader->muted_count == 0)
		manifest_validate(manifest, reader->found);
	if (reader->out_of_memory || reader->found->errors > 0)
		return NULL;
	if (manifest->env.count > 1)
		qsort(manifest->env.items, manifest->env.count, sizeof(manifest->env.items[0]), compare_env);
	return GIVE(manifest);
}

bool reader_check_size(size_t size, struct diagnostics *found)
{
	if (size <= LIMIT_MANIFEST_BYTES)
		return true;
	diagnostics_add(found, SEVERITY_ERROR, 0, 0, 0, "is this the right file?",
		"the manifest has %zu bytes, at most %u are allowed", size, LIMIT_MANIFEST_BYTES);
	return false;
}

static bool check_encoding(struct span text, struct diagnostics *found)
{
	size_t valid = text_utf8_valid_prefix(text), start = 0;
	uint32_t line = 1;

	if (valid == text.len)
		return true;
	for (size_t i = 0; i < valid; i++) {
		if (text.data[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	diagnostics_add(found, SEVERITY_ERROR, line, (uint32_t)(valid - start) + 1, 1, "save the file as UTF-8",
		"not UTF-8: byte 0x%02x at offset %zu", text.data[valid], valid);
	return false;
}

static struct span skip_byte_order_mark(struct span text)
{
	struct span mark = span_text("\xEF\xBB\xBF");

	return span_starts(text, mark) ? span_of(text.data + mark.len, text.len - mark.len) : text;
}

enum capsule_status reader_fail(const struct diagnostics *found, const char *path, struct capsule_error *err)
{
	const struct diagnostic *first = diagnostics_first_error(found);

	if (first == NULL)
		return error_set(err, CAPSULE_ENOMEM, "%s: out of memory", path);
	if (first->line == 0)
		return error_set(err, CAPSULE_EMANIFEST, "%s: %s", path, first->text);
	return error_set(err, CAPSULE_EMANIFEST, "%s:%u:%u: %s", path, first->line, first->column, first->text);
}

enum capsule_status manifest_parse(struct manifest **out, struct span text, const char *path,
	struct diagnostics *diagnostics, struct capsule_error *err)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(reader_fini) struct reader reader = { 0 };
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	enum capsule_status status = CAPSULE_OK;

	text = skip_byte_order_mark(text);
	if (reader_check_size(text.len, &found) && check_encoding(text, &found) && reader_init(&reader, text, &found))
		manifest = read_manifest(&reader, path);
	if (manifest == NULL)
		status = reader_fail(&found, path, err);
	diagnostics_sort(&found);
	diagnostics_take(diagnostics, &found);
	if (status == CAPSULE_OK)
		*out = GIVE(manifest);
	return status;
}
