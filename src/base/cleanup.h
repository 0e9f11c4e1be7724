/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One owner for every object: a local marked HOLD(x_drop) is dropped at the end of its block unless GIVE() handed it on. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define HOLD(drop) __attribute__((cleanup(drop)))

/* Hand over what `holder` owns and leave it empty. */
#define GIVE(holder)                                                                                                   \
	__extension__({                                                                                                \
		__typeof__(holder) *give_from_ = &(holder);                                                            \
		__typeof__(holder) give_value_ = *give_from_;                                                          \
		*give_from_ = NULL;                                                                                    \
		give_value_;                                                                                           \
	})

/* Define `static void name(type *holder)` that calls `free_fn` on what the holder still owns. */
#define DEFINE_DROP(name, type, free_fn)                                                                               \
	static inline void name(type *holder)                                                                          \
	{                                                                                                              \
		if (*holder != NULL)                                                                                   \
			free_fn(*holder);                                                                              \
	}

static inline void free_drop(void *holder)
{
	free(*(void **)holder);
}

static inline void fd_drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* Hand over a descriptor and leave -1 in the holder. */
static inline int fd_give(int *holder)
{
	int fd = *holder;

	*holder = -1;
	return fd;
}

#endif
