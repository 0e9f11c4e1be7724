/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule call: one tool of one capsule. */
#include "cli/command.h"
#include "cli/invoke.h"

int cmd_call(struct cli *cli)
{
	static const struct invocation tool = { .kind = BATCH_TOOL, .default_input = "{}", .name_key = "tool" };

	return cli_invoke(cli, &tool);
}
