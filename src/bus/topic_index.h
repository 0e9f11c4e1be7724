/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which patterns match a topic: a trie over segments, so that a look-up costs the depth of the topic and what it
 * finds, and never how many patterns there are. Any number of entries may have one pattern. Loop thread only. */
#ifndef BUS_TOPIC_INDEX_H
#define BUS_TOPIC_INDEX_H

#include "base/error.h"
#include "base/list.h"
#include "base/span.h"

/* What a `*` stands for that is the last segment of a pattern, behind others. Anywhere else it is exactly one segment. */
enum topic_tail {
	TOPIC_TAIL_ONE,  /* one segment: interceptors, as topic_matches() */
	TOPIC_TAIL_REST, /* one or more: subscriptions, as topic_delivers() */
};

/* Topics with more segments reach no pattern of TOPIC_TAIL_REST, whatever its last segment is. */
#define TOPIC_DEPTH_MAX 20

struct topic_index;
struct topic_node;

/* A place in the index, part of what its owner looks for. All zero: in none. */
struct topic_entry {
	struct topic_node *node; /* NULL: in no index */
	struct list_node link;
	uint64_t order; /* results come in ascending order; unique in one index */
};

/** An empty index. Free it with topic_index_free(). Errors: CAPSULE_ENOMEM, CAPSULE_EIO (no random bytes for its hash). */
MUST_CHECK enum capsule_status topic_index_new(struct topic_index **out, struct capsule_error *err);

/** Free it (taken; NULL is fine). Its entries must have been removed. */
void topic_index_free(struct topic_index *index);

/** Enter `entry` (borrowed until it is removed, entry->order set) under `pattern` (copied). Errors, which change
 *  nothing: CAPSULE_EINVAL (no valid pattern: "... has empty segments"), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status topic_index_add(struct topic_index *index, struct span pattern, enum topic_tail tail,
	struct topic_entry *entry, struct capsule_error *err);

/** Take `entry` out. Harmless when it is in none. Needs no memory. */
void topic_index_remove(struct topic_index *index, struct topic_entry *entry);

/** The entries whose pattern matches `topic`, in their order: `*out` is borrowed until the next call with this index.
 *  How many there are; none for a topic that is not valid. Needs no memory. */
size_t topic_index_match(struct topic_index *index, struct span topic, struct topic_entry *const **out);

/** A number that changes with every entry that comes or goes, never 0: whoever keeps an answer keeps it beside it. */
uint64_t topic_index_generation(const struct topic_index *index);

#endif
