/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of one server process, supervised: the program is found and verified, started, spoken to, watched, and
 * started again as its policy says. Which state may follow which, and on what, is one table (server_states.c).
 *
 *   REGISTERED --start--> SPAWNING (verify on the pool, spawn) --> INITIALIZING (handshake) --> READY
 *   any of these --it ended--> WAITING (for the next attempt) --> SPAWNING        given up --> FAILED
 *   any but STOPPED --stop--> DRAINING --it is gone--> STOPPED --start--> SPAWNING
 *
 * A READY one that can't be spoken to any more is WAITING at once; its process is gone half a second later at most. */
#ifndef ENGINE_MCP_SERVER_H
#define ENGINE_MCP_SERVER_H

#include "engine/mcp/mcp.h"
#include "mcp/stdio.h"

enum mcp_server_state {
	MCP_SERVER_REGISTERED,
	MCP_SERVER_SPAWNING,
	MCP_SERVER_INITIALIZING,
	MCP_SERVER_READY,
	MCP_SERVER_WAITING,
	MCP_SERVER_DRAINING,
	MCP_SERVER_STOPPED,
	MCP_SERVER_FAILED,
	MCP_SERVER_STATES
};

const char *mcp_server_state_name(enum mcp_server_state state);

struct mcp_server;

struct mcp_server_options {
	const struct engine_env *env;
	const struct manifest_mcp_server *declared;
	const struct mcp_services *services;
	const struct mcp_engine_limits *limits;
	/* An event of the protocol of the process that runs now, ENDED and READY included; of one that is being stopped
	 * only ENDED. From a turn; may stop the server, not free it. */
	void (*event)(void *user, const struct mcp_event *event);
	void (*changed)(void *user); /* its state; likewise */
	void *user;
};

/** Errors: CAPSULE_ENOMEM. Free with mcp_server_free() (NULL is fine), which kills what runs. */
MUST_CHECK enum capsule_status mcp_server_new(
	struct mcp_server **out, const struct mcp_server_options *options, struct capsule_error *err);
void mcp_server_free(struct mcp_server *server);

/** "capsule:<id>:<server>". */
const char *mcp_server_name(const struct mcp_server *server);

/** Start it for the first time, or again after it was stopped or has failed. `op` (started by the caller) ends when it
 *  is READY, or fails with the reason; a first start that fails is not repeated, and leaves nothing. Checked before
 *  anything runs: `command` is there, the grant ("Unsupported entry point: Security Check Failed: host_process
 *  capability for '<command>' was not declared in the manifest. ..."), the environment ("Missing required environment
 *  variables: a, b. ..."), the sandbox, then on the pool the program, its hash and `integrity` ("Unsupported entry point:
 *  ..."). What fails behind that begins with "Failed to connect MCP host engine: ". CAPSULE_ESTATE: "MCP server already
 *  running: <name>". op_cancel(op) stops it. */
void mcp_server_start(struct mcp_server *server, struct op *op);

/** Stop it in order: input closed, time, SIGTERM, time, SIGKILL of all. Each `op` (started by the caller) ends when
 *  it is gone. */
void mcp_server_stop(struct mcp_server *server, struct op *op);

/** Its state; for WAITING and FAILED why, with the last lines of its standard error: "MCP server '<name>' is no
 *  longer running: ...". */
enum mcp_server_state mcp_server_state(const struct mcp_server *server, struct capsule_error *why);

/** When it is started again, on the loop's clock; 0 when that is not known (yet). */
int64_t mcp_server_retry_ns(const struct mcp_server *server);

/** The client of the process that runs, NULL without one. After using it: mcp_server_kick(). */
struct mcp_client *mcp_server_client(struct mcp_server *server);
void mcp_server_kick(struct mcp_server *server);

/** Put a line down that the server has caused, without control characters: these have one bound with the lines of its
 *  standard error. */
void mcp_server_log(struct mcp_server *server, enum capsule_log_level level, struct span line);

int mcp_server_pid(const struct mcp_server *server);
uint32_t mcp_server_restarts(const struct mcp_server *server);
const char *mcp_server_program(const struct mcp_server *server); /* canonical path, NULL before it was found */
const char *mcp_server_digest(const struct mcp_server *server);  /* "" when it was not verified */

/** As mcp_engine_run_inside(). */
MUST_CHECK enum capsule_status mcp_server_run_inside(struct mcp_server *server, struct process **out,
	struct process_spec *spec, process_done_fn done, void *user, struct capsule_error *err);

#endif
