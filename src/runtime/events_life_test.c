/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events while capsules and the runtime come and go: what is told of that, and what is left when they go with events under
 * way. */
#include "runtime/events_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The end of the runtime ---- */

static void the_runtime_may_go_with_everything_under_way(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[12], call;
	struct heard heard;
	struct capsule *one = events_load(fixture, "one",
		TOOL HEARS("a.b", "wait") HEARS("a.b", "echo") HEARS("g.h", "wait") "mode = \"guard\"\n" HEARS(
			"tool.v1.call.one.tool", "wait") "mode = \"guard\"\n");

	(void)events_load(fixture, "two", HEARS("a.b", "wait") "on_full = \"block\"\n[events]\ninbox_messages = 1\n");
	events_subscribe(fixture, "*.*", &heard);
	for (int i = 0; i < 12; i++)
		events_publish(fixture, i % 2 == 0 ? "a.b" : "g.h", &outcomes[i]);
	assert_status(
		fixture, capsule_call(one, "tool", "{}", 2, fixture_note, &call, &call.op, fixture->err), CAPSULE_OK);
	call.done = 0;
	fixture_settle(fixture);
	for (int i = 0; i < 5; i++)
		events_post(fixture, "a.b", "1");
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
	(void)events_load(fixture, "one", HEARS("a.b", "wait") HEARS("g.h", "wait") "mode = \"guard\"\n");
	two = events_load(fixture, "two", HEARS("a.b", "wait"));
	for (int i = 0; i < 6; i++)
		events_post(fixture, i % 2 == 0 ? "a.b" : "g.h", "1");
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
	events_subscribe_with(fixture, "astrid.v1.lifecycle.*", &lifecycle, events_arrived, &heard);
	events_subscribe(fixture, "echo.it", &echoes);
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

	(void)events_load(fixture, "one", HEARS("astrid.v1.lifecycle.kernel_shutdown", "wait"));
	(void)events_load(fixture, "two", "");
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
	events_subscribe_with(fixture, "astrid.v1.lifecycle.*", &lifecycle, events_arrived, &heard);
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
	(void)events_load(fixture, "three", "");
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

	events_note(heard, event, lost);
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

	(void)events_load(fixture, "one", MAY_PUBLISH HEARS("a.b", "echo"));
	events_subscribe_with(fixture, "echo.it", NULL, arrived_unloads, &heard);
	for (int i = 0; i < 50; i++)
		events_post(fixture, "a.b", "1");
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

	(void)events_load(fixture, "one", MAY_PUBLISH HEARS("a.b", "echo"));
	events_subscribe(fixture, "echo.it", &heard);
	for (int i = 0; i < 5; i++)
		events_post(fixture, "a.b", "1");
	assert_int_equal(pthread_create(&thread, NULL, go_on, &heard), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(heard.status[0] + heard.status[1], CAPSULE_OK);
	assert_status(fixture, capsule_runtime_adopt(fixture->runtime, fixture->err), CAPSULE_OK);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_runtime_may_go_with_everything_under_way),
		TEST(interceptors_do_not_keep_the_runtime_from_its_end),
		TEST(a_boot_and_a_shutdown_are_told),
		TEST(who_hears_of_a_shutdown_does_not_stop_it),
		TEST(each_capsule_that_fails_is_told),
		TEST(a_subscription_may_unload_the_one_that_published),
		TEST(a_runtime_is_handed_over_with_events_under_way),
	};

	return cmocka_run_group_tests_name("runtime_events_life", tests, NULL, NULL);
}
