/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pipes and not sockets: a server may open /dev/stdin, which a socket refuses, and an echo over two pipes takes half of
 * the time (docs/mcp.md has the figures). The price is SIGPIPE, see stdio_flow.c. */
#include "mcp/stdio.h"

#include "base/cleanup.h"
#include "loop/watch.h"
#include "mcp/stdio_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#define STEP_MS 2000 /* between the steps of a stop */

static void release(struct mcp_stdio *server)
{
	mcp_client_free(server->client);
	stderr_fini(&server->said);
	free(server);
}

void stdio_enter(struct mcp_stdio *server)
{
	server->busy++;
}

void stdio_leave(struct mcp_stdio *server)
{
	if (--server->busy == 0 && server->freed)
		release(server);
}

void mcp_stdio_free(struct mcp_stdio *server)
{
	if (server == NULL)
		return;
	process_abandon(server->process);
	server->process = NULL;
	stdio_close_input(server);
	stdio_close_output(server);
	loop_unready(&server->pump);
	loop_timer_disarm(server->loop, &server->deadline);
	loop_timer_disarm(server->loop, &server->patience);
	server->freed = true;
	if (server->busy == 0)
		release(server);
}

DEFINE_DROP(stdio_drop, struct mcp_stdio *, mcp_stdio_free)

static void pump(struct runnable *runnable)
{
	struct mcp_stdio *server = LIST_ENTRY(runnable, struct mcp_stdio, pump);

	stdio_enter(server);
	stdio_flush(server);
	stdio_deliver(server);
	stdio_leave(server);
}

static void deadline_came(struct timer *timer)
{
	struct mcp_stdio *server = LIST_ENTRY(timer, struct mcp_stdio, deadline);

	stdio_enter(server);
	mcp_client_tick(server->client, loop_now(server->loop));
	stdio_flush(server);
	stdio_deliver(server);
	stdio_leave(server);
}

/* NULL when out of memory. */
static struct mcp_stdio *stdio_new(const struct mcp_stdio_options *options)
{
	HOLD(stdio_drop) struct mcp_stdio *server = calloc(1, sizeof *server);

	if (server == NULL)
		return NULL;
	server->loop = options->loop;
	server->in = server->out = -1;
	list_init(&server->pump.link);
	server->pump.run = pump;
	server->deadline.fire = deadline_came;
	server->patience.fire = stdio_patience_over;
	server->close_ms = options->close_ms != 0 ? options->close_ms : STEP_MS;
	server->term_ms = options->term_ms != 0 ? options->term_ms : STEP_MS;
	server->event = options->event;
	server->lost = options->lost;
	server->heard = options->heard;
	server->user = options->user;
	return mcp_client_new(&server->client, &options->client, NULL) == CAPSULE_OK ? GIVE(server) : NULL;
}

static void said(void *user, struct span bytes)
{
	struct mcp_stdio *server = user;

	stderr_take(&server->said, bytes, server->heard, server->user);
}

/* A pipe whose end `mine` (0 or 1) is ours and does not block. */
static enum capsule_status make_pipe(int *ours, int *theirs, int mine, struct capsule_error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_os(err, errno, "make a pipe for an MCP server");
	*ours = ends[mine];
	*theirs = ends[1 - mine];
	if (fcntl(*ours, F_SETFL, O_NONBLOCK) != 0)
		return error_os(err, errno, "make a pipe for an MCP server");
	return CAPSULE_OK;
}

static enum capsule_status start_child(
	struct mcp_stdio *server, const struct process_spec *given, struct capsule_error *err)
{
	HOLD(fd_drop) int input = -1;
	HOLD(fd_drop) int output = -1;
	struct process_spec spec = *given;
	enum capsule_status status = make_pipe(&server->in, &input, 1, err);

	if (status == CAPSULE_OK)
		status = make_pipe(&server->out, &output, 0, err);
	if (status == CAPSULE_OK)
		status = stdio_listen(server, err);
	if (status != CAPSULE_OK)
		return status;
	spec.input = input;
	spec.output = (struct process_stream){ .keep = PROCESS_GIVEN, .fd = output };
	spec.error = (struct process_stream){ .keep = PROCESS_FIRST, .heard = said };
	spec.wall_ms = spec.grace_ms = 0;
	return process_start(&server->process, server->loop, &spec, stdio_child_ended, server, err);
}

enum capsule_status mcp_stdio_start(
	struct mcp_stdio **out, const struct mcp_stdio_options *options, struct capsule_error *err)
{
	HOLD(stdio_drop) struct mcp_stdio *server = stdio_new(options);
	enum capsule_status status;

	if (server == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an MCP server");
	status = start_child(server, options->spec, err);
	if (status != CAPSULE_OK)
		return status;
	mcp_client_trace(server->client, options->trace, options->user);
	mcp_client_start(server->client, loop_now(server->loop));
	mcp_stdio_kick(server);
	*out = GIVE(server);
	return CAPSULE_OK;
}

struct mcp_client *mcp_stdio_client(struct mcp_stdio *server)
{
	return server->client;
}

void mcp_stdio_kick(struct mcp_stdio *server)
{
	if (!server->freed)
		loop_ready(server->loop, &server->pump, false);
}

void mcp_stdio_stop(struct mcp_stdio *server, bool at_once)
{
	bool first = !server->stopping;

	if (server->process == NULL)
		return;
	server->stopping = true;
	if (at_once) {
		process_end(server->process, SIGTERM, 0);
		return;
	}
	if (!first || server->why.status != CAPSULE_OK)
		return;
	stdio_flush(server);
	stdio_close_input(server);
	if (!loop_timer_arm(server->loop, &server->patience, loop_due_after(server->loop, server->close_ms)))
		process_end(server->process, SIGTERM, server->term_ms);
	mcp_stdio_kick(server);
}

int mcp_stdio_pid(const struct mcp_stdio *server)
{
	return server->process == NULL ? 0 : process_pid(server->process);
}

bool mcp_stdio_exit(const struct mcp_stdio *server, struct mcp_exit *out)
{
	*out = server->exit;
	return server->process == NULL;
}
