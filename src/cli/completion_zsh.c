/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The script for zsh: a specification for _arguments for each command. It works from a folder of $fpath and when sourced. */
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/operands.h"
#include <string.h>

static const char head[] =
	"#compdef capsule\n"
	"# Completion of capsule for zsh, made by \"capsule completion zsh\".\n"
	"\n"
	"_capsule_languages() {\n"
	"\tlocal -a languages\n"
	"\tlanguages=(${${(f)\"$(_call_program languages capsule sdk 2>/dev/null)\"}%%[[:space:]]*})\n"
	"\tcompadd \"$@\" -a languages\n"
	"}\n"
	"\n"
	"_capsule_commands() {\n"
	"\tlocal -a commands\n"
	"\tcommands=(\n";

static const char middle[] = "\t)\n"
			     "\t_describe -t commands command commands\n"
			     "}\n"
			     "\n"
			     "_capsule() {\n"
			     "\tlocal curcontext=$curcontext state line\n"
			     "\ttypeset -A opt_args\n"
			     "\t_arguments -C \\\n"
			     "\t\t'(- *)'{-h,--help}'[print help]' \\\n"
			     "\t\t'(- *)'{-V,--version}'[print the version]' \\\n"
			     "\t\t'1:command:_capsule_commands' \\\n"
			     "\t\t'*::argument:->argument' && return\n"
			     "\t[[ $state == argument ]] || return 1\n"
			     "\tcurcontext=${curcontext%:*:*}:capsule-$words[1]:\n"
			     "\tcase $words[1] in\n";

static const char tail[] = "\t*) return 1 ;;\n"
			   "\tesac\n"
			   "}\n"
			   "\n"
			   "if [[ $funcstack[1] == _capsule ]]; then\n"
			   "\t_capsule \"$@\"\n"
			   "else\n"
			   "\tcompdef _capsule capsule\n"
			   "fi\n";

/* Text inside single quotes of the shell, `special` escaped for what the shell hands it to. */
static void print_text(const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", stdout);
		else
			cli_print_escaped(text, 1, special, "\\");
	}
}

/* The action behind the last colon of a specification. */
static void print_action(unsigned kinds, const char *words)
{
	if (words != NULL) {
		(void)fputc('(', stdout);
		cli_print_words(words);
		(void)fputc(')', stdout);
	} else if (kinds & OPERAND_FILE) {
		(void)fputs("_files", stdout);
	} else if (kinds & OPERAND_DIR) {
		(void)fputs("_directories", stdout);
	} else if (kinds & OPERAND_COMMAND) {
		(void)fputs("_capsule_commands", stdout);
	} else if (kinds & OPERAND_LANGUAGE) {
		(void)fputs("_capsule_languages", stdout);
	} else {
		(void)fputc(' ', stdout);
	}
}

static void print_option(const struct option_row *row, bool help)
{
	if (help)
		(void)printf("\t\t\t'(- *)'{-h,--%s}'[", row->name);
	else
		(void)printf("\t\t\t'%s--%s%s[",
			row->kind == OPTION_SETTING || row->kind == OPTION_CHOICE || row->kind == OPTION_IDS ? "*" : "",
			row->name, row->value != NULL ? "=" : "");
	print_text(row->help, "[]\\");
	(void)fputc(']', stdout);
	if (row->value != NULL) {
		(void)printf(":%s:", row->value);
		print_action(cli_operand_kinds(row->value), row->words);
	}
	(void)fputs("' \\\n", stdout);
}

static void print_operand(const struct operand *operand, size_t place)
{
	char words[128];

	(void)snprintf(words, sizeof words, "%.*s", (int)operand->len, operand->text);
	if (operand->many)
		(void)fputs("\t\t\t'*:", stdout);
	else
		(void)printf("\t\t\t'%zu:%s", place, operand->optional ? ":" : "");
	(void)printf("%s:", words);
	print_action(operand->kinds, operand->kinds == OPERAND_WORD ? words : NULL);
	(void)fputs("' \\\n", stdout);
}

static void print_command(const struct command *command)
{
	const char *operands = command->operands;
	struct operand operand;

	(void)printf("\t%s)\n\t\t_arguments -S : \\\n", command->name);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (((command->options | COMMAND_OPTIONS) >> i & 1) != 0)
			print_option(&cli_options[i], i == OPTION_ID_HELP);
	}
	for (size_t place = 1; cli_operand_next(&operands, &operand); place++)
		print_operand(&operand, place);
	(void)fputs("\t\t\t&& return\n\t\t;;\n", stdout);
}

void cli_completion_zsh(void)
{
	(void)fputs(head, stdout);
	for (size_t i = 0; i < cli_command_count; i++) {
		(void)printf("\t\t'%s:", cli_commands[i].name);
		print_text(cli_commands[i].summary, ":\\");
		(void)fputs("'\n", stdout);
	}
	(void)fputs(middle, stdout);
	for (size_t i = 0; i < cli_command_count; i++)
		print_command(&cli_commands[i]);
	(void)fputs(tail, stdout);
}
