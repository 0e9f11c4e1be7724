/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who gets an event and what comes of it: interceptors of capsules called in order, those that decide before all others;
 * answers collected for hooks; who waits for whom; what is told of losses and failures. All functions: loop thread. */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "bus/bus.h"
#include "bus/rate.h"
#include "bus/subscription.h"
#include "composite/composite.h"
#include "dispatch/stats.h"

struct dispatch;
struct listener;
struct member; /* a capsule that takes part */

/* What others want to know; each may be NULL. They must not call into dispatch, except to ask. */
struct dispatch_hooks {
	void *user;
	/* As bus_hooks. `member` is NULL for a listener; `label` is the action or the pattern. */
	void (*outcome)(void *user, struct event *event, const struct member *member, const char *label,
		enum event_outcome outcome);
	void (*settled)(void *user, struct event *event);
	/* An interceptor vetoed `event`, or put another payload in place, which `event` has now. */
	void (*decided)(void *user, const struct event *event, const struct member *member, const char *action,
		bool vetoed, const char *reason);
};

struct dispatch_options {
	struct loop *loop;
	const struct log_sink *log;
	uint64_t lag_notice_ms; /* between two notices of losses; 0: LIMIT_LAG_NOTICE_MS */
	uint64_t chain_ms;      /* that all interceptors which decide about one event may take; 0: LIMIT_CHAIN_MS */
	uint64_t hook_ms;       /* that a hook waits for its answers; 0: LIMIT_HOOK_MS */
	uint32_t hops_most;     /* events that may lead to one another; 0: LIMIT_EVENT_HOPS */
	/* All entries of an event with a ticket have their outcome; an interceptor decided, as dispatch_hooks has it. Must
	 * not call into dispatch. May be NULL. */
	void (*ended)(void *user, struct event *event);
	void (*decided)(void *user, const struct event *event, const struct member *member, const char *action,
		bool vetoed, const char *reason);
	void *user;
};

/** Free it with dispatch_free(), when its members and listeners are. Errors: CAPSULE_ENOMEM, CAPSULE_EIO (no random
 *  bytes). */
MUST_CHECK enum capsule_status dispatch_new(
	struct dispatch **out, const struct dispatch_options *options, struct capsule_error *err);
void dispatch_free(struct dispatch *dispatch);

/** Stop all members and cancel what they do: nobody waits for it. */
void dispatch_abort(struct dispatch *dispatch);

/** Tell `hooks` (copied; NULL: nobody) what happens from now on. */
void dispatch_watch(struct dispatch *dispatch, const struct dispatch_hooks *hooks);

/** The books of all inboxes together. */
const struct bus_counts *dispatch_counts(const struct dispatch *dispatch);

/** A number that changes when somebody who gets events comes or goes, never 0. */
uint64_t dispatch_generation(const struct dispatch *dispatch);

/** A number for a call, given once. */
uint64_t dispatch_call_id(struct dispatch *dispatch);

/* ---- Members ---- */

struct member_options {
	const char *id;                  /* borrowed, as are the next two */
	const struct manifest *manifest; /* its interceptors */
	struct composite *composite;     /* who is called; borrowed until member_free() */
	struct inbox_budget budget;
	struct rate_limits rate;
	/* A call of an interceptor has ended well. True: `op` is pending again with its result, and `done` will run;
	 * false: there is nothing to wait for. May be NULL. */
	bool (*after_call)(void *user, struct op *op, op_done_fn done, void *done_user);
	void *user;
};

/** A capsule that can publish and subscribe from now on; its interceptors are not called before member_ready(). Errors:
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status member_new(struct member **out, struct dispatch *dispatch,
	const struct member_options *options, struct capsule_error *err);

const char *member_id(const struct member *member);

/** What its host functions use; live as long as it does. */
struct subscriptions *member_subscriptions(struct member *member);
struct rate *member_rate(struct member *member);

/** A load begins whose session is `session`: what it publishes comes from there. */
void member_session(struct member *member, const struct uuid *session);

/** It runs a loop: its interceptors become subscriptions, at once. Before member_ready(). Errors: CAPSULE_EMANIFEST (more
 *  than 64), CAPSULE_EINVAL (an event that is no pattern), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status member_loops(struct member *member, struct capsule_error *err);

/** It is ready: its interceptors are called from now on. Harmless when it is already. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status member_ready(struct member *member, struct capsule_error *err);

/** It takes no more events until it is loaded again: everything that waits for it ends as OUTCOME_GONE, its subscriptions
 *  end, running interceptors go on. Harmless when repeated. */
void member_stop(struct member *member);

/** Free it (taken; NULL is fine). Its running interceptors must have ended, as they have when its engines are unloaded;
 *  what follows a call (`after_call`) is not waited for any more. */
void member_free(struct member *member);

/** Call `found` for each tool request that an interceptor handles now, with its `call_id` and the number of the call that
 *  handles it. It must not call into dispatch. */
void dispatch_each_request(
	struct dispatch *dispatch, void (*found)(void *user, struct span call_id, uint64_t call), void *user);

/** Append what it did with events, one JSON object. Returns false as buffer_append() does. */
bool member_append_stats(const struct member *member, struct buffer *out);

/* ---- Publishing ---- */

/* What came of asking those who decide: `denied` says why not, NULL when `event` may go on as it is now. From a turn,
 * once, unless the dispatch is freed before. */
typedef void (*decided_fn)(void *user, const struct event *event, const char *denied);

struct publication {
	struct member *publisher; /* NULL: the runtime or its embedder */
	struct origin origin;     /* of who asks; the host's stamp is put on it */
	const char *source;       /* a static text, for the metadata */
	struct span topic;        /* valid, at most LIMIT_TOPIC bytes */
	struct payload *payload;  /* opened; its forms are made when somebody gets it */
	void *ticket;
	/* Whether receivers with on_full = "block" or "fail" get their way; else they lose what does not fit. `op`, when
	 * there is one, is started when the publisher has to wait and ended when there is room for everything. */
	bool may_wait;
	struct op *op;
	op_done_fn done;
	void *op_user;
	/* Called when there is somebody who decides (`asks` is set then); NULL: the publisher does not want to know. */
	decided_fn decided;
	void *decided_user;
	bool asks;        /* out */
	uint32_t matches; /* out: receivers that it is for */
};

/** Publish an IPC message: accepted when this returns CAPSULE_OK. Errors: CAPSULE_ELIMIT (an inbox of `on_full = "fail"`
 *  is full or could never take it; it may wait, has no `op`, and LIMIT_WAITING_PUBLICATIONS or LIMIT_WAITING_BYTES of
 *  such wait already; too many hops), CAPSULE_ESTATE (the publisher would wait for itself: the way is
 *  named), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status dispatch_publish(
	struct dispatch *dispatch, struct publication *publication, struct capsule_error *err);

/** Whether a message under `topic` would reach anybody now. */
bool dispatch_reaches(struct dispatch *dispatch, struct span topic);

/** Whether somebody would be asked about it before anybody gets it. */
bool dispatch_asks(struct dispatch *dispatch, struct span topic);

/** Whether a lifecycle event of `type` has a receiver now, or somebody watches: a comparison, unless receivers came or
 *  went. */
bool dispatch_wanted(struct dispatch *dispatch, enum event_type type);

/** Publish a lifecycle event of the runtime, when it is wanted. Never waits; a failure is logged. */
void dispatch_lifecycle(
	struct dispatch *dispatch, enum event_type type, const struct event_value *values, size_t count);

/** The same, and have options.ended told of its end, as of an event with `ticket`. False: there is none, since nobody wants
 *  it or it failed. */
bool dispatch_lifecycle_to_end(
	struct dispatch *dispatch, enum event_type type, const struct event_value *values, size_t count, void *ticket);

/** Publish `json` (one value) under `topic` as a message of the runtime itself, for nobody in particular. Likewise. */
void dispatch_announce(struct dispatch *dispatch, struct span topic, struct span json);

/* ---- Listeners: receivers that are no capsules ---- */

struct listener_options {
	struct span pattern; /* copied; a last `*` stands for one segment or more */
	bool lifecycle;      /* lifecycle events too */
	struct inbox_budget budget;
	enum on_full on_full;
	/* One event, from a turn; `lost` is how many were dropped right before it. May free the listener, must not free
	 * the dispatch. */
	void (*arrived)(void *user, struct event *event, uint64_t lost);
	void *user;
};

/** Errors: CAPSULE_EINVAL (no valid pattern), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status listener_new(struct listener **out, struct dispatch *dispatch,
	const struct listener_options *options, struct capsule_error *err);

/** Free it (taken; NULL is fine): what it has not got yet ends as OUTCOME_GONE. */
void listener_free(struct listener *listener);

/* ---- Hooks ---- */

/** Call the interceptors of all members but `caller` whose pattern matches `topic` with `payload` (JSON, copied). `op` is
 *  started and ends with a JSON array of what they answered, by capsule id, then in the order of their manifests: those
 *  that fail, answer nothing or no JSON, or have not answered in time are left out, and logged. Who waits for `caller` is
 *  left out as well. op_cancel(op) lets go of them. Errors: CAPSULE_ESTATE (all that match wait for `caller`: the way is
 *  named; it has another hook already), CAPSULE_ELIMIT (eight wait for one another already), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status dispatch_hook(struct member *caller, const struct origin *origin, struct span topic,
	struct span payload, struct op *op, op_done_fn done, void *user, struct capsule_error *err);

#endif
