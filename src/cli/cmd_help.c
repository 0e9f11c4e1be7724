/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Help: everything in it comes from the tables, nothing is written twice. */
#include "cli/command.h"
#include "cli/text.h"
#include <string.h>

#define OPTION_COLUMN 24

static void heading(const struct output *out, FILE *stream, const char *text)
{
	cli_print_styled(stream, stream == stdout ? out->colour : out->error_colour, STYLE_HEADING, text);
	(void)fputc('\n', stream);
}

/* The name in a column of its own, the text beside it or, when the name is too long, below. */
static void print_item(FILE *stream, const char *name, const char *text)
{
	size_t column = (size_t)fprintf(stream, "  %s", name);

	if (column + 2 > OPTION_COLUMN) {
		(void)fputc('\n', stream);
		column = 0;
	}
	cli_print_wrapped(stream, text, strlen(text), OPTION_COLUMN, column);
}

static void print_options(const struct output *out, FILE *stream, uint64_t options)
{
	heading(out, stream, "Options:");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &cli_options[i];
		char name[64];

		if ((options >> i & 1) == 0)
			continue;
		(void)snprintf(name, sizeof name, "--%s%s%s%s", row->name, row->value != NULL ? " " : "",
			row->value != NULL ? row->value : "", i == OPTION_ID_HELP ? ", -h" : "");
		print_item(stream, name, row->help);
		if (row->words != NULL) {
			char words[64];

			(void)snprintf(words, sizeof words, "%s: %s", row->value, row->words);
			cli_print_wrapped(stream, words, strlen(words), OPTION_COLUMN, 0);
		}
	}
}

static void print_paragraphs(FILE *stream, const char *text)
{
	while (*text != '\0') {
		const char *end = strstr(text, "\n\n");
		size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

		cli_print_wrapped(stream, text, len, 0, 0);
		(void)fputc('\n', stream);
		text += end != NULL ? len + 2 : len;
	}
}

static void print_overview(const struct output *out, FILE *stream)
{
	(void)fputs("Usage: capsule COMMAND [ARGUMENTS] [OPTIONS]\n\n", stream);
	print_paragraphs(
		stream, "Runs capsules: sandboxed WebAssembly modules that may do what their manifest declares.");
	heading(out, stream, "Commands:");
	for (size_t i = 0; i < cli_command_count; i++)
		print_item(stream, cli_commands[i].name, cli_commands[i].summary);
	(void)fputc('\n', stream);
	print_options(out, stream, COMMAND_OPTIONS);
	(void)fputs("\n'capsule help COMMAND' explains one command.\n"
		    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the answer is no,\n130 interrupted.\n",
		stream);
}

static void print_examples(const struct output *out, FILE *stream, const char *lines)
{
	heading(out, stream, "Examples:");
	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n");

		(void)fprintf(stream, "  %.*s\n", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

/* On one line if it fits. */
static void print_usage(FILE *stream, const struct command *command)
{
	char text[256];
	int column = fprintf(stream, "Usage: capsule %s", command->name);

	(void)snprintf(text, sizeof text, "%s%s[OPTIONS]", command->operands, command->operands[0] != '\0' ? " " : "");
	(void)fputc(' ', stream);
	cli_print_wrapped(stream, text, strlen(text), 2, column > 0 ? (size_t)column + 1 : 0);
}

void cli_help_print(const struct output *out, FILE *stream, const struct command *command)
{
	if (command == NULL) {
		print_overview(out, stream);
		return;
	}
	print_usage(stream, command);
	(void)fprintf(stream, "\n%s.\n\n", command->summary);
	print_paragraphs(stream, command->help);
	print_options(out, stream, command->options | COMMAND_OPTIONS);
	(void)fputc('\n', stream);
	print_examples(out, stream, command->examples);
}

int cmd_help(struct cli *cli)
{
	const struct command *command = NULL;

	if (cli->operand_count > 0) {
		command = cli_command_find(cli->operands[0]);
		if (command == NULL)
			return 2;
	}
	cli_help_print(&cli->out, stdout, command);
	return 0;
}
