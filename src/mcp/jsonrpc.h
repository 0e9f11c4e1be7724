/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC 2.0: messages read from untrusted text, and written. For both sides of a connection. Pure, any thread. */
#ifndef MCP_JSONRPC_H
#define MCP_JSONRPC_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"

#define JSONRPC_PARSE_ERROR (-32700)
#define JSONRPC_INVALID_REQUEST (-32600)
#define JSONRPC_METHOD_NOT_FOUND (-32601)
#define JSONRPC_INVALID_PARAMS (-32602)
#define JSONRPC_INTERNAL_ERROR (-32603)
#define MCP_RESOURCE_NOT_FOUND (-32002)
#define MCP_USER_REJECTED (-1)

/* An id as the other side wrote it. 1 and "1" differ, 1 and 1.0 are the same. */
enum jsonrpc_id_kind { JSONRPC_NO_ID, JSONRPC_NULL_ID, JSONRPC_INTEGER_ID, JSONRPC_TEXT_ID };

struct jsonrpc_id {
	enum jsonrpc_id_kind kind;
	int64_t number;
	struct span text; /* raw JSON of a text id, quotes included; borrowed from the message */
};

enum jsonrpc_kind { JSONRPC_REQUEST, JSONRPC_NOTIFICATION, JSONRPC_RESULT, JSONRPC_ERROR };

/* One message; everything is borrowed from the document and the text it was read from. */
struct jsonrpc_message {
	enum jsonrpc_kind kind;
	struct jsonrpc_id id;
	struct span method;  /* unescaped */
	yyjson_val *params;  /* object, array, or NULL */
	yyjson_val *result;  /* JSONRPC_RESULT: an object */
	int64_t code;        /* JSONRPC_ERROR */
	struct span message; /* likewise, unescaped: may hold anything, NUL too */
	yyjson_val *data;    /* likewise, or NULL */
};

struct jsonrpc_limits {
	size_t bytes; /* of one text, 0: 16 MiB */
	size_t depth; /* 0: 128 */
	size_t batch; /* messages of one batch, 0: 256 */
};

/** Read `text`, one message or, where `batches`, an array of them: `each` is called for each one that can be read,
 *  `bad` (with a reason, for the log) for each other. Not UTF-8, a lone surrogate, a member `id`, `method`, `result`
 *  or `error` twice, a fractional id, a result that is no object, an error without code: bad. Errors: CAPSULE_ENOMEM;
 *  what is wrong with the text is no failure of this function. */
MUST_CHECK enum capsule_status jsonrpc_read(struct span text, const struct jsonrpc_limits *limits, bool batches,
	void (*each)(void *user, const struct jsonrpc_message *message),
	void (*bad)(void *user, const char *reason, bool is_batch), void *user, struct capsule_error *err);

/** Append one message and LF. `params`, `result`, `data` are compact JSON or empty (then left out; a result is {}
 *  then). Text goes in escaped, on one line. Return false as buffer_append() does. */
bool jsonrpc_append_request(struct buffer *out, int64_t id, struct span method, struct span params);
bool jsonrpc_append_notification(struct buffer *out, struct span method, struct span params);
bool jsonrpc_append_result(struct buffer *out, const struct jsonrpc_id *id, struct span result);
bool jsonrpc_append_error(
	struct buffer *out, const struct jsonrpc_id *id, int64_t code, struct span message, struct span data);

#endif
