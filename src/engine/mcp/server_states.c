/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which state follows which. A failed server has a process left for a moment at most. */
#include "engine/mcp/server_internal.h"

#include <assert.h>
#include <stddef.h>

static const struct {
	enum mcp_server_state from;
	enum server_happening happening;
	enum mcp_server_state to;
} moves[] = {
	{ MCP_SERVER_REGISTERED, SERVER_START, MCP_SERVER_SPAWNING },
	{ MCP_SERVER_REGISTERED, SERVER_STOP, MCP_SERVER_DRAINING },
	{ MCP_SERVER_SPAWNING, SERVER_SPAWNED, MCP_SERVER_INITIALIZING },
	{ MCP_SERVER_SPAWNING, SERVER_LOST, MCP_SERVER_WAITING },
	{ MCP_SERVER_SPAWNING, SERVER_GIVEN_UP, MCP_SERVER_FAILED },
	{ MCP_SERVER_SPAWNING, SERVER_STOP, MCP_SERVER_DRAINING },
	{ MCP_SERVER_INITIALIZING, SERVER_ANSWERED, MCP_SERVER_READY },
	{ MCP_SERVER_INITIALIZING, SERVER_LOST, MCP_SERVER_WAITING },
	{ MCP_SERVER_INITIALIZING, SERVER_GIVEN_UP, MCP_SERVER_FAILED },
	{ MCP_SERVER_INITIALIZING, SERVER_STOP, MCP_SERVER_DRAINING },
	{ MCP_SERVER_READY, SERVER_LOST, MCP_SERVER_WAITING },
	{ MCP_SERVER_READY, SERVER_STOP, MCP_SERVER_DRAINING },
	{ MCP_SERVER_WAITING, SERVER_RETRY, MCP_SERVER_SPAWNING },
	{ MCP_SERVER_WAITING, SERVER_GIVEN_UP, MCP_SERVER_FAILED },
	{ MCP_SERVER_WAITING, SERVER_STOP, MCP_SERVER_DRAINING },
	{ MCP_SERVER_FAILED, SERVER_START, MCP_SERVER_SPAWNING },
	{ MCP_SERVER_FAILED, SERVER_STOP, MCP_SERVER_DRAINING },
	{ MCP_SERVER_DRAINING, SERVER_GONE, MCP_SERVER_STOPPED },
	{ MCP_SERVER_STOPPED, SERVER_START, MCP_SERVER_SPAWNING },
};

enum mcp_server_state server_next_state(enum mcp_server_state from, enum server_happening happening)
{
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
		if (moves[i].from == from && moves[i].happening == happening)
			return moves[i].to;
	assert(!"a happening that its state excludes");
	return from;
}

const char *mcp_server_state_name(enum mcp_server_state state)
{
	static const char *const names[MCP_SERVER_STATES] = {
		[MCP_SERVER_REGISTERED] = "registered",
		[MCP_SERVER_SPAWNING] = "spawning",
		[MCP_SERVER_INITIALIZING] = "initializing",
		[MCP_SERVER_READY] = "ready",
		[MCP_SERVER_WAITING] = "waiting",
		[MCP_SERVER_DRAINING] = "draining",
		[MCP_SERVER_STOPPED] = "stopped",
		[MCP_SERVER_FAILED] = "failed",
	};

	return names[state];
}
