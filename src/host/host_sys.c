/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a guest asks about itself and its surroundings: configuration, caller, log, readiness, time. Nothing here waits. */
#include "host/host_rows.h"

#include "base/text.h"

enum host_answer host_sys_get_config(struct host_call *call, struct capsule_error *err)
{
	const char *value = map_get(&call->host->config, call->args[0]);

	(void)err;
	if (value != NULL)
		call->result = span_text(value);
	return HOST_READY;
}

/* The origin of a call carries neither a session nor a user in the sense of the guest ABI, which asks for an empty object
 * then. */
enum host_answer host_sys_get_caller(struct host_call *call, struct capsule_error *err)
{
	(void)err;
	call->result = span_text("{}");
	return HOST_READY;
}

/* Guests write levels in any case; a word that is none of these is not worth an error. */
static enum capsule_log_level level_of(struct span word)
{
	static const struct {
		const char *word;
		enum capsule_log_level level;
	} words[] = {
		{ "trace", CAPSULE_LOG_TRACE },
		{ "debug", CAPSULE_LOG_DEBUG },
		{ "warn", CAPSULE_LOG_WARN },
		{ "warning", CAPSULE_LOG_WARN },
		{ "error", CAPSULE_LOG_ERROR },
		{ "err", CAPSULE_LOG_ERROR },
	};
	char lower[sizeof "warning"] = "";

	if (word.len == 0 || word.len >= sizeof lower)
		return CAPSULE_LOG_INFO;
	memcpy(lower, word.data, word.len);
	text_lower(lower);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (span_is(span_of(lower, word.len), words[i].word))
			return words[i].level;
	}
	return CAPSULE_LOG_INFO;
}

enum host_answer host_sys_log(struct host_call *call, struct capsule_error *err)
{
	(void)err;
	log_write(call->host->log, level_of(call->args[0]), call->host->capsule_id, call->args[1]);
	return HOST_READY;
}

enum host_answer host_sys_signal_ready(struct host_call *call, struct capsule_error *err)
{
	(void)err;
	if (call->host->ready != NULL)
		call->host->ready(call->host);
	return HOST_READY;
}

enum host_answer host_sys_clock_ms(struct host_call *call, struct capsule_error *err)
{
	int64_t ns = clock_realtime_ns(loop_clock(call->host->loop));
	uint64_t ms = ns < 0
		? 0
		: (uint64_t)(ns / NS_PER_MS); /* a clock before 1970 is a broken one, not a reason to fail */

	return host_call_decimal(call, ms, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
}
