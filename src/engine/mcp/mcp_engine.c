/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine of one server behind engine.h: load, unload, call, health. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"

#include <assert.h>

/* A server that says without end that its tools changed is asked so often. */
#define LISTS_AT_ONCE 16
#define LIST_EVERY_NS NS_PER_S

#define OTHERS_BESIDE 8 /* requests that a server may have beside the calls: lists, what people ask */

/* ---- Health, and what is told ---- */

static void add_next_attempt(const struct mcp_engine *self, struct capsule_error *why)
{
	int64_t due = mcp_server_retry_ns(self->server), now = loop_now(self->env.loop);
	struct capsule_error ended = *why;

	if (due > now)
		(void)error_set(why, ended.status, "%s; the next attempt is in %lld s", ended.text,
			(long long)((due - now + NS_PER_S / 2) / NS_PER_S));
}

/* Once it was up, its server says how it is. */
static enum engine_health health_up(const struct mcp_engine *self, struct capsule_error *why)
{
	enum mcp_server_state state = mcp_server_state(self->server, NULL);
	struct capsule_error reason;

	if (state == MCP_SERVER_READY && self->listed)
		return ENGINE_READY;
	error_clear(&reason);
	(void)mcp_server_state(self->server, &reason);
	add_next_attempt(self, &reason);
	if (reason.status != CAPSULE_OK)
		(void)error_copy(why, &reason);
	else
		(void)error_set(why, CAPSULE_ESTATE, "MCP server '%s' is %s", mcp_engine_name(self),
			state == MCP_SERVER_READY ? "asked for its tools" : mcp_server_state_name(state));
	return state == MCP_SERVER_FAILED || state == MCP_SERVER_STOPPED ? ENGINE_FAILED : ENGINE_RECOVERING;
}

enum engine_health mcp_engine_health(const struct mcp_engine *self, struct capsule_error *why)
{
	switch (self->phase) {
	case MCP_LOADING:
		return ENGINE_LOADING;
	case MCP_UP:
		return health_up(self, why);
	case MCP_LOAD_FAILED:
		(void)error_copy(why, &self->why);
		return ENGINE_FAILED;
	default:
		return ENGINE_UNLOADED;
	}
}

enum capsule_status mcp_engine_refuse(const struct mcp_engine *self, struct capsule_error *err)
{
	struct capsule_error why;
	enum engine_health health;

	(void)error_set(&why, CAPSULE_ESTATE, "it is not loaded");
	health = mcp_engine_health(self, &why);
	if (health == ENGINE_LOADING)
		(void)error_set(&why, CAPSULE_ESTATE, "it is being loaded");
	return error_set(err, CAPSULE_ESTATE, "MCP server not running: %s: %s", mcp_engine_name(self), why.text);
}

void mcp_engine_tell_health(struct mcp_engine *self)
{
	enum engine_health health = mcp_engine_health(self, NULL);

	if (self->phase != MCP_UP || health == self->told)
		return;
	self->told = health;
	engine_changed(&self->engine);
}

void mcp_engine_log(const struct mcp_engine *self, enum capsule_log_level level, const char *what, struct span text)
{
	struct capsule_error clean;

	if (!log_wants(self->env.log, level))
		return;
	(void)error_set(&clean, CAPSULE_EINVAL, "MCP server '%s': %s%s%.*s", mcp_engine_name(self),
		what != NULL ? what : "", what != NULL ? ": " : "", SPAN_ARG(text));
	log_write(self->env.log, level, self->env.capsule_id, span_text(clean.text));
}

void mcp_engine_log_bounded(
	const struct mcp_engine *self, enum capsule_log_level level, const char *what, struct span text)
{
	struct capsule_error clean;

	if (!log_wants(self->env.log, level))
		return;
	(void)error_set(
		&clean, CAPSULE_EINVAL, "%s%s%.*s", what != NULL ? what : "", what != NULL ? ": " : "", SPAN_ARG(text));
	mcp_server_log(self->server, level, span_text(clean.text));
}

void mcp_engine_tell(const struct mcp_engine *self, struct mcp_life_note note)
{
	note.server = mcp_engine_name(self);
	if (self->services->tell != NULL)
		self->services->tell(self->services->user, &note);
}

/* ---- Load ---- */

static void started(struct op *op, void *user)
{
	struct mcp_engine *self = user;

	if (self->phase != MCP_LOADING)
		return;
	if (op->error.status != CAPSULE_OK)
		mcp_engine_loaded(self, &op->error);
	else if (self->load != NULL)
		self->load->stage = "asking for its tools";
}

static void load_stopped(struct op *op)
{
	struct mcp_engine *self = op->producer;

	self->load = NULL;
	self->phase = MCP_DOWN;
	op_cancel(&self->starting);
}

static void load(struct engine *engine, struct op *op)
{
	struct mcp_engine *self = mcp_engine_of(engine);

	op->producer = self;
	op->stop = load_stopped;
	op->stage = "starting the server";
	self->load = op;
	self->phase = MCP_LOADING;
	self->listed = false;
	self->pins.loaded = false;
	op_start(&self->starting, started, self, NULL, 0, "start");
	mcp_server_start(self->server, &self->starting);
}

/* ---- Unload ---- */

static void stopped(struct op *op, void *user)
{
	struct mcp_engine *self = user;
	struct list_node *node;

	(void)op;
	mcp_catalog_fini(&self->catalog);
	while ((node = list_take_first(&self->unloads)) != NULL)
		op_finish(LIST_ENTRY(node, struct op, link));
}

static void unload(struct engine *engine, struct op *op)
{
	struct mcp_engine *self = mcp_engine_of(engine);
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled: capsule '%s' is unloaded", self->env.capsule_id);
	/* One that had no memory for its time limit stands in a list of the loop's and ends with the next turn. */
	if (list_empty(&op->link))
		list_append(&self->unloads, &op->link);
	if (self->load != NULL)
		mcp_engine_loaded(self, &err);
	self->phase = MCP_DOWN;
	mcp_engine_list_none(self);
	mcp_calls_cancel(self, &err);
	mcp_engine_end_asked(self, &err);
	if (self->stopping.state != OP_IDLE)
		return;
	op_start(&self->stopping, stopped, self, NULL, 0, "stop");
	mcp_server_stop(self->server, &self->stopping);
}

/* ---- The rest of engine.h ---- */

static enum capsule_status call(
	struct engine *engine, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	return mcp_calls_add(mcp_engine_of(engine), call, done, user, err);
}

static bool offers(const struct engine *engine, const char *name)
{
	const struct mcp_engine *self = mcp_engine_of(engine);
	const struct mcp_tool *tool = mcp_catalog_find(&self->catalog, self->declared, name);

	return tool != NULL && !tool->hidden;
}

static enum engine_health health(struct engine *engine, struct capsule_error *why)
{
	return mcp_engine_health(mcp_engine_of(engine), why);
}

static size_t tools(const struct engine *engine, bool first, struct map *taken, struct buffer *out)
{
	const struct mcp_engine *self = mcp_engine_of(engine);

	return mcp_catalog_append(&self->catalog, self->declared, mcp_engine_name(self), first, taken, out);
}

static size_t calls(const struct engine *engine)
{
	return mcp_calls_count(&mcp_engine_of(engine)->calls);
}

static void free_engine(struct engine *engine)
{
	struct mcp_engine *self = mcp_engine_of(engine);

	assert(mcp_calls_count(&self->calls) == 0 && list_empty(&self->asked));
	mcp_engine_list_none(self);
	op_fini(&self->starting);
	op_fini(&self->stopping);
	mcp_server_free(self->server);
	mcp_catalog_fini(&self->catalog);
	mcp_pins_fini(&self->pins);
	mcp_consents_fini(&self->consents);
	free(self);
}

static const struct engine_ops mcp_ops = {
	.name = "mcp",
	.load = load,
	.unload = unload,
	.call = call,
	.offers = offers,
	.health = health,
	.tools = tools,
	.calls = calls,
	.free = free_engine,
};

static void default_limits(struct mcp_engine *self, const struct mcp_engine_limits *limits)
{
	struct mcp_engine_limits *mine = &self->limits;

	if (limits != NULL)
		*mine = *limits;
	if (mine->in_flight == 0)
		mine->in_flight = LIMIT_MCP_IN_FLIGHT;
	if (mine->call_ms == 0)
		mine->call_ms = LIMIT_MCP_CALL_MS;
	if (mine->call_hard_ms == 0)
		mine->call_hard_ms = LIMIT_MCP_CALL_HARD_MS;
	if (mine->interceptor_ms == 0)
		mine->interceptor_ms = LIMIT_MCP_INTERCEPTOR_MS;
	self->server_limits = *mine;
	self->server_limits.in_flight = mine->in_flight + MCP_INTERCEPTORS_AT_ONCE + OTHERS_BESIDE;
}

enum capsule_status mcp_engine_new(struct engine **out, const struct engine_env *env,
	const struct manifest_mcp_server *server, const struct mcp_services *services,
	const struct mcp_engine_limits *limits, struct capsule_error *err)
{
	struct mcp_engine *self = calloc(1, sizeof *self);
	struct mcp_server_options options;
	enum capsule_status status;

	if (self == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an engine");
	self->engine.ops = &mcp_ops;
	self->env = *env;
	self->declared = server;
	self->services = services;
	default_limits(self, limits);
	self->lists = (struct pace){ .burst = LISTS_AT_ONCE, .every_ns = LIST_EVERY_NS };
	self->list_later.fire = mcp_engine_list_due;
	list_init(&self->unloads);
	list_init(&self->asked);
	mcp_calls_init(&self->calls);
	mcp_consents_init(&self->consents);
	op_init(&self->starting, env->loop);
	op_init(&self->stopping, env->loop);
	options = (struct mcp_server_options){ .env = &self->env,
		.declared = server,
		.services = services,
		.limits = &self->server_limits,
		.event = mcp_engine_event,
		.changed = mcp_engine_server_changed,
		.user = self };
	status = mcp_server_new(&self->server, &options, err);
	if (status != CAPSULE_OK) {
		free(self);
		return status;
	}
	*out = &self->engine;
	return CAPSULE_OK;
}

const char *mcp_engine_server(const struct engine *engine)
{
	return mcp_engine_name(mcp_engine_of(engine));
}

enum capsule_status mcp_engine_run_inside(struct engine *engine, struct process **out, struct process_spec *spec,
	process_done_fn done, void *user, struct capsule_error *err)
{
	return mcp_server_run_inside(mcp_engine_of(engine)->server, out, spec, done, user, err);
}
