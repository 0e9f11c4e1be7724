/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One run of `capsule mcp`: what was asked for, the capsule, how its parts print. */
#ifndef CLI_MCP_RUN_H
#define CLI_MCP_RUN_H

#include "cli/session.h"
#include <capsule/mcp.h>
#include <yyjson.h>

struct mcp_run {
	struct cli *cli;
	struct session session;
	struct capsule *capsule;
	const char *server; /* its id; NULL: none is named */
	const char **args;  /* operands behind the folder and the server */
	size_t arg_count;
	int64_t began_ns; /* of a trace */
};

/** Wait for the operation that was started with the status `started` and takes its result. *doc is its JSON, to be freed
 *  with yyjson_doc_free(). Returns the exit status. */
int mcp_run_wait(
	struct mcp_run *run, enum capsule_status started, struct capsule_op *op, const char *what, yyjson_doc **doc);

/** Ask the server `method` with `params` (NULL: none); likewise. */
int mcp_run_request(struct mcp_run *run, const char *method, const char *params, yyjson_doc **doc);

/* What is printed of answers, for people. */
void mcp_print_tools(const struct output *out, yyjson_val *tools);
void mcp_print_resources(const struct output *out, yyjson_val *resources, yyjson_val *templates);
void mcp_print_prompts(const struct output *out, yyjson_val *prompts);
void mcp_print_contents(const struct output *out, yyjson_val *result); /* of resources/read */
void mcp_print_messages(const struct output *out, yyjson_val *result); /* of prompts/get */
void mcp_print_servers(const struct output *out, yyjson_val *servers);

/** Show the lines of every server from now on. */
void mcp_trace_begin(struct mcp_run *run);

#endif
