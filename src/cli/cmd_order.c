/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule order: in which order capsules load, and why so. */
#include "cli/command.h"
#include "cli/found.h"
#include "cli/json.h"

static int print(const struct cli *cli, const struct capsule_discovery *discovery, struct capsule_order *order)
{
	const char *text;

	if (cli->options.json) {
		text = capsule_order_json(order);
		return text != NULL ? cli_json_print_text(&cli->out, text) : cli_say_memory();
	}
	if (!cli->options.dot && capsule_order_count(order) == 0) {
		if (capsule_discovery_count(discovery) == 0)
			cli_found_tell_places(stdout, "no capsules in:", discovery);
		else
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
	int left_out = cli_found_tell_left_out(discovery), printed;

	if (capsule_order_new(&order, discovery, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	printed = print(cli, discovery, order);
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
	if (capsule_discover(&discovery, &options, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	status = show(cli, discovery);
	capsule_discovery_free(discovery);
	return status;
}
