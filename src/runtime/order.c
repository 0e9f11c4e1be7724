/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The load order of what was discovered, as a public handle. */
#include "runtime/order.h"

#include "base/cleanup.h"
#include "manifest/provides.h"

#include <stdlib.h>

DEFINE_DROP(order_drop, struct capsule_order *, capsule_order_free)

/* Room for `count` capsules; one more, since nothing must not look like no memory. */
static struct capsule_order *order_make(size_t count)
{
	HOLD(order_drop) struct capsule_order *order = calloc(1, sizeof *order);

	if (order == NULL)
		return NULL;
	order->items = calloc(count + 1, sizeof *order->items);
	order->manifests = calloc(count + 1, sizeof *order->manifests);
	order->provides = calloc(count + 1, sizeof *order->provides);
	order->first_edge = calloc(count + 2, sizeof *order->first_edge);
	order->first_unmet = calloc(count + 2, sizeof *order->first_unmet);
	order->members = calloc(count + 1, sizeof *order->members);
	order->first_member = calloc(count + 2, sizeof *order->first_member);
	if (order->items == NULL || order->manifests == NULL || order->provides == NULL || order->first_edge == NULL ||
		order->first_unmet == NULL || order->members == NULL || order->first_member == NULL)
		return NULL;
	return GIVE(order);
}

/* Edges and unmet requirements are sorted by who has them. */
static void find_firsts(struct capsule_order *order)
{
	const struct order *sorted = &order->order;

	for (size_t i = 0; i < sorted->edge_count; i++)
		order->first_edge[sorted->edges[i].consumer + 1]++;
	for (size_t i = 0; i < sorted->unmet_count; i++)
		order->first_unmet[sorted->unmet[i].consumer + 1]++;
	for (size_t i = 0; i < order->count; i++) {
		order->first_edge[i + 1] += order->first_edge[i];
		order->first_unmet[i + 1] += order->first_unmet[i];
	}
}

static void list_members(struct capsule_order *order)
{
	const size_t *cycle_of = order->order.cycle_of;
	size_t *first = order->first_member;

	/* Counted one place too far, so that filling moves each beginning to where it belongs. */
	for (size_t i = 0; i < order->count; i++)
		if (cycle_of[i] != 0)
			first[cycle_of[i] + 1]++;
	for (size_t i = 1; i <= order->order.cycle_count + 1; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < order->count; i++)
		if (cycle_of[i] != 0)
			order->members[first[cycle_of[i]]++] = i;
}

enum capsule_status capsule_order_new(
	struct capsule_order **out, struct capsule_discovery *discovery, struct capsule_error *err)
{
	HOLD(order_drop) struct capsule_order *order = NULL;
	enum capsule_status status = CAPSULE_OK;

	error_clear(err);
	if (out == NULL || discovery == NULL)
		return error_set(err, CAPSULE_EINVAL, "no discovery is given");
	order = order_make(discovery->found.count);
	if (order == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to order %zu capsules", discovery->found.count);
	order->discovery = discovery;
	for (size_t i = 0; i < discovery->found.count && status == CAPSULE_OK; i++) {
		const struct discovered *found = &discovery->found.items[i];

		if (found->state != DISCOVERY_GOOD)
			continue;
		order->items[order->count] = i;
		order->manifests[order->count] = found->manifest;
		status = manifest_provides(found->manifest, &order->provides[order->count++], err);
	}
	if (status == CAPSULE_OK)
		status = order_manifests(&order->order, order->manifests, order->count, err);
	if (status != CAPSULE_OK)
		return status;
	find_firsts(order);
	list_members(order);
	*out = GIVE(order);
	return CAPSULE_OK;
}

void capsule_order_free(struct capsule_order *order)
{
	if (order == NULL)
		return;
	for (size_t i = 0; order->provides != NULL && i < order->count; i++)
		string_list_fini(&order->provides[i]);
	free(order->items);
	free(order->manifests);
	free(order->provides);
	free(order->first_edge);
	free(order->first_unmet);
	free(order->members);
	free(order->first_member);
	order_fini(&order->order);
	buffer_fini(&order->text);
	free(order);
}

size_t capsule_order_count(const struct capsule_order *order)
{
	return order->count;
}

size_t capsule_order_at(const struct capsule_order *order, size_t position)
{
	return position < order->count ? order->items[order->order.sequence[position]] : SIZE_MAX;
}

size_t capsule_order_cycles(const struct capsule_order *order)
{
	return order->order.cycle_count;
}

size_t capsule_order_unmet(const struct capsule_order *order)
{
	return order->order.unmet_count;
}

const char *capsule_order_text(struct capsule_order *order, bool colour)
{
	buffer_clear(&order->text);
	return order_append_text(order, colour, &order->text) ? buffer_text(&order->text) : NULL;
}

const char *capsule_order_json(struct capsule_order *order)
{
	buffer_clear(&order->text);
	return order_append_json(order, &order->text) ? buffer_text(&order->text) : NULL;
}

const char *capsule_order_dot(struct capsule_order *order)
{
	buffer_clear(&order->text);
	return order_append_dot(order, &order->text) ? buffer_text(&order->text) : NULL;
}
