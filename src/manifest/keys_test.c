/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the code takes for granted about the key table. */
#include "manifest/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

typedef void check_fn(const struct key_table *table, const struct key_row *row);

static void for_each_row(check_fn *check)
{
	size_t count;
	const struct key_table *tables = keys_tables(&count);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < tables[i].key_count; j++)
			check(&tables[i], &tables[i].keys[j]);
}

static void check_found_by_both_names(const struct key_table *table, const struct key_row *row)
{
	assert_ptr_equal(keys_find(table, span_text(row->name)), row);
	if (row->alias != NULL)
		assert_ptr_equal(keys_find(table, span_text(row->alias)), row);
}

static void every_key_is_found_by_its_names(void **state)
{
	(void)state;
	for_each_row(check_found_by_both_names);
}

static void every_table_is_found_by_its_name(void **state)
{
	size_t count;
	const struct key_table *tables = keys_tables(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(keys_table_find(span_text(tables[i].name)), &tables[i]);
	assert_null(keys_table_find(span_text("tools")));
}

static void check_member_is_its_own(const struct key_table *table, const struct key_row *row)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (&table->keys[i] != row)
			assert_int_not_equal(table->keys[i].offset, row->offset);
}

static void no_two_keys_share_a_member(void **state)
{
	(void)state;
	for_each_row(check_member_is_its_own);
}

static void check_limit_and_text(const struct key_table *table, const struct key_row *row)
{
	bool needs_limit = row->type != KEY_BOOL && row->type != KEY_INTEGER && row->type != KEY_WORD &&
		row->type != KEY_SUBTABLE;

	(void)table;
	assert_int_equal(row->limit > 0, needs_limit);
	assert_int_equal(row->words != NULL, row->type == KEY_WORD);
	assert_true(strlen(row->doc) > 0 && row->doc[strlen(row->doc) - 1] == '.');
	assert_true(strlen(row->used_by) > 0);
}

static void every_key_has_its_limit_and_its_text(void **state)
{
	(void)state;
	for_each_row(check_limit_and_text);
}

static void check_range(const struct key_table *table, const struct key_row *row)
{
	(void)table;
	if (row->type != KEY_INTEGER) {
		assert_true(row->least == 0 && row->most == 0);
		return;
	}
	assert_true(row->least < row->most);
	if (row->fallback != NULL) {
		char *end;
		long long value = strtoll(row->fallback, &end, 10);

		assert_true(end != row->fallback && *end == '\0');
		assert_true(value >= row->least && value <= row->most);
	}
}

static void integers_alone_have_a_range_and_their_default_is_within(void **state)
{
	(void)state;
	for_each_row(check_range);
}

static void check_fallback(const struct key_table *table, const struct key_row *row)
{
	(void)table;
	if (row->need == NEED_ADVISED)
		assert_non_null(row->fallback);
	if (row->need >= NEED_REQUIRED)
		assert_null(row->fallback);
	if (row->fallback != NULL)
		assert_true(row->type != KEY_STRINGS && row->type != KEY_SUBTABLE);
	if (row->fallback != NULL && row->type == KEY_WORD)
		assert_string_equal(row->words[0], row->fallback); /* what a zeroed entry holds */
}

static void values_that_may_be_absent_have_a_fitting_default(void **state)
{
	(void)state;
	for_each_row(check_fallback);
}

static void a_capability_is_a_boolean_or_a_list(void **state)
{
	const struct key_table *table = keys_table_find(span_text("capabilities"));

	(void)state;
	for (size_t i = 0; i < table->key_count; i++)
		assert_true(table->keys[i].type == KEY_BOOL || table->keys[i].type == KEY_STRINGS);
}

static void labels_show_how_a_table_is_written(void **state)
{
	char label[64];

	(void)state;
	keys_label(keys_table_find(span_text("package")), NULL, label, sizeof(label));
	assert_string_equal(label, "[package]");
	keys_label(keys_table_find(span_text("tool")), NULL, label, sizeof(label));
	assert_string_equal(label, "[[tool]]");
	keys_label(keys_table_find(span_text("env")), "API_KEY", label, sizeof(label));
	assert_string_equal(label, "[env.API_KEY]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_found_by_its_names),
		cmocka_unit_test(every_table_is_found_by_its_name),
		cmocka_unit_test(no_two_keys_share_a_member),
		cmocka_unit_test(every_key_has_its_limit_and_its_text),
		cmocka_unit_test(integers_alone_have_a_range_and_their_default_is_within),
		cmocka_unit_test(values_that_may_be_absent_have_a_fitting_default),
		cmocka_unit_test(a_capability_is_a_boolean_or_a_list),
		cmocka_unit_test(labels_show_how_a_table_is_written),
	};

	return cmocka_run_group_tests_name("manifest_keys", tests, NULL, NULL);
}
