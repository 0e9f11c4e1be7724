/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public functions of events: what they refuse, from where they may be called, and what is left when operations,
 * subscriptions, capsules and the runtime go while events are under way. */
#include "runtime/runtime_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEARS(event, action) "[[interceptor]]\nevent = \"" event "\"\naction = \"" action "\"\n"
#define TOOL "[[tool]]\nname = \"tool\"\ndescription = \"Does it.\"\n"
#define MAY_PUBLISH "[capabilities]\nipc_publish = [\"*.*\"]\n"

static struct capsule *load(struct fixture *fixture, const char *name, const char *more)
{
	fixture_capsule_of(fixture, name, more, fixture_event_guest);
	return fixture_load(fixture, fixture_path(fixture, name));
}

/* ---- What arrives ---- */

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

static void note(struct heard *heard, const struct capsule_event *event, uint64_t lost)
{
	size_t len = strlen(heard->topics);

	heard->count++;
	heard->lost += lost;
	heard->last = event->number;
	(void)snprintf(heard->payload, sizeof heard->payload, "%.*s", (int)event->payload_len, event->payload);
	(void)snprintf(heard->topics + len, sizeof heard->topics - len, "%s%.*s", len > 0 ? " " : "",
		(int)event->topic_len, event->topic);
}

static void arrived(void *user, const struct capsule_event *event, uint64_t lost)
{
	note(user, event, lost);
}

static void subscribe_with(struct fixture *fixture, const char *pattern,
	const struct capsule_subscribe_options *options, capsule_event_fn function, struct heard *heard)
{
	*heard = (struct heard){ .runtime = fixture->runtime };
	assert_status(fixture,
		capsule_subscribe(
			fixture->runtime, pattern, options, function, heard, &heard->subscription, fixture->err),
		CAPSULE_OK);
}

static void subscribe(struct fixture *fixture, const char *pattern, struct heard *heard)
{
	subscribe_with(fixture, pattern, NULL, arrived, heard);
}

static void post(struct fixture *fixture, const char *topic, const char *payload)
{
	assert_status(fixture,
		capsule_publish(fixture->runtime, topic, payload, strlen(payload), NULL, NULL, NULL, fixture->err),
		CAPSULE_OK);
}

static void publish(struct fixture *fixture, const char *topic, struct outcome *outcome)
{
	*outcome = (struct outcome){ 0 };
	assert_status(fixture,
		capsule_publish(fixture->runtime, topic, "1", 1, fixture_note, outcome, &outcome->op, fixture->err),
		CAPSULE_OK);
}

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

	assert_int_equal(capsule_subscribe(NULL, "a", NULL, arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_subscribe(runtime, NULL, NULL, arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "no pattern");
	assert_int_equal(capsule_subscribe(runtime, "a", NULL, NULL, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "no function");
	assert_int_equal(capsule_subscribe(runtime, "a", NULL, arrived, &heard, NULL, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_subscribe(runtime, "a", &wrong, arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "options.size");
	assert_int_equal(capsule_subscribe(runtime, "a..b", NULL, arrived, &heard, &out, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "empty segments");
	assert_int_equal(capsule_subscribe(runtime, "", NULL, arrived, &heard, &out, NULL), CAPSULE_EINVAL);
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

	subscribe_with(fixture, "a.b", &options.known, arrived, &heard);
	post(fixture, "a.b", "1");
	post(fixture, "a.b", "2");
	fixture_settle(fixture);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.lost, 1);
	options.later = 1;
	assert_status(fixture,
		capsule_subscribe(fixture->runtime, "a.b", &options.known, arrived, &heard, &out, fixture->err),
		CAPSULE_EINVAL);
	assert_says(fixture, "does not know");
	options.known.size = SIZE_MAX / 2;
	assert_status(fixture,
		capsule_subscribe(fixture->runtime, "a.b", &options.known, arrived, &heard, &out, fixture->err),
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
	heard->status[2] = capsule_subscribe(heard->runtime, "a.b", NULL, arrived, heard, &out, NULL);
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

	subscribe(fixture, "a.b", &heard);
	heard.stats = "not asked yet";
	capsule_watch_events(fixture->runtime, told_count, counts);
	assert_int_equal(pthread_create(&thread, NULL, use_elsewhere, &heard), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(heard.status[i], CAPSULE_ESTATE);
	assert_null(heard.stats);
	post(fixture, "a.b", "1");
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

	subscribe(fixture, "a.b", &heard);
	heard.stats = "not asked yet";
	capsule_watch_events(fixture->runtime, told_tries, &heard);
	post(fixture, "a.b", "1");
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

	note(heard, event, lost);
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

	subscribe_with(fixture, "a.b", NULL, arrived_acts, &heard);
	subscribe(fixture, "a.b", &other);
	subscribe(fixture, "c.d", &aside);
	heard.other = other.subscription;
	post(fixture, "a.b", "1");
	post(fixture, "a.b", "1");
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

	note(heard, event, lost);
	capsule_unsubscribe(heard->other);
	heard->other = NULL;
}

static void a_subscription_may_end_another(void **state)
{
	struct fixture *fixture = *state;
	struct heard first, second;

	subscribe(fixture, "a.*", &first);
	subscribe_with(fixture, "*.*", NULL, arrived_ends_other, &second);
	second.other = first.subscription;
	for (int i = 0; i < 600; i++)
		post(fixture, "a.b", "1");
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

	subscribe(fixture, "a.*", &all);
	subscribe_with(fixture, "a.*", &small, arrived, &few);
	for (int i = 0; i < 10; i++)
		post(fixture, "a.b", i % 2 == 0 ? "0" : "1");
	assert_int_equal(all.count + few.count, 0); /* never from inside a publication */
	fixture_settle(fixture);
	assert_int_equal(all.count, 10);
	assert_int_equal(few.count, 3);
	assert_int_equal(few.lost, 7);
	assert_int_equal(few.last, all.last);
	capsule_unsubscribe(few.subscription);
	post(fixture, "a.b", "2");
	fixture_settle(fixture);
	assert_int_equal(all.count, 11);
	assert_int_equal(few.count, 3);
}

/* ---- Operations ---- */

static void an_operation_may_be_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = load(fixture, "one", HEARS("a.b", "wait"));
	struct outcome freed, cancelled, kept;

	publish(fixture, "a.b", &freed);
	publish(fixture, "a.b", &cancelled);
	publish(fixture, "a.b", &kept);
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

	(void)load(fixture, "one", MAY_PUBLISH HEARS("a.b", "echo"));
	subscribe(fixture, "echo.it", &heard);
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

	(void)load(fixture, "one", "[events]\ninbox_messages = 1\n" HEARS("a.b", "wait") "on_full = \"fail\"\n");
	publish(fixture, "a.b", &outcome);
	assert_status(fixture, capsule_publish(fixture->runtime, "a.b", "1", 1, NULL, NULL, &op, fixture->err),
		CAPSULE_ELIMIT);
	assert_null(op);
	assert_says(fixture, "on_full = \"fail\"");
	/* Without one it is lost, and counted. */
	post(fixture, "a.b", "1");
	assert_non_null(strstr(capsule_event_stats_json(fixture->runtime), "\"overflow\":1"));
}

/* ---- The end of the runtime ---- */

static void the_runtime_may_go_with_everything_under_way(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[12], call;
	struct heard heard;
	struct capsule *one = load(fixture, "one",
		TOOL HEARS("a.b", "wait") HEARS("a.b", "echo") HEARS("g.h", "wait") "mode = \"guard\"\n" HEARS(
			"tool.v1.call.one.tool", "wait") "mode = \"guard\"\n");

	(void)load(fixture, "two", HEARS("a.b", "wait") "on_full = \"block\"\n[events]\ninbox_messages = 1\n");
	subscribe(fixture, "*.*", &heard);
	for (int i = 0; i < 12; i++)
		publish(fixture, i % 2 == 0 ? "a.b" : "g.h", &outcomes[i]);
	assert_status(
		fixture, capsule_call(one, "tool", "{}", 2, fixture_note, &call, &call.op, fixture->err), CAPSULE_OK);
	call.done = 0;
	fixture_settle(fixture);
	for (int i = 0; i < 5; i++)
		post(fixture, "a.b", "1");
	heard.count = 0;
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	assert_int_equal(heard.count, 0);
	assert_int_equal(call.done, 0);
	for (int i = 0; i < 12; i++)
		assert_int_equal(outcomes[i].done, 0);
}

/* Those in progress are not given the time that an unload gives them: the alarm ends the program long before. */
static void interceptors_do_not_keep_the_runtime_from_its_end(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *two;
	struct capsule_op *op = NULL;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .unload_grace_ms = 3600000 });
	(void)load(fixture, "one", HEARS("a.b", "wait") HEARS("g.h", "wait") "mode = \"guard\"\n");
	two = load(fixture, "two", HEARS("a.b", "wait"));
	for (int i = 0; i < 6; i++)
		post(fixture, i % 2 == 0 ? "a.b" : "g.h", "1");
	fixture_settle(fixture);
	assert_status(fixture, capsule_unload(two, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	fixture_settle(fixture);
	assert_false(capsule_op_done(op));
	(void)alarm(60);
	capsule_runtime_free(fixture->runtime);
	(void)alarm(0);
	fixture->runtime = NULL;
}

/* ---- Lives ---- */

static void finish(struct fixture *fixture, struct capsule_op *op)
{
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	fixture_settle(fixture);
}

static struct capsule_discovery *discover(struct fixture *fixture, size_t count)
{
	const char *const roots[] = { fixture->folder };
	const struct capsule_discover_options options = { .size = sizeof options, .roots = roots, .root_count = 1 };
	struct capsule_discovery *discovery = NULL;

	assert_status(fixture, capsule_discover(&discovery, &options, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_discovery_count(discovery), count);
	return discovery;
}

/* `discovery` is taken. */
static void boot(struct fixture *fixture, struct capsule_discovery *discovery)
{
	struct capsule_op *op = NULL;

	assert_status(fixture, capsule_boot(fixture->runtime, discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	finish(fixture, op);
	capsule_discovery_free(discovery);
}

static void a_boot_and_a_shutdown_are_told(void **state)
{
	struct fixture *fixture = *state;
	const struct capsule_subscribe_options lifecycle = { .size = sizeof lifecycle, .lifecycle = true };
	struct heard heard, echoes;
	struct capsule_op *op = NULL;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .unload_grace_ms = 5000 });
	fixture_capsule_of(
		fixture, "one", MAY_PUBLISH HEARS("astrid.v1.lifecycle.kernel_started", "echo"), fixture_event_guest);
	fixture_capsule_of(
		fixture, "two", MAY_PUBLISH HEARS("astrid.v1.lifecycle.kernel_shutdown", "echo"), fixture_event_guest);
	subscribe_with(fixture, "astrid.v1.lifecycle.*", &lifecycle, arrived, &heard);
	subscribe(fixture, "echo.it", &echoes);
	boot(fixture, discover(fixture, 2));
	assert_string_equal(heard.topics,
		"astrid.v1.lifecycle.capsule_loaded astrid.v1.lifecycle.capsule_loaded "
		"astrid.v1.lifecycle.kernel_started");
	assert_non_null(strstr(heard.payload, capsule_version()));
	assert_int_equal(echoes.count, 1);
	heard.topics[0] = '\0';
	assert_status(fixture, capsule_shutdown(fixture->runtime, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	finish(fixture, op);
	assert_string_equal(heard.topics,
		"astrid.v1.lifecycle.kernel_shutdown astrid.v1.lifecycle.capsule_unloaded "
		"astrid.v1.lifecycle.capsule_unloaded");
	assert_int_equal(echoes.count, 2);
}

static void who_hears_of_a_shutdown_does_not_stop_it(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;

	(void)load(fixture, "one", HEARS("astrid.v1.lifecycle.kernel_shutdown", "wait"));
	(void)load(fixture, "two", "");
	assert_status(fixture, capsule_shutdown(fixture->runtime, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	finish(fixture, op);
	assert_string_equal(capsule_states_json(fixture->runtime), "[]");
	/* The same again, and the runtime goes first. */
	(void)fixture_load(fixture, fixture_path(fixture, "one"));
	assert_status(fixture, capsule_shutdown(fixture->runtime, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
}

/* Those, too, that fail before they could take part in events: when the manifest is another one by now, when there is no
 * module. But not the one that is loaded when another one of its name comes. */
static void each_capsule_that_fails_is_told(void **state)
{
	struct fixture *fixture = *state;
	const struct capsule_subscribe_options lifecycle = { .size = sizeof lifecycle, .lifecycle = true };
	struct capsule_discovery *discovery;
	struct heard heard;

	fixture_capsule_of(fixture, "one", "", fixture_event_guest);
	discovery = discover(fixture, 1);
	fixture_write(fixture, "one/Capsule.toml", "[package]\nname = \"one\"\nversion = \"1.0.1\"\n");
	subscribe_with(fixture, "astrid.v1.lifecycle.*", &lifecycle, arrived, &heard);
	boot(fixture, discovery);
	assert_string_equal(heard.topics, "astrid.v1.lifecycle.capsule_failed astrid.v1.lifecycle.kernel_started");
	heard.topics[0] = '\0';
	fixture_capsule_of(fixture, "two", "", fixture_event_guest);
	fixture_write(fixture, "two/Capsule.toml",
		"[package]\nname = \"two\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"../one/guest.wat\"\n");
	assert_int_equal(fixture_load_fails(fixture, fixture_path(fixture, "two")), CAPSULE_EMODULE);
	fixture_settle(fixture);
	assert_string_equal(heard.topics, "astrid.v1.lifecycle.capsule_failed astrid.v1.lifecycle.capsule_unloaded");
	assert_non_null(strstr(heard.payload, "\"two\""));
	heard.topics[0] = '\0';
	(void)load(fixture, "three", "");
	assert_int_equal(fixture_load_fails(fixture, fixture_path(fixture, "three")), CAPSULE_ESTATE);
	fixture_settle(fixture);
	assert_string_equal(heard.topics, "astrid.v1.lifecycle.capsule_loaded");
}

/* Whoever is called may unload the one that it heard of, and load it again. */
static void arrived_unloads(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct heard *heard = user;
	struct capsule_op *op = NULL;
	struct capsule *capsule = capsule_find(heard->runtime, "one");

	note(heard, event, lost);
	if (capsule != NULL) {
		heard->status[0] = capsule_unload(capsule, NULL, NULL, &op, NULL);
		capsule_op_free(op);
	}
}

static void a_subscription_may_unload_the_one_that_published(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "one");
	struct heard heard;

	(void)load(fixture, "one", MAY_PUBLISH HEARS("a.b", "echo"));
	subscribe_with(fixture, "echo.it", NULL, arrived_unloads, &heard);
	for (int i = 0; i < 50; i++)
		post(fixture, "a.b", "1");
	while (capsule_runtime_turn(fixture->runtime, -1) && heard.count == 0)
		;
	fixture_settle(fixture);
	assert_in_range(heard.count, 1, 50);
	assert_int_equal(heard.status[0], CAPSULE_OK);
	assert_non_null(strstr(capsule_event_stats_json(fixture->runtime), "\"pending\":0"));
	(void)fixture_load(fixture, path);
}

/* A new thread gets what the old one was to get. */
static void *go_on(void *user)
{
	struct heard *heard = user;

	heard->status[0] = capsule_runtime_adopt(heard->runtime, NULL);
	while (heard->count < 5)
		(void)capsule_runtime_turn(heard->runtime, -1);
	heard->status[1] = capsule_publish(heard->runtime, "a.b", "1", 1, NULL, NULL, NULL, NULL);
	while (heard->count < 6)
		(void)capsule_runtime_turn(heard->runtime, -1);
	return NULL;
}

static void a_runtime_is_handed_over_with_events_under_way(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard;
	pthread_t thread;

	(void)load(fixture, "one", MAY_PUBLISH HEARS("a.b", "echo"));
	subscribe(fixture, "echo.it", &heard);
	for (int i = 0; i < 5; i++)
		post(fixture, "a.b", "1");
	assert_int_equal(pthread_create(&thread, NULL, go_on, &heard), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(heard.status[0] + heard.status[1], CAPSULE_OK);
	assert_status(fixture, capsule_runtime_adopt(fixture->runtime, fixture->err), CAPSULE_OK);
}

/* ---- What is told ---- */

static void each_event_is_told_with_its_outcomes(void **state)
{
	struct fixture *fixture = *state;
	struct heard heard;
	int counts[3] = { 0 };

	fixture_expect_traps();
	(void)load(fixture, "one", HEARS("a.b", "nothing") HEARS("a.b", "trap"));
	(void)load(fixture, "guard", HEARS("c.d", "deny") "mode = \"guard\"\n");
	subscribe(fixture, "*.*", &heard);
	capsule_watch_events(fixture->runtime, told_count, counts);
	post(fixture, "a.b", "1");
	post(fixture, "c.d", "1");
	post(fixture, "no.body", "1");
	fixture_settle(fixture);
	assert_int_equal(counts[CAPSULE_EVENT_OUTCOME], 3 + 2 + 1);
	assert_int_equal(counts[CAPSULE_EVENT_DECIDED], 1);
	assert_int_equal(counts[CAPSULE_EVENT_SETTLED], 3);
	assert_int_equal(heard.count, 2);
	capsule_watch_events(fixture->runtime, NULL, NULL);
	post(fixture, "a.b", "1");
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
		TEST(the_runtime_may_go_with_everything_under_way),
		TEST(interceptors_do_not_keep_the_runtime_from_its_end),
		TEST(a_boot_and_a_shutdown_are_told),
		TEST(who_hears_of_a_shutdown_does_not_stop_it),
		TEST(each_capsule_that_fails_is_told),
		TEST(a_subscription_may_unload_the_one_that_published),
		TEST(a_runtime_is_handed_over_with_events_under_way),
		TEST(each_event_is_told_with_its_outcomes),
		cmocka_unit_test(outcomes_have_words),
	};

	return cmocka_run_group_tests_name("runtime_events", tests, NULL, NULL);
}
