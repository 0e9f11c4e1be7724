/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/mcp_result.h"
#include "cli/json.h"
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

bool cli_mcp_has_server(struct capsule *capsule, const char *name)
{
	const char *json = capsule_mcp_servers_json(capsule);
	yyjson_doc *doc = json != NULL ? cli_json_read(json, strlen(json)) : NULL;
	yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	bool found = false;
	yyjson_val *server;

	while (!found && (server = yyjson_arr_iter_next(&each)) != NULL) {
		const char *id = cli_json_string(server, "id"), *colon = id != NULL ? strrchr(id, ':') : NULL;

		found = id != NULL && (strcmp(id, name) == 0 || (colon != NULL && strcmp(colon + 1, name) == 0));
	}
	yyjson_doc_free(doc);
	return found;
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
