/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Child processes: the one way in which anything of this program starts one. A child is started by posix_spawn of
 * capsule-launch (libexec/), which sets up what must hold before the program itself runs and then becomes it. It is watched by
 * a pidfd, reads from a descriptor of the caller or nothing, writes into bounded buffers, has a deadline, and dies with its
 * whole process group. All functions: loop thread. */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include "base/buffer.h"
#include "loop/op.h"

#define PROCESS_FDS_MAX 8

/* Limits of the child, set by setrlimit() before it runs and inherited by its children. 0: as the runtime has it. */
struct process_limits {
	uint64_t cpu_ms;       /* rounded up to seconds; the kernel kills by SIGXCPU there, by SIGKILL a second later */
	uint64_t memory_bytes; /* address space */
	uint64_t file_bytes;   /* largest file that it may write */
	uint64_t open_files;
};

/* What to run. Everything is borrowed for the call of process_start() only. */
struct process_spec {
	const char *launcher;    /* absolute path of capsule-launch */
	const char *const *argv; /* NULL-ended; argv[0] is the absolute path of the program */
	const char *const *env;  /* NULL-ended "NAME=value"; NULL: an empty environment */
	const char *cwd;         /* NULL: "/" */
	int input;               /* descriptor that becomes its standard input; -1: /dev/null */
	const int *fds;          /* become its descriptors 3, 4, ... in this order; every other one is closed */
	size_t fd_count;         /* at most PROCESS_FDS_MAX */
	struct process_limits limits;
	uint64_t wall_ms; /* deadline; 0: none */
	uint64_t
		grace_ms; /* between SIGTERM and SIGKILL to its group when it is ended from outside; 0: SIGKILL at once */
	size_t output_limit; /* bytes kept of standard output and of standard error each; more is read and counted */
};

enum process_end {
	PROCESS_EXITED,   /* by itself; `code` is its exit status */
	PROCESS_SIGNALED, /* `code` is the signal */
	PROCESS_TIMEOUT,  /* the deadline came, its group was killed */
	PROCESS_KILLED,   /* by process_kill() */
};

struct process_result {
	enum process_end end;
	int code;
	struct buffer output, error;        /* what was kept */
	uint64_t output_bytes, error_bytes; /* what was written */
	int64_t cpu_ns;                     /* of the child and the children it waited for */
	uint64_t peak_bytes;                /* largest resident memory */
};

struct process;

/** Start a child. `done` runs once from a later turn, when it has ended, its group is gone and its output is read to the end or
 *  closed; `result` is borrowed during it, `failure` is NULL then. When the child could not be made to run its program
 *  (no such file, limits that can't be set ...) `result` is NULL and `failure` says why.
 *  A grandchild that keeps the pipes open ends nobody's wait: reading stops when the child has ended and nothing is left in
 *  the pipes. *out is valid until done. Errors at once: CAPSULE_ENOTFOUND (launcher), CAPSULE_EIO, CAPSULE_ENOMEM,
 *  CAPSULE_EINVAL (a path that is not absolute, too many descriptors). */
MUST_CHECK enum capsule_status process_start(struct process **out, struct loop *loop, const struct process_spec *spec,
	void (*done)(void *user, const struct process_result *result, const struct capsule_error *failure), void *user,
	struct capsule_error *err);

/** End it: SIGTERM to its group, SIGKILL after the grace time; done() comes. Ignored when it is ending already. */
void process_kill(struct process *process);

/** As process_kill() with SIGKILL at once, and done() will not be called; the process is reaped from a later turn. */
void process_abandon(struct process *process);

/** Its process id, for messages. */
int process_pid(const struct process *process);

#endif
