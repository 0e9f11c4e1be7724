/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One pass over the text. Keys are found by a hash table of (table, key), so that large tables cost no more than small ones; a
 * file made to fill it with collisions is left to the library. */
#include "manifest/toml_quick.h"
#include "base/cleanup.h"
#include "manifest/toml_scan.h"

/* All of these are less than what the library allows. */
#define NODES_MAX 131072u
#define PARTS_MAX 100000u /* parts of keys, headers, elements of arrays */
#define LEVEL_MAX 48      /* of tables and arrays in each other */
#define DEPTH_MAX 24      /* of brackets in each other, and of the parts of a key */

#define PROBES_MAX 64
#define SLOTS_NEAR 256u

/* What a table or array is, beyond its node: TOML says who may add to it. */
enum origin {
	ORIGIN_CLOSED,  /* a value: nobody */
	ORIGIN_IMPLIED, /* a longer header needed it: other headers below it */
	ORIGIN_HEADER,  /* the same */
	ORIGIN_TABLES,  /* array of tables: headers, to its last element */
	ORIGIN_DOTTED, /* a dotted key needed it: other dotted keys below the same header or in the same inline table */
};

struct growth {
	uint32_t last_child;
	uint32_t section; /* of ORIGIN_DOTTED */
	uint16_t level;
	uint8_t origin;
};

struct quick {
	struct toml_scan scan;
	struct deps_toml_node *nodes;
	struct growth *growths; /* one a node */
	uint32_t count, room;
	uint32_t *slots; /* node + 1, or 0 */
	uint32_t slot_mask;
	uint32_t near[SLOTS_NEAR];
	uint32_t sections, parts;
	uint32_t found_hash; /* of the last key that was looked for */
};

static uint32_t hash_of(uint32_t table, const char *key, size_t len)
{
	uint32_t hash = 2166136261u ^ (table * 2654435761u);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)key[i]) * 16777619u;
	hash = (hash ^ hash >> 16) * 0x85EBCA6Bu;
	return hash ^ hash >> 13;
}

static void slot_put(struct quick *quick, uint32_t index, uint32_t hash)
{
	uint32_t at = hash;

	while (quick->slots[at & quick->slot_mask] != 0)
		at++;
	quick->slots[at & quick->slot_mask] = index + 1;
}

static bool slots_grow(struct quick *quick)
{
	uint32_t *old = quick->slots, size = (quick->slot_mask + 1) * 4;

	quick->slots = calloc(size, sizeof(*quick->slots));
	if (quick->slots == NULL) {
		quick->slots = old;
		return false;
	}
	quick->slot_mask = size - 1;
	if (old != quick->near)
		free(old);
	for (uint32_t i = 1; i < quick->count; i++) {
		const struct deps_toml_node *node = &quick->nodes[i];

		if (node->key != NULL)
			slot_put(quick, i, hash_of(node->parent, node->key, node->key_len));
	}
	return true;
}

/* The child of `table` with the key of `wanted`, 0 when there is none. False when the search is too long. A node that is added
 * next must be `wanted` as a child of `table`. */
static bool find(struct quick *quick, uint32_t table, const struct deps_toml_node *wanted, uint32_t *found)
{
	uint32_t at = hash_of(table, wanted->key, wanted->key_len);

	quick->found_hash = at;
	*found = 0;
	for (int i = 0; i < PROBES_MAX; i++, at++) {
		uint32_t slot = quick->slots[at & quick->slot_mask];
		const struct deps_toml_node *node;

		if (slot == 0)
			return true;
		node = &quick->nodes[slot - 1];
		if (node->parent == table && node->key_len == wanted->key_len &&
			memcmp(node->key, wanted->key, wanted->key_len) == 0) {
			*found = slot - 1;
			return true;
		}
	}
	return false;
}

static bool nodes_grow(struct quick *quick)
{
	uint32_t room = quick->room * 2;
	struct deps_toml_node *nodes;
	struct growth *growths;

	if (room > NODES_MAX)
		return false;
	nodes = realloc(quick->nodes, room * sizeof(*nodes));
	if (nodes == NULL)
		return false;
	quick->nodes = nodes;
	growths = realloc(quick->growths, room * sizeof(*growths));
	if (growths == NULL)
		return false;
	quick->growths = growths;
	quick->room = room;
	return true;
}

/* A node like `node` as the last child of `parent`; its index, 0 when there is no room. */
static uint32_t add(struct quick *quick, uint32_t parent, const struct deps_toml_node *node, enum origin origin)
{
	uint32_t index = quick->count, *last;

	if (quick->growths[parent].level >= LEVEL_MAX || (index == quick->room && !nodes_grow(quick)))
		return 0;
	quick->count++;
	quick->nodes[index] = *node;
	quick->nodes[index].parent = parent;
	quick->growths[index] = (struct growth){ .level = quick->growths[parent].level + 1, .origin = (uint8_t)origin };
	last = &quick->growths[parent].last_child;
	if (*last == 0)
		quick->nodes[parent].first_child = index;
	else
		quick->nodes[*last].next = index;
	*last = index;
	quick->nodes[parent].child_count++;
	if (node->key == NULL)
		return index;
	if (quick->count > quick->slot_mask / 2)
		return slots_grow(quick) ? index : 0;
	slot_put(quick, index, quick->found_hash);
	return index;
}

/* A table that a part of a longer key stands for. */
static uint32_t add_implied(struct quick *quick, uint32_t parent, struct deps_toml_node *part, enum origin origin)
{
	part->kind = DEPS_TOML_TABLE;
	part->start = part->key_start;
	part->end = part->key_end;
	return add(quick, parent, part, origin);
}

/* From `table` over `part` in a header to where the next part belongs; 0 when that is not allowed. */
static uint32_t step_header(struct quick *quick, uint32_t table, struct deps_toml_node *part)
{
	uint32_t found;

	if (!find(quick, table, part, &found))
		return 0;
	if (found == 0)
		return add_implied(quick, table, part, ORIGIN_IMPLIED);
	switch ((enum origin)quick->growths[found].origin) {
	case ORIGIN_IMPLIED:
	case ORIGIN_HEADER:
		return found;
	case ORIGIN_TABLES:
		return quick->growths[found].last_child;
	case ORIGIN_CLOSED:
	case ORIGIN_DOTTED:
		break;
	}
	return 0;
}

static uint32_t step_dotted(struct quick *quick, uint32_t table, struct deps_toml_node *part, uint32_t section)
{
	uint32_t found;

	if (!find(quick, table, part, &found))
		return 0;
	if (found == 0) {
		uint32_t added = add_implied(quick, table, part, ORIGIN_DOTTED);

		if (added != 0)
			quick->growths[added].section = section;
		return added;
	}
	return quick->growths[found].origin == ORIGIN_DOTTED && quick->growths[found].section == section ? found : 0;
}

/* The parts of a key up to `close`, which is read; those before the last are walked. `*table` is where the last belongs. */
static bool read_path(struct quick *quick, uint32_t *table, struct deps_toml_node *last, char close, uint32_t section)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		*last = (struct deps_toml_node){ 0 };
		scan_blanks(&quick->scan);
		if (++quick->parts > PARTS_MAX || !scan_key(&quick->scan, last))
			return false;
		scan_blanks(&quick->scan);
		if (scan_take(&quick->scan, close))
			return true;
		if (!scan_take(&quick->scan, '.'))
			return false;
		*table = close == ']' ? step_header(quick, *table, last) : step_dotted(quick, *table, last, section);
		if (*table == 0)
			return false;
	}
	return false;
}

/* Behind "[[": another element of an array of tables. */
static uint32_t open_element(struct quick *quick, uint32_t table, struct deps_toml_node *last)
{
	struct deps_toml_node element = { .kind = DEPS_TOML_TABLE, .start = last->start, .end = last->end };
	uint32_t found;

	if (!find(quick, table, last, &found))
		return 0;
	if (found == 0) {
		last->kind = DEPS_TOML_ARRAY;
		found = add(quick, table, last, ORIGIN_TABLES);
	}
	if (found == 0 || quick->growths[found].origin != ORIGIN_TABLES)
		return 0;
	return add(quick, found, &element, ORIGIN_HEADER);
}

static uint32_t open_table(struct quick *quick, uint32_t table, struct deps_toml_node *last)
{
	uint32_t found;

	if (!find(quick, table, last, &found) || found != 0)
		return 0;
	last->kind = DEPS_TOML_TABLE;
	return add(quick, table, last, ORIGIN_HEADER);
}

/* A header, at its bracket; the table that follows, 0 for none. */
static uint32_t read_header(struct quick *quick)
{
	struct toml_scan *scan = &quick->scan;
	size_t start = (size_t)(scan->at - scan->start);
	struct deps_toml_node last;
	uint32_t table = 0;
	bool element;

	scan->at++;
	element = scan_take(scan, '[');
	if (!read_path(quick, &table, &last, ']', 0) || (element && !scan_take(scan, ']')))
		return 0;
	last.start = start;
	last.end = (size_t)(scan->at - scan->start);
	if (++quick->parts > PARTS_MAX || !scan_line_end(scan))
		return 0;
	return element ? open_element(quick, table, &last) : open_table(quick, table, &last);
}

static bool read_value(struct quick *quick, uint32_t parent, struct deps_toml_node *node, int depth);

/* A key, `=` and a value in `table`. */
static bool read_pair(struct quick *quick, uint32_t table, uint32_t section, int depth)
{
	struct deps_toml_node node;
	uint32_t found;

	if (!read_path(quick, &table, &node, '=', section) || !find(quick, table, &node, &found) || found != 0)
		return false;
	scan_blanks(&quick->scan);
	return read_value(quick, table, &node, depth);
}

/* Behind the brace. On one line, as TOML 1.0 has it. */
static bool read_pairs(struct quick *quick, uint32_t table, int depth)
{
	uint32_t section = ++quick->sections;

	scan_blanks(&quick->scan);
	if (scan_take(&quick->scan, '}'))
		return true;
	do {
		if (!read_pair(quick, table, section, depth))
			return false;
		scan_blanks(&quick->scan);
	} while (scan_take(&quick->scan, ','));
	return scan_take(&quick->scan, '}');
}

/* Behind the bracket. */
static bool read_elements(struct quick *quick, uint32_t array, int depth)
{
	while (scan_gap(&quick->scan)) {
		struct deps_toml_node element = { 0 };

		if (scan_take(&quick->scan, ']'))
			return true;
		if (++quick->parts > PARTS_MAX || !read_value(quick, array, &element, depth) || !scan_gap(&quick->scan))
			return false;
		if (scan_take(&quick->scan, ']'))
			return true;
		if (!scan_take(&quick->scan, ','))
			return false;
	}
	return false;
}

/* The value of `node`, whose key is read, as a child of `parent`. Recursion: at most DEPTH_MAX levels. */
static bool read_value(struct quick *quick, uint32_t parent, struct deps_toml_node *node, int depth)
{
	struct toml_scan *scan = &quick->scan;
	bool array = scan->at < scan->end && *scan->at == '[', table = scan->at < scan->end && *scan->at == '{';
	uint32_t index;

	if (!array && !table)
		return scan_scalar(scan, node) && add(quick, parent, node, ORIGIN_CLOSED) != 0;
	node->kind = array ? DEPS_TOML_ARRAY : DEPS_TOML_TABLE;
	node->start = (size_t)(scan->at++ - scan->start);
	index = depth < DEPTH_MAX ? add(quick, parent, node, ORIGIN_CLOSED) : 0;
	if (index == 0 || !(array ? read_elements(quick, index, depth + 1) : read_pairs(quick, index, depth + 1)))
		return false;
	quick->nodes[index].end = (size_t)(scan->at - scan->start);
	return true;
}

static bool read_document(struct quick *quick)
{
	struct toml_scan *scan = &quick->scan;
	uint32_t table = 0, section = 0;

	while (scan_gap(scan)) {
		if (scan->at == scan->end)
			return true;
		if (*scan->at != '[') {
			if (!read_pair(quick, table, section, 0) || !scan_line_end(scan))
				return false;
			continue;
		}
		table = read_header(quick);
		section = ++quick->sections;
		if (table == 0)
			return false;
	}
	return false;
}

bool toml_quick_read(struct toml_quick *out, struct span text)
{
	struct quick quick = { .slots = quick.near, .slot_mask = SLOTS_NEAR - 1 };
	struct deps_toml_node root = { .kind = DEPS_TOML_TABLE, .end = text.len };
	HOLD(free_drop) char *texts = NULL;
	bool good;

	if (text.len == 0 || text.len >= UINT32_MAX / 2)
		return false;
	quick.room = (uint32_t)(text.len / 20) + 16;
	texts = malloc(text.len + 1);
	quick.nodes = malloc(quick.room * sizeof(*quick.nodes));
	quick.growths = malloc(quick.room * sizeof(*quick.growths));
	quick.scan = (struct toml_scan){ .start = (const char *)text.data,
		.at = (const char *)text.data,
		.end = (const char *)text.data + text.len,
		.texts = texts };
	good = texts != NULL && quick.nodes != NULL && quick.growths != NULL;
	if (good) {
		quick.nodes[0] = root;
		quick.growths[0] = (struct growth){ .origin = ORIGIN_HEADER };
		quick.count = 1;
		good = read_document(&quick);
	}
	if (quick.slots != quick.near)
		free(quick.slots);
	free(quick.growths);
	if (good)
		*out = (struct toml_quick){ quick.nodes, quick.count, GIVE(texts) };
	else
		free(quick.nodes);
	return good;
}

void toml_quick_fini(struct toml_quick *quick)
{
	free(quick->nodes);
	free(quick->texts);
	*quick = (struct toml_quick){ 0 };
}
