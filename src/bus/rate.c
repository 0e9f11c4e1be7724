/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Token buckets in whole numbers: what flows in is reckoned in billionths, so that nothing is lost however often one
 * looks. */
#include "bus/rate.h"

#include "base/clock.h"
#include "base/limits.h"

#include <assert.h>
#include <inttypes.h>

#define RATE_MAX (UINT64_C(1) << 33) /* a second; with this a second's flow in billionths fits into 64 bits */

void rate_init(struct rate *rate, const struct rate_limits *limits, int64_t now_ns)
{
	*rate = (struct rate){ .limits = *limits, .filled_ns = now_ns };
	if (rate->limits.bytes_per_s == 0)
		rate->limits.bytes_per_s = LIMIT_PUBLISH_BYTES_PER_S;
	if (rate->limits.messages_per_s == 0)
		rate->limits.messages_per_s = LIMIT_PUBLISH_MESSAGES_PER_S;
	if (rate->limits.bytes_per_s > RATE_MAX)
		rate->limits.bytes_per_s = RATE_MAX;
	if (rate->limits.messages_per_s > RATE_MAX)
		rate->limits.messages_per_s = RATE_MAX;
	rate->bytes = rate->limits.bytes_per_s;
	rate->messages = rate->limits.messages_per_s;
}

/* `passed_ns` is less than a second. */
static void pour(uint64_t *level, uint64_t *part, uint64_t per_s, int64_t passed_ns)
{
	uint64_t flow = per_s * (uint64_t)passed_ns + *part;

	*level += flow / (uint64_t)NS_PER_S;
	*part = flow % (uint64_t)NS_PER_S;
	if (*level >= per_s) {
		*level = per_s;
		*part = 0;
	}
}

static void fill(struct rate *rate, int64_t now_ns)
{
	int64_t passed = now_ns - rate->filled_ns;

	if (passed <= 0)
		return;
	rate->filled_ns = now_ns;
	if (passed >= NS_PER_S) {
		rate->bytes = rate->limits.bytes_per_s;
		rate->messages = rate->limits.messages_per_s;
		rate->bytes_part = rate->messages_part = 0;
		return;
	}
	pour(&rate->bytes, &rate->bytes_part, rate->limits.bytes_per_s, passed);
	pour(&rate->messages, &rate->messages_part, rate->limits.messages_per_s, passed);
}

/* Until `missing` more have flowed in, rounded up. */
static uint64_t wait_ms(uint64_t missing, uint64_t per_s)
{
	assert(per_s > 0); /* rate_init() knows no limit of 0 */
	return (missing * 1000 + per_s - 1) / per_s;
}

enum capsule_status rate_take(struct rate *rate, size_t bytes, int64_t now_ns, struct capsule_error *err)
{
	const struct rate_limits *limits = &rate->limits;

	if (bytes > LIMIT_PUBLISH)
		return error_set(err, CAPSULE_ELIMIT, "Payload too large: %zu bytes, at most %u", bytes, LIMIT_PUBLISH);
	fill(rate, now_ns);
	if (bytes > limits->bytes_per_s)
		return error_set(err, CAPSULE_ELIMIT,
			"Rate limit exceeded: a message of %zu bytes, and %" PRIu64 " bytes a second are the limit",
			bytes, limits->bytes_per_s);
	if (bytes > rate->bytes)
		return error_set(err, CAPSULE_ELIMIT,
			"Rate limit exceeded: %" PRIu64 " bytes a second; this message fits in %" PRIu64 " ms",
			limits->bytes_per_s, wait_ms(bytes - rate->bytes, limits->bytes_per_s));
	if (rate->messages == 0)
		return error_set(err, CAPSULE_ELIMIT,
			"Rate limit exceeded: %" PRIu64 " messages a second; the next one fits in %" PRIu64 " ms",
			limits->messages_per_s, wait_ms(1, limits->messages_per_s));
	rate->bytes -= bytes;
	rate->messages--;
	return CAPSULE_OK;
}
