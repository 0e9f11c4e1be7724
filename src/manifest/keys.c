/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Turns the rows of keys.def into tables, and reaches the members of struct manifest that they name. */
#include "manifest/keys.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#define INFORMATION "nothing; information for people"
#define CHECKED_ONLY "nothing yet; only its form is checked"
#define LOAD_ORDER "load order"
#define STATIC_ENGINE "static engine"
#define UPLINKS "registry of uplinks"
#define HOST_FUNCTIONS "host functions"
#define EVENTS "events"
#define MCP_SERVERS "MCP servers"

#define ID .type = KEY_ID
#define STRING .type = KEY_STRING
#define PATH .type = KEY_PATH
#define BOOL .type = KEY_BOOL
#define INTEGER(least_, most_) .type = KEY_INTEGER, .least = (least_), .most = (most_)
#define STRINGS .type = KEY_STRINGS
#define JSON .type = KEY_JSON
#define JSON_TABLE .type = KEY_JSON_TABLE
#define SUBTABLE .type = KEY_SUBTABLE
/* In front of the type: a key that astrid 0.3 does not know and ignores. */
#define ADDED .added = true,
#define WORD(list) .type = KEY_WORD, .words = list##_words

#define AT(tag, member) .offset = offsetof(struct tag, member), .place_offset = KEYS_NO_OFFSET
#define PLACED(tag, member) .offset = offsetof(struct tag, member), .place_offset = offsetof(struct tag, member##_place)

#define DIRECT                                                                                                         \
	.shape = SHAPE_SINGLE, .offset = 0, .count_offset = KEYS_NO_OFFSET, .place_offset = KEYS_NO_OFFSET,            \
	.key_offset = KEYS_NO_OFFSET
#define SINGLE(member)                                                                                                 \
	.shape = SHAPE_SINGLE, .offset = offsetof(struct manifest, member), .count_offset = KEYS_NO_OFFSET,            \
	.place_offset = KEYS_NO_OFFSET, .key_offset = KEYS_NO_OFFSET
#define SINGLE_PLACED(tag, member)                                                                                     \
	.shape = SHAPE_SINGLE, .offset = offsetof(struct manifest, member), .count_offset = KEYS_NO_OFFSET,            \
	.place_offset = offsetof(struct tag, place), .key_offset = KEYS_NO_OFFSET
#define ENTRIES(tag, member)                                                                                           \
	.offset = offsetof(struct manifest, member.items), .count_offset = offsetof(struct manifest, member.count),    \
	.entry_size = sizeof(struct tag), .place_offset = offsetof(struct tag, place)
#define ARRAY(tag, member) .shape = SHAPE_ARRAY, ENTRIES(tag, member), .key_offset = KEYS_NO_OFFSET
#define MAP(tag, member) .shape = SHAPE_MAP, ENTRIES(tag, member), .key_offset = offsetof(struct tag, key)

static const char *const uplink_profile_words[] = {
	[UPLINK_CHAT] = "chat",
	[UPLINK_INTERACTIVE] = "interactive",
	[UPLINK_NOTIFY] = "notify",
	[UPLINK_BRIDGE] = "bridge",
	NULL,
};

static const char *const component_instance_words[] = {
	[INSTANCE_KEPT] = "kept",
	[INSTANCE_PER_CALL] = "per-call",
	NULL,
};

static const char *const interceptor_mode_words[] = {
	[INTERCEPTOR_OBSERVES] = "observe",
	[INTERCEPTOR_GUARDS] = "guard",
	[INTERCEPTOR_REWRITES] = "rewrite",
	NULL,
};

static const char *const interceptor_on_error_words[] = {
	[INTERCEPTOR_DENIES] = "deny",
	[INTERCEPTOR_ALLOWS] = "allow",
	NULL,
};

static const char *const interceptor_on_full_words[] = {
	[INTERCEPTOR_DROPS_OLDEST] = "drop-oldest",
	[INTERCEPTOR_BLOCKS] = "block",
	[INTERCEPTOR_FAILS] = "fail",
	NULL,
};

static const char *const server_restart_words[] = {
	[SERVER_RESTARTS_ON_FAILURE] = "on-failure",
	[SERVER_RESTARTS_ALWAYS] = "always",
	[SERVER_RESTARTS_NEVER] = "never",
	NULL,
};

static const char *const server_consent_words[] = {
	[SERVER_ALLOWS] = "allow",
	[SERVER_ASKS] = "ask",
	[SERVER_DENIES] = "deny",
	NULL,
};

static const char *const topic_direction_words[] = {
	[TOPIC_PUBLISH] = "publish",
	[TOPIC_SUBSCRIBE] = "subscribe",
	NULL,
};

#define TABLE(id, name_, where_, need_, doc_) static const struct key_row id##_keys[] = {
#define KEY(name_, alias_, type_, need_, fallback_, limit_, where_, used_by_, doc_)                                    \
	{ .name = name_,                                                                                               \
		.name_len = sizeof(name_) - 1,                                                                         \
		.alias = alias_,                                                                                       \
		type_,                                                                                                 \
		.need = NEED_##need_,                                                                                  \
		.fallback = fallback_,                                                                                 \
		.limit = limit_,                                                                                       \
		where_,                                                                                                \
		.used_by = used_by_,                                                                                   \
		.doc = doc_ },
#define END                                                                                                            \
	}                                                                                                              \
	;
#include "manifest/keys.def"
#undef TABLE
#undef KEY
#undef END

#define TABLE(id, name_, where_, need_, doc_)                                                                          \
	static_assert(sizeof(id##_keys) / sizeof(id##_keys[0]) <= KEYS_PER_TABLE_MAX, "raise KEYS_PER_TABLE_MAX");
#define KEY(name_, alias_, type_, need_, fallback_, limit_, where_, used_by_, doc_)
#define END
#include "manifest/keys.def"
#undef TABLE

#define TABLE(id, name_, where_, need_, doc_)                                                                          \
	{ .name = name_,                                                                                               \
		.name_len = sizeof(name_) - 1,                                                                         \
		where_,                                                                                                \
		.need = NEED_##need_,                                                                                  \
		.keys = id##_keys,                                                                                     \
		.key_count = sizeof(id##_keys) / sizeof(id##_keys[0]),                                                 \
		.doc = doc_ },
static const struct key_table tables[] = {
#include "manifest/keys.def"
};
#undef TABLE
#undef KEY
#undef END

static_assert(sizeof(enum uplink_profile) == sizeof(unsigned), "a word is kept as an unsigned number");
static_assert(sizeof(enum interceptor_mode) == sizeof(unsigned), "a word is kept as an unsigned number");
static_assert(sizeof(enum interceptor_on_error) == sizeof(unsigned), "a word is kept as an unsigned number");
static_assert(sizeof(enum interceptor_on_full) == sizeof(unsigned), "a word is kept as an unsigned number");
static_assert(sizeof(enum server_restart) == sizeof(unsigned), "a word is kept as an unsigned number");
static_assert(sizeof(enum server_consent) == sizeof(unsigned), "a word is kept as an unsigned number");
static_assert(sizeof(enum topic_direction) == sizeof(unsigned), "a word is kept as an unsigned number");

const struct key_table *keys_tables(size_t *count)
{
	*count = sizeof(tables) / sizeof(tables[0]);
	return tables;
}

const struct key_table *keys_table_find(struct span name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (span_equal(name, span_of(tables[i].name, tables[i].name_len)))
			return &tables[i];
	return NULL;
}

const struct key_row *keys_find(const struct key_table *table, struct span name)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct key_row *row = &table->keys[i];

		if (span_equal(name, span_of(row->name, row->name_len)) ||
			(row->alias != NULL && span_is(name, row->alias)))
			return row;
	}
	return NULL;
}

void keys_label(const struct key_table *table, const char *key, char *label, size_t size)
{
	switch (table->shape) {
	case SHAPE_SINGLE:
		(void)snprintf(label, size, "[%s]", table->name);
		break;
	case SHAPE_ARRAY:
		(void)snprintf(label, size, "[[%s]]", table->name);
		break;
	case SHAPE_MAP:
		(void)snprintf(label, size, "[%s.%.64s]", table->name, key != NULL ? key : "KEY");
		break;
	}
}

/* The pointer to the entries has another type in each array, so it is moved as bytes. */
void *keys_entries(const struct key_table *table, struct manifest *manifest, size_t *count)
{
	void *entries;

	if (table->shape == SHAPE_SINGLE) {
		*count = 1;
		return keys_member(manifest, table->offset);
	}
	memcpy(&entries, keys_member(manifest, table->offset), sizeof(entries));
	*count = *(size_t *)keys_member(manifest, table->count_offset);
	return entries;
}

bool keys_entries_make(const struct key_table *table, struct manifest *manifest, size_t count)
{
	void *entries = calloc(count, table->entry_size);

	if (entries == NULL)
		return false;
	memcpy(keys_member(manifest, table->offset), &entries, sizeof(entries));
	*(size_t *)keys_member(manifest, table->count_offset) = count;
	return true;
}

void string_list_fini(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	free(list->places);
	*list = (struct string_list){ 0 };
}

static void value_fini(const struct key_row *row, void *member)
{
	switch (row->type) {
	case KEY_STRING:
	case KEY_PATH:
	case KEY_ID:
	case KEY_JSON:
	case KEY_JSON_TABLE:
		free(*(char **)member);
		break;
	case KEY_STRINGS:
		string_list_fini(member);
		break;
	case KEY_BOOL:
	case KEY_INTEGER:
	case KEY_WORD:
	case KEY_SUBTABLE:
		break;
	}
}

void keys_entry_fini(const struct key_table *table, void *entry)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct key_row *row = &table->keys[i];
		void *member = keys_member(entry, row->offset);

		if (row->type == KEY_SUBTABLE)
			keys_entry_fini(keys_table_find(span_text("capabilities")), member);
		else
			value_fini(row, member);
	}
	if (table->key_offset != KEYS_NO_OFFSET)
		free(*(char **)keys_member(entry, table->key_offset));
}
