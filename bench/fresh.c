/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does it cost that the call before was cut off, or that each call asks for it: a fresh instance and the call on it? A trapping call and a good one take
 * turns, since a capsule that does nothing but trap is slowed down on purpose. The clock runs for one of them only. */
#include "floor.h"
#include "harness.h"
#include "rig.h"

#include <string.h>

struct subject {
	struct rig *rig;
	struct capsule *capsule, *per_call;
	struct floor *floor;
};

static void trap(const struct subject *subject)
{
	struct capsule_op *op = NULL;
	enum capsule_status status = capsule_call(
		subject->capsule, "trap", "{}", 2, NULL, NULL, &op, subject->rig->error);

	if (status == CAPSULE_OK)
		status = capsule_op_wait(op, subject->rig->error);
	if (status != CAPSULE_ETRAP)
		bench_fail("the guest should have trapped: %s", capsule_error_text(subject->rig->error));
	capsule_op_free(op);
}

static int64_t run_fresh(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++) {
		int64_t start;

		trap(subject);
		start = bench_now();
		(void)rig_call(subject->rig, subject->capsule, "run", "{}", 2);
		took += bench_now() - start;
	}
	return took;
}

static int64_t run_per_call(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t start = bench_now();

	for (uint64_t i = 0; i < count; i++)
		(void)rig_call(subject->rig, subject->per_call, "run", "{}", 2);
	return bench_now() - start;
}

static int64_t run_trap(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++) {
		int64_t start;

		(void)rig_call(subject->rig, subject->capsule, "run", "{}", 2);
		start = bench_now();
		trap(subject);
		took += bench_now() - start;
	}
	return took;
}

static int64_t run_floor(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++) {
		int64_t start;

		floor_drop(subject->floor);
		start = bench_now();
		floor_renew(subject->floor);
		(void)floor_call(subject->floor, "", 0);
		took += bench_now() - start;
	}
	return took;
}

int main(int argc, char **argv)
{
	const char *guests = bench_guests(argc, argv);
	struct rig rig;
	struct subject subject = { .rig = &rig };
	const struct bench_case cases[] = {
		{ "fresh.call", "µs", 1000, run_fresh, &subject },
		{ "fresh.trap", "µs", 1000, run_trap, &subject },
		{ "fresh.percall", "µs", 1000, run_per_call, &subject },
		{ "floor.fresh", "µs", 1000, run_floor, &subject },
	};

	rig_open(&rig, guests, NULL);
	subject.capsule = rig_load(&rig, "trap", "trap", "run trap");
	rig_write(&rig, "percall", "trap", "run", "instance = \"per-call\"");
	subject.per_call = rig_load_written(&rig, "percall");
	subject.floor = floor_open(guests, "trap", "astrid_tool_call");
	bench_run(cases, sizeof cases / sizeof cases[0]);
	floor_close(subject.floor);
	rig_close(&rig);
	return 0;
}
