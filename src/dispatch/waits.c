/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who waits for whom. A capsule waits for those whose inboxes its publication does not fit into, for those that have to
 * answer its hook, and, when what stands first in its inbox is held, for those who are asked about that. A new wait that
 * closes a circle would never end. */
#include "dispatch/internal.h"

#define WAY_SHOWN 16 /* capsules of a way, the last ones */

/* What is to be looked at, in the order in which it was found. */
struct search {
	uint64_t mark;
	struct member *last;
};

static void found(struct search *search, struct member *member, struct member *via)
{
	if (member == NULL || member->mark == search->mark)
		return;
	member->mark = search->mark;
	member->via = via;
	member->next_found = NULL;
	search->last->next_found = member;
	search->last = member;
}

static void find_publication(struct search *search, struct member *member)
{
	if (member->blocked == NULL)
		return;
	LIST_EACH (node, &member->blocked->over) {
		const struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, over_link);

		found(search, member_of(entry->receiver->inbox), member);
	}
}

static void find_hook(struct search *search, struct member *member)
{
	struct member *other;
	size_t at = 0;

	if (member->hook == NULL)
		return;
	while ((other = hook_waits_for(member->hook, &at)) != NULL)
		found(search, other, member);
}

/* The one who is being asked, and those who will be. */
static void find_deciders(struct search *search, struct member *member, const struct chain *chain)
{
	if (chain->asked != NULL)
		found(search, chain->asked->member, member);
	LIST_EACH (node, &chain->held) {
		const struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, held_link);

		if (!entry->receiver->decides)
			return;
		found(search, member_of(entry->receiver->inbox), member);
	}
}

/* Each lane has one who stands first. */
static void find_asked(struct search *search, struct member *member)
{
	LIST_EACH (node, &member->inbox.lanes) {
		const struct lane *lane = LIST_ENTRY(node, struct lane, link);
		const struct bus_entry *first;
		const struct chain *chain;

		if (list_empty(&lane->entries))
			continue;
		first = LIST_ENTRY(lane->entries.next, struct bus_entry, lane_link);
		chain = first->held ? event_books(first->event)->chain : NULL;
		if (chain != NULL)
			find_deciders(search, member, chain);
	}
}

/* From the end to the beginning, by recursion as deep as the way is long; a way of many is cut. */
static void append_way(const struct member *member, const struct member *from, unsigned depth, struct buffer *way)
{
	if (member != from && depth == WAY_SHOWN)
		(void)buffer_append_text(way, "... -> ");
	else if (member != from)
		append_way(member->via, from, depth + 1, way);
	(void)buffer_printf(way, "%s -> ", member->id);
}

bool waits_close(struct dispatch *dispatch, struct member *member, struct member *other, struct buffer *way)
{
	struct search search = { .mark = ++dispatch->mark, .last = other };

	other->mark = search.mark;
	other->via = NULL;
	other->next_found = NULL;
	for (struct member *at = other; at != NULL; at = at->next_found) {
		if (at == member) {
			(void)buffer_printf(way, "%s -> ", member->id);
			if (at != other)
				append_way(at->via, other, 0, way);
			(void)buffer_append_text(way, member->id);
			return true;
		}
		find_publication(&search, at);
		find_hook(&search, at);
		find_asked(&search, at);
	}
	return false;
}
