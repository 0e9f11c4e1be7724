/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: what a public policy is. */
#ifndef RUNTIME_POLICY_H
#define RUNTIME_POLICY_H

#include "base/blake3.h"
#include "gate/entry.h"
#include "gate/policy.h"
#include <capsule/policy.h>

struct capsule_policy {
	struct manifest *manifest;
	uint8_t hash[BLAKE3_SIZE];       /* of the manifest's bytes */
	char *dir;                       /* its folder, canonical */
	char *workspace, *home, *global; /* as places_resolve() gives them */
	struct entry_roots roots;
	struct policy policy;
	struct gate *gate;     /* that of the component, which may do most */
	struct buffer text;    /* last rendering */
	struct buffer operand; /* of the last decision, and so on */
	struct buffer reason, fix;
};

/** Append what the servers and the commands of the capsule would run and see, as text (nothing when there are none) and
 *  as the members "servers" and "commands" with a comma in front. Block on the disk. Return false as buffer_append()
 *  does. */
bool policy_append_programs_text(const struct capsule_policy *policy, bool colour, struct buffer *out);
bool policy_append_programs_json(const struct capsule_policy *policy, struct buffer *out);

#endif
