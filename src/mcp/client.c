/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a client: made, started, told the time, ended. */
#include "mcp/client_internal.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "base/uuid.h"

#include <stdio.h>

#define NS_PER_MS INT64_C(1000000)

DEFINE_DROP(client_drop, struct mcp_client *, mcp_client_free)

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static uint32_t count_or(uint32_t value, uint32_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static void fill_in(struct mcp_client_options *options)
{
	options->name = NULL; /* copied elsewhere */
	options->title = NULL;
	options->version = NULL;
	options->handshake_ms = or_default(options->handshake_ms, 10000);
	options->list_ms = or_default(options->list_ms, 10000);
	options->request_ms = or_default(options->request_ms, 60000);
	options->request_hard_ms = or_default(options->request_hard_ms, 600000);
	options->ping_answer_ms = or_default(options->ping_answer_ms, 10000);
	options->line_bytes = or_default(options->line_bytes, JSONRPC_LINE_MAX);
	options->output_bytes = or_default(options->output_bytes, 32 * MIB);
	options->output_messages = count_or(options->output_messages, 256);
	options->in_flight = count_or(options->in_flight, 64);
	options->server_requests = count_or(options->server_requests, 64);
	options->events = count_or(options->events, 1024);
	options->list_pages = count_or(options->list_pages, 1000);
	options->list_items = count_or(options->list_items, 10000);
	options->bad_lines_in_a_row = count_or(options->bad_lines_in_a_row, 64);
	options->bad_lines = count_or(options->bad_lines, 1024);
}

static bool copy_text(char **out, const char *text)
{
	if (text != NULL)
		*out = text_copy(span_text(text));
	return text == NULL || *out != NULL;
}

/* Whether there are requests of the server that anybody but us answers. */
static bool declares(const struct mcp_client_features *features)
{
	return features->roots || features->sampling || features->elicitation_form || features->elicitation_url;
}

static bool allocate(struct mcp_client *client, const struct mcp_client_options *options)
{
	/* Beside the caller's requests there are initialize or a ping, and one page of each list. */
	client->pending_size = client->options.in_flight + 1 + MCP_LISTS;
	client->outgoing_size = client->options.output_messages + client->options.in_flight +
		client->options.server_requests + MCP_ANSWERS_RESERVED;
	client->pending = calloc(client->pending_size, sizeof *client->pending);
	client->outgoing = calloc(client->outgoing_size, sizeof *client->outgoing);
	client->requests = calloc(
		declares(&options->features) ? client->options.server_requests : 1, sizeof *client->requests);
	return client->pending != NULL && client->outgoing != NULL && client->requests != NULL &&
		copy_text(&client->name, options->name != NULL ? options->name : "capsule") &&
		copy_text(&client->title, options->title) &&
		copy_text(&client->version, options->version != NULL ? options->version : CAPSULE_VERSION);
}

enum capsule_status mcp_client_new(
	struct mcp_client **out, const struct mcp_client_options *options, struct capsule_error *err)
{
	HOLD(client_drop) struct mcp_client *client = calloc(1, sizeof *client);
	enum capsule_status status;

	if (client == NULL)
		return error_set(err, CAPSULE_ENOMEM, "out of memory for a client");
	client->options = *options;
	fill_in(&client->options);
	client->offered = MCP_2025_11_25;
	client->wrong_initialize_id = -1;
	client->ping_at_ns = MCP_NEVER;
	client->lines.limit = client->options.line_bytes;
	status = random_fill(client->seed, sizeof client->seed, err);
	if (status != CAPSULE_OK)
		return status;
	if (!allocate(client, options) || !client_events_reserve(client))
		return error_set(err, CAPSULE_ENOMEM, "out of memory for a client");
	*out = GIVE(client);
	return CAPSULE_OK;
}

void mcp_client_free(struct mcp_client *client)
{
	if (client == NULL)
		return;
	for (; client->events_count > 0; client->events_count--) {
		free(client->events[client->events_first].bytes);
		client->events_first = (client->events_first + 1) % client->events_size;
	}
	client_lists_fini(client);
	client_server_fini(client);
	lines_fini(&client->lines);
	buffer_fini(&client->output);
	free(client->events);
	free(client->event_shown);
	free(client->outgoing);
	free(client->pending);
	free(client->requests);
	free(client->name);
	free(client->title);
	free(client->version);
	free(client);
}

int64_t client_after(const struct mcp_client *client, uint64_t ms)
{
	int64_t at;

	if (ms > (uint64_t)(INT64_MAX / NS_PER_MS) ||
		__builtin_add_overflow(client->now_ns, (int64_t)ms * NS_PER_MS, &at))
		return MCP_NEVER;
	return at;
}

void client_set_now(struct mcp_client *client, int64_t now_ns)
{
	if (now_ns > client->now_ns)
		client->now_ns = now_ns;
}

void client_print_ms(char *out, size_t size, uint64_t ms)
{
	if (ms % 1000 == 0)
		(void)snprintf(out, size, "%llus", (unsigned long long)(ms / 1000));
	else if (ms < 1000)
		(void)snprintf(out, size, "%llums", (unsigned long long)ms);
	else
		(void)snprintf(
			out, size, "%llu.%03llus", (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000));
}

void client_print_text(char *out, size_t size, struct span text)
{
	if (text.len >= size) {
		text.len = size - 1;
		text.len = text_utf8_valid_prefix(text);
	}
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.data[i] != 0 ? (char)text.data[i] : '?';
	out[text.len] = '\0';
}

void mcp_client_start(struct mcp_client *client, int64_t now_ns)
{
	struct capsule_error err;

	if (client->state != CLIENT_NEW)
		return;
	client->now_ns = now_ns;
	client->state = CLIENT_INITIALIZING;
	client->handshake_ns = client_after(client, client->options.handshake_ms);
	if (client_initialize(client, &err) != CAPSULE_OK)
		client_fail(client, err.status, err.text, NULL);
}

void client_fail(struct mcp_client *client, enum capsule_status status, const char *reason, const char *closed)
{
	struct capsule_error text;

	if (client->state == CLIENT_ENDED)
		return;
	(void)error_set(&client->ended, status, "%s", reason);
	if (closed == NULL)
		(void)error_set(&text, status, "Transport closed: %s", client->ended.text);
	else
		(void)error_set(&text, status, "%s", closed);
	client->state = CLIENT_ENDED;
	client_output_clear(client);
	while (client->pending_count > 0) {
		struct pending pending = client->pending[0];

		client_pending_remove(client, &client->pending[0]);
		if (pending.kind == PENDING_REQUEST)
			client_event(client,
				&(struct event_record){
					.kind = MCP_EVENT_ERROR, .id = pending.id, .status = text.status },
				span_of(NULL, 0), span_of(NULL, 0), text.text);
	}
	client_lists_end(client, text.status, text.text);
	client->requests_count = 0;
	client_event(client, &(struct event_record){ .kind = MCP_EVENT_ENDED, .status = client->ended.status },
		span_of(NULL, 0), span_of(NULL, 0), client->ended.text);
}

void mcp_client_end(struct mcp_client *client, const char *why)
{
	char reason[ERROR_TEXT_MAX];
	const char *what;

	if (client->state == CLIENT_ENDED)
		return;
	if (why == NULL)
		lines_end(&client->lines, client_take_line, client); /* a last answer may lie there */
	what = client->state == CLIENT_READY ? "Transport closed" : "connection closed: initialize response";
	(void)snprintf(reason, sizeof reason, "%s%s%s", what, why != NULL ? ": " : "", why != NULL ? why : "");
	client_fail(client, CAPSULE_EIO, reason, reason);
}

void mcp_client_receive(struct mcp_client *client, struct span bytes, int64_t now_ns)
{
	struct capsule_error err;
	enum capsule_status status;

	client_set_now(client, now_ns);
	if (client->state != CLIENT_INITIALIZING && client->state != CLIENT_READY)
		return;
	status = lines_take(&client->lines, bytes, client_take_line, client, &err);
	if (status != CAPSULE_OK)
		client_fail(client, status, err.text, NULL);
}

/* Ask whether the server lives, once nothing happened for long enough. While a request waits nothing is asked: many
 * servers do one thing at a time, and the request has a time limit of its own. */
static void ping_when_due(struct mcp_client *client)
{
	struct pending ping = { .kind = PENDING_PING, .idle_ms = client->options.ping_answer_ms };
	struct asking asking;

	if (client->state != CLIENT_READY || client->pending_count > 0 || client->now_ns < client->ping_at_ns)
		return;
	client->ping_at_ns = MCP_NEVER; /* until it is answered or missed */
	client_ask_begin(client, &asking, &ping, span_text("ping"));
	if (client_ask_end(client, &asking, &ping, false, NULL) != CAPSULE_OK)
		client->ping_at_ns = MCP_NEVER;
}

void mcp_client_tick(struct mcp_client *client, int64_t now_ns)
{
	client_set_now(client, now_ns);
	for (uint32_t i = 0; i < client->pending_count;) {
		struct pending *pending = &client->pending[i];

		if (client->now_ns < pending->deadline_ns) {
			i++;
			continue;
		}
		client_request_expired(client, pending);
		i = 0; /* whatever may have changed */
	}
	ping_when_due(client);
}

int64_t mcp_client_deadline(const struct mcp_client *client)
{
	bool idle = client->state == CLIENT_READY && client->pending_count == 0;
	int64_t deadline = idle ? client->ping_at_ns : MCP_NEVER;

	for (uint32_t i = 0; i < client->pending_count; i++) {
		if (client->pending[i].deadline_ns < deadline)
			deadline = client->pending[i].deadline_ns;
	}
	return deadline;
}

const struct mcp_server_info *mcp_client_server(const struct mcp_client *client)
{
	return client->server_texts[0] != NULL ? &client->server : NULL;
}

void mcp_client_counts(const struct mcp_client *client, struct mcp_client_counts *out)
{
	*out = client->counts;
	out->in_flight = client->pending_count;
	out->waiting_output = client->outgoing_count;
}

void mcp_client_trace(struct mcp_client *client, void (*trace)(void *user, bool outgoing, struct span line), void *user)
{
	client->trace = trace;
	client->trace_user = user;
}
