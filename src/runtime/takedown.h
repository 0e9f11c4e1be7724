/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Unloading many capsules, one after the other, the last one loaded first. */
#ifndef RUNTIME_TAKEDOWN_H
#define RUNTIME_TAKEDOWN_H

#include "runtime/internal.h"

/** Unload every capsule that the boot number `boot` made, 0 for all; goes on by itself. One that is under way takes `handle`
 *  (may be NULL) over and becomes one of all capsules if `boot` is 0. With `handle` nothing more is unloaded before
 *  takedown_release(), or before the time is over that calls in flight have. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status takedown_start(
	struct capsule_runtime *runtime, uint32_t boot, struct capsule_op *handle, struct capsule_error *err);

/** All have been told who wanted to know: go on, in a later turn. Harmless when nothing is held. */
void takedown_release(struct capsule_runtime *runtime);

/** Whether a shutdown is under way, and not only the end of a boot. */
bool takedown_of_all(const struct capsule_runtime *runtime);

/** A capsule was freed. */
void takedown_capsule_gone(struct capsule_runtime *runtime);

/** Let go of what it is at. */
void takedown_end(struct capsule_runtime *runtime);

#endif
