/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Dotted names - topics, capability bodies - and the two ways to match them. A segment is what stands between dots; "" has
 * one, empty, segment. `*` is a wildcard only where it is a whole segment. All functions: no allocation, threads any. */
#ifndef BASE_TOPIC_H
#define BASE_TOPIC_H

#include "base/span.h"

/* What begins so tells what has happened: published by the runtime alone. */
#define TOPIC_LIFECYCLE "astrid.v1.lifecycle."

/** Whether `topic` is not empty and no segment of it is: any other characters pass. */
bool topic_valid(struct span topic);

/** How many segments it has; 1 for "". */
size_t topic_segments(struct span topic);

/** Whether `topic` matches `pattern` for access lists of publishers and for interceptors: both valid, as many segments, each
 *  equal or `*` in the pattern. A `*` in the topic is a literal. */
bool topic_matches(struct span topic, struct span pattern);

/** Whether what `pattern` delivers contains `topic`: as topic_matches(), but a last segment `*` after a dot stands for one
 *  or more segments. The pattern "*" alone means topics of one segment. */
bool topic_delivers(struct span topic, struct span pattern);

/** Whether everything that a subscription to `wanted` delivers is delivered by `pattern` too (both read as by
 *  topic_delivers()). */
bool topic_covers(struct span pattern, struct span wanted);

/** Whether there is a topic that both patterns match: each as by topic_delivers() when its `tail` is true, else as by
 *  topic_matches(). */
bool topic_overlaps(struct span a, bool a_tail, struct span b, bool b_tail);

#endif
