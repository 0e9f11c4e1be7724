/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule that takes part: its inbox, its interceptors, its subscriptions. */
#include "dispatch/internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

static const enum on_full on_full_of[] = {
	[INTERCEPTOR_DROPS_OLDEST] = ON_FULL_DROP_OLDEST,
	[INTERCEPTOR_BLOCKS] = ON_FULL_BLOCK,
	[INTERCEPTOR_FAILS] = ON_FULL_FAIL,
};

struct binding *binding_of(struct receiver *receiver)
{
	return LIST_ENTRY(receiver, struct binding, receiver);
}

struct member *member_of(const struct inbox *inbox)
{
	return inbox->owner;
}

bool receiver_is_binding(const struct receiver *receiver)
{
	const struct member *member = member_of(receiver->inbox);

	return member != NULL && receiver->lane == &member->calls;
}

static void calls_woke(struct lane *lane)
{
	struct member *member = LIST_ENTRY(lane, struct member, calls);

	loop_ready(member->dispatch->loop, &member->pump, false);
}

enum capsule_status member_new(
	struct member **out, struct dispatch *dispatch, const struct member_options *options, struct capsule_error *err)
{
	struct member *member = calloc(1, sizeof *member);

	if (member == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the events of a capsule");
	member->dispatch = dispatch;
	member->number = ++dispatch->next_number;
	member->id = options->id;
	member->manifest = options->manifest;
	member->composite = options->composite;
	member->after_call = options->after_call;
	member->user = options->user;
	member->pump.run = member_pump;
	list_init(&member->pump.link);
	list_init(&member->running);
	list_init(&member->hook_calls);
	inbox_init(&member->inbox, dispatch->bus, &options->budget, member);
	lane_init(&member->calls, &member->inbox, calls_woke);
	subscriptions_init(&member->subscriptions, &member->inbox);
	rate_init(&member->rate, &options->rate, loop_now(dispatch->loop));
	list_append(&dispatch->members, &member->link);
	*out = member;
	return CAPSULE_OK;
}

const char *member_id(const struct member *member)
{
	return member->id;
}

struct subscriptions *member_subscriptions(struct member *member)
{
	return &member->subscriptions;
}

struct rate *member_rate(struct member *member)
{
	return &member->rate;
}

void member_session(struct member *member, const struct uuid *session)
{
	member->session = *session;
}

/* ---- Coming and going ---- */

enum capsule_status member_loops(struct member *member, struct capsule_error *err)
{
	const struct manifest *manifest = member->manifest;

	if (manifest->interceptors.count > LIMIT_LOOP_INTERCEPTORS)
		return error_set(err, CAPSULE_EMANIFEST,
			"a capsule with a run loop may declare %d [[interceptor]] entries, this one has %zu",
			LIMIT_LOOP_INTERCEPTORS, manifest->interceptors.count);
	for (size_t i = 0; i < manifest->interceptors.count; i++) {
		const struct manifest_interceptor *interceptor = &manifest->interceptors.items[i];
		enum capsule_status status = subscriptions_add_interceptor(&member->subscriptions, interceptor->event,
			interceptor->action, on_full_of[interceptor->on_full], err);

		if (status != CAPSULE_OK) {
			subscriptions_close(&member->subscriptions);
			return error_in(err, "interceptor `%.128s`", interceptor->action);
		}
	}
	member->loops = true;
	return CAPSULE_OK;
}

/* An event that is no pattern matches nothing; the manifest's checks tell it. */
static enum capsule_status bind(struct binding *binding, struct capsule_error *err)
{
	const struct manifest_interceptor *interceptor = binding->interceptor;
	enum capsule_status status;

	/* Calls from before a stop may still run, and look at where they came from. */
	binding->receiver = (struct receiver){ .inbox = &binding->member->inbox,
		.lane = &binding->member->calls,
		.on_full = on_full_of[interceptor->on_full],
		.events = RECEIVES_EVERYTHING,
		.decides = interceptor->mode != INTERCEPTOR_OBSERVES,
		.priority = (int32_t)interceptor->priority,
		.label = interceptor->action,
		.owner = binding };
	status = receiver_add(
		&binding->receiver, &binding->member->calls, span_text(interceptor->event), TOPIC_TAIL_ONE, err);
	return status == CAPSULE_EINVAL ? CAPSULE_OK : status;
}

enum capsule_status member_ready(struct member *member, struct capsule_error *err)
{
	const struct manifest *manifest = member->manifest;
	size_t count = member->loops ? 0 : manifest->interceptors.count;
	enum capsule_status status = CAPSULE_OK;

	if (member->ready)
		return CAPSULE_OK;
	if (count > 0 && member->bindings == NULL)
		member->bindings = calloc(count, sizeof *member->bindings);
	if (count > 0 && member->bindings == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the interceptors of capsule '%s'", member->id);
	member->calls.wake = calls_woke;
	member->ready = true;
	for (size_t i = 0; status == CAPSULE_OK && i < count; i++) {
		member->bindings[i].member = member;
		member->bindings[i].interceptor = &manifest->interceptors.items[i];
		status = bind(&member->bindings[i], err);
	}
	if (status != CAPSULE_OK)
		member_stop(member);
	return status;
}

void member_stop(struct member *member)
{
	member->ready = false;
	member->loops = false;
	loop_unready(&member->pump);
	hooks_end_calls(member);
	subscriptions_close(&member->subscriptions);
	inbox_close(&member->inbox, OUTCOME_GONE);
}

void dispatch_abort(struct dispatch *dispatch)
{
	LIST_EACH (node, &dispatch->members) {
		struct member *member = LIST_ENTRY(node, struct member, link);

		member_stop(member);
		LIST_EACH_SAFE (call, &member->running)
			delivery_cancel(LIST_ENTRY(call, struct delivery, link));
	}
}

void member_free(struct member *member)
{
	if (member == NULL)
		return;
	member_stop(member);
	deliveries_end(member);
	assert(member->in_progress == 0 && member->blocked == NULL && member->hook == NULL);
	lane_close(&member->calls);
	list_remove(&member->link);
	free(member->bindings);
	free(member);
}

/* ---- What it did ---- */

bool member_append_stats(const struct member *member, struct buffer *out)
{
	const struct member_stats *stats = &member->stats;
	const struct inbox *inbox = &member->inbox;
	const uint64_t *ended = inbox->counts.outcomes;

	(void)(buffer_append_text(out, "{\"capsule\":") && json_append_lossy(out, span_text(member->id)));
	(void)buffer_printf(out,
		",\"published\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"delivered\":%" PRIu64
		",\"failed\":%" PRIu64 ",\"vetoed\":%" PRIu64,
		stats->published, stats->refused, inbox->counts.matched, ended[OUTCOME_DELIVERED],
		ended[OUTCOME_FAILED], ended[OUTCOME_VETOED]);
	(void)buffer_printf(out, ",\"vetoes\":%" PRIu64 ",\"rewrites\":%" PRIu64, stats->vetoed, stats->rewritten);
	(void)buffer_printf(out,
		",\"dropped\":{\"overflow\":%" PRIu64 ",\"too_large\":%" PRIu64 ",\"gone\":%" PRIu64
		",\"no_memory\":%" PRIu64 "}",
		ended[OUTCOME_OVERFLOW], ended[OUTCOME_TOO_LARGE], ended[OUTCOME_GONE], ended[OUTCOME_NO_MEMORY]);
	(void)buffer_printf(out,
		",\"pending\":%" PRIu64 ",\"queue\":{\"messages\":%" PRIu32 ",\"bytes\":%" PRIu64
		",\"most_messages\":%" PRIu32 ",\"max_messages\":%" PRIu32 ",\"max_bytes\":%" PRIu64 "}",
		inbox->counts.pending, inbox->messages, inbox->bytes, inbox->messages_most, inbox->budget.messages,
		inbox->budget.bytes);
	return buffer_printf(out, ",\"cpu_ns\":%" PRId64 ",\"p50_ns\":%" PRId64 ",\"p99_ns\":%" PRId64 "}",
		stats->cpu_ns, stats_quantile(stats, 0.5), stats_quantile(stats, 0.99));
}
