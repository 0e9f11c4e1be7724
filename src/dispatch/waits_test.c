/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Full inboxes: publishers that wait, are refused or lose the oldest; and circles of those who wait for one another. */
#include "dispatch/dispatch_fixture.h"

#define BLOCK "on_full = \"block\"\n"
#define FAIL "on_full = \"fail\"\n"

/* Four calls run and `messages` wait. */
static void fill(struct events *events, const char *topic, int messages)
{
	for (int i = 0; i < LIMIT_CALLS_IN_PROGRESS; i++) {
		publish(events, topic, "0");
		events_turn(events);
	}
	for (int i = 0; i < messages; i++)
		publish(events, topic, "1");
}

static void answer_all(struct guest *guest)
{
	guest->answers = "";
	while (guest->call_count > 0)
		guest_answer(guest, 0, "");
	events_turn(guest->events);
}

static void a_publisher_waits_until_there_is_room(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	WAITING(first);
	WAITING(second);

	fill(events, "t", 1);
	assert_int_equal(publish_waiting(a, &first, "t", "2", NULL), CAPSULE_OK);
	assert_true(op_pending(&first.op));
	assert_ptr_equal(a->member->blocked->waiter, &first.op);
	events_turn(events);
	assert_int_equal(first.done, 0);
	assert_int_equal(b->member->inbox.messages, 1); /* the one that waits is beyond it */
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(first.done, 1);
	assert_int_equal(first.error.status, CAPSULE_OK);
	assert_null(a->member->blocked);
	assert_string_equal(guest_sees(b, 3), "act 1");
	guest_answer(b, 0, "");
	events_turn(events);
	assert_string_equal(guest_sees(b, 3), "act 2");
	/* When there is room nobody waits. */
	assert_int_equal(publish_waiting(a, &second, "t", "3", NULL), CAPSULE_OK);
	assert_false(op_pending(&second.op));
	answer_all(b);
	assert_int_equal(second.done, 0);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_DELIVERED], 7);
	assert_closed(events);
}

static void publishers_that_wait_have_their_turn_in_order(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *c = guest_add(events, "c", "");
	struct guest *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	WAITING(first);
	WAITING(second);

	fill(events, "t", 1);
	assert_int_equal(publish_waiting(a, &first, "t", "\"a\"", NULL), CAPSULE_OK);
	assert_int_equal(publish_waiting(c, &second, "t", "\"c\"", NULL), CAPSULE_OK);
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(first.done, 1);
	assert_int_equal(second.done, 0);
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(second.done, 1);
	assert_string_equal(guest_sees(b, 3), "act \"a\"");
	answer_all(b);
	assert_closed(events);
}

static void room_is_needed_with_all_of_them(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	struct guest *c = guest_add(events, "c", INBOX("1") ON("t", "act") BLOCK);
	WAITING(waiting);

	fill(events, "t", 1);
	assert_int_equal(publish_waiting(a, &waiting, "t", "2", NULL), CAPSULE_OK);
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(waiting.done, 0);
	guest_answer(c, 0, "");
	events_turn(events);
	assert_int_equal(waiting.done, 1);
	answer_all(b);
	answer_all(c);
	assert_closed(events);
}

static void a_publication_can_fail_for_everybody(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", INBOX("1") ON("t", "act") FAIL);
	struct guest *c = guest_add(events, "c", ON("t", "act"));
	struct capsule_error err;
	WAITING(waiting);

	fill(events, "t", 1);
	notes_clear(events);
	assert_fails(publish_waiting(a, &waiting, "t", "2", &err), &err, CAPSULE_ELIMIT,
		"the inbox of capsule 'b' is full: 1 messages with 539 bytes wait there, at most 1 with 16777216 may, and "
		"this one has 539; `act` says on_full = \"fail\"");
	assert_false(op_pending(&waiting.op));
	assert_int_equal(c->member->inbox.messages, 1);
	assert_notes(events, "");
	assert_int_equal(a->member->stats.refused, 1);
	assert_int_equal(a->member->stats.published, 0);
	/* Who can't be told loses it for this one alone. */
	publish(events, "t", "3");
	assert_notes(events, "b/act t: overflow\n");
	answer_all(b);
	answer_all(c);
	assert_closed(events);
}

/* Two of one capsule, and room for one. */
static void all_receivers_of_one_inbox_are_counted(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(events, "b", INBOX("2") ON("t", "one") FAIL ON("t", "two") FAIL ON("u", "busy"));
	struct capsule_error err;
	WAITING(first);
	WAITING(second);

	fill(events, "u", 1);
	notes_clear(events);
	assert_fails(publish_waiting(a, &first, "t", "1", &err), &err, CAPSULE_ELIMIT,
		"the inbox of capsule 'b' is full: 1 messages");
	assert_int_equal(b->member->inbox.messages, 1);
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(publish_waiting(a, &second, "t", "2", NULL), CAPSULE_OK);
	assert_int_equal(b->member->inbox.messages, 2);
	answer_all(b);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_OVERFLOW], 0);
	assert_closed(events);
}

/* Also when between them it is looked for whether the publisher would wait for itself. */
static void receivers_are_counted_across_a_search(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(events, "b", INBOX("1") GUARD("t", "guard") FAIL ON("t", "act") FAIL);
	struct guest *c = guest_add(events, "c", INBOX("1") GUARD("t", "guard") "priority = 1\n" BLOCK ON("u", "busy"));
	struct capsule_error err;
	WAITING(waiting);

	fill(events, "u", 1);
	assert_fails(
		publish_waiting(a, &waiting, "t", "1", &err), &err, CAPSULE_ELIMIT, "the inbox of capsule 'b' is full");
	assert_int_equal(b->member->inbox.messages, 0);
	answer_all(c);
	assert_closed(events);
}

static void what_can_never_fit(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(
		events, "b", "[events]\ninbox_bytes = 65536\n" ON("t", "act") BLOCK ON("u", "act") FAIL);
	HOLD(buffer_fini) struct buffer large = { 0 };
	struct capsule_error err;
	WAITING(first);
	WAITING(second);

	(void)buffer_printf(&large, "\"%070000d\"", 0);
	assert_int_equal(publish_waiting(a, &first, "t", buffer_text(&large), NULL), CAPSULE_OK);
	assert_false(op_pending(&first.op));
	assert_notes(events, "b/act t: too large\nsettled t\n");
	assert_fails(publish_waiting(a, &second, "u", buffer_text(&large), &err), &err, CAPSULE_ELIMIT,
		"the inbox of capsule 'b' is full");
	assert_int_equal(b->calls_ever, 0);
	assert_closed(events);
}

static void the_oldest_makes_room(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", INBOX("2") ON("t", "act"));
	WAITING(waiting);

	fill(events, "t", 1);
	publish(events, "t", "2");
	notes_clear(events);
	assert_int_equal(publish_waiting(a, &waiting, "t", "3", NULL), CAPSULE_OK);
	assert_false(op_pending(&waiting.op));
	assert_notes(events, "b/act t: overflow\nsettled t\n");
	for (int i = 0; i < 4; i++)
		guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(b->call_count, 2);
	assert_string_equal(guest_sees(b, 0), "act 2");
	assert_string_equal(guest_sees(b, 1), "act 3");
	answer_all(b);
	assert_closed(events);
}

static void a_publisher_that_gives_up_leaves_nothing(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	struct guest *c = guest_add(events, "c", ON("t", "act"));
	struct waiting *gone = calloc(1, sizeof *gone);
	WAITING(waiting);

	fill(events, "t", 1);
	assert_int_equal(publish_waiting(a, &waiting, "t", "2", NULL), CAPSULE_OK);
	notes_clear(events);
	op_cancel(&waiting.op);
	assert_null(a->member->blocked);
	assert_notes(events, "b/act t: overflow\n"); /* c gets it */
	assert_true(list_empty(&b->member->inbox.over));
	events_turn(events);
	assert_int_equal(waiting.done, 1);
	assert_int_equal(waiting.error.status, CAPSULE_ECANCELLED);
	/* Nor does one whose operation goes, as with a guest that traps. */
	assert_non_null(gone);
	assert_int_equal(publish_waiting(a, gone, "t", "3", NULL), CAPSULE_OK);
	waiting_fini(gone);
	free(gone);
	assert_null(a->member->blocked);
	assert_true(list_empty(&b->member->inbox.over));
	assert_int_equal(b->member->inbox.messages, 1);
	answer_all(b);
	answer_all(c);
	assert_closed(events);
}

static void the_receiver_goes_away(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	WAITING(waiting);

	fill(events, "t", 1);
	assert_int_equal(publish_waiting(a, &waiting, "t", "2", NULL), CAPSULE_OK);
	guest_drop(b);
	events_turn(events);
	assert_int_equal(waiting.done, 1);
	assert_int_equal(waiting.error.status, CAPSULE_OK); /* fire and forget: what came of it is another matter */
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_GONE], 2);
	assert_closed(events);
}

static void who_would_wait_for_itself_is_refused(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("1") ON("t", "act") BLOCK);
	struct capsule_error err;
	WAITING(waiting);

	fill(events, "t", 1);
	assert_fails(publish_waiting(a, &waiting, "t", "2", &err), &err, CAPSULE_ESTATE,
		"the publisher would wait for itself: a -> a; the inbox of 'a' is full and its interceptor `act` says on_full = "
		"\"block\"");
	answer_all(a);
	assert_closed(events);
}

/* Room for the first of two: it would wait for the second one's. */
static void the_second_receiver_of_its_own_counts(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("1") ON("t", "one") BLOCK ON("t", "two") BLOCK);
	struct capsule_error err;
	WAITING(waiting);

	assert_fails(publish_waiting(a, &waiting, "t", "1", &err), &err, CAPSULE_ESTATE, "a -> a");
	assert_int_equal(a->member->inbox.messages, 0);
}

static void a_waits_for_b_waits_for_a(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("1") ON("to.a", "act") BLOCK);
	struct guest *b = guest_add(events, "b", INBOX("1") ON("to.b", "act") BLOCK);
	struct capsule_error err;
	WAITING(first);
	WAITING(second);

	fill(events, "to.a", 1);
	fill(events, "to.b", 1);
	assert_int_equal(publish_waiting(a, &first, "to.b", "2", NULL), CAPSULE_OK);
	assert_true(op_pending(&first.op));
	assert_fails(publish_waiting(b, &second, "to.a", "2", &err), &err, CAPSULE_ESTATE,
		"the publisher would wait for itself: b -> a -> b; the inbox of 'a' is full");
	answer_all(b);
	answer_all(a);
	assert_int_equal(first.done, 1);
	assert_closed(events);
}

static void three_in_a_circle(void **state)
{
	struct events *events = *state;
	struct guest *guests[3];
	struct capsule_error err;
	WAITING(first);
	WAITING(second);
	WAITING(third);

	guests[0] = guest_add(events, "a", INBOX("1") ON("to.a", "act") BLOCK);
	guests[1] = guest_add(events, "b", INBOX("1") ON("to.b", "act") BLOCK);
	guests[2] = guest_add(events, "c", INBOX("1") ON("to.c", "act") BLOCK);
	fill(events, "to.a", 1);
	fill(events, "to.b", 1);
	fill(events, "to.c", 1);
	assert_int_equal(publish_waiting(guests[0], &first, "to.b", "2", NULL), CAPSULE_OK);
	assert_int_equal(publish_waiting(guests[1], &second, "to.c", "2", NULL), CAPSULE_OK);
	assert_fails(publish_waiting(guests[2], &third, "to.a", "2", &err), &err, CAPSULE_ESTATE, "c -> a -> b -> c");
	for (int i = 0; i < 3; i++)
		answer_all(guests[i]);
	assert_int_equal(first.done + second.done, 2);
	assert_closed(events);
}

/* a waits for the answer of b, who would wait for room with a. */
static void a_hook_is_part_of_a_circle(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", INBOX("1") ON("to.a", "act") BLOCK);
	struct guest *b = guest_add(events, "b", ON("h", "act"));
	struct capsule_error err;
	struct origin origin;
	WAITING(asked);
	WAITING(waiting);

	fill(events, "to.a", 1);
	origin_init(&origin);
	waiting_init(&asked, events);
	assert_int_equal(dispatch_hook(a->member, &origin, span_text("h"), span_text("1"), &asked.op, waiting_done,
				 &asked, NULL),
		CAPSULE_OK);
	events_turn(events);
	assert_fails(publish_waiting(b, &waiting, "to.a", "2", &err), &err, CAPSULE_ESTATE, "b -> a -> b");
	guest_answer(b, 0, "1");
	answer_all(a);
	assert_int_equal(asked.done, 1);
	assert_closed(events);
}

/* What stands first in the inbox of b waits for a guard; a is asked after that one. */
static void who_decides_is_part_of_a_circle(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", GUARD("t", "guard") "priority = 1\n");
	struct guest *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK),
		     *g = guest_add(events, "g", GUARD("t", "guard"));
	struct capsule_error err;
	WAITING(first);
	WAITING(second);

	publish(events, "t", "1");
	events_turn(events);
	assert_int_equal(g->call_count, 1);
	assert_fails(publish_waiting(g, &first, "t", "2", &err), &err, CAPSULE_ESTATE, "g -> b -> g");
	assert_fails(publish_waiting(a, &second, "t", "2", &err), &err, CAPSULE_ESTATE, "a -> b -> a");
	guest_answer(g, 0, DENY);
	events_turn(events);
	assert_closed(events);
	assert_int_equal(b->calls_ever, 0);
}

/* The first to go makes room for a, and the next one is held for g itself. */
static void who_stands_behind_others_is_part_of_a_circle(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *g = guest_add(events, "g", GUARD("t", "guard"));
	struct guest *b = guest_add(events, "b", INBOX("2") ON("t", "act") BLOCK ON("u", "busy") BLOCK);
	struct capsule_error err;
	WAITING(first);
	WAITING(second);

	fill(events, "u", 1);
	publish(events, "t", "1");
	events_turn(events);
	assert_int_equal(g->call_count, 1);
	assert_int_equal(publish_waiting(a, &first, "u", "2", NULL), CAPSULE_OK);
	assert_true(op_pending(&first.op));
	assert_fails(publish_waiting(g, &second, "u", "3", &err), &err, CAPSULE_ESTATE, "g -> b -> g");
	/* Without a there is room for it as soon as the first one goes. */
	op_cancel(&first.op);
	assert_int_equal(publish_waiting(g, &second, "u", "3", &err), CAPSULE_OK);
	assert_true(op_pending(&second.op));
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(second.done, 1);
	guest_answer(g, 0, "");
	answer_all(b);
	assert_closed(events);
}

/* A publisher waits with an event that a guard looks at. */
static void what_waits_for_room_can_be_denied(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *g = guest_add(events, "g", GUARD("t", "guard"));
	struct guest *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK ON("u", "busy"));
	WAITING(waiting);

	fill(events, "u", 1);
	assert_int_equal(publish_waiting(a, &waiting, "t", "2", NULL), CAPSULE_OK);
	assert_true(op_pending(&waiting.op));
	events_turn(events);
	guest_answer(g, 0, DENY);
	events_turn(events);
	assert_int_equal(waiting.done, 1);
	assert_true(list_empty(&b->member->inbox.over));
	answer_all(b);
	assert_closed(events);
}

/* The guard itself has no room: its publisher waits for it, and gives up. */
static void a_guard_may_block_its_publisher(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ""), *b = guest_add(events, "b", ON("t", "act"));
	struct guest *g = guest_add(events, "g", INBOX("1") GUARD("t", "guard") BLOCK ON("u", "busy"));
	WAITING(first);
	WAITING(second);

	fill(events, "u", 1);
	assert_int_equal(publish_waiting(a, &first, "t", "1", NULL), CAPSULE_OK);
	op_cancel(&first.op);
	events_turn(events);
	assert_int_equal(b->calls_ever, 0); /* nobody could be asked */
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_VETOED], 1);
	assert_int_equal(publish_waiting(a, &second, "t", "2", NULL), CAPSULE_OK);
	answer_all(g);
	assert_int_equal(second.done, 1);
	assert_string_equal(guest_sees(b, 0), "act 2");
	answer_all(b);
	assert_closed(events);
}

struct heard {
	int count;
	struct events *events;
	struct listener *listener;
};

static void hear(void *user, struct event *event, uint64_t lost)
{
	struct heard *heard = user;

	(void)event;
	assert_int_equal(lost, 0);
	heard->count++;
}

static void a_listener_can_block(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct heard heard = { .events = events };
	const struct listener_options options = { .pattern = span_text("t"),
		.budget = { .messages = 1 },
		.on_full = ON_FULL_BLOCK,
		.arrived = hear,
		.user = &heard };
	struct listener *listener;
	WAITING(waiting);

	assert_int_equal(listener_new(&listener, events->dispatch, &options, NULL), CAPSULE_OK);
	publish(events, "t", "1");
	assert_int_equal(publish_waiting(a, &waiting, "t", "2", NULL), CAPSULE_OK);
	assert_true(op_pending(&waiting.op));
	events_turn(events);
	assert_int_equal(waiting.done, 1);
	assert_int_equal(heard.count, 2);
	listener_free(listener);
	assert_closed(events);
}

static void a_listener_can_refuse(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct heard heard = { .events = events };
	const struct listener_options options = { .pattern = span_text("t"),
		.budget = { .messages = 1 },
		.on_full = ON_FULL_FAIL,
		.arrived = hear,
		.user = &heard };
	struct listener *listener;
	struct capsule_error err;
	WAITING(waiting);

	assert_int_equal(listener_new(&listener, events->dispatch, &options, NULL), CAPSULE_OK);
	publish(events, "t", "1");
	assert_fails(publish_waiting(a, &waiting, "t", "2", &err), &err, CAPSULE_ELIMIT,
		"the inbox of a listener is full: 1 messages");
	listener_free(listener);
	assert_closed(events);
}

/* A circle is named as far as it can be read. */
static void a_long_way_is_cut(void **state)
{
	struct events *events = *state;
	HOLD(buffer_fini) struct buffer way = { 0 };
	static struct bus_entry entries[40];
	static struct receiver receivers[40];
	struct member *members[40];
	struct event *all[40];
	char ids[40][8];

	for (int i = 0; i < 40; i++) {
		static const struct manifest nothing;
		struct member_options options = { .manifest = &nothing };

		(void)snprintf(ids[i], sizeof ids[i], "m%d", i);
		options.id = ids[i];
		assert_int_equal(member_new(&members[i], events->dispatch, &options, NULL), CAPSULE_OK);
		all[i] = calloc(1, sizeof *all[i]);
		assert_non_null(all[i]);
		list_init(&all[i]->over);
	}
	for (int i = 0; i < 40; i++) {
		receivers[i].inbox = &members[(i + 1) % 40]->inbox;
		entries[i].receiver = &receivers[i];
		list_append(&all[i]->over, &entries[i].over_link);
		members[i]->blocked = i < 39 ? all[i] : NULL;
	}
	assert_true(waits_close(events->dispatch, members[39], members[0], true, &way));
	assert_string_equal(buffer_text(&way),
		"m39 -> ... -> m22 -> m23 -> m24 -> m25 -> m26 -> m27 -> m28 -> m29 -> m30 -> m31 -> m32 -> m33 -> m34 -> m35 -> "
		"m36 -> m37 -> m38 -> m39");
	buffer_clear(&way);
	assert_false(waits_close(events->dispatch, members[0], members[39], true, &way));
	assert_int_equal(way.len, 0);
	for (int i = 0; i < 40; i++) {
		members[i]->blocked = NULL;
		member_free(members[i]);
		free(all[i]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_publisher_waits_until_there_is_room),
		TEST(publishers_that_wait_have_their_turn_in_order),
		TEST(room_is_needed_with_all_of_them),
		TEST(a_publication_can_fail_for_everybody),
		TEST(all_receivers_of_one_inbox_are_counted),
		TEST(receivers_are_counted_across_a_search),
		TEST(what_can_never_fit),
		TEST(the_oldest_makes_room),
		TEST(a_publisher_that_gives_up_leaves_nothing),
		TEST(the_receiver_goes_away),
		TEST(who_would_wait_for_itself_is_refused),
		TEST(the_second_receiver_of_its_own_counts),
		TEST(a_waits_for_b_waits_for_a),
		TEST(three_in_a_circle),
		TEST(a_hook_is_part_of_a_circle),
		TEST(who_decides_is_part_of_a_circle),
		TEST(who_stands_behind_others_is_part_of_a_circle),
		TEST(what_waits_for_room_can_be_denied),
		TEST(a_guard_may_block_its_publisher),
		TEST(a_listener_can_block),
		TEST(a_listener_can_refuse),
		TEST(a_long_way_is_cut),
	};

	return cmocka_run_group_tests_name("dispatch_waits", tests, NULL, NULL);
}
