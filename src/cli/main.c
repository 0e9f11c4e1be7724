/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Finds the command, reads its options, runs it, and makes sure that what it printed arrived. */
#include "cli/command.h"
#include "cli/text.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A standard stream that the parent closed would become the first file opened, a database for instance, and be written to.
 * What takes its place refuses to be used. Returns false when that fails. */
static bool occupy_streams(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return false;
	}
	return true;
}

static bool is_any_of(const char *word, const char *const *words)
{
	while (*words != NULL && strcmp(word, *words) != 0)
		words++;
	return *words != NULL;
}

/* The name of the command that `argv` asks for, NULL for none. */
static const char *command_name(char **argv)
{
	static const char *const help[] = { "--help", "-h", NULL };
	static const char *const version[] = { "--version", "-V", NULL };

	if (argv[0] == NULL)
		return NULL;
	return is_any_of(argv[0], help) ? "help" : is_any_of(argv[0], version) ? "version" : argv[0];
}

static int run(struct cli *cli, int argc, char **argv)
{
	int status = cli_options_parse(cli, argc, argv);

	cli->out = cli_output_open(cli->options.color);
	if (status != 0)
		return status;
	if (cli->options.help) {
		cli_help_print(&cli->out, stdout, cli->command);
		return 0;
	}
	cli->error = capsule_error_new();
	return cli->error != NULL ? cli_command_run(cli) : cli_say_memory();
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	const char *name;
	int status;

	if (!occupy_streams())
		return 1;
	(void)signal(SIGPIPE, SIG_IGN); /* told by the write that fails, after which everything is put away as usual */
	name = command_name(argc > 0 ? argv + 1 : argv);
	if (name == NULL) {
		cli.out = cli_output_open(COLOR_AUTO);
		cli_help_print(&cli.out, stderr, NULL);
		return 2;
	}
	if (name[0] == '-') {
		(void)cli_say("there is no option '%s' before the command\n'capsule help' lists what there is",
			CLI_SHORT(name));
		return 2;
	}
	cli.command = cli_command_find(name);
	if (cli.command == NULL)
		return 2;
	status = run(&cli, argc - 2, argv + 2);
	capsule_error_free(cli.error);
	cli_options_fini(&cli);
	return cli_output_finish(status);
}
