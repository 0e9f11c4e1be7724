/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of a client, and what its files ask of one another. Nothing here grows with what the server sends: tables
 * have the sizes of the options, events and output have bounds, and what does not fit is dropped, refused, or ends the
 * client, whichever keeps the promise that each request ends once. */
#ifndef MCP_CLIENT_INTERNAL_H
#define MCP_CLIENT_INTERNAL_H

#include "mcp/client.h"
#include "mcp/lines.h"

#define MCP_NEVER INT64_MAX
#define MCP_BAD_LINES_WAITING 16  /* events of them */
#define MCP_LINE_SHOWN 200        /* bytes of what the server wrote in a message */
#define MCP_SERVER_TEXT (4 * KIB) /* bytes that are kept of a name, version or title of the server */
#define MCP_INSTRUCTIONS (64 * KIB)
#define MCP_CURSOR (64 * KIB) /* longest cursor: it is sent back */
#define MCP_PING_MISSES 3
#define MCP_ANSWERS_RESERVED 64 /* messages beyond those that answers and cancellations may have */
#define MCP_BYTES_RESERVED (64 * KIB)

enum client_state { CLIENT_NEW, CLIENT_INITIALIZING, CLIENT_READY, CLIENT_ENDED };

enum pending_kind { PENDING_INITIALIZE, PENDING_PING, PENDING_REQUEST, PENDING_PAGE };

/* A request of ours that waits for its answer. */
struct pending {
	enum pending_kind kind;
	int64_t id;
	int64_t idle_ns, deadline_ns, hard_ns; /* hard: MCP_NEVER without progress */
	uint64_t idle_ms, hard_ms;             /* for messages */
	bool progress, progressed;
	double progress_last;
	enum mcp_list list; /* PENDING_PAGE */
};

/* A list that is fetched, and at most one more of the same that waits for its turn. */
struct listing {
	bool running, next;
	int64_t id, next_id; /* for the caller */
	struct buffer items; /* "[..., ...", still open */
	uint32_t count, pages;
	uint64_t *cursors; /* hashes of those that came, `pages` at most */
	uint32_t cursors_size;
};

/* A request of the server that waits for our answer. */
struct server_request {
	uint64_t token;
	struct jsonrpc_id id;
	uint8_t text[JSONRPC_ID_MAX]; /* of id */
};

/* A message that waits to be written, or is being. */
struct outgoing {
	size_t len;
	int64_t id; /* of a request of the caller's, -1 for others */
};

/* What an event is until it is asked for. */
struct event_record {
	enum mcp_event_kind kind;
	enum mcp_list list;
	enum capsule_status status;
	int64_t id, code;
	uint64_t token;
	uint8_t *bytes; /* text, JSON, error text, one behind the other; NULL when all are empty or memory ran out */
	size_t text_len, json_len, error_len;
	bool forgotten;
};

struct mcp_client {
	struct mcp_client_options options; /* with the defaults filled in; no texts */
	char *name, *title, *version;
	enum client_state state;
	int64_t now_ns;
	int64_t next_id;
	uint64_t next_token;

	struct lines lines;
	uint32_t bad_in_a_row;
	bool line_good, line_bad; /* what was in the line that is read */
	struct span line;         /* that one, for messages */

	struct buffer output;
	size_t output_head; /* bytes of `output` that are written */
	struct outgoing *outgoing;
	uint32_t outgoing_size, outgoing_first, outgoing_count;
	size_t outgoing_done; /* bytes of the first one that are written */

	struct pending *pending; /* in no order */
	uint32_t pending_size, pending_count;
	struct listing listings[MCP_LISTS];
	uint64_t seed[2];

	struct server_request *requests;
	uint32_t requests_count;

	struct event_record *events; /* a ring */
	uint32_t events_size, events_first, events_count;
	size_t events_bytes;
	uint8_t *event_shown; /* bytes of the one that was handed out last */
	uint32_t bad_lines_waiting;
	bool changed_told[MCP_LISTS];

	enum mcp_revision offered;
	bool retried;
	int64_t handshake_ns;        /* its deadline, also of the second attempt */
	int64_t wrong_initialize_id; /* an answer that came under another id, -1: none */
	struct mcp_server_info server;
	char *server_texts[4];

	int64_t ping_at_ns; /* when the next one is due */
	uint32_t ping_misses;
	struct capsule_error ended; /* why */
	struct mcp_client_counts counts;
	void (*trace)(void *user, bool outgoing, struct span line);
	void *trace_user;
};

/* ---- client.c ---- */

/** `ms` after now, MCP_NEVER when that is beyond all time. */
int64_t client_after(const struct mcp_client *client, uint64_t ms);

/** Let time be `now_ns`, unless that is the past. */
void client_set_now(struct mcp_client *client, int64_t now_ns);

/** Everything ends, `reason` is why: requests and lists first, each with "Transport closed" and the reason, then the
 *  client. Harmless when it has ended. `closed` (may be NULL) is put in place of that text. */
void client_fail(struct mcp_client *client, enum capsule_status status, const char *reason, const char *closed);

/** Write "1.5s" and the like. */
void client_print_ms(char *out, size_t size, uint64_t ms);

/** Copy `text` for a message: cut to `size` with a zero byte behind it, NUL as '?', no half character. */
void client_print_text(char *out, size_t size, struct span text);

/* ---- client_output.c ---- */

/** Whether a message of the caller's may be added. Errors: CAPSULE_ELIMIT. */
MUST_CHECK enum capsule_status client_output_room(const struct mcp_client *client, struct capsule_error *err);

/** What the messages below are appended to. */
struct buffer *client_output_begin(struct mcp_client *client, size_t *start);

/** The message from `start` on is complete. `own`: the caller's, refused when it is too much, CAPSULE_ELIMIT, and taken
 *  away again; other ones then end the client. `id`: of a request for which MCP_EVENT_WRITTEN is due, or -1. Errors
 *  also: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status client_output_end(
	struct mcp_client *client, size_t start, int64_t id, bool own, struct capsule_error *err);

/** Take a request that is not begun out of the output. Returns false when it is, or is not there. */
bool client_output_withdraw(struct mcp_client *client, int64_t id);

/** Whether a part of request `id` is written, and the rest is not: it will be, so that lines stay whole. */
bool client_output_begun(const struct mcp_client *client, int64_t id);

void client_output_clear(struct mcp_client *client);

/** Send without the caller: an answer to the server's request `id`, a notification, "stop working at `id`". */
void client_send_result(struct mcp_client *client, const struct jsonrpc_id *id, struct span result);
void client_send_error(struct mcp_client *client, const struct jsonrpc_id *id, int64_t code, struct span message);
void client_send_notification(struct mcp_client *client, struct span method, struct span params);
void client_send_cancel(struct mcp_client *client, int64_t id, struct span reason);

/* ---- client_events.c ---- */

/** Whether an event that may be dropped fits, `len` bytes with it; counts it as dropped if not. */
bool client_event_fits(struct mcp_client *client, size_t len);

/** Make sure that the events of one more request will find room. Returns false when out of memory or too many wait. */
bool client_events_reserve(struct mcp_client *client);

/** Add an event. What is given is copied, `json` without blanks; without memory the event comes without it, as an
 *  error if it was a result. */
void client_event(struct mcp_client *client, const struct event_record *record, struct span text, struct span json,
	const char *error);

/** No event about request or list `id` comes any more, of those that wait neither. Returns whether MCP_EVENT_WRITTEN
 *  was among these. */
bool client_events_forget(struct mcp_client *client, int64_t id);

void client_event_bad_line(struct mcp_client *client, struct span line, const char *reason);

/* ---- client_requests.c ---- */

struct pending *client_pending(struct mcp_client *client, int64_t id);

/** A request that is being written: begin it, append its params if it has some, end it. */
struct asking {
	struct buffer *out;
	size_t start;
};

/** `pending` has its kind, idle_ms, and with progress hard_ms; its id and times are set here. */
void client_ask_begin(struct mcp_client *client, struct asking *asking, struct pending *pending, struct span method);

/** Keep it, or take it all back. `own`: as client_output_end(). Errors: CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status client_ask_end(struct mcp_client *client, const struct asking *asking,
	const struct pending *pending, bool own, struct capsule_error *err);

/** Take `id` out of the table. */
void client_pending_remove(struct mcp_client *client, struct pending *pending);

/** Whether requests of the caller can be taken. Errors: as mcp_client_request(). */
MUST_CHECK enum capsule_status client_can_ask(struct mcp_client *client, struct capsule_error *err);

/* ---- client_give_up.c ---- */

/** The time of `pending` is over: a page ends its list, a missed ping counts, initialize ends the client. */
void client_request_expired(struct mcp_client *client, struct pending *pending);

/* ---- client_gate.c ---- */

/** What the server declared that `method` needs. Errors: CAPSULE_EUNSUPPORTED. */
MUST_CHECK enum capsule_status client_gate(
	const struct mcp_client *client, struct span method, struct capsule_error *err);

/** Text of an answered error: "Mcp error: -32602: bad(data)" with `prefix` "Mcp error". */
void client_print_error(char *out, size_t size, const char *prefix, const struct jsonrpc_message *message);

/** The status that stands for an error code of the server's. */
enum capsule_status client_status_of_code(int64_t code);

/* ---- client_lists.c ---- */

void client_list_answered(struct mcp_client *client, const struct pending *page, struct span result);
void client_list_failed(
	struct mcp_client *client, enum mcp_list list, enum capsule_status status, const char *text, int64_t code);
/** Every list ends, those that wait too. */
void client_lists_end(struct mcp_client *client, enum capsule_status status, const char *text);
bool client_list_cancel(struct mcp_client *client, int64_t id, struct span reason);
void client_lists_fini(struct mcp_client *client);

/* ---- client_receive.c ---- */

bool client_take_line(void *user, struct span line);

/* ---- client_server_requests.c ---- */

void client_server_asks(struct mcp_client *client, const struct jsonrpc_message *message);
void client_server_withdraws(struct mcp_client *client, struct span params);

/* ---- client_handshake.c ---- */

MUST_CHECK enum capsule_status client_initialize(struct mcp_client *client, struct capsule_error *err);
void client_initialize_answered(struct mcp_client *client, const struct jsonrpc_message *message);
void client_server_fini(struct mcp_client *client);

#endif
