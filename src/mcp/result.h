/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The result of a tool call in the forms in which it is handed on. Pure, any thread. */
#ifndef MCP_RESULT_H
#define MCP_RESULT_H

#include "base/buffer.h"
#include "base/error.h"
#include "mcp/json_scan.h"

/* Everything is borrowed from the JSON that it was read from: raw, with each number as the server wrote it. */
struct mcp_result {
	struct span json; /* the whole result */
	bool is_error;
	bool has_content;       /* any item */
	struct span content;    /* array, or empty */
	struct span structured; /* object, or empty */
};

/** Read `json` (borrowed), the result object of tools/call. An empty content is fine, an item without a known type is
 *  kept as it is. Nothing is to be freed. Errors: CAPSULE_EINVAL (no JSON, no object, content no array). */
MUST_CHECK enum capsule_status mcp_result_read(struct mcp_result *out, struct span json, struct capsule_error *err);

/** Append the texts of its text items, with `between` between them. Returns false as buffer_append() does. */
bool mcp_result_append_text(const struct mcp_result *result, struct span between, struct buffer *out);

/** Append it as a caller of a capsule's tool gets it: {"success", "is_error", "error": text or null, "content":
 *  [{"type": "text", "text"} | {"type": "image", "data", "mime_type"} | {"type": "audio", "data", "mime_type"} |
 *  {"type": "resource", "uri", "data", "encoding": "text" | "base64", "mime_type"?} | {"type": "resource_link",
 *  "uri", "name"?, "data": null, "mime_type"?}, each with "annotations" if it has some], "structured"?: object,
 *  "original": the whole result}. `error` is the texts joined by a line break, "Unknown error" when there are none.
 *  Returns false as buffer_append() does. */
bool mcp_result_append_json(const struct mcp_result *result, struct buffer *out);

#endif
