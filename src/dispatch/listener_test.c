/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receivers that are no capsules. */
#include "dispatch/dispatch_fixture.h"

struct ear {
	struct events *events;
	struct listener *listener;
	struct buffer heard; /* "topic lost\n" */
	int free_at;         /* free the listener at this one, counted from 1 */
	int count;
	const char *echo; /* publish this topic when something is heard */
};

static void hear(void *user, struct event *event, uint64_t lost)
{
	struct ear *ear = user;

	(void)buffer_printf(&ear->heard, "%.*s %d\n", SPAN_ARG(event->topic), (int)lost);
	if (ear->echo != NULL)
		publish(ear->events, ear->echo, "{}");
	if (++ear->count != ear->free_at)
		return;
	listener_free(ear->listener);
	ear->listener = NULL;
}

static void ear_open(struct ear *ear, struct events *events, const char *pattern, bool lifecycle, uint32_t messages)
{
	const struct listener_options options = { .pattern = span_text(pattern),
		.lifecycle = lifecycle,
		.budget = { .messages = messages },
		.arrived = hear,
		.user = ear };

	*ear = (struct ear){ .events = events };
	assert_int_equal(listener_new(&ear->listener, events->dispatch, &options, NULL), CAPSULE_OK);
}

static void ear_close(struct ear *ear)
{
	listener_free(ear->listener);
	buffer_fini(&ear->heard);
}

static void assert_heard(struct ear *ear, const char *text)
{
	const char *heard;

	events_turn(ear->events);
	heard = buffer_text(&ear->heard);
	assert_string_equal(heard != NULL ? heard : "", text);
	buffer_clear(&ear->heard);
}

static void what_matches_arrives_in_order(void **state)
{
	struct events *events = *state;
	struct ear ear;

	ear_open(&ear, events, "a.*", false, 0);
	publish(events, "a.b", "{}");
	publish(events, "a.b.c", "{}"); /* a last `*` is one segment or more */
	publish(events, "b.a", "{}");
	publish(events, "a", "{}");
	assert_int_equal(ear.count, 0);
	assert_heard(&ear, "a.b 0\na.b.c 0\n");
	assert_notes(events,
		"settled b.a\nsettled a\n/a.* a.b: delivered\nsettled a.b\n/a.* a.b.c: delivered\nsettled a.b.c\n");
	ear_close(&ear);
	assert_closed(events);
}

static void lifecycle_events_for_those_who_ask(void **state)
{
	struct events *events = *state;
	struct ear with, without;

	ear_open(&with, events, "astrid.*", true, 0);
	ear_open(&without, events, "astrid.*", false, 0);
	dispatch_lifecycle(events->dispatch, EVENT_CONFIG_RELOADED, NULL, 0);
	publish(events, "astrid.x", "{}");
	assert_heard(&with, "astrid.v1.lifecycle.config_reloaded 0\nastrid.x 0\n");
	assert_heard(&without, "astrid.x 0\n");
	ear_close(&with);
	ear_close(&without);
}

static void losses_are_told_with_what_comes_next(void **state)
{
	struct events *events = *state;
	struct ear ear;

	ear_open(&ear, events, "t.*", false, 2);
	publish(events, "t.1", "{}");
	publish(events, "t.2", "{}");
	publish(events, "t.3", "{}");
	publish(events, "t.4", "{}");
	publish(events, "t.5", "{}");
	assert_heard(&ear, "t.4 3\nt.5 0\n");
	publish(events, "t.6", "{}");
	assert_heard(&ear, "t.6 0\n");
	ear_close(&ear);
	assert_closed(events);
}

static void a_listener_may_go_while_it_hears(void **state)
{
	struct events *events = *state;
	struct ear ear;

	ear_open(&ear, events, "t", false, 0);
	ear.free_at = 2;
	for (int i = 0; i < 4; i++)
		publish(events, "t", "{}");
	assert_heard(&ear, "t 0\nt 0\n");
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_DELIVERED], 2);
	assert_int_equal(dispatch_counts(events->dispatch)->outcomes[OUTCOME_GONE], 2);
	assert_int_equal(events->settled, 4);
	ear_close(&ear);
	assert_closed(events);
}

/* At its last event, and with more to come in the same turn. */
static void a_listener_may_go_at_its_last_event(void **state)
{
	struct events *events = *state;
	struct ear ear;

	ear_open(&ear, events, "t", false, 0);
	ear.free_at = 1;
	publish(events, "t", "{}");
	assert_heard(&ear, "t 0\n");
	publish(events, "t", "{}");
	assert_heard(&ear, "");
	ear_close(&ear);
}

static void what_waits_is_gone_with_it(void **state)
{
	struct events *events = *state;
	struct ear ear;

	ear_open(&ear, events, "t", false, 0);
	publish(events, "t", "{}");
	ear_close(&ear);
	events_turn(events);
	assert_int_equal(ear.count, 0);
	assert_notes(events, "/t t: gone\nsettled t\n");
	assert_closed(events);
}

/* One that publishes what it hears keeps nobody else from the loop. */
static void one_that_talks_to_itself_gives_others_their_turn(void **state)
{
	struct events *events = *state;
	struct ear ear, other;

	ear_open(&ear, events, "t", false, 0);
	ear_open(&other, events, "u", false, 0);
	ear.echo = "t";
	publish(events, "t", "{}");
	publish(events, "u", "{}");
	(void)loop_turn(events->loop, 0);
	assert_int_equal(other.count, 1);
	assert_int_equal(ear.count % 256, 0);
	assert_true(ear.count > 0);
	ear.echo = NULL;
	ear_close(&ear);
	ear_close(&other);
}

static void patterns_are_checked(void **state)
{
	struct events *events = *state;
	struct listener_options options = { .arrived = hear };
	struct listener *listener;
	struct capsule_error err;

	options.pattern = span_text("a..b");
	assert_fails(
		listener_new(&listener, events->dispatch, &options, &err), &err, CAPSULE_EINVAL, "has empty segments");
	options.pattern = span_text("");
	assert_fails(
		listener_new(&listener, events->dispatch, &options, &err), &err, CAPSULE_EINVAL, "has empty segments");
	listener_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_matches_arrives_in_order),
		TEST(lifecycle_events_for_those_who_ask),
		TEST(losses_are_told_with_what_comes_next),
		TEST(a_listener_may_go_while_it_hears),
		TEST(a_listener_may_go_at_its_last_event),
		TEST(what_waits_is_gone_with_it),
		TEST(one_that_talks_to_itself_gives_others_their_turn),
		TEST(patterns_are_checked),
	};

	return cmocka_run_group_tests_name("dispatch_listener", tests, NULL, NULL);
}
