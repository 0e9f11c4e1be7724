/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which of a list of names stand in it twice, in time that grows hardly faster than the list. */
#ifndef MANIFEST_TWINS_H
#define MANIFEST_TWINS_H

#include <stdbool.h>
#include <stddef.h>

struct twin {
	const char *name, *more; /* both must be equal; NULL is like no other */
	size_t first; /* index of the first item that is equal to this one, its own when there is none before */
};

/** Set `first` of `count` items. False when out of memory. Threads: any. */
bool twins_find(struct twin *items, size_t count);

#endif
