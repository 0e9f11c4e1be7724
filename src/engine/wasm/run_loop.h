/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module that exports run() and has a manifest runs a loop of its own from its load to its unload: one call that has no
 * wall limit and, as long as it waits now and then, no limit of CPU time either. It takes no other calls. All functions:
 * loop thread.
 *
 * What counts as waiting: a host function that parks the guest for a peer, a person or time; and one that could have, but
 * had something to hand over at once (host_call.delivered): a loop that receives one message after the other works, however
 * long that goes on. What does not count: work that the host does for the guest, the end of a slice, and host functions that
 * answer at once with nothing - a loop that asks again and again is stopped when its CPU limit is used up. */
#ifndef WASM_RUN_LOOP_H
#define WASM_RUN_LOOP_H

#include "engine/wasm/activation.h"

/** The module is there: what it and its manifest say of a run loop has to fit, and the floors above get ready for it.
 *  Errors: CAPSULE_EMODULE, CAPSULE_EMANIFEST, those of services.run_loop. */
MUST_CHECK enum capsule_status run_loop_prepare(struct wasm_capsule *capsule, struct capsule_error *err);

/** Begin the loop if there is one. Its end makes the engine fail, unless that is unloaded. */
void run_loop_start(struct wasm_capsule *capsule);

/** Have a loop end that has begun: what it waits for was ended by the floors above, so it goes on by itself. It has
 *  LIMIT_LOOP_STOP_MS until it is cut off. Returns false when there is none, when it sleeps, or without memory for a timer:
 *  nothing is to be waited for. Else wasm_capsule_down() comes with its end; may be asked for again until then. */
bool run_loop_stop(struct wasm_capsule *capsule);

/** Nobody will say any more that it is ready: end those that wait for it with `why` (borrowed). */
void run_loop_end_waits(struct wasm_capsule *capsule, const struct capsule_error *why);

#endif
