/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule exec: any export of any module, without a manifest. */
#include "cli/command.h"
#include "cli/invoke.h"

int cmd_exec(struct cli *cli)
{
	static const struct invocation export = {
		.kind = BATCH_EXPORT, .bare = true, .default_input = "", .name_key = "export"
	};

	return cli_invoke(cli, &export);
}
