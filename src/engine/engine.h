/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every engine gives the core: load, unload, call, health. Long things are operations with one completion; nothing
 * blocks. All functions: loop thread only. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/log.h"
#include "base/origin.h"
#include "host/host.h"
#include "loop/loop.h"
#include "manifest/manifest.h"

struct engine;

/* What an operator may set; 0 stands for the default of base/limits.h. */
struct engine_limits {
	uint64_t call_cpu_ms;  /* guest and host work of one call */
	uint64_t call_wall_ms; /* of one call, waiting included; run loops have none */
	uint32_t memory_pages; /* of the guest's own memory, at most LIMIT_WASM_GUEST_PAGES */
	uint32_t queue_calls;  /* that wait for one capsule */
	uint64_t queue_bytes;  /* input bytes of those */
	uint64_t module_bytes; /* largest module file */
};

/* What an engine gets to work with; borrowed until it is freed. */
struct engine_env {
	struct loop *loop;
	const char *capsule_id;
	const struct manifest *manifest; /* NULL: a bare module, nothing granted */
	const struct gate *gate;         /* NULL: everything is denied */
	const char *approved; /* what its files must hash to, as struct discovered has it; NULL: whatever they hold */
	const char *dir;      /* the capsule's folder, absolute; NULL for a bare module */
	const char *socket_path;  /* value of ASTRID_SOCKET_PATH, NULL when no home resolves */
	const struct map *config; /* extra configuration of bare modules, name -> char *; NULL for none */
	struct host_services services;
	const struct log_sink *log;
	struct engine_limits limits;
};

enum engine_call_kind {
	ENGINE_TOOL,        /* name = tool, input = JSON arguments */
	ENGINE_INTERCEPTOR, /* name = action, input = payload */
	ENGINE_EXPORT,      /* name = export, input and output as they are */
	ENGINE_INSTALL,     /* lifecycle hook; input empty. Succeeds without running anything when there is none */
	ENGINE_UPGRADE,     /* lifecycle hook; name = previous version */
};

struct engine_call {
	struct op op; /* completion; op.result is the output */
	enum engine_call_kind kind;
	const char *name;  /* borrowed until done */
	struct span input; /* borrowed until done */
	struct span
		array; /* of tools and interceptors: `input` as a JSON array of its bytes, if it is made; likewise */
	struct origin origin;
	uint64_t cpu_ms, wall_ms; /* 0: the engine's limit; the smaller one wins */
	bool unqueued; /* its owner bounds how many there are: the queue's limits do not count for it. Until done as it was. */
	/* Filled before done: */
	int64_t wall_ns;       /* from the start of the call to its end, waiting in the queue not counted */
	int64_t cpu_ns;        /* guest and host work */
	struct list_node link; /* the engine's queue */
	struct engine *engine; /* set when it is queued */
};

enum engine_health {
	ENGINE_LOADING,
	ENGINE_READY,
	ENGINE_RECOVERING, /* it ended by itself and tries to come back by itself: its calls fail meanwhile, those of others do not */
	ENGINE_FAILED,
	ENGINE_UNLOADED
};

/* Every member is required unless it says otherwise. */
struct engine_ops {
	const char *name; /* "wasm", "mcp", "static" */

	/* Prepare everything, run no guest code except a run loop. `op` is started by the caller; the engine ends it with
	 * op_finish() or op_fail(). On failure the caller still calls unload() and free(). op_cancel(op) may come. */
	void (*load)(struct engine *engine, struct op *op);

	/* Stop taking calls, end the running one and those that wait with CAPSULE_ECANCELLED, let go of the guest. A run
	 * loop, whose waits the caller has ended, gets LIMIT_LOOP_STOP_MS to end by itself; how it ends is told to nobody.
	 * Then the engine finishes `op` (started by the caller). Always succeeds; may be repeated, also while it is under
	 * way: each `op` is finished. */
	void (*unload)(struct engine *engine, struct op *op);

	/* Queue `call` (borrowed until done; call->op is started by the engine with `done` and `user`). Fails at
	 * once, without done, with CAPSULE_ESTATE, CAPSULE_ELIMIT (queue full), CAPSULE_EUNSUPPORTED (a run loop
	 * takes no calls) and, for an interceptor, CAPSULE_ENOTFOUND (it has no such hook): the next engine is asked. op_cancel(&call->op) ends it wherever it
	 * stands. */
	enum capsule_status (*call)(struct engine *engine, struct engine_call *call, op_done_fn done, void *user,
		struct capsule_error *err);

	/* Whether a tool of its own has this name, in any form that it can be called by. NULL: every tool is its,
	 * those of the manifest. */
	bool (*offers)(const struct engine *engine, const char *tool);

	/* Its state; for ENGINE_FAILED and ENGINE_RECOVERING `why` (may be NULL) gets the reason. */
	enum engine_health (*health)(struct engine *engine, struct capsule_error *why);

	/* End `op` (started by the caller, whose deadline it has) when the engine can serve: at once, when a run loop says
	 * so, with CAPSULE_ESTATE when it ended without having said so or is being unloaded. Once ready, always ready; and
	 * one that is unloaded has nothing left to wait for. op_cancel(op) may come. NULL: ready when loaded. */
	void (*wait_ready)(struct engine *engine, struct op *op);

	/* Append its tools, JSON objects {"name", "description", "input_schema", "origin"} with commas between them
	 * and one in front unless `first`, those whose name `taken` has under another one. How many they were. NULL:
	 * none. `taken` has the names of the engines before (name -> any pointer), and gets these: NULL when nobody
	 * looks. */
	size_t (*tools)(const struct engine *engine, bool first, struct map *taken, struct buffer *out);

	/* Calls that wait or run; a run loop is none. NULL: it never has any. */
	size_t (*calls)(const struct engine *engine);

	/* Free it (taken). Must have been unloaded. */
	void (*free)(struct engine *engine);
};

struct engine {
	const struct engine_ops *ops;
	/* Set by whoever holds the engine; NULL: nobody is told. Called when its health changes by itself and, while
	 * `tell_idle` is set, when a call has ended. Must not call into the engine, except for health() and calls(). */
	void (*changed)(struct engine *engine, void *user);
	void (*retooled)(
		struct engine *engine, void *user); /* its tools are others now; likewise, except for tools() */
	void *user;
	bool tell_idle;
};

static inline void engine_changed(struct engine *engine)
{
	if (engine->changed != NULL)
		engine->changed(engine, engine->user);
}

#endif
