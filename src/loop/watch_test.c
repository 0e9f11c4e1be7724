/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Watches on pipes: when they speak, how they end, and what another poll loop is told about them. */
#include "loop/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct watch *watch, *other;
	int ends[2];
	int calls;
	bool drains, stops; /* what ready does */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, 0);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	assert_int_equal(pipe2(fixture->ends, O_CLOEXEC), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_free(fixture->loop);
	for (int i = 0; i < 2; i++)
		if (fixture->ends[i] >= 0)
			(void)close(fixture->ends[i]);
	free(fixture);
	return 0;
}

static void ready(void *user)
{
	struct fixture *fixture = user;
	char byte;

	fixture->calls++;
	if (fixture->drains)
		(void)!read(fixture->ends[0], &byte, 1);
	if (fixture->stops) {
		watch_stop(fixture->watch);
		fixture->watch = NULL;
	}
}

static void start(struct fixture *fixture, int fd)
{
	assert_int_equal(watch_start(&fixture->watch, fixture->loop, fd, ready, fixture, NULL), CAPSULE_OK);
}

static void put(const struct fixture *fixture)
{
	assert_int_equal(write(fixture->ends[1], "x", 1), 1);
}

/* Turn and compare how often ready was called. */
static void expect(struct fixture *fixture, int turns, int calls)
{
	fixture->calls = 0;
	while (turns-- > 0)
		(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->calls, calls);
}

static void close_end(struct fixture *fixture, int end)
{
	(void)close(fixture->ends[end]);
	fixture->ends[end] = -1;
}

static void ready_is_called_as_long_as_there_is_something_to_read(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, fixture->ends[0]);
	expect(fixture, 2, 0);
	put(fixture);
	expect(fixture, 3, 3);
	fixture->drains = true;
	expect(fixture, 3, 1);
}

static void a_turn_that_waits_ends_with_the_first_byte(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, fixture->ends[0]);
	put(fixture);
	assert_true(loop_turn(fixture->loop, -1));
	assert_int_equal(fixture->calls, 1);
}

static void a_hang_up_is_something_to_read(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, fixture->ends[0]);
	close_end(fixture, 1);
	expect(fixture, 3, 3);
}

static void an_error_of_the_descriptor_does_not_end_the_watch(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, fixture->ends[1]);
	expect(fixture, 2, 0);
	close_end(fixture, 0); /* of the writing end this makes an error, not a hang-up */
	expect(fixture, 3, 3);
	fixture->stops = true;
	expect(fixture, 3, 1);
}

static void ready_may_stop_its_watch(void **state)
{
	struct fixture *fixture = *state;

	fixture->stops = true;
	start(fixture, fixture->ends[0]);
	put(fixture);
	expect(fixture, 3, 1);
	assert_false(loop_turn(fixture->loop, 0));
}

static void stop_other(void *user)
{
	struct fixture *fixture = user;

	fixture->calls++;
	watch_stop(fixture->watch);
	watch_stop(fixture->other);
	fixture->watch = NULL;
	fixture->other = NULL;
}

static void a_watch_that_is_stopped_in_a_turn_stays_silent_in_it(void **state)
{
	struct fixture *fixture = *state;
	int more[2];

	assert_int_equal(pipe2(more, O_CLOEXEC), 0);
	assert_int_equal(write(more[1], "x", 1), 1);
	put(fixture);
	assert_int_equal(
		watch_start(&fixture->watch, fixture->loop, fixture->ends[0], stop_other, fixture, NULL), CAPSULE_OK);
	assert_int_equal(watch_start(&fixture->other, fixture->loop, more[0], stop_other, fixture, NULL), CAPSULE_OK);
	expect(fixture, 3, 1); /* whichever of the two came first */
	(void)close(more[0]);
	(void)close(more[1]);
}

static void a_descriptor_can_be_closed_and_its_number_watched_again_after_stop(void **state)
{
	struct fixture *fixture = *state;
	int number = fixture->ends[0];

	start(fixture, number);
	expect(fixture, 1, 0);
	put(fixture);
	watch_stop(fixture->watch);
	close_end(fixture, 0);
	close_end(fixture, 1);
	assert_int_equal(pipe2(fixture->ends, O_CLOEXEC), 0);
	assert_int_equal(fixture->ends[0], number);
	start(fixture, number);
	expect(fixture, 2, 0);
	put(fixture);
	expect(fixture, 1, 1);
	watch_stop(fixture->watch);
	expect(fixture, 2, 0);
	assert_false(loop_turn(fixture->loop, 0));
}

static void a_watch_counts_as_something_to_wait_for(void **state)
{
	struct fixture *fixture = *state;

	assert_false(loop_turn(fixture->loop, 0));
	start(fixture, fixture->ends[0]);
	assert_true(loop_turn(fixture->loop, 0));
	watch_stop(fixture->watch);
	(void)loop_turn(fixture->loop, 0);
	assert_false(loop_turn(fixture->loop, 0));
}

static void another_poll_loop_hears_of_a_watch_started_between_turns(void **state)
{
	struct fixture *fixture = *state;
	struct pollfd outside = { .fd = loop_fd(fixture->loop), .events = POLLIN };

	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	start(fixture, fixture->ends[0]);
	assert_int_equal(loop_timeout_ms(fixture->loop), 0);
	expect(fixture, 1, 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_int_equal(poll(&outside, 1, 0), 0);
	put(fixture);
	assert_int_equal(poll(&outside, 1, 0), 1);
	fixture->drains = true;
	expect(fixture, 1, 1);
	assert_int_equal(poll(&outside, 1, 0), 0);
	watch_stop(fixture->watch);
	assert_int_equal(loop_timeout_ms(fixture->loop), 0); /* for libuv to let go of the handle */
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
}

static void what_can_not_be_watched_is_refused_with_its_number(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error error = { .status = CAPSULE_OK };
	char wanted[64];
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(file >= 0);
	(void)snprintf(wanted, sizeof wanted, "watch descriptor %d: ", file);
	assert_int_equal(watch_start(&fixture->other, fixture->loop, file, ready, fixture, &error), CAPSULE_EIO);
	assert_non_null(strstr(error.text, wanted));
	(void)close(file);
	assert_int_equal(watch_start(&fixture->other, fixture->loop, file, ready, fixture, &error), CAPSULE_EIO);
	start(fixture, fixture->ends[0]);
	assert_int_equal(
		watch_start(&fixture->other, fixture->loop, fixture->ends[0], ready, fixture, &error), CAPSULE_EIO);
	put(fixture);
	expect(fixture, 1, 1); /* the first one goes on */
}

static void live_and_just_stopped_watches_end_with_the_loop(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, fixture->ends[0]);
	put(fixture);
	assert_int_equal(
		watch_start(&fixture->other, fixture->loop, fixture->ends[1], ready, fixture, NULL), CAPSULE_OK);
	watch_stop(fixture->other);
	loop_free(fixture->loop); /* the leak check of the sanitizer sees the memory of both */
	fixture->loop = NULL;
	assert_int_equal(fixture->calls, 0);
}

/* What a closer notes: which one it was, and in which place it came. */
struct leaver {
	struct loop_closer closer;
	int *left;
	int place;
};

static void leave(struct loop_closer *closer)
{
	struct leaver *leaver = LIST_ENTRY(closer, struct leaver, closer);

	leaver->place = ++*leaver->left;
	loop_closer_remove(closer); /* harmless by now */
}

static void closers_run_once_in_reverse_order_and_not_when_removed(void **state)
{
	struct fixture *fixture = *state;
	int left = 0;
	struct leaver leavers[3];

	for (int i = 0; i < 3; i++) {
		leavers[i] = (struct leaver){ .closer.close = leave, .left = &left };
		loop_closer_add(fixture->loop, &leavers[i].closer);
	}
	loop_closer_remove(&leavers[1].closer);
	loop_free(fixture->loop);
	fixture->loop = NULL;
	assert_int_equal(leavers[2].place, 1);
	assert_int_equal(leavers[1].place, 0);
	assert_int_equal(leavers[0].place, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void count_writable(void *user)
{
	struct fixture *fixture = user;

	fixture->calls++;
}

static void a_full_pipe_speaks_when_there_is_room_again_and_when_nobody_reads_any_more(void **state)
{
	struct fixture *fixture = *state;
	char bytes[4096] = { 0 };

	assert_int_equal(
		watch_start_writable(&fixture->watch, fixture->loop, fixture->ends[1], count_writable, fixture, NULL),
		CAPSULE_OK);
	while (write(fixture->ends[1], bytes, sizeof bytes) > 0)
		continue;
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->calls, 0);
	assert_int_equal(read(fixture->ends[0], bytes, sizeof bytes), sizeof bytes);
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->calls, 1);
	assert_int_equal(write(fixture->ends[1], bytes, sizeof bytes), sizeof bytes);
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->calls, 1);
	(void)close(fixture->ends[0]);
	fixture->ends[0] = -1;
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->calls, 2);
	watch_stop(fixture->watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_is_called_as_long_as_there_is_something_to_read),
		TEST(a_turn_that_waits_ends_with_the_first_byte),
		TEST(a_hang_up_is_something_to_read),
		TEST(an_error_of_the_descriptor_does_not_end_the_watch),
		TEST(ready_may_stop_its_watch),
		TEST(a_watch_that_is_stopped_in_a_turn_stays_silent_in_it),
		TEST(a_descriptor_can_be_closed_and_its_number_watched_again_after_stop),
		TEST(a_watch_counts_as_something_to_wait_for),
		TEST(another_poll_loop_hears_of_a_watch_started_between_turns),
		TEST(what_can_not_be_watched_is_refused_with_its_number),
		TEST(live_and_just_stopped_watches_end_with_the_loop),
		TEST(closers_run_once_in_reverse_order_and_not_when_removed),
		TEST(a_full_pipe_speaks_when_there_is_room_again_and_when_nobody_reads_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
