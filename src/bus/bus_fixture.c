/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "bus/bus_fixture.h"

#include <stdlib.h>

#include <cmocka.h>

static struct bus_fixture *woken; /* whose lanes are woken: there is one at a time */

void bus_fixture_wake(struct lane *lane)
{
	assert_non_null(lane_peek(lane));
	woken->woken++;
}

static void note_outcome(void *user, struct event *event, struct receiver *receiver, enum event_outcome outcome)
{
	struct bus_fixture *fixture = user;

	assert_null(event->first);
	fixture->outcomes++;
	fixture->last = outcome;
	fixture->last_of = receiver;
}

static void note_settled(void *user, struct event *event)
{
	struct bus_fixture *fixture = user;

	assert_int_equal(event->open, 0);
	fixture->settled++;
}

static void note_room(void *user, struct event *event)
{
	struct bus_fixture *fixture = user;

	assert_true(list_empty(&event->over));
	fixture->rooms++;
}

int bus_fixture_set_up(void **state)
{
	struct bus_fixture *fixture = calloc(1, sizeof *fixture);
	struct bus_hooks hooks = {
		.user = fixture, .outcome = note_outcome, .settled = note_settled, .room = note_room
	};

	assert_non_null(fixture);
	list_init(&fixture->held);
	assert_int_equal(bus_new(&fixture->bus, &hooks, NULL), CAPSULE_OK);
	woken = fixture;
	*state = fixture;
	return 0;
}

int bus_fixture_tear_down(void **state)
{
	struct bus_fixture *fixture = *state;

	bus_fixture_check(fixture);
	if (fixture->inbox.bus != NULL) {
		inbox_close(&fixture->inbox, OUTCOME_GONE);
		lane_close(&fixture->lane);
		lane_close(&fixture->other_lane);
	}
	assert_int_equal(fixture->settled, fixture->count);
	for (unsigned i = 0; i < fixture->count; i++) {
		assert_int_equal(fixture->events[i]->refs, 1); /* nobody has kept it */
		event_release(fixture->events[i]);
	}
	assert_int_equal(bus_counts(fixture->bus)->pending, 0);
	bus_free(fixture->bus);
	free(fixture);
	return 0;
}

static struct payload *payload_of(size_t len)
{
	static const uint8_t bytes[4096];
	static struct payload payload = { .type = PAYLOAD_CUSTOM };

	assert_true(len <= sizeof bytes);
	payload.tagged = payload.inner = span_of(bytes, len);
	return &payload;
}

struct event *bus_fixture_publish(
	struct bus_fixture *fixture, const char *topic, unsigned number, size_t payload, unsigned how)
{
	struct event_source source = { .source = "test", .realtime_ns = number };
	struct bus_matches matches;
	struct event *event = NULL;
	uint64_t before = bus_counts(fixture->bus)->matched;

	assert_true(fixture->count < FIXTURE_EVENTS);
	assert_int_equal(event_new_ipc(&event, &source, span_text(topic), payload_of(payload), NULL), CAPSULE_OK);
	fixture->events[fixture->count++] = event;
	bus_match(fixture->bus, span_text(topic), EVENT_IPC, &matches);
	bus_publish(fixture->bus, event, &matches, (how & FIXTURE_WAITS) != 0,
		(how & FIXTURE_HELD) != 0 ? &fixture->held : NULL);
	assert_int_equal(event->matches, matches.decider_count + matches.other_count);
	assert_int_equal(bus_counts(fixture->bus)->matched, before + event->matches);
	bus_fixture_check(fixture);
	return event;
}

struct event *bus_fixture_rewrite(struct event *event, size_t payload)
{
	struct event *rewritten = NULL;

	assert_int_equal(event_new_rewritten(&rewritten, event, payload_of(payload), NULL), CAPSULE_OK);
	return rewritten;
}

unsigned bus_fixture_number(const struct event *event)
{
	return (unsigned)event->realtime_ns;
}

struct bus_entry *bus_fixture_held(struct bus_fixture *fixture)
{
	assert_false(list_empty(&fixture->held));
	return LIST_ENTRY(fixture->held.next, struct bus_entry, held_link);
}

static void check_counts(const struct bus_counts *counts)
{
	uint64_t sum = counts->pending;

	for (int i = 0; i < OUTCOMES; i++)
		sum += counts->outcomes[i];
	assert_int_equal(sum, counts->matched);
}

void bus_fixture_check(const struct bus_fixture *fixture)
{
	const struct inbox *inbox = &fixture->inbox;
	uint64_t bytes = 0;
	uint32_t messages = 0;

	check_counts(bus_counts(fixture->bus));
	if (inbox->bus == NULL)
		return;
	check_counts(&inbox->counts);
	LIST_EACH (node, &inbox->lanes)
		LIST_EACH (at, &LIST_ENTRY(node, struct lane, link)->entries) {
			const struct bus_entry *entry = LIST_ENTRY(at, struct bus_entry, lane_link);

			assert_int_equal(entry->within, !entry->over);
			messages += entry->within;
			bytes += entry->within ? entry->event->charge : 0;
		}
	assert_int_equal(inbox->messages, messages);
	assert_int_equal(inbox->bytes, bytes);
	assert_true(messages <= inbox->budget.messages && bytes <= inbox->budget.bytes);
}
