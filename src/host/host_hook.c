/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hooks: a guest asks the interceptors of other capsules and gets all their answers. */
#include "host/host_rows.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/topic.h"

#define EXPECTED "expected {\"hook\": \"<topic>\", \"payload\": <any JSON>}"

static enum capsule_status check_topic(struct span topic, struct capsule_error *err)
{
	if (topic.len > LIMIT_TOPIC)
		return error_set(err, CAPSULE_ELIMIT, "`hook` has %zu bytes, at most %u", topic.len, LIMIT_TOPIC);
	if (!topic_valid(topic))
		return error_set(err, CAPSULE_EINVAL, "`hook` is `%.*s`, which has empty segments", SPAN_ARG(topic));
	/* An interceptor could not tell it from what has really happened. */
	if (span_starts(topic, span_text(TOPIC_LIFECYCLE)))
		return error_set(err, CAPSULE_EINVAL,
			"`hook` is `%.*s`: topics below `" TOPIC_LIFECYCLE "` are of the runtime alone",
			SPAN_ARG(topic));
	return CAPSULE_OK;
}

/* The members of the request; `topic` points into `doc`, the payload goes to call->out. */
static enum capsule_status read_request(
	struct host_call *call, yyjson_doc *doc, struct span *topic, struct capsule_error *err)
{
	yyjson_val *hook = yyjson_obj_get(yyjson_doc_get_root(doc), "hook");
	yyjson_val *payload = yyjson_obj_get(yyjson_doc_get_root(doc), "payload");
	enum capsule_status status;

	if (!yyjson_is_str(hook))
		return error_set(err, CAPSULE_EINVAL, "`hook` is missing or no text; " EXPECTED);
	if (payload == NULL)
		return error_set(err, CAPSULE_EINVAL, "`payload` is missing; " EXPECTED);
	*topic = span_of(yyjson_get_str(hook), yyjson_get_len(hook));
	status = check_topic(*topic, err);
	buffer_clear(&call->out);
	(void)json_append_value(&call->out, payload);
	return status == CAPSULE_OK ? buffer_check(&call->out, err) : status;
}

static enum capsule_status trigger(struct host_call *call, struct capsule_error *err)
{
	static const struct json_limits limits = { .bytes_max = 1 * MIB };
	const struct host_services *services = &call->host->services;
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status = json_parse(&doc, call->args[0], &limits, "request", err);
	struct span topic = { 0 };
	struct origin origin;

	if (status == CAPSULE_OK)
		status = read_request(call, doc, &topic, err);
	if (status != CAPSULE_OK)
		return error_in(err, "invalid trigger request");
	host_call_origin(call, &origin);
	return services->hook(
		services->user, &origin, topic, buffer_span(&call->out), &call->state.op, host_call_resume, call, err);
}

/* Without other capsules nobody answers, whatever the request says: guests rely on it. */
enum host_answer host_hook_trigger(struct host_call *call, struct capsule_error *err)
{
	if (call->host->services.hook == NULL) {
		call->result = span_text("[]");
		return HOST_READY;
	}
	if (trigger(call, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	call->op = &call->state.op;
	buffer_clear(&call->out); /* those who are asked have a copy */
	host_call_trim(call);
	return HOST_WAITING;
}
