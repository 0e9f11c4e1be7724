/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Single values: the right type, within their limits, copied to the member of the struct that their row names. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/reader.h"
#include "manifest/toml_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOT_NAME_MAX (READER_NAME_MAX + READER_LABEL_MAX + 40)

/* A value on its way: what messages call it, and where it goes. */
struct slot {
	struct reader *reader;
	const struct reader_entry *entry;
	const struct key_row *row;
	const struct deps_toml_node *node;
	const char *key; /* as the file calls it */
	void *member;
};

static const char *expected_type(enum key_type type)
{
	switch (type) {
	case KEY_BOOL:
		return "true or false";
	case KEY_INTEGER:
		return "an integer";
	case KEY_STRINGS:
		return "an array of strings";
	case KEY_JSON_TABLE:
	case KEY_SUBTABLE:
		return "a table";
	default:
		return "a string";
	}
}

/* Whether `text` is a whole number in decimal, perhaps with a fraction of zeros: what stands before that goes to `whole`. */
static bool whole_number(struct span text, struct span *whole)
{
	size_t len = 0, zeros;

	if (text.len > 0 && text.data[0] == '-')
		len = 1;
	while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9')
		len++;
	*whole = span_of(text.data, len);
	if (len == 0 || len > 19 || whole->data[len - 1] == '-')
		return false;
	if (len == text.len)
		return true;
	for (zeros = len + 1; zeros < text.len && text.data[zeros] == '0'; zeros++)
		;
	return text.data[len] == '.' && zeros == text.len && zeros > len + 1;
}

static void integer_fix(const struct slot *slot, char fix[READER_FIX_MAX])
{
	struct span source = slot->node->kind == DEPS_TOML_STRING ? span_of(slot->node->text, slot->node->text_len)
								  : reader_source(slot->reader, slot->node);
	struct span whole;

	if (whole_number(source, &whole))
		(void)snprintf(fix, READER_FIX_MAX, "write `%s = %.*s`", slot->key, SPAN_ARG(whole));
	else
		(void)snprintf(fix, READER_FIX_MAX, "write for example `%s = %" PRId64 "`", slot->key,
			slot->row->least > 0 ? slot->row->least : 0);
}

/* What to write instead of a value of the wrong type; false when the message says it already. */
static bool type_fix(const struct slot *slot, char fix[READER_FIX_MAX])
{
	struct span source = reader_source(slot->reader, slot->node);
	struct span text = span_of(slot->node->text, slot->node->text_len);
	bool single = source.len > 0 && slot->node->kind != DEPS_TOML_ARRAY && slot->node->kind != DEPS_TOML_TABLE;
	bool is_string = slot->node->kind == DEPS_TOML_STRING;

	switch (slot->row->type) {
	case KEY_BOOL:
		if (is_string && (span_is(text, "true") || span_is(text, "false")))
			(void)snprintf(
				fix, READER_FIX_MAX, "write `%s = %s`, without quotes", slot->key, slot->node->text);
		else
			(void)snprintf(fix, READER_FIX_MAX, "write `%s = true` or `%s = false`", slot->key, slot->key);
		return true;
	case KEY_INTEGER:
		integer_fix(slot, fix);
		return true;
	case KEY_STRINGS:
		if (is_string && single)
			(void)snprintf(fix, READER_FIX_MAX, "write `%s = [%.*s]`", slot->key, SPAN_ARG(source));
		else
			(void)snprintf(fix, READER_FIX_MAX, "write `%s = [\"...\"]`", slot->key);
		return true;
	case KEY_JSON_TABLE:
		(void)snprintf(fix, READER_FIX_MAX, "write it as a table: `%s = { type = \"object\" }`", slot->key);
		return true;
	case KEY_WORD:
		(void)snprintf(fix, READER_FIX_MAX, "write for example `%s = \"%s\"`", slot->key, slot->row->words[0]);
		return true;
	case KEY_SUBTABLE:
		return false;
	default:
		if (single)
			(void)snprintf(fix, READER_FIX_MAX, "write `%s = \"%.*s\"`", slot->key, SPAN_ARG(source));
		else
			(void)snprintf(fix, READER_FIX_MAX, "write `%s = \"...\"`", slot->key);
		return true;
	}
}

static bool check_kind(const struct slot *slot, enum deps_toml_kind kind)
{
	char fix[READER_FIX_MAX], label[READER_LABEL_MAX];
	bool has_fix;

	if (slot->node->kind == kind)
		return true;
	has_fix = type_fix(slot, fix);
	reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node), has_fix ? fix : NULL,
		"`%s` in %s must be %s, found %s", slot->key, reader_label(slot->entry, label),
		expected_type(slot->row->type), reader_kind(slot->node));
	return false;
}

/* What messages call a text: "`name` in [package]", "entry 2 of `net` in [capabilities]"; `number` is 0 for no entry. */
static const char *slot_name(const struct slot *slot, size_t number, char name[SLOT_NAME_MAX])
{
	char label[READER_LABEL_MAX];

	(void)reader_label(slot->entry, label);
	if (number == 0)
		(void)snprintf(name, SLOT_NAME_MAX, "`%.*s` in %s", READER_NAME_MAX, slot->key, label);
	else
		(void)snprintf(
			name, SLOT_NAME_MAX, "entry %zu of `%.*s` in %s", number, READER_NAME_MAX, slot->key, label);
	return name;
}

/* Copy a string of at most `limit` bytes without NUL; `number` as for slot_name(). */
static bool copy_string(
	const struct slot *slot, const struct deps_toml_node *node, size_t number, size_t limit, char **copy)
{
	char name[SLOT_NAME_MAX];

	if (node->text_len > limit) {
		reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, node), "shorten it",
			"%s has %zu bytes, at most %zu are allowed", slot_name(slot, number, name), node->text_len,
			limit);
		return false;
	}
	if (memchr(node->text, '\0', node->text_len) != NULL) {
		reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, node), "remove it",
			"%s contains a NUL character", slot_name(slot, number, name));
		return false;
	}
	*copy = text_copy(span_of(node->text, node->text_len));
	if (*copy == NULL)
		slot->reader->out_of_memory = true;
	return *copy != NULL;
}

static char proposed_id_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
}

static void check_id(const struct slot *slot, const char *id)
{
	char proposed[LIMIT_NAME + 1], fix[READER_FIX_MAX], name[SLOT_NAME_MAX];
	size_t len = strlen(id);

	if (manifest_id_valid(id))
		return;
	for (size_t i = 0; i < len; i++)
		proposed[i] = proposed_id_char(id[i]);
	proposed[len] = '\0';
	(void)snprintf(fix, sizeof(fix), "write for example `%s = \"%s\"`", slot->key, proposed);
	reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node), fix,
		"`%s` is not a capsule id: only a-z, 0-9 and `-` may be in %s", id, slot_name(slot, 0, name));
}

static void read_string(const struct slot *slot)
{
	char **member = slot->member;
	char name[SLOT_NAME_MAX];

	if (!check_kind(slot, DEPS_TOML_STRING) || !copy_string(slot, slot->node, 0, slot->row->limit, member))
		return;
	if (slot->row->need == NEED_FILLED && **member == '\0') {
		reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node),
			"write a value between the quotes", "%s is empty", slot_name(slot, 0, name));
		return;
	}
	if (slot->row->type == KEY_ID)
		check_id(slot, *member);
}

/* Entry `number`, counted from 1. */
static void read_item(
	const struct slot *slot, const struct deps_toml_node *node, size_t number, struct string_list *list)
{
	char name[SLOT_NAME_MAX];

	list->places[list->count] = reader_value_place(slot->reader, node);
	if (node->kind != DEPS_TOML_STRING)
		reader_report(slot->reader, SEVERITY_ERROR, list->places[list->count], "each entry is a text in quotes",
			"%s must be a string, found %s", slot_name(slot, number, name), reader_kind(node));
	else if (copy_string(slot, node, number, LIMIT_MANIFEST_TEXT, &list->items[list->count]))
		list->count++;
}

static void read_strings(const struct slot *slot)
{
	struct string_list *list = slot->member;
	size_t count = slot->node->child_count, number = 0;
	char name[SLOT_NAME_MAX];

	if (!check_kind(slot, DEPS_TOML_ARRAY) || count == 0)
		return;
	if (count > slot->row->limit) {
		reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node),
			"shorten the list", "%s has %zu entries, at most %zu are allowed", slot_name(slot, 0, name),
			count, slot->row->limit);
		return;
	}
	list->items = calloc(count, sizeof(*list->items));
	list->places = calloc(count, sizeof(*list->places));
	if (list->items == NULL || list->places == NULL) {
		slot->reader->out_of_memory = true;
		return;
	}
	for (uint32_t at = slot->node->first_child; at != 0; at = slot->reader->nodes[at].next)
		read_item(slot, &slot->reader->nodes[at], ++number, list);
}

static void read_integer(const struct slot *slot)
{
	const struct key_row *row = slot->row;
	int64_t value = slot->node->integer;
	char fix[READER_FIX_MAX], name[SLOT_NAME_MAX];

	if (!check_kind(slot, DEPS_TOML_INTEGER))
		return;
	if (value >= row->least && value <= row->most) {
		*(int64_t *)slot->member = value;
		return;
	}
	(void)snprintf(fix, sizeof(fix), "write a number from %" PRId64 " to %" PRId64, row->least, row->most);
	reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node), fix,
		"%s is %" PRId64 ", %s is %" PRId64, slot_name(slot, 0, name), value,
		value < row->least ? "the least that it may be" : "the most that it may be",
		value < row->least ? row->least : row->most);
}

static void read_word(const struct slot *slot)
{
	const char *const *words = slot->row->words, *near;
	struct span text = span_of(slot->node->text, slot->node->text_len);
	char allowed[256], fix[READER_FIX_MAX], name[SLOT_NAME_MAX];
	size_t count = 0, len = 0;

	if (!check_kind(slot, DEPS_TOML_STRING))
		return;
	for (; words[count] != NULL; count++) {
		if (span_is(text, words[count])) {
			*(unsigned *)slot->member = (unsigned)count;
			return;
		}
	}
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s`%s`", i == 0 ? "" : ", ", words[i]);
	near = reader_nearest(text, words, count);
	(void)snprintf(fix, sizeof(fix), "did you mean `%s`?", near != NULL ? near : "");
	reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node),
		near != NULL ? fix : NULL, "unknown variant `%.*s` for %s, expected one of %s",
		READER_NAME_ARG(slot->node->text, text.len), slot_name(slot, 0, name), allowed);
}

static void read_json(const struct slot *slot)
{
	HOLD(buffer_fini) struct buffer json = { .limit = slot->row->limit };
	struct capsule_error err = { 0 };
	char name[SLOT_NAME_MAX];

	if (toml_json_append(&json, slot->reader->nodes, (uint32_t)(slot->node - slot->reader->nodes), &err) ==
		CAPSULE_OK) {
		*(char **)slot->member = buffer_steal(&json);
		if (*(char **)slot->member == NULL)
			slot->reader->out_of_memory = true;
	} else if (err.status == CAPSULE_ELIMIT) {
		reader_report(slot->reader, SEVERITY_ERROR, reader_value_place(slot->reader, slot->node), NULL,
			"%s is too large: %s", slot_name(slot, 0, name), err.text);
	} else {
		slot->reader->out_of_memory = true;
	}
}

static void read_subtable(const struct slot *slot)
{
	struct reader_entry inner = {
		.table = keys_table_find(span_text("capabilities")),
		.node = slot->node,
		.target = slot->member,
		.in = slot->row,
		.of = slot->entry->table,
	};

	if (check_kind(slot, DEPS_TOML_TABLE))
		reader_read_entry(slot->reader, &inner);
}

void reader_read_value(struct reader *reader, const struct reader_entry *entry, const struct key_row *row,
	const struct deps_toml_node *node)
{
	struct slot slot = { reader, entry, row, node, node->key, keys_member(entry->target, row->offset) };

	if (row->place_offset != KEYS_NO_OFFSET)
		*(struct place *)keys_member(entry->target, row->place_offset) = reader_value_place(reader, node);
	switch (row->type) {
	case KEY_STRING:
	case KEY_PATH:
	case KEY_ID:
		read_string(&slot);
		break;
	case KEY_BOOL:
		if (check_kind(&slot, DEPS_TOML_BOOLEAN))
			*(bool *)slot.member = node->boolean != 0;
		break;
	case KEY_INTEGER:
		read_integer(&slot);
		break;
	case KEY_STRINGS:
		read_strings(&slot);
		break;
	case KEY_WORD:
		read_word(&slot);
		break;
	case KEY_JSON_TABLE:
		if (check_kind(&slot, DEPS_TOML_TABLE))
			read_json(&slot);
		break;
	case KEY_JSON:
		read_json(&slot);
		break;
	case KEY_SUBTABLE:
		read_subtable(&slot);
		break;
	}
}

void reader_set_fallback(struct reader *reader, const struct reader_entry *entry, const struct key_row *row)
{
	void *member = keys_member(entry->target, row->offset);

	if (row->fallback == NULL || row->type == KEY_WORD) /* a word falls back to the first, which is 0 */
		return;
	if (row->type == KEY_BOOL) {
		*(bool *)member = strcmp(row->fallback, "true") == 0;
		return;
	}
	if (row->type == KEY_INTEGER) {
		*(int64_t *)member = strtoll(row->fallback, NULL, 10);
		return;
	}
	*(char **)member = text_copy(span_text(row->fallback));
	if (*(char **)member == NULL)
		reader->out_of_memory = true;
}
