/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that the headers do not allow: on a thread that a runtime does not belong to, from inside a turn or the log function,
 * twice, with nothing in the place of a handle. Each is refused or harmless, and everything goes on afterwards. */
#include "runtime/runtime_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What to try, and what came of it. */
struct attempt {
	struct capsule_runtime *runtime;
	struct capsule *capsule;
	struct capsule_op *op; /* under way */
	const char *path;
	enum capsule_status status[8];
	char text[8][256];
	int tries;
	bool turned, done;
	struct capsule_error *err;
};

static void keep(struct attempt *attempt, enum capsule_status status)
{
	attempt->status[attempt->tries] = status;
	(void)snprintf(attempt->text[attempt->tries], sizeof attempt->text[0], "%s", capsule_error_text(attempt->err));
	attempt->tries++;
}

/* Everything that would change something. cmocka's checks belong to the main thread and not below a turn: results are kept. */
static void try_everything(struct attempt *attempt)
{
	struct capsule_op *op = NULL;
	struct capsule_error *err = attempt->err;

	keep(attempt, capsule_load(attempt->runtime, attempt->path, NULL, NULL, &op, err));
	keep(attempt, capsule_load_module(attempt->runtime, attempt->path, NULL, 0, NULL, NULL, &op, err));
	keep(attempt, capsule_inspect(attempt->runtime, attempt->path, NULL, NULL, &op, err));
	keep(attempt, capsule_call(attempt->capsule, "quoted", "{}", 2, NULL, NULL, &op, err));
	keep(attempt, capsule_call_export(attempt->capsule, "echo", "x", 1, NULL, NULL, &op, err));
	keep(attempt, capsule_unload(attempt->capsule, NULL, NULL, &op, err));
	keep(attempt, capsule_op_wait(attempt->op, err));
	attempt->turned = capsule_runtime_turn(attempt->runtime, -1);
	capsule_op_cancel(attempt->op);
	capsule_op_free(attempt->op);
	capsule_runtime_free(attempt->runtime);
	attempt->done = true;
}

static void check_refusals(const struct attempt *attempt, const char *reason)
{
	static const char *const functions[] = { "capsule_load()", "capsule_load_module()", "capsule_inspect()",
		"capsule_call()", "capsule_call_export()", "capsule_unload()", "capsule_op_wait()" };

	assert_true(attempt->done);
	assert_false(attempt->turned);
	assert_int_equal(attempt->tries, 7);
	for (int i = 0; i < attempt->tries; i++) {
		assert_int_equal(attempt->status[i], CAPSULE_ESTATE);
		assert_non_null(strstr(attempt->text[i], functions[i]));
		assert_non_null(strstr(attempt->text[i], reason));
	}
}

static void *try_elsewhere(void *arg)
{
	try_everything(arg);
	return NULL;
}

static void run_thread(void *(*function)(void *arg), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, function, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void another_thread_is_refused_and_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "here", "");
	struct capsule *capsule = fixture_load(fixture, path);
	struct attempt attempt = { .runtime = fixture->runtime, .capsule = capsule, .path = path, .err = fixture->err };
	struct outcome outcome;

	fixture_start(fixture, capsule, "rest", &outcome);
	fixture_settle(fixture);
	attempt.op = outcome.op;
	run_thread(try_elsewhere, &attempt);
	check_refusals(&attempt, "belongs to another thread");
	assert_non_null(strstr(attempt.text[0], "capsule_runtime_post()"));
	assert_non_null(strstr(attempt.text[0], "capsule_runtime_adopt()"));
	assert_int_equal(outcome.done, 0);
	assert_int_equal(capsule_op_wait(outcome.op, fixture->err), CAPSULE_OK);
	assert_int_equal(outcome.done, 1);
	capsule_op_free(outcome.op);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
}

/* The new owner of a runtime finishes what is under way and loads a capsule of its own. */
static void *take_over(void *arg)
{
	struct attempt *attempt = arg;
	struct capsule_op *op = NULL;

	keep(attempt, capsule_op_wait(attempt->op, attempt->err));
	keep(attempt, capsule_runtime_adopt(attempt->runtime, attempt->err));
	keep(attempt, capsule_op_wait(attempt->op, attempt->err));
	keep(attempt, capsule_load(attempt->runtime, attempt->path, NULL, NULL, &op, attempt->err));
	if (op != NULL) {
		keep(attempt, capsule_op_wait(op, attempt->err));
		attempt->capsule = capsule_op_capsule(op);
		capsule_op_free(op);
	}
	return NULL;
}

static void a_runtime_can_be_handed_over_with_calls_under_way(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "baton", "");
	struct attempt attempt = { .runtime = fixture->runtime, .err = fixture->err };
	struct capsule *capsule = fixture_load(fixture, path);
	struct capsule *spinner = fixture_load(fixture, fixture_capsule(fixture, "spinner", ""));
	struct outcome outcome, spin;
	struct capsule_op *op = NULL;

	attempt.path = fixture_capsule(fixture, "later", "");
	fixture_start(fixture, spinner, "spin", &spin);
	fixture_start(fixture, capsule, "rest", &outcome);
	for (int i = 0; i < 3; i++)
		(void)capsule_runtime_turn(fixture->runtime, 0);
	attempt.op = outcome.op;
	run_thread(take_over, &attempt);
	assert_int_equal(attempt.tries, 5);
	assert_int_equal(attempt.status[0], CAPSULE_ESTATE);
	for (int i = 1; i < 5; i++)
		assert_int_equal(attempt.status[i], CAPSULE_OK);
	assert_int_equal(outcome.done, 1);
	assert_int_equal(capsule_call(capsule, "quoted", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_ESTATE);
	assert_status(fixture, capsule_runtime_adopt(fixture->runtime, fixture->err), CAPSULE_OK);
	assert_int_equal(spin.done, 0);
	capsule_op_free(spin.op);
	capsule_op_free(outcome.op);
	assert_string_equal(fixture_call(fixture, attempt.capsule, "quoted", "{}"), "\"x\"");
	assert_string_equal(fixture_call(fixture, spinner, "quoted", "{}"), "\"x\"");
}

static void *try_to_take_over(void *arg)
{
	struct attempt *attempt = arg;

	keep(attempt, capsule_runtime_adopt(attempt->runtime, attempt->err));
	return NULL;
}

/* Posted: runs in a turn. */
static void let_another_thread_try(void *arg)
{
	struct attempt *attempt = arg;
	pthread_t thread;

	if (pthread_create(&thread, NULL, try_to_take_over, attempt) == 0)
		(void)pthread_join(thread, NULL);
	keep(attempt, capsule_runtime_adopt(attempt->runtime, attempt->err));
}

static void a_runtime_is_not_handed_over_in_the_middle_of_a_turn(void **state)
{
	struct fixture *fixture = *state;
	struct attempt attempt = { .runtime = fixture->runtime, .err = fixture->err };

	assert_int_equal(
		capsule_runtime_post(fixture->runtime, let_another_thread_try, &attempt, fixture->err), CAPSULE_OK);
	fixture_settle(fixture);
	assert_int_equal(attempt.tries, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(attempt.status[i], CAPSULE_ESTATE);
		assert_non_null(strstr(attempt.text[i], "in a turn"));
	}
	assert_int_equal(capsule_runtime_adopt(fixture->runtime, fixture->err), CAPSULE_OK);
}

static void posted(void *arg)
{
	int *count = arg;

	++*count;
}

struct logged {
	struct attempt attempt;
	enum capsule_status adopt, post;
	int posts;
};

static void log_and_call_back(
	void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct logged *logged = user;
	struct attempt *attempt = &logged->attempt;

	(void)level, (void)capsule, (void)message, (void)len;
	if (attempt->op == NULL || attempt->done)
		return;
	try_everything(attempt);
	logged->adopt = capsule_runtime_adopt(attempt->runtime, NULL);
	logged->post = capsule_runtime_post(attempt->runtime, posted, &logged->posts, NULL);
}

static void the_log_function_is_refused_everything_but_posts(void **state)
{
	struct fixture *fixture = *state;
	struct logged logged = { .attempt = { .err = capsule_error_new() } };
	struct attempt *attempt = &logged.attempt;
	struct outcome outcome;

	assert_non_null(attempt->err);
	fixture_restart(fixture,
		(struct capsule_runtime_options){
			.memory_store = true, .log = log_and_call_back, .log_user = &logged });
	attempt->path = fixture_capsule(fixture, "talker", "");
	attempt->capsule = fixture_load(fixture, attempt->path);
	attempt->runtime = fixture->runtime;
	fixture_start(fixture, attempt->capsule, "log", &outcome);
	attempt->op = outcome.op;
	assert_int_equal(capsule_op_wait(outcome.op, fixture->err), CAPSULE_OK);
	check_refusals(attempt, "the log function");
	assert_int_equal(logged.adopt, CAPSULE_ESTATE);
	assert_int_equal(logged.post, CAPSULE_OK);
	fixture_settle(fixture);
	assert_int_equal(logged.posts, 1);
	assert_int_equal(outcome.done, 1);
	capsule_op_free(outcome.op);
	assert_string_equal(fixture_call(fixture, attempt->capsule, "quoted", "{}"), "\"x\"");
	capsule_error_free(attempt->err);
}

/* Posted: as a done function it may start things, but neither wait nor turn nor end it all. */
static void wait_inside(void *arg)
{
	struct attempt *attempt = arg;

	keep(attempt, capsule_op_wait(attempt->op, attempt->err));
	attempt->turned = capsule_runtime_turn(attempt->runtime, -1);
	capsule_runtime_free(attempt->runtime);
	attempt->done = true;
}

static void a_posted_function_can_neither_wait_nor_turn_nor_free_the_runtime(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "posted", ""));
	struct attempt attempt = { .runtime = fixture->runtime, .err = fixture->err };
	struct outcome outcome;

	fixture_start(fixture, capsule, "rest", &outcome);
	attempt.op = outcome.op;
	assert_int_equal(capsule_runtime_post(fixture->runtime, wait_inside, &attempt, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(outcome.op, NULL), CAPSULE_OK);
	assert_true(attempt.done);
	assert_false(attempt.turned);
	assert_int_equal(attempt.status[0], CAPSULE_ESTATE);
	assert_non_null(strstr(attempt.text[0], "inside a turn"));
	capsule_op_free(outcome.op);
}

static void free_own(struct capsule_op *op, void *user)
{
	int *done = user;

	++*done;
	capsule_op_free(op);
}

static void every_kind_of_operation_can_be_freed_in_its_own_done_function(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "own", "");
	struct capsule *capsule = fixture_load(fixture, path);
	struct capsule *other = fixture_load(fixture, fixture_capsule(fixture, "other", ""));
	struct capsule_op *op[5];
	int done = 0;

	path = fixture_capsule(fixture, "later", "");
	assert_int_equal(capsule_load(fixture->runtime, path, free_own, &done, &op[0], NULL), CAPSULE_OK);
	assert_int_equal(capsule_load(fixture->runtime, "/nonexistent", free_own, &done, &op[1], NULL), CAPSULE_OK);
	assert_int_equal(capsule_inspect(fixture->runtime, path, free_own, &done, &op[2], NULL), CAPSULE_OK);
	assert_int_equal(capsule_call(capsule, "quoted", "{}", 2, free_own, &done, &op[3], NULL), CAPSULE_OK);
	assert_int_equal(capsule_unload(other, free_own, &done, &op[4], NULL), CAPSULE_OK);
	while (done < 5)
		assert_true(capsule_runtime_turn(fixture->runtime, -1));
	fixture_settle(fixture);
	assert_int_equal(done, 5);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
}

/* A call that is cancelled because its capsule goes tries to get it back. */
static void insist(struct capsule_op *op, void *user)
{
	struct attempt *attempt = user;
	struct capsule_op *again = NULL;

	(void)op;
	keep(attempt, capsule_call(attempt->capsule, "quoted", "{}", 2, NULL, NULL, &again, attempt->err));
	keep(attempt, capsule_unload(attempt->capsule, NULL, NULL, &again, attempt->err));
}

static void a_capsule_that_is_being_unloaded_takes_no_call_and_no_second_unload(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "going", ""));
	struct attempt attempt = { .capsule = capsule, .err = capsule_error_new() };
	struct capsule_op *running = NULL, *unload = NULL;
	struct outcome queued;

	assert_non_null(attempt.err);
	assert_int_equal(capsule_call(capsule, "spin", "{}", 2, insist, &attempt, &running, NULL), CAPSULE_OK);
	fixture_start(fixture, capsule, "quoted", &queued);
	for (int i = 0; i < 3; i++)
		(void)capsule_runtime_turn(fixture->runtime, 0);
	assert_int_equal(capsule_unload(capsule, NULL, NULL, &unload, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(unload, fixture->err), CAPSULE_OK);
	assert_int_equal(attempt.tries, 2);
	assert_int_equal(attempt.status[0], CAPSULE_ESTATE);
	assert_non_null(strstr(attempt.text[0], "loaded"));
	assert_int_equal(attempt.status[1], CAPSULE_ESTATE);
	assert_non_null(strstr(attempt.text[1], "being unloaded already"));
	assert_int_equal(queued.status, CAPSULE_ECANCELLED);
	capsule_op_free(running);
	capsule_op_free(queued.op);
	capsule_op_free(unload);
	capsule_error_free(attempt.err);
}

static void free_other(struct capsule_op *op, void *user)
{
	struct attempt *attempt = user;

	(void)op;
	capsule_op_free(attempt->op);
	attempt->done = true;
}

static void a_spinning_call_can_be_freed_from_the_done_function_of_another(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "spins", "");
	struct capsule *spinner = fixture_load(fixture, path);
	struct capsule *other = fixture_load(fixture, fixture_capsule(fixture, "other", ""));
	struct attempt attempt = { 0 };
	struct outcome spin;
	struct capsule_op *op = NULL;

	fixture_start(fixture, spinner, "spin", &spin);
	for (int i = 0; i < 3; i++)
		(void)capsule_runtime_turn(fixture->runtime, 0);
	attempt.op = spin.op;
	assert_int_equal(capsule_call(other, "rest", "{}", 2, free_other, &attempt, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	assert_true(attempt.done);
	assert_int_equal(spin.done, 0);
	assert_string_equal(fixture_call(fixture, spinner, "quoted", "{}"), "\"x\"");
}

static void what_is_missing_is_refused(struct fixture *fixture, struct capsule *capsule)
{
	struct capsule_runtime *runtime = fixture->runtime;
	struct capsule_op *op = NULL;
	const enum capsule_status refused[] = {
		capsule_load(NULL, "/", NULL, NULL, &op, NULL),
		capsule_load(runtime, NULL, NULL, NULL, &op, NULL),
		capsule_load(runtime, "/", NULL, NULL, NULL, NULL),
		capsule_load_module(NULL, "/", NULL, 0, NULL, NULL, &op, NULL),
		capsule_load_module(runtime, NULL, NULL, 0, NULL, NULL, &op, NULL),
		capsule_load_module(runtime, "/", NULL, 1, NULL, NULL, &op, NULL),
		capsule_load_module(runtime, "/", NULL, 0, NULL, NULL, NULL, NULL),
		capsule_inspect(NULL, "/", NULL, NULL, &op, NULL),
		capsule_inspect(runtime, "/", NULL, NULL, NULL, NULL),
		capsule_call(NULL, "quoted", "{}", 2, NULL, NULL, &op, NULL),
		capsule_call(capsule, NULL, "{}", 2, NULL, NULL, &op, NULL),
		capsule_call(capsule, "quoted", NULL, 2, NULL, NULL, &op, NULL),
		capsule_call(capsule, "quoted", NULL, 0, NULL, NULL, &op, NULL),
		capsule_call(capsule, "quoted", "{}", 2, NULL, NULL, NULL, NULL),
		capsule_call_export(NULL, "echo", "", 0, NULL, NULL, &op, NULL),
		capsule_call_export(capsule, NULL, "", 0, NULL, NULL, &op, NULL),
		capsule_call_export(capsule, "echo", NULL, 1, NULL, NULL, &op, NULL),
		capsule_call_export(capsule, "echo", "", 0, NULL, NULL, NULL, NULL),
		capsule_unload(NULL, NULL, NULL, &op, NULL),
		capsule_unload(capsule, NULL, NULL, NULL, NULL),
		capsule_op_wait(NULL, NULL),
		capsule_runtime_adopt(NULL, NULL),
		capsule_runtime_new(NULL, NULL, NULL),
		capsule_runtime_post(NULL, posted, NULL, NULL),
		capsule_runtime_post(runtime, NULL, NULL, NULL),
	};

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (refused[i] != CAPSULE_EINVAL)
			fail_msg("row %zu: status %d", i, (int)refused[i]);
	assert_null(op);
}

static void nothing_in_the_place_of_a_handle_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "there", ""));
	struct capsule_op *op = NULL;

	what_is_missing_is_refused(fixture, capsule);
	assert_int_equal(capsule_call(NULL, "quoted", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "capsule_call(): the handle is NULL");
	assert_int_equal(capsule_call_export(capsule, "echo", NULL, 7, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "7 bytes");
	assert_false(capsule_runtime_turn(NULL, -1));
	capsule_op_cancel(NULL);
	capsule_op_free(NULL);
	capsule_runtime_free(NULL);
	capsule_report_free(NULL);
	capsule_error_free(NULL);
	assert_int_equal(capsule_call_export(capsule, "echo", NULL, 0, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
}

#define FIRST_SIZE (offsetof(struct capsule_runtime_options, module_bytes) + sizeof(uint64_t)) /* of release 0.1.0 */

/* Whether a runtime is made from `size` bytes of options in a block of just that size, the byte at `set` of them not zero. */
static enum capsule_status try_size(struct fixture *fixture, size_t size, size_t set)
{
	const struct capsule_runtime_options options = { .size = size, .memory_store = true };
	unsigned char *block = calloc(1, size);
	struct capsule_runtime *runtime = NULL;
	enum capsule_status status;

	assert_non_null(block);
	memcpy(block, &options, size < sizeof options ? size : sizeof options);
	if (set > 0)
		block[set] = 1;
	status = capsule_runtime_new(&runtime, (const struct capsule_runtime_options *)(void *)block, fixture->err);
	assert_int_equal(runtime != NULL, status == CAPSULE_OK);
	capsule_runtime_free(runtime);
	free(block);
	return status;
}

static void options_of_every_release_are_taken_and_no_other_size(void **state)
{
	struct fixture *fixture = *state;
	const size_t known = sizeof(struct capsule_runtime_options);

	for (size_t size = sizeof size; size <= known + 64; size++) {
		bool right = size >= FIRST_SIZE && size % _Alignof(struct capsule_runtime_options) == 0;

		assert_status(fixture, try_size(fixture, size, 0), right ? CAPSULE_OK : CAPSULE_EINVAL);
		if (!right)
			assert_says(fixture, "options.size is");
	}
	assert_status(fixture, try_size(fixture, 4096, 0), CAPSULE_OK);
	assert_status(fixture, try_size(fixture, 4104, 0), CAPSULE_EINVAL);
	for (size_t set = known; set < known + 64; set += 9) {
		assert_status(fixture, try_size(fixture, known + 64, set), CAPSULE_EINVAL);
		assert_says(fixture, "does not know");
	}
	assert_status(fixture, try_size(fixture, 4096, 4095), CAPSULE_EINVAL);
}

static void the_options_of_an_older_program_take_effect(void **state)
{
	struct fixture *fixture = *state;
	struct fixture older = *fixture;
	struct capsule_runtime_options *options = malloc(FIRST_SIZE);
	const struct capsule_runtime_options wanted = { .size = FIRST_SIZE, .memory_store = true, .module_bytes = 100 };

	assert_non_null(options);
	memcpy((void *)options, &wanted, FIRST_SIZE);
	assert_status(fixture, capsule_runtime_new(&older.runtime, options, fixture->err), CAPSULE_OK);
	free(options);
	assert_int_equal(fixture_load_fails(&older, fixture_capsule(fixture, "small", "")), CAPSULE_ELIMIT);
	assert_says(fixture, "limit of 100 bytes");
	capsule_runtime_free(older.runtime);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(another_thread_is_refused_and_changes_nothing),
		TEST(a_runtime_can_be_handed_over_with_calls_under_way),
		TEST(a_runtime_is_not_handed_over_in_the_middle_of_a_turn),
		TEST(the_log_function_is_refused_everything_but_posts),
		TEST(a_posted_function_can_neither_wait_nor_turn_nor_free_the_runtime),
		TEST(every_kind_of_operation_can_be_freed_in_its_own_done_function),
		TEST(a_capsule_that_is_being_unloaded_takes_no_call_and_no_second_unload),
		TEST(a_spinning_call_can_be_freed_from_the_done_function_of_another),
		TEST(nothing_in_the_place_of_a_handle_is_refused),
		TEST(options_of_every_release_are_taken_and_no_other_size),
		TEST(the_options_of_an_older_program_take_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
