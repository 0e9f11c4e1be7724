/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Jobs: where their two halves run, and that a loop is not freed under one. */
#include "loop/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct job {
	struct pool_job pool;
	struct loop *loop;
	pthread_t worker;
	int worked, finished;
	bool in_turn, nested_turn, again;
};

static void work(struct pool_job *pool)
{
	struct job *job = LIST_ENTRY(pool, struct job, pool);

	job->worker = pthread_self();
	job->worked++;
}

static void after(struct pool_job *pool)
{
	struct job *job = LIST_ENTRY(pool, struct job, pool);

	job->finished++;
	job->in_turn = loop_in_turn(job->loop);
	job->nested_turn = loop_turn(job->loop, 0);
	if (job->again) {
		job->again = false;
		assert_int_equal(pool_submit(job->loop, &job->pool, NULL), CAPSULE_OK);
	}
}

static int set_up(void **state)
{
	struct job *job = calloc(1, sizeof *job);

	assert_non_null(job);
	assert_int_equal(loop_new(&job->loop, &clock_system, NULL), CAPSULE_OK);
	job->pool.work = work;
	job->pool.after = after;
	*state = job;
	return 0;
}

static int tear_down(void **state)
{
	struct job *job = *state;

	loop_free(job->loop);
	free(job);
	return 0;
}

static void a_job_works_elsewhere_and_completes_in_a_turn(void **state)
{
	struct job *job = *state;

	assert_int_equal(pool_submit(job->loop, &job->pool, NULL), CAPSULE_OK);
	while (job->finished == 0)
		(void)loop_turn(job->loop, -1);
	assert_int_equal(job->worked, 1);
	assert_false(pthread_equal(job->worker, pthread_self()));
	assert_true(job->in_turn);
	assert_false(job->nested_turn);
	assert_false(loop_turn(job->loop, 0));
	assert_int_equal(job->finished, 1);
}

static void a_running_job_is_pending(void **state)
{
	struct job *job = *state;

	assert_int_equal(pool_submit(job->loop, &job->pool, NULL), CAPSULE_OK);
	while (job->finished == 0) {
		bool pending = loop_turn(job->loop, -1);

		assert_int_equal(pending, job->finished == 0);
	}
}

static void free_waits_for_jobs_and_those_that_they_submit(void **state)
{
	struct job *job = *state;

	job->again = true;
	assert_int_equal(pool_submit(job->loop, &job->pool, NULL), CAPSULE_OK);
	loop_free(job->loop);
	job->loop = NULL;
	assert_int_equal(job->worked, 2);
	assert_int_equal(job->finished, 2);
	assert_true(job->in_turn);
	assert_false(job->nested_turn);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_job_works_elsewhere_and_completes_in_a_turn),
		TEST(a_running_job_is_pending),
		TEST(free_waits_for_jobs_and_those_that_they_submit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
