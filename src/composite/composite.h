/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One capsule: its engines under one life cycle. Loaded in order, unloaded in reverse; an engine that fails to load takes
 * those before it down again. All functions: loop thread.
 *
 *   UNLOADED -- load --> LOADING --> READY -- unload --> UNLOADING --> UNLOADED
 *                           \-> FAILED -- unload --> UNLOADING
 *                           READY -- an engine ends by itself and does not come back --> FAILED
 */
#ifndef COMPOSITE_COMPOSITE_H
#define COMPOSITE_COMPOSITE_H

#include "base/log.h"
#include "engine/engine.h"
#include "loop/op.h"

struct composite;

enum composite_state { COMPOSITE_UNLOADED, COMPOSITE_LOADING, COMPOSITE_READY, COMPOSITE_UNLOADING, COMPOSITE_FAILED };

struct composite_options {
	struct loop *loop;
	const char *id;             /* copied */
	const struct log_sink *log; /* borrowed */
	uint64_t grace_ms; /* how long calls in flight may go on when it is unloaded; 0: LIMIT_UNLOAD_GRACE_MS */
	/* All may be NULL, and must not call into the capsule, except to ask. Its state changed; its tools are others
	 * now, or the health of one of its engines is, while it stays READY; it is freed, and so are its engines: what
	 * these borrowed may go now. */
	void (*changed)(void *user);
	void (*retooled)(void *user);
	void (*gone)(void *user);
	void *user;
};

/** A capsule of no engines yet. It has one reference, given back by composite_release(). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status composite_new(
	struct composite **out, const struct composite_options *options, struct capsule_error *err);

/** Add an engine (taken, also on failure) behind the others; only before the first load. Errors: CAPSULE_ENOMEM,
 *  CAPSULE_ESTATE. */
MUST_CHECK enum capsule_status composite_add(
	struct composite *composite, struct engine *engine, struct capsule_error *err);

struct composite *composite_hold(struct composite *composite);

/** Give a reference back (NULL is fine). With the last one an unloaded capsule is freed, and any other one is
 *  unloaded first. */
void composite_release(struct composite *composite);

/** Load every engine in order. The caller has started `op`; the capsule ends it. Not in UNLOADED or FAILED: CAPSULE_ESTATE.
 *  An engine that fails: those before it are unloaded in reverse, then `op` fails with its error and the state is FAILED.
 *  op_cancel(op) stops the engine that is being loaded, and likewise. */
void composite_load(struct composite *composite, struct op *op);

/** Make one that is UNLOADED FAILED for `why`: it can't even be tried to load. */
void composite_fail(struct composite *composite, const struct capsule_error *why);

/** Refuse new calls, let those in flight go on for the grace time, then stop them and unload every engine, last one first.
 *  Always succeeds, may be asked for repeatedly and in any state; each `op` (started by the caller) ends when it is done. */
void composite_unload(struct composite *composite, struct op *op);

/** As engine_ops.call: a tool to the first engine that offers it, anything else to the first one that has it, which is
 *  the first that does not answer CAPSULE_EUNSUPPORTED, or of interceptors CAPSULE_ENOTFOUND. Also CAPSULE_ESTATE (not
 *  READY; says the state and for FAILED the reason). */
MUST_CHECK enum capsule_status composite_call(
	struct composite *composite, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err);

/** Wait until every engine is ready, one after the other, all within `timeout_ms` together; with 0 the time is up
 *  before the first one is asked. The capsule starts `op`: done with CAPSULE_OK, CAPSULE_ETIMEOUT, CAPSULE_ENOMEM, or
 *  CAPSULE_ESTATE when an engine ended without becoming ready or the capsule is not READY. Without engines it is
 *  ready. */
void composite_wait_ready(struct composite *composite, struct op *op, uint64_t timeout_ms, op_done_fn done, void *user);

/** Its state; for FAILED the reason goes to `why` (may be NULL). A READY capsule with a failed engine is FAILED with that
 *  engine's reason. */
enum composite_state composite_state(const struct composite *composite, struct capsule_error *why);
const char *composite_state_name(enum composite_state state);

/** How it is, engine by engine: as composite_state(), but for one that is READY while an engine tries to come back,
 *  which is FAILED with that engine's reason. */
enum composite_state composite_health(const struct composite *composite, struct capsule_error *why);

/** Whether one of its engines says that it has a tool of that name, in any state. */
bool composite_offers(const struct composite *composite, const char *tool);

/** Calls in flight: queued and running. */
size_t composite_calls(const struct composite *composite);

/** Append the tools of every engine as a JSON array, none unless it is READY. `count` (may be NULL) gets how many there are.
 *  Returns false as buffer_append() does. */
bool composite_append_tools(const struct composite *composite, struct buffer *out, size_t *count);

/** What the engine at `index` is called, NULL behind the last one. A static string. */
const char *composite_engine_name(const struct composite *composite, size_t index);

/** What the engine that is being loaded is at, for a progress line; NULL when there is nothing to tell. A static string. */
const char *composite_stage(const struct composite *composite);

#endif
