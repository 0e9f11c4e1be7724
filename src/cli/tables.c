/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tables of commands and options, made from their rows. Nothing here needs the library, so that the program that writes the
 * man pages can be built from them alone. */
#include "cli/command.h"

const struct command cli_commands[] = {
#define COMMAND(name, operands, least, most, options, summary, help, examples)                                         \
	{ #name, operands, least, most, (uint64_t)(options), summary, help, examples },
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
