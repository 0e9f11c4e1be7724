/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/policy.h"
#include "cli/path.h"
#include <stdlib.h>

int cli_policy_open(struct cli *cli, const char *path, struct capsule_policy **policy)
{
	struct capsule_policy_options options = { .size = sizeof options, .workspace = cli->options.workspace };
	char *home = NULL;
	int status = cli_path_absolute(cli->options.home, &home);

	if (status != 0)
		return status;
	options.home = home;
	if (capsule_policy_new(policy, path, &options, cli->error) != CAPSULE_OK)
		status = cli_say_error(cli->error);
	free(home);
	return status;
}
