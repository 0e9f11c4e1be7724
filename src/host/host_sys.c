/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a guest asks about itself and its surroundings: configuration, caller, log, readiness, time. Nothing here waits. */
#include "host/host_rows.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>

enum host_answer host_sys_get_config(struct host_call *call, struct capsule_error *err)
{
	const char *value = map_get(&call->host->config, call->args[0]);

	(void)err;
	if (value != NULL)
		call->result = span_text(value);
	return HOST_READY;
}

static void append_caller(struct buffer *out, const struct origin *origin)
{
	static const struct uuid none;
	bool capsule = memcmp(&origin->source, &none, sizeof none) != 0;
	char session[UUID_TEXT_LEN + 1];

	uuid_format(&origin->source, session);
	(void)buffer_printf(out, "{\"call_id\":\"%" PRIu64 "\",\"session_id\":", origin->call_id);
	(void)(capsule ? buffer_printf(out, "\"%s\"", session) : buffer_append_text(out, "null"));
	(void)buffer_printf(out, ",\"source\":\"%s\",\"user_id\":", capsule ? "capsule" : "host");
	(void)json_append_lossy(out, span_text(origin->principal));
	(void)buffer_append_byte(out, '}');
}

/* Nobody has asked for what happens outside of calls: while a module is initialised, and in a run loop. */
enum host_answer host_sys_get_caller(struct host_call *call, struct capsule_error *err)
{
	if (call->origin == NULL || call->origin->call_id == 0) {
		call->result = span_text("{}");
		return HOST_READY;
	}
	buffer_clear(&call->out);
	append_caller(&call->out, call->origin);
	if (buffer_check(&call->out, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	call->result = buffer_span(&call->out);
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

/* What another capsule may do: asked by its session, which events carry. What can't be such a session has no capability. */

static enum capsule_status read_text(yyjson_val *request, const char *key, struct span *out, struct capsule_error *err)
{
	yyjson_val *value = yyjson_obj_get(request, key);

	if (!yyjson_is_str(value))
		return error_set(err, CAPSULE_EINVAL,
			"`%s` is missing or no text; expected {\"source_uuid\": \"...\", \"capability\": \"...\"}",
			key);
	*out = span_of(yyjson_get_str(value), yyjson_get_len(value));
	return CAPSULE_OK;
}

static enum capsule_status check_capability(struct host_call *call, bool *allowed, struct capsule_error *err)
{
	static const struct json_limits limits = { .bytes_max = 1 * KIB };
	const struct host_services *services = &call->host->services;
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct span session = { 0 }, capability = { 0 };
	struct uuid uuid;
	enum capsule_status status = json_parse(&doc, call->args[0], &limits, "request", err);

	if (status == CAPSULE_OK)
		status = read_text(yyjson_doc_get_root(doc), "source_uuid", &session, err);
	if (status == CAPSULE_OK)
		status = read_text(yyjson_doc_get_root(doc), "capability", &capability, err);
	if (status == CAPSULE_OK)
		*allowed = services->capable != NULL && uuid_parse(session, &uuid) &&
			services->capable(services->user, &uuid, capability);
	return status;
}

enum host_answer host_sys_check_capability(struct host_call *call, struct capsule_error *err)
{
	bool allowed = false;

	if (check_capability(call, &allowed, err) != CAPSULE_OK) {
		(void)error_in(err, "invalid capability check request");
		return host_call_failed(call, err);
	}
	call->result = span_text(allowed ? "{\"allowed\":true}" : "{\"allowed\":false}");
	return HOST_READY;
}
