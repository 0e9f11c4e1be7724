/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Collects notices by the number of their event. There are as many events here as wait in inboxes, which have their
 * bounds, and as many notes of one as it has receivers. */
#include "cli/run_events.h"
#include <stdlib.h>
#include <string.h>

bool run_event_is_own(const struct capsule_event *event)
{
	return strcmp(event->source, "embedder") == 0;
}

bool run_events_show(const struct run_events *events, const struct capsule_event *event)
{
	if (events->shown != RUN_SHOWN_MESSAGES)
		return events->shown == RUN_SHOWN_ALL;
	return strcmp(event->type, "ipc") == 0 && !run_event_is_own(event);
}

static struct run_event **find(struct run_events *events, uint64_t number)
{
	struct run_event **at = &events->buckets[number % RUN_EVENT_BUCKETS];

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

/* What is known of the event, made when there is nothing yet; NULL without memory. */
static struct run_event *know(struct run_events *events, uint64_t number)
{
	struct run_event **at = find(events, number);

	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		if (*at != NULL)
			(*at)->number = number;
	}
	events->starved = events->starved || *at == NULL;
	return *at;
}

static void event_free(struct run_event *event)
{
	while (event->notes != NULL) {
		struct run_note *note = event->notes;

		event->notes = note->next;
		free(note);
	}
	free(event->payload);
	free(event);
}

/* ---- Notes ---- */

/* Copy `text` to *to and move on behind it. */
static const char *put(char **to, const char *text, size_t size)
{
	const char *copy = memcpy(*to, text, size);

	*to += size;
	return copy;
}

static struct run_note *note_new(const struct capsule_event_notice *notice)
{
	const char *capsule = notice->capsule != NULL ? notice->capsule : "";
	const char *action = notice->action != NULL ? notice->action : "";
	const char *reason = notice->reason != NULL ? notice->reason : "";
	size_t capsule_size = strlen(capsule) + 1, action_size = strlen(action) + 1, reason_size = strlen(reason) + 1;
	struct run_note *note = malloc(sizeof *note + capsule_size + action_size + reason_size);
	char *to;

	if (note == NULL)
		return NULL;
	*note = (struct run_note){ .decided = notice->kind == CAPSULE_EVENT_DECIDED };
	note->vetoed = note->decided && notice->vetoed;
	if (!note->decided)
		note->outcome = notice->outcome;
	to = note->text;
	note->capsule = put(&to, capsule, capsule_size);
	note->action = put(&to, action, action_size);
	note->reason = put(&to, reason, reason_size);
	return note;
}

static bool add_note(struct run_event *event, const struct capsule_event_notice *notice)
{
	struct run_note *note = note_new(notice);

	if (note == NULL)
		return false;
	if (event->last != NULL)
		event->last->next = note;
	else
		event->notes = note;
	event->last = note;
	return true;
}

static bool take_payload(struct run_event *event, const struct capsule_event *rewritten)
{
	char *payload = malloc(rewritten->payload_len + 1);

	if (payload == NULL)
		return false;
	memcpy(payload, rewritten->payload, rewritten->payload_len);
	free(event->payload);
	event->payload = payload;
	event->payload_len = rewritten->payload_len;
	return true;
}

static void decided(struct run_events *events, const struct capsule_event_notice *notice)
{
	struct run_event *event = know(events, notice->event->number);

	if (event == NULL)
		return;
	event->vetoed = event->vetoed || notice->vetoed;
	if (!add_note(event, notice) || (!notice->vetoed && !take_payload(event, notice->event)))
		events->starved = true;
}

static void ended(struct run_events *events, const struct capsule_event_notice *notice)
{
	bool missed = notice->outcome != CAPSULE_OUTCOME_DELIVERED;
	struct run_event *event;

	if (!missed && !run_events_show(events, notice->event))
		return;
	event = know(events, notice->event->number);
	if (event == NULL)
		return;
	event->missed += missed;
	if (!add_note(event, notice))
		events->starved = true;
}

static void settled(struct run_events *events, const struct capsule_event_notice *notice)
{
	struct run_event nothing = { .number = notice->event->number };
	struct run_event **at = find(events, notice->event->number), *event = *at;
	struct run_event *known = event != NULL ? event : &nothing;

	known->matched = notice->matched;
	if (event != NULL)
		*at = event->next;
	events->settled(events->user, notice->event, known);
	if (event != NULL)
		event_free(event);
}

void run_events_note(void *user, const struct capsule_event_notice *notice)
{
	if (notice->kind == CAPSULE_EVENT_DECIDED)
		decided(user, notice);
	else if (notice->kind == CAPSULE_EVENT_OUTCOME)
		ended(user, notice);
	else
		settled(user, notice);
}

void run_events_fini(struct run_events *events)
{
	for (size_t i = 0; i < RUN_EVENT_BUCKETS; i++) {
		while (events->buckets[i] != NULL) {
			struct run_event *event = events->buckets[i];

			events->buckets[i] = event->next;
			event_free(event);
		}
	}
}
