/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers of the guest SDK against those of the C library, which rounds correctly. */
#include "sdk_fixture.h"

#include <math.h>
#include <stdio.h>

#define RANDOM_NUMBERS 20000

static uint64_t seed = 1;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static double double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

static void assert_parsed(const char *text)
{
	double expected = strtod(text, NULL), seen = guest_parse_number(guest_text(text));

	if (bits_of(seen) != bits_of(expected))
		fail_msg("%s: %.17g instead of %.17g", text, seen, expected);
}

static void numbers_at_the_edges_are_rounded_right(void **state)
{
	static const char *const texts[] = { "0", "-0", "0.0", "1", "-1", "0.1", "1e22", "1e23",
		"123456789012345678901234567890", "9007199254740993", "9007199254740991.5", "1.7976931348623157e308",
		"1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e400", "1e99999999999999999999",
		"1e-99999999999999999999", "2.2250738585072014e-308", "2.2250738585072011e-308", "4.9e-324",
		"2.4703282292062327e-324", "2.4703282292062328e-324", "2e-324", "1e-400", "0e999999",
		"0.000000000000000000000000000001e30", "8.442911973260991817129021e-309", "3.571e266",
		"3.08984926168550152811e-32", "6.9294956446009195e15", "1090544144181609348671888949248" };

	/* The largest double, written out, and a little more. */
	static const char largest[] =
		"17976931348623157081452742373170435679807056752584499659891747680315726"
		"07800285387605895586327668781715404589535143824642343213268894641827684675467035375169860499105765512820"
		"76245490090389328944075868508455133942304583236903222948165808559332123347747979e-5";

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_parsed(texts[i]);
	assert_parsed(largest);
}

/* Just between two doubles, where one digit far behind decides. */
static void a_digit_far_behind_decides(void **state)
{
	static char text[2000];

	(void)state;
	for (size_t digits = 700; digits < 900; digits += 7) {
		int len = snprintf(text, sizeof text, "9007199254740993.");

		memset(text + len, '0', digits);
		text[(size_t)len + digits] = '\0';
		assert_parsed(text);
		text[(size_t)len + digits - 1] = '1';
		assert_parsed(text);
	}
}

static void random_doubles_survive_being_written_and_read(void **state)
{
	char text[GUEST_NUMBER_MAX + 1], longer[64];

	(void)state;
	for (int i = 0; i < RANDOM_NUMBERS; i++) {
		double value = double_of(i % 2 == 0 ? next_random() : bits_of((double)(int64_t)next_random() / 1024));
		size_t len;

		if (!isfinite(value))
			continue;
		len = guest_print_number(value, text);
		assert_true(len <= GUEST_NUMBER_MAX);
		text[len] = '\0';
		if (bits_of(strtod(text, NULL)) != bits_of(value))
			fail_msg("%.17g was written as %s", value, text);
		assert_true(bits_of(guest_parse_number(guest_text(text))) == bits_of(value));
		(void)snprintf(longer, sizeof longer, "%.*e", 3 + i % 30, value);
		assert_parsed(longer);
	}
}

/* How many digits of a number count. */
static size_t digits_of(const char *text)
{
	size_t digits = 0, zeros = 0;

	for (; *text != '\0' && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (digits == 0 && *text == '0'))
			continue;
		digits++;
		zeros = *text == '0' ? zeros + 1 : 0;
	}
	return digits - zeros;
}

static void no_shorter_text_reads_back(void **state)
{
	char text[GUEST_NUMBER_MAX + 1], shorter[64];

	(void)state;
	for (int i = 0; i < RANDOM_NUMBERS / 4; i++) {
		double value = double_of(next_random());

		if (!isfinite(value) || value == 0)
			continue;
		text[guest_print_number(value, text)] = '\0';
		if (digits_of(text) < 2)
			continue;
		(void)snprintf(shorter, sizeof shorter, "%.*e", (int)digits_of(text) - 2, value);
		if (bits_of(strtod(shorter, NULL)) == bits_of(value))
			fail_msg("%s is not as short as %s", text, shorter);
	}
}

static void assert_printed(double value, const char *expected)
{
	char text[GUEST_NUMBER_MAX];
	size_t len = guest_print_number(value, text);

	assert_bytes(guest_bytes_of(text, len), expected);
}

static void numbers_are_written_as_people_would(void **state)
{
	(void)state;
	assert_printed(0, "0");
	assert_printed(-0.0, "-0.0");
	assert_printed(5, "5");
	assert_printed(-1.5, "-1.5");
	assert_printed(0.1, "0.1");
	assert_printed(0.30000000000000004, "0.30000000000000004");
	assert_printed(1e20, "100000000000000000000");
	assert_printed(1e21, "1e21");
	assert_printed(0.000001, "0.000001");
	assert_printed(1e-7, "1e-7");
	assert_printed(5e-324, "5e-324");
	assert_printed(1.7976931348623157e308, "1.7976931348623157e308");
	assert_printed(9007199254740993.0, "9007199254740992");
	assert_printed((double)INFINITY, "null");
	assert_printed((double)NAN, "null");
}

static void whole_numbers_keep_within_64_bits(void **state)
{
	char text[GUEST_NUMBER_MAX];
	int64_t value = 7;

	(void)state;
	assert_bytes(guest_bytes_of(text, guest_print_integer(INT64_MIN, text)), "-9223372036854775808");
	assert_bytes(guest_bytes_of(text, guest_print_unsigned(UINT64_MAX, text)), "18446744073709551615");
	assert_true(guest_parse_integer(guest_text("-9223372036854775808"), &value));
	assert_true(value == INT64_MIN);
	assert_true(guest_parse_integer(guest_text("9223372036854775807"), &value));
	assert_true(value == INT64_MAX);
	assert_false(guest_parse_integer(guest_text("9223372036854775808"), &value));
	assert_false(guest_parse_integer(guest_text("-9223372036854775809"), &value));
	assert_false(guest_parse_integer(guest_text(""), &value));
	assert_false(guest_parse_integer(guest_text("-"), &value));
	assert_false(guest_parse_integer(guest_text("1x"), &value));
	assert_true(value == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_at_the_edges_are_rounded_right),
		cmocka_unit_test(a_digit_far_behind_decides),
		cmocka_unit_test(random_doubles_survive_being_written_and_read),
		cmocka_unit_test(no_shorter_text_reads_back),
		cmocka_unit_test(numbers_are_written_as_people_would),
		cmocka_unit_test(whole_numbers_keep_within_64_bits),
	};

	return cmocka_run_group_tests_name("sdk_number", tests, NULL, NULL);
}
