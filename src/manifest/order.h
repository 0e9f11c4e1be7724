/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* In which order capsules are loaded: providers before those who require what they provide. A pure function of the list given;
 * the cost follows the number of edges and not requirements times providers. */
#ifndef MANIFEST_ORDER_H
#define MANIFEST_ORDER_H

#include "manifest/manifest.h"

struct order_edge {
	size_t provider, consumer; /* indices of the input */
	size_t requirement;        /* index in the consumer's requires */
	size_t provided;           /* index in what the provider offers, see manifest_provides() */
};

struct order_unmet {
	size_t consumer, requirement;
};

struct order {
	size_t *sequence; /* a permutation of 0..count-1: the order to load in */
	size_t count;
	struct order_edge *edges; /* by consumer, requirement, provider */
	size_t edge_count;
	struct order_unmet *unmet; /* requirements that nobody else in the list meets; they count as met */
	size_t unmet_count;
	/* Cycles: `cycle_of[i]` is 0 for a manifest in no cycle, else the number of its strongly connected component, from 1. */
	size_t *cycle_of;
	size_t cycle_count;
};

/** Order `count` manifests (borrowed). Without cycles exactly Kahn's algorithm with a queue in input order; a cycle is loaded
 *  in the order of its members' names as soon as all that it requires from outside is loaded, and everything else keeps its
 *  order. order_fini() frees it. One manifest alone is returned as it is, without unmet requirements being told.
 *  Errors: CAPSULE_ENOMEM, CAPSULE_ELIMIT (over LIMIT_ORDER_EDGES edges, with the requirement that brings most). Threads: any. */
MUST_CHECK enum capsule_status order_manifests(
	struct order *out, const struct manifest *const *manifests, size_t count, struct capsule_error *err);

void order_fini(struct order *order);

/** "dependency cycle detected: a, b" with the members of component `cycle` in input order; several cycles are told by calling
 *  it for each. Always CAPSULE_EMANIFEST. */
enum capsule_status order_cycle_error(
	const struct order *order, const struct manifest *const *manifests, size_t cycle, struct capsule_error *err);

#endif
