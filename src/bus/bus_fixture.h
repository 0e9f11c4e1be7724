/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A bus with an inbox of two lanes, and what its hooks were told. For tests. */
#ifndef BUS_BUS_FIXTURE_H
#define BUS_BUS_FIXTURE_H

#include "bus/bus_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#define FIXTURE_EVENTS 64

struct bus_fixture {
	struct bus *bus;
	/* Made by the test: closed at its end. */
	struct inbox inbox;
	struct lane lane, other_lane;
	struct receiver receiver, other;
	struct list_node held; /* of what was published with FIXTURE_HELD */
	struct event *events[FIXTURE_EVENTS];
	unsigned count;
	unsigned woken, settled, rooms, outcomes;
	enum event_outcome last; /* the last outcome, and whose */
	struct receiver *last_of;
};

int bus_fixture_set_up(void **state);
int bus_fixture_tear_down(void **state);

#define BUS_TEST(name) cmocka_unit_test_setup_teardown(name, bus_fixture_set_up, bus_fixture_tear_down)

/** lane.wake: counts, and looks whether there is something to take. */
void bus_fixture_wake(struct lane *lane);

enum { FIXTURE_WAITS = 1, FIXTURE_HELD = 2 };

/** Publish a message with `payload` bytes; how: of the words above. The event is the fixture's. */
struct event *bus_fixture_publish(
	struct bus_fixture *fixture, const char *topic, unsigned number, size_t payload, unsigned how);

/** `event` with another payload. One reference. */
struct event *bus_fixture_rewrite(struct event *event, size_t payload);

unsigned bus_fixture_number(const struct event *event);

/** The first entry that is held. */
struct bus_entry *bus_fixture_held(struct bus_fixture *fixture);

/** The books close, and the inbox has what it says. */
void bus_fixture_check(const struct bus_fixture *fixture);

#endif
