/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether a tool of a server is called: what the manifest says, and what people have answered in this process. */
#ifndef ENGINE_MCP_CONSENT_H
#define ENGINE_MCP_CONSENT_H

#include "base/map.h"
#include "engine/mcp/catalog.h"
#include "engine/mcp/mcp.h"

#define MCP_REMEMBERED_MAX 4096     /* answers for the session, of one server */
#define MCP_UNUSED_MAX 64           /* uses that were granted and not used, of one server */
#define MCP_UNUSED_MS (10u * 60000) /* that such a use holds */

/** What the manifest says of `tool`, the first list that names it deciding: deny, ask, allow, else `consent`. In *entry
 *  the list's entry, NULL when it was `consent`. An entry names a tool by its own name or by the server's. */
enum server_consent mcp_consent_decide(
	const struct manifest_mcp_server *server, const struct mcp_tool *tool, const char **entry);

/* A call that somebody was asked about, or would be. Borrowed. */
struct mcp_consent_use {
	const char *principal, *tool;
	const char *description; /* hash of the tool as it was described: another one is another tool */
	const char *arguments;   /* hash */
};

struct mcp_consents {
	struct map remembered; /* principal, tool -> hash of its description */
	struct list_node unused;
	size_t unused_count;
};

void mcp_consents_init(struct mcp_consents *consents);
void mcp_consents_fini(struct mcp_consents *consents);

/** "For this session": calls of that tool for that principal need no answer any more, as long as its description stays.
 *  Without room or memory it is forgotten, and asked again. */
void mcp_consents_remember(struct mcp_consents *consents, const struct mcp_consent_use *use);
bool mcp_consents_remembered(const struct mcp_consents *consents, const struct mcp_consent_use *use);

/** "Once", but the request was never written: keep it for the same call until `now_ns` and MCP_UNUSED_MS. */
void mcp_consents_keep(struct mcp_consents *consents, const struct mcp_consent_use *use, int64_t now_ns);

/** Take such a use for this call. Returns whether there was one. */
bool mcp_consents_take(struct mcp_consents *consents, const struct mcp_consent_use *use, int64_t now_ns);

#endif
