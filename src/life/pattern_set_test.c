/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "life/pattern_set.h"

#include "base/cleanup.h"
#include "base/topic.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TEXT_BYTES 32
#define PATTERNS 12

static uint64_t seed = 0x9E3779B97F4A7C15;

/* The same numbers in every run. */
static size_t random_below(size_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed >> 11) % limit;
}

static void random_pattern(char out[TEXT_BYTES])
{
	static const char *const words[] = { "*", "*", "a", "a", "b", "ab", "a*", "" };
	size_t segments = 1 + random_below(4), len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < segments; i++)
		len += (size_t)snprintf(out + len, TEXT_BYTES - len, "%s%s", i > 0 ? "." : "",
			words[random_below(random_below(8) == 0 ? 8 : 7)]);
}

static void a_set_meets_what_one_of_its_patterns_overlaps(void **state)
{
	size_t met = 0, rounds = 20000;

	(void)state;
	for (size_t round = 0; round < rounds; round++) {
		HOLD(pattern_set_fini) struct pattern_set set = { 0 };
		char texts[PATTERNS][TEXT_BYTES], wanted[TEXT_BYTES];
		size_t count = random_below(PATTERNS + 1), tails = random_below(1u << PATTERNS);
		bool tail = random_below(2), expected = false;
		uint64_t steps = UINT64_MAX;

		random_pattern(wanted);
		for (size_t i = 0; i < count; i++) {
			random_pattern(texts[i]);
			assert_true(pattern_set_add(&set, span_text(texts[i]), tails >> i & 1));
			expected |= topic_overlaps(span_text(texts[i]), tails >> i & 1, span_text(wanted), tail);
		}
		pattern_set_close(&set);
		if (pattern_set_meets(&set, span_text(wanted), tail, &steps) != expected)
			fail_msg("round %zu: `%s` is not %d", round, wanted, expected);
		met += expected;
	}
	assert_true(met > rounds / 10 && met < rounds - rounds / 10);
}

static void what_can_not_be_published_is_in_no_set(void **state)
{
	HOLD(pattern_set_fini) struct pattern_set set = { 0 };
	char longest[LIMIT_TOPIC + 2];
	uint64_t steps = UINT64_MAX;

	(void)state;
	memset(longest, 'a', LIMIT_TOPIC + 1);
	longest[LIMIT_TOPIC + 1] = '\0';
	assert_true(pattern_set_add(&set, span_text("1.2.3.4.5.6.7.8.9"), false));
	assert_true(pattern_set_add(&set, span_text("1.2.3.4.5.6.7.8.*"), true));
	assert_true(pattern_set_add(&set, span_text(longest), false));
	assert_true(pattern_set_add(&set, span_text("a..b"), false));
	assert_int_equal(set.count, 0);
	assert_true(pattern_set_add(&set, span_text("1.2.3.4.5.6.7.8"), false));
	assert_true(pattern_set_add(&set, span_text(longest + 1), false));
	pattern_set_close(&set);
	assert_int_equal(set.count, 2);
	assert_true(pattern_set_meets(&set, span_text("1.2.3.4.5.6.7.8"), false, &steps));
	assert_true(pattern_set_meets(&set, span_text("1.*"), true, &steps));
	assert_true(pattern_set_meets(&set, span_text(longest + 1), false, &steps));
	assert_false(pattern_set_meets(&set, span_text(longest), false, &steps));
	assert_false(pattern_set_meets(&set, span_text("1.2.3.4.5.6.7.8.9"), false, &steps));
}

static void an_empty_set_meets_nothing(void **state)
{
	HOLD(pattern_set_fini) struct pattern_set set = { 0 };
	uint64_t steps = 1;

	(void)state;
	pattern_set_close(&set);
	assert_false(pattern_set_meets(&set, span_text("*"), false, &steps));
	assert_false(pattern_set_meets(&set, span_text("*.*"), true, &steps));
	assert_int_equal(steps, 1);
}

#define MANY 20000

/* A text takes the searches of its own segments; only one that begins with wildcards looks at more, and that has an end. */
static void searches_are_counted(void **state)
{
	HOLD(pattern_set_fini) struct pattern_set set = { 0 };
	HOLD(free_drop) char *texts = calloc(MANY, TEXT_BYTES);
	uint64_t steps = 1000;

	(void)state;
	assert_non_null(texts);
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(texts + i * TEXT_BYTES, TEXT_BYTES, "x.t%zu.end", i);
		assert_true(pattern_set_add(&set, span_text(texts + i * TEXT_BYTES), false));
	}
	pattern_set_close(&set);
	assert_false(pattern_set_meets(&set, span_text("x.t19999.start"), false, &steps));
	assert_true(pattern_set_meets(&set, span_text("x.t19999.end"), false, &steps));
	assert_true(pattern_set_meets(&set, span_text("x.*.end"), false, &steps));
	assert_true(steps > 980);
	assert_true(pattern_set_meets(&set, span_text("*.*.start"), false, &steps));
	assert_int_equal(steps, 0);
	steps = UINT64_MAX;
	assert_false(pattern_set_meets(&set, span_text("*.*.start"), false, &steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_meets_what_one_of_its_patterns_overlaps),
		cmocka_unit_test(what_can_not_be_published_is_in_no_set),
		cmocka_unit_test(an_empty_set_meets_nothing),
		cmocka_unit_test(searches_are_counted),
	};

	return cmocka_run_group_tests_name("life_pattern_set", tests, NULL, NULL);
}
