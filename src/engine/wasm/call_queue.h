/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that wait for an instance: their order, and the two counts of them. All functions: loop thread. */
#ifndef WASM_CALL_QUEUE_H
#define WASM_CALL_QUEUE_H

#include "engine/wasm/activation.h"

/** Whether one more may wait: always when its owner bounds them (engine_call.unqueued). Errors: CAPSULE_ELIMIT. */
MUST_CHECK enum capsule_status call_queue_admit(
	const struct wasm_capsule *capsule, const struct engine_call *call, struct capsule_error *err);

/** Start the operation of `call` (borrowed until done) and queue it; it is begun when nothing else runs. */
void call_queue_add(struct wasm_capsule *capsule, struct engine_call *call, op_done_fn done, void *user);

/** Take the first one out, NULL when there is none. */
struct engine_call *call_queue_take(struct wasm_capsule *capsule);

/** End all that wait, and what runs, with `err` (borrowed). */
void call_queue_cancel(struct wasm_capsule *capsule, const struct capsule_error *err);

/** How many wait, whoever bounds them. */
size_t call_queue_length(const struct wasm_capsule *capsule);

#endif
