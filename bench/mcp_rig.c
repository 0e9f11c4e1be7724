/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "mcp_rig.h"

#include "harness.h"
#include "process/libexec.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 65536

/* ---- Ours ---- */

static void find(char path[PATH_MAX], const char *guests, const char *name)
{
	char relative[PATH_MAX];

	(void)snprintf(relative, sizeof relative, "%s/%s", guests, name);
	if (realpath(relative, path) == NULL)
		bench_fail("no %s; bench/run compiles it", relative);
}

void mcp_rig_open(struct mcp_rig *rig, const char *guests)
{
	struct capsule_error error;

	*rig = (struct mcp_rig){ .results = 0 };
	find(rig->least, guests, "least");
	find(rig->words, guests, "words");
	if (libexec_find(&rig->launcher, NULL, "capsule-launch", &error) != CAPSULE_OK ||
		loop_new(&rig->loop, &clock_system, &error) != CAPSULE_OK)
		bench_fail("no launcher or no loop: %s", error.text);
}

void mcp_rig_close(struct mcp_rig *rig)
{
	loop_free(rig->loop);
	free(rig->launcher);
}

static void take_event(void *user, const struct mcp_event *event)
{
	struct mcp_rig *rig = user;

	rig->results += event->kind == MCP_EVENT_RESULT;
	rig->ready += event->kind == MCP_EVENT_READY;
	rig->ended += event->kind == MCP_EVENT_ENDED;
	if (event->kind == MCP_EVENT_ERROR || (event->kind == MCP_EVENT_ENDED && rig->starting))
		bench_fail("%s", event->error.text);
}

static void take_lost(void *user, const struct capsule_error *why)
{
	struct mcp_rig *rig = user;

	(void)why;
	rig->lost++;
}

struct mcp_stdio *mcp_rig_start(struct mcp_rig *rig, const char *const *argv, const struct sandbox_plan *plan)
{
	const struct process_spec spec = { .launcher = rig->launcher, .argv = argv, .input = -1, .sandbox = plan };
	const struct mcp_stdio_options options = {
		.loop = rig->loop,
		.spec = &spec,
		.client = { .name = "bench", .version = "1" },
		.event = take_event,
		.lost = take_lost,
		.user = rig,
	};
	struct mcp_stdio *server;
	struct capsule_error error;
	int ready = rig->ready;

	rig->starting = true;
	if (mcp_stdio_start(&server, &options, &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	while (rig->ready == ready)
		(void)loop_turn(rig->loop, -1);
	rig->starting = false;
	return server;
}

void mcp_rig_ask(struct mcp_rig *rig, const char *tool, const char *arguments)
{
	static const struct mcp_request_options options = { 0 };
	struct mcp_client *client = mcp_stdio_client(rig->server);
	struct capsule_error error;
	enum capsule_status status;
	int64_t now = loop_now(rig->loop), id;

	status = tool == NULL
		? mcp_client_request(client, span_text("ping"), span_of(NULL, 0), &options, now, &id, &error)
		: mcp_client_call_tool(client, span_text(tool), span_text(arguments), &options, now, &id, &error);
	if (status != CAPSULE_OK)
		bench_fail("%s", error.text);
	mcp_stdio_kick(rig->server);
}

int64_t mcp_rig_run(struct mcp_rig *rig, const char *tool, const char *arguments, uint64_t count, uint64_t at_once)
{
	uint64_t asked = rig->results, end = rig->results + count;
	int64_t begin = bench_now();

	while (rig->results < end) {
		while (asked < end && asked - rig->results < at_once) {
			mcp_rig_ask(rig, tool, arguments);
			asked++;
		}
		(void)loop_turn(rig->loop, -1);
	}
	return bench_now() - begin;
}

/* ---- The floor ---- */

void bare_start(struct bare *bare, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		bench_fail("no pipes");
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	if (posix_spawn(&bare->pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		bench_fail("%s does not start", argv[0]);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	bare->in = in[1];
	bare->out = out[0];
}

void bare_stop(struct bare *bare)
{
	(void)close(bare->in);
	(void)close(bare->out);
	(void)waitpid(bare->pid, NULL, 0);
}

void bare_ask(struct bare *bare, const char *line, size_t len, uint64_t count)
{
	static char bytes[ROOM];
	size_t said = 0;

	for (uint64_t i = 0; i < count && said + len <= sizeof bytes; i++, said += len)
		memcpy(bytes + said, line, len);
	if (said != len * count || write(bare->in, bytes, said) != (ssize_t)said)
		bench_fail("the server of the floor does not read");
	while (count > 0) {
		ssize_t got = read(bare->out, bytes, sizeof bytes);

		if (got <= 0)
			bench_fail("the server of the floor does not answer");
		for (ssize_t i = 0; i < got; i++)
			count -= bytes[i] == '\n';
	}
}

void bare_greet(struct bare *bare)
{
	static const char hello[] =
		"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
		"\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"floor\",\"version\":\"1\"}}}\n";
	static const char there[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

	bare_ask(bare, hello, sizeof hello - 1, 1);
	if (write(bare->in, there, sizeof there - 1) != (ssize_t)(sizeof there - 1))
		bench_fail("the server of the floor does not read");
}

int64_t bare_run(struct bare *bare, const char *tool, const char *arguments, uint64_t count, uint64_t at_once)
{
	char line[1024];
	int64_t begin;
	int len = tool == NULL
		? snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"id\":123456,\"method\":\"ping\"}\n")
		: snprintf(line, sizeof line,
			  "{\"jsonrpc\":\"2.0\",\"id\":123456,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
			  "\"arguments\":%s}}\n",
			  tool, arguments);

	for (begin = bench_now(); count > 0;) {
		uint64_t now = count < at_once ? count : at_once;

		bare_ask(bare, line, (size_t)len, now);
		count -= now;
	}
	return bench_now() - begin;
}
