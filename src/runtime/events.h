/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events as the runtime has them: its dispatcher, the capsules that take part, what the runtime itself tells. All functions:
 * loop thread. */
#ifndef RUNTIME_EVENTS_H
#define RUNTIME_EVENTS_H

#include "composite/composite.h"
#include "dispatch/dispatch.h"
#include "engine/engine.h"
#include <capsule/runtime.h>

struct capsule;
struct capsule_op;
struct capsule_runtime;
struct services;

/** Make the runtime's dispatcher with what `options` say of events. Errors: CAPSULE_EINVAL (an option, named),
 *  CAPSULE_ENOMEM, CAPSULE_EIO. */
MUST_CHECK enum capsule_status events_open(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err);

/** End the embedder's subscriptions: the turns of the end must not run its code. */
void events_end_subscriptions(struct capsule_runtime *runtime);

/** End the dispatcher; its members must be gone. Harmless when it was not made. */
void events_close(struct capsule_runtime *runtime);

/** Let `capsule`, which has a manifest and a composite, take part. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status events_join(struct capsule *capsule, struct capsule_error *err);

/** It leaves: its engines are gone. Harmless when it did not take part. */
void events_leave(struct capsule *capsule);

/** Its state is another one now: events come or do not come any more, and others are told. */
void events_state_changed(struct capsule *capsule, enum composite_state state, const struct capsule_error *why);

/** Put what concerns events into the environment of an engine. */
void events_lend(struct services *services, struct host_services *lent);

/** Tell that the capsules of a boot are loaded. */
void events_tell_started(struct capsule_runtime *runtime);

/** Tell that the runtime shuts down; takedown_release() comes when everybody has it. */
void events_tell_shutdown(struct capsule_runtime *runtime);

/* ---- Cancelled calls, events_cancel.c ---- */

/** From now on the programs that a call has started end when a message says that it is cancelled. Harmless when repeated.
 *  Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status events_hear_cancels(struct capsule_runtime *runtime, struct capsule_error *err);

/* ---- Uplinks, events_uplink.c ---- */

/** host_services.uplink_send; `user` is the services. */
enum capsule_status events_uplink_send(void *user, const struct uuid *id, struct span platform_user,
	struct span content, bool *taken, struct capsule_error *err);

/** Messages that were taken and not published yet are dropped, which is logged. */
void events_uplink_end(struct capsule *capsule);

/* ---- Tool calls, events_tool.c ---- */

struct tool_watch; /* a call that others are told about, or asked */

/** A tool call begins: `op` has its name and its arguments. Whoever wants to is told and asked; then, at once or from a
 *  later turn, the engine is called with `start`, or the operation ends with a refusal. Errors: those of `start`, when
 *  nobody was asked. */
MUST_CHECK enum capsule_status tool_call_begin(struct capsule_op *op,
	enum capsule_status (*start)(struct capsule_op *op, struct capsule_error *err), struct capsule_error *err);

/** The engine has ended the call and its writes are committed: likewise, then `done`. */
void tool_call_end(struct capsule_op *op, op_done_fn done);

/** Whether the call waits for those who decide; end it then as cancelled. */
bool tool_call_asks(const struct capsule_op *op);
void tool_call_cancel(struct capsule_op *op);

/** Nobody waits for the call any more: those who are asked go on, what they say does not matter. Harmless for other
 *  operations. */
void tool_call_forget(struct capsule_op *op);

/** `capsule` takes no more calls: end those that have not reached it yet. */
void tool_calls_end(const struct capsule *capsule);

/** Free what is left when the dispatcher is gone. */
void tool_watches_free(struct capsule_runtime *runtime);

#endif
