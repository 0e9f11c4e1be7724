/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests that are not waited for any longer: their time is over, or nobody wants the answer. The server is told, but
 * for `initialize`, which must not be cancelled, and for what it has not seen yet, which is taken back instead. */
#include "mcp/client_internal.h"

#include <stdio.h>

static void miss_ping(struct mcp_client *client)
{
	if (++client->ping_misses < MCP_PING_MISSES)
		client->ping_at_ns = client->now_ns;
	else
		client_fail(client, CAPSULE_ETIMEOUT, "the server does not answer pings", NULL);
}

static void request_failed(
	struct mcp_client *client, struct pending *pending, enum capsule_status status, const char *text)
{
	struct pending ended = *pending;

	client_pending_remove(client, pending);
	if (ended.kind == PENDING_PAGE)
		client_list_failed(client, ended.list, status, text, 0);
	else if (ended.kind == PENDING_REQUEST)
		client_event(client,
			&(struct event_record){ .kind = MCP_EVENT_ERROR, .id = ended.id, .status = status },
			span_of(NULL, 0), span_of(NULL, 0), text);
}

static void initialize_expired(struct mcp_client *client, const char *text)
{
	char reason[160];

	if (client->wrong_initialize_id >= 0)
		(void)snprintf(reason, sizeof reason, "%s: conflict initialized response id: expected %lld, got %lld",
			text, (long long)client->pending[0].id, (long long)client->wrong_initialize_id);
	else
		(void)snprintf(reason, sizeof reason, "%s: no answer to initialize", text);
	client_fail(client, CAPSULE_ETIMEOUT, reason, NULL);
}

void client_request_expired(struct mcp_client *client, struct pending *pending)
{
	bool hard = pending->hard_ns <= client->now_ns;
	enum pending_kind kind = pending->kind;
	int64_t id = pending->id;
	char time[48], text[80];

	client_print_ms(time, sizeof time, hard ? pending->hard_ms : pending->idle_ms);
	(void)snprintf(text, sizeof text, "request timeout after %s", time);
	if (kind == PENDING_INITIALIZE) { /* which must not be cancelled */
		initialize_expired(client, text);
		return;
	}
	if (kind == PENDING_REQUEST && client_output_begun(client, id))
		client_event(client, &(struct event_record){ .kind = MCP_EVENT_WRITTEN, .id = id }, span_of(NULL, 0),
			span_of(NULL, 0), NULL);
	request_failed(client, pending, CAPSULE_ETIMEOUT, text);
	if (!client_output_withdraw(client, id))
		client_send_cancel(client, id, span_text(text));
	if (kind == PENDING_PING && client->state == CLIENT_READY)
		miss_ping(client);
}

bool mcp_client_cancel(struct mcp_client *client, int64_t id, struct span reason)
{
	bool written = client_events_forget(client, id);
	struct pending *pending;

	if (client->state != CLIENT_READY || client_list_cancel(client, id, reason))
		return written;
	pending = client_pending(client, id);
	if (pending == NULL || pending->kind != PENDING_REQUEST)
		return written;
	client_pending_remove(client, pending);
	written = written || client_output_begun(client, id);
	if (!client_output_withdraw(client, id))
		client_send_cancel(client, id, reason);
	return written;
}
