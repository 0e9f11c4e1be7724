/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receivers that are no capsules: each has an inbox of its own, which is emptied from the loop. */
#include "dispatch/internal.h"

#include "base/text.h"

#include <stdlib.h>

#define PER_TURN 256 /* events that one listener gets before others have their turn */

struct listener {
	struct dispatch *dispatch;
	struct list_node link;
	struct inbox inbox;
	struct lane lane;
	struct receiver receiver;
	struct runnable pump;
	char *pattern;
	void (*arrived)(void *user, struct event *event, uint64_t lost);
	void *user;
	bool *freed; /* set from inside arrived(); NULL outside */
};

static void woke(struct lane *lane)
{
	struct listener *listener = LIST_ENTRY(lane, struct listener, lane);

	loop_ready(listener->dispatch->loop, &listener->pump, false);
}

static void pump(struct runnable *runnable)
{
	struct listener *listener = LIST_ENTRY(runnable, struct listener, pump);
	bool freed = false;

	listener->freed = &freed;
	for (unsigned i = 0; i < PER_TURN; i++) {
		struct bus_entry *entry = lane_peek(&listener->lane);
		struct event *event;

		if (entry == NULL)
			break;
		event = event_hold(entry->event);
		bus_entry_end(entry, OUTCOME_DELIVERED);
		listener->arrived(listener->user, event, lane_take_lagged(&listener->lane));
		event_release(event);
		if (freed)
			return;
	}
	listener->freed = NULL;
	if (lane_peek(&listener->lane) != NULL)
		loop_ready(listener->dispatch->loop, &listener->pump, false);
}

enum capsule_status listener_new(struct listener **out, struct dispatch *dispatch,
	const struct listener_options *options, struct capsule_error *err)
{
	struct listener *listener = calloc(1, sizeof *listener);
	enum capsule_status status;

	if (listener == NULL || (listener->pattern = text_copy(options->pattern)) == NULL) {
		free(listener);
		return error_set(err, CAPSULE_ENOMEM, "no memory for a listener");
	}
	listener->dispatch = dispatch;
	listener->arrived = options->arrived;
	listener->user = options->user;
	listener->pump.run = pump;
	list_init(&listener->pump.link);
	list_append(&dispatch->listeners, &listener->link);
	inbox_init(&listener->inbox, dispatch->bus, &options->budget, NULL);
	lane_init(&listener->lane, &listener->inbox, woke);
	listener->receiver = (struct receiver){ .on_full = options->on_full,
		.events = options->lifecycle ? RECEIVES_EVERYTHING : RECEIVES_IPC,
		.label = listener->pattern,
		.owner = listener };
	status = receiver_add(&listener->receiver, &listener->lane, options->pattern, TOPIC_TAIL_REST, err);
	if (status != CAPSULE_OK) {
		listener_free(listener);
		return status;
	}
	*out = listener;
	return CAPSULE_OK;
}

void listener_free(struct listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->freed != NULL)
		*listener->freed = true;
	loop_unready(&listener->pump);
	inbox_close(&listener->inbox, OUTCOME_GONE);
	lane_close(&listener->lane);
	list_remove(&listener->link);
	free(listener->pattern);
	free(listener);
}
