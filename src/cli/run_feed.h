/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `capsule run` publishes: the operands of --publish, then the lines of standard input, in order. So many at
 * once are without an outcome that they fit into the inboxes; whoever writes faster waits. Then it waits for
 * outcomes, and for answers to requests. */
#ifndef CLI_RUN_FEED_H
#define CLI_RUN_FEED_H

#include "cli/run_events.h"
#include "cli/run_lines.h"
#include "cli/run_replies.h"
#include "cli/session.h"

/* Events, and bytes of their payloads, that may be without an outcome at once; fewer where an inbox is small. */
#define RUN_FEED_MESSAGES 256
#define RUN_FEED_BYTES ((uint64_t)4 * 1024 * 1024)

struct run_feed;

/* One event that has no outcome yet. */
struct run_slot {
	struct run_feed *feed;
	struct capsule_op *op; /* NULL: the slot is free */
	size_t bytes;
};

struct run_feed {
	/* Set by the caller, borrowed: */
	struct session *session;
	const struct options *options;
	/* From here on its own: */
	size_t operands; /* that were taken */
	struct run_lines lines;
	char chunk[RUN_CHUNK_BYTES]; /* what was read last */
	bool ended;                  /* of standard input there is no more */
	bool wants;                  /* standard input is to be read */
	bool more;                   /* there is something to take at once */
	struct run_message held;     /* what is published next */
	bool holding;
	bool full; /* somebody had no room for it: until an outcome comes */
	struct run_slot slots[RUN_FEED_MESSAGES];
	size_t free_slots[RUN_FEED_MESSAGES], free_count;
	uint64_t in_flight, in_flight_bytes;
	uint64_t messages_most, bytes_most;
	struct run_replies replies;
	uint64_t published, refused, missed; /* events; `missed`: somebody did not get it */
	int64_t idle_ns; /* since something of what is waited for came; time in which output was stuck does not count */
	int64_t stepped_ns; /* when the last step was */
	bool timed_out, failed;
};

/** All capsules are loaded: begin. `session` and `options` are set, the rest is zero. */
void run_feed_begin(struct run_feed *feed);

/** Publish what can be published now, and say in the session what to wait for. Call before each cli_session_step(). */
void run_feed_step(struct run_feed *feed);

/** Read what standard input has, after a step. */
void run_feed_read(struct run_feed *feed);

/** Whether there is nothing to wait for any more: all is published and has its outcome and its answer, nothing is
 *  under way elsewhere; or nothing came for too long. */
bool run_feed_over(struct run_feed *feed);

/** An event was settled; from inside the runtime. Returns whether it is the answer to a request of this program. */
bool run_feed_settled(struct run_feed *feed, const struct capsule_event *event, const struct run_event *known);

/** Whether `event` is what the runtime answers to a request that nobody took. It does so, too, when an answer with
 *  the id of its request reaches nobody but this program. */
bool run_feed_is_failure(const struct capsule_event *event);

/** Say what there is to say at the end. Returns the exit status. */
int run_feed_finish(struct run_feed *feed);

/** Forget what has no outcome yet; before the session is closed. */
void run_feed_fini(struct run_feed *feed);

#endif
