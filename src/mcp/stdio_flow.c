/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes out, bytes in, events up. Each step is bounded, so that a server that writes without end, or takes what it is
 * told byte by byte, costs the others no more than a step of it each turn. */
#include "mcp/stdio_internal.h"

#include "loop/watch.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CHUNK 8192
#define CHUNKS_A_TURN 8 /* a pipe's usual size */
#define WRITES_A_TURN 16
#define EVENTS_A_TURN 256

/* A descriptor of which the client is told nothing any more. */
static void close_end(struct watch **watch, int *fd)
{
	watch_stop(*watch);
	*watch = NULL;
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void stdio_close_input(struct mcp_stdio *server)
{
	close_end(&server->writable, &server->in);
}

void stdio_close_output(struct mcp_stdio *server)
{
	close_end(&server->readable, &server->out);
}

/* ---- Out ---- */

/* As write(), without the signal that comes when nobody reads: what this process does about SIGPIPE is not ours to
 * change. It is sent to the thread that writes, which keeps it waiting and takes it back, unless one waits already. */
static ssize_t write_quietly(int fd, struct span bytes)
{
	const struct timespec at_once = { 0 };
	sigset_t pipe, before, waiting;
	ssize_t len;
	int failure;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
	(void)sigemptyset(&waiting);
	if (sigismember(&before, SIGPIPE) == 1)
		(void)sigpending(&waiting);
	len = write(fd, bytes.data, bytes.len);
	failure = errno;
	if (len < 0 && failure == EPIPE && sigismember(&waiting, SIGPIPE) == 0)
		while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
			continue;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = failure;
	return len;
}

static void room_again(void *user)
{
	struct mcp_stdio *server = user;

	stdio_enter(server);
	watch_stop(server->writable);
	server->writable = NULL;
	stdio_flush(server);
	stdio_deliver(server);
	stdio_leave(server);
}

/* Nobody reads what is written. What the server said before that is heard. */
static void input_failed(struct mcp_stdio *server, int os_errno)
{
	struct capsule_error failure;

	(void)error_os(&failure, os_errno, "it does not read its input any more");
	stdio_take_rest(server);
	stdio_break(server, failure.text);
}

/* Whether there may be room for more. */
static bool write_once(struct mcp_stdio *server, struct span bytes)
{
	ssize_t len = write_quietly(server->in, bytes);
	struct capsule_error failure;

	if (len > 0) {
		mcp_client_written(server->client, (size_t)len);
		return true;
	}
	if (len < 0 && errno == EINTR)
		return true;
	if (len < 0 && errno != EAGAIN)
		input_failed(server, errno);
	else if (watch_start_writable(&server->writable, server->loop, server->in, room_again, server, &failure) !=
		CAPSULE_OK)
		stdio_break(server, failure.text);
	return false;
}

void stdio_flush(struct mcp_stdio *server)
{
	for (int i = 0; i < WRITES_A_TURN; i++) {
		struct span bytes = mcp_client_output(server->client);

		if (bytes.len == 0 || server->in < 0 || server->writable != NULL || !write_once(server, bytes))
			return;
	}
	mcp_stdio_kick(server);
}

/* ---- In ---- */

/* Returns how many bytes came, at most `most`; 0 when there is nothing now, and then the output may have ended. */
static size_t read_once(struct mcp_stdio *server, size_t most)
{
	uint8_t bytes[CHUNK];
	ssize_t len = read(server->out, bytes, most < CHUNK ? most : CHUNK);

	if (len > 0) {
		if (server->why.status == CAPSULE_OK)
			mcp_client_receive(server->client, span_of(bytes, (size_t)len), loop_now(server->loop));
		return (size_t)len;
	}
	if (len == 0 || (errno != EAGAIN && errno != EINTR))
		stdio_close_output(server);
	return 0;
}

/* What a client that has ended is sent is read all the same, so that the server can go on to its end. */
static void output_ready(void *user)
{
	struct mcp_stdio *server = user;

	stdio_enter(server);
	for (int i = 0; i < CHUNKS_A_TURN && server->out >= 0; i++) {
		size_t len = read_once(server, CHUNK);

		if (!server->freed && server->out >= 0)
			stdio_deliver(server);
		if (len < CHUNK)
			break;
	}
	if (!server->freed && server->out < 0)
		stdio_break(server, NULL);
	if (!server->freed)
		stdio_deliver(server);
	stdio_leave(server);
}

enum capsule_status stdio_listen(struct mcp_stdio *server, struct capsule_error *err)
{
	return watch_start(&server->readable, server->loop, server->out, output_ready, server, err);
}

void stdio_take_rest(struct mcp_stdio *server)
{
	int left = 0;

	/* Counted beforehand: somebody who got away may go on writing. */
	if (server->out >= 0 && ioctl(server->out, FIONREAD, &left) != 0)
		left = 0;
	while (left > 0 && server->out >= 0) {
		size_t len = read_once(server, (size_t)left);

		if (len == 0)
			break;
		left -= (int)len;
	}
	stdio_close_output(server);
}

/* ---- Up ---- */

static void wait_for_deadline(struct mcp_stdio *server)
{
	int64_t due = mcp_client_deadline(server->client);

	if (due == INT64_MAX)
		loop_timer_disarm(server->loop, &server->deadline);
	else if ((server->deadline.index == 0 || server->deadline.due_ns != due) &&
		!loop_timer_arm(server->loop, &server->deadline, due))
		stdio_break(server, "no memory for its deadlines");
}

static bool deliver_one(struct mcp_stdio *server)
{
	struct mcp_event event;

	if (server->freed || !mcp_client_next(server->client, &event))
		return false;
	if (event.kind == MCP_EVENT_ENDED)
		stdio_client_ended(server, &event.error);
	else
		server->event(server->user, &event);
	return true;
}

void stdio_deliver(struct mcp_stdio *server)
{
	int events = 0;

	while (events < EVENTS_A_TURN && deliver_one(server))
		events++;
	if (server->freed)
		return;
	if (events == EVENTS_A_TURN)
		mcp_stdio_kick(server);
	if (events > 0)
		stdio_flush(server);
	wait_for_deadline(server);
	stdio_tell_end(server);
}
