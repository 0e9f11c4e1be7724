/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A trie whose edges stand in one hash table, under parent and segment. A segment of the topic is hashed once,
 * however many nodes it is looked up from; the hash is keyed, since strangers choose topics and patterns. */
#include "bus/topic_index.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/topic.h"
#include "base/uuid.h"

#include <assert.h>
#include <stdlib.h>

#define SEGMENTS_MAX 128 /* of a topic; a deeper one matches nothing. Topics have at most 256 bytes */
#define SLOTS_FIRST 16
#define SORT_BY_HAND 32 /* results: more are given to qsort() */

struct topic_node {
	struct topic_node *parent, *star; /* the child `*` */
	uint64_t hash;                    /* of the segment under its parent */
	uint32_t number;                  /* tells parents apart in hashes */
	uint32_t children;                /* `star` included */
	struct list_node ends
		[2]; /* struct topic_entry.link, by enum topic_tail: patterns that end here, for TOPIC_TAIL_REST with
					     a `*` behind this node */
	size_t len;
	uint8_t segment[];
};

struct topic_index {
	struct topic_node *root;
	struct topic_node **slots; /* children but `*`, open addressing */
	size_t capacity;           /* a power of two, 0 before the first */
	size_t used;
	uint32_t next_number;
	uint64_t seed[2];
	uint64_t generation;
	struct topic_entry **found;
	size_t room, entries; /* room >= entries, so that a look-up needs no memory */
	/* The topic that `found` is for, if nothing came or went since: events of one topic often follow each other. */
	uint64_t last_at; /* generation then, 0 before the first */
	size_t last_len, last_found;
	uint8_t last[LIMIT_TOPIC];
};

/* ---- The table of edges ---- */

static uint64_t edge_hash(const struct topic_node *parent, uint64_t segment_hash)
{
	return (segment_hash ^ parent->number) * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t slot_of(const struct topic_index *index, uint64_t hash)
{
	return (size_t)(hash >> 32) & (index->capacity - 1);
}

static struct topic_node *child_find(
	const struct topic_index *index, const struct topic_node *parent, struct span segment, uint64_t segment_hash)
{
	uint64_t hash = edge_hash(parent, segment_hash);

	if (index->capacity == 0)
		return NULL;
	for (size_t at = slot_of(index, hash); index->slots[at] != NULL; at = (at + 1) & (index->capacity - 1)) {
		struct topic_node *node = index->slots[at];

		if (node->hash == hash && node->parent == parent &&
			span_equal(span_of(node->segment, node->len), segment))
			return node;
	}
	return NULL;
}

static void slot_put(struct topic_index *index, struct topic_node *node)
{
	size_t at = slot_of(index, node->hash);

	while (index->slots[at] != NULL)
		at = (at + 1) & (index->capacity - 1);
	index->slots[at] = node;
}

static bool slots_grow(struct topic_index *index)
{
	size_t capacity = index->capacity == 0 ? SLOTS_FIRST : index->capacity * 2, old = index->capacity;
	struct topic_node **slots, **before = index->slots;

	if (index->used * 2 < index->capacity)
		return true;
	slots = calloc(capacity, sizeof(struct topic_node *));
	if (slots == NULL)
		return false;
	index->slots = slots;
	index->capacity = capacity;
	for (size_t i = 0; i < old; i++)
		if (before[i] != NULL)
			slot_put(index, before[i]);
	free(before);
	return true;
}

/* Those behind a slot that becomes free move up, unless they stand before their own place then. */
static void slot_remove(struct topic_index *index, const struct topic_node *node)
{
	size_t mask = index->capacity - 1, gap = slot_of(index, node->hash);

	while (index->slots[gap] != node)
		gap = (gap + 1) & mask;
	for (size_t at = (gap + 1) & mask; index->slots[at] != NULL; at = (at + 1) & mask) {
		size_t home = slot_of(index, index->slots[at]->hash);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		index->slots[gap] = index->slots[at];
		gap = at;
	}
	index->slots[gap] = NULL;
	index->used--;
}

/* ---- Nodes ---- */

static struct topic_node *node_new(struct topic_index *index, struct topic_node *parent, struct span segment)
{
	struct topic_node *node = calloc(1, sizeof *node + segment.len);

	if (node == NULL)
		return NULL;
	node->parent = parent;
	node->number = index->next_number++;
	list_init(&node->ends[TOPIC_TAIL_ONE]);
	list_init(&node->ends[TOPIC_TAIL_REST]);
	node->len = segment.len;
	if (segment.len > 0)
		memcpy(node->segment, segment.data, segment.len);
	return node;
}

static struct topic_node *child_make(struct topic_index *index, struct topic_node *parent, struct span segment)
{
	bool star = span_is(segment, "*");
	uint64_t hash = hash_keyed(index->seed, segment);
	struct topic_node *node = star ? parent->star : child_find(index, parent, segment, hash);

	if (node != NULL)
		return node;
	if (!star && !slots_grow(index))
		return NULL;
	node = node_new(index, parent, segment);
	if (node == NULL)
		return NULL;
	if (star) {
		parent->star = node;
	} else {
		node->hash = edge_hash(parent, hash);
		slot_put(index, node);
		index->used++;
	}
	parent->children++;
	return node;
}

/* Free `node` and those above it, as far as nothing is left of them. */
static void node_prune(struct topic_index *index, struct topic_node *node)
{
	while (node->parent != NULL && node->children == 0 && list_empty(&node->ends[TOPIC_TAIL_ONE]) &&
		list_empty(&node->ends[TOPIC_TAIL_REST])) {
		struct topic_node *parent = node->parent;

		if (parent->star == node)
			parent->star = NULL;
		else
			slot_remove(index, node);
		parent->children--;
		free(node);
		node = parent;
	}
}

/* ---- Life ---- */

enum capsule_status topic_index_new(struct topic_index **out, struct capsule_error *err)
{
	struct topic_index *index = calloc(1, sizeof *index);
	enum capsule_status status;

	if (index == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an index of topics");
	status = random_fill(index->seed, sizeof index->seed, err);
	index->generation = 1;
	index->root = node_new(index, NULL, span_of(NULL, 0));
	if (status == CAPSULE_OK && index->root == NULL)
		status = error_set(err, CAPSULE_ENOMEM, "no memory for an index of topics");
	if (status != CAPSULE_OK) {
		topic_index_free(index);
		return status;
	}
	*out = index;
	return CAPSULE_OK;
}

void topic_index_free(struct topic_index *index)
{
	if (index == NULL)
		return;
	assert(index->entries == 0 && index->used == 0);
	free(index->root);
	free(index->slots);
	free(index->found);
	free(index);
}

/* ---- Entries ---- */

static bool found_reserve(struct topic_index *index)
{
	size_t room = index->room == 0 ? SLOTS_FIRST : index->room * 2;
	struct topic_entry **found;

	if (index->entries < index->room)
		return true;
	found = reallocarray(index->found, room, sizeof(struct topic_entry *));
	if (found == NULL)
		return false;
	index->found = found;
	index->room = room;
	return true;
}

/* New ones mostly come last. */
static void insert_in_order(struct list_node *ends, struct topic_entry *entry)
{
	struct list_node *before = ends->prev;

	while (before != ends && LIST_ENTRY(before, struct topic_entry, link)->order > entry->order)
		before = before->prev;
	list_append(before->next, &entry->link);
}

/* The node of `pattern`, without its last segment when that stands for the rest. NULL when out of memory. */
static struct topic_node *path_make(struct topic_index *index, struct span pattern, bool open)
{
	struct topic_node *node = index->root;
	size_t start = 0, len = open ? pattern.len - 2 : pattern.len;

	for (size_t at = 0; at <= len; at++) {
		struct topic_node *child;

		if (at < len && pattern.data[at] != '.')
			continue;
		child = child_make(index, node, span_of(pattern.data + start, at - start));
		if (child == NULL) {
			node_prune(index, node);
			return NULL;
		}
		node = child;
		start = at + 1;
	}
	return node;
}

enum capsule_status topic_index_add(struct topic_index *index, struct span pattern, enum topic_tail tail,
	struct topic_entry *entry, struct capsule_error *err)
{
	bool open = tail == TOPIC_TAIL_REST && pattern.len >= 3 && memcmp(pattern.data + pattern.len - 2, ".*", 2) == 0;
	bool too_deep = tail == TOPIC_TAIL_REST && topic_segments(pattern) > TOPIC_DEPTH_MAX;
	struct topic_node *node = NULL;

	assert(entry->node == NULL);
	if (!topic_valid(pattern))
		return error_set(err, CAPSULE_EINVAL, "topic pattern `%.*s` has empty segments", SPAN_ARG(pattern));
	if (found_reserve(index))
		node = too_deep ? index->root : path_make(index, pattern, open);
	if (node == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the topic pattern `%.*s`", SPAN_ARG(pattern));
	entry->node = node;
	/* Nothing looks for the rest behind the root: what stands there is in the index and never found. */
	insert_in_order(&node->ends[open || too_deep ? TOPIC_TAIL_REST : TOPIC_TAIL_ONE], entry);
	index->entries++;
	index->generation++;
	return CAPSULE_OK;
}

void topic_index_remove(struct topic_index *index, struct topic_entry *entry)
{
	struct topic_node *node = entry->node;

	if (node == NULL)
		return;
	entry->node = NULL;
	list_remove(&entry->link);
	index->entries--;
	index->generation++;
	node_prune(index, node);
}

uint64_t topic_index_generation(const struct topic_index *index)
{
	return index->generation;
}

/* ---- Looking up ---- */

struct walk {
	struct topic_index *index;
	struct span segments[SEGMENTS_MAX];
	uint64_t hashes[SEGMENTS_MAX];
	size_t depth, found;
	bool sorted;
};

static bool take_apart(struct walk *walk, struct span topic)
{
	size_t start = 0;

	for (size_t at = 0; at <= topic.len; at++) {
		if (at < topic.len && topic.data[at] != '.')
			continue;
		if (at == start || walk->depth == SEGMENTS_MAX)
			return false;
		walk->segments[walk->depth] = span_of(topic.data + start, at - start);
		walk->hashes[walk->depth] = hash_keyed(walk->index->seed, walk->segments[walk->depth]);
		walk->depth++;
		start = at + 1;
	}
	return true;
}

static void collect(struct walk *walk, const struct list_node *ends)
{
	struct topic_entry **found = walk->index->found;

	LIST_EACH (node, ends) {
		struct topic_entry *entry = LIST_ENTRY(node, struct topic_entry, link);

		walk->sorted = walk->sorted && (walk->found == 0 || found[walk->found - 1]->order < entry->order);
		found[walk->found++] = entry;
	}
}

/* The path to `node` fits the first `at` segments. No deeper than the topic. */
static void visit(struct walk *walk, const struct topic_node *node, size_t at)
{
	const struct topic_node *child;

	if (at == walk->depth) {
		collect(walk, &node->ends[TOPIC_TAIL_ONE]);
		return;
	}
	if (at > 0 && walk->depth <= TOPIC_DEPTH_MAX)
		collect(walk, &node->ends[TOPIC_TAIL_REST]);
	if (node->children == 0)
		return;
	child = child_find(walk->index, node, walk->segments[at], walk->hashes[at]);
	if (child != NULL)
		visit(walk, child, at + 1);
	if (node->star != NULL)
		visit(walk, node->star, at + 1);
}

static int compare_order(const void *a, const void *b)
{
	uint64_t left = (*(struct topic_entry *const *)a)->order, right = (*(struct topic_entry *const *)b)->order;

	return left < right ? -1 : left > right;
}

static void sort(struct topic_entry **found, size_t count)
{
	if (count > SORT_BY_HAND) {
		qsort(found, count, sizeof(struct topic_entry *), compare_order);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		struct topic_entry *entry = found[i];
		size_t at = i;

		while (at > 0 && found[at - 1]->order > entry->order) {
			found[at] = found[at - 1];
			at--;
		}
		found[at] = entry;
	}
}

static void remember(struct topic_index *index, struct span topic, size_t found)
{
	index->last_at = 0;
	if (topic.len > sizeof index->last)
		return;
	memcpy(index->last, topic.data, topic.len);
	index->last_len = topic.len;
	index->last_found = found;
	index->last_at = index->generation;
}

size_t topic_index_match(struct topic_index *index, struct span topic, struct topic_entry *const **out)
{
	struct walk walk; /* filled as far as it is read: it is large */

	*out = index->found;
	if (index->last_at == index->generation && index->last_len == topic.len &&
		memcmp(index->last, topic.data, topic.len) == 0)
		return index->last_found;
	walk.index = index;
	walk.depth = 0;
	walk.found = 0;
	walk.sorted = true;
	if (index->entries == 0 || !take_apart(&walk, topic))
		return 0;
	visit(&walk, index->root, 0);
	if (!walk.sorted)
		sort(index->found, walk.found);
	remember(index, topic, walk.found);
	return walk.found;
}
