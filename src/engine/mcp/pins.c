/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One key of the store for each server, with a JSON object of all its tools: so that what is written is always whole. */
#include "engine/mcp/pins.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#define KEY_PREFIX "mcp.pins:"

static const char changed_text[] =
	"its description is not the one that was approved; see what changed, then approve it";
static const char unpinned_text[] = "its description can't be compared with the approved one";

static void texts_fini(struct map *map)
{
	size_t cursor = 0;
	void *text;

	while (map_next(map, &cursor, NULL, &text))
		free(text);
	map_fini(map);
}

void mcp_pins_fini(struct mcp_pins *pins)
{
	texts_fini(&pins->pinned);
	texts_fini(&pins->told);
	pins->loaded = false;
}

static enum capsule_status put(struct map *map, struct span name, struct span hash, struct capsule_error *err)
{
	HOLD(free_drop) char *copy = text_copy(hash);
	void *old = NULL;
	enum capsule_status status;

	if (copy == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the hashes of tools");
	status = map_put(map, name, copy, &old, err);
	if (status != CAPSULE_OK)
		return status;
	copy = NULL;
	free(old);
	return CAPSULE_OK;
}

/* ---- The store ---- */

static enum capsule_status run(struct kv_scope *scope, struct loop *loop, const char *server, enum kv_verb verb,
	struct span value, struct buffer *result, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer key = { 0 };
	struct kv_request request = { .verb = verb, .value = value };
	enum capsule_status status;

	if (scope == NULL)
		return error_set(err, CAPSULE_ESTATE, "hashes of tools: there is no store to keep them in");
	(void)buffer_append_text(&key, KEY_PREFIX);
	(void)buffer_append_text(&key, server);
	status = buffer_check(&key, err);
	if (status != CAPSULE_OK)
		return status;
	request.key = buffer_span(&key);
	op_init(&request.op, loop);
	status = kv_run(scope, &request, err);
	if (status != CAPSULE_OK)
		(void)error_in(err, "hashes of tools");
	else if (result != NULL && request.found)
		(void)buffer_append_span(result, buffer_span(&request.op.result));
	op_fini(&request.op);
	return status == CAPSULE_OK && result != NULL ? buffer_check(result, err) : status;
}

static enum capsule_status read_pins(struct map *pinned, struct span text, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status = json_parse(&doc, text, &limits, "hashes of tools", err);
	yyjson_val *root, *key, *value;
	size_t index, count;

	if (status == CAPSULE_ENOMEM)
		return status;
	root = status == CAPSULE_OK ? yyjson_doc_get_root(doc) : NULL;
	if (!yyjson_is_obj(root))
		return error_set(err, CAPSULE_ESTORE, "hashes of tools: what is stored is no JSON object");
	yyjson_obj_foreach(root, index, count, key, value)
	{
		if (!yyjson_is_str(value))
			return error_set(err, CAPSULE_ESTORE, "hashes of tools: what is stored has no hash");
		status = put(pinned, span_of(yyjson_get_str(key), yyjson_get_len(key)),
			span_of(yyjson_get_str(value), yyjson_get_len(value)), err);
		if (status != CAPSULE_OK)
			return status;
	}
	return CAPSULE_OK;
}

static enum capsule_status load(
	struct mcp_pins *pins, struct kv_scope *scope, struct loop *loop, const char *server, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	enum capsule_status status;

	if (pins->loaded)
		return CAPSULE_OK;
	texts_fini(&pins->pinned);
	status = run(scope, loop, server, KV_GET, span_of(NULL, 0), &text, err);
	if (status == CAPSULE_OK && text.len > 0)
		status = read_pins(&pins->pinned, buffer_span(&text), err);
	pins->loaded = status == CAPSULE_OK;
	return status;
}

/* Store `pinned`. After a failure what is in memory is not what is stored. */
static enum capsule_status save(
	struct mcp_pins *pins, struct kv_scope *scope, struct loop *loop, const char *server, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { .limit = LIMIT_PAYLOAD };
	enum capsule_status status;
	struct span name;
	size_t cursor = 0;
	void *hash;

	(void)buffer_append_byte(&text, '{');
	while (map_next(&pins->pinned, &cursor, &name, &hash)) {
		if (text.len > 1)
			(void)buffer_append_byte(&text, ',');
		(void)json_append_string(&text, name);
		(void)buffer_append_byte(&text, ':');
		(void)json_append_string(&text, span_text(hash));
	}
	(void)buffer_append_byte(&text, '}');
	status = buffer_check(&text, err);
	if (status == CAPSULE_OK)
		status = run(scope, loop, server, KV_SET, buffer_span(&text), NULL, err);
	pins->loaded = status == CAPSULE_OK;
	return status;
}

/* ---- Comparing ---- */

void mcp_pins_block_all(struct mcp_catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		catalog->tools[i]->blocked = unpinned_text;
}

static bool is_told(struct mcp_pins *pins, const struct mcp_tool *tool)
{
	const char *told = map_get(&pins->told, span_text(tool->name));

	if (told != NULL && strcmp(told, tool->hash) == 0)
		return true;
	(void)put(&pins->told, span_text(tool->name), span_text(tool->hash), NULL);
	return false;
}

/* Pin what is not pinned yet; *added says whether there was something. */
static enum capsule_status pin_new(
	struct mcp_pins *pins, const struct mcp_catalog *catalog, bool *added, struct capsule_error *err)
{
	for (size_t i = 0; i < catalog->count; i++) {
		const struct mcp_tool *tool = catalog->tools[i];

		if (map_get(&pins->pinned, span_text(tool->name)) != NULL)
			continue;
		if (pins->pinned.count >= MCP_PINS_MAX)
			return error_set(err, CAPSULE_ELIMIT,
				"hashes of tools: %d names of tools are remembered for it, which is the most",
				MCP_PINS_MAX);
		if (put(&pins->pinned, span_text(tool->name), span_text(tool->hash), err) != CAPSULE_OK)
			return CAPSULE_ENOMEM;
		*added = true;
	}
	return CAPSULE_OK;
}

static void compare(
	struct mcp_pins *pins, struct mcp_catalog *catalog, bool strict, mcp_pins_changed_fn changed, void *user)
{
	for (size_t i = 0; i < catalog->count; i++) {
		struct mcp_tool *tool = catalog->tools[i];
		const char *pinned = map_get(&pins->pinned, span_text(tool->name));

		tool->changed = pinned != NULL && strcmp(pinned, tool->hash) != 0;
		tool->blocked = tool->changed && strict ? changed_text : NULL;
		if (tool->changed && !is_told(pins, tool))
			changed(user, tool);
	}
}

enum capsule_status mcp_pins_check(struct mcp_pins *pins, struct kv_scope *scope, struct loop *loop, const char *server,
	struct mcp_catalog *catalog, bool strict, mcp_pins_changed_fn changed, void *user, struct capsule_error *err)
{
	enum capsule_status status = load(pins, scope, loop, server, err);
	bool added = false;

	if (status == CAPSULE_OK) {
		status = pin_new(pins, catalog, &added, err);
		compare(pins, catalog, strict, changed, user);
		if (status == CAPSULE_OK && added)
			status = save(pins, scope, loop, server, err);
		/* What is not stored is not pinned: the next process would take whatever it sees for the first. */
		pins->loaded = pins->loaded && status == CAPSULE_OK;
	}
	if (status != CAPSULE_OK && strict)
		mcp_pins_block_all(catalog);
	return status;
}

enum capsule_status mcp_pins_approve(struct mcp_pins *pins, struct kv_scope *scope, struct loop *loop,
	const char *server, struct mcp_catalog *catalog, size_t *count, struct capsule_error *err)
{
	enum capsule_status status = load(pins, scope, loop, server, err);
	size_t changed = 0;

	for (size_t i = 0; i < catalog->count && status == CAPSULE_OK; i++) {
		const struct mcp_tool *tool = catalog->tools[i];

		changed += tool->changed;
		status = put(&pins->pinned, span_text(tool->name), span_text(tool->hash), err);
	}
	if (status == CAPSULE_OK)
		status = save(pins, scope, loop, server, err);
	if (status != CAPSULE_OK) {
		pins->loaded = false;
		return status;
	}
	for (size_t i = 0; i < catalog->count; i++) {
		catalog->tools[i]->changed = false;
		catalog->tools[i]->blocked = NULL;
	}
	*count = changed;
	return CAPSULE_OK;
}
