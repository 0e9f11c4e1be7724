/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/call_queue.h"

static struct wasm_capsule *capsule_of(const struct engine_call *call)
{
	return LIST_ENTRY(call->engine, struct wasm_capsule, engine);
}

/* Every way out of the list comes through here. */
static void uncount(struct wasm_capsule *capsule, const struct engine_call *call)
{
	if (call->unqueued) {
		capsule->unbounded--;
		return;
	}
	capsule->queued--;
	capsule->queued_bytes -= call->input.len;
}

enum capsule_status call_queue_admit(
	const struct wasm_capsule *capsule, const struct engine_call *call, struct capsule_error *err)
{
	const struct engine_limits *limits = &capsule->env.limits;

	if (call->unqueued)
		return CAPSULE_OK;
	if (capsule->queued < limits->queue_calls && call->input.len <= limits->queue_bytes - capsule->queued_bytes)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%u calls with %llu bytes are waiting for capsule '%s': %u calls or %llu bytes are the most",
		capsule->queued, (unsigned long long)capsule->queued_bytes, capsule->host.capsule_id,
		limits->queue_calls, (unsigned long long)limits->queue_bytes);
}

/* A call was cancelled from outside: take it out of the queue, or stop the fiber where it stands. */
static void call_stopped(struct op *op)
{
	struct engine_call *call = LIST_ENTRY(op, struct engine_call, op);
	struct wasm_capsule *capsule = capsule_of(call);
	struct capsule_error err;

	if (capsule->current == call) {
		(void)error_set(&err, CAPSULE_ECANCELLED, "call: cancelled");
		activation_abort(capsule, &err);
		return;
	}
	list_remove(&call->link);
	uncount(capsule, call);
	if (capsule->engine.tell_idle)
		engine_changed(&capsule->engine);
}

void call_queue_add(struct wasm_capsule *capsule, struct engine_call *call, op_done_fn done, void *user)
{
	call->engine = &capsule->engine;
	call->wall_ns = 0;
	call->cpu_ns = 0;
	op_start(&call->op, done, user, call_stopped, 0, "call");
	list_init(&call->link);
	list_append(&capsule->queue, &call->link);
	if (call->unqueued) {
		capsule->unbounded++;
	} else {
		capsule->queued++;
		capsule->queued_bytes += call->input.len;
	}
	activation_next(capsule);
}

struct engine_call *call_queue_take(struct wasm_capsule *capsule)
{
	struct list_node *node = list_take_first(&capsule->queue);
	struct engine_call *call;

	if (node == NULL)
		return NULL;
	call = LIST_ENTRY(node, struct engine_call, link);
	uncount(capsule, call);
	return call;
}

void call_queue_cancel(struct wasm_capsule *capsule, const struct capsule_error *err)
{
	struct engine_call *call;

	while ((call = call_queue_take(capsule)) != NULL)
		op_fail(&call->op, err);
	activation_abort(capsule, err);
}

size_t call_queue_length(const struct wasm_capsule *capsule)
{
	return (size_t)capsule->queued + capsule->unbounded;
}
