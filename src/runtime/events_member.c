/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule in events: it takes part while it is ready, its guest publishes and calls hooks, and others are told what
 * becomes of it. */
#include "runtime/events.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "manifest/onboarding.h"
#include "runtime/internal.h"
#include "runtime/takedown.h"

static struct capsule *capsule_of(struct services *services)
{
	return LIST_ENTRY(services, struct capsule, services);
}

/* ---- Coming and going ---- */

/* member_options.after_call: what an interceptor wrote is in the workspace before its outcome is told. */
static bool commit(void *user, struct op *op, op_done_fn done, void *done_user)
{
	struct capsule *capsule = user;

	return services_commit(&capsule->services, op, done, done_user);
}

/* What a manifest asks for, but no more than the operator gives; what the operator gives where it asks for nothing. */
static uint64_t smaller(uint64_t asked, uint64_t given)
{
	if (asked == 0 || given == 0)
		return asked + given;
	return asked < given ? asked : given;
}

enum capsule_status events_join(struct capsule *capsule, struct capsule_error *err)
{
	const struct manifest *manifest = capsule->manifest;
	const struct inbox_budget *given = &capsule->runtime->inbox;
	const struct member_options options = { .id = capsule->id,
		.manifest = manifest,
		.composite = capsule->composite,
		.budget = { (uint32_t)smaller((uint64_t)manifest->events.inbox_messages, given->messages),
			smaller((uint64_t)manifest->events.inbox_bytes, given->bytes) },
		.rate = capsule->runtime->publish_rate,
		.after_call = commit,
		.user = capsule };

	return member_new(&capsule->member, capsule->runtime->dispatch, &options, err);
}

void events_leave(struct capsule *capsule)
{
	events_uplink_end(capsule);
	member_free(capsule->member);
	capsule->member = NULL;
}

static struct event_value text_value(const char *text)
{
	return (struct event_value){ .kind = EVENT_TEXT, .text = span_text(text) };
}

static void tell_two(struct capsule *capsule, enum event_type type, const char *second)
{
	const struct event_value values[] = { text_value(capsule->id), text_value(second) };

	dispatch_lifecycle(capsule->runtime->dispatch, type, values, 2);
}

static void ready(struct capsule *capsule)
{
	struct capsule_error err;

	if (member_ready(capsule->member, &err) != CAPSULE_OK) {
		HOLD(buffer_fini) struct buffer text = { 0 };

		(void)buffer_printf(&text, "it gets no events: %s", err.text);
		log_write(&capsule->runtime->log, CAPSULE_LOG_ERROR, capsule->id, buffer_span(&text));
	}
	tell_two(capsule, EVENT_CAPSULE_LOADED, capsule->id);
}

void events_state_changed(struct capsule *capsule, enum composite_state state, const struct capsule_error *why)
{
	struct member *member = capsule->member; /* NULL: it failed before it could take part */

	if (capsule->bare)
		return;
	switch (state) {
	case COMPOSITE_READY:
		ready(capsule);
		break;
	case COMPOSITE_FAILED:
		if (member != NULL)
			member_stop(member);
		tell_two(capsule, EVENT_CAPSULE_FAILED, why->text);
		break;
	case COMPOSITE_UNLOADING:
		tool_calls_end(capsule);
		if (member != NULL)
			member_stop(member);
		break;
	case COMPOSITE_UNLOADED:
		tell_two(capsule, EVENT_CAPSULE_UNLOADED, capsule->id);
		break;
	default:
		break;
	}
}

/* ---- What its guest does ---- */

/* host_services.publish */
static enum capsule_status publish(void *user, const struct origin *origin, struct span topic, struct payload *payload,
	struct op *op, op_done_fn done, void *op_user, struct capsule_error *err)
{
	struct capsule *capsule = capsule_of(user);
	struct publication publication = { .publisher = capsule->member,
		.source = "wasm_guest",
		.topic = topic,
		.payload = payload,
		.may_wait = true,
		.op = op,
		.done = done,
		.op_user = op_user };

	if (origin != NULL)
		publication.origin = *origin;
	else
		runtime_origin(capsule->runtime, &publication.origin);
	return dispatch_publish(capsule->runtime->dispatch, &publication, err);
}

/* host_services.hook */
static enum capsule_status hook(void *user, const struct origin *origin, struct span topic, struct span payload,
	struct op *op, op_done_fn done, void *op_user, struct capsule_error *err)
{
	struct capsule *capsule = capsule_of(user);
	struct origin asked;

	if (origin != NULL)
		asked = *origin;
	else
		runtime_origin(capsule->runtime, &asked);
	return dispatch_hook(capsule->member, &asked, topic, payload, op, done, op_user, err);
}

/* host_services.run_loop */
static enum capsule_status run_loop(void *user, struct origin *origin, struct capsule_error *err)
{
	struct capsule *capsule = capsule_of(user);

	runtime_origin(capsule->runtime, origin);
	origin->source = capsule->services.session;
	return member_loops(capsule->member, err);
}

/* One message with a field for each setting. */
static void tell_onboarding(struct capsule *capsule, const struct manifest_env *const *entries, size_t count)
{
	HOLD(buffer_fini) struct buffer json = { 0 };

	(void)(buffer_append_text(&json, "{\"type\":\"onboarding_required\",\"capsule_id\":") &&
		json_append_lossy(&json, span_text(capsule->id)) && buffer_append_text(&json, ",\"fields\":["));
	for (size_t i = 0; i < count; i++)
		(void)((i == 0 || buffer_append_byte(&json, ',')) && onboarding_append(&json, entries[i]));
	if (buffer_append_text(&json, "]}"))
		dispatch_announce(
			capsule->runtime->dispatch, span_text("astrid.v1.onboarding.required"), buffer_span(&json));
}

/* host_services.missing */
static void missing(void *user, const struct manifest_env *const *entries, size_t count)
{
	tell_onboarding(capsule_of(user), entries, count);
}

void events_lend(struct services *services, struct host_services *lent)
{
	struct capsule *capsule = capsule_of(services);

	if (capsule->member == NULL)
		return;
	lent->subscriptions = member_subscriptions(capsule->member);
	lent->rate = member_rate(capsule->member);
	lent->publish = publish;
	lent->hook = hook;
	lent->run_loop = run_loop;
	lent->missing = missing;
	if (capsule->manifest->uplinks.count > 0)
		lent->uplink_send = events_uplink_send;
}

/* ---- What the runtime tells ---- */

void events_tell_started(struct capsule_runtime *runtime)
{
	const struct event_value version = text_value(capsule_version());

	dispatch_lifecycle(runtime->dispatch, EVENT_KERNEL_STARTED, &version, 1);
}

void events_tell_shutdown(struct capsule_runtime *runtime)
{
	const struct event_value reason = { .kind = EVENT_NULL };

	if (!dispatch_lifecycle_to_end(runtime->dispatch, EVENT_KERNEL_SHUTDOWN, &reason, 1, &runtime->takedown))
		takedown_release(runtime);
}
