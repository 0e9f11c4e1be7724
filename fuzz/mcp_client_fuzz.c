/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client between a caller and a server that both do what the input says: requests, lists, cancellations, answers, time,
 * half-written output; lines that answer what was asked, and bytes of any kind. Beside it a list of what the caller asked
 * says what has to come: each request ends once, what was cancelled never does, the server's requests are answered once,
 * what is written are JSON lines of the right shape, and nothing waits beyond its bound. */
#include "fuzz/target.h"
#include "mcp/client.h"

#define ASKED_MAX 512
#define SERVER_MAX 256
#define IN_FLIGHT 6
#define EVENTS 12
#define MESSAGES 8
#define REQUESTS 4
#define LINE_BYTES 2048
#define OUTPUT_BYTES 4096

enum state { OPEN, OVER, CANCELLED };

struct asked {
	int64_t id;
	enum state state;
	bool list, written; /* written: the client has said so, by an event or when it was given up */
	bool sent;          /* its line was read */
};

struct world {
	struct mcp_client *client;
	const uint8_t *data;
	size_t left;
	int64_t now;
	struct asked asked[ASKED_MAX];
	size_t count;
	bool ended, ready;
	int64_t last_id;             /* highest id that the client wrote */
	struct buffer line;          /* that the client is writing */
	uint8_t answers[SERVER_MAX]; /* to the server's request of that id */
	bool due[SERVER_MAX];        /* that one has to be answered at once */
	bool partial;                /* the server's line has begun with other bytes */
	unsigned server_requests;
	uint64_t tokens[REQUESTS];
	size_t tokens_count;
};

static uint8_t take(struct world *world)
{
	if (world->left == 0)
		return 0;
	world->left--;
	return *world->data++;
}

static struct asked *find(struct world *world, int64_t id)
{
	for (size_t i = 0; i < world->count; i++) {
		if (world->asked[i].id == id)
			return &world->asked[i];
	}
	return NULL;
}

static void take_end(struct world *world, const struct mcp_event *event)
{
	struct asked *asked = find(world, event->id);

	CHECK(asked != NULL && asked->state == OPEN);
	CHECK(asked->list == (event->kind == MCP_EVENT_LISTED));
	CHECK(event->kind != MCP_EVENT_ERROR || event->error.status != CAPSULE_OK);
	CHECK(event->kind != MCP_EVENT_RESULT || json_is_object(event->json));
	CHECK(event->kind != MCP_EVENT_LISTED || json_is_array(event->json) != (event->error.status != CAPSULE_OK));
	asked->state = OVER;
}

static void take_event(struct world *world, const struct mcp_event *event)
{
	struct asked *asked;

	CHECK(!world->ended);
	CHECK(event->json.len == 0 || json_scan_whole(event->json, 0, NULL));
	switch (event->kind) {
	case MCP_EVENT_READY:
		CHECK(!world->ready && mcp_client_server(world->client) != NULL);
		world->ready = true;
		break;
	case MCP_EVENT_ENDED:
		CHECK(event->error.status != CAPSULE_OK && event->error.text[0] != '\0');
		world->ended = true;
		for (size_t i = 0; i < world->count; i++)
			CHECK(world->asked[i].state != OPEN);
		break;
	case MCP_EVENT_WRITTEN:
	case MCP_EVENT_PROGRESS:
		asked = find(world, event->id);
		CHECK(asked != NULL && asked->state == OPEN && !asked->list);
		CHECK(event->kind == MCP_EVENT_PROGRESS || !asked->written);
		asked->written = asked->written || event->kind == MCP_EVENT_WRITTEN;
		break;
	case MCP_EVENT_RESULT:
	case MCP_EVENT_ERROR:
	case MCP_EVENT_LISTED:
		take_end(world, event);
		break;
	case MCP_EVENT_REQUEST:
		if (world->tokens_count < REQUESTS)
			world->tokens[world->tokens_count++] = event->token;
		break;
	case MCP_EVENT_BAD_LINE:
		CHECK(event->text.len <= 200 && event->error.text[0] != '\0');
		break;
	default:
		break;
	}
}

static void drain_events(struct world *world)
{
	struct mcp_event event;
	size_t count = 0;

	while (mcp_client_next(world->client, &event)) {
		take_event(world, &event);
		count++;
	}
	/* The bound, what is owed to requests, lists and the server's requests, and the few that come by themselves. */
	CHECK(count <= EVENTS + 3 * IN_FLIGHT + 3 * MCP_LISTS + REQUESTS + 64);
}

/* One line of the client's, whole. */
static void check_line(struct world *world, struct span line)
{
	static const char *const names[] = { "jsonrpc", "id", "method", "result", "error" };
	struct span members[5];
	struct asked *asked;
	int64_t id;

	CHECK(json_scan_whole(line, 0, NULL) && json_is_object(line));
	json_scan_find(line, names, members, 5);
	CHECK(json_scan_is(members[0], "2.0"));
	CHECK((members[2].len > 0) + (members[3].len > 0) + (members[4].len > 0) == 1);
	if (members[2].len == 0) { /* an answer: our own ids of the server's requests are integers from 0 on */
		if (jsonrpc_integer(members[1], &id) && id >= 0 && id < world->server_requests) {
			CHECK(++world->answers[id] == 1);
		}
		return;
	}
	if (members[1].len == 0)
		return;
	CHECK(jsonrpc_integer(members[1], &id) && id > world->last_id);
	world->last_id = id;
	asked = find(world, id);
	if (asked != NULL)
		asked->sent = true;
}

/* Take up to `most` bytes of its output. */
static void read_output(struct world *world, size_t most)
{
	struct span output = mcp_client_output(world->client);
	size_t len = output.len < most ? output.len : most;

	CHECK(output.len == 0 || output.data[output.len - 1] == '\n');
	CHECK(output.len <= OUTPUT_BYTES + 128 * KIB);
	for (size_t i = 0; i < len; i++) {
		if (output.data[i] != '\n') {
			CHECK(buffer_append_byte(&world->line, output.data[i]));
			continue;
		}
		check_line(world, buffer_span(&world->line));
		buffer_clear(&world->line);
	}
	mcp_client_written(world->client, len);
}

static void add(struct world *world, enum capsule_status status, int64_t id, bool list)
{
	if (status != CAPSULE_OK || (list && find(world, id) != NULL)) /* a list that waits is shared */
		return;
	CHECK(world->count < ASKED_MAX && find(world, id) == NULL);
	world->asked[world->count++] = (struct asked){ .id = id, .list = list };
}

static void ask(struct world *world, uint8_t how)
{
	static const char *const arguments[] = { "{}", "null", "[1, 2]", "{\"a\":\n1}", "\"x\\n\"", "{", "" };
	struct mcp_request_options options = { .timeout_ms = how >> 4, .progress = (how & 8) != 0 };
	enum capsule_status status;
	int64_t id = -1;

	if (world->count == ASKED_MAX)
		return;
	if ((how & 3) == 0) {
		status = mcp_client_list(world->client, how >> 2 & 3, world->now, &id, NULL);
		add(world, status, id, true);
	} else if ((how & 3) == 1) {
		status = mcp_client_call_tool(world->client, span_text("t\"\n"), span_text(arguments[take(world) % 7]),
			&options, world->now, &id, NULL);
		add(world, status, id, false);
	} else {
		status = mcp_client_request(world->client, span_text((how & 3) == 2 ? "x/y" : "resources/read"),
			span_text(arguments[take(world) % 7]), &options, world->now, &id, NULL);
		add(world, status, id, false);
	}
}

static void cancel(struct world *world, uint8_t which)
{
	struct asked *asked = world->count > 0 ? &world->asked[world->count - 1 - which % world->count] : NULL;

	if (asked == NULL)
		return;
	if (asked->state == OPEN)
		asked->state = CANCELLED;
	if (mcp_client_cancel(world->client, asked->id, span_text("why\x01"))) {
		CHECK(!asked->written && !asked->list);
		asked->written = true;
	}
}

static void say(struct world *world, struct buffer *line)
{
	(void)buffer_append_byte(line, '\n');
	CHECK(!line->failed);
	mcp_client_receive(world->client, buffer_span(line), world->now);
	world->partial = false;
	buffer_fini(line);
}

/* Answer one of the last ids that the client used. */
static void answer(struct world *world, uint8_t which)
{
	static const char *const bodies[] = {
		"\"result\":{}",
		"\"result\":{\"content\":[ ],\"tools\":[{\"n\":1.0}],\"nextCursor\":\"a\"}",
		"\"result\":{\"tools\":[1, 2],\"prompts\":[],\"resources\":[ {} ],\"resourceTemplates\":[]}",
		"\"error\":{\"code\":-32602,\"message\":\"a\\u0000\\u001b\",\"data\":{\"supported\":[\"2025-03-26\"]}}",
		"\"result\":7",
		"\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{},\"resources\":{},\"prompts\":{}},"
		"\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}",
		"\"result\":{\"protocolVersion\":\"2025-03-26\",\"capabilities\":{\"tools\":{}},"
		"\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}",
		"\"error\":{}",
	};
	struct buffer line = { 0 };

	(void)buffer_printf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%lld,%s}",
		(long long)(world->last_id - (which >> 3) % 8), bodies[which & 7]);
	say(world, &line);
}

/* The server asks something, or takes it back, or tells something. */
static void server_acts(struct world *world, uint8_t how)
{
	static const char *const methods[] = { "roots/list", "ping", "elicitation/create\",\"params\":{\"x\":\"",
		"foo" };
	static const char *const notifications[] = { "tools/list_changed", "resources/list_changed", "message",
		"resources/updated\",\"params\":{\"uri\":\"a\"},\"y\":\"", "other" };
	struct buffer line = { 0 };
	const char *method = methods[how >> 2 & 3];

	if ((how & 3) == 0 && world->server_requests < SERVER_MAX) {
		world->due[world->server_requests] = !world->partial && (how & 4) != 0; /* a ping, or unknown */
		(void)buffer_printf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\"%s}",
			world->server_requests++, method, strchr(method, '{') != NULL ? "}" : "");
	} else if ((how & 3) == 1 && world->server_requests > 0) {
		unsigned id = world->server_requests - 1 - how % world->server_requests;

		(void)buffer_printf(&line,
			"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":%u}}",
			id);
	} else if ((how & 3) == 2) {
		(void)buffer_printf(&line,
			"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%lld,"
			"\"progress\":%u}}",
			(long long)(world->last_id - (how >> 2) % 8), how);
	} else {
		(void)buffer_printf(
			&line, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\"}", notifications[(how >> 2) % 5]);
	}
	say(world, &line);
}

static void caller_answers(struct world *world, uint8_t how)
{
	static const char *const results[] = { "{}", "{ \"roots\": [ ] }", "[", "" };

	if (world->tokens_count > 0)
		mcp_client_answer(world->client, world->tokens[--world->tokens_count], span_text(results[how & 3]),
			(how & 4) != 0 ? -1 : 0, span_text("no\n"));
}

static void raw_bytes(struct world *world)
{
	size_t len = take(world);

	if (len > world->left)
		len = world->left;
	mcp_client_receive(world->client, span_of(world->data, len), world->now);
	if (len > 0)
		world->partial = world->data[len - 1] != '\n';
	world->data += len;
	world->left -= len;
}

static void step(struct world *world)
{
	uint8_t what = take(world), how = take(world);

	switch (what % 10) {
	case 0:
		ask(world, how);
		break;
	case 1:
		cancel(world, how);
		break;
	case 2:
	case 3:
		answer(world, how);
		break;
	case 4:
		server_acts(world, how);
		break;
	case 5:
		caller_answers(world, how);
		break;
	case 6:
		world->now += (int64_t)how * how * 100000;
		mcp_client_tick(world->client, world->now);
		CHECK(mcp_client_deadline(world->client) > world->now);
		break;
	case 7:
		read_output(world, how < 128 ? how : SIZE_MAX);
		break;
	case 8:
		drain_events(world);
		break;
	default:
		raw_bytes(world);
		break;
	}
}

static void check_counts(struct world *world)
{
	struct mcp_client_counts counts;

	mcp_client_counts(world->client, &counts);
	CHECK(counts.in_flight <= IN_FLIGHT + 1 + MCP_LISTS);
	CHECK(counts.waiting_output <= MESSAGES + IN_FLIGHT + REQUESTS + 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mcp_client_options options = { .line_bytes = LINE_BYTES, .output_bytes = OUTPUT_BYTES, .ping_ms = 50 };
	struct world world = { .data = data, .left = size, .last_id = -1 };
	uint8_t features;

	options.in_flight = IN_FLIGHT;
	options.events = EVENTS;
	options.output_messages = MESSAGES;
	options.server_requests = REQUESTS;
	options.list_pages = 3;
	options.list_items = 5;
	options.request_ms = 40;
	options.request_hard_ms = 200;
	features = take(&world);
	options.features = (struct mcp_client_features){
		.roots = (features & 1) != 0, .sampling = (features & 2) != 0, .elicitation_form = (features & 4) != 0
	};
	CHECK(mcp_client_new(&world.client, &options, NULL) == CAPSULE_OK);
	mcp_client_start(world.client, 0);
	if ((features & 8) == 0) { /* connected already, which most inputs want to be */
		read_output(&world, SIZE_MAX);
		answer(&world, 5);
		read_output(&world, SIZE_MAX);
	}
	while (world.left > 0) {
		step(&world);
		check_counts(&world);
	}
	read_output(&world, SIZE_MAX);
	drain_events(&world);
	for (size_t i = 0; i < world.count && !world.ended; i++)
		CHECK(world.asked[i].list || world.asked[i].sent == world.asked[i].written);
	for (unsigned id = 0; id < world.server_requests && !world.ended; id++)
		CHECK(!world.due[id] || world.answers[id] == 1);
	mcp_client_end(world.client, (features & 16) != 0 ? "why" : NULL);
	drain_events(&world);
	CHECK(world.ended && mcp_client_output(world.client).len == 0);
	CHECK(mcp_client_deadline(world.client) == INT64_MAX);
	buffer_fini(&world.line);
	mcp_client_free(world.client);
	return 0;
}
