/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Turns: timers, who runs before whom, how long a turn waits, and what another poll loop is told. Time is moved by hand
 * except where waiting itself is the matter. */
#include "loop/loop_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SLICE_NS NS_PER_MS
#define JOURNAL_MAX 4096

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	char journal[JOURNAL_MAX]; /* one letter for each thing that ran */
	size_t len;
	bool nested;
};

/* A runnable, timer or operation that notes its letter. */
struct actor {
	struct runnable runnable;
	struct timer timer;
	struct op op;
	struct fixture *fixture;
	char letter;
	int64_t takes_ns;
	bool again, spins;
	struct actor *wakes;
	int64_t rearm_ns; /* due time of the next round, -1 for none */
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

static void note(struct actor *actor)
{
	struct fixture *fixture = actor->fixture;

	if (fixture->len < JOURNAL_MAX - 1)
		fixture->journal[fixture->len++] = actor->letter;
}

static void run(struct runnable *runnable)
{
	struct actor *actor = LIST_ENTRY(runnable, struct actor, runnable);

	note(actor);
	clock_manual_advance(&actor->fixture->clock, actor->takes_ns);
	if (actor->wakes != NULL)
		loop_ready(actor->fixture->loop, &actor->wakes->runnable, false);
	if (actor->again)
		loop_ready(actor->fixture->loop, runnable, actor->spins);
}

static void fire(struct timer *timer)
{
	struct actor *actor = LIST_ENTRY(timer, struct actor, timer);

	note(actor);
	if (actor->rearm_ns >= 0)
		assert_true(loop_timer_arm(actor->fixture->loop, timer, actor->rearm_ns));
}

static void done(struct op *op, void *user)
{
	(void)op;
	note(user);
}

static struct actor actor_of(struct fixture *fixture, char letter)
{
	return (struct actor){
		.runnable = { .run = run },
		.timer = { .fire = fire },
		.fixture = fixture,
		.letter = letter,
		.rearm_ns = -1,
	};
}

static struct actor spinner_of(struct fixture *fixture, char letter)
{
	struct actor actor = actor_of(fixture, letter);

	actor.takes_ns = SLICE_NS;
	actor.again = true;
	actor.spins = true;
	return actor;
}

/* Turn `turns` times and compare what ran in them. */
static void expect(struct fixture *fixture, int turns, const char *journal)
{
	fixture->len = 0;
	while (turns-- > 0)
		(void)loop_turn(fixture->loop, 0);
	fixture->journal[fixture->len] = '\0';
	assert_string_equal(fixture->journal, journal);
}

static void timers_fire_in_order_of_time_then_of_arming(void **state)
{
	struct fixture *fixture = *state;
	struct actor a = actor_of(fixture, 'a'), b = actor_of(fixture, 'b'), c = actor_of(fixture, 'c');

	assert_true(loop_timer_arm(fixture->loop, &a.timer, 20));
	assert_true(loop_timer_arm(fixture->loop, &b.timer, 10));
	assert_true(loop_timer_arm(fixture->loop, &c.timer, 20));
	expect(fixture, 1, "");
	clock_manual_advance(&fixture->clock, 10);
	expect(fixture, 1, "b");
	clock_manual_advance(&fixture->clock, 10);
	assert_true(loop_timer_arm(fixture->loop, &b.timer, 30));
	loop_timer_disarm(fixture->loop, &b.timer);
	expect(fixture, 2, "ac");
	assert_false(loop_turn(fixture->loop, 0));
}

static void a_timer_armed_again_from_inside_waits_for_the_next_turn(void **state)
{
	struct fixture *fixture = *state;
	struct actor past = actor_of(fixture, 'p'), later = actor_of(fixture, 'l'), last = actor_of(fixture, 'z');

	clock_manual_advance(&fixture->clock, 100);
	past.rearm_ns = 0;
	later.rearm_ns = 200;
	assert_true(loop_timer_arm(fixture->loop, &past.timer, 1));
	assert_true(loop_timer_arm(fixture->loop, &later.timer, 2));
	assert_true(loop_timer_arm(fixture->loop, &last.timer, 100));
	expect(fixture, 1, "plz"); /* the one armed for the past does not go before those that are due */
	expect(fixture, 2, "pp");
	past.rearm_ns = -1;
	clock_manual_advance(&fixture->clock, 100);
	later.rearm_ns = -1;
	expect(fixture, 2, "pl");
	assert_false(loop_turn(fixture->loop, 0));
}

static void timers_go_before_completions_and_these_before_runnables(void **state)
{
	struct fixture *fixture = *state;
	struct actor timer = actor_of(fixture, 't'), op = actor_of(fixture, 'o'), fresh = actor_of(fixture, 'f');

	op_init(&op.op, fixture->loop);
	op_start(&op.op, done, &op, NULL, 0, "test");
	loop_ready(fixture->loop, &fresh.runnable, false);
	op_finish(&op.op);
	assert_true(loop_timer_arm(fixture->loop, &timer.timer, 0));
	expect(fixture, 1, "tof");
	op_fini(&op.op);
}

static void a_runnable_queued_twice_runs_once(void **state)
{
	struct fixture *fixture = *state;
	struct actor a = actor_of(fixture, 'a'), b = actor_of(fixture, 'b');

	loop_ready(fixture->loop, &a.runnable, false);
	loop_ready(fixture->loop, &b.runnable, false);
	loop_ready(fixture->loop, &a.runnable, false);
	loop_ready(fixture->loop, &a.runnable, true);
	expect(fixture, 3, "ab");
}

static void a_runnable_taken_out_does_not_run(void **state)
{
	struct fixture *fixture = *state;
	struct actor a = actor_of(fixture, 'a'), b = actor_of(fixture, 'b'), spun = actor_of(fixture, 's');

	loop_unready(&a.runnable);
	loop_ready(fixture->loop, &a.runnable, false);
	loop_ready(fixture->loop, &b.runnable, false);
	loop_ready(fixture->loop, &spun.runnable, true);
	loop_unready(&a.runnable);
	loop_unready(&a.runnable);
	loop_unready(&spun.runnable);
	expect(fixture, 3, "b");
	assert_false(loop_turn(fixture->loop, 0));
}

static void what_becomes_fresh_meanwhile_runs_in_the_same_turn(void **state)
{
	struct fixture *fixture = *state;
	struct actor a = actor_of(fixture, 'a'), b = actor_of(fixture, 'b');

	a.wakes = &b;
	loop_ready(fixture->loop, &a.runnable, false);
	expect(fixture, 1, "ab");
}

static void fresh_ones_without_end_do_not_keep_the_turn(void **state)
{
	struct fixture *fixture = *state;
	struct actor busy = actor_of(fixture, 'b'), slow = actor_of(fixture, 's'), op = actor_of(fixture, 'o');

	busy.again = true;
	op_init(&op.op, fixture->loop);
	op_start(&op.op, done, &op, NULL, 0, "test");
	loop_ready(fixture->loop, &busy.runnable, false);
	(void)loop_turn(fixture->loop, 0);
	assert_in_range(fixture->len, 2, 1000); /* bounded by their number while the clock stands still */
	op_finish(&op.op);
	fixture->len = 0;
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->journal[0], 'o');
	loop_unready(&busy.runnable);

	slow.again = true;
	slow.takes_ns = NS_PER_MS;
	loop_ready(fixture->loop, &slow.runnable, false);
	expect(fixture, 1, "ss"); /* and by time when it moves */
	loop_unready(&slow.runnable);
	op_fini(&op.op);
}

static void a_fresh_call_waits_for_no_spinner_that_is_queued_before_it(void **state)
{
	struct fixture *fixture = *state;
	struct actor spinners[8], call = actor_of(fixture, 'c'), op = actor_of(fixture, 'o');

	op_init(&op.op, fixture->loop);
	for (int i = 0; i < 8; i++) {
		spinners[i] = spinner_of(fixture, (char)('1' + i));
		loop_ready(fixture->loop, &spinners[i].runnable, true);
	}
	expect(fixture, 9, "123456781"); /* one slice a turn, each in its turn */
	loop_ready(fixture->loop, &call.runnable, false);
	expect(fixture, 3, "c23");
	op_start(&op.op, done, &op, NULL, 0, "test");
	loop_ready(fixture->loop, &call.runnable, false);
	op_finish(&op.op);
	expect(fixture, 2, "oc4");
	op_fini(&op.op);
}

static void a_spinner_progresses_among_fresh_ones_without_end(void **state)
{
	struct fixture *fixture = *state;
	struct actor busy = actor_of(fixture, 'b'), spinner = spinner_of(fixture, 's');

	busy.again = true;
	busy.takes_ns = SLICE_NS / 2;
	loop_ready(fixture->loop, &spinner.runnable, true);
	loop_ready(fixture->loop, &busy.runnable, false);
	expect(fixture, 3, "bbbbsbbbbsbbbbs"); /* a third of the time */
}

static void a_spinner_progresses_while_the_clock_stands_still(void **state)
{
	struct fixture *fixture = *state;
	struct actor busy = actor_of(fixture, 'b'), spinner = actor_of(fixture, 's');
	int turns = 0;

	busy.again = true;
	loop_ready(fixture->loop, &spinner.runnable, true);
	loop_ready(fixture->loop, &busy.runnable, false);
	while (!list_empty(&spinner.runnable.link) && turns++ < 5000)
		(void)loop_turn(fixture->loop, 0);
	assert_in_range(turns, 2, 4999);
	loop_unready(&busy.runnable);
}

static void one_that_used_its_slice_as_fresh_does_not_get_another_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct actor spinner = spinner_of(fixture, 's'), call = actor_of(fixture, 'c');

	clock_manual_advance(&fixture->clock, NS_PER_S);
	loop_ready(fixture->loop, &spinner.runnable, false);
	expect(fixture, 1, "s");
	loop_ready(fixture->loop, &call.runnable, false);
	expect(fixture, 2, "cs");
}

static void turn_inside(struct timer *timer)
{
	struct actor *actor = LIST_ENTRY(timer, struct actor, timer);
	struct actor waiting = actor_of(actor->fixture, 'w');

	note(actor);
	loop_ready(actor->fixture->loop, &waiting.runnable, false);
	actor->fixture->nested = loop_turn(actor->fixture->loop, -1) || !loop_in_turn(actor->fixture->loop);
	loop_unready(&waiting.runnable);
}

static void a_turn_inside_a_turn_does_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct actor timer = actor_of(fixture, 't');

	timer.timer.fire = turn_inside;
	assert_true(loop_timer_arm(fixture->loop, &timer.timer, 0));
	assert_false(loop_in_turn(fixture->loop));
	expect(fixture, 1, "t");
	assert_false(fixture->nested);
	assert_false(loop_in_turn(fixture->loop));
}

static void the_timeout_follows_the_clock_of_the_loop(void **state)
{
	struct fixture *fixture = *state;
	struct actor actor = actor_of(fixture, 'a');

	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_true(loop_timer_arm(fixture->loop, &actor.timer, 5 * NS_PER_MS + 1));
	assert_int_equal(loop_timeout_ms(fixture->loop), 6);
	clock_manual_advance(&fixture->clock, 5 * NS_PER_MS);
	assert_int_equal(loop_timeout_ms(fixture->loop), 1);
	clock_manual_advance(&fixture->clock, 1);
	assert_int_equal(loop_timeout_ms(fixture->loop), 0);
	assert_true(loop_timer_arm(fixture->loop, &actor.timer, INT64_MAX - 1));
	assert_int_equal(loop_timeout_ms(fixture->loop), INT32_MAX);
	loop_timer_disarm(fixture->loop, &actor.timer);
	loop_ready(fixture->loop, &actor.runnable, true);
	assert_int_equal(loop_timeout_ms(fixture->loop), 0);
	expect(fixture, 1, "a");
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_int_equal(loop_now(fixture->loop), 5 * NS_PER_MS + 1);
	assert_ptr_equal(loop_clock(fixture->loop), &fixture->clock.clock);
}

static void a_turn_with_something_due_or_queued_does_not_wait(void **state)
{
	struct fixture *fixture = *state;
	struct actor a = actor_of(fixture, 'a'), t = actor_of(fixture, 't'), s = actor_of(fixture, 's');

	loop_ready(fixture->loop, &a.runnable, false);
	(void)loop_turn(fixture->loop, -1);
	loop_ready(fixture->loop, &s.runnable, true);
	(void)loop_turn(fixture->loop, -1);
	assert_true(loop_timer_arm(fixture->loop, &t.timer, 0));
	(void)loop_turn(fixture->loop, -1);
	assert_memory_equal(fixture->journal, "ast", 3);
}

static void waiting_ends_after_the_time_asked_for(void **state)
{
	struct fixture *fixture = *state;
	int64_t before = clock_monotonic_ns(&clock_system);

	assert_false(loop_turn(fixture->loop, 2));
	assert_true(clock_monotonic_ns(&clock_system) - before >= NS_PER_MS);
	assert_false(loop_turn(fixture->loop, 0));
}

static void waiting_ends_when_a_timer_is_due(void **state)
{
	struct fixture *fixture = *state;
	struct actor actor = actor_of(fixture, 't');
	struct loop *loop;

	assert_int_equal(loop_new(&loop, &clock_system, NULL), CAPSULE_OK);
	assert_true(loop_timer_arm(loop, &actor.timer, loop_now(loop) + NS_PER_MS));
	assert_in_range(loop_timeout_ms(loop), 0, 1);
	while (loop_turn(loop, -1))
		assert_int_equal(fixture->len, 0);
	assert_int_equal(fixture->len, 1);
	loop_free(loop);
}

/* libuv counts in whole milliseconds: one that begins between the arming of its alarm and its look at its timers ends the
 * wait before it has begun. So the turns begin right before one. A turn that does not end is ended by SIGALRM, with this
 * program. */
static void waiting_ends_when_time_goes_by_before_it_begins(void **state)
{
	struct fixture *fixture = *state;
	struct actor actor = actor_of(fixture, 't');
	struct loop *loop;

	assert_int_equal(loop_new(&loop, &clock_system, NULL), CAPSULE_OK);
	(void)alarm(30);
	for (int64_t offset = 980 * NS_PER_US; offset < NS_PER_MS; offset += NS_PER_US / 20) {
		while (clock_monotonic_ns(&clock_system) % NS_PER_MS < offset)
			;
		assert_true(loop_timer_arm(loop, &actor.timer, clock_monotonic_ns(&clock_system) + NS_PER_MS));
		while (loop_turn(loop, -1))
			;
	}
	(void)alarm(0);
	assert_int_equal(fixture->len, 20 * 20);
	loop_free(loop);
}

static void count_readable(uv_poll_t *handle, int status, int events)
{
	assert_int_equal(status, 0);
	assert_int_equal(events, UV_READABLE);
	++*(int *)handle->data;
	uv_poll_stop(handle);
}

static void a_descriptor_started_outside_a_turn_is_not_overlooked(void **state)
{
	struct fixture *fixture = *state;
	int ends[2], calls = 0;
	uv_poll_t handle = { .data = &calls };
	struct pollfd ready = { .fd = loop_fd(fixture->loop), .events = POLLIN };

	assert_int_equal(pipe(ends), 0);
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(uv_poll_init(loop_uv(fixture->loop), &handle, ends[0]), 0);
	assert_int_equal(uv_poll_start(&handle, UV_READABLE, count_readable), 0);
	assert_int_equal(loop_timeout_ms(fixture->loop), 0);
	assert_true(loop_turn(fixture->loop, 0));
	assert_int_equal(loop_timeout_ms(fixture->loop), -1);
	assert_int_equal(poll(&ready, 1, 0), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(poll(&ready, 1, 0), 1);
	assert_false(loop_turn(fixture->loop, -1));
	assert_int_equal(calls, 1);
	loop_free(fixture->loop); /* closes the handle */
	fixture->loop = NULL;
	assert_true(uv_is_closing((uv_handle_t *)&handle));
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_descriptor_is_not_starved_by_runnables(void **state)
{
	struct fixture *fixture = *state;
	struct actor busy = actor_of(fixture, 'b'), spinner = spinner_of(fixture, 's');
	int ends[2], calls = 0, turns = 0;
	uv_poll_t handle = { .data = &calls };

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(uv_poll_init(loop_uv(fixture->loop), &handle, ends[0]), 0);
	busy.again = true;
	loop_ready(fixture->loop, &busy.runnable, false);
	assert_int_equal(uv_poll_start(&handle, UV_READABLE, count_readable), 0);
	while (calls == 0 && turns++ < 100) /* the clock stands still: bounded by turns */
		(void)loop_turn(fixture->loop, 0);
	assert_int_equal(calls, 1);
	loop_unready(&busy.runnable);
	loop_ready(fixture->loop, &spinner.runnable, true);
	expect(fixture, 1, "s");
	assert_int_equal(uv_poll_start(&handle, UV_READABLE, count_readable), 0);
	expect(fixture, 1, "s"); /* each takes a slice: asked in each turn */
	assert_int_equal(calls, 2);
	loop_free(fixture->loop);
	fixture->loop = NULL;
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void ignore_timer(uv_timer_t *timer)
{
	(void)timer;
}

static void the_timeout_counts_timers_of_libuv(void **state)
{
	struct fixture *fixture = *state;
	uv_timer_t timer;

	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(uv_timer_init(loop_uv(fixture->loop), &timer), 0);
	assert_int_equal(uv_timer_start(&timer, ignore_timer, 60000, 0), 0);
	assert_in_range(loop_timeout_ms(fixture->loop), 50000, 60000);
	loop_free(fixture->loop);
	fixture->loop = NULL;
}

static void without_descriptors_no_loop_is_made(void **state)
{
	struct capsule_error err = { 0 };
	struct loop *loop = NULL;
	struct rlimit limit, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(loop_new(&loop, &clock_system, &err), CAPSULE_EIO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_null(loop);
	assert_int_equal(err.os_errno, EMFILE);
	assert_non_null(strstr(err.text, "event loop"));
	loop_free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_fire_in_order_of_time_then_of_arming),
		TEST(a_timer_armed_again_from_inside_waits_for_the_next_turn),
		TEST(timers_go_before_completions_and_these_before_runnables),
		TEST(a_runnable_queued_twice_runs_once),
		TEST(a_runnable_taken_out_does_not_run),
		TEST(what_becomes_fresh_meanwhile_runs_in_the_same_turn),
		TEST(fresh_ones_without_end_do_not_keep_the_turn),
		TEST(a_fresh_call_waits_for_no_spinner_that_is_queued_before_it),
		TEST(a_spinner_progresses_among_fresh_ones_without_end),
		TEST(a_spinner_progresses_while_the_clock_stands_still),
		TEST(one_that_used_its_slice_as_fresh_does_not_get_another_at_once),
		TEST(a_turn_inside_a_turn_does_nothing),
		TEST(the_timeout_follows_the_clock_of_the_loop),
		TEST(a_turn_with_something_due_or_queued_does_not_wait),
		TEST(waiting_ends_after_the_time_asked_for),
		TEST(waiting_ends_when_a_timer_is_due),
		TEST(waiting_ends_when_time_goes_by_before_it_begins),
		TEST(a_descriptor_started_outside_a_turn_is_not_overlooked),
		TEST(a_descriptor_is_not_starved_by_runnables),
		TEST(the_timeout_counts_timers_of_libuv),
		TEST(without_descriptors_no_loop_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
