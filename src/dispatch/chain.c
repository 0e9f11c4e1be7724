/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interceptors that decide about an event are asked one after the other; meanwhile its entries are held wherever they
 * stand, so that order is kept and nothing else has to wait. The first denial ends it. What fails, or is not there any
 * more, denies too unless its manifest says otherwise: a guard that can be made to fail would guard nothing. */
#include "dispatch/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void chain_run(struct runnable *runnable);
static void limit_fire(struct timer *timer);

enum capsule_status chain_new(
	struct chain **out, struct dispatch *dispatch, struct event *event, struct capsule_error *err)
{
	struct chain *chain = calloc(1, sizeof *chain);

	if (chain == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to ask those who decide about an event");
	chain->dispatch = dispatch;
	chain->event = event_hold(event);
	list_init(&chain->held);
	chain->next.run = chain_run;
	list_init(&chain->next.link);
	list_append(&dispatch->chains, &chain->link);
	chain->limit.fire = limit_fire;
	event->chain = chain;
	*out = chain;
	return CAPSULE_OK;
}

void chain_free(struct chain *chain)
{
	struct dispatch *dispatch = chain->dispatch;

	loop_timer_disarm(dispatch->loop, &chain->limit);
	loop_unready(&chain->next);
	list_remove(&chain->link);
	event_books(chain->event)->chain = NULL;
	event_release(chain->event);
	free(chain);
}

static void tell_publisher(const struct chain *chain)
{
	if (chain->decided != NULL)
		chain->decided(chain->decided_user, chain->event, chain->denied ? chain->denial : NULL);
}

/* Its entries go on, or end; afterwards nobody knows the chain any more. */
static void chain_end(struct chain *chain)
{
	struct event *books = event_hold(event_books(chain->event));

	books->chain = NULL;
	while (!list_empty(&chain->held)) {
		struct bus_entry *entry = LIST_ENTRY(chain->held.next, struct bus_entry, held_link);

		if (chain->denied)
			bus_entry_end(entry, OUTCOME_VETOED);
		else
			bus_entry_release(entry, chain->event);
	}
	tell_publisher(chain);
	chain_free(chain);
	event_release(books);
}

/* ---- Decisions ---- */

static void tell_decision(const struct chain *chain, const struct binding *binding, bool vetoed, const char *reason)
{
	const struct dispatch_options *options = &chain->dispatch->options;
	const struct dispatch_hooks *hooks = &chain->dispatch->hooks;
	struct member_stats *stats = &binding->member->stats;
	const char *action = binding->interceptor->action;

	if (vetoed)
		stats->vetoed++;
	else
		stats->rewritten++;
	if (options->decided != NULL)
		options->decided(options->user, chain->event, binding->member, action, vetoed, reason);
	if (hooks->decided != NULL)
		hooks->decided(hooks->user, chain->event, binding->member, action, vetoed, reason);
}

/* Whoever denied may be gone when the publisher is told: the words are made here. */
static void deny(struct chain *chain, const struct binding *binding, const char *reason)
{
	int len;

	if (chain->denied)
		return;
	chain->denied = true;
	event_books(chain->event)->denied = true;
	len = snprintf(chain->denial, sizeof chain->denial, "denied by interceptor `%s` of capsule '%s'%s%s",
		binding->interceptor->action, binding->member->id, reason[0] != '\0' ? ": " : "", reason);
	if ((size_t)len >= sizeof chain->denial)
		chain->denial[text_utf8_valid_prefix(span_text(chain->denial))] = '\0';
	tell_decision(chain, binding, true, reason);
}

/* What `binding` says when it can't say anything. */
static void failed(struct chain *chain, const struct binding *binding, const char *why)
{
	char reason[VERDICT_REASON_MAX];
	int len;

	if (binding->interceptor->on_error == INTERCEPTOR_ALLOWS)
		return;
	len = snprintf(reason, sizeof reason, "interceptor `%s` failed: %s", binding->interceptor->action, why);
	if ((size_t)len >= sizeof reason)
		reason[text_utf8_valid_prefix(span_text(reason))] = '\0';
	deny(chain, binding, reason);
}

static void late(struct chain *chain, const struct binding *binding)
{
	char why[96];

	(void)snprintf(why, sizeof why, "all who decide took more than %" PRIu64 " ms together",
		chain->dispatch->options.chain_ms);
	failed(chain, binding, why);
}

/* ---- Asking ---- */

static struct bus_entry *next_to_ask(const struct chain *chain)
{
	struct bus_entry *entry;

	if (chain->denied || list_empty(&chain->held))
		return NULL;
	entry = LIST_ENTRY(chain->held.next, struct bus_entry, held_link);
	return entry->receiver->decides ? entry : NULL;
}

/* The next one, or the end. May free the chain. */
static void go_on(struct chain *chain)
{
	struct bus_entry *entry;

	chain->asked = NULL;
	chain->asked_entry = NULL;
	chain->delivery = NULL;
	while ((entry = next_to_ask(chain)) != NULL) {
		struct binding *binding = binding_of(entry->receiver);

		if (!chain->late) {
			chain->asked = binding;
			chain->asked_entry = entry;
			bus_entry_release(entry, chain->event);
			return;
		}
		late(chain, binding);
		bus_entry_end(entry, OUTCOME_FAILED);
	}
	chain_end(chain);
}

void chain_begin(struct chain *chain)
{
	struct dispatch *dispatch = chain->dispatch;

	chain->begun = true;
	/* Without memory for the time limit there is no time. */
	chain->late = !loop_timer_arm(
		dispatch->loop, &chain->limit, loop_due_after(dispatch->loop, dispatch->options.chain_ms));
	/* The publisher gets to know in a later turn, also when nobody is left to be asked. */
	if (chain->late || next_to_ask(chain) == NULL)
		loop_ready(dispatch->loop, &chain->next, false);
	else
		go_on(chain);
}

void chain_taken(struct chain *chain, struct delivery *delivery)
{
	chain->asked_entry = NULL;
	chain->delivery = delivery;
}

/* The call itself went well, so nobody else tells. */
static void log_unreadable(const struct chain *chain, const struct binding *binding, const struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)buffer_printf(&text, "interceptor `%s` decides about `%.*s`, and its answer is of no use: %s",
		binding->interceptor->action, SPAN_ARG(chain->event->topic), err->text);
	log_write(chain->dispatch->log, CAPSULE_LOG_WARN, binding->member->id, buffer_span(&text));
}

static enum capsule_status rewrite(
	struct chain *chain, const struct binding *binding, const struct payload *payload, struct capsule_error *err)
{
	struct event *event;
	enum capsule_status status = event_new_rewritten(&event, chain->event, payload, err);

	if (status != CAPSULE_OK)
		return status;
	event_release(chain->event);
	chain->event = event;
	tell_decision(chain, binding, false, "");
	return CAPSULE_OK;
}

void chain_answered(struct chain *chain, struct span answer, const struct capsule_error *failure)
{
	struct binding *binding = chain->asked;
	struct payload payload = { 0 };
	struct verdict verdict;
	struct capsule_error err;
	enum capsule_status status;

	assert(binding != NULL);
	if (failure != NULL) {
		if (chain->late)
			late(chain, binding); /* which is why it was cancelled */
		else
			failed(chain, binding, failure->text);
		go_on(chain);
		return;
	}
	status = verdict_read(&verdict, &payload, answer, binding->interceptor->mode == INTERCEPTOR_REWRITES, &err);
	if (status == CAPSULE_OK && verdict.rewritten)
		status = rewrite(chain, binding, &payload, &err);
	payload_fini(&payload);
	if (status != CAPSULE_OK) {
		log_unreadable(chain, binding, &err);
		failed(chain, binding, err.text);
	} else if (verdict.deny) {
		deny(chain, binding, verdict.reason);
	}
	go_on(chain);
}

/* ---- Those who can't be asked ---- */

static void chain_run(struct runnable *runnable)
{
	go_on(LIST_ENTRY(runnable, struct chain, next));
}

void chain_lost(struct chain *chain, struct binding *binding, enum event_outcome outcome)
{
	static const char *const why[OUTCOMES] = { [OUTCOME_GONE] = "its capsule is not there any more",
		[OUTCOME_OVERFLOW] = "its inbox is full",
		[OUTCOME_TOO_LARGE] = "it is too large for its inbox",
		[OUTCOME_NO_MEMORY] = "there is no memory for it" };
	bool was_asked = chain->asked == binding && chain->delivery == NULL;

	failed(chain, binding, why[outcome]);
	if (!was_asked)
		return;
	chain->asked = NULL;
	chain->asked_entry = NULL;
	if (chain->begun)
		loop_ready(chain->dispatch->loop, &chain->next, false);
}

static void limit_fire(struct timer *timer)
{
	struct chain *chain = LIST_ENTRY(timer, struct chain, limit);
	struct bus_entry *entry = chain->asked_entry;

	chain->late = true;
	if (chain->delivery != NULL) {
		delivery_cancel(chain->delivery); /* which is a failure, and its turn to say what that means */
		return;
	}
	if (entry == NULL) /* already lost; the next turn finds out */
		return;
	late(chain, chain->asked);
	chain->asked = NULL;
	chain->asked_entry = NULL;
	bus_entry_end(entry, OUTCOME_FAILED);
	go_on(chain);
}
