/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What servers do, for whoever audits, for the log and for the bus. The members of the audit's details are described in
 * docs/mcp.md. */
#include "runtime/servers.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "runtime/internal.h"

#include <inttypes.h>

#define NO_MEMORY "(no memory for the text)"

/* Arguments that are told on the bus; of larger ones there is none. */
#define TOLD_ARGUMENTS_MAX LIMIT_INLINE_WORK

static void append_text(struct buffer *out, const char *key, const char *text)
{
	(void)buffer_printf(out, ",\"%s\":", key);
	if (text != NULL)
		(void)json_append_lossy(out, span_text(text));
	else
		(void)buffer_append_text(out, "null");
}

/* Text for a record, never NULL. */
static const char *text_of(struct buffer *buffer)
{
	const char *text = buffer_text(buffer);

	return text != NULL ? text : NO_MEMORY;
}

static void audit(struct servers *servers, struct capsule_audit_record *record, struct buffer *detail)
{
	struct capsule_runtime *runtime = servers->capsule->runtime;

	if (runtime->audit == NULL)
		return;
	record->capsule = servers->capsule->id;
	record->key = "mcp_server";
	record->detail = buffer_text(detail) != NULL ? buffer_text(detail) : "{}";
	runtime_enter_embedder(runtime);
	runtime->audit(runtime->audit_user, record);
	runtime_leave_embedder(runtime);
}

static void write_line(const struct servers *servers, enum capsule_log_level level, struct buffer *line)
{
	const struct capsule *capsule = servers->capsule;

	log_write(&capsule->runtime->log, level, capsule->id, span_text(text_of(line)));
}

/* ---- Calls ---- */

static void append_call(struct buffer *out, const struct mcp_call_note *note)
{
	(void)(buffer_append_text(out, "{\"server\":") && json_append_lossy(out, span_text(note->server)) &&
		buffer_append_text(out, ",\"tool\":") && json_append_lossy(out, note->tool));
	append_text(out, "stage", note->stage);
	append_text(out, "consent", note->consent);
	append_text(out, "arguments_hash", note->hash);
	(void)buffer_printf(out, ",\"call\":%" PRIu64, note->origin != NULL ? (uint64_t)note->origin->call_id : 0);
	if (strcmp(note->stage, "ended") == 0) {
		(void)buffer_printf(out, ",\"success\":%s", note->error == NULL ? "true" : "false");
		append_text(out, "result_hash", note->result_hash);
		(void)(buffer_printf(out, ",\"result_bytes\":%" PRIu64 ",\"duration_ms\":%" PRIu64 ",\"preview\":",
			       note->result_bytes, note->duration_ms) &&
			json_append_lossy(out, note->preview));
	}
	if (note->error != NULL)
		append_text(out, "error", note->error->text);
	(void)buffer_append_byte(out, '}');
}

void servers_record(void *user, const struct mcp_call_note *note)
{
	struct servers *servers = user;
	const struct capsule_runtime *runtime = servers->capsule->runtime;
	HOLD(buffer_fini) struct buffer operand = { 0 }, detail = { 0 }, line = { 0 };
	bool refused = strcmp(note->stage, "refused") == 0;
	struct capsule_audit_record record = { .operation = "mcp_call",
		.principal = note->origin != NULL ? note->origin->principal : runtime->principal,
		.reason = refused && note->error != NULL ? note->error->text : note->stage };

	(void)(buffer_printf(&operand, "mcp://%s:", note->server) && buffer_append_span(&operand, note->tool));
	record.operand = text_of(&operand);
	if (runtime->audit != NULL)
		append_call(&detail, note);
	(void)buffer_printf(&line, "tool call %s: %s%s%s", note->stage, record.operand, note->error != NULL ? ": " : "",
		note->error != NULL ? note->error->text : "");
	write_line(servers, refused && runtime->audit == NULL ? CAPSULE_LOG_WARN : CAPSULE_LOG_INFO, &line);
	audit(servers, &record, &detail);
}

/* ---- Lives ---- */

static struct event_value text_value(const char *text)
{
	if (text == NULL)
		return (struct event_value){ .kind = EVENT_NULL };
	return (struct event_value){ .kind = EVENT_TEXT, .text = span_text(text) };
}

/* To the bus, where capsules that want to know are told. */
static void tell_bus(struct dispatch *dispatch, const struct mcp_life_note *note)
{
	struct event_value values[4] = { text_value(note->server) };

	switch (note->kind) {
	case MCP_LIFE_CONNECTED:
		values[1] = text_value(note->revision != NULL ? note->revision : "");
		dispatch_lifecycle(dispatch, EVENT_MCP_SERVER_CONNECTED, values, 2);
		return;
	case MCP_LIFE_DISCONNECTED:
		values[1] = text_value(note->reason);
		dispatch_lifecycle(dispatch, EVENT_MCP_SERVER_DISCONNECTED, values, 2);
		return;
	case MCP_LIFE_TOOL_CALLED:
		values[1] = (struct event_value){ .kind = EVENT_TEXT, .text = note->tool };
		if (note->arguments.len > 0 && note->arguments.len <= TOLD_ARGUMENTS_MAX)
			values[2] = (struct event_value){ .kind = EVENT_JSON, .text = note->arguments };
		dispatch_lifecycle(dispatch, EVENT_MCP_TOOL_CALLED, values, 3);
		return;
	case MCP_LIFE_TOOL_COMPLETED:
		values[1] = (struct event_value){ .kind = EVENT_TEXT, .text = note->tool };
		values[2] = (struct event_value){ .kind = EVENT_BOOL, .truth = note->success };
		values[3] = (struct event_value){ .kind = EVENT_NUMBER, .number = note->duration_ms };
		dispatch_lifecycle(dispatch, EVENT_MCP_TOOL_COMPLETED, values, 4);
		return;
	case MCP_LIFE_TOOL_CHANGED:
		return; /* the log and the audit have it: nothing on the bus stands for that */
	}
}

static void audit_life(struct servers *servers, const struct mcp_life_note *note)
{
	static const char *const words[] = { [MCP_LIFE_CONNECTED] = "connected",
		[MCP_LIFE_DISCONNECTED] = "disconnected",
		[MCP_LIFE_TOOL_CHANGED] = "tool changed" };
	HOLD(buffer_fini) struct buffer detail = { 0 }, line = { 0 };
	bool changed = note->kind == MCP_LIFE_TOOL_CHANGED;
	const char *word = words[note->kind];
	struct capsule_audit_record record = { .operation = "mcp_server",
		.principal = servers->capsule->runtime->principal,
		.operand = note->server,
		.reason = note->reason != NULL ? note->reason : word };

	(void)(buffer_append_text(&detail, "{\"server\":") && json_append_lossy(&detail, span_text(note->server)));
	append_text(&detail, "event", word);
	if (note->kind == MCP_LIFE_CONNECTED) {
		append_text(&detail, "revision", note->revision);
		append_text(&detail, "digest", note->digest != NULL && note->digest[0] != '\0' ? note->digest : NULL);
	}
	if (changed)
		(void)(buffer_append_text(&detail, ",\"tool\":") && json_append_lossy(&detail, note->tool));
	append_text(&detail, "reason", note->reason);
	(void)buffer_append_byte(&detail, '}');
	(void)buffer_printf(&line, "%s: %s", note->server, word);
	if (changed)
		(void)(buffer_append_text(&line, ": ") && buffer_append_span(&line, note->tool));
	if (note->reason != NULL)
		(void)buffer_printf(&line, ": %s", note->reason);
	write_line(servers, changed ? CAPSULE_LOG_WARN : CAPSULE_LOG_INFO, &line);
	audit(servers, &record, &detail);
}

void servers_tell(void *user, const struct mcp_life_note *note)
{
	struct servers *servers = user;

	if (note->kind != MCP_LIFE_TOOL_CALLED && note->kind != MCP_LIFE_TOOL_COMPLETED)
		audit_life(servers, note);
	tell_bus(servers->capsule->runtime->dispatch, note);
}
