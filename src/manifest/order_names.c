/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Segments and types as numbers: equal numbers are equal texts, so that each text is read once. */
#include "manifest/order_internal.h"

#include "base/hash.h"
#include "base/uuid.h"

#include <stdlib.h>

#define CAPACITY_MIN 64

struct order_name {
	struct span text; /* data NULL: no entry */
	uint64_t hash;
	size_t number;
};

enum capsule_status order_names_init(struct order_names *names, struct capsule_error *err)
{
	*names = (struct order_names){ 0 };
	return random_fill(names->seed, sizeof names->seed, err);
}

void order_names_fini(struct order_names *names)
{
	free(names->entries);
	names->entries = NULL;
}

/* The entry of `text`, or the empty one where it would stand. */
static struct order_name *find(struct order_name *entries, size_t capacity, uint64_t hash, struct span text)
{
	for (size_t i = hash & (capacity - 1);; i = (i + 1) & (capacity - 1)) {
		struct order_name *entry = &entries[i];

		if (entry->text.data == NULL || (entry->hash == hash && span_equal(entry->text, text)))
			return entry;
	}
}

static bool grow(struct order_names *names)
{
	size_t capacity = names->capacity == 0 ? CAPACITY_MIN : names->capacity * 2;
	struct order_name *entries = calloc(capacity, sizeof *entries);

	if (entries == NULL)
		return false;
	for (size_t i = 0; i < names->capacity; i++) {
		const struct order_name *entry = &names->entries[i];

		if (entry->text.data != NULL)
			*find(entries, capacity, entry->hash, entry->text) = *entry;
	}
	free(names->entries);
	names->entries = entries;
	names->capacity = capacity;
	return true;
}

size_t order_names_number(struct order_names *names, struct span text)
{
	uint64_t hash = hash_keyed(names->seed, text);
	struct order_name *entry;

	if (names->count >= names->capacity / 2 && !grow(names))
		return 0;
	entry = find(names->entries, names->capacity, hash, text);
	if (entry->text.data == NULL)
		*entry = (struct order_name){ text, hash, ++names->count };
	return entry->number;
}
