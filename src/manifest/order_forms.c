/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities as the index wants them: numbers that are compared instead of texts. */
#include "manifest/order_internal.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* Where a form belongs; small, since sorting moves it. */
struct key {
	size_t type, segments;
	uint64_t shape; /* a hash of where its wildcards are; 0 without any */
	size_t number;
};

struct making {
	struct order_names *names;
	struct order_form *forms; /* as they come */
	struct key *keys;
	uint64_t *marks, *words;
	size_t count, mark_count, word_count;
	size_t mark_room, word_room;
};

static void making_fini(struct making *making)
{
	free(making->forms);
	free(making->keys);
	free(making->marks);
	free(making->words);
}

static struct span take_type(struct span *text)
{
	const uint8_t *colon = memchr(text->data, ':', text->len);
	struct span type = span_of(text->data, colon == NULL ? 0 : (size_t)(colon - text->data));

	if (colon != NULL)
		*text = span_of(colon + 1, text->len - type.len - 1);
	return type;
}

/* Different inputs have different results, which nobody can foresee who does not know the seed. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD;
	value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53;
	return value ^ value >> 33;
}

static bool append(uint64_t **array, size_t *count, size_t *room, uint64_t value)
{
	if (*count == *room) {
		size_t more = *room == 0 ? 1024 : *room * 2;
		uint64_t *moved = reallocarray(*array, more, sizeof **array);

		if (moved == NULL)
			return false;
		*array = moved;
		*room = more;
	}
	(*array)[(*count)++] = value;
	return true;
}

static bool add_segment(struct making *making, struct order_form *form, struct key *key, struct span segment)
{
	size_t at = form->segments++;
	uint64_t here = making->names->seed[0] + 2 * at + 1;
	uint64_t mark = 0;

	if (at % 64 == 0 && !append(&making->words, &making->word_count, &making->word_room, 0))
		return false;
	if (segment.len == 1 && segment.data[0] == '*') {
		making->words[making->word_count - 1] |= (uint64_t)1 << at % 64;
		key->shape += mix(here);
	} else {
		size_t number = order_names_number(making->names, segment);

		if (number == 0)
			return false;
		mark = mix(mix(here) ^ number);
	}
	return append(&making->marks, &making->mark_count, &making->mark_room, mark);
}

static bool add_form(struct making *making, struct span text, size_t owner, size_t entry)
{
	struct order_form *form = &making->forms[making->count];
	struct key *key = &making->keys[making->count];
	size_t from = 0;

	*form = (struct order_form){ .number = making->count++, .owner = owner, .entry = entry };
	form->marks = making->mark_count;
	form->words = making->word_count;
	form->type = order_names_number(making->names, take_type(&text));
	*key = (struct key){ .type = form->type, .number = form->number };
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.data[i] != '.')
			continue;
		if (!add_segment(making, form, key, span_of(text.data + from, i - from)))
			return false;
		from = i + 1;
	}
	key->segments = form->segments;
	return form->type != 0;
}

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

static void sort_keys(struct key *keys, size_t count)
{
	size_t sorted = 1;

	while (sorted < count && compare_keys(&keys[sorted - 1], &keys[sorted]) < 0)
		sorted++;
	if (sorted < count)
		qsort(keys, count, sizeof *keys, compare_keys);
}

/* What was made, in the order of its keys. */
static bool arrange(struct order_forms *forms, const struct making *making)
{
	size_t mark_count = 0;

	forms->items = malloc((making->count + 1) * sizeof *forms->items);
	forms->marks = malloc((making->mark_count + 1) * sizeof *forms->marks);
	forms->words = malloc((making->word_count + 1) * sizeof *forms->words);
	if (forms->items == NULL || forms->marks == NULL || forms->words == NULL)
		return false;
	for (size_t i = 0; i < making->count; i++) {
		const struct order_form *made = &making->forms[making->keys[i].number];
		struct order_form *form = &forms->items[forms->count++];
		size_t words = order_words(made->segments);

		*form = *made;
		form->marks = mark_count;
		form->words = forms->word_count;
		memcpy(forms->marks + mark_count, making->marks + made->marks, made->segments * sizeof *forms->marks);
		memcpy(forms->words + forms->word_count, making->words + made->words, words * sizeof *forms->words);
		mark_count += made->segments;
		forms->word_count += words;
	}
	return true;
}

enum capsule_status order_forms_make(struct order_forms *out, struct order_names *names,
	const struct string_list *const *lists, size_t count, struct capsule_error *err)
{
	HOLD(making_fini) struct making making = { .names = names };
	size_t total = 0;
	bool made;

	*out = (struct order_forms){ 0 };
	for (size_t i = 0; i < count; i++)
		total += lists[i]->count;
	making.forms = calloc(total + 1, sizeof *making.forms);
	making.keys = calloc(total + 1, sizeof *making.keys);
	made = making.forms != NULL && making.keys != NULL;
	for (size_t i = 0; made && i < count; i++)
		for (size_t entry = 0; made && entry < lists[i]->count; entry++)
			made = add_form(&making, span_text(lists[i]->items[entry]), i, entry);
	if (made)
		sort_keys(making.keys, making.count);
	if (!made || !arrange(out, &making))
		return error_set(err, CAPSULE_ENOMEM, "no memory to compare %zu capabilities", total);
	return CAPSULE_OK;
}

void order_forms_fini(struct order_forms *forms)
{
	free(forms->items);
	free(forms->marks);
	free(forms->words);
	*forms = (struct order_forms){ 0 };
}

int order_forms_compare_groups(const struct order_form *a, const struct order_form *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return (a->segments > b->segments) - (a->segments < b->segments);
}

size_t order_group_end(const struct order_forms *forms, size_t from)
{
	size_t end = from + 1;

	while (end < forms->count && order_forms_compare_groups(&forms->items[from], &forms->items[end]) == 0)
		end++;
	return end;
}

size_t order_class_end(const struct order_forms *forms, size_t from)
{
	const struct order_form *first = &forms->items[from];
	size_t bytes = order_words(first->segments) * sizeof *forms->words, end = from + 1;

	while (end < forms->count && order_forms_compare_groups(first, &forms->items[end]) == 0 &&
		memcmp(forms->words + first->words, forms->words + forms->items[end].words, bytes) == 0)
		end++;
	return end;
}
