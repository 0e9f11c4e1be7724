/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Makes the tables of commands and options from their rows. */
#include "cli/command.h"
#include "cli/text.h"
#include <string.h>

const struct command cli_commands[] = {
#define COMMAND(name, operands, least, most, options, summary, help, examples)                                         \
	{ #name, operands, least, most, (uint32_t)(options), summary, help, examples, cmd_##name },
#include "cli/commands.def"
#undef COMMAND
};

const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

const struct option_row cli_options[OPTION_COUNT] = {
#define OPTION(symbol, name, kind, value, field, least, most, words, help)                                             \
	{ name, OPTION_##kind, value, offsetof(struct options, field), least, most, words, help },
#include "cli/options.def"
#undef OPTION
};

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
