/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* initialize: what we say of ourselves, which revision both speak, and what the server says of itself. */
#include "mcp/client_internal.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>

static const char *const revisions[MCP_REVISIONS] = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };

/* In the order of server_texts. */
enum { NAME, VERSION, TITLE, INSTRUCTIONS };

const char *mcp_revision_text(enum mcp_revision revision)
{
	return revision < MCP_REVISIONS ? revisions[revision] : "unknown";
}

enum mcp_revision mcp_revision_find(struct span text)
{
	for (unsigned i = 0; i < MCP_REVISIONS; i++) {
		if (span_is(text, revisions[i]))
			return i;
	}
	return MCP_REVISIONS;
}

static void append_capabilities(
	struct buffer *out, const struct mcp_client_features *features, enum mcp_revision offered)
{
	bool url = features->elicitation_url && offered >= MCP_2025_11_25;
	const char *comma = "";

	(void)buffer_append_text(out, "{");
	if (features->roots) {
		(void)buffer_append_text(out, "\"roots\":{\"listChanged\":true}");
		comma = ",";
	}
	if (features->sampling) {
		(void)buffer_printf(out, "%s\"sampling\":{}", comma);
		comma = ",";
	}
	if (offered >= MCP_2025_06_18 && (features->elicitation_form || url)) {
		const char *form = features->elicitation_form ? "\"form\":{}," : "";

		if (url)
			(void)buffer_printf(out, "%s\"elicitation\":{%s\"url\":{}}", comma, form);
		else
			(void)buffer_printf(out, "%s\"elicitation\":{}", comma); /* which means forms */
	}
	(void)buffer_append_text(out, "}");
}

static void append_params(struct mcp_client *client, struct buffer *out)
{
	(void)buffer_printf(
		out, ",\"params\":{\"protocolVersion\":\"%s\",\"capabilities\":", mcp_revision_text(client->offered));
	append_capabilities(out, &client->options.features, client->offered);
	(void)buffer_append_text(out, ",\"clientInfo\":{\"name\":");
	(void)json_append_lossy(out, span_text(client->name));
	if (client->title != NULL && client->offered >= MCP_2025_06_18) {
		(void)buffer_append_text(out, ",\"title\":");
		(void)json_append_lossy(out, span_text(client->title));
	}
	(void)buffer_append_text(out, ",\"version\":");
	(void)json_append_lossy(out, span_text(client->version));
	(void)buffer_append_text(out, "}}");
}

enum capsule_status client_initialize(struct mcp_client *client, struct capsule_error *err)
{
	struct pending pending = { .kind = PENDING_INITIALIZE, .idle_ms = client->options.handshake_ms };
	struct asking asking;

	client_ask_begin(client, &asking, &pending, span_text("initialize"));
	pending.deadline_ns = client->handshake_ns;
	append_params(client, asking.out);
	return client_ask_end(client, &asking, &pending, true, err);
}

/* A string of the server's, as C has them, cut to `max` bytes. NULL when it is none, or out of memory. */
static char *read_text(struct span json, size_t max)
{
	struct buffer meant = { 0 };
	char *text = NULL;

	if (json_is_string(json) && json_scan_unescape(json, &meant)) {
		size_t size = (meant.len < max ? meant.len : max) + 1;

		text = malloc(size);
		if (text != NULL)
			client_print_text(text, size, buffer_span(&meant));
	}
	buffer_fini(&meant);
	return text;
}

static bool flag(struct span object, const char *key)
{
	return span_is(json_scan_get(object, key), "true");
}

static void read_capabilities(struct mcp_server_info *server, struct span capabilities)
{
	static const char *const names[] = { "tools", "resources", "prompts", "logging", "completions" };
	struct span members[5];

	json_scan_find(capabilities, names, members, 5);
	server->tools = json_is_object(members[0]);
	server->tools_changed = flag(members[0], "listChanged");
	server->resources = json_is_object(members[1]);
	server->resources_changed = flag(members[1], "listChanged");
	server->resources_subscribe = flag(members[1], "subscribe");
	server->prompts = json_is_object(members[2]);
	server->prompts_changed = flag(members[2], "listChanged");
	server->logging = json_is_object(members[3]);
	server->completions = json_is_object(members[4]);
}

static void read_server(struct mcp_client *client, struct span info, struct span instructions)
{
	static const char *const names[] = { "name", "version", "title" };
	struct span members[3];

	json_scan_find(info, names, members, 3);
	for (int i = 0; i < 3; i++)
		client->server_texts[i] = read_text(members[i], MCP_SERVER_TEXT);
	client->server_texts[INSTRUCTIONS] = read_text(instructions, MCP_INSTRUCTIONS);
	client->server.name = client->server_texts[NAME];
	client->server.version = client->server_texts[VERSION];
	client->server.title = client->server_texts[TITLE];
	client->server.instructions = client->server_texts[INSTRUCTIONS];
}

static void fail_shape(struct mcp_client *client, const char *missing)
{
	char shown[MCP_LINE_SHOWN + 1], reason[MCP_LINE_SHOWN + 128];

	client_print_text(shown, sizeof shown, client->line);
	(void)snprintf(reason, sizeof reason, "expect initialized result, but received: %s (%s)", shown, missing);
	client_fail(client, CAPSULE_EGUEST, reason, NULL);
}

static void fail_revision(struct mcp_client *client, struct span json)
{
	char *version = read_text(json, MCP_LINE_SHOWN), reason[MCP_LINE_SHOWN + 128];

	(void)snprintf(reason, sizeof reason, "unsupported protocol version '%s'", version != NULL ? version : "");
	free(version);
	client_fail(client, CAPSULE_EUNSUPPORTED, reason, NULL);
}

static enum mcp_revision find_revision(struct span json)
{
	for (unsigned i = 0; i < MCP_REVISIONS; i++) {
		if (json_scan_is(json, revisions[i]))
			return i;
	}
	return MCP_REVISIONS;
}

static void take_result(struct mcp_client *client, struct span result)
{
	static const char *const names[] = { "protocolVersion", "capabilities", "serverInfo", "instructions" };
	struct span members[4];

	json_scan_find(result, names, members, 4);
	if (!json_is_string(members[0])) {
		fail_shape(client, "no protocolVersion");
		return;
	}
	client->server.revision = find_revision(members[0]);
	if (client->server.revision == MCP_REVISIONS) {
		fail_revision(client, members[0]);
		return;
	}
	if (!json_is_object(members[1])) {
		fail_shape(client, "no capabilities");
		return;
	}
	if (!json_is_string(json_scan_get(members[2], "name")) ||
		!json_is_string(json_scan_get(members[2], "version"))) {
		fail_shape(client, "no serverInfo with name and version");
		return;
	}
	read_capabilities(&client->server, members[1]);
	read_server(client, members[2], members[3]);
	if (client->server.name == NULL || client->server.version == NULL) {
		client_fail(client, CAPSULE_ENOMEM, "out of memory for what the server says of itself", NULL);
		return;
	}
	client_send_notification(client, span_text("notifications/initialized"), span_of(NULL, 0));
	if (client->state == CLIENT_ENDED)
		return;
	client->state = CLIENT_READY;
	if (client->options.ping_ms > 0)
		client->ping_at_ns = client_after(client, client->options.ping_ms);
	client_event(
		client, &(struct event_record){ .kind = MCP_EVENT_READY }, span_of(NULL, 0), span_of(NULL, 0), NULL);
}

/* The latest revision of ours that an error says the server speaks; MCP_REVISIONS when it says none. */
static enum mcp_revision common_revision(struct span data)
{
	struct json_scan scan = json_scan_begin(json_scan_get(data, "supported"), 0);
	enum mcp_revision best = MCP_REVISIONS;
	struct span item;

	if (!json_scan_open(&scan, '['))
		return MCP_REVISIONS;
	while (json_scan_item(&scan, &item)) {
		enum mcp_revision revision = find_revision(item);

		if (revision != MCP_REVISIONS && (best == MCP_REVISIONS || revision > best))
			best = revision;
	}
	return best;
}

static void take_error(struct mcp_client *client, const struct jsonrpc_message *message)
{
	enum mcp_revision common = client->retried ? MCP_REVISIONS : common_revision(message->data);
	struct capsule_error err;
	char text[ERROR_TEXT_MAX];

	if (common == MCP_REVISIONS || common == client->offered) {
		client_print_error(text, sizeof text, "JSON-RPC error", message);
		client_fail(client, client_status_of_code(message->code), text, NULL);
		return;
	}
	client->retried = true;
	client->offered = common;
	if (client_initialize(client, &err) != CAPSULE_OK)
		client_fail(client, err.status, err.text, NULL);
}

void client_initialize_answered(struct mcp_client *client, const struct jsonrpc_message *message)
{
	if (message->kind == JSONRPC_RESULT)
		take_result(client, message->result);
	else if (message->kind == JSONRPC_ERROR)
		take_error(client, message);
	else
		fail_shape(client, "no result");
}

void client_server_fini(struct mcp_client *client)
{
	for (size_t i = 0; i < sizeof client->server_texts / sizeof client->server_texts[0]; i++)
		free(client->server_texts[i]);
}
