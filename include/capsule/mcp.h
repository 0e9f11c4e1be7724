/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MCP servers of capsules beyond their tools, which are called with capsule_call(): resources, prompts, what the
 * servers are, what goes over the wire, the digests of their files. Functions with a status answer CAPSULE_EINVAL
 * for handles that are NULL and CAPSULE_ESTATE on another thread. */
#ifndef CAPSULE_MCP_H
#define CAPSULE_MCP_H

#include <capsule/instance.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a program that is no capsule is started. Zero-initialise, set `size`. Copied. */
struct capsule_command {
	size_t size;
	const char *const *argv; /* NULL-ended; the program as a manifest would name it, or a path */
	const char *dir;         /* absolute: what it sees of the disk beside the system, read-only; NULL: nothing */
	bool network;
	bool unsandboxed; /* logged as a warning */
};

/** Load a program that speaks MCP over its standard input and output as a capsule of its own, called "command", with
 *  one server "server". Otherwise as capsule_load(). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_load_command(struct capsule_runtime *runtime,
	const struct capsule_command *command, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** Ask `server` (its id in the manifest; NULL: the only one) `method` with `params` (a JSON object, `len` bytes,
 *  copied; 0: none), as "resources/read". The operation's result is the result object as JSON. At once:
 *  CAPSULE_ENOTFOUND (no such server), CAPSULE_EUNSUPPORTED (the server does not have that), CAPSULE_EINVAL (not
 *  JSON), CAPSULE_ESTATE, CAPSULE_ELIMIT, CAPSULE_ENOMEM. From the operation: CAPSULE_EGUEST (the server's error),
 *  CAPSULE_ETIMEOUT, CAPSULE_ESTATE (it ended), CAPSULE_ECANCELLED. tools/call is refused: call the tool. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_mcp_request(struct capsule *capsule, const char *server,
	const char *method, const char *params, size_t len, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** Fetch a whole list, all its pages: "tools", "resources", "resources/templates", "prompts". The operation's result
 *  is the array as JSON, as the server wrote its items. As above. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_mcp_list(struct capsule *capsule, const char *server,
	const char *list, capsule_done_fn done, void *user, struct capsule_op **op, struct capsule_error *err);

/** The servers of `capsule`: a JSON array of {"id", "name", "state", "reason", "pid", "revision", "server",
 *  "instructions", "tools", "tools_changed", "in_flight", "restarts", "program", "digest", "sandboxed", "bad_lines"}.
 *  docs/mcp.md has the states. Texts of servers in it are untrusted. Borrowed from `capsule` until the next call; "[]"
 *  without servers; NULL when out of memory, without a capsule, and where functions with a status answer
 *  CAPSULE_ESTATE. */
CAPSULE_API const char *capsule_mcp_servers_json(struct capsule *capsule);

/** Take the tool descriptions that `server` gives now as approved. *changed (may be NULL) is how many were others
 *  before. Errors: as above, CAPSULE_ESTORE. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_mcp_approve(
	struct capsule *capsule, const char *server, size_t *changed, struct capsule_error *err);

/* One line on the wire, without its end, not zero-ended; untrusted. `server` is "capsule:<id>:<server>". Borrowed for the
 * call. On the runtime's thread; must not call into the runtime. */
typedef void (*capsule_mcp_trace_fn)(void *user, const char *server, bool to_server, const char *line, size_t len);

/** Have `trace` called for every message between this runtime and its servers, handshakes included, with `user` (borrowed
 *  until it is replaced); NULL ends that. There is one at a time. Ignored without a runtime, on another thread, and from
 *  inside functions of the embedder that must not call into the runtime. */
CAPSULE_API void capsule_mcp_trace(struct capsule_runtime *runtime, capsule_mcp_trace_fn trace, void *user);

/** Run `argv` (NULL-ended, an absolute path first; borrowed for the call) in the sandbox of `server`, in a session of
 *  its own. `streams` are three descriptors that become its standard input, output and error (borrowed for the call;
 *  NULL: those of this process); a terminal as the first becomes that of the program, if it is no session's yet. The
 *  operation's result is its exit status in decimal, or 128 and the number of the signal that ended it.
 *  capsule_op_cancel() kills it; it goes on when the capsule is unloaded. At once: CAPSULE_ENOTFOUND (no such server),
 *  CAPSULE_EINVAL (no absolute path, a descriptor that is not open), CAPSULE_EUNSUPPORTED (no sandbox can be made),
 *  CAPSULE_ESTATE, CAPSULE_EIO, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_mcp_run_inside(struct capsule *capsule, const char *server,
	const char *const *argv, const int *streams, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** The digest of the file ("blake3:<hex>", with `sha256` "sha256:<hex>") or folder ("tree:<hex>") at `path`, as
 *  manifests write it. `out` has room for 80 bytes. Blocks. Threads: any. Errors: CAPSULE_ENOTFOUND, CAPSULE_EIO,
 *  CAPSULE_ELIMIT. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_digest(
	char out[80], const char *path, bool sha256, struct capsule_error *err);

#ifdef __cplusplus
}
#endif

#endif
