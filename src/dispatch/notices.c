/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is told of events that did not arrive: a notice of how many were lost, at once and then every few seconds at most
 * with all that were lost in between; and an answer to each request that nobody took, so that nobody waits for nothing.
 * Both are published in a later turn, since they are noticed from inside the bus. */
#include "dispatch/internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdlib.h>

#define LAGGED_TOPIC "astrid.v1.event_bus.lagged"
#define UNANSWERED_MOST 4096 /* requests that wait to be answered; the log tells how many were beyond it */
#define TOLD_PER_TURN 256    /* of them, before others have their turn */

/* A request that nobody took. */
struct failure {
	struct list_node link;
	struct origin origin; /* of the request: answers that lead to requests again are counted as hops */
	enum payload_request request;
	enum event_outcome outcome; /* why not, when there was anybody */
	bool matched;
	char id[PAYLOAD_REQUEST_ID_MAX + 1];
};

static void later_run(struct runnable *runnable);
static void lost_fire(struct timer *timer);
static void untold_fire(struct timer *timer);

void notices_init(struct dispatch *dispatch)
{
	dispatch->later.run = later_run;
	list_init(&dispatch->later.link);
	list_init(&dispatch->unanswered);
	dispatch->lost_timer.fire = lost_fire;
	dispatch->untold_timer.fire = untold_fire;
}

void notices_fini(struct dispatch *dispatch)
{
	struct list_node *node;

	loop_unready(&dispatch->later);
	loop_timer_disarm(dispatch->loop, &dispatch->lost_timer);
	loop_timer_disarm(dispatch->loop, &dispatch->untold_timer);
	while ((node = list_take_first(&dispatch->unanswered)) != NULL)
		free(LIST_ENTRY(node, struct failure, link));
}

/* ---- Losses ---- */

void notices_lost(struct dispatch *dispatch, const struct event *event)
{
	int64_t due = dispatch->lost_told_ns + (int64_t)dispatch->options.lag_notice_ms * NS_PER_MS;

	if (event->source == dispatch_source && span_is(event->topic, LAGGED_TOPIC))
		return; /* a notice about a notice would be lost as well */
	if (dispatch->lost++ > 0)
		return;
	/* Without memory for a timer it is told too early rather than never. */
	if (!dispatch->lost_told || due <= loop_now(dispatch->loop) ||
		!loop_timer_arm(dispatch->loop, &dispatch->lost_timer, due))
		loop_ready(dispatch->loop, &dispatch->later, false);
}

static void lost_fire(struct timer *timer)
{
	struct dispatch *dispatch = LIST_ENTRY(timer, struct dispatch, lost_timer);

	loop_ready(dispatch->loop, &dispatch->later, false);
}

static void tell_lost(struct dispatch *dispatch)
{
	uint64_t lost = dispatch->lost;
	char text[64];
	int len;

	if (lost == 0 || dispatch->lost_timer.index != 0)
		return;
	dispatch->lost = 0;
	dispatch->lost_told = true;
	dispatch->lost_told_ns = loop_now(dispatch->loop);
	len = snprintf(text, sizeof text, "%" PRIu64 " events were lost: inboxes were full", lost);
	log_write(dispatch->log, CAPSULE_LOG_WARN, NULL, span_of(text, (size_t)len));
	len = snprintf(text, sizeof text, "{\"lagged_count\":%" PRIu64 "}", lost);
	dispatch_announce(dispatch, span_text(LAGGED_TOPIC), span_of(text, (size_t)len));
}

/* ---- Requests ---- */

/* One line in a while: whoever asks without end must not fill the log. */
static void untold_fire(struct timer *timer)
{
	struct dispatch *dispatch = LIST_ENTRY(timer, struct dispatch, untold_timer);
	char text[128];
	int len = snprintf(text, sizeof text,
		"%" PRIu64 " requests that nobody took are not answered: there is no room for more than %d at once",
		dispatch->untold, UNANSWERED_MOST);

	log_write(dispatch->log, CAPSULE_LOG_WARN, NULL, span_of(text, (size_t)len));
	dispatch->untold = 0;
	dispatch->untold_due_ns = loop_due_after(dispatch->loop, dispatch->options.lag_notice_ms);
}

static void note_untold(struct dispatch *dispatch)
{
	if (dispatch->untold++ == 0 &&
		!loop_timer_arm(dispatch->loop, &dispatch->untold_timer, dispatch->untold_due_ns))
		untold_fire(&dispatch->untold_timer); /* without memory too often rather than never */
}

/* Answers carry the id of their request, and nobody has to take those: their topics have a segment `response`, or end
 * with the id. */
static bool is_answer(const struct event *event)
{
	struct span rest = event->topic;

	while (rest.len > 0) {
		const uint8_t *dot = memchr(rest.data, '.', rest.len);
		struct span segment = span_of(rest.data, dot != NULL ? (size_t)(dot - rest.data) : rest.len);

		if (span_is(segment, "response"))
			return true;
		if (dot == NULL)
			return span_equal(segment, event->request_id);
		rest = span_of(dot + 1, rest.len - segment.len - 1);
	}
	return false;
}

void notices_settled(struct dispatch *dispatch, const struct event *event)
{
	struct failure *failure;

	/* Who was asked whether it may pass has not handled it. */
	if (event->request == PAYLOAD_NO_REQUEST || event->taken > event->asked || is_answer(event))
		return;
	failure = dispatch->unanswered_count < UNANSWERED_MOST ? calloc(1, sizeof *failure) : NULL;
	if (failure == NULL) {
		note_untold(dispatch);
		return;
	}
	failure->origin = event->origin;
	failure->origin.source = (struct uuid){ 0 }; /* it is the runtime that answers */
	failure->request = event->request;
	failure->matched = event->denied || event->matches > event->deciders;
	failure->outcome = event->denied ? OUTCOME_VETOED : (enum event_outcome)event->missed_as;
	memcpy(failure->id, event->request_id.data, event->request_id.len);
	list_append(&dispatch->unanswered, &failure->link);
	dispatch->unanswered_count++;
	loop_ready(dispatch->loop, &dispatch->later, false);
}

/* Words for programs and a sentence for people; what exactly went wrong is for the log alone. */
static const struct {
	const char *code, *text;
} reasons[OUTCOMES] = {
	[OUTCOME_FAILED] = { "failed", "the capsule that handles it failed" },
	[OUTCOME_VETOED] = { "denied", "it was denied" },
	[OUTCOME_OVERFLOW] = { "overflow", "the capsule that handles it has too much to do" },
	[OUTCOME_TOO_LARGE] = { "too_large", "it is too large for the capsule that handles it" },
	[OUTCOME_GONE] = { "gone", "the capsule that handles it is not there any more" },
	[OUTCOME_NO_MEMORY] = { "no_memory", "there is not enough memory" },
};

static void tell_failure(struct dispatch *dispatch, const struct failure *failure)
{
	bool delivery = failure->request == PAYLOAD_DELIVERY;
	const char *code = failure->matched ? reasons[failure->outcome].code : "no_receiver";
	const char *text = failure->matched ? reasons[failure->outcome].text : "no capsule handles it";
	HOLD(buffer_fini) struct buffer topic = { 0 }, json = { 0 };

	(void)buffer_printf(&topic, "astrid.v1.%s.failure.%s", delivery ? "delivery" : "response", failure->id);
	(void)buffer_printf(&json,
		"{\"%s\":\"%s\",\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}",
		delivery ? "_astrid_delivery_id" : "req_id", failure->id, code, text);
	dispatch_tell(dispatch, &failure->origin, buffer_span(&topic), buffer_span(&json));
}

/* What these publications bring about comes with the next turn. */
static void later_run(struct runnable *runnable)
{
	struct dispatch *dispatch = LIST_ENTRY(runnable, struct dispatch, later);
	uint32_t count = dispatch->unanswered_count < TOLD_PER_TURN ? dispatch->unanswered_count : TOLD_PER_TURN;

	tell_lost(dispatch);
	for (; count > 0; count--) {
		struct failure *failure = LIST_ENTRY(list_take_first(&dispatch->unanswered), struct failure, link);

		dispatch->unanswered_count--;
		tell_failure(dispatch, failure);
		free(failure);
	}
	if (!list_empty(&dispatch->unanswered))
		loop_ready(dispatch->loop, &dispatch->later, false);
}
