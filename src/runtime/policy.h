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
	uint8_t hash[BLAKE3_SIZE]; /* of the manifest's bytes */
	struct entry_roots roots;
	struct policy policy;
	struct gate *gate;     /* that of the component, which may do most */
	struct buffer text;    /* last rendering */
	struct buffer operand; /* of the last decision, and so on */
	struct buffer reason, fix;
};

#endif
