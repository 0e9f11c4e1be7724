/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a server cost beside what it does itself? A request and its answer, alone and 64 at once; its start; how soon
 * its death is known; memory. Floors are bare pipes to a program in C. */
#include "harness.h"
#include "mcp_rig.h"

#include <signal.h>

#define AT_ONCE 64
#define CRASHES 40
#define STARTS 25
#define SERVERS 100

#define TOOL "count"

/* 165 bytes */
static const char arguments[] =
	"{\"text\":\"some words of a workspace that are to be counted, one after the other, until there are as many as a "
	"call of a tool has on an ordinary day, more or less\"}";

static int64_t run_ping(void *arg, uint64_t count)
{
	return mcp_rig_run(arg, NULL, NULL, count, 1);
}

static int64_t run_echo(void *arg, uint64_t count)
{
	return bare_run(arg, NULL, NULL, count, 1);
}

/* Of the 64 one is waiting all the time. */
static int64_t run_many(void *arg, uint64_t count)
{
	return mcp_rig_run(arg, TOOL, arguments, count, AT_ONCE - 1);
}

static int64_t run_bare_many(void *arg, uint64_t count)
{
	return bare_run(arg, TOOL, arguments, count, AT_ONCE - 1);
}

static void measure_requests(struct mcp_rig *rig)
{
	const char *const words[] = { rig->words, NULL }, *const echo[] = { rig->least, "echo", NULL };
	struct bare echoing, bare;
	const struct bench_case cases[] = {
		{ "mcp.roundtrip", "µs", 1000, run_ping, rig },
		{ "floor.mcp.roundtrip", "µs", 1000, run_echo, &echoing },
		{ "mcp.inflight.64", "µs", 1000, run_many, rig },
		{ "floor.mcp.inflight.64", "µs", 1000, run_bare_many, &bare },
	};

	rig->server = mcp_rig_start(rig, words, NULL);
	mcp_rig_ask(rig, "wait", "{\"ms\":600000}");
	bare_start(&echoing, echo);
	bare_start(&bare, words);
	bare_greet(&bare);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	bare_stop(&echoing);
	bare_stop(&bare);
	mcp_stdio_free(rig->server);
}

static double ms_since(int64_t begin)
{
	return (double)(bench_now() - begin) / 1e6;
}

static double start_once(struct mcp_rig *rig, const struct sandbox_plan *plan)
{
	const char *const least[] = { rig->least, NULL };
	int64_t begin = bench_now();
	struct mcp_stdio *server = mcp_rig_start(rig, least, plan);
	double ms = ms_since(begin);

	mcp_stdio_stop(server, false);
	while (rig->ended == 0)
		(void)loop_turn(rig->loop, -1);
	rig->ended = 0;
	mcp_stdio_free(server);
	return ms;
}

static double start_bare(const struct mcp_rig *rig)
{
	const char *const least[] = { rig->least, NULL };
	int64_t begin = bench_now();
	struct bare bare;
	double ms;

	bare_start(&bare, least);
	bare_greet(&bare);
	ms = ms_since(begin);
	bare_stop(&bare);
	return ms;
}

static void measure_starts(struct mcp_rig *rig)
{
	double ours[STARTS], sandboxed[STARTS], bare[STARTS];
	struct sandbox_plan plan = { .count = 0 };
	struct capsule_error error;

	if (sandbox_available(&error) != CAPSULE_OK ||
		sandbox_plan_show(&plan, rig->least, false, "program", &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	for (size_t i = 0; i < STARTS; i++) {
		bare[i] = start_bare(rig);
		ours[i] = start_once(rig, NULL);
		sandboxed[i] = start_once(rig, &plan);
	}
	sandbox_plan_fini(&plan);
	bench_report("floor.mcp.start", "ms", bare, STARTS);
	bench_report("mcp.start", "ms", ours, STARTS);
	bench_report("mcp.start.sandboxed", "ms", sandboxed, STARTS);
}

static void measure_crashes(struct mcp_rig *rig)
{
	const char *const least[] = { rig->least, NULL };
	double values[CRASHES];

	for (size_t i = 0; i < CRASHES; i++) {
		struct mcp_stdio *server = mcp_rig_start(rig, least, NULL);
		int64_t begin = bench_now();

		(void)kill(mcp_stdio_pid(server), SIGKILL);
		while (rig->lost == 0 && rig->ended == 0)
			(void)loop_turn(rig->loop, -1);
		values[i] = ms_since(begin);
		mcp_stdio_free(server);
		rig->lost = rig->ended = 0;
	}
	bench_report("mcp.crash", "ms", values, CRASHES);
}

#define IDLE_MS 5000

/* How often the loop wakes up in a second in which nothing happens to `servers`. */
static double wakeups(struct mcp_rig *rig)
{
	int64_t until = bench_now() + IDLE_MS * NS_PER_MS, left;
	uint64_t turns = 0;

	while ((left = until - bench_now()) > 0) {
		(void)loop_turn(rig->loop, (int)(left / NS_PER_MS) + 1);
		turns++;
	}
	return (double)(turns - 1) * 1000 / IDLE_MS; /* the last one is the end of the wait */
}

static void measure_idle(struct mcp_rig *rig)
{
	static struct mcp_stdio *servers[SERVERS];
	const char *const least[] = { rig->least, NULL };
	double before = bench_resident_mib(), kib, often;

	for (size_t i = 0; i < SERVERS; i++) {
		servers[i] = rig->server = mcp_rig_start(rig, least, NULL);
		(void)mcp_rig_run(rig, "read", arguments, 4, 1);
	}
	kib = (bench_resident_mib() - before) * 1024 / SERVERS;
	often = wakeups(rig);
	bench_report("memory.mcp", "KiB", &kib, 1);
	bench_report("mcp.idle", "wake-ups", &often, 1);
	for (size_t i = 0; i < SERVERS; i++)
		mcp_stdio_free(servers[i]);
}

int main(int argc, char **argv)
{
	struct mcp_rig rig;

	mcp_rig_open(&rig, bench_guests(argc, argv));
	measure_idle(&rig);
	measure_requests(&rig);
	measure_starts(&rig);
	measure_crashes(&rig);
	mcp_rig_close(&rig);
	return 0;
}
