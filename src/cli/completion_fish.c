/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The script for fish: a line for each command, option and operand, with the condition under which it is offered. */
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/operands.h"
#include <string.h>

static const char head[] =
	"# Completion of capsule for fish, made by \"capsule completion fish\".\n"
	"\n"
	"function __capsule_in -a command -d 'Whether the command is this one'\n"
	"\tset -l words (commandline -opc)\n"
	"\ttest \"$words[2]\" = \"$command\"\n"
	"end\n"
	"\n"
	"function __capsule_at -a command place -d 'Whether operand number place of this command is wanted'\n"
	"\t__capsule_in $command; or return\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -e words[1..2]\n"
	"\tset -l count 0\n"
	"\tset -l state options\n"
	"\tfor word in $words\n"
	"\t\tswitch \"$state:$word\"\n"
	"\t\t\tcase 'value:*'\n"
	"\t\t\t\tset state options\n"
	"\t\t\tcase 'options:--'\n"
	"\t\t\t\tset state operands\n"
	"\t\t\tcase";

static const char middle[] = "\n"
			     "\t\t\t\tset state value\n"
			     "\t\t\tcase 'options:-?*'\n"
			     "\t\t\tcase '*'\n"
			     "\t\t\t\tset count (math $count + 1)\n"
			     "\t\tend\n"
			     "\tend\n"
			     "\ttest \"$place\" = '*' -o \"$place\" = $count\n"
			     "end\n"
			     "\n"
			     "function __capsule_languages -d 'The languages that there is an SDK for'\n"
			     "\tcapsule sdk 2>/dev/null | string replace -r ' .*' ''\n"
			     "end\n"
			     "\n"
			     "complete -c capsule -f\n"
			     "complete -c capsule -n __fish_is_first_token -s h -l help -d 'print help'\n"
			     "complete -c capsule -n __fish_is_first_token -s V -l version -d 'print the version'\n";

static void print_text(const char *text)
{
	(void)fputc('\'', stdout);
	cli_print_escaped(text, strlen(text), "'\\", "\\");
	(void)fputc('\'', stdout);
}

static void print_commands(const char *condition)
{
	for (size_t i = 0; i < cli_command_count; i++) {
		(void)printf("complete -c capsule -n %s -a %s -d ", condition, cli_commands[i].name);
		print_text(cli_commands[i].summary);
		(void)fputc('\n', stdout);
	}
}

/* What may stand there, as options of "complete". */
static void print_kinds(unsigned kinds, const char *words)
{
	if (words != NULL) {
		(void)fputs(" -a '", stdout);
		cli_print_words(words);
		(void)fputc('\'', stdout);
	}
	if (kinds & OPERAND_FILE)
		(void)fputs(" -F", stdout);
	else if (kinds & OPERAND_DIR)
		(void)fputs(" -a '(__fish_complete_directories (commandline -ct) \"\")'", stdout);
	if (kinds & OPERAND_LANGUAGE)
		(void)fputs(" -a '(__capsule_languages)'", stdout);
}

static void print_option(const struct command *command, const struct option_row *row, bool help)
{
	(void)printf("complete -c capsule -n '__capsule_in %s'%s -l %s", command->name, help ? " -s h" : "", row->name);
	if (row->value != NULL) {
		(void)fputs(" -x", stdout);
		print_kinds(cli_operand_kinds(row->value), row->words);
	}
	(void)fputs(" -d ", stdout);
	print_text(row->help);
	(void)fputc('\n', stdout);
}

static void print_operand(const struct command *command, const struct operand *operand, size_t place)
{
	char condition[96], words[128], number[24] = "\\*";

	if ((operand->kinds & ~(unsigned)OPERAND_OTHER) == 0)
		return;
	if (!operand->many)
		(void)snprintf(number, sizeof number, "%zu", place);
	(void)snprintf(condition, sizeof condition, "'__capsule_at %s %s'", command->name, number);
	if (operand->kinds & OPERAND_COMMAND) {
		print_commands(condition);
		return;
	}
	(void)snprintf(words, sizeof words, "%.*s", (int)operand->len, operand->text);
	(void)printf("complete -c capsule -n %s", condition);
	print_kinds(operand->kinds, operand->kinds == OPERAND_WORD ? words : NULL);
	(void)fputc('\n', stdout);
}

static void print_command(const struct command *command)
{
	const char *operands = command->operands;
	struct operand operand;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (((command->options | COMMAND_OPTIONS) >> i & 1) != 0)
			print_option(command, &cli_options[i], i == OPTION_ID_HELP);
	}
	for (size_t place = 0; cli_operand_next(&operands, &operand); place++)
		print_operand(command, &operand, place);
}

void cli_completion_fish(void)
{
	(void)fputs(head, stdout);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (cli_options[i].value != NULL)
			(void)printf(" 'options:--%s'", cli_options[i].name);
	}
	(void)fputs(middle, stdout);
	print_commands("__fish_is_first_token");
	for (size_t i = 0; i < cli_command_count; i++)
		print_command(&cli_commands[i]);
}
