/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: receipts as a discovery asks for them. */
#ifndef RUNTIME_APPROVAL_H
#define RUNTIME_APPROVAL_H

#include "life/discovery.h"
#include <capsule/discover.h>

/* As places_resolve() gives them; NULL for what there is not. Borrowed. */
struct approval_places {
	const char *home, *workspace, *global;
};

/** A discovery_trust_fn: whether a receipt holds for `found`. `user` is a struct approval_places. What can't be looked at is not approved.
 *  `*why` ends with the command that approves it, quoted for a shell. Errors: CAPSULE_ENOMEM. Blocks on the disk. Threads: any. */
MUST_CHECK enum capsule_status approval_problem(
	void *user, struct discovered *found, char **why, struct capsule_error *err);

#endif
