/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a sandbox shows of the system: its programs and libraries, and the few files of /etc that they read. An
 * allow-list: what is not named here is not there. Threads: any. */
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

/** Append what bubblewrap is told about the system's folders and files; with a `network` also how names are resolved.
 *  Errors: CAPSULE_EIO. */
MUST_CHECK enum capsule_status sandbox_system_add(struct sandbox_words *words, bool network, struct capsule_error *err);

#endif
