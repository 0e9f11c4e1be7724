/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Publishing: who would get it, whether all can take it, whether somebody is to be asked, and the publisher's wait. */
#include "dispatch/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

const char dispatch_source[] = "runtime";

/* ---- What the bus tells ---- */

static bool is_lost(enum event_outcome outcome)
{
	return outcome == OUTCOME_OVERFLOW || outcome == OUTCOME_TOO_LARGE || outcome == OUTCOME_NO_MEMORY;
}

static void entry_ended(void *user, struct event *event, struct receiver *receiver, enum event_outcome outcome)
{
	struct dispatch *dispatch = user;
	const struct dispatch_hooks *hooks = &dispatch->hooks;

	if (is_lost(outcome))
		notices_lost(dispatch, event);
	/* What was not asked does not decide. A call that ended has told its chain itself. */
	if (receiver->decides && event->chain != NULL && (is_lost(outcome) || outcome == OUTCOME_GONE))
		chain_lost(event->chain, binding_of(receiver), outcome);
	if (hooks->outcome != NULL)
		hooks->outcome(hooks->user, event, member_of(receiver->inbox), receiver->label, outcome);
}

static void event_settled(void *user, struct event *event)
{
	struct dispatch *dispatch = user;

	notices_settled(dispatch, event);
	if (event->ticket != NULL && dispatch->options.ended != NULL)
		dispatch->options.ended(dispatch->options.user, event);
	if (dispatch->hooks.settled != NULL)
		dispatch->hooks.settled(dispatch->hooks.user, event);
}

/* The publisher's wait is over, one way or another. */
static struct op *unblock(struct event *event)
{
	struct op *op = event->waiter;

	event->waiter = NULL;
	if (event->publisher != NULL && event->publisher->blocked == event)
		event->publisher->blocked = NULL;
	event->publisher = NULL;
	return op;
}

static void has_room(void *user, struct event *event)
{
	struct dispatch *dispatch = user;
	struct op *op = unblock(event);

	if (event->alone) {
		event->alone = false;
		dispatch->alone_count--;
		dispatch->alone_bytes -= event->charge;
	}
	if (op == NULL)
		return;
	op_finish(op);
	event_release(event); /* an entry has one as well */
}

/* ---- Life ---- */

enum capsule_status dispatch_new(
	struct dispatch **out, const struct dispatch_options *options, struct capsule_error *err)
{
	struct dispatch *dispatch = calloc(1, sizeof *dispatch);
	const struct bus_hooks hooks = {
		.user = dispatch, .outcome = entry_ended, .settled = event_settled, .room = has_room
	};
	enum capsule_status status;

	if (dispatch == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the dispatcher of events");
	status = bus_new(&dispatch->bus, &hooks, err);
	if (status != CAPSULE_OK) {
		free(dispatch);
		return status;
	}
	dispatch->loop = options->loop;
	dispatch->log = options->log;
	dispatch->options = *options;
	if (dispatch->options.lag_notice_ms == 0)
		dispatch->options.lag_notice_ms = LIMIT_LAG_NOTICE_MS;
	if (dispatch->options.chain_ms == 0)
		dispatch->options.chain_ms = LIMIT_CHAIN_MS;
	if (dispatch->options.hook_ms == 0)
		dispatch->options.hook_ms = LIMIT_HOOK_MS;
	if (dispatch->options.hops_most == 0)
		dispatch->options.hops_most = LIMIT_EVENT_HOPS;
	list_init(&dispatch->members);
	list_init(&dispatch->listeners);
	list_init(&dispatch->chains);
	list_init(&dispatch->spare);
	notices_init(dispatch);
	*out = dispatch;
	return CAPSULE_OK;
}

void dispatch_free(struct dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	assert(list_empty(&dispatch->members) && list_empty(&dispatch->listeners));
	/* Nobody whom they could ask is left, and no turn in which they would find out. */
	while (!list_empty(&dispatch->chains))
		chain_free(LIST_ENTRY(dispatch->chains.next, struct chain, link));
	notices_fini(dispatch);
	deliveries_fini(dispatch);
	bus_free(dispatch->bus);
	free(dispatch);
}

void dispatch_watch(struct dispatch *dispatch, const struct dispatch_hooks *hooks)
{
	dispatch->hooks = hooks != NULL ? *hooks : (struct dispatch_hooks){ 0 };
}

const struct bus_counts *dispatch_counts(const struct dispatch *dispatch)
{
	return bus_counts(dispatch->bus);
}

uint64_t dispatch_call_id(struct dispatch *dispatch)
{
	return ++dispatch->next_call_id;
}

uint64_t dispatch_generation(const struct dispatch *dispatch)
{
	return bus_generation(dispatch->bus);
}

/* ---- Whether it can be accepted ---- */

static enum capsule_status full(const struct receiver *receiver, const struct event *event, struct capsule_error *err)
{
	const struct inbox *inbox = receiver->inbox;
	const struct member *member = member_of(inbox);

	return error_set(err, CAPSULE_ELIMIT,
		"the inbox of %s%s%s is full: %" PRIu32 " messages with %" PRIu64 " bytes wait there, at most %" PRIu32
		" with %" PRIu64 " may, and this one has %zu; `%s` says on_full = \"fail\"",
		member != NULL ? "capsule '" : "a listener", member != NULL ? member->id : "",
		member != NULL ? "'" : "", inbox->messages, inbox->bytes, inbox->budget.messages, inbox->budget.bytes,
		event->charge, receiver->label);
}

/* Once for all receivers of one capsule. */
static enum capsule_status check_wait(
	struct dispatch *dispatch, struct member *publisher, const struct receiver *receiver, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer way = { 0 };
	struct member *member = member_of(receiver->inbox);

	if (publisher == NULL || member == NULL || member->waited_mark == dispatch->publications)
		return CAPSULE_OK;
	member->waited_mark = dispatch->publications;
	if (!waits_close(dispatch, publisher, member, true, &way))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ESTATE,
		"the publisher would wait for itself: %.*s; the inbox of '%s' is full and its interceptor `%s` says on_full = "
		"\"block\"",
		SPAN_ARG(buffer_span(&way)), member->id, receiver->label);
}

/* A publisher that nothing holds up could go on without end. */
static enum capsule_status check_alone(const struct dispatch *dispatch, const struct receiver *receiver,
	const struct event *event, struct capsule_error *err)
{
	const struct member *member = member_of(receiver->inbox);

	if (dispatch->alone_count < LIMIT_WAITING_PUBLICATIONS &&
		event->charge <= LIMIT_WAITING_BYTES - dispatch->alone_bytes)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%" PRIu32 " publications with %" PRIu64
		" bytes wait for room already, at most %d with %u may: the inbox of %s%s%s is full and `%s` says on_full = "
		"\"block\"; wait for the end of some of them",
		dispatch->alone_count, dispatch->alone_bytes, LIMIT_WAITING_PUBLICATIONS, LIMIT_WAITING_BYTES,
		member != NULL ? "capsule '" : "a listener", member != NULL ? member->id : "",
		member != NULL ? "'" : "", receiver->label);
}

/* Whether the inbox of `receiver` has room for the event also behind those that get it before; a capsule may have several
 * that match. */
static bool has_place(const struct dispatch *dispatch, const struct receiver *receiver, size_t charge)
{
	const struct inbox *inbox = receiver->inbox;
	struct member *member = member_of(inbox);
	uint32_t before = 0;

	if (member != NULL) {
		if (member->wanted_mark != dispatch->publications)
			member->wanted = 0;
		member->wanted_mark = dispatch->publications;
		before = member->wanted++;
	}
	return inbox_has_room(inbox, charge) && inbox->budget.messages - inbox->messages > before &&
		(inbox->budget.bytes - inbox->bytes) / charge > before;
}

/* Whether `receiver` lets its publisher pass. One who can't wait and is no guest loses what does not fit, which is
 * counted, and so does everybody of whom the inbox can never take it. */
static enum capsule_status check_receiver(struct dispatch *dispatch, const struct publication *publication,
	const struct event *event, const struct receiver *receiver, struct capsule_error *err)
{
	if (has_place(dispatch, receiver, event->charge) || !publication->may_wait)
		return CAPSULE_OK;
	if (receiver->on_full == ON_FULL_FAIL)
		return full(receiver, event, err);
	if (receiver->on_full != ON_FULL_BLOCK || event->charge > receiver->inbox->budget.bytes)
		return CAPSULE_OK;
	if (publication->op == NULL)
		return check_alone(dispatch, receiver, event, err);
	return check_wait(dispatch, publication->publisher, receiver, err);
}

static enum capsule_status check_receivers(struct dispatch *dispatch, const struct publication *publication,
	const struct event *event, const struct bus_matches *matches, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	dispatch->publications++;
	for (size_t i = 0; status == CAPSULE_OK && i < matches->decider_count; i++)
		status = check_receiver(dispatch, publication, event, matches->deciders[i], err);
	for (size_t i = 0; status == CAPSULE_OK && i < matches->other_count; i++)
		status = check_receiver(dispatch, publication, event, matches->others[i], err);
	return status;
}

/* ---- The publisher's wait ---- */

/* It was given up: what is beyond a budget for its sake would be there without anybody who waits. */
static void wait_stopped(struct op *op)
{
	struct event *event = op->producer;

	(void)unblock(event);
	while (!list_empty(&event->over))
		bus_entry_end(LIST_ENTRY(event->over.next, struct bus_entry, over_link), OUTCOME_OVERFLOW);
	event_release(event);
}

static void wait_for_room(struct dispatch *dispatch, const struct publication *publication, struct event *event)
{
	struct op *op = publication->op;

	if (list_empty(&event->over))
		return;
	if (op == NULL) {
		event->alone = true;
		dispatch->alone_count++;
		dispatch->alone_bytes += event->charge;
		return;
	}
	op_start(op, publication->done, publication->op_user, wait_stopped, 0, "publish");
	op->producer = event_hold(event);
	event->waiter = op;
	event->publisher = publication->publisher;
	if (event->publisher != NULL)
		event->publisher->blocked = event;
}

/* ---- Publishing ---- */

static void make_source(
	const struct dispatch *dispatch, const struct publication *publication, struct event_source *source)
{
	const struct clock *clock = loop_clock(dispatch->loop);

	source->origin = publication->origin;
	source->origin.hops++;
	source->origin.chain_len = 0; /* nobody waits for what comes of an event */
	source->origin.deadline_ns = 0;
	if (publication->publisher != NULL)
		source->origin.source = publication->publisher->session;
	source->source = publication->source;
	source->realtime_ns = clock_realtime_ns(clock);
	source->published_ns = clock_monotonic_ns(clock);
}

static enum capsule_status give(struct dispatch *dispatch, struct publication *publication, struct event *event,
	const struct bus_matches *matches, struct capsule_error *err)
{
	struct chain *chain = NULL;
	enum capsule_status status = CAPSULE_OK;

	if (matches->decider_count > 0)
		status = chain_new(&chain, dispatch, event, err);
	if (status != CAPSULE_OK)
		return status;
	publication->asks = chain != NULL;
	event->deciders = (uint32_t)matches->decider_count;
	if (chain != NULL) {
		chain->decided = publication->decided;
		chain->decided_user = publication->decided_user;
	}
	bus_publish(dispatch->bus, event, matches, publication->may_wait, chain != NULL ? &chain->held : NULL);
	if (chain != NULL)
		chain_begin(chain);
	wait_for_room(dispatch, publication, event);
	return CAPSULE_OK;
}

static enum capsule_status check_hops(
	const struct dispatch *dispatch, const struct publication *publication, struct capsule_error *err)
{
	if (publication->origin.hops < dispatch->options.hops_most)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%" PRIu32
		" events led to one another, each published while the one before was handled: `%.*s` would go on "
		"with a loop of publications",
		publication->origin.hops, SPAN_ARG(publication->topic));
}

static enum capsule_status accept(struct dispatch *dispatch, struct publication *publication, struct capsule_error *err)
{
	struct bus_matches matches;
	struct event_source source;
	struct event *event;
	enum capsule_status status = check_hops(dispatch, publication, err);

	if (status != CAPSULE_OK)
		return status;
	bus_match(dispatch->bus, publication->topic, EVENT_IPC, &matches);
	publication->matches = (uint32_t)(matches.decider_count + matches.other_count);
	/* Nobody gets it, nobody watches, nobody waits for an answer: that is its outcome. */
	if (publication->matches == 0 && dispatch->hooks.settled == NULL && publication->ticket == NULL &&
		publication->payload->request == PAYLOAD_NO_REQUEST)
		return CAPSULE_OK;
	make_source(dispatch, publication, &source);
	status = payload_form(publication->payload, err);
	if (status == CAPSULE_OK)
		status = event_new_ipc(&event, &source, publication->topic, publication->payload, err);
	if (status != CAPSULE_OK)
		return status;
	event->ticket = publication->ticket;
	status = check_receivers(dispatch, publication, event, &matches, err);
	if (status == CAPSULE_OK)
		status = give(dispatch, publication, event, &matches, err);
	event_release(event);
	return status;
}

enum capsule_status dispatch_publish(
	struct dispatch *dispatch, struct publication *publication, struct capsule_error *err)
{
	struct member *publisher = publication->publisher;
	enum capsule_status status;

	publication->asks = false;
	publication->matches = 0;
	status = accept(dispatch, publication, err);
	if (publisher != NULL && status == CAPSULE_OK)
		publisher->stats.published++;
	else if (publisher != NULL)
		publisher->stats.refused++;
	return status;
}

bool dispatch_reaches(struct dispatch *dispatch, struct span topic)
{
	struct bus_matches matches;

	bus_match(dispatch->bus, topic, EVENT_IPC, &matches);
	return matches.decider_count + matches.other_count > 0;
}

bool dispatch_asks(struct dispatch *dispatch, struct span topic)
{
	struct bus_matches matches;

	bus_match(dispatch->bus, topic, EVENT_IPC, &matches);
	return matches.decider_count > 0;
}

/* ---- What the runtime publishes ---- */

static_assert(EVENT_TYPES <= 64, "the types that are wanted are bits of one word");

bool dispatch_wanted(struct dispatch *dispatch, enum event_type type)
{
	uint64_t bit = UINT64_C(1) << type, now = bus_generation(dispatch->bus);
	struct bus_matches matches;

	if (dispatch->hooks.settled != NULL)
		return true;
	if (dispatch->known_at != now) {
		dispatch->known_at = now;
		dispatch->known = dispatch->wanted = 0;
	}
	if ((dispatch->known & bit) == 0) {
		bus_match(dispatch->bus, span_text(event_type_topic(type)), type, &matches);
		dispatch->known |= bit;
		if (matches.decider_count + matches.other_count > 0)
			dispatch->wanted |= bit;
	}
	return (dispatch->wanted & bit) != 0;
}

static void log_unpublished(const struct dispatch *dispatch, struct span topic, const struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)buffer_printf(&text, "`%.*s` was not published: %s", SPAN_ARG(topic), err->text);
	log_write(dispatch->log, CAPSULE_LOG_WARN, NULL, buffer_span(&text));
}

/* Those who decide are no more than observers of what has happened: nobody can veto it. */
static void give_fact(struct dispatch *dispatch, struct event *event)
{
	struct bus_matches matches;

	bus_match(dispatch->bus, event->topic, event->type, &matches);
	bus_publish(dispatch->bus, event, &matches, false, NULL);
	event_release(event);
}

bool dispatch_lifecycle_to_end(
	struct dispatch *dispatch, enum event_type type, const struct event_value *values, size_t count, void *ticket)
{
	struct publication publication = { .source = dispatch_source };
	struct event_source source;
	struct capsule_error err;
	struct event *event;

	if (!dispatch_wanted(dispatch, type))
		return false;
	origin_init(&publication.origin);
	make_source(dispatch, &publication, &source);
	if (event_new_lifecycle(&event, &source, type, values, count, &err) != CAPSULE_OK) {
		log_unpublished(dispatch, span_text(event_type_topic(type)), &err);
		return false;
	}
	event->ticket = ticket;
	give_fact(dispatch, event);
	return true;
}

void dispatch_lifecycle(struct dispatch *dispatch, enum event_type type, const struct event_value *values, size_t count)
{
	(void)dispatch_lifecycle_to_end(dispatch, type, values, count, NULL);
}

void dispatch_tell(struct dispatch *dispatch, const struct origin *origin, struct span topic, struct span json)
{
	struct publication publication = { .source = dispatch_source, .topic = topic, .origin = *origin };
	struct payload payload = { 0 };
	struct capsule_error err;
	enum capsule_status status = payload_read(&payload, json, &err);

	publication.payload = &payload;
	payload.request = PAYLOAD_NO_REQUEST; /* what tells of a missed request asks for no answer itself */
	if (status == CAPSULE_OK)
		status = dispatch_publish(dispatch, &publication, &err);
	if (status != CAPSULE_OK)
		log_unpublished(dispatch, topic, &err);
	payload_fini(&payload);
}

void dispatch_announce(struct dispatch *dispatch, struct span topic, struct span json)
{
	struct origin origin;

	origin_init(&origin);
	dispatch_tell(dispatch, &origin, topic, json);
}
