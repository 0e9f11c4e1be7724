/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The runtime: one loop, one thread, any number of capsules. Several runtimes in one process are fine, one home is used by
 * one runtime at a time. The library keeps no globals of its own, prints nothing and never ends the process; Wasmtime, which
 * it links, installs handlers for SIGSEGV, SIGBUS, SIGILL and SIGFPE once (unless no_signal_handlers is set), and a panic
 * inside that engine ends the process.
 *
 * A runtime, its capsules and its operations belong to one thread: the one that made it, until another one takes it over
 * with capsule_runtime_adopt(). What is called on any other thread, or from inside the log, audit, gate or state function,
 * changes nothing: functions with a status answer CAPSULE_ESTATE, capsule_runtime_turn() answers false, the others just
 * return. Functions that only tell something do not look, and must not be called there. Only capsule_runtime_post() may be
 * called from anywhere. After fork() the child must leave the runtimes of its parent alone, not even free them. */
#ifndef CAPSULE_RUNTIME_H
#define CAPSULE_RUNTIME_H

#include <capsule/error.h>
#include <capsule/log.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule_runtime;

/* What becomes of a capsule's writes to the workspace. */
enum capsule_overlay_mode {
	CAPSULE_OVERLAY_MANUAL, /* kept in the home until they are committed: <capsule/files.h> */
	CAPSULE_OVERLAY_AUTO,   /* committed after each call that succeeds */
	CAPSULE_OVERLAY_OFF,    /* made at once */
};

/* One refusal of the gate, one decision of an interceptor about an event, or one call of an MCP server's tool. Texts
 * are borrowed for the call. */
struct capsule_audit_record {
	const char *capsule; /* that was refused; whose interceptor decided */
	const char *principal;
	const char *operation; /* "read", "http", ... as in <capsule/policy.h>; "veto", "rewrite" */
	const char *operand;   /* of a decision the topic */
	const char *reason; /* in words, with the manifest's line; of a decision what the interceptor said, may be "" */
	const char *key;    /* of [capabilities] that would allow it; "interceptor"; "mcp_server" */
	/* Of "mcp_call" (the operand is the tool as "mcp://<server>:<tool>", the reason "started", "ended" or why it
	 * was refused) and "mcp_server" (a server's start and end) more as a JSON object, see docs/mcp.md; else
	 * NULL. */
	const char *detail;
};

/* Called for every refusal and every decision, on the runtime's thread; must not call into the runtime. */
typedef void (*capsule_audit_fn)(void *user, const struct capsule_audit_record *record);

/* An embedder's own gate: whether `capsule` may do `operation` on `operand`. It is asked only about what the manifest
 * allows, so it can take away and never add. On the runtime's thread; must not call into the runtime. */
typedef bool (*capsule_gate_fn)(
	void *user, const char *capsule, const char *operation, const char *operand, size_t len);

/* A question to a person: may this tool be called? Texts are borrowed for the call. */
struct capsule_prompt {
	const char *capsule, *server,
		*tool;         /* as in "capsule:<id>:<server>"; untrusted: show without control characters */
	const char *arguments; /* JSON */
	size_t arguments_len;
};

enum capsule_answer {
	CAPSULE_ANSWER_DENY,
	CAPSULE_ANSWER_ONCE,    /* this call */
	CAPSULE_ANSWER_SESSION, /* this tool from now on, until the runtime ends */
};

struct capsule_question; /* one that waits for its answer */

/* Ask it, on the runtime's thread; must not call into the runtime, apart from the answer, which may come at once or
 * later. */
typedef void (*capsule_prompt_fn)(void *user, struct capsule_question *question, const struct capsule_prompt *prompt);

/* Zero-initialise, set `size` and what differs. Strings are copied. Later releases append members: a program that was built
 * against an earlier header gets the defaults for what it does not know, and one that was built against a later header is
 * served as long as what this release does not know is zero. */
struct capsule_runtime_options {
	size_t size; /* sizeof(struct capsule_runtime_options) */
	/* Absolute; NULL: $ASTRID_HOME, else $HOME/.astrid. Made (0700) when a capsule first uses its key-value state; from
	 * then on until capsule_runtime_free() a lock file in it says which process has it. */
	const char *home;
	const char *principal; /* 1 to 63 bytes; NULL: "default" */
	/* Keep key-value state in memory; the home is not touched, except for what guests write to global://. */
	bool memory_store;
	capsule_log_fn log; /* NULL: nothing is logged */
	void *log_user;
	enum capsule_log_level log_level; /* least level that is logged */
	/* Limits; 0 stands for the default. */
	uint64_t call_cpu_ms;  /* processor time of one call: 10,000 */
	uint64_t call_wall_ms; /* one call, waiting included: 600,000 */
	uint32_t memory_pages; /* of 64 KiB, of one guest's own memory: 1,024, which is also the most */
	uint32_t queue_calls;  /* that wait for one capsule: 1,024 */
	uint64_t module_bytes; /* largest module: 64 MiB */
	/* Compiled code is kept as files, so that a module is compiled once. The folder is made (0700) when something is
	 * first put into it; one that belongs to somebody else or that others may enter is not used, which is logged. */
	const char *cache_dir; /* absolute; NULL: cache/capsules in the home, nothing with memory_store; "": nothing */
	uint64_t cache_bytes;  /* what it may hold; what was not used for longest goes first: 1 GiB */
	/* Modules over 32 KiB are compiled by child processes, a few at once, each within these limits. */
	bool compile_in_process; /* compile on a thread instead: no process is started, and none of these limits holds */
	uint64_t compile_cpu_ms; /* processor time for one module, rounded up to seconds: 60,000 */
	uint64_t compile_bytes;  /* memory of one such child: 2 GiB */
	uint32_t compile_jobs;   /* children at once: as many as there are processors, at most 8 */
	const char *libexec_dir; /* where capsule-launch and capsule-compile are; NULL: looked for, see embedding.md */
	/* The engine. Both change the code that is made, so each has cache entries of its own. */
	bool no_signal_handlers; /* install none: a guest's faults are found by checks in its code, which is slower */
	/* Pages of 64 KiB of the memory through which bytes cross to and from one guest: 1,024, also the most; 16 the least,
	 * and the first 16 count for one. Address space is reserved for twice the larger of this and memory_pages. */
	uint32_t kernel_pages;
	/* Files. `workspace`, absolute, is what workspace:// and paths without a scheme mean to guests; where it does not
	 * exist when a capsule is loaded, that capsule's file functions fail. NULL: the working directory of the process
	 * when the runtime is made. With memory_store the overlay of a capsule is a private folder in $TMPDIR (/tmp),
	 * removed when it is unloaded. */
	const char *workspace;
	enum capsule_overlay_mode overlay; /* of capsules that capsule_runtime_set_overlay() says nothing about */
	uint64_t overlay_bytes;            /* what one overlay may hold: 1 GiB */
	capsule_audit_fn audit;            /* refusals are logged, too, but as warnings only when this is NULL */
	void *audit_user;
	capsule_gate_fn gate; /* NULL: the manifest decides alone */
	void *gate_user;
	uint64_t unload_grace_ms; /* that calls in flight may go on when their capsule is unloaded: 5,000 */
	uint64_t ready_ms; /* that capsule_boot() waits for a run loop before it loads those who require it: 30,000 */
	/* Events. What may wait for one capsule: what its manifest says, but no more than this; this where it says
	 * nothing. */
	uint64_t inbox_messages;         /* 1,024 where the manifest says nothing */
	uint64_t inbox_bytes;            /* likewise 16 MiB */
	uint64_t publish_messages_per_s; /* of one capsule, and as many at once: 1,000,000 */
	uint64_t publish_bytes_per_s;    /* likewise: 10 MiB, and one message is 5 MiB at most */
	uint64_t chain_ms;               /* all interceptors that decide about one event: 10,000 */
	uint64_t hook_ms;                /* that a hook waits for answers: 10,000 */
	uint64_t lag_notice_ms;          /* between two notices of lost events: 10,000 */
	/* Programs: MCP servers and commands of guests. */
	/* Asks a person about calls of tools that `consent` or `ask` of the manifest says so of; NULL: they are refused. */
	capsule_prompt_fn prompt;
	void *prompt_user;
	uint64_t mcp_handshake_ms; /* that a server may take to answer the first request: 10,000 */
	uint64_t mcp_call_ms;      /* that a call may take without progress, where the manifest says nothing: 60,000 */
	uint64_t mcp_ping_ms;      /* a server that was silent for so long is asked whether it lives: never */
	/* That a server has between the end of its input and SIGTERM, and from there to SIGKILL: 2,000 */
	uint64_t mcp_stop_ms;
	uint64_t restart_ms;       /* before the first attempt to start a server again, doubled with each: 2,000 */
	uint32_t restart_attempts; /* in a row: 5 */
	/* Ids of capsules, or "*" for all, whose programs run without a sandbox, which is logged as a warning. */
	const char *const *unsandboxed;
	size_t unsandboxed_count;
};

/** Answer `question` (taken). From the prompt function, or on the runtime's thread later, but not after
 *  capsule_runtime_free(). Ignored when nobody waits any more, because the call ended or was cancelled: the question is
 *  kept until it is answered, and with 1,024 of them no more are asked. */
CAPSULE_API void capsule_prompt_answer(struct capsule_question *question, enum capsule_answer answer);

/** Make a runtime. `options` is borrowed and may be NULL. Of the disk this touches the cache of compiled code and nothing
 *  else. Free it with capsule_runtime_free(). It belongs to the calling thread. Errors: CAPSULE_EINVAL (an option, named),
 *  CAPSULE_ENOMEM, CAPSULE_EIO. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_runtime_new(
	struct capsule_runtime **out, const struct capsule_runtime_options *options, struct capsule_error *err);

/** End everything and free (taken; NULL is fine). Pending operations are cancelled, their done functions do not run; handles
 *  of operations become invalid. What was posted and did not run yet is dropped. From inside a turn, or on a thread to which
 *  the runtime does not belong, it does nothing. Other threads must have stopped posting. May wait for work that can't be
 *  stopped (a module that is being compiled). */
CAPSULE_API void capsule_runtime_free(struct capsule_runtime *runtime);

/** Take `runtime` over, with everything that belongs to it and whatever is under way: from now on it belongs to the calling
 *  thread. The caller sees to it that no other thread is inside a function of this runtime meanwhile, and that the previous
 *  owner has finished with it (pthread_join() or a lock); only capsule_runtime_post() may go on. A thread that
 *  ends takes the helper processes with it that compile modules for its loads: they fail then. Errors: CAPSULE_EINVAL
 *  (NULL), CAPSULE_ESTATE (a turn or the log function runs, on whichever thread). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_runtime_adopt(
	struct capsule_runtime *runtime, struct capsule_error *err);

/** How writes of the capsule `id` are treated when it is loaded from now on. Capsules that may start programs or servers
 *  always write at once. Errors: CAPSULE_EINVAL, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_runtime_set_overlay(
	struct capsule_runtime *runtime, const char *id, enum capsule_overlay_mode mode, struct capsule_error *err);

/** A descriptor to poll for reading in a loop of your own, and how many milliseconds that loop may wait before it turns this
 *  runtime anyway: 0 at once, -1 for ever. Ask for the time again after each turn and after each call that starts
 *  something. The descriptor belongs to the runtime. */
CAPSULE_API int capsule_runtime_fd(const struct capsule_runtime *runtime);
CAPSULE_API int capsule_runtime_timeout_ms(const struct capsule_runtime *runtime);

/** Make progress: waits at most `wait_ms` (0 not at all, -1 without limit) for something to do, does what can be done now
 *  and runs done functions. Guests run in slices of about a millisecond. Returns whether anything is left to do or to wait
 *  for. Called from inside a turn it does nothing and returns false. */
CAPSULE_API bool capsule_runtime_turn(struct capsule_runtime *runtime, int wait_ms);

/** Have `fn(arg)` run on the runtime's thread, in one of its next turns. Threads: any, also from inside
 *  the log function. Errors: CAPSULE_EINVAL (NULL), CAPSULE_ENOMEM, CAPSULE_ELIMIT when 65,536 posts are waiting. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_runtime_post(
	struct capsule_runtime *runtime, void (*fn)(void *arg), void *arg, struct capsule_error *err);

#ifdef __cplusplus
}
#endif

#endif
