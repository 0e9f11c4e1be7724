/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/entry_set.h"

#include "gate/path.h"

#include <stdlib.h>

/* Whether `host` is `name` or a subdomain of it. Both not empty, as gate_url_host() gives them. */
static bool host_below(struct span name, struct span host)
{
	if (name.len == 0 || host.len < name.len || memcmp(host.data + host.len - name.len, name.data, name.len) != 0)
		return false;
	return host.len == name.len || host.data[host.len - name.len - 1] == '.';
}

/* A dot comes before every other character, so that nothing stands between a name and its subdomains. */
static int rank(uint8_t c)
{
	return c == '.' ? 0 : c + 1;
}

/* From the end on, since that is what names have in common. */
static int compare_hosts(struct span a, struct span b)
{
	for (size_t i = 1;; i++) {
		if (i > a.len || i > b.len)
			return (a.len > b.len) - (a.len < b.len);
		if (a.data[a.len - i] != b.data[b.len - i])
			return rank(a.data[a.len - i]) - rank(b.data[b.len - i]);
	}
}

static bool path_is_below(struct span name, struct span wanted)
{
	return path_below(name, wanted, NULL);
}

struct entry_set entry_set_of_paths(void)
{
	return (struct entry_set){ .compare = path_compare, .below = path_is_below };
}

struct entry_set entry_set_of_hosts(void)
{
	return (struct entry_set){ .compare = compare_hosts, .below = host_below };
}

bool entry_set_add(struct entry_set *set, struct span name, size_t index)
{
	if (set->count == set->capacity) {
		size_t capacity = set->capacity == 0 ? 8 : 2 * set->capacity;
		struct entry_set_item *items = reallocarray(set->items, capacity, sizeof *items);

		if (items == NULL)
			return false;
		set->items = items;
		set->capacity = capacity;
	}
	set->items[set->count++] = (struct entry_set_item){ .name = name, .index = index };
	return true;
}

static int compare_items(const void *a, const void *b, void *user)
{
	const struct entry_set_item *x = a, *y = b;
	const struct entry_set *set = user;
	int order = set->compare(x->name, y->name);

	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

void entry_set_close(struct entry_set *set)
{
	size_t kept = 0;

	if (set->count > 0)
		qsort_r(set->items, set->count, sizeof *set->items, compare_items, set);
	for (size_t i = 0; i < set->count; i++)
		if (kept == 0 || !set->below(set->items[kept - 1].name, set->items[i].name))
			set->items[kept++] = set->items[i];
	set->count = kept;
}

const struct entry_set_item *entry_set_find(const struct entry_set *set, struct span wanted)
{
	size_t low = 0, high = set->count; /* those before `low` do not come behind `wanted`, those from `high` on do */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->compare(set->items[middle].name, wanted) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && set->below(set->items[low - 1].name, wanted) ? &set->items[low - 1] : NULL;
}

void entry_set_fini(struct entry_set *set)
{
	free(set->items);
	set->items = NULL;
	set->count = set->capacity = 0;
}
