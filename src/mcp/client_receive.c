/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the server writes, line by line: answers go to what waits for them, notifications become events, and what is no
 * message is counted until it is too much. */
#include "mcp/client_internal.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <stdio.h>

#define NUMBER_MAX 64 /* bytes of a progress number that is looked at */

static void answer_for_nobody(struct mcp_client *client, const struct jsonrpc_message *message)
{
	char text[ERROR_TEXT_MAX];

	if (message->id.kind == JSONRPC_INTEGER_ID && message->id.number >= 0 && message->id.number < client->next_id) {
		client->counts.late_answers++;
		return;
	}
	client->counts.unknown_answers++;
	if (client->state == CLIENT_INITIALIZING && message->id.kind == JSONRPC_INTEGER_ID)
		client->wrong_initialize_id = message->id.number;
	if (message->kind == JSONRPC_ERROR && message->id.kind < JSONRPC_INTEGER_ID) {
		client_print_error(text, sizeof text, "an error for no request", message);
		client_event_bad_line(client, client->line, text);
	}
}

static void ping_answered(struct mcp_client *client)
{
	client->ping_misses = 0;
	client->ping_at_ns = client_after(client, client->options.ping_ms);
}

static void request_answered(struct mcp_client *client, int64_t id, const struct jsonrpc_message *message)
{
	struct event_record event = { .kind = MCP_EVENT_RESULT, .id = id };
	char text[ERROR_TEXT_MAX] = "Unexpected response type";

	if (message->kind == JSONRPC_RESULT) {
		client_event(client, &event, span_of(NULL, 0), message->result, NULL);
		return;
	}
	event.kind = MCP_EVENT_ERROR;
	event.status = CAPSULE_EGUEST;
	if (message->kind == JSONRPC_ERROR) {
		event.code = message->code;
		event.status = client_status_of_code(message->code);
		client_print_error(text, sizeof text, "Mcp error", message);
	}
	client_event(client, &event, span_of(NULL, 0), message->data, text);
}

static void page_answered(struct mcp_client *client, const struct pending *page, const struct jsonrpc_message *message)
{
	char text[ERROR_TEXT_MAX];

	if (message->kind == JSONRPC_RESULT) {
		client_list_answered(client, page, message->result);
	} else if (message->kind == JSONRPC_ERROR) {
		client_print_error(text, sizeof text, "Mcp error", message);
		client_list_failed(client, page->list, client_status_of_code(message->code), text, message->code);
	} else {
		client_list_failed(client, page->list, CAPSULE_EGUEST, "Unexpected response type", 0);
	}
}

static void take_answer(struct mcp_client *client, const struct jsonrpc_message *message)
{
	struct pending *found = NULL, pending;

	if (message->id.kind == JSONRPC_INTEGER_ID)
		found = client_pending(client, message->id.number);
	/* An answer to what the server has not seen is none: its id was guessed. */
	if (found == NULL || client_output_waits(client, found->id)) {
		answer_for_nobody(client, message);
		return;
	}
	pending = *found;
	client_pending_remove(client, found);
	switch (pending.kind) {
	case PENDING_INITIALIZE:
		client_initialize_answered(client, message);
		break;
	case PENDING_PING:
		ping_answered(client);
		break;
	case PENDING_PAGE:
		page_answered(client, &pending, message);
		break;
	default:
		request_answered(client, pending.id, message);
		break;
	}
}

/* A number as a double, since progress may be fractional. */
static bool read_number(struct span json, double *out)
{
	char text[NUMBER_MAX];
	yyjson_val value;

	if (json.len == 0 || json.len >= sizeof text ||
		(json.data[0] != '-' && (json.data[0] < '0' || json.data[0] > '9')))
		return false;
	memcpy(text, json.data, json.len);
	text[json.len] = '\0';
	if (yyjson_read_number(text, &value, YYJSON_READ_NOFLAG, NULL, NULL) == NULL)
		return false;
	*out = yyjson_get_num(&value);
	return true;
}

static void take_progress(struct mcp_client *client, struct span params)
{
	static const char *const names[] = { "progressToken", "progress" };
	struct event_record event = { .kind = MCP_EVENT_PROGRESS };
	struct pending *pending;
	struct span members[2];
	double progress;

	json_scan_find(params, names, members, 2);
	if (!jsonrpc_integer(members[0], &event.id) || !read_number(members[1], &progress))
		return;
	pending = client_pending(client, event.id);
	if (pending == NULL || !pending->progress || (pending->progressed && progress <= pending->progress_last))
		return;
	pending->progressed = true;
	pending->progress_last = progress;
	pending->deadline_ns = client_after(client, pending->idle_ms);
	if (pending->deadline_ns > pending->hard_ns)
		pending->deadline_ns = pending->hard_ns;
	if (client_event_fits(client, params.len))
		client_event(client, &event, span_of(NULL, 0), params, NULL);
}

static void list_changed(struct mcp_client *client, enum mcp_list list, bool declared)
{
	if (!declared || client->changed_told[list])
		return;
	client->changed_told[list] = true;
	client_event(client, &(struct event_record){ .kind = MCP_EVENT_CHANGED, .list = list }, span_of(NULL, 0),
		span_of(NULL, 0), NULL);
}

static void resource_updated(struct mcp_client *client, struct span params)
{
	HOLD(buffer_fini) struct buffer uri = { 0 };
	struct span json = json_scan_get(params, "uri");

	if (!client->server.resources || !json_is_string(json) || !client_event_fits(client, json.len))
		return;
	if (json_scan_unescape(json, &uri))
		client_event(client, &(struct event_record){ .kind = MCP_EVENT_UPDATED }, buffer_span(&uri),
			span_of(NULL, 0), NULL);
	else
		client->counts.dropped_events++;
}

static void other_notification(
	struct mcp_client *client, enum mcp_event_kind kind, struct span text, struct span params)
{
	if (client_event_fits(client, text.len + params.len))
		client_event(client, &(struct event_record){ .kind = kind }, text, params, NULL);
}

static void take_notification(struct mcp_client *client, const struct jsonrpc_message *message)
{
	struct span method = message->method, params = message->params;

	if (!json_is_object(params))
		params = span_of(NULL, 0);
	if (span_is(method, "notifications/message")) {
		other_notification(client, MCP_EVENT_LOG, span_of(NULL, 0), params);
	} else if (client->state != CLIENT_READY) {
		return; /* too early for anything else */
	} else if (span_is(method, "notifications/progress")) {
		take_progress(client, params);
	} else if (span_is(method, "notifications/cancelled")) {
		client_server_withdraws(client, params);
	} else if (span_is(method, "notifications/tools/list_changed")) {
		list_changed(client, MCP_TOOLS, client->server.tools);
	} else if (span_is(method, "notifications/prompts/list_changed")) {
		list_changed(client, MCP_PROMPTS, client->server.prompts);
	} else if (span_is(method, "notifications/resources/list_changed")) {
		list_changed(client, MCP_RESOURCES, client->server.resources);
		list_changed(client, MCP_RESOURCE_TEMPLATES, client->server.resources);
	} else if (span_is(method, "notifications/resources/updated")) {
		resource_updated(client, params);
	} else {
		other_notification(client, MCP_EVENT_NOTIFICATION, method, params);
	}
}

static void take_message(void *user, const struct jsonrpc_message *message)
{
	struct mcp_client *client = user;

	if (client->state == CLIENT_ENDED) /* by one before it in a batch */
		return;
	client->counts.received++;
	client->line_good = true;
	switch (message->kind) {
	case JSONRPC_REQUEST:
	case JSONRPC_BAD_REQUEST:
		client_server_asks(client, message);
		break;
	case JSONRPC_NOTIFICATION:
		take_notification(client, message);
		break;
	default:
		take_answer(client, message);
		break;
	}
}

static void take_bad(void *user, const char *reason, bool is_batch)
{
	static const struct jsonrpc_id none = { .kind = JSONRPC_NO_ID };
	struct mcp_client *client = user;

	if (client->state == CLIENT_ENDED)
		return;
	client->line_bad = true;
	client_event_bad_line(client, client->line, reason);
	if (is_batch)
		client_send_error(client, &none, JSONRPC_INVALID_REQUEST, span_text(reason));
}

/* A line was read that holds no message: how many were there? */
static void count_bad(struct mcp_client *client)
{
	char reason[96];

	client->counts.bad_lines++;
	client->bad_in_a_row++;
	if (client->bad_in_a_row >= client->options.bad_lines_in_a_row)
		(void)snprintf(reason, sizeof reason, "%u lines in a row are no messages", client->bad_in_a_row);
	else if (client->counts.bad_lines >= client->options.bad_lines)
		(void)snprintf(reason, sizeof reason, "%u lines are no messages", client->options.bad_lines);
	else
		return;
	client_fail(client, CAPSULE_ELIMIT, reason, NULL);
}

/* It said something, so it lives. */
static void note_life(struct mcp_client *client)
{
	client->bad_in_a_row = 0;
	client->ping_misses = 0;
	if (client->ping_at_ns != MCP_NEVER)
		client->ping_at_ns = client_after(client, client->options.ping_ms);
}

bool client_take_line(void *user, struct span line)
{
	struct mcp_client *client = user;
	const struct jsonrpc_limits limits = { .bytes = client->options.line_bytes };
	bool batches = client->state == CLIENT_READY && client->server.revision == MCP_2025_03_26;
	struct capsule_error err;

	if (client->trace != NULL)
		client->trace(client->trace_user, false, line);
	client->line = line;
	client->line_good = false;
	client->line_bad = false;
	if (jsonrpc_read(line, &limits, batches, take_message, take_bad, client, &err) != CAPSULE_OK)
		client_fail(client, err.status, err.text, NULL);
	if (client->line_good)
		note_life(client);
	else if (client->line_bad)
		count_bad(client);
	client->line = span_of(NULL, 0);
	return client->state != CLIENT_ENDED;
}
