/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Canonical JSON without recursion: the objects that are open have their members sorted in an array of their own. */
#include "engine/mcp/arguments.h"

#include "base/cleanup.h"
#include "base/limits.h"

/* A container that is being written. */
struct level {
	const yyjson_val **keys; /* of an object, in byte order; NULL: an array, or an empty object */
	const yyjson_val *next;  /* of an array: what comes next */
	size_t count, index;
	bool object;
};

static int compare_keys(const void *left, const void *right)
{
	const yyjson_val *a = *(const yyjson_val *const *)left, *b = *(const yyjson_val *const *)right;
	size_t a_len = yyjson_get_len(json_reader(a)), b_len = yyjson_get_len(json_reader(b));
	int order = memcmp(a->uni.str, b->uni.str, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static bool sort_members(struct level *level, const yyjson_val *object)
{
	yyjson_obj_iter iter = yyjson_obj_iter_with(json_reader(object));
	const yyjson_val *key;

	if (level->count == 0)
		return true;
	level->keys = calloc(level->count, sizeof *level->keys);
	if (level->keys == NULL)
		return false;
	for (size_t i = 0; i < level->count && (key = yyjson_obj_iter_next(&iter)) != NULL; i++)
		level->keys[i] = key;
	qsort(level->keys, level->count, sizeof *level->keys, compare_keys);
	return true;
}

static bool open_level(struct level *level, const yyjson_val *value, struct buffer *out)
{
	yyjson_val *container = json_reader(value);

	*level = (struct level){ .count = yyjson_get_len(container), .object = yyjson_is_obj(container) };
	if (!level->object) {
		level->next = yyjson_arr_get_first(container);
	} else if (!sort_members(level, value)) {
		out->failed = true;
		out->starved = true;
		return false;
	}
	return buffer_append_byte(out, level->object ? '{' : '[');
}

/* The next value of `level`, its separator and key written; NULL when there is none. */
static const yyjson_val *next_of(struct level *level, struct buffer *out)
{
	const yyjson_val *value = level->next, *key;

	if (level->index == level->count)
		return NULL;
	if (level->index > 0)
		(void)buffer_append_byte(out, ',');
	if (level->object) {
		key = level->keys[level->index];
		(void)json_append_value(out, key);
		(void)buffer_append_byte(out, ':');
		value = key + 1;
	} else {
		level->next = unsafe_yyjson_get_next(json_reader(value));
	}
	level->index++;
	return value;
}

bool arguments_append_canonical(struct buffer *out, const yyjson_val *value)
{
	struct level levels[LIMIT_JSON_DEPTH];
	size_t depth = 0;

	for (;;) {
		if (!yyjson_is_ctn(json_reader(value)))
			(void)json_append_value(out, value);
		else if (depth == LIMIT_JSON_DEPTH)
			out->failed = true;
		else if (open_level(&levels[depth], value, out))
			depth++;
		value = NULL;
		while (!out->failed && depth > 0 && (value = next_of(&levels[depth - 1], out)) == NULL) {
			free(levels[--depth].keys);
			(void)buffer_append_byte(out, levels[depth].object ? '}' : ']');
		}
		if (out->failed || value == NULL)
			break;
	}
	while (depth > 0)
		free(levels[--depth].keys);
	return !out->failed;
}

enum capsule_status arguments_hash(struct span json, char out[BLAKE3_HEX], struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	HOLD(buffer_fini) struct buffer text = { 0 };
	uint8_t hash[BLAKE3_SIZE];
	enum capsule_status status;

	if (json.len == 0)
		json = span_text("null");
	status = json_parse(&doc, json, &limits, "arguments", err);
	if (status != CAPSULE_OK)
		return status;
	(void)arguments_append_canonical(&text, yyjson_doc_get_root(doc));
	status = buffer_check(&text, err);
	if (status != CAPSULE_OK)
		return error_in(err, "arguments");
	blake3_bytes(buffer_span(&text), hash);
	blake3_hex(hash, out);
	return CAPSULE_OK;
}
