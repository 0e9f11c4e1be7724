/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/mcp_result.h"
#include "cli/json.h"
#include "cli/path.h"
#include "cli/text.h"
#include <stdlib.h>
#include <string.h>

/* "<server>:<tool>", where `server` may be the whole name of one: what stands behind its last colon counts. */
static bool is_long_form(const char *name, const char *server, const char *tool)
{
	const char *colon = strrchr(server, ':');
	const char *id = colon != NULL ? colon + 1 : server;
	size_t len = strlen(id);

	return strncmp(name, id, len) == 0 && name[len] == ':' && strcmp(name + len + 1, tool) == 0;
}

bool cli_mcp_has_tool(const char *tools, const char *name)
{
	yyjson_doc *doc = cli_json_read(tools, strlen(tools));
	yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	bool found = false;
	yyjson_val *tool;

	while (!found && (tool = yyjson_arr_iter_next(&each)) != NULL) {
		yyjson_val *origin = yyjson_obj_get(tool, "origin");
		const char *listed = cli_json_string(tool, "name"), *server = cli_json_string(origin, "server");
		const char *own = cli_json_string(origin, "tool");

		if (!yyjson_is_obj(origin))
			continue;
		found = (listed != NULL && strcmp(listed, name) == 0) ||
			(server != NULL && own != NULL && is_long_form(name, server, own));
	}
	yyjson_doc_free(doc);
	return found;
}

static yyjson_doc *read_servers(struct capsule *capsule)
{
	const char *json = capsule_mcp_servers_json(capsule);

	return json != NULL ? cli_json_read(json, strlen(json)) : NULL;
}

/* What stands behind the last colon of a whole name. */
static const char *short_id(yyjson_val *server)
{
	const char *id = cli_json_string(server, "id"), *colon = id != NULL ? strrchr(id, ':') : NULL;

	return colon != NULL ? colon + 1 : id != NULL ? id : "";
}

static yyjson_val *find_server(yyjson_doc *doc, const char *name)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	yyjson_val *server;

	while ((server = yyjson_arr_iter_next(&each)) != NULL) {
		const char *id = cli_json_string(server, "id");

		if ((id != NULL && strcmp(id, name) == 0) || strcmp(short_id(server), name) == 0)
			return server;
	}
	return NULL;
}

bool cli_mcp_has_server(struct capsule *capsule, const char *name)
{
	yyjson_doc *doc = read_servers(capsule);
	bool found = find_server(doc, name) != NULL;

	yyjson_doc_free(doc);
	return found;
}

static int no_server(yyjson_doc *servers, const char *name)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_doc_get_root(servers));
	struct nearest nearest = cli_nearest_start(name);
	yyjson_val *server;

	while ((server = yyjson_arr_iter_next(&each)) != NULL)
		cli_nearest_offer(&nearest, short_id(server));
	return cli_say("there is no MCP server '%s'%s", CLI_SHORT(name), CLI_MEANT(&nearest, ""));
}

/* [`json`] */
static yyjson_doc *alone(const char *json)
{
	char *list = cli_path_printf("[%s]", json);
	yyjson_doc *doc = list != NULL ? cli_json_read(list, strlen(list)) : NULL;

	free(list);
	return doc;
}

int cli_mcp_servers(struct capsule *capsule, const char *name, yyjson_doc **doc)
{
	yyjson_doc *all = read_servers(capsule);
	yyjson_val *server;
	char *one;
	int status = 0;

	*doc = all;
	if (all == NULL)
		return cli_say_memory();
	if (name == NULL)
		return 0;
	*doc = NULL;
	server = find_server(all, name);
	if (server == NULL) {
		status = no_server(all, name);
	} else {
		one = yyjson_val_write(server, YYJSON_WRITE_NOFLAG, NULL);
		*doc = one != NULL ? alone(one) : NULL;
		status = *doc != NULL ? 0 : cli_say_memory();
		free(one);
	}
	yyjson_doc_free(all);
	return status;
}

bool cli_mcp_is_error(const char *json, size_t len)
{
	yyjson_doc *doc = cli_json_read(json, len);
	bool is_error = yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(doc), "is_error"));

	yyjson_doc_free(doc);
	return is_error;
}

static void print_part(const char *text)
{
	(void)fputc(' ', stdout);
	cli_print_clean(stdout, text, strlen(text), CLEAN_LINE);
}

static void print_item(const struct output *out, yyjson_val *item)
{
	const char *type = cli_json_string(item, "type"), *text = cli_json_string(item, "text");
	const char *mime = cli_json_string(item, "mime_type"), *uri = cli_json_string(item, "uri");
	const char *data = cli_json_string(item, "data"), *encoding = cli_json_string(item, "encoding");

	if (text != NULL) {
		cli_print_answer(out, text, yyjson_get_len(yyjson_obj_get(item, "text")), true);
		return;
	}
	(void)fputc('[', stdout);
	cli_print_clean(stdout, type != NULL ? type : "item", strlen(type != NULL ? type : "item"), CLEAN_LINE);
	if (uri != NULL)
		print_part(uri);
	if (mime != NULL)
		print_part(mime);
	if (data != NULL && (encoding == NULL || strcmp(encoding, "text") != 0))
		(void)printf(" %s bytes of base64", CLI_NUMBER(strlen(data)));
	(void)fputs("]\n", stdout);
	if (data != NULL && encoding != NULL && strcmp(encoding, "text") == 0)
		cli_print_answer(out, data, strlen(data), true);
}

int cli_mcp_print_result(const struct output *out, const char *json, size_t len)
{
	yyjson_doc *doc = cli_json_read(json, len);
	yyjson_val *root = yyjson_doc_get_root(doc), *content = yyjson_obj_get(root, "content"), *item;
	yyjson_arr_iter each = yyjson_arr_iter_with(content);
	const char *error = cli_json_string(root, "error");
	bool is_error = yyjson_get_bool(yyjson_obj_get(root, "is_error"));
	yyjson_val *structured = yyjson_obj_get(root, "structured");

	if (doc == NULL)
		return cli_say_memory();
	while (!is_error && (item = yyjson_arr_iter_next(&each)) != NULL)
		print_item(out, item);
	if (!is_error && yyjson_arr_size(content) == 0 && structured != NULL) {
		char *text = yyjson_val_write(structured, YYJSON_WRITE_PRETTY, NULL);

		if (text != NULL)
			cli_print_answer(out, text, strlen(text), true);
		free(text);
	}
	if (is_error)
		(void)cli_say("the tool failed: %s", error != NULL ? error : "it does not say why");
	yyjson_doc_free(doc);
	return is_error ? 1 : 0;
}
