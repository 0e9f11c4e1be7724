/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "dispatch/stats.h"

#define FIRST_NS 256 /* what is shorter is in the first bucket */

/* Two buckets to each power of two: [2^n, 1.5 * 2^n) and [1.5 * 2^n, 2^(n+1)). */
static unsigned bucket_of(int64_t ns)
{
	unsigned power, bucket;

	if (ns < FIRST_NS)
		return 0;
	power = 63u - (unsigned)__builtin_clzll((unsigned long long)ns);
	bucket = 1 + 2 * (power - 8) + (unsigned)(((uint64_t)ns >> (power - 1)) & 1);
	return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}

/* Where the bucket ends. */
static int64_t end_of(unsigned bucket)
{
	int64_t power;

	if (bucket == 0)
		return FIRST_NS;
	power = INT64_C(1) << (8 + (bucket - 1) / 2);
	return (bucket - 1) % 2 == 0 ? power + power / 2 : power * 2;
}

void stats_note(struct member_stats *stats, int64_t ns)
{
	stats->times[bucket_of(ns)]++;
}

int64_t stats_quantile(const struct member_stats *stats, double part)
{
	uint64_t all = 0, below = 0;

	for (unsigned i = 0; i < STATS_BUCKETS; i++)
		all += stats->times[i];
	for (unsigned i = 0; all > 0 && i < STATS_BUCKETS; i++) {
		below += stats->times[i];
		if (below > 0 && (double)below >= part * (double)all)
			return end_of(i);
	}
	return 0;
}
