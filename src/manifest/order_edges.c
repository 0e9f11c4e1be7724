/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The edges of all manifests: set-up of the search, group by group, and its results in the order of the input. */
#include "manifest/order_internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "manifest/provides.h"

#include <stdlib.h>

static void search_fini(struct order_search *search)
{
	order_patterns_fini(&search->patterns);
	order_forms_fini(&search->requires);
	order_forms_fini(&search->provides);
	free(search->classes);
	free(search->fixed);
	free(search->slots);
	free(search->sums);
	free(search->next);
	free(search->last);
	free(search->seen);
	free(search->where);
	free(search->found);
	buffer_fini(&search->edges);
}

/* What each manifest offers: a list of the manifest's, or one that was derived. */
struct offers {
	const struct string_list **lists;
	struct string_list *derived;
	size_t count;
};

static void offers_fini(struct offers *offers)
{
	for (size_t i = 0; offers->derived != NULL && i < offers->count; i++)
		string_list_fini(&offers->derived[i]);
	free(offers->derived);
	free(offers->lists);
}

static enum capsule_status offers_make(
	struct offers *offers, const struct manifest *const *manifests, size_t count, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	offers->lists = calloc(count, sizeof *offers->lists);
	offers->derived = calloc(count, sizeof *offers->derived);
	if (offers->lists == NULL || offers->derived == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to order %zu capsules", count);
	for (offers->count = 0; status == CAPSULE_OK && offers->count < count; offers->count++) {
		const struct manifest *manifest = manifests[offers->count];
		struct string_list *derived = &offers->derived[offers->count];

		offers->lists[offers->count] = manifest->provides.count > 0 ? &manifest->provides : derived;
		if (manifest->provides.count == 0)
			status = manifest_provides(manifest, derived, err);
	}
	return status;
}

static enum capsule_status make_forms(struct order_search *search, const struct offers *offers,
	const struct manifest *const *manifests, struct capsule_error *err)
{
	HOLD(free_drop) const struct string_list **needs = calloc(offers->count, sizeof *needs);
	enum capsule_status status;

	if (needs == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to order %zu capsules", offers->count);
	for (size_t i = 0; i < offers->count; i++) {
		needs[i] = &manifests[i]->requires;
	}
	status = order_patterns_init(&search->patterns, err);
	if (status == CAPSULE_OK)
		status = order_forms_make(&search->provides, &search->patterns, offers->lists, offers->count, err);
	if (status == CAPSULE_OK)
		status = order_forms_make(&search->requires, &search->patterns, needs, offers->count, err);
	return status;
}

static enum capsule_status make_room(struct order_search *search, size_t count, struct capsule_error *err)
{
	size_t provided = search->provides.count + 1, required = search->requires.count + 1;

	search->classes = calloc(provided, sizeof *search->classes);
	search->fixed = calloc(search->patterns.word_count + 1, sizeof *search->fixed);
	search->slots = calloc(provided, 4 * sizeof *search->slots);
	search->sums = calloc(provided, sizeof *search->sums);
	search->next = calloc(provided, sizeof *search->next);
	search->last = calloc(provided, sizeof *search->last);
	search->seen = calloc(count, sizeof *search->seen);
	search->where = calloc(count, sizeof *search->where);
	search->found = calloc(required, sizeof *search->found);
	if (search->classes == NULL || search->fixed == NULL || search->slots == NULL || search->sums == NULL ||
		search->next == NULL || search->last == NULL || search->seen == NULL || search->where == NULL ||
		search->found == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to order %zu capsules", count);
	for (size_t i = 0; i < search->requires.count; i++) {
		const struct order_form *form = &search->requires.items[i];

		search->found[form->number] = (struct order_found){ .owner = form->owner, .entry = form->entry };
	}
	return CAPSULE_OK;
}

/* Both sides are sorted by their groups: walk them side by side. */
static void search_all(struct order_search *search)
{
	const struct order_class *classes = search->classes;
	size_t class = 0;

	for (size_t from = 0; from < search->requires.count;) {
		const struct order_pattern *wanted = &search->requires.items[from].pattern;
		size_t to = order_group_end(&search->requires, from), first;

		while (class < search->class_count && order_compare_groups(&classes[class].forms->pattern, wanted) < 0)
			class ++;
		first = class;
		while (class < search->class_count && order_compare_groups(&classes[class].forms->pattern, wanted) == 0)
			class ++;
		order_search_group(search, from, to, &search->classes[first], class - first);
		from = to;
	}
}

/* Refuse, and name the requirement that brings most of it about, or where it was given up. */
static enum capsule_status refuse(
	const struct order_search *search, const struct manifest *const *manifests, struct capsule_error *err)
{
	const struct order_found *worst = &search->found[search->current->number];
	const struct manifest *manifest;
	const char *text, *name;
	uint32_t line;

	if (search->total > LIMIT_ORDER_EDGES)
		worst = &search->found[0];
	for (size_t i = 1; search->total > LIMIT_ORDER_EDGES && i < search->requires.count; i++)
		worst = search->found[i].count > worst->count ? &search->found[i] : worst;
	manifest = manifests[worst->owner];
	name = manifest->package.name;
	text = manifest->requires.items[worst->entry];
	line = manifest->requires.places[worst->entry].line;
	if (search->total > LIMIT_ORDER_EDGES)
		return error_set(err, CAPSULE_ELIMIT,
			"capsules depend on each other in more than %u ways; the requirement `%.256s` of capsule '%s' "
			"(%s:%u) alone is met by %zu: name what is needed with fewer `*`",
			LIMIT_ORDER_EDGES, text, name, manifest->path, line, worst->count);
	return error_set(err, CAPSULE_ELIMIT,
		"too many capabilities with `*` to compare, given up at the requirement `%.256s` of capsule '%s' (%s:%u): "
		"name what is needed and provided with fewer `*`",
		text, name, manifest->path, line);
}

static int compare_providers(const void *a, const void *b)
{
	const struct order_edge *x = a, *y = b;

	return (x->provider > y->provider) - (x->provider < y->provider);
}

/* Edges as they were found become edges by requirement; a requirement without any is unmet. */
static enum capsule_status collect(struct order *order, const struct order_search *search, struct capsule_error *err)
{
	const struct order_edge *found = (const void *)search->edges.data;

	order->edges = calloc(search->total + 1, sizeof *order->edges);
	order->unmet = calloc(search->requires.count + 1, sizeof *order->unmet);
	if (order->edges == NULL || order->unmet == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for %zu dependencies", search->total);
	for (size_t i = 0; i < search->requires.count; i++) {
		const struct order_found *wanted = &search->found[i];
		struct order_edge *edges = &order->edges[order->edge_count];

		order->edge_count += wanted->count;
		if (wanted->count > 0)
			memcpy(edges, found + wanted->first, wanted->count * sizeof *edges);
		else
			order->unmet[order->unmet_count++] = (struct order_unmet){ wanted->owner, wanted->entry };
		if (wanted->count > 1)
			qsort(edges, wanted->count, sizeof *edges, compare_providers);
	}
	return CAPSULE_OK;
}

enum capsule_status order_find_edges(
	struct order *order, const struct manifest *const *manifests, size_t count, struct capsule_error *err)
{
	HOLD(offers_fini) struct offers offers = { 0 };
	HOLD(search_fini) struct order_search search = { 0 };
	enum capsule_status status = offers_make(&offers, manifests, count, err);

	if (status == CAPSULE_OK)
		status = make_forms(&search, &offers, manifests, err);
	if (status == CAPSULE_OK)
		status = make_room(&search, count, err);
	if (status != CAPSULE_OK)
		return status;
	order_classes_find(&search);
	search_all(&search);
	if (search.total > LIMIT_ORDER_EDGES || search.steps > LIMIT_ORDER_STEPS)
		return refuse(&search, manifests, err);
	status = buffer_check(&search.edges, err);
	return status == CAPSULE_OK ? collect(order, &search, err) : status;
}
