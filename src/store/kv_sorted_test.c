/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The ordered map of the store in memory. */
#include "store/kv_sorted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT 5000

/* Key number `i` of COUNT, in byte order; each of eight bytes. */
static struct span key_of(char *text, int i)
{
	(void)snprintf(text, 9, "key-%04d", i);
	return span_of(text, 8);
}

static void put(struct kv_sorted *sorted, int i)
{
	char text[9];

	assert_true(kv_sorted_put(sorted, key_of(text, i), span_of(&i, sizeof i)));
}

/* Whether exactly the keys from `first` to `last` are there, in order, each with its own value. */
static void expect_keys(const struct kv_sorted *sorted, int first, int last)
{
	const struct kv_node *node = kv_sorted_seek(sorted, span_of(NULL, 0));
	char text[9];

	for (int i = first; i <= last; i++, node = kv_sorted_next(node)) {
		assert_non_null(node);
		assert_true(span_equal(kv_node_key(node), key_of(text, i)));
		assert_true(span_equal(kv_node_value(node), span_of(&i, sizeof i)));
	}
	assert_null(node);
}

static void keys_come_out_in_byte_order_however_they_were_put(void **state)
{
	struct kv_sorted sorted;

	(void)state;
	for (int order = 0; order < 3; order++) {
		kv_sorted_init(&sorted, 7);
		for (int i = 0; i < COUNT; i++)
			put(&sorted, order == 0 ? i : order == 1 ? COUNT - 1 - i : (int)((unsigned)i * 3571u % COUNT));
		expect_keys(&sorted, 0, COUNT - 1);
		kv_sorted_fini(&sorted);
	}
	expect_keys(&sorted, 1, 0);
}

static void a_shorter_key_comes_before_its_extensions(void **state)
{
	struct kv_sorted sorted;
	const struct kv_node *node;

	(void)state;
	kv_sorted_init(&sorted, 1);
	assert_true(kv_sorted_put(&sorted, span_text("ab"), span_text("2")));
	assert_true(kv_sorted_put(&sorted, span_of("a\0", 2), span_text("1")));
	assert_true(kv_sorted_put(&sorted, span_text("a"), span_text("0")));
	node = kv_sorted_seek(&sorted, span_text("a"));
	assert_true(span_is(kv_node_value(node), "0"));
	node = kv_sorted_next(node);
	assert_true(span_is(kv_node_value(node), "1"));
	assert_true(span_is(kv_node_value(kv_sorted_next(node)), "2"));
	kv_sorted_fini(&sorted);
}

static void putting_again_replaces_the_value_only(void **state)
{
	struct kv_sorted sorted;

	(void)state;
	kv_sorted_init(&sorted, 1);
	assert_true(kv_sorted_put(&sorted, span_text("k"), span_text("long value")));
	assert_true(kv_sorted_put(&sorted, span_text("k"), span_of(NULL, 0)));
	assert_int_equal(kv_node_value(kv_sorted_find(&sorted, span_text("k"))).len, 0);
	assert_true(kv_sorted_put(&sorted, span_text("k"), span_text("v")));
	assert_true(span_is(kv_node_value(kv_sorted_find(&sorted, span_text("k"))), "v"));
	assert_null(kv_sorted_next(kv_sorted_find(&sorted, span_text("k"))));
	assert_null(kv_sorted_find(&sorted, span_text("")));
	kv_sorted_fini(&sorted);
}

static void a_removed_key_is_gone_and_its_neighbours_are_not(void **state)
{
	struct kv_sorted sorted;
	char text[9];

	(void)state;
	kv_sorted_init(&sorted, 3);
	for (int i = 0; i < COUNT; i++)
		put(&sorted, i);
	for (int i = 0; i < COUNT; i += 2)
		assert_true(kv_sorted_remove(&sorted, key_of(text, i)));
	for (int i = 0; i < COUNT; i++)
		assert_true((kv_sorted_find(&sorted, key_of(text, i)) != NULL) == (i % 2 == 1));
	assert_false(kv_sorted_remove(&sorted, key_of(text, 0)));
	for (int i = 0; i < COUNT; i += 2)
		put(&sorted, i);
	expect_keys(&sorted, 0, COUNT - 1);
	kv_sorted_fini(&sorted);
}

static void a_prefix_is_removed_as_a_whole(void **state)
{
	struct kv_sorted sorted;

	(void)state;
	kv_sorted_init(&sorted, 5);
	for (int i = 0; i < COUNT; i++)
		put(&sorted, i);
	assert_int_equal(kv_sorted_remove_prefix(&sorted, span_text("other")), 0);
	assert_int_equal(kv_sorted_remove_prefix(&sorted, span_text("key-4")), COUNT - 4000);
	expect_keys(&sorted, 0, 3999);
	assert_int_equal(kv_sorted_remove_prefix(&sorted, span_text("key-0")), 1000);
	expect_keys(&sorted, 1000, 3999);
	assert_int_equal(kv_sorted_remove_prefix(&sorted, span_of(NULL, 0)), 3000);
	expect_keys(&sorted, 1, 0);
	kv_sorted_fini(&sorted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_out_in_byte_order_however_they_were_put),
		cmocka_unit_test(a_shorter_key_comes_before_its_extensions),
		cmocka_unit_test(putting_again_replaces_the_value_only),
		cmocka_unit_test(a_removed_key_is_gone_and_its_neighbours_are_not),
		cmocka_unit_test(a_prefix_is_removed_as_a_whole),
	};

	return cmocka_run_group_tests_name("sorted", tests, NULL, NULL);
}
