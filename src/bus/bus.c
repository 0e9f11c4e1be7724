/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who gets an event, and the books. */
#include "bus/bus_internal.h"

#include "base/limits.h"

#include <assert.h>
#include <stdlib.h>

#define ROOM_FIRST 16
#define SPARE_MAX 4096 /* entries that are kept for the next events */

enum capsule_status bus_new(struct bus **out, const struct bus_hooks *hooks, struct capsule_error *err)
{
	struct bus *bus = calloc(1, sizeof *bus);
	enum capsule_status status;

	if (bus == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the event bus");
	status = topic_index_new(&bus->index, err);
	if (status != CAPSULE_OK) {
		free(bus);
		return status;
	}
	bus->hooks = *hooks;
	list_init(&bus->spare);
	*out = bus;
	return CAPSULE_OK;
}

void bus_free(struct bus *bus)
{
	struct list_node *node;

	if (bus == NULL)
		return;
	assert(bus->counts.pending == 0 && bus->receivers == 0);
	while ((node = list_take_first(&bus->spare)) != NULL)
		free(LIST_ENTRY(node, struct bus_entry, lane_link));
	topic_index_free(bus->index);
	free(bus->deciders);
	free(bus->others);
	free(bus);
}

const struct bus_counts *bus_counts(const struct bus *bus)
{
	return &bus->counts;
}

/* ---- Receivers ---- */

static bool grow(struct bus *bus)
{
	size_t room = bus->room == 0 ? ROOM_FIRST : bus->room * 2;
	struct receiver **deciders, **others;

	if (bus->receivers < bus->room)
		return true;
	deciders = reallocarray(bus->deciders, room, sizeof(struct receiver *));
	if (deciders != NULL)
		bus->deciders = deciders;
	others = reallocarray(bus->others, room, sizeof(struct receiver *));
	if (others != NULL)
		bus->others = others;
	if (deciders == NULL || others == NULL)
		return false;
	bus->room = room;
	return true;
}

enum capsule_status receiver_add(struct receiver *receiver, struct lane *lane, struct span pattern,
	enum topic_tail tail, struct capsule_error *err)
{
	struct inbox *inbox = lane->inbox;
	struct bus *bus = inbox->bus;
	enum capsule_status status;

	if (!grow(bus))
		return error_set(err, CAPSULE_ENOMEM, "no memory for one more receiver of events");
	receiver->entry.order = ++bus->next_order;
	status = topic_index_add(bus->index, pattern, tail, &receiver->entry, err);
	if (status != CAPSULE_OK)
		return status;
	receiver->inbox = inbox;
	receiver->lane = lane;
	list_append(&inbox->receivers, &receiver->link);
	bus->receivers++;
	return CAPSULE_OK;
}

void receiver_remove(struct receiver *receiver)
{
	struct bus *bus;

	if (receiver->entry.node == NULL)
		return;
	bus = receiver->inbox->bus;
	topic_index_remove(bus->index, &receiver->entry);
	list_remove(&receiver->link);
	bus->receivers--;
	LIST_EACH_SAFE (node, &receiver->lane->entries) {
		struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, lane_link);

		if (entry->receiver == receiver)
			bus_entry_end(entry, OUTCOME_GONE);
	}
}

/* ---- Who gets it ---- */

/* Those of one priority stay in the order in which they were added. */
static int compare_deciders(const void *a, const void *b)
{
	const struct receiver *one = *(struct receiver *const *)a, *other = *(struct receiver *const *)b;

	if (one->priority != other->priority)
		return one->priority < other->priority ? -1 : 1;
	return one->entry.order < other->entry.order ? -1 : one->entry.order > other->entry.order;
}

void bus_match(struct bus *bus, struct span topic, enum event_type type, struct bus_matches *out)
{
	struct topic_entry *const *found;
	size_t count = topic_index_match(bus->index, topic, &found);
	bool sorted = true;

	*out = (struct bus_matches){ .deciders = bus->deciders, .others = bus->others };
	for (size_t i = 0; i < count; i++) {
		struct receiver *receiver = LIST_ENTRY(found[i], struct receiver, entry);

		if (type != EVENT_IPC && receiver->events == RECEIVES_IPC)
			continue;
		if (!receiver->decides) {
			bus->others[out->other_count++] = receiver;
			continue;
		}
		if (out->decider_count > 0 && bus->deciders[out->decider_count - 1]->priority > receiver->priority)
			sorted = false;
		bus->deciders[out->decider_count++] = receiver;
	}
	if (!sorted)
		qsort(bus->deciders, out->decider_count, sizeof(struct receiver *), compare_deciders);
}

uint64_t bus_generation(const struct bus *bus)
{
	return topic_index_generation(bus->index);
}

/* ---- The books ---- */

static void check(const struct bus_counts *counts)
{
	uint64_t sum = counts->pending;

	for (int i = 0; i < OUTCOMES; i++)
		sum += counts->outcomes[i];
	assert(sum == counts->matched);
	(void)sum;
}

/* `receiver` is to get `event`: pending until bus_account(). */
static void expect(struct bus *bus, struct event *event, struct receiver *receiver)
{
	bus->counts.matched++;
	bus->counts.pending++;
	receiver->inbox->counts.matched++;
	receiver->inbox->counts.pending++;
	event_books(event)->matches++;
	event_books(event)->open++;
}

static void close_one(struct bus *bus, struct event *books)
{
	assert(books->open > 0);
	if (--books->open == 0 && bus->hooks.settled != NULL)
		bus->hooks.settled(bus->hooks.user, books);
}

void bus_account(struct bus *bus, struct event *event, struct receiver *receiver, enum event_outcome outcome)
{
	struct event *books = event_books(event);
	struct inbox *inbox = receiver->inbox;

	bus->counts.pending--;
	bus->counts.outcomes[outcome]++;
	inbox->counts.pending--;
	inbox->counts.outcomes[outcome]++;
	check(&bus->counts);
	check(&inbox->counts);
	if (outcome == OUTCOME_DELIVERED) {
		books->taken++;
		books->asked += receiver->decides;
	} else if (!receiver->decides) {
		books->missed_as = outcome;
	}
	books->failed += outcome == OUTCOME_FAILED;
	books->vetoed += outcome == OUTCOME_VETOED;
	if (outcome == OUTCOME_OVERFLOW || outcome == OUTCOME_TOO_LARGE || outcome == OUTCOME_NO_MEMORY)
		receiver->lane->lagged++;
	if (bus->hooks.outcome != NULL)
		bus->hooks.outcome(bus->hooks.user, books, receiver, outcome);
	close_one(bus, books);
}

/* An entry for `event` (a reference is taken), in no list. NULL when out of memory. */
static struct bus_entry *entry_new(struct bus *bus, struct event *event, struct receiver *receiver)
{
	struct list_node *node = list_take_first(&bus->spare);
	struct bus_entry *entry;

	if (node != NULL) {
		entry = LIST_ENTRY(node, struct bus_entry, lane_link);
		bus->spare_count--;
	} else {
		entry = malloc(sizeof *entry);
	}
	if (entry == NULL)
		return NULL;
	list_init(&entry->lane_link);
	list_init(&entry->full_link);
	list_init(&entry->held_link);
	list_init(&entry->over_link);
	entry->event = event_hold(event);
	entry->receiver = receiver;
	entry->held = entry->over = entry->within = false;
	return entry;
}

void bus_entry_recycle(struct bus *bus, struct bus_entry *entry)
{
	event_release(entry->event);
	if (bus->spare_count >= SPARE_MAX) {
		free(entry);
		return;
	}
	list_append(bus->spare.next, &entry->lane_link); /* the first, to be used next while it is in the cache */
	bus->spare_count++;
}

/* ---- Publishing ---- */

/* `on_full` of one who can't wait or fail any more is to lose the new one. */
static void give(struct bus *bus, struct event *event, struct receiver *receiver, bool may_wait, struct list_node *held)
{
	struct inbox *inbox = receiver->inbox;
	bool fits = inbox_has_room(inbox, event->charge), over = false;
	struct bus_entry *entry;

	expect(bus, event, receiver);
	if (event->charge > inbox->budget.bytes) {
		bus_account(bus, event, receiver, OUTCOME_TOO_LARGE);
		return;
	}
	if (!fits && receiver->on_full == ON_FULL_DROP_OLDEST)
		fits = inbox_make_room(inbox, event->charge);
	else if (!fits)
		over = receiver->on_full == ON_FULL_BLOCK && may_wait;
	if (!fits && !over) {
		bus_account(bus, event, receiver, OUTCOME_OVERFLOW);
		return;
	}
	entry = entry_new(bus, event, receiver);
	if (entry == NULL) {
		bus_account(bus, event, receiver, OUTCOME_NO_MEMORY);
		return;
	}
	if (held != NULL) {
		entry->held = true;
		list_append(held, &entry->held_link);
	}
	if (over)
		list_append(&event->over, &entry->over_link);
	bus_entry_append(entry, over);
}

void bus_publish(
	struct bus *bus, struct event *event, const struct bus_matches *match, bool may_wait, struct list_node *held)
{
	assert(event->first == NULL && event->sequence == 0);
	event->sequence = ++bus->sequence;
	event->open++; /* so that it is not over before everybody had it */
	for (size_t i = 0; i < match->decider_count; i++)
		give(bus, event, match->deciders[i], may_wait, held);
	for (size_t i = 0; i < match->other_count; i++)
		give(bus, event, match->others[i], may_wait, held);
	close_one(bus, event);
}
