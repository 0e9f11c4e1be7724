/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside dispatch: what its files share. */
#ifndef DISPATCH_INTERNAL_H
#define DISPATCH_INTERNAL_H

#include "dispatch/dispatch.h"
#include "dispatch/verdict.h"
#include "engine/engine.h"

struct delivery;
struct hook;

struct dispatch {
	struct loop *loop;
	const struct log_sink *log;
	struct dispatch_options options; /* defaults filled in */
	struct bus *bus;
	struct list_node members;
	struct list_node spare; /* struct delivery.link, to use again: one is large */
	uint32_t spare_count;
	uint64_t next_call_id;
	uint32_t next_number; /* of members */
	uint32_t mark;        /* of waits.c */

	/* Which lifecycle events are wanted, as long as `wanted_at` is the bus's generation. */
	uint64_t wanted_at;
	uint64_t wanted[(EVENT_TYPES + 63) / 64];

	/* Of notices.c: what is told in a later turn. */
	struct runnable later;
	struct list_node refused; /* struct failure, of requests without an answer */
	uint32_t refused_count;
	uint64_t lost;  /* entries that no notice has told yet */
	bool lost_told; /* a notice was published before */
	int64_t lost_told_ns;
	struct timer lost_timer;
};

/* An interceptor of a capsule that takes calls. */
struct binding {
	struct receiver receiver;
	struct member *member;
	const struct manifest_interceptor *interceptor;
};

struct member {
	struct dispatch *dispatch;
	struct list_node link;
	uint32_t number; /* in chains of origins */
	const char *id;
	const struct manifest *manifest;
	struct composite *composite;
	struct inbox inbox;
	struct lane calls; /* entries of its bindings */
	struct subscriptions subscriptions;
	struct binding *bindings;
	size_t binding_count;
	struct rate rate;
	struct runnable pump;
	struct list_node running; /* struct delivery.link */
	uint32_t in_progress;
	struct list_node hook_calls; /* struct hook_call.link, that wait for their turn */
	bool ready, stopped, loops;

	/* What its guest waits for, if anything; see waits.c. */
	struct event *blocked; /* room for this event */
	struct hook *hook;     /* answers to this hook */
	uint32_t mark;

	struct member_stats stats;
};

/* One call of an interceptor, of the bus or of a hook. */
struct delivery {
	struct engine_call call;
	struct list_node link; /* of member->running, or of the spare ones */
	struct member *member;
	struct bus_entry *entry;     /* of the bus; NULL for a hook's */
	struct hook_call *hook_call; /* of a hook; else NULL */
};

/* Interceptors that decide about one event, asked one after the other. */
struct chain {
	struct dispatch *dispatch;
	struct event *event;           /* as it is now; one reference */
	struct list_node held;         /* struct bus_entry.held_link: those to ask come first */
	struct binding *asked;         /* whose turn it is; NULL: nobody's yet */
	struct bus_entry *asked_entry; /* its entry, until it is taken */
	struct delivery *delivery;     /* its call, once it runs */
	bool begun, late;              /* the time for all is over */
	bool denied;                   /* by `denier`, for `reason` */
	const struct binding *denier;
	char reason[VERDICT_REASON_MAX];
	struct timer limit;
	struct runnable next;
};

/* ---- member.c ---- */

struct binding *binding_of(struct receiver *receiver);
struct member *member_of(const struct inbox *inbox);

/* ---- deliver.c ---- */

/** runnable.run of a member: start what may be started. */
void member_pump(struct runnable *runnable);

/** End a call of an interceptor that is under way; its outcome comes in a later turn. */
void delivery_cancel(struct delivery *delivery);

/** A call of `member`'s interceptors for `action` with `input`, from the spare ones. NULL when out of memory. */
struct delivery *delivery_new(struct member *member, const char *action, struct span input);
void delivery_free(struct delivery *delivery);

/* ---- chain.c ---- */

/** A chain for `event`, into whose `held` its entries go. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status chain_new(
	struct chain **out, struct dispatch *dispatch, struct event *event, struct capsule_error *err);

/** All entries are there: ask the first one. May free the chain. */
void chain_begin(struct chain *chain);

/** The call of the one who was asked has ended: `answer`, or `failure` when it is not NULL. May free the chain. */
void chain_answered(struct chain *chain, struct span answer, const struct capsule_error *failure);

/** The one who was asked has begun: `delivery` is its call. */
void chain_taken(struct chain *chain, struct delivery *delivery);

/** An entry of one who decides ended without being asked, as `outcome`. From inside the bus. */
void chain_lost(struct chain *chain, struct binding *binding, enum event_outcome outcome);

/* ---- waits.c ---- */

/** Whether `member` would wait for itself if it waited for `other`. The way, "a -> b -> a", goes to `way`. */
bool waits_close(struct dispatch *dispatch, struct member *member, struct member *other, struct buffer *way);

/* ---- notices.c ---- */

void notices_lost(struct dispatch *dispatch, struct event *event, uint64_t count);
void notices_settled(struct dispatch *dispatch, struct event *event);
void notices_init(struct dispatch *dispatch);
void notices_fini(struct dispatch *dispatch);

#endif
