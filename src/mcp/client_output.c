/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What waits to be written: one run of bytes, and beside it where its messages end. The caller's messages are refused
 * at the bounds of the options; answers and cancellations have a reserve beyond that, and a server that makes even
 * that too small does not read, so that it is given up. */
#include "mcp/client_internal.h"

#include "base/json.h"

#define COMPACT_FROM (64u * KIB) /* bytes written at the front before the rest is moved there */
#define KEPT_CAPACITY (1u * MIB) /* of memory, once all is written */

static size_t waiting(const struct mcp_client *client)
{
	return client->output.len - client->output_head;
}

static struct outgoing *outgoing_at(const struct mcp_client *client, uint32_t index)
{
	return &client->outgoing[(client->outgoing_first + index) % client->outgoing_size];
}

enum capsule_status client_output_room(const struct mcp_client *client, struct capsule_error *err)
{
	if (client->outgoing_count < client->options.output_messages && waiting(client) < client->options.output_bytes)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%u messages, %zu bytes wait to be read by the server already; try again when it has read them",
		client->outgoing_count, waiting(client));
}

struct buffer *client_output_begin(struct mcp_client *client, size_t *start)
{
	struct buffer *output = &client->output;

	if (client->output_head >= COMPACT_FROM && client->output_head > output->len / 2) {
		memmove(output->data, output->data + client->output_head, waiting(client));
		output->len -= client->output_head;
		client->output_head = 0;
	}
	*start = output->len;
	return output;
}

/* Whether the message from `start` on may stay. */
static enum capsule_status check_room(
	const struct mcp_client *client, size_t start, bool own, struct capsule_error *err)
{
	size_t bytes_max = client->options.output_bytes + (own ? 0 : MCP_BYTES_RESERVED);
	uint32_t count_max = own ? client->options.output_messages : client->outgoing_size;

	if (client->output.failed)
		return buffer_check(&client->output, err);
	if (client->outgoing_count < count_max && waiting(client) <= bytes_max)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"a message of %zu bytes is too much: %u messages, %zu bytes wait to be read by the server already",
		client->output.len - start, client->outgoing_count, start - client->output_head);
}

enum capsule_status client_output_end(
	struct mcp_client *client, size_t start, int64_t id, bool own, struct capsule_error *err)
{
	size_t len = client->output.len - start;
	enum capsule_status status;

	if (client->state == CLIENT_ENDED) { /* over what came before this, in the same breath */
		client_output_clear(client);
		return error_copy(err, &client->ended);
	}
	status = check_room(client, start, own, err);
	if (status != CAPSULE_OK) {
		client->output.len = start;
		client->output.failed = false;
		client->output.starved = false;
		if (!own)
			client_fail(client, status,
				status == CAPSULE_ENOMEM ? "out of memory for a message"
							 : "the server does not read what is written to it",
				NULL);
		return status;
	}
	*outgoing_at(client, client->outgoing_count++) = (struct outgoing){ .len = len, .id = id };
	client->counts.sent++;
	if (client->trace != NULL)
		client->trace(client->trace_user, true, span_of(client->output.data + start, len - 1));
	return CAPSULE_OK;
}

bool client_output_withdraw(struct mcp_client *client, int64_t id)
{
	size_t at = client->output_head - client->outgoing_done;
	struct outgoing *outgoing;

	for (uint32_t i = 0; i < client->outgoing_count; i++, at += outgoing->len) {
		size_t end;

		outgoing = outgoing_at(client, i);
		end = at + outgoing->len;
		if (outgoing->id != id)
			continue;
		if (client_output_begun(client, id))
			return false;
		memmove(client->output.data + at, client->output.data + end, client->output.len - end);
		client->output.len -= outgoing->len;
		for (; i + 1 < client->outgoing_count; i++)
			*outgoing_at(client, i) = *outgoing_at(client, i + 1);
		client->outgoing_count--;
		client->counts.sent--;
		return true;
	}
	return false;
}

bool client_output_begun(const struct mcp_client *client, int64_t id)
{
	return client->outgoing_count > 0 && client->outgoing_done > 0 && outgoing_at(client, 0)->id == id;
}

void client_output_clear(struct mcp_client *client)
{
	buffer_fini(&client->output);
	client->output_head = 0;
	client->outgoing_count = 0;
	client->outgoing_done = 0;
}

struct span mcp_client_output(const struct mcp_client *client)
{
	if (waiting(client) == 0)
		return span_of(NULL, 0);
	return span_of(client->output.data + client->output_head, waiting(client));
}

static void message_written(struct mcp_client *client, const struct outgoing *message)
{
	/* One that was given up meanwhile has no events any more. */
	if (message->id >= 0 && client_pending(client, message->id) != NULL)
		client_event(client, &(struct event_record){ .kind = MCP_EVENT_WRITTEN, .id = message->id },
			span_of(NULL, 0), span_of(NULL, 0), NULL);
}

void mcp_client_written(struct mcp_client *client, size_t len)
{
	if (len > waiting(client))
		len = waiting(client);
	client->output_head += len;
	client->outgoing_done += len;
	while (client->outgoing_count > 0 && client->outgoing_done >= outgoing_at(client, 0)->len) {
		struct outgoing message = *outgoing_at(client, 0);

		client->outgoing_done -= message.len;
		client->outgoing_first = (client->outgoing_first + 1) % client->outgoing_size;
		client->outgoing_count--;
		message_written(client, &message);
	}
	if (waiting(client) > 0)
		return;
	client->output_head = 0;
	if (client->output.capacity > KEPT_CAPACITY)
		buffer_fini(&client->output);
	else
		buffer_clear(&client->output);
}

void client_send_result(struct mcp_client *client, const struct jsonrpc_id *id, struct span result)
{
	size_t start;

	(void)jsonrpc_append_result(client_output_begin(client, &start), id, result);
	(void)!client_output_end(client, start, -1, false, NULL);
}

void client_send_error(struct mcp_client *client, const struct jsonrpc_id *id, int64_t code, struct span message)
{
	size_t start;

	(void)jsonrpc_append_error(client_output_begin(client, &start), id, code, message, span_of(NULL, 0));
	(void)!client_output_end(client, start, -1, false, NULL);
}

void client_send_notification(struct mcp_client *client, struct span method, struct span params)
{
	size_t start;

	(void)jsonrpc_append_notification(client_output_begin(client, &start), method, params);
	(void)!client_output_end(client, start, -1, false, NULL);
}

void client_send_cancel(struct mcp_client *client, int64_t id, struct span reason)
{
	struct buffer params = { 0 };

	(void)buffer_printf(&params, "{\"requestId\":%lld", (long long)id);
	if (reason.len > 0) {
		(void)buffer_append_text(&params, ",\"reason\":");
		(void)json_append_lossy(&params, reason);
	}
	if (buffer_append_byte(&params, '}'))
		client_send_notification(client, span_text("notifications/cancelled"), buffer_span(&params));
	buffer_fini(&params);
}
