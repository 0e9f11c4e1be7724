/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a person should think about before agreeing to an entry. */
#ifndef GATE_POLICY_DANGER_H
#define GATE_POLICY_DANGER_H

#include "gate/entry.h"
#include "gate/policy.h"

/** Why `row` (operation, key, entry and target set, by_component does not count) grants more than most capsules should have;
 *  NULL when it does not. Static. */
const char *policy_danger(const struct policy_row *row, const struct entry_roots *roots);

#endif
