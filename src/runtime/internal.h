/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: what the public handles are. */
#ifndef RUNTIME_INTERNAL_H
#define RUNTIME_INTERNAL_H

#include "base/blake3.h"
#include "base/map.h"
#include "composite/composite.h"
#include "engine/wasm/wasm.h"
#include "life/registry.h"
#include "runtime/events.h"
#include "runtime/home.h"
#include "runtime/servers.h"
#include "runtime/services.h"
#include <capsule/boot.h>
#include <capsule/capsule.h>
#include <capsule/mcp.h>

#include <pthread.h>
#include <stdatomic.h>

struct capsule_runtime {
	_Atomic uintptr_t owner; /* thread_self() of the thread that may call */
	atomic_bool logging;     /* inside a function of the embedder's that is told something, from where nobody may */
	struct loop *loop;
	struct wasm_runtime *wasm;
	struct log_sink log;
	capsule_log_fn write_log; /* the embedder's, behind `log` */
	void *log_user;
	struct engine_limits limits;
	uint64_t unload_grace_ms, ready_ms; /* 0: the defaults */
	struct inbox_budget inbox;          /* of each capsule, at most; 0: what its manifest says */
	struct rate_limits publish_rate;
	struct home home;
	struct registry registry; /* the capsules that have a manifest */
	char *principal;
	char *workspace;   /* as it was named, absolute; NULL: none */
	char *libexec_dir; /* where the programs of this library are; NULL: to be looked for */
	enum capsule_overlay_mode overlay;
	struct map overlays; /* id -> enum capsule_overlay_mode * of those that are treated otherwise */
	uint64_t overlay_bytes;
	struct list_node open_overlays; /* of services_files.c */
	capsule_audit_fn audit;
	void *audit_user;
	capsule_gate_fn gate;
	void *gate_user;
	struct list_node capsules; /* struct capsule.link */
	struct list_node ops;      /* struct capsule_op.link of those that somebody holds */
	struct list_node spare;    /* op handles to use again */
	uint32_t spare_count;
	size_t spare_large; /* bytes of their large buffers */
	struct timer spare_timer;
	size_t leaving;            /* capsules that are out of the list and not freed yet */
	struct boot *boot;         /* under way */
	struct takedown *takedown; /* likewise: of a shutdown, or of what a boot had loaded */
	uint32_t boots;            /* number of the last one */
	capsule_state_fn watch;
	void *watch_user;
	struct buffer states; /* of capsule_states_json() */
	struct dispatch *dispatch;
	struct listener *cancels;       /* of events_cancel.c; NULL: nobody starts programs */
	struct payload payload;         /* of capsule_publish() */
	struct list_node subscriptions; /* struct capsule_subscription.link */
	struct list_node tool_watches;  /* of events_tool.c */
	capsule_event_notice_fn told;   /* the embedder's, of every event */
	void *told_user;
	struct buffer event_stats; /* of capsule_event_stats_json() */
	struct mcp_engine_limits mcp_limits;
	char **unsandboxed; /* ids of capsules, or "*", whose programs have no sandbox */
	size_t unsandboxed_count;
	capsule_prompt_fn prompt;
	void *prompt_user;
	struct list_node questions; /* of questions.c */
	size_t question_count;
	struct map remembered; /* likewise: what need not be asked again -> the runtime */
	capsule_mcp_trace_fn mcp_trace;
	void *mcp_trace_user;
	struct capsule_op *awaited;   /* by capsule_op_wait(); NULL when it is complete or gone */
	struct capsule_error outcome; /* of `awaited` */
};

struct capsule {
	struct capsule_runtime *runtime;
	struct list_node link;
	char *id, *dir;
	char *approved;                  /* of a discovered one with a receipt: hashes of its files; else NULL */
	char *rights;                    /* likewise what it may do, in the words of the receipt */
	char state_name[BLAKE3_HEX + 1]; /* what its key-value state is kept under when that is not its id; else "" */
	struct manifest *manifest;       /* NULL: a bare module, or one that did not get so far */
	struct map settings;             /* of a bare module: name -> char * */
	struct composite *composite;     /* one reference; NULL until it is made */
	struct engine *wasm;             /* among its engines; NULL without a component */
	struct engine *content;          /* likewise the static one; NULL for a bare module */
	struct servers *servers;         /* its MCP servers, among its engines; NULL: none */
	struct buffer served;            /* last answer of capsule_content_served() */
	struct services services;        /* what it is lent */
	struct member *member;           /* in events; NULL for a bare module */
	struct list_node inbound;        /* of events_uplink.c: messages that wait to be published */
	uint32_t inbound_count;
	struct runnable inbound_later;
	const struct manifest_tool *quiet_tool; /* one whose calls nobody wanted to know of when receivers were */
	uint64_t quiet_at;                      /* of this generation */
	char *tools_json;                       /* NULL until it was ready */
	size_t tool_count;
	uint32_t boot;   /* number of the boot that made it, 0 for none */
	bool registered; /* in runtime->registry */
	bool bare;
	bool unsandboxed; /* a command whose caller wants it so */
	bool loading;     /* belongs to the operation that loads it */
	bool unloading;   /* belongs to the operation that unloads it */
};

enum operation {
	OPERATION_LOAD,
	OPERATION_UNLOAD,
	OPERATION_CALL,
	OPERATION_PUBLISH,
	OPERATION_INSPECT,
	OPERATION_BOOT,
	OPERATION_SHUTDOWN,
	OPERATION_REQUEST,
};

struct capsule_op {
	struct capsule_runtime *runtime;
	struct list_node link;
	enum operation kind;
	capsule_done_fn done;
	void *user;
	bool complete;
	bool as_text; /* the result is made valid UTF-8 */
	struct capsule *capsule;
	struct engine_env inspect_env; /* OPERATION_INSPECT; what it borrows is in `inspected` */
	struct inspected *inspected;
	struct tool_watch *watch; /* OPERATION_CALL: what others are told of it; NULL: nothing */
	struct buffer input;      /* of a call: its name, a zero byte, the arguments */
	struct engine_call call;  /* its op is the operation, whatever the kind */
};

/** A number that no other living thread has. The thread pointer where that is one instruction, since this is asked several
 *  times in each call. */
static inline uintptr_t thread_self(void)
{
#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
	return (uintptr_t)__builtin_thread_pointer();
#else
	return (uintptr_t)pthread_self();
#endif
}

/** Whether the calling code may use `runtime` now. The first thing that every public function asks that changes something:
 *  about a nanosecond. Threads: any. */
static inline bool runtime_usable(const struct capsule_runtime *runtime)
{
	return atomic_load_explicit(&runtime->owner, memory_order_relaxed) == thread_self() &&
		!atomic_load_explicit(&runtime->logging, memory_order_relaxed);
}

/** Around every function of the embedder's that is called from the middle of something, as the log function is: nothing
 *  of the runtime may change under it. */
static inline void runtime_enter_embedder(struct capsule_runtime *runtime)
{
	atomic_store_explicit(&runtime->logging, true, memory_order_relaxed);
}

static inline void runtime_leave_embedder(struct capsule_runtime *runtime)
{
	atomic_store_explicit(&runtime->logging, false, memory_order_relaxed);
}

/** The time on the clock, in milliseconds since 1970. */
static inline uint64_t runtime_now_ms(const struct capsule_runtime *runtime)
{
	int64_t now = clock_realtime_ns(loop_clock(runtime->loop));

	return now < 0 ? 0 : (uint64_t)(now / NS_PER_MS);
}

/** The origin of what the embedder asks for. */
void runtime_origin(const struct capsule_runtime *runtime, struct origin *origin);

/** Why not, for the public `function`. Errors: CAPSULE_EINVAL (`runtime` or `out` is NULL), CAPSULE_ESTATE. Threads: any. */
enum capsule_status runtime_refuse(
	const struct capsule_runtime *runtime, const void *out, const char *function, struct capsule_error *err);

/** Both in one, for functions that give something back in `out`. */
MUST_CHECK static inline enum capsule_status runtime_enter(
	const struct capsule_runtime *runtime, const void *out, const char *function, struct capsule_error *err)
{
	error_clear(err);
	if (runtime != NULL && out != NULL && runtime_usable(runtime))
		return CAPSULE_OK;
	return runtime_refuse(runtime, out, function, err);
}

/** Let `runtime` belong to the calling thread. */
void runtime_own(struct capsule_runtime *runtime);

/** capsule_log_fn in front of the embedder's; `user` is the runtime. */
void runtime_log(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len);

/** A handle in the runtime's list. NULL when out of memory. */
struct capsule_op *operation_new(struct capsule_runtime *runtime, enum operation kind, capsule_done_fn done, void *user,
	struct capsule_error *err);

/** Give back a handle whose operation is not pending. */
void operation_discard(struct capsule_op *op);

/** op_done_fn of every operation; `user` is the handle. */
void operation_done(struct op *op, void *user);

/** A capsule in the runtime's list, empty. NULL when out of memory. */
struct capsule *capsule_make(struct capsule_runtime *runtime, struct capsule_error *err);

/** Read the manifest at `path` (a folder or a Capsule.toml) into `capsule`. When `hash` is not NULL, the file's bytes must
 *  have that BLAKE3 hash: CAPSULE_EMANIFEST otherwise. Errors: as manifest_load(). */
MUST_CHECK enum capsule_status capsule_read_manifest(
	struct capsule *capsule, const char *path, const uint8_t *hash, struct capsule_error *err);

/** Make its life cycle, which needs capsule->id. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status capsule_make_composite(struct capsule *capsule, struct capsule_error *err);

/** Enter it into the registry, if it has a manifest, and make its engines; `file` is the module of a bare one. Errors:
 *  CAPSULE_ESTATE ("Already registered: <id>"), CAPSULE_EINVAL, CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status capsule_make_engines(
	struct capsule *capsule, const char *file, struct capsule_error *err);

/** Begin to load: a handle with an empty capsule, its operation started. NULL with `err` when the runtime is being shut
 *  down (takedown_of_all()) or memory ran out. */
struct capsule_op *load_begin(
	struct capsule_runtime *runtime, capsule_done_fn done, void *user, struct capsule_error *err);

/** Make the engines of op->capsule, whose manifest is read, and start to load; `file` is the module of a bare one.
 *  Every failure ends the operation. */
void load_start(struct capsule_op *op, const char *file);

/** Release a capsule: out of the list, unloaded, then freed. */
void capsule_leave(struct capsule *capsule);

/** The capsules that are known, as capsule_states_json() has them. Returns false as buffer_append() does. */
bool capsule_append_states(const struct capsule_runtime *runtime, struct buffer *out);

/** composite_options.changed and .retooled of a capsule: `user` is it. */
void capsule_state_changed(void *user);
void capsule_retooled(void *user);

/** The module file and folder of a manifest's component. Errors: CAPSULE_EMODULE when there is none. */
MUST_CHECK enum capsule_status capsule_component(
	const struct manifest *manifest, const char **file, struct capsule_error *err);

/** Free what an inspection borrows (taken; NULL is fine). */
void inspection_free(struct inspected *inspected);

/** Split what a caller named: the folder, from a folder or a Capsule.toml. Absolute; free with free(). */
char *capsule_folder(const char *path, struct capsule_error *err);

#endif
