/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of tools as a hostile server sends it. Whatever it is, names keep to the alphabet and their length and are found
 * again by both forms, what is listed is JSON, and the canonical text of a value is that of the value read again. */
#include "engine/mcp/catalog.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/mcp/arguments.h"
#include "fuzz/target.h"

static size_t warnings;

static void warn(void *user, struct span text)
{
	(void)user;
	CHECK(text.len > 0 && text_is_utf8(text));
	warnings++;
}

static void check_name(const char *name)
{
	size_t len = strlen(name);

	CHECK(len >= 1 && len <= MCP_TOOL_NAME_MAX);
	CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == len);
}

static void check_tools(const struct mcp_catalog *catalog, const struct manifest_mcp_server *server)
{
	for (size_t i = 0; i < catalog->count; i++) {
		struct mcp_tool *tool = catalog->tools[i];
		struct buffer text = { 0 };

		check_name(tool->name);
		CHECK(tool->input_schema != NULL && strlen(tool->hash) == BLAKE3_HEX - 1);
		CHECK(mcp_catalog_find(catalog, server, tool->name) == tool);
		CHECK(buffer_printf(&text, "%s:%s", server->id, tool->name));
		CHECK(mcp_catalog_find(catalog, server, buffer_text(&text)) == tool);
		buffer_fini(&text);
	}
}

static void check_listing(const struct mcp_catalog *catalog, const struct manifest_mcp_server *server)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct map taken = { 0 };
	struct buffer out = { 0 };
	size_t count;

	CHECK(buffer_append_text(&out, "["));
	count = mcp_catalog_append(catalog, server, "capsule:c:s", true, &taken, &out);
	CHECK(mcp_catalog_append(catalog, server, "capsule:c:s", count == 0, &taken, &out) == count);
	CHECK(buffer_append_text(&out, "]"));
	CHECK(json_parse(&doc, buffer_span(&out), &limits, "tools", NULL) == CAPSULE_OK);
	CHECK(yyjson_arr_size(yyjson_doc_get_root(doc)) == 2 * count);
	CHECK(taken.count == 2 * count);
	map_fini(&taken);
	buffer_fini(&out);
}

static void check_canonical(struct span input)
{
	const struct json_limits limits = { .bytes_max = MIB };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL, *again = NULL;
	struct buffer first = { 0 }, second = { 0 };
	char one[BLAKE3_HEX], other[BLAKE3_HEX];

	if (json_parse(&doc, input, &limits, "input", NULL) != CAPSULE_OK)
		return;
	CHECK(arguments_append_canonical(&first, yyjson_doc_get_root(doc)));
	CHECK(json_parse(&again, buffer_span(&first), &(struct json_limits){ .bytes_max = BUFFER_MAX }, "output",
		      NULL) == CAPSULE_OK);
	CHECK(arguments_append_canonical(&second, yyjson_doc_get_root(again)));
	CHECK(span_equal(buffer_span(&first), buffer_span(&second)));
	CHECK(arguments_hash(input, one, NULL) == CAPSULE_OK);
	CHECK(arguments_hash(buffer_span(&first), other, NULL) == CAPSULE_OK);
	CHECK(strcmp(one, other) == 0);
	buffer_fini(&first);
	buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char id[] = "s", some[] = "re*";
	char *expose[] = { some };
	struct manifest_mcp_server server = { .id = id };
	struct mcp_catalog catalog;

	warnings = 0;
	if (size > 0 && data[0] == ' ')
		server.expose = (struct string_list){ .items = expose, .count = 1 };
	if (mcp_catalog_read(&catalog, span_of(data, size), &server, warn, NULL, NULL) == CAPSULE_OK) {
		CHECK(warnings <= 16);
		check_tools(&catalog, &server);
		check_listing(&catalog, &server);
	}
	mcp_catalog_fini(&catalog);
	check_canonical(span_of(data, size));
	return 0;
}
