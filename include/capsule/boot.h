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

/** Load the good capsules of `discovery` (borrowed until done) in their order. A provider that runs a loop is waited for, at most 30 s,
 *  before those who require it are loaded. A capsule that fails stays known in the state "failed", with its reason, and the rest goes
 *  on. The operation succeeds when all were tried; its result is the JSON of capsule_states_json(); its stage tells the capsule
 *  being loaded. Errors: CAPSULE_ESTATE (a boot is under way), CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_boot(struct capsule_runtime *runtime,
	struct capsule_discovery *discovery, capsule_done_fn done, void *user, struct capsule_op **op,
	struct capsule_error *err);

/** Unload every capsule, the last one loaded first. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_shutdown(struct capsule_runtime *runtime, capsule_done_fn done,
	void *user, struct capsule_op **op, struct capsule_error *err);

/** The loaded capsule called `id`, NULL when there is none in the state "ready" or "failed". Borrowed until it is unloaded. */
CAPSULE_API struct capsule *capsule_find(const struct capsule_runtime *runtime, const char *id);

/** Every capsule that is known, in load order, as a JSON array of {"id", "version", "dir", "state": "loading" | "ready" | "failed" | "unloading" |
 *  "unloaded", "reason" (or null), "engines": [text], "tools": count}. Borrowed until the next call; NULL when out of memory. */
CAPSULE_API const char *capsule_states_json(struct capsule_runtime *runtime);

#ifdef __cplusplus
}
#endif

#endif
