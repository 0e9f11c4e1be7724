/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The state of the bus, for the files of this folder and their tests. */
#ifndef BUS_BUS_INTERNAL_H
#define BUS_BUS_INTERNAL_H

#include "bus/bus.h"

struct bus {
	struct topic_index *index;
	struct bus_hooks hooks;
	struct bus_counts counts;
	uint64_t sequence, next_order;
	struct receiver **deciders, **others; /* of bus_match(), room for all receivers each */
	size_t room, receivers;
	struct list_node spare; /* struct bus_entry.lane_link, to use again */
	uint32_t spare_count;
};

/** Give the memory of `entry` (taken, in no list) and its reference back. */
void bus_entry_recycle(struct bus *bus, struct bus_entry *entry);

/** What `receiver` was to get of `event` has its outcome. */
void bus_account(struct bus *bus, struct event *event, struct receiver *receiver, enum event_outcome outcome);

/** Put `entry` behind its lane, within the budget or beyond it, and wake the lane when it can be taken. */
void bus_entry_append(struct bus_entry *entry, bool over);

/** Drop the oldest entries that may be dropped until `charge` fits; none when it would not anyway. Returns whether it
 *  does. */
bool inbox_make_room(struct inbox *inbox, size_t charge);

#endif
