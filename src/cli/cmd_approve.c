/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule approve: show what a capsule is and may do, ask, and keep or take away the receipt. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/path.h"
#include "cli/policy.h"
#include <capsule/discover.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#define ANSWER_SIZE 64

/* Where a person can be asked: the terminal that the program belongs to, else standard input when that is one. -1: nowhere. */
static int open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	return fd >= 0 || !isatty(STDIN_FILENO) ? fd : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
}

/* One line from the terminal, cut to `size`. False at its end. */
static bool read_answer(int fd, char *answer, size_t size)
{
	size_t len = 0;
	char byte = '\0';
	ssize_t got;

	while ((got = read(fd, &byte, 1)) == 1 && byte != '\n')
		if (len + 1 < size)
			answer[len++] = byte;
	answer[len] = '\0';
	return got == 1;
}

/* What was typed before the question was seen is no answer to it. */
static bool ask(int fd)
{
	static const char question[] = "Approve this capsule? [y/N] ";
	char answer[ANSWER_SIZE];

	(void)fflush(stdout);
	(void)tcflush(fd, TCIFLUSH);
	if (write(fd, question, strlen(question)) != (ssize_t)strlen(question) && fputs(question, stderr) < 0)
		return false;
	return read_answer(fd, answer, sizeof answer) &&
		(strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0);
}

static int print_text(const struct cli *cli, struct capsule_approval *approval)
{
	const char *text = capsule_approval_text(approval, cli->out.colour);

	if (text == NULL)
		return cli_say_memory();
	(void)fputs(text, stdout);
	return 0;
}

static int print_json(const struct cli *cli, struct capsule_approval *approval)
{
	const char *text = capsule_approval_json(approval);

	return text == NULL ? cli_say_memory() : cli_json_print_text(&cli->out, text);
}

static int give(const struct cli *cli, struct capsule_approval *approval)
{
	if (capsule_approval_give(approval, NULL, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->options.json)
		return print_json(cli, approval);
	(void)fputs("approved: it may be run until one of its files or rights changes\n", stdout);
	return 0;
}

static int ask_and_give(const struct cli *cli, struct capsule_approval *approval)
{
	int fd = open_terminal();
	bool yes;

	if (fd < 0) {
		(void)cli_say(
			"it is not approved, and there is no terminal to ask on: look at the above, then run this "
			"again with --yes");
		return 2;
	}
	yes = ask(fd);
	(void)close(fd);
	if (yes)
		return give(cli, approval);
	(void)fputs("nothing was approved\n", stdout);
	return CLI_EXIT_NO;
}

static int approve(const struct cli *cli, struct capsule_approval *approval)
{
	bool holds = capsule_approval_holds(approval);
	int status;

	if (cli->options.json && (holds || !cli->options.yes)) {
		status = print_json(cli, approval);
		return status == 0 && !holds ? CLI_EXIT_NO : status;
	}
	if (cli->options.json)
		return give(cli, approval);
	status = print_text(cli, approval);
	if (status != 0 || holds)
		return status;
	return cli->options.yes ? give(cli, approval) : ask_and_give(cli, approval);
}

static int take_away(const struct cli *cli, struct capsule_approval *approval)
{
	if (capsule_approval_revoke(approval, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->options.json)
		return print_json(cli, approval);
	(void)fputs("its approval is taken away\n", stdout);
	return 0;
}

int cmd_approve(struct cli *cli)
{
	struct capsule_discover_options options = { .size = sizeof options, .workspace = cli->options.workspace };
	struct capsule_approval *approval = NULL;
	char *home = NULL;
	int status;

	if (cli->options.yes && cli->options.revoke) {
		(void)cli_say("--yes approves and --revoke takes the approval away: choose one");
		return 2;
	}
	status = cli_path_absolute(cli->options.home, &home);
	if (status != 0)
		return status;
	options.home = home;
	if (capsule_approval_new(&approval, cli->operands[0], &options, cli->error) != CAPSULE_OK)
		status = cli_say_error(cli->error);
	else
		status = cli->options.revoke ? take_away(cli, approval) : approve(cli, approval);
	capsule_approval_free(approval);
	free(home);
	return status;
}
