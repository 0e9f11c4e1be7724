/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What both kinds of store promise alike: values, keys, prefixes, scopes and limits. */
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

/* Run a request that must fail with `status` and a message that contains `text`. */
static void expect_failure(struct fixture *fixture, enum kv_verb verb, struct span key, struct span value,
	enum capsule_status status, const char *text)
{
	CALL(call, fixture, verb, key, value);

	assert_int_equal(call_submit(&call, fixture->scope), KV_DONE);
	assert_int_equal(call.status, status);
	assert_non_null(strstr(call.request.op.error.text, text));
	assert_int_equal(call.request.op.result.len, 0);
	assert_false(call.request.found);
}

/* Values. */

static void a_value_comes_back_as_it_was_set(void **state)
{
	struct fixture *fixture = *state;
	struct span bytes = span_of("\0\xff\0x", 4);

	set(fixture, "greeting", "hi");
	expect(fixture, "greeting", "hi");
	assert_int_equal(set_in(fixture, fixture->scope, span_text("bytes"), bytes), CAPSULE_OK);
	expect_in(fixture, fixture->scope, span_text("bytes"), bytes);
}

static void an_absent_key_is_not_found(void **state)
{
	struct fixture *fixture = *state;

	assert_false(exists(fixture, fixture->scope, "greeting"));
	set(fixture, "greeting", "hi");
	assert_false(exists(fixture, fixture->scope, "greetin"));
	assert_false(exists(fixture, fixture->scope, "greeting2"));
}

static void an_empty_value_is_found(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(set_in(fixture, fixture->scope, span_text("k"), NOTHING), CAPSULE_OK);
	assert_true(exists(fixture, fixture->scope, "k"));
	expect(fixture, "k", "");
}

static void a_later_value_replaces_the_earlier_of_any_size(void **state)
{
	static const size_t sizes[] = { 3, LARGE, 5, LIMIT_INLINE_WORK, LIMIT_INLINE_WORK + 1, 0, LARGE + 1, LARGE };
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		HOLD(free_drop) uint8_t *bytes = bytes_new(sizes[i], i);
		struct span value = span_of(bytes, sizes[i]);

		assert_int_equal(set_in(fixture, fixture->scope, span_text("k"), value), CAPSULE_OK);
		expect_in(fixture, fixture->scope, span_text("k"), value);
	}
	expect_list(fixture, fixture->scope, NOTHING, "[\"k\"]");
}

static void delete_tells_whether_the_key_was_there(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	CALL(small, fixture, KV_DELETE, span_text("small"), NOTHING);
	CALL(large, fixture, KV_DELETE, span_text("large"), NOTHING);

	set(fixture, "small", "v");
	assert_int_equal(set_in(fixture, fixture->scope, span_text("large"), span_of(bytes, LARGE)), CAPSULE_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(call_run(&small, fixture, fixture->scope), CAPSULE_OK);
		assert_int_equal(call_run(&large, fixture, fixture->scope), CAPSULE_OK);
		assert_true(small.request.found == (i == 0));
		assert_true(large.request.found == (i == 0));
	}
	assert_false(exists(fixture, fixture->scope, "small"));
	assert_false(exists(fixture, fixture->scope, "large"));
}

/* Keys. */

static void an_empty_key_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] = "invalid key: key must not be empty";

	expect_failure(fixture, KV_GET, NOTHING, NOTHING, CAPSULE_EINVAL, text);
	expect_failure(fixture, KV_SET, NOTHING, span_text("v"), CAPSULE_EINVAL, text);
	expect_failure(fixture, KV_DELETE, NOTHING, NOTHING, CAPSULE_EINVAL, text);
	expect_list(fixture, fixture->scope, NOTHING, "[]");
}

static void a_key_with_a_null_byte_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] = "invalid key: key must not contain null bytes";
	struct span key = span_of("a\0b", 3);

	expect_failure(fixture, KV_GET, key, NOTHING, CAPSULE_EINVAL, text);
	expect_failure(fixture, KV_SET, key, span_text("v"), CAPSULE_EINVAL, text);
	expect_failure(fixture, KV_DELETE, key, NOTHING, CAPSULE_EINVAL, text);
	expect_failure(fixture, KV_SET, span_of("\0", 1), span_text("v"), CAPSULE_EINVAL, text);
	expect_list(fixture, fixture->scope, NOTHING, "[]");
}

static void a_key_may_have_4096_bytes_and_not_one_more(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = malloc(LIMIT_KEY + 1);
	struct span longest = span_of(bytes, LIMIT_KEY), over = span_of(bytes, LIMIT_KEY + 1);

	memset(bytes, 0xff, LIMIT_KEY + 1); /* the last of all keys, too */
	assert_int_equal(set_in(fixture, fixture->scope, longest, span_text("v")), CAPSULE_OK);
	expect_in(fixture, fixture->scope, longest, span_text("v"));
	for (int verb = KV_GET; verb <= KV_CLEAR_PREFIX; verb++)
		expect_failure(fixture, (enum kv_verb)verb, over, NOTHING, CAPSULE_ELIMIT,
			"4097 bytes is over the limit of 4096");
	assert_int_equal(clear(fixture, fixture->scope, longest), 1);
}

static void a_value_may_have_10485760_bytes_and_not_one_more(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LIMIT_PAYLOAD + 1, 3);
	struct span longest = span_of(bytes, LIMIT_PAYLOAD), over = span_of(bytes, LIMIT_PAYLOAD + 1);

	assert_int_equal(set_in(fixture, fixture->scope, span_text("k"), longest), CAPSULE_OK);
	expect_failure(
		fixture, KV_SET, span_text("k"), over, CAPSULE_ELIMIT, "10485761 bytes is over the limit of 10485760");
	expect_in(fixture, fixture->scope, span_text("k"), longest);
}

/* Prefixes. */

/* hs:209 */
static void a_prefix_lists_and_clears_its_own_keys_only(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "b", "1");
	set(fixture, "a", "2");
	set(fixture, "ab", "3");
	expect_list(fixture, fixture->scope, span_text("a"), "[\"a\",\"ab\"]");
	assert_int_equal(clear(fixture, fixture->scope, span_text("a")), 2);
	expect_list(fixture, fixture->scope, span_text("a"), "[]");
	expect(fixture, "b", "1");
	assert_int_equal(clear(fixture, fixture->scope, span_text("a")), 0);
}

static void a_listing_is_in_byte_order(void **state)
{
	static const char *const keys[] = { "b", "\x7f", "a/2", "Z", "\xc3\xa9", "a", "a.1", "10", "9", "a\x01", "ab" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		set(fixture, keys[i], "v");
	expect_list(fixture, fixture->scope, NOTHING,
		"[\"10\",\"9\",\"Z\",\"a\",\"a\\u0001\",\"a.1\",\"a/2\",\"ab\",\"b\",\"\x7f\",\"\xc3\xa9\"]");
}

static void a_listing_of_nothing_is_an_empty_array(void **state)
{
	struct fixture *fixture = *state;

	expect_list(fixture, fixture->scope, NOTHING, "[]");
	set(fixture, "a", "v");
	expect_list(fixture, fixture->scope, span_text("zz"), "[]");
	expect_list(fixture, fixture->scope, span_of("a\0", 2), "[]");
	assert_int_equal(clear(fixture, fixture->scope, span_text("zz")), 0);
}

static void keys_are_escaped_in_a_listing(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "quote\" back\\ line\n", "v");
	expect_list(fixture, fixture->scope, NOTHING, "[\"quote\\\" back\\\\ line\\n\"]");
}

static void keys_that_are_not_utf8_are_left_out_of_listings_but_cleared(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "\xff", "1");
	set(fixture, "\xff\xfe", "2");
	set(fixture, "a\xff", "3");
	set(fixture, "a", "4");
	set(fixture, "b", "5");
	expect(fixture, "\xff\xfe", "2");
	expect_list(fixture, fixture->scope, NOTHING, "[\"a\",\"b\"]");
	assert_int_equal(clear(fixture, fixture->scope, span_text("\xff")), 2);
	assert_int_equal(clear(fixture, fixture->scope, span_text("a\xff")), 1);
	expect(fixture, "a", "4");
	expect(fixture, "b", "5");
	assert_int_equal(clear(fixture, fixture->scope, NOTHING), 2);
}

static void clearing_a_prefix_with_a_null_byte_is_refused(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "a", "v");
	expect_failure(fixture, KV_CLEAR_PREFIX, span_of("a\0", 2), NOTHING, CAPSULE_EINVAL,
		"invalid key: prefix must not contain null bytes");
	expect(fixture, "a", "v");
}

static void a_listing_over_the_limit_fails_and_names_it(void **state)
{
	struct fixture *fixture = *state;
	uint8_t key[LIMIT_KEY];
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);

	memset(key, 1, sizeof key); /* each byte takes six in JSON */
	for (unsigned i = 0; i < LIMIT_PAYLOAD / (LIMIT_KEY * 6) + 2; i++) {
		key[0] = (uint8_t)('a' + i / 32);
		key[1] = (uint8_t)('A' + i % 32);
		assert_int_equal(set_in(fixture, fixture->scope, span_of(key, sizeof key), NOTHING), CAPSULE_OK);
	}
	assert_int_equal(call_run(&list, fixture, fixture->scope), CAPSULE_ELIMIT);
	assert_non_null(strstr(list.request.op.error.text, "over the limit of 10485760 bytes"));
	assert_int_equal(list.request.op.result.len, 0);
	list.request.key = span_text("b"); /* the same request, asking for less */
	assert_int_equal(call_run(&list, fixture, fixture->scope), CAPSULE_OK);
	assert_true(list.request.op.result.len > 32u * LIMIT_KEY * 5);
}

/* Scopes. */

/* abi:97 */
static void capsules_and_principals_with_the_same_key_do_not_see_each_other(void **state)
{
	static const char *const names[][2] = { { "alice", "notes" }, { "alice", "mail" }, { "bob", "notes" },
		{ "alicen", "otes" }, { "alic", "enotes" }, { "notes", "alice" } };
	struct fixture *fixture = *state;
	struct kv_scope *scopes[6];

	for (unsigned i = 0; i < 6; i++) {
		scopes[i] = scope_new(fixture->store, names[i][0], names[i][1]);
		assert_false(exists(fixture, scopes[i], "k"));
		assert_int_equal(set_in(fixture, scopes[i], span_text("k"), span_text(names[i][1])), CAPSULE_OK);
	}
	for (unsigned i = 0; i < 6; i++)
		expect_in(fixture, scopes[i], span_text("k"), span_text(names[i][1]));
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(clear(fixture, scopes[i], NOTHING), 1);
		assert_true(i == 5 || exists(fixture, scopes[i + 1], "k"));
	}
	for (unsigned i = 0; i < 6; i++)
		kv_scope_free(scopes[i]);
}

/* hs:210 hs:211 */
static void the_empty_prefix_covers_one_capsule_and_nothing_of_another(void **state)
{
	struct fixture *fixture = *state;
	struct kv_scope *x = scope_new(fixture->store, "alice", "x"), *xy = scope_new(fixture->store, "alice", "xy");

	assert_int_equal(set_in(fixture, x, span_text("1"), span_text("v")), CAPSULE_OK);
	assert_int_equal(set_in(fixture, xy, span_text("2"), span_text("v")), CAPSULE_OK);
	assert_int_equal(set_in(fixture, xy, span_text("3"), span_text("v")), CAPSULE_OK);
	expect_list(fixture, x, NOTHING, "[\"1\"]");
	expect_list(fixture, xy, NOTHING, "[\"2\",\"3\"]");
	assert_int_equal(clear(fixture, x, NOTHING), 1);
	expect_list(fixture, x, NOTHING, "[]");
	expect_list(fixture, xy, NOTHING, "[\"2\",\"3\"]");
	kv_scope_free(x);
	kv_scope_free(xy);
}

static void two_scopes_of_the_same_names_are_one(void **state)
{
	struct fixture *fixture = *state;
	struct kv_scope *again = scope_new(fixture->store, "alice", "notes");

	assert_false(exists(fixture, again, "k"));
	set(fixture, "k", "v");
	expect_in(fixture, again, span_text("k"), span_text("v"));
	kv_scope_free(again);
}

static void names_of_scopes_are_checked(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error error = { .status = CAPSULE_OK };
	struct kv_scope *scope = NULL;
	char name[LIMIT_NAME + 2];

	assert_int_equal(kv_scope_new(&scope, fixture->store, "", "notes", &error), CAPSULE_EINVAL);
	assert_int_equal(kv_scope_new(&scope, fixture->store, "alice", "", &error), CAPSULE_EINVAL);
	assert_non_null(strstr(error.text, "namespace must not be empty"));
	memset(name, 'n', sizeof name);
	name[LIMIT_NAME + 1] = '\0';
	assert_int_equal(kv_scope_new(&scope, fixture->store, "alice", name, &error), CAPSULE_EINVAL);
	assert_null(scope);
	kv_scope_free(scope_new(fixture->store, name + 1, name + 1));
}

/* Both kinds against each other. */

static struct span random_key(uint8_t *bytes, uint32_t *seed)
{
	static const uint8_t alphabet[] = { 1, 'a', 'b', 0xc3, 0xa9, 0xff };
	size_t len = draw(seed, 4);

	for (size_t i = 0; i < len; i++)
		bytes[i] = alphabet[draw(seed, sizeof alphabet)];
	return span_of(bytes, len);
}

static void both_kinds_of_store_answer_alike(void **state)
{
	static const char *const capsules[] = { "notes", "mail", "x" };
	struct fixture *fixture = *state, memory = { .loop = fixture->loop };
	HOLD(free_drop) uint8_t *value = bytes_new(2 * LIMIT_INLINE_WORK, 9);
	struct fixture *both[] = { fixture, &memory };
	uint32_t seed = 4711;

	fixture_open(&memory, false);
	for (int i = 0; i < 3000; i++) {
		enum kv_verb verb = (enum kv_verb)(draw(&seed, 16) < 14 ? draw(&seed, 3) : 3 + draw(&seed, 2));
		const char *capsule = capsules[draw(&seed, 3)];
		struct kv_request *request[2];
		struct call call[2];
		uint8_t bytes[4];
		struct span key = random_key(bytes, &seed);
		size_t size = draw(&seed, 20) == 0 ? 2 * LIMIT_INLINE_WORK : draw(&seed, 900);

		for (int k = 0; k < 2; k++) {
			struct kv_scope *scope = scope_new(both[k]->store, "alice", capsule);

			call_init(&call[k], both[k], verb, key, span_of(value + i % 7, size - (size > 7 ? 7 : size)));
			call_run(&call[k], both[k], scope);
			request[k] = &call[k].request;
			kv_scope_free(scope);
		}
		assert_int_equal(call[0].status, call[1].status);
		assert_true(request[0]->found == request[1]->found);
		assert_int_equal(request[0]->count, request[1]->count);
		assert_true(span_equal(buffer_span(&request[0]->op.result), buffer_span(&request[1]->op.result)));
		call_fini(&call[0]);
		call_fini(&call[1]);
	}
	fixture_close(&memory);
}

#define TESTS(ROW)                                                                                                     \
	ROW(a_value_comes_back_as_it_was_set)                                                                          \
	ROW(an_absent_key_is_not_found)                                                                                \
	ROW(an_empty_value_is_found)                                                                                   \
	ROW(a_later_value_replaces_the_earlier_of_any_size)                                                            \
	ROW(delete_tells_whether_the_key_was_there)                                                                    \
	ROW(an_empty_key_is_refused)                                                                                   \
	ROW(a_key_with_a_null_byte_is_refused)                                                                         \
	ROW(a_key_may_have_4096_bytes_and_not_one_more)                                                                \
	ROW(a_value_may_have_10485760_bytes_and_not_one_more)                                                          \
	ROW(a_prefix_lists_and_clears_its_own_keys_only)                                                               \
	ROW(a_listing_is_in_byte_order)                                                                                \
	ROW(a_listing_of_nothing_is_an_empty_array)                                                                    \
	ROW(keys_are_escaped_in_a_listing)                                                                             \
	ROW(keys_that_are_not_utf8_are_left_out_of_listings_but_cleared)                                               \
	ROW(clearing_a_prefix_with_a_null_byte_is_refused)                                                             \
	ROW(a_listing_over_the_limit_fails_and_names_it)                                                               \
	ROW(capsules_and_principals_with_the_same_key_do_not_see_each_other)                                           \
	ROW(the_empty_prefix_covers_one_capsule_and_nothing_of_another)                                                \
	ROW(two_scopes_of_the_same_names_are_one)                                                                      \
	ROW(names_of_scopes_are_checked)

int main(void)
{
#define MEMORY_ROW(test) cmocka_unit_test_setup_teardown(test, set_up_memory, fixture_free),
#define SQLITE_ROW(test) cmocka_unit_test_setup_teardown(test, set_up_sqlite, fixture_free),
	const struct CMUnitTest memory[] = { TESTS(MEMORY_ROW) };
	const struct CMUnitTest sqlite[] = { TESTS(SQLITE_ROW) SQLITE_ROW(both_kinds_of_store_answer_alike) };

	return cmocka_run_group_tests_name("memory", memory, NULL, NULL) +
		cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
}
