/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What may be asked of a server, by what it declared; and what its errors mean. */
#include "mcp/client_internal.h"

#include "base/text.h"

#include <stddef.h>
#include <stdio.h>

#define DATA_SHOWN 256 /* bytes of an error's data in a message */

/* The first row that fits counts. */
struct gate {
	const char *method;  /* the whole of it, or up to a slash at its end */
	const char *feature; /* for messages; NULL: never asked */
	size_t declared;     /* offset of the flag */
};

#define FLAG(member) offsetof(struct mcp_server_info, member)

static const struct gate gates[] = {
	{ "tools/", "tools", FLAG(tools) },
	{ "resources/subscribe", "resources.subscribe", FLAG(resources_subscribe) },
	{ "resources/unsubscribe", "resources.subscribe", FLAG(resources_subscribe) },
	{ "resources/", "resources", FLAG(resources) },
	{ "prompts/", "prompts", FLAG(prompts) },
	{ "logging/", "logging", FLAG(logging) },
	{ "completion/", "completions", FLAG(completions) },
	{ "initialize", NULL, 0 },
	{ "notifications/", NULL, 0 },
	{ "tasks/", NULL, 0 },
};

static bool gate_fits(const struct gate *gate, struct span method)
{
	struct span pattern = span_text(gate->method);

	return pattern.data[pattern.len - 1] == '/' ? span_starts(method, pattern) : span_equal(method, pattern);
}

enum capsule_status client_gate(const struct mcp_client *client, struct span method, struct capsule_error *err)
{
	if (method.len == 0 || method.len > LIMIT_TOPIC || !text_is_utf8(method))
		return error_set(
			err, CAPSULE_EINVAL, "the name of a method must be UTF-8 of 1 to %d bytes", LIMIT_TOPIC);
	for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
		const struct gate *gate = &gates[i];

		if (!gate_fits(gate, method))
			continue;
		if (gate->feature == NULL)
			return error_set(err, CAPSULE_EINVAL, "%.*s is not for callers to ask", SPAN_ARG(method));
		/* The first revision has completion without a word for it among the capabilities. */
		if (((const bool *)&client->server)[gate->declared] ||
			(gate->declared == FLAG(completions) && client->server.revision == MCP_2024_11_05))
			return CAPSULE_OK;
		return error_set(err, CAPSULE_EUNSUPPORTED, "%.*s: the server does not declare the capability %s",
			SPAN_ARG(method), gate->feature);
	}
	return CAPSULE_OK;
}

void client_print_error(char *out, size_t size, const char *prefix, const struct jsonrpc_message *message)
{
	char text[ERROR_TEXT_MAX], data[DATA_SHOWN + 1];

	client_print_text(text, sizeof text, message->message);
	client_print_text(data, sizeof data, message->data);
	(void)snprintf(out, size, "%s: %lld: %s%s%s%s", prefix, (long long)message->code, text,
		message->data.len > 0 ? "(" : "", data, message->data.len > 0 ? ")" : "");
}

enum capsule_status client_status_of_code(int64_t code)
{
	switch (code) {
	case JSONRPC_METHOD_NOT_FOUND:
		return CAPSULE_EUNSUPPORTED;
	case JSONRPC_INVALID_PARAMS:
		return CAPSULE_EINVAL;
	case MCP_RESOURCE_NOT_FOUND:
		return CAPSULE_ENOTFOUND;
	default:
		return CAPSULE_EGUEST;
	}
}
