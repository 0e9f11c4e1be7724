/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a host function cost that a guest calls, and is it the same for the ten-thousandth one in a call as for the first?
 * The guests call in a loop, so that a call of theirs counts for little. */
#include "floor.h"
#include "harness.h"
#include "passage.h"
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>

struct subject {
	struct rig rig;
	struct capsule *capsule;
	struct passage *passage;
	struct floor *floor;
};

static int64_t run_tool(struct subject *subject, const char *tool, uint64_t count)
{
	char arguments[32];
	int len = snprintf(arguments, sizeof arguments, "%" PRIu64, count);
	int64_t start = bench_now();

	(void)rig_call(&subject->rig, subject->capsule, tool, arguments, (size_t)len);
	return bench_now() - start;
}

static int64_t run_clock(void *arg, uint64_t count)
{
	return run_tool(arg, "clock", count);
}

/* `count` host calls in guest calls of `each`. */
static int64_t run_chain(struct subject *subject, uint64_t count, uint64_t each)
{
	int64_t took = 0;

	for (; count > 0; count -= count < each ? count : each)
		took += run_tool(subject, "get_kept", count < each ? count : each);
	return took;
}

static int64_t run_long_chain(void *arg, uint64_t count)
{
	return run_chain(arg, count, 10000);
}

static int64_t run_short_chain(void *arg, uint64_t count)
{
	return run_chain(arg, count, 100);
}

static int64_t run_passage(struct subject *subject, const char *name, uint64_t count)
{
	int64_t start = bench_now();

	passage_call(subject->passage, name, count);
	return bench_now() - start;
}

static int64_t run_empty(void *arg, uint64_t count)
{
	return run_passage(arg, "empty", count);
}

static int64_t run_ready(void *arg, uint64_t count)
{
	return run_passage(arg, "ready", count);
}

static int64_t run_floor(void *arg, uint64_t count)
{
	struct subject *subject = arg;
	char input[32];
	int len = snprintf(input, sizeof input, "%" PRIu64, count);
	int64_t start = bench_now();

	(void)floor_call(subject->floor, input, (size_t)len);
	return bench_now() - start;
}

static int64_t run_clock_work(void *arg, uint64_t count)
{
	struct subject *subject = arg;
	int64_t start = bench_now();

	passage_clock_work(subject->passage, count);
	return bench_now() - start;
}

int main(int argc, char **argv)
{
	const char *guests = bench_guests(argc, argv);
	struct subject subject = { 0 };
	const struct bench_case cases[] = {
		{ "hostcall.empty", "µs", 1000, run_empty, &subject },
		{ "hostcall.ready", "µs", 1000, run_ready, &subject },
		{ "floor.hostcall", "µs", 1000, run_floor, &subject },
		{ "hostcall.clock", "µs", 1000, run_clock, &subject },
		{ "floor.hostcall.clock", "µs", 1000, run_clock_work, &subject },
		{ "hostcall.chain", "µs", 1000, run_long_chain, &subject },
		{ "hostcall.chain.100", "µs", 1000, run_short_chain, &subject },
	};

	rig_open(&subject.rig, guests, NULL);
	subject.capsule = rig_load(&subject.rig, "calls", "calls", "clock get_kept put");
	(void)run_tool(&subject, "put", 1);
	subject.passage = passage_open(guests);
	subject.floor = floor_open(guests, "passage", "empty");
	bench_run(cases, sizeof cases / sizeof cases[0]);
	floor_close(subject.floor);
	passage_close(subject.passage);
	rig_close(&subject.rig);
	return 0;
}
