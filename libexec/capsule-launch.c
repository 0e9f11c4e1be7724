/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Becomes another program after having set up what must hold for it: it dies with its parent, gains no privileges, is within
 * its limits, and has the descriptors and the folder that it was given and no others. A session of its own, default signal
 * handlers and an empty signal mask it has from posix_spawn. The words are described in process/launch.h.
 *
 * Linked statically, so that no variable of the program's environment (LD_PRELOAD) takes effect before all that does. */
#include "launch-words.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *const number_names[NUMBERS] = {
	[PARENT] = "--parent",
	[FDS] = "--fds",
	[CPU] = "--cpu",
	[MEMORY] = "--memory",
	[FILE_SIZE] = "--file",
	[FILES] = "--files",
	[PROCESSES] = "--processes",
	[IMAGE] = "--image",
	[SCRIPT] = "--script",
	[INSIDE] = "--inside",
};

void launch_fail(const struct launch *launch, enum launch_step step, int os_errno)
{
	const struct launch_message message = { .step = (int32_t)step, .os_errno = os_errno };

	if (write(launch->status_fd, &message, sizeof message) != (ssize_t)sizeof message)
		(void)dprintf(STDERR_FILENO, "capsule-launch: step %d: %s; it is started by libcapsule, not by hand\n",
			(int)step, strerror(os_errno));
	_exit(LAUNCH_EXIT);
}

/* Digits and nothing else. */
static bool parse_number(const char *text, unsigned long long *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool parse_option(struct launch *launch, const char *name, const char *value)
{
	if (strcmp(name, "--cwd") == 0) {
		launch->cwd = value;
		return true;
	}
	for (int i = 0; i < NUMBERS; i++)
		if (strcmp(name, number_names[i]) == 0) {
			launch->given[i] = true;
			return parse_number(value, &launch->numbers[i]);
		}
	return false;
}

static bool parse_words(struct launch *launch, int argc, char *const *argv)
{
	int i = 1;

	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2)
		if (!parse_option(launch, argv[i], argv[i + 1]))
			return false;
	launch->argv = argv + i + 1;
	return i + 1 < argc && launch->argv[0][0] == '/' && launch->given[FDS] && launch->numbers[FDS] <= FDS_MAX &&
		launch->given[PARENT] + launch->given[INSIDE] == 1 && (launch->cwd != NULL || launch->given[INSIDE]);
}

/* It may be gone already, and then nobody sends the signal. */
static void die_with_parent(const struct launch *launch)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		launch_fail(launch, LAUNCH_PARENT, errno);
	if ((unsigned long long)getppid() != launch->numbers[PARENT])
		launch_fail(launch, LAUNCH_PARENT, ESRCH);
}

/* The status socket at 3 makes room for the program's descriptors, which move down by one; it ends up behind them, and the
 * image behind it. */
static bool move_fds(struct launch *launch)
{
	int count = (int)launch->numbers[FDS], last = LAUNCH_STATUS_FD + count;
	bool image = launch->given[IMAGE];
	int aside = fcntl(LAUNCH_STATUS_FD, F_DUPFD_CLOEXEC, last + 2);

	if (aside < 0)
		return false;
	launch->status_fd = aside;
	for (int fd = LAUNCH_STATUS_FD; fd < last; fd++)
		if (dup2(fd + 1, fd) < 0)
			return false;
	if (image && fcntl(last + 1, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	if (dup3(aside, last, O_CLOEXEC) < 0)
		return false;
	launch->status_fd = last;
	launch->image_fd = image ? last + 1 : -1;
	return syscall(SYS_close_range, (unsigned)last + (image ? 2 : 1), ~0U, 0U) == 0;
}

/* Lower a limit; one that is lower already stays. `slack` is what the hard one has above the soft one. */
static bool lower_limit(int resource, rlim_t value, rlim_t slack)
{
	struct rlimit limit;
	rlim_t hard;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return false;
	if (__builtin_add_overflow(value, slack, &hard))
		hard = RLIM_INFINITY;
	if (hard < limit.rlim_max)
		limit.rlim_max = hard;
	if (value < limit.rlim_cur)
		limit.rlim_cur = value;
	return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

/* Whether the kernel counts processes for each user namespace, as it does from 5.14 on. Before, it counts all of the
 * user's, on the whole machine, and a limit would refuse a program its first process because of others. */
static bool counts_by_namespace(void)
{
	struct utsname name;
	unsigned long major, minor;
	char *end;

	if (uname(&name) != 0)
		return false;
	major = strtoul(name.release, &end, 10);
	if (end == name.release || *end != '.')
		return false;
	minor = strtoul(end + 1, NULL, 10);
	return major > 5 || (major == 5 && minor >= 14);
}

bool launch_set_limits(const struct launch *launch)
{
	static const struct {
		enum number number;
		int resource;
		rlim_t slack;
	} limits[] = {
		{ CPU, RLIMIT_CPU, 1 }, /* a second between SIGXCPU and SIGKILL */
		{ MEMORY, RLIMIT_AS, 0 },
		{ FILE_SIZE, RLIMIT_FSIZE, 0 },
		{ FILES, RLIMIT_NOFILE, 0 },
	};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
		if (launch->given[limits[i].number] &&
			!lower_limit(limits[i].resource, launch->numbers[limits[i].number], limits[i].slack))
			return false;
	/* One more, for the first process of the sandbox. The kernel holds nobody to it who is the machine's root. */
	if (launch->given[PROCESSES] && launch->given[INSIDE] && counts_by_namespace() &&
		!lower_limit(RLIMIT_NPROC, launch->numbers[PROCESSES] + 1, 0))
		return false;
	return lower_limit(RLIMIT_CORE, 0, 0);
}

void launch_take_terminal(void)
{
	if (isatty(STDIN_FILENO))
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
}

static bool is_same_file(int fd, int other)
{
	struct stat opened, found;

	return fstat(fd, &opened) == 0 && fstat(other, &found) == 0 && opened.st_dev == found.st_dev &&
		opened.st_ino == found.st_ino;
}

/* What is at the program's path, which must be what was opened and verified. In a sandbox it is executed as it is shown
 * there: the descriptor from outside would leave the program a way, /proc/self/exe, to a file that it may write. */
static void find_again(struct launch *launch)
{
	int found = open(launch->argv[0], O_PATH | O_CLOEXEC);

	if (found < 0)
		launch_fail(launch, LAUNCH_RUN, errno);
	if (!is_same_file(launch->image_fd, found))
		launch_fail(launch, LAUNCH_CHANGED, ESTALE);
	launch->image_fd = found;
}

/* A script is executed by its path, since its interpreter looks there for what it imports. */
void launch_run(struct launch *launch)
{
	if (launch->image_fd >= 0 && (launch->given[SCRIPT] || launch->given[INSIDE]))
		find_again(launch);
	if (launch->given[SCRIPT] || launch->image_fd < 0)
		(void)execve(launch->argv[0], launch->argv, launch->env);
	else
		(void)syscall(SYS_execveat, launch->image_fd, "", launch->argv, launch->env, AT_EMPTY_PATH);
	launch_fail(launch, LAUNCH_RUN, errno);
}

int main(int argc, char **argv)
{
	struct launch launch = { .status_fd = LAUNCH_STATUS_FD, .image_fd = -1, .env = environ };

	if (!parse_words(&launch, argc, argv))
		launch_fail(&launch, LAUNCH_OPTIONS, EINVAL);
	if (launch.given[INSIDE])
		launch_inside(&launch);
	die_with_parent(&launch);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		launch_fail(&launch, LAUNCH_PRIVILEGES, errno);
	if (!move_fds(&launch))
		launch_fail(&launch, LAUNCH_FDS, errno);
	if (chdir(launch.cwd) != 0)
		launch_fail(&launch, LAUNCH_CWD, errno);
	(void)umask(S_IRWXG | S_IRWXO);
	if (launch.given[PARENT])
		launch_take_terminal();
	if (!launch_set_limits(&launch))
		launch_fail(&launch, LAUNCH_LIMITS, errno);
	launch_run(&launch);
}
