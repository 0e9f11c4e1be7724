/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the launcher gets, put together: its descriptors and its words. */
#ifndef PROCESS_SPAWN_WORDS_H
#define PROCESS_SPAWN_WORDS_H

#include "process/launch.h"
#include "process/process.h"
#include "process/sandbox_wrap.h"

#define SPAWN_NUMBERS 16 /* most words that are numbers */

/* What the launcher may have open: its own, the inner launcher's, the program's, the image, bubblewrap's. */
#define SPAWN_FDS_MAX (INSIDE_FDS + 1 + PROCESS_FDS_MAX + 1 + SANDBOX_WRAP_FDS)

/* Copies of the descriptors that the child gets, above all numbers that they get there, so that none overwrites another on
 * its way. Their places are the numbers. */
struct spawn_fds {
	int fds[SPAWN_FDS_MAX];
	int count;
	int above; /* more than the numbers that they get; at most SPAWN_FDS_MAX */
};

void spawn_fds_drop(struct spawn_fds *table);

/** Copy `fds`. Errors: CAPSULE_EINVAL (one is not open), CAPSULE_EIO. */
MUST_CHECK enum capsule_status spawn_fds_add(
	struct spawn_fds *table, const int *fds, size_t count, struct capsule_error *err);

/* NULL-ended. The array is owned, its strings are not. */
struct spawn_words {
	char **argv;
	size_t count, room;
	char numbers[SPAWN_NUMBERS][24];
	size_t number_count;
};

void spawn_words_drop(struct spawn_words *words);

/** Room for the options and `extra` other words. False: out of memory. */
bool spawn_words_init(struct spawn_words *words, size_t extra);
void spawn_words_add(struct spawn_words *words, const char *word);
void spawn_words_add_all(struct spawn_words *words, char *const *more);
void spawn_words_add_number(struct spawn_words *words, const char *name, uint64_t number);
void spawn_words_add_limits(struct spawn_words *words, const struct process_limits *limits);

/** How many there are before the NULL. */
size_t spawn_words_count(const char *const *words);

/** Both for a sandboxed child; `ends` as spawn_launcher() has them, `wrap` is what was made for it and must outlive the
 *  words. Errors: as process_start(), and those of sandbox_wrap_make(). */
struct spawn_ends;
MUST_CHECK enum capsule_status spawn_sandboxed(struct spawn_words *words, struct spawn_fds *table,
	struct sandbox_wrap *wrap, const struct process_spec *spec, const struct spawn_ends *ends,
	struct capsule_error *err);

#endif
