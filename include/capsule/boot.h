/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A whole set of capsules: loaded in the order in which they need each other, watched, unloaded in reverse. */
#ifndef CAPSULE_BOOT_H
#define CAPSULE_BOOT_H

#include <capsule/discover.h>
#include <capsule/instance.h>
#include <capsule/op.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Load the good capsules of `discovery` (borrowed until done) in their order. A provider that runs a loop is waited for, at
 *  most the options' ready_ms, before those who require it are loaded, but not by members of the same cycle. A capsule that
 *  fails stays known in the state "failed", with its reason, and the rest goes on; so does one whose manifest is another one
 *  by now than the discovery saw. A capsule that is loaded already is left as it is; one that is known and has failed is
 *  loaded anew, and its handle is gone. The operation succeeds when all were tried; its result is the JSON of
 *  capsule_states_json(); its stage tells the capsule being loaded, for a person, and which one it waits for. Cancelled, or
 *  freed before its end, it unloads again what it has loaded. Errors: CAPSULE_ESTATE (a boot or a shutdown is under way),
 *  CAPSULE_EINVAL, CAPSULE_ENOMEM, CAPSULE_ELIMIT (as capsule_order_new()). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_boot(struct capsule_runtime *runtime,
	struct capsule_discovery *discovery, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** Unload every capsule, the last one loaded first, each as capsule_unload() does, once those that hear of `kernel_shutdown`
 *  have heard of it, for which they have as long as calls in flight. A boot and loads that are under way are cancelled, and
 *  new ones refused until it is complete. It goes on when its handle is freed. Errors: CAPSULE_ESTATE (a shutdown is under
 *  way), CAPSULE_EINVAL, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_shutdown(struct capsule_runtime *runtime,
	capsule_done_fn done, void *user, struct capsule_op **op, struct capsule_error *err);

/** The loaded capsule called `id`, NULL when there is none in the state "ready" or "failed". Borrowed until it is
 *  unloaded. */
CAPSULE_API struct capsule *capsule_find(const struct capsule_runtime *runtime, const char *id);

/** Every capsule that is known, in load order, as a JSON array of {"id", "version" (null for a bare module), "dir"
 *  (likewise), "state": "loading" | "ready" | "failed" | "unloading" | "unloaded", "reason" (or null), "engines": [text],
 *  "tools": count}. Borrowed until the next call; NULL when out of memory. */
CAPSULE_API const char *capsule_states_json(struct capsule_runtime *runtime);

/* One capsule at a change of its state. Texts are borrowed for the call. */
struct capsule_state_change {
	const char *id;
	const char *version, *dir; /* NULL for a bare module */
	const char *state;         /* as in capsule_states_json() */
	const char *reason;        /* of "failed", else NULL */
	size_t tools;
};

typedef void (*capsule_state_fn)(void *user, const struct capsule_state_change *change);

/** Have `changed` called whenever the state of a capsule changes, whatever changed it; NULL: no longer. It runs on the
 *  runtime's thread, from a turn or from inside the function that made the change, and must not call into the runtime. */
CAPSULE_API void capsule_watch_states(struct capsule_runtime *runtime, capsule_state_fn changed, void *user);

#ifdef __cplusplus
}
#endif

#endif
