/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a guest may ask of its host. Each function is a row of host_functions.def and one C function in host_<area>.c that
 * takes spans and gives back bytes, a number or an error; it knows nothing of WebAssembly, fibers or memory offsets. An
 * adapter moves the bytes (engine/wasm/host_adapter.c) and parks the guest while a row waits.
 *
 * One call, seen from the adapter:
 *   host_call_begin() -> HOST_READY   result is there: copy it
 *                     -> HOST_FAILED  err says why; the guest call is aborted with that text
 *                     -> HOST_WAITING call->resume() runs once when it can go on, then host_call_finish() -> ok or failure
 *   host_call_cancel() at any time after HOST_WAITING instead: resume() will not run.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/log.h"
#include "base/map.h"
#include "base/origin.h"
#include "gate/gate.h"
#include "loop/loop.h"
#include "manifest/manifest.h"
#include "store/kv.h"
#include "vfs/vfs.h"

#define HOST_ARGS_MAX 3

enum host_arg_kind {
	HOST_UNREAD, /* in the signature only, never read */
	HOST_BYTES,  /* as they are */
	HOST_LOSSY,  /* text; invalid UTF-8 is repaired with U+FFFD */
	HOST_TEXT,   /* text; invalid UTF-8 fails the call: "<function> <name> is not valid UTF-8" */
};

enum host_result_kind {
	HOST_NOTHING,
	HOST_BLOCK,  /* bytes; empty ones and absence are the same to the guest */
	HOST_NUMBER, /* a plain integer */
};

enum host_waits {
	HOST_NOW,   /* never waits */
	HOST_WAITS, /* may wait for a peer, a person or time: not charged to the guest */
	HOST_WORKS, /* may wait for work that the host does for it: charged like the guest's own time */
};

enum host_answer { HOST_READY, HOST_WAITING, HOST_FAILED };

struct host_call;

struct host_arg {
	const char *name;
	enum host_arg_kind kind;
	uint32_t limit; /* bytes */
};

struct host_function {
	const char *name; /* import name, e.g. "astrid_kv_get" */
	struct host_arg args[HOST_ARGS_MAX];
	uint32_t arg_count;
	enum host_result_kind result;
	enum host_waits waits;
	const char *service;    /* what stands behind it, as in "the file service" */
	const char *capability; /* key of [capabilities] that must not be empty, NULL when none is asked for */
	bool checks_itself;     /* begin checks lengths and texts and asks for the capability, each in its turn */
	/* NULL when the service behind the row does not exist in this release: the call fails and says so. */
	enum host_answer (*begin)(struct host_call *call, struct capsule_error *err);
	/* Only for rows that wait; runs after call->op finished (its error is looked at by the caller first). NULL: nothing
	 * to do, the result is op.result. */
	enum capsule_status (*finish)(struct host_call *call, struct capsule_error *err);
	const char *doc;
};

/* The trees that paths of a capsule lead into. */
enum host_tree {
	HOST_WORKSPACE, /* workspace://, and paths without a scheme */
	HOST_GLOBAL,    /* global:// */
};

struct children;
struct child_report;
struct payload;
struct process_spec;
struct program;
struct rate;
struct subscriptions;

struct host_fs;      /* a file function under way, see host_fs.c */
struct host_process; /* a child that is waited for, see host_process.c */

/* What the floors above lend; every member is required unless it says otherwise. `user` is theirs. Threads: loop. */
struct host_services {
	void *user;
	/* The capsule's key-value scope; opens the store on first use. Borrowed, lives as long as the host. */
	enum capsule_status (*kv)(void *user, struct kv_scope **scope, struct capsule_error *err);
	/* A load begins, whose session is `session`; no guest code has run. A failure ends the load. May be NULL. */
	enum capsule_status (*session)(void *user, const struct uuid *session, struct capsule_error *err);
	/* One of the capsule's trees, opened on first use. Borrowed, lives as long as the host. Fails with the reason why
	 * there is none. NULL: the capsule has no files. */
	enum capsule_status (*files)(void *user, enum host_tree tree, struct vfs **vfs, struct capsule_error *err);
	/* A refusal, to be kept for whoever audits. The operand is what was judged, or as the guest wrote it (the function's
	 * name where it wrote none) when the manifest declares nothing of the kind. May be NULL. */
	void (*refused)(void *user, const struct origin *origin, const struct gate_question *question,
		const struct gate_decision *decision);
	/* Register an uplink of the capsule: its new id. Errors: CAPSULE_ELIMIT ("uplink registration limit reached"),
	 * CAPSULE_EINVAL ("duplicate uplink"). NULL: nobody keeps uplinks. */
	enum capsule_status (*uplink)(void *user, struct span name, struct span platform, enum uplink_profile profile,
		struct uuid *id, struct capsule_error *err);
	/* The load can't go on: nobody has given these settings of the manifest, which are borrowed for the call. May be
	 * NULL. */
	void (*missing)(void *user, const struct manifest_env *const *entries, size_t count);
	/* The capsule's subscriptions and what it may publish; live as long as the host. NULL: it takes no part in
	 * events. */
	struct subscriptions *subscriptions;
	struct rate *rate;
	/* Publish `payload`, which was opened, under `topic`, both borrowed. When the publisher has to wait for room, `op`
	 * was started with `done` and `op_user`, and ends when there is room; else it was not touched. Errors:
	 * CAPSULE_ELIMIT, CAPSULE_ESTATE, CAPSULE_ENOMEM. NULL as above. */
	enum capsule_status (*publish)(void *user, const struct origin *origin, struct span topic,
		struct payload *payload, struct op *op, op_done_fn done, void *op_user, struct capsule_error *err);
	/* Call the interceptors of other capsules that match `topic` with `payload` (compact JSON, borrowed until it
	 * returns). `op` was started with `done` and `op_user` and ends with a JSON array of the answers as its result;
	 * op_cancel(op) lets go of them. Errors: CAPSULE_ESTATE, CAPSULE_ENOMEM. NULL: there are no other capsules. */
	enum capsule_status (*hook)(void *user, const struct origin *origin, struct span topic, struct span payload,
		struct op *op, op_done_fn done, void *op_user, struct capsule_error *err);
	/* Hand in a message of the capsule's uplink `id`; `*taken` says whether there was room for it. Errors:
	 * CAPSULE_ENOTFOUND ("... not registered ..."), CAPSULE_ENOMEM. NULL: the manifest declares no uplink. */
	enum capsule_status (*uplink_send)(void *user, const struct uuid *id, struct span platform_user,
		struct span content, bool *taken, struct capsule_error *err);
	/* The module that is being loaded runs a loop: called before its first instruction. Fills the origin of what the
	 * loop does. A failure ends the load. NULL: nothing is to be done. */
	enum capsule_status (*run_loop)(void *user, struct origin *origin, struct capsule_error *err);
	/* The capsule's children, live as long as the host. NULL: it may start none. */
	struct children *children;
	/* The program that the granted `command` stood for when the capsule was loaded, borrowed for its life; and
	 * what a child of the capsule sees, gets and starts with: fills `spec`, apart from its program, arguments
	 * and streams, with what is borrowed until the next call. Errors: CAPSULE_ENOTFOUND (why it was not found at
	 * load), CAPSULE_EUNSUPPORTED (no sandbox here), CAPSULE_EIO. NULL as above. */
	enum capsule_status (*command)(void *user, struct span command, const struct program **program,
		struct process_spec *spec, struct capsule_error *err);
	/* Whether the capsule whose session is `session` is registered and its manifest sets the flag `capability`
	 * ("allow_prompt_injection"). NULL: never. */
	bool (*capable)(void *user, const struct uuid *session, struct span capability);
};

/* One capsule as its host functions see it. Filled by the engine; everything borrowed from it. */
struct host {
	const char *capsule_id;
	struct uuid session;             /* new at each load */
	const struct manifest *manifest; /* NULL: nothing is granted */
	const struct gate *gate;         /* asked before anything outside is touched; NULL: everything is denied */
	struct map config;               /* name -> char *, owned by the engine */
	struct host_services services;
	struct loop *loop;
	const struct log_sink *log;
	struct kv_scope *kv; /* cached answer of services.kv */
	/* The most hops of the messages that the guest took last: what a run loop publishes next is put down to them. 0 when
	 * it waited for some and none came. */
	uint32_t received_hops;
	/* The engine's: the guest says that it is ready. NULL: nobody waits for that. */
	void (*ready)(struct host *host);
};

/* One call in progress; an instance has one and reuses it. */
struct host_call {
	struct host *host;
	const struct origin *origin; /* who asked; NULL outside calls */
	const struct host_function *row;
	struct span args[HOST_ARGS_MAX]; /* borrowed from the guest until finish or cancel */
	struct span result;              /* borrowed: set by begin or finish, copied by the adapter right after */
	int64_t number;                  /* for HOST_NUMBER */
	/* Set by a begin that answers HOST_READY although it might have waited: what it hands over came from outside, so the
	 * guest did not ask in vain. A run loop counts as one that waits then (engine/wasm/run_loop.h). */
	bool delivered;
	struct buffer out;      /* room that `result` may point into; kept from call to call */
	struct buffer repaired; /* text arguments whose UTF-8 was repaired */
	struct op *op;          /* the one in `state` or `fs`, set by a begin that answers HOST_WAITING; else NULL */
	void (*resume)(struct host_call *call); /* the adapter's; called by host_call_resume() */
	/* The adapter's, may be NULL: put room for a result of `len` bytes aside, which is not refused for want of room any
	 * more. For what is gone once it is handed over; asked last, before `result` of that length. Errors:
	 * CAPSULE_ELIMIT. */
	enum capsule_status (*reserve)(struct host_call *call, size_t len, struct capsule_error *err);
	void *user; /* the adapter's */
	union {
		struct kv_request kv;
		struct op op;
		struct {
			struct op op;
			uint64_t handle; /* of the subscription that is waited for */
		} recv;
	} state;
	struct host_fs *fs; /* made by the first file function, NULL before and once idle: a path takes room */
	struct host_process *process; /* the same for programs that are waited for */
	struct payload *payload;      /* the same for publications */
};

/** Make `call` idle for calls of `host` (borrowed). `resume` and `user` are the adapter's. */
void host_call_init(struct host_call *call, struct host *host, void (*resume)(struct host_call *call), void *user);
void host_call_fini(struct host_call *call);

/** Whether a guest of `manifest` (NULL: of none) may use `row`: its capability is granted. On refusal the text names the
 *  function, the capability key and the line to add to Capsule.toml. Returns CAPSULE_OK, CAPSULE_EDENIED. */
MUST_CHECK enum capsule_status host_granted(const struct host_function *row, const char *capsule_id,
	const struct manifest *manifest, struct capsule_error *err);

/** Check one argument's length before anything is copied: CAPSULE_ELIMIT with "memory allocation of <len> bytes exceeds
 *  maximum allowed limit of <limit> bytes"; of rows that check themselves nothing is. For adapters. */
MUST_CHECK enum capsule_status host_arg_check(
	const struct host_function *row, uint32_t index, uint64_t len, struct capsule_error *err);

/** Run `row` with call->args, which the adapter has set (row->arg_count of them, lengths checked): repairs or refuses text,
 *  asks for the capability, then begins. */
MUST_CHECK enum host_answer host_call_begin(
	struct host_call *call, const struct host_function *row, struct capsule_error *err);

/** After resume(): the outcome. A failure of the operation reads "<function without astrid_> failed: <reason>". */
MUST_CHECK enum capsule_status host_call_finish(struct host_call *call, struct capsule_error *err);

/** Let go of a call that waits; harmless for one that does not. */
void host_call_cancel(struct host_call *call);

/** Give back the memory that large results and repairs needed. To be called when the guest's own call has ended, so that
 *  an idle capsule does not keep it; `result` is gone afterwards. While the call waits, only what it has no use for goes:
 *  `out`, which is empty at each begin, if nothing was put there. */
void host_call_trim(struct host_call *call);

/** op_done_fn for rows that wait: `user` is the host_call. */
void host_call_resume(struct op *op, void *user);

/* The table. Its order is ABI: indices 0 to 50 are those of the shim namespace. */
extern const struct host_function host_functions[];
extern const uint32_t host_function_count;

/** The row called `name`, NULL when there is none. */
const struct host_function *host_function_find(struct span name);

#endif
