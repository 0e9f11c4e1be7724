/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does it cost a guest to ask others: ten that answer a hook, or a run loop that answers an event by another one? It
 * asks ten times in a call, and fails when an answer is missing. The peer's side is bench/peer/src/events.rs, with the same
 * guests. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>

#define ANSWERS 10
#define ROUNDS 10 /* of one call */
#define RIGHTS                                                                                                         \
	"[capabilities]\nipc_publish = [\"bench.v1.ping\", \"bench.v1.pong\"]\n"                                       \
	"ipc_subscribe = [\"bench.v1.ping\", \"bench.v1.pong\"]\n"
#define TURN_MS 5
#define READY_NS INT64_C(10000000000)

struct subject {
	struct rig rig;
	struct capsule *caller, *answerers[ANSWERS];
	uint64_t triggered;
};

static int64_t run_rounds(struct subject *subject, const char *tool, uint64_t count, uint64_t *rounds)
{
	uint64_t calls = (count + ROUNDS - 1) / ROUNDS;
	char arguments[8];
	int len = snprintf(arguments, sizeof arguments, "%d", ROUNDS);
	int64_t start = bench_now(), took;

	for (uint64_t i = 0; i < calls; i++)
		(void)rig_call(&subject->rig, subject->caller, tool, arguments, (size_t)len);
	took = bench_now() - start;
	*rounds = calls * ROUNDS;
	return (int64_t)((double)took * (double)count / (double)*rounds);
}

static int64_t run_trigger(void *arg, uint64_t count)
{
	struct subject *subject = arg;
	uint64_t rounds;
	int64_t took = run_rounds(subject, "trigger", count, &rounds);

	subject->triggered += rounds;
	for (size_t i = 0; i < ANSWERS; i++)
		if (rig_ask(&subject->rig, subject->answerers[i], "count") != subject->triggered)
			bench_fail("a guest did not answer each time");
	return took;
}

static int64_t run_ping(void *arg, uint64_t count)
{
	uint64_t rounds;

	return run_rounds(arg, "ping", count, &rounds);
}

/* The loop has subscribed when an event has somebody to go to. */
static void await_loop(struct rig *rig)
{
	int64_t until = bench_now() + READY_NS;

	while (rig_publish_and_wait(rig, "bench.v1.ping", "{}", 2) == 0) {
		if (bench_now() > until)
			bench_fail("the run loop does not subscribe");
		rig_turn(rig, TURN_MS);
	}
	rig_turn(rig, TURN_MS); /* its answer, for nobody */
}

int main(int argc, char **argv)
{
	struct subject subject = { 0 };
	struct rig *rig = &subject.rig;
	const struct bench_case cases[] = {
		{ "hook.fanout", "µs", 1000, run_trigger, &subject },
		{ "ipc.roundtrip", "µs", 1000, run_ping, &subject },
	};

	rig_open(rig, bench_guests(argc, argv), NULL);
	for (size_t i = 0; i < ANSWERS; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "answer-%zu", i);
		rig_write(
			rig, id, "answer", "count", "[[interceptor]]\nevent = \"bench.v1.ask\"\naction = \"count\"\n");
		subject.answerers[i] = rig_load_written(rig, id);
	}
	rig_write(rig, "ponger", "ponger", "", RIGHTS);
	(void)rig_load_written(rig, "ponger");
	await_loop(rig);
	rig_write(rig, "caller", "caller", "trigger ping", RIGHTS);
	subject.caller = rig_load_written(rig, "caller");
	bench_run(cases, sizeof cases / sizeof cases[0]);
	rig_close(rig);
	return 0;
}
