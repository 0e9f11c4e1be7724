/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the server asks: answered at once, refused, or handed to the owner of the client. Each request gets one answer,
 * unless the server took it back. */
#include "mcp/client_internal.h"

#include "base/text.h"

struct refusal {
	int64_t code;     /* 0: none */
	const char *text; /* NULL: the method's name */
};

static struct refusal undeclared_mode(bool url)
{
	return (struct refusal){ JSONRPC_INVALID_PARAMS,
		url ? "URL elicitation not supported" : "Form elicitation not supported" };
}

/* Whether elicitation/create with `params` is one that was declared. A missing mode is a form. */
static struct refusal check_elicitation(const struct mcp_client_features *features, struct span params)
{
	struct span mode = json_scan_get(params, "mode");
	bool url = json_scan_is(mode, "url");

	if (!features->elicitation_form && !features->elicitation_url)
		return (struct refusal){ JSONRPC_METHOD_NOT_FOUND, "Elicitation not supported" };
	if (!json_is_object(params))
		return (struct refusal){ JSONRPC_INVALID_PARAMS, "params must be an object" };
	if (json_is_string(mode) && !url && !json_scan_is(mode, "form"))
		return (struct refusal){ JSONRPC_INVALID_PARAMS, "unknown mode of elicitation" };
	if (url ? !features->elicitation_url : !features->elicitation_form)
		return undeclared_mode(url);
	return (struct refusal){ 0 };
}

static struct refusal check(const struct mcp_client *client, const struct jsonrpc_message *message)
{
	const struct mcp_client_features *features = &client->options.features;

	if (message->kind == JSONRPC_BAD_REQUEST)
		return (struct refusal){ JSONRPC_INVALID_REQUEST, "the method is no text" };
	if (client->state != CLIENT_READY)
		return (struct refusal){ JSONRPC_INVALID_REQUEST, "not initialized yet" };
	if (span_is(message->method, "roots/list") && !features->roots)
		return (struct refusal){ JSONRPC_METHOD_NOT_FOUND, "Roots not supported" };
	if (span_is(message->method, "roots/list"))
		return (struct refusal){ 0 };
	if (span_is(message->method, "elicitation/create"))
		return check_elicitation(features, message->params);
	if (!span_is(message->method, "sampling/createMessage"))
		return (struct refusal){ JSONRPC_METHOD_NOT_FOUND, NULL };
	if (!features->sampling)
		return (struct refusal){ JSONRPC_METHOD_NOT_FOUND, "Sampling not supported" };
	if (!json_is_object(message->params))
		return (struct refusal){ JSONRPC_INVALID_PARAMS, "params must be an object" };
	return (struct refusal){ 0 };
}

static struct server_request *find(struct mcp_client *client, const struct jsonrpc_id *id)
{
	for (uint32_t i = 0; i < client->requests_count; i++) {
		if (jsonrpc_id_equal(&client->requests[i].id, id))
			return &client->requests[i];
	}
	return NULL;
}

static void point_to_text(struct server_request *request)
{
	request->id.text.data = request->text;
}

static void forget(struct mcp_client *client, struct server_request *request)
{
	*request = client->requests[--client->requests_count];
	point_to_text(request);
}

/* Whether there is room to have `message` answered by others. */
static struct refusal check_room(struct mcp_client *client, const struct jsonrpc_message *message)
{
	if (find(client, &message->id) != NULL)
		return (struct refusal){ JSONRPC_INVALID_REQUEST, "a request with this id waits already" };
	if (client->requests_count == client->options.server_requests)
		return (struct refusal){ JSONRPC_INTERNAL_ERROR, "too many requests wait already" };
	if (!client_event_fits(client, message->method.len + message->params.len))
		return (struct refusal){ JSONRPC_INTERNAL_ERROR, "too busy" };
	return (struct refusal){ 0 };
}

static void refuse(struct mcp_client *client, const struct jsonrpc_message *message, struct refusal refusal)
{
	char method[MCP_LINE_SHOWN + 1];

	client->counts.refused_requests++;
	client_print_text(method, sizeof method, message->method);
	client_send_error(client, &message->id, refusal.code, span_text(refusal.text != NULL ? refusal.text : method));
}

void client_server_asks(struct mcp_client *client, const struct jsonrpc_message *message)
{
	struct server_request *request;
	struct refusal refusal;

	if (message->kind == JSONRPC_REQUEST && span_is(message->method, "ping")) {
		client_send_result(client, &message->id, span_of(NULL, 0));
		return;
	}
	refusal = check(client, message);
	if (refusal.code == 0)
		refusal = check_room(client, message);
	if (refusal.code != 0) {
		refuse(client, message, refusal);
		return;
	}
	request = &client->requests[client->requests_count++];
	request->token = ++client->next_token;
	request->id = message->id;
	if (message->id.text.len > 0)
		memcpy(request->text, message->id.text.data, message->id.text.len);
	point_to_text(request);
	client_event(client, &(struct event_record){ .kind = MCP_EVENT_REQUEST, .token = request->token },
		message->method, message->params, NULL);
}

void client_server_withdraws(struct mcp_client *client, struct span params)
{
	struct span json = json_scan_get(params, "requestId");
	struct server_request *request;
	struct jsonrpc_id id;
	uint64_t token;

	if (json.len == 0 || !jsonrpc_id_read(json, &id))
		return;
	request = find(client, &id);
	if (request == NULL)
		return;
	token = request->token;
	forget(client, request);
	client_event(client, &(struct event_record){ .kind = MCP_EVENT_WITHDRAWN, .token = token }, span_of(NULL, 0),
		span_of(NULL, 0), NULL);
}

void mcp_client_answer(struct mcp_client *client, uint64_t token, struct span result, int64_t code, struct span message)
{
	struct server_request *request = NULL;

	for (uint32_t i = 0; i < client->requests_count && request == NULL; i++) {
		if (client->requests[i].token == token)
			request = &client->requests[i];
	}
	if (client->state != CLIENT_READY || request == NULL)
		return;
	if (code != 0)
		client_send_error(client, &request->id, code, message);
	else if (result.len > 0 && !(json_scan_whole(result, 0, NULL) && json_is_object(result)))
		client_send_error(
			client, &request->id, JSONRPC_INTERNAL_ERROR, span_text("the answer is no JSON object"));
	else if (result.len > client->options.output_bytes / 2)
		client_send_error(client, &request->id, JSONRPC_INTERNAL_ERROR, span_text("the answer is too large"));
	else
		client_send_result(client, &request->id, result);
	if (client->state == CLIENT_READY)
		forget(client, request);
}
