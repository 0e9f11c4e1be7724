/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What publishers and receivers can't make grow, however many they are: what waits, what is looked at, a turn. */
#include "dispatch/dispatch_fixture.h"

#define BLOCK "on_full = \"block\"\n"

/* Four calls run and one message waits. */
static void fill(struct events *events)
{
	for (int i = 0; i < LIMIT_CALLS_IN_PROGRESS; i++) {
		publish(events, "t", "0");
		events_turn(events);
	}
	publish(events, "t", "1");
}

static enum capsule_status publish_alone(struct events *events, const char *json, struct capsule_error *err)
{
	struct publication publication = { .may_wait = true };

	return publish_as(events, &publication, "t", json, err);
}

/* A publisher that has nothing to wait with can go on, and must not without end. */
static void publications_that_wait_alone_are_bounded(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	struct capsule_error err;

	fill(events);
	for (int i = 0; i < LIMIT_WAITING_PUBLICATIONS; i++)
		assert_int_equal(publish_alone(events, "2", &err), CAPSULE_OK);
	assert_fails(publish_alone(events, "3", &err), &err, CAPSULE_ELIMIT,
		"1024 publications with 551936 bytes wait for room already, at most 1024 with 67108864 may: the inbox of "
		"capsule 'b' is full and `act` says on_full = \"block\"; wait for the end of some of them");
	assert_int_equal(b->member->inbox.counts.pending, 5 + LIMIT_WAITING_PUBLICATIONS);
	/* What never waits is not among them, and each that gets its room makes some. */
	publish(events, "t", "4");
	guest_answer(b, 0, "");
	events_turn(events);
	assert_int_equal(publish_alone(events, "5", &err), CAPSULE_OK);
	assert_int_equal(publish_alone(events, "6", &err), CAPSULE_ELIMIT);
	guest_drop(b);
	assert_int_equal(events->dispatch->alone_count, 0);
	assert_int_equal(events->dispatch->alone_bytes, 0);
}

static void their_bytes_are_bounded(void **state)
{
	struct events *events = *state;
	struct guest *b = guest_add(events, "b", INBOX("1") ON("t", "act") BLOCK);
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct capsule_error err;
	int count = 0;

	(void)buffer_append_byte(&text, '"');
	for (size_t i = 0; i < 4 * MIB; i++)
		(void)buffer_append_byte(&text, 'x');
	assert_true(buffer_append_text(&text, "\""));
	fill(events);
	while (publish_alone(events, buffer_text(&text), &err) == CAPSULE_OK)
		count++;
	assert_int_equal(err.status, CAPSULE_ELIMIT);
	assert_int_equal(count, 15);
	assert_int_equal(publish_alone(events, "1", &err), CAPSULE_OK);
	guest_drop(b);
	assert_int_equal(events->dispatch->alone_bytes, 0);
}

/* Each search is as long as others make the ways between capsules. */
static void a_full_capsule_is_searched_once(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", "");
	struct guest *b = guest_add(
		events, "b", INBOX("1") ON("t", "1") BLOCK ON("u", "2") BLOCK ON("u", "3") BLOCK ON("u", "4") BLOCK);
	uint64_t searches;
	WAITING(waiting);

	fill(events);
	searches = events->dispatch->mark;
	assert_int_equal(publish_waiting(a, &waiting, "u", "2", NULL), CAPSULE_OK);
	assert_true(op_pending(&waiting.op));
	assert_int_equal(events->dispatch->mark, searches + 1);
	guest_drop(b);
	events_turn(events);
	assert_int_equal(waiting.done, 1);
}

static void note_failed(void *user, struct event *event, uint64_t lost)
{
	struct events *events = user;

	assert_int_equal(lost, 0);
	assert_true(span_is(event->topic, "u"));
	events->settled = dispatch_counts(events->dispatch)->outcomes[OUTCOME_FAILED];
}

/* A refused call ends at once: others have their turn before a full inbox of them is empty. */
static void refused_calls_do_not_hold_the_loop(void **state)
{
	struct events *events = *state;
	struct guest *a = guest_add(events, "a", ON("t", "act"));
	const struct listener_options options = { .pattern = span_text("u"), .arrived = note_failed, .user = events };
	struct listener *listener = NULL;

	assert_int_equal(listener_new(&listener, events->dispatch, &options, NULL), CAPSULE_OK);
	dispatch_watch(events->dispatch, NULL);
	a->refuses = CAPSULE_ESTATE;
	for (int i = 0; i < LIMIT_INBOX_MESSAGES; i++)
		publish(events, "t", "1");
	publish(events, "u", "1");
	events_turn(events);
	assert_int_equal(events->settled, 64);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_FAILED], LIMIT_INBOX_MESSAGES);
	listener_free(listener);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(publications_that_wait_alone_are_bounded),
		TEST(their_bytes_are_bounded),
		TEST(a_full_capsule_is_searched_once),
		TEST(refused_calls_do_not_hold_the_loop),
	};

	return cmocka_run_group_tests_name("dispatch_bounds", tests, NULL, NULL);
}
