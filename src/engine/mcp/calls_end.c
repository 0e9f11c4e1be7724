/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How calls end: what the caller gets, what is put down, what is told. */
#include "engine/mcp/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

/* ---- Records ---- */

static struct mcp_call_note note_of(const struct mcp_call *c)
{
	bool tool = c->tool != NULL;

	return (struct mcp_call_note){ .origin = &c->call->origin,
		.server = mcp_engine_name(c->owner),
		.tool = span_text(tool ? c->tool : MCP_INTERCEPT_TOOL),
		.arguments = tool ? c->call->input : buffer_span(&c->arguments),
		.hash = c->hash,
		.description = tool ? c->description : NULL,
		.consent = c->consent };
}

static uint64_t duration_ms(const struct mcp_call *c)
{
	return !c->recorded ? 0 : (uint64_t)(loop_now(c->owner->env.loop) - c->begun_ns) / NS_PER_MS;
}

/* The first bytes, without half a character at their end. */
static struct span preview_of(struct span result)
{
	if (result.len > MCP_PREVIEW_MAX)
		result.len = text_utf8_valid_prefix(span_of(result.data, MCP_PREVIEW_MAX));
	return result;
}

void mcp_call_record(const struct mcp_call *c, const char *stage, const struct capsule_error *error, struct span result)
{
	const struct mcp_services *services = c->owner->services;
	struct mcp_call_note note = note_of(c);
	uint8_t hash[BLAKE3_SIZE];
	char digits[BLAKE3_HEX];

	if (services->record == NULL)
		return;
	note.stage = stage;
	note.error = error;
	note.duration_ms = duration_ms(c);
	if (result.len > 0) {
		blake3_bytes(result, hash);
		blake3_hex(hash, digits);
		note.result_hash = digits;
		note.result_bytes = result.len;
		note.preview = preview_of(result);
	}
	services->record(services->user, &note);
}

void mcp_call_refused(const struct mcp_engine *self, const struct engine_call *call, const char *tool, const char *hash,
	const struct capsule_error *error)
{
	const struct mcp_call_note note = { .origin = &call->origin,
		.server = mcp_engine_name(self),
		.tool = span_text(tool),
		.arguments = call->input,
		.hash = hash,
		.stage = "refused",
		.consent = "denied",
		.error = error };

	if (self->services->record != NULL)
		self->services->record(self->services->user, &note);
}

/* ---- Ends ---- */

static void tell_completed(const struct mcp_call *c, bool success)
{
	bool sent = c->stage == MCP_SENT || c->stage == MCP_LOST;

	if (c->tool != NULL && sent)
		mcp_engine_tell(c->owner,
			(struct mcp_life_note){ .kind = MCP_LIFE_TOOL_COMPLETED,
				.tool = span_text(c->tool),
				.success = success,
				.duration_ms = duration_ms(c) });
}

/* A use that was granted and never reached the server holds for the same call made again. */
static void keep_use(struct mcp_call *c)
{
	const struct mcp_consent_use use = { .principal = c->call->origin.principal,
		.tool = c->tool,
		.description = c->description,
		.arguments = c->hash };

	if (c->once && !c->written)
		mcp_consents_keep(&c->owner->consents, &use, loop_now(c->owner->env.loop));
}

/* Put it down, let go of it, end its operation. `err` NULL: it went well, and the result is there. `outcome` is what
 * is put down. */
static void end(
	struct mcp_call *c, const struct capsule_error *err, const struct capsule_error *outcome, struct span result)
{
	struct mcp_engine *self = c->owner;
	struct engine_call *call = c->call;

	keep_use(c);
	if (c->recorded)
		mcp_call_record(c, "ended", outcome, result);
	tell_completed(c, outcome == NULL);
	call->wall_ns = !c->recorded ? 0 : loop_now(self->env.loop) - c->begun_ns;
	mcp_call_free(c);
	call->op.producer = NULL;
	if (op_pending(&call->op)) {
		if (err != NULL)
			op_fail(&call->op, err);
		else
			op_finish(&call->op);
	}
	if (self->engine.tell_idle)
		engine_changed(&self->engine);
}

void mcp_call_fail(struct mcp_call *c, const struct capsule_error *reason, bool plain)
{
	struct capsule_error err = *reason;

	if (!plain)
		(void)error_set(&err, reason->status, "Tool call failed: %s:%s - %s", mcp_engine_name(c->owner),
			c->tool != NULL ? c->tool : MCP_INTERCEPT_TOOL, reason->text);
	end(c, &err, &err, span_of(NULL, 0));
}

/* ---- Answers ---- */

/* What a result that says isError says, as an error, which cuts it; a NUL would end it. */
static void describe(const struct mcp_result *result, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)mcp_result_append_text(result, span_text("\n"), &text);
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = text.data[i] != 0 ? text.data[i] : '?';
	if (text.len > 0)
		(void)error_set(err, CAPSULE_EGUEST, "%.*s", (int)text.len, (const char *)text.data);
	else
		(void)error_set(err, CAPSULE_EGUEST, "Unknown error");
}

static void answer_tool(struct mcp_call *c, const struct mcp_result *result, struct span json)
{
	struct buffer *out = &c->call->op.result;
	struct capsule_error err, said;

	out->limit = LIMIT_OUTPUT;
	(void)mcp_result_append_json(result, out);
	if (buffer_check(out, &err) != CAPSULE_OK) {
		buffer_fini(out);
		(void)error_in(&err, "Tool call failed: %s:%s - its result", mcp_engine_name(c->owner), c->tool);
		end(c, &err, &err, json);
		return;
	}
	if (result->is_error)
		describe(result, &said);
	end(c, NULL, result->is_error ? &said : NULL, json);
}

static void answer_interceptor(struct mcp_call *c, const struct mcp_result *result, struct span json)
{
	struct buffer *out = &c->call->op.result;
	struct capsule_error err;

	if (result->is_error) {
		describe(result, &err);
		mcp_engine_log(c->owner, CAPSULE_LOG_WARN, "an interceptor failed", span_text(err.text));
		(void)error_in(
			&err, "interceptor `%s` of MCP server '%s' failed", c->call->name, mcp_engine_name(c->owner));
		end(c, &err, &err, json);
		return;
	}
	out->limit = LIMIT_OUTPUT;
	(void)mcp_result_append_text(result, span_of(NULL, 0), out);
	if (buffer_check(out, &err) != CAPSULE_OK) {
		buffer_fini(out);
		end(c, &err, &err, json);
		return;
	}
	if (span_is(buffer_span(out), "null"))
		buffer_clear(out);
	end(c, NULL, NULL, json);
}

void mcp_call_answer(struct mcp_call *c, struct span json)
{
	struct mcp_result result;
	struct capsule_error err;

	if (mcp_result_read(&result, json, &err) != CAPSULE_OK) {
		mcp_call_fail(c, &err, false);
		return;
	}
	if (c->tool != NULL)
		answer_tool(c, &result, json);
	else
		answer_interceptor(c, &result, json);
}
