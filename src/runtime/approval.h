/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: what an approval is, and receipts as a discovery asks for them. */
#ifndef RUNTIME_APPROVAL_H
#define RUNTIME_APPROVAL_H

#include "consent/trust.h"
#include "life/discovery.h"
#include "runtime/policy.h"
#include <capsule/discover.h>

struct capsule_approval {
	struct capsule_policy *policy;
	struct trust_subject subject;
	char *home;
	char *changes; /* NULL when a receipt holds */
	struct buffer text;
};

/** The workspace in which a discovery finds the capsule at `dir` (canonical): that above .astrid/capsules. Owned; NULL
 *  when it lies elsewhere or memory runs out. */
char *approval_workspace_around(const char *dir);

/** What was parsed, with the hash `parsed`, must be what was hashed for the receipt: somebody may write the file meanwhile. Errors:
 *  CAPSULE_EIO. */
MUST_CHECK enum capsule_status approval_check_parsed(
	const struct trust_subject *subject, const uint8_t parsed[BLAKE3_SIZE], struct capsule_error *err);

/* As places_resolve() gives them; NULL for what there is not. Borrowed. */
struct approval_places {
	const char *home, *workspace, *global;
};

/** A discovery_trust_fn: whether a receipt holds for `found`. `user` is a struct approval_places. What can't be looked
 *  at is not approved. `*why` ends with the command that approves it, quoted for a shell. Errors: CAPSULE_ENOMEM.
 *  Blocks on the disk. Threads: any. */
MUST_CHECK enum capsule_status approval_problem(
	void *user, struct discovered *found, char **why, struct capsule_error *err);

#endif
