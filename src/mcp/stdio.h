/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client and its server behind two pipes: starts the child, moves bytes and events, watches its end, and stops it
 * in order: input closed, 2 s, SIGTERM, 2 s, SIGKILL of all that is left. The child's standard error goes into a
 * ring, and cleaned, line by line, to whoever listens. One turn of the loop is all that lies between the end of the
 * child, the end of its output or a write that fails, and the events that say so. An idle server wakes nobody up.
 * Loop thread. */
#ifndef MCP_STDIO_H
#define MCP_STDIO_H

#include "loop/loop.h"
#include "mcp/client.h"
#include "process/process.h"

#define MCP_STDERR_RING (64u * 1024) /* bytes kept of what the server wrote to standard error */
#define MCP_STDERR_QUOTED 10         /* its last lines that are quoted when it failed */
#define MCP_STDERR_LINE 4096         /* bytes of one line that is heard; the rest of a longer one is not */

struct mcp_stdio;

struct mcp_stdio_options {
	struct loop *loop;
	const struct process_spec *spec; /* borrowed for the call; its streams, input and times are set here */
	struct mcp_client_options client;
	uint64_t close_ms, term_ms; /* 0: 2,000 each */
	/* An event of the client, from a turn of the loop and never from inside a function below. MCP_EVENT_ENDED
	 * comes when the child is gone, too, with its exit in the error's text and the last lines of its standard
	 * error. May stop or free the server. */
	void (*event)(void *user, const struct mcp_event *event);
	/* It can't be spoken to any more, which nobody asked for: MCP_EVENT_ENDED follows when what is left of it is
	 * gone, half a second later at most. Likewise. May be NULL. */
	void (*lost)(void *user, const struct capsule_error *why);
	/* One line of its standard error, cleaned of control characters. Must not call back. May be NULL. */
	void (*heard)(void *user, struct span line);
	/* Every line, from the first one on, as mcp_client_trace(). May be NULL. */
	void (*trace)(void *user, bool outgoing, struct span line);
	void *user;
};

/** Start the child and the handshake. Free with mcp_stdio_free(). Errors: as process_start(). */
MUST_CHECK enum capsule_status mcp_stdio_start(
	struct mcp_stdio **out, const struct mcp_stdio_options *options, struct capsule_error *err);

/** Its client, to ask and answer with; after that mcp_stdio_kick(). */
struct mcp_client *mcp_stdio_client(struct mcp_stdio *server);

/** To be called after a function of the client that may have made output, deadlines or events: they are seen to in
 *  the next turn, all at once. */
void mcp_stdio_kick(struct mcp_stdio *server);

/** Stop it in order; MCP_EVENT_ENDED comes when it is gone. With `at_once` by SIGKILL. Again: harmless. */
void mcp_stdio_stop(struct mcp_stdio *server, bool at_once);

/** Kill what runs and free (taken; NULL is fine). No event comes any more. */
void mcp_stdio_free(struct mcp_stdio *server);

/** Its process id, 0 when it is gone. */
int mcp_stdio_pid(const struct mcp_stdio *server);

/* How it ended. */
struct mcp_exit {
	bool ran; /* its program was executed: else the error of MCP_EVENT_ENDED says why not */
	enum process_end end;
	int code;           /* as process_result has it */
	uint32_t in_flight; /* requests of ours that it left without an answer */
};

/** False while it runs. */
bool mcp_stdio_exit(const struct mcp_stdio *server, struct mcp_exit *out);

#endif
