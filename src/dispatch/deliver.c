/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calling interceptors: a few of one capsule at once, in the order of its inbox. */
#include "dispatch/internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <assert.h>
#include <stdlib.h>

#define SPARE_MAX 64
#define PER_TURN                                                                                                       \
	64 /* calls of one capsule that begin before others have their turn; those that are refused end at once */

/* A call of `member`'s interceptors for `action` with `input`. NULL when out of memory. */
static struct delivery *delivery_new(struct member *member, const char *action, struct span input)
{
	struct dispatch *dispatch = member->dispatch;
	struct list_node *node = list_take_first(&dispatch->spare);
	struct delivery *delivery;

	if (node != NULL) {
		delivery = LIST_ENTRY(node, struct delivery, link);
		dispatch->spare_count--;
	} else {
		delivery = calloc(1, sizeof *delivery);
		if (delivery == NULL)
			return NULL;
		list_init(&delivery->link);
		op_init(&delivery->call.op, dispatch->loop);
	}
	delivery->member = member;
	delivery->entry = NULL;
	delivery->hook_call = NULL;
	delivery->call.kind = ENGINE_INTERCEPTOR;
	delivery->call.name = action;
	delivery->call.input = input;
	delivery->call.array = span_of(NULL, 0);
	delivery->call.cpu_ns = delivery->call.wall_ns = 0;
	delivery->call.cpu_ms = 0;
	delivery->call.wall_ms = 0;
	delivery->call.unqueued = true; /* the inbox is the queue, and has its own bounds */
	list_append(&member->running, &delivery->link);
	member->in_progress++;
	return delivery;
}

/* It is over: there is room for the next one. */
static void delivery_end(struct delivery *delivery)
{
	struct member *member = delivery->member;
	struct dispatch *dispatch = member->dispatch;

	list_remove(&delivery->link);
	member->in_progress--;
	if (dispatch->spare_count >= SPARE_MAX || delivery->call.op.result.capacity > LIMIT_INLINE_WORK) {
		op_fini(&delivery->call.op);
		free(delivery);
	} else {
		list_append(&dispatch->spare, &delivery->link);
		dispatch->spare_count++;
	}
	if (member->ready)
		loop_ready(dispatch->loop, &member->pump, false);
}

void deliveries_fini(struct dispatch *dispatch)
{
	struct list_node *node;

	while ((node = list_take_first(&dispatch->spare)) != NULL) {
		struct delivery *delivery = LIST_ENTRY(node, struct delivery, link);

		op_fini(&delivery->call.op);
		free(delivery);
	}
	dispatch->spare_count = 0;
}

void delivery_cancel(struct delivery *delivery)
{
	op_cancel(&delivery->call.op);
}

/* ---- Outcomes ---- */

static void log_failure(const struct delivery *delivery, const struct binding *binding, const struct capsule_error *err)
{
	struct member *member = delivery->member;
	struct event *event = delivery->entry->event;
	HOLD(buffer_fini) struct buffer text = { 0 };

	if (err->status == CAPSULE_EUNSUPPORTED) /* it does not take calls: nothing that anybody can mend */
		return;
	(void)buffer_printf(&text, "interceptor `%s` of `%.*s` failed: %s", binding->interceptor->action,
		SPAN_ARG(event->topic), err->text);
	log_write(member->dispatch->log, CAPSULE_LOG_WARN, member->id, buffer_span(&text));
}

static void note_time(struct member *member, const struct event *event)
{
	stats_note(&member->stats, loop_now(member->dispatch->loop) - event->published_ns);
}

/* The call has ended, or never began: `err` is NULL when it went well. */
static void delivered(struct delivery *delivery, const struct capsule_error *err)
{
	struct bus_entry *entry = delivery->entry;
	struct binding *binding = binding_of(entry->receiver);
	struct chain *chain = binding->receiver.decides ? event_books(entry->event)->chain : NULL;

	if (err != NULL)
		log_failure(delivery, binding, err);
	note_time(delivery->member, entry->event);
	/* The chain first: while it goes on, the event has entries without an outcome. */
	if (chain != NULL)
		chain_answered(chain, buffer_span(&delivery->call.op.result), err);
	bus_entry_end(entry, err == NULL ? OUTCOME_DELIVERED : OUTCOME_FAILED);
	delivery_end(delivery);
}

static void hook_delivered(struct delivery *delivery, const struct capsule_error *err)
{
	struct hook_call *call = delivery->hook_call;

	hook_answered(call, buffer_span(&delivery->call.op.result), err);
	delivery_end(delivery);
}

static void call_over(struct op *op, void *user)
{
	struct delivery *delivery = user;
	const struct capsule_error *err = op->error.status == CAPSULE_OK ? NULL : &op->error;

	if (delivery->hook_call != NULL)
		hook_delivered(delivery, err);
	else
		delivered(delivery, err);
}

static void call_done(struct op *op, void *user)
{
	struct delivery *delivery = user;
	struct member *member = delivery->member;

	member->stats.cpu_ns += delivery->call.cpu_ns;
	if (op->error.status == CAPSULE_OK && member->after_call != NULL &&
		member->after_call(member->user, op, call_over, delivery))
		return;
	call_over(op, delivery);
}

/* The engines are unloaded, so what is left has ended, and waits for a turn or for what follows the call. */
void deliveries_end(struct member *member)
{
	while (!list_empty(&member->running)) {
		struct delivery *delivery = LIST_ENTRY(member->running.next, struct delivery, link);
		struct op *op = &delivery->call.op;
		struct buffer result = op->result;
		struct capsule_error err;

		(void)error_copy(&err, &op->error);
		op->result = (struct buffer){ 0 };
		op_fini(op);
		op_init(op, member->dispatch->loop);
		op->result = result;
		(void)error_copy(&op->error, &err);
		call_over(op, delivery);
	}
}

/* ---- What is handled now ---- */

/* The call id of a tool request in `doc`, which is kept for it; empty for any other event. */
static struct span request_id_of(const struct event *event, yyjson_doc **doc)
{
	static const struct json_limits limits = { .bytes_max = LIMIT_PUBLISH };
	static const char head[] = "{\"type\":\"tool_execute_request\",";
	struct capsule_error unsaid;
	yyjson_val *id;

	if (!span_starts(event->payload, span_text(head)) ||
		json_parse(doc, event->payload, &limits, "request", &unsaid) != CAPSULE_OK)
		return span_of(NULL, 0);
	id = yyjson_obj_get(yyjson_doc_get_root(*doc), "call_id");
	return span_of(yyjson_get_str(id), yyjson_get_len(id));
}

void dispatch_each_request(
	struct dispatch *dispatch, void (*found)(void *user, struct span call_id, uint64_t call), void *user)
{
	LIST_EACH (node, &dispatch->members) {
		const struct member *member = LIST_ENTRY(node, struct member, link);

		LIST_EACH (at, &member->running) {
			const struct delivery *delivery = LIST_ENTRY(at, struct delivery, link);
			HOLD(json_doc_drop) yyjson_doc *doc = NULL;
			struct span id;

			if (delivery->entry == NULL)
				continue;
			id = request_id_of(delivery->entry->event, &doc);
			if (id.len > 0)
				found(user, id, delivery->call.origin.call_id);
		}
	}
}

/* ---- Beginning ---- */

/* Who asks is who published; the call has a number and a time limit of its own. */
static void stamp(struct delivery *delivery, const struct event *event, const struct binding *binding)
{
	struct engine_call *call = &delivery->call;

	call->origin = event->origin;
	call->origin.call_id = dispatch_call_id(delivery->member->dispatch);
	call->wall_ms = (uint64_t)binding->interceptor->timeout_ms;
}

static void no_memory(struct bus_entry *entry, struct chain *chain)
{
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_ENOMEM, "no memory for a call");
	if (chain != NULL)
		chain_answered(chain, span_of(NULL, 0), &err);
	bus_entry_end(entry, OUTCOME_FAILED);
}

static void begin(struct member *member, struct bus_entry *entry)
{
	struct binding *binding = binding_of(entry->receiver);
	struct delivery *delivery = delivery_new(member, binding->interceptor->action, entry->event->inner);
	struct chain *chain = binding->receiver.decides ? event_books(entry->event)->chain : NULL;
	struct capsule_error err;

	bus_entry_take(entry);
	if (delivery == NULL) {
		no_memory(entry, chain);
		return;
	}
	delivery->entry = entry;
	if (event_books(entry->event)->matches > 1)
		delivery->call.array = event_array(entry->event);
	stamp(delivery, entry->event, binding);
	if (chain != NULL)
		chain_taken(chain, delivery);
	if (composite_call(member->composite, &delivery->call, call_done, delivery, &err) != CAPSULE_OK)
		delivered(delivery, &err);
}

void delivery_begin_hook(
	struct binding *binding, struct hook_call *hook_call, const struct origin *origin, struct span input)
{
	struct member *member = binding->member;
	struct delivery *delivery = delivery_new(member, binding->interceptor->action, input);
	uint64_t own_ms = (uint64_t)binding->interceptor->timeout_ms;
	struct capsule_error err;

	if (delivery == NULL) {
		(void)error_set(&err, CAPSULE_ENOMEM, "no memory for a call");
		hook_answered(hook_call, span_of(NULL, 0), &err);
		return;
	}
	delivery->hook_call = hook_call;
	delivery->call.origin = *origin;
	delivery->call.origin.call_id = dispatch_call_id(member->dispatch);
	delivery->call.wall_ms = member->dispatch->options.hook_ms;
	if (own_ms != 0 && own_ms < delivery->call.wall_ms)
		delivery->call.wall_ms = own_ms;
	if (composite_call(member->composite, &delivery->call, call_done, delivery, &err) != CAPSULE_OK)
		hook_delivered(delivery, &err);
}

void member_pump(struct runnable *runnable)
{
	struct member *member = LIST_ENTRY(runnable, struct member, pump);

	for (unsigned i = 0; member->ready && member->in_progress < LIMIT_CALLS_IN_PROGRESS; i++) {
		struct bus_entry *entry = lane_peek(&member->calls);

		if (i == PER_TURN) {
			loop_ready(member->dispatch->loop, &member->pump, false);
			return;
		}

		/* Somebody waits for the answer of a hook, so they come first; but not all of them. */
		if ((entry == NULL || !member->after_hook) && hook_start_next(member)) {
			member->after_hook = true;
			continue;
		}
		member->after_hook = false;
		if (entry == NULL)
			return;
		begin(member, entry);
	}
}
