/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists: pages, guards, changes. */
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

/* The server gives a page of tools as the answer to `id`; `cursor` is JSON, NULL for the last one. */
static void gives_page(struct peer *peer, int64_t id, const char *tools, const char *cursor)
{
	peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':{'tools':[%s]%s%s}}", (long long)id, tools,
		cursor != NULL ? ",'nextCursor':" : "", cursor != NULL ? cursor : "");
}

static void listed(struct peer *peer, int64_t id, const char *json)
{
	peer_event(peer, MCP_EVENT_LISTED);
	assert_int_equal(peer->event.id, id);
	assert_int_equal(peer->event.error.status, CAPSULE_OK);
	peer_event_json(peer, json);
}

static void failed(struct peer *peer, int64_t id, enum capsule_status status, const char *text)
{
	peer_event(peer, MCP_EVENT_LISTED);
	assert_int_equal(peer->event.id, id);
	assert_int_equal(peer->event.error.status, status);
	assert_string_equal(peer->event.error.text, text);
	assert_int_equal(peer->event.json.len, 0);
}

/* mv:84, mv:86 */
static void pages_are_put_together_in_order(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_lists(peer, MCP_TOOLS); /* 1; pages have ids of their own */
	peer_sees(peer, "{'jsonrpc':'2.0','id':2,'method':'tools/list'}");
	gives_page(peer, 2, "{'name':'a'}, {'name':'b', 'n':1.50}", "'x\\u0041 \\n'");
	peer_sees(peer, "{'jsonrpc':'2.0','id':3,'method':'tools/list','params':{'cursor':'x\\u0041 \\n'}}");
	gives_page(peer, 3, "", "''");
	peer_sees(peer, "{'jsonrpc':'2.0','id':4,'method':'tools/list','params':{'cursor':''}}");
	peer_quiet(peer);
	gives_page(peer, 4, "{'name':'c'}", "null");
	listed(peer, id, "[{'name':'a'},{'name':'b','n':1.50},{'name':'c'}]");
	peer_quiet(peer);
}

static void each_list_has_its_method(void **state)
{
	static const char *const methods[] = { "tools/list", "resources/list", "resources/templates/list",
		"prompts/list" };
	static const char *const members[] = { "tools", "resources", "resourceTemplates", "prompts" };
	struct peer *peer = *state;

	connect_all(peer);
	for (unsigned list = 0; list < MCP_LISTS; list++) {
		int64_t id = peer_lists(peer, list);

		peer_sees(peer, "{'jsonrpc':'2.0','id':%lld,'method':'%s'}", (long long)id + 1, methods[list]);
		peer_says(peer, "{'jsonrpc':'2.0','id':%lld,'result':{'%s':[{}]}}", (long long)id + 1, members[list]);
		listed(peer, id, "[{}]");
		assert_int_equal(peer->event.list, list);
	}
}

/* mv:85 */
static void a_cursor_that_comes_again_ends_it(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_lists(peer, MCP_TOOLS);
	(void)peer_reads(peer);
	gives_page(peer, 2, "{}", "'a'");
	(void)peer_reads(peer);
	gives_page(peer, 3, "{}", "'b'");
	(void)peer_reads(peer);
	gives_page(peer, 4, "{}", "'a'");
	failed(peer, id, CAPSULE_ELIMIT, "the server gave the same cursor again");
	peer_quiet(peer);
}

static void pages_items_and_bytes_are_bounded(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_with(peer, (struct mcp_client_options){ .list_pages = 2, .list_items = 3, .line_bytes = 512 });
	id = peer_lists(peer, MCP_TOOLS); /* 1 */
	gives_page(peer, 2, "{}", "'a'");
	gives_page(peer, 3, "{}", "'b'");
	failed(peer, id, CAPSULE_ELIMIT, "the list has too many pages");
	id = peer_lists(peer, MCP_TOOLS); /* 4 */
	gives_page(peer, 5, "1,2,3", NULL);
	listed(peer, id, "[1,2,3]");
	id = peer_lists(peer, MCP_TOOLS); /* 6 */
	gives_page(peer, 7, "1,2,3,4", NULL);
	failed(peer, id, CAPSULE_ELIMIT, "the list has too many items");
	id = peer_lists(peer, MCP_TOOLS); /* 8 */
	for (int page = 9; page < 11; page++) {
		char tool[300];

		(void)snprintf(tool, sizeof tool, "'%0290d'", page);
		gives_page(peer, page, tool, "'c'");
	}
	failed(peer, id, CAPSULE_ELIMIT, "the list is too large");
}

static void a_cursor_must_be_short(void **state)
{
	struct peer *peer = *state;
	struct buffer line = { 0 };
	int64_t id;

	connect_all(peer);
	id = peer_lists(peer, MCP_TOOLS);
	(void)buffer_append_text(&line, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[],\"nextCursor\":\"");
	for (int i = 0; i < 65536; i++)
		(void)buffer_append_byte(&line, 'x');
	(void)buffer_append_text(&line, "\"}}\n");
	peer_writes(peer, (const char *)line.data, line.len);
	buffer_fini(&line);
	failed(peer, id, CAPSULE_ELIMIT, "the server's cursor is too long");
}

static void a_page_that_is_wrong_ends_it(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_lists(peer, MCP_TOOLS);
	peer_says(peer, "{'jsonrpc':'2.0','id':2,'result':{'tools':{}}}");
	failed(peer, id, CAPSULE_EGUEST, "Unexpected response type");
	id = peer_lists(peer, MCP_TOOLS);
	peer_says(peer, "{'jsonrpc':'2.0','id':4,'error':{'code':-32601,'message':'no'}}");
	failed(peer, id, CAPSULE_EUNSUPPORTED, "Mcp error: -32601: no");
	assert_int_equal(peer->event.code, -32601);
	id = peer_lists(peer, MCP_TOOLS);
	peer_says(peer, "{'jsonrpc':'2.0','id':6,'result':null}");
	failed(peer, id, CAPSULE_EGUEST, "Unexpected response type");
}

static void each_page_has_its_time(void **state)
{
	struct peer *peer = *state;
	int64_t id;

	connect_all(peer);
	id = peer_lists(peer, MCP_TOOLS);
	(void)peer_reads(peer);
	peer_waits(peer, 9000);
	gives_page(peer, 2, "", "'a'");
	(void)peer_reads(peer);
	peer_waits(peer, 9999);
	peer_quiet(peer);
	peer_waits(peer, 1);
	failed(peer, id, CAPSULE_ETIMEOUT, "request timeout after 10s");
	assert_non_null(strstr(peer_reads(peer), "'requestId':3,"));
	peer_quiet(peer);
}

/* mv:117: a change is told once, and again once the list was asked for */
static void a_change_is_told_until_it_is_acted_on(void **state)
{
	struct peer *peer = *state;

	connect_all(peer);
	for (int i = 0; i < 3; i++)
		peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
	peer_event(peer, MCP_EVENT_CHANGED);
	assert_int_equal(peer->event.list, MCP_TOOLS);
	peer_quiet(peer);
	(void)peer_lists(peer, MCP_TOOLS);
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/tools/list_changed','params':{}}");
	peer_event(peer, MCP_EVENT_CHANGED);
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/resources/list_changed'}");
	peer_event(peer, MCP_EVENT_CHANGED);
	assert_int_equal(peer->event.list, MCP_RESOURCES);
	peer_event(peer, MCP_EVENT_CHANGED);
	assert_int_equal(peer->event.list, MCP_RESOURCE_TEMPLATES);
	peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/prompts/list_changed'}");
	peer_event(peer, MCP_EVENT_CHANGED);
	assert_int_equal(peer->event.list, MCP_PROMPTS);
}

/* mv:118: whoever lists at each change makes two fetches of a hundred */
static void a_burst_of_changes_is_two_fetches(void **state)
{
	struct peer *peer = *state;
	int64_t ids[2] = { -1, -1 }, id;
	int fetches = 0, ends = 0;

	connect_all(peer);
	for (int i = 0; i < 100; i++) {
		peer_says(peer, "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
		id = peer_lists(peer, MCP_TOOLS); /* even without waiting for an event */
		ids[i > 0] = id;
		if (i > 1)
			assert_int_equal(id, ids[1]);
	}
	for (const char *line; (line = peer_reads(peer)) != NULL;) {
		long long page = strtoll(strstr(line, "'id':") + 5, NULL, 10);

		assert_non_null(strstr(line, "tools/list"));
		fetches++;
		gives_page(peer, page, "", NULL);
	}
	while (mcp_client_next(peer->client, &peer->event)) {
		if (peer->event.kind == MCP_EVENT_LISTED)
			assert_int_equal(peer->event.id, ids[ends++]);
	}
	assert_int_equal(fetches, 2);
	assert_int_equal(ends, 2);
}

static void a_list_can_be_given_up(void **state)
{
	struct peer *peer = *state;
	int64_t first, second;

	connect_all(peer);
	first = peer_lists(peer, MCP_TOOLS);
	(void)peer_reads(peer);
	second = peer_lists(peer, MCP_TOOLS);
	mcp_client_cancel(peer->client, first, span_text("enough"));
	peer_sees(peer,
		"{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':2,'reason':'enough'}}");
	peer_sees(peer, "{'jsonrpc':'2.0','id':4,'method':'tools/list'}"); /* the one that waited */
	gives_page(peer, 2, "1", NULL);
	gives_page(peer, 4, "2", NULL);
	listed(peer, second, "[2]");
	first = peer_lists(peer, MCP_TOOLS);
	second = peer_lists(peer, MCP_TOOLS);
	mcp_client_cancel(peer->client, second, span_of(NULL, 0));
	(void)peer_reads(peer);
	gives_page(peer, first + 1, "3", NULL);
	listed(peer, first, "[3]");
	peer_quiet(peer);
}

static void the_end_ends_lists_that_wait_too(void **state)
{
	struct peer *peer = *state;
	int64_t first, second;

	connect_all(peer);
	first = peer_lists(peer, MCP_TOOLS);
	second = peer_lists(peer, MCP_TOOLS);
	mcp_client_end(peer->client, "it was killed");
	failed(peer, first, CAPSULE_EIO, "Transport closed: it was killed");
	failed(peer, second, CAPSULE_EIO, "Transport closed: it was killed");
	peer_event(peer, MCP_EVENT_ENDED);
	peer_quiet(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(pages_are_put_together_in_order),
		PEER_TEST(each_list_has_its_method),
		PEER_TEST(a_cursor_that_comes_again_ends_it),
		PEER_TEST(pages_items_and_bytes_are_bounded),
		PEER_TEST(a_cursor_must_be_short),
		PEER_TEST(a_page_that_is_wrong_ends_it),
		PEER_TEST(each_page_has_its_time),
		PEER_TEST(a_change_is_told_until_it_is_acted_on),
		PEER_TEST(a_burst_of_changes_is_two_fetches),
		PEER_TEST(a_list_can_be_given_up),
		PEER_TEST(the_end_ends_lists_that_wait_too),
	};

	return cmocka_run_group_tests_name("mcp_client_lists", tests, NULL, NULL);
}
