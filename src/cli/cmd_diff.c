/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule diff: what a new manifest may do that an old one could not. */
#include "cli/json.h"
#include "cli/policy.h"

static int print(struct cli *cli, struct capsule_policy_difference *difference)
{
	const char *text = cli->options.json ? capsule_policy_difference_json(difference)
					     : capsule_policy_difference_text(difference, cli->out.colour);

	if (text == NULL)
		return cli_say_memory();
	if (cli->options.json)
		return cli_json_print_text(&cli->out, text);
	(void)fputs(text, stdout);
	return 0;
}

static int compare(struct cli *cli, struct capsule_policy *before, struct capsule_policy *after)
{
	struct capsule_policy_difference *difference = NULL;
	int status;

	if (capsule_policy_compare(&difference, before, after, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	status = print(cli, difference);
	if (status == 0 && capsule_policy_widened(difference) > 0)
		status = CLI_EXIT_NO;
	capsule_policy_difference_free(difference);
	return status;
}

int cmd_diff(struct cli *cli)
{
	struct capsule_policy *before = NULL, *after = NULL;
	int status = cli_policy_open(cli, cli->operands[0], &before);

	if (status == 0)
		status = cli_policy_open(cli, cli->operands[1], &after);
	if (status == 0)
		status = compare(cli, before, after);
	capsule_policy_free(before);
	capsule_policy_free(after);
	return status;
}
