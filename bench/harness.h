/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Measuring: warm-up, batches long enough for the clock, many runs, one JSON object a figure on standard output. The cases
 * of one program take turns, run by run, so that a machine that is slow for a while is slow for all of them. A failure of
 * anything ends the program with a message: a figure of something that went wrong is worth nothing. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_CASES_MAX 16 /* of one bench_run() */

struct bench_case {
	const char *name, *unit;
	double ns_per_unit; /* 1000 for microseconds; 0: the unit is so many a second */
	/* Do it `count` times; returns how many nanoseconds that took, without what is not to be measured. */
	int64_t (*run)(void *arg, uint64_t count);
	void *arg;
};

/** Measure `count` cases and print each: the median, the lowest and the highest run, in units for doing it once, or how
 *  often it was done in a second. */
void bench_run(const struct bench_case *cases, size_t count);

/** The same with a third of the runs, for what takes a good part of a second each time. */
void bench_run_slow(const struct bench_case *cases, size_t count);

/** Print one figure of which each of `count` values is a run. Sorts `values`. */
void bench_report(const char *name, const char *unit, double *values, size_t count);

/** The value below which `percent` of the sorted `values` lie. */
double bench_percentile(const double *values, size_t count, double percent);
void bench_sort(double *values, size_t count);

/** Monotonic nanoseconds. */
int64_t bench_now(void);

/** Resident memory of this process, in MiB. */
double bench_resident_mib(void);

/** The number behind the first `key` in `text`; ends the program when there is none. */
uint64_t bench_number(const char *text, const char *key);

/** Print the message and end the program. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The folder with the compiled guests, the first argument of each program. A second one is the name of a case: bench_run()
 *  then measures that one alone and longer, which is what a profiler wants. */
const char *bench_guests(int argc, char **argv);

#endif
