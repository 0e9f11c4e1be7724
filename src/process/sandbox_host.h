/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What this machine has for sandboxes, and why it refuses to make one. The functions of sandbox.h with the same
 * endings ask this about the machine itself; tests ask about folders that look like another one. Threads: any. */
#ifndef PROCESS_SANDBOX_HOST_H
#define PROCESS_SANDBOX_HOST_H

#include "base/error.h"
#include "base/span.h"

#include <stdbool.h>

struct sandbox_host {
	const char *root; /* put before /proc/sys, /etc and /run; "" is this machine */
	const char *path; /* colon-separated folders in which bwrap is looked for */
	bool ordinary;    /* as an ordinary user, whoever this is */
};

extern const struct sandbox_host sandbox_host_here;

/** The absolute path of bwrap, the caller's. Errors: CAPSULE_EUNSUPPORTED (there is none, with what to install),
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_host_find(
	char **bwrap, const struct sandbox_host *host, struct capsule_error *err);

/** Whether the program at `bwrap` has the option `name`, told from its help text without running it. False when it
 *  can't be read. */
bool sandbox_host_knows(const char *bwrap, const char *name);

/** sandbox_available() and sandbox_explain() for `host`. */
MUST_CHECK enum capsule_status sandbox_host_available(const struct sandbox_host *host, struct capsule_error *err);
enum capsule_status sandbox_host_explain(const struct sandbox_host *host, struct span said, struct capsule_error *err);

#endif
