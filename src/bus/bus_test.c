/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who gets an event, and what is told of it. */
#include "bus/bus.h"

#include "base/limits.h"
#include "bus/bus_fixture.h"

#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static const struct inbox_budget usual;

static void open_inbox(struct bus_fixture *f)
{
	inbox_init(&f->inbox, f->bus, &usual, NULL);
	lane_init(&f->lane, &f->inbox, bus_fixture_wake);
	lane_init(&f->other_lane, &f->inbox, bus_fixture_wake);
}

static void add(struct bus_fixture *f, struct receiver *receiver, const char *pattern)
{
	assert_int_equal(receiver_add(receiver, &f->lane, span_text(pattern), TOPIC_TAIL_REST, NULL), CAPSULE_OK);
}

static unsigned matches(struct bus_fixture *f, const char *topic, enum event_type type)
{
	struct bus_matches found;

	bus_match(f->bus, span_text(topic), type, &found);
	return (unsigned)(found.decider_count + found.other_count);
}

/* rt:226 */
static void a_publication_is_for_as_many_as_match(void **state)
{
	struct bus_fixture *f = *state;
	struct event *event;

	open_inbox(f);
	assert_int_equal(f->inbox.budget.messages, 1024);
	event = bus_fixture_publish(f, "a.b", 1, 8, 0);
	assert_int_equal(event->matches, 0);
	assert_int_equal(f->settled, 1);
	add(f, &f->receiver, "a.*");
	add(f, &f->other, "a.b");
	event = bus_fixture_publish(f, "a.b", 2, 8, 0);
	assert_int_equal(event->matches, 2);
	assert_int_equal(event->open, 2);
	assert_int_equal(f->settled, 1);
}

/* rt:227; every receiver has a pattern: the one that lets all topics of two segments and more through is `*.*`. */
static void a_topic_goes_to_its_receiver(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f);
	add(f, &f->receiver, "astrid.cli.input");
	assert_int_equal(matches(f, "astrid.cli.input", EVENT_IPC), 1);
	assert_int_equal(matches(f, "astrid.telegram.input", EVENT_IPC), 0);
	add(f, &f->other, "*.*");
	assert_int_equal(matches(f, "astrid.cli.input", EVENT_IPC), 2);
	assert_int_equal(matches(f, "astrid.telegram.input", EVENT_IPC), 1);
}

/* rt:229 */
static void subscriptions_never_get_lifecycle_events(void **state)
{
	struct bus_fixture *f = *state;
	const char *topic = event_type_topic(EVENT_TOOL_CALL_STARTED);

	open_inbox(f);
	f->receiver.events = RECEIVES_IPC;
	f->other.events = RECEIVES_EVERYTHING;
	add(f, &f->receiver, "astrid.*");
	assert_int_equal(matches(f, topic, EVENT_TOOL_CALL_STARTED), 0);
	assert_int_equal(matches(f, topic, EVENT_IPC), 1);
	add(f, &f->other, "astrid.*");
	assert_int_equal(matches(f, topic, EVENT_TOOL_CALL_STARTED), 1);
}

/* rt:239 */
static void what_was_published_before_is_never_received(void **state)
{
	struct bus_fixture *f = *state;
	struct bus_entry *entry;

	open_inbox(f);
	bus_fixture_publish(f, "a", 1, 8, 0);
	add(f, &f->receiver, "a");
	assert_null(lane_peek(&f->lane));
	bus_fixture_publish(f, "a", 2, 8, 0);
	entry = lane_peek(&f->lane);
	assert_int_equal(bus_fixture_number(entry->event), 2);
	bus_entry_end(entry, OUTCOME_DELIVERED);
	assert_null(lane_peek(&f->lane));
}

static void those_who_decide_come_by_their_priority(void **state)
{
	struct bus_fixture *f = *state;
	struct receiver receivers[8];
	static const int32_t priorities[8] = { 5, 0, -3, 5, INT32_MIN, 0, INT32_MAX, -3 };
	static const size_t order[6] = { 4, 2, 7, 5, 0, 6 };
	struct bus_matches found;

	open_inbox(f);
	for (size_t i = 0; i < 8; i++) {
		receivers[i] = (struct receiver){ .priority = priorities[i], .decides = i != 1 && i != 3 };
		add(f, &receivers[i], i % 2 == 0 ? "a.b" : "a.*");
	}
	bus_match(f->bus, span_text("a.b"), EVENT_IPC, &found);
	assert_int_equal(found.decider_count, 6);
	assert_int_equal(found.other_count, 2);
	for (size_t i = 0; i < 6; i++)
		assert_ptr_equal(found.deciders[i], &receivers[order[i]]);
	assert_ptr_equal(found.others[0], &receivers[1]);
	assert_ptr_equal(found.others[1], &receivers[3]);
	for (size_t i = 0; i < 8; i++)
		receiver_remove(&receivers[i]);
}

static void held_entries_stand_with_those_who_decide_first(void **state)
{
	struct bus_fixture *f = *state;
	struct event *event;

	open_inbox(f);
	add(f, &f->receiver, "a");
	f->other.decides = true;
	add(f, &f->other, "a");
	event = bus_fixture_publish(f, "a", 1, 8, FIXTURE_HELD);
	assert_ptr_equal(bus_fixture_held(f)->receiver, &f->other);
	bus_entry_release(bus_fixture_held(f), event);
	assert_ptr_equal(bus_fixture_held(f)->receiver, &f->receiver);
	bus_entry_end(bus_fixture_held(f), OUTCOME_VETOED);
	assert_ptr_equal(f->last_of, &f->receiver);
	assert_int_equal(f->last, OUTCOME_VETOED);
	assert_int_equal(event->missed_as, OUTCOME_VETOED);
}

static void each_outcome_is_told_once_and_the_end_after_all(void **state)
{
	struct bus_fixture *f = *state;
	struct bus_entry *first, *second;
	struct event *event;

	open_inbox(f);
	add(f, &f->receiver, "a");
	add(f, &f->other, "a");
	event = bus_fixture_publish(f, "a", 1, 8, 0);
	first = lane_peek(&f->lane);
	bus_entry_take(first);
	second = lane_peek(&f->lane);
	bus_entry_take(second);
	assert_null(lane_peek(&f->lane));
	assert_int_equal(f->outcomes, 0);
	assert_int_equal(bus_counts(f->bus)->pending, 2);
	bus_entry_end(second, OUTCOME_FAILED);
	assert_int_equal(f->last, OUTCOME_FAILED);
	assert_ptr_equal(f->last_of, &f->other);
	assert_int_equal(f->settled, 0);
	bus_entry_end(first, OUTCOME_DELIVERED);
	assert_int_equal(f->outcomes, 2);
	assert_int_equal(f->settled, 1);
	assert_int_equal(event->taken, 1);
	assert_int_equal(event->missed_as, OUTCOME_FAILED);
}

static void events_are_numbered_in_the_order_of_publication(void **state)
{
	struct bus_fixture *f = *state;

	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(bus_fixture_publish(f, "a", i, 8, 0)->sequence, i);
}

static void the_generation_is_that_of_the_receivers(void **state)
{
	struct bus_fixture *f = *state;
	uint64_t before = bus_generation(f->bus), with;

	assert_int_not_equal(before, 0);
	open_inbox(f);
	bus_fixture_publish(f, "a", 1, 8, 0);
	assert_int_equal(bus_generation(f->bus), before);
	add(f, &f->receiver, "a");
	with = bus_generation(f->bus);
	assert_int_not_equal(with, before);
	inbox_close(&f->inbox, OUTCOME_GONE);
	assert_int_not_equal(bus_generation(f->bus), with);
}

static void a_receiver_without_a_pattern_is_refused_whole(void **state)
{
	struct bus_fixture *f = *state;
	struct capsule_error err;

	open_inbox(f);
	assert_int_equal(receiver_add(&f->receiver, &f->lane, span_text("a..b"), TOPIC_TAIL_ONE, &err), CAPSULE_EINVAL);
	assert_non_null(strstr(err.text, "has empty segments"));
	receiver_remove(&f->receiver); /* harmless */
	add(f, &f->receiver, "a.b");
}

/* More receivers than any first guess, and entries of all of them. */
static void many_receivers_of_one_event(void **state)
{
	enum { MANY = 600 };
	static struct receiver receivers[MANY];
	struct bus_fixture *f = *state;
	struct event *event;

	open_inbox(f);
	for (size_t i = 0; i < MANY; i++) {
		receivers[i] = (struct receiver){ .decides = i % 3 == 0, .priority = (int32_t)(i % 7) };
		add(f, &receivers[i], i % 2 == 0 ? "a.*" : "*.b");
	}
	event = bus_fixture_publish(f, "a.b", 1, 8, 0);
	assert_int_equal(event->matches, MANY);
	for (size_t i = 0; i < MANY; i++)
		bus_entry_end(lane_peek(&f->lane), OUTCOME_DELIVERED);
	assert_int_equal(event->taken, MANY);
	assert_int_equal(f->settled, 1);
	for (size_t i = 0; i < MANY; i++)
		receiver_remove(&receivers[i]);
	assert_int_equal(matches(f, "a.b", EVENT_IPC), 0);
}

/* Manifests choose priorities: the worst order must not cost more than the best one. Steps that grow with the square of
 * so many would take seconds of processor time. */
static void priorities_in_the_worst_order_cost_little(void **state)
{
	enum { MANY = 65536 };
	struct bus_fixture *f = *state;
	struct receiver *receivers = calloc(MANY, sizeof *receivers);
	struct bus_matches found;
	clock_t before;

	assert_non_null(receivers);
	open_inbox(f);
	for (int32_t i = 0; i < MANY; i++) {
		receivers[i] = (struct receiver){ .decides = true, .priority = -(i / 2) };
		add(f, &receivers[i], "t");
	}
	before = clock();
	for (unsigned i = 0; i < 4; i++)
		bus_match(f->bus, span_text("t"), EVENT_IPC, &found);
	assert_true(clock() - before < CLOCKS_PER_SEC);
	assert_int_equal(found.decider_count, MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(found.deciders[i], &receivers[MANY - 2 - i / 2 * 2 + i % 2]);
	for (size_t i = MANY; i-- > 0;)
		receiver_remove(&receivers[i]);
	free(receivers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(a_publication_is_for_as_many_as_match),
		BUS_TEST(a_topic_goes_to_its_receiver),
		BUS_TEST(subscriptions_never_get_lifecycle_events),
		BUS_TEST(what_was_published_before_is_never_received),
		BUS_TEST(those_who_decide_come_by_their_priority),
		BUS_TEST(held_entries_stand_with_those_who_decide_first),
		BUS_TEST(each_outcome_is_told_once_and_the_end_after_all),
		BUS_TEST(events_are_numbered_in_the_order_of_publication),
		BUS_TEST(the_generation_is_that_of_the_receivers),
		BUS_TEST(a_receiver_without_a_pattern_is_refused_whole),
		BUS_TEST(many_receivers_of_one_event),
		BUS_TEST(priorities_in_the_worst_order_cost_little),
	};

	return cmocka_run_group_tests_name("bus_bus", tests, NULL, NULL);
}
