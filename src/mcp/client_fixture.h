/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client and the other end of its two pipes, as a test plays it: line by line, with times that are numbers. JSON is
 * written with ' for ". */
#ifndef MCP_CLIENT_FIXTURE_H
#define MCP_CLIENT_FIXTURE_H

#include "mcp/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define ALL_CAPABILITIES                                                                                               \
	"'tools':{'listChanged':true},'resources':{'subscribe':true,'listChanged':true},'prompts':{},'logging':{},"    \
	"'completions':{}"

struct peer {
	struct mcp_client *client;
	int64_t now;
	struct mcp_event event; /* the last one */
	struct capsule_error err;
	struct buffer line; /* the last one that the client wrote */
};

/** A test with a `struct peer`, whose client is made by the test. */
int peer_setup(void **state);
int peer_teardown(void **state);
#define PEER_TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

/** Make the client, and begin at 1 s. */
void peer_start(struct peer *peer, const struct mcp_client_options *options);

/** The same, up to MCP_EVENT_READY; `capabilities`: the members of the server's. */
void peer_connect(
	struct peer *peer, const struct mcp_client_options *options, const char *revision, const char *capabilities);

/** The server writes a line, `format` with ' for ". */
void peer_says(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The server writes these bytes as they are. */
void peer_writes(struct peer *peer, const char *bytes, size_t len);

/** The next line that the client wrote, without its end, ' for "; NULL when there is none. Valid until the next call. */
const char *peer_reads(struct peer *peer);

/** It is this one. */
void peer_sees(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The next event is of `kind`; it is in peer->event. */
void peer_event(struct peer *peer, enum mcp_event_kind kind);

/** Its JSON is `json` with ' for "; and likewise for its text. */
void peer_event_json(struct peer *peer, const char *json);
void peer_event_text(struct peer *peer, const char *text);

/** There is neither an event nor output. */
void peer_quiet(struct peer *peer);

/** `ms` pass. */
void peer_waits(struct peer *peer, int64_t ms);

/** The caller asks `method` without params; returns the id. What was written is not read. */
int64_t peer_asks(struct peer *peer, const char *method, const struct mcp_request_options *options);

/** Likewise, tools/call of `t` with `arguments`. */
int64_t peer_calls(struct peer *peer, const char *arguments, const struct mcp_request_options *options);

/** Likewise a list. */
int64_t peer_lists(struct peer *peer, enum mcp_list list);

/** Throw away what was written, and the MCP_EVENT_WRITTEN of it. */
void peer_skips(struct peer *peer);

#endif
