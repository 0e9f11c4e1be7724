/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests of ours, written. Each one in the table ends once: by its answer, its time, the end of the client, or by
 * being cancelled; whoever takes it out of the table says so. */
#include "mcp/client_internal.h"

#include "base/text.h"

struct pending *client_pending(struct mcp_client *client, int64_t id)
{
	for (uint32_t i = 0; i < client->pending_count; i++) {
		if (client->pending[i].id == id)
			return &client->pending[i];
	}
	return NULL;
}

void client_pending_remove(struct mcp_client *client, struct pending *pending)
{
	*pending = client->pending[--client->pending_count];
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void client_ask_begin(struct mcp_client *client, struct asking *asking, struct pending *pending, struct span method)
{
	pending->id = client->next_id++;
	pending->hard_ns = pending->hard_ms > 0 ? client_after(client, pending->hard_ms) : MCP_NEVER;
	pending->deadline_ns = earlier(client_after(client, pending->idle_ms), pending->hard_ns);
	asking->out = client_output_begin(client, &asking->start);
	(void)jsonrpc_append_request_head(asking->out, pending->id, method);
}

enum capsule_status client_ask_end(struct mcp_client *client, const struct asking *asking,
	const struct pending *pending, bool own, struct capsule_error *err)
{
	bool alive = client->state != CLIENT_ENDED;
	enum capsule_status status;

	(void)buffer_append(asking->out, "}\n", 2);
	/* In the table before, so that it ends with all others when the client ends over this. */
	if (alive)
		client->pending[client->pending_count++] = *pending;
	status = client_output_end(
		client, asking->start, pending->kind == PENDING_REQUEST ? pending->id : -1, own, err);
	if (status != CAPSULE_OK && own && alive)
		client->pending_count--;
	return status;
}

enum capsule_status client_can_ask(struct mcp_client *client, struct capsule_error *err)
{
	switch (client->state) {
	case CLIENT_READY:
		break;
	case CLIENT_ENDED:
		return error_set(err, CAPSULE_ESTATE, "the server has ended: %s", client->ended.text);
	default:
		return error_set(err, CAPSULE_ESTATE, "registered but not connected");
	}
	if (!client_events_reserve(client))
		return client->events_count < client->options.events
			? error_set(err, CAPSULE_ENOMEM, "out of memory for events")
			: error_set(err, CAPSULE_ELIMIT, "%u events wait to be taken", client->events_count);
	return client_output_room(client, err);
}

static enum capsule_status check_params(struct span params, const char *what, struct capsule_error *err)
{
	const char *why = "not an object";

	if (params.len == 0)
		return CAPSULE_OK;
	if (json_scan_whole(params, 0, &why) && json_is_object(params))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EINVAL, "%s must be a JSON object: %s", what, why);
}

static void append_token(struct buffer *out, int64_t id)
{
	(void)buffer_printf(out, "\"_meta\":{\"progressToken\":%lld", (long long)id);
}

/* Append `params` with a progress token in their _meta, whose other members stay. */
static void append_with_token(struct buffer *out, struct span params, int64_t id)
{
	struct span key, value, meta = json_scan_get(params, "_meta");
	struct json_scan scan = json_scan_begin(meta, 0);

	(void)buffer_append_byte(out, '{');
	append_token(out, id);
	if (json_scan_open(&scan, '{')) {
		while (json_scan_member(&scan, &key, &value)) {
			if (!json_scan_is(key, "progressToken"))
				(void)(buffer_append_byte(out, ',') && buffer_append_span(out, key) &&
					buffer_append_byte(out, ':') && json_append_compact(out, value));
		}
	}
	(void)buffer_append_byte(out, '}');
	scan = json_scan_begin(params, 0);
	if (json_scan_open(&scan, '{')) {
		while (json_scan_member(&scan, &key, &value)) {
			if (!json_scan_is(key, "_meta"))
				(void)(buffer_append_byte(out, ',') && buffer_append_span(out, key) &&
					buffer_append_byte(out, ':') && json_append_compact(out, value));
		}
	}
	(void)buffer_append_byte(out, '}');
}

/* Whether there is room for a request, and what it is to wait for. */
static enum capsule_status prepare(struct mcp_client *client, struct span method,
	const struct mcp_request_options *options, struct pending *pending, struct capsule_error *err)
{
	static const struct mcp_request_options none;
	enum capsule_status status = client_can_ask(client, err);

	if (status == CAPSULE_OK)
		status = client_gate(client, method, err);
	if (status != CAPSULE_OK)
		return status;
	if (client->pending_count >= client->options.in_flight)
		return error_set(err, CAPSULE_ELIMIT,
			"%u requests wait for the server's answer already, at most %u may", client->pending_count,
			client->options.in_flight);
	if (options == NULL)
		options = &none;
	pending->progress = options->progress;
	pending->idle_ms = options->timeout_ms > 0 ? options->timeout_ms : client->options.request_ms;
	pending->hard_ms = options->hard_ms;
	if (pending->hard_ms == 0 && options->progress)
		pending->hard_ms = client->options.request_hard_ms;
	return CAPSULE_OK;
}

enum capsule_status mcp_client_request(struct mcp_client *client, struct span method, struct span params,
	const struct mcp_request_options *options, int64_t now_ns, int64_t *id, struct capsule_error *err)
{
	struct pending pending = { .kind = PENDING_REQUEST };
	struct asking asking;
	enum capsule_status status;

	client_set_now(client, now_ns);
	status = prepare(client, method, options, &pending, err);
	if (status == CAPSULE_OK)
		status = check_params(params, "params", err);
	if (status != CAPSULE_OK)
		return status;
	client_ask_begin(client, &asking, &pending, method);
	if (params.len > 0 || pending.progress)
		(void)buffer_append_text(asking.out, ",\"params\":");
	if (pending.progress)
		append_with_token(asking.out, params, pending.id);
	else
		(void)json_append_compact(asking.out, params);
	*id = pending.id;
	return client_ask_end(client, &asking, &pending, true, err);
}

static void append_arguments(struct buffer *out, struct span arguments)
{
	struct json_scan scan = json_scan_begin(arguments, 0);
	struct span value;

	if (!json_scan_value(&scan, &value) || span_is(value, "null"))
		return;
	(void)buffer_append_text(out, ",\"arguments\":");
	if (json_is_object(value)) {
		(void)json_append_compact(out, value);
		return;
	}
	(void)buffer_append_text(out, "{\"value\":");
	(void)json_append_compact(out, value);
	(void)buffer_append_byte(out, '}');
}

enum capsule_status mcp_client_call_tool(struct mcp_client *client, struct span tool, struct span arguments,
	const struct mcp_request_options *options, int64_t now_ns, int64_t *id, struct capsule_error *err)
{
	struct span method = span_text("tools/call");
	struct pending pending = { .kind = PENDING_REQUEST };
	struct asking asking;
	enum capsule_status status;
	const char *why;

	client_set_now(client, now_ns);
	status = prepare(client, method, options, &pending, err);
	if (status != CAPSULE_OK)
		return status;
	if (!text_is_utf8(tool))
		return error_set(err, CAPSULE_EINVAL, "the name of a tool must be UTF-8");
	/* One level less: a value that is no object goes into one. */
	if (arguments.len > 0 && !json_scan_whole(arguments, LIMIT_JSON_DEPTH - 1, &why))
		return error_set(err, CAPSULE_EINVAL, "the arguments of a tool must be JSON: %s", why);
	client_ask_begin(client, &asking, &pending, method);
	(void)buffer_append_text(asking.out, ",\"params\":{\"name\":");
	(void)json_append_string(asking.out, tool);
	append_arguments(asking.out, arguments);
	if (pending.progress) {
		(void)buffer_append_byte(asking.out, ',');
		append_token(asking.out, pending.id);
		(void)buffer_append_byte(asking.out, '}');
	}
	(void)buffer_append_byte(asking.out, '}');
	*id = pending.id;
	return client_ask_end(client, &asking, &pending, true, err);
}

enum capsule_status mcp_client_notify(
	struct mcp_client *client, struct span method, struct span params, struct capsule_error *err)
{
	enum capsule_status status = client_can_ask(client, err);
	size_t start;

	if (status == CAPSULE_OK)
		status = check_params(params, "params", err);
	if (status != CAPSULE_OK)
		return status;
	if (span_is(method, "notifications/roots/list_changed") && !client->options.features.roots)
		return error_set(err, CAPSULE_EUNSUPPORTED, "the server was not told of roots");
	if (!text_is_utf8(method))
		return error_set(err, CAPSULE_EINVAL, "the name of a method must be UTF-8");
	(void)jsonrpc_append_notification(client_output_begin(client, &start), method, params);
	return client_output_end(client, start, -1, true, err);
}
