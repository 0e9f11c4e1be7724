/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cycles: strongly connected components of more than one manifest, by Tarjan's algorithm with a stack of its own,
 * since a chain of capsules may be longer than the thread's stack is deep. */
#include "manifest/order_internal.h"

#include "base/cleanup.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
	size_t number; /* in the order of discovery, from 1; 0: not seen yet */
	size_t low;    /* the least number that can be reached */
	size_t edge;   /* where to go on in links.consumers */
	size_t parent; /* of the walk, NOBODY for its root */
	bool open;     /* on the stack */
};

#define NOBODY SIZE_MAX

struct walk {
	const struct order_links *links;
	struct node *nodes;
	size_t *stack; /* seen, and not yet in a component */
	size_t depth;
	size_t seen;
	size_t *cycle_of; /* components of more than one, in the order of their completion */
	size_t cycles;
};

static void enter(struct walk *walk, size_t at, size_t parent)
{
	struct node *node = &walk->nodes[at];

	node->number = node->low = ++walk->seen;
	node->edge = walk->links->first[at];
	node->parent = parent;
	node->open = true;
	walk->stack[walk->depth++] = at;
}

/* All that can be reached from `at` is seen. If nothing before it is among that, the stack from it on is a component. */
static void leave(struct walk *walk, size_t at)
{
	struct node *node = &walk->nodes[at];
	bool cycle;
	size_t member;

	if (node->parent != NOBODY && node->low < walk->nodes[node->parent].low)
		walk->nodes[node->parent].low = node->low;
	if (node->low != node->number)
		return;
	cycle = walk->stack[walk->depth - 1] != at;
	walk->cycles += cycle;
	do {
		member = walk->stack[--walk->depth];
		walk->nodes[member].open = false;
		if (cycle)
			walk->cycle_of[member] = walk->cycles;
	} while (member != at);
}

static void visit(struct walk *walk, size_t root)
{
	size_t at = root;

	enter(walk, root, NOBODY);
	while (at != NOBODY) {
		struct node *node = &walk->nodes[at];
		size_t next;

		if (node->edge == walk->links->first[at + 1]) {
			leave(walk, at);
			at = node->parent;
			continue;
		}
		next = walk->links->consumers[node->edge++];
		if (walk->nodes[next].number == 0) {
			enter(walk, next, at);
			at = next;
		} else if (walk->nodes[next].open && walk->nodes[next].number < node->low) {
			node->low = walk->nodes[next].number;
		}
	}
}

/* Number the cycles by their first members, which are the leaders. */
static void renumber(struct order *order, struct order_cycles *cycles)
{
	for (size_t i = 0; i < order->count; i++) {
		size_t *cycle = &order->cycle_of[i], *first;

		cycles->leader[i] = i;
		if (*cycle == 0)
			continue;
		first = &cycles->first[*cycle];
		if (*first == 0) {
			*first = i + 1;
			order->cycle_count++;
		}
		cycles->leader[i] = *first - 1;
	}
	memset(cycles->first, 0, (order->count + 1) * sizeof *cycles->first);
	for (size_t i = 0, count = 0; i < order->count; i++)
		if (order->cycle_of[i] != 0)
			order->cycle_of[i] = cycles->leader[i] == i ? ++count : order->cycle_of[cycles->leader[i]];
}

struct naming {
	const struct order *order;
	const struct manifest *const *manifests;
};

/* By cycle, then name, then place in the input. */
static int compare_members(const void *a, const void *b, void *user)
{
	const struct naming *naming = user;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const size_t *cycle_of = naming->order->cycle_of;
	int names;

	if (cycle_of[x] != cycle_of[y])
		return cycle_of[x] < cycle_of[y] ? -1 : 1;
	names = strcmp(naming->manifests[x]->package.name, naming->manifests[y]->package.name);
	return names != 0 ? names : (x > y) - (x < y);
}

static void list_members(
	const struct order *order, const struct manifest *const *manifests, struct order_cycles *cycles)
{
	struct naming naming = { order, manifests };
	size_t count = 0;

	for (size_t i = 0; i < order->count; i++) {
		if (order->cycle_of[i] == 0)
			continue;
		cycles->members[count++] = i;
		cycles->first[order->cycle_of[i]]++;
	}
	for (size_t i = 1; i <= order->cycle_count; i++)
		cycles->first[i] += cycles->first[i - 1];
	qsort_r(cycles->members, count, sizeof *cycles->members, compare_members, &naming);
}

enum capsule_status order_find_cycles(struct order *order, const struct order_links *links,
	const struct manifest *const *manifests, struct order_cycles *out, struct capsule_error *err)
{
	HOLD(free_drop) struct node *nodes = calloc(order->count, sizeof *nodes);
	HOLD(free_drop) size_t *stack = calloc(order->count, sizeof *stack);
	struct walk walk = { .links = links, .nodes = nodes, .stack = stack, .cycle_of = order->cycle_of };

	out->first = calloc(order->count + 1, sizeof *out->first);
	out->members = calloc(order->count, sizeof *out->members);
	out->leader = calloc(order->count, sizeof *out->leader);
	if (nodes == NULL || stack == NULL || out->first == NULL || out->members == NULL || out->leader == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to find cycles of %zu capsules", order->count);
	for (size_t i = 0; i < order->count; i++)
		if (nodes[i].number == 0)
			visit(&walk, i);
	renumber(order, out);
	list_members(order, manifests, out);
	return CAPSULE_OK;
}

void order_cycles_fini(struct order_cycles *cycles)
{
	free(cycles->first);
	free(cycles->members);
	free(cycles->leader);
	*cycles = (struct order_cycles){ 0 };
}
