/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside dispatch: what its files share. */
#ifndef DISPATCH_INTERNAL_H
#define DISPATCH_INTERNAL_H

#include "dispatch/dispatch.h"
#include "base/limits.h"
#include "dispatch/verdict.h"
#include "engine/engine.h"

struct delivery;
struct hook;
struct hook_call;

struct dispatch {
	struct loop *loop;
	const struct log_sink *log;
	struct dispatch_options options; /* defaults filled in */
	struct bus *bus;
	struct dispatch_hooks hooks;
	struct list_node members, listeners, chains;
	struct list_node spare; /* struct delivery.link, to use again: one is large */
	uint32_t spare_count;
	uint64_t next_call_id;
	uint32_t next_number;  /* of members */
	uint64_t mark;         /* of waits.c */
	uint64_t publications; /* looks at all receivers of an event */

	/* Events that are beyond a budget, and their bytes, for which no operation waits: the embedder can go on. */
	uint32_t alone_count;
	uint64_t alone_bytes;

	/* Which lifecycle events are known to be wanted or not, as long as `known_at` is the bus's generation. */
	uint64_t known_at, known, wanted;

	/* Of notices.c: what is told in a later turn. */
	struct runnable later;
	struct list_node unanswered; /* struct failure.link */
	uint32_t unanswered_count;
	uint64_t untold;       /* requests that were too many, since the log told it */
	int64_t untold_due_ns; /* when it may again */
	struct timer untold_timer;
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
	bool (*after_call)(void *user, struct op *op, op_done_fn done, void *done_user);
	void *user;
	struct inbox inbox;
	struct lane calls; /* entries of its bindings */
	struct subscriptions subscriptions;
	struct binding *bindings;
	struct rate rate;
	struct runnable pump;
	struct list_node running; /* struct delivery.link */
	uint32_t in_progress;
	struct list_node hook_calls; /* struct hook_call.link, that wait for their turn */
	bool after_hook;             /* the last call that began was a hook's: an event is next, when there is one */
	bool ready, loops;
	struct uuid session; /* of its load */

	/* What its guest waits for, if anything, and what a search is at; see waits.c. */
	struct event *blocked; /* room for this event */
	struct hook *hook;     /* answers to this hook */
	uint64_t mark;
	struct member *via, *next_found;
	uint32_t room; /* entries that have to go */
	bool listed;   /* to be looked at */

	/* While a publication is looked at: how many of its receivers so far have this inbox. */
	uint64_t wanted_mark;
	uint32_t wanted;
	uint64_t waited_mark; /* of the last one for which it was looked at whether the publisher can wait */

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

#define CHAIN_DENIAL_MAX (VERDICT_REASON_MAX + 3 * LIMIT_NAME)

/* Interceptors that decide about one event, asked one after the other. */
struct chain {
	struct dispatch *dispatch;
	struct list_node link;         /* of dispatch->chains */
	struct event *event;           /* as it is now; one reference */
	struct list_node held;         /* struct bus_entry.held_link: those to ask come first */
	struct binding *asked;         /* whose turn it is; NULL: nobody's yet */
	struct bus_entry *asked_entry; /* its entry, until it is taken */
	struct delivery *delivery;     /* its call, once it runs */
	bool begun, late;              /* the time for all is over */
	bool denied;
	char denial[CHAIN_DENIAL_MAX]; /* by whom, and why */
	struct timer limit;
	struct runnable next;
	decided_fn decided; /* may be NULL */
	void *decided_user;
};

/* ---- dispatch.c ---- */

/* event.source of what it publishes itself. */
extern const char dispatch_source[];

/** As dispatch_announce(), for whoever `origin` is about. */
void dispatch_tell(struct dispatch *dispatch, const struct origin *origin, struct span topic, struct span json);

/* ---- member.c ---- */

/** The binding behind a receiver of interceptors, the member behind an inbox: NULL for a listener's. */
struct binding *binding_of(struct receiver *receiver);
struct member *member_of(const struct inbox *inbox);

/** Whether `receiver` is an interceptor that is called. */
bool receiver_is_binding(const struct receiver *receiver);

/* ---- deliver.c ---- */

/** runnable.run of a member: start what may be started. */
void member_pump(struct runnable *runnable);

/** End a call of an interceptor that is under way; its outcome comes in a later turn. */
void delivery_cancel(struct delivery *delivery);

/** Begin to call `binding` for `hook_call` with `input`; `origin` is who asks. hook_answered() comes, from a later turn
 *  or at once. */
void delivery_begin_hook(
	struct binding *binding, struct hook_call *hook_call, const struct origin *origin, struct span input);

/** The engines of `member` are gone, so its calls have ended: those that wait for what follows a call
 *  (member_options.after_call), or for the turn that tells it, have their outcome at once. */
void deliveries_end(struct member *member);

/** Free those that are kept to be used again. */
void deliveries_fini(struct dispatch *dispatch);

/* ---- chain.c ---- */

/** A chain for `event`, into whose `held` its entries go. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status chain_new(
	struct chain **out, struct dispatch *dispatch, struct event *event, struct capsule_error *err);

/** Free one whose entries have ended. */
void chain_free(struct chain *chain);

/** All entries are there: ask the first one. */
void chain_begin(struct chain *chain);

/** The call of the one who was asked has ended: `answer`, or `failure` when it is not NULL. May free the chain. */
void chain_answered(struct chain *chain, struct span answer, const struct capsule_error *failure);

/** The one who was asked has begun: `delivery` is its call. */
void chain_taken(struct chain *chain, struct delivery *delivery);

/** An entry of one who decides ended without being asked, as `outcome`. From inside the bus. */
void chain_lost(struct chain *chain, struct binding *binding, enum event_outcome outcome);

/* ---- hook.c ---- */

/** Start the next call of a hook that waits for `member`. Returns whether there was one. */
bool hook_start_next(struct member *member);

/** The call has ended: `answer`, or `failure` when it is not NULL. May free the hook. */
void hook_answered(struct hook_call *call, struct span answer, const struct capsule_error *failure);

/** Calls of hooks that wait for `member` end without an answer. */
void hooks_end_calls(struct member *member);

/** The members that `hook` still waits for, one after the other: `*at` begins with 0. NULL behind the last one. */
struct member *hook_waits_for(const struct hook *hook, size_t *at);

/* ---- waits.c ---- */

/** Whether `member` would wait for itself if it waited for `other`: for room in its inbox, or for its answer to a hook. The
 *  way, "a -> b -> a", goes to `way`. */
bool waits_close(
	struct dispatch *dispatch, struct member *member, struct member *other, bool for_room, struct buffer *way);

/* ---- notices.c ---- */

void notices_init(struct dispatch *dispatch);
void notices_fini(struct dispatch *dispatch);

/** An entry of `event` was lost. From inside the bus: what is told comes in a later turn. */
void notices_lost(struct dispatch *dispatch, const struct event *event);

/** All entries of `event` have their outcome: a request that nobody took is answered, likewise. */
void notices_settled(struct dispatch *dispatch, const struct event *event);

#endif
