/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two ends of a call: what goes into the guest and how, and what its return means. */
#ifndef WASM_OUTCOME_H
#define WASM_OUTCOME_H

#include "engine/wasm/activation.h"

/** The future of the initialiser whose turn it is, NULL when there is none. */
wasmtime_call_future_t *outcome_start_initializer(struct wasm_capsule *capsule);

/** Put the input of capsule->current into kernel memory and make the future of its export. NULL with `err` filled when the
 *  export is missing or of a type that can't be called, or the input does not fit; NULL without an error when there is
 *  nothing to run (a lifecycle hook that the module does not have). */
wasmtime_call_future_t *outcome_start_call(struct wasm_capsule *capsule, struct capsule_error *err);

/** That the module of `capsule` has no function for the actions of interceptors, so that another engine is asked, in the words in
 *  which a call of it would fail. Returns CAPSULE_ENOTFOUND. */
enum capsule_status outcome_no_hook(const struct wasm_capsule *capsule, struct capsule_error *err);

/** After the last phase: fill the call's result or `err`. Takes capsule->trap and ->error. Returns whether the instance may be
 *  used again: false when the guest was cut off in the middle. */
bool outcome_decide(struct wasm_capsule *capsule, struct capsule_error *err);

#endif
