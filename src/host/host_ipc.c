/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events: what a guest publishes and what it subscribes to. Both check in the order in which guests know the reasons why
 * not: what is wrong in itself comes before what the manifest does not allow. */
#include "host/host_rows.h"

#include "base/limits.h"
#include "base/topic.h"
#include "bus/payload.h"
#include "bus/rate.h"
#include "bus/subscription.h"

#include <stdlib.h>

void host_ipc_free(struct host_call *call)
{
	if (call->payload == NULL)
		return;
	payload_fini(call->payload);
	free(call->payload);
	call->payload = NULL;
}

/* Refusals begin with "security denied" and say whose they are. */
static enum host_answer failed(const struct host_call *call, struct capsule_error *err)
{
	return err->status == CAPSULE_EDENIED ? HOST_FAILED : host_call_failed(call, err);
}

static enum capsule_status no_events(const struct host_call *call, struct capsule_error *err)
{
	return error_set(err, CAPSULE_EUNSUPPORTED, "there are no events for '%s'", call->host->capsule_id);
}

/* ---- Topics ---- */

static enum capsule_status check_length(const char *what, struct span topic, struct capsule_error *err)
{
	if (topic.len <= LIMIT_TOPIC)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT, "%s exceeds maximum allowed length of %u bytes: it has %zu", what,
		LIMIT_TOPIC, topic.len);
}

static enum capsule_status check_segments(const char *what, struct span topic, struct capsule_error *err)
{
	if (topic_valid(topic))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EINVAL, "%s `%.*s` has empty segments: each dot stands between two that are not",
		what, SPAN_ARG(topic));
}

static enum capsule_status check_depth(const char *what, struct span topic, struct capsule_error *err)
{
	size_t segments = topic_segments(topic);

	if (segments <= LIMIT_TOPIC_SEGMENTS)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT, "%s `%.*s` exceeds maximum allowed segments: %zu, at most %u", what,
		SPAN_ARG(topic), segments, LIMIT_TOPIC_SEGMENTS);
}

static enum capsule_status check_wildcards(struct span pattern, struct capsule_error *err)
{
	for (size_t i = 0; i + 1 < pattern.len; i++)
		if (pattern.data[i] == '*' && pattern.data[i + 1] == '.' && (i == 0 || pattern.data[i - 1] == '.'))
			return error_set(err, CAPSULE_EINVAL,
				"Topic pattern `%.*s`: the wildcard `*` is only supported as the last segment",
				SPAN_ARG(pattern));
	return CAPSULE_OK;
}

static enum capsule_status permit(
	struct host_call *call, const char *what, enum gate_operation operation, struct capsule_error *err)
{
	const struct gate_question question = { .operation = operation, .operand = call->args[0] };
	enum capsule_status status = host_call_granted(call, err);

	return status == CAPSULE_OK ? host_call_permit(call, what, &question, err) : status;
}

/* ---- Publishing ---- */

static enum capsule_status check_sizes(const struct host_call *call, struct capsule_error *err)
{
	enum capsule_status status = check_length("Topic", call->args[0], err);

	if (status == CAPSULE_OK && call->args[1].len > LIMIT_PUBLISH)
		return error_set(err, CAPSULE_ELIMIT, "Payload too large: %zu bytes, at most %u", call->args[1].len,
			LIMIT_PUBLISH);
	return status;
}

/* Whatever the gate: one that allows everything does not make a guest the runtime. */
static enum capsule_status check_lifecycle(const struct host_call *call, struct capsule_error *err)
{
	const struct gate_question question = { .operation = GATE_PUBLISH, .operand = call->args[0] };
	const struct gate_decision decision = { .reason = GATE_PROTECTED, .key = "ipc_publish" };

	if (!span_starts(call->args[0], span_text(TOPIC_LIFECYCLE)))
		return CAPSULE_OK;
	host_call_tell_refused(call, &question, &decision);
	(void)gate_refuse(err, NULL, call->host->capsule_id, &question, &decision);
	return error_in(err, "security denied publish");
}

static enum capsule_status check_topic(struct host_call *call, struct capsule_error *err)
{
	enum capsule_status status = check_segments("Topic", call->args[0], err);

	if (status == CAPSULE_OK)
		status = check_depth("Topic", call->args[0], err);
	if (status == CAPSULE_OK)
		status = check_lifecycle(call, err);
	return status == CAPSULE_OK ? permit(call, "publish", GATE_PUBLISH, err) : status;
}

static enum capsule_status read_payload(struct host_call *call, struct capsule_error *err)
{
	if (call->payload == NULL)
		call->payload = calloc(1, sizeof *call->payload);
	if (call->payload == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a payload");
	return payload_open(call->payload, call->args[1], err);
}

static enum capsule_status publish(struct host_call *call, struct capsule_error *err)
{
	const struct host_services *services = &call->host->services;
	struct origin origin;
	enum capsule_status status = check_topic(call, err);

	if (status != CAPSULE_OK)
		return status;
	if (services->publish == NULL)
		return no_events(call, err);
	status = rate_take(services->rate, call->args[1].len, loop_now(call->host->loop), err);
	if (status == CAPSULE_OK)
		status = read_payload(call, err);
	if (status != CAPSULE_OK)
		return status;
	host_call_origin(call, &origin);
	return services->publish(
		services->user, &origin, call->args[0], call->payload, &call->state.op, host_call_resume, call, err);
}

enum host_answer host_ipc_publish(struct host_call *call, struct capsule_error *err)
{
	enum capsule_status status;

	if (check_sizes(call, err) != CAPSULE_OK)
		return failed(call, err);
	if (host_call_texts(call, err) != CAPSULE_OK)
		return HOST_FAILED;
	status = publish(call, err);
	/* Read, it takes many times its bytes, and its guest may wait or run for long now. */
	if (call->args[1].len > LIMIT_INLINE_WORK)
		host_ipc_free(call);
	if (status != CAPSULE_OK)
		return failed(call, err);
	if (call->state.op.state == OP_IDLE)
		return HOST_READY;
	call->op = &call->state.op;
	return HOST_WAITING;
}

/* ---- Subscribing ---- */

static enum capsule_status subscribe(struct host_call *call, uint64_t *handle, struct capsule_error *err)
{
	static const char what[] = "Topic pattern";
	struct subscriptions *subscriptions = call->host->services.subscriptions;
	enum capsule_status status = check_segments(what, call->args[0], err);

	if (status == CAPSULE_OK)
		status = check_wildcards(call->args[0], err);
	if (status == CAPSULE_OK)
		status = check_depth(what, call->args[0], err);
	if (status == CAPSULE_OK)
		status = permit(call, "subscribe", GATE_SUBSCRIBE, err);
	if (status != CAPSULE_OK)
		return status;
	return subscriptions != NULL ? subscriptions_add(subscriptions, call->args[0], handle, err)
				     : no_events(call, err);
}

enum host_answer host_ipc_subscribe(struct host_call *call, struct capsule_error *err)
{
	uint64_t handle = 0;

	if (check_length("Topic pattern", call->args[0], err) != CAPSULE_OK)
		return failed(call, err);
	if (host_call_texts(call, err) != CAPSULE_OK)
		return HOST_FAILED;
	if (subscribe(call, &handle, err) != CAPSULE_OK)
		return failed(call, err);
	return host_call_decimal(call, handle, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
}
