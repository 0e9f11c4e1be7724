/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The first process of a sandbox. It starts the program with what must not hold bubblewrap (limits, the filter of system
 * calls) and what bubblewrap must not keep open (its streams), tells so, reaps what loses its parent, and ends as the
 * program does or when nobody waits any more; with it the kernel ends everything in the sandbox. The program can't reach
 * it: it is not dumpable, so nothing of it is open in /proc and it can't be traced; and signals from inside don't reach a
 * first process. */
#include "launch-filter.h"
#include "launch-words.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The file's bytes, which stay mapped. NULL: it is not one, or there is no memory. */
static char *map_env(size_t *len)
{
	struct stat info;
	char *bytes;

	if (fstat(INSIDE_ENV, &info) != 0)
		return NULL;
	*len = (size_t)info.st_size;
	if (*len > LAUNCH_ENV_MAX) {
		errno = E2BIG;
		return NULL;
	}
	bytes = *len == 0 ? "" : mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_PRIVATE, INSIDE_ENV, 0);
	return bytes == MAP_FAILED ? NULL : bytes;
}

static bool read_env(struct launch *launch)
{
	size_t len, count = 0;
	char *bytes = map_env(&len), **env;

	if (bytes == NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		count += bytes[i] == '\0';
	env = calloc(count + 1, sizeof *env);
	if (env == NULL)
		return false;
	for (size_t i = 0, at = 0; i < count; i++, at += strlen(bytes + at) + 1)
		env[i] = bytes + at;
	launch->env = env;
	return true;
}

/* Streams to 0, 1 and 2, the others from 3 on; behind them, closed on exec, the status socket and the image; nothing
 * else. */
static bool place_fds(struct launch *launch)
{
	int count = (int)launch->numbers[FDS], behind = INSIDE_FDS + count + 1, last = 3 + count;
	bool image = launch->given[IMAGE];
	int kept[2] = { fcntl(INSIDE_STATUS, F_DUPFD_CLOEXEC, behind),
		image ? fcntl(INSIDE_FDS + count, F_DUPFD_CLOEXEC, behind) : -1 };

	if (kept[0] < 0 || (image && kept[1] < 0))
		return false;
	launch->status_fd = kept[0];
	for (int i = 0; i < 3; i++)
		if (dup2(INSIDE_INPUT + i, i) < 0)
			return false;
	for (int i = 0; i < count; i++)
		if (dup2(INSIDE_FDS + i, 3 + i) < 0)
			return false;
	if (dup3(kept[0], last, O_CLOEXEC) < 0 || (image && dup3(kept[1], last + 1, O_CLOEXEC) < 0))
		return false;
	launch->status_fd = last;
	launch->image_fd = image ? last + 1 : -1;
	return syscall(SYS_close_range, (unsigned)last + (image ? 2 : 1), ~0U, 0U) == 0;
}

/* For this process and all that it starts; it can't be taken off. */
static bool put_filter_on(void)
{
	const struct sock_fprog program = {
		.len = sizeof launch_filter / sizeof launch_filter[0],
		.filter = (struct sock_filter *)(uintptr_t)launch_filter, /* only read */
	};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

_Noreturn static void be_program(struct launch *launch)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (!place_fds(launch))
		launch_fail(launch, LAUNCH_FDS, errno);
	launch_take_terminal();
	if (launch->cwd != NULL && chdir(launch->cwd) != 0)
		launch_fail(launch, LAUNCH_CWD, errno);
	(void)umask(S_IRWXG | S_IRWXO);
	if (!launch_set_limits(launch))
		launch_fail(launch, LAUNCH_LIMITS, errno);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		launch_fail(launch, LAUNCH_PRIVILEGES, errno);
	if (!put_filter_on())
		launch_fail(launch, LAUNCH_FILTER, errno);
	launch_run(launch);
}

/* The library gets a pidfd of this process and of the program, which mean these two for ever, whatever numbers they have
 * there and whoever gets those numbers later. */
static bool tell_started(pid_t program)
{
	struct launch_message message = { .step = LAUNCH_STARTED };
	struct iovec bytes = { .iov_base = &message, .iov_len = sizeof message };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { .room = { 0 } };
	struct msghdr envelope = {
		.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room
	};
	int fds[2] = { (int)syscall(SYS_pidfd_open, getpid(), 0U), (int)syscall(SYS_pidfd_open, program, 0U) };
	bool sent = false;

	if (fds[0] >= 0 && fds[1] >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof fds);
		memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
		sent = sendmsg(INSIDE_STATUS, &envelope, MSG_NOSIGNAL) == (ssize_t)sizeof message;
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	return sent;
}

/* Reap what has ended; end as the program did when it was among them. */
static void reap(pid_t program)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program)
			_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Whether nobody waits for it any more. The library never writes into the socket. */
static bool is_forsaken(int timeout_ms, int signals)
{
	struct pollfd ready[] = {
		{ .fd = INSIDE_STATUS, .events = POLLIN | POLLRDHUP },
		{ .fd = INSIDE_LIFE, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	if (poll(ready, 3, timeout_ms) < 0)
		return errno != EINTR;
	if (ready[2].revents != 0)
		(void)!read(signals, &info, sizeof info);
	return ready[0].revents != 0 || ready[1].revents != 0;
}

/* The descriptors that it needs stay; what the program's streams are is not held open here. */
static int keep_fds(const sigset_t *child)
{
	if (syscall(SYS_close_range, (unsigned)INSIDE_INPUT, (unsigned)INSIDE_ERROR, 0U) != 0 ||
		syscall(SYS_close_range, (unsigned)INSIDE_ENV, ~0U, 0U) != 0)
		return -1;
	return signalfd(-1, child, SFD_CLOEXEC | SFD_NONBLOCK);
}

void launch_inside(struct launch *launch)
{
	sigset_t child;
	pid_t program;
	int signals;

	launch->status_fd = INSIDE_STATUS;
	if (getpid() != 1) /* only then does everything end with it */
		launch_fail(launch, LAUNCH_PARENT, ESRCH);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		launch_fail(launch, LAUNCH_PARENT, errno);
	if (!read_env(launch))
		launch_fail(launch, LAUNCH_INSIDE, errno);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &child, NULL);
	if (is_forsaken(0, -1))
		_exit(LAUNCH_EXIT);
	program = fork();
	if (program == 0)
		be_program(launch);
	if (program < 0)
		launch_fail(launch, LAUNCH_INSIDE, errno);
	signals = keep_fds(&child);
	if (signals < 0)
		launch_fail(launch, LAUNCH_FDS, errno);
	if (!tell_started(program))
		_exit(LAUNCH_EXIT);
	do
		reap(program);
	while (!is_forsaken(-1, signals));
	_exit(LAUNCH_EXIT);
}
