/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A guest's subscriptions: reading what has arrived, at once or when there is something, and their end. */
#include "host/host_rows.h"

#include "base/limits.h"
#include "base/text.h"
#include "bus/subscription.h"

#include <inttypes.h>

#define HANDLE_MAX 32 /* bytes */
#define NOTHING_CAME "{\"dropped\":0,\"lagged\":0,\"messages\":[]}"

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
	struct subscription *subscription = NULL;
	uint64_t handle = 0;

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

static enum capsule_status reserve(void *user, size_t len, struct capsule_error *err)
{
	struct host_call *call = user;

	return call->reserve != NULL ? call->reserve(call, len, err) : CAPSULE_OK;
}

/* A message is gone from its inbox once it is taken: the guest has to have room for it before. */
static enum capsule_status drain(
	struct host_call *call, struct subscription *subscription, bool first, struct capsule_error *err)
{
	const struct drain_room room = { reserve, call };
	uint32_t hops = 0;
	enum capsule_status status = subscription_drain(subscription, LIMIT_DRAIN, first, &room, &call->out, err);

	if (status != CAPSULE_OK)
		return status;
	call->result = buffer_span(&call->out);
	if (subscription_drained(subscription, &hops))
		call->host->received_hops = hops;
	return CAPSULE_OK;
}

enum host_answer host_ipc_poll(struct host_call *call, struct capsule_error *err)
{
	struct subscription *subscription = NULL;
	uint64_t handle = 0;

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
	struct subscription *subscription = NULL;
	uint64_t handle = 0, timeout_ms = 0;

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
	call->delivered = subscription_ready(subscription);
	return drain(call, subscription, true, err) == CAPSULE_OK ? HOST_READY : host_call_failed(call, err);
}

enum capsule_status host_ipc_recv_finish(struct host_call *call, struct capsule_error *err)
{
	struct subscription *subscription = NULL;
	struct capsule_error unsaid;
	uint32_t hops = 0;

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
