/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tools of MCP servers answer, for people. */
#ifndef CLI_MCP_RESULT_H
#define CLI_MCP_RESULT_H

#include "cli/output.h"
#include <capsule/mcp.h>

/** Whether `name` is a tool of a server in `tools`, the JSON of capsule_tools_json(); also as "<server>:<tool>". */
bool cli_mcp_has_tool(const char *tools, const char *name);

/** Whether `capsule` has the server `name`, its id or its whole name. */
bool cli_mcp_has_server(struct capsule *capsule, const char *name);

/** Whether the answer of such a tool, JSON, says that it failed. */
bool cli_mcp_is_error(const char *json, size_t len);

/** Print it: texts as they are, anything else by what it is; an error on standard error. Returns the exit status. */
int cli_mcp_print_result(const struct output *out, const char *json, size_t len);

#endif
