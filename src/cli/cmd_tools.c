/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule tools: what a capsule offers, for people and for programs. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/schema.h"
#include "cli/session.h"
#include <string.h>

static bool print_tool(const struct output *out, yyjson_val *tool)
{
	const char *name = cli_json_string(tool, "name"), *description = cli_json_string(tool, "description");

	yyjson_val *origin = yyjson_obj_get(tool, "origin");
	const char *server = cli_json_string(origin, "server");

	cli_print_styled(stdout, out->colour, STYLE_HEADING, name != NULL ? name : "");
	if (server != NULL) {
		(void)fputs("  ", stdout);
		cli_print_styled(stdout, out->colour, STYLE_FAINT, server);
	}
	(void)fputc('\n', stdout);
	if (description != NULL && description[0] != '\0')
		cli_print_wrapped(stdout, description, strlen(description), 2, 0);
	return cli_schema_print(out, yyjson_obj_get(tool, "input_schema"));
}

static int print(const struct output *out, const char *json)
{
	yyjson_doc *doc = cli_json_read(json, strlen(json));
	yyjson_arr_iter tools = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	bool printed = doc != NULL;
	yyjson_val *tool;

	if (printed && tools.max == 0)
		(void)puts("no tools");
	while (printed && (tool = yyjson_arr_iter_next(&tools)) != NULL) {
		if (tools.idx > 1)
			(void)fputc('\n', stdout);
		printed = print_tool(out, tool);
	}
	yyjson_doc_free(doc);
	return printed ? 0 : cli_say_memory();
}

int cmd_tools(struct cli *cli)
{
	struct session session;
	struct capsule *capsule = NULL;
	int status = cli_session_open(&session, cli);

	if (status == 0)
		status = cli_session_load(&session, cli, cli->operands[0], false, &capsule);
	if (status == 0) {
		const char *json = capsule_tools_json(capsule);

		status = cli->options.json ? cli_json_print_text(&cli->out, json) : print(&cli->out, json);
	}
	cli_session_close(&session);
	return status;
}
