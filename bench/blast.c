/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A million events at one capsule that is too slow for them: how long do calls of another one take meanwhile, and how much
 * memory does it take? What the slow one has no room for is lost and counted: at the end the books have to close. */
#include "base/clock.h"
#include "harness.h"
#include "rig.h"

#include <inttypes.h>
#include <stdlib.h>

#define RUNS 3
#define EVENTS 1000000
#define PER_TURN 64
#define TOPIC "bench.v1.blast"
#define PAYLOAD "{\"n\":1,\"text\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"

struct blast {
	struct rig rig;
	struct capsule *other;
	double *calls; /* in milliseconds */
	size_t count;
	int64_t called_ns; /* 0: no call is under way */
};

static void answered(struct capsule_op *op, void *user)
{
	struct blast *blast = user;

	if (capsule_error_status(capsule_op_error(op)) != CAPSULE_OK)
		bench_fail("%s", capsule_error_text(capsule_op_error(op)));
	blast->calls[blast->count++] = (double)(bench_now() - blast->called_ns) / (double)NS_PER_MS;
	blast->called_ns = 0;
	capsule_op_free(op);
}

static void call(struct blast *blast)
{
	if (blast->called_ns != 0)
		return;
	blast->called_ns = bench_now();
	(void)rig_start(&blast->rig, blast->other, "run", answered, blast);
}

static void check_books(struct blast *blast, uint64_t events)
{
	const char *stats = capsule_event_stats_json(blast->rig.runtime);
	uint64_t ended = bench_number(stats, "\"delivered\":") + bench_number(stats, "\"failed\":") +
		bench_number(stats, "\"vetoed\":") + bench_number(stats, "\"overflow\":") +
		bench_number(stats, "\"too_large\":") + bench_number(stats, "\"gone\":") +
		bench_number(stats, "\"no_memory\":") + bench_number(stats, "\"pending\":");

	if (bench_number(stats, "\"matched\":") != events || ended != events)
		bench_fail("%" PRIu64 " of %" PRIu64 " events have an outcome or wait", ended, events);
	if (bench_number(stats, "\"failed\":") != 0)
		bench_fail("an interceptor failed");
}

static void run(struct blast *blast, double *p99, double *mib)
{
	double before = bench_resident_mib();

	blast->count = 0;
	for (size_t i = 0; i < EVENTS / PER_TURN; i++) {
		call(blast);
		for (size_t k = 0; k < PER_TURN; k++)
			rig_publish(&blast->rig, TOPIC, PAYLOAD, sizeof PAYLOAD - 1);
		(void)capsule_runtime_turn(blast->rig.runtime, 0);
	}
	*mib = bench_resident_mib() - before;
	while (blast->called_ns != 0)
		(void)capsule_runtime_turn(blast->rig.runtime, -1);
	bench_sort(blast->calls, blast->count);
	*p99 = bench_percentile(blast->calls, blast->count, 99);
}

int main(int argc, char **argv)
{
	struct blast blast = { .calls = calloc(EVENTS / PER_TURN + 1, sizeof(double)) };
	double p99[RUNS], mib[RUNS];

	if (blast.calls == NULL)
		bench_fail("out of memory");
	rig_open(&blast.rig, bench_guests(argc, argv), NULL);
	rig_write(&blast.rig, "slow", "slow", "", "[[interceptor]]\nevent = \"" TOPIC "\"\naction = \"work\"\n");
	(void)rig_load_written(&blast.rig, "slow");
	blast.other = rig_load(&blast.rig, "other", "echo", "run");
	(void)rig_call(&blast.rig, blast.other, "run", "{}", 2);
	for (size_t i = 0; i < RUNS; i++) {
		run(&blast, &p99[i], &mib[i]);
		check_books(&blast, (i + 1) * (uint64_t)(EVENTS / PER_TURN * PER_TURN));
	}
	bench_report("event.blast", "ms", p99, RUNS);
	bench_report("event.blast.memory", "MiB", mib, RUNS);
	rig_close(&blast.rig);
	free(blast.calls);
	return 0;
}
