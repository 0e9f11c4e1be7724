/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule completion: what the scripts have in common, and which one is wanted. */
#include "cli/command.h"
#include "cli/completion.h"
#include <string.h>

void cli_print_escaped(const char *text, size_t len, const char *special, const char *escape)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(special, text[i]) != NULL)
			(void)fputs(escape, stdout);
		(void)fputc(text[i], stdout);
	}
}

void cli_print_words(const char *words)
{
	for (; *words != '\0'; words++)
		(void)fputc(*words == '|' ? ' ' : *words, stdout);
}

int cmd_completion(struct cli *cli)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} scripts[] = {
		{ "bash", cli_completion_bash },
		{ "zsh", cli_completion_zsh },
		{ "fish", cli_completion_fish },
	};

	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		if (strcmp(cli->operands[0], scripts[i].shell) == 0) {
			scripts[i].print();
			return 0;
		}
	}
	return cli_say("there is no script for '%s'", cli->operands[0]); /* a word in the table without a row here */
}
