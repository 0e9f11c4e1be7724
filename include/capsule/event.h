/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events: publish them, get them, see what comes of them. A message goes under a topic to every capsule whose manifest or
 * guest asked for that topic, and to the subscriptions of the embedder; each of them gets it in the order of publication,
 * and each ends with exactly one outcome. Texts that functions are called with are borrowed for the call. */
#ifndef CAPSULE_EVENT_H
#define CAPSULE_EVENT_H

#include <capsule/op.h>
#include <capsule/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One event. Neither text has a terminator. */
struct capsule_event {
	uint64_t number;   /* of its publication, in one runtime: 1, 2, ... */
	const char *type;  /* "ipc" for messages, else the kind of a lifecycle event: "tool_call_started", ... */
	const char *topic; /* of a lifecycle event "astrid.v1.lifecycle.<type>" */
	size_t topic_len;
	const char *payload; /* JSON, an object with `type`; of a lifecycle event the whole event */
	size_t payload_len;
	const char *capsule;   /* id of who published it; NULL: the embedder, the runtime, or a capsule that is gone */
	const char *source_id; /* session of that capsule, a UUID; all zeroes for the embedder and the runtime */
	const char *source;    /* "embedder", "runtime", or of a capsule "wasm_guest", "uplink". A static text */
	int64_t realtime_ns;   /* when it was published, since 1970 */
};

/* What came of it for one receiver. */
enum capsule_outcome {
	CAPSULE_OUTCOME_DELIVERED, /* an interceptor ran to its end, a message was read */
	CAPSULE_OUTCOME_FAILED,    /* the interceptor ended with an error */
	CAPSULE_OUTCOME_VETOED,    /* an interceptor that decides did not let it through */
	CAPSULE_OUTCOME_OVERFLOW,  /* lost: the inbox was full */
	CAPSULE_OUTCOME_TOO_LARGE, /* lost: larger than the whole inbox */
	CAPSULE_OUTCOME_GONE,      /* lost: the receiver went away */
	CAPSULE_OUTCOME_NO_MEMORY, /* lost: no memory to keep it */
};

/** The word for an outcome: "delivered", "too large", ... A static text. Threads: any. */
CAPSULE_API const char *capsule_outcome_name(enum capsule_outcome outcome);

/** Publish `payload`, `len` bytes of JSON, under `topic` as a guest would: an object with a known `type` and its fields is
 *  that message, anything else travels as {"type":"custom","data":...}. With `op` the operation ends when every receiver has
 *  its outcome, with {"matched":n,"delivered":n,"failed":n,"vetoed":n,"dropped":n} as its result, and receivers that say so
 *  may keep it waiting until there is room or refuse it; capsule_op_cancel() forgets it, the event goes on. Without (`op`
 *  NULL, `done` unused) what does not fit is lost, which is counted and told. Errors: CAPSULE_EINVAL (a topic that is longer
 *  than 256 bytes, has empty segments or is of the runtime's own `astrid.v1.lifecycle.`; a payload that is no JSON),
 *  CAPSULE_ELIMIT (over 5 MiB; a receiver with on_full = "fail" is full; it would wait, and 1,024 publications or 64 MiB of
 *  them do already), CAPSULE_ENOMEM, CAPSULE_ESTATE (not the runtime's thread, or from inside a function that must not
 *  call). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_publish(struct capsule_runtime *runtime, const char *topic,
	const char *payload, size_t len, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

struct capsule_subscription;

/* One event for a subscription; `lost` is how many were lost right before it. On the runtime's thread, from a turn: may call
 * into the runtime, also capsule_unsubscribe(). */
typedef void (*capsule_event_fn)(void *user, const struct capsule_event *event, uint64_t lost);

/* Zero-initialise and set `size`; later releases append members. */
struct capsule_subscribe_options {
	size_t size;             /* sizeof(struct capsule_subscribe_options) */
	bool lifecycle;          /* lifecycle events too, not only messages */
	uint32_t inbox_messages; /* that may wait; the oldest are lost when there are more: 1,024 */
	uint64_t inbox_bytes;    /* likewise: 16 MiB */
};

/** Get what is published under topics that match `pattern` from now on: `*` stands for one segment, as the last one behind
 *  others for one or more. `options` may be NULL. Ends with capsule_unsubscribe(), or with the runtime. Errors:
 *  CAPSULE_EINVAL, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_subscribe(struct capsule_runtime *runtime,
	const char *pattern, const struct capsule_subscribe_options *options, capsule_event_fn arrived, void *user,
	struct capsule_subscription **out, struct capsule_error *err);

/** End it (taken; NULL is fine): events that it has not got yet are lost to it. */
CAPSULE_API void capsule_unsubscribe(struct capsule_subscription *subscription);

/* What happened to an event. */
enum capsule_notice {
	CAPSULE_EVENT_OUTCOME, /* one receiver has its outcome */
	CAPSULE_EVENT_DECIDED, /* an interceptor that decides vetoed or rewrote it */
	CAPSULE_EVENT_SETTLED, /* every receiver has its outcome: the last notice of the event */
};

/* What is told of every event. */
struct capsule_event_notice {
	enum capsule_notice kind;
	const struct capsule_event *event;
	/* Of CAPSULE_EVENT_OUTCOME and CAPSULE_EVENT_DECIDED: who, and what of it. */
	const char *capsule;          /* NULL: a subscription of the embedder's */
	const char *action;           /* of the interceptor, or the pattern of the subscription */
	enum capsule_outcome outcome; /* of CAPSULE_EVENT_OUTCOME */
	bool vetoed;        /* of CAPSULE_EVENT_DECIDED; otherwise it was rewritten, and `event` is what it is now */
	const char *reason; /* of a veto, may be "" */
	/* Of CAPSULE_EVENT_SETTLED: how many receivers it was for. */
	uint32_t matched;
};

typedef void (*capsule_event_notice_fn)(void *user, const struct capsule_event_notice *notice);

/** Have `told` called for every event: with each outcome, each veto and rewrite, and at its end; NULL: no longer. It runs on
 *  the runtime's thread, from a turn or from inside the function that published, and must not call into the runtime. */
CAPSULE_API void capsule_watch_events(struct capsule_runtime *runtime, capsule_event_notice_fn told, void *user);

/** What came of all events so far, as JSON:
 *  {"matched","delivered","failed","vetoed","dropped":{"overflow","too_large","gone","no_memory"},
 *  "pending","capsules":[{"capsule","published","refused",...,"queue":{...},"cpu_ns","p50_ns","p99_ns"}]}; at every moment
 *  matched is the sum of the others. Borrowed until the next call; NULL when out of memory, from another thread and from
 *  inside a function that must not call into the runtime. */
CAPSULE_API const char *capsule_event_stats_json(struct capsule_runtime *runtime);

#ifdef __cplusplus
}
#endif

#endif
