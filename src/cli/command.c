/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Finding a command and running it. */
#include "cli/command.h"
#include "cli/text.h"
#include <string.h>

int cli_command_run(struct cli *cli)
{
	static int (*const runs[])(struct cli *) = {
#define COMMAND(name, ...) cmd_##name,
#include "cli/commands.def"
#undef COMMAND
	};

	return runs[cli->command - cli_commands](cli);
}

const struct command *cli_command_find(const char *name)
{
	struct nearest nearest = cli_nearest_start(name);

	for (size_t i = 0; i < cli_command_count; i++) {
		if (strcmp(name, cli_commands[i].name) == 0)
			return &cli_commands[i];
		cli_nearest_offer(&nearest, cli_commands[i].name);
	}
	cli_say("there is no command '%s'%s\n'capsule help' lists them", CLI_SHORT(name), CLI_MEANT(&nearest, ""));
	return NULL;
}
