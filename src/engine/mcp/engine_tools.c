/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The list of tools: asked for once a process is ready and when it says that it changed, read, compared with the pins,
 * put in place of the old one. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"

static void warn(void *user, struct span text)
{
	mcp_engine_log_bounded(user, CAPSULE_LOG_WARN, NULL, text);
}

static void tool_changed(void *user, const struct mcp_tool *tool)
{
	struct mcp_engine *self = user;
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)buffer_printf(&text, "the description of its tool `%s` is not the one that was seen first%s", tool->name,
		self->declared->pin_tools ? "; it is blocked until it is approved" : "");
	mcp_engine_log(self, CAPSULE_LOG_WARN, NULL, buffer_span(&text));
	mcp_engine_tell(self, (struct mcp_life_note){ .kind = MCP_LIFE_TOOL_CHANGED, .tool = span_text(tool->name) });
}

static enum capsule_status scope_of(const struct mcp_engine *self, struct kv_scope **scope, struct capsule_error *err)
{
	*scope = NULL;
	if (self->services->pins == NULL)
		return CAPSULE_OK;
	return self->services->pins(self->services->user, scope, err);
}

static void check_pins(struct mcp_engine *self, struct mcp_catalog *catalog)
{
	bool strict = self->declared->pin_tools;
	struct capsule_error err;
	struct kv_scope *scope;
	enum capsule_status status = scope_of(self, &scope, &err);

	if (status == CAPSULE_OK && scope == NULL && !strict)
		return; /* nobody keeps them, and nobody asked for it */
	if (status == CAPSULE_OK)
		status = mcp_pins_check(&self->pins, scope, self->env.loop, self->declared->id, catalog, strict,
			tool_changed, self, &err);
	else if (strict)
		mcp_pins_block_all(catalog);
	if (status != CAPSULE_OK)
		mcp_engine_log(self, CAPSULE_LOG_WARN,
			strict ? "its tools are blocked, as `pin_tools` says" : "its tools are not compared",
			span_text(err.text));
}

/* The new list is in place of the old one. */
static enum capsule_status take_list(struct mcp_engine *self, struct span list, struct capsule_error *err)
{
	struct mcp_catalog catalog;
	enum capsule_status status = mcp_catalog_read(&catalog, list, self->declared, warn, self, err);

	if (status != CAPSULE_OK) {
		mcp_catalog_fini(&catalog);
		return status;
	}
	check_pins(self, &catalog);
	mcp_catalog_fini(&self->catalog);
	self->catalog = catalog;
	return CAPSULE_OK;
}

/* A list that could not be had: the old one stays. What a new process has is not known then. */
static void keep_list(struct mcp_engine *self, const struct capsule_error *error)
{
	mcp_engine_log_bounded(self, CAPSULE_LOG_WARN, "its list of tools could not be renewed, the old one stays",
		span_text(error->text));
	if (!self->listed && self->declared->pin_tools)
		mcp_pins_block_all(&self->catalog);
}

void mcp_engine_loaded(struct mcp_engine *self, const struct capsule_error *error)
{
	struct op *load = self->load;

	self->load = NULL;
	self->phase = error == NULL ? MCP_UP : MCP_LOAD_FAILED;
	if (error != NULL)
		self->why = *error;
	self->told = mcp_engine_health(self, NULL); /* who waits for the load learns it there */
	load->stop = NULL;
	if (error != NULL)
		op_fail(load, error);
	else
		op_finish(load);
}

void mcp_engine_listed(struct mcp_engine *self, struct span list, const struct capsule_error *error)
{
	bool again = self->list_again, loading = self->phase == MCP_LOADING;
	struct capsule_error err = *error;

	self->listing = false;
	self->list_again = false;
	if (err.status == CAPSULE_OK)
		(void)take_list(self, list, &err);
	if (loading && err.status != CAPSULE_OK) {
		(void)error_in(&err, "Failed to connect MCP host engine: MCP protocol error");
		mcp_engine_loaded(self, &err);
		return;
	}
	if (err.status != CAPSULE_OK)
		keep_list(self, &err);
	self->listed = true;
	if (loading)
		mcp_engine_loaded(self, NULL);
	else if (self->engine.retooled != NULL)
		self->engine.retooled(&self->engine, self->engine.user);
	mcp_engine_tell_health(self);
	mcp_calls_pump(self);
	if (again)
		mcp_engine_list_tools(self);
}

void mcp_engine_list_none(struct mcp_engine *self)
{
	self->listed = false;
	self->listing = false;
	self->list_again = false;
	loop_timer_disarm(self->env.loop, &self->list_later);
}

void mcp_engine_list_due(struct timer *timer)
{
	mcp_engine_list_tools(LIST_ENTRY(timer, struct mcp_engine, list_later));
}

void mcp_engine_list_tools(struct mcp_engine *self)
{
	struct mcp_client *client = mcp_server_client(self->server);
	struct capsule_error err;

	if (self->listing) {
		self->list_again = true;
		return;
	}
	if (client == NULL)
		return;
	if (!pace_take(&self->lists, loop_now(self->env.loop)) &&
		loop_timer_arm(self->env.loop, &self->list_later, loop_now(self->env.loop) + self->lists.every_ns))
		return;
	if (mcp_client_list(client, MCP_TOOLS, loop_now(self->env.loop), &self->list_id, &err) != CAPSULE_OK) {
		mcp_engine_listed(self, span_of(NULL, 0), &err);
		return;
	}
	self->listing = true;
	mcp_server_kick(self->server);
}

enum capsule_status mcp_engine_approve(struct engine *engine, size_t *changed, struct capsule_error *err)
{
	struct mcp_engine *self = mcp_engine_of(engine);
	struct kv_scope *scope;
	enum capsule_status status;

	if (self->phase != MCP_UP || !self->listed)
		return mcp_engine_refuse(self, err);
	status = scope_of(self, &scope, err);
	if (status == CAPSULE_OK)
		status = mcp_pins_approve(
			&self->pins, scope, self->env.loop, self->declared->id, &self->catalog, changed, err);
	if (status == CAPSULE_OK && self->engine.retooled != NULL)
		self->engine.retooled(engine, self->engine.user);
	return status;
}
