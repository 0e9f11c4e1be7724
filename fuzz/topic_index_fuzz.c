/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines that enter patterns into an index ("1" and a pattern whose last `*` is one segment, "+" and one where it is the
 * rest), take them out ("-" and the byte that says which) or look for a topic (any other line). What is found is what
 * base/topic.h says, pattern by pattern. */
#include "bus/topic_index.h"

#include "base/topic.h"
#include "fuzz/target.h"

enum { SUBJECTS = 64, DEEPEST = 128 };

static struct subject {
	struct topic_entry entry;
	struct span pattern;
	enum topic_tail tail;
} subjects[SUBJECTS];

static void add(struct topic_index *index, struct span pattern, enum topic_tail tail, uint64_t order)
{
	uint64_t before = topic_index_generation(index);
	struct capsule_error err = { 0 };
	enum capsule_status status;
	size_t at = 0;

	while (at < SUBJECTS && subjects[at].entry.node != NULL)
		at++;
	if (at == SUBJECTS)
		return;
	/* Not always at the end of the order. */
	subjects[at] =
		(struct subject){ .entry.order = order * 37 % 997 * 1000 + order, .pattern = pattern, .tail = tail };
	status = topic_index_add(index, pattern, tail, &subjects[at].entry, &err);
	CHECK(status == (topic_valid(pattern) ? CAPSULE_OK : CAPSULE_EINVAL));
	CHECK((subjects[at].entry.node != NULL) == (status == CAPSULE_OK));
	CHECK((topic_index_generation(index) != before) == (status == CAPSULE_OK));
}

static bool expected(const struct subject *subject, struct span topic)
{
	if (subject->entry.node == NULL || topic_segments(topic) > DEEPEST)
		return false;
	if (subject->tail == TOPIC_TAIL_ONE)
		return topic_matches(topic, subject->pattern);
	return topic_segments(topic) <= TOPIC_DEPTH_MAX && topic_delivers(topic, subject->pattern);
}

static void match(struct topic_index *index, struct span topic)
{
	struct topic_entry *const *found;
	size_t count = topic_index_match(index, topic, &found), want = 0;

	for (size_t i = 0; i + 1 < count; i++)
		CHECK(found[i]->order < found[i + 1]->order);
	for (size_t i = 0; i < SUBJECTS; i++) {
		size_t at = 0;

		while (at < count && found[at] != &subjects[i].entry)
			at++;
		CHECK((at < count) == expected(&subjects[i], topic));
		want += at < count;
	}
	CHECK(count == want);
}

static void line(struct topic_index *index, struct span text, uint64_t order)
{
	struct span rest = text.len > 0 ? span_of(text.data + 1, text.len - 1) : text;

	if (text.len > 0 && text.data[0] == '1')
		add(index, rest, TOPIC_TAIL_ONE, order);
	else if (text.len > 0 && text.data[0] == '+')
		add(index, rest, TOPIC_TAIL_REST, order);
	else if (text.len > 1 && text.data[0] == '-')
		topic_index_remove(index, &subjects[rest.data[0] % SUBJECTS].entry);
	else
		match(index, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topic_index *index = NULL;
	uint64_t lines = 0;

	CHECK(topic_index_new(&index, NULL) == CAPSULE_OK);
	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t len = end != NULL ? (size_t)(end - data) - at : size - at;

		line(index, span_of(data + at, len), ++lines);
		at += len + 1;
	}
	for (size_t i = 0; i < SUBJECTS; i++)
		topic_index_remove(index, &subjects[i].entry);
	topic_index_free(index);
	return 0;
}
