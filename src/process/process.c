/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a child. It is a zombie of ours until end_seen() reaps it, so its id, which is also its group's, can't mean
 * anything else before; that is why its group is killed first and then it is reaped. */
#include "process/process.h"

#include "base/cleanup.h"
#include "base/span.h"
#include "base/text.h"
#include "loop/watch.h"
#include "process/capture.h"
#include "process/spawn.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* How long loop_free() waits for a killed child; only one that hangs inside the kernel takes longer than a moment. */
#define REAP_MS 5000

#define SIGNAL_PROCESS_GROUP 4U /* PIDFD_SIGNAL_PROCESS_GROUP, which older headers don't have */

struct process {
	struct loop *loop;
	struct loop_closer closer;
	pid_t pid;
	int pidfd;
	struct watch *end_watch;
	int status_fd; /* where the launcher tells its failure */
	struct capture output, error;
	struct timer timer;   /* the deadline, then the end of the grace time */
	enum process_end end; /* PROCESS_EXITED until it is ended from outside */
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
	fd_drop(&process->status_fd);
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
	else /* its number may be another's by now; Linux 6.9 and newer can tell the group all the same */
		(void)syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, SIGNAL_PROCESS_GROUP);
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

/* What the launcher told, or that the exit status is lost; CAPSULE_OK when there is a result. */
static enum capsule_status failure_of(
	const struct process *process, const struct ending *ending, struct capsule_error *failure)
{
	struct launch_failure told;

	if (read(process->status_fd, &told, sizeof told) == (ssize_t)sizeof told)
		return spawn_explain(failure, process->program, process->cwd, &told);
	if (!ending->known && process->end == PROCESS_EXITED)
		return exit_lost(process, failure);
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

	signal_group(process, SIGKILL);
	while (poll(&ended, 1, REAP_MS) < 0 && errno == EINTR)
		continue;
	(void)reap(process);
}

static void grace_over(struct timer *timer)
{
	signal_group(LIST_ENTRY(timer, struct process, timer), SIGKILL);
}

static void end_it(struct process *process, enum process_end end)
{
	if (process->end != PROCESS_EXITED)
		return;
	process->end = end;
	loop_timer_disarm(process->loop, &process->timer);
	process->timer.fire = grace_over;
	if (process->grace_ms == 0 ||
		!loop_timer_arm(process->loop, &process->timer, loop_due_after(process->loop, process->grace_ms)))
		signal_group(process, SIGKILL);
	else
		signal_group(process, SIGTERM);
}

static void deadline_missed(struct timer *timer)
{
	end_it(LIST_ENTRY(timer, struct process, timer), PROCESS_TIMEOUT);
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
	process->pidfd = process->status_fd = process->output.fd = process->error.fd = -1;
	process->grace_ms = spec->grace_ms;
	process->done = done;
	process->user = user;
	process->program = text_copy(span_text(spec->argv[0]));
	process->cwd = text_copy(span_text(spec->cwd == NULL ? "/" : spec->cwd));
	if (process->program == NULL || process->cwd == NULL)
		return NULL;
	if (spec->wall_ms != 0 && !loop_timer_arm(loop, &process->timer, loop_due_after(loop, spec->wall_ms)))
		return NULL;
	return GIVE(process);
}

/* Look at the end of the child that was just started. */
static enum capsule_status watch_end(struct process *process, struct capsule_error *err)
{
	process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0U);
	if (process->pidfd < 0 && errno == ESRCH)
		return exit_lost(process, err);
	if (process->pidfd < 0)
		return error_os(err, errno, "watch child %d", process->pid);
	return watch_start(&process->end_watch, process->loop, process->pidfd, end_seen, process, err);
}

static enum capsule_status run(struct process *process, const struct process_spec *spec, struct capsule_error *err)
{
	HOLD(fd_drop) int output = -1;
	HOLD(fd_drop) int error = -1;
	HOLD(fd_drop) int told = -1;
	int ends[2];
	enum capsule_status status;

	status = capture_start(&process->output, process->loop, spec->output.limit, &output, err);
	if (status == CAPSULE_OK)
		status = capture_start(&process->error, process->loop, spec->error.limit, &error, err);
	if (status != CAPSULE_OK)
		return status;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return error_os(err, errno, "make a pipe for the launcher of a child");
	process->status_fd = ends[0];
	told = ends[1];
	status = spawn_launcher(
		&process->pid, spec, &(struct spawn_ends){ .output = output, .error = error, .status = told }, err);
	if (status != CAPSULE_OK)
		return status;
	status = watch_end(process, err);
	if (status != CAPSULE_OK) {
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
	end_it(process, PROCESS_KILLED);
}

void process_abandon(struct process *process)
{
	if (process == NULL)
		return;
	process->done = NULL;
	loop_timer_disarm(process->loop, &process->timer);
	capture_fini(&process->output);
	capture_fini(&process->error);
	signal_group(process, SIGKILL);
}

int process_pid(const struct process *process)
{
	return process->pid;
}
