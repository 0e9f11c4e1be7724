/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who waits for whom. A capsule waits for those whose inboxes its publication does not fit into, and for those that have to
 * answer its hook. One that has to make room waits for more, when too little stands before what is held: for those who
 * are asked about that; calls of hooks do not stand there. A new wait that closes a circle would never end. */
#include "dispatch/internal.h"

#define WAY_SHOWN 16 /* capsules of a way, the last ones */

/* What is to be looked at, in the order in which it was found. */
struct search {
	uint64_t mark;
	struct member *first, *last;
};

/* Before who waits for it goes on, `room` entries of the inbox of `member` have to go. One that was found already is looked
 * at once more when it has to make more room than was known. */
static void found(struct search *search, struct member *member, struct member *via, uint32_t room)
{
	if (member == NULL || (member->mark == search->mark && room <= member->room))
		return;
	if (member->mark != search->mark) {
		member->mark = search->mark;
		member->via = via;
		member->listed = false;
	}
	member->room = room;
	if (member->listed)
		return;
	member->listed = true;
	member->next_found = NULL;
	if (search->first == NULL)
		search->first = member;
	else
		search->last->next_found = member;
	search->last = member;
}

static struct member *take_first(struct search *search)
{
	struct member *member = search->first;

	if (member == NULL)
		return NULL;
	search->first = member->next_found;
	member->listed = false;
	return member;
}

/* How many wait for room in the inbox up to `entry`; all for NULL. */
static uint32_t count_over(const struct inbox *inbox, const struct bus_entry *entry)
{
	uint32_t count = 0;

	LIST_EACH (node, &inbox->over) {
		count++;
		if (entry != NULL && node == &entry->full_link)
			break;
	}
	return count;
}

static void find_publication(struct search *search, struct member *member)
{
	if (member->blocked == NULL)
		return;
	LIST_EACH (node, &member->blocked->over) {
		const struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, over_link);
		const struct inbox *inbox = entry->receiver->inbox;

		found(search, member_of(inbox), member, count_over(inbox, entry));
	}
}

static void find_hook(struct search *search, struct member *member)
{
	struct member *other;
	size_t at = 0;

	if (member->hook == NULL)
		return;
	while ((other = hook_waits_for(member->hook, &at)) != NULL)
		found(search, other, member, 0);
}

/* The one who is being asked, and those who will be: their entries have to be taken first. */
static void find_deciders(struct search *search, struct member *member, const struct chain *chain)
{
	if (chain->asked != NULL)
		found(search, chain->asked->member, member, chain->delivery == NULL);
	LIST_EACH (node, &chain->held) {
		const struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, held_link);

		if (!entry->receiver->decides)
			return;
		found(search, member_of(entry->receiver->inbox), member, 1);
	}
}

/* The first entry of `lane` that is held, NULL for none. `*before` counts those of the budget that can go without it, as
 * far as `enough`. */
static const struct bus_entry *first_held(const struct lane *lane, uint32_t enough, uint32_t *before)
{
	LIST_EACH (node, &lane->entries) {
		const struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, lane_link);

		if (entry->held)
			return entry;
		*before += entry->within;
		if (*before >= enough)
			break;
	}
	return NULL;
}

static void find_asked(struct search *search, struct member *member)
{
	uint32_t can_go = 0, counted = 0;

	LIST_EACH (node, &member->inbox.lanes)
		(void)first_held(LIST_ENTRY(node, const struct lane, link), member->room, &can_go);
	if (can_go >= member->room)
		return;
	LIST_EACH (node, &member->inbox.lanes) {
		const struct bus_entry *held = first_held(
			LIST_ENTRY(node, const struct lane, link), member->room, &counted);
		const struct chain *chain = held != NULL ? event_books(held->event)->chain : NULL;

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

bool waits_close(
	struct dispatch *dispatch, struct member *member, struct member *other, bool for_room, struct buffer *way)
{
	struct search search = { .mark = ++dispatch->mark };

	found(&search, other, NULL, for_room ? count_over(&other->inbox, NULL) + 1 : 0);
	for (struct member *at = take_first(&search); at != NULL; at = take_first(&search)) {
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
