/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The index beside the relations of base/topic.h, which say pattern by pattern what matches. */
#include "bus/topic_index.h"

#include "base/buffer.h"
#include "base/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct subject {
	struct topic_entry entry;
	enum topic_tail tail;
	char pattern[128];
};

static int set_up(void **state)
{
	struct topic_index *index = NULL;

	assert_int_equal(topic_index_new(&index, NULL), CAPSULE_OK);
	*state = index;
	return 0;
}

static int tear_down(void **state)
{
	topic_index_free(*state);
	return 0;
}

static void enter(struct topic_index *index, struct subject *subject)
{
	struct capsule_error err;

	if (topic_index_add(index, span_text(subject->pattern), subject->tail, &subject->entry, &err) != CAPSULE_OK)
		fail_msg("`%s`: %s", subject->pattern, err.text);
}

static void set(struct subject *subject, const char *pattern, enum topic_tail tail, uint64_t order)
{
	*subject = (struct subject){ .tail = tail, .entry.order = order };
	(void)snprintf(subject->pattern, sizeof subject->pattern, "%s", pattern);
}

static bool reaches(struct topic_index *index, const char *pattern, enum topic_tail tail, const char *topic)
{
	struct topic_entry *const *found;
	struct subject subject;
	size_t count;

	set(&subject, pattern, tail, 1);
	enter(index, &subject);
	count = topic_index_match(index, span_text(topic), &found);
	assert_true(count == 0 || (count == 1 && found[0] == &subject.entry));
	topic_index_remove(index, &subject.entry);
	return count == 1;
}

struct row {
	const char *pattern, *topic;
	bool holds;
};

static void check_rows(struct topic_index *index, enum topic_tail tail, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (reaches(index, rows[i].pattern, tail, rows[i].topic) != rows[i].holds)
			fail_msg("pattern `%s`, topic `%s`", rows[i].pattern, rows[i].topic);
}

#define CHECK_ROWS(index, tail, rows) check_rows(index, tail, rows, sizeof(rows) / sizeof(rows)[0])

/* rt:228 rt:230 rt:232 rt:233 rt:234 */
static void subscriptions_get_the_rest_behind_a_last_star(void **state)
{
	static const struct row rows[] = {
		{ "astrid.*", "astrid.cli.input", true },
		{ "astrid.*", "system.log", false },
		{ "astrid.v1.request.*", "astrid.v1.request.list_capsules", true },
		{ "astrid.v1.request.*", "astrid.v1.request.foo.bar", true },
		{ "astrid.v1.request.*", "astrid.v1.request", false },
		{ "astrid.v1.request.*", "system.v1.request.foo", false },
		{ "astrid.*.input", "astrid.cli.input", true },
		{ "astrid.*.input", "astrid.telegram.input", true },
		{ "astrid.*.input", "astrid.cli.output", false },
		{ "astrid.*.input", "astrid.cli.sub.input", false },
		{ "a.b", "a", false },
		{ "a.*.c", "a.b", false },
		{ "a", "a.b", false },
		{ "*", "a", true },
		{ "*", "a.b", false },
		{ "*.*", "a", false },
		{ "*.*", "a.b", true },
		{ "*.*", "a.b.c", true },
		{ "foo.*", "foo", false },
		{ "foo.*", "foo.a", true },
		{ "foo.*", "foo.a.b", true },
		{ "foo.*", "foo.*", true },
		{ "foo.bar", "foo.*", false },
	};

	CHECK_ROWS(*state, TOPIC_TAIL_REST, rows);
}

/* rt:210 rt:211 rt:212 rt:215 */
static void interceptors_get_one_segment_for_each_star(void **state)
{
	static const struct row rows[] = {
		{ "user.prompt", "user.prompt", true },
		{ "tool.execute.*.result", "tool.execute.search.result", true },
		{ "tool.execute.*.result", "tool.execute.code-run.result", true },
		{ "tool.execute.*.result", "tool.execute.result", false },
		{ "user.prompt", "user.prompt.extra", false },
		{ "user.prompt", "user", false },
		{ "*.bar.baz", "foo.bar.baz", true },
		{ "foo.bar.*", "foo.bar.baz", true },
		{ "*.b.*", "a.b.c", true },
		{ "*.b.*", "x.c.z", false },
		{ "foo.*", "foo.bar.baz", false },
		{ "foo.*", "foo.bar", true },
		{ "foo.b*", "foo.bar", false },
		{ "foo.b*", "foo.b*", true },
	};

	CHECK_ROWS(*state, TOPIC_TAIL_ONE, rows);
}

/* rt:213 */
static void empty_segments_never_match(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a.", ".a", "a..b", "*.", ".*", "a...b" };
	struct topic_index *index = *state;
	struct subject any[4];

	set(&any[0], "*", TOPIC_TAIL_ONE, 1);
	set(&any[1], "*.*", TOPIC_TAIL_ONE, 2);
	set(&any[2], "*.*", TOPIC_TAIL_REST, 3);
	set(&any[3], "*.*.*", TOPIC_TAIL_ONE, 4);
	for (size_t i = 0; i < 4; i++)
		enter(index, &any[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct topic_entry *const *found, entry = { .order = 9 };
		uint64_t before = topic_index_generation(index);
		struct capsule_error err;

		assert_int_equal(topic_index_match(index, span_text(bad[i]), &found), 0);
		for (int tail = TOPIC_TAIL_ONE; tail <= TOPIC_TAIL_REST; tail++) {
			assert_int_equal(topic_index_add(index, span_text(bad[i]), (enum topic_tail)tail, &entry, &err),
				CAPSULE_EINVAL);
			assert_non_null(strstr(err.text, "has empty segments"));
			assert_null(entry.node);
		}
		assert_int_equal(topic_index_generation(index), before);
	}
	for (size_t i = 0; i < 4; i++)
		topic_index_remove(index, &any[i].entry);
}

/* `count` segments: `head`, then "x" each; the last one is `tail`. */
static const char *deep(struct buffer *text, const char *head, size_t count, const char *tail)
{
	buffer_clear(text);
	(void)buffer_append_text(text, head);
	for (size_t i = 2; i < count; i++)
		(void)buffer_append_text(text, ".x");
	(void)(buffer_append_byte(text, '.') && buffer_append_text(text, tail));
	return buffer_text(text);
}

/* rt:231 */
static void topics_of_more_than_20_segments_reach_no_subscription(void **state)
{
	struct buffer topic = { 0 }, pattern = { 0 };

	assert_true(reaches(*state, "a.*", TOPIC_TAIL_REST, deep(&topic, "a", 20, "z")));
	assert_true(reaches(*state, deep(&pattern, "a", 20, "z"), TOPIC_TAIL_REST, deep(&topic, "a", 20, "z")));
	assert_true(reaches(*state, deep(&pattern, "a", 20, "*"), TOPIC_TAIL_REST, deep(&topic, "a", 20, "z")));
	for (size_t count = 21; count <= 22; count++) {
		(void)deep(&topic, "a", count, "z");
		assert_false(reaches(*state, "a.*", TOPIC_TAIL_REST, buffer_text(&topic)));
		assert_false(reaches(*state, buffer_text(&topic), TOPIC_TAIL_REST, buffer_text(&topic)));
		assert_false(reaches(*state, deep(&pattern, "a", count, "*"), TOPIC_TAIL_REST, buffer_text(&topic)));
		assert_true(reaches(*state, buffer_text(&topic), TOPIC_TAIL_ONE, buffer_text(&topic)));
		assert_true(reaches(*state, deep(&pattern, "*", count, "*"), TOPIC_TAIL_ONE, buffer_text(&topic)));
	}
	buffer_fini(&topic);
	buffer_fini(&pattern);
}

static void the_deepest_topic_of_256_bytes_is_matched(void **state)
{
	struct buffer topic = { 0 }, pattern = { 0 };

	(void)deep(&topic, "a", 128, "z");
	assert_int_equal(topic.len, 255);
	(void)deep(&pattern, "*", 128, "*");
	{
		struct topic_entry *const *found, entry = { .order = 1 };

		assert_int_equal(
			topic_index_add(*state, buffer_span(&pattern), TOPIC_TAIL_ONE, &entry, NULL), CAPSULE_OK);
		assert_int_equal(topic_index_match(*state, buffer_span(&topic), &found), 1);
		(void)deep(&topic, "a", 129, "z");
		assert_int_equal(topic_index_match(*state, buffer_span(&topic), &found), 0);
		topic_index_remove(*state, &entry);
	}
	buffer_fini(&topic);
	buffer_fini(&pattern);
}

static void results_come_in_their_order_however_they_were_entered(void **state)
{
	static const char *const patterns[] = { "a.*", "a.b", "*.b", "a.b", "*.*", "a.*" };
	struct topic_entry *const *found;
	static struct subject subjects[6 * 20];
	size_t count = sizeof subjects / sizeof subjects[0];

	for (size_t i = 0; i < count; i++) {
		set(&subjects[i], patterns[i % 6], i % 2 == 0 ? TOPIC_TAIL_ONE : TOPIC_TAIL_REST, 1 + i * 7 % count);
		enter(*state, &subjects[i]);
		assert_int_equal(topic_index_match(*state, span_text("a.b"), &found), i + 1);
		for (size_t k = 0; k < i; k++)
			assert_true(found[k]->order < found[k + 1]->order);
	}
	for (size_t i = 0; i < count; i++)
		topic_index_remove(*state, &subjects[i].entry);
	assert_int_equal(topic_index_match(*state, span_text("a.b"), &found), 0);
}

static void the_generation_changes_with_every_entry(void **state)
{
	struct topic_index *index = *state;
	uint64_t first = topic_index_generation(index), second;
	struct subject subject;

	set(&subject, "a.b", TOPIC_TAIL_ONE, 1);
	assert_int_not_equal(first, 0);
	topic_index_remove(index, &subject.entry); /* in none: harmless */
	assert_int_equal(topic_index_generation(index), first);
	enter(index, &subject);
	second = topic_index_generation(index);
	assert_int_not_equal(second, first);
	topic_index_remove(index, &subject.entry);
	assert_int_not_equal(topic_index_generation(index), second);
	assert_int_not_equal(topic_index_generation(index), first);
	second = topic_index_generation(index);
	topic_index_remove(index, &subject.entry);
	assert_int_equal(topic_index_generation(index), second);
}

/* ---- Thousands of patterns beside the relations ---- */

enum { SUBJECTS = 4000, STEPS = 12000, PROBE_EVERY = 16 };

static uint64_t random_state = UINT64_C(0x853c49e6748fea9b);

static size_t random_below(size_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state >> 33) % limit;
}

/* Few letters near the root, so that patterns share their beginnings; sometimes a name of its own. */
static void random_name(char out[static 128], size_t wild)
{
	static const char *const words[] = { "a", "b", "c", "ab", "tool", "x*", "**", "\xC3\xA9" };
	size_t segments = random_below(40) == 0 ? 19 + random_below(4) : 1 + random_below(5), len = 0;

	for (size_t i = 0; i < segments; i++) {
		len += (size_t)snprintf(out + len, 128 - len, "%s", i > 0 ? "." : "");
		if (random_below(8) < wild)
			len += (size_t)snprintf(out + len, 128 - len, "*");
		else if (random_below(12) == 0)
			len += (size_t)snprintf(out + len, 128 - len, "n%zu", random_below(1000));
		else
			len += (size_t)snprintf(out + len, 128 - len, "%s", words[random_below(3 + 5 * (i > 2))]);
	}
}

static bool expected(const struct subject *subject, struct span topic)
{
	struct span pattern = span_text(subject->pattern);

	if (subject->entry.node == NULL)
		return false;
	if (subject->tail == TOPIC_TAIL_ONE)
		return topic_matches(topic, pattern);
	return topic_segments(topic) <= TOPIC_DEPTH_MAX && topic_delivers(topic, pattern);
}

static size_t probe(struct topic_index *index, const struct subject *subjects)
{
	struct topic_entry *const *found;
	char topic[128];
	size_t count, want = 0;

	random_name(topic, random_below(10) == 0 ? 2 : 0);
	count = topic_index_match(index, span_text(topic), &found);
	for (size_t i = 0; i < SUBJECTS; i++) /* their order is their place in the array */
		if (expected(&subjects[i], span_text(topic))) {
			if (want >= count || found[want] != &subjects[i].entry)
				fail_msg("`%s` misses pattern `%s`", topic, subjects[i].pattern);
			want++;
		}
	assert_int_equal(count, want);
	return count;
}

static void the_index_agrees_with_the_relations(void **state)
{
	struct subject *subjects = calloc(SUBJECTS, sizeof *subjects);
	size_t found = 0, most = 0, in = 0;

	assert_non_null(subjects);
	for (size_t step = 0; step < STEPS; step++) {
		size_t at = random_below(SUBJECTS);
		/* It fills, stays about full, and empties. */
		bool add = step < STEPS / 2 || random_below(3) == 0;

		if (subjects[at].entry.node != NULL && (!add || random_below(4) == 0)) {
			topic_index_remove(*state, &subjects[at].entry);
			in--;
		} else if (subjects[at].entry.node == NULL && add) {
			char pattern[128];

			random_name(pattern, 2);
			set(&subjects[at], pattern, random_below(2) == 0 ? TOPIC_TAIL_ONE : TOPIC_TAIL_REST, at + 1);
			enter(*state, &subjects[at]);
			in++;
		}
		most = in > most ? in : most;
		if (step % PROBE_EVERY == 0)
			found += probe(*state, subjects);
	}
	assert_true(most > SUBJECTS / 2 && found > 1000); /* or nothing was compared */
	for (size_t i = 0; i < SUBJECTS; i++)
		topic_index_remove(*state, &subjects[i].entry);
	assert_int_equal(probe(*state, subjects), 0);
	free(subjects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subscriptions_get_the_rest_behind_a_last_star),
		cmocka_unit_test(interceptors_get_one_segment_for_each_star),
		cmocka_unit_test(empty_segments_never_match),
		cmocka_unit_test(topics_of_more_than_20_segments_reach_no_subscription),
		cmocka_unit_test(the_deepest_topic_of_256_bytes_is_matched),
		cmocka_unit_test(results_come_in_their_order_however_they_were_entered),
		cmocka_unit_test(the_generation_changes_with_every_entry),
		cmocka_unit_test(the_index_agrees_with_the_relations),
	};

	return cmocka_run_group_tests_name("bus_topic_index", tests, set_up, tear_down);
}
