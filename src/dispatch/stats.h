/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule did with its events: times in a histogram of two steps to each power of two, so that a quantile is too
 * large by a half at most. */
#ifndef DISPATCH_STATS_H
#define DISPATCH_STATS_H

#include <stdint.h>

#define STATS_BUCKETS 64

struct member_stats {
	uint64_t times[STATS_BUCKETS]; /* from publication to the end of the call */
	int64_t cpu_ns;
	uint64_t published, refused, vetoed, rewritten;
};

void stats_note(struct member_stats *stats, int64_t ns);

/** The time in nanoseconds that `part` (0 to 1) of all were below: the end of a bucket. 0 for none. */
int64_t stats_quantile(const struct member_stats *stats, double part);

#endif
