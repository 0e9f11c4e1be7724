/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every allocation that a client makes fails once: what fails says so, and each request still ends once. The library in
 * this program is the usual one, with its calls of malloc() and the like sent to tests/starved.c. What is lost on the way
 * is found by the leak sanitizer. */
#include "mcp/client.h"
#include "mcp/result.h"
#include "tests/starved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROUND_MAX 500 /* allocations that fail before the story has to be over */

struct round {
	struct mcp_client *client;
	unsigned begun, over, ended, failures, results;
};

static void count(struct round *round)
{
	struct mcp_event event;

	while (mcp_client_next(round->client, &event)) {
		round->over += event.kind == MCP_EVENT_RESULT || event.kind == MCP_EVENT_ERROR ||
			event.kind == MCP_EVENT_LISTED;
		round->results += event.kind == MCP_EVENT_RESULT;
		round->failures += event.error.status == CAPSULE_ENOMEM;
		round->ended += event.kind == MCP_EVENT_ENDED;
	}
}

static void says(struct round *round, const char *text)
{
	/* In two pieces, so that one is kept. */
	size_t len = strlen(text), first = len / 2;
	struct span output;

	mcp_client_receive(round->client, span_of(text, first), 2);
	mcp_client_receive(round->client, span_of(text + first, len - first), 2);
	output = mcp_client_output(round->client);
	mcp_client_written(round->client, output.len);
	count(round);
}

static void began(struct round *round, enum capsule_status status)
{
	if (status == CAPSULE_OK)
		round->begun++;
	else
		assert_true(status == CAPSULE_ENOMEM || (status == CAPSULE_ESTATE && round->ended == 1));
	round->failures += status == CAPSULE_ENOMEM;
}

static void story(struct round *round)
{
	const struct mcp_request_options progress = { .progress = true };
	int64_t id = 0;

	mcp_client_start(round->client, 1);
	says(round,
		"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{},"
		"\"resources\":{}},\"instructions\":\"i\",\"serverInfo\":{\"name\":\"s\",\"version\":\"1\","
		"\"title\":\"\\u0041\"}}}\n");
	if (mcp_client_server(round->client) == NULL) {
		assert_int_equal(round->ended, 1);
		return;
	}
	began(round,
		mcp_client_call_tool(round->client, span_text("t"), span_text("[1]"), &progress, 2, &id, NULL)); /* 1 */
	began(round,
		mcp_client_request(round->client, span_text("x"), span_of(NULL, 0), &progress, 2, &id, NULL)); /* 2 */
	says(round,
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n");
	says(round, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n");
	says(round, "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":1,\"message\":\"\\u0041\",\"data\":[]}}\n");
	says(round,
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"\\u0041\"}}\n");
	says(round, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"roots/list\"}\n");
	mcp_client_answer(round->client, 1, span_text("{\"roots\":[]}"), 0, span_of(NULL, 0));
	began(round, mcp_client_list(round->client, MCP_TOOLS, 2, &id, NULL)); /* 3, its pages 4 and 5 */
	says(round, "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"tools\":[{}],\"nextCursor\":\"a\"}}\n");
	says(round, "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"tools\":[{}]}}\n");
	says(round, "noise\n");
	began(round, mcp_client_request(round->client, span_text("x"), span_of(NULL, 0), NULL, 2, &id, NULL));
	says(round, "\n"); /* it is written, so that the server is told */
	if (round->ended == 0 && round->begun > round->over) {
		mcp_client_cancel(round->client, id, span_text("r"));
		round->begun--;
	}
}

static bool starve(int nth)
{
	const struct mcp_client_options options = { .features = { .roots = true } };
	struct round round = { .client = NULL };
	struct mcp_client_counts counts;
	bool fired;

	starved_begin(nth);
	if (mcp_client_new(&round.client, &options, NULL) != CAPSULE_OK) {
		assert_true(starved_end());
		return true;
	}
	story(&round);
	mcp_client_end(round.client, NULL);
	fired = starved_end();
	count(&round);
	mcp_client_counts(round.client, &counts);
	assert_int_equal(round.ended, 1);
	assert_int_equal(counts.in_flight, 0);
	assert_int_equal(round.over, round.begun);
	if (!fired) {
		assert_int_equal(round.results, 1);
		assert_int_equal(round.failures, 0);
		assert_int_equal(round.over, 3);
	}
	mcp_client_free(round.client);
	return fired;
}

static void each_allocation_fails_once(void **state)
{
	int nth = 1;

	(void)state;
	while (starve(nth))
		assert_in_range(nth++, 1, ROUND_MAX);
	assert_in_range(nth, 20, ROUND_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails_once),
	};

	return cmocka_run_group_tests_name("mcp_starved", tests, NULL, NULL);
}
