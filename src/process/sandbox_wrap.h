/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between sandbox.c, which says what bubblewrap is told, and spawn_sandbox.c, which starts it: see launch.h.
 * Bubblewrap gets /dev/null, /dev/null and a pipe of ours as its standard streams, since it keeps those open, and an
 * empty environment, since it is linked dynamically: the program's LD_PRELOAD would take effect in it, outside of the
 * sandbox. */
#ifndef PROCESS_SANDBOX_WRAP_H
#define PROCESS_SANDBOX_WRAP_H

#include "process/program.h"
#include "process/sandbox.h"

#define SANDBOX_WRAP_FDS 64

struct sandbox_wrap {
	char **words; /* NULL-ended, owned: the absolute path of bwrap, its options, "--" */
	size_t count;
	int fds[SANDBOX_WRAP_FDS]; /* owned, at their start; the words name them as numbers from `first_fd` on */
	size_t fd_count;
};

/** What bwrap is told for `plan`, with the script of `image` (may be NULL) shown in its place; `first_fd` is the
 *  number that fds[0] has in bwrap. Of the options --unshare-pid and --as-pid-1 must be among them, since the inner
 *  launcher is the first process, and a /proc; --die-with-parent must not, since who dies in the middle of making a
 *  sandbox may leave its child waiting for ever. sandbox_wrap_fini() in any case. Errors: CAPSULE_EUNSUPPORTED (as
 *  sandbox_available()), CAPSULE_EINVAL, CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_wrap_make(struct sandbox_wrap *out, const struct sandbox_plan *plan,
	const struct program_image *image, int first_fd, struct capsule_error *err);
void sandbox_wrap_fini(struct sandbox_wrap *wrap);

#endif
