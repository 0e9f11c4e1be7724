/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two things end, in either order: the client, because the pipes carry nothing any more or the server broke the rules,
 * and the child. The end is told when both have. */
#include "mcp/stdio_internal.h"

#include "base/cleanup.h"
#include <signal.h>
#include <stdio.h>

void stdio_break(struct mcp_stdio *server, const char *reason)
{
	struct mcp_client_counts counts;

	stdio_close_input(server);
	stdio_close_output(server);
	if (server->why.status != CAPSULE_OK)
		return;
	mcp_client_counts(server->client, &counts);
	server->exit.in_flight += counts.in_flight;
	mcp_client_end(server->client, reason);
	mcp_stdio_kick(server);
}

/* A child whose output ended is about to end itself, most likely, with an exit status that says why. */
void stdio_client_ended(struct mcp_stdio *server, const struct capsule_error *why)
{
	bool broke_rules = server->out >= 0;

	(void)error_copy(&server->why, why);
	if (server->process == NULL || server->stopping)
		return;
	stdio_close_input(server);
	if (broke_rules ||
		!loop_timer_arm(server->loop, &server->patience, loop_due_after(server->loop, STDIO_LOST_MS)))
		process_end(server->process, SIGTERM, STDIO_LOST_MS);
	if (server->lost != NULL)
		server->lost(server->user, &server->why);
}

void stdio_patience_over(struct timer *timer)
{
	struct mcp_stdio *server = LIST_ENTRY(timer, struct mcp_stdio, patience);

	if (server->process != NULL)
		process_end(server->process, SIGTERM, server->stopping ? server->term_ms : STDIO_LOST_MS);
}

/* "it exited with status 3" */
static void describe_exit(const struct mcp_stdio *server, char *out, size_t size)
{
	const struct mcp_exit *exit = &server->exit;
	int signal = exit->end == PROCESS_SIGNALED ? exit->code : exit->code - 128; /* as sandboxes and shells say it */
	const char *name = signal > 0 ? sigabbrev_np(signal) : NULL;

	if (exit->end == PROCESS_SIGNALED)
		(void)snprintf(out, size, "it was ended by signal %d (%s)", signal, name == NULL ? "unknown" : name);
	else if (exit->end == PROCESS_EXITED && name != NULL)
		(void)snprintf(out, size, "it exited with status %d (signal %s)", exit->code, name);
	else if (exit->end == PROCESS_EXITED)
		(void)snprintf(out, size, "it exited with status %d", exit->code);
	else
		(void)snprintf(out, size, "it had to be ended");
}

void stdio_child_ended(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct mcp_stdio *server = user;
	char how[128];

	stdio_enter(server);
	server->process = NULL;
	loop_timer_disarm(server->loop, &server->patience);
	stderr_end(&server->said, server->heard, server->user);
	if (result != NULL) {
		server->exit.ran = true;
		server->exit.end = result->end;
		server->exit.code = result->code;
		describe_exit(server, how, sizeof how);
	} else {
		(void)error_copy(&server->not_run, failure);
	}
	stdio_take_rest(server);
	stdio_break(server, result != NULL ? how : server->not_run.text);
	stdio_deliver(server);
	stdio_leave(server);
}

/* Why it ended, how, and what it wrote last. */
static void explain(const struct mcp_stdio *server, struct capsule_error *out)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	char how[128];

	if (!server->exit.ran) {
		(void)error_copy(out, &server->not_run);
		return;
	}
	describe_exit(server, how, sizeof how);
	if (server->stopping) {
		(void)error_set(out, CAPSULE_ECANCELLED, "it was stopped; %s", how);
		return;
	}
	(void)buffer_append_text(&text, server->why.text);
	if (strstr(server->why.text, how) == NULL)
		(void)buffer_printf(&text, "; %s", how);
	if (server->said.len > 0)
		(void)(buffer_append_text(&text, "; its last words:") &&
			stderr_append_last(&server->said, MCP_STDERR_QUOTED, &text));
	(void)error_set(out, server->why.status, "%s", text.failed ? server->why.text : buffer_text(&text));
}

void stdio_tell_end(struct mcp_stdio *server)
{
	struct mcp_event event = { .kind = MCP_EVENT_ENDED };

	if (server->told || server->process != NULL || server->why.status == CAPSULE_OK)
		return;
	server->told = true;
	loop_timer_disarm(server->loop, &server->deadline);
	explain(server, &event.error);
	server->event(server->user, &event);
}
