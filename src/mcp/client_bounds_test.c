/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server that floods, or does not read, can make grow: nothing. */
#include "mcp/client_fixture.h"

#include <stdlib.h>

static void connect_with(struct peer *peer, struct mcp_client_options options)
{
	peer_connect(peer, &options, "2025-11-25", ALL_CAPABILITIES);
}

static void requests_in_flight_are_bounded(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_with(peer, (struct mcp_client_options){ .in_flight = 2 });
	(void)peer_asks(peer, "x", NULL);
	id = peer_asks(peer, "x", NULL);
	assert_int_equal(
		mcp_client_request(peer->client, span_text("x"), span_of(NULL, 0), NULL, peer->now, &id, &peer->err),
		CAPSULE_ELIMIT);
	(void)peer_lists(peer, MCP_TOOLS); /* has a place of its own */
	mcp_client_cancel(peer->client, id, span_of(NULL, 0));
	assert_int_equal(
		mcp_client_request(peer->client, span_text("x"), span_of(NULL, 0), NULL, peer->now, &id, &peer->err),
		CAPSULE_ELIMIT); /* the list's page is in flight, too */
}

static void messages_that_wait_are_bounded(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_with(peer, (struct mcp_client_options){ .output_messages = 2 });
	id = peer_asks(peer, "x", NULL);
	(void)peer_asks(peer, "x", NULL);
	assert_int_equal(
		mcp_client_request(peer->client, span_text("x"), span_of(NULL, 0), NULL, peer->now, &id, &peer->err),
		CAPSULE_ELIMIT);
	assert_int_equal(mcp_client_notify(peer->client, span_text("x"), span_of(NULL, 0), &peer->err), CAPSULE_ELIMIT);
	peer_skips(peer);
	(void)peer_asks(peer, "x", NULL);
}

static void bytes_that_wait_are_bounded(void **state)
{
	struct peer *peer = *state;
	int64_t id;
	char text[600];

	memset(text, '7', sizeof text);
	connect_with(peer, (struct mcp_client_options){ .output_bytes = 1000 });
	assert_int_equal(mcp_client_call_tool(peer->client, span_text("t"), span_of(text, sizeof text), NULL, peer->now,
				 &id, &peer->err),
		CAPSULE_OK);
	assert_int_equal(mcp_client_call_tool(peer->client, span_text("t"), span_of(text, sizeof text), NULL, peer->now,
				 &id, &peer->err),
		CAPSULE_ELIMIT);
	(void)peer_asks(peer, "x", NULL); /* nothing of the refused one is left */
	assert_non_null(strstr(peer_reads(peer), "'value':777"));
	peer_sees(peer, "{'jsonrpc':'2.0','id':3,'method':'x'}");
}

static void a_server_that_does_not_read_is_given_up(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_counts counts;
	int pings = 0;

	connect_with(peer, (struct mcp_client_options){ 0 });
	(void)peer_calls(peer, "", NULL);
	do {
		mcp_client_counts(peer->client, &counts);
		assert_in_range(counts.waiting_output, 0, 500);
		peer_says(peer, "{'jsonrpc':'2.0','id':%d,'method':'ping'}", pings++);
	} while (!mcp_client_next(peer->client, &peer->event));
	assert_int_equal(peer->event.kind, MCP_EVENT_ERROR);
	peer_event(peer, MCP_EVENT_ENDED);
	assert_string_equal(peer->event.error.text, "the server does not read what is written to it");
	peer_quiet(peer);
}

static void events_that_wait_are_bounded(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_counts counts;
	int events = 0;
	int64_t id;

	connect_with(peer, (struct mcp_client_options){ .events = 8, .features = { .roots = true } });
	(void)peer_calls(peer, "", NULL);
	for (int i = 0; i < 100; i++)
		peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/x'}");
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'roots/list'}");
	assert_int_equal(
		mcp_client_request(peer->client, span_text("x"), span_of(NULL, 0), NULL, peer->now, &id, &peer->err),
		CAPSULE_ELIMIT);
	assert_non_null(peer_reads(peer));
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'error':{'code':-32603,'message':'too busy'}}");
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'result':{}}"); /* never lost */
	mcp_client_counts(peer->client, &counts);
	assert_int_equal(counts.dropped_events, 93);
	while (mcp_client_next(peer->client, &peer->event))
		events++;
	assert_int_equal(events, 8 + 2); /* with written and result */
	assert_int_equal(peer->event.kind, MCP_EVENT_RESULT);
}

static void bytes_of_events_are_bounded(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_counts counts;

	connect_with(peer, (struct mcp_client_options){ .line_bytes = 1024 });
	for (int i = 0; i < 10; i++)
		peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/x','params':{'a':'%0800d'}}", 1);
	mcp_client_counts(peer->client, &counts);
	assert_int_equal(counts.dropped_events, 8);
	for (int i = 0; i < 5; i++)
		(void)peer_asks(peer, "x", NULL);
	mcp_client_written(peer->client, mcp_client_output(peer->client).len);
	for (int i = 1; i < 6; i++)
		peer_says(peer, "{'jsonrpc':'2.0','id':%d,'result':{'a':'%0800d'}}", i, 1);
	peer_event(peer, MCP_EVENT_NOTIFICATION);
	peer_event(peer, MCP_EVENT_NOTIFICATION);
	for (int i = 1; i < 6; i++)
		peer_event(peer, MCP_EVENT_WRITTEN);
	for (int i = 1; i < 4; i++) {
		peer_event(peer, MCP_EVENT_RESULT);
		assert_int_equal(peer->event.id, i);
	}
	for (int i = 4; i < 6; i++) { /* still one end for each */
		peer_event(peer, MCP_EVENT_ERROR);
		assert_int_equal(peer->event.id, i);
		assert_string_equal(peer->event.error.text, "out of memory, or too much waits to be taken");
	}
}

static void lines_of_both_ways_are_traced(void *user, bool outgoing, struct span line)
{
	struct buffer *seen = user;

	assert_true(buffer_append_byte(seen, outgoing ? '>' : '<'));
	assert_true(buffer_append_span(seen, line));
}

static void a_trace_shows_each_line(void **state)
{
	struct peer *peer = *state;
	struct buffer seen = { 0 };

	connect_with(peer, (struct mcp_client_options){ 0 });
	mcp_client_trace(peer->client, lines_of_both_ways_are_traced, &seen);
	peer_says(peer, "noise");
	peer_says(peer, "{'jsonrpc':'2.0','id':0,'method':'ping'}");
	mcp_client_trace(peer->client, NULL, NULL);
	peer_says(peer, "unseen");
	assert_string_equal(buffer_text(&seen),
		"<noise<{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"ping\"}>{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}");
	buffer_fini(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(requests_in_flight_are_bounded),
		PEER_TEST(messages_that_wait_are_bounded),
		PEER_TEST(bytes_that_wait_are_bounded),
		PEER_TEST(a_server_that_does_not_read_is_given_up),
		PEER_TEST(events_that_wait_are_bounded),
		PEER_TEST(bytes_of_events_are_bounded),
		PEER_TEST(a_trace_shows_each_line),
	};

	return cmocka_run_group_tests_name("mcp_client_bounds", tests, NULL, NULL);
}
