/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much memory does a capsule take that has been called and is idle, or that waits in the middle of a call? A thousand of
 * one module, each run in a process of its own, which the ones before have not grown. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 3
#define FIRST 16 /* capsules before the first look: what is made once is not counted */
#define COUNT 1000
#define TRIM_MS 2500 /* idle instances give pages back a second after their last call */

static double resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	char line[128], *at = line;
	long pages;

	if (file == NULL || fgets(line, sizeof line, file) == NULL)
		bench_fail("/proc/self/statm can't be read");
	(void)fclose(file);
	(void)strtol(at, &at, 10); /* the size of the address space comes first */
	pages = strtol(at, NULL, 10);
	return (double)(pages * sysconf(_SC_PAGESIZE)) / 1024.0;
}

static void fill(struct rig *rig, size_t from, size_t to, const char *guest, struct capsule_op **ops)
{
	for (size_t i = from; i < to; i++) {
		struct capsule *capsule;
		char id[32];

		(void)snprintf(id, sizeof id, "c%zu", i);
		capsule = rig_load(rig, id, guest, "run");
		if (ops != NULL)
			ops[i] = rig_start(rig, capsule, "run", NULL, NULL);
		else
			(void)rig_call(rig, capsule, "run", "{}", 2);
	}
	rig_turn(rig, TRIM_MS);
}

static double measure(const char *guests, bool suspended)
{
	static struct capsule_op *ops[FIRST + COUNT];
	struct rig rig;
	double before, after;

	rig_open(&rig, guests, NULL);
	fill(&rig, 0, FIRST, suspended ? "sleep" : "echo", suspended ? ops : NULL);
	before = resident_kib();
	fill(&rig, FIRST, FIRST + COUNT, suspended ? "sleep" : "echo", suspended ? ops : NULL);
	after = resident_kib();
	for (size_t i = 0; suspended && i < FIRST + COUNT; i++) {
		if (capsule_op_done(ops[i]))
			bench_fail("a guest did not wait");
		capsule_op_free(ops[i]);
	}
	rig_close(&rig);
	return (after - before) / COUNT;
}

static double measure_apart(const char *guests, bool suspended)
{
	double kib = 0;
	int ends[2], status = 0;
	pid_t child;

	if (pipe(ends) != 0 || (child = fork()) < 0)
		bench_fail("no process for a run");
	if (child == 0) {
		kib = measure(guests, suspended);
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
	static const char *const names[] = { "memory.idle", "memory.suspended" };
	const char *guests = bench_guests(argc, argv);
	double values[RUNS];

	for (size_t suspended = 0; suspended < 2; suspended++) {
		for (size_t i = 0; i < RUNS; i++)
			values[i] = measure_apart(guests, suspended != 0);
		bench_report(names[suspended], "KiB", values, RUNS);
	}
	return 0;
}
