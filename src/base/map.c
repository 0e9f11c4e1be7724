/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Linear probing over a table that is at most three quarters full. A removed entry leaves a tombstone, so that chains
 * through it hold; tombstones go when the table is rebuilt. */
#include "base/map.h"

#include "base/hash.h"
#include "base/text.h"
#include "base/uuid.h"

#include <stdlib.h>

#define CAPACITY_MIN 16

struct map_entry {
	uint64_t hash;
	char *key; /* owned; NULL in an empty entry and in a tombstone */
	size_t key_len;
	void *value; /* NULL in an empty entry, TOMBSTONE in a tombstone */
};

static const char tombstone;
#define TOMBSTONE ((void *)(uintptr_t)&tombstone) /* only its address counts */

static bool entry_live(const struct map_entry *entry)
{
	return entry->key != NULL;
}

/* The entry that holds `key`, or NULL. A table always has an empty entry, so the walk ends. */
static struct map_entry *find(const struct map *map, uint64_t hash, struct span key)
{
	size_t mask = map->capacity - 1;

	if (map->capacity == 0)
		return NULL;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_entry *entry = &map->entries[i];

		if (entry_live(entry)) {
			if (entry->hash == hash && span_equal(span_of(entry->key, entry->key_len), key))
				return entry;
		} else if (entry->value == NULL) {
			return NULL;
		}
	}
}

/* The first entry on the way of `hash` that may be filled. */
static struct map_entry *find_free(struct map_entry *entries, size_t capacity, uint64_t hash)
{
	size_t mask = capacity - 1, i = hash & mask;

	while (entry_live(&entries[i]))
		i = (i + 1) & mask;
	return &entries[i];
}

/* Rebuild the table so that it is at most half full with one entry more, tombstones dropped. */
static bool rebuild(struct map *map)
{
	size_t capacity = CAPACITY_MIN;
	struct map_entry *entries;

	while (capacity / 2 < map->count + 1)
		capacity *= 2;
	entries = calloc(capacity, sizeof *entries);
	if (entries == NULL)
		return false;
	for (size_t i = 0; i < map->capacity; i++) {
		if (entry_live(&map->entries[i]))
			*find_free(entries, capacity, map->entries[i].hash) = map->entries[i];
	}
	free(map->entries);
	map->entries = entries;
	map->capacity = capacity;
	map->used = map->count;
	return true;
}

void map_fini(struct map *map)
{
	for (size_t i = 0; i < map->capacity; i++)
		free(map->entries[i].key);
	free(map->entries);
	*map = (struct map){ 0 };
}

void *map_get(const struct map *map, struct span key)
{
	const struct map_entry *entry;

	if (map->count == 0)
		return NULL;
	entry = find(map, hash_keyed(map->seed, key), key);
	return entry == NULL ? NULL : entry->value;
}

static enum capsule_status map_insert(
	struct map *map, uint64_t hash, struct span key, void *value, struct capsule_error *err)
{
	struct map_entry *entry;
	char *copy;

	if (map->used + 1 > map->capacity / 4 * 3 && !rebuild(map))
		return error_set(err, CAPSULE_ENOMEM, "no memory for a table of %zu entries", map->count + 1);
	copy = text_copy(key);
	if (copy == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a key of %zu bytes", key.len);
	entry = find_free(map->entries, map->capacity, hash);
	if (entry->value == NULL) /* not a tombstone, which counts as used already */
		map->used++;
	*entry = (struct map_entry){ .hash = hash, .key = copy, .key_len = key.len, .value = value };
	map->count++;
	return CAPSULE_OK;
}

enum capsule_status map_put(struct map *map, struct span key, void *value, void **old, struct capsule_error *err)
{
	struct map_entry *entry;
	uint64_t hash;

	if (old != NULL)
		*old = NULL;
	if (map->capacity == 0 && random_fill(map->seed, sizeof map->seed, err) != CAPSULE_OK)
		return error_in(err, "seed of a table");
	hash = hash_keyed(map->seed, key);
	entry = find(map, hash, key);
	if (entry == NULL)
		return map_insert(map, hash, key, value, err);
	if (old != NULL)
		*old = entry->value;
	entry->value = value;
	return CAPSULE_OK;
}

void *map_remove(struct map *map, struct span key)
{
	struct map_entry *entry;
	void *value;

	if (map->count == 0)
		return NULL;
	entry = find(map, hash_keyed(map->seed, key), key);
	if (entry == NULL)
		return NULL;
	value = entry->value;
	free(entry->key);
	*entry = (struct map_entry){ .value = TOMBSTONE };
	map->count--;
	return value;
}

bool map_next(const struct map *map, size_t *cursor, struct span *key, void **value)
{
	for (; *cursor < map->capacity; (*cursor)++) {
		const struct map_entry *entry = &map->entries[*cursor];

		if (!entry_live(entry))
			continue;
		if (key != NULL)
			*key = span_of(entry->key, entry->key_len);
		if (value != NULL)
			*value = entry->value;
		(*cursor)++;
		return true;
	}
	return false;
}
