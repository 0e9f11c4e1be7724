/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the bus carries: an IPC message or a lifecycle event. Made once, never changed, counted; whoever receives it
 * gets this one. Its JSON forms are made at most once, when somebody first needs them. Loop thread only. */
#ifndef BUS_EVENT_H
#define BUS_EVENT_H

#include "base/list.h"
#include "base/origin.h"
#include "bus/payload.h"

/* The types of events: IPC messages, and the rows of lifecycle.def. */
enum event_type {
	EVENT_IPC,
#define LIFECYCLE(id, tag, ...) EVENT_##id,
#include "bus/lifecycle.def"
#undef LIFECYCLE
	EVENT_TYPES
};

/* Bytes of `inner` up to which its array is kept: it is four times as long, and no inbox counts it. */
#define EVENT_ARRAY_MAX 4096

/* Costs of an event besides its bytes, wherever it is counted: as much memory as the smallest one takes. */
#define EVENT_OVERHEAD 512

/* Of src/dispatch. */
struct chain;
struct member;
struct op;

struct event {
	uint32_t refs;
	enum event_type type;
	struct span topic;   /* of a lifecycle event "astrid.v1.lifecycle.<tag>" */
	struct span payload; /* the tagged payload; of a lifecycle event the whole event as JSON */
	struct span inner;   /* what interceptors get */
	enum payload_request request;
	struct span request_id;
	struct origin origin;
	const char *source;   /* of the metadata, a static text: "wasm_guest", "runtime", "dispatcher", "embedder" */
	int64_t realtime_ns;  /* when it was published */
	int64_t published_ns; /* the same on the monotonic clock */
	size_t charge;        /* bytes that it counts for in an inbox */

	uint64_t sequence; /* of its publication; 0: not published */
	struct event *
		first; /* what it was before it was rewritten, one reference; that one has the books. NULL: it was not */

	/* What has come of it; see bus.h. */
	uint32_t matches;         /* receivers that it was for */
	uint32_t open;            /* of these, without an outcome yet */
	uint32_t taken;           /* receivers that it was delivered to and that did not fail */
	uint32_t failed, vetoed;  /* of the others, these; the rest was dropped */
	uint32_t deciders;        /* of `matches`: those that were asked about it, and need not handle it */
	uint32_t asked;           /* of `taken`: those */
	bool denied;              /* by one of those */
	uint32_t missed_as;       /* enum event_outcome of the last one that decides nothing and did not take it */
	struct list_node over;    /* struct bus_entry.over_link: those beyond a budget, for which the publisher waits */
	struct op *waiter;        /* ended when `over` has become empty; NULL: nobody waits */
	bool alone;               /* it is beyond a budget and has no `waiter`: counted by the dispatcher */
	struct member *publisher; /* who waits there; NULL: no capsule does */
	void *ticket;             /* of src/runtime: who wants to know its end; NULL: nobody */
	struct chain *chain;      /* those who decide about it; NULL: nobody does, or does any more */

	struct buffer envelope; /* of event_envelope(), empty before */
	struct buffer array;    /* of event_array(), likewise */
	bool has_id;
	struct uuid id;
	uint8_t bytes[]; /* what `topic` and `payload` point to */
};

/* What an event is made from. */
struct event_source {
	struct origin origin;
	const char *source;
	int64_t realtime_ns, published_ns;
};

/** An IPC message under `topic` (copied, checked by the caller) with a payload that was read (copied). One reference,
 *  given back by event_release(). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status event_new_ipc(struct event **out, const struct event_source *source, struct span topic,
	const struct payload *payload, struct capsule_error *err);

/* The value of one field of a lifecycle event, in the order of its row. */
struct event_value {
	enum { EVENT_NULL, EVENT_TEXT, EVENT_NUMBER, EVENT_REAL, EVENT_BOOL, EVENT_UUID, EVENT_JSON } kind;
	union {
		struct span text; /* of EVENT_TEXT (repaired UTF-8), EVENT_JSON (valid JSON) */
		uint64_t number;
		double real; /* one that is no number of JSON becomes null */
		bool truth;
		struct uuid uuid;
	};
};

/** A lifecycle event of `type` with the `count` values of its row (borrowed). Kinds and count are those of the row:
 *  asserted. Errors: CAPSULE_ENOMEM, CAPSULE_EIO (no random bytes for its id). */
MUST_CHECK enum capsule_status event_new_lifecycle(struct event **out, const struct event_source *source,
	enum event_type type, const struct event_value *values, size_t count, struct capsule_error *err);

/** `event` as an interceptor wants it, an IPC message with another payload: it has the books of the first. Errors:
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status event_new_rewritten(
	struct event **out, struct event *event, const struct payload *payload, struct capsule_error *err);

/** The event that has the books. Borrowed. */
static inline struct event *event_books(struct event *event)
{
	return event->first != NULL ? event->first : event;
}

static inline struct event *event_hold(struct event *event)
{
	event->refs++;
	return event;
}

void event_release(struct event *event);

/** The message as a guest reads it: {"payload","signature":null,"source_id","timestamp","topic"}. Made at the first
 *  call. An empty span when out of memory. Borrowed from the event. */
struct span event_envelope(struct event *event);

/** `inner` as a JSON array of its bytes, which is how guests get it. Made at the first call. An empty span when it is
 *  longer than EVENT_ARRAY_MAX or without memory: whoever needs it makes it then. Borrowed from the event. */
struct span event_array(struct event *event);

/** Its id, made at the first call. Errors: CAPSULE_EIO. */
MUST_CHECK enum capsule_status event_id(struct event *event, struct uuid *out, struct capsule_error *err);

/** Append {"event_id","timestamp","correlation_id","session_id","user_id","source"}; absent ones are null. Returns
 *  false as buffer_append() does; without random bytes for its id the buffer is failed. */
bool event_append_metadata(struct event *event, struct buffer *out);

/** Append `realtime_ns` as RFC 3339 in UTC: suffix Z, 0, 3, 6 or 9 digits of a fraction. */
bool event_append_time(struct buffer *out, int64_t realtime_ns);

/** "tool_call_started"; "ipc". A type by its tag, EVENT_TYPES for none. Its topic:
 *  "astrid.v1.lifecycle.tool_call_started"; "ipc". */
const char *event_type_name(enum event_type type);
enum event_type event_type_find(struct span tag);
const char *event_type_topic(enum event_type type);

#endif
