/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Posts: their order, their limit, and threads that post while the loop waits. */
#include "loop/loop_internal.h"

#include <poll.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define THREADS 4
#define POSTS_EACH 2000

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	int calls, last[THREADS];
	bool ordered;
};

struct call {
	struct fixture *fixture;
	int thread, number;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, 0);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, NULL), CAPSULE_OK);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void count_call(void *arg)
{
	struct fixture *fixture = arg;

	fixture->calls++;
}

static void post_again(void *arg)
{
	struct fixture *fixture = arg;

	fixture->calls++;
	assert_int_equal(loop_post(fixture->loop, post_again, fixture, NULL), CAPSULE_OK);
}

static void a_post_runs_in_the_next_turn(void **state)
{
	struct fixture *fixture = *state;

	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(loop_post(fixture->loop, count_call, fixture, NULL), CAPSULE_OK);
	assert_int_equal(fixture->calls, 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), 0);
	(void)loop_turn(fixture->loop, -1);
	assert_int_equal(fixture->calls, 1);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_false(loop_turn(fixture->loop, 0));
	assert_int_equal(fixture->calls, 1);
}

static void a_post_that_posts_does_not_keep_the_turn(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(loop_post(fixture->loop, post_again, fixture, NULL), CAPSULE_OK);
	assert_true(loop_turn(fixture->loop, 0));
	assert_int_equal(fixture->calls, 1);
	assert_true(loop_turn(fixture->loop, 0));
	assert_int_equal(fixture->calls, 2);
}

static void posts_over_the_limit_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error err = { 0 };

	for (int i = 0; i < LOOP_POST_MAX; i++)
		assert_int_equal(loop_post(fixture->loop, count_call, fixture, &err), CAPSULE_OK);
	assert_int_equal(loop_post(fixture->loop, count_call, fixture, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "65536 are waiting already"));
	(void)loop_turn(fixture->loop, 0);
	assert_in_range(fixture->calls, 1, LOOP_POST_MAX / 16); /* a flood does not hold a turn */
	assert_int_equal(loop_post(fixture->loop, count_call, fixture, &err), CAPSULE_OK);
	while (loop_turn(fixture->loop, 0))
		assert_true(fixture->calls <= LOOP_POST_MAX + 1);
	assert_int_equal(fixture->calls, LOOP_POST_MAX + 1);
}

static void posts_left_at_the_end_are_dropped(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 1000; i++)
		assert_int_equal(loop_post(fixture->loop, count_call, fixture, NULL), CAPSULE_OK);
	(void)loop_turn(fixture->loop, 0); /* some of them are taken out, but not run yet */
	assert_int_equal(loop_post(fixture->loop, count_call, fixture, NULL), CAPSULE_OK);
	fixture->calls = 0;
	loop_free(fixture->loop);
	fixture->loop = NULL;
	assert_int_equal(fixture->calls, 0);
}

static void a_closed_loop_refuses_posts(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error err = { 0 };

	loop_post_close(fixture->loop);
	assert_int_equal(loop_post(fixture->loop, count_call, fixture, &err), CAPSULE_ESTATE);
	assert_string_equal(err.text, "post a call: the loop is being freed");
}

static void check_order(void *arg)
{
	struct call *call = arg;
	struct fixture *fixture = call->fixture;

	fixture->ordered = fixture->ordered && call->number == fixture->last[call->thread] + 1;
	fixture->last[call->thread] = call->number;
	fixture->calls++;
	free(call);
}

static void *post_many(void *arg)
{
	struct call *first = arg;

	for (int number = 1; number <= POSTS_EACH; number++) {
		struct call *call = malloc(sizeof *call);

		if (call == NULL)
			break;
		*call = (struct call){ .fixture = first->fixture, .thread = first->thread, .number = number };
		if (loop_post(first->fixture->loop, check_order, call, NULL) != CAPSULE_OK) {
			free(call);
			break;
		}
	}
	return NULL;
}

static void threads_wake_a_waiting_loop_and_keep_their_order(void **state)
{
	struct fixture *fixture = *state;
	struct call first[THREADS];
	pthread_t threads[THREADS];

	fixture->ordered = true;
	for (int i = 0; i < THREADS; i++) {
		first[i] = (struct call){ .fixture = fixture, .thread = i };
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &first[i]), 0);
	}
	while (fixture->calls < THREADS * POSTS_EACH)
		(void)loop_turn(fixture->loop, -1);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(fixture->ordered);
	assert_false(loop_turn(fixture->loop, 0));
}

static void a_post_makes_the_descriptor_readable(void **state)
{
	struct fixture *fixture = *state;
	struct call first = { .fixture = fixture };
	struct pollfd ready = { .fd = loop_fd(fixture->loop), .events = POLLIN };
	pthread_t thread;

	assert_int_equal(loop_timeout_ms(fixture->loop), 0); /* a new loop has to turn once before it can be polled */
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_int_equal(poll(&ready, 1, 0), 0);
	fixture->ordered = true;
	assert_int_equal(pthread_create(&thread, NULL, post_many, &first), 0);
	while (fixture->calls < POSTS_EACH) {
		assert_true(poll(&ready, 1, loop_timeout_ms(fixture->loop)) >= 0);
		(void)loop_turn(fixture->loop, 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(fixture->ordered);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_post_runs_in_the_next_turn),
		TEST(a_post_that_posts_does_not_keep_the_turn),
		TEST(posts_over_the_limit_are_refused),
		TEST(posts_left_at_the_end_are_dropped),
		TEST(a_closed_loop_refuses_posts),
		TEST(threads_wake_a_waiting_loop_and_keep_their_order),
		TEST(a_post_makes_the_descriptor_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
