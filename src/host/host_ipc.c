/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events: what a guest publishes, and its subscriptions. Publishing and subscribing check in the order in which guests know the
 * reasons why not: what is wrong in itself comes before what the manifest does not allow. */
#include "host/host_rows.h"

#include "base/limits.h"
#include "base/text.h"
#include "base/topic.h"
#include "bus/payload.h"
#include "bus/rate.h"
#include "bus/subscription.h"

#include <inttypes.h>
#include <stdlib.h>

#define HANDLE_MAX 32 /* bytes */
#define NOTHING_CAME "{\"dropped\":0,\"lagged\":0,\"messages\":[]}"

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
	return payload_read(call->payload, call->args[1], err);
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
	if (check_sizes(call, err) != CAPSULE_OK)
		return failed(call, err);
	if (host_call_texts(call, err) != CAPSULE_OK)
		return HOST_FAILED;
	if (publish(call, err) != CAPSULE_OK)
		return failed(call, err);
	if (call->state.op.state == OP_IDLE)
		return HOST_READY;
	call->op = &call->state.op;
	return HOST_WAITING;
}

/* ---- Subscriptions ---- */

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
	uint64_t handle;

	if (check_length("Topic pattern", call->args[0], err) != CAPSULE_OK)
		return failed(call, err);
	if (host_call_texts(call, err) != CAPSULE_OK)
		return HOST_FAILED;
	if (subscribe(call, &handle, err) != CAPSULE_OK)
		return failed(call, err);
	return host_call_decimal(call, handle, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
}

static enum capsule_status read_handle(struct span text, uint64_t *handle, struct capsule_error *err)
{
	if (text.len > HANDLE_MAX)
		return error_set(
			err, CAPSULE_ELIMIT, "Subscription handle exceeds %d bytes: it has %zu", HANDLE_MAX, text.len);
	if (!text_is_utf8(text))
		return error_set(err, CAPSULE_EINVAL, "Invalid subscription handle: it is not UTF-8");
	if (!text_parse_u64(text, handle))
		return error_set(err, CAPSULE_EINVAL,
			"Invalid subscription handle `%.*s`: expected the number that astrid_ipc_subscribe gave",
			SPAN_ARG(text));
	return CAPSULE_OK;
}

/* Who takes no part in events has no subscription either. */
static enum capsule_status find(
	const struct host_call *call, uint64_t handle, struct subscription **out, struct capsule_error *err)
{
	struct subscriptions *subscriptions = call->host->services.subscriptions;

	if (subscriptions != NULL)
		return subscriptions_find(subscriptions, handle, out, err);
	return error_set(err, CAPSULE_ENOTFOUND, "Subscription handle not found: %" PRIu64, handle);
}

enum host_answer host_ipc_unsubscribe(struct host_call *call, struct capsule_error *err)
{
	struct subscription *subscription;
	uint64_t handle;

	if (read_handle(call->args[0], &handle, err) != CAPSULE_OK ||
		find(call, handle, &subscription, err) != CAPSULE_OK ||
		subscriptions_remove(call->host->services.subscriptions, handle, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	return HOST_READY;
}

enum host_answer host_ipc_interceptors(struct host_call *call, struct capsule_error *err)
{
	const struct subscriptions *subscriptions = call->host->services.subscriptions;

	if (subscriptions == NULL) {
		call->result = span_text("[]");
		return HOST_READY;
	}
	buffer_clear(&call->out);
	(void)subscriptions_append_interceptors(subscriptions, &call->out);
	if (buffer_check(&call->out, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	call->result = buffer_span(&call->out);
	return HOST_READY;
}

/* ---- Reading ---- */

static enum capsule_status drain(
	struct host_call *call, struct subscription *subscription, bool first, struct capsule_error *err)
{
	uint32_t hops;
	enum capsule_status status;

	buffer_clear(&call->out);
	status = subscription_drain(subscription, LIMIT_DRAIN, first, &call->out, err);
	if (status != CAPSULE_OK)
		return status;
	call->result = buffer_span(&call->out);
	if (subscription_drained(subscription, &hops))
		call->host->received_hops = hops;
	return CAPSULE_OK;
}

enum host_answer host_ipc_poll(struct host_call *call, struct capsule_error *err)
{
	struct subscription *subscription;
	uint64_t handle;

	if (read_handle(call->args[0], &handle, err) != CAPSULE_OK ||
		find(call, handle, &subscription, err) != CAPSULE_OK ||
		drain(call, subscription, false, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	return HOST_READY;
}

/* From inside a publication, or the end of the subscription. */
static void wake(void *user, bool ended)
{
	struct op *op = user;

	(void)ended;
	op->producer = NULL;
	op_finish(op);
}

static void stop_waiting(struct op *op)
{
	if (op->producer != NULL)
		subscription_wait(op->producer, NULL, NULL);
	op->producer = NULL;
}

/* That nothing came in time is an answer like any other. */
static void wait_over(struct op *op, void *user)
{
	if (op->error.status == CAPSULE_ETIMEOUT)
		error_clear(&op->error);
	host_call_resume(op, user);
}

static void begin_wait(struct host_call *call, struct subscription *subscription, uint64_t handle, uint64_t timeout_ms)
{
	struct op *op = &call->state.recv.op;

	/* A run loop has no end after which it would be trimmed; here it may rest for long. */
	host_call_trim(call);
	call->state.recv.handle = handle;
	op_start(op, wait_over, call, stop_waiting, timeout_ms < LIMIT_RECV_MS ? timeout_ms : LIMIT_RECV_MS,
		"waiting for a message");
	op->producer = subscription;
	subscription_wait(subscription, wake, op);
	call->op = op;
}

enum host_answer host_ipc_recv(struct host_call *call, struct capsule_error *err)
{
	struct subscription *subscription;
	uint64_t handle, timeout_ms;

	if (read_handle(call->args[0], &handle, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	if (!text_parse_u64(call->args[1], &timeout_ms)) {
		(void)error_set(err, CAPSULE_EINVAL, "Invalid timeout format `%.*s`: expected milliseconds in decimal",
			SPAN_ARG(call->args[1]));
		return host_call_failed(call, err);
	}
	if (find(call, handle, &subscription, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	if (timeout_ms > 0 && !subscription_ready(subscription)) {
		begin_wait(call, subscription, handle, timeout_ms);
		return HOST_WAITING;
	}
	return drain(call, subscription, true, err) == CAPSULE_OK ? HOST_READY : host_call_failed(call, err);
}

enum capsule_status host_ipc_recv_finish(struct host_call *call, struct capsule_error *err)
{
	struct subscription *subscription;
	struct capsule_error unsaid;
	uint32_t hops;

	/* One that ended meanwhile had nothing more to give; the next use of its handle says so. */
	if (find(call, call->state.recv.handle, &subscription, &unsaid) != CAPSULE_OK) {
		call->result = span_text(NOTHING_CAME);
		return CAPSULE_OK;
	}
	if (drain(call, subscription, true, err) != CAPSULE_OK) {
		(void)host_call_failed(call, err);
		return err->status;
	}
	if (!subscription_drained(subscription, &hops))
		call->host->received_hops = 0;
	return CAPSULE_OK;
}
