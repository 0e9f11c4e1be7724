/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server says for people, on standard error or in messages, in the log of the runtime: bounded, so that one that
 * writes without end leaves room for the records of others. */
#ifndef ENGINE_MCP_SERVER_LOG_H
#define ENGINE_MCP_SERVER_LOG_H

#include "base/log.h"
#include "engine/mcp/pace.h"

#define SERVER_LOG_BURST 100   /* lines at once */
#define SERVER_LOG_A_SECOND 20 /* lines after that */

struct server_log {
	const struct log_sink *sink;
	const char *capsule, *server; /* borrowed */
	struct pace pace;
	uint64_t dropped; /* lines since the last one that was written */
};

void server_log_init(struct server_log *log, const struct log_sink *sink, const char *capsule, const char *server);

/** `line` is without control characters. */
void server_log_line(struct server_log *log, enum capsule_log_level level, struct span line, int64_t now_ns);

#endif
