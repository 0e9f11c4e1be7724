/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client of the Model Context Protocol as a machine without input or output: bytes and the time go in, bytes,
 * events and the time of the next deadline come out. It speaks the revisions 2025-11-25, 2025-06-18, 2025-03-26 and
 * 2024-11-05.
 *
 *   new --start--> initializing --answered--> ready --close/failure--> ended
 *
 *   mcp_client_receive()   what the server wrote   mcp_client_output()     what is to be written to it
 *   mcp_client_end()       its output ended        mcp_client_next()       what happened, one event at a time
 *   mcp_client_tick()      the time                mcp_client_deadline()   when to call that at the latest
 *
 * Nothing is called back. Everything that the server sends is untrusted: bounded, checked, and, where the protocol
 * lets it, ignored when it is wrong. One thread at a time. */
#ifndef MCP_CLIENT_H
#define MCP_CLIENT_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "mcp/jsonrpc.h"

struct mcp_client;

enum mcp_revision { MCP_2024_11_05, MCP_2025_03_26, MCP_2025_06_18, MCP_2025_11_25, MCP_REVISIONS };

/** "2025-11-25"; the reverse gives MCP_REVISIONS for others. */
const char *mcp_revision_text(enum mcp_revision revision);
enum mcp_revision mcp_revision_find(struct span text);

/* What the client says that it can. A request of the server for anything else is answered with an error. */
struct mcp_client_features {
	bool roots, sampling, elicitation_form, elicitation_url;
};

/* Zero: the default. Times in milliseconds, from the time that is passed in (nanoseconds, monotonic). */
struct mcp_client_options {
	const char *name, *title, *version; /* of clientInfo; borrowed for the call */
	struct mcp_client_features features;
	uint64_t handshake_ms;    /* 10,000 */
	uint64_t list_ms;         /* one page of a list: 10,000 */
	uint64_t request_ms;      /* a request without progress: 60,000 */
	uint64_t request_hard_ms; /* with progress: 600,000 */
	uint64_t ping_ms;         /* time without a message and without requests before a ping; 0: none */
	uint64_t ping_answer_ms;  /* 10,000; three misses in a row end it */
	size_t line_bytes;        /* 16 MiB */
	size_t output_bytes;      /* that may wait to be written: 32 MiB */
	uint32_t output_messages; /* likewise: 256 */
	uint32_t in_flight;       /* requests of ours: 64 */
	uint32_t server_requests; /* of the server that wait for an answer: 64; more are refused with an error */
	uint32_t events; /* that wait for mcp_client_next(): 1,024; notifications beyond are dropped and counted */
	uint32_t list_pages, list_items;        /* 1,000 and 10,000 */
	uint32_t bad_lines_in_a_row, bad_lines; /* 64 and 1,024 */
};

/** A client that has not begun. Free with mcp_client_free() (NULL is fine). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_client_new(
	struct mcp_client **out, const struct mcp_client_options *options, struct capsule_error *err);
void mcp_client_free(struct mcp_client *client);

/** Begin: `initialize` is to be written. */
void mcp_client_start(struct mcp_client *client, int64_t now_ns);

/** The server wrote `bytes` (borrowed for the call). May make events. */
void mcp_client_receive(struct mcp_client *client, struct span bytes, int64_t now_ns);

/** Its output is at its end, or writing to it failed (`why`: for the message, or NULL): every request ends, then the
 *  client. */
void mcp_client_end(struct mcp_client *client, const char *why);

/** What is to be written now, in whole messages; empty when nothing is. Borrowed until the next call of anything
 *  else; mcp_client_written() takes `len` bytes of it away. */
struct span mcp_client_output(const struct mcp_client *client);
void mcp_client_written(struct mcp_client *client, size_t len);

/** Let time pass: deadlines of requests, handshake and pings. INT64_MAX when there is none. */
void mcp_client_tick(struct mcp_client *client, int64_t now_ns);
int64_t mcp_client_deadline(const struct mcp_client *client);

/* ---- Requests of ours ---- */

struct mcp_request_options {
	uint64_t timeout_ms, hard_ms; /* 0: the client's. With progress the first begins anew, the second does not */
	bool progress;                /* ask for progress, which makes events */
};

/** Ask `method` with `params` (a JSON object, or empty); `options` may be NULL. *id names it in events and for
 *  mcp_client_cancel(). What the server did not declare is not asked: CAPSULE_EUNSUPPORTED. Errors: CAPSULE_EINVAL (no
 *  JSON, no method for callers), CAPSULE_ESTATE (not ready: "registered but not connected"; ended, with the reason),
 *  CAPSULE_ELIMIT (too many in flight, too much to be written, too many events wait), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_client_request(struct mcp_client *client, struct span method, struct span params,
	const struct mcp_request_options *options, int64_t now_ns, int64_t *id, struct capsule_error *err);

/** tools/call. `arguments`: JSON; an object goes as it is, null is left out, another value V becomes {"value":V}. */
MUST_CHECK enum capsule_status mcp_client_call_tool(struct mcp_client *client, struct span tool, struct span arguments,
	const struct mcp_request_options *options, int64_t now_ns, int64_t *id, struct capsule_error *err);

enum mcp_list { MCP_TOOLS, MCP_RESOURCES, MCP_RESOURCE_TEMPLATES, MCP_PROMPTS, MCP_LISTS };

/** Fetch all pages of a list; ends with one event MCP_EVENT_LISTED. A cursor that comes again, or too many pages, items
 *  or bytes (as many as one line may have), ends it as failed. A server that does not have the feature gives an empty
 *  list. While a list is fetched one more fetch of it waits; asked for again, it is the same one, with the same id.
 *  Errors: as above. */
MUST_CHECK enum capsule_status mcp_client_list(
	struct mcp_client *client, enum mcp_list list, int64_t now_ns, int64_t *id, struct capsule_error *err);

/** Give up request or list `id`: the server is told, or the request is taken back if none of it is written; no event
 *  comes for it any more, not even one that waits; a late answer is ignored. `reason` may be empty. Harmless for others.
 *  Returns whether MCP_EVENT_WRITTEN was still to come: the request is written, or half written and will be completed. */
bool mcp_client_cancel(struct mcp_client *client, int64_t id, struct span reason);

/** Send a notification; roots/list_changed and the like. Errors: CAPSULE_EINVAL, CAPSULE_ESTATE, CAPSULE_ELIMIT,
 *  CAPSULE_EUNSUPPORTED (of roots without the feature), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status mcp_client_notify(
	struct mcp_client *client, struct span method, struct span params, struct capsule_error *err);

/** Answer the server's request `token` of an event: a result (JSON object), or an error when `code` is not 0. Ignored
 *  when it was cancelled. */
void mcp_client_answer(
	struct mcp_client *client, uint64_t token, struct span result, int64_t code, struct span message);

/* ---- What happened ---- */

enum mcp_event_kind {
	MCP_EVENT_READY, /* the handshake is over; see mcp_client_server() */
	MCP_EVENT_ENDED, /* the last event: `error` says why */
	MCP_EVENT_WRITTEN, /* request `id` is written as a whole, or given up when half of it was: it can't be taken back */
	MCP_EVENT_RESULT, /* request `id`: `json` is the result object */
	MCP_EVENT_ERROR, /* request `id`: `error`; with `code` when the server answered so: `json` is its data or empty */
	MCP_EVENT_LISTED,   /* list `id`: `json` is the array of its items, or `error` is set */
	MCP_EVENT_PROGRESS, /* request `id`: `json` is the notification's params */
	MCP_EVENT_CHANGED,  /* the server says that `list` changed; comes once until a fetch of it begins */
	MCP_EVENT_UPDATED,  /* resource `text` (its uri) changed */
	MCP_EVENT_LOG,      /* `json` is the params of notifications/message */
	MCP_EVENT_REQUEST, /* the server asks `text` (sampling/createMessage, roots/list, elicitation/create) with `json`:
			    * mcp_client_answer(token) */
	MCP_EVENT_WITHDRAWN,    /* the server cancelled its request `token` */
	MCP_EVENT_NOTIFICATION, /* another one: `text` is the method, `json` its params */
	/* `text` is the beginning, at most 200 bytes, `error` what is wrong; an error for no request comes as one, too. At
	 * most 16 wait, more are only counted. */
	MCP_EVENT_BAD_LINE,
};

struct mcp_event {
	enum mcp_event_kind kind;
	int64_t id;
	uint64_t token;
	enum mcp_list list;
	struct span text; /* untrusted: may hold control characters */
	struct span json; /* compact, as the server wrote it apart from blanks */
	int64_t code;
	struct capsule_error error;
};

/** The next event; false when there is none. Its spans are borrowed until the next call of this. */
bool mcp_client_next(struct mcp_client *client, struct mcp_event *out);

/* What the server said of itself. Texts are untrusted; NULL where it said nothing. */
struct mcp_server_info {
	enum mcp_revision revision;
	const char *name, *version, *title, *instructions;
	bool tools, resources, prompts, logging, completions;
	bool tools_changed, resources_changed, resources_subscribe, prompts_changed;
};

/** NULL before it is ready. Borrowed. */
const struct mcp_server_info *mcp_client_server(const struct mcp_client *client);

struct mcp_client_counts {
	uint64_t sent, received; /* messages */
	uint64_t bad_lines, unknown_answers, late_answers, dropped_events, refused_requests;
	uint32_t in_flight, waiting_output;
};
void mcp_client_counts(const struct mcp_client *client, struct mcp_client_counts *out);

/** Show every line that goes in (`outgoing` false) or out to `trace`; NULL ends that. Borrowed for each call; must
 *  not call back. */
void mcp_client_trace(
	struct mcp_client *client, void (*trace)(void *user, bool outgoing, struct span line), void *user);

#endif
