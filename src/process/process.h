/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Child processes: the one way in which anything of this program starts one. A child is started by posix_spawn of
 * capsule-launch (libexec/), which sets up what must hold before the program itself runs and then becomes it. It has a session
 * and a process group of its own, default signal handlers, umask 077, no core files, and gains no privileges. It is watched by
 * a pidfd, reads from a descriptor of the caller or nothing, writes into bounded buffers and has a deadline. When it ends, what
 * is left of its group is killed; it is killed itself when the thread that started it ends, however that comes.
 *
 * What leaves the group by a session of its own is out of reach, and so is a grandchild when this program is killed: that
 * takes a PID namespace around them. SIGCHLD is not touched, and only children of ours are waited for; but a program that
 * ignores SIGCHLD, or waits for any child, takes the exit status away from us, which is a failure of the child then.
 * All functions: loop thread. */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include "base/buffer.h"
#include "loop/loop.h"

#define PROCESS_FDS_MAX 8

/* Limits of the child, set by setrlimit() before it runs and inherited by its children. 0: as the runtime has it, which is
 * also the most that each can be. */
struct process_limits {
	uint64_t cpu_ms; /* rounded up to seconds; the kernel ends it by SIGXCPU there, by SIGKILL a second later */
	uint64_t memory_bytes; /* address space */
	uint64_t file_bytes;   /* largest file that it may write; SIGXFSZ beyond */
	uint64_t open_files;
};

/* What to run. Everything is borrowed for the call of process_start() only. */
struct process_spec {
	const char *launcher;    /* absolute path of capsule-launch */
	const char *const *argv; /* NULL-ended; argv[0] is the absolute path of the program */
	const char *const *env;  /* NULL-ended "NAME=value"; NULL: an empty environment */
	const char *cwd;         /* absolute; NULL: "/" */
	int input;               /* descriptor that becomes its standard input; -1: /dev/null */
	const int *fds;          /* become its descriptors 3, 4, ... in this order; every other one is closed */
	size_t fd_count;         /* at most PROCESS_FDS_MAX */
	struct process_limits limits;
	uint64_t wall_ms;    /* deadline; 0: none */
	uint64_t grace_ms;   /* between SIGTERM and SIGKILL when it is ended from outside; 0: SIGKILL at once */
	size_t output_limit; /* bytes kept of standard output and of standard error each; more is read and counted */
};

enum process_end {
	PROCESS_EXITED,   /* by itself; `code` is its exit status */
	PROCESS_SIGNALED, /* `code` is the signal */
	PROCESS_TIMEOUT,  /* the deadline came, its group was killed; `code` is 0 */
	PROCESS_KILLED,   /* by process_kill(); `code` is 0 */
};

struct process_result {
	enum process_end end;
	int code;
	struct buffer output, error;        /* what was kept, raw; buffer_check() tells when memory ran out meanwhile */
	uint64_t output_bytes, error_bytes; /* what was written */
	int64_t cpu_ns;                     /* of the child and the children that it waited for */
};

struct process;

/* `result` is borrowed and `failure` NULL, or the other way round. */
typedef void (*process_done_fn)(void *user, const struct process_result *result, const struct capsule_error *failure);

/** Start a child. `done` runs once from a later turn, when it has ended, SIGKILL was sent to what is left of its group, and its
 *  output is read. A grandchild that keeps the pipes open ends nobody's wait: reading stops with what is in them when the
 *  child has ended. When the child could not be made to run its program (no such file, no such folder ...), or its exit status
 *  was taken away, `result` is NULL and `failure` says why and what to do.
 *  *out is valid until `done` returns, at most until loop_free(), which ends what is left as process_abandon() does and reaps
 *  it; so an owner whose `user` goes away earlier abandons it.
 *  Errors at once: CAPSULE_ENOTFOUND (launcher), CAPSULE_EINVAL (a path that is not absolute, too many descriptors, one that
 *  is not open), CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status process_start(struct process **out, struct loop *loop, const struct process_spec *spec,
	process_done_fn done, void *user, struct capsule_error *err);

/** End it: SIGTERM to its group, SIGKILL after the grace time or when the child itself is gone; `done` comes then. Ignored
 *  when it is being ended already. */
void process_kill(struct process *process);

/** End it by SIGKILL at once (taken; NULL is fine). `done` will not be called; it is reaped from a later turn. */
void process_abandon(struct process *process);

/** Its process id, for messages. */
int process_pid(const struct process *process);

#endif
