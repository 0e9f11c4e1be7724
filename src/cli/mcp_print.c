/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Answers of MCP servers for people. All of it is untrusted text. */
#include "cli/json.h"
#include "cli/mcp_run.h"
#include "cli/schema.h"
#include <string.h>

static void print_description(yyjson_val *object, const char *key)
{
	const char *text = cli_json_string(object, key);

	if (text != NULL && text[0] != '\0')
		cli_print_wrapped(stdout, text, strlen(text), 2, 0);
}

static void print_heading(const struct output *out, const char *name, const char *more)
{
	cli_print_styled(stdout, out->colour, STYLE_HEADING, name != NULL ? name : "");
	if (more != NULL) {
		(void)fputs("  ", stdout);
		cli_print_styled(stdout, out->colour, STYLE_FAINT, more);
	}
	(void)fputc('\n', stdout);
}

void mcp_print_tools(const struct output *out, yyjson_val *tools)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(tools);
	yyjson_val *tool;

	if (each.max == 0)
		(void)puts("no tools");
	while ((tool = yyjson_arr_iter_next(&each)) != NULL) {
		if (each.idx > 1)
			(void)fputc('\n', stdout);
		print_heading(out, cli_json_string(tool, "name"), cli_json_string(tool, "title"));
		print_description(tool, "description");
		(void)cli_schema_print(out, yyjson_obj_get(tool, "inputSchema"));
	}
}

static void print_places(const struct output *out, yyjson_val *items, const char *key)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(items);
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&each)) != NULL) {
		const char *name = cli_json_string(item, "title");

		print_heading(out, cli_json_string(item, key), name != NULL ? name : cli_json_string(item, "name"));
		print_description(item, "description");
	}
}

void mcp_print_resources(const struct output *out, yyjson_val *resources, yyjson_val *templates)
{
	if (yyjson_arr_size(resources) + yyjson_arr_size(templates) == 0)
		(void)puts("no resources");
	print_places(out, resources, "uri");
	print_places(out, templates, "uriTemplate");
}

static void print_arguments(const struct output *out, yyjson_val *arguments)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(arguments);
	yyjson_val *argument;

	while ((argument = yyjson_arr_iter_next(&each)) != NULL) {
		const char *name = cli_json_string(argument, "name"), *text = cli_json_string(argument, "description");

		(void)fputs("  ", stdout);
		cli_print_styled(stdout, out->colour, STYLE_NAME, name != NULL ? name : "");
		if (yyjson_get_bool(yyjson_obj_get(argument, "required")))
			(void)fputs(" (required)", stdout);
		if (text != NULL) {
			(void)fputs("  ", stdout);
			cli_print_clean(stdout, text, strlen(text), CLEAN_LINE);
		}
		(void)fputc('\n', stdout);
	}
}

void mcp_print_prompts(const struct output *out, yyjson_val *prompts)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(prompts);
	yyjson_val *prompt;

	if (each.max == 0)
		(void)puts("no prompts");
	while ((prompt = yyjson_arr_iter_next(&each)) != NULL) {
		print_heading(out, cli_json_string(prompt, "name"), cli_json_string(prompt, "title"));
		print_description(prompt, "description");
		print_arguments(out, yyjson_obj_get(prompt, "arguments"));
	}
}

static void print_blob(yyjson_val *item, const char *data)
{
	const char *name = cli_json_string(item, "uri"), *mime = cli_json_string(item, "mimeType");

	(void)fputc('[', stdout);
	if (name == NULL)
		name = cli_json_string(item, "type");
	if (name != NULL)
		cli_print_clean(stdout, name, strlen(name), CLEAN_LINE);
	if (mime != NULL) {
		(void)fputc(' ', stdout);
		cli_print_clean(stdout, mime, strlen(mime), CLEAN_LINE);
	}
	if (data != NULL)
		(void)printf(" %s bytes of base64", CLI_NUMBER(strlen(data)));
	(void)fputs("]\n", stdout);
}

static void print_content(const struct output *out, yyjson_val *item)
{
	const char *text = cli_json_string(item, "text"), *blob = cli_json_string(item, "blob");

	if (text != NULL)
		cli_print_answer(out, text, yyjson_get_len(yyjson_obj_get(item, "text")), true);
	else
		print_blob(item, blob != NULL ? blob : cli_json_string(item, "data"));
}

void mcp_print_contents(const struct output *out, yyjson_val *result)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_obj_get(result, "contents"));
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&each)) != NULL)
		print_content(out, item);
}

void mcp_print_messages(const struct output *out, yyjson_val *result)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_obj_get(result, "messages"));
	yyjson_val *message;

	while ((message = yyjson_arr_iter_next(&each)) != NULL) {
		const char *role = cli_json_string(message, "role");
		yyjson_val *content = yyjson_obj_get(message, "content");
		yyjson_val *inner = yyjson_obj_get(content, "resource");

		cli_print_styled(stdout, out->colour, STYLE_NAME, role != NULL ? role : "?");
		(void)fputs(": ", stdout);
		print_content(out, inner != NULL ? inner : content);
	}
}

static void print_line(const char *key, const char *text)
{
	if (text == NULL)
		return;
	(void)printf("  %-10s ", key);
	cli_print_clean(stdout, text, strlen(text), CLEAN_LINE);
	(void)fputc('\n', stdout);
}

/* Numbers are kept as they are written. */
static void print_counts(yyjson_val *server)
{
	static const char *const keys[] = { "tools", "in_flight", "restarts", "bad_lines" };
	static const char *const labels[] = { "tools", "in flight", "restarts", "bad lines" };

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (yyjson_is_raw(yyjson_obj_get(server, keys[i])))
			(void)printf("  %-10s %s\n", labels[i], CLI_NUMBER(cli_json_number(server, keys[i])));
}

static void print_changed(yyjson_val *names)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(names);
	yyjson_val *name;

	while ((name = yyjson_arr_iter_next(&each)) != NULL)
		print_line("changed", yyjson_get_str(name));
}

void mcp_print_servers(const struct output *out, yyjson_val *servers)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(servers);
	yyjson_val *server;

	if (each.max == 0)
		(void)puts("no MCP servers");
	while ((server = yyjson_arr_iter_next(&each)) != NULL) {
		yyjson_val *itself = yyjson_obj_get(server, "server");
		bool sandboxed = yyjson_get_bool(yyjson_obj_get(server, "sandboxed"));

		print_heading(out, cli_json_string(server, "id"), cli_json_string(server, "state"));
		print_line("reason", cli_json_string(server, "reason"));
		print_line("name", cli_json_string(itself, "name"));
		print_line("version", cli_json_string(itself, "version"));
		print_line("revision", cli_json_string(server, "revision"));
		print_line("program", cli_json_string(server, "program"));
		print_line("digest", cli_json_string(server, "digest"));
		print_line("sandbox", sandboxed ? "yes" : "NO");
		print_line("pid", yyjson_get_raw(yyjson_obj_get(server, "pid")));
		print_counts(server);
		print_changed(yyjson_obj_get(server, "tools_changed"));
		print_description(server, "instructions");
	}
}
