/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* initialize, in all its endings. */
#include "mcp/client_fixture.h"

#include <stdio.h>

#define INITIALIZE_TAIL "'capabilities':{},'clientInfo':{'name':'us','title':'Us','version':'1.0'}}}"

/* The client ended because of `text`, with no other event before. */
static void ended(struct peer *peer, enum capsule_status status, const char *text)
{
	peer_event(peer, MCP_EVENT_ENDED);
	assert_int_equal(peer->event.error.status, status);
	assert_non_null(strstr(peer->event.error.text, text));
	peer_quiet(peer);
	assert_null(mcp_client_server(peer->client));
	assert_int_equal(mcp_client_deadline(peer->client), INT64_MAX);
}

static void answers_with_revision(struct peer *peer, const char *revision)
{
	peer_says(peer,
		"{'jsonrpc':'2.0','id':0,'result':{'protocolVersion':'%s','capabilities':{},"
		"'serverInfo':{'name':'s','version':'1'}}}",
		revision);
}

/* mv:73 */
static void the_first_line_is_initialize_the_second_initialized(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	peer_sees(peer,
		"{'jsonrpc':'2.0','id':0,'method':'initialize','params':{'protocolVersion':'2025-11-25'," INITIALIZE_TAIL);
	peer_quiet(peer); /* nothing else before the answer */
	peer_says(peer,
		"{'jsonrpc':'2.0','id':0,'result':{'protocolVersion':'2025-11-25','capabilities':{'tools':{}},"
		"'serverInfo':{'name':'s','version':'1'}}}");
	peer_event(peer, MCP_EVENT_READY);
	(void)peer_lists(peer, MCP_TOOLS);
	peer_sees(peer, "{'jsonrpc':'2.0','method':'notifications/initialized'}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':2,'method':'tools/list'}");
	peer_quiet(peer);
}

static void features_are_declared(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_options options = { .name = "a\"b", .version = "1" };

	options.features = (struct mcp_client_features){ .roots = true, .sampling = true, .elicitation_form = true };
	peer_start(peer, &options);
	peer_sees(peer,
		"{'jsonrpc':'2.0','id':0,'method':'initialize','params':{'protocolVersion':'2025-11-25','capabilities':"
		"{'roots':{'listChanged':true},'sampling':{},'elicitation':{}},"
		"'clientInfo':{'name':'a\\'b','version':'1'}}}");
	mcp_client_free(peer->client);
	options.features = (struct mcp_client_features){ .elicitation_form = true, .elicitation_url = true };
	peer_start(peer, &options);
	assert_non_null(strstr(peer_reads(peer), "'capabilities':{'elicitation':{'form':{},'url':{}}},"));
}

/* mv:74 */
static void every_revision_is_accepted(void **state)
{
	static const char *const revisions[] = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };
	struct peer *peer = *state;

	for (unsigned i = 0; i < MCP_REVISIONS; i++) {
		peer_connect(peer, NULL, revisions[i], "");
		assert_int_equal(mcp_client_server(peer->client)->revision, i);
		assert_int_equal(mcp_revision_find(span_text(mcp_revision_text(i))), i);
		mcp_client_free(peer->client);
		peer->client = NULL;
	}
	assert_int_equal(mcp_revision_find(span_text("2026-07-28")), MCP_REVISIONS);
}

/* mv:75 */
static void another_revision_ends_it(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	answers_with_revision(peer, "1999-01-01");
	ended(peer, CAPSULE_EUNSUPPORTED, "unsupported protocol version '1999-01-01'");
}

/* mv:76 */
static void initialize_is_sent_again_with_the_best_common_revision(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	peer_says(peer,
		"{'jsonrpc':'2.0','id':0,'error':{'code':-32602,'message':'Unsupported protocol version',"
		"'data':{'supported':['2024-11-05','2025-03-26','2099-01-01',7],'requested':'2025-11-25'}}}");
	peer_sees(peer,
		"{'jsonrpc':'2.0','id':1,'method':'initialize','params':{'protocolVersion':'2025-03-26',"
		"'capabilities':{},'clientInfo':{'name':'us','version':'1.0'}}}");
	peer_says(peer,
		"{'jsonrpc':'2.0','id':1,'result':{'protocolVersion':'2025-03-26','capabilities':{},"
		"'serverInfo':{'name':'s','version':'1'}}}");
	peer_event(peer, MCP_EVENT_READY);
	assert_int_equal(mcp_client_server(peer->client)->revision, MCP_2025_03_26);
}

static void it_is_sent_again_once(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	for (int id = 0; id < 2; id++) {
		peer_says(peer,
			"{'jsonrpc':'2.0','id':%d,'error':{'code':-32602,'message':'no','data':{'supported':['%s']}}}",
			id, id == 0 ? "2025-06-18" : "2024-11-05");
		(void)peer_reads(peer);
	}
	ended(peer, CAPSULE_EINVAL, "JSON-RPC error: -32602: no({\"supported\":[\"2024-11-05\"]})");
}

static void both_attempts_share_one_deadline(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	peer_waits(peer, 9000);
	peer_says(peer,
		"{'jsonrpc':'2.0','id':0,'error':{'code':-32602,'message':'no','data':{'supported':['2025-06-18']}}}");
	(void)peer_reads(peer);
	peer_waits(peer, 1000);
	ended(peer, CAPSULE_ETIMEOUT, "request timeout after 10s");
}

/* mv:77: the reason that stands behind "MCP handshake failed for <n>: " */
static void the_end_of_its_output_is_told(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	mcp_client_end(peer->client, NULL);
	ended(peer, CAPSULE_EIO, "connection closed: initialize response");
	mcp_client_end(peer->client, NULL);
	peer_quiet(peer);
}

/* mv:78 */
static void another_id_is_ignored_until_the_time_is_over(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	peer_says(peer,
		"{'jsonrpc':'2.0','id':5,'result':{'protocolVersion':'2025-11-25','capabilities':{},"
		"'serverInfo':{'name':'s','version':'1'}}}");
	peer_quiet(peer);
	peer_waits(peer, 10000);
	ended(peer, CAPSULE_ETIMEOUT, "expected 0, got 5");
}

/* mv:79 */
static void an_error_is_told_with_code_and_message(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':0,'error':{'code':-32000,'message':'no \\u0000\\u001b[31m key'}}");
	ended(peer, CAPSULE_EGUEST, "JSON-RPC error: -32000: no ??[31m key");
}

/* mv:80: the client's part; it is not cancelled, its process is closed */
static void no_answer_ends_it_in_ten_seconds(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	assert_int_equal(mcp_client_deadline(peer->client), 11000 * MS);
	peer_waits(peer, 9999);
	peer_quiet(peer);
	peer_waits(peer, 1);
	ended(peer, CAPSULE_ETIMEOUT, "request timeout after 10s: no answer to initialize");
}

/* mv:81, mv:82 */
static void pings_and_logs_may_come_before(void **state)
{
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':0,'method':'ping'}"); /* its own id, not ours */
	peer_sees(peer, "{'jsonrpc':'2.0','id':0,'result':{}}");
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'info','data':1}}");
	peer_event(peer, MCP_EVENT_LOG);
	peer_event_json(peer, "{'level':'info','data':1}");
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}"); /* too early */
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'method':'roots/list'}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'error':{'code':-32600,'message':'not initialized yet'}}");
	peer_quiet(peer);
	answers_with_revision(peer, "2025-11-25");
	peer_event(peer, MCP_EVENT_READY);
}

static void a_wrong_answer_is_shown(void **state)
{
	static const char *const wrong[] = {
		"'result':{}",
		"'result':[]",
		"'error':{'message':'x'}",
		"'result':{'protocolVersion':'2025-11-25','capabilities':[],'serverInfo':{'name':'s','version':'1'}}",
		"'result':{'protocolVersion':'2025-11-25','capabilities':{},'serverInfo':{'name':'s'}}",
		"'result':{'protocolVersion':'2025-11-25','capabilities':{}}",
		"'result':{'protocolVersion':3,'capabilities':{},'serverInfo':{'name':'s','version':'1'}}",
	};
	struct peer *peer = *state;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		peer_start(peer, NULL);
		(void)peer_reads(peer);
		peer_says(peer, "{'jsonrpc':'2.0','id':0,%s}", wrong[i]);
		ended(peer, CAPSULE_EGUEST, "expect initialized result, but received: {\"jsonrpc\":\"2.0\",");
		mcp_client_free(peer->client);
		peer->client = NULL;
	}
}

static void what_the_server_says_of_itself_is_kept(void **state)
{
	const struct mcp_server_info *server;
	struct peer *peer = *state;

	peer_start(peer, NULL);
	(void)peer_reads(peer);
	peer_says(peer,
		"{'jsonrpc':'2.0','id':0.0,'result':{'more':1,'protocolVersion':'2025\\u002d06-18','capabilities':{"
		"'tools':{'listChanged':true},'resources':{'subscribe':true,'listChanged':1},'prompts':true,'logging':{}},"
		"'instructions':'do\\n\\u0000it','serverInfo':{'name':'s','version':'1','title':'S \\ud83d\\ude00'}}}");
	peer_event(peer, MCP_EVENT_READY);
	server = mcp_client_server(peer->client);
	assert_int_equal(server->revision, MCP_2025_06_18);
	assert_string_equal(server->name, "s");
	assert_string_equal(server->title, "S \xF0\x9F\x98\x80");
	assert_string_equal(server->instructions, "do\n?it");
	assert_true(server->tools && server->tools_changed && server->resources && server->resources_subscribe);
	assert_false(server->resources_changed); /* no boolean */
	assert_true(server->logging && !server->prompts && !server->completions);
}

static void nothing_is_asked_before_it_is_ready(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	peer_start(peer, NULL);
	assert_int_equal(
		mcp_client_call_tool(peer->client, span_text("t"), span_of(NULL, 0), NULL, peer->now, &id, &peer->err),
		CAPSULE_ESTATE);
	assert_string_equal(peer->err.text, "registered but not connected");
	assert_int_equal(mcp_client_list(peer->client, MCP_TOOLS, peer->now, &id, &peer->err), CAPSULE_ESTATE);
	assert_int_equal(mcp_client_notify(peer->client, span_text("x"), span_of(NULL, 0), &peer->err), CAPSULE_ESTATE);
	mcp_client_end(peer->client, "pipe broken");
	assert_int_equal(mcp_client_list(peer->client, MCP_TOOLS, peer->now, &id, &peer->err), CAPSULE_ESTATE);
	assert_string_equal(
		peer->err.text, "the server has ended: connection closed: initialize response: pipe broken");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(the_first_line_is_initialize_the_second_initialized),
		PEER_TEST(features_are_declared),
		PEER_TEST(every_revision_is_accepted),
		PEER_TEST(another_revision_ends_it),
		PEER_TEST(initialize_is_sent_again_with_the_best_common_revision),
		PEER_TEST(it_is_sent_again_once),
		PEER_TEST(both_attempts_share_one_deadline),
		PEER_TEST(the_end_of_its_output_is_told),
		PEER_TEST(another_id_is_ignored_until_the_time_is_over),
		PEER_TEST(an_error_is_told_with_code_and_message),
		PEER_TEST(no_answer_ends_it_in_ten_seconds),
		PEER_TEST(pings_and_logs_may_come_before),
		PEER_TEST(a_wrong_answer_is_shown),
		PEER_TEST(what_the_server_says_of_itself_is_kept),
		PEER_TEST(nothing_is_asked_before_it_is_ready),
	};

	return cmocka_run_group_tests_name("mcp_client_handshake", tests, NULL, NULL);
}
