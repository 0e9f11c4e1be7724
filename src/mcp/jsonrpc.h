/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC 2.0: messages read from untrusted text, and written. For both sides of a connection. What a message
 * carries stays the text that it was, so that it can be handed on with each number as it was written. Pure, any
 * thread. */
#ifndef MCP_JSONRPC_H
#define MCP_JSONRPC_H

#include "base/buffer.h"
#include "base/error.h"
#include "mcp/json_scan.h"

#define JSONRPC_PARSE_ERROR (-32700)
#define JSONRPC_INVALID_REQUEST (-32600)
#define JSONRPC_METHOD_NOT_FOUND (-32601)
#define JSONRPC_INVALID_PARAMS (-32602)
#define JSONRPC_INTERNAL_ERROR (-32603)
#define MCP_RESOURCE_NOT_FOUND (-32002)
#define MCP_USER_REJECTED (-1)

#define JSONRPC_ID_MAX 1024 /* bytes of an id that is text, as it is written */
#define JSONRPC_LINE_MAX (16u * MIB)
#define JSONRPC_BATCH_MAX 256

/* An id as the other side wrote it. 1 and "1" differ, 1 and 1.0 are the same. */
enum jsonrpc_id_kind { JSONRPC_NO_ID, JSONRPC_NULL_ID, JSONRPC_INTEGER_ID, JSONRPC_TEXT_ID };

struct jsonrpc_id {
	enum jsonrpc_id_kind kind;
	int64_t number;
	struct span text; /* raw JSON of a text id, quotes included; borrowed from the message */
};

enum jsonrpc_kind {
	JSONRPC_REQUEST,
	JSONRPC_NOTIFICATION,
	JSONRPC_RESULT,
	JSONRPC_ERROR,
	JSONRPC_BAD_REQUEST, /* has an id, but its method is no string: answer JSONRPC_INVALID_REQUEST */
	JSONRPC_BAD_ANSWER, /* has an id, but the result is no object, or the error has no code: nothing better will come */
};

/* One message; everything is borrowed from the text it was read from, or from the reader for the call. */
struct jsonrpc_message {
	enum jsonrpc_kind kind;
	struct jsonrpc_id id;
	struct span method;  /* unescaped */
	struct span params;  /* raw JSON: object, array, or empty; what is neither counts as absent */
	struct span result;  /* JSONRPC_RESULT: raw JSON, an object */
	int64_t code;        /* JSONRPC_ERROR */
	struct span message; /* likewise, unescaped: may hold anything, NUL too; empty when it is no text */
	struct span data;    /* likewise, raw JSON, or empty */
};

struct jsonrpc_limits {
	size_t bytes; /* of one text, 0: 16 MiB */
	size_t depth; /* 0: 128, which is also the most */
	size_t batch; /* messages of one batch, 0: 256 */
};

/** Read `text`, one message or, where `batches`, an array of them: `each` is called for each one that can be read,
 *  `bad` (with a static reason, for the log) for each other. A text that is no JSON as a whole is one bad one. Not
 *  UTF-8, a lone surrogate, "jsonrpc" other than "2.0", a member of the envelope twice, a fractional id, both a result
 *  and an error: bad. A batch that may not be, or is empty or too long, is bad as a whole, with `is_batch`. Errors:
 *  CAPSULE_ENOMEM; what is wrong with the text is no failure of this function. */
MUST_CHECK enum capsule_status jsonrpc_read(struct span text, const struct jsonrpc_limits *limits, bool batches,
	void (*each)(void *user, const struct jsonrpc_message *message),
	void (*bad)(void *user, const char *reason, bool is_batch), void *user, struct capsule_error *err);

/** Read an id out of raw JSON. Returns false when it can be none: fractional, too large, another type. */
bool jsonrpc_id_read(struct span json, struct jsonrpc_id *out);

/** Read a JSON number that is an integer, however it is written (10, 1e1, 10.0). Returns false for others. */
bool jsonrpc_integer(struct span json, int64_t *out);

bool jsonrpc_id_equal(const struct jsonrpc_id *a, const struct jsonrpc_id *b);

/** Append one message and LF. `params`, `result`, `data` are valid JSON or empty (then left out; a result is {} then);
 *  blanks in them are left out. Text goes in escaped, on one line. Return false as buffer_append() does. */
bool jsonrpc_append_request(struct buffer *out, int64_t id, struct span method, struct span params);
/* A request without its params and its end, "}" and LF, for those who write its params by themselves. */
bool jsonrpc_append_request_head(struct buffer *out, int64_t id, struct span method);
bool jsonrpc_append_notification(struct buffer *out, struct span method, struct span params);
bool jsonrpc_append_result(struct buffer *out, const struct jsonrpc_id *id, struct span result);
bool jsonrpc_append_error(
	struct buffer *out, const struct jsonrpc_id *id, int64_t code, struct span message, struct span data);

#endif
