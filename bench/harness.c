/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The number of rounds in a batch is found by doubling, which is the warm-up too. */
#include "harness.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS 21
#define RUNS_SLOW 7
#define RUNS_ALONE 200
#define BATCH_NS (10 * NS_PER_MS) /* at least; an hour of clock readings would not help against a noisy machine */
#define WARM_UP_NS (100 * NS_PER_MS)

static const char *alone; /* the only case to measure, NULL: all */

int64_t bench_now(void)
{
	return clock_monotonic_ns(&clock_system);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("bench: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

const char *bench_guests(int argc, char **argv)
{
	if (argc != 2 && argc != 3) {
		(void)fprintf(stderr, "usage: %s FOLDER_OF_GUESTS [CASE] (bench/run does it)\n", argv[0]);
		exit(2);
	}
	alone = argv[2];
	return argv[1];
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare);
}

double bench_percentile(const double *values, size_t count, double percent)
{
	size_t at = (size_t)((double)count * percent / 100);

	return values[at < count ? at : count - 1];
}

void bench_report(const char *name, const char *unit, double *values, size_t count)
{
	bench_sort(values, count);
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"low\":%.6g,\"high\":%.6g,\"runs\":%zu}\n", name,
		unit, values[count / 2], values[0], values[count - 1], count);
	(void)fflush(stdout);
}

static uint64_t warm_up(const struct bench_case *item)
{
	int64_t until = bench_now() + WARM_UP_NS;
	uint64_t count = 1;

	for (;;) {
		int64_t took = item->run(item->arg, count);

		if (took >= BATCH_NS && bench_now() >= until)
			return count;
		if (took < BATCH_NS)
			count *= 2;
	}
}

static double run_once(const struct bench_case *item, uint64_t rounds)
{
	double ns = (double)item->run(item->arg, rounds) / (double)rounds;

	return item->ns_per_unit > 0 ? ns / item->ns_per_unit : (double)NS_PER_S / ns;
}

static void run_alone(const struct bench_case *cases, size_t count)
{
	double values[RUNS_ALONE];
	const struct bench_case *item = cases;
	uint64_t rounds;

	while (item < cases + count && strcmp(item->name, alone) != 0)
		item++;
	if (item == cases + count)
		return; /* it may be one of another turn */
	rounds = warm_up(item);
	for (size_t run = 0; run < RUNS_ALONE; run++)
		values[run] = run_once(item, rounds);
	bench_report(item->name, item->unit, values, RUNS_ALONE);
}

static void run_all(const struct bench_case *cases, size_t count, size_t runs)
{
	double values[BENCH_CASES_MAX][RUNS];
	uint64_t rounds[BENCH_CASES_MAX];

	if (alone != NULL) {
		run_alone(cases, count);
		return;
	}
	if (count > BENCH_CASES_MAX)
		bench_fail("%zu cases, at most %d", count, BENCH_CASES_MAX);
	for (size_t i = 0; i < count; i++)
		rounds[i] = warm_up(&cases[i]);
	for (size_t run = 0; run < runs; run++)
		for (size_t i = 0; i < count; i++)
			values[i][run] = run_once(&cases[i], rounds[i]);
	for (size_t i = 0; i < count; i++)
		bench_report(cases[i].name, cases[i].unit, values[i], runs);
}

void bench_run(const struct bench_case *cases, size_t count)
{
	run_all(cases, count, RUNS);
}

void bench_run_slow(const struct bench_case *cases, size_t count)
{
	run_all(cases, count, RUNS_SLOW);
}

double bench_resident_mib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	char line[128], *at = line;
	long pages;

	if (file == NULL || fgets(line, sizeof line, file) == NULL)
		bench_fail("/proc/self/statm can't be read");
	(void)fclose(file);
	(void)strtol(at, &at, 10); /* the size of the address space comes first */
	pages = strtol(at, NULL, 10);
	return (double)(pages * sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

uint64_t bench_number(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	char *end;
	uint64_t value;

	if (at == NULL)
		bench_fail("no %s in %.200s", key, text);
	at += strlen(key);
	value = strtoull(at, &end, 10);
	if (end == at)
		bench_fail("no number behind %s in %.200s", key, text);
	return value;
}
