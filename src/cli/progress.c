/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The progress line. Never seen by programs: only a terminal gets it. */
#include "cli/progress.h"
#include "cli/output.h"
#include "cli/text.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000
#define SHOWN_AFTER_NS (500 * (int64_t)NS_PER_MS)
#define REDRAWN_AFTER_NS (200 * (int64_t)NS_PER_MS)
#define WHAT_BYTES 44 /* so that the line fits into 80 columns */

int64_t cli_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void cli_progress_init(struct progress *progress)
{
	const char *term = getenv("TERM");

	*progress = (struct progress){ .enabled = term != NULL && strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO) };
}

void cli_progress_begin(struct progress *progress, const char *verb, const char *what, uint64_t total)
{
	progress->verb = verb;
	progress->what = what;
	progress->done = 0;
	progress->total = total;
	progress->began_ns = cli_now_ns();
	progress->next_ns = progress->began_ns + SHOWN_AFTER_NS;
}

void cli_progress_tick(struct progress *progress)
{
	char what[WHAT_BYTES];
	int64_t now;

	if (!progress->enabled || progress->verb == NULL)
		return;
	now = cli_now_ns();
	if (now < progress->next_ns)
		return;
	(void)cli_text_short(progress->what, what, sizeof what);
	(void)fprintf(stderr, "\r\033[K%s ", progress->verb);
	cli_print_clean(stderr, what, strlen(what), CLEAN_LINE);
	if (progress->total > 1)
		(void)fprintf(stderr, " %d%%", (int)(progress->done * 100 / progress->total));
	(void)fprintf(stderr, " %.1f s", (double)(now - progress->began_ns) / 1e9);
	(void)fflush(stderr);
	progress->drawn = true;
	progress->next_ns = now + REDRAWN_AFTER_NS;
}

int cli_progress_wait_ms(const struct progress *progress, int wait_ms)
{
	int64_t until_ms;

	if (!progress->enabled || progress->verb == NULL)
		return wait_ms;
	until_ms = (progress->next_ns - cli_now_ns()) / NS_PER_MS + 1;
	if (until_ms < 0)
		until_ms = 0;
	return wait_ms < 0 || wait_ms > until_ms ? (int)until_ms : wait_ms;
}

void cli_progress_erase(struct progress *progress)
{
	if (!progress->drawn)
		return;
	(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
	progress->drawn = false;
}

void cli_progress_end(struct progress *progress)
{
	cli_progress_erase(progress);
	progress->verb = NULL;
}
