/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two sets of patterns, what is published and what is received; each pattern of a manifest is looked up in the other one. */
#include "life/event_reach.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "base/topic.h"
#include "gate/entry.h"
#include "life/pattern_set.h"
#include "manifest/validate_part.h"

#include <stdio.h>

static const char *const lifecycle_tags[] = {
#define LIFECYCLE(id, tag, fields) tag,
#include "bus/lifecycle.def"
#undef LIFECYCLE
};

#define LIFECYCLE_TAGS (sizeof lifecycle_tags / sizeof lifecycle_tags[0])

/* Messages of the runtime itself; those about tools and uplinks come from the manifests. */
static const char *const published[] = { "astrid.v1.event_bus.lagged", "astrid.v1.onboarding.required",
	"astrid.v1.response.failure.*", "astrid.v1.delivery.failure.*" };

/* What runtimes of such capsules listen to themselves. */
static const char *const heard[] = { "tool.v1.request.cancel", "astrid.v1.request.*", "astrid.v1.elicit.response.*",
	"astrid.v1.approval.response.*" };

struct reach {
	struct pattern_set publishers; /* of messages: lifecycle events are told apart by their names */
	struct pattern_set receivers;
	struct string_list made; /* texts that the sets point to; no places */
	size_t made_room;
	uint64_t steps;
};

static void reach_fini(struct reach *reach)
{
	pattern_set_fini(&reach->publishers);
	pattern_set_fini(&reach->receivers);
	string_list_fini(&reach->made);
}

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory to find out who gets which events");
}

/* ---- The sets ---- */

static bool add_list(struct pattern_set *set, const struct string_list *list, bool tail)
{
	for (size_t i = 0; i < list->count; i++)
		if (!pattern_set_add(set, span_text(list->items[i]), tail))
			return false;
	return true;
}

static bool add_all(struct pattern_set *set, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!pattern_set_add(set, span_text(patterns[i]), false))
			return false;
	return true;
}

/* `text` is taken; NULL when there was no memory for it. */
static bool add_made(struct reach *reach, char *text)
{
	if (reach->made.count == reach->made_room) {
		size_t room = reach->made_room == 0 ? 64 : 2 * reach->made_room;
		char **items = text != NULL ? reallocarray(reach->made.items, room, sizeof *items) : NULL;

		if (items == NULL) {
			free(text);
			return false;
		}
		reach->made.items = items;
		reach->made_room = room;
	}
	if (text == NULL)
		return false;
	reach->made.items[reach->made.count++] = text;
	return pattern_set_add(&reach->publishers, span_text(text), false);
}

/* "tool.v1.call.notes.add" for the tool `add`: its name is one segment there. */
static bool add_tool(struct reach *reach, const char *what, const char *capsule, const char *tool)
{
	char *text = NULL;
	size_t start;

	if (asprintf(&text, "tool.v1.%s.%s.%s", what, capsule, tool) < 0)
		return false;
	start = strlen(text) - strlen(tool);
	for (char *at = text + start; *at != '\0'; at++)
		*at = *at == '.' ? '_' : *at;
	return add_made(reach, text);
}

/* What the runtime publishes on behalf of the capsule. */
static bool add_served(struct reach *reach, const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->tools.count; i++)
		if (!add_tool(reach, "call", manifest->package.name, manifest->tools.items[i].name) ||
			!add_tool(reach, "result", manifest->package.name, manifest->tools.items[i].name))
			return false;
	for (size_t i = 0; i < manifest->uplinks.count; i++) {
		HOLD(free_drop) char *platform = entry_platform(manifest->uplinks.items[i].platform);
		char *text = NULL;

		if (platform == NULL || asprintf(&text, "uplink.v1.inbound.%s", platform) < 0 || !add_made(reach, text))
			return false;
	}
	return true;
}

/* What the capsule itself publishes and receives. */
static bool add_declared(struct reach *reach, const struct manifest *manifest)
{
	struct granted granted[GRANTED_MAX];
	size_t count = validate_granted(manifest, granted);

	for (size_t i = 0; i < count; i++)
		if (!add_list(&reach->publishers, &granted[i].capabilities->ipc_publish, false) ||
			!add_list(&reach->receivers, &granted[i].capabilities->ipc_subscribe, true))
			return false;
	for (size_t i = 0; i < manifest->interceptors.count; i++)
		if (!pattern_set_add(&reach->receivers, span_text(manifest->interceptors.items[i].event), false))
			return false;
	return true;
}

static void close_sets(struct reach *reach)
{
	pattern_set_close(&reach->publishers);
	pattern_set_close(&reach->receivers);
	reach->steps = LIMIT_REACH_STEPS;
}

/* ---- What can never be ---- */

/* Why no capsule can publish under a pattern; NULL when one can. */
static const char *unpublishable(const char *pattern)
{
	struct span text = span_text(pattern);

	if (text.len > LIMIT_TOPIC)
		return "topics have at most 256 bytes";
	return topic_segments(text) > LIMIT_TOPIC_SEGMENTS ? "topics that capsules publish have at most 8 segments"
							   : NULL;
}

static_assert(LIMIT_TOPIC == 256 && LIMIT_TOPIC_SEGMENTS == 8, "the numbers above");

static bool names_lifecycle(const char *pattern)
{
	return span_starts(span_text(pattern), span_text(TOPIC_LIFECYCLE));
}

/* The names of lifecycle events have no dots. */
static bool matches_lifecycle(const char *pattern)
{
	char topic[LIMIT_TOPIC];

	for (size_t i = 0; i < LIFECYCLE_TAGS; i++) {
		(void)snprintf(topic, sizeof topic, TOPIC_LIFECYCLE "%s", lifecycle_tags[i]);
		if (topic_matches(span_text(topic), span_text(pattern)))
			return true;
	}
	return false;
}

static void warn_unpublishable(
	const char *pattern, const char *what, const char *effect, struct place place, struct diagnostics *found)
{
	diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(place), "shorten it, or remove it",
		"`%" VALIDATE_SHOWN "` in %s %s: %s", pattern, what, effect, unpublishable(pattern));
}

static void check_event(const struct manifest_interceptor *interceptor, struct reach *own, struct diagnostics *found)
{
	const char *event = interceptor->event, *name, *near;
	char fix[VALIDATE_FIX_MAX];

	if (unpublishable(event) != NULL) {
		warn_unpublishable(
			event, "`event` of [[interceptor]]", "can never match", interceptor->event_place, found);
		return;
	}
	if (!names_lifecycle(event) || matches_lifecycle(event) ||
		pattern_set_meets(&own->publishers, span_text(event), false, &own->steps))
		return;
	name = event + strlen(TOPIC_LIFECYCLE);
	near = text_nearest(name, lifecycle_tags, LIFECYCLE_TAGS);
	(void)snprintf(fix, sizeof fix, "did you mean `" TOPIC_LIFECYCLE "%s`?", near != NULL ? near : "");
	diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(interceptor->event_place),
		near != NULL ? fix : "correct it, as `" TOPIC_LIFECYCLE "tool_call_started`",
		"`%" VALIDATE_SHOWN
		"` in `event` of [[interceptor]] can never match: there is no lifecycle event `%" VALIDATE_SHOWN "`",
		event, name);
}

static void check_subscription(
	const char *pattern, const char *what, struct place place, struct reach *own, struct diagnostics *found)
{
	if (unpublishable(pattern) != NULL)
		warn_unpublishable(pattern, what, "can never match", place, found);
	else if (names_lifecycle(pattern) &&
		!pattern_set_meets(&own->publishers, span_text(pattern), true, &own->steps))
		diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(place),
			"declare an [[interceptor]] with this `event`",
			"`%" VALIDATE_SHOWN
			"` in %s can never match: lifecycle events come to interceptors, not to subscriptions",
			pattern, what);
}

static void check_lists(const struct manifest *manifest, struct reach *own, struct diagnostics *found)
{
	struct granted granted[GRANTED_MAX];
	size_t count = validate_granted(manifest, granted);
	char what[64];

	for (size_t i = 0; i < count; i++) {
		const struct string_list *publish = &granted[i].capabilities->ipc_publish;
		const struct string_list *subscribe = &granted[i].capabilities->ipc_subscribe;

		(void)snprintf(what, sizeof what, "`ipc_publish` of %s", granted[i].label);
		for (size_t k = 0; k < publish->count; k++)
			if (unpublishable(publish->items[k]) != NULL)
				warn_unpublishable(
					publish->items[k], what, "allows nothing", publish->places[k], found);
		(void)snprintf(what, sizeof what, "`ipc_subscribe` of %s", granted[i].label);
		for (size_t k = 0; k < subscribe->count; k++)
			check_subscription(subscribe->items[k], what, subscribe->places[k], own, found);
	}
}

/* A topic that is described but can't be used so. */
static void check_topic(const struct manifest_topic *topic, struct reach *own, struct diagnostics *found)
{
	bool publish = topic->direction == TOPIC_PUBLISH;
	char fix[VALIDATE_FIX_MAX];

	if (pattern_set_meets(publish ? &own->publishers : &own->receivers, span_text(topic->name), false, &own->steps))
		return;
	(void)snprintf(fix, sizeof fix, "add \"%" VALIDATE_SHOWN "\" to `%s` in [capabilities], or correct `direction`",
		topic->name, publish ? "ipc_publish" : "ipc_subscribe");
	diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(topic->name_place), fix,
		publish ? "[[topic]] says that the capsule publishes `%" VALIDATE_SHOWN
			  "`, which no entry of its `ipc_publish` allows"
			: "[[topic]] says that the capsule listens to `%" VALIDATE_SHOWN
			  "`, which none of its `ipc_subscribe` and [[interceptor]] receives",
		topic->name);
}

enum capsule_status event_reach_alone(
	const struct manifest *manifest, struct diagnostics *found, struct capsule_error *err)
{
	HOLD(reach_fini) struct reach own = { 0 };

	if (!add_declared(&own, manifest))
		return no_memory(err);
	close_sets(&own);
	for (size_t i = 0; i < manifest->interceptors.count; i++)
		check_event(&manifest->interceptors.items[i], &own, found);
	check_lists(manifest, &own, found);
	for (size_t i = 0; i < manifest->topics.count; i++)
		check_topic(&manifest->topics.items[i], &own, found);
	return CAPSULE_OK;
}

/* ---- What nobody else does ---- */

/* Patterns that can never match are not looked at: that was said. */
static void check_published(struct reach *reach, const struct reach_subject *subject)
{
	const struct manifest *manifest = subject->manifest;

	for (size_t i = 0; i < manifest->interceptors.count; i++) {
		const struct manifest_interceptor *interceptor = &manifest->interceptors.items[i];
		const char *event = interceptor->event;

		if (unpublishable(event) == NULL && !names_lifecycle(event) && !matches_lifecycle(event) &&
			!pattern_set_meets(&reach->publishers, span_text(event), false, &reach->steps))
			diagnostics_add(subject->found, SEVERITY_WARNING, PLACE_ARGS(interceptor->event_place),
				"check it together with the capsule that publishes this, or correct the pattern; "
				"what hooks ask for is declared nowhere and not known here",
				"no capsule given publishes what `%" VALIDATE_SHOWN
				"` in `event` of [[interceptor]] matches, nor does the runtime",
				event);
	}
}

static void check_subscribed(struct reach *reach, const struct reach_subject *subject, const struct granted *granted)
{
	const struct string_list *list = &granted->capabilities->ipc_subscribe;

	for (size_t i = 0; i < list->count; i++)
		if (unpublishable(list->items[i]) == NULL && !names_lifecycle(list->items[i]) &&
			!pattern_set_meets(&reach->publishers, span_text(list->items[i]), true, &reach->steps))
			diagnostics_add(subject->found, SEVERITY_WARNING, PLACE_ARGS(list->places[i]),
				"check it together with the capsule that publishes this, or correct the pattern",
				"no capsule given publishes what `%" VALIDATE_SHOWN
				"` in `ipc_subscribe` of %s matches, nor does the runtime",
				list->items[i], granted->label);
}

static void check_received(struct reach *reach, const struct reach_subject *subject, const struct granted *granted)
{
	const struct string_list *list = &granted->capabilities->ipc_publish;

	for (size_t i = 0; i < list->count; i++)
		if (unpublishable(list->items[i]) == NULL &&
			!pattern_set_meets(&reach->receivers, span_text(list->items[i]), false, &reach->steps))
			diagnostics_add(subject->found, SEVERITY_WARNING, PLACE_ARGS(list->places[i]),
				"check it together with the capsule that receives this, or correct the text",
				"`%" VALIDATE_SHOWN
				"` in `ipc_publish` of %s publishes what nobody may receive: no capsule given "
				"subscribes to it or intercepts it",
				list->items[i], granted->label);
}

static void check_subject(struct reach *reach, const struct reach_subject *subject)
{
	struct granted granted[GRANTED_MAX];
	size_t count = validate_granted(subject->manifest, granted);

	check_published(reach, subject);
	for (size_t i = 0; i < count; i++) {
		check_subscribed(reach, subject, &granted[i]);
		check_received(reach, subject, &granted[i]);
	}
}

enum capsule_status event_reach_together(const struct reach_subject *subjects, size_t count, struct capsule_error *err)
{
	HOLD(reach_fini) struct reach reach = { 0 };

	if (!add_all(&reach.publishers, published, sizeof published / sizeof published[0]) ||
		!add_all(&reach.receivers, heard, sizeof heard / sizeof heard[0]))
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		if (!add_declared(&reach, subjects[i].manifest) || !add_served(&reach, subjects[i].manifest))
			return no_memory(err);
	close_sets(&reach);
	for (size_t i = 0; i < count && reach.steps > 0; i++)
		check_subject(&reach, &subjects[i]);
	if (reach.steps == 0)
		return error_set(err, CAPSULE_ELIMIT,
			"the events of these %zu capsules have too many patterns that begin with `*` to be compared: "
			"check fewer of them at once",
			count);
	return CAPSULE_OK;
}
