/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The script for bash. It needs nothing but bash 4: one table says what may stand where, the key is the option whose value is
 * wanted, or the command with the number of the operand. */
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/operands.h"

static const char head[] =
	"# Completion of capsule for bash, made by \"capsule completion bash\".\n"
	"_capsule() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
	"\tlocal words= paths= place=0 only_operands= key at\n"
	"\tCOMPREPLY=()\n"
	"\tif [[ $word == '=' ]]; then # \"--log=warn\" comes as three words\n"
	"\t\tword=\n"
	"\telif [[ $before == '=' ]]; then\n"
	"\t\tbefore=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n";

static const char walk[] = "\tfor ((at = 2; at < COMP_CWORD; at++)); do\n"
			   "\t\tif [[ -n $only_operands ]]; then\n"
			   "\t\t\t((++place))\n"
			   "\t\t\tcontinue\n"
			   "\t\tfi\n"
			   "\t\tcase ${COMP_WORDS[at]} in\n"
			   "\t\t--) only_operands=1 ;;\n"
			   "\t\t%1) # its value is no operand\n"
			   "\t\t\tif [[ ${COMP_WORDS[at + 1]} == '=' ]]; then\n"
			   "\t\t\t\t((++at))\n"
			   "\t\t\tfi\n"
			   "\t\t\t((++at))\n"
			   "\t\t\t;;\n"
			   "\t\t-?*) ;;\n"
			   "\t\t*) ((++place)) ;;\n"
			   "\t\tesac\n"
			   "\tdone\n"
			   "\tkey=$command:$place\n"
			   "\tif ((COMP_CWORD == 1)); then\n"
			   "\t\tkey=commands\n"
			   "\telif [[ -z $only_operands ]]; then\n"
			   "\t\tcase $before in\n"
			   "\t\t%1) key=$before ;;\n"
			   "\t\t*)\n"
			   "\t\t\tif [[ $word == -* ]]; then\n"
			   "\t\t\t\tkey=$command:options\n"
			   "\t\t\tfi\n"
			   "\t\t\t;;\n"
			   "\t\tesac\n"
			   "\tfi\n";

static const char tail[] = "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
			   "\tif [[ -n $paths ]]; then\n"
			   "\t\tcompopt -o filenames 2>/dev/null\n"
			   "\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -A \"$paths\" -- \"$word\")\n"
			   "\tfi\n"
			   "}\n"
			   "complete -F _capsule capsule\n";

static void print_value_options(void)
{
	const char *bar = "";

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (cli_options[i].value == NULL)
			continue;
		(void)printf("%s--%s", bar, cli_options[i].name);
		bar = "|";
	}
}

/* A template in which %1 stands for the options that take a value, as a pattern. */
static void print_template(const char *text)
{
	for (; *text != '\0'; text++) {
		if (text[0] == '%' && text[1] == '1') {
			print_value_options();
			text++;
		} else {
			(void)fputc(*text, stdout);
		}
	}
}

static void print_commands(void)
{
	for (size_t i = 0; i < cli_command_count; i++)
		(void)printf("%s%s", i > 0 ? " " : "", cli_commands[i].name);
}

/* What may stand there as assignments to "words" and "paths", as one line of a case. */
static void print_kinds(unsigned kinds)
{
	if (kinds & OPERAND_COMMAND) {
		(void)fputs(" words='", stdout);
		print_commands();
		(void)fputs("' ;", stdout);
	}
	if (kinds & OPERAND_LANGUAGE)
		(void)fputs(" words=$(\"$1\" sdk 2>/dev/null | cut -d ' ' -f 1) ;", stdout);
	if (kinds & (OPERAND_DIR | OPERAND_FILE))
		(void)printf(" paths=%s ;", kinds & OPERAND_FILE ? "file" : "directory");
}

static void print_option(const struct option_row *row)
{
	unsigned kinds = cli_operand_kinds(row->value);

	if (row->words == NULL && (kinds & ~(unsigned)OPERAND_OTHER) == 0)
		return;
	(void)printf("\t--%s)", row->name);
	if (row->words != NULL) {
		(void)fputs(" words='", stdout);
		cli_print_words(row->words);
		(void)fputs("' ;", stdout);
	}
	print_kinds(kinds);
	(void)fputs(";\n", stdout);
}

static void print_operand(const char *command, const struct operand *operand, size_t place)
{
	const char *word;
	size_t len, at = 0;

	if ((operand->kinds & ~(unsigned)OPERAND_OTHER) == 0)
		return;
	(void)printf("\t%s:", command);
	if (operand->many)
		(void)fputs("*)", stdout);
	else
		(void)printf("%zu)", place);
	if (operand->kinds & OPERAND_WORD) {
		(void)fputs(" words='", stdout);
		for (size_t i = 0; cli_operand_word(operand, &at, &word, &len); i++)
			(void)printf("%s%.*s", i > 0 ? " " : "", (int)len, word);
		(void)fputs("' ;", stdout);
	}
	print_kinds(operand->kinds);
	(void)fputs(";\n", stdout);
}

static void print_command(const struct command *command)
{
	const char *operands = command->operands;
	struct operand operand;

	(void)printf("\t%s:options) words='", command->name);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (((command->options | COMMAND_OPTIONS) >> i & 1) != 0)
			(void)printf("--%s ", cli_options[i].name);
	}
	(void)fputs("-h' ;;\n", stdout);
	for (size_t place = 0; cli_operand_next(&operands, &operand); place++)
		print_operand(command->name, &operand, place);
}

void cli_completion_bash(void)
{
	(void)fputs(head, stdout);
	print_template(walk);
	(void)fputs("\tcase $key in\n\tcommands) words='", stdout);
	print_commands();
	(void)fputs(" --help --version' ;;\n", stdout);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		print_option(&cli_options[i]);
	for (size_t i = 0; i < cli_command_count; i++)
		print_command(&cli_commands[i]);
	(void)fputs("\tesac\n", stdout);
	(void)fputs(tail, stdout);
}
