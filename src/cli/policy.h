/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies for commands: made from the options, and the exit status that says no. */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include "cli/command.h"
#include <capsule/policy.h>

#define CLI_EXIT_NO 3 /* it is done, and the answer is no: denied, or more than before */

/** The policy of the capsule `path` for the workspace and home of the options. Free with capsule_policy_free(). Returns the exit
 *  status: 0, or another after having said why. */
int cli_policy_open(struct cli *cli, const char *path, struct capsule_policy **policy);

#endif
