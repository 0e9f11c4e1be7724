/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line on a terminal that says what takes so long; drawn after half a second, gone when the work is done. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool enabled; /* standard error is a terminal that can erase a line */
	bool drawn;
	const char *verb, *what; /* "loading", "examples/hello"; NULL: nothing is going on */
	uint64_t done, total;    /* shown when total is over 1 */
	int64_t began_ns, next_ns;
};

void cli_progress_init(struct progress *progress);

/** Begin with `verb` `what` (both borrowed until the end); `total` counts steps, 1 for one that can't be counted. */
void cli_progress_begin(struct progress *progress, const char *verb, const char *what, uint64_t total);

/** Draw it if it is time. */
void cli_progress_tick(struct progress *progress);

/** How long one may wait, at most `wait_ms` (-1: for ever), before the next cli_progress_tick(). */
int cli_progress_wait_ms(const struct progress *progress, int wait_ms);

/** Erase the line, for other output or because the work is done. */
void cli_progress_erase(struct progress *progress);
void cli_progress_end(struct progress *progress);

/** The monotonic clock in nanoseconds. */
int64_t cli_now_ns(void);

#endif
