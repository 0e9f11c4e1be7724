/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading a list of tools that a stranger wrote. */
#include "engine/mcp/catalog.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/mcp/arguments.h"

#include <stdio.h>

#define WARNINGS_MAX 16 /* of one list */
#define HASH_SHOWN 16   /* digits at the end of a name that was cut */

struct reading {
	struct mcp_catalog *catalog;
	const struct manifest_mcp_server *server;
	mcp_catalog_warn_fn warn;
	void *user;
	size_t warnings;
	struct capsule_error *err;
};

static void tool_free(struct mcp_tool *tool)
{
	buffer_fini(&tool->texts);
	free(tool);
}

DEFINE_DROP(tool_drop, struct mcp_tool *, tool_free)

void mcp_catalog_fini(struct mcp_catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		tool_free(catalog->tools[i]);
	free((void *)catalog->tools);
	map_fini(&catalog->by_name);
	*catalog = (struct mcp_catalog){ 0 };
}

/* ---- Names ---- */

static bool in_alphabet(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
		byte == '_' || byte == '-' || byte == '.';
}

/* Append the name that the protocol would have for `raw`: what is not in `A-Z a-z 0-9 _ - .` becomes "_xHH" for each byte;
 * one that is too long is cut, with a hash of the whole at its end. Returns false as buffer_append() does. */
static bool append_name(struct buffer *out, struct span raw)
{
	size_t from = out->len;
	char digits[BLAKE3_HEX];
	uint8_t hash[BLAKE3_SIZE];

	for (size_t i = 0; i < raw.len; i++) {
		if (in_alphabet(raw.data[i]))
			(void)buffer_append_byte(out, raw.data[i]);
		else
			(void)buffer_printf(out, "_x%02x", raw.data[i]);
	}
	if (out->failed || out->len - from <= MCP_TOOL_NAME_MAX)
		return !out->failed;
	blake3_bytes(raw, hash);
	blake3_hex(hash, digits);
	out->len = from + MCP_TOOL_NAME_MAX - HASH_SHOWN - 1;
	return buffer_append_byte(out, '_') && buffer_append(out, digits, HASH_SHOWN);
}

const char *mcp_list_names(const struct string_list *list, struct span text)
{
	for (size_t i = 0; i < list->count; i++) {
		struct span entry = span_text(list->items[i]);
		bool open = entry.len > 0 && entry.data[entry.len - 1] == '*';

		if (open ? span_starts(text, span_of(entry.data, entry.len - 1)) : span_equal(text, entry))
			return list->items[i];
	}
	return NULL;
}

/* ---- Reading ---- */

static void warn(struct reading *reading, const char *format, ...) PRINTF_LIKE(2, 3);

static void warn(struct reading *reading, const char *format, ...)
{
	char text[320];
	va_list args;
	struct capsule_error clean;

	if (++reading->warnings >= WARNINGS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	/* What stands in it was written by the server. */
	(void)error_set(&clean, CAPSULE_EINVAL, "%s", text);
	reading->warn(reading->user, span_text(clean.text));
}

static void warn_rest(struct reading *reading)
{
	char text[80];

	if (reading->warnings < WARNINGS_MAX)
		return;
	(void)snprintf(
		text, sizeof text, "%zu more warnings about its list of tools", reading->warnings - WARNINGS_MAX + 1);
	reading->warn(reading->user, span_text(text));
}

static struct span text_of(const yyjson_val *value)
{
	return span_of(yyjson_get_str(json_reader(value)), yyjson_get_len(json_reader(value)));
}

/* For a message: not the whole of it. */
static struct span shown(struct span text)
{
	return text.len <= 80 ? text : span_of(text.data, text_utf8_valid_prefix(span_of(text.data, 80)));
}

/* Offsets while the texts grow; pointers once they have. */
struct offsets {
	size_t raw, name, title, description, input_schema, output_schema, annotations;
};

#define NOTHING SIZE_MAX

/* The member `key`, a text, up to its first NUL. A member of another type is as none. */
static size_t keep_text(struct buffer *texts, const yyjson_val *item, const char *key)
{
	const yyjson_val *value = yyjson_obj_get(json_reader(item), key);
	size_t at = texts->len;
	struct span text;

	if (!yyjson_is_str(json_reader(value)))
		return NOTHING;
	text = text_of(value);
	(void)buffer_append(texts, text.data, strnlen((const char *)text.data, text.len));
	(void)buffer_append_byte(texts, 0);
	return at;
}

static size_t keep_object(struct buffer *texts, const yyjson_val *item, const char *key)
{
	const yyjson_val *value = yyjson_obj_get(json_reader(item), key);
	size_t at = texts->len;

	if (!yyjson_is_obj(json_reader(value)))
		return NOTHING;
	(void)json_append_value(texts, value);
	(void)buffer_append_byte(texts, 0);
	return at;
}

static const char *at_offset(const struct mcp_tool *tool, size_t offset)
{
	return offset == NOTHING ? NULL : (const char *)tool->texts.data + offset;
}

/* Keep the texts of `item`. False: they are too large, or there is no memory. */
static bool keep(struct mcp_tool *tool, const yyjson_val *item, struct span raw)
{
	struct buffer *texts = &tool->texts;
	struct offsets at = { .raw = 0 };

	texts->limit = MCP_TOOL_BYTES;
	(void)buffer_append_span(texts, raw);
	at.name = texts->len;
	(void)append_name(texts, raw);
	(void)buffer_append_byte(texts, 0);
	at.title = keep_text(texts, item, "title");
	at.description = keep_text(texts, item, "description");
	at.input_schema = keep_object(texts, item, "inputSchema");
	at.output_schema = keep_object(texts, item, "outputSchema");
	at.annotations = keep_object(texts, item, "annotations");
	if (texts->failed)
		return false;
	tool->raw = span_of(texts->data, raw.len);
	tool->name = at_offset(tool, at.name);
	tool->title = at_offset(tool, at.title);
	tool->description = at_offset(tool, at.description);
	tool->input_schema = at_offset(tool, at.input_schema);
	tool->output_schema = at_offset(tool, at.output_schema);
	tool->annotations = at_offset(tool, at.annotations);
	return true;
}

/* All that others get to see of it, in one text. */
static bool hash_item(struct mcp_tool *tool, const yyjson_val *item)
{
	static const char *const members[] = { "annotations", "description", "inputSchema", "name", "outputSchema",
		"title" };
	HOLD(buffer_fini) struct buffer text = { 0 };
	uint8_t hash[BLAKE3_SIZE];
	bool first = true;

	(void)buffer_append_byte(&text, '{');
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		const yyjson_val *value = yyjson_obj_get(json_reader(item), members[i]);

		if (value == NULL)
			continue;
		(void)buffer_printf(&text, "%s\"%s\":", first ? "" : ",", members[i]);
		(void)arguments_append_canonical(&text, value);
		first = false;
	}
	if (!buffer_append_byte(&text, '}'))
		return false;
	blake3_bytes(buffer_span(&text), hash);
	blake3_hex(hash, tool->hash);
	return true;
}

static bool needs_task(const yyjson_val *item)
{
	const yyjson_val *execution = yyjson_obj_get(json_reader(item), "execution");

	return yyjson_equals_str(yyjson_obj_get(json_reader(execution), "taskSupport"), "required");
}

static bool is_exposed(const struct manifest_mcp_server *server, const struct mcp_tool *tool)
{
	return server->expose.count == 0 || mcp_list_names(&server->expose, tool->raw) != NULL ||
		mcp_list_names(&server->expose, span_text(tool->name)) != NULL;
}

static enum capsule_status no_memory(struct reading *reading)
{
	return error_set(reading->err, CAPSULE_ENOMEM, "no memory for the tools of a server");
}

static enum capsule_status add(struct reading *reading, struct mcp_tool *owned)
{
	HOLD(tool_drop) struct mcp_tool *tool = owned;
	struct mcp_catalog *catalog = reading->catalog;
	enum capsule_status status = map_put(&catalog->by_name, span_text(tool->name), tool, NULL, reading->err);

	if (status != CAPSULE_OK)
		return status;
	catalog->bytes += tool->texts.len;
	catalog->tools[catalog->count++] = GIVE(tool);
	return CAPSULE_OK;
}

/* The tool of `item`, which has a name and a schema. */
static enum capsule_status take_tool(struct reading *reading, const yyjson_val *item, struct span raw)
{
	HOLD(tool_drop) struct mcp_tool *tool = calloc(1, sizeof *tool);
	struct mcp_catalog *catalog = reading->catalog;

	if (tool == NULL)
		return no_memory(reading);
	if (!keep(tool, item, raw)) {
		if (tool->texts.starved)
			return no_memory(reading);
		warn(reading, "tool `%.*s` is skipped: its texts have more than %u bytes", SPAN_ARG(shown(raw)),
			MCP_TOOL_BYTES);
		return CAPSULE_OK;
	}
	if (map_get(&catalog->by_name, span_text(tool->name)) != NULL) {
		warn(reading, "tool `%s` is listed twice: the first one counts", tool->name);
		return CAPSULE_OK;
	}
	if (catalog->count == MCP_TOOLS_MAX || tool->texts.len > MCP_CATALOG_BYTES - catalog->bytes) {
		warn(reading, "tool `%s` is skipped: %d tools or %u bytes are the most", tool->name, MCP_TOOLS_MAX,
			MCP_CATALOG_BYTES);
		return CAPSULE_OK;
	}
	if (!hash_item(tool, item))
		return no_memory(reading);
	tool->needs_task = needs_task(item);
	tool->hidden = !is_exposed(reading->server, tool);
	return add(reading, GIVE(tool));
}

static enum capsule_status read_item(struct reading *reading, size_t number, const yyjson_val *item)
{
	const yyjson_val *name = yyjson_obj_get(json_reader(item), "name");
	struct span raw = { NULL, 0 };

	if (yyjson_is_str(json_reader(name)))
		raw = text_of(name);
	if (raw.len == 0) {
		warn(reading, "tool number %zu is skipped: it has no name", number + 1);
		return CAPSULE_OK;
	}
	if (raw.len > MCP_TOOL_RAW_NAME_MAX) {
		warn(reading, "tool `%.*s...` is skipped: its name has %zu bytes, at most %d are allowed",
			SPAN_ARG(shown(raw)), raw.len, MCP_TOOL_RAW_NAME_MAX);
		return CAPSULE_OK;
	}
	if (span_is(raw, MCP_INTERCEPT_TOOL)) {
		reading->catalog->intercepts = true;
		return CAPSULE_OK;
	}
	if (!yyjson_is_obj(yyjson_obj_get(json_reader(item), "inputSchema"))) {
		warn(reading, "tool `%.*s` is skipped: it has no `inputSchema` object", SPAN_ARG(shown(raw)));
		return CAPSULE_OK;
	}
	return take_tool(reading, item, raw);
}

enum capsule_status mcp_catalog_read(struct mcp_catalog *out, struct span list,
	const struct manifest_mcp_server *server, mcp_catalog_warn_fn warned, void *user, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = MCP_LIST_BYTES };
	struct reading reading = { .catalog = out, .server = server, .warn = warned, .user = user, .err = err };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status;
	yyjson_val *root, *item;
	size_t index, count;

	*out = (struct mcp_catalog){ 0 };
	status = json_parse(&doc, list, &limits, "list of tools", err);
	if (status != CAPSULE_OK)
		return status;
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_arr(root))
		return error_set(err, CAPSULE_EINVAL, "list of tools: it is no array");
	count = yyjson_arr_size(root);
	count = count < MCP_TOOLS_MAX ? count : MCP_TOOLS_MAX;
	out->tools = (struct mcp_tool **)calloc(count + 1, sizeof *out->tools);
	if (out->tools == NULL)
		return no_memory(&reading);
	yyjson_arr_foreach(root, index, count, item)
	{
		status = read_item(&reading, index, item);
		if (status != CAPSULE_OK)
			return status;
	}
	warn_rest(&reading);
	return CAPSULE_OK;
}

struct mcp_tool *mcp_catalog_find(
	const struct mcp_catalog *catalog, const struct manifest_mcp_server *server, const char *name)
{
	struct span text = span_text(name), id = span_text(server->id);

	/* A name of ours has no colon, so only the long form does. */
	if (text.len > id.len && text.data[id.len] == ':' && span_starts(text, id))
		text = span_of(text.data + id.len + 1, text.len - id.len - 1);
	return map_get(&catalog->by_name, text);
}
