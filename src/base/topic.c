/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counts are compared before segments: a walk in pairs that ends with the shorter side takes `a` for `a.b`. */
#include "base/topic.h"

bool topic_valid(struct span topic)
{
	bool dot = true; /* a dot, or the beginning, stands before */

	for (size_t i = 0; i < topic.len; i++) {
		if (topic.data[i] == '.' && dot)
			return false;
		dot = topic.data[i] == '.';
	}
	return !dot;
}

size_t topic_segments(struct span topic)
{
	size_t count = 1;

	for (size_t i = 0; i < topic.len; i++)
		count += topic.data[i] == '.';
	return count;
}

/* Take the first segment, and the dot behind it, off `rest`. */
static struct span segment_take(struct span *rest)
{
	const uint8_t *dot = rest->len > 0 ? memchr(rest->data, '.', rest->len) : NULL;
	struct span segment = *rest;

	if (dot == NULL) {
		rest->len = 0;
		return segment;
	}
	segment.len = (size_t)(dot - rest->data);
	*rest = span_of(dot + 1, rest->len - segment.len - 1);
	return segment;
}

/* Whether the first `count` segments of `pattern` are `*` or those of `topic`. An empty one fits no valid topic, so that a
 * malformed pattern needs no check of its own. */
static bool segments_fit(struct span topic, struct span pattern, size_t count)
{
	while (count-- > 0) {
		struct span wanted = segment_take(&pattern), have = segment_take(&topic);

		if (!span_is(wanted, "*") && !span_equal(wanted, have))
			return false;
	}
	return true;
}

/* Whether the last segment stands for one or more. */
static bool ends_open(struct span pattern)
{
	return pattern.len >= 3 && memcmp(pattern.data + pattern.len - 2, ".*", 2) == 0;
}

bool topic_matches(struct span topic, struct span pattern)
{
	size_t count = topic_segments(pattern);

	return topic_valid(topic) && topic_segments(topic) == count && segments_fit(topic, pattern, count);
}

bool topic_delivers(struct span topic, struct span pattern)
{
	size_t count = topic_segments(pattern);

	if (!ends_open(pattern))
		return topic_matches(topic, pattern);
	return topic_valid(topic) && topic_segments(topic) >= count && segments_fit(topic, pattern, count - 1);
}

/* A segment `*` of `wanted` is a text that only `*` in `pattern` fits, and so the question is the one whether a topic is
 * delivered: a pattern of one depth ends in a segment that the last `*` of a deeper one is not. */
/* Whether the first `count` segments of both can be the same. */
static bool segments_meet(struct span a, struct span b, size_t count)
{
	while (count-- > 0) {
		struct span left = segment_take(&a), right = segment_take(&b);

		if (!span_is(left, "*") && !span_is(right, "*") && !span_equal(left, right))
			return false;
	}
	return true;
}

bool topic_overlaps(struct span a, bool a_tail, struct span b, bool b_tail)
{
	bool a_open = a_tail && ends_open(a), b_open = b_tail && ends_open(b);
	size_t a_count = topic_segments(a), b_count = topic_segments(b);

	if (!topic_valid(a) || !topic_valid(b))
		return false;
	if (a_open && b_open)
		return segments_meet(a, b, (a_count < b_count ? a_count : b_count) - 1);
	if (a_open)
		return b_count >= a_count && segments_meet(a, b, a_count - 1);
	if (b_open)
		return a_count >= b_count && segments_meet(a, b, b_count - 1);
	return a_count == b_count && segments_meet(a, b, a_count);
}

bool topic_covers(struct span pattern, struct span wanted)
{
	return topic_delivers(wanted, pattern);
}
