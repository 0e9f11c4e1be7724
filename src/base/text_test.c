/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text rules, each with the inputs at its edges. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define R "\xEF\xBF\xBD" /* the replacement character */

/* By the arithmetic of code points, unlike the code under test: decode, then judge. */
static bool is_character(const uint8_t *text, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t lead = text[0], code;
	size_t need = lead < 0x80       ? 1
		: (lead & 0xE0) == 0xC0 ? 2
		: (lead & 0xF0) == 0xE0 ? 3
		: (lead & 0xF8) == 0xF0 ? 4
					: 0;

	if (need == 0 || need != len)
		return false;
	code = need == 1 ? lead : lead & (0x7Fu >> need);
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xC0) != 0x80)
			return false;
		code = code << 6 | (text[i] & 0x3Fu);
	}
	return code >= least[need] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static void every_sequence_of_two_and_three_bytes_is_judged_right(void **state)
{
	uint8_t text[3];

	(void)state;
	for (uint32_t i = 0x800000; i < 0x1000000; i++) {
		text[0] = (uint8_t)(i >> 16);
		text[1] = (uint8_t)(i >> 8);
		text[2] = (uint8_t)i;
		if (text_is_utf8(span_of(text, 3)) !=
			(is_character(text, 3) || (is_character(text, 2) && text[2] < 0x80)))
			fail_msg("%02x %02x %02x", text[0], text[1], text[2]);
	}
}

static void four_byte_sequences_end_at_the_last_code_point(void **state)
{
	(void)state;
	for (uint32_t second = 0; second < 256; second++) {
		for (uint32_t lead = 0xF0; lead < 256; lead++) {
			const uint8_t text[] = { (uint8_t)lead, (uint8_t)second, 0x80, 0xBF };
			const uint8_t broken[] = { (uint8_t)lead, (uint8_t)second, 0x80, 0xC0 };

			assert_int_equal(text_is_utf8(span_of(text, 4)), is_character(text, 4));
			assert_false(text_is_utf8(span_of(broken, 4)));
		}
	}
}

static void valid_prefix_ends_before_the_broken_character(void **state)
{
	(void)state;
	assert_int_equal(text_utf8_valid_prefix(span_of(NULL, 0)), 0);
	assert_int_equal(text_utf8_valid_prefix(span_text("a\xC3\xA9")), 3);
	assert_int_equal(text_utf8_valid_prefix(span_text("a\xC3\xA9\xE2\x82")), 3);
	assert_int_equal(text_utf8_valid_prefix(span_text("0123456789abcdef\xFFghijklmn")), 16);
	assert_int_equal(text_utf8_valid_prefix(span_text("0123456789a\xFF")), 11);
}

static void lossy_replaces_each_maximal_broken_part_once(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "plain \xE2\x82\xAC", "plain \xE2\x82\xAC" },
		{ "\xF0\x90\x80", R },
		{ "\xE1\x80\x41", R "A" },
		{ "\xFF\xFE", R R },
		{ "\xC0\x80", R R },
		{ "\xED\xA0\x80", R R R },
		{ "\xF4\x90\x80\x80", R R R R },
		{ "a\x80z", "a" R "z" },
		{ "\xC3", R },
		{ "\xE2\x82\xE2\x82\xAC", R "\xE2\x82\xAC" },
		{ "\xF0\x9F\x98\xF0\x9F\x98\x80", R "\xF0\x9F\x98\x80" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buffer out = { 0 };

		assert_true(text_append_lossy(&out, span_text(cases[i][0])));
		assert_string_equal(buffer_text(&out), cases[i][1]);
		buffer_fini(&out);
	}
}

static void lossy_output_keeps_to_the_limit(void **state)
{
	struct buffer out = { .limit = 4 };

	(void)state;
	assert_false(text_append_lossy(&out, span_text("\xFF\xFF")));
	assert_true(out.failed);
	buffer_fini(&out);
}

static void trim_takes_white_space_of_all_scripts_from_both_ends(void **state)
{
	static const char *const spaces[] = { "\t", "\n", "\v", "\f", "\r", " ", "\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80",
		"\xE2\x80\x80", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
		"\xE3\x80\x80" };
	static const char *const others[] = { "\x08", "\x0E", "\x1F", "\xC2\x84", "\xC2\x86", "\xC2\xA1",
		"\xE2\x80\x8B", "\xE2\x80\xA7", "\xE2\x80\xAA", "\xE2\x81\xA0", "\xEF\xBB\xBF", "\xE1\xA0\x8E",
		"\xE3\x80\x81" };
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
		(void)snprintf(text, sizeof text, "%s \n%sa b%s\t%s", spaces[i], spaces[i], spaces[i], spaces[i]);
		assert_true(span_is(text_trim(span_text(text)), "a b"));
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		(void)snprintf(text, sizeof text, "%s a %s", others[i], others[i]);
		assert_true(span_is(text_trim(span_text(text)), text));
	}
	assert_int_equal(text_trim(span_text(" \xE3\x80\x80 ")).len, 0);
	assert_int_equal(text_trim(span_of(NULL, 0)).len, 0);
}

static void decimal_numbers_are_parsed_to_the_last_one(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = { { "0", 0 }, { "7", 7 }, { "+7", 7 }, { "007", 7 }, { "00000000000000000000000000000001", 1 },
		{ "18446744073709551615", UINT64_MAX } };
	static const char *const bad[] = { "", "+", "-1", " 1", "1 ", "1.0", "1e0", "0x1", "++1", "+-1",
		"18446744073709551616", "18446744073709551620", "99999999999999999999", "1/", "1:", "\xD9\xA1" };
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		value = 99;
		assert_true(text_parse_u64(span_text(good[i].text), &value));
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		value = 99;
		assert_false(text_parse_u64(span_text(bad[i]), &value));
		assert_int_equal(value, 99);
	}
	assert_false(text_parse_u64(span_of("1\0", 2), &value));
}

static void lower_touches_ascii_letters_only(void **state)
{
	char text[] = "AZaz@[0\xC3\x89";

	(void)state;
	text_lower(text);
	assert_string_equal(text, "azaz@[0\xC3\x89");
}

static void nearest_name_is_what_was_meant(void **state)
{
	static const char *const names[] = { "network", "net_bind", "kv", "fs_read", "fs_write", "host_process" };
	const size_t count = sizeof names / sizeof names[0];

	(void)state;
	assert_string_equal(text_nearest("netwrok", names, count), "network");
	assert_string_equal(text_nearest("network", names, count), "network");
	assert_string_equal(text_nearest("networks", names, count), "network");
	assert_string_equal(text_nearest("ntwork", names, count), "network");
	assert_string_equal(text_nearest("fs-read", names, count), "fs_read");
	assert_string_equal(text_nearest("host_proces", names, count), "host_process");
}

static void distant_names_are_not_suggested(void **state)
{
	static const char *const names[] = { "network", "kv",
		"a_name_that_is_longer_than_any_that_somebody_would_type_by_hand_here" };

	(void)state;
	assert_null(text_nearest("process", names, 3));
	assert_null(text_nearest("kx", names, 3)); /* half of it would change */
	assert_null(text_nearest("", names, 3));
	assert_null(text_nearest(names[2], names, 3));
	assert_null(text_nearest("network", NULL, 0));
}

static void names_of_the_greatest_length_are_compared(void **state)
{
	char name[65], wanted[65];
	const char *names[1] = { name };

	(void)state;
	memset(name, 'n', 64);
	memset(wanted, 'n', 64);
	name[64] = wanted[64] = '\0';
	wanted[63] = 'm';
	assert_ptr_equal(text_nearest(wanted, names, 1), name);
}

static void copy_is_terminated_and_keeps_zero_bytes(void **state)
{
	char *copy = text_copy(span_of("a\0b", 3)), *empty = text_copy(span_of(NULL, 0));

	(void)state;
	assert_memory_equal(copy, "a\0b\0", 4);
	assert_string_equal(empty, "");
	assert_null(text_copy(span_of("", SIZE_MAX)));
	free(copy);
	free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sequence_of_two_and_three_bytes_is_judged_right),
		cmocka_unit_test(four_byte_sequences_end_at_the_last_code_point),
		cmocka_unit_test(valid_prefix_ends_before_the_broken_character),
		cmocka_unit_test(lossy_replaces_each_maximal_broken_part_once),
		cmocka_unit_test(lossy_output_keeps_to_the_limit),
		cmocka_unit_test(trim_takes_white_space_of_all_scripts_from_both_ends),
		cmocka_unit_test(decimal_numbers_are_parsed_to_the_last_one),
		cmocka_unit_test(lower_touches_ascii_letters_only),
		cmocka_unit_test(nearest_name_is_what_was_meant),
		cmocka_unit_test(distant_names_are_not_suggested),
		cmocka_unit_test(names_of_the_greatest_length_are_compared),
		cmocka_unit_test(copy_is_terminated_and_keeps_zero_bytes),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
