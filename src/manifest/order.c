/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kahn's algorithm with a queue. Only if that leaves something over are there cycles; then it runs once more with
 * each cycle as one node, which stands where its first member stands. */
#include "manifest/order_internal.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

static void links_fini(struct order_links *links)
{
	free(links->first);
	free(links->consumers);
}

/* Consumers by provider, each provider's in the order of the edges. */
static enum capsule_status make_links(struct order_links *links, const struct order *order, struct capsule_error *err)
{
	HOLD(free_drop) size_t *next = calloc(order->count, sizeof *next);

	links->first = calloc(order->count + 1, sizeof *links->first);
	links->consumers = calloc(order->edge_count + 1, sizeof *links->consumers);
	if (next == NULL || links->first == NULL || links->consumers == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for %zu dependencies", order->edge_count);
	for (size_t i = 0; i < order->edge_count; i++)
		links->first[order->edges[i].provider + 1]++;
	for (size_t i = 0; i < order->count; i++) {
		links->first[i + 1] += links->first[i];
		next[i] = links->first[i];
	}
	for (size_t i = 0; i < order->edge_count; i++)
		links->consumers[next[order->edges[i].provider]++] = order->edges[i].consumer;
	return CAPSULE_OK;
}

/* The walk: who still waits for how many edges, and who is free to load. */
struct kahn {
	struct order *order;
	const struct order_links *links;
	const struct order_cycles *cycles; /* NULL: nobody is in one */
	size_t *waits;                     /* of leaders */
	size_t *queue;                     /* leaders */
	size_t head, tail;
	size_t emitted;
};

static size_t leader_of(const struct kahn *kahn, size_t manifest)
{
	return kahn->cycles == NULL ? manifest : kahn->cycles->leader[manifest];
}

/* The members that `leader` stands for, in the order to load them in. */
static const size_t *members_of(const struct kahn *kahn, const size_t *leader, size_t *count)
{
	size_t cycle = kahn->cycles == NULL ? 0 : kahn->order->cycle_of[*leader];

	*count = cycle == 0 ? 1 : kahn->cycles->first[cycle] - kahn->cycles->first[cycle - 1];
	return cycle == 0 ? leader : kahn->cycles->members + kahn->cycles->first[cycle - 1];
}

static void free_consumers(struct kahn *kahn, size_t provider)
{
	size_t ours = leader_of(kahn, provider);

	for (size_t i = kahn->links->first[provider]; i < kahn->links->first[provider + 1]; i++) {
		size_t consumer = leader_of(kahn, kahn->links->consumers[i]);

		if (consumer != ours && --kahn->waits[consumer] == 0)
			kahn->queue[kahn->tail++] = consumer;
	}
}

static void emit(struct kahn *kahn, size_t leader)
{
	size_t count;
	const size_t *members = members_of(kahn, &leader, &count);

	for (size_t i = 0; i < count; i++)
		kahn->order->sequence[kahn->emitted++] = members[i];
	for (size_t i = 0; i < count; i++)
		free_consumers(kahn, members[i]);
}

/* Fill the sequence. Returns whether everything is in it. */
static bool sort(struct kahn *kahn)
{
	const struct order *order = kahn->order;

	kahn->head = kahn->tail = kahn->emitted = 0;
	memset(kahn->waits, 0, order->count * sizeof *kahn->waits);
	for (size_t i = 0; i < order->edge_count; i++) {
		size_t consumer = leader_of(kahn, order->edges[i].consumer);

		kahn->waits[consumer] += leader_of(kahn, order->edges[i].provider) != consumer;
	}
	for (size_t i = 0; i < order->count; i++)
		if (leader_of(kahn, i) == i && kahn->waits[i] == 0)
			kahn->queue[kahn->tail++] = i;
	while (kahn->head < kahn->tail)
		emit(kahn, kahn->queue[kahn->head++]);
	return kahn->emitted == order->count;
}

static enum capsule_status make_sequence(
	struct order *order, const struct manifest *const *manifests, struct capsule_error *err)
{
	HOLD(links_fini) struct order_links links = { 0 };
	HOLD(order_cycles_fini) struct order_cycles cycles = { 0 };
	HOLD(free_drop)
	size_t *waits = calloc(order->count, sizeof *waits), *queue = calloc(order->count, sizeof *queue);
	struct kahn kahn = { .order = order, .links = &links, .waits = waits, .queue = queue };
	enum capsule_status status;

	if (waits == NULL || queue == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to order %zu capsules", order->count);
	status = make_links(&links, order, err);
	if (status != CAPSULE_OK || sort(&kahn))
		return status;
	status = order_find_cycles(order, &links, manifests, &cycles, err);
	if (status != CAPSULE_OK)
		return status;
	kahn.cycles = &cycles;
	(void)sort(&kahn);
	return CAPSULE_OK;
}

enum capsule_status order_manifests(
	struct order *out, const struct manifest *const *manifests, size_t count, struct capsule_error *err)
{
	HOLD(order_fini) struct order order = { .count = count };
	enum capsule_status status = CAPSULE_OK;

	order.sequence = calloc(count + 1, sizeof *order.sequence);
	order.cycle_of = calloc(count + 1, sizeof *order.cycle_of);
	if (order.sequence == NULL || order.cycle_of == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to order %zu capsules", count);
	if (count > 1)
		status = order_find_edges(&order, manifests, count, err);
	if (count > 1 && status == CAPSULE_OK)
		status = make_sequence(&order, manifests, err);
	if (status != CAPSULE_OK)
		return status;
	*out = order;
	order = (struct order){ 0 };
	return CAPSULE_OK;
}

void order_fini(struct order *order)
{
	free(order->sequence);
	free(order->edges);
	free(order->unmet);
	free(order->cycle_of);
	*order = (struct order){ 0 };
}

enum capsule_status order_cycle_error(
	const struct order *order, const struct manifest *const *manifests, size_t cycle, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer names = { 0 };
	const char *text;

	for (size_t i = 0; i < order->count; i++)
		if (order->cycle_of[i] == cycle)
			(void)buffer_printf(&names, "%s%s", names.len > 0 ? ", " : "", manifests[i]->package.name);
	text = buffer_text(&names);
	return error_set(err, CAPSULE_EMANIFEST, "dependency cycle detected: %s",
		text != NULL ? text : "(no memory to name its members)");
}
