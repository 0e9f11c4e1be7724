/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A group has the patterns of one length, sorted segment by segment: all that share their first segments stand together, as
 * below a node of a trie. */
#include "life/pattern_set.h"

#include "base/topic.h"

#include <stdlib.h>

/* One question on its way through a group. */
struct search {
	const struct pattern *items;
	const struct pattern *wanted;
	size_t depth_end; /* how many segments are compared */
	uint64_t *steps;
};

static bool take_apart(struct pattern *out, struct span text, bool tail)
{
	*out = (struct pattern){ .text = (const char *)text.data };
	if (text.len > LIMIT_TOPIC || !topic_valid(text) || topic_segments(text) > LIMIT_TOPIC_SEGMENTS)
		return false;
	for (size_t i = 0; i <= text.len; i++)
		if (i == text.len || text.data[i] == '.')
			out->ends[out->count++] = (uint16_t)i;
	out->open = tail && out->count > 1 && text.data[text.len - 1] == '*' && text.data[text.len - 2] == '.';
	return true;
}

static struct span segment(const struct pattern *pattern, size_t depth)
{
	size_t start = depth == 0 ? 0 : pattern->ends[depth - 1] + 1u;

	return span_of(pattern->text + start, pattern->ends[depth] - start);
}

static int compare_spans(struct span a, struct span b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int compare_patterns(const void *left, const void *right)
{
	const struct pattern *a = left, *b = right;
	int order = a->open - b->open;

	if (order == 0)
		order = a->count - b->count;
	for (size_t i = 0; i < a->count && order == 0; i++)
		order = compare_spans(segment(a, i), segment(b, i));
	return order;
}

bool pattern_set_add(struct pattern_set *set, struct span text, bool tail)
{
	struct pattern pattern;

	if (!take_apart(&pattern, text, tail))
		return true;
	if (set->count == set->room) {
		size_t room = set->room == 0 ? 64 : 2 * set->room;
		struct pattern *items = reallocarray(set->items, room, sizeof *items);

		if (items == NULL)
			return false;
		set->items = items;
		set->room = room;
	}
	set->items[set->count++] = pattern;
	return true;
}

void pattern_set_close(struct pattern_set *set)
{
	size_t at = 0;

	if (set->count > 0)
		qsort(set->items, set->count, sizeof *set->items, compare_patterns);
	for (size_t open = 0; open < 2; open++) {
		for (size_t segments = 0; segments <= LIMIT_TOPIC_SEGMENTS; segments++) {
			while (at < set->count &&
				(set->items[at].open < open ||
					(set->items[at].open == open && set->items[at].count < segments)))
				at++;
			set->groups[open][segments] = at;
		}
	}
}

/* The first in [low, high) whose segment at `depth` is not before `wanted`, or behind it when `behind` is true. */
static size_t bound(const struct search *search, size_t low, size_t high, size_t depth, struct span wanted, bool behind)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_spans(segment(&search->items[middle], depth), wanted);

		if (order < 0 || (order == 0 && behind))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether one of [low, high), which fit up to `depth`, fits. Recursion: LIMIT_TOPIC_SEGMENTS levels. */
static bool fits(const struct search *search, size_t low, size_t high, size_t depth)
{
	static const char star[] = "*";
	struct span wanted, tries[2];

	if (low == high)
		return false;
	if (*search->steps == 0 || depth == search->depth_end)
		return true;
	--*search->steps;
	wanted = segment(search->wanted, depth);
	if (span_is(wanted, star)) {
		while (low < high) {
			size_t end = bound(search, low, high, depth, segment(&search->items[low], depth), true);

			if (fits(search, low, end, depth + 1))
				return true;
			low = end;
		}
		return false;
	}
	tries[0] = wanted;
	tries[1] = span_text(star);
	for (size_t i = 0; i < 2; i++) {
		size_t from = bound(search, low, high, depth, tries[i], false);

		if (fits(search, from, bound(search, from, high, depth, tries[i], true), depth + 1))
			return true;
	}
	return false;
}

/* How many segments of two patterns must fit; SIZE_MAX when their lengths do not. */
static size_t depth_of(const struct pattern *wanted, bool open, size_t segments)
{
	if (!wanted->open && !open)
		return wanted->count == segments ? segments : SIZE_MAX;
	if (wanted->open && open)
		return (wanted->count < segments ? wanted->count : segments) - 1;
	if (wanted->open)
		return segments >= wanted->count ? wanted->count - 1u : SIZE_MAX;
	return wanted->count >= segments ? segments - 1 : SIZE_MAX;
}

bool pattern_set_meets(const struct pattern_set *set, struct span text, bool tail, uint64_t *steps)
{
	struct pattern wanted;
	struct search search = { .items = set->items, .wanted = &wanted, .steps = steps };

	if (!take_apart(&wanted, text, tail))
		return false;
	for (size_t open = 0; open < 2; open++) {
		for (size_t segments = 1; segments <= LIMIT_TOPIC_SEGMENTS; segments++) {
			size_t end = segments < LIMIT_TOPIC_SEGMENTS ? set->groups[open][segments + 1]
				: open == 0                          ? set->groups[1][0]
								     : set->count;

			search.depth_end = depth_of(&wanted, open, segments);
			if (search.depth_end != SIZE_MAX && fits(&search, set->groups[open][segments], end, 0))
				return true;
		}
	}
	return false;
}

void pattern_set_fini(struct pattern_set *set)
{
	free(set->items);
	*set = (struct pattern_set){ 0 };
}
