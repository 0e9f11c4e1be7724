/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What all capsules require, or provide, sorted for the index. */
#include "manifest/order_internal.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* Where a form belongs; small, since sorting moves it. */
struct key {
	size_t type, segments;
	uint64_t shape;
	size_t number;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->segments != y->segments)
		return x->segments < y->segments ? -1 : 1;
	if (x->shape != y->shape)
		return x->shape < y->shape ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static struct key key_of(const struct order_form *form)
{
	return (struct key){ form->pattern.type, form->pattern.segments, form->pattern.shape, form->number };
}

static bool sorted(const struct order_forms *forms)
{
	for (size_t i = 1; i < forms->count; i++) {
		struct key before = key_of(&forms->items[i - 1]), key = key_of(&forms->items[i]);

		if (compare_keys(&before, &key) > 0)
			return false;
	}
	return true;
}

static bool sort(struct order_forms *forms)
{
	HOLD(free_drop) struct key *keys = NULL;
	struct order_form *items;

	if (sorted(forms))
		return true;
	keys = malloc(forms->count * sizeof *keys);
	items = malloc(forms->count * sizeof *items);
	if (keys == NULL || items == NULL) {
		free(items);
		return false;
	}
	for (size_t i = 0; i < forms->count; i++)
		keys[i] = key_of(&forms->items[i]);
	qsort(keys, forms->count, sizeof *keys, compare_keys);
	for (size_t i = 0; i < forms->count; i++)
		items[i] = forms->items[keys[i].number];
	free(forms->items);
	forms->items = items;
	return true;
}

enum capsule_status order_forms_make(struct order_forms *out, struct order_patterns *patterns,
	const struct string_list *const *lists, size_t count, struct capsule_error *err)
{
	size_t total = 0;
	bool made;

	*out = (struct order_forms){ 0 };
	for (size_t i = 0; i < count; i++)
		total += lists[i]->count;
	out->items = malloc((total + 1) * sizeof *out->items);
	made = out->items != NULL;
	for (size_t i = 0; made && i < count; i++) {
		for (size_t entry = 0; made && entry < lists[i]->count; entry++) {
			struct order_form *form = &out->items[out->count];
			const struct order_pattern *pattern = order_patterns_take(
				patterns, span_text(lists[i]->items[entry]));

			made = pattern != NULL;
			if (made)
				*form = (struct order_form){ out->count++, i, entry, *pattern };
		}
	}
	if (!made || !sort(out))
		return error_set(err, CAPSULE_ENOMEM, "no memory to compare %zu capabilities", total);
	return CAPSULE_OK;
}

void order_forms_fini(struct order_forms *forms)
{
	free(forms->items);
	*forms = (struct order_forms){ 0 };
}

int order_compare_groups(const struct order_pattern *a, const struct order_pattern *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return (a->segments > b->segments) - (a->segments < b->segments);
}

size_t order_group_end(const struct order_forms *forms, size_t from)
{
	size_t end = from + 1;

	while (end < forms->count && order_compare_groups(&forms->items[from].pattern, &forms->items[end].pattern) == 0)
		end++;
	return end;
}

size_t order_class_end(const struct order_forms *forms, const struct order_patterns *patterns, size_t from)
{
	const struct order_pattern *first = &forms->items[from].pattern;
	size_t bytes = order_words(first->segments) * sizeof *patterns->words, end = from + 1;

	while (end < forms->count && order_compare_groups(first, &forms->items[end].pattern) == 0 &&
		memcmp(patterns->words + first->words, patterns->words + forms->items[end].pattern.words, bytes) == 0)
		end++;
	return end;
}
