/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a sandbox shows of the system: its programs and libraries, and the few files of /etc that they read. An allow-list: what
 * is not named here is not there. Threads: any. */
#ifndef PROCESS_SANDBOX_SYSTEM_H
#define PROCESS_SANDBOX_SYSTEM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Words of a command, NULL-ended after the first was added. */
struct sandbox_words {
	char **words; /* owned, as each of them */
	size_t count, capacity;
	bool failed; /* out of memory: some are missing */
};

/** Append copies of `first` and those behind it, up to a NULL. */
void sandbox_words_add(struct sandbox_words *words, const char *first, ...) __attribute__((sentinel));
void sandbox_words_fini(struct sandbox_words *words);

/* Small files, opened: bubblewrap copies them into the root of the sandbox, which is faster than a mount each. */
#define SANDBOX_COPIES_MAX 16
#define SANDBOX_COPY_MAX (256 * 1024) /* bytes of a file that is copied */

struct sandbox_copies {
	int fds[SANDBOX_COPIES_MAX];     /* owned */
	char *paths[SANDBOX_COPIES_MAX]; /* owned */
	size_t count;
};

void sandbox_copies_fini(struct sandbox_copies *copies);

/** Append what bubblewrap is told about the system's folders and files; with a `network` also how names are resolved. Small
 *  files are added to `copies` instead. Errors: CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_system_add(
	struct sandbox_words *words, struct sandbox_copies *copies, bool network, struct capsule_error *err);

#endif
