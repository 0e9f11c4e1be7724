/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inboxes, one rule at a time. */
#include "bus/bus.h"

#include "base/limits.h"
#include "bus/bus_fixture.h"

#include <cmocka.h>

#define ROOM(payload) (EVENT_OVERHEAD + 1 + (payload)) /* what a message of so many bytes under "t" counts for */

static void open_inbox(struct bus_fixture *f, uint32_t messages, uint64_t bytes, enum on_full on_full)
{
	const struct inbox_budget budget = { .messages = messages, .bytes = bytes };

	inbox_init(&f->inbox, f->bus, &budget, NULL);
	lane_init(&f->lane, &f->inbox, bus_fixture_wake);
	lane_init(&f->other_lane, &f->inbox, bus_fixture_wake);
	f->receiver = (struct receiver){ .on_full = on_full };
	f->other = (struct receiver){ .on_full = on_full };
	assert_int_equal(receiver_add(&f->receiver, &f->lane, span_text("t"), TOPIC_TAIL_ONE, NULL), CAPSULE_OK);
}

/* The other receiver, in the other lane, gets "t" too from now on. */
static void add_other(struct bus_fixture *f, enum on_full on_full)
{
	f->other.on_full = on_full;
	assert_int_equal(receiver_add(&f->other, &f->other_lane, span_text("t"), TOPIC_TAIL_ONE, NULL), CAPSULE_OK);
}

/* The next message of the lane is the one with `number`. */
static void takes(struct bus_fixture *f, struct lane *lane, unsigned number)
{
	struct bus_entry *entry = lane_peek(lane);

	assert_non_null(entry);
	assert_int_equal(bus_fixture_number(entry->event), number);
	bus_entry_take(entry);
	bus_entry_end(entry, OUTCOME_DELIVERED);
	bus_fixture_check(f);
}

static void messages_are_taken_in_their_order(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 0, 0, ON_FULL_DROP_OLDEST);
	assert_int_equal(f->inbox.budget.messages, LIMIT_INBOX_MESSAGES);
	assert_int_equal(f->inbox.budget.bytes, LIMIT_INBOX_BYTES);
	for (unsigned i = 1; i <= 10; i++)
		bus_fixture_publish(f, "t", i, i, 0);
	assert_int_equal(f->woken, 1); /* there was something from the first one on */
	assert_int_equal(f->lane.count, 10);
	for (unsigned i = 1; i <= 10; i++)
		takes(f, &f->lane, i);
	assert_null(lane_peek(&f->lane));
	assert_int_equal(f->inbox.messages, 0);
	assert_int_equal(f->inbox.bytes, 0);
	assert_int_equal(f->inbox.messages_most, 10);
}

/* rt:235 rt:236 */
static void the_oldest_make_room(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 2, 0, ON_FULL_DROP_OLDEST);
	assert_int_equal(lane_take_lagged(&f->lane), 0);
	for (unsigned i = 1; i <= 5; i++)
		bus_fixture_publish(f, "t", i, 8, 0);
	assert_int_equal(lane_take_lagged(&f->lane), 3);
	assert_int_equal(lane_take_lagged(&f->lane), 0);
	takes(f, &f->lane, 4);
	takes(f, &f->lane, 5);
	for (unsigned burst = 0; burst < 2; burst++) {
		for (unsigned i = 1; i <= 4; i++)
			bus_fixture_publish(f, "t", i, 8, 0);
		takes(f, &f->lane, 3);
		takes(f, &f->lane, 4);
	}
	assert_int_equal(lane_take_lagged(&f->lane), 4);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 7);
}

static void bytes_are_a_budget_too(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 0, 3 * ROOM(100), ON_FULL_DROP_OLDEST);
	for (unsigned i = 1; i <= 3; i++)
		bus_fixture_publish(f, "t", i, 100, 0);
	assert_int_equal(f->inbox.bytes, 3 * ROOM(100));
	assert_false(inbox_has_room(&f->inbox, 1));
	/* One that needs the room of two. */
	bus_fixture_publish(f, "t", 4, 101, 0);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 2);
	takes(f, &f->lane, 3);
	takes(f, &f->lane, 4);
}

static void what_can_get_no_room_drops_nothing(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 0, 4 * ROOM(100), ON_FULL_DROP_OLDEST);
	bus_fixture_publish(f, "t", 1, 100, 0);
	f->other.on_full = ON_FULL_BLOCK;
	assert_int_equal(receiver_add(&f->other, &f->other_lane, span_text("u"), TOPIC_TAIL_ONE, NULL), CAPSULE_OK);
	bus_fixture_publish(f, "u", 2, 100, 0);
	bus_fixture_publish(f, "u", 3, 100, 0);
	/* Larger than what may be dropped and what is free. */
	bus_fixture_publish(f, "t", 4, 3 * ROOM(100), 0);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 1);
	takes(f, &f->lane, 1);
	assert_int_equal(f->inbox.droppable_bytes, 0);
	/* As large as both. */
	bus_fixture_publish(f, "t", 5, 100, 0);
	bus_fixture_publish(f, "t", 6, 2 * ROOM(100) - ROOM(0), 0);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 2);
	takes(f, &f->lane, 6);
	takes(f, &f->other_lane, 2);
	takes(f, &f->other_lane, 3);
}

static void what_is_larger_than_the_inbox_drops_nothing(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 0, ROOM(100), ON_FULL_DROP_OLDEST);
	bus_fixture_publish(f, "t", 1, 100, 0);
	bus_fixture_publish(f, "t", 2, 101, 0);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_TOO_LARGE], 1);
	assert_int_equal(lane_take_lagged(&f->lane), 1);
	takes(f, &f->lane, 1);
	/* Nor does its publisher wait for ever. */
	f->receiver.on_full = ON_FULL_BLOCK;
	assert_true(list_empty(&bus_fixture_publish(f, "t", 3, 101, FIXTURE_WAITS)->over));
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_TOO_LARGE], 2);
}

static void a_publisher_waits_until_there_is_room(void **state)
{
	struct bus_fixture *f = *state;
	struct event *second, *third;

	open_inbox(f, 1, 0, ON_FULL_BLOCK);
	assert_true(list_empty(&bus_fixture_publish(f, "t", 1, 8, FIXTURE_WAITS)->over));
	second = bus_fixture_publish(f, "t", 2, 8, FIXTURE_WAITS);
	third = bus_fixture_publish(f, "t", 3, 8, FIXTURE_WAITS);
	assert_false(list_empty(&second->over) || list_empty(&third->over));
	assert_int_equal(f->inbox.messages, 1);
	assert_int_equal(f->rooms, 0);
	takes(f, &f->lane, 1);
	assert_true(list_empty(&second->over));
	assert_false(list_empty(&third->over));
	assert_int_equal(f->rooms, 1);
	takes(f, &f->lane, 2);
	assert_int_equal(f->rooms, 2);
	takes(f, &f->lane, 3);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_DELIVERED], 3);
}

static void one_that_cant_wait_loses_what_is_new(void **state)
{
	struct bus_fixture *f = *state;
	struct event *lost;

	open_inbox(f, 1, 0, ON_FULL_BLOCK);
	bus_fixture_publish(f, "t", 1, 8, 0);
	lost = bus_fixture_publish(f, "t", 2, 8, 0);
	assert_true(list_empty(&lost->over));
	assert_int_equal(lost->missed_as, OUTCOME_OVERFLOW);
	assert_int_equal(lost->matches, 1);
	assert_int_equal(lost->taken, 0);
	takes(f, &f->lane, 1);
	assert_null(lane_peek(&f->lane));
}

static void whoever_is_to_fail_is_asked_before(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 1, 0, ON_FULL_FAIL);
	assert_true(inbox_has_room(&f->inbox, ROOM(8)));
	bus_fixture_publish(f, "t", 1, 8, FIXTURE_WAITS);
	assert_false(inbox_has_room(&f->inbox, ROOM(8)));
	/* Published all the same: it is lost, and what is there stays. */
	bus_fixture_publish(f, "t", 2, 8, FIXTURE_WAITS);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 1);
	takes(f, &f->lane, 1);
}

static void nobody_overtakes_a_publisher_that_waits(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 2, 0, ON_FULL_BLOCK);
	add_other(f, ON_FULL_DROP_OLDEST);
	bus_fixture_publish(f, "t", 1, 8, FIXTURE_WAITS); /* a place in both lanes */
	bus_fixture_publish(f, "t", 2, 8, FIXTURE_WAITS); /* waits in the first; in the other it is lost */
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 1);
	assert_false(inbox_has_room(&f->inbox, 1));
	takes(f, &f->other_lane, 1);
	assert_int_equal(f->rooms, 1);
	assert_int_equal(f->inbox.messages, 2);
	assert_null(lane_peek(&f->other_lane));
	takes(f, &f->lane, 1);
	takes(f, &f->lane, 2);
}

/* The first one that waits is too large for what is free; when it goes, those behind it may fit. */
static void the_end_of_one_that_waits_lets_others_in(void **state)
{
	struct bus_fixture *f = *state;
	struct event *large, *small;

	open_inbox(f, 0, ROOM(100) + ROOM(10), ON_FULL_BLOCK);
	assert_int_equal(receiver_add(&f->other, &f->other_lane, span_text("u"), TOPIC_TAIL_ONE, NULL), CAPSULE_OK);
	bus_fixture_publish(f, "u", 1, 100, FIXTURE_WAITS);
	large = bus_fixture_publish(f, "t", 2, 90, FIXTURE_WAITS);
	small = bus_fixture_publish(f, "u", 3, 10, FIXTURE_WAITS);
	assert_false(list_empty(&large->over) || list_empty(&small->over));
	takes(f, &f->lane, 2); /* from beyond the budget */
	assert_true(list_empty(&small->over));
	assert_int_equal(f->rooms, 2);
	takes(f, &f->other_lane, 1);
	takes(f, &f->other_lane, 3);
}

static void a_held_entry_keeps_its_place(void **state)
{
	struct bus_fixture *f = *state;
	struct event *held;

	open_inbox(f, 0, 0, ON_FULL_DROP_OLDEST);
	held = bus_fixture_publish(f, "t", 1, 8, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 2, 8, 0);
	assert_int_equal(f->woken, 0);
	assert_null(lane_peek(&f->lane));
	bus_entry_release(bus_fixture_held(f), held);
	assert_int_equal(f->woken, 1);
	takes(f, &f->lane, 1);
	takes(f, &f->lane, 2);
	/* One behind others wakes nobody when it is let go. */
	bus_fixture_publish(f, "t", 3, 8, 0);
	held = bus_fixture_publish(f, "t", 4, 8, FIXTURE_HELD);
	assert_int_equal(f->woken, 2);
	bus_entry_release(bus_fixture_held(f), held);
	assert_int_equal(f->woken, 2);
	takes(f, &f->lane, 3);
	takes(f, &f->lane, 4);
}

static void a_veto_lets_those_behind_go_on(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 0, 0, ON_FULL_DROP_OLDEST);
	bus_fixture_publish(f, "t", 1, 8, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 2, 8, 0);
	bus_entry_end(bus_fixture_held(f), OUTCOME_VETOED);
	assert_int_equal(f->woken, 1);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_VETOED], 1);
	takes(f, &f->lane, 2);
}

static void a_full_inbox_drops_held_ones_too(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 2, 0, ON_FULL_DROP_OLDEST);
	bus_fixture_publish(f, "t", 1, 8, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 2, 8, 0);
	bus_fixture_publish(f, "t", 3, 8, 0);
	assert_true(list_empty(&f->held));
	assert_int_equal(f->woken, 1); /* the second can be taken now */
	takes(f, &f->lane, 2);
	takes(f, &f->lane, 3);
}

/* ---- Rewritten ones ---- */

static void release_rewritten(struct bus_fixture *f, struct event *event, size_t payload)
{
	struct event *rewritten = bus_fixture_rewrite(event, payload);

	bus_entry_release(bus_fixture_held(f), rewritten);
	event_release(rewritten);
	bus_fixture_check(f);
}

static void what_was_rewritten_is_counted_anew(void **state)
{
	struct bus_fixture *f = *state;
	struct event *event, *waits;

	open_inbox(f, 0, ROOM(100), ON_FULL_BLOCK);
	event = bus_fixture_publish(f, "t", 1, 50, FIXTURE_HELD);
	assert_int_equal(f->inbox.bytes, ROOM(50));
	release_rewritten(f, event, 100);
	assert_int_equal(f->inbox.bytes, ROOM(100));
	takes(f, &f->lane, 1);
	assert_int_equal(f->inbox.bytes, 0);
	/* A smaller one makes room for who waits. */
	f->inbox.budget.bytes = 2 * ROOM(0) + 100;
	event = bus_fixture_publish(f, "t", 2, 100, FIXTURE_HELD);
	waits = bus_fixture_publish(f, "t", 3, 10, FIXTURE_WAITS);
	assert_false(list_empty(&waits->over));
	release_rewritten(f, event, 90);
	assert_true(list_empty(&waits->over));
	takes(f, &f->lane, 2);
	takes(f, &f->lane, 3);
}

static void a_larger_one_makes_room_as_a_new_one_does(void **state)
{
	struct bus_fixture *f = *state;
	struct event *event;

	open_inbox(f, 0, 3 * ROOM(10), ON_FULL_DROP_OLDEST);
	bus_fixture_publish(f, "t", 1, 10, 0);
	event = bus_fixture_publish(f, "t", 2, 10, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 3, 10, 0);
	release_rewritten(f, event, 11);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 1);
	takes(f, &f->lane, 2);
	/* When it is the oldest itself, it is the one. */
	event = bus_fixture_publish(f, "t", 4, 10, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 5, 10, 0);
	takes(f, &f->lane, 3);
	release_rewritten(f, event, ROOM(10) + 11);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_OVERFLOW], 2);
	takes(f, &f->lane, 5);
}

static void one_that_can_never_fit_ends(void **state)
{
	struct bus_fixture *f = *state;
	struct event *event;

	open_inbox(f, 0, 2 * ROOM(10), ON_FULL_BLOCK);
	event = bus_fixture_publish(f, "t", 1, 10, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 2, 10, 0);
	f->woken = 0;
	release_rewritten(f, event, 200 + ROOM(10));
	assert_int_equal(event->missed_as, OUTCOME_TOO_LARGE);
	assert_int_equal(f->woken, 1);
	takes(f, &f->lane, 2);
	/* There is no room now, and its publisher has gone on. */
	event = bus_fixture_publish(f, "t", 3, 10, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 4, 10, 0);
	release_rewritten(f, event, 11);
	assert_int_equal(event->missed_as, OUTCOME_OVERFLOW);
	takes(f, &f->lane, 4);
}

/* ---- Ends ---- */

static void closing_a_lane_ends_what_is_in_it(void **state)
{
	struct bus_fixture *f = *state;
	struct bus_entry *taken;

	open_inbox(f, 3, 0, ON_FULL_BLOCK);
	bus_fixture_publish(f, "t", 1, 8, 0);
	bus_fixture_publish(f, "t", 2, 8, FIXTURE_HELD);
	bus_fixture_publish(f, "t", 3, 8, 0);
	bus_fixture_publish(f, "t", 4, 8, FIXTURE_WAITS);
	taken = lane_peek(&f->lane);
	bus_entry_take(taken);
	bus_fixture_publish(f, "t", 5, 8, FIXTURE_WAITS);
	f->woken = 0;
	lane_close(&f->lane);
	lane_close(&f->lane);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_GONE], 4);
	assert_int_equal(f->rooms, 2);
	assert_int_equal(f->woken, 0);
	assert_int_equal(f->inbox.messages, 0);
	assert_true(list_empty(&f->held));
	assert_int_equal(f->inbox.counts.pending, 1); /* what was taken is still under way */
	bus_entry_end(taken, OUTCOME_FAILED);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_FAILED], 1);
	assert_int_equal(bus_fixture_publish(f, "t", 6, 8, 0)->matches, 0);
}

static void closing_an_inbox_ends_all_lanes(void **state)
{
	struct bus_fixture *f = *state;
	struct event *both;

	open_inbox(f, 4, 0, ON_FULL_BLOCK);
	add_other(f, ON_FULL_DROP_OLDEST);
	both = bus_fixture_publish(f, "t", 1, 8, 0);
	bus_fixture_publish(f, "t", 2, 8, FIXTURE_HELD | FIXTURE_WAITS);
	assert_int_equal(both->open, 2);
	f->woken = 0;
	inbox_close(&f->inbox, OUTCOME_GONE);
	inbox_close(&f->inbox, OUTCOME_GONE);
	assert_int_equal(both->open, 0);
	assert_int_equal(f->inbox.counts.pending, 0);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_GONE], 4);
	assert_int_equal(f->woken, 0);
	assert_int_equal(f->settled, 2);
	receiver_remove(&f->receiver);
	lane_close(&f->lane);
	assert_int_equal(bus_fixture_publish(f, "t", 3, 8, 0)->matches, 0);
}

static void removing_a_receiver_ends_its_entries_alone(void **state)
{
	struct bus_fixture *f = *state;

	open_inbox(f, 0, 0, ON_FULL_DROP_OLDEST);
	assert_int_equal(receiver_add(&f->other, &f->lane, span_text("u"), TOPIC_TAIL_ONE, NULL), CAPSULE_OK);
	bus_fixture_publish(f, "t", 1, 8, FIXTURE_HELD);
	bus_fixture_publish(f, "u", 2, 8, 0);
	bus_fixture_publish(f, "t", 3, 8, 0);
	bus_fixture_publish(f, "u", 4, 8, 0);
	f->woken = 0;
	receiver_remove(&f->receiver);
	receiver_remove(&f->receiver);
	assert_int_equal(f->inbox.counts.outcomes[OUTCOME_GONE], 2);
	assert_int_equal(f->woken, 1);
	takes(f, &f->lane, 2);
	takes(f, &f->lane, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(messages_are_taken_in_their_order),
		BUS_TEST(the_oldest_make_room),
		BUS_TEST(bytes_are_a_budget_too),
		BUS_TEST(what_can_get_no_room_drops_nothing),
		BUS_TEST(what_is_larger_than_the_inbox_drops_nothing),
		BUS_TEST(a_publisher_waits_until_there_is_room),
		BUS_TEST(one_that_cant_wait_loses_what_is_new),
		BUS_TEST(whoever_is_to_fail_is_asked_before),
		BUS_TEST(nobody_overtakes_a_publisher_that_waits),
		BUS_TEST(the_end_of_one_that_waits_lets_others_in),
		BUS_TEST(a_held_entry_keeps_its_place),
		BUS_TEST(a_veto_lets_those_behind_go_on),
		BUS_TEST(a_full_inbox_drops_held_ones_too),
		BUS_TEST(what_was_rewritten_is_counted_anew),
		BUS_TEST(a_larger_one_makes_room_as_a_new_one_does),
		BUS_TEST(one_that_can_never_fit_ends),
		BUS_TEST(closing_a_lane_ends_what_is_in_it),
		BUS_TEST(closing_an_inbox_ends_all_lanes),
		BUS_TEST(removing_a_receiver_ends_its_entries_alone),
	};

	return cmocka_run_group_tests_name("bus_inbox", tests, NULL, NULL);
}
