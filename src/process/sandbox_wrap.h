/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between sandbox.c, which says what bubblewrap is told, and spawn.c, which starts it. A sandboxed child is started
 * in three steps:
 *
 *   capsule-launch --parent ... -- bwrap WORDS... -- /proc/self/fd/N --inside ... -- PROGRAM ARGUMENT...
 *
 * The outer launcher ties the child to this process and sets limits; bubblewrap makes the sandbox, with /dev/null,
 * /dev/null and a pipe of ours as its standard streams, since it keeps those open; the inner launcher, the same file
 * by descriptor, takes the program's streams from where they wait, asks for the filter of system calls, closes the
 * rest and executes the program by descriptor. */
#ifndef PROCESS_SANDBOX_WRAP_H
#define PROCESS_SANDBOX_WRAP_H

#include "process/program.h"
#include "process/sandbox.h"

#define SANDBOX_WRAP_FDS 6

struct sandbox_wrap {
	char **words; /* NULL-ended, owned: the absolute path of bwrap, its options, "--" */
	size_t count;
	int fds[SANDBOX_WRAP_FDS]; /* owned, at their start; the words name them as numbers from `first_fd` on */
	size_t fd_count;
	int filter_fd; /* owned, at its start: the filter of system calls (struct sock_filter[]), for the inner launcher */
};

/* The variables of the program must not be those of bwrap: it is linked dynamically and runs outside the sandbox, where a
 * GCONV_PATH or LOCPATH of a manifest would have it load code. It needs none. */

/** What bwrap is told for `plan`, with the script of `image` (may be NULL) shown in its place; `first_fd` is the
 *  number that fds[0] has in bwrap. bwrap writes the number of its child into `info_fd` (a number there; -1: it does not).
 *  What it starts is process 1 of the namespace, has a session of its own, and must not be reachable for the program: the
 *  filter of system calls does not hold for it. sandbox_wrap_fini() in any case. Errors: CAPSULE_EUNSUPPORTED (as
 *  sandbox_available()), CAPSULE_EINVAL (a mount has become a link, or is no file or folder), CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_wrap_make(struct sandbox_wrap *out, const struct sandbox_plan *plan,
	const struct program_image *image, int first_fd, int info_fd, struct capsule_error *err);
void sandbox_wrap_fini(struct sandbox_wrap *wrap);

#endif
