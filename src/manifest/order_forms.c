/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities as the index wants them. What is hashed comes from strangers, hence the seed; and equal hashes are only a reason to
 * look closer. */
#include "manifest/order_internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static struct span take_type(struct span *text)
{
	const uint8_t *colon = text->len > 0 ? memchr(text->data, ':', text->len) : NULL;
	struct span type = span_of(text->data, colon == NULL ? 0 : (size_t)(colon - text->data));

	if (colon != NULL)
		*text = span_of(colon + 1, text->len - type.len - 1);
	return type;
}

/* The first segment of `rest`, which is moved behind it and its dot. */
static struct span take_segment(struct span *rest)
{
	const uint8_t *dot = rest->len > 0 ? memchr(rest->data, '.', rest->len) : NULL;
	struct span segment = span_of(rest->data, dot == NULL ? rest->len : (size_t)(dot - rest->data));

	*rest = dot == NULL ? span_of(NULL, 0) : span_of(dot + 1, rest->len - segment.len - 1);
	return segment;
}

static struct order_form form_of(const char *text, size_t owner, size_t entry, const uint64_t seed[2])
{
	struct order_form form = { .owner = owner, .entry = entry, .body = span_text(text) };
	const uint8_t *end;
	struct span rest;

	form.type = take_type(&form.body);
	rest = form.body;
	end = rest.data + rest.len;
	do {
		struct span segment = take_segment(&rest);
		const uint64_t here[2] = { seed[0] ^ ++form.segments, ~seed[1] };

		if (span_is(segment, "*"))
			form.shape += hash_keyed(here, segment);
		if (segment.data + segment.len == end)
			break;
	} while (true);
	form.group = hash_keyed((uint64_t[2]){ ~seed[0], seed[1] ^ form.segments }, form.type);
	return form;
}

/* Fill the hashes and wildcards of `form`, whose place in them is known. */
static void fill(const struct order_forms *forms, const struct order_form *form, const uint64_t seed[2])
{
	uint64_t *words = forms->words + form->words;
	struct span rest = form->body;

	for (size_t i = 0; i < form->segments; i++) {
		const uint64_t here[2] = { seed[0] ^ (i + 1), seed[1] };
		struct span segment = take_segment(&rest);

		if (span_is(segment, "*"))
			words[i / 64] |= (uint64_t)1 << i % 64;
		else
			forms->hashes[form->hashes + i] = hash_keyed(here, segment);
	}
}

int order_forms_compare_groups(const struct order_form *a, const struct order_form *b)
{
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->segments != b->segments)
		return a->segments < b->segments ? -1 : 1;
	if (a->type.len != b->type.len)
		return a->type.len < b->type.len ? -1 : 1;
	return a->type.len == 0 ? 0 : memcmp(a->type.data, b->type.data, a->type.len);
}

static int compare_forms(const void *a, const void *b)
{
	const struct order_form *x = a, *y = b;
	int groups = order_forms_compare_groups(x, y);

	if (groups != 0)
		return groups;
	if (x->shape != y->shape)
		return x->shape < y->shape ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

size_t order_group_end(const struct order_forms *forms, size_t from)
{
	size_t end = from + 1;

	while (end < forms->count && order_forms_compare_groups(&forms->items[from], &forms->items[end]) == 0)
		end++;
	return end;
}

static bool alike(const struct order_forms *forms, const struct order_form *a, const struct order_form *b)
{
	size_t bytes = order_words(a->segments) * sizeof *forms->words;

	return a->shape == b->shape && order_forms_compare_groups(a, b) == 0 &&
		memcmp(forms->words + a->words, forms->words + b->words, bytes) == 0;
}

size_t order_class_end(const struct order_forms *forms, size_t from)
{
	size_t end = from + 1;

	while (end < forms->count && alike(forms, &forms->items[from], &forms->items[end]))
		end++;
	return end;
}

enum capsule_status order_forms_make(struct order_forms *out, const struct string_list *const *lists, size_t count,
	const uint64_t seed[2], struct capsule_error *err)
{
	struct order_forms *forms = out;
	size_t total = 0, segments = 0;

	*forms = (struct order_forms){ 0 };
	for (size_t i = 0; i < count; i++)
		total += lists[i]->count;
	forms->items = calloc(total + 1, sizeof *forms->items);
	if (forms->items == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to compare %zu capabilities", total);
	for (size_t i = 0; i < count; i++) {
		for (size_t entry = 0; entry < lists[i]->count; entry++) {
			forms->items[forms->count] = form_of(lists[i]->items[entry], i, entry, seed);
			forms->items[forms->count].number = forms->count;
			forms->count++;
		}
	}
	qsort(forms->items, forms->count, sizeof *forms->items, compare_forms);
	for (size_t i = 0; i < forms->count; i++) {
		forms->items[i].hashes = segments;
		forms->items[i].words = forms->word_count;
		segments += forms->items[i].segments;
		forms->word_count += order_words(forms->items[i].segments);
	}
	forms->hashes = calloc(segments + 1, sizeof *forms->hashes);
	forms->words = calloc(forms->word_count + 1, sizeof *forms->words);
	if (forms->hashes == NULL || forms->words == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to compare %zu capabilities", total);
	for (size_t i = 0; i < forms->count; i++)
		fill(forms, &forms->items[i], seed);
	return CAPSULE_OK;
}

void order_forms_fini(struct order_forms *forms)
{
	free(forms->items);
	free(forms->hashes);
	free(forms->words);
	*forms = (struct order_forms){ 0 };
}

bool order_forms_agree(const struct order_form *a, const struct order_form *b, const uint64_t *fixed)
{
	struct span rest_a = a->body, rest_b = b->body;

	for (size_t i = 0; i < a->segments; i++) {
		struct span segment = take_segment(&rest_a);

		if (!span_equal(segment, take_segment(&rest_b)) && (fixed[i / 64] >> i % 64 & 1) != 0)
			return false;
	}
	return true;
}
