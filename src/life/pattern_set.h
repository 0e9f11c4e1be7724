/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Patterns of topics, sorted so that the question which of them can mean the same topic as another pattern costs the
 * segments of that one and not the size of the set, unless it begins with wildcards. Threads: any, one set by one thread at
 * a time. */
#ifndef LIFE_PATTERN_SET_H
#define LIFE_PATTERN_SET_H

#include "base/limits.h"
#include "base/span.h"

/* A pattern, taken apart. */
struct pattern {
	const char *text;                    /* borrowed */
	uint16_t ends[LIMIT_TOPIC_SEGMENTS]; /* of its segments */
	uint8_t count;
	bool open; /* the last segment stands for one or more */
};

struct pattern_set {
	struct pattern *items;
	size_t count, room;
	size_t groups[2][LIMIT_TOPIC_SEGMENTS + 1]; /* [open][segments]: the first one of the group */
};

/** Add `text` (borrowed, must outlive the set), read as by topic_delivers() when `tail` is true, else as by topic_matches().
 *  What no capsule can publish is left out: empty segments, more than LIMIT_TOPIC_SEGMENTS or LIMIT_TOPIC bytes. False when
 *  out of memory. */
bool pattern_set_add(struct pattern_set *set, struct span text, bool tail);

/** All are added: pattern_set_meets() may be asked. */
void pattern_set_close(struct pattern_set *set);

/** Whether a topic that can be published is matched by a pattern of the set and by `text`, see topic_overlaps(). `*steps` is
 *  how many searches are left, one or more less afterwards; at 0 the answer is true. */
bool pattern_set_meets(const struct pattern_set *set, struct span text, bool tail, uint64_t *steps);

void pattern_set_fini(struct pattern_set *set);

#endif
