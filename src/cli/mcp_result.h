/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What MCP servers are and what their tools answer, for people. */
#ifndef CLI_MCP_RESULT_H
#define CLI_MCP_RESULT_H

#include "cli/output.h"
#include <capsule/mcp.h>
#include <yyjson.h>

/** Whether `name` is a tool of a server in `tools`, the JSON of capsule_tools_json(); also as "<server>:<tool>". */
bool cli_mcp_has_tool(const char *tools, const char *name);

/** Whether `capsule` has the server `name`, its id or its whole name. */
bool cli_mcp_has_server(struct capsule *capsule, const char *name);

/** The servers of `capsule` as an array, or only `name` (NULL: all). *doc is to be freed with yyjson_doc_free(). Returns
 *  the exit status: 0, or another after having said that there is none of that name. */
int cli_mcp_servers(struct capsule *capsule, const char *name, yyjson_doc **doc);

/** Whether the answer of such a tool, JSON, says that it failed. */
bool cli_mcp_is_error(const char *json, size_t len);

/** Print it: texts as they are, anything else by what it is; an error on standard error. Returns the exit status. */
int cli_mcp_print_result(const struct output *out, const char *json, size_t len);

#endif
