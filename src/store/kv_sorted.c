/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A skip list: simple, ordered, and a range of it goes away in one walk, which is what a listing and a clear need. */
#include "store/kv_sorted.h"

#include <stdlib.h>

struct kv_node {
	uint8_t *value;
	size_t value_len;
	size_t key_len;
	unsigned levels;
	struct kv_node *next[]; /* one for each level; the bytes of the key follow */
};

/* The link on each level that a key's node hangs on, or would. */
struct place {
	struct kv_node **link[KV_SORTED_LEVELS];
};

struct span kv_node_key(const struct kv_node *node)
{
	return span_of(node->next + node->levels, node->key_len);
}

struct span kv_node_value(const struct kv_node *node)
{
	return span_of(node->value, node->value_len);
}

struct kv_node *kv_sorted_next(const struct kv_node *node)
{
	return node->next[0];
}

static int compare(struct span a, struct span b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

void kv_sorted_init(struct kv_sorted *sorted, uint64_t seed)
{
	*sorted = (struct kv_sorted){ .random = seed | 1 };
}

static void free_node(struct kv_node *node)
{
	free(node->value);
	free(node);
}

void kv_sorted_fini(struct kv_sorted *sorted)
{
	struct kv_node *node = sorted->first[0];

	while (node != NULL) {
		struct kv_node *next = node->next[0];

		free_node(node);
		node = next;
	}
	kv_sorted_init(sorted, sorted->random);
}

struct kv_node *kv_sorted_seek(const struct kv_sorted *sorted, struct span key)
{
	struct kv_node *const *links = sorted->first;

	for (unsigned level = KV_SORTED_LEVELS; level-- > 0;) {
		while (links[level] != NULL && compare(kv_node_key(links[level]), key) < 0)
			links = links[level]->next;
	}
	return links[0];
}

struct kv_node *kv_sorted_find(const struct kv_sorted *sorted, struct span key)
{
	struct kv_node *node = kv_sorted_seek(sorted, key);

	return node != NULL && span_equal(kv_node_key(node), key) ? node : NULL;
}

/* As kv_sorted_seek(), with the way there. */
static struct kv_node *find_place(struct kv_sorted *sorted, struct span key, struct place *place)
{
	struct kv_node **links = sorted->first;

	for (unsigned level = KV_SORTED_LEVELS; level-- > 0;) {
		while (links[level] != NULL && compare(kv_node_key(links[level]), key) < 0)
			links = links[level]->next;
		place->link[level] = &links[level];
	}
	return links[0];
}

/* xorshift64* */
static unsigned draw_levels(struct kv_sorted *sorted)
{
	uint64_t bits;
	unsigned levels = 1;

	sorted->random ^= sorted->random >> 12;
	sorted->random ^= sorted->random << 25;
	sorted->random ^= sorted->random >> 27;
	bits = (sorted->random * UINT64_C(0x2545F4914F6CDD1D)) >> 32;
	while (levels < KV_SORTED_LEVELS && (bits & 3) == 0) {
		levels++;
		bits >>= 2;
	}
	return levels;
}

/* A copy of the bytes for a node; false when out of memory. No bytes are a NULL pointer. */
static bool copy_value(struct span value, uint8_t **copy)
{
	*copy = NULL;
	if (value.len == 0)
		return true;
	*copy = malloc(value.len);
	if (*copy != NULL)
		memcpy(*copy, value.data, value.len);
	return *copy != NULL;
}

static void unlink_node(struct kv_node *node, const struct place *place)
{
	for (unsigned level = 0; level < node->levels; level++)
		*place->link[level] = node->next[level];
	free_node(node);
}

bool kv_sorted_put(struct kv_sorted *sorted, struct span key, struct span value)
{
	struct place place;
	struct kv_node *node = find_place(sorted, key, &place);
	unsigned levels;
	uint8_t *copy;

	if (!copy_value(value, &copy))
		return false;
	if (node != NULL && span_equal(kv_node_key(node), key)) {
		free(node->value);
		node->value = copy;
		node->value_len = value.len;
		return true;
	}
	levels = draw_levels(sorted);
	node = malloc(sizeof *node + levels * sizeof(struct kv_node *) + key.len);
	if (node == NULL) {
		free(copy);
		return false;
	}
	*node = (struct kv_node){ .value = copy, .value_len = value.len, .key_len = key.len, .levels = levels };
	if (key.len > 0)
		memcpy(node->next + levels, key.data, key.len);
	for (unsigned level = 0; level < levels; level++) {
		node->next[level] = *place.link[level];
		*place.link[level] = node;
	}
	return true;
}

bool kv_sorted_remove(struct kv_sorted *sorted, struct span key)
{
	struct place place;
	struct kv_node *node = find_place(sorted, key, &place);

	if (node == NULL || !span_equal(kv_node_key(node), key))
		return false;
	unlink_node(node, &place);
	return true;
}

uint64_t kv_sorted_remove_prefix(struct kv_sorted *sorted, struct span prefix)
{
	struct place place;
	uint64_t count = 0;
	struct kv_node *node;

	/* The links stay right: each removal leaves them pointing at what comes next. */
	for (node = find_place(sorted, prefix, &place); node != NULL && span_starts(kv_node_key(node), prefix);
		node = *place.link[0]) {
		unlink_node(node, &place);
		count++;
	}
	return count;
}
