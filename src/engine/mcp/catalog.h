/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tools of one server, read from what it answered to tools/list. Everything in it is the word of the server: names,
 * descriptions and schemas are texts to pass on, never to believe. Loop thread. */
#ifndef ENGINE_MCP_CATALOG_H
#define ENGINE_MCP_CATALOG_H

#include "base/blake3.h"
#include "base/buffer.h"
#include "base/map.h"
#include "base/span.h"
#include "manifest/manifest.h"

#define MCP_INTERCEPT_TOOL                                                                                             \
	"astrid_hook_intercept" /* takes the capsule's interceptors; never listed, never called as a tool */

#define MCP_TOOLS_MAX 10000           /* of one server */
#define MCP_TOOL_NAME_MAX 128         /* bytes of a name of ours, as the protocol wants them */
#define MCP_TOOL_RAW_NAME_MAX 1024    /* bytes of a name as the server has it */
#define MCP_TOOL_BYTES (1024u * 1024) /* of one tool's texts; it is skipped beyond */
#define MCP_CATALOG_BYTES (8u << 20)  /* of all of them; the rest is skipped */
#define MCP_LIST_BYTES (16u << 20)    /* of the list as it came, as much as the client takes; refused beyond */

struct mcp_tool {
	struct span raw;  /* its name as the server has it: UTF-8, perhaps with control characters and NUL */
	const char *name; /* the one it is called by: the same if it keeps to the alphabet, else escaped */
	const char *title, *description;         /* NULL where there is none; without NUL */
	const char *input_schema;                /* compact JSON object */
	const char *output_schema, *annotations; /* likewise, or NULL */
	char hash[BLAKE3_HEX];                   /* of all that is passed on of it, in canonical form */
	bool needs_task;     /* it says that it can only be called as a task, which this client does not do */
	bool hidden;         /* the manifest's `expose` does not name it */
	bool changed;        /* its hash is not the pinned one (pins.h) */
	const char *blocked; /* NULL, or why it is not called; static */
	struct buffer texts; /* all of them */
};

struct mcp_catalog {
	struct mcp_tool **tools; /* as the server lists them */
	size_t count;
	struct map by_name; /* -> struct mcp_tool */
	size_t bytes;
	bool intercepts; /* has MCP_INTERCEPT_TOOL */
};

/** Something of the server's list that people should know, one line. Borrowed for the call. */
typedef void (*mcp_catalog_warn_fn)(void *user, struct span text);

/** Read `list`, the JSON array of the items of tools/list, for `server` of the manifest (borrowed for the call). A tool
 *  that can't be used is skipped with a warning: no object, no name, no `inputSchema` object, a name that is there
 *  already, too large; so is what is beyond the limits. At most 16 warnings, the last of which tells how many more there
 *  were. mcp_catalog_fini() frees *out, also after a failure. Errors: CAPSULE_EINVAL (no JSON array), CAPSULE_ELIMIT,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_catalog_read(struct mcp_catalog *out, struct span list,
	const struct manifest_mcp_server *server, mcp_catalog_warn_fn warn, void *user, struct capsule_error *err);
void mcp_catalog_fini(struct mcp_catalog *catalog);

/** The tool called `name`: its own, or that behind "<server id>:". Also one that is hidden or blocked. NULL when there
 *  is none. */
struct mcp_tool *mcp_catalog_find(
	const struct mcp_catalog *catalog, const struct manifest_mcp_server *server, const char *name);

/** Append the tools that are not hidden as engine_ops.tools() says, each with "title", "output_schema" and "annotations"
 *  if it has them, and, when it can't be called now, "callable": false and "why". `origin`: the server's
 *  name, which stands in "origin" beside the tool's own. Returns how many; marks `out` failed when memory ran out. */
size_t mcp_catalog_append(const struct mcp_catalog *catalog, const struct manifest_mcp_server *server,
	const char *origin, bool first, struct map *taken, struct buffer *out);

/** Why `tool` is not called, in words for the caller: hidden tools apart, which nobody knows of. NULL: it may be. */
const char *mcp_tool_refusal(const struct mcp_tool *tool);

/** Whether a list of the manifest names `text`; `*` at the end of an entry stands for any rest. The entry, or NULL. */
const char *mcp_list_names(const struct string_list *list, struct span text);

#endif
