/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiling in child processes. A compilation can't be stopped, and a hostile module can make one take minutes and gigabytes,
 * so anything larger than LIMIT_COMPILE_INLINE is compiled by libexec/capsule-compile with limits of its own. A few run at
 * once, the others wait their turn. All functions: loop thread. */
#ifndef WASM_COMPILE_H
#define WASM_COMPILE_H

#include "engine/wasm/profile.h"
#include "process/process.h"

/* What the children of one runtime have in common. */
struct compiler {
	struct loop *loop;
	struct wasm_profile profile;
	const char *libexec_dir; /* borrowed; NULL: looked for */
	const char *description; /* what profile_describe() says, borrowed: the child must say the same */
	uint64_t cpu_ms, memory_bytes;
	uint32_t jobs_max;
	uint32_t running;
	struct list_node waiting; /* compile_job.link */
};

/* One module on its way. Zero-initialise. */
struct compile_job {
	struct compiler *compiler;
	struct list_node link;
	struct process *process; /* NULL: waits, or is over */
	struct span module;      /* borrowed until done */
	int code_fd; /* when done went well: the code, in memory that nobody else writes to; the owner closes it */
	void (*done)(struct compile_job *job, const struct capsule_error *error);
};

/** Limits of 0 become the defaults, processor time becomes whole seconds. */
void compiler_init(struct compiler *compiler, struct loop *loop, const struct wasm_profile *profile);

/** Compile `module` (borrowed). `done` runs once from a later turn, with `error` NULL when job->code_fd has the code. Errors at
 *  once (done will not run): CAPSULE_EIO, CAPSULE_ENOMEM, CAPSULE_ENOTFOUND (a program of libexec; says where was looked).
 *  From done: CAPSULE_EMODULE (the compiler's reason), CAPSULE_ELIMIT (which limit and how to raise it), CAPSULE_EINTERNAL. */
MUST_CHECK enum capsule_status compile_start(struct compile_job *job, struct compiler *compiler, struct span module,
	void (*done)(struct compile_job *job, const struct capsule_error *error), struct capsule_error *err);

/** Give it up: the child is killed, done() will not run. */
void compile_cancel(struct compile_job *job);

#endif
