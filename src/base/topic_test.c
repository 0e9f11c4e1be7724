/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef bool (*relation_fn)(struct span a, struct span b);

struct pair {
	const char *a, *b;
	bool holds;
};

static void check_pairs(const char *name, relation_fn relation, const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool holds = relation(span_text(pairs[i].a), span_text(pairs[i].b));

		if (holds != pairs[i].holds)
			fail_msg("%s(`%s`, `%s`) is %d", name, pairs[i].a, pairs[i].b, holds);
	}
}

#define CHECK_PAIRS(relation, pairs) check_pairs(#relation, relation, pairs, sizeof(pairs) / sizeof(pairs)[0])

/* rt:214 */
static void a_topic_has_no_empty_segment(void **state)
{
	const char *const good[] = { "a", "a.b", "*", "a.*.b", " ", "A-b_c.\xC3\xA9", "a b" };
	const char *const bad[] = { "", ".", "a.", ".a", "a..b", "..", "a.b.", "*.", "a...b" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(topic_valid(span_text(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(topic_valid(span_text(bad[i])));
	assert_false(topic_valid(span_of(NULL, 0)));
}

static void segments_are_counted_by_dots(void **state)
{
	(void)state;
	assert_int_equal(topic_segments(span_of(NULL, 0)), 1);
	assert_int_equal(topic_segments(span_text("a")), 1);
	assert_int_equal(topic_segments(span_text("a.b.c")), 3);
	assert_int_equal(topic_segments(span_text("a..")), 3);
}

/* The sides differ by one segment in either direction (rt-W-01): counts come first. */
static void a_match_has_as_many_segments(void **state)
{
	static const struct pair pairs[] = {
		{ "a", "a", true },
		{ "a", "a.b", false },
		{ "a.b", "a", false },
		{ "a.b", "a.*.c", false },
		{ "a.b.c", "a.*", false },
		{ "a", "a.*", false },
		{ "a.b", "a.*", true },
		{ "a.x.c", "a.*.c", true },
		{ "a.x.y.c", "a.*.c", false },
		{ "a", "*", true },
		{ "a.b", "*", false },
		{ "a.b", "*.*", true },
		{ "a.b", "*.b", true },
		{ "a.c", "*.b", false },
		{ "ab", "a", false },
		{ "a", "ab", false },
		{ "A", "a", false },
		{ "ax", "a*", false },
		{ "a*", "a*", true },
	};

	(void)state;
	CHECK_PAIRS(topic_matches, pairs);
}

static void a_wildcard_in_the_topic_is_a_literal(void **state)
{
	static const struct pair pairs[] = {
		{ "foo.*", "foo.bar", false },
		{ "foo.*", "foo.*", true },
		{ "*", "a", false },
		{ "*.b", "a.b", false },
	};

	(void)state;
	CHECK_PAIRS(topic_matches, pairs);
	CHECK_PAIRS(topic_delivers, pairs);
}

static void malformed_sides_never_match(void **state)
{
	static const struct pair pairs[] = {
		{ "", "", false },
		{ "", "*", false },
		{ "a", "", false },
		{ "foo.x.bar", "foo..bar", false },
		{ "foo..bar", "foo..bar", false },
		{ "foo..bar", "foo.*.bar", false },
		{ "a.", "a.*", false },
		{ ".a", "*.a", false },
		{ "a.b", "a.b.", false },
		{ "a.b", ".*", false },
		{ "a..b", "a.*", false },
		{ "a.b.c", "a..*", false },
	};

	(void)state;
	CHECK_PAIRS(topic_matches, pairs);
	CHECK_PAIRS(topic_delivers, pairs);
	CHECK_PAIRS(topic_covers, pairs);
}

static void delivery_reaches_any_depth_behind_a_last_wildcard(void **state)
{
	static const struct pair pairs[] = {
		{ "a.b", "a.*", true },
		{ "a.b.c", "a.*", true },
		{ "a.b.c.d.e.f.g.h.i.j.k.l", "a.*", true },
		{ "a", "a.*", false },
		{ "b.c", "a.*", false },
		{ "ab.c", "a.*", false },
		{ "a", "*", true },
		{ "a.b", "*", false },
		{ "a.b", "*.*", true },
		{ "a.b.c", "*.*", true },
		{ "a", "*.*", false },
		{ "a.x.c", "a.*.c", true },
		{ "a.x.c.d", "a.*.c", false },
		{ "a.x.c.d.e", "a.*.c.*", true },
		{ "a.x.d.d", "a.*.c.*", false },
		{ "a", "a.b", false },
		{ "a.b", "a.*.c", false },
		{ "a.b", "a.b*", false },
	};

	(void)state;
	CHECK_PAIRS(topic_delivers, pairs);
}

static void covering_compares_what_is_delivered(void **state)
{
	static const struct pair pairs[] = {
		{ "a.b", "a.b", true },
		{ "a.*", "a.b", true },
		{ "a.*", "a.b.c", true },
		{ "a.*", "a.*", true },
		{ "a.*", "a.b.*", true },
		{ "a.*", "a.*.c", true },
		{ "a.*", "a", false },
		{ "a.b.*", "a.*", false },
		{ "a.b", "a.*", false },
		{ "*", "a", true },
		{ "*", "*", true },
		{ "*", "a.*", false },
		{ "*.*", "a.*", true },
		{ "a.*", "*.*", false },
		{ "a.*", "*", false },
		{ "*.*", "*", false },
		{ "a.*.c", "a.b.c", true },
		{ "a.*.c", "a.*.c", true },
		{ "a.*.c", "a.*", false },
		{ "a.*.c", "a.b.*", false },
		{ "a.*.c.*", "a.b.c.*", true },
		{ "a.*.c.*", "a.*.c.d.*", true },
		{ "a.*.c.*", "a.*.d.*", false },
		{ "a.b.c", "a.*.c", false },
	};

	(void)state;
	CHECK_PAIRS(topic_covers, pairs);
}

/* ---- Every pattern of up to three segments over a small alphabet, beside what the words mean ---- */

enum { LETTERS = 3, DEPTH = 3, NAMES = 3 + 9 + 27 };

/* The `at`th name of one to three segments; with `wild`, the last letter is the wildcard, else a plain letter. */
static void name_make(size_t at, bool wild, char name[static 2 * DEPTH])
{
	static const char letters[] = "ab*", plain[] = "abc";
	size_t depth = at < 3 ? 1 : at < 12 ? 2 : 3, len = 0;

	at -= depth == 1 ? 0 : depth == 2 ? 3 : 12;
	for (size_t i = 0; i < depth; i++, at /= LETTERS) {
		if (i > 0)
			name[len++] = '.';
		name[len++] = (wild ? letters : plain)[at % LETTERS];
	}
	name[len] = '\0';
}

static bool oracle_matches(const char *topic, const char *pattern)
{
	if (strlen(topic) != strlen(pattern))
		return false;
	for (size_t i = 0; topic[i] != '\0'; i++) {
		if (topic[i] != pattern[i] && pattern[i] != '*')
			return false;
	}
	return true;
}

static bool oracle_delivers(const char *topic, const char *pattern)
{
	char head[2 * DEPTH];
	size_t len = strlen(pattern);

	if (len < 3 || pattern[len - 1] != '*')
		return oracle_matches(topic, pattern);
	(void)snprintf(head, sizeof head, "%.*s", (int)len, topic);
	return strlen(topic) >= len && oracle_matches(head, pattern);
}

/* Names of three segments show every difference between patterns of one and two, and the letter c, which no pattern has,
 * stands for all other texts. Patterns are of one and two segments here, so that topics are one deeper than any of them. */
static void relations_agree_with_their_meaning(void **state)
{
	char a[2 * DEPTH], b[2 * DEPTH], topic[2 * DEPTH];

	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		name_make(i, true, a);
		for (size_t k = 0; k < NAMES; k++) {
			name_make(k, false, topic);
			assert_int_equal(topic_matches(span_text(topic), span_text(a)), oracle_matches(topic, a));
			assert_int_equal(topic_delivers(span_text(topic), span_text(a)), oracle_delivers(topic, a));
		}
		for (size_t j = 0; j < 12 && i < 12; j++) {
			bool covers = true;

			name_make(j, true, b);
			for (size_t k = 0; k < NAMES; k++) {
				name_make(k, false, topic);
				covers = covers && (!oracle_delivers(topic, b) || oracle_delivers(topic, a));
			}
			if (topic_covers(span_text(a), span_text(b)) != covers)
				fail_msg("topic_covers(`%s`, `%s`) is not %d", a, b, covers);
		}
	}
}

static void patterns_overlap_when_one_topic_matches_both(void **state)
{
	char a[2 * DEPTH], b[2 * DEPTH], topic[2 * DEPTH];

	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		name_make(i, true, a);
		for (size_t j = 0; j < NAMES; j++) {
			bool found[2][2] = { { false } };

			name_make(j, true, b);
			for (size_t k = 0; k < NAMES; k++) {
				bool of_a[2], of_b[2];

				name_make(k, false, topic);
				of_a[0] = oracle_matches(topic, a);
				of_a[1] = oracle_delivers(topic, a);
				of_b[0] = oracle_matches(topic, b);
				of_b[1] = oracle_delivers(topic, b);
				for (size_t tails = 0; tails < 4; tails++)
					found[tails / 2][tails % 2] |= of_a[tails / 2] && of_b[tails % 2];
			}
			for (size_t tails = 0; tails < 4; tails++)
				if (topic_overlaps(span_text(a), tails / 2, span_text(b), tails % 2) !=
					found[tails / 2][tails % 2])
					fail_msg("topic_overlaps(`%s`, `%s`), tails %zu", a, b, tails);
		}
	}
}

static void malformed_patterns_overlap_nothing(void **state)
{
	const char *const bad[] = { "", ".", "a.", ".a", "a..b", ".*", "a..*" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		for (size_t tails = 0; tails < 4; tails++) {
			assert_false(topic_overlaps(span_text(bad[i]), tails / 2, span_text(bad[i]), tails % 2));
			assert_false(topic_overlaps(span_text(bad[i]), tails / 2, span_text("*.*"), tails % 2));
			assert_false(topic_overlaps(span_text("*.*"), tails / 2, span_text(bad[i]), tails % 2));
		}
	}
	assert_true(topic_overlaps(span_text("a.b*"), true, span_text("a.b*"), true));
	assert_false(topic_overlaps(span_text("a.b*"), true, span_text("a.bc"), true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_has_no_empty_segment),
		cmocka_unit_test(segments_are_counted_by_dots),
		cmocka_unit_test(a_match_has_as_many_segments),
		cmocka_unit_test(a_wildcard_in_the_topic_is_a_literal),
		cmocka_unit_test(malformed_sides_never_match),
		cmocka_unit_test(delivery_reaches_any_depth_behind_a_last_wildcard),
		cmocka_unit_test(covering_compares_what_is_delivered),
		cmocka_unit_test(relations_agree_with_their_meaning),
		cmocka_unit_test(patterns_overlap_when_one_topic_matches_both),
		cmocka_unit_test(malformed_patterns_overlap_nothing),
	};

	return cmocka_run_group_tests_name("base_topic", tests, NULL, NULL);
}
