/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a request for a tool or an interceptor to a call that waits for its turn: is there such a tool, may it be
 * called, who has to be asked. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/mcp/arguments.h"

DEFINE_DROP(call_drop, struct mcp_call *, mcp_call_free)

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for a call");
}

static struct mcp_call *call_new(struct mcp_engine *self, struct engine_call *call)
{
	struct mcp_call *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->owner = self;
	c->call = call;
	c->consent = "manifest";
	list_init(&c->link);
	op_init(&c->ask, self->env.loop);
	return c;
}

/* As the other engines: what waits is bounded, unless its owner bounds it. */
static enum capsule_status admit(
	const struct mcp_engine *self, const struct engine_call *call, struct capsule_error *err)
{
	const struct engine_limits *limits = &self->env.limits;
	uint32_t calls = limits->queue_calls != 0 ? limits->queue_calls : LIMIT_CALL_QUEUE;
	uint64_t bytes = limits->queue_bytes != 0 ? limits->queue_bytes : LIMIT_CALL_QUEUE_BYTES;

	if (call->unqueued || (self->calls.queued < calls && call->input.len <= bytes - self->calls.queued_bytes))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%u calls with %llu bytes are waiting for MCP server '%s': %u calls or %llu bytes are the most",
		self->calls.queued, (unsigned long long)self->calls.queued_bytes, mcp_engine_name(self), calls,
		(unsigned long long)bytes);
}

static void start(struct mcp_call *c, enum mcp_stage stage, op_done_fn done, void *user)
{
	struct engine_call *call = c->call;

	call->engine = &c->owner->engine;
	call->wall_ns = 0;
	call->cpu_ns = 0;
	op_start(&call->op, done, user, mcp_call_stopped, 0, "call");
	call->op.producer = c;
	call->op.stage = stage == MCP_ASKING ? "a person is asked" : NULL;
	mcp_call_enter(c, stage);
}

/* ---- Interceptors ---- */

/* {"hook": action, "payload": payload} */
static bool append_hook(struct buffer *out, const char *action, struct span payload)
{
	(void)buffer_append_text(out, "{\"hook\":");
	(void)json_append_lossy(out, span_text(action));
	(void)buffer_append_text(out, ",\"payload\":");
	(void)json_append_compact(out, payload);
	return buffer_append_byte(out, '}');
}

static enum capsule_status add_interceptor(
	struct mcp_engine *self, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };
	HOLD(call_drop) struct mcp_call *c = NULL;
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct capsule_error reason;
	enum capsule_status status;

	if (!self->catalog.intercepts)
		return error_set(err, CAPSULE_EUNSUPPORTED, "Not supported: MCP server '%s' has no tool `%s`",
			mcp_engine_name(self), MCP_INTERCEPT_TOOL);
	if (mcp_engine_health(self, NULL) != ENGINE_READY)
		return mcp_engine_refuse(self, err);
	status = json_parse(&doc, call->input, &limits, "payload", &reason);
	if (status != CAPSULE_OK)
		return error_set(err, status, "failed to deserialize interceptor payload: %s", reason.text);
	status = admit(self, call, err);
	if (status != CAPSULE_OK)
		return status;
	c = call_new(self, call);
	if (c == NULL || !append_hook(&c->arguments, call->name, call->input))
		return no_memory(err);
	status = arguments_hash(buffer_span(&c->arguments), c->hash, err);
	if (status != CAPSULE_OK)
		return error_in(err, "failed to deserialize interceptor payload");
	start(GIVE(c), MCP_QUEUED, done, user);
	mcp_calls_pump(self);
	return CAPSULE_OK;
}

/* ---- Consent ---- */

static struct mcp_consent_use use_of(const struct mcp_call *c)
{
	return (struct mcp_consent_use){ .principal = c->call->origin.principal,
		.tool = c->tool,
		.description = c->description,
		.arguments = c->hash };
}

static enum capsule_status deny(const struct mcp_call *c, struct capsule_error *err, const char *entry)
{
	const struct mcp_engine *self = c->owner;

	(void)error_set(err, CAPSULE_EDENIED,
		"Authorization failed: %s:%s: the manifest of capsule '%s' denies it (%s%s%s of [[mcp_server]] '%s')",
		mcp_engine_name(self), c->tool, self->env.capsule_id, entry != NULL ? "\"" : "`consent",
		entry != NULL ? entry : "", entry != NULL ? "\" in `deny`" : "`", self->declared->id);
	mcp_call_refused(self, c->call, c->tool, c->hash, err);
	return CAPSULE_EDENIED;
}

static enum capsule_status nobody(const struct mcp_call *c, struct capsule_error *err)
{
	const struct mcp_engine *self = c->owner;

	(void)error_set(err, CAPSULE_EDENIED,
		"Authorization required for %s:%s: a person has to allow it, and there is nobody to ask; to allow it "
		"without asking, add \"%s\" to `allow`, and take it out of `ask`, of [[mcp_server]] '%s'",
		mcp_engine_name(self), c->tool, c->tool, self->declared->id);
	mcp_call_refused(self, c->call, c->tool, c->hash, err);
	return CAPSULE_EDENIED;
}

static uint64_t wall_ms(const struct mcp_call *c)
{
	uint64_t most = c->owner->env.limits.call_wall_ms;

	most = most != 0 ? most : LIMIT_CALL_WALL_MS;
	return c->call->wall_ms != 0 && c->call->wall_ms < most ? c->call->wall_ms : most;
}

static void refused(struct mcp_call *c, struct capsule_error *err)
{
	c->consent = "denied";
	mcp_call_record(c, "refused", err, span_of(NULL, 0));
	mcp_call_fail(c, err, true);
}

/* Somebody has answered, or nobody did. */
static void answered(struct op *op, void *user)
{
	struct mcp_call *c = user;
	struct mcp_engine *self = c->owner;
	struct mcp_consent_use use = use_of(c);
	struct capsule_error err = op->error;
	enum mcp_answer answer = MCP_ANSWER_DENY;

	if (err.status == CAPSULE_OK && op->result.len == 1 && op->result.data[0] <= MCP_ANSWER_SESSION)
		answer = (enum mcp_answer)op->result.data[0];
	if (err.status != CAPSULE_OK) {
		(void)error_in(&err, "Authorization failed: %s:%s", mcp_engine_name(self), c->tool);
		refused(c, &err);
		return;
	}
	if (answer == MCP_ANSWER_DENY) {
		(void)error_set(&err, CAPSULE_EDENIED, "Authorization failed: %s:%s: it was not allowed",
			mcp_engine_name(self), c->tool);
		refused(c, &err);
		return;
	}
	c->once = answer == MCP_ANSWER_ONCE;
	if (answer == MCP_ANSWER_SESSION)
		mcp_consents_remember(&self->consents, &use);
	c->call->op.stage = NULL;
	mcp_call_move(c, MCP_QUEUED);
	if (mcp_engine_health(self, NULL) != ENGINE_READY) {
		(void)mcp_engine_refuse(self, &err);
		mcp_call_fail(c, &err, true);
	}
	mcp_calls_pump(self);
}

/* Start the question. Its deadline is the time that the call may take. */
static enum capsule_status ask(struct mcp_call *c, struct capsule_error *err)
{
	const struct mcp_engine *self = c->owner;
	const struct mcp_services *services = self->services;
	const struct mcp_call_note note = { .origin = &c->call->origin,
		.server = mcp_engine_name(self),
		.tool = span_text(c->tool),
		.arguments = c->call->input,
		.hash = c->hash,
		.description = c->description };
	enum capsule_status status;

	if (services->ask == NULL)
		return nobody(c, err);
	op_start(&c->ask, answered, c, NULL, wall_ms(c), "question");
	status = services->ask(services->user, &note, &c->ask, err);
	if (status != CAPSULE_OK) {
		(void)error_in(err, "Authorization required for %s:%s", mcp_engine_name(self), c->tool);
		mcp_call_refused(self, c->call, c->tool, c->hash, err);
	}
	return status;
}

/* May it be? *asks: a question is under way. */
static enum capsule_status consent(
	struct mcp_call *c, const struct mcp_tool *tool, bool *asks, struct capsule_error *err)
{
	struct mcp_engine *self = c->owner;
	struct mcp_consent_use use = use_of(c);
	const char *entry;
	enum server_consent said = mcp_consent_decide(self->declared, tool, &entry);

	*asks = false;
	if (said == SERVER_DENIES)
		return deny(c, err, entry);
	if (said == SERVER_ALLOWS)
		return CAPSULE_OK;
	c->consent = "remembered";
	if (mcp_consents_remembered(&self->consents, &use))
		return CAPSULE_OK;
	c->once = mcp_consents_take(&self->consents, &use, loop_now(self->env.loop));
	if (c->once)
		return CAPSULE_OK;
	c->consent = "asked";
	*asks = true;
	return ask(c, err);
}

/* ---- Tools ---- */

static enum capsule_status not_found(const struct mcp_engine *self, const char *name, struct capsule_error *err)
{
	return error_set(err, CAPSULE_EUNSUPPORTED, "Tool not found: %s:%s", mcp_engine_name(self), name);
}

static enum capsule_status check_tool(const struct mcp_engine *self, const struct engine_call *call,
	const struct mcp_tool *tool, struct capsule_error *err)
{
	const char *refusal = mcp_tool_refusal(tool);
	char hash[BLAKE3_HEX];

	if (mcp_engine_health(self, NULL) != ENGINE_READY)
		return mcp_engine_refuse(self, err);
	if (refusal == NULL)
		return CAPSULE_OK;
	(void)error_set(err, tool->needs_task ? CAPSULE_EUNSUPPORTED : CAPSULE_EDENIED, "Tool call failed: %s:%s - %s",
		mcp_engine_name(self), tool->name, refusal);
	if (!tool->needs_task && arguments_hash(call->input, hash, NULL) == CAPSULE_OK)
		mcp_call_refused(self, call, tool->name, hash, err);
	return err->status;
}

static enum capsule_status add_tool(
	struct mcp_engine *self, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	const struct mcp_tool *tool = mcp_catalog_find(&self->catalog, self->declared, call->name);
	HOLD(call_drop) struct mcp_call *c = NULL;
	enum capsule_status status;
	bool asks;

	if (tool == NULL || tool->hidden)
		return not_found(self, call->name, err);
	status = check_tool(self, call, tool, err);
	if (status == CAPSULE_OK)
		status = admit(self, call, err);
	if (status != CAPSULE_OK)
		return status;
	c = call_new(self, call);
	if (c == NULL || (c->tool = text_copy(span_text(tool->name))) == NULL)
		return no_memory(err);
	memcpy(c->description, tool->hash, sizeof c->description);
	status = arguments_hash(call->input, c->hash, err);
	if (status == CAPSULE_OK)
		status = consent(c, tool, &asks, err);
	if (status != CAPSULE_OK)
		return status;
	start(GIVE(c), asks ? MCP_ASKING : MCP_QUEUED, done, user);
	mcp_calls_pump(self);
	return CAPSULE_OK;
}

enum capsule_status mcp_calls_add(
	struct mcp_engine *self, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	switch (call->kind) {
	case ENGINE_TOOL:
		return add_tool(self, call, done, user, err);
	case ENGINE_INTERCEPTOR:
		return add_interceptor(self, call, done, user, err);
	default:
		return error_set(err, CAPSULE_EUNSUPPORTED,
			"Not supported: MCP server '%s' has tools, no exports and hooks", mcp_engine_name(self));
	}
}
