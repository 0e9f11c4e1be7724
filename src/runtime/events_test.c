/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public functions of events: what they refuse, from where they may be called, what comes of operations and
 * subscriptions. */
#include "runtime/events_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What is refused ---- */

static void refuse(struct fixture *fixture, const char *topic, const char *payload, size_t len,
	enum capsule_status wanted, const char *says)
{
	struct capsule_op *op = NULL;

	assert_status(
		fixture, capsule_publish(fixture->runtime, topic, payload, len, NULL, NULL, &op, fixture->err), wanted);
	assert_null(op);
	assert_says(fixture, says);
	assert_status(fixture, capsule_publish(fixture->runtime, topic, payload, len, NULL, NULL, NULL, fixture->err),
		wanted);
	assert_int_equal(capsule_publish(fixture->runtime, topic, payload, len, NULL, NULL, NULL, NULL), wanted);
}

static void what_can_not_be_published_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char topic[258], *large = malloc(5242881);

	assert_non_null(large);
	memset(topic, 'a', sizeof topic - 1);
	topic[sizeof topic - 1] = '\0';
	memset(large, ' ', 5242881);
	large[0] = '1';
	refuse(fixture, NULL, "1", 1, CAPSULE_EINVAL, "no topic");
	refuse(fixture, "a.b", NULL, 1, CAPSULE_EINVAL, "no payload");
	refuse(fixture, "a.b", NULL, 0, CAPSULE_EINVAL, "JSON");
	refuse(fixture, "a.b", "{", 1, CAPSULE_EINVAL, "JSON");
	refuse(fixture, "a.b", "1 2", 3, CAPSULE_EINVAL, "JSON");
	refuse(fixture, "", "1", 1, CAPSULE_EINVAL, "empty segments");
	refuse(fixture, "a..b", "1", 1, CAPSULE_EINVAL, "empty segments");
	refuse(fixture, "a\xff", "1", 1, CAPSULE_EINVAL, "UTF-8");
	refuse(fixture, topic, "1", 1, CAPSULE_EINVAL, "256");
	refuse(fixture, "astrid.v1.lifecycle.capsule_loaded", "{}", 2, CAPSULE_EINVAL, "of the runtime alone");
	refuse(fixture, "a.b", large, 5242881, CAPSULE_ELIMIT, "5242881 bytes");
	assert_int_equal(capsule_publish(NULL, "a.b", "1", 1, NULL, NULL, NULL, NULL), CAPSULE_EINVAL);
	free(large);
}

static void what_is_no_subscription_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_subscribe_options wrong = { .size = 3 };
	struct capsule_subscription *out = NULL;
	struct heard heard = { 0 };
	struct capsule_runtime *runtime = fixture->runtime;

	assert_int_equal(
		capsule_subscribe(NULL, "a", NULL, events_arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(
		capsule_subscribe(runtime, NULL, NULL, events_arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "no pattern");
	assert_int_equal(capsule_subscribe(runtime, "a", NULL, NULL, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "no function");
	assert_int_equal(
		capsule_subscribe(runtime, "a", NULL, events_arrived, &heard, NULL, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(
		capsule_subscribe(runtime, "a", &wrong, events_arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "options.size");
	assert_int_equal(
		capsule_subscribe(runtime, "a..b", NULL, events_arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "empty segments");
	assert_int_equal(capsule_subscribe(runtime, "", NULL, events_arrived, &heard, &out, NULL), CAPSULE_EINVAL);
	assert_null(out);
	capsule_unsubscribe(NULL);
	capsule_watch_events(NULL, NULL, NULL);
	assert_null(capsule_event_stats_json(NULL));
}

/* A program that was built against a later release has larger options. */
static void options_of_a_later_release_are_taken_when_they_ask_for_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct {
		struct capsule_subscribe_options known;
		uint64_t later;
	} options = { .known = { .size = sizeof options, .inbox_messages = 1 } };
	struct capsule_subscription *out = NULL;
	struct heard heard;

	events_subscribe_with(fixture, "a.b", &options.known, events_arrived, &heard);
	events_post(fixture, "a.b", "1");
	events_post(fixture, "a.b", "2");
	fixture_settle(fixture);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.lost, 1);
	options.later = 1;
	assert_status(fixture,
		capsule_subscribe(fixture->runtime, "a.b", &options.known, events_arrived, &heard, &out, fixture->err),
		CAPSULE_EINVAL);
	assert_says(fixture, "does not know");
	options.known.size = SIZE_MAX / 2;
	assert_status(fixture,
		capsule_subscribe(fixture->runtime, "a.b", &options.known, events_arrived, &heard, &out, fixture->err),
		CAPSULE_EINVAL);
	assert_null(out);
}

/* ---- On another thread, from inside ---- */

static void *use_elsewhere(void *user)
{
	struct heard *heard = user;
	struct capsule_subscription *out = NULL;
	struct capsule_op *op = NULL;

	heard->status[0] = capsule_publish(heard->runtime, "a.b", "1", 1, NULL, NULL, &op, NULL);
	heard->status[1] = capsule_publish(heard->runtime, "a.b", "1", 1, NULL, NULL, NULL, NULL);
	heard->status[2] = capsule_subscribe(heard->runtime, "a.b", NULL, events_arrived, heard, &out, NULL);
	capsule_unsubscribe(heard->subscription);
	capsule_watch_events(heard->runtime, NULL, NULL);
	heard->stats = capsule_event_stats_json(heard->runtime);
	return NULL;
}

static void told_count(void *user, const struct capsule_event_notice *notice)
{
	int *counts = user;

	counts[notice->kind]++;
}

static void another_thread_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard;
	int counts[3] = { 0 };
	pthread_t thread;

	events_subscribe(fixture, "a.b", &heard);
	heard.stats = "not asked yet";
	capsule_watch_events(fixture->runtime, told_count, counts);
	assert_int_equal(pthread_create(&thread, NULL, use_elsewhere, &heard), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(heard.status[i], CAPSULE_ESTATE);
	assert_null(heard.stats);
	events_post(fixture, "a.b", "1");
	fixture_settle(fixture);
	assert_int_equal(heard.count, 1);
	assert_int_equal(counts[CAPSULE_EVENT_OUTCOME], 1);
	assert_int_equal(counts[CAPSULE_EVENT_SETTLED], 1);
}

static void told_tries(void *user, const struct capsule_event_notice *notice)
{
	(void)notice;
	(void)use_elsewhere(user);
}

static void who_is_told_may_not_call(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard;

	events_subscribe(fixture, "a.b", &heard);
	heard.stats = "not asked yet";
	capsule_watch_events(fixture->runtime, told_tries, &heard);
	events_post(fixture, "a.b", "1");
	fixture_settle(fixture);
	for (int i = 0; i < 3; i++)
		assert_int_equal(heard.status[i], CAPSULE_ESTATE);
	assert_null(heard.stats);
	assert_int_equal(heard.count, 1);
}

/* What a subscription may do from inside: publish, end the other one and itself. And what it may not. */
static void arrived_acts(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct heard *heard = user;
	struct capsule_op *op = NULL;

	events_note(heard, event, lost);
	heard->status[0] = capsule_publish(heard->runtime, "c.d", "2", 1, NULL, NULL, &op, NULL);
	heard->status[1] = capsule_op_wait(op, NULL);
	capsule_op_free(op);
	capsule_runtime_free(heard->runtime);
	capsule_unsubscribe(heard->other);
	heard->other = NULL;
	capsule_unsubscribe(heard->subscription);
	heard->subscription = NULL;
}

static void a_subscription_may_act_from_inside(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard, other, aside;

	events_subscribe_with(fixture, "a.b", NULL, arrived_acts, &heard);
	events_subscribe(fixture, "a.b", &other);
	events_subscribe(fixture, "c.d", &aside);
	heard.other = other.subscription;
	events_post(fixture, "a.b", "1");
	events_post(fixture, "a.b", "1");
	fixture_settle(fixture);
	assert_int_equal(heard.status[0], CAPSULE_OK);
	assert_int_equal(heard.status[1], CAPSULE_ESTATE);
	/* Of what had been published for both it got one, and the other one none. */
	assert_int_equal(heard.count, 1);
	assert_int_equal(other.count, 0);
	assert_int_equal(aside.count, 1);
	assert_string_equal(aside.payload, "{\"type\":\"custom\",\"data\":2}");
}

/* The other order: the one that is ended had its turn before. */
static void arrived_ends_other(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct heard *heard = user;

	events_note(heard, event, lost);
	capsule_unsubscribe(heard->other);
	heard->other = NULL;
}

static void a_subscription_may_end_another(void **state)
{
	struct fixture *fixture = *state;
	struct heard first, second;

	events_subscribe(fixture, "a.*", &first);
	events_subscribe_with(fixture, "*.*", NULL, arrived_ends_other, &second);
	second.other = first.subscription;
	for (int i = 0; i < 600; i++)
		events_post(fixture, "a.b", "1");
	fixture_settle(fixture);
	assert_int_equal(second.count, 600);
	assert_in_range(first.count, 1, 599);
}

/* ---- Subscriptions ---- */

static void events_come_in_order_and_losses_are_counted(void **state) /* rt:237 */
{
	struct fixture *fixture = *state;
	const struct capsule_subscribe_options small = { .size = sizeof small, .inbox_messages = 3 };
	struct heard all, few;

	events_subscribe(fixture, "a.*", &all);
	events_subscribe_with(fixture, "a.*", &small, events_arrived, &few);
	for (int i = 0; i < 10; i++)
		events_post(fixture, "a.b", i % 2 == 0 ? "0" : "1");
	assert_int_equal(all.count + few.count, 0); /* never from inside a publication */
	fixture_settle(fixture);
	assert_int_equal(all.count, 10);
	assert_int_equal(few.count, 3);
	assert_int_equal(few.lost, 7);
	assert_int_equal(few.last, all.last);
	capsule_unsubscribe(few.subscription);
	events_post(fixture, "a.b", "2");
	fixture_settle(fixture);
	assert_int_equal(all.count, 11);
	assert_int_equal(few.count, 3);
}

/* ---- Operations ---- */

static void an_operation_may_be_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = events_load(fixture, "one", HEARS("a.b", "wait"));
	struct outcome freed, cancelled, kept;

	events_publish(fixture, "a.b", &freed);
	events_publish(fixture, "a.b", &cancelled);
	events_publish(fixture, "a.b", &kept);
	fixture_settle(fixture);
	capsule_op_free(freed.op);
	capsule_op_cancel(cancelled.op);
	fixture_settle(fixture);
	assert_int_equal(cancelled.done, 1);
	assert_int_equal(cancelled.status, CAPSULE_ECANCELLED);
	assert_false(capsule_op_done(kept.op));
	fixture_unload(fixture, capsule);
	fixture_settle(fixture);
	assert_int_equal(freed.done, 0);
	assert_int_equal(cancelled.done, 1);
	assert_int_equal(kept.done, 1);
	assert_string_equal(kept.result, "{\"matched\":1,\"delivered\":0,\"failed\":1,\"vetoed\":0,\"dropped\":0}");
	capsule_op_free(cancelled.op);
	capsule_op_free(kept.op);
}

static void free_in_done(struct capsule_op *op, void *user)
{
	++*(int *)user;
	capsule_op_free(op);
}

static void many_operations_that_free_themselves(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op;
	struct heard heard;
	int done = 0;

	(void)events_load(fixture, "one", MAY_PUBLISH HEARS("a.b", "echo"));
	events_subscribe(fixture, "echo.it", &heard);
	for (int i = 0; i < 500; i++)
		assert_status(fixture,
			capsule_publish(fixture->runtime, i % 2 == 0 ? "a.b" : "no.body", "1", 1, free_in_done, &done,
				&op, fixture->err),
			CAPSULE_OK);
	fixture_settle(fixture);
	assert_int_equal(done, 500);
	assert_int_equal(heard.count, 250);
}

static void with_an_operation_a_full_inbox_may_refuse(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;
	struct capsule_op *op = NULL;

	(void)events_load(fixture, "one", "[events]\ninbox_messages = 1\n" HEARS("a.b", "wait") "on_full = \"fail\"\n");
	events_publish(fixture, "a.b", &outcome);
	assert_status(fixture, capsule_publish(fixture->runtime, "a.b", "1", 1, NULL, NULL, &op, fixture->err),
		CAPSULE_ELIMIT);
	assert_null(op);
	assert_says(fixture, "on_full = \"fail\"");
	/* Without one it is lost, and counted. */
	events_post(fixture, "a.b", "1");
	assert_non_null(strstr(capsule_event_stats_json(fixture->runtime), "\"overflow\":1"));
}

/* ---- What is told ---- */

static void each_event_is_told_with_its_outcomes(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard;
	int counts[3] = { 0 };

	fixture_expect_traps();
	(void)events_load(fixture, "one", HEARS("a.b", "nothing") HEARS("a.b", "trap"));
	(void)events_load(fixture, "guard", HEARS("c.d", "deny") "mode = \"guard\"\n");
	events_subscribe(fixture, "*.*", &heard);
	capsule_watch_events(fixture->runtime, told_count, counts);
	events_post(fixture, "a.b", "1");
	events_post(fixture, "c.d", "1");
	events_post(fixture, "no.body", "1");
	fixture_settle(fixture);
	assert_int_equal(counts[CAPSULE_EVENT_OUTCOME], 3 + 2 + 1);
	assert_int_equal(counts[CAPSULE_EVENT_DECIDED], 1);
	assert_int_equal(counts[CAPSULE_EVENT_SETTLED], 3);
	assert_int_equal(heard.count, 2);
	capsule_watch_events(fixture->runtime, NULL, NULL);
	events_post(fixture, "a.b", "1");
	fixture_settle(fixture);
	assert_int_equal(counts[CAPSULE_EVENT_SETTLED], 3);
	assert_non_null(strstr(capsule_event_stats_json(fixture->runtime), "\"vetoes\":1"));
}

static void outcomes_have_words(void **state)
{
	(void)state;
	assert_string_equal(capsule_outcome_name(CAPSULE_OUTCOME_DELIVERED), "delivered");
	assert_string_equal(capsule_outcome_name(CAPSULE_OUTCOME_NO_MEMORY), "no memory");
	assert_string_equal(capsule_outcome_name((enum capsule_outcome)(CAPSULE_OUTCOME_NO_MEMORY + 1)), "unknown");
	assert_string_equal(capsule_outcome_name((enum capsule_outcome) - 1), "unknown");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_can_not_be_published_is_refused),
		TEST(what_is_no_subscription_is_refused),
		TEST(options_of_a_later_release_are_taken_when_they_ask_for_nothing_else),
		TEST(another_thread_changes_nothing),
		TEST(who_is_told_may_not_call),
		TEST(a_subscription_may_act_from_inside),
		TEST(a_subscription_may_end_another),
		TEST(events_come_in_order_and_losses_are_counted),
		TEST(an_operation_may_be_given_up),
		TEST(many_operations_that_free_themselves),
		TEST(with_an_operation_a_full_inbox_may_refuse),
		TEST(each_event_is_told_with_its_outcomes),
		cmocka_unit_test(outcomes_have_words),
	};

	return cmocka_run_group_tests_name("runtime_events", tests, NULL, NULL);
}
