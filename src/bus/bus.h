/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The bus: receivers with a pattern, inboxes that keep what they have not taken yet, and the books. What is published
 * goes as one entry to the inbox of each receiver that its topic matches; each entry ends with exactly one outcome,
 * and so does the event when all have:
 *
 *     matched = delivered + failed + vetoed + dropped + pending          at every moment
 *
 * Entries of one lane are taken in the order of publication. An entry can be held, as long as somebody decides about
 * its event: it keeps its place, and what stands behind it in the lane waits. Inboxes have a budget of messages and
 * bytes; what does not fit is treated as its receiver says. Loop thread only; nothing here calls a guest. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "bus/event.h"
#include "bus/topic_index.h"

struct bus;
struct inbox;
struct lane;
struct receiver;

/* What came of an entry. */
enum event_outcome {
	OUTCOME_DELIVERED, /* its receiver took it: an interceptor ran to its end, a message was read */
	OUTCOME_FAILED,    /* the interceptor ended with an error, a trap or a time-out */
	OUTCOME_VETOED,    /* an interceptor that decides did not let it through */
	OUTCOME_OVERFLOW,  /* dropped: the inbox was full */
	OUTCOME_TOO_LARGE, /* dropped: larger than the whole inbox */
	OUTCOME_GONE,      /* dropped: the capsule was unloaded or failed, the subscription ended */
	OUTCOME_NO_MEMORY, /* dropped: no memory for the entry */
	OUTCOMES
};

/* What happens when an inbox is full. Words of `on_full`. */
enum on_full {
	ON_FULL_DROP_OLDEST, /* the oldest entries that may be dropped make room; if all of them are not enough, or publishers
				wait for room already, the new one is dropped */
	ON_FULL_BLOCK,       /* the publisher waits until there is room */
	ON_FULL_FAIL,        /* the publication fails, for everybody */
};

/* The books, of the bus and of each inbox. */
struct bus_counts {
	uint64_t matched;
	uint64_t outcomes[OUTCOMES];
	uint64_t pending; /* entries without an outcome */
};

struct bus_hooks {
	void *user;
	/* An entry has its outcome; `event` is the one that was published, `receiver` may be about to go. Must not
	 * call into the bus except to ask. */
	void (*outcome)(void *user, struct event *event, struct receiver *receiver, enum event_outcome outcome);
	/* All entries of `event` have (or it had none, and its publication is over). Called from where the last
	 * outcome came from: may publish only from a later turn. */
	void (*settled)(void *user, struct event *event);
	/* No entry of `event` is beyond a budget any more: its publisher need not wait. Likewise. */
	void (*room)(void *user, struct event *event);
};

/** A bus. Free it with bus_free(), when its inboxes are closed. Errors: CAPSULE_ENOMEM, CAPSULE_EIO. */
MUST_CHECK enum capsule_status bus_new(struct bus **out, const struct bus_hooks *hooks, struct capsule_error *err);
void bus_free(struct bus *bus);

const struct bus_counts *bus_counts(const struct bus *bus);

/** A number that changes when a receiver comes or goes, never 0. */
uint64_t bus_generation(const struct bus *bus);

/* ---- Inboxes ---- */

struct inbox_budget {
	uint32_t messages; /* 0: LIMIT_INBOX_MESSAGES */
	uint64_t bytes;    /* 0: LIMIT_INBOX_BYTES */
};

/* A row of entries that are taken in order: of a subscription, or of all interceptors of a capsule. */
struct lane {
	struct inbox *inbox;
	struct list_node link;    /* of inbox->lanes */
	struct list_node entries; /* struct bus_entry.lane_link */
	uint32_t count;
	uint64_t lagged; /* entries lost since lane_take_lagged() */
	/* There is an entry to take where there was none; from inside a publication or a release. Must not take it there. */
	void (*wake)(struct lane *lane);
};

struct inbox {
	struct bus *bus;
	struct inbox_budget budget;
	struct list_node lanes, receivers;
	struct list_node droppable; /* entries, oldest first */
	struct list_node over;      /* entries beyond the budget, oldest first */
	uint32_t messages;          /* within the budget */
	uint64_t bytes;
	uint64_t droppable_bytes; /* of those in `droppable` */
	uint32_t messages_most;   /* ever */
	struct bus_counts counts;
	void *owner; /* whoever made it */
};

void inbox_init(struct inbox *inbox, struct bus *bus, const struct inbox_budget *budget, void *owner);

/** Remove its receivers; every entry ends as `outcome`. Harmless when it is closed. */
void inbox_close(struct inbox *inbox, enum event_outcome outcome);

void lane_init(struct lane *lane, struct inbox *inbox, void (*wake)(struct lane *lane));

/** End the lane: its receivers go, its entries end as OUTCOME_GONE. */
void lane_close(struct lane *lane);

/* ---- Receivers ---- */

enum receiver_events {
	RECEIVES_IPC,       /* IPC messages only: subscriptions */
	RECEIVES_EVERYTHING /* lifecycle events too: interceptors */
};

struct receiver {
	struct topic_entry entry;
	struct inbox *inbox;
	struct lane *lane;
	struct list_node link; /* of inbox->receivers */
	enum on_full on_full;
	enum receiver_events events;
	bool decides;      /* asked before anybody else gets the event */
	int32_t priority;  /* of those that decide: lower first */
	const char *label; /* for people: the action, or the pattern. Borrowed */
	void *owner;       /* whoever made it */
};

/** Let `receiver` (its members set, `entry` all zero) get what matches `pattern` from now on. Receivers of one event
 *  come in the order in which they were added, unless they decide. Errors: as topic_index_add(). */
MUST_CHECK enum capsule_status receiver_add(struct receiver *receiver, struct lane *lane, struct span pattern,
	enum topic_tail tail, struct capsule_error *err);

/** No more of them; its entries end as OUTCOME_GONE. Those that were taken go on: `receiver`, its lane and its inbox
 *  must stay until they have ended. Harmless when it was not added. */
void receiver_remove(struct receiver *receiver);

/* ---- Publishing ---- */

struct bus_matches {
	struct receiver *const
		*deciders; /* by priority, then in the order of adding; borrowed until the next call of bus_match() */
	size_t decider_count;
	struct receiver *const *others;
	size_t other_count;
};

/** Who would get a message of `type` under `topic`. Needs no memory. */
void bus_match(struct bus *bus, struct span topic, enum event_type type, struct bus_matches *out);

/* A place in a lane. */
struct bus_entry {
	struct list_node lane_link, full_link; /* of the lane; of inbox->droppable or inbox->over */
	struct list_node held_link;            /* of those that one chain holds */
	struct list_node over_link;            /* of its event's books */
	struct event *event;                   /* one reference */
	struct receiver *receiver;
	bool held;
	bool over;
	bool within; /* counted in the inbox's budget */
};

/** Whether `charge` more bytes fit into the budget now. */
bool inbox_has_room(const struct inbox *inbox, size_t charge);

/** Publish: give `event` a place with each of the receivers in `match`. `may_wait` says whether the publisher can:
 *  event->over tells afterwards whether it has to. Entries are held when `held` is not NULL, and put into that list.
 *  Otherwise lanes are woken. Full inboxes of ON_FULL_FAIL must have been asked about before. Takes no reference of
 *  the caller's. */
void bus_publish(
	struct bus *bus, struct event *event, const struct bus_matches *match, bool may_wait, struct list_node *held);

/** The first entry of the lane that can be taken, NULL when there is none or the first one is held. It stays where it is. */
struct bus_entry *lane_peek(const struct lane *lane);

/** Take `entry` out of its lane, so that there is room for another one. It is pending until bus_entry_end(). */
void bus_entry_take(struct bus_entry *entry);

/** Give `entry` (taken; in a lane or not) its outcome. */
void bus_entry_end(struct bus_entry *entry, enum event_outcome outcome);

/** Let a held entry go, with `event` in place of what it has (the same, or a rewritten one whose books are those of
 *  the first). A rewritten one for which there is no room ends here, unless older ones may be dropped for it: as
 *  OUTCOME_TOO_LARGE, or as OUTCOME_OVERFLOW even when its receiver is of ON_FULL_BLOCK, since its publisher does not
 *  wait any more. */
void bus_entry_release(struct bus_entry *entry, struct event *event);

/** How many entries the lane has lost since the last time. */
uint64_t lane_take_lagged(struct lane *lane);

#endif
