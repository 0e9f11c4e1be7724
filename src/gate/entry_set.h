/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of which each stands for itself and for all below it: folders, or host names with their subdomains. Those that stand
 * below another one are left out when the set is closed, so that at most one can be the answer: the last one that does not
 * come behind what is looked for. Finding takes a binary search and allocates nothing. */
#ifndef GATE_ENTRY_SET_H
#define GATE_ENTRY_SET_H

#include "base/error.h"
#include "base/span.h"

struct entry_set_item {
	struct span name; /* borrowed or owned by whoever filled the set */
	size_t index;     /* the caller's */
};

struct entry_set {
	int (*compare)(struct span a, struct span b);
	bool (*below)(struct span name, struct span wanted);
	struct entry_set_item *items;
	size_t count, capacity;
};

/** Empty sets of absolute paths and of host names. */
struct entry_set entry_set_of_paths(void);
struct entry_set entry_set_of_hosts(void);

/** Add `name` (borrowed, must outlive the set). Returns false when out of memory. */
MUST_CHECK bool entry_set_add(struct entry_set *set, struct span name, size_t index);

/** Sort it, after the last name was added. Of equal names the one with the lowest index stays. */
void entry_set_close(struct entry_set *set);

/** The item that `wanted` is or is below; NULL when there is none. Threads: any. */
const struct entry_set_item *entry_set_find(const struct entry_set *set, struct span wanted);

/** Free the items. */
void entry_set_fini(struct entry_set *set);

#endif
