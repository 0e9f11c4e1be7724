/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Maps against a plain array as model, the hash against known values, and the intrusive list. */
#include "base/map.h"

#include "base/hash.h"
#include "base/list.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define KEYS 300

static struct span number_key(char out[16], unsigned int number)
{
	return span_of(out, (size_t)snprintf(out, 16, "key-%u", number));
}

static void zeroed_map_is_empty(void **state)
{
	struct map map = { 0 };
	size_t cursor = 0;

	(void)state;
	assert_null(map_get(&map, span_text("x")));
	assert_null(map_remove(&map, span_text("x")));
	assert_false(map_next(&map, &cursor, NULL, NULL));
	map_fini(&map);
}

static void put_replaces_and_hands_back_the_old_value(void **state)
{
	int one, two;
	struct map map = { 0 };
	void *old = &one;

	(void)state;
	assert_int_equal(map_put(&map, span_text("k"), &one, &old, NULL), CAPSULE_OK);
	assert_null(old);
	assert_int_equal(map_put(&map, span_text("k"), &two, &old, NULL), CAPSULE_OK);
	assert_ptr_equal(old, &one);
	assert_ptr_equal(map_get(&map, span_text("k")), &two);
	assert_int_equal(map.count, 1);
	map_fini(&map);
}

static void keys_are_copied_bytes_of_any_kind(void **state)
{
	char key[] = "a\0b";
	int with_zero, empty;
	struct map map = { 0 };

	(void)state;
	assert_int_equal(map_put(&map, span_of(key, 3), &with_zero, NULL, NULL), CAPSULE_OK);
	assert_int_equal(map_put(&map, span_of(NULL, 0), &empty, NULL, NULL), CAPSULE_OK);
	key[0] = 'x';
	assert_ptr_equal(map_get(&map, span_of("a\0b", 3)), &with_zero);
	assert_null(map_get(&map, span_text("a")));
	assert_ptr_equal(map_get(&map, span_text("")), &empty);
	map_fini(&map);
}

static void random_changes_agree_with_an_array(void **state)
{
	static int values[KEYS];
	void *model[KEYS] = { 0 };
	struct map map = { 0 };
	uint32_t random = 12345;
	size_t count = 0;

	(void)state;
	for (int step = 0; step < 100000; step++) {
		unsigned int number;
		char text[16];
		struct span key;

		random = random * 1664525u + 1013904223u;
		number = (random >> 8) % KEYS;
		key = number_key(text, number);
		if ((random >> 30) < 2) {
			void *old;

			assert_int_equal(map_put(&map, key, &values[step % KEYS], &old, NULL), CAPSULE_OK);
			assert_ptr_equal(old, model[number]);
			count += model[number] == NULL;
			model[number] = &values[step % KEYS];
		} else {
			assert_ptr_equal(map_remove(&map, key), model[number]);
			count -= model[number] != NULL;
			model[number] = NULL;
		}
		assert_int_equal(map.count, count);
		assert_ptr_equal(map_get(&map, key), model[number]);
		assert_true(map.capacity <= 1024); /* tombstones do not make it grow */
	}
	map_fini(&map);
}

static void walk_meets_every_entry_once(void **state)
{
	static int values[KEYS];
	int met[KEYS] = { 0 };
	struct map map = { 0 };
	struct span key;
	size_t cursor = 0;
	char text[16];
	void *value;

	(void)state;
	for (unsigned int i = 0; i < KEYS; i++)
		assert_int_equal(map_put(&map, number_key(text, i), &values[i], NULL, NULL), CAPSULE_OK);
	for (unsigned int i = 0; i < KEYS; i += 3)
		assert_ptr_equal(map_remove(&map, number_key(text, i)), &values[i]);
	while (map_next(&map, &cursor, &key, &value)) {
		ptrdiff_t number = (int *)value - values;

		assert_true(span_equal(key, number_key(text, (unsigned int)number)));
		met[number]++;
	}
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(met[i], i % 3 != 0);
	assert_false(map_next(&map, &cursor, NULL, NULL));
	map_fini(&map);
}

static void emptied_map_is_usable_again(void **state)
{
	struct map map = { 0 };
	int value;

	(void)state;
	assert_int_equal(map_put(&map, span_text("k"), &value, NULL, NULL), CAPSULE_OK);
	map_fini(&map);
	assert_null(map_get(&map, span_text("k")));
	assert_int_equal(map_put(&map, span_text("k"), &value, NULL, NULL), CAPSULE_OK);
	assert_ptr_equal(map_get(&map, span_text("k")), &value);
	map_fini(&map);
}

static void two_maps_do_not_share_a_seed(void **state)
{
	struct map a = { 0 }, b = { 0 };
	int value;

	(void)state;
	assert_int_equal(map_put(&a, span_text("k"), &value, NULL, NULL), CAPSULE_OK);
	assert_int_equal(map_put(&b, span_text("k"), &value, NULL, NULL), CAPSULE_OK);
	assert_memory_not_equal(a.seed, b.seed, sizeof a.seed);
	map_fini(&a);
	map_fini(&b);
}

/* Seed bytes 0 to 15, input bytes 0, 1, 2 … as in the vectors of the SipHash paper; one and three rounds. */
static void hash_has_the_values_of_other_implementations(void **state)
{
	static const uint64_t seed[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	static const struct {
		size_t len;
		uint64_t hash;
	} expected[] = {
		{ 0, UINT64_C(0xabac0158050fc4dc) },
		{ 1, UINT64_C(0xc9f49bf37d57ca93) },
		{ 7, UINT64_C(0xd3927d989bb11140) },
		{ 8, UINT64_C(0x369095118d299a8e) },
		{ 9, UINT64_C(0x25a48eb36c063de4) },
		{ 15, UINT64_C(0xd320d86d2a519956) },
		{ 16, UINT64_C(0xcc4fdd1a7d908b66) },
		{ 31, UINT64_C(0x2370dd1f8c21d1bc) },
	};
	uint8_t input[32];

	(void)state;
	for (size_t i = 0; i < sizeof input; i++)
		input[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		assert_true(hash_keyed(seed, span_of(input, expected[i].len)) == expected[i].hash);
}

struct item {
	int number;
	struct list_node node;
};

static void list_keeps_order_and_forgives_double_removal(void **state)
{
	struct item items[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	struct list_node list;
	int next = 0;

	(void)state;
	list_init(&list);
	assert_true(list_empty(&list));
	assert_null(list_take_first(&list));
	for (size_t i = 0; i < 3; i++)
		list_append(&list, &items[i].node);
	LIST_EACH (node, &list)
		assert_int_equal(LIST_ENTRY(node, struct item, node)->number, next++);
	assert_int_equal(next, 3);
	list_remove(&items[1].node);
	list_remove(&items[1].node);
	assert_ptr_equal(list_take_first(&list), &items[0].node);
	assert_ptr_equal(list_take_first(&list), &items[2].node);
	assert_true(list_empty(&list));
}

static void list_walk_may_remove_the_node_it_stands_on(void **state)
{
	struct item items[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct list_node list;
	int visited = 0;

	(void)state;
	list_init(&list);
	for (size_t i = 0; i < 4; i++)
		list_append(&list, &items[i].node);
	LIST_EACH_SAFE (node, &list) {
		visited++;
		list_remove(node);
	}
	assert_int_equal(visited, 4);
	assert_true(list_empty(&list));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed_map_is_empty),
		cmocka_unit_test(put_replaces_and_hands_back_the_old_value),
		cmocka_unit_test(keys_are_copied_bytes_of_any_kind),
		cmocka_unit_test(random_changes_agree_with_an_array),
		cmocka_unit_test(walk_meets_every_entry_once),
		cmocka_unit_test(emptied_map_is_usable_again),
		cmocka_unit_test(two_maps_do_not_share_a_seed),
		cmocka_unit_test(hash_has_the_values_of_other_implementations),
		cmocka_unit_test(list_keeps_order_and_forgives_double_removal),
		cmocka_unit_test(list_walk_may_remove_the_node_it_stands_on),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
