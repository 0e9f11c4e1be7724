/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of a supervised server share: server.c has its life, server_states.c the table of states,
 * server_setup.c what it runs in, server_check.c whether it may, server_spawn.c its process. */
#ifndef ENGINE_MCP_SERVER_INTERNAL_H
#define ENGINE_MCP_SERVER_INTERNAL_H

#include "engine/mcp/server.h"
#include "engine/mcp/server_log.h"
#include "process/digest.h"

/* What can happen to a server. */
enum server_happening {
	SERVER_START,
	SERVER_SPAWNED,
	SERVER_ANSWERED, /* the handshake is over */
	SERVER_LOST,     /* it ended, or can't be spoken to; perhaps it is tried again */
	SERVER_RETRY,
	SERVER_GIVEN_UP,
	SERVER_STOP,
	SERVER_GONE, /* what was to be stopped */
	SERVER_HAPPENINGS
};

/** The state that follows `from`; what can't happen there asserts. */
enum mcp_server_state server_next_state(enum mcp_server_state from, enum server_happening happening);

struct server_check;

struct mcp_server {
	struct mcp_server_options options;
	struct loop *loop;
	const struct engine_env *env;
	char *name;
	enum mcp_server_state state;
	struct capsule_error why;   /* of WAITING and FAILED */
	struct server_check *check; /* on the pool; NULL: none */
	struct mcp_stdio *stdio;    /* NULL: no process */
	struct program program;     /* found once, it stays what the command stands for; path NULL: not yet */
	char digest[DIGEST_TEXT];
	struct op *starting; /* NULL: nobody waits for the start */
	struct list_node stops;
	bool proven; /* it was ready since mcp_server_start(): it is started again when it ends */
	struct restart restart;
	struct timer retry;
	uint32_t restarts;
	struct server_log log;
};

static inline void server_happened(struct mcp_server *server, enum server_happening happening)
{
	server->state = server_next_state(server->state, happening);
}

/* ---- server_setup.c: what it runs in ---- */

struct server_setup {
	struct sandbox_plan plan;
	char **env; /* NULL-ended, each owned */
	size_t env_count;
};

/** Fill `out`. server_setup_fini() in any case. Errors: as engine_config_fill(), as the sandbox service. */
MUST_CHECK enum capsule_status server_setup_make(
	struct server_setup *out, const struct mcp_server *server, struct capsule_error *err);
void server_setup_fini(struct server_setup *setup);

/** Show what `program` (canonical path) needs, and set sandbox, environment and working folder of `spec`, borrowed from
 *  `setup`. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status server_setup_apply(struct server_setup *setup, const struct mcp_server *server,
	const char *program, struct process_spec *spec, struct capsule_error *err);

/* ---- server_check.c: whether it may run ---- */

/** Check what needs no disk, then find, open and verify the program on the pool; ends in server_checked(), from a
 *  turn. Errors at once: CAPSULE_EMANIFEST, CAPSULE_EDENIED, as server_setup_make(). */
MUST_CHECK enum capsule_status server_check_start(struct mcp_server *server, struct capsule_error *err);

/** It is not wanted any more. */
void server_check_abandon(struct mcp_server *server);

/* ---- server_spawn.c: its process ---- */

/** Start what was checked. Both are borrowed. */
MUST_CHECK enum capsule_status server_spawn(struct mcp_server *server, struct server_setup *setup,
	const struct program_image *image, struct capsule_error *err);

/* ---- server.c: called by the parts above, from turns ---- */

/** The check is over: with `failure`, or with what to start. */
void server_checked(struct mcp_server *server, struct server_setup *setup, const struct program_image *image,
	const struct capsule_error *failure);
void server_event(void *user, const struct mcp_event *event);
void server_lost(void *user, const struct capsule_error *why);

#endif
