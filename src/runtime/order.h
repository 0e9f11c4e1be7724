/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: what a public order is. */
#ifndef RUNTIME_ORDER_H
#define RUNTIME_ORDER_H

#include "manifest/order.h"
#include "runtime/discover.h"

struct capsule_order {
	const struct capsule_discovery *discovery;
	size_t *items; /* those that are good, as indices of the discovery; the order counts in these */
	const struct manifest **manifests;
	struct string_list *provides; /* of each, what manifest_provides() says */
	size_t count;
	struct order order;
	size_t *first_edge, *first_unmet; /* of each, and one more: where its edges and its unmet requirements begin */
	size_t *members,
		*first_member; /* those in cycles, by cycle; of cycle n from first_member[n - 1] up to first_member[n] */
	struct buffer text;    /* the last answer */
};

/** Append what capsule_order_text() and its like give. Return false as buffer_append() does. */
bool order_append_text(const struct capsule_order *order, bool colour, struct buffer *out);
bool order_append_json(const struct capsule_order *order, struct buffer *out);
bool order_append_dot(const struct capsule_order *order, struct buffer *out);

#endif
