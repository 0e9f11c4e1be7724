/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A hook: interceptors of others called beside each other, their answers collected. Each has its turn among the calls of
 * its capsule. The hook outlives its caller's wait, since the calls that run borrow its payload. */
#include "dispatch/internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct hook_call {
	struct hook *hook;
	struct binding *binding;
	struct list_node link; /* of member->hook_calls, until it has begun */
	bool over;
	struct buffer answer; /* JSON, or empty */
};

struct hook {
	struct dispatch *dispatch;
	struct member *caller; /* while it waits, as is the next; then NULL */
	struct op *op;
	struct origin origin;
	struct buffer topic, payload;
	struct timer limit;
	int64_t due_ns;
	size_t answer_bytes;
	size_t count, open; /* calls, and those of them that are not over */
	struct hook_call calls[];
};

/* ---- Whom it calls ---- */

/* By capsule id, then as the manifest has them: the same for the same capsules, however they were loaded. */
static int compare_bindings(const void *a, const void *b)
{
	const struct binding *one = *(const struct binding *const *)a, *other = *(const struct binding *const *)b;
	int order = strcmp(one->member->id, other->member->id);

	return order != 0 ? order : (one > other) - (one < other);
}

static void log_left_out(const struct hook *hook, const struct binding *binding, const char *why)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)buffer_printf(&text, "hook `%.*s`: interceptor `%s` is left out: %s", SPAN_ARG(buffer_span(&hook->topic)),
		binding->interceptor->action, why);
	log_write(hook->dispatch->log, CAPSULE_LOG_WARN, binding->member->id, buffer_span(&text));
}

/* What takes no calls can't answer, and that is no news. */
static size_t collect(
	const struct member *caller, const struct receiver *const *receivers, size_t count, struct binding **out)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct receiver *receiver = (struct receiver *)(uintptr_t)receivers[i];

		if (receiver_is_binding(receiver) && member_of(receiver->inbox) != caller)
			out[found++] = binding_of(receiver);
	}
	return found;
}

/* Those that wait for the caller are left out. `*left` is how many these are; the way of the last one goes to `way`.
 * Those of one capsule stand side by side: it is looked at once. */
static size_t leave_out(
	const struct hook *hook, struct binding **bindings, size_t count, size_t *left, struct buffer *way)
{
	const struct member *last = NULL;
	bool closes = false;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (bindings[i]->member != last) {
			last = bindings[i]->member;
			buffer_clear(way);
			closes = waits_close(hook->dispatch, hook->caller, bindings[i]->member, false, way);
		}
		if (!closes) {
			bindings[kept++] = bindings[i];
			continue;
		}
		(*left)++;
		log_left_out(hook, bindings[i], "its capsule waits for the one that calls");
	}
	return kept;
}

/* ---- Its end ---- */

static void hook_free(struct hook *hook)
{
	for (size_t i = 0; i < hook->count; i++)
		buffer_fini(&hook->calls[i].answer);
	loop_timer_disarm(hook->dispatch->loop, &hook->limit);
	buffer_fini(&hook->topic);
	buffer_fini(&hook->payload);
	free(hook);
}

/* The caller does not wait any more. */
static struct op *let_go(struct hook *hook)
{
	struct op *op = hook->op;

	hook->op = NULL;
	if (hook->caller != NULL)
		hook->caller->hook = NULL;
	hook->caller = NULL;
	loop_timer_disarm(hook->dispatch->loop, &hook->limit);
	return op;
}

static void append_answers(const struct hook *hook, struct buffer *out)
{
	bool first = true;

	(void)buffer_append_byte(out, '[');
	for (size_t i = 0; i < hook->count; i++) {
		const struct hook_call *call = &hook->calls[i];

		if (call->answer.len == 0)
			continue;
		(void)((first || buffer_append_byte(out, ',')) && buffer_append_span(out, buffer_span(&call->answer)));
		first = false;
	}
	(void)buffer_append_byte(out, ']');
}

static void answer(struct hook *hook)
{
	struct op *op = let_go(hook);
	struct capsule_error err;

	if (op == NULL)
		return;
	append_answers(hook, &op->result);
	if (buffer_check(&op->result, &err) == CAPSULE_OK)
		op_finish(op);
	else
		op_fail(op, &err);
}

/* May free the hook. */
static void call_over(struct hook_call *call)
{
	struct hook *hook = call->hook;

	assert(!call->over);
	call->over = true;
	list_remove(&call->link);
	if (--hook->open > 0)
		return;
	answer(hook);
	hook_free(hook);
}

/* Those that have not begun never will; those that run end by their own limit. May free the hook. */
static void give_up(struct hook *hook, const char *why)
{
	size_t count = hook->count;

	hook->open++; /* so that it is there until the end of this */
	for (size_t i = 0; i < count; i++) {
		struct hook_call *call = &hook->calls[i];

		if (!call->over && why != NULL)
			log_left_out(hook, call->binding, why);
		if (!call->over && !list_empty(&call->link))
			call_over(call);
	}
	answer(hook);
	if (--hook->open == 0)
		hook_free(hook);
}

static void limit_fire(struct timer *timer)
{
	struct hook *hook = LIST_ENTRY(timer, struct hook, limit);
	char why[64];

	(void)snprintf(why, sizeof why, "it has not answered within %" PRIu64 " ms", hook->dispatch->options.hook_ms);
	give_up(hook, why);
}

static void hook_stopped(struct op *op)
{
	struct hook *hook = op->producer;

	(void)let_go(hook);
	give_up(hook, NULL);
}

/* ---- Answers ---- */

static const char *keep(struct hook_call *call, struct span text)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD, .allow_duplicates = true };
	struct hook *hook = call->hook;
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct capsule_error err;

	if (text.len > LIMIT_PAYLOAD)
		return "its answer is too large";
	if (text.len > LIMIT_PAYLOAD - hook->answer_bytes)
		return "all answers together are too large";
	switch (json_parse(&doc, text, &limits, "answer", &err)) {
	case CAPSULE_OK:
		break;
	case CAPSULE_ENOMEM:
		return "there is no memory for its answer";
	default:
		return "its answer is no JSON, or too deep";
	}
	if (!json_append_compact(&call->answer, text)) {
		buffer_fini(&call->answer);
		return "there is no memory for its answer";
	}
	hook->answer_bytes += call->answer.len;
	return NULL;
}

void hook_answered(struct hook_call *call, struct span text, const struct capsule_error *failure)
{
	const char *why = NULL;

	if (failure != NULL && failure->status != CAPSULE_EUNSUPPORTED)
		why = failure->text;
	else if (failure == NULL && text.len > 0 && call->hook->op != NULL)
		why = keep(call, text);
	if (why != NULL)
		log_left_out(call->hook, call->binding, why);
	call_over(call);
}

bool hook_start_next(struct member *member)
{
	struct list_node *node = list_take_first(&member->hook_calls);
	struct hook_call *call;

	if (node == NULL)
		return false;
	call = LIST_ENTRY(node, struct hook_call, link);
	delivery_begin_hook(call->binding, call, &call->hook->origin, buffer_span(&call->hook->payload));
	return true;
}

void hooks_end_calls(struct member *member)
{
	/* One after the other from the list, since the end of the last one may free the rest of its hook's. */
	while (!list_empty(&member->hook_calls)) {
		struct hook_call *call = LIST_ENTRY(member->hook_calls.next, struct hook_call, link);

		log_left_out(call->hook, call->binding, "its capsule is not there any more");
		call_over(call);
	}
}

struct member *hook_waits_for(const struct hook *hook, size_t *at)
{
	while (*at < hook->count) {
		const struct hook_call *call = &hook->calls[(*at)++];

		if (!call->over)
			return call->binding->member;
	}
	return NULL;
}

/* ---- Its beginning ---- */

/* NULL when out of memory. */
static struct hook *hook_new(
	struct member *caller, const struct origin *origin, struct span topic, struct span payload, size_t most)
{
	struct hook *hook = calloc(1, sizeof *hook + most * sizeof hook->calls[0]);

	if (hook == NULL)
		return NULL;
	hook->dispatch = caller->dispatch;
	hook->caller = caller;
	hook->origin = *origin;
	hook->limit.fire = limit_fire;
	if (buffer_append_span(&hook->topic, topic) && buffer_append_span(&hook->payload, payload))
		return hook;
	hook_free(hook);
	return NULL;
}

/* The host's stamp: who asks, and who waits for the end of it. */
static enum capsule_status stamp(struct hook *hook, struct capsule_error *err)
{
	struct origin *origin = &hook->origin;
	int64_t due = loop_due_after(hook->dispatch->loop, hook->dispatch->options.hook_ms);

	if (origin->chain_len >= ORIGIN_CHAIN_MAX)
		return error_set(err, CAPSULE_ELIMIT,
			"%d capsules wait for one another already: no further hook is called", ORIGIN_CHAIN_MAX);
	origin->chain[origin->chain_len++] = hook->caller->number;
	origin->source = hook->caller->session;
	hook->due_ns = due;
	if (origin->deadline_ns == 0 || due < origin->deadline_ns)
		origin->deadline_ns = due;
	return CAPSULE_OK;
}

static void start(struct hook *hook, struct binding **bindings, struct op *op, op_done_fn done, void *user)
{
	struct dispatch *dispatch = hook->dispatch;

	op_start(op, done, user, hook_stopped, 0, "hook");
	op->producer = hook;
	op->result.limit = LIMIT_OUTPUT;
	hook->op = op;
	hook->caller->hook = hook;
	hook->open = hook->count + 1; /* so that it is not over before all have begun */
	for (size_t i = 0; i < hook->count; i++) {
		struct hook_call *call = &hook->calls[i];
		struct member *member = bindings[i]->member;

		call->hook = hook;
		call->binding = bindings[i];
		list_init(&call->link);
		list_append(&member->hook_calls, &call->link);
		loop_ready(dispatch->loop, &member->pump, false);
	}
	/* Without memory for the time limit there is no time. */
	if (!loop_timer_arm(dispatch->loop, &hook->limit, hook->due_ns))
		give_up(hook, "there is no memory for its time limit");
	if (--hook->open == 0) {
		answer(hook);
		hook_free(hook);
	}
}

enum capsule_status dispatch_hook(struct member *caller, const struct origin *origin, struct span topic,
	struct span payload, struct op *op, op_done_fn done, void *user, struct capsule_error *err)
{
	struct dispatch *dispatch = caller->dispatch;
	HOLD(buffer_fini) struct buffer way = { 0 };
	HOLD(free_drop) struct binding **bindings = NULL;
	struct bus_matches matches;
	struct hook *hook;
	size_t most, count, left = 0;
	enum capsule_status status;

	if (caller->hook != NULL)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' waits for the answers to another hook", caller->id);
	bus_match(dispatch->bus, topic, EVENT_IPC, &matches);
	most = matches.decider_count + matches.other_count;
	bindings = calloc(most + 1, sizeof *bindings);
	if (bindings == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a hook");
	count = collect(caller, (const struct receiver *const *)matches.deciders, matches.decider_count, bindings);
	count += collect(caller, (const struct receiver *const *)matches.others, matches.other_count, bindings + count);
	qsort(bindings, count, sizeof *bindings, compare_bindings);
	hook = hook_new(caller, origin, topic, payload, count);
	if (hook == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a hook");
	hook->count = leave_out(hook, bindings, count, &left, &way);
	if (left > 0 && hook->count == 0)
		status = error_set(err, CAPSULE_ESTATE, "all that it calls wait for the caller: %.*s",
			SPAN_ARG(buffer_span(&way)));
	else
		status = stamp(hook, err);
	if (status != CAPSULE_OK) {
		hook->count = 0;
		hook_free(hook);
		return status;
	}
	start(hook, bindings, op, done, user);
	return CAPSULE_OK;
}
