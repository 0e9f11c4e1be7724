/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a server. Its end comes in one event of the transport, when the process is gone; that it can't be spoken
 * to may be known a moment earlier, and is then its state. */
#include "engine/mcp/server.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "engine/mcp/server_internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

static void retry_due(struct timer *timer);

enum capsule_status mcp_server_new(
	struct mcp_server **out, const struct mcp_server_options *options, struct capsule_error *err)
{
	struct mcp_server *server = calloc(1, sizeof *server);

	if (server == NULL ||
		asprintf(&server->name, "capsule:%s:%s", options->env->capsule_id, options->declared->id) < 0) {
		free(server);
		return error_set(err, CAPSULE_ENOMEM, "no memory for an MCP server");
	}
	server->options = *options;
	server->loop = options->env->loop;
	server->env = options->env;
	server->restart.policy = options->limits->restart;
	server->retry.fire = retry_due;
	server_log_init(&server->log, options->env->log, options->env->capsule_id, options->declared->id);
	list_init(&server->stops);
	*out = server;
	return CAPSULE_OK;
}

/* ---- Telling ---- */

static void end_start(struct mcp_server *server, const struct capsule_error *failure)
{
	struct op *op = server->starting;

	server->starting = NULL;
	if (op == NULL)
		return;
	op->stop = NULL;
	if (failure == NULL)
		op_finish(op);
	else
		op_fail(op, failure);
}

static void end_stops(struct mcp_server *server)
{
	struct list_node *node;

	while ((node = list_take_first(&server->stops)) != NULL)
		op_finish(LIST_ENTRY(node, struct op, link));
}

static void changed(const struct mcp_server *server)
{
	if (server->options.changed != NULL)
		server->options.changed(server->options.user);
}

static void record(const struct mcp_server *server, enum capsule_log_level level, const char *more)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	if (buffer_append_text(&text, server->why.text) && buffer_append_text(&text, more))
		log_write(server->env->log, level, server->env->capsule_id, buffer_span(&text));
}

/* ---- It ended ---- */

/* Whether its end is none that its policy puts up with. */
static bool wants_restart(const struct mcp_server *server, const struct mcp_exit *exit, bool was_ready)
{
	bool clean = exit != NULL && exit->ran && exit->end == PROCESS_EXITED && exit->code == 0;

	switch (server->options.declared->restart) {
	case SERVER_RESTARTS_NEVER:
		return false;
	case SERVER_RESTARTS_ALWAYS:
		return true;
	case SERVER_RESTARTS_ON_FAILURE:
		break;
	}
	return !clean || !was_ready || exit->in_flight > 0;
}

static void give_up(struct mcp_server *server)
{
	server_happened(server, SERVER_GIVEN_UP);
	record(server, CAPSULE_LOG_ERROR, "");
}

/* Whether a refusal stays the same however often it is asked: another program than the one that was approved, a grant
 * that is not there, a manifest that is wrong. */
static bool is_final(enum capsule_status status)
{
	return status == CAPSULE_EDENIED || status == CAPSULE_EMANIFEST || status == CAPSULE_EINVAL ||
		status == CAPSULE_EUNSUPPORTED;
}

/* Its end is known, `server->why` says why, and it is WAITING. Another attempt, or the end of them. */
static void try_again(struct mcp_server *server, bool wanted)
{
	uint64_t delay_ms, chance = 0;
	char more[64];

	(void)!getrandom(&chance, sizeof chance, GRND_NONBLOCK);
	if (!wanted) {
		give_up(server);
		return;
	}
	if (!restart_ended(&server->restart, loop_now(server->loop), chance, &delay_ms)) {
		(void)snprintf(more, sizeof more, "given up after %" PRIu32 " attempts", server->restart.attempts);
		(void)error_in(&server->why, "%s", more);
		give_up(server);
		return;
	}
	if (!loop_timer_arm(server->loop, &server->retry, loop_due_after(server->loop, delay_ms))) {
		give_up(server);
		return;
	}
	(void)snprintf(more, sizeof more, "\nIt is started again in %" PRIu64 " ms", delay_ms);
	record(server, CAPSULE_LOG_WARN, more);
}

/* A start did not work out: the first one is not repeated. */
static void start_failed(struct mcp_server *server)
{
	if (!server->proven) {
		server_happened(server, SERVER_GIVEN_UP);
		end_start(server, &server->why);
		return;
	}
	server_happened(server, SERVER_LOST);
	if (is_final(server->why.status)) {
		(void)error_in(&server->why, "MCP server '%s' is not started again", server->name);
		give_up(server);
		return;
	}
	try_again(server, true);
}

static void begin(struct mcp_server *server)
{
	if (server_check_start(server, &server->why) != CAPSULE_OK)
		start_failed(server);
}

static void retry_due(struct timer *timer)
{
	struct mcp_server *server = LIST_ENTRY(timer, struct mcp_server, retry);

	server->restarts++;
	server_happened(server, SERVER_RETRY);
	begin(server);
	changed(server);
}

void server_checked(struct mcp_server *server, struct server_setup *setup, const struct program_image *image,
	const struct capsule_error *failure)
{
	if (failure != NULL) {
		(void)error_copy(&server->why, failure);
		start_failed(server);
	} else if (server_spawn(server, setup, image, &server->why) != CAPSULE_OK) {
		(void)error_in(
			&server->why, "Failed to connect MCP host engine: Failed to start MCP server %s", server->name);
		start_failed(server);
	} else {
		server_happened(server, SERVER_SPAWNED);
	}
	changed(server);
}

/* Where it stood when it ended is what its text begins with. */
static void explain(struct mcp_server *server, const struct capsule_error *error, bool was_ready, bool ran)
{
	const char *first = server->proven ? "" : "Failed to connect MCP host engine: ";

	(void)error_copy(&server->why, error);
	if (was_ready)
		(void)error_in(&server->why, "MCP server '%s' is no longer running", server->name);
	else if (ran)
		(void)error_in(
			&server->why, "%sMCP initialization failed: MCP handshake failed for %s", first, server->name);
	else
		(void)error_in(&server->why, "%sFailed to start MCP server %s", first, server->name);
}

void server_lost(void *user, const struct capsule_error *why)
{
	struct mcp_server *server = user;

	if (server->state != MCP_SERVER_READY)
		return;
	explain(server, why, true, true);
	server_happened(server, SERVER_LOST);
	changed(server);
}

static void stopped(struct mcp_server *server)
{
	server_happened(server, SERVER_GONE);
	error_clear(&server->why);
	end_stops(server);
}

static void ended(struct mcp_server *server, const struct mcp_event *event)
{
	bool was_ready = server->state == MCP_SERVER_READY || server->state == MCP_SERVER_WAITING;
	struct mcp_exit exit;

	(void)mcp_stdio_exit(server->stdio, &exit);
	mcp_stdio_free(server->stdio);
	server->stdio = NULL;
	if (server->state == MCP_SERVER_DRAINING) {
		stopped(server);
		return;
	}
	explain(server, &event->error, was_ready, exit.ran);
	if (!server->proven) {
		start_failed(server);
		return;
	}
	if (server->state != MCP_SERVER_WAITING)
		server_happened(server, SERVER_LOST);
	try_again(server, wants_restart(server, &exit, was_ready));
}

static void answered(struct mcp_server *server)
{
	server_happened(server, SERVER_ANSWERED);
	error_clear(&server->why);
	server->proven = true;
	restart_healthy(&server->restart, loop_now(server->loop));
}

void server_event(void *user, const struct mcp_event *event)
{
	struct mcp_server *server = user;

	if (server->state == MCP_SERVER_DRAINING && event->kind != MCP_EVENT_ENDED)
		return; /* nobody waits for it any more */
	if (event->kind == MCP_EVENT_READY)
		answered(server);
	server->options.event(server->options.user, event);
	if (event->kind == MCP_EVENT_ENDED)
		ended(server, event);
	else if (event->kind == MCP_EVENT_READY)
		end_start(server, NULL);
	else
		return;
	changed(server);
}

/* ---- Asked from outside ---- */

/* End what it does now; a process of it is gone later, in ended(). */
static void stop(struct mcp_server *server, bool at_once)
{
	bool lost = server->state == MCP_SERVER_WAITING || server->state == MCP_SERVER_FAILED;

	server_happened(server, SERVER_STOP);
	loop_timer_disarm(server->loop, &server->retry);
	server_check_abandon(server);
	if (server->stdio == NULL)
		stopped(server);
	else
		mcp_stdio_stop(server->stdio, at_once || lost);
}

static void start_cancelled(struct op *op)
{
	struct mcp_server *server = op->producer;

	server->starting = NULL;
	stop(server, true);
}

void mcp_server_start(struct mcp_server *server, struct op *op)
{
	struct capsule_error refused;

	if (server->state == MCP_SERVER_DRAINING)
		(void)error_set(&refused, CAPSULE_ESTATE, "MCP server '%s' is being stopped", server->name);
	else if (server->state != MCP_SERVER_REGISTERED && server->state != MCP_SERVER_STOPPED &&
		server->state != MCP_SERVER_FAILED)
		(void)error_set(&refused, CAPSULE_ESTATE, "MCP server already running: %s", server->name);
	else
		error_clear(&refused);
	if (refused.status != CAPSULE_OK) {
		op_fail(op, &refused);
		return;
	}
	server->proven = false;
	server->starting = op;
	op->producer = server;
	op->stop = start_cancelled;
	server_happened(server, SERVER_START);
	begin(server);
}

void mcp_server_stop(struct mcp_server *server, struct op *op)
{
	static const struct capsule_error was_stopped = { .status = CAPSULE_ECANCELLED, .text = "it was stopped" };

	if (server->state == MCP_SERVER_STOPPED) {
		op_finish(op);
		return;
	}
	if (list_empty(&op->link))
		list_append(&server->stops, &op->link);
	if (server->state == MCP_SERVER_DRAINING)
		return;
	end_start(server, &was_stopped);
	stop(server, false);
}

void mcp_server_free(struct mcp_server *server)
{
	static const struct capsule_error was_freed = { .status = CAPSULE_ECANCELLED, .text = "it was unloaded" };

	if (server == NULL)
		return;
	loop_timer_disarm(server->loop, &server->retry);
	server_check_abandon(server);
	mcp_stdio_free(server->stdio);
	end_start(server, &was_freed);
	end_stops(server);
	program_fini(&server->program);
	free(server->name);
	free(server);
}

/* ---- What it is ---- */

const char *mcp_server_name(const struct mcp_server *server)
{
	return server->name;
}

enum mcp_server_state mcp_server_state(const struct mcp_server *server, struct capsule_error *why)
{
	if (server->state == MCP_SERVER_WAITING || server->state == MCP_SERVER_FAILED)
		(void)error_copy(why, &server->why);
	return server->state;
}

int64_t mcp_server_retry_ns(const struct mcp_server *server)
{
	return server->state == MCP_SERVER_WAITING && server->retry.index != 0 ? server->retry.due_ns : 0;
}

struct mcp_client *mcp_server_client(struct mcp_server *server)
{
	return server->stdio == NULL ? NULL : mcp_stdio_client(server->stdio);
}

void mcp_server_kick(struct mcp_server *server)
{
	if (server->stdio != NULL)
		mcp_stdio_kick(server->stdio);
}

void mcp_server_log(struct mcp_server *server, enum capsule_log_level level, struct span line)
{
	server_log_line(&server->log, level, line, loop_now(server->loop));
}

int mcp_server_pid(const struct mcp_server *server)
{
	return server->stdio == NULL ? 0 : mcp_stdio_pid(server->stdio);
}

uint32_t mcp_server_restarts(const struct mcp_server *server)
{
	return server->restarts;
}

const char *mcp_server_program(const struct mcp_server *server)
{
	return server->program.path;
}

const char *mcp_server_digest(const struct mcp_server *server)
{
	return server->digest;
}

enum capsule_status mcp_server_run_inside(struct mcp_server *server, struct process **out, struct process_spec *spec,
	process_done_fn done, void *user, struct capsule_error *err)
{
	HOLD(server_setup_fini) struct server_setup setup = { 0 };
	enum capsule_status status = server_setup_make(&setup, server, err);

	if (status == CAPSULE_OK && server->program.path != NULL && server->options.services->unsandboxed == NULL)
		status = sandbox_plan_show_program(&setup.plan, server->program.path, server->env->dir, err);
	if (status == CAPSULE_OK)
		status = server_setup_apply(&setup, server, spec->argv[0], spec, err);
	if (status != CAPSULE_OK)
		return status;
	return process_start(out, server->loop, spec, done, user, err);
}
