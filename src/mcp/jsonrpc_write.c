/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages written: compact, one line each, the members in the order in which people read them. */
#include "mcp/jsonrpc.h"

#include "base/json.h"

#define INTEGER_TEXT 24

#define APPEND(out, literal) buffer_append(out, literal, sizeof(literal) - 1)

static bool append_integer(struct buffer *out, int64_t value)
{
	char text[INTEGER_TEXT], *at = text + sizeof text;
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		*--at = '-';
	return buffer_append(out, at, (size_t)(text + sizeof text - at));
}

static bool append_id(struct buffer *out, const struct jsonrpc_id *id)
{
	switch (id->kind) {
	case JSONRPC_INTEGER_ID:
		return APPEND(out, ",\"id\":") && append_integer(out, id->number);
	case JSONRPC_TEXT_ID:
		return APPEND(out, ",\"id\":") && buffer_append_span(out, id->text);
	case JSONRPC_NULL_ID:
		return APPEND(out, ",\"id\":null");
	default:
		return true;
	}
}

/* The params of a call, and its end. */
static bool append_params(struct buffer *out, struct span params)
{
	if (params.len > 0) {
		(void)APPEND(out, ",\"params\":");
		(void)json_append_compact(out, params);
	}
	return APPEND(out, "}\n");
}

bool jsonrpc_append_request_head(struct buffer *out, int64_t id, struct span method)
{
	(void)APPEND(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	(void)append_integer(out, id);
	(void)APPEND(out, ",\"method\":");
	return json_append_string(out, method);
}

bool jsonrpc_append_request(struct buffer *out, int64_t id, struct span method, struct span params)
{
	(void)jsonrpc_append_request_head(out, id, method);
	return append_params(out, params);
}

bool jsonrpc_append_notification(struct buffer *out, struct span method, struct span params)
{
	(void)APPEND(out, "{\"jsonrpc\":\"2.0\",\"method\":");
	(void)json_append_string(out, method);
	return append_params(out, params);
}

bool jsonrpc_append_result(struct buffer *out, const struct jsonrpc_id *id, struct span result)
{
	(void)APPEND(out, "{\"jsonrpc\":\"2.0\"");
	(void)append_id(out, id);
	(void)APPEND(out, ",\"result\":");
	if (result.len > 0)
		(void)json_append_compact(out, result);
	else
		(void)APPEND(out, "{}");
	return APPEND(out, "}\n");
}

bool jsonrpc_append_error(
	struct buffer *out, const struct jsonrpc_id *id, int64_t code, struct span message, struct span data)
{
	(void)APPEND(out, "{\"jsonrpc\":\"2.0\"");
	(void)append_id(out, id);
	(void)APPEND(out, ",\"error\":{\"code\":");
	(void)append_integer(out, code);
	(void)APPEND(out, ",\"message\":");
	(void)json_append_lossy(out, message);
	if (data.len > 0) {
		(void)APPEND(out, ",\"data\":");
		(void)json_append_compact(out, data);
	}
	return APPEND(out, "}}\n");
}
