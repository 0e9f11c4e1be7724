/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "mcp/client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_SAID 8192

int peer_setup(void **state)
{
	*state = calloc(1, sizeof(struct peer));
	return *state != NULL ? 0 : -1;
}

int peer_teardown(void **state)
{
	struct peer *peer = *state;

	mcp_client_free(peer->client);
	buffer_fini(&peer->line);
	free(peer);
	return 0;
}

static void requote(char *text, size_t len, char from, char to)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == from)
			text[i] = to;
	}
}

void peer_start(struct peer *peer, const struct mcp_client_options *options)
{
	static const struct mcp_client_options none = { .name = "us", .title = "Us", .version = "1.0" };

	assert_int_equal(mcp_client_new(&peer->client, options != NULL ? options : &none, &peer->err), CAPSULE_OK);
	peer->now = 1000 * MS;
	mcp_client_start(peer->client, peer->now);
}

void peer_connect(
	struct peer *peer, const struct mcp_client_options *options, const char *revision, const char *capabilities)
{
	peer_start(peer, options);
	assert_non_null(peer_reads(peer));
	peer_says(peer,
		"{'jsonrpc':'2.0','id':0,'result':{'protocolVersion':'%s','capabilities':{%s},"
		"'serverInfo':{'name':'s','version':'1'}}}",
		revision, capabilities);
	peer_event(peer, MCP_EVENT_READY);
	peer_sees(peer, "{'jsonrpc':'2.0','method':'notifications/initialized'}");
}

void peer_writes(struct peer *peer, const char *bytes, size_t len)
{
	mcp_client_receive(peer->client, span_of(bytes, len), peer->now);
}

void peer_says(struct peer *peer, const char *format, ...)
{
	char line[LINE_MAX_SAID];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	assert_in_range(len, 1, sizeof line - 2);
	requote(line, (size_t)len, '\'', '"');
	line[len] = '\n';
	peer_writes(peer, line, (size_t)len + 1);
}

const char *peer_reads(struct peer *peer)
{
	struct span output = mcp_client_output(peer->client);
	const uint8_t *end = output.len > 0 ? memchr(output.data, '\n', output.len) : NULL;
	size_t len;

	if (output.len == 0)
		return NULL;
	assert_non_null(end); /* whole messages */
	len = (size_t)(end - output.data);
	buffer_clear(&peer->line);
	assert_true(json_scan_whole(span_of(output.data, len), 0, NULL));
	assert_true(buffer_append(&peer->line, output.data, len));
	mcp_client_written(peer->client, len + 1);
	requote((char *)peer->line.data, len, '"', '\'');
	return buffer_text(&peer->line);
}

void peer_sees(struct peer *peer, const char *format, ...)
{
	char line[LINE_MAX_SAID];
	const char *read = peer_reads(peer);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	assert_non_null(read);
	assert_string_equal(read, line);
}

void peer_event(struct peer *peer, enum mcp_event_kind kind)
{
	assert_true(mcp_client_next(peer->client, &peer->event));
	assert_int_equal(peer->event.kind, kind);
}

static void assert_span(struct span span, const char *text)
{
	char *copy = calloc(1, span.len + 1);

	assert_non_null(copy);
	if (span.len > 0)
		memcpy(copy, span.data, span.len);
	requote(copy, span.len, '"', '\'');
	assert_string_equal(copy, text);
	free(copy);
}

void peer_event_json(struct peer *peer, const char *json)
{
	assert_span(peer->event.json, json);
}

void peer_event_text(struct peer *peer, const char *text)
{
	assert_span(peer->event.text, text);
}

void peer_quiet(struct peer *peer)
{
	assert_false(mcp_client_next(peer->client, &peer->event));
	assert_int_equal(mcp_client_output(peer->client).len, 0);
}

void peer_waits(struct peer *peer, int64_t ms)
{
	peer->now += ms * MS;
	mcp_client_tick(peer->client, peer->now);
}

int64_t peer_asks(struct peer *peer, const char *method, const struct mcp_request_options *options)
{
	int64_t id = -1;

	assert_int_equal(mcp_client_request(peer->client, span_text(method), span_of(NULL, 0), options, peer->now, &id,
				 &peer->err),
		CAPSULE_OK);
	return id;
}

int64_t peer_calls(struct peer *peer, const char *arguments, const struct mcp_request_options *options)
{
	int64_t id = -1;

	assert_int_equal(mcp_client_call_tool(peer->client, span_text("t"), span_text(arguments), options, peer->now,
				 &id, &peer->err),
		CAPSULE_OK);
	return id;
}

int64_t peer_lists(struct peer *peer, enum mcp_list list)
{
	int64_t id = -1;

	assert_int_equal(mcp_client_list(peer->client, list, peer->now, &id, &peer->err), CAPSULE_OK);
	return id;
}

void peer_skips(struct peer *peer)
{
	while (peer_reads(peer) != NULL)
		peer_event(peer, MCP_EVENT_WRITTEN);
}
