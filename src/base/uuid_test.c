/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The forms of a UUID, and the randomness of new ones. */
#include "base/uuid.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct uuid sample = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4c, 0xde, 0x8f, 0x01, 0x23, 0x45, 0x67,
	0x89, 0xab, 0xcd } };
static const char sample_text[] = "01234567-89ab-4cde-8f01-23456789abcd";

static void format_is_lower_case_with_hyphens(void **state)
{
	char text[UUID_TEXT_LEN + 1];

	(void)state;
	uuid_format(&sample, text);
	assert_string_equal(text, sample_text);
}

static void all_four_forms_are_read_in_any_case(void **state)
{
	static const char *const forms[] = {
		"01234567-89ab-4cde-8f01-23456789abcd",
		"01234567-89AB-4cDE-8F01-23456789ABCD",
		"0123456789ab4cde8f0123456789abcd",
		"{01234567-89ab-4cde-8f01-23456789abcd}",
		"urn:uuid:01234567-89ab-4cde-8f01-23456789abcd",
		"URN:UUID:01234567-89AB-4CDE-8F01-23456789ABCD",
	};
	struct uuid uuid;

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		memset(&uuid, 0, sizeof uuid);
		assert_true(uuid_parse(span_text(forms[i]), &uuid));
		assert_memory_equal(&uuid, &sample, sizeof uuid);
	}
}

static void other_texts_are_refused_and_change_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"abc",
		"01234567-89ab-4cde-8f01-23456789abc",
		"01234567-89ab-4cde-8f01-23456789abcde",
		"01234567-89ab-4cde-8f01-23456789abcg",
		"01234567-89ab-4cde-8f0123456789-abcd",
		"0123456-789ab-4cde-8f01-23456789abcd",
		"01234567x89ab-4cde-8f01-23456789abcd",
		"0123456789ab4cde8f0123456789abcx",
		"{0123456789ab4cde8f0123456789abcd}",
		"{01234567-89ab-4cde-8f01-23456789abcd",
		"(01234567-89ab-4cde-8f01-23456789abcd)",
		"urn:uuid:0123456789ab4cde8f0123456789abcd",
		"urn-uuid:01234567-89ab-4cde-8f01-23456789abcd",
		" 01234567-89ab-4cde-8f01-23456789abcd",
		"--------------------------------",
	};
	struct uuid uuid = sample;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(uuid_parse(span_text(bad[i]), &uuid));
	assert_false(uuid_parse(span_of(NULL, 0), &uuid));
	assert_memory_equal(&uuid, &sample, sizeof uuid);
}

static void new_ones_are_version_4_and_differ(void **state)
{
	struct uuid first, second;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(uuid_make(&first, NULL), CAPSULE_OK);
		assert_int_equal(uuid_make(&second, NULL), CAPSULE_OK);
		assert_int_equal(first.bytes[6] >> 4, 4);
		assert_int_equal(first.bytes[8] >> 6, 2);
		assert_memory_not_equal(&first, &second, sizeof first);
	}
}

static void random_bytes_fill_the_whole_block(void **state)
{
	const size_t len = 1 << 20; /* more than one call of the kernel gives when it is interrupted */
	uint8_t *block = calloc(1, len + 1);
	size_t zeros = 0;

	(void)state;
	assert_non_null(block);
	assert_int_equal(random_fill(block, len, NULL), CAPSULE_OK);
	for (size_t i = 0; i < len; i++)
		zeros += block[i] == 0;
	assert_in_range(zeros, len / 256 - 1000, len / 256 + 1000);
	assert_int_equal(block[len], 0);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_is_lower_case_with_hyphens),
		cmocka_unit_test(all_four_forms_are_read_in_any_case),
		cmocka_unit_test(other_texts_are_refused_and_change_nothing),
		cmocka_unit_test(new_ones_are_version_4_and_differ),
		cmocka_unit_test(random_bytes_fill_the_whole_block),
	};

	return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
