/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests of ours, from the first byte to their one end. */
#include "mcp/client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void connect_all(struct peer *peer)
{
	peer_connect(peer, NULL, "2025-11-25", ALL_CAPABILITIES);
}

static void error_event(struct peer *peer, int64_t id, const char *text)
{
	peer_event(peer, MCP_EVENT_ERROR);
	assert_int_equal(peer->event.id, id);
	assert_string_equal(peer->event.error.text, text);
}

static void a_request_is_written_and_answered(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	assert_int_equal(mcp_client_request(peer->client, span_text("resources/read"),
				 span_text("{ \"uri\" : \"a b\" }\n"), NULL, peer->now, &id, &peer->err),
		CAPSULE_OK);
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'method':'resources/read','params':{'uri':'a b'}}");
	peer_event(peer, MCP_EVENT_WRITTEN);
	assert_int_equal(peer->event.id, id);
	peer_says(peer, "{'jsonrpc': '2.0', 'id': 1, 'result': {'n': 12345678901234567890123, 'x': 1.0e400}}");
	peer_event(peer, MCP_EVENT_RESULT);
	assert_int_equal(peer->event.id, id);
	peer_event_json(peer, "{'n':12345678901234567890123,'x':1.0e400}");
	peer_quiet(peer);
}

static void written_means_the_last_byte(void **state)
{
	struct peer *peer = *state;
	struct span output;

	connect_all(peer);
	(void)peer_asks(peer, "x", NULL);
	(void)peer_asks(peer, "y", NULL);
	output = mcp_client_output(peer->client);
	mcp_client_written(peer->client, output.len / 2 - 1);
	assert_false(mcp_client_next(peer->client, &peer->event));
	mcp_client_written(peer->client, 1);
	peer_event(peer, MCP_EVENT_WRITTEN);
	assert_int_equal(peer->event.id, 1);
	assert_false(mcp_client_next(peer->client, &peer->event));
	assert_int_equal(mcp_client_output(peer->client).len, output.len - output.len / 2);
	peer_sees(peer, "{'jsonrpc':'2.0','id':2,'method':'y'}");
	peer_event(peer, MCP_EVENT_WRITTEN);
	peer_quiet(peer);
}

/* mv:100, mv:101, mv:102 */
static void arguments_go_as_they_are(void **state)
{
	static const char *const rows[][2] = {
		{ "{\"a\":[1,2.50],\"b\":\"\\u00e9\"}", ",'arguments':{'a':[1,2.50],'b':'\\u00e9'}" },
		{ "{}", ",'arguments':{}" },
		{ "null", "" },
		{ " null\n", "" },
		{ "", "" },
		{ "[1]", ",'arguments':{'value':[1]}" },
		{ "\"x\"", ",'arguments':{'value':'x'}" },
		{ "1e999", ",'arguments':{'value':1e999}" },
		{ "{\"t\":\"a\\nb\"}", ",'arguments':{'t':'a\\nb'}" },
		{ "{\"t\":\r\n 1}", ",'arguments':{'t':1}" },
	};
	struct peer *peer = *state;

	connect_all(peer);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t id = peer_calls(peer, rows[i][0], NULL);

		peer_sees(peer, "{'jsonrpc':'2.0','id':%lld,'method':'tools/call','params':{'name':'t'%s}}",
			(long long)id, rows[i][1]);
		peer_event(peer, MCP_EVENT_WRITTEN);
	}
}

static void what_is_no_json_is_not_sent(void **state)
{
	static const char *const wrong[] = { "{", "{} {}", "\"a\nb\"", "nul", "\xFF", "\"\\ud800\"" };
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct span text = span_text(wrong[i]);

		assert_int_equal(
			mcp_client_call_tool(peer->client, span_text("t"), text, NULL, peer->now, &id, &peer->err),
			CAPSULE_EINVAL);
		assert_int_equal(
			mcp_client_request(peer->client, span_text("x"), text, NULL, peer->now, &id, &peer->err),
			CAPSULE_EINVAL);
		assert_int_equal(mcp_client_notify(peer->client, span_text("x"), text, &peer->err), CAPSULE_EINVAL);
	}
	assert_int_equal(
		mcp_client_request(peer->client, span_text("x"), span_text("[]"), NULL, peer->now, &id, &peer->err),
		CAPSULE_EINVAL);
	assert_int_equal(mcp_client_call_tool(
				 peer->client, span_text("\xFF"), span_of(NULL, 0), NULL, peer->now, &id, &peer->err),
		CAPSULE_EINVAL);
	peer_quiet(peer);
}

static void names_are_escaped(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	assert_int_equal(mcp_client_call_tool(peer->client, span_of("a\"\n\0b", 5), span_of(NULL, 0), NULL, peer->now,
				 &id, &peer->err),
		CAPSULE_OK);
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'a\\'\\n\\u0000b'}}");
}

/* mv:83: nothing is asked that was not declared */
static void what_is_not_declared_is_not_asked(void **state)
{
	static const char *const methods[] = { "tools/call", "tools/list", "resources/read", "resources/subscribe",
		"prompts/get", "logging/setLevel", "completion/complete" };
	struct peer *peer = *state;
	int64_t id;

	peer_connect(peer, NULL, "2025-11-25", "");
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		assert_int_equal(mcp_client_request(peer->client, span_text(methods[i]), span_of(NULL, 0), NULL,
					 peer->now, &id, &peer->err),
			CAPSULE_EUNSUPPORTED);
	assert_string_equal(
		peer->err.text, "completion/complete: the server does not declare the capability completions");
	id = peer_lists(peer, MCP_TOOLS);
	peer_event(peer, MCP_EVENT_LISTED);
	assert_int_equal(peer->event.id, id);
	peer_event_json(peer, "[]");
	peer_quiet(peer);
	mcp_client_free(peer->client);
	peer_connect(peer, NULL, "2025-11-25", "'resources':{}");
	assert_int_equal(mcp_client_request(peer->client, span_text("resources/subscribe"), span_of(NULL, 0), NULL,
				 peer->now, &id, &peer->err),
		CAPSULE_EUNSUPPORTED);
	(void)peer_asks(peer, "resources/read", NULL);
	mcp_client_free(peer->client);
	peer_connect(peer, NULL, "2024-11-05", ""); /* which has completion without a capability */
	(void)peer_asks(peer, "completion/complete", NULL);
}

static void what_is_ours_to_send_is_not_the_callers(void **state)
{
	static const char *const methods[] = { "initialize", "notifications/initialized", "tasks/get", "", "\xFF" };
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		assert_int_equal(mcp_client_request(peer->client, span_text(methods[i]), span_of(NULL, 0), NULL,
					 peer->now, &id, &peer->err),
			CAPSULE_EINVAL);
	assert_int_equal(
		mcp_client_notify(peer->client, span_text("notifications/roots/list_changed"), span_of(NULL, 0), NULL),
		CAPSULE_EUNSUPPORTED);
	peer_quiet(peer);
}

/* mv:105 */
static void an_error_is_told_whole(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'error':{'code':-32602,'message':'bad'}}", (long long)id);
	error_event(peer, id, "Mcp error: -32602: bad");
	assert_int_equal(peer->event.error.status, CAPSULE_EINVAL);
	assert_int_equal(peer->event.code, -32602);
	assert_int_equal(peer->event.json.len, 0);
	id = peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'error':{'code':-32042,'message':'a\\u0000b','data': {'x': 1}}}",
		(long long)id);
	error_event(peer, id, "Mcp error: -32042: a?b({\"x\": 1})");
	peer_event_json(peer, "{'x':1}");
	peer_quiet(peer);
}

static void an_answer_of_a_wrong_shape_ends_the_request(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':[]}", (long long)id);
	error_event(peer, id, "Unexpected response type");
	id = peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'error':'no'}", (long long)id);
	error_event(peer, id, "Unexpected response type");
	peer_quiet(peer);
}

/* mv:112 */
static void no_answer_is_a_timeout_and_one_cancellation(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_calls(peer, "", NULL);
	peer_skips(peer);
	assert_int_equal(mcp_client_deadline(peer->client), peer->now + 60000 * MS);
	peer_waits(peer, 59999);
	peer_quiet(peer);
	peer_waits(peer, 1);
	error_event(peer, id, "request timeout after 60s");
	assert_int_equal(peer->event.error.status, CAPSULE_ETIMEOUT);
	peer_sees(peer,
		"{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':%lld,"
		"'reason':'request timeout after 60s'}}",
		(long long)id);
	peer_waits(peer, 100000);
	peer_quiet(peer);
}

static void a_request_may_have_its_own_time(void **state)
{
	struct peer *peer = *state;
	struct mcp_request_options options = { .timeout_ms = 250 };

	connect_all(peer);
	(void)peer_calls(peer, "", &options);
	peer_skips(peer);
	options.timeout_ms = 1500;
	(void)peer_calls(peer, "", &options);
	peer_skips(peer);
	options.timeout_ms = UINT64_MAX;
	(void)peer_calls(peer, "", &options);
	peer_skips(peer);
	peer_waits(peer, 250);
	error_event(peer, 1, "request timeout after 250ms");
	peer_waits(peer, 1250);
	error_event(peer, 2, "request timeout after 1.500s");
	assert_int_equal(mcp_client_deadline(peer->client), INT64_MAX);
}

/* mv:113 */
static void progress_begins_the_time_anew_up_to_the_hard_end(void **state)
{
	struct peer *peer = *state;
	const struct mcp_request_options options = { .progress = true };
	int64_t id;

	connect_all(peer);
	id = peer_calls(peer, "{}", &options);
	peer_sees(peer,
		"{'jsonrpc':'2.0','id':%lld,'method':'tools/call','params':{'name':'t','arguments':{},"
		"'_meta':{'progressToken':%lld}}}",
		(long long)id, (long long)id);
	peer_event(peer, MCP_EVENT_WRITTEN);
	for (int i = 1; i < 60; i++) {
		peer_waits(peer, 10000);
		peer_says(peer,
			"{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%lld,'progress':%d}}",
			(long long)id, i);
		peer_event(peer, MCP_EVENT_PROGRESS);
		assert_int_equal(peer->event.id, id);
	}
	peer_quiet(peer);
	peer_waits(peer, 9999);
	peer_quiet(peer);
	peer_waits(peer, 1);
	error_event(peer, id, "request timeout after 600s");
	assert_non_null(strstr(peer_reads(peer), "notifications/cancelled"));
	peer_quiet(peer);
}

static void progress_that_does_not_rise_counts_for_nothing(void **state)
{
	struct peer *peer = *state;
	const struct mcp_request_options options = { .progress = true, .timeout_ms = 1000 };
	int64_t id, other;

	connect_all(peer);
	id = peer_calls(peer, "", &options);
	peer_skips(peer);
	other = peer_calls(peer, "", NULL); /* did not ask for it */
	peer_skips(peer);
	peer_waits(peer, 500);
	peer_says(peer,
		"{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%lld.0,'progress':0.5,"
		"'message':'half'}}",
		(long long)id);
	peer_event(peer, MCP_EVENT_PROGRESS);
	peer_waits(peer, 999);
	peer_says(peer,
		"{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%lld,'progress':0.5}}",
		(long long)id);
	peer_says(peer,
		"{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':'%lld','progress':1}}",
		(long long)id);
	peer_says(peer,
		"{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%lld,'progress':'1'}}",
		(long long)id);
	peer_says(peer,
		"{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%lld,'progress':1}}",
		(long long)other);
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/progress'}");
	peer_quiet(peer);
	peer_waits(peer, 1);
	error_event(peer, id, "request timeout after 1s");
}

static void a_progress_token_joins_what_is_in_meta(void **state)
{
	struct peer *peer = *state;
	const struct mcp_request_options options = { .progress = true };
	int64_t id;

	connect_all(peer);
	assert_int_equal(mcp_client_request(peer->client, span_text("x"),
				 span_text("{\"a\":1, \"_meta\":{\"progressToken\":\"old\",\"k\":[ ]}}"), &options,
				 peer->now, &id, &peer->err),
		CAPSULE_OK);
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'method':'x','params':{'_meta':{'progressToken':1,'k':[]},'a':1}}");
	(void)peer_asks(peer, "x", &options);
	peer_event(peer, MCP_EVENT_WRITTEN);
	peer_sees(peer, "{'jsonrpc':'2.0','id':2,'method':'x','params':{'_meta':{'progressToken':2}}}");
}

/* mv:114 */
static void a_late_answer_is_ignored(void **state)
{
	struct peer *peer = *state;
	struct mcp_client_counts counts;
	int64_t id;

	connect_all(peer);
	id = peer_calls(peer, "", NULL);
	peer_skips(peer);
	mcp_client_cancel(peer->client, id, span_text("user \"x\""));
	peer_sees(peer,
		"{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':%lld,'reason':'user "
		"\\'x\\''}}",
		(long long)id);
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':{}}", (long long)id);
	mcp_client_cancel(peer->client, id, span_of(NULL, 0));
	peer_quiet(peer);
	mcp_client_counts(peer->client, &counts);
	assert_int_equal(counts.late_answers, 1);
	assert_int_equal(counts.in_flight, 0);
}

static void what_was_not_written_is_taken_back(void **state)
{
	struct peer *peer = *state;
	int64_t ids[3];

	connect_all(peer);
	for (int i = 0; i < 3; i++)
		ids[i] = peer_asks(peer, "x", NULL);
	mcp_client_written(peer->client, 1); /* the first one is begun, and will be completed */
	assert_true(mcp_client_cancel(peer->client, ids[0], span_of(NULL, 0)));
	assert_false(mcp_client_cancel(peer->client, ids[1], span_of(NULL, 0)));
	assert_memory_equal(mcp_client_output(peer->client).data, "\"jsonrpc\":\"2.0\",\"id\":1,", 23);
	mcp_client_written(peer->client, strlen("\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\n"));
	peer_sees(peer, "{'jsonrpc':'2.0','id':3,'method':'x'}");
	peer_event(peer, MCP_EVENT_WRITTEN); /* of a cancelled one there is none */
	assert_int_equal(peer->event.id, ids[2]);
	peer_sees(peer, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':1}}");
	peer_quiet(peer);
}

static void a_cancel_tells_what_no_event_tells_any_more(void **state)
{
	struct peer *peer = *state;
	int64_t told, untold;

	connect_all(peer);
	told = peer_asks(peer, "x", NULL);
	untold = peer_asks(peer, "x", NULL);
	mcp_client_written(peer->client, mcp_client_output(peer->client).len);
	peer_event(peer, MCP_EVENT_WRITTEN);
	assert_int_equal(peer->event.id, told);
	assert_false(mcp_client_cancel(peer->client, told, span_of(NULL, 0)));
	assert_true(mcp_client_cancel(peer->client, untold, span_of(NULL, 0)));
	assert_false(mcp_client_cancel(peer->client, untold, span_of(NULL, 0)));
	peer_sees(peer, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':%lld}}",
		(long long)told);
	peer_sees(peer, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':%lld}}",
		(long long)untold);
	peer_quiet(peer);
}

static void half_a_request_that_took_too_long_counts_as_written(void **state)
{
	const struct mcp_request_options options = { .timeout_ms = 1000 };
	struct peer *peer = *state;
	int64_t half, none;

	connect_all(peer);
	half = peer_asks(peer, "x", &options);
	none = peer_asks(peer, "x", &options);
	mcp_client_written(peer->client, 1);
	peer_waits(peer, 1000);
	peer_event(peer, MCP_EVENT_WRITTEN);
	assert_int_equal(peer->event.id, half);
	error_event(peer, half, "request timeout after 1s");
	error_event(peer, none, "request timeout after 1s");
	mcp_client_written(peer->client, strlen("\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\n"));
	peer_sees(peer,
		"{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':%lld,'reason':'request timeout after "
		"1s'}}",
		(long long)half);
	peer_quiet(peer);
}

static void events_of_a_cancelled_request_do_not_come(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_calls(peer, "", NULL);
	assert_non_null(peer_reads(peer));
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':{}}", (long long)id);
	mcp_client_cancel(peer->client, id, span_of(NULL, 0));
	peer_quiet(peer);
}

/* mv:115 */
static void the_end_of_the_server_ends_all_requests(void **state)
{
	struct peer *peer = *state;
	int64_t id, list;

	connect_all(peer);
	id = peer_calls(peer, "", NULL);
	list = peer_lists(peer, MCP_PROMPTS);
	mcp_client_end(peer->client, NULL);
	error_event(peer, id, "Transport closed");
	peer_event(peer, MCP_EVENT_LISTED);
	assert_int_equal(peer->event.id, list);
	assert_string_equal(peer->event.error.text, "Transport closed");
	peer_event(peer, MCP_EVENT_ENDED);
	peer_quiet(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':{}}", (long long)id);
	peer_quiet(peer);
}

static void the_last_line_needs_no_end(void **state)
{
	struct peer *peer = *state;

	connect_all(peer);
	(void)peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_writes(peer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 36);
	assert_false(mcp_client_next(peer->client, &peer->event));
	mcp_client_end(peer->client, NULL);
	peer_event(peer, MCP_EVENT_RESULT);
	peer_event(peer, MCP_EVENT_ENDED);
}

/* mv:119 */
static void each_of_many_gets_its_own_answer(void **state)
{
	struct peer *peer = *state;
	int64_t ids[32];
	char json[32];

	connect_all(peer);
	for (int i = 0; i < 32; i++)
		ids[i] = peer_calls(peer, "", NULL);
	peer_skips(peer);
	for (int i = 0; i < 32; i++) {
		int at = i * 13 % 32;

		peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':{'of':%d}}", (long long)ids[at], at);
		peer_event(peer, MCP_EVENT_RESULT);
		assert_int_equal(peer->event.id, ids[at]);
		(void)snprintf(json, sizeof json, "{'of':%d}", at);
		peer_event_json(peer, json);
	}
	peer_quiet(peer);
}

static void idle_servers_are_pinged_and_three_misses_end_them(void **state)
{
	const struct mcp_client_options options = { .ping_ms = 30000 };
	struct peer *peer = *state;

	peer_connect(peer, &options, "2025-11-25", "");
	assert_int_equal(mcp_client_deadline(peer->client), peer->now + 30000 * MS);
	peer_waits(peer, 30000);
	peer_sees(peer, "{'jsonrpc':'2.0','id':1,'method':'ping'}");
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'result':{}}");
	peer_waits(peer, 29999);
	peer_quiet(peer);
	peer_waits(peer, 1);
	for (int id = 2; id < 5; id++) {
		peer_sees(peer, "{'jsonrpc':'2.0','id':%d,'method':'ping'}", id);
		peer_quiet(peer);
		peer_waits(peer, 10000);
		if (id < 4)
			assert_non_null(strstr(peer_reads(peer), "notifications/cancelled"));
	}
	peer_event(peer, MCP_EVENT_ENDED);
	assert_string_equal(peer->event.error.text, "the server does not answer pings");
}

static void a_busy_server_is_not_pinged(void **state)
{
	const struct mcp_client_options options = { .ping_ms = 1000 };
	struct peer *peer = *state;

	peer_connect(peer, &options, "2025-11-25", ALL_CAPABILITIES);
	(void)peer_calls(peer, "", NULL);
	peer_skips(peer);
	peer_waits(peer, 59999);
	peer_quiet(peer);
	peer_says(peer, "{'jsonrpc':'2.0','id':1,'result':{}}");
	peer_event(peer, MCP_EVENT_RESULT);
	peer_waits(peer, 999);
	peer_quiet(peer);
	peer_waits(peer, 1);
	peer_sees(peer, "{'jsonrpc':'2.0','id':2,'method':'ping'}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(a_request_is_written_and_answered),
		PEER_TEST(written_means_the_last_byte),
		PEER_TEST(arguments_go_as_they_are),
		PEER_TEST(what_is_no_json_is_not_sent),
		PEER_TEST(names_are_escaped),
		PEER_TEST(what_is_not_declared_is_not_asked),
		PEER_TEST(what_is_ours_to_send_is_not_the_callers),
		PEER_TEST(an_error_is_told_whole),
		PEER_TEST(an_answer_of_a_wrong_shape_ends_the_request),
		PEER_TEST(no_answer_is_a_timeout_and_one_cancellation),
		PEER_TEST(a_request_may_have_its_own_time),
		PEER_TEST(progress_begins_the_time_anew_up_to_the_hard_end),
		PEER_TEST(progress_that_does_not_rise_counts_for_nothing),
		PEER_TEST(a_progress_token_joins_what_is_in_meta),
		PEER_TEST(a_late_answer_is_ignored),
		PEER_TEST(what_was_not_written_is_taken_back),
		PEER_TEST(a_cancel_tells_what_no_event_tells_any_more),
		PEER_TEST(half_a_request_that_took_too_long_counts_as_written),
		PEER_TEST(events_of_a_cancelled_request_do_not_come),
		PEER_TEST(the_end_of_the_server_ends_all_requests),
		PEER_TEST(the_last_line_needs_no_end),
		PEER_TEST(each_of_many_gets_its_own_answer),
		PEER_TEST(idle_servers_are_pinged_and_three_misses_end_them),
		PEER_TEST(a_busy_server_is_not_pinged),
	};

	return cmocka_run_group_tests_name("mcp_client_requests", tests, NULL, NULL);
}
