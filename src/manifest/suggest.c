/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Guesses what the author of an unknown key or table meant, so that a slip of the pen is repaired at first sight. */
#include "base/cleanup.h"
#include "base/text.h"
#include "manifest/reader.h"

#include <stdio.h>

#define NAMES_MAX (2 * KEYS_PER_TABLE_MAX)

static char folded(char c)
{
	if (c == '_')
		return '-';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_folded(struct span name, const char *known)
{
	if (name.len != strlen(known))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (folded((char)name.data[i]) != folded(known[i]))
			return false;
	return true;
}

const char *reader_nearest(struct span name, const char *const *names, size_t count)
{
	HOLD(free_drop) char *copy = NULL;

	for (size_t i = 0; i < count; i++)
		if (same_folded(name, names[i]))
			return names[i];
	copy = name.len <= READER_NAME_MAX ? text_copy(name) : NULL;
	return copy != NULL ? text_nearest(copy, names, count) : NULL;
}

/* The table whose key `name` is, when that is true of one table alone. */
static const struct key_table *only_home(struct span name)
{
	const struct key_table *home = NULL, *tables;
	size_t count;

	tables = keys_tables(&count);
	for (size_t i = 0; i < count; i++) {
		if (keys_find(&tables[i], name) == NULL)
			continue;
		if (home != NULL)
			return NULL;
		home = &tables[i];
	}
	return home;
}

static void say_home(const struct key_table *home, struct span key, char fix[READER_FIX_MAX])
{
	char label[READER_LABEL_MAX];

	keys_label(home, NULL, label, sizeof(label));
	(void)snprintf(fix, READER_FIX_MAX, "`%.*s` is a key of %s; move it there",
		READER_NAME_ARG((const char *)key.data, key.len), label);
}

static void append_name(char fix[READER_FIX_MAX], size_t *len, const char *before, const char *name)
{
	int added = snprintf(fix + *len, READER_FIX_MAX - *len, "%s%s", before, name);

	if (added > 0 && (size_t)added < READER_FIX_MAX - *len)
		*len += (size_t)added;
}

void reader_suggest_key(const struct key_table *table, const char *label, struct span key, char fix[READER_FIX_MAX])
{
	const char *names[NAMES_MAX], *near;
	const struct key_table *home = only_home(key);
	size_t count = 0, len = 0;

	for (size_t i = 0; i < table->key_count; i++) {
		names[count++] = table->keys[i].name;
		if (table->keys[i].alias != NULL)
			names[count++] = table->keys[i].alias;
	}
	near = reader_nearest(key, names, count);
	if (near != NULL) {
		(void)snprintf(fix, READER_FIX_MAX, "did you mean `%s`?", near);
		return;
	}
	if (home == NULL && keys_table_find(key) != NULL) {
		char own[READER_LABEL_MAX];

		keys_label(keys_table_find(key), NULL, own, sizeof(own));
		(void)snprintf(fix, READER_FIX_MAX, "%s is a table of its own", own);
		return;
	}
	if (home != NULL) {
		say_home(home, key, fix);
		return;
	}
	append_name(fix, &len, "it is ignored; keys of ", label);
	for (size_t i = 0; i < table->key_count; i++)
		append_name(fix, &len, i == 0 ? ": " : ", ", table->keys[i].name);
}

void reader_suggest_table(const struct deps_toml_node *node, char fix[READER_FIX_MAX])
{
	size_t count, len = 0;
	const struct key_table *tables = keys_tables(&count), *home;
	const char *names[NAMES_MAX], *near;
	char label[READER_LABEL_MAX];

	for (size_t i = 0; i < count && i < NAMES_MAX; i++)
		names[i] = tables[i].name;
	near = reader_nearest(reader_key(node), names, count);
	if (near != NULL) {
		keys_label(keys_table_find(span_text(near)), NULL, label, sizeof(label));
		(void)snprintf(fix, READER_FIX_MAX, "did you mean %s?", label);
		return;
	}
	/* A lone key above all tables most likely wants to be in the first of them. */
	home = node->kind != DEPS_TOML_TABLE && keys_find(&tables[0], reader_key(node)) != NULL
		? &tables[0]
		: only_home(reader_key(node));
	if (home != NULL) {
		say_home(home, reader_key(node), fix);
		return;
	}
	append_name(fix, &len, "it is ignored; tables of a manifest", "");
	for (size_t i = 0; i < count; i++) {
		keys_label(&tables[i], NULL, label, sizeof(label));
		append_name(fix, &len, i == 0 ? ": " : ", ", label);
	}
}
