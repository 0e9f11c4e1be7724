/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine of one [[mcp_server]]: a program of the capsule that speaks the Model Context Protocol, verified,
 * sandboxed, started, watched, started again, stopped; its tools beside those of the other engines. Loop thread. */
#ifndef ENGINE_MCP_MCP_H
#define ENGINE_MCP_MCP_H

#include "engine/engine.h"
#include "loop/restart.h"
#include "mcp/client.h"
#include "process/program.h"
#include "process/sandbox.h"

/* A person is asked about one call, or a call is put down. Texts borrowed for the call. */
struct mcp_call_note {
	const struct origin *origin;
	const char *server; /* "capsule:<id>:<server>" */
	struct span tool, arguments;
	const char *hash;        /* BLAKE3 of the canonical JSON of the arguments, hexadecimal */
	const char *description; /* likewise of the tool as it is described now: another one is another tool; NULL for
				  * interceptors */
	/* Only when it is put down: */
	const char *stage;       /* "started", "ended", "refused" */
	const char *consent;     /* "manifest", "remembered", "asked", "denied" */
	const char *result_hash; /* BLAKE3 of the result object as it came, NULL without one */
	struct span preview;     /* its first bytes, at most 4 KiB */
	uint64_t result_bytes, duration_ms;
	const struct capsule_error *error; /* NULL: it went well */
};

enum mcp_answer { MCP_ANSWER_DENY, MCP_ANSWER_ONCE, MCP_ANSWER_SESSION };

enum mcp_life {
	MCP_LIFE_CONNECTED,
	MCP_LIFE_DISCONNECTED,
	MCP_LIFE_TOOL_CALLED,
	MCP_LIFE_TOOL_COMPLETED,
	MCP_LIFE_TOOL_CHANGED
};

/* What is told of a server's life, of those members that the kind has. Borrowed. */
struct mcp_life_note {
	enum mcp_life kind;
	const char *server;
	const char *revision, *reason; /* connected; disconnected */
	struct span tool, arguments;
	bool success;
	uint64_t duration_ms;
	const char *digest; /* of the program, connected; "" when it was not verified */
};

/* What the floors above lend. `user` is theirs; members may be NULL where it says so. Loop thread. */
struct mcp_services {
	void *user;
	const char *launcher; /* absolute path of capsule-launch */
	const char *workspace; /* what workspace:// of an argument means, absolute; NULL: there is none */
	/* Fill `plan` (empty) with what the capsule's servers see beside their program: its folder, its state
	 * folder, which is made if need be and is the working folder, what it may read and write. */
	enum capsule_status (*sandbox)(void *user, struct sandbox_plan *plan, struct capsule_error *err);
	const char *unsandboxed; /* NULL, or why the operator runs this capsule's programs without a sandbox */
	/* Where hashes of tool descriptions are kept, out of the guest's reach. Errors: CAPSULE_ESTORE ... */
	enum capsule_status (*pins)(void *user, struct kv_scope **scope, struct capsule_error *err);
	/* Ask a person. `op` is started by the caller; its result is one byte, an enum mcp_answer. op_cancel(op)
	 * takes the question back. NULL: there is nobody to ask. */
	enum capsule_status (*ask)(
		void *user, const struct mcp_call_note *note, struct op *op, struct capsule_error *err);
	void (*record)(void *user, const struct mcp_call_note *note); /* for the audit; may be NULL */
	void (*tell)(void *user, const struct mcp_life_note *note);   /* of its life; may be NULL */
	/* Append what roots/list is answered with, a JSON array of {"uri", "name"}; NULL: no roots are declared. */
	bool (*roots)(void *user, struct buffer *out);
	/* Lines that go in and out of `server`, for a trace. NULL: nobody wants them. */
	void (*trace)(void *user, const char *server, bool outgoing, struct span line);
};

/* 0: the default. */
struct mcp_engine_limits {
	uint64_t handshake_ms, call_ms, call_hard_ms, interceptor_ms, ping_ms, close_ms, term_ms;
	uint32_t in_flight; /* of tools: 64 */
	struct restart_policy restart;
};

/** The engine of `server`, one of the manifest's in `env` (both borrowed for its life, as is `services`). Errors:
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_engine_new(struct engine **out, const struct engine_env *env,
	const struct manifest_mcp_server *server, const struct mcp_services *services,
	const struct mcp_engine_limits *limits, struct capsule_error *err);

/** "capsule:<id>:<server>". Borrowed. */
const char *mcp_engine_server(const struct engine *engine);

/** Ask the server `method` with `params` (compact JSON object or empty), or, with `list`, for a whole list. `op` is
 *  started by the caller; its result is the result object, or the array. op_cancel(op) gives up. Errors at once:
 *  CAPSULE_ESTATE (with the state), CAPSULE_EUNSUPPORTED, CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_engine_request(
	struct engine *engine, struct span method, struct span params, struct op *op, struct capsule_error *err);
MUST_CHECK enum capsule_status mcp_engine_list(
	struct engine *engine, enum mcp_list list, struct op *op, struct capsule_error *err);

/** Take the descriptions that its tools have now as the approved ones. Returns how many changed in *changed. Errors:
 *  CAPSULE_ESTATE, CAPSULE_ESTORE, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_engine_approve(struct engine *engine, size_t *changed, struct capsule_error *err);

/** Append what it is now as a JSON object: {"id", "name", "state", "reason" or null, "pid" or null, "revision" or
 *  null, "server": {"name", "version", "title"} or null, "instructions" or null, "tools", "tools_changed": [names],
 *  "in_flight", "restarts", "program", "digest" or null, "sandboxed", "bad_lines"}. Returns false as buffer_append()
 *  does. */
bool mcp_engine_append_json(const struct engine *engine, struct buffer *out);

/** Start another program in the sandbox of the server, as `spec` says apart from its sandbox, environment and working
 *  folder (set here): for people who want to see for themselves. Errors: as process_start(). */
MUST_CHECK enum capsule_status mcp_engine_run_inside(struct engine *engine, struct process **out,
	struct process_spec *spec, process_done_fn done, void *user, struct capsule_error *err);

#endif
