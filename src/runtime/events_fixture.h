/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of events through the public functions: capsules that hear of them, and what arrived. */
#ifndef RUNTIME_EVENTS_FIXTURE_H
#define RUNTIME_EVENTS_FIXTURE_H

#include "runtime/runtime_fixture.h"

#define HEARS(event, action) "[[interceptor]]\nevent = \"" event "\"\naction = \"" action "\"\n"
#define TOOL "[[tool]]\nname = \"tool\"\ndescription = \"Does it.\"\n"
#define MAY_PUBLISH "[capabilities]\nipc_publish = [\"*.*\"]\n"

struct heard {
	struct capsule_runtime *runtime;
	struct capsule_subscription *subscription, *other; /* ended from inside, when there are any */
	int count;
	uint64_t lost, last;
	char payload[512]; /* of the last one */
	char topics[512];  /* of all, with blanks between */
	enum capsule_status status[4];
	const char *stats;
};

/** Load the capsule `name` with fixture_event_guest and `more` TOML. */
struct capsule *events_load(struct fixture *fixture, const char *name, const char *more);

/** Note one event; the same as a capsule_event_fn. */
void events_note(struct heard *heard, const struct capsule_event *event, uint64_t lost);
void events_arrived(void *user, const struct capsule_event *event, uint64_t lost);

/** Subscribe `heard`, which is emptied. It is capsule_event_fn's `user`. */
void events_subscribe_with(struct fixture *fixture, const char *pattern,
	const struct capsule_subscribe_options *options, capsule_event_fn function, struct heard *heard);
void events_subscribe(struct fixture *fixture, const char *pattern, struct heard *heard);

/** Publish without and with an operation, whose payload is 1. */
void events_post(struct fixture *fixture, const char *topic, const char *payload);
void events_publish(struct fixture *fixture, const char *topic, struct outcome *outcome);

#endif
