/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "runtime/events_fixture.h"

#include <stdio.h>
#include <string.h>

struct capsule *events_load(struct fixture *fixture, const char *name, const char *more)
{
	fixture_capsule_of(fixture, name, more, fixture_event_guest);
	return fixture_load(fixture, fixture_path(fixture, name));
}

void events_note(struct heard *heard, const struct capsule_event *event, uint64_t lost)
{
	size_t len = strlen(heard->topics);

	heard->count++;
	heard->lost += lost;
	heard->last = event->number;
	(void)snprintf(heard->payload, sizeof heard->payload, "%.*s", (int)event->payload_len, event->payload);
	(void)snprintf(heard->topics + len, sizeof heard->topics - len, "%s%.*s", len > 0 ? " " : "",
		(int)event->topic_len, event->topic);
}

void events_arrived(void *user, const struct capsule_event *event, uint64_t lost)
{
	events_note(user, event, lost);
}

void events_subscribe_with(struct fixture *fixture, const char *pattern,
	const struct capsule_subscribe_options *options, capsule_event_fn function, struct heard *heard)
{
	*heard = (struct heard){ .runtime = fixture->runtime };
	assert_status(fixture,
		capsule_subscribe(
			fixture->runtime, pattern, options, function, heard, &heard->subscription, fixture->err),
		CAPSULE_OK);
}

void events_subscribe(struct fixture *fixture, const char *pattern, struct heard *heard)
{
	events_subscribe_with(fixture, pattern, NULL, events_arrived, heard);
}

void events_post(struct fixture *fixture, const char *topic, const char *payload)
{
	assert_status(fixture,
		capsule_publish(fixture->runtime, topic, payload, strlen(payload), NULL, NULL, NULL, fixture->err),
		CAPSULE_OK);
}

void events_publish(struct fixture *fixture, const char *topic, struct outcome *outcome)
{
	*outcome = (struct outcome){ 0 };
	assert_status(fixture,
		capsule_publish(fixture->runtime, topic, "1", 1, fixture_note, outcome, &outcome->op, fixture->err),
		CAPSULE_OK);
}
