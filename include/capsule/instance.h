/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capsules: load one, call its tools, look at it, unload it. Every function with a status answers CAPSULE_EINVAL
 * when a handle, the place for the operation, or announced bytes are NULL, and CAPSULE_ESTATE on a thread to which
 * the runtime does not belong and inside the log function. */
#ifndef CAPSULE_INSTANCE_H
#define CAPSULE_INSTANCE_H

#include <capsule/op.h>
#include <capsule/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A loaded capsule. Owned by its runtime until capsule_unload() is complete. Threads: the runtime's. */
struct capsule;

/** Load the capsule in the folder `dir` (or the Capsule.toml itself). What the caller names is consented to. No guest
 *  code runs before the first call, except the loop of a capsule that exports `run`. `done` may be NULL. On success
 *  *op is an operation that the caller frees; when it is complete, capsule_op_capsule() has the capsule. A runtime
 *  has one capsule of an id: a second one is refused (CAPSULE_ESTATE) before anything of it runs. At once:
 *  CAPSULE_EINVAL, CAPSULE_ENOMEM, CAPSULE_ESTATE (the runtime is being shut down). From the operation:
 *  CAPSULE_ENOTFOUND, CAPSULE_EMANIFEST (first problem with its place), CAPSULE_EMODULE, CAPSULE_ELIMIT, CAPSULE_EIO,
 *  CAPSULE_ESTORE, CAPSULE_ELOCKED. A capsule that does not load leaves nothing behind. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_load(struct capsule_runtime *runtime, const char *dir,
	capsule_done_fn done, void *user, struct capsule_op **op, struct capsule_error *err);

/* One setting of a bare module. */
struct capsule_setting {
	const char *key, *value;
};

/** Load one module file (.wasm, or .wat as text) without a manifest: every capability is denied, its key-value state
 *  lives in memory, and its exports are called by name with capsule_call_export(). `settings` (copied, `count` of
 *  them; the last of equal keys counts) answer both Extism's config_get and astrid_get_config. Otherwise as
 *  capsule_load(). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_load_module(struct capsule_runtime *runtime,
	const char *file, const struct capsule_setting *settings, size_t count, capsule_done_fn done, void *user,
	struct capsule_op **op, struct capsule_error *err);

/** Unload `capsule`: new calls are refused, those under way may go on for the options' unload_grace_ms and end with
 *  CAPSULE_ECANCELLED then, its instance is gone, and after completion so is the handle, which must not be used
 *  again: only until then is a second unload noticed. At once: CAPSULE_ESTATE (it is being unloaded already),
 *  CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_unload(
	struct capsule *capsule, capsule_done_fn done, void *user, struct capsule_op **op, struct capsule_error *err);

/** Call the tool `name` with `arguments` (JSON text, `len` bytes, copied; at most 10 MiB). The guest gets them as
 *  given but without the blanks between values. The operation's result is what it answered, as UTF-8 (bytes that are
 *  not are replaced by U+FFFD). Calls of one capsule run one at a time, in order. At once: CAPSULE_ENOTFOUND (no such
 *  tool; the nearest name is offered), CAPSULE_EINVAL (not JSON; with place), CAPSULE_ELIMIT (too large, queue full),
 *  CAPSULE_EUNSUPPORTED, CAPSULE_ESTATE, CAPSULE_ENOMEM. From the operation: CAPSULE_EGUEST (the guest's own
 *  message), CAPSULE_ETRAP (with its function names), CAPSULE_ETIMEOUT (which clock, how long), CAPSULE_EDENIED,
 *  CAPSULE_ELIMIT, CAPSULE_ECANCELLED. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_call(struct capsule *capsule, const char *name,
	const char *arguments, size_t len, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** Call the export `name` with `input` (`len` bytes, copied) as they are; the result is the output bytes. As
 *  capsule_call(). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_call_export(struct capsule *capsule, const char *name,
	const void *input, size_t len, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** The id: package.name, or the file's name for a bare module. Borrowed from `capsule`. */
CAPSULE_API const char *capsule_id(const struct capsule *capsule);

/** Its tools: a JSON array of {name, description, input_schema, origin}; origin is "wasm", or {"server", "tool"} of
 *  an MCP server, of which title, output_schema and annotations are there if it gave some. Of two servers with one
 *  name for a tool, or where the manifest has that name, later ones are called "<server>:<tool>", which every tool of
 *  a server can be called by. Borrowed from `capsule` until the next turn: servers change their tools. "[]" for bare
 *  modules, run loops and ones that never loaded. */
CAPSULE_API const char *capsule_tools_json(const struct capsule *capsule);

enum capsule_health { CAPSULE_LOADING, CAPSULE_READY, CAPSULE_FAILED, CAPSULE_UNLOADED };

/** How it is; for CAPSULE_FAILED `err` (may be NULL) gets the reason. */
CAPSULE_API enum capsule_health capsule_health(const struct capsule *capsule, struct capsule_error *err);

/** Nanoseconds of processor time that all its calls took so far, aborted ones and instantiation included. */
CAPSULE_API int64_t capsule_cpu_ns(const struct capsule *capsule);

#ifdef __cplusplus
}
#endif

#endif
