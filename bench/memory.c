/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much memory does a capsule take that has been called and is idle, or that waits in the middle of a call or in its run
 * loop? Many of one module, each run in a process of its own, which the ones before have not grown. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define RUNS 3
#define FIRST 16 /* capsules before the first look: what is made once is not counted */
#define COUNT_MAX 1000
#define TRIM_MS 2500 /* idle instances give pages back a second after their last call */

enum state {
	IDLE,      /* called before */
	SUSPENDED, /* in the middle of a call */
	LOOPING,   /* waits in its run loop */
};

struct scene {
	const char *name, *guest;
	enum state state;
	size_t count;
};

static double resident_kib(void)
{
	return bench_resident_mib() * 1024.0;
}

static void fill(struct rig *rig, const struct scene *scene, size_t from, size_t to, struct capsule_op **ops)
{
	for (size_t i = from; i < to; i++) {
		struct capsule *capsule;
		char id[32];

		(void)snprintf(id, sizeof id, "c%zu", i);
		capsule = rig_load(rig, id, scene->guest, "run");
		if (scene->state == SUSPENDED)
			ops[i] = rig_start(rig, capsule, "run", NULL, NULL);
		else if (scene->state == IDLE)
			(void)rig_call(rig, capsule, "run", "{}", 2);
	}
	rig_turn(rig, TRIM_MS);
}

static double measure(const char *guests, const struct scene *scene)
{
	static struct capsule_op *ops[FIRST + COUNT_MAX];
	size_t end = FIRST + scene->count;
	struct rig rig;
	double before, after;

	rig_open(&rig, guests, NULL);
	fill(&rig, scene, 0, FIRST, ops);
	before = resident_kib();
	fill(&rig, scene, FIRST, end, ops);
	after = resident_kib();
	for (size_t i = 0; scene->state == SUSPENDED && i < end; i++) {
		if (capsule_op_done(ops[i]))
			bench_fail("a guest did not wait");
		capsule_op_free(ops[i]);
	}
	rig_close(&rig);
	return (after - before) / (double)scene->count;
}

static double measure_apart(const char *guests, const struct scene *scene)
{
	double kib = 0;
	int ends[2], status = 0;
	pid_t child;

	if (pipe(ends) != 0 || (child = fork()) < 0)
		bench_fail("no process for a run");
	if (child == 0) {
		kib = measure(guests, scene);
		_exit(write(ends[1], &kib, sizeof kib) == sizeof kib ? 0 : 1);
	}
	(void)close(ends[1]);
	if (read(ends[0], &kib, sizeof kib) != sizeof kib || waitpid(child, &status, 0) != child || status != 0)
		bench_fail("a run failed");
	(void)close(ends[0]);
	return kib;
}

int main(int argc, char **argv)
{
	static const struct scene scenes[] = {
		{ "memory.idle", "echo", IDLE, COUNT_MAX },
		{ "memory.suspended", "sleep", SUSPENDED, COUNT_MAX },
		{ "memory.loop", "loop", LOOPING, COUNT_MAX },
		{ "memory.800k", "large", IDLE, 200 },
	};
	const char *guests = bench_guests(argc, argv);
	double values[RUNS];

	for (size_t scene = 0; scene < sizeof scenes / sizeof scenes[0]; scene++) {
		for (size_t i = 0; i < RUNS; i++)
			values[i] = measure_apart(guests, &scenes[scene]);
		bench_report(scenes[scene].name, "KiB", values, RUNS);
	}
	return 0;
}
