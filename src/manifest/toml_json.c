/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Walks the nodes of a TOML value without recursion: down by the first child, on by the next, back by the parent. */
#include "manifest/toml_json.h"
#include "base/json.h"
#include "base/limits.h"

#include <math.h>

static bool holds_values(const struct deps_toml_node *node)
{
	return node->kind == DEPS_TOML_ARRAY || node->kind == DEPS_TOML_TABLE;
}

static void append_number(struct buffer *out, double number)
{
	yyjson_val value = { 0 };

	if (!isfinite(number)) {
		buffer_append_text(out, "null");
		return;
	}
	yyjson_set_real(&value, number);
	json_append_value(out, &value);
}

static void append_integer(struct buffer *out, int64_t number)
{
	char digits[20]; /* of the longest, with its sign */
	char *end = digits + sizeof(digits), *at = end;
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		*--at = '-';
	buffer_append(out, at, (size_t)(end - at));
}

/* The key, if it has one, and the value, or how a table or array begins. */
static void append_start(struct buffer *out, const struct deps_toml_node *node, bool with_key)
{
	if (with_key && node->key != NULL) {
		json_append_string(out, span_of(node->key, node->key_len));
		buffer_append_byte(out, ':');
	}
	switch ((enum deps_toml_kind)node->kind) {
	case DEPS_TOML_STRING:
	case DEPS_TOML_DATETIME:
		json_append_string(out, span_of(node->text, node->text_len));
		break;
	case DEPS_TOML_INTEGER:
		append_integer(out, node->integer);
		break;
	case DEPS_TOML_FLOAT:
		append_number(out, node->number);
		break;
	case DEPS_TOML_BOOLEAN:
		buffer_append_text(out, node->boolean != 0 ? "true" : "false");
		break;
	case DEPS_TOML_ARRAY:
		buffer_append_byte(out, '[');
		break;
	case DEPS_TOML_TABLE:
		buffer_append_byte(out, '{');
		break;
	}
}

static void append_end(struct buffer *out, const struct deps_toml_node *node)
{
	buffer_append_byte(out, node->kind == DEPS_TOML_ARRAY ? ']' : '}');
}

enum capsule_status toml_json_append(
	struct buffer *out, const struct deps_toml_node *nodes, uint32_t index, struct capsule_error *err)
{
	uint32_t at = index;
	unsigned depth = 0;

	append_start(out, &nodes[at], false);
	while (!out->failed) {
		if (holds_values(&nodes[at]) && ++depth > LIMIT_JSON_DEPTH)
			return error_set(err, CAPSULE_ELIMIT, "values stand in each other deeper than %d levels",
				LIMIT_JSON_DEPTH);
		if (holds_values(&nodes[at]) && nodes[at].first_child != 0) {
			at = nodes[at].first_child;
			append_start(out, &nodes[at], true);
			continue;
		}
		/* This value is complete, and so is each table or array whose last value it is. */
		for (;;) {
			if (holds_values(&nodes[at])) {
				append_end(out, &nodes[at]);
				depth--;
			}
			if (at == index)
				return buffer_check(out, err);
			if (nodes[at].next != 0)
				break;
			at = nodes[at].parent;
		}
		at = nodes[at].next;
		buffer_append_byte(out, ',');
		append_start(out, &nodes[at], true);
	}
	return buffer_check(out, err);
}
