/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public side of events: publications, subscriptions, what is told of all of them. */
#include "runtime/events.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/topic.h"
#include "runtime/internal.h"
#include "runtime/options.h"
#include "runtime/takedown.h"
#include <capsule/event.h>

#include <inttypes.h>

struct capsule_subscription {
	struct capsule_runtime *runtime;
	struct list_node link;
	struct listener *listener;
	capsule_event_fn arrived;
	void *user;
};

/* A public event, and what it points to. */
struct shown {
	struct capsule_event event;
	char source_id[UUID_TEXT_LEN + 1];
};

static_assert((int)CAPSULE_OUTCOME_DELIVERED == (int)OUTCOME_DELIVERED &&
		(int)CAPSULE_OUTCOME_FAILED == (int)OUTCOME_FAILED &&
		(int)CAPSULE_OUTCOME_VETOED == (int)OUTCOME_VETOED &&
		(int)CAPSULE_OUTCOME_OVERFLOW == (int)OUTCOME_OVERFLOW &&
		(int)CAPSULE_OUTCOME_TOO_LARGE == (int)OUTCOME_TOO_LARGE &&
		(int)CAPSULE_OUTCOME_GONE == (int)OUTCOME_GONE &&
		(int)CAPSULE_OUTCOME_NO_MEMORY == (int)OUTCOME_NO_MEMORY && CAPSULE_OUTCOME_NO_MEMORY + 1 == OUTCOMES,
	"the public outcomes are those of the bus");

const char *capsule_outcome_name(enum capsule_outcome outcome)
{
	static const char *const names[] = { "delivered", "failed", "vetoed", "overflow", "too large", "gone",
		"no memory" };

	return (unsigned)outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}

static void show(const struct capsule_runtime *runtime, const struct event *event, struct shown *out)
{
	static const struct uuid nobody;
	const struct event *books = event->first != NULL ? event->first : event;
	bool from_capsule = memcmp(&event->origin.source, &nobody, sizeof nobody) != 0;

	/* What capsules did not publish has a source of zeroes, and is most of what a program tells itself. */
	if (from_capsule)
		uuid_format(&event->origin.source, out->source_id);
	out->event = (struct capsule_event){ .number = books->sequence,
		.type = event_type_name(event->type),
		.topic = (const char *)event->topic.data,
		.topic_len = event->topic.len,
		.payload = (const char *)event->payload.data,
		.payload_len = event->payload.len,
		.capsule = from_capsule ? registry_find_session(&runtime->registry, &event->origin.source) : NULL,
		.source_id = from_capsule ? out->source_id : "00000000-0000-0000-0000-000000000000",
		.source = event->source,
		.realtime_ns = event->realtime_ns };
}

/* ---- Life ---- */

static void ticket_ended(void *user, struct event *event);

/* dispatch_options.decided: whoever audits sees every veto and every rewrite. */
static void audit_decision(void *user, const struct event *event, const struct member *member, const char *action,
	bool vetoed, const char *reason)
{
	struct capsule_runtime *runtime = user;
	HOLD(buffer_fini) struct buffer topic = { 0 }, line = { 0 };
	struct capsule_audit_record record = { .capsule = member_id(member),
		.principal = event->origin.principal,
		.operation = vetoed ? "veto" : "rewrite",
		.reason = reason,
		.key = "interceptor" };

	(void)buffer_printf(&line, "interceptor `%s` %s `%.*s`%s%s", action, vetoed ? "denied" : "rewrote",
		SPAN_ARG(event->topic), reason[0] != '\0' ? ": " : "", reason);
	log_write(&runtime->log, CAPSULE_LOG_INFO, record.capsule, buffer_span(&line));
	if (runtime->audit == NULL)
		return;
	(void)buffer_append_span(&topic, event->topic);
	record.operand = buffer_text(&topic);
	if (record.operand == NULL)
		record.operand = "(no memory for the text)";
	runtime_enter_embedder(runtime);
	runtime->audit(runtime->audit_user, &record);
	runtime_leave_embedder(runtime);
}

static enum capsule_status check_inbox(const struct capsule_runtime_options *options, struct capsule_error *err)
{
	if (options->inbox_messages > UINT32_MAX)
		return error_set(err, CAPSULE_EINVAL, "inbox_messages is %" PRIu64 ", %" PRIu32 " is the most",
			options->inbox_messages, UINT32_MAX);
	return CAPSULE_OK;
}

enum capsule_status events_open(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	const struct dispatch_options dispatch = { .loop = runtime->loop,
		.log = &runtime->log,
		.chain_ms = options->chain_ms,
		.hook_ms = options->hook_ms,
		.lag_notice_ms = options->lag_notice_ms,
		.ended = ticket_ended,
		.decided = audit_decision,
		.user = runtime };
	enum capsule_status status = check_inbox(options, err);

	if (status != CAPSULE_OK)
		return status;
	runtime->inbox = (struct inbox_budget){ (uint32_t)options->inbox_messages, options->inbox_bytes };
	runtime->publish_rate = (struct rate_limits){ options->publish_bytes_per_s, options->publish_messages_per_s };
	return dispatch_new(&runtime->dispatch, &dispatch, err);
}

void events_end_subscriptions(struct capsule_runtime *runtime)
{
	while (!list_empty(&runtime->subscriptions))
		capsule_unsubscribe(LIST_ENTRY(runtime->subscriptions.next, struct capsule_subscription, link));
}

void events_close(struct capsule_runtime *runtime)
{
	listener_free(runtime->cancels);
	runtime->cancels = NULL;
	dispatch_free(runtime->dispatch);
	tool_watches_free(runtime);
	runtime->dispatch = NULL;
	buffer_fini(&runtime->event_stats);
	payload_fini(&runtime->payload);
}

/* ---- Publishing ---- */

static enum capsule_status check_topic(struct span topic, struct capsule_error *err)
{
	if (topic.len > LIMIT_TOPIC)
		return error_set(
			err, CAPSULE_EINVAL, "the topic has %zu bytes, %d are the most", topic.len, LIMIT_TOPIC);
	if (!text_is_utf8(topic) || memchr(topic.data, 0, topic.len) != NULL)
		return error_set(err, CAPSULE_EINVAL, "the topic is not valid UTF-8");
	if (!topic_valid(topic))
		return error_set(err, CAPSULE_EINVAL, "the topic `%.*s` has empty segments", SPAN_ARG(topic));
	if (span_starts(topic, span_text(TOPIC_LIFECYCLE)))
		return error_set(
			err, CAPSULE_EINVAL, "topics that begin with " TOPIC_LIFECYCLE " are of the runtime alone");
	return CAPSULE_OK;
}

/* What an event has of the operation that waits for its end; the event may live longer. */
struct ticket {
	struct capsule_op *op; /* NULL: nobody waits any more */
};

static void publish_stopped(struct op *op)
{
	struct ticket *ticket = op->producer;

	ticket->op = NULL;
}

/* An operation for the end of the event, or none: that is what `out` asks for. */
static enum capsule_status publish_op(struct capsule_runtime *runtime, capsule_done_fn done, void *user,
	struct capsule_op **out, struct publication *publication, struct capsule_error *err)
{
	struct ticket *ticket;
	struct capsule_op *op;

	if (out == NULL)
		return CAPSULE_OK;
	ticket = calloc(1, sizeof *ticket);
	if (ticket == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a publication");
	op = operation_new(runtime, OPERATION_PUBLISH, done, user, err);
	if (op == NULL) {
		free(ticket);
		return CAPSULE_ENOMEM;
	}
	ticket->op = op;
	op_start(&op->call.op, operation_done, op, publish_stopped, 0, "publish");
	op->call.op.producer = ticket;
	publication->ticket = ticket;
	publication->may_wait = true;
	*out = op;
	return CAPSULE_OK;
}

static void publish_failed(struct capsule_op **out, struct ticket *ticket)
{
	if (out == NULL)
		return;
	free(ticket);
	(*out)->call.op.stop = NULL;
	op_fini(&(*out)->call.op);
	operation_discard(*out);
	*out = NULL;
}

enum capsule_status capsule_publish(struct capsule_runtime *runtime, const char *topic, const char *payload, size_t len,
	capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	struct capsule_error local;
	struct publication publication = { .source = "embedder" };
	enum capsule_status status;

	if (err == NULL)
		err = &local;
	status = runtime_enter(runtime, runtime, "capsule_publish", err);
	if (status != CAPSULE_OK || runtime == NULL)
		return status;
	if (topic == NULL || (payload == NULL && len > 0))
		return error_set(
			err, CAPSULE_EINVAL, "capsule_publish(): no %s is given", topic == NULL ? "topic" : "payload");
	if (len > LIMIT_PUBLISH)
		return error_set(err, CAPSULE_ELIMIT, "the payload has %zu bytes, %u are the most", len, LIMIT_PUBLISH);
	publication.topic = span_text(topic);
	status = check_topic(publication.topic, err);
	if (status == CAPSULE_OK)
		status = payload_open(&runtime->payload, span_of(payload, len), err);
	if (status == CAPSULE_OK)
		status = publish_op(runtime, done, user, out, &publication, err);
	if (status == CAPSULE_OK) {
		runtime_origin(runtime, &publication.origin);
		publication.payload = &runtime->payload;
		status = dispatch_publish(runtime->dispatch, &publication, err);
		if (status != CAPSULE_OK)
			publish_failed(out, publication.ticket);
	}
	if (len > LIMIT_INLINE_WORK)
		payload_fini(
			&runtime->payload); /* room for ordinary ones is kept, not for the largest that ever came */
	return status;
}

/* dispatch_options.ended */
static void ticket_ended(void *user, struct event *event)
{
	struct capsule_runtime *runtime = user;
	HOLD(free_drop) struct ticket *ticket = NULL;
	struct capsule_op *op;

	if (event->ticket == &runtime->takedown) {
		event->ticket = NULL;
		takedown_release(runtime);
		return;
	}
	ticket = event->ticket;
	event->ticket = NULL;
	op = ticket->op;
	if (op == NULL)
		return;
	(void)buffer_printf(&op->call.op.result,
		"{\"matched\":%" PRIu32 ",\"delivered\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"vetoed\":%" PRIu32
		",\"dropped\":%" PRIu32 "}",
		event->matches, event->taken, event->failed, event->vetoed,
		event->matches - event->taken - event->failed - event->vetoed);
	op_finish(&op->call.op);
}

/* ---- Subscriptions ---- */

static void listener_arrived(void *user, struct event *event, uint64_t lost)
{
	struct capsule_subscription *subscription = user;
	struct shown shown;

	show(subscription->runtime, event, &shown);
	subscription->arrived(subscription->user, &shown.event, lost);
}

static enum capsule_status take_subscribe_options(
	struct capsule_subscribe_options *out, const struct capsule_subscribe_options *given, struct capsule_error *err)
{
	static const struct options_kind kind = { .type = "struct capsule_subscribe_options",
		.size = sizeof *out,
		.first = sizeof *out,
		.alignment = _Alignof(struct capsule_subscribe_options) };

	*out = (struct capsule_subscribe_options){ 0 };
	return given != NULL ? options_take(out, &kind, given, err) : CAPSULE_OK;
}

enum capsule_status capsule_subscribe(struct capsule_runtime *runtime, const char *pattern,
	const struct capsule_subscribe_options *options, capsule_event_fn arrived, void *user,
	struct capsule_subscription **out, struct capsule_error *err)
{
	struct capsule_error local;
	struct capsule_subscribe_options taken;
	struct capsule_subscription *subscription;
	struct listener_options listener = { .arrived = listener_arrived };
	enum capsule_status status;

	if (err == NULL)
		err = &local;
	status = runtime_enter(runtime, out, "capsule_subscribe", err);
	if (status != CAPSULE_OK || runtime == NULL)
		return status;
	if (pattern == NULL || arrived == NULL)
		return error_set(err, CAPSULE_EINVAL, "capsule_subscribe(): no %s is given",
			pattern == NULL ? "pattern" : "function");
	status = take_subscribe_options(&taken, options, err);
	if (status != CAPSULE_OK)
		return status;
	subscription = calloc(1, sizeof *subscription);
	if (subscription == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a subscription");
	*subscription = (struct capsule_subscription){ .runtime = runtime, .arrived = arrived, .user = user };
	listener.pattern = span_text(pattern);
	listener.lifecycle = taken.lifecycle;
	listener.budget = (struct inbox_budget){ taken.inbox_messages, taken.inbox_bytes };
	listener.user = subscription;
	status = listener_new(&subscription->listener, runtime->dispatch, &listener, err);
	if (status != CAPSULE_OK) {
		free(subscription);
		return status;
	}
	list_append(&runtime->subscriptions, &subscription->link);
	*out = subscription;
	return CAPSULE_OK;
}

void capsule_unsubscribe(struct capsule_subscription *subscription)
{
	if (subscription == NULL || !runtime_usable(subscription->runtime))
		return;
	listener_free(subscription->listener);
	list_remove(&subscription->link);
	free(subscription);
}

/* ---- What is told ---- */

static void tell(struct capsule_runtime *runtime, struct capsule_event_notice *notice, const struct event *event)
{
	struct shown shown;

	show(runtime, event, &shown);
	notice->event = &shown.event;
	runtime_enter_embedder(runtime);
	runtime->told(runtime->told_user, notice);
	runtime_leave_embedder(runtime);
	notice->event = NULL;
}

static void told_outcome(
	void *user, struct event *event, const struct member *member, const char *label, enum event_outcome outcome)
{
	struct capsule_event_notice notice = { .kind = CAPSULE_EVENT_OUTCOME,
		.capsule = member != NULL ? member_id(member) : NULL,
		.action = label,
		.outcome = (enum capsule_outcome)outcome };

	tell(user, &notice, event);
}

static void told_decided(void *user, const struct event *event, const struct member *member, const char *action,
	bool vetoed, const char *reason)
{
	struct capsule_event_notice notice = { .kind = CAPSULE_EVENT_DECIDED,
		.capsule = member_id(member),
		.action = action,
		.vetoed = vetoed,
		.reason = reason };

	tell(user, &notice, event);
}

static void told_settled(void *user, struct event *event)
{
	struct capsule_event_notice notice = { .kind = CAPSULE_EVENT_SETTLED, .matched = event->matches };

	tell(user, &notice, event);
}

void capsule_watch_events(struct capsule_runtime *runtime, capsule_event_notice_fn told, void *user)
{
	const struct dispatch_hooks hooks = {
		.user = runtime, .outcome = told_outcome, .settled = told_settled, .decided = told_decided
	};

	if (runtime == NULL || !runtime_usable(runtime))
		return;
	runtime->told = told;
	runtime->told_user = user;
	dispatch_watch(runtime->dispatch, told != NULL ? &hooks : NULL);
}

const char *capsule_event_stats_json(struct capsule_runtime *runtime)
{
	struct buffer *out;
	const struct bus_counts *counts;
	const uint64_t *ended;
	bool first = true;

	if (runtime == NULL || !runtime_usable(runtime))
		return NULL;
	out = &runtime->event_stats;
	counts = dispatch_counts(runtime->dispatch);
	ended = counts->outcomes;
	buffer_clear(out);
	(void)buffer_printf(out,
		"{\"matched\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"vetoed\":%" PRIu64,
		counts->matched, ended[OUTCOME_DELIVERED], ended[OUTCOME_FAILED], ended[OUTCOME_VETOED]);
	(void)buffer_printf(out,
		",\"dropped\":{\"overflow\":%" PRIu64 ",\"too_large\":%" PRIu64 ",\"gone\":%" PRIu64
		",\"no_memory\":%" PRIu64 "},\"pending\":%" PRIu64 ",\"capsules\":[",
		ended[OUTCOME_OVERFLOW], ended[OUTCOME_TOO_LARGE], ended[OUTCOME_GONE], ended[OUTCOME_NO_MEMORY],
		counts->pending);
	LIST_EACH (node, &runtime->capsules) {
		const struct capsule *capsule = LIST_ENTRY(node, const struct capsule, link);

		if (capsule->member == NULL)
			continue;
		(void)(first || buffer_append_byte(out, ','));
		first = false;
		(void)member_append_stats(capsule->member, out);
	}
	(void)buffer_append_text(out, "]}");
	return buffer_text(out);
}
