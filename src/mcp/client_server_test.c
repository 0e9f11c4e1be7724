/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the server sends by itself: requests, notifications, and what is no message. */
#include "mcp/client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void connect_with(struct peer *peer, struct mcp_client_options options)
{
	peer_connect(peer, &options, "2025-11-25", ALL_CAPABILITIES);
}

static void connect_all(struct peer *peer)
{
	connect_with(peer, (struct mcp_client_options){ 0 });
}

static void refused(struct peer *peer, int64_t id, int code, const char *message)
{
	peer_sees(peer, "{'jsonrpc':'2.0','id':%lld,'error':{'code':%d,'message':'%s'}}", (long long)id, code, message);
	assert_false(mcp_client_next(peer->client, &peer->event));
}

static void bad_line(struct peer *peer, const char *text, const char *reason)
{
	peer_event(peer, MCP_EVENT_BAD_LINE);
	peer_event_text(peer, text);
	assert_string_equal(peer->event.error.text, reason);
}

/* mv:91, mv:96 */
static void each_request_is_answered_under_its_id(void **state)
{
	struct peer *peer = *state;

	connect_all(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':'x','method':'foo/bar'}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':'x','error':{'code':-32601,'message':'foo/bar'}}");
	peer_says(peer, "{'jsonrpc':'2.0','id':0,'method':'ping','params':{}}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':0,'result':{}}");
	peer_says(peer, "{'jsonrpc':'2.0','id':'1\\u0022\\n','method':'p\\u0069ng'}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':'1\\u0022\\n','result':{}}");
	peer_says(peer, "{'jsonrpc':'2.0','id':-7.0e0,'method':'ping','params':[1]}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':-7,'result':{}}");
	peer_says(peer, "{'jsonrpc':'2.0','id':8,'method':['x']}");
	refused(peer, 8, -32600, "the method is no text");
	peer_says(peer, "{'jsonrpc':'2.0','id':9,'method':'a\\u0000\\n'}");
	refused(peer, 9, -32601, "a?\\n");
	peer_quiet(peer);
}

/* mv:97 */
static void what_is_not_declared_is_refused(void **state)
{
	struct peer *peer = *state;

	connect_all(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'roots/list'}");
	refused(peer, 1, -32601, "Roots not supported");
	peer_says(peer, "{'jsonrpc':'2.0','id':2,'method':'sampling/createMessage','params':{}}");
	refused(peer, 2, -32601, "Sampling not supported");
}

/* mv:98 */
static void modes_of_elicitation_are_told_apart(void **state)
{
	struct peer *peer = *state;

	connect_all(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'elicitation/create','params':{'mode':'url'}}");
	refused(peer, 1, -32601, "Elicitation not supported");
	mcp_client_free(peer->client);
	connect_with(peer, (struct mcp_client_options){ .features = { .elicitation_form = true } });
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'elicitation/create','params':{'mode':'url'}}");
	refused(peer, 1, -32602, "URL elicitation not supported");
	peer_says(peer, "{'jsonrpc':'2.0','id':2,'method':'elicitation/create','params':{'mode':'video'}}");
	refused(peer, 2, -32602, "unknown mode of elicitation");
	peer_says(peer, "{'jsonrpc':'2.0','id':3,'method':'elicitation/create'}");
	refused(peer, 3, -32602, "params must be an object");
	peer_says(peer, "{'jsonrpc':'2.0','id':4,'method':'elicitation/create','params':{'message':'m','task':{}}}");
	peer_event(peer, MCP_EVENT_REQUEST); /* no mode is a form; a task that was not declared is no matter */
	peer_event_text(peer, "elicitation/create");
	mcp_client_free(peer->client);
	connect_with(peer, (struct mcp_client_options){ .features = { .elicitation_url = true } });
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'elicitation/create','params':{}}");
	refused(peer, 1, -32602, "Form elicitation not supported");
	peer_says(peer, "{'jsonrpc':'2.0','id':2,'method':'elicitation/create','params':{'mode':'url'}}");
	peer_event(peer, MCP_EVENT_REQUEST);
}

static void a_declared_request_is_answered_once(void **state)
{
	struct peer *peer = *state;
	uint64_t token;

	connect_with(peer, (struct mcp_client_options){ .features = { .roots = true, .sampling = true } });
	peer_says(peer, "{'jsonrpc':'2.0','id':'q','method':'roots/list'}");
	peer_event(peer, MCP_EVENT_REQUEST);
	token = peer->event.token;
	assert_int_equal(peer->event.json.len, 0);
	mcp_client_answer(peer->client, token, span_text("{ \"roots\" : [] }"), 0, span_of(NULL, 0));
	peer_sees(peer, "{'jsonrpc':'2.0','id':'q','result':{'roots':[]}}");
	mcp_client_answer(peer->client, token, span_text("{}"), 0, span_of(NULL, 0));
	mcp_client_answer(peer->client, token + 1, span_text("{}"), 0, span_of(NULL, 0));
	peer_quiet(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':5,'method':'sampling/createMessage','params':{'n':1e999}}");
	peer_event(peer, MCP_EVENT_REQUEST);
	peer_event_json(peer, "{'n':1e999}");
	mcp_client_answer(peer->client, peer->event.token, span_of(NULL, 0), MCP_USER_REJECTED,
		span_text("User rejected sampling request"));
	refused(peer, 5, -1, "User rejected sampling request");
	peer_says(peer, "{'jsonrpc':'2.0','id':6,'method':'sampling/createMessage','params':{}}");
	peer_event(peer, MCP_EVENT_REQUEST);
	mcp_client_answer(peer->client, peer->event.token, span_text("{\"a\":\n"), 0, span_of(NULL, 0));
	refused(peer, 6, -32603, "the answer is no JSON object");
	assert_int_equal(mcp_client_notify(peer->client, span_text("notifications/roots/list_changed"),
				 span_of(NULL, 0), &peer->err),
		CAPSULE_OK);
	peer_sees(peer, "{'jsonrpc':'2.0','method':'notifications/roots/list_changed'}");
}

/* mv:99 */
static void a_request_that_was_taken_back_is_not_answered(void **state)
{
	struct peer *peer = *state;
	uint64_t token;

	connect_with(peer, (struct mcp_client_options){ .features = { .elicitation_form = true } });
	peer_says(peer, "{'jsonrpc':'2.0','id':'a','method':'elicitation/create','params':{}}");
	peer_event(peer, MCP_EVENT_REQUEST);
	token = peer->event.token;
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':'b'}}");
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':1.5}}");
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/cancelled'}");
	peer_quiet(peer);
	peer_says(peer,
		"{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':'\\u0061','reason':'r'}}");
	peer_event(peer, MCP_EVENT_WITHDRAWN);
	assert_int_equal(peer->event.token, token);
	mcp_client_answer(peer->client, token, span_text("{}"), 0, span_of(NULL, 0));
	peer_quiet(peer);
}

static void requests_that_wait_are_bounded(void **state)
{
	struct peer *peer = *state;

	connect_with(peer, (struct mcp_client_options){ .features = { .roots = true }, .server_requests = 2 });
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'roots/list'}");
	peer_event(peer, MCP_EVENT_REQUEST);
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'roots/list'}");
	refused(peer, 1, -32600, "a request with this id waits already");
	peer_says(peer, "{'jsonrpc':'2.0','id':'1','method':'roots/list'}"); /* another id */
	peer_event(peer, MCP_EVENT_REQUEST);
	peer_says(peer, "{'jsonrpc':'2.0','id':2,'method':'roots/list'}");
	refused(peer, 2, -32603, "too many requests wait already");
}

/* mv:91, mv:92, mv:93, mv:94 */
static void what_is_for_nobody_is_ignored(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_counts counts;

	connect_all(peer);
	(void)peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':77,'result':{}}");
	peer_says(peer, "{'jsonrpc':'2.0','id':'1','result':{}}");
	peer_quiet(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':null,'error':{'code':-32700,'message':'what?'}}");
	bad_line(peer, "{'jsonrpc':'2.0','id':null,'error':{'code':-32700,'message':'what?'}}",
		"an error for no request: -32700: what?");
	peer_says(peer, "{'jsonrpc':'2.0','error':{'code':-32600,'message':'x'}}");
	peer_event(peer, MCP_EVENT_BAD_LINE);
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/new','params':{'a':[ ]}}");
	peer_event(peer, MCP_EVENT_NOTIFICATION);
	peer_event_text(peer, "notifications/new");
	peer_event_json(peer, "{'a':[]}");
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'result':{}}");
	peer_event(peer, MCP_EVENT_RESULT);
	mcp_client_counts(peer->client, &counts);
	assert_int_equal(counts.unknown_answers, 4);
	assert_int_equal(counts.bad_lines, 0);
}

static void notifications_become_events(void **state)
{
	struct peer *peer = *state;

	connect_all(peer);
	peer_says(
		peer, "{'jsonrpc':'2.0','method':'notifications/resources/updated','params':{'uri':'a:\\u0062\\/c'}}");
	peer_event(peer, MCP_EVENT_UPDATED);
	peer_event_text(peer, "a:b/c");
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/resources/updated','params':{'uri':3}}");
	peer_says(
		peer, "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'info','data':'\\u001b'}}");
	peer_event(peer, MCP_EVENT_LOG);
	peer_event_json(peer, "{'level':'info','data':'\\u001b'}");
	peer_quiet(peer);
}

/* mv:88, mv:89 */
static void lines_that_are_no_messages_are_survived(void **state)
{
	static const char *const rows[][2] = {
		{ "Server listening on port 1", "not a JSON object" },
		{ "'text'", "not a JSON object" },
		{ "{'jsonrpc':'2.0','id':1", "a bracket is not closed" },
		{ "{'id':1,'method':'ping'}", "not JSON-RPC 2.0" },
		{ "{'jsonrpc':'2.0','id':1.5,'method':'ping'}", "the id is neither a short text nor an integer" },
		{ "{'jsonrpc':'2.0','id':null,'method':'ping'}", "the id of a request is null" },
		{ "{'jsonrpc':'2.0','id':1,'\\u0069d':2,'method':'ping'}",
			"a member of the message stands there twice" },
		{ "{'jsonrpc':'2.0','id':1}", "neither a method nor an answer" },
		{ "{'jsonrpc':'2.0','id':1,'result':{},'error':{'code':1,'message':''}}",
			"both a result and an error" },
		{ "{'jsonrpc':'2.0','method':'x','result':{}}", "both a method and an answer" },
		{ "{'jsonrpc':'2.0','method':7}", "the method is no text" },
		{ "{'jsonrpc':'2.0','method':'\\ud800'}", "a string holds half a character" },
		{ "{'jsonrpc':'2.0','method':'x'} x", "more text behind the value" },
	};
	struct peer *peer = *state;
	struct mcp_client_counts counts;

	connect_all(peer);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		peer_says(peer, "%s", rows[i][0]);
		bad_line(peer, rows[i][0], rows[i][1]);
	}
	peer_writes(peer, "\r\n\n  \n", 6);
	peer_quiet(peer);
	peer_writes(peer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n", 42);
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'result':{}}");
	peer_writes(peer, "\xFF\n", 2);
	peer_event(peer, MCP_EVENT_BAD_LINE);
	assert_string_equal(peer->event.error.text, "not UTF-8");
	mcp_client_counts(peer->client, &counts);
	assert_int_equal(counts.bad_lines, sizeof rows / sizeof rows[0] + 1);
}

static void too_deep_is_refused(void **state)
{
	struct peer *peer = *state;
	struct buffer line = { 0 };

	connect_all(peer);
	(void)buffer_append_text(&line, "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":");
	for (int i = 0; i < 100000; i++)
		(void)buffer_append_byte(&line, '[');
	(void)buffer_append_byte(&line, '\n');
	peer_writes(peer, (const char *)line.data, line.len);
	buffer_fini(&line);
	peer_event(peer, MCP_EVENT_BAD_LINE);
	assert_int_equal(peer->event.text.len, 200);
	assert_string_equal(peer->event.error.text, "nested too deep");
}

static void too_many_bad_lines_end_it(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_counts counts;

	connect_all(peer);
	(void)peer_calls(peer, "", NULL);
	peer_skips(peer);
	for (int i = 0; i < 63; i++)
		peer_says(peer, "noise");
	peer_says(peer, "{'jsonrpc':'2.0','method':'x'}");
	for (int i = 0; i < 63; i++)
		peer_says(peer, "noise");
	for (int i = 0; i < 16; i++) /* no more wait */
		peer_event(peer, MCP_EVENT_BAD_LINE);
	peer_event(peer, MCP_EVENT_NOTIFICATION);
	peer_quiet(peer);
	peer_says(peer, "noise");
	peer_event(peer, MCP_EVENT_BAD_LINE);
	peer_event(peer, MCP_EVENT_ERROR);
	assert_string_equal(peer->event.error.text, "Transport closed: 64 lines in a row are no messages");
	peer_event(peer, MCP_EVENT_ENDED);
	assert_string_equal(peer->event.error.text, "64 lines in a row are no messages");
	mcp_client_counts(peer->client, &counts);
	assert_int_equal(counts.bad_lines, 127);
}

static void bad_lines_are_counted_in_all(void **state)
{
	struct peer *peer = *state;

	connect_with(peer, (struct mcp_client_options){ .bad_lines = 3 });
	for (int i = 0; i < 3; i++) {
		peer_says(peer, "noise");
		peer_event(peer, MCP_EVENT_BAD_LINE);
		peer_says(peer, "{'jsonrpc':'2.0','id':5,'result':{}}");
	}
	peer_event(peer, MCP_EVENT_ENDED);
	assert_string_equal(peer->event.error.text, "3 lines are no messages");
}

/* mv:90 */
static void a_line_over_the_limit_ends_it(void **state)
{
	struct peer *peer = *state;
	char piece[4096];
	size_t sent = 0;

	memset(piece, 'x', sizeof piece);
	connect_all(peer);
	while (!mcp_client_next(peer->client, &peer->event)) {
		peer_writes(peer, piece, sizeof piece);
		sent += sizeof piece;
		assert_in_range(sent, 0, 17 * MIB);
	}
	assert_int_equal(peer->event.kind, MCP_EVENT_ENDED);
	assert_string_equal(peer->event.error.text, "message exceeds 16777216 bytes");
	assert_in_range(sent, 16 * MIB, 16 * MIB + sizeof piece);
}

/* mv:95 */
static void batches_are_of_one_revision(void **state)
{
	struct peer *peer = *state;
	const char *batch = "[{'jsonrpc':'2.0','method':'a'},{'jsonrpc':'2.0','id':1,'method':'ping'},7,"
			    "{'jsonrpc':'2.0','method':'b'}]";

	peer_connect(peer, NULL, "2025-03-26", "");
	peer_says(peer, "%s", batch);
	peer_event(peer, MCP_EVENT_NOTIFICATION);
	peer_event_text(peer, "a");
	bad_line(peer, batch, "not a JSON object");
	peer_event(peer, MCP_EVENT_NOTIFICATION);
	peer_event_text(peer, "b");
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'result':{}}");
	peer_quiet(peer);
	peer_says(peer, "[]");
	peer_sees(peer, "{'jsonrpc':'2.0','error':{'code':-32600,'message':'an empty batch'}}");
	mcp_client_free(peer->client);
	peer_connect(peer, NULL, "2025-11-25", "");
	peer_says(peer, "%s", batch);
	bad_line(peer, batch, "a batch, which this revision does not have");
	peer_sees(peer,
		"{'jsonrpc':'2.0','error':{'code':-32600,'message':'a batch, which this revision does not have'}}");
	peer_quiet(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(each_request_is_answered_under_its_id),
		PEER_TEST(what_is_not_declared_is_refused),
		PEER_TEST(modes_of_elicitation_are_told_apart),
		PEER_TEST(a_declared_request_is_answered_once),
		PEER_TEST(a_request_that_was_taken_back_is_not_answered),
		PEER_TEST(requests_that_wait_are_bounded),
		PEER_TEST(what_is_for_nobody_is_ignored),
		PEER_TEST(notifications_become_events),
		PEER_TEST(lines_that_are_no_messages_are_survived),
		PEER_TEST(too_deep_is_refused),
		PEER_TEST(too_many_bad_lines_end_it),
		PEER_TEST(bad_lines_are_counted_in_all),
		PEER_TEST(a_line_over_the_limit_ends_it),
		PEER_TEST(batches_are_of_one_revision),
	};

	return cmocka_run_group_tests_name("mcp_client_server", tests, NULL, NULL);
}
