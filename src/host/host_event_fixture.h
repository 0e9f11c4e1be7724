/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events for the host of a fixture: a real bus with the capsule's inbox, subscriptions and rate, and in place of what
 * publishes, calls hooks and takes messages of uplinks something that remembers what it was given. What the capsule
 * publishes goes to that bus. */
#ifndef HOST_HOST_EVENT_FIXTURE_H
#define HOST_HOST_EVENT_FIXTURE_H

#include "bus/bus.h"
#include "bus/rate.h"
#include "bus/subscription.h"
#include "host/host_fixture.h"

struct event_fixture {
	struct fixture *host;
	struct bus *bus;
	struct inbox inbox;
	struct subscriptions subscriptions;
	struct rate rate;

	struct capsule_error refusal; /* what all three services answer unless CAPSULE_OK */
	int published, hooked, sent;  /* how often they took something, and the last of it: */
	struct origin origin;
	struct buffer topic, payload; /* of publications and hooks */
	struct buffer user, content;  /* of messages of uplinks */

	bool full;          /* the next publication has to wait */
	struct op *waiting; /* of a publication or a hook that waits */
	int stopped;        /* how often one was let go of */
	struct uuid uplink; /* the one that is registered */
	bool room;          /* for its messages */
};

/** Give `host` (borrowed) events, and a gate by the manifest that the next fixture_grant() gives it. Fails the test when it
 *  can't. Free with event_fixture_free() before `host`. */
struct event_fixture *event_fixture_new(struct fixture *host);
void event_fixture_free(struct event_fixture *events);

/** Publish the JSON `payload` from elsewhere, after `hops` others. */
void event_fixture_publish(struct event_fixture *events, const char *topic, struct span payload, uint32_t hops);

/** The handle of a new subscription of the guest. */
const char *event_fixture_subscribe(struct event_fixture *events, const char *pattern);

/** A JSON string of `len` bytes with its quotes. Free with free(). */
char *event_fixture_text(size_t len);

/** How many messages the result of the last call has, and its member `lagged`; fails the test when it is no such answer. */
size_t event_fixture_count(const struct event_fixture *events, uint64_t *lagged);

/** What is under `pointer` (JSON pointer) in the result of the last call, as JSON; free with free(). */
char *event_fixture_at(const struct event_fixture *events, const char *pointer);

#endif
