/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests on their way: what runs where, in which order, and how they are taken back. The same for both kinds. */
#include "store/kv.h"
#include "store/kv_fixture.h"

static int set_up_memory(void **state)
{
	fixture_new(state);
	fixture_open(*state, false);
	return 0;
}

static int set_up_sqlite(void **state)
{
	fixture_new(state);
	fixture_open(*state, true);
	return 0;
}

static void small_requests_are_done_inside_the_call(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LIMIT_INLINE_WORK, 1);
	CALL(set_call, fixture, KV_SET, span_text("k"), span_of(bytes, LIMIT_INLINE_WORK));
	CALL(get_call, fixture, KV_GET, span_text("k"), NOTHING);
	CALL(delete_call, fixture, KV_DELETE, span_text("k"), NOTHING);

	assert_int_equal(call_submit(&set_call, fixture->scope), KV_DONE);
	assert_int_equal(call_submit(&get_call, fixture->scope), KV_DONE);
	assert_int_equal(get_call.request.op.result.len, LIMIT_INLINE_WORK);
	assert_int_equal(call_submit(&delete_call, fixture->scope), KV_DONE);
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(set_call.done + get_call.done + delete_call.done, 0);
}

static void large_requests_are_done_in_a_later_turn(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(set_call, fixture, KV_SET, span_text("k"), span_of(bytes, LARGE));
	CALL(get_call, fixture, KV_GET, span_text("k"), NOTHING);
	CALL(list_call, fixture, KV_LIST, NOTHING, NOTHING);
	CALL(clear_call, fixture, KV_CLEAR_PREFIX, NOTHING, NOTHING);
	struct call *calls[] = { &set_call, &get_call, &list_call, &clear_call };

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(call_submit(calls[i], fixture->scope), KV_WAITING);
		assert_int_equal(calls[i]->done, 0);
		call_wait(calls[i], fixture);
		assert_int_equal(calls[i]->done, 1);
		assert_int_equal(calls[i]->status, CAPSULE_OK);
	}
	assert_int_equal(get_call.request.op.result.len, LARGE);
	assert_int_equal(clear_call.request.count, 1);
}

static void nothing_overtakes_a_request_on_the_pool(void **state)
{
	struct fixture *fixture = *state;
	struct kv_scope *other = scope_new(fixture->store, "bob", "notes");
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(first, fixture, KV_SET, span_text("k"), span_of(bytes, LARGE));
	CALL(see_large, fixture, KV_GET, span_text("k"), NOTHING);
	CALL(second, fixture, KV_SET, span_text("k"), span_text("small"));
	CALL(see_small, fixture, KV_GET, span_text("k"), NOTHING);
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);
	CALL(elsewhere, fixture, KV_SET, span_text("k"), span_text("v"));
	CALL(gone, fixture, KV_DELETE, span_text("k"), NOTHING);
	CALL(see_none, fixture, KV_GET, span_text("k"), NOTHING);
	struct call *calls[] = { &first, &see_large, &second, &see_small, &list, &elsewhere, &gone, &see_none };

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(call_submit(calls[i], calls[i] == &elsewhere ? other : fixture->scope), KV_WAITING);
	for (size_t i = 0; i < 8; i++) {
		call_wait(calls[i], fixture);
		assert_int_equal(calls[i]->status, CAPSULE_OK);
		assert_true(i == 0 || calls[i]->order == calls[i - 1]->order + 1);
	}
	assert_int_equal(see_large.request.op.result.len, LARGE);
	assert_string_equal(buffer_text(&see_small.request.op.result), "small");
	assert_string_equal(buffer_text(&list.request.op.result), "[\"k\"]");
	assert_true(gone.request.found);
	assert_false(see_none.request.found);
	kv_scope_free(other);
}

static void a_wrong_request_fails_at_once_even_when_others_wait(void **state)
{
	struct fixture *fixture = *state;
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);
	CALL(bad, fixture, KV_GET, NOTHING, NOTHING);

	assert_int_equal(call_submit(&list, fixture->scope), KV_WAITING);
	assert_int_equal(call_submit(&bad, fixture->scope), KV_DONE); /* no need to wait for that */
	assert_int_equal(bad.status, CAPSULE_EINVAL);
	call_wait(&list, fixture);
}

static void a_long_queue_is_served_to_its_end(void **state)
{
	enum { COUNT = 200 };
	struct fixture *fixture = *state;
	struct call *calls = calloc(COUNT, sizeof *calls);
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);
	int turns = 0;

	assert_non_null(calls);
	assert_int_equal(call_submit(&list, fixture->scope), KV_WAITING);
	for (int i = 0; i < COUNT; i++) {
		call_init(&calls[i], fixture, KV_SET, span_text("k"), span_text("v"));
		assert_int_equal(call_submit(&calls[i], fixture->scope), KV_WAITING);
	}
	for (; calls[COUNT - 1].done == 0; turns++)
		(void)loop_turn(fixture->loop, -1);
	assert_true(turns > 3); /* timers and guests had theirs in between */
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(calls[i].done, 1);
		assert_true(i == 0 || calls[i].order > calls[i - 1].order);
		call_fini(&calls[i]);
	}
	free(calls);
}

static void only_so_many_requests_may_wait(void **state)
{
	struct fixture *fixture = *state;
	struct call *calls = calloc(KV_WAITING_MAX + 1, sizeof *calls);
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);

	assert_non_null(calls);
	assert_int_equal(call_submit(&list, fixture->scope), KV_WAITING);
	for (int i = 0; i <= KV_WAITING_MAX; i++) {
		call_init(&calls[i], fixture, KV_GET, span_text("k"), NOTHING);
		assert_int_equal(call_submit(&calls[i], fixture->scope), i < KV_WAITING_MAX ? KV_WAITING : KV_DONE);
	}
	assert_int_equal(calls[KV_WAITING_MAX].status, CAPSULE_ELIMIT);
	op_cancel(&calls[7].request.op); /* makes room for one */
	assert_int_equal(call_submit(&calls[KV_WAITING_MAX], fixture->scope), KV_WAITING);
	call_wait(&calls[KV_WAITING_MAX], fixture);
	for (int i = 0; i <= KV_WAITING_MAX; i++) {
		assert_int_equal(calls[i].done, 1);
		assert_int_equal(calls[i].status, i == 7 ? CAPSULE_ECANCELLED : CAPSULE_OK);
		call_fini(&calls[i]);
	}
	free(calls);
}

/* Taking requests back. */

static void a_cancelled_request_that_waited_has_no_effect(void **state)
{
	struct fixture *fixture = *state;
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);
	CALL(cancelled, fixture, KV_SET, span_text("k"), span_text("cancelled"));
	CALL(later, fixture, KV_GET, span_text("k"), NOTHING);

	set(fixture, "k", "before");
	assert_int_equal(call_submit(&list, fixture->scope), KV_WAITING);
	assert_int_equal(call_submit(&cancelled, fixture->scope), KV_WAITING);
	assert_int_equal(call_submit(&later, fixture->scope), KV_WAITING);
	op_cancel(&cancelled.request.op);
	call_wait(&later, fixture);
	assert_int_equal(cancelled.done, 1);
	assert_int_equal(cancelled.status, CAPSULE_ECANCELLED);
	assert_string_equal(buffer_text(&later.request.op.result), "before");
}

static void a_cancelled_request_on_the_pool_still_happens(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *bytes = bytes_new(LARGE, 1);
	HOLD(free_drop) uint8_t *same = bytes_new(LARGE, 1);
	char *key = strdup("k");
	CALL(cancelled, fixture, KV_SET, span_text(key), span_of(bytes, LARGE));

	assert_int_equal(call_submit(&cancelled, fixture->scope), KV_WAITING);
	op_cancel(&cancelled.request.op);
	free(bytes); /* nobody may look at them any more */
	free(key);
	expect_in(fixture, fixture->scope, span_text("k"), span_of(same, LARGE));
	assert_int_equal(cancelled.done, 1);
	assert_int_equal(cancelled.status, CAPSULE_ECANCELLED);
}

static void requests_can_be_freed_at_any_time_and_their_scope_too(void **state)
{
	struct fixture *fixture = *state;
	struct kv_scope *scope = scope_new(fixture->store, "bob", "notes");
	uint8_t *bytes = bytes_new(LARGE, 1);
	struct call *running = calloc(2, sizeof *running), *waiting = running + 1;

	call_init(running, fixture, KV_SET, span_text("running"), span_of(bytes, LARGE));
	call_init(waiting, fixture, KV_SET, span_text("waiting"), span_of(bytes, LARGE));
	assert_int_equal(call_submit(running, scope), KV_WAITING);
	assert_int_equal(call_submit(waiting, scope), KV_WAITING);
	call_fini(running);
	call_fini(waiting);
	free(running);
	free(bytes);
	kv_scope_free(scope);
	scope = scope_new(fixture->store, "bob", "notes");
	expect_list(fixture, scope, NOTHING, "[\"running\"]");
	kv_scope_free(scope);
}

static void a_request_can_be_used_again(void **state)
{
	struct fixture *fixture = *state;
	CALL(call, fixture, KV_GET, span_text("k"), NOTHING);

	set(fixture, "k", "v");
	assert_int_equal(call_run(&call, fixture, fixture->scope), CAPSULE_OK);
	call.request.verb = KV_CLEAR_PREFIX;
	assert_int_equal(call_run(&call, fixture, fixture->scope), CAPSULE_OK);
	assert_int_equal(call.request.op.result.len, 0);
	assert_int_equal(call.request.count, 1);
	call.request.verb = KV_GET;
	assert_int_equal(call_run(&call, fixture, fixture->scope), CAPSULE_OK);
	assert_false(call.request.found);
	assert_int_equal(call.request.count, 0);
}

/* Blocking. */

static void a_blocking_request_comes_after_those_before_it(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(large, fixture, KV_SET, span_text("a"), span_of(bytes, LARGE));
	CALL(waiting, fixture, KV_SET, span_text("b"), span_of(bytes, LARGE));
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);
	CALL(missing, fixture, KV_DELETE, NOTHING, NOTHING);
	struct capsule_error error = { .status = CAPSULE_OK };

	assert_int_equal(call_submit(&large, fixture->scope), KV_WAITING);
	assert_int_equal(call_submit(&waiting, fixture->scope), KV_WAITING);
	assert_int_equal(kv_run(fixture->scope, &list.request, &error), CAPSULE_OK);
	assert_string_equal(buffer_text(&list.request.op.result), "[\"a\",\"b\"]");
	assert_int_equal(large.done + waiting.done, 0); /* done() runs from a turn only */
	call_wait(&waiting, fixture);
	assert_int_equal(large.status, CAPSULE_OK);
	assert_int_equal(waiting.status, CAPSULE_OK);
	assert_int_equal(list.done, 0);
	assert_int_equal(kv_run(fixture->scope, &missing.request, &error), CAPSULE_EINVAL);
	assert_string_equal(error.text, "invalid key: key must not be empty");
}

/* Between a blocking request and the next turn the pool still holds its finished job. */
static void the_pool_can_be_used_right_after_a_blocking_request(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(first, fixture, KV_SET, span_text("a"), span_of(bytes, LARGE));
	CALL(blocking, fixture, KV_GET, span_text("a"), NOTHING);
	CALL(second, fixture, KV_SET, span_text("b"), span_of(bytes, LARGE));

	assert_int_equal(call_submit(&first, fixture->scope), KV_WAITING);
	assert_int_equal(kv_run(fixture->scope, &blocking.request, NULL), CAPSULE_OK);
	assert_int_equal(blocking.request.op.result.len, LARGE);
	assert_int_equal(call_submit(&second, fixture->scope), KV_WAITING);
	call_wait(&second, fixture);
	call_wait(&first, fixture);
	expect_list(fixture, fixture->scope, NOTHING, "[\"a\",\"b\"]");
}

static void closing_ends_what_waits_and_finishes_what_runs(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(running, fixture, KV_SET, span_text("a"), span_of(bytes, LARGE));
	CALL(waiting, fixture, KV_SET, span_text("b"), span_text("v"));
	CALL(listing, fixture, KV_LIST, NOTHING, NOTHING);

	assert_int_equal(call_submit(&running, fixture->scope), KV_WAITING);
	assert_int_equal(call_submit(&waiting, fixture->scope), KV_WAITING);
	assert_int_equal(call_submit(&listing, fixture->scope), KV_WAITING);
	fixture_close(fixture);
	assert_int_equal(running.done + waiting.done + listing.done, 0);
	call_wait(&running, fixture);
	assert_int_equal(running.status, CAPSULE_OK);
	assert_int_equal(waiting.done, 1);
	assert_int_equal(waiting.status, CAPSULE_ECANCELLED);
	assert_int_equal(listing.done, 1);
	assert_int_equal(listing.status, CAPSULE_ECANCELLED);
}

static void a_store_can_be_closed_under_a_detached_request(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(running, fixture, KV_SET, span_text("a"), span_of(bytes, LARGE));

	assert_int_equal(call_submit(&running, fixture->scope), KV_WAITING);
	op_cancel(&running.request.op);
	fixture_close(fixture);
	call_wait(&running, fixture);
	assert_int_equal(running.status, CAPSULE_ECANCELLED);
}

#define TESTS(ROW)                                                                                                     \
	ROW(small_requests_are_done_inside_the_call)                                                                   \
	ROW(large_requests_are_done_in_a_later_turn)                                                                   \
	ROW(nothing_overtakes_a_request_on_the_pool)                                                                   \
	ROW(a_wrong_request_fails_at_once_even_when_others_wait)                                                       \
	ROW(a_long_queue_is_served_to_its_end)                                                                         \
	ROW(only_so_many_requests_may_wait)                                                                            \
	ROW(a_cancelled_request_that_waited_has_no_effect)                                                             \
	ROW(a_cancelled_request_on_the_pool_still_happens)                                                             \
	ROW(requests_can_be_freed_at_any_time_and_their_scope_too)                                                     \
	ROW(a_request_can_be_used_again)                                                                               \
	ROW(a_blocking_request_comes_after_those_before_it)                                                            \
	ROW(the_pool_can_be_used_right_after_a_blocking_request)                                                       \
	ROW(closing_ends_what_waits_and_finishes_what_runs)                                                            \
	ROW(a_store_can_be_closed_under_a_detached_request)

int main(void)
{
#define MEMORY_ROW(test) cmocka_unit_test_setup_teardown(test, set_up_memory, fixture_free),
#define SQLITE_ROW(test) cmocka_unit_test_setup_teardown(test, set_up_sqlite, fixture_free),
	const struct CMUnitTest memory[] = { TESTS(MEMORY_ROW) };
	const struct CMUnitTest sqlite[] = { TESTS(SQLITE_ROW) };

	return cmocka_run_group_tests_name("memory", memory, NULL, NULL) +
		cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
}
