/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The commands: one table (commands.def) from which they are found, run and explained. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"
#include "cli/output.h"
#include <capsule/error.h>

/* One run of the program. */
struct cli {
	const struct command *command;
	struct options options;
	const char **operands; /* what is left of the arguments without the options */
	size_t operand_count;
	size_t behind; /* index of the first operand behind "--", SIZE_MAX without one */
	struct output out;
	struct capsule_error *error; /* for calls of the library */
};

struct command {
	const char *name;
	const char *operands; /* how help writes them; operands.h reads it */
	size_t least, most;   /* how many of them */
	uint64_t options;     /* enum option_bit, besides those of every command */
	const char *summary;  /* one line */
	const char *help;     /* paragraphs, separated by empty lines; wrapped when printed */
	const char *examples; /* lines */
};

#define COMMAND_MANY SIZE_MAX

/* Options that every command takes. */
#define COMMAND_OPTIONS ((uint64_t)(OPTION_BIT_COLOR | OPTION_BIT_HELP))

extern const struct command cli_commands[];
extern const size_t cli_command_count;

/** The command called `name`, or NULL after having said so on standard error (the nearest name is offered). */
const struct command *cli_command_find(const char *name);

/** Run cli->command. Returns the program's exit status. */
int cli_command_run(struct cli *cli);

/** Print the help of `command`, of the whole program for NULL, on `stream`, one of the standard ones. */
void cli_help_print(const struct output *out, FILE *stream, const struct command *command);

/* Each command returns the program's exit status and has told on standard error why it is not 0. */
#define COMMAND(name, ...) int cmd_##name(struct cli *cli);
#include "cli/commands.def"
#undef COMMAND

#endif
