/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a server cost beside what it does itself? A call and its answer, alone and 64 at once; its start; how soon its
 * death is known; memory. The server is this program itself, which answers as little as it may; the floor is the same
 * server with the same bytes behind two pipes, without anything of the library. */
#include "harness.h"

#include "loop/loop.h"
#include "mcp/stdio.h"
#include "process/libexec.h"
#include "process/sandbox.h"

#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVE "--serve"
#define ROOM 65536
#define AT_ONCE 64
#define CRASHES 40
#define STARTS 25
#define SERVERS 100
#define RESULT                                                                                                         \
	"\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a hundred bytes, more or less, as an answer has\"}]}}\n"
#define GREETING                                                                                                       \
	"\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":"     \
	"\"bench\",\"version\":\"1\"}}}\n"

static const char arguments[] =
	"{\"path\":\"some/file/of/a/workspace.txt\",\"from\":1,\"to\":200,\"query\":\"what is looked "
	"for in that file, in words\",\"deep\":true,\"more\":[1,2,3,4,5,6,7,8,9,10,11,12,13,1400]}";

/* ---- The server ---- */

static size_t answer(char *out, size_t room, const char *line)
{
	const char *id = strstr(line, "\"id\":");

	if (id == NULL)
		return 0;
	return (size_t)snprintf(out, room, "{\"jsonrpc\":\"2.0\",\"id\":%lld,%s", strtoll(id + 5, NULL, 10),
		strstr(line, "\"initialize\"") != NULL ? GREETING : RESULT);
}

/* All lines that are there are answered by one write. */
static int serve(void)
{
	static char in[ROOM + 1], out[ROOM * 4];
	size_t len = 0, said, at;
	ssize_t got;

	while ((got = read(STDIN_FILENO, in + len, ROOM - len)) > 0) {
		char *end;

		len += (size_t)got;
		in[len] = '\0';
		said = at = 0;
		while ((end = memchr(in + at, '\n', len - at)) != NULL) {
			*end = '\0';
			said += answer(out + said, sizeof out - said, in + at);
			at = (size_t)(end - in) + 1;
		}
		memmove(in, in + at, len - at);
		len -= at;
		if (said > 0 && write(STDOUT_FILENO, out, said) != (ssize_t)said)
			return 1;
	}
	return 0;
}

/* ---- Ours ---- */

struct scene {
	struct loop *loop;
	struct mcp_stdio *server;
	char *launcher, self[4096];
	uint64_t results;
	int ready, lost, ended;
	bool starting;
};

static void take_event(void *user, const struct mcp_event *event)
{
	struct scene *scene = user;

	scene->results += event->kind == MCP_EVENT_RESULT;
	scene->ready += event->kind == MCP_EVENT_READY;
	scene->ended += event->kind == MCP_EVENT_ENDED;
	if (event->kind == MCP_EVENT_ERROR || (event->kind == MCP_EVENT_ENDED && scene->starting))
		bench_fail("%s", event->error.text);
}

static void take_lost(void *user, const struct capsule_error *why)
{
	struct scene *scene = user;

	(void)why;
	scene->lost++;
}

static struct mcp_stdio *start(struct scene *scene, const struct sandbox_plan *plan)
{
	const char *const argv[] = { scene->self, SERVE, NULL };
	const struct process_spec spec = { .launcher = scene->launcher, .argv = argv, .input = -1, .sandbox = plan };
	const struct mcp_stdio_options options = {
		.loop = scene->loop,
		.spec = &spec,
		.client = { .name = "bench", .version = "1" },
		.event = take_event,
		.lost = take_lost,
		.user = scene,
	};
	struct mcp_stdio *server;
	struct capsule_error error;
	int ready = scene->ready;

	scene->starting = true;
	if (mcp_stdio_start(&server, &options, &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	while (scene->ready == ready)
		(void)loop_turn(scene->loop, -1);
	scene->starting = false;
	return server;
}

static void call(struct scene *scene)
{
	static const struct mcp_request_options options = { 0 };
	struct capsule_error error;
	int64_t id;

	if (mcp_client_call_tool(mcp_stdio_client(scene->server), span_text("read"), span_text(arguments), &options,
		    loop_now(scene->loop), &id, &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	mcp_stdio_kick(scene->server);
}

static int64_t run_calls(struct scene *scene, uint64_t count, uint64_t at_once)
{
	uint64_t asked = scene->results, end = scene->results + count;
	int64_t begin = bench_now();

	while (scene->results < end) {
		while (asked < end && asked - scene->results < at_once) {
			call(scene);
			asked++;
		}
		(void)loop_turn(scene->loop, -1);
	}
	return bench_now() - begin;
}

static int64_t run_one(void *arg, uint64_t count)
{
	return run_calls(arg, count, 1);
}

static int64_t run_many(void *arg, uint64_t count)
{
	return run_calls(arg, count, AT_ONCE);
}

/* ---- The floor ---- */

struct bare {
	pid_t pid;
	int in, out;
};

static void bare_start(struct bare *bare, const char *self)
{
	char *const argv[] = { (char *)(uintptr_t)self, (char *)(uintptr_t)SERVE, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	if (pipe(in) != 0 || pipe(out) != 0)
		bench_fail("no pipes");
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_addclose(&actions, in[1]);
	(void)posix_spawn_file_actions_addclose(&actions, out[0]);
	if (posix_spawn(&bare->pid, self, &actions, NULL, argv, environ) != 0)
		bench_fail("no server for the floor");
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	bare->in = in[1];
	bare->out = out[0];
}

static void bare_stop(struct bare *bare)
{
	(void)close(bare->in);
	(void)close(bare->out);
	(void)waitpid(bare->pid, NULL, 0);
}

/* Ask `count` times by one write, read until as many lines have come. */
static void bare_ask(struct bare *bare, const char *line, size_t len, uint64_t count)
{
	static char bytes[ROOM];
	size_t said = 0;

	for (uint64_t i = 0; i < count; i++, said += len)
		memcpy(bytes + said, line, len);
	if (write(bare->in, bytes, said) != (ssize_t)said)
		bench_fail("the server of the floor does not read");
	while (count > 0) {
		ssize_t got = read(bare->out, bytes, sizeof bytes);

		if (got <= 0)
			bench_fail("the server of the floor does not answer");
		for (ssize_t i = 0; i < got; i++)
			count -= bytes[i] == '\n';
	}
}

static int64_t run_bare(struct bare *bare, uint64_t count, uint64_t at_once)
{
	char line[1024];
	int len = snprintf(line, sizeof line,
		"{\"jsonrpc\":\"2.0\",\"id\":123456,\"method\":\"tools/call\",\"params\":{\"name\":\"read\",\"arguments\":%s}}\n",
		arguments);
	int64_t begin = bench_now();

	while (count > 0) {
		uint64_t now = count < at_once ? count : at_once;

		bare_ask(bare, line, (size_t)len, now);
		count -= now;
	}
	return bench_now() - begin;
}

static int64_t run_bare_one(void *arg, uint64_t count)
{
	return run_bare(arg, count, 1);
}

static int64_t run_bare_many(void *arg, uint64_t count)
{
	return run_bare(arg, count, AT_ONCE);
}

/* ---- Start, death, memory ---- */

static double ms_since(int64_t begin)
{
	return (double)(bench_now() - begin) / 1e6;
}

static double start_once(struct scene *scene, const struct sandbox_plan *plan)
{
	int64_t begin = bench_now();
	struct mcp_stdio *server = start(scene, plan);
	double ms = ms_since(begin);

	mcp_stdio_stop(server, false);
	while (scene->ended == 0)
		(void)loop_turn(scene->loop, -1);
	scene->ended = 0;
	mcp_stdio_free(server);
	return ms;
}

static double start_bare(const struct scene *scene)
{
	static const char hello[] = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"}\n";
	int64_t begin = bench_now();
	struct bare bare;
	double ms;

	bare_start(&bare, scene->self);
	bare_ask(&bare, hello, sizeof hello - 1, 1);
	ms = ms_since(begin);
	bare_stop(&bare);
	return ms;
}

/* The folders of this program and of the libraries that it has from elsewhere than the system. */
static void show_self(struct sandbox_plan *plan)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096 + 128];
	struct capsule_error error;

	if (maps == NULL)
		bench_fail("no /proc/self/maps");
	while (fgets(line, sizeof line, maps) != NULL) {
		const char *path = strchr(line, '/');
		char *slash = strrchr(line, '/');

		if (slash != NULL)
			*slash = '\0';
		if (path != NULL && strncmp(path, "/usr", 4) != 0 && strncmp(path, "/lib", 4) != 0 &&
			sandbox_plan_show(plan, path, false, "program", &error) != CAPSULE_OK)
			bench_fail("%s", error.text);
	}
	(void)fclose(maps);
}

static void measure_starts(struct scene *scene)
{
	double ours[STARTS], sandboxed[STARTS], bare[STARTS];
	struct sandbox_plan plan = { .count = 0 };
	struct capsule_error error;

	if (sandbox_available(&error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	show_self(&plan);
	for (size_t i = 0; i < STARTS; i++) {
		bare[i] = start_bare(scene);
		ours[i] = start_once(scene, NULL);
		sandboxed[i] = start_once(scene, &plan);
	}
	sandbox_plan_fini(&plan);
	bench_report("floor.mcp.start", "ms", bare, STARTS);
	bench_report("mcp.start", "ms", ours, STARTS);
	bench_report("mcp.start.sandboxed", "ms", sandboxed, STARTS);
}

static void measure_crashes(struct scene *scene)
{
	double values[CRASHES];

	for (size_t i = 0; i < CRASHES; i++) {
		struct mcp_stdio *server = start(scene, NULL);
		int64_t begin = bench_now();

		(void)kill(mcp_stdio_pid(server), SIGKILL);
		while (scene->lost == 0 && scene->ended == 0)
			(void)loop_turn(scene->loop, -1);
		values[i] = ms_since(begin);
		mcp_stdio_free(server);
		scene->lost = scene->ended = 0;
	}
	bench_report("mcp.crash", "ms", values, CRASHES);
}

static void measure_memory(struct scene *scene)
{
	static struct mcp_stdio *servers[SERVERS];
	double before = bench_resident_mib(), kib;

	for (size_t i = 0; i < SERVERS; i++) {
		servers[i] = scene->server = start(scene, NULL);
		(void)run_calls(scene, 4, 1);
	}
	kib = (bench_resident_mib() - before) * 1024 / SERVERS;
	bench_report("memory.mcp", "KiB", &kib, 1);
	for (size_t i = 0; i < SERVERS; i++)
		mcp_stdio_free(servers[i]);
}

int main(int argc, char **argv)
{
	struct scene scene = { .results = 0 };
	struct bare bare;
	struct capsule_error error;
	const struct bench_case cases[] = {
		{ "mcp.roundtrip", "µs", 1000, run_one, &scene },
		{ "floor.mcp.roundtrip", "µs", 1000, run_bare_one, &bare },
		{ "mcp.in_flight.64", "µs", 1000, run_many, &scene },
		{ "floor.mcp.in_flight.64", "µs", 1000, run_bare_many, &bare },
	};
	ssize_t len;

	if (argc > 1 && strcmp(argv[1], SERVE) == 0)
		return serve();
	(void)bench_guests(argc, argv);
	len = readlink("/proc/self/exe", scene.self, sizeof scene.self - 1);
	if (len <= 0 || libexec_find(&scene.launcher, NULL, "capsule-launch", &error) != CAPSULE_OK ||
		loop_new(&scene.loop, &clock_system, &error) != CAPSULE_OK)
		bench_fail("no launcher or no loop: %s", error.text);
	measure_memory(&scene);
	scene.server = start(&scene, NULL);
	bare_start(&bare, scene.self);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	bare_stop(&bare);
	mcp_stdio_free(scene.server);
	measure_starts(&scene);
	measure_crashes(&scene);
	loop_free(scene.loop);
	free(scene.launcher);
	return 0;
}
