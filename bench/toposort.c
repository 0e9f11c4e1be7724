/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does it cost to find the order in which capsules load? Manifests that are parsed already, with one provided
 * topic each; the graphs are the same in every run, and in the peer. */
#include "harness.h"

#include "base/text.h"
#include "manifest/order.h"

#include <stdio.h>
#include <stdlib.h>

struct graph {
	const struct manifest **manifests;
	size_t count, edges;
	uint64_t seed;
};

static size_t random_below(struct graph *graph, size_t limit)
{
	graph->seed ^= graph->seed << 13;
	graph->seed ^= graph->seed >> 7;
	graph->seed ^= graph->seed << 17;
	return (size_t)(graph->seed >> 11) % limit;
}

static const struct manifest *parse(struct buffer *text)
{
	struct diagnostics found = { 0 };
	struct capsule_error err = { 0 };
	struct manifest *manifest;

	if (manifest_parse(&manifest, buffer_span(text), "Capsule.toml", &found, &err) != CAPSULE_OK)
		bench_fail("%s", err.text);
	diagnostics_fini(&found);
	buffer_fini(text);
	return manifest;
}

/* Capsule `number`, which needs some of those with a smaller number: the one before it in a chain, else two or three. */
static const struct manifest *make(struct graph *graph, size_t number, bool chain)
{
	struct buffer text = { 0 };
	size_t needs = chain ? 1 : 2 + number % 2;

	(void)buffer_printf(&text, "[package]\nname = \"capsule-%zu\"\nversion = \"1.0.0\"\n", number);
	(void)buffer_printf(&text, "[dependencies]\nprovides = [\"topic:capsule.%zu.ready\"]\nrequires = [", number);
	for (size_t i = 0; number > 0 && i < needs; i++) {
		size_t other = chain ? number - 1 : random_below(graph, number);

		(void)buffer_printf(&text, "\"topic:capsule.%zu.ready\", ", other);
		graph->edges++;
	}
	(void)buffer_append_text(&text, "]\n");
	return parse(&text);
}

/* The chain stands in its worst order, the last one first; the random graph is shuffled. */
static struct graph make_graph(size_t count, bool chain)
{
	struct graph graph = { calloc(count, sizeof(struct manifest *)), count, 0, 0x9E3779B97F4A7C15 };

	if (graph.manifests == NULL)
		bench_fail("no memory");
	for (size_t i = 0; i < count; i++)
		graph.manifests[chain ? count - 1 - i : i] = make(&graph, i, chain);
	for (size_t i = count - 1; !chain && i > 0; i--) {
		size_t other = random_below(&graph, i + 1);
		const struct manifest *moved = graph.manifests[i];

		graph.manifests[i] = graph.manifests[other];
		graph.manifests[other] = moved;
	}
	return graph;
}

static void free_graph(struct graph *graph)
{
	for (size_t i = 0; i < graph->count; i++)
		manifest_free((struct manifest *)(uintptr_t)graph->manifests[i]);
	free(graph->manifests);
}

static int64_t run(void *arg, uint64_t count)
{
	const struct graph *graph = arg;
	int64_t start = bench_now();

	for (uint64_t i = 0; i < count; i++) {
		struct order order;
		struct capsule_error err = { 0 };

		if (order_manifests(&order, graph->manifests, graph->count, &err) != CAPSULE_OK)
			bench_fail("%s", err.text);
		if (order.edge_count != graph->edges || order.cycle_count + order.unmet_count > 0)
			bench_fail("%zu edges instead of %zu", order.edge_count, graph->edges);
		order_fini(&order);
	}
	return bench_now() - start;
}

int main(int argc, char **argv)
{
	struct graph graphs[] = { make_graph(1000, false), make_graph(10000, true), make_graph(10000, false) };
	const struct bench_case cases[] = {
		{ "toposort.1000", "ms", 1e6, run, &graphs[0] },
		{ "toposort.10000.chain", "ms", 1e6, run, &graphs[1] },
		{ "toposort.10000.random", "ms", 1e6, run, &graphs[2] },
	};

	(void)bench_guests(argc, argv);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++)
		free_graph(&graphs[i]);
	return 0;
}
