/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who provides what is required. A requirement and a capability of one type and one number of segments match when
 * they are equal in the segments where neither has a wildcard. So what is provided is put into classes with the same
 * wildcards, and for all requirements with the same wildcards a class becomes a hash table of the segments that
 * count: a requirement is looked up once in each class. Small classes are compared one by one. No way is known, and
 * probably there is none, to be fast for patterns with many wildcards on both sides (docs/design/015-order.md), hence
 * the limit of steps. */
#include "manifest/order_internal.h"

#include "base/limits.h"

/* Fewer than these on either side are compared one by one: no table pays. */
#define TABLE_PROVIDED 8
#define TABLE_REQUIRED 4

void order_classes_find(struct order_search *search)
{
	const struct order_forms *provides = &search->provides;

	for (size_t at = 0; at < provides->count;) {
		struct order_class *class = &search->classes[search->class_count++];

		class->forms = &provides->items[at];
		class->first = at;
		at = order_class_end(provides, &search->patterns, at);
		class->count = at - class->first;
		class->wildcards = search->patterns.words + class->forms->pattern.words;
		class->fixed = search->fixed + class->forms->pattern.words;
	}
}

/* The segments of `class` that count for a requirement like `form`: bits for those without a wildcard on either side. */
static void fix(struct order_search *search, struct order_class *class, const struct order_pattern *wanted)
{
	const uint64_t *wildcards = search->patterns.words + wanted->words;
	size_t words = order_words(wanted->segments), left = wanted->segments % 64;

	for (size_t i = 0; i < words; i++)
		class->fixed[i] = ~(class->wildcards[i] | wildcards[i]);
	if (left > 0)
		class->fixed[words - 1] &= ((uint64_t)1 << left) - 1;
	search->steps += words;
}

static uint64_t sum(struct order_search *search, const uint64_t *marks, const struct order_class *class)
{
	uint64_t result = 0;

	for (size_t word = 0; word < order_words(class->forms->pattern.segments); word++)
		for (uint64_t bits = class->fixed[word]; bits != 0; bits &= bits - 1)
			result += marks[word * 64 + (size_t)__builtin_ctzll(bits)];
	search->steps += class->forms->pattern.segments;
	return result;
}

static bool marks_equal(
	struct order_search *search, const struct order_class *class, const uint64_t *ours, const uint64_t *theirs)
{
	for (size_t word = 0; word < order_words(class->forms->pattern.segments); word++) {
		search->steps++;
		for (uint64_t bits = class->fixed[word]; bits != 0; bits &= bits - 1) {
			size_t i = word * 64 + (size_t)__builtin_ctzll(bits);

			if (ours[i] != theirs[i])
				return false;
			search->steps++;
		}
	}
	return true;
}

static const uint64_t *marks_of(const struct order_search *search, const struct order_form *form)
{
	return search->patterns.marks + form->pattern.marks;
}

/* The slot of those whose marks are `ours`, which have the sum `key`, in what counts; or the empty one where they
 * would stand. */
static size_t *find_slot(
	struct order_search *search, const struct order_class *class, const uint64_t *ours, uint64_t key)
{
	const struct order_form *items = search->provides.items;
	size_t mask = class->capacity - 1;

	for (size_t i = key & mask;; i = (i + 1) & mask) {
		size_t *slot = &class->slots[i];

		if (*slot == 0 ||
			(search->sums[*slot - 1] == key &&
				marks_equal(search, class, ours, marks_of(search, &items[*slot - 1]))))
			return slot;
	}
}

/* Make the table of `class` in its slots, which are empty. Of equal ones of the same manifest only the first is kept. */
static void build_table(struct order_search *search, const struct order_class *class)
{
	const struct order_form *items = search->provides.items;

	for (size_t at = class->first; at < class->first + class->count && search->steps <= LIMIT_ORDER_STEPS; at++) {
		const uint64_t *marks = marks_of(search, &items[at]);
		size_t *slot, *last;

		search->sums[at] = sum(search, marks, class);
		search->next[at] = 0;
		slot = find_slot(search, class, marks, search->sums[at]);
		if (*slot == 0) {
			*slot = at + 1;
			search->last[at] = at;
			continue;
		}
		last = &search->last[*slot - 1];
		if (items[*last].owner != items[at].owner) {
			search->next[*last] = at + 1;
			*last = at;
		}
	}
}

/* `wanted` is met by `form`: an edge, unless it is its own or there is one from that manifest already. */
static void note(struct order_search *search, const struct order_form *wanted, const struct order_form *form)
{
	struct order_edge edge = { form->owner, wanted->owner, wanted->entry, form->entry };
	struct order_edge *edges = (void *)search->edges.data;

	search->steps++;
	if (form->owner == wanted->owner)
		return;
	if (search->seen[form->owner] == wanted->number + 1) {
		size_t at = search->where[form->owner];

		if (at < LIMIT_ORDER_EDGES && !search->edges.failed && edges[at].provided > form->entry)
			edges[at].provided = form->entry;
		return;
	}
	search->seen[form->owner] = wanted->number + 1;
	search->where[form->owner] = search->total;
	search->found[wanted->number].count++;
	if (search->total++ < LIMIT_ORDER_EDGES)
		(void)buffer_append(&search->edges, &edge, sizeof edge);
}

static void scan_class(struct order_search *search, const struct order_class *class, const struct order_form *wanted)
{
	const uint64_t *ours = marks_of(search, wanted);

	for (size_t i = 0; i < class->count; i++)
		if (marks_equal(search, class, ours, marks_of(search, &class->forms[i])))
			note(search, wanted, &class->forms[i]);
}

static void probe_class(struct order_search *search, const struct order_class *class, const struct order_form *wanted)
{
	const uint64_t *marks = marks_of(search, wanted);
	size_t next = *find_slot(search, class, marks, sum(search, marks, class));

	for (; next != 0; next = search->next[next - 1])
		note(search, wanted, &search->provides.items[next - 1]);
}

/* Make `count` classes ready for the requirements of which `wanted` is one, `times` in number. */
static void prepare_classes(struct order_search *search, struct order_class *classes, size_t count,
	const struct order_form *wanted, size_t times)
{
	size_t *slots = search->slots;

	for (size_t i = 0; i < count && search->steps <= LIMIT_ORDER_STEPS; i++) {
		struct order_class *class = &classes[i];

		fix(search, class, &wanted->pattern);
		class->slots = NULL;
		if (class->count < TABLE_PROVIDED || times < TABLE_REQUIRED)
			continue;
		class->capacity = 16;
		while (class->capacity < class->count * 2)
			class->capacity *= 2;
		class->slots = memset(slots, 0, class->capacity * sizeof *slots);
		build_table(search, class);
		slots += class->capacity;
	}
}

/* Match the requirements from `from` up to `to`, which have the same wildcards, with the classes of their group. */
static void match_alike(struct order_search *search, size_t from, size_t to, struct order_class *classes, size_t count)
{
	search->current = &search->requires.items[from]; /* making ready may be given up, too */
	prepare_classes(search, classes, count, &search->requires.items[from], to - from);
	for (; from < to && search->steps <= LIMIT_ORDER_STEPS; from++) {
		const struct order_form *wanted = &search->requires.items[from];

		search->found[wanted->number].first = search->total;
		search->current = wanted;
		for (size_t i = 0; i < count; i++) {
			if (classes[i].slots != NULL)
				probe_class(search, &classes[i], wanted);
			else
				scan_class(search, &classes[i], wanted);
		}
	}
}

void order_search_group(struct order_search *search, size_t from, size_t to, struct order_class *classes, size_t count)
{
	while (from < to && search->steps <= LIMIT_ORDER_STEPS) {
		size_t end = order_class_end(&search->requires, &search->patterns, from);

		match_alike(search, from, end, classes, count);
		from = end;
	}
}
