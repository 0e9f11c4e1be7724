/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The runtime as an embedder drives it: options, turns, a poll loop of somebody else, posts from other threads, more than one
 * at a time, the log, and its end with everything under way. */
#include "runtime/runtime_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A later release's options: one member more. */
struct larger_options {
	struct capsule_runtime_options known;
	uint64_t later;
};

static enum capsule_status try_options(struct fixture *fixture, const struct capsule_runtime_options *options)
{
	struct capsule_runtime *runtime = NULL;
	enum capsule_status status = capsule_runtime_new(&runtime, options, fixture->err);

	if (status != CAPSULE_OK)
		assert_null(runtime);
	capsule_runtime_free(runtime);
	return status;
}

static void options_of_another_size_are_taken_when_they_ask_for_nothing_unknown(void **state)
{
	struct fixture *fixture = *state;
	struct larger_options larger = { .known = { .size = sizeof larger, .memory_store = true } };
	struct capsule_runtime_options options = { .memory_store = true };

	assert_int_equal(try_options(fixture, &larger.known), CAPSULE_OK);
	larger.later = 1;
	assert_int_equal(try_options(fixture, &larger.known), CAPSULE_EINVAL);
	assert_says(fixture, "options hold settings that this release does not know");
	assert_int_equal(try_options(fixture, &options), CAPSULE_EINVAL);
	assert_says(fixture, "options.size is 0");
	options.size = sizeof options - 1;
	assert_int_equal(try_options(fixture, &options), CAPSULE_EINVAL);
	options.size = SIZE_MAX;
	assert_int_equal(try_options(fixture, &options), CAPSULE_EINVAL);
	assert_says(fixture, "options.size");
}

static void a_runtime_needs_no_options(void **state)
{
	assert_int_equal(try_options(*state, NULL), CAPSULE_OK);
}

static void an_option_that_can_not_be_is_named(void **state)
{
	static const char long_name[] = "0123456789012345678901234567890123456789012345678901234567890123";
	const struct {
		const char *name;
		struct capsule_runtime_options options;
	} rows[] = {
		{ "memory_pages", { .memory_pages = 1025 } },
		{ "call_cpu_ms", { .call_cpu_ms = UINT64_MAX } },
		{ "call_wall_ms", { .call_wall_ms = UINT64_MAX } },
		{ "module_bytes", { .module_bytes = UINT64_MAX } },
		{ "principal", { .principal = "" } },
		{ "principal", { .principal = long_name } },
		{ "log_level", { .log_level = CAPSULE_LOG_OFF + 1 } },
		{ "log_level", { .log_level = (enum capsule_log_level) - 1 } },
		{ "home", { .home = "" } },
		{ "home", { .home = "relative/home" } },
		{ "home", { .home = "/tmp/../etc" } },
		{ "home", { .home = "/tmp/.." } },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct capsule_runtime_options options = rows[i].options;

		options.size = sizeof options;
		assert_int_equal(try_options(fixture, &options), CAPSULE_EINVAL);
		assert_int_equal(capsule_error_status(fixture->err), CAPSULE_EINVAL);
		assert_says(fixture, rows[i].name);
		assert_int_equal(
			capsule_runtime_new(&(struct capsule_runtime *){ NULL }, &options, NULL), CAPSULE_EINVAL);
	}
}

static void the_largest_options_are_taken(void **state)
{
	struct capsule_runtime_options options = { .size = sizeof options,
		.memory_store = true,
		.home = "/tmp/..a/b..",
		.principal = "012345678901234567890123456789012345678901234567890123456789012",
		.log_level = CAPSULE_LOG_OFF,
		.call_cpu_ms = INT64_MAX / 1000000 / 2,
		.call_wall_ms = INT64_MAX / 1000000 / 2,
		.memory_pages = 1024,
		.queue_calls = UINT32_MAX,
		.module_bytes = UINT64_C(1) << 29 };
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "large", "");

	assert_int_equal(try_options(fixture, &options), CAPSULE_OK);
	fixture_restart(fixture, options);
	assert_string_equal(fixture_call(fixture, fixture_load(fixture, path), "keep", "{}"), "Hello!");
}

static void a_time_limit_is_that_of_the_options(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "limits", "");
	struct capsule *capsule;

	fixture_restart(fixture,
		(struct capsule_runtime_options){ .memory_store = true, .call_cpu_ms = 30, .call_wall_ms = 400 });
	capsule = fixture_load(fixture, path);
	assert_int_equal(fixture_call_fails(fixture, capsule, "spin"), CAPSULE_ETIMEOUT);
	assert_says(fixture, "30 ms of CPU time");
	assert_int_equal(fixture_call_fails(fixture, capsule, "wait"), CAPSULE_ETIMEOUT);
	assert_says(fixture, "wall limit");
	assert_true(capsule_cpu_ns(capsule) > 30000000);
}

static void a_module_over_the_limit_of_the_options_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "size", "");

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .module_bytes = 100 });
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_ELIMIT);
	assert_says(fixture, "limit of 100 bytes");
}

/* What an embedder's own loop does: poll() with the descriptor and the time that the runtime tells. */
static void poll_until_done(struct fixture *fixture, const struct outcome *outcome)
{
	while (outcome->done == 0) {
		struct pollfd fd = { .fd = capsule_runtime_fd(fixture->runtime), .events = POLLIN };

		assert_true(poll(&fd, 1, capsule_runtime_timeout_ms(fixture->runtime)) >= 0);
		(void)capsule_runtime_turn(fixture->runtime, 0);
	}
}

static void a_poll_loop_of_the_embedder_drives_it_to_the_end(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "polled", "");
	struct outcome outcome = { 0 };
	struct capsule *capsule;
	struct capsule_op *op = NULL;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .call_cpu_ms = 20 });
	assert_int_equal(capsule_load(fixture->runtime, path, fixture_note, &outcome, &op, fixture->err), CAPSULE_OK);
	poll_until_done(fixture, &outcome);
	assert_int_equal(outcome.status, CAPSULE_OK);
	capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	for (int i = 0; i < 3; i++) {
		fixture_start(fixture, capsule, i == 0 ? "rest" : i == 1 ? "keep" : "spin", &outcome);
		assert_int_equal(capsule_runtime_timeout_ms(fixture->runtime), 0);
		poll_until_done(fixture, &outcome);
		assert_int_equal(outcome.status, i < 2 ? CAPSULE_OK : CAPSULE_ETIMEOUT);
		capsule_op_free(outcome.op);
	}
	assert_int_equal(capsule_unload(capsule, fixture_note, &outcome, &op, fixture->err), CAPSULE_OK);
	outcome.done = 0;
	poll_until_done(fixture, &outcome);
	capsule_op_free(op);
	fixture_settle(fixture);
	assert_int_not_equal(capsule_runtime_timeout_ms(fixture->runtime), 0);
}

struct posts {
	struct fixture *fixture;
	pthread_t main;
	int ran;
	int last;
	bool ordered;
};

struct posted {
	struct posts *posts;
	int number;
};

#define POSTS 1000

static struct posted posted[POSTS];

static void ran(void *arg)
{
	const struct posted *post = arg;
	struct posts *posts = post->posts;

	assert_true(pthread_equal(pthread_self(), posts->main));
	posts->ordered = posts->ordered && post->number == posts->ran;
	posts->ran++;
}

/* Fails by leaving something out: cmocka's checks belong to the main thread. */
static void *post_them(void *arg)
{
	struct posts *posts = arg;

	for (int i = 0; i < POSTS; i++) {
		posted[i] = (struct posted){ posts, i };
		if (capsule_runtime_post(posts->fixture->runtime, ran, &posted[i], NULL) != CAPSULE_OK)
			break;
	}
	return NULL;
}

static void posts_of_another_thread_wake_a_turn_that_waits_and_run_in_order_here(void **state)
{
	struct posts posts = { .fixture = *state, .main = pthread_self(), .ordered = true };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, post_them, &posts), 0);
	while (posts.ran < POSTS)
		(void)capsule_runtime_turn(posts.fixture->runtime, -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(posts.ordered);
	assert_int_equal(posts.ran, POSTS);
}

static void *post_one(void *arg)
{
	posted[0] = (struct posted){ arg, 0 };
	return capsule_runtime_post(posted[0].posts->fixture->runtime, ran, &posted[0], NULL) == CAPSULE_OK ? arg
													    : NULL;
}

static void a_post_makes_the_descriptor_readable(void **state)
{
	struct posts posts = { .fixture = *state, .main = pthread_self(), .ordered = true };
	struct pollfd fd = { .fd = capsule_runtime_fd(posts.fixture->runtime), .events = POLLIN };
	pthread_t thread;
	void *result;

	fixture_settle(posts.fixture);
	assert_int_equal(capsule_runtime_timeout_ms(posts.fixture->runtime), -1);
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, post_one, &posts), 0);
	assert_int_equal(poll(&fd, 1, -1), 1);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &posts);
	(void)capsule_runtime_turn(posts.fixture->runtime, 0);
	assert_int_equal(posts.ran, 1);
}

static void a_post_beyond_the_limit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct posts posts = { .fixture = fixture, .main = pthread_self() };
	struct posted one = { &posts, 0 };

	for (int i = 0; i < 65536; i++)
		assert_int_equal(capsule_runtime_post(fixture->runtime, ran, &one, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_runtime_post(fixture->runtime, ran, &one, fixture->err), CAPSULE_ELIMIT);
	assert_says(fixture, "65536");
	fixture_settle(fixture);
	assert_int_equal(posts.ran, 65536);
}

static void what_was_posted_does_not_run_when_the_runtime_is_freed(void **state)
{
	struct fixture *fixture = *state;
	struct posts posts = { .fixture = fixture, .main = pthread_self() };
	struct posted one = { &posts, 0 };

	(void)fixture_load(fixture, fixture_capsule(fixture, "posted", ""));
	assert_int_equal(capsule_runtime_post(fixture->runtime, ran, &one, NULL), CAPSULE_OK);
	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
	assert_int_equal(posts.ran, 0);
}

static void two_runtimes_live_side_by_side(void **state)
{
	struct fixture *fixture = *state;
	struct fixture other = *fixture;
	const char *path = fixture_capsule(fixture, "twice", "");
	struct outcome here, there;
	struct capsule *capsule, *twin;

	other.runtime = NULL;
	fixture_restart(&other, (struct capsule_runtime_options){ .memory_store = true });
	capsule = fixture_load(fixture, path);
	twin = fixture_load(&other, path);
	assert_string_equal(fixture_call(fixture, capsule, "keep", "{}"), "Hello!");
	assert_string_equal(fixture_call(&other, twin, "get", "{}"), "");
	fixture_start(fixture, capsule, "spin", &here);
	fixture_start(&other, twin, "rest", &there);
	while (there.done == 0) {
		(void)capsule_runtime_turn(fixture->runtime, 0);
		(void)capsule_runtime_turn(other.runtime, 0);
	}
	assert_int_equal(here.done, 0);
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	assert_string_equal(fixture_call(&other, twin, "quoted", "{}"), "\"x\"");
	capsule_runtime_free(other.runtime);
	assert_int_equal(here.done, 0);
}

struct records {
	int count;
	char text[256];
};

static void record(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct records *records = user;
	size_t at = strlen(records->text);

	records->count++;
	(void)snprintf(records->text + at, sizeof records->text - at, "%d %s %.*s;", (int)level,
		capsule == NULL ? "-" : capsule, (int)len, message);
}

static void log_records_of_guests_arrive_from_the_level_on_that_was_asked_for(void **state)
{
	static const struct {
		enum capsule_log_level level;
		const char *text;
	} rows[] = {
		{ CAPSULE_LOG_INFO, "2 talker Hello!;3 talker boom;" },
		{ CAPSULE_LOG_WARN, "3 talker boom;" },
		{ CAPSULE_LOG_OFF, "" },
	};
	struct fixture *fixture = *state;
	char path[128];

	(void)snprintf(path, sizeof path, "%s", fixture_capsule(fixture, "talker", ""));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct records records = { 0 };

		fixture_restart(fixture,
			(struct capsule_runtime_options){ .memory_store = true,
				.log = record,
				.log_user = &records,
				.log_level = rows[i].level });
		(void)fixture_call(fixture, fixture_load(fixture, path), "log", "{}");
		assert_string_equal(records.text, rows[i].text);
	}
	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
	(void)fixture_call(fixture, fixture_load(fixture, path), "log", "{}");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(options_of_another_size_are_taken_when_they_ask_for_nothing_unknown),
		TEST(a_runtime_needs_no_options),
		TEST(an_option_that_can_not_be_is_named),
		TEST(the_largest_options_are_taken),
		TEST(a_time_limit_is_that_of_the_options),
		TEST(a_module_over_the_limit_of_the_options_is_refused),
		TEST(a_poll_loop_of_the_embedder_drives_it_to_the_end),
		TEST(posts_of_another_thread_wake_a_turn_that_waits_and_run_in_order_here),
		TEST(a_post_makes_the_descriptor_readable),
		TEST(a_post_beyond_the_limit_is_refused),
		TEST(what_was_posted_does_not_run_when_the_runtime_is_freed),
		TEST(two_runtimes_live_side_by_side),
		TEST(log_records_of_guests_arrive_from_the_level_on_that_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
