/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What became of each event, collected from the runtime's notices until it is settled, and how that is written. */
#ifndef CLI_RUN_EVENTS_H
#define CLI_RUN_EVENTS_H

#include "cli/output.h"
#include <capsule/event.h>

/* One notice about an event. */
struct run_note {
	struct run_note *next;
	bool decided, vetoed;         /* a veto or a rewrite; else an outcome */
	enum capsule_outcome outcome; /* of an outcome */
	const char *capsule, *action; /* "" for a subscription of this program */
	const char *reason;           /* of a veto, else "" */
	char text[];                  /* where they are */
};

/* An event that something is known of. */
struct run_event {
	struct run_event *next; /* of its bucket */
	uint64_t number;
	struct run_note *notes, *last; /* in the order in which they came */
	char *payload;                 /* owned: that it was rewritten to; NULL: it was not */
	size_t payload_len;
	bool vetoed;
	uint32_t matched, missed; /* when it is settled: receivers, and those of them that did not get it */
};

/* Runs when `event` is settled: from inside the runtime, which must not be called. */
typedef void (*run_settled_fn)(void *user, const struct capsule_event *event, const struct run_event *known);

enum run_shown {
	RUN_SHOWN_NONE,
	RUN_SHOWN_MESSAGES, /* what capsules and the runtime publish, but no lifecycle events */
	RUN_SHOWN_ALL,
};

#define RUN_EVENT_BUCKETS 1024

/* Zero-initialise but for the last three. */
struct run_events {
	struct run_event *buckets[RUN_EVENT_BUCKETS];
	bool starved;         /* memory ran out: something is missing */
	enum run_shown shown; /* of what is not shown only failures are kept */
	run_settled_fn settled;
	void *user;
};

/** capsule_event_notice_fn; `user` is a struct run_events. */
void run_events_note(void *user, const struct capsule_event_notice *notice);

/** Whether this program published `event`, and whether it is to be shown. */
bool run_event_is_own(const struct capsule_event *event);
bool run_events_show(const struct run_events *events, const struct capsule_event *event);

/** Write `event`, which is settled, as a line on standard output: for people, or a JSON object. Returns false when
 *  memory ran out. */
void run_events_print_text(const struct output *out, const struct capsule_event *event, const struct run_event *known);
bool run_events_print_json(const struct output *out, const struct capsule_event *event, const struct run_event *known);

void run_events_fini(struct run_events *events);

#endif
