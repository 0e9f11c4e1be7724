/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For tests of ordering: the same answers from nested loops, so plain that they can be read as the definition. */
#ifndef MANIFEST_ORDER_ORACLE_H
#define MANIFEST_ORDER_ORACLE_H

#include "manifest/order.h"
#include "manifest/provides.h"

#include <stdlib.h>

#define ORACLE_MAX 32 /* manifests */

struct oracle {
	size_t count;
	struct order_edge *edges;
	size_t edge_count;
	struct order_unmet *unmet;
	size_t unmet_count;
	bool reaches[ORACLE_MAX][ORACLE_MAX];
	size_t cycle_of[ORACLE_MAX], cycle_count;
	size_t sequence[ORACLE_MAX];
};

static inline void oracle_fini(struct oracle *oracle)
{
	free(oracle->edges);
	free(oracle->unmet);
}

static inline void oracle_requirement(
	struct oracle *oracle, const struct manifest *const *manifests, size_t consumer, size_t requirement)
{
	struct span text = span_text(manifests[consumer]->requires.items[requirement]);
	bool met = false;

	for (size_t provider = 0; provider < oracle->count; provider++) {
		struct string_list offers;

		if (provider == consumer || manifest_provides(manifests[provider], &offers, NULL) != CAPSULE_OK)
			continue;
		for (size_t i = 0; i < offers.count; i++) {
			if (!capability_match(text, span_text(offers.items[i])))
				continue;
			oracle->edges = realloc(oracle->edges, (oracle->edge_count + 1) * sizeof *oracle->edges);
			oracle->edges[oracle->edge_count++] = (struct order_edge){ provider, consumer, requirement, i };
			oracle->reaches[provider][consumer] = true;
			met = true;
			break;
		}
		string_list_fini(&offers);
	}
	if (met)
		return;
	oracle->unmet = realloc(oracle->unmet, (oracle->unmet_count + 1) * sizeof *oracle->unmet);
	oracle->unmet[oracle->unmet_count++] = (struct order_unmet){ consumer, requirement };
}

/* A cycle is who reaches each other. */
static inline void oracle_cycles(struct oracle *oracle)
{
	size_t count = oracle->count;

	for (size_t via = 0; via < count; via++)
		for (size_t from = 0; from < count; from++)
			for (size_t to = 0; to < count; to++)
				if (oracle->reaches[from][via] && oracle->reaches[via][to])
					oracle->reaches[from][to] = true;
	for (size_t i = 0; i < count; i++) {
		if (!oracle->reaches[i][i] || oracle->cycle_of[i] != 0)
			continue;
		oracle->cycle_count++;
		for (size_t j = i; j < count; j++)
			if (oracle->reaches[i][j] && oracle->reaches[j][i])
				oracle->cycle_of[j] = oracle->cycle_count;
	}
}

static inline bool oracle_together(const struct oracle *oracle, size_t a, size_t b)
{
	return a == b || (oracle->cycle_of[a] != 0 && oracle->cycle_of[a] == oracle->cycle_of[b]);
}

/* The first of those that load together with `manifest`. */
static inline size_t oracle_leader(const struct oracle *oracle, size_t manifest)
{
	size_t leader = 0;

	while (!oracle_together(oracle, leader, manifest))
		leader++;
	return leader;
}

/* The member of `leader`'s cycle that comes next by name and is not in `done`; count if there is none. */
static inline size_t oracle_next(
	const struct oracle *oracle, const struct manifest *const *manifests, size_t leader, const bool *done)
{
	size_t best = oracle->count;

	for (size_t i = 0; i < oracle->count; i++)
		if (!done[i] && oracle_together(oracle, leader, i) &&
			(best == oracle->count ||
				strcmp(manifests[i]->package.name, manifests[best]->package.name) < 0))
			best = i;
	return best;
}

static inline void oracle_sort(struct oracle *oracle, const struct manifest *const *manifests)
{
	size_t waits[ORACLE_MAX] = { 0 }, queue[ORACLE_MAX], tail = 0, emitted = 0;
	bool done[ORACLE_MAX] = { false };

	for (size_t i = 0; i < oracle->edge_count; i++)
		if (!oracle_together(oracle, oracle->edges[i].provider, oracle->edges[i].consumer))
			waits[oracle_leader(oracle, oracle->edges[i].consumer)]++;
	for (size_t i = 0; i < oracle->count; i++)
		if (oracle_leader(oracle, i) == i && waits[i] == 0)
			queue[tail++] = i;
	for (size_t head = 0; head < tail; head++) {
		size_t from = emitted, member;

		while ((member = oracle_next(oracle, manifests, queue[head], done)) < oracle->count) {
			done[member] = true;
			oracle->sequence[emitted++] = member;
		}
		for (; from < emitted; from++) {
			for (size_t i = 0; i < oracle->edge_count; i++) {
				size_t consumer = oracle_leader(oracle, oracle->edges[i].consumer);

				if (oracle->edges[i].provider == oracle->sequence[from] && consumer != queue[head] &&
					--waits[consumer] == 0)
					queue[tail++] = consumer;
			}
		}
	}
}

/* What order_manifests() must say. oracle_fini() frees it. At most ORACLE_MAX manifests. */
static inline void oracle_make(struct oracle *oracle, const struct manifest *const *manifests, size_t count)
{
	*oracle = (struct oracle){ .count = count };
	if (count == 1)
		oracle->sequence[0] = 0;
	if (count <= 1)
		return;
	for (size_t consumer = 0; consumer < count; consumer++)
		for (size_t i = 0; i < manifests[consumer]->requires.count; i++)
			oracle_requirement(oracle, manifests, consumer, i);
	oracle_cycles(oracle);
	oracle_sort(oracle, manifests);
}

/* Whether `order` says the same; what is different in words, NULL for nothing. */
static inline const char *oracle_differs(const struct oracle *oracle, const struct order *order)
{
	if (order->count != oracle->count || order->edge_count != oracle->edge_count)
		return "number of edges";
	if (order->unmet_count != oracle->unmet_count || order->cycle_count != oracle->cycle_count)
		return "number of unmet requirements or cycles";
	for (size_t i = 0; i < order->edge_count; i++)
		if (memcmp(&order->edges[i], &oracle->edges[i], sizeof *order->edges) != 0)
			return "an edge";
	for (size_t i = 0; i < order->unmet_count; i++)
		if (memcmp(&order->unmet[i], &oracle->unmet[i], sizeof *order->unmet) != 0)
			return "an unmet requirement";
	for (size_t i = 0; i < order->count; i++)
		if (order->cycle_of[i] != oracle->cycle_of[i])
			return "who is in a cycle";
	for (size_t i = 0; i < order->count; i++)
		if (order->sequence[i] != oracle->sequence[i])
			return "the sequence";
	return NULL;
}

#endif
