/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The subscriptions of one guest: by handle, each a lane of its inbox. Those that its interceptors became, when it
 * runs a loop, have the first handles and can't be ended by the guest. Loop thread only. */
#ifndef BUS_SUBSCRIPTION_H
#define BUS_SUBSCRIPTION_H

#include "base/map.h"
#include "bus/bus.h"

struct subscription;

struct subscriptions {
	struct inbox *inbox;
	struct map by_handle; /* 8 bytes -> struct subscription */
	struct list_node all; /* in the order of their handles */
	uint64_t next;        /* handle of the next one; never given twice */
	uint32_t most;        /* at once, those of interceptors included */
};

void subscriptions_init(struct subscriptions *subscriptions, struct inbox *inbox);

/** End all of them. Those that wait for a message get an answer without any. Handles go on from where they were. */
void subscriptions_close(struct subscriptions *subscriptions);

/** Subscribe to `pattern` (checked by the caller, copied): `*handle` is 1 or more. Errors: CAPSULE_ELIMIT
 *  ("Subscription limit reached ..."), CAPSULE_EINVAL, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status subscriptions_add(
	struct subscriptions *subscriptions, struct span pattern, uint64_t *handle, struct capsule_error *err);

/** The same for an interceptor (its texts borrowed): lifecycle events are received too, a last `*` is one segment,
 *  and unsubscribing is refused. */
MUST_CHECK enum capsule_status subscriptions_add_interceptor(struct subscriptions *subscriptions, const char *event,
	const char *action, enum on_full on_full, struct capsule_error *err);

/** End one. Errors: CAPSULE_ENOTFOUND ("Subscription handle not found ..."), CAPSULE_EDENIED ("... runtime-owned
 *  interceptor handle ..."). */
MUST_CHECK enum capsule_status subscriptions_remove(
	struct subscriptions *subscriptions, uint64_t handle, struct capsule_error *err);

/** The one with `handle`. Errors: CAPSULE_ENOTFOUND, as above. */
MUST_CHECK enum capsule_status subscriptions_find(
	struct subscriptions *subscriptions, uint64_t handle, struct subscription **out, struct capsule_error *err);

/** Append [{"handle_id","action","topic"}] of the interceptors. Returns false as buffer_append() does. */
bool subscriptions_append_interceptors(const struct subscriptions *subscriptions, struct buffer *out);

/* Where an answer goes to. */
struct drain_room {
	/* Put room for `len` bytes aside: after that they will get there. Errors: CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
	enum capsule_status (*reserve)(void *user, size_t len, struct capsule_error *err);
	void *user;
};

/** Take what has arrived and put {"dropped":0,"lagged":n,"messages":[...]} into `out`: in order, LIMIT_DRAIN_MESSAGES
 *  at most, as long as their payloads come to `budget` bytes at most, the first one whatever its size and beside the budget
 *  when `first` says so, and as many as `room` (NULL: any number) has room for; the rest stays. Nothing is taken when it
 *  fails, and what is in `out` is of no use then. Errors: CAPSULE_ENOMEM, CAPSULE_ELIMIT (the limit of `out`), those of
 *  `room` for the first one. */
MUST_CHECK enum capsule_status subscription_drain(struct subscription *subscription, size_t budget, bool first,
	const struct drain_room *room, struct buffer *out, struct capsule_error *err);

/** Whether the last drain took messages; `*hops` is the most that one of them came with. */
bool subscription_drained(const struct subscription *subscription, uint32_t *hops);

/** Whether there is a message to take. */
bool subscription_ready(const struct subscription *subscription);

/** Have `wake(user)` called once, when there is something to take or the subscription ends (`ended`: it is gone
 *  then). Replaces what was asked for before; NULL: nobody waits. Called from inside a publication: must only note
 *  it. */
void subscription_wait(struct subscription *subscription, void (*wake)(void *user, bool ended), void *user);

#endif
