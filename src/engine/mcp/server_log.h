/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server wrote to its standard error, in the log of the runtime: bounded, so that one that writes without end
 * leaves room for the records of others. */
#ifndef ENGINE_MCP_SERVER_LOG_H
#define ENGINE_MCP_SERVER_LOG_H

#include "base/log.h"

#define SERVER_LOG_BURST 100   /* lines at once */
#define SERVER_LOG_A_SECOND 20 /* lines after that */

struct server_log {
	const struct log_sink *sink;
	const char *capsule, *server; /* borrowed */
	int64_t filled_ns;            /* when `left` was counted */
	uint32_t left;                /* lines that may be written now */
	uint64_t dropped;             /* lines since the last one that was */
	bool begun;
};

void server_log_line(struct server_log *log, struct span line, int64_t now_ns);

#endif
