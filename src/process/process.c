/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a child. It is a zombie of ours until end_seen() reaps it, so its id, which is also its group's, can't mean
 * anything else before; that is why its group is killed first and then it is reaped. Of a sandboxed child that is
 * bubblewrap, which ends when the first process of the sandbox has, and that when everything in it has; it is told
 * through the lifeline to end. */
#include "process/process.h"

#include "base/cleanup.h"
#include "base/span.h"
#include "base/text.h"
#include "loop/watch.h"
#include "process/capture.h"
#include "process/lifeline.h"
#include "process/pidfd.h"
#include "process/sandbox.h"
#include "process/spawn.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* How long loop_free() waits for a killed child; only one that hangs inside the kernel takes longer than a moment. */
#define REAP_MS 5000

/* How long a sandbox that was told to end may take before bubblewrap is killed too. In the middle of its work it is not: its
 * child would wait for it for ever. */
#define CUT_MS 2000

#define SAID_MAX 4096 /* of what bubblewrap writes */

struct process {
	struct loop *loop;
	struct loop_closer closer;
	pid_t pid;
	int pidfd;
	struct watch *end_watch;
	struct lifeline line;
	int said_fd; /* what bubblewrap writes; -1 without a sandbox */
	struct capture output, error;
	struct timer timer;   /* the deadline, then the end of the grace time, then of the patience with a sandbox */
	enum process_end end; /* PROCESS_EXITED until it is ended from outside */
	bool killed;          /* it was sent SIGKILL */
	uint64_t grace_ms;
	char *program, *cwd;  /* for messages */
	process_done_fn done; /* NULL: abandoned */
	void *user;
};

/* How it ended, from wait4(). */
struct ending {
	bool known;
	int status;
	struct rusage usage;
};

static void process_free(struct process *process)
{
	loop_closer_remove(&process->closer);
	loop_timer_disarm(process->loop, &process->timer);
	watch_stop(process->end_watch);
	fd_drop(&process->pidfd);
	lifeline_fini(&process->line);
	fd_drop(&process->said_fd);
	capture_fini(&process->output);
	capture_fini(&process->error);
	free(process->program);
	free(process->cwd);
	free(process);
}

DEFINE_DROP(process_drop, struct process *, process_free)

enum standing { RUNNING, ENDED, LOST };

/* Without reaping it. LOST: somebody else has. */
static enum standing standing_of(const struct process *process)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return LOST;
	return info.si_pid == 0 ? RUNNING : ENDED;
}

static void signal_group(const struct process *process, int signal)
{
	assert(process->pid > 1);
	if (standing_of(process) != LOST)
		(void)kill(-process->pid, signal);
	else /* its number may be another's by now */
		pidfd_signal_group(process->pidfd, signal);
}

static bool is_sandboxed(const struct process *process)
{
	return process->said_fd >= 0;
}

static void patience_over(struct timer *timer)
{
	signal_group(LIST_ENTRY(timer, struct process, timer), SIGKILL);
}

static void kill_now(struct process *process)
{
	process->killed = true;
	loop_timer_disarm(process->loop, &process->timer);
	if (!is_sandboxed(process)) {
		signal_group(process, SIGKILL);
		return;
	}
	lifeline_cut(&process->line);
	process->timer.fire = patience_over;
	if (!loop_timer_arm(process->loop, &process->timer, loop_due_after(process->loop, CUT_MS)))
		signal_group(process, SIGKILL);
}

static void signal_politely(struct process *process, int signal)
{
	if (!is_sandboxed(process))
		signal_group(process, signal);
	else if (!lifeline_signal(&process->line, signal))
		kill_now(process); /* there is no program yet that could be polite */
}

static struct ending reap(const struct process *process)
{
	struct ending ending = { .known = false };

	signal_group(process, SIGKILL);
	ending.known = wait4(process->pid, &ending.status, WNOHANG, &ending.usage) == process->pid;
	return ending;
}

static int64_t ns_of(struct timeval time)
{
	return time.tv_sec * NS_PER_S + time.tv_usec * NS_PER_US;
}

static struct process_result result_of(const struct process *process, const struct ending *ending)
{
	struct process_result result = {
		.end = process->end,
		.output = process->output.kept,
		.error = process->error.kept,
		.output_bytes = process->output.total,
		.error_bytes = process->error.total,
		.cpu_ns = ns_of(ending->usage.ru_utime) + ns_of(ending->usage.ru_stime),
	};

	if (result.end == PROCESS_EXITED && WIFSIGNALED(ending->status)) {
		result.end = PROCESS_SIGNALED;
		result.code = WTERMSIG(ending->status);
	} else if (result.end == PROCESS_EXITED) {
		result.code = WEXITSTATUS(ending->status);
	}
	return result;
}

static enum capsule_status exit_lost(const struct process *process, struct capsule_error *err)
{
	return error_set(err, CAPSULE_ESTATE,
		"run %s: its exit status is lost: this process ignores SIGCHLD or waits for any child; it must do neither",
		process->program);
}

/* Why there is no sandbox, from what bubblewrap wrote. */
static enum capsule_status sandbox_failed(const struct process *process, struct capsule_error *failure)
{
	char said[SAID_MAX];
	ssize_t len = read(process->said_fd, said, sizeof said);

	return sandbox_explain(span_of(said, len > 0 ? (size_t)len : 0), failure);
}

/* What the launcher told, that there is no sandbox, or that the exit status is lost; CAPSULE_OK when there is a result. */
static enum capsule_status failure_of(
	struct process *process, const struct ending *ending, struct capsule_error *failure)
{
	lifeline_hear(&process->line);
	if (process->line.failed)
		return spawn_explain(failure, process->program, process->cwd, &process->line.failure);
	if (process->end != PROCESS_EXITED)
		return CAPSULE_OK;
	if (!ending->known)
		return exit_lost(process, failure);
	if (is_sandboxed(process) && !lifeline_is_started(&process->line))
		return sandbox_failed(process, failure);
	return CAPSULE_OK;
}

static void deliver(struct process *process, const struct ending *ending)
{
	struct capsule_error failure = { .status = CAPSULE_OK };
	struct process_result result;

	capture_finish(&process->output);
	capture_finish(&process->error);
	if (failure_of(process, ending, &failure) != CAPSULE_OK) {
		process->done(process->user, NULL, &failure);
		return;
	}
	result = result_of(process, ending);
	process->done(process->user, &result, NULL);
}

static void end_seen(void *user)
{
	HOLD(process_drop) struct process *process = NULL;
	struct ending ending;

	if (standing_of(user) == RUNNING)
		return;
	process = user;
	loop_closer_remove(&process->closer);
	loop_timer_disarm(process->loop, &process->timer);
	ending = reap(process);
	if (process->done != NULL)
		deliver(process, &ending);
}

/* The owner forgot it, or could not do better than abandon it a moment ago. */
static void end_with_loop(struct loop_closer *closer)
{
	HOLD(process_drop) struct process *process = LIST_ENTRY(closer, struct process, closer);
	struct pollfd ended = { .fd = process->pidfd, .events = POLLIN };

	kill_now(process);
	while (poll(&ended, 1, REAP_MS) < 0 && errno == EINTR)
		continue;
	(void)reap(process);
}

static void grace_over(struct timer *timer)
{
	kill_now(LIST_ENTRY(timer, struct process, timer));
}

/* Give it `grace_ms` from now on, unless it has less. */
static void give_grace(struct process *process, uint64_t grace_ms)
{
	int64_t due = loop_due_after(process->loop, grace_ms);

	if (process->timer.index != 0 && process->timer.due_ns <= due)
		return;
	loop_timer_disarm(process->loop, &process->timer);
	if (grace_ms == 0 || !loop_timer_arm(process->loop, &process->timer, due))
		kill_now(process);
}

static void end_it(struct process *process, enum process_end end, int signal, uint64_t grace_ms)
{
	process->end = end;
	loop_timer_disarm(process->loop, &process->timer);
	process->timer.fire = grace_over;
	give_grace(process, grace_ms);
	if (!process->killed)
		signal_politely(process, signal);
}

static void deadline_missed(struct timer *timer)
{
	struct process *process = LIST_ENTRY(timer, struct process, timer);

	end_it(process, PROCESS_TIMEOUT, SIGTERM, process->grace_ms);
}

static const char *cwd_of(const struct process_spec *spec)
{
	if (spec->cwd != NULL)
		return spec->cwd;
	return spec->sandbox != NULL && spec->sandbox->cwd != NULL ? spec->sandbox->cwd : "/";
}

/* With its deadline running. NULL when out of memory. */
static struct process *process_new(struct loop *loop, const struct process_spec *spec, process_done_fn done, void *user)
{
	HOLD(process_drop) struct process *process = calloc(1, sizeof *process);

	if (process == NULL)
		return NULL;
	process->loop = loop;
	list_init(&process->closer.link);
	process->closer.close = end_with_loop;
	process->timer.fire = deadline_missed;
	process->pidfd = process->said_fd = process->output.fd = process->error.fd = -1;
	process->line = (struct lifeline){ .fd = -1, .init_fd = -1, .program_fd = -1 };
	process->grace_ms = spec->grace_ms;
	process->done = done;
	process->user = user;
	process->program = text_copy(span_text(spec->argv[0]));
	process->cwd = text_copy(span_text(cwd_of(spec)));
	if (process->program == NULL || process->cwd == NULL)
		return NULL;
	if (spec->wall_ms != 0 && !loop_timer_arm(loop, &process->timer, loop_due_after(loop, spec->wall_ms)))
		return NULL;
	return GIVE(process);
}

/* Look at the end of the child that was just started. */
static enum capsule_status watch_end(struct process *process, struct capsule_error *err)
{
	process->pidfd = pidfd_of(process->pid);
	if (process->pidfd < 0 && errno == ESRCH)
		return exit_lost(process, err);
	if (process->pidfd < 0)
		return error_os(err, errno, "watch child %d", process->pid);
	return watch_start(&process->end_watch, process->loop, process->pidfd, end_seen, process, err);
}

/* Our ends are in the process, those of the child in `ends`, whose fields are empty holders. */
static enum capsule_status make_ends(
	struct process *process, const struct process_spec *spec, struct spawn_ends *ends, struct capsule_error *err)
{
	int pipe_ends[2], os_errno;
	enum capsule_status status = capture_start(
		&process->output, process->loop, &spec->output, process->user, &ends->output, err);

	if (status == CAPSULE_OK)
		status = capture_start(&process->error, process->loop, &spec->error, process->user, &ends->error, err);
	if (status != CAPSULE_OK)
		return status;
	os_errno = lifeline_open(&process->line, &ends->status);
	if (os_errno != 0)
		return error_os(err, os_errno, "make a socket for the launcher of a child");
	if (spec->sandbox == NULL)
		return CAPSULE_OK;
	if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return error_os(err, errno, "make a pipe for the sandbox of a child");
	process->said_fd = pipe_ends[0];
	ends->maker = pipe_ends[1];
	return CAPSULE_OK;
}

static void ends_drop(struct spawn_ends *ends)
{
	fd_drop(&ends->output);
	fd_drop(&ends->error);
	fd_drop(&ends->status);
	fd_drop(&ends->maker);
}

static enum capsule_status run(struct process *process, const struct process_spec *spec, struct capsule_error *err)
{
	HOLD(ends_drop) struct spawn_ends own = { -1, -1, -1, -1 };
	enum capsule_status status = make_ends(process, spec, &own, err);
	struct spawn_ends ends = own;

	if (spec->output.keep == PROCESS_GIVEN)
		ends.output = spec->output.fd;
	if (spec->error.keep == PROCESS_GIVEN)
		ends.error = spec->error.fd;
	if (status == CAPSULE_OK)
		status = spawn_launcher(&process->pid, spec, &ends, err);
	if (status != CAPSULE_OK)
		return status;
	status = watch_end(process, err);
	if (status != CAPSULE_OK) {
		kill_now(process);
		signal_group(process, SIGKILL);
		(void)waitpid(process->pid, NULL, 0); /* killed, it takes a moment */
	}
	return status;
}

enum capsule_status process_start(struct process **out, struct loop *loop, const struct process_spec *spec,
	process_done_fn done, void *user, struct capsule_error *err)
{
	HOLD(process_drop) struct process *process = NULL;
	enum capsule_status status;

	if (spec->argv[0] == NULL)
		return error_set(err, CAPSULE_EINVAL, "start a child: no program is named");
	process = process_new(loop, spec, done, user);
	if (process == NULL)
		return error_set(err, CAPSULE_ENOMEM, "run %s: out of memory", spec->argv[0]);
	status = run(process, spec, err);
	if (status != CAPSULE_OK)
		return status;
	loop_closer_add(loop, &process->closer);
	*out = GIVE(process);
	return CAPSULE_OK;
}

void process_kill(struct process *process)
{
	if (process->end == PROCESS_EXITED)
		end_it(process, PROCESS_KILLED, SIGTERM, process->grace_ms);
}

void process_end(struct process *process, int signal, uint64_t grace_ms)
{
	if (process->end == PROCESS_EXITED)
		end_it(process, PROCESS_KILLED, signal, grace_ms);
	else if (!process->killed)
		give_grace(process, grace_ms);
}

bool process_take_output(struct process *process, bool error, struct buffer *out, uint64_t *lost)
{
	return capture_take(error ? &process->error : &process->output, out, lost);
}

void process_abandon(struct process *process)
{
	if (process == NULL)
		return;
	process->done = NULL;
	capture_fini(&process->output);
	capture_fini(&process->error);
	kill_now(process);
}

int process_pid(const struct process *process)
{
	return process->pid;
}
