/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inboxes: lanes of entries within one budget. Entries that may be dropped stand in a list of their own, oldest
 * first, and so do those that are beyond the budget because their publishers wait. */
#include "bus/bus_internal.h"

#include "base/limits.h"

#include <assert.h>

void inbox_init(struct inbox *inbox, struct bus *bus, const struct inbox_budget *budget, void *owner)
{
	*inbox = (struct inbox){ .bus = bus, .budget = *budget, .owner = owner };
	if (inbox->budget.messages == 0)
		inbox->budget.messages = LIMIT_INBOX_MESSAGES;
	if (inbox->budget.bytes == 0)
		inbox->budget.bytes = LIMIT_INBOX_BYTES;
	list_init(&inbox->lanes);
	list_init(&inbox->receivers);
	list_init(&inbox->droppable);
	list_init(&inbox->over);
}

void lane_init(struct lane *lane, struct inbox *inbox, void (*wake)(struct lane *lane))
{
	*lane = (struct lane){ .inbox = inbox, .wake = wake };
	list_init(&lane->entries);
	list_init(&lane->link);
	list_append(&inbox->lanes, &lane->link);
}

static void end_all(struct lane *lane, enum event_outcome outcome)
{
	while (!list_empty(&lane->entries))
		bus_entry_end(LIST_ENTRY(lane->entries.next, struct bus_entry, lane_link), outcome);
}

/* The lane is not woken any more: whoever closes it does not want to know what is left. */
void lane_close(struct lane *lane)
{
	if (lane->inbox == NULL || list_empty(&lane->link))
		return;
	lane->wake = NULL;
	LIST_EACH_SAFE (node, &lane->inbox->receivers) {
		struct receiver *receiver = LIST_ENTRY(node, struct receiver, link);

		if (receiver->lane == lane)
			receiver_remove(receiver);
	}
	end_all(lane, OUTCOME_GONE);
	list_remove(&lane->link);
}

void inbox_close(struct inbox *inbox, enum event_outcome outcome)
{
	/* First all of them leave the index, so that nothing comes in meanwhile. */
	LIST_EACH (node, &inbox->lanes)
		LIST_ENTRY(node, struct lane, link)->wake = NULL;
	LIST_EACH_SAFE (node, &inbox->receivers) {
		struct receiver *receiver = LIST_ENTRY(node, struct receiver, link);

		topic_index_remove(inbox->bus->index, &receiver->entry);
		list_remove(&receiver->link);
		inbox->bus->receivers--;
	}
	LIST_EACH (node, &inbox->lanes)
		end_all(LIST_ENTRY(node, struct lane, link), outcome);
}

/* ---- Room ---- */

/* While a rewritten entry looks for its place there may be more in the inbox than its budget. */
static bool fits(const struct inbox *inbox, size_t charge)
{
	return inbox->messages < inbox->budget.messages && inbox->bytes <= inbox->budget.bytes &&
		charge <= inbox->budget.bytes - inbox->bytes;
}

bool inbox_has_room(const struct inbox *inbox, size_t charge)
{
	return list_empty(&inbox->over) && fits(inbox, charge);
}

static bool is_droppable(const struct bus_entry *entry)
{
	return entry->receiver->on_full == ON_FULL_DROP_OLDEST;
}

static void count_in(struct bus_entry *entry)
{
	struct inbox *inbox = entry->receiver->inbox;

	entry->within = true;
	inbox->messages++;
	inbox->bytes += entry->event->charge;
	if (inbox->messages > inbox->messages_most)
		inbox->messages_most = inbox->messages;
	if (!is_droppable(entry))
		return;
	inbox->droppable_bytes += entry->event->charge;
	list_append(&inbox->droppable, &entry->full_link);
}

/* One that is beyond the budget need not be any more: there is room, or it goes away. */
static void over_ends(struct bus_entry *entry)
{
	struct bus *bus = entry->receiver->inbox->bus;
	struct event *books = event_books(entry->event);

	entry->over = false;
	list_remove(&entry->full_link);
	list_remove(&entry->over_link);
	if (list_empty(&books->over) && bus->hooks.room != NULL)
		bus->hooks.room(bus->hooks.user, books);
}

/* Publishers that wait have their turn in the order in which they came. */
static void admit(struct inbox *inbox)
{
	while (!list_empty(&inbox->over)) {
		struct bus_entry *entry = LIST_ENTRY(inbox->over.next, struct bus_entry, full_link);

		if (!fits(inbox, entry->event->charge))
			return;
		over_ends(entry);
		count_in(entry);
	}
}

static void count_out(struct bus_entry *entry)
{
	struct inbox *inbox = entry->receiver->inbox;

	if (entry->over)
		over_ends(entry);
	list_remove(&entry->full_link);
	if (entry->within) {
		entry->within = false;
		inbox->messages--;
		inbox->bytes -= entry->event->charge;
		inbox->droppable_bytes -= is_droppable(entry) ? entry->event->charge : 0;
	}
	/* Also when one that was beyond the budget goes: those behind it may be smaller. */
	admit(inbox);
}

bool inbox_make_room(struct inbox *inbox, size_t charge)
{
	/* Where all of them are not enough, none is lost in vain. */
	if (!list_empty(&inbox->over) || charge > inbox->budget.bytes - (inbox->bytes - inbox->droppable_bytes))
		return false;
	while (!inbox_has_room(inbox, charge)) {
		if (list_empty(&inbox->droppable))
			return false;
		bus_entry_end(LIST_ENTRY(inbox->droppable.next, struct bus_entry, full_link), OUTCOME_OVERFLOW);
	}
	return true;
}

/* ---- Lanes ---- */

struct bus_entry *lane_peek(const struct lane *lane)
{
	struct bus_entry *first;

	if (list_empty(&lane->entries))
		return NULL;
	first = LIST_ENTRY(lane->entries.next, struct bus_entry, lane_link);
	return first->held ? NULL : first;
}

static void wake(struct lane *lane)
{
	if (lane->wake != NULL && lane_peek(lane) != NULL)
		lane->wake(lane);
}

void bus_entry_append(struct bus_entry *entry, bool over)
{
	struct lane *lane = entry->receiver->lane;
	bool first = list_empty(&lane->entries);

	list_append(&lane->entries, &entry->lane_link);
	lane->count++;
	if (over) {
		entry->over = true;
		list_append(&entry->receiver->inbox->over, &entry->full_link);
	} else {
		count_in(entry);
	}
	if (first)
		wake(lane);
}

/* Out of its lane. What stood behind a held one can be taken now. */
static void leave(struct bus_entry *entry)
{
	struct lane *lane = entry->receiver->lane;
	bool stuck = entry->held && lane->entries.next == &entry->lane_link;

	if (list_empty(&entry->lane_link))
		return;
	list_remove(&entry->lane_link);
	lane->count--;
	count_out(entry);
	if (stuck)
		wake(lane);
}

void bus_entry_take(struct bus_entry *entry)
{
	assert(!entry->held);
	leave(entry);
}

void bus_entry_end(struct bus_entry *entry, enum event_outcome outcome)
{
	struct receiver *receiver = entry->receiver;
	struct bus *bus = receiver->inbox->bus;

	list_remove(&entry->held_link);
	leave(entry);
	bus_account(bus, entry->event, receiver, outcome);
	bus_entry_recycle(bus, entry);
}

/* Put `event` in the place of what `entry` has. Returns whether the entry is still there. */
static bool exchange(struct bus_entry *entry, struct event *event)
{
	struct inbox *inbox = entry->receiver->inbox;
	struct event *before = entry->event;

	if (entry->within)
		inbox->bytes += event->charge - before->charge;
	if (entry->within && is_droppable(entry))
		inbox->droppable_bytes += event->charge - before->charge;
	entry->event = event_hold(event);
	event_release(before);
	if (event->charge > inbox->budget.bytes) {
		bus_entry_end(entry, OUTCOME_TOO_LARGE);
		return false;
	}
	/* It is among those that may be dropped itself, if any may: then it is its turn at last. */
	while (inbox->bytes > inbox->budget.bytes) {
		struct bus_entry *oldest = entry;

		if (is_droppable(entry))
			oldest = LIST_ENTRY(inbox->droppable.next, struct bus_entry, full_link);
		bus_entry_end(oldest, OUTCOME_OVERFLOW);
		if (oldest == entry)
			return false;
	}
	admit(inbox);
	return true;
}

void bus_entry_release(struct bus_entry *entry, struct event *event)
{
	struct lane *lane = entry->receiver->lane;

	assert(entry->held);
	list_remove(&entry->held_link);
	if (entry->event != event && !exchange(entry, event))
		return;
	entry->held = false;
	if (lane->entries.next == &entry->lane_link)
		wake(lane);
}

uint64_t lane_take_lagged(struct lane *lane)
{
	uint64_t lagged = lane->lagged;

	lane->lagged = 0;
	return lagged;
}
