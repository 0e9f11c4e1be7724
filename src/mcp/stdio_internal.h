/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of a server behind pipes share: stdio.c has its life, stdio_flow.c what flows, stdio_end.c its end. */
#ifndef MCP_STDIO_INTERNAL_H
#define MCP_STDIO_INTERNAL_H

#include "mcp/stdio_stderr.h"

struct watch;

/* Of what is left of a server that can't be spoken to: that it ends by itself, once its pipes are closed, and that it
 * takes SIGTERM. */
#define STDIO_LOST_MS 250

struct mcp_stdio {
	struct loop *loop;
	struct mcp_client *client;
	struct process *process; /* NULL: it is gone */
	int in, out;             /* our ends of its standard input and output, -1 when closed */
	struct watch *readable;  /* of `out` */
	struct watch *writable;  /* of `in`, while the pipe is full */
	struct runnable pump;
	struct timer deadline; /* of the client */
	struct timer patience; /* the next step of an end */
	uint64_t close_ms, term_ms;
	struct stderr_ring said;
	struct mcp_exit exit;
	struct capsule_error why;     /* the client's end, CAPSULE_OK before */
	struct capsule_error not_run; /* why its program could not be executed */
	bool stopping;                /* somebody asked for the end */
	bool told;                    /* MCP_EVENT_ENDED was delivered */
	unsigned busy;                /* callbacks of the loop that are inside of it */
	bool freed;                   /* meanwhile: its memory goes with the last of them */
	void (*event)(void *user, const struct mcp_event *event);
	void (*lost)(void *user, const struct capsule_error *why);
	void (*heard)(void *user, struct span line);
	void *user;
};

/* Each callback of the loop begins and ends with these. */
void stdio_enter(struct mcp_stdio *server);
void stdio_leave(struct mcp_stdio *server);

/** Write what the client has to say, as much as the pipe takes now. */
void stdio_flush(struct mcp_stdio *server);

/** Deliver what happened, write what comes of it, and wait for what is next. May free: between enter and leave. */
void stdio_deliver(struct mcp_stdio *server);

/** Look at the server's output from now on. */
MUST_CHECK enum capsule_status stdio_listen(struct mcp_stdio *server, struct capsule_error *err);

/** Take what is in the pipe now, and close it. */
void stdio_take_rest(struct mcp_stdio *server);

void stdio_close_input(struct mcp_stdio *server);
void stdio_close_output(struct mcp_stdio *server);

/** The pipes carry nothing any more: the client ends, because of `reason` (NULL: its output ended). */
void stdio_break(struct mcp_stdio *server, const char *reason);

/** The client has ended. May free. */
void stdio_client_ended(struct mcp_stdio *server, const struct capsule_error *why);

/** Tell the end when client and child are gone. May free. */
void stdio_tell_end(struct mcp_stdio *server);

/** The child is gone: a process_done_fn. */
void stdio_child_ended(void *user, const struct process_result *result, const struct capsule_error *failure);

void stdio_patience_over(struct timer *timer);

#endif
