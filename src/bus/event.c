/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One block holds an IPC message with its topic and payload: publishing costs one allocation, however many receive it. */
#include "bus/event.h"

#include "base/json.h"

#include <assert.h>
#include <stdlib.h>

#define SOURCE_UNKNOWN "unknown"

struct event_block {
	struct event event;
	uint8_t bytes[];
};

static void event_fill(struct event *event, const struct event_source *source, enum event_type type)
{
	event->refs = 1;
	event->type = type;
	event->origin = source->origin;
	event->source = source->source != NULL ? source->source : SOURCE_UNKNOWN;
	event->realtime_ns = source->realtime_ns;
	event->published_ns = source->published_ns;
	event->charge = EVENT_OVERHEAD + event->topic.len + event->payload.len;
}

static struct span place(uint8_t **at, struct span bytes)
{
	struct span placed = span_of(*at, bytes.len);

	if (bytes.len > 0)
		memcpy(*at, bytes.data, bytes.len);
	*at += bytes.len;
	return placed;
}

enum capsule_status event_new_ipc(struct event **out, const struct event_source *source, struct span topic,
	const struct payload *payload, struct capsule_error *err)
{
	struct span tagged = payload->tagged, inner = payload->inner;
	bool inside = inner.data >= tagged.data && inner.data + inner.len <= tagged.data + tagged.len;
	struct event_block *block = calloc(
		1, sizeof *block + topic.len + tagged.len + payload->request_id.len + (inside ? 0 : inner.len));
	struct event *event;
	uint8_t *at;

	if (block == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an event of %zu bytes", tagged.len);
	event = &block->event;
	at = block->bytes;
	event->topic = place(&at, topic);
	event->payload = place(&at, tagged);
	if (inside)
		event->inner = span_of(event->payload.data + (inner.data - tagged.data), inner.len);
	else
		event->inner = place(&at, inner);
	event->request = payload->request;
	event->request_id = place(&at, payload->request_id);
	event_fill(event, source, EVENT_IPC);
	*out = event;
	return CAPSULE_OK;
}

void event_release(struct event *event)
{
	assert(event->refs > 0);
	if (--event->refs > 0)
		return;
	assert(event->open == 0 && event->chain == NULL && event->waiter == NULL);
	if (event->type != EVENT_IPC)
		free((void *)(uintptr_t)event->payload.data);
	buffer_fini(&event->envelope);
	free(LIST_ENTRY(event, struct event_block, event));
}

/* ---- Lifecycle events ---- */

struct lifecycle_row {
	const char *tag, *topic, *fields;
};

#define LIFECYCLE_TOPIC "astrid.v1.lifecycle."

static const struct lifecycle_row rows[EVENT_TYPES] = {
	[EVENT_IPC] = { "ipc", "ipc", "" },
#define LIFECYCLE(id, tag, fields) [EVENT_##id] = { tag, LIFECYCLE_TOPIC tag, fields },
#include "bus/lifecycle.def"
#undef LIFECYCLE
};

const char *event_type_name(enum event_type type)
{
	return rows[type].tag;
}

const char *event_type_topic(enum event_type type)
{
	return type == EVENT_CUSTOM ? rows[type].tag : rows[type].topic;
}

enum event_type event_type_find(struct span tag)
{
	int type = EVENT_TYPES;

	while (type > 0 && !span_is(tag, rows[--type].tag))
		if (type == 0)
			return EVENT_TYPES;
	return (enum event_type)type;
}
