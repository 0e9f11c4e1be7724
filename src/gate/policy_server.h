/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an MCP server may do, for people and to be compared. */
#ifndef GATE_POLICY_SERVER_H
#define GATE_POLICY_SERVER_H

#include "base/buffer.h"
#include "manifest/manifest.h"

/* A copy of what counts of one [[mcp_server]]. */
struct policy_server;

/** A copy of `server`, which has a command. Free with policy_server_free() (NULL is fine). NULL when out of memory. */
struct policy_server *policy_server_new(const struct manifest_mcp_server *server);
void policy_server_free(struct policy_server *server);

/** Why `server` of `manifest` is not started, in words without a subject; NULL when it is. Static. */
const char *policy_server_unused(const struct manifest *manifest, const struct manifest_mcp_server *server);

/** Append "runs python3 ./server.py in a sandbox, without a network; ...", on one line. Returns false as buffer_append()
 *  does. */
bool policy_server_append_meaning(const struct policy_server *server, struct buffer *out);

/** Append all that counts as one JSON object, without what is as it is by default: two servers are the same when it is.
 *  Returns false as buffer_append() does. */
bool policy_server_append_json(const struct policy_server *server, struct buffer *out);

bool policy_server_has_network(const struct policy_server *server);

/** Whether `a` may do all that `b` may: it runs the same, no less of it is verified in `b`, `b` has no network that `a`
 *  has not, and no tool can be called in `b` with less consent than in `a`. Where that can't be told by single patterns,
 *  false. */
bool policy_server_covers(const struct policy_server *a, const struct policy_server *b);

#endif
