/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Child processes: the one way in which anything of this program starts one. A child is started by posix_spawn of
 * capsule-launch (libexec/), which sets up what must hold before the program itself runs and then becomes it. It has
 * a session and a process group of its own, default signal handlers, umask 077, no core files, and gains no
 * privileges. It is watched by a pidfd, reads from a descriptor of the caller or nothing, writes into bounded
 * buffers or descriptors of the caller, and has a deadline. When it ends, what is left of its group is killed; it is
 * killed itself when the thread that started it ends, however that comes.
 *
 * With a `sandbox` the program runs behind bubblewrap, in namespaces of its own (sandbox.h): then everything that it
 * ever started ends with it and before `done`, also when this program is killed; the thread that started it does not
 * matter. The program leads a session and a group of its own in there. Without one, what leaves the group by a session of
 * its own is out of reach, and so is a grandchild when this program is killed. SIGCHLD is not touched, and only
 * children of ours are waited for; but a program that ignores SIGCHLD, or waits for any child, takes the exit status
 * away from us, which is a failure of the child then. All functions: loop thread. */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include "base/buffer.h"
#include "loop/loop.h"

#define PROCESS_FDS_MAX 8

struct program_image;
struct sandbox_plan;

/* Limits of the child, set by setrlimit() before it runs and inherited by its children. 0: as the runtime has it, which is
 * also the most that each can be. */
struct process_limits {
	uint64_t cpu_ms; /* rounded up to seconds; the kernel ends it by SIGXCPU there, by SIGKILL a second later */
	uint64_t memory_bytes; /* address space */
	uint64_t file_bytes;   /* largest file that it may write; SIGXFSZ beyond */
	uint64_t open_files;
	uint64_t processes; /* threads included; counted for each sandbox, and not set without one */
};

/* What becomes of what it writes. */
enum process_keep {
	PROCESS_FIRST, /* the first `limit` bytes are kept; more is read and counted */
	PROCESS_LAST,  /* the last `limit` bytes are kept, older ones are counted */
	PROCESS_GIVEN, /* it gets the descriptor `fd` (borrowed for the start); nothing is read here */
};

struct process_stream {
	enum process_keep keep;
	size_t limit;
	int fd;
	/* Called with what was read, whatever is kept; `user` is that of process_start(). May be NULL. Must not start or end
	 * anything. */
	void (*heard)(void *user, struct span bytes);
};

/* What to run. Everything is borrowed for the call of process_start() only. */
struct process_spec {
	const char *launcher;    /* absolute path of capsule-launch */
	const char *const *argv; /* NULL-ended; argv[0] is the absolute path of the program */
	const struct program_image
		*image; /* what is executed, as it was opened and verified; NULL: whatever argv[0] is then */
	const struct sandbox_plan *sandbox; /* NULL: none */
	const char *const *env;             /* NULL-ended "NAME=value"; NULL: an empty environment */
	const char *cwd;                    /* absolute; NULL: "/" */
	int input;                          /* descriptor that becomes its standard input; -1: /dev/null. A terminal
					     * that is no session's becomes that of the child's */
	const int *fds;  /* become its descriptors 3, 4, ... in this order; every other one is closed */
	size_t fd_count; /* at most PROCESS_FDS_MAX */
	struct process_limits limits;
	uint64_t wall_ms;  /* deadline; 0: none */
	uint64_t grace_ms; /* between SIGTERM and SIGKILL when it is ended from outside; 0: SIGKILL at once */
	struct process_stream output, error;
};

enum process_end {
	PROCESS_EXITED,   /* by itself; `code` is its exit status; in a sandbox also 128 and the signal that ended it */
	PROCESS_SIGNALED, /* `code` is the signal */
	PROCESS_TIMEOUT,  /* the deadline came, its group was killed; `code` is 0 */
	PROCESS_KILLED,   /* by process_kill() or process_end(); `code` is 0 */
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

/** Start a child. `done` runs once from a later turn, when it has ended, SIGKILL was sent to what is left of its
 *  group, and its output is read. A grandchild that keeps the pipes open ends nobody's wait: reading stops with what
 *  is in them when the child has ended. When the child could not be made to run its program (no such file, no such
 *  folder ...), or its exit status was taken away, `result` is NULL and `failure` says why and what to do. *out is
 *  valid until `done` returns, at most until loop_free(), which ends what is left as process_abandon() does and reaps
 *  it; so an owner whose `user` goes away earlier abandons it. Errors at once: CAPSULE_ENOTFOUND (launcher),
 *  CAPSULE_EINVAL (a path that is not absolute, too many descriptors, one that is not open), CAPSULE_EIO,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status process_start(struct process **out, struct loop *loop, const struct process_spec *spec,
	process_done_fn done, void *user, struct capsule_error *err);

/** End it: SIGTERM to its group, SIGKILL after the grace time or when the child itself is gone; `done` comes then. Ignored
 *  when it is being ended already. In a sandbox the polite signal goes to the program and its group, not to what holds the
 *  sandbox, and SIGKILL ends everything in it. */
void process_kill(struct process *process);

/** The same with another polite signal and grace time (0: SIGKILL at once). One that is being ended already gets the shorter
 *  of its times. */
void process_end(struct process *process, int signal, uint64_t grace_ms);

/** Move what is kept of its output (or of its error) now to `out`, behind what is there, and forget it here: for those that
 *  read while it runs. *lost, which may be NULL, is how many bytes were dropped since the last time. Returns as
 *  buffer_append() does. */
bool process_take_output(struct process *process, bool error, struct buffer *out, uint64_t *lost);

/** End it by SIGKILL at once (taken; NULL is fine). `done` will not be called; it is reaped from a later turn. */
void process_abandon(struct process *process);

/** Its process id, for messages. */
int process_pid(const struct process *process);

#endif
