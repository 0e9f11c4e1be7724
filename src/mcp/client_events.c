/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What happened, until it is asked for. Room for what must come is made when a request begins; what may be lost is
 * dropped at the bounds. */
#include "mcp/client_internal.h"

#include "base/json.h"

/* Beside the two of each request and the one of each request of the server: both lists of each kind, their changes,
 * bad lines, ready and ended. */
#define OTHERS (3 * MCP_LISTS + MCP_BAD_LINES_WAITING + 4)

/* Events of `waiting` ones, and those that what is going on may still make. */
static uint64_t owed(const struct mcp_client *client)
{
	return (uint64_t)client->events_count + 2 * ((uint64_t)client->options.in_flight + 1 + MCP_LISTS) +
		client->options.server_requests + OTHERS;
}

static bool grow(struct mcp_client *client, uint64_t need)
{
	uint64_t size = client->events_size;
	struct event_record *events;

	if (need <= size)
		return true;
	size = need + need / 2;
	if (size > UINT32_MAX)
		return false;
	events = calloc(size, sizeof *events);
	if (events == NULL)
		return false;
	for (uint32_t i = 0; i < client->events_count; i++)
		events[i] = client->events[(client->events_first + i) % client->events_size];
	free(client->events);
	client->events = events;
	client->events_size = (uint32_t)size;
	client->events_first = 0;
	return true;
}

bool client_events_reserve(struct mcp_client *client)
{
	return client->events_count < client->options.events && grow(client, owed(client));
}

/* The most bytes that events which may be lost keep; answers may have twice as much. */
static size_t bytes_max(const struct mcp_client *client)
{
	return 2 * client->options.line_bytes;
}

bool client_event_fits(struct mcp_client *client, size_t len)
{
	if (client_events_reserve(client) && len <= bytes_max(client) &&
		client->events_bytes <= bytes_max(client) - len)
		return true;
	client->counts.dropped_events++;
	return false;
}

/* Copy what `record` carries. Returns false when there is no room or memory for it. */
static bool carry(
	struct mcp_client *client, struct event_record *record, struct span text, struct span json, const char *error)
{
	size_t error_len = error != NULL ? strlen(error) : 0;
	struct buffer bytes = { 0 };

	if (text.len + json.len + error_len == 0)
		return true;
	if (json.len > 2 * bytes_max(client) || client->events_bytes > 2 * bytes_max(client) - json.len)
		return false;
	if (!buffer_reserve(&bytes, text.len + json.len + error_len))
		return false;
	(void)buffer_append_span(&bytes, text);
	(void)json_append_compact(&bytes, json);
	record->text_len = text.len;
	record->json_len = bytes.len - text.len;
	record->error_len = error_len;
	(void)buffer_append(&bytes, error, error_len);
	record->bytes = bytes.data;
	return true;
}

void client_event(struct mcp_client *client, const struct event_record *record, struct span text, struct span json,
	const char *error)
{
	struct event_record *added;

	if (client->events_count == client->events_size && !grow(client, (uint64_t)client->events_count + 1)) {
		client->counts.dropped_events++; /* not what was reserved for, which are the ends of requests */
		return;
	}
	added = &client->events[(client->events_first + client->events_count) % client->events_size];
	*added = *record;
	if (!carry(client, added, text, json, error)) {
		if (added->kind == MCP_EVENT_RESULT)
			added->kind = MCP_EVENT_ERROR;
		added->status = CAPSULE_ENOMEM;
	}
	client->events_bytes += added->text_len + added->json_len + added->error_len;
	client->events_count++;
}

bool client_events_forget(struct mcp_client *client, int64_t id)
{
	bool written = false;

	for (uint32_t i = 0; i < client->events_count; i++) {
		struct event_record *record = &client->events[(client->events_first + i) % client->events_size];

		switch (record->kind) {
		case MCP_EVENT_WRITTEN:
		case MCP_EVENT_RESULT:
		case MCP_EVENT_ERROR:
		case MCP_EVENT_LISTED:
		case MCP_EVENT_PROGRESS:
			written |= record->kind == MCP_EVENT_WRITTEN && record->id == id && !record->forgotten;
			record->forgotten = record->forgotten || record->id == id;
			break;
		default:
			break;
		}
	}
	return written;
}

void client_event_bad_line(struct mcp_client *client, struct span line, const char *reason)
{
	if (client->bad_lines_waiting == MCP_BAD_LINES_WAITING || !client_event_fits(client, MCP_LINE_SHOWN))
		return;
	client->bad_lines_waiting++;
	if (line.len > MCP_LINE_SHOWN)
		line.len = MCP_LINE_SHOWN;
	client_event(client, &(struct event_record){ .kind = MCP_EVENT_BAD_LINE, .status = CAPSULE_EINVAL }, line,
		span_of(NULL, 0), reason);
}

static void show_error(const struct event_record *record, struct mcp_event *out)
{
	error_clear(&out->error);
	if (record->status == CAPSULE_OK)
		return;
	if (record->error_len > 0)
		(void)error_set(&out->error, record->status, "%.*s", (int)record->error_len,
			(const char *)record->bytes + record->text_len + record->json_len);
	else
		(void)error_set(&out->error, record->status, "out of memory, or too much waits to be taken");
}

/* Take the first one out of the ring; its bytes are kept until the next call. */
static struct event_record take_first(struct mcp_client *client)
{
	struct event_record record = client->events[client->events_first];

	free(client->event_shown);
	client->event_shown = record.bytes;
	client->events_bytes -= record.text_len + record.json_len + record.error_len;
	if (record.kind == MCP_EVENT_BAD_LINE)
		client->bad_lines_waiting--;
	client->events_first = (client->events_first + 1) % client->events_size;
	client->events_count--;
	return record;
}

bool mcp_client_next(struct mcp_client *client, struct mcp_event *out)
{
	struct event_record record = { .forgotten = true };

	while (record.forgotten && client->events_count > 0)
		record = take_first(client);
	if (record.forgotten) {
		free(client->event_shown);
		client->event_shown = NULL;
		return false;
	}
	out->kind = record.kind;
	out->id = record.id;
	out->token = record.token;
	out->list = record.list;
	out->code = record.code;
	out->text = span_of(record.bytes, record.text_len);
	out->json = span_of(record.json_len > 0 ? record.bytes + record.text_len : NULL, record.json_len);
	show_error(&record, out);
	return true;
}
