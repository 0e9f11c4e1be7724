/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The key-value functions on both stores, in memory and SQLite: what a guest stores, finds, lists and clears, and what
 * happens to a call that has to wait for the pool. */
#include "host/host_fixture.h"

#include "base/limits.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LARGE (256 * 1024) /* over LIMIT_INLINE_WORK */

static int set_up_memory(void **state)
{
	*state = fixture_new(false);
	return 0;
}

static int set_up_sqlite(void **state)
{
	*state = fixture_new(true);
	return 0;
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

static void set(struct fixture *fixture, const char *key, const char *value)
{
	if (CALL(fixture, "astrid_kv_set", span_text(key), span_text(value)) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_int_equal(fixture->call.result.len, 0);
}

static void get(struct fixture *fixture, const char *key, const char *value)
{
	if (CALL(fixture, "astrid_kv_get", span_text(key)) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_result(fixture, value);
}

static void list(struct fixture *fixture, const char *prefix, const char *keys)
{
	if (CALL(fixture, "astrid_kv_list_keys", span_text(prefix)) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_result(fixture, keys);
}

static void clear(struct fixture *fixture, const char *prefix, const char *count)
{
	if (CALL(fixture, "astrid_kv_clear_prefix", span_text(prefix)) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_result(fixture, count);
}

static uint8_t *block_of(uint8_t byte, size_t len)
{
	uint8_t *block = malloc(len);

	assert_non_null(block);
	memset(block, byte, len);
	return block;
}

/* abi:88 hs:205 */
static void value_is_given_back_raw(void **state)
{
	set(*state, "k", "hi");
	get(*state, "k", "hi");
	set(*state, "k", "other");
	get(*state, "k", "other");
}

/* abi:88 hs:205 */
static void absent_key_is_empty(void **state)
{
	get(*state, "absent", "");
}

/* abi:89 hs:205 */
static void empty_value_is_empty(void **state)
{
	set(*state, "k", "");
	get(*state, "k", "");
	list(*state, "", "[\"k\"]");
}

/* abi:90 hs:206 */
static void empty_key_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("")), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_get failed: invalid key: key must not be empty");
	assert_int_equal(CALL(fixture, "astrid_kv_set", span_text(""), span_text("v")), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_set failed: invalid key: key must not be empty");
	assert_int_equal(CALL(fixture, "astrid_kv_delete", span_text("")), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_delete failed: invalid key: key must not be empty");
}

/* abi:90 hs:207 */
static void key_that_is_no_utf8_is_named_as_such(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_get", span_of("\xFF", 1)), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_get key is not valid UTF-8");
	assert_int_equal(CALL(fixture, "astrid_kv_set", span_of("\xFF", 1), span_text("v")), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_set key is not valid UTF-8");
}

/* abi:91 hs:206 */
static void key_with_a_null_byte_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_get", span_of("a\0b", 3)), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_get failed: invalid key: key must not contain null bytes");
	assert_int_equal(CALL(fixture, "astrid_kv_set", span_of("\0", 1), span_text("v")), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_set failed: invalid key");
}

/* abi:92 */
static void largest_value_is_kept_whole_and_one_byte_more_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *value = block_of('v', LIMIT_PAYLOAD + 1);

	assert_int_equal(CALL(fixture, "astrid_kv_set", span_text("k"), span_of(value, LIMIT_PAYLOAD)), CAPSULE_OK);
	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("k")), CAPSULE_OK);
	assert_true(span_equal(fixture->call.result, span_of(value, LIMIT_PAYLOAD)));
	assert_int_equal(
		CALL(fixture, "astrid_kv_set", span_text("k"), span_of(value, LIMIT_PAYLOAD + 1)), CAPSULE_ELIMIT);
	assert_error_says(fixture, "exceeds maximum allowed limit");
	free(value);
}

/* abi:93 */
static void deleting_an_absent_key_is_fine(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_delete", span_text("absent")), CAPSULE_OK);
	set(fixture, "k", "v");
	assert_int_equal(CALL(fixture, "astrid_kv_delete", span_text("k")), CAPSULE_OK);
	assert_int_equal(fixture->call.result.len, 0);
	get(fixture, "k", "");
}

/* abi:94 */
static void listing_gives_the_keys_with_a_prefix(void **state)
{
	set(*state, "a.1", "x");
	set(*state, "b", "x");
	set(*state, "a.2", "x");
	list(*state, "a.", "[\"a.1\",\"a.2\"]");
	list(*state, "", "[\"a.1\",\"a.2\",\"b\"]");
	list(*state, "zz", "[]");
}

static void listing_with_a_null_byte_finds_nothing(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "a", "x");
	assert_int_equal(CALL(fixture, "astrid_kv_list_keys", span_of("\0", 1)), CAPSULE_OK);
	assert_result(fixture, "[]");
}

/* abi:95 */
static void clearing_a_prefix_counts(void **state)
{
	set(*state, "a.1", "x");
	set(*state, "a.2", "x");
	set(*state, "b", "x");
	clear(*state, "a.", "2");
	list(*state, "a.", "[]");
	clear(*state, "a.", "0");
	get(*state, "b", "x");
}

/* hs:209 */
static void prefix_ends_at_the_next_letter(void **state)
{
	set(*state, "b", "x");
	set(*state, "a", "x");
	set(*state, "ab", "x");
	list(*state, "a", "[\"a\",\"ab\"]");
	clear(*state, "a", "2");
	list(*state, "", "[\"b\"]");
}

/* abi:96 hs:208 */
static void prefix_that_is_no_utf8_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_list_keys", span_of("\xFF", 1)), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_list_keys prefix is not valid UTF-8");
	assert_int_equal(CALL(fixture, "astrid_kv_clear_prefix", span_of("\xFF", 1)), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_clear_prefix prefix is not valid UTF-8");
}

/* hs:212 */
static void clearing_with_a_null_byte_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_clear_prefix", span_of("a\0", 2)), CAPSULE_EINVAL);
	assert_error_says(fixture, "kv_clear_prefix failed: invalid key: prefix must not contain null bytes");
}

/* hs:213 */
static void longest_key_is_stored_and_one_byte_more_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *key = block_of('k', LIMIT_KEY + 1);

	assert_int_equal(CALL(fixture, "astrid_kv_set", span_of(key, LIMIT_KEY), span_text("v")), CAPSULE_OK);
	assert_int_equal(CALL(fixture, "astrid_kv_get", span_of(key, LIMIT_KEY)), CAPSULE_OK);
	assert_result(fixture, "v");
	assert_int_equal(CALL(fixture, "astrid_kv_set", span_of(key, LIMIT_KEY + 1), span_text("v")), CAPSULE_ELIMIT);
	assert_error_says(fixture, "memory allocation of 4097 bytes exceeds maximum allowed limit of 4096 bytes");
	free(key);
}

/* abi:97 hs:210 hs:211 */
static void capsules_do_not_see_each_other(void **state)
{
	struct fixture *fixture = *state;
	struct kv_scope *own = fixture->scope;

	set(fixture, "k", "mine");
	assert_int_equal(kv_scope_new(&fixture->scope, fixture->store, "default", FIXTURE_CAPSULE "y", &fixture->err),
		CAPSULE_OK);
	fixture->host.kv = NULL;
	get(fixture, "k", "");
	list(fixture, "", "[]");
	set(fixture, "k", "theirs");
	clear(fixture, "", "1");
	kv_scope_free(fixture->scope);
	fixture->scope = own;
	fixture->host.kv = NULL;
	get(fixture, "k", "mine");
	list(fixture, "", "[\"k\"]");
}

/* hs:214 */
static void value_is_there_after_a_restart(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "k", "kept");
	fixture_reopen(fixture, FIXTURE_CAPSULE);
	get(fixture, "k", "kept");
}

static void store_that_does_not_open_fails_the_call(void **state)
{
	struct fixture *fixture = *state;

	error_set(&fixture->kv_error, CAPSULE_ELOCKED, "'capsule.db' is in use");
	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("k")), CAPSULE_ELOCKED);
	assert_error_says(fixture, "kv_get failed: 'capsule.db' is in use");
	error_clear(&fixture->kv_error);
	get(fixture, "k", "");
}

static enum host_answer begin_large_set(struct fixture *fixture, const uint8_t *value)
{
	const struct span args[] = { span_text("large"), span_of(value, LARGE) };

	return fixture_begin(fixture, "astrid_kv_set", 2, args);
}

static void small_requests_do_not_wait(void **state)
{
	struct fixture *fixture = *state;
	const struct span args[] = { span_text("k"), span_text("v") };

	assert_int_equal(fixture_begin(fixture, "astrid_kv_set", 2, args), HOST_READY);
	assert_int_equal(fixture_begin(fixture, "astrid_kv_get", 1, args), HOST_READY);
	assert_result(fixture, "v");
	assert_int_equal(fixture_begin(fixture, "astrid_kv_delete", 1, args), HOST_READY);
	assert_int_equal(fixture->resumed, 0);
}

static void large_value_waits_and_resumes_once(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *value = block_of('v', LARGE);

	assert_int_equal(begin_large_set(fixture, value), HOST_WAITING);
	fixture_await(fixture);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("large")), CAPSULE_OK);
	assert_true(span_equal(fixture->call.result, span_of(value, LARGE)));
	free(value);
}

/* The guest's memory may be gone while a thread of the pool is still at work. */
static void arguments_may_go_away_once_the_call_is_cancelled(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *value = block_of('v', LARGE);

	assert_int_equal(begin_large_set(fixture, value), HOST_WAITING);
	host_call_cancel(&fixture->call);
	memset(value, 'x', LARGE);
	free(value);
	value = block_of('v', LARGE);
	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("large")), CAPSULE_OK);
	if (fixture->call.result.len > 0)
		assert_true(span_equal(fixture->call.result, span_of(value, LARGE)));
	free(value);
}

static void cancelled_call_does_not_resume_and_the_next_one_works(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *value = block_of('v', LARGE);

	assert_int_equal(begin_large_set(fixture, value), HOST_WAITING);
	host_call_cancel(&fixture->call);
	host_call_cancel(&fixture->call);
	free(value);
	set(fixture, "k", "v");
	get(fixture, "k", "v");
	while (loop_turn(fixture->loop, 0))
		;
	assert_int_equal(fixture->resumed, 0);
}

/* A small request behind a large one waits with the guest's own bytes, so cancelling must take it out of the queue. */
static void small_request_behind_a_large_one_can_be_cancelled(void **state)
{
	struct fixture *fixture = *state;
	struct host_call second;
	uint8_t *value = block_of('v', LARGE);
	char key[] = "later";

	assert_int_equal(begin_large_set(fixture, value), HOST_WAITING);
	host_call_init(&second, &fixture->host, fixture->call.resume, fixture);
	second.args[0] = span_text(key);
	second.args[1] = span_text(key);
	assert_int_equal(
		host_call_begin(&second, host_function_find(span_text("astrid_kv_set")), &fixture->err), HOST_WAITING);
	host_call_cancel(&second);
	memset(key, 0, sizeof key);
	fixture_await(fixture);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	host_call_fini(&second);
	list(fixture, "", "[\"large\"]");
	free(value);
}

static void call_can_be_dropped_while_it_waits(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *value = block_of('v', LARGE);

	assert_int_equal(begin_large_set(fixture, value), HOST_WAITING);
	host_call_fini(&fixture->call);
	free(value);
	host_call_init(&fixture->call, &fixture->host, fixture->call.resume, fixture);
	set(fixture, "k", "v");
	get(fixture, "k", "v");
}

static void large_results_are_given_back_when_the_guest_is_idle(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *value = block_of('v', LARGE);

	assert_int_equal(CALL(fixture, "astrid_kv_set", span_text("large"), span_of(value, LARGE)), CAPSULE_OK);
	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("large")), CAPSULE_OK);
	assert_true(fixture->call.state.op.result.capacity >= LARGE);
	host_call_trim(&fixture->call);
	assert_int_equal(fixture->call.state.op.result.capacity, 0);
	assert_int_equal(fixture->call.result.len, 0);
	get(fixture, "absent", "");
	free(value);
}

static void get_needs_no_memory_once_it_was_used(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t *room;

	set(fixture, "k", "value");
	get(fixture, "k", "value");
	room = fixture->call.state.op.result.data;
	host_call_trim(&fixture->call);
	get(fixture, "k", "value");
	assert_ptr_equal(fixture->call.state.op.result.data, room);
}

int main(void)
{
#define CASE(name)                                                                                                     \
	cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down),                                               \
	{                                                                                                              \
#name "_in_sqlite", name, set_up_sqlite, tear_down, NULL                                               \
	}
	static const struct CMUnitTest tests[] = {
		CASE(value_is_given_back_raw),
		CASE(absent_key_is_empty),
		CASE(empty_value_is_empty),
		CASE(empty_key_is_refused),
		CASE(key_that_is_no_utf8_is_named_as_such),
		CASE(key_with_a_null_byte_is_refused),
		CASE(largest_value_is_kept_whole_and_one_byte_more_is_refused),
		CASE(deleting_an_absent_key_is_fine),
		CASE(listing_gives_the_keys_with_a_prefix),
		CASE(listing_with_a_null_byte_finds_nothing),
		CASE(clearing_a_prefix_counts),
		CASE(prefix_ends_at_the_next_letter),
		CASE(prefix_that_is_no_utf8_is_refused),
		CASE(clearing_with_a_null_byte_is_refused),
		CASE(longest_key_is_stored_and_one_byte_more_is_refused),
		CASE(capsules_do_not_see_each_other),
		cmocka_unit_test_setup_teardown(value_is_there_after_a_restart, set_up_sqlite, tear_down),
		CASE(store_that_does_not_open_fails_the_call),
		CASE(small_requests_do_not_wait),
		CASE(large_value_waits_and_resumes_once),
		CASE(arguments_may_go_away_once_the_call_is_cancelled),
		CASE(cancelled_call_does_not_resume_and_the_next_one_works),
		CASE(small_request_behind_a_large_one_can_be_cancelled),
		CASE(call_can_be_dropped_while_it_waits),
		CASE(large_results_are_given_back_when_the_guest_is_idle),
		CASE(get_needs_no_memory_once_it_was_used),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
