/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much memory do ten thousand guests take that wait in their loops, and how long does it take until one event has woken
 * all of them? One run: what ten thousand take together hardly differs from one to the next. */
#include "base/clock.h"
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define LOOPS 10000
#define WAKES 21
#define IDLE_MS 1000
#define TRIM_MS 2500 /* idle instances give pages back a second after their last call */
#define TURN_MS 5
#define RIGHTS "[capabilities]\nipc_publish = [\"bench.v1.told\"]\nipc_subscribe = [\"bench.v1.loop.*\"]\n"
#define READY_NS (60 * NS_PER_S)

/* What the loops told: how many did, and how often they were woken in all. */
struct told {
	uint64_t loops, woken;
};

static void await_loops(struct rig *rig)
{
	int64_t until = bench_now() + READY_NS;

	while (rig_publish_and_wait(rig, "bench.v1.loop.nothing", "{}", 2) < LOOPS) {
		if (bench_now() > until)
			bench_fail("not all of the loops subscribe");
		rig_turn(rig, TURN_MS);
	}
}

static void arrived(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct told *told = user;
	char text[64];

	(void)snprintf(text, sizeof text, "%.*s", (int)event->payload_len, event->payload);
	if (lost > 0)
		bench_fail("%llu lost, then: %s", (unsigned long long)lost, text);
	told->loops++;
	told->woken += bench_number(text, "\"woken\":");
}

/* Every loop says itself how often it was woken. */
static void check(struct rig *rig)
{
	const struct capsule_subscribe_options options = { .size = sizeof options, .inbox_messages = 2 * LOOPS };
	struct capsule_subscription *subscription = NULL;
	int64_t until = bench_now() + READY_NS;
	struct told told = { 0 };

	if (capsule_subscribe(rig->runtime, "bench.v1.told", &options, arrived, &told, &subscription, rig->error) !=
		CAPSULE_OK)
		bench_fail("%s", capsule_error_text(rig->error));
	rig_publish(rig, "bench.v1.loop.tell", "{}", 2);
	while (told.loops < LOOPS && bench_now() < until)
		rig_turn(rig, TURN_MS);
	if (told.loops != LOOPS || told.woken != (uint64_t)LOOPS * WAKES)
		bench_fail("%llu loops were woken %llu times", (unsigned long long)told.loops,
			(unsigned long long)told.woken);
	capsule_unsubscribe(subscription);
}

/* How often the process gives the processor back while nothing happens, besides the wait itself. */
static double idle_wakeups(struct rig *rig)
{
	struct rusage before, after;

	(void)capsule_runtime_turn(rig->runtime, 0);
	(void)getrusage(RUSAGE_SELF, &before);
	(void)capsule_runtime_turn(rig->runtime, IDLE_MS);
	(void)getrusage(RUSAGE_SELF, &after);
	return (double)(after.ru_nvcsw - before.ru_nvcsw - 1);
}

int main(int argc, char **argv)
{
	double before, mib, idle, wakes[WAKES];
	struct rig rig;

	rig_open(&rig, bench_guests(argc, argv), NULL);
	before = bench_resident_mib();
	for (size_t i = 0; i < LOOPS; i++) {
		char id[32];

		(void)snprintf(id, sizeof id, "waiter-%zu", i);
		rig_write(&rig, id, "waiter", "", RIGHTS);
		(void)rig_load_written(&rig, id);
	}
	await_loops(&rig);
	rig_turn(&rig, TRIM_MS);
	mib = bench_resident_mib() - before;
	idle = idle_wakeups(&rig);
	for (size_t i = 0; i < WAKES; i++) {
		int64_t start = bench_now();

		if (rig_publish_and_wait(&rig, "bench.v1.loop.wake", "{}", 2) != LOOPS)
			bench_fail("a loop was not woken");
		wakes[i] = (double)(bench_now() - start) / (double)NS_PER_MS;
	}
	check(&rig);
	bench_report("runloops.10000", "MiB", &mib, 1);
	bench_report("runloops.idle", "wake-ups", &idle, 1);
	bench_report("runloops.wake", "ms", wakes, WAKES);
	rig_close(&rig);
	return 0;
}
