/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who gets an event and what comes of it: interceptors of capsules called in order, those that decide before all others; answers collected for
 * hooks; who waits for whom; what is told of losses and failures. All functions: loop thread. */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "bus/bus.h"
#include "bus/rate.h"
#include "bus/subscription.h"
#include "dispatch/stats.h"
#include "composite/composite.h"

struct dispatch;
struct member; /* a capsule that takes part */

struct dispatch_hooks {
	void *user;
	/* As bus_hooks; may be NULL. */
	void (*outcome)(void *user, struct event *event, const struct member *member, const char *label,
		enum event_outcome outcome);
	void (*settled)(void *user, struct event *event);
	/* An interceptor vetoed or rewrote. May be NULL. */
	void (*decided)(
		void *user, const struct event *event, const struct member *member, bool vetoed, const char *reason);
};

struct dispatch_options {
	struct loop *loop;
	const struct log_sink *log;
	struct dispatch_hooks hooks;
	uint64_t lag_notice_ms; /* between two notices of losses; 0: LIMIT_LAG_NOTICE_MS */
	uint64_t chain_ms;      /* that all interceptors which decide about one event may take; 0: LIMIT_CHAIN_MS */
	uint64_t hook_ms;       /* one call of a hook's receiver; 0: LIMIT_HOOK_MS */
	uint32_t hops_most;     /* events that may lead to one another; 0: LIMIT_EVENT_HOPS */
};

MUST_CHECK enum capsule_status dispatch_new(
	struct dispatch **out, const struct dispatch_options *options, struct capsule_error *err);
void dispatch_free(struct dispatch *dispatch);

/* ---- Members ---- */

struct member_options {
	const char *id;                  /* borrowed, as are the next two */
	const struct manifest *manifest; /* its interceptors */
	struct composite *composite;     /* borrowed until member_free() */
	struct inbox_budget budget;
	struct rate_limits rate;
};

/** A capsule that can publish and subscribe from now on; its interceptors are not called before member_ready(). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status member_new(struct member **out, struct dispatch *dispatch,
	const struct member_options *options, struct capsule_error *err);

/** Its subscriptions, for its host functions. */
struct subscriptions *member_subscriptions(struct member *member);

/** It runs a loop: its interceptors become subscriptions, at once. Before member_ready(). Errors: CAPSULE_EMANIFEST (more than 64; one that
 *  decides), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status member_loops(struct member *member, struct capsule_error *err);

/** It is ready: its interceptors are called from now on. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status member_ready(struct member *member, struct capsule_error *err);

/** It takes no more events: everything that waits for it ends as OUTCOME_GONE, running interceptors go on. Harmless when repeated. */
void member_stop(struct member *member);

/** Free it (taken; NULL is fine): stopped, and running interceptors ended. */
void member_free(struct member *member);

/* ---- Publishing ---- */

struct publication {
	struct member *publisher; /* NULL: the runtime or its embedder */
	struct origin origin;     /* of who asks; the host's stamp is put on it */
	const char *source;       /* a static text, for the metadata */
	struct span topic;        /* valid, at most 256 bytes */
	const struct payload *payload;
	/* Started by dispatch_publish() when the publisher has to wait, ended when there is room for everything; NULL: it can't wait. */
	struct op *op;
	op_done_fn done;
	void *op_user;
};

/** Publish an IPC message. `*matches` (may be NULL): receivers. The event is accepted when this returns CAPSULE_OK. Errors: CAPSULE_ELIMIT (an
 *  inbox of `on_full = "fail"` is full, or one that could never take it; too many hops), CAPSULE_ESTATE (the publisher would wait for
 *  itself: the way is named), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status dispatch_publish(
	struct dispatch *dispatch, const struct publication *publication, uint32_t *matches, struct capsule_error *err);

/** Whether a lifecycle event of `type` has a receiver now: a comparison, unless interceptors came or went. */
bool dispatch_wanted(struct dispatch *dispatch, enum event_type type);

/** Publish a lifecycle event, when it is wanted. Never waits; a failure is logged. */
void dispatch_lifecycle(
	struct dispatch *dispatch, enum event_type type, const struct event_value *values, size_t count);

#endif
