/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule order: in which order capsules load, and why so. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/text.h"
#include <capsule/discover.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Roots that do not exist are nothing to the library, since it is not always a person who names them. Here it is. */
static int check_roots(const struct cli *cli)
{
	int status = 0;

	for (size_t i = 0; i < cli->operand_count; i++) {
		struct stat info;

		if (stat(cli->operands[i], &info) != 0)
			status = cli_say("'%s': %s", CLI_SHORT(cli->operands[i]), strerror(errno));
	}
	return status;
}

/* What is left out of the order, on standard error. A broken manifest, or a folder that can't be read, makes the exit status 1. */
static int tell_left_out(const struct capsule_discovery *discovery)
{
	const char *warnings = capsule_discovery_warnings(discovery);
	int status = 0;

	while (*warnings != '\0') {
		size_t len = strcspn(warnings, "\n");

		status = cli_say("%.*s", (int)(len < 1024 ? len : 1024), warnings);
		warnings += len + (warnings[len] == '\n');
	}
	for (size_t i = 0; i < capsule_discovery_count(discovery); i++) {
		struct capsule_found found;

		capsule_discovery_item(discovery, i, &found);
		if (strcmp(found.state, "good") == 0)
			continue;
		(void)cli_say("left out: '%s': %s", CLI_SHORT(found.dir),
			found.problem != NULL ? found.problem : found.state);
		if (strcmp(found.state, "broken") == 0)
			status = 1;
	}
	return status;
}

static int print(const struct cli *cli, struct capsule_order *order)
{
	const char *text;

	if (cli->options.json) {
		text = capsule_order_json(order);
		return text != NULL ? cli_json_print_text(&cli->out, text) : cli_say_memory();
	}
	if (!cli->options.dot && capsule_order_count(order) == 0) {
		(void)puts("no capsules");
		return 0;
	}
	text = cli->options.dot ? capsule_order_dot(order) : capsule_order_text(order, cli->out.colour);
	if (text == NULL)
		return cli_say_memory();
	(void)fputs(text, stdout);
	return 0;
}

static int show(struct cli *cli, struct capsule_discovery *discovery)
{
	struct capsule_order *order = NULL;
	int left_out = tell_left_out(discovery), printed;

	if (capsule_order_new(&order, discovery, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	printed = print(cli, order);
	if (printed == 0 && (left_out != 0 || capsule_order_cycles(order) > 0))
		printed = 1;
	capsule_order_free(order);
	return printed;
}

int cmd_order(struct cli *cli)
{
	struct capsule_discover_options options = {
		.size = sizeof options, .roots = cli->operands, .root_count = cli->operand_count
	};
	struct capsule_discovery *discovery = NULL;
	int status = 0;

	if (cli->options.dot && cli->options.json) {
		(void)cli_say("--dot and --json can't be had at once; see 'capsule order --help'");
		return 2;
	}
	if (check_roots(cli) != 0)
		return 1;
	if (capsule_discover(&discovery, &options, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	status = show(cli, discovery);
	capsule_discovery_free(discovery);
	return status;
}
