/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A window over what is published: an event leaves it with its last outcome. A request is waited for beyond that,
 * until a message with its id comes; the runtime sends one itself when nobody takes the request. */
#include "cli/run_feed.h"
#include "cli/run_stats.h"
#include "cli/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 1024 /* messages that are taken before guests have their turn */
#define NS_PER_MS 1000000
#define MS_PER_S 1000
#define STEP_MS                                                                                                        \
	100 /* the longest wait of one step while time is counted, and what a step that took longer counts for */
#define TIMEOUT_S 60

void run_feed_begin(struct run_feed *feed)
{
	feed->ended = !feed->options->from_stdin;
	feed->messages_most = RUN_FEED_MESSAGES;
	feed->bytes_most = RUN_FEED_BYTES;
	run_stats_bound(feed->session->runtime, &feed->messages_most, &feed->bytes_most);
	for (size_t i = 0; i < RUN_FEED_MESSAGES; i++) {
		feed->slots[i].feed = feed;
		feed->free_slots[i] = i;
	}
	feed->free_count = RUN_FEED_MESSAGES;
	feed->stepped_ns = cli_now_ns();
}

/* ---- What is next ---- */

/* "line 3" or "--publish a.b" before a text about what is held. */
static void say_held(struct run_feed *feed, const char *text)
{
	feed->refused++;
	feed->failed = true;
	if (feed->lines.number > 0)
		(void)cli_say("line %" PRIu64 ": %s", feed->lines.number, text);
	else
		(void)cli_say("--publish %s: %s", CLI_SHORT(feed->options->settings[feed->operands - 1].key), text);
}

static bool take_operand(struct run_feed *feed)
{
	const struct capsule_setting *operand = &feed->options->settings[feed->operands++];
	char why[RUN_WHY_BYTES];

	feed->holding = run_message_read(&feed->held, operand->key, operand->value, why);
	if (!feed->holding) {
		say_held(feed, why);
		run_message_fini(&feed->held);
	}
	return true;
}

static bool take_line(struct run_feed *feed)
{
	const char *line = NULL;
	char why[RUN_WHY_BYTES];
	size_t len = 0;

	switch (run_lines_next(&feed->lines, feed->ended, &line, &len)) {
	case RUN_LINE_NONE:
		return false;
	case RUN_LINE_TOO_LONG:
		(void)snprintf(why, sizeof why, "longer than %s bytes, skipped", CLI_NUMBER(RUN_LINE_BYTES_MAX));
		say_held(feed, why);
		return true;
	case RUN_LINE_WHOLE:
		break;
	}
	if (run_line_is_blank(line, len))
		return true;
	feed->holding = run_message_read_line(&feed->held, line, len, why);
	if (!feed->holding) {
		say_held(feed, why);
		run_message_fini(&feed->held);
	}
	return true;
}

/* Take the next message, which may turn out to be none. Returns false when there is nothing to take. */
static bool take_next(struct run_feed *feed)
{
	if (feed->operands < feed->options->setting_count)
		return take_operand(feed);
	return feed->options->from_stdin && take_line(feed);
}

/* ---- Publishing ---- */

static void published_done(struct capsule_op *op, void *user)
{
	struct run_slot *slot = user;
	struct run_feed *feed = slot->feed;

	feed->in_flight--;
	feed->in_flight_bytes -= slot->bytes;
	feed->free_slots[feed->free_count++] = (size_t)(slot - feed->slots);
	feed->full = false;
	feed->idle_ns = 0;
	slot->op = NULL;
	capsule_op_free(op);
}

static bool has_room(const struct run_feed *feed)
{
	if (feed->full || feed->in_flight >= feed->messages_most)
		return false;
	if (feed->held.request != NULL && feed->replies.count >= RUN_REQUESTS_MOST)
		return false;
	return feed->in_flight == 0 || feed->in_flight_bytes + feed->held.payload_len <= feed->bytes_most;
}

/* The answer may come from inside the publication: it is waited for before. */
static enum capsule_status publish(struct run_feed *feed, struct run_slot *slot)
{
	struct run_message *held = &feed->held;
	enum capsule_status status;

	if (held->request != NULL && !run_replies_await(&feed->replies, held->request))
		return CAPSULE_ENOMEM;
	status = capsule_publish(feed->session->runtime, held->topic, held->payload, held->payload_len, published_done,
		slot, &slot->op, feed->session->error);
	if (status != CAPSULE_OK && held->request != NULL)
		(void)run_replies_take(&feed->replies, held->request, strlen(held->request));
	return status;
}

/* Publish what is held, or say why not. Returns false when it has to wait. */
static bool try_publish(struct run_feed *feed)
{
	struct run_slot *slot;
	enum capsule_status status;

	if (!has_room(feed))
		return false;
	slot = &feed->slots[feed->free_slots[feed->free_count - 1]];
	slot->op = NULL;
	status = publish(feed, slot);
	/* One who refuses because its inbox is full may take it later. */
	feed->full = status == CAPSULE_ELIMIT && feed->in_flight > 0;
	if (feed->full)
		return false;
	if (status == CAPSULE_OK) {
		feed->free_count--;
		slot->bytes = feed->held.payload_len;
		feed->in_flight++;
		feed->in_flight_bytes += slot->bytes;
		feed->published++;
	} else {
		say_held(feed,
			status == CAPSULE_ENOMEM ? capsule_status_text(status)
						 : capsule_error_text(feed->session->error));
	}
	feed->holding = false;
	feed->idle_ns = 0;
	run_message_fini(&feed->held);
	return true;
}

/* ---- Steps ---- */

static uint64_t timeout_seconds(const struct run_feed *feed)
{
	return feed->options->timeout_seconds > 0 ? feed->options->timeout_seconds : TIMEOUT_S;
}

/* Count the time since the last step, and say until when to wait. A step that took longer than it was to wait had
 * something to do, or nobody read the output: neither is a reason to give up. */
static void count_idle(struct run_feed *feed, int64_t now)
{
	int64_t most = (int64_t)STEP_MS * NS_PER_MS, passed = now - feed->stepped_ns, left;

	feed->idle_ns += passed < most ? passed : most;
	left = (int64_t)timeout_seconds(feed) * MS_PER_S - feed->idle_ns / NS_PER_MS;
	feed->timed_out = left <= 0;
	feed->session->wait_ms_most = left <= 0 ? 0 : left < STEP_MS ? (int)left : STEP_MS;
}

void run_feed_step(struct run_feed *feed)
{
	struct session *session = feed->session;
	int64_t now = cli_now_ns();

	feed->more = true;
	for (unsigned i = 0; i < AT_ONCE && feed->more; i++)
		feed->more = feed->holding ? try_publish(feed) : take_next(feed);
	feed->wants = !feed->more && !feed->holding && !feed->ended;
	session->watched_fd = feed->wants ? STDIN_FILENO : -1;
	session->wait_ms_most = feed->more ? 0 : -1;
	if (feed->more || feed->wants || feed->options->stay)
		feed->idle_ns = 0; /* it is not events that are waited for */
	else
		count_idle(feed, now);
	feed->stepped_ns = now;
}

void run_feed_read(struct run_feed *feed)
{
	ssize_t got;

	if (!feed->wants || !feed->session->watched_ready)
		return;
	got = read(STDIN_FILENO, feed->chunk, sizeof feed->chunk);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got < 0) {
		(void)cli_say("cannot read standard input: %s", strerror(errno));
		feed->failed = true;
	}
	feed->ended = got <= 0;
	if (got > 0 && !run_lines_put(&feed->lines, feed->chunk, (size_t)got)) {
		(void)cli_say_memory();
		feed->ended = feed->failed = true;
	}
}

static bool is_done(const struct run_feed *feed)
{
	return feed->ended && !feed->wants && !feed->more && !feed->holding && feed->in_flight == 0 &&
		feed->replies.count == 0 && feed->operands == feed->options->setting_count;
}

bool run_feed_over(struct run_feed *feed)
{
	struct capsule_runtime *runtime = feed->session->runtime;

	if (feed->options->stay)
		return false;
	return feed->timed_out ||
		(is_done(feed) && capsule_runtime_timeout_ms(runtime) != 0 && run_stats_pending(runtime) == 0);
}

/* ---- What came of it ---- */

/* One line with all who did not get it. */
static void tell_missed(const struct capsule_event *event, const struct run_event *known)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL) {
		(void)cli_say_memory();
		return;
	}
	(void)fprintf(stream, "`%.*s`:", (int)event->topic_len, event->topic);
	for (const struct run_note *note = known->notes; note != NULL; note = note->next) {
		bool denied = note->decided && note->vetoed;

		if (denied)
			(void)fprintf(stream, " %s/%s denied it%s%s;", note->capsule, note->action,
				note->reason[0] != '\0' ? ": " : "", note->reason);
		else if (!note->decided && note->outcome != CAPSULE_OUTCOME_DELIVERED && !known->vetoed)
			(void)fprintf(stream, " %s/%s: %s;", note->capsule, note->action,
				capsule_outcome_name(note->outcome));
	}
	if (fclose(stream) != 0 || size == 0)
		(void)cli_say_memory();
	else
		(void)cli_say("%.*s", (int)size - 1, text);
	free(text);
}

static void own_settled(struct run_feed *feed, const struct capsule_event *event, const struct run_event *known)
{
	if (known->vetoed || known->missed > 0) {
		feed->missed++;
		feed->failed = true;
		if (!feed->options->from_stdin)
			tell_missed(event, known);
	} else if (known->matched == 0 && !feed->options->from_stdin) {
		(void)cli_say("`%.*s`: no capsule receives it", (int)event->topic_len, event->topic);
	}
}

static bool starts(const struct capsule_event *event, const char *prefix)
{
	size_t len = strlen(prefix);

	return event->topic_len >= len && memcmp(event->topic, prefix, len) == 0;
}

/* The request that `event` answers, by its id, the end of its topic, or, of the runtime's own services, by its being
 * first. */
static bool take_answer(struct run_feed *feed, const struct capsule_event *event, const char *id)
{
	const char *dot = memrchr(event->topic, '.', event->topic_len), *oldest;

	if (id != NULL)
		return run_replies_take(&feed->replies, id, strlen(id));
	if (dot != NULL &&
		run_replies_take(&feed->replies, dot + 1, event->topic_len - (size_t)(dot + 1 - event->topic)))
		return true;
	oldest = starts(event, "astrid.v1.response.") ? run_replies_oldest(&feed->replies) : NULL;
	return oldest != NULL && run_replies_take(&feed->replies, oldest, strlen(oldest));
}

bool run_feed_is_failure(const struct capsule_event *event)
{
	return strcmp(event->source, "runtime") == 0 &&
		(starts(event, "astrid.v1.response.failure.") || starts(event, "astrid.v1.delivery.failure."));
}

static bool answer_settled(struct run_feed *feed, const struct capsule_event *event, const struct run_event *known)
{
	const char *payload = known->payload != NULL ? known->payload : event->payload;
	char *id = run_request_id(payload, known->payload != NULL ? known->payload_len : event->payload_len);
	bool taken = take_answer(feed, event, id);

	if (taken)
		feed->idle_ns = 0;
	if (taken && (known->vetoed || run_feed_is_failure(event))) {
		feed->failed = true;
		(void)cli_say("request '%s': %s", id != NULL ? id : "",
			known->vetoed ? "the answer was denied" : "no capsule took it");
	}
	free(id);
	return taken;
}

bool run_feed_settled(struct run_feed *feed, const struct capsule_event *event, const struct run_event *known)
{
	if (strcmp(event->type, "ipc") != 0)
		return false;
	if (!run_event_is_own(event))
		return feed->replies.count > 0 && answer_settled(feed, event, known);
	own_settled(feed, event, known);
	return false;
}

/* ---- The end ---- */

static void tell_waiting(struct run_feed *feed)
{
	const char *oldest = run_replies_oldest(&feed->replies);

	(void)cli_say("nothing came for %s s: %s events without an outcome, %s requests without an answer%s%s%s",
		CLI_NUMBER(timeout_seconds(feed)), CLI_NUMBER(feed->in_flight), CLI_NUMBER(feed->replies.count),
		oldest != NULL ? ", the first is '" : "", oldest != NULL ? oldest : "", oldest != NULL ? "'" : "");
	run_stats_tell_pending(feed->session->runtime);
	if (!is_done(feed))
		(void)cli_say("--timeout SECONDS waits longer");
}

int run_feed_finish(struct run_feed *feed)
{
	if (feed->timed_out)
		tell_waiting(feed);
	if (feed->options->from_stdin && feed->missed + feed->refused > 0)
		(void)cli_say("of %s events, %s were not published and %s did not reach everybody%s",
			CLI_NUMBER(feed->published + feed->refused), CLI_NUMBER(feed->refused),
			CLI_NUMBER(feed->missed),
			feed->missed == 0 || feed->options->events ? "" : "; --events tells more");
	return feed->failed || feed->timed_out ? 1 : 0;
}

void run_feed_fini(struct run_feed *feed)
{
	for (size_t i = 0; i < RUN_FEED_MESSAGES; i++)
		capsule_op_free(feed->slots[i].op);
	run_message_fini(&feed->held);
	run_lines_fini(&feed->lines);
	run_replies_fini(&feed->replies);
}
