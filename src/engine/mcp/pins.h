/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tools of one server looked like when they were first seen, so that a description that changes behind
 * people's backs is noticed: the hash of each tool, kept in the store. Tools that are gone keep theirs: one that comes
 * back as another is a changed one. Loop thread. */
#ifndef ENGINE_MCP_PINS_H
#define ENGINE_MCP_PINS_H

#include "engine/mcp/catalog.h"
#include "store/kv.h"

#define MCP_PINS_MAX 20000 /* tools of one server that are remembered, those that are gone included */

struct mcp_pins {
	struct map pinned; /* name -> char *, the hash that is approved */
	struct map told;   /* name -> char *, the hash that was told as a change */
	bool loaded;       /* `pinned` is what is stored */
};

void mcp_pins_fini(struct mcp_pins *pins);

/** A tool has another description than the pinned one, which is new: told once for each hash and process. */
typedef void (*mcp_pins_changed_fn)(void *user, const struct mcp_tool *tool);

/** Compare the tools of `catalog` with the pins in `scope` (NULL: there is no store; all borrowed): sets `changed` and
 *  `blocked` of each, pins those that are seen for the first time, and tells changes. With `strict` a changed tool is
 *  blocked, and so is every tool that can't be compared or pinned: then the failure is returned too, as without
 *  `strict`, where it blocks nothing. The server's name is `server`. Errors: CAPSULE_ESTORE, CAPSULE_EIO,
 *  CAPSULE_ELIMIT, CAPSULE_ENOMEM, CAPSULE_ESTATE (no store). Blocks on the store for a moment. */
MUST_CHECK enum capsule_status mcp_pins_check(struct mcp_pins *pins, struct kv_scope *scope, struct loop *loop,
	const char *server, struct mcp_catalog *catalog, bool strict, mcp_pins_changed_fn changed, void *user,
	struct capsule_error *err);

/** Pin what the tools of `catalog` are now. How many had changed goes to *count; nothing is blocked by its description
 *  any more. A failure changes nothing. Errors: likewise. */
MUST_CHECK enum capsule_status mcp_pins_approve(struct mcp_pins *pins, struct kv_scope *scope, struct loop *loop,
	const char *server, struct mcp_catalog *catalog, size_t *count, struct capsule_error *err);

/** Block every tool of `catalog`: nothing can be compared. */
void mcp_pins_block_all(struct mcp_catalog *catalog);

#endif
