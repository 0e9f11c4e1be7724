/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sorts pointers to the items; equal ones then stand side by side, the first of the list in front. */
#include "manifest/twins.h"
#include "base/cleanup.h"

#include <stdint.h>
#include <string.h>

#define STACK_ITEMS 64

static int compare_texts(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int compare_names(const struct twin *a, const struct twin *b)
{
	int order = compare_texts(a->name, b->name);

	return order != 0 ? order : compare_texts(a->more, b->more);
}

static int compare_items(const void *left, const void *right)
{
	const struct twin *a = *(const struct twin *const *)left, *b = *(const struct twin *const *)right;
	int order = compare_names(a, b);

	return order != 0 ? order : (a > b) - (a < b);
}

bool twins_find(struct twin *items, size_t count)
{
	struct twin *near[STACK_ITEMS], **sorted = near;
	HOLD(free_drop) struct twin **far = NULL;

	if (count > STACK_ITEMS) {
		far = calloc(count, sizeof(struct twin *));
		if (far == NULL)
			return false;
		sorted = far;
	}
	for (size_t i = 0; i < count; i++) {
		sorted[i] = &items[i];
		items[i].first = i;
	}
	if (count > 1)
		qsort(sorted, count, sizeof(struct twin *), compare_items);
	for (size_t i = 1; i < count; i++)
		if (sorted[i]->name != NULL && sorted[i]->more != NULL && compare_names(sorted[i - 1], sorted[i]) == 0)
			sorted[i]->first = sorted[i - 1]->first;
	return true;
}
