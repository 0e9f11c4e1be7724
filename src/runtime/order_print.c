/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An order for people, for programs and for Graphviz. Ids are plain; everything else comes from strangers. */
#include "runtime/order.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "manifest/diagnostic_text.h"

#define NAMED_MAX 8 /* providers of one requirement that are named to a person */

struct palette {
	const char *id, *bad, *warning, *off;
};

static const struct palette plain_palette = { "", "", "", "" };
static const struct palette colour_palette = { "\033[1m", "\033[1;31m", "\033[1;33m", "\033[0m" };

static const char *id_of(const struct capsule_order *order, size_t capsule)
{
	return order->manifests[capsule]->package.name;
}

static const char *dir_of(const struct capsule_order *order, size_t capsule)
{
	return order->discovery->found.items[order->items[capsule]].dir;
}

static const char *required(const struct capsule_order *order, size_t capsule, size_t requirement)
{
	return order->manifests[capsule]->requires.items[requirement];
}

static const char *provided(const struct capsule_order *order, const struct order_edge *edge)
{
	return order->provides[edge->provider].items[edge->provided];
}

/* Append `text` with whatever could steer a terminal replaced. */
static bool append_clean(struct buffer *out, const char *text)
{
	struct span rest = span_text(text);

	while (rest.len > 0) {
		bool plain;
		size_t length = diagnostic_char(rest, &plain);

		if (plain)
			(void)buffer_append(out, rest.data, length);
		else
			(void)buffer_append_byte(out, '?');
		rest = span_of(rest.data + length, rest.len - length);
	}
	return !out->failed;
}

/* The end of the edges from `from` on that are of the same requirement. */
static size_t same_requirement(const struct order *order, size_t from)
{
	size_t end = from + 1;

	while (end < order->edge_count && order->edges[end].consumer == order->edges[from].consumer &&
		order->edges[end].requirement == order->edges[from].requirement)
		end++;
	return end;
}

/* One requirement of a capsule, and who meets it. */
static void print_met(const struct capsule_order *order, size_t from, size_t to, struct buffer *out)
{
	const struct order_edge *edges = order->order.edges;
	const char *text = required(order, edges[from].consumer, edges[from].requirement);

	(void)buffer_append_text(out, "     after ");
	for (size_t i = from; i < to && i < from + NAMED_MAX; i++)
		(void)buffer_printf(out, "%s%s", i > from ? ", " : "", id_of(order, edges[i].provider));
	if (to - from > NAMED_MAX)
		(void)buffer_printf(out, " and %zu more", to - from - NAMED_MAX);
	(void)buffer_append_text(out, ": requires ");
	(void)append_clean(out, text);
	if (to - from == 1 && strcmp(provided(order, &edges[from]), text) != 0) {
		(void)buffer_append_text(out, ", which provides ");
		(void)append_clean(out, provided(order, &edges[from]));
	}
	(void)buffer_append_byte(out, '\n');
}

static void print_capsule(
	const struct capsule_order *order, size_t position, const struct palette *palette, struct buffer *out)
{
	size_t capsule = order->order.sequence[position], end;

	(void)buffer_printf(out, "%3zu  %s%s%s  ", position + 1, palette->id, id_of(order, capsule), palette->off);
	(void)append_clean(out, dir_of(order, capsule));
	(void)buffer_append_byte(out, '\n');
	for (size_t i = order->first_edge[capsule]; i < order->first_edge[capsule + 1]; i = end) {
		end = same_requirement(&order->order, i);
		print_met(order, i, end, out);
	}
	for (size_t i = order->first_unmet[capsule]; i < order->first_unmet[capsule + 1]; i++) {
		(void)buffer_printf(out, "     %snot met%s: requires ", palette->warning, palette->off);
		(void)append_clean(out, required(order, capsule, order->order.unmet[i].requirement));
		(void)buffer_append_text(out, ", which no other capsule here provides\n");
	}
}

/* What keeps `capsule` in its cycle. */
static void print_held(const struct capsule_order *order, size_t capsule, struct buffer *out)
{
	const size_t *cycle_of = order->order.cycle_of;

	for (size_t i = order->first_edge[capsule]; i < order->first_edge[capsule + 1]; i++) {
		const struct order_edge *edge = &order->order.edges[i];

		if (cycle_of[edge->provider] != cycle_of[capsule])
			continue;
		(void)buffer_printf(out, "     %s requires ", id_of(order, capsule));
		(void)append_clean(out, required(order, capsule, edge->requirement));
		(void)buffer_printf(out, ", which %s provides\n", id_of(order, edge->provider));
	}
}

static void print_cycle(
	const struct capsule_order *order, size_t cycle, const struct palette *palette, struct buffer *out)
{
	const size_t *members = order->members;
	size_t from = order->first_member[cycle - 1], to = order->first_member[cycle];

	(void)buffer_printf(out, "%sdependency cycle detected%s", palette->bad, palette->off);
	for (size_t i = from; i < to; i++)
		(void)buffer_printf(out, "%s%s", i > from ? ", " : ": ", id_of(order, members[i]));
	(void)buffer_append_byte(out, '\n');
	for (size_t i = from; i < to; i++)
		print_held(order, members[i], out);
	(void)buffer_append_text(out, "     fix: take one of these requirements away; until then they load by name\n");
}

bool order_append_text(const struct capsule_order *order, bool colour, struct buffer *out)
{
	const struct palette *palette = colour ? &colour_palette : &plain_palette;

	for (size_t i = 0; i < order->count; i++)
		print_capsule(order, i, palette, out);
	for (size_t cycle = 1; cycle <= order->order.cycle_count; cycle++)
		print_cycle(order, cycle, palette, out);
	return !out->failed;
}

static void append_json_capsule(const struct capsule_order *order, size_t capsule, struct buffer *out)
{
	(void)buffer_printf(out, "{\"id\":\"%s\",\"dir\":", id_of(order, capsule));
	(void)json_append_lossy(out, span_text(dir_of(order, capsule)));
	(void)buffer_append_text(out, ",\"after\":[");
	for (size_t i = order->first_edge[capsule]; i < order->first_edge[capsule + 1]; i++) {
		const struct order_edge *edge = &order->order.edges[i];

		(void)buffer_printf(out, "%s{\"id\":\"%s\",\"requires\":", i > order->first_edge[capsule] ? "," : "",
			id_of(order, edge->provider));
		(void)json_append_lossy(out, span_text(required(order, capsule, edge->requirement)));
		(void)buffer_append_text(out, ",\"provides\":");
		(void)json_append_lossy(out, span_text(provided(order, edge)));
		(void)buffer_append_byte(out, '}');
	}
	(void)buffer_append_text(out, "],\"unmet\":[");
	for (size_t i = order->first_unmet[capsule]; i < order->first_unmet[capsule + 1]; i++) {
		if (i > order->first_unmet[capsule])
			(void)buffer_append_byte(out, ',');
		(void)json_append_lossy(out, span_text(required(order, capsule, order->order.unmet[i].requirement)));
	}
	(void)buffer_append_text(out, "]}");
}

bool order_append_json(const struct capsule_order *order, struct buffer *out)
{
	(void)buffer_append_text(out, "{\"order\":[");
	for (size_t i = 0; i < order->count; i++) {
		if (i > 0)
			(void)buffer_append_byte(out, ',');
		append_json_capsule(order, order->order.sequence[i], out);
	}
	(void)buffer_append_text(out, "],\"cycles\":[");
	for (size_t cycle = 1; cycle <= order->order.cycle_count; cycle++) {
		size_t from = order->first_member[cycle - 1];

		(void)buffer_append_text(out, cycle > 1 ? ",[" : "[");
		for (size_t i = from; i < order->first_member[cycle]; i++)
			(void)buffer_printf(out, "%s\"%s\"", i > from ? "," : "", id_of(order, order->members[i]));
		(void)buffer_append_byte(out, ']');
	}
	return buffer_append_text(out, "]}");
}

/* A string of Graphviz: quotes and backslashes are escaped. */
static void append_dot_text(struct buffer *out, const char *text)
{
	struct buffer clean = { 0 };

	if (!append_clean(&clean, text))
		out->failed = true;
	(void)buffer_append_byte(out, '"');
	for (size_t i = 0; i < clean.len; i++) {
		if (clean.data[i] == '"' || clean.data[i] == '\\')
			(void)buffer_append_byte(out, '\\');
		(void)buffer_append_byte(out, clean.data[i]);
	}
	(void)buffer_append_byte(out, '"');
	buffer_fini(&clean);
}

bool order_append_dot(const struct capsule_order *order, struct buffer *out)
{
	const struct order *sorted = &order->order;

	(void)buffer_append_text(out, "digraph capsules {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < order->count; i++) {
		size_t capsule = sorted->sequence[i];

		(void)buffer_printf(out, "\t\"%s\"%s;\n", id_of(order, capsule),
			sorted->cycle_of[capsule] != 0 ? " [color=red]" : "");
	}
	for (size_t i = 0; i < sorted->edge_count; i++) {
		const struct order_edge *edge = &sorted->edges[i];
		size_t cycle = sorted->cycle_of[edge->consumer];

		(void)buffer_printf(
			out, "\t\"%s\" -> \"%s\" [label=", id_of(order, edge->consumer), id_of(order, edge->provider));
		append_dot_text(out, required(order, edge->consumer, edge->requirement));
		(void)buffer_append_text(
			out, cycle != 0 && cycle == sorted->cycle_of[edge->provider] ? ", color=red];\n" : "];\n");
	}
	for (size_t i = 0; i < sorted->unmet_count; i++) {
		const struct order_unmet *unmet = &sorted->unmet[i];

		(void)buffer_printf(out, "\t\"unmet %zu\" [style=dashed, label=", i + 1);
		append_dot_text(out, required(order, unmet->consumer, unmet->requirement));
		(void)buffer_printf(
			out, "];\n\t\"%s\" -> \"unmet %zu\" [style=dashed];\n", id_of(order, unmet->consumer), i + 1);
	}
	return buffer_append_text(out, "}\n");
}
