/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Becomes another program after having set up what must hold for it: it dies with its parent, gains no privileges, is within
 * its limits, and has the descriptors and the folder that it was given and no others. A session of its own, default signal
 * handlers and an empty signal mask it has from posix_spawn. The words are described in process/launch.h.
 *
 * Linked statically, so that no variable of the program's environment (LD_PRELOAD) takes effect before all that does. */
#include "process/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBERS 6
#define FDS_MAX 256 /* far above what the library passes */

static const char *const number_names[NUMBERS] = { "--parent", "--fds", "--cpu", "--memory", "--file", "--files" };

enum number { PARENT, FDS, CPU, MEMORY, FILE_SIZE, FILES };

struct launch {
	unsigned long long numbers[NUMBERS];
	bool given[NUMBERS];
	const char *cwd;
	char *const *argv;
	int status_fd;
};

/* Tell the parent, or who started this by hand, and end. */
_Noreturn static void fail(const struct launch *launch, enum launch_step step, int os_errno)
{
	const struct launch_failure failure = { .step = (int32_t)step, .os_errno = os_errno };

	if (write(launch->status_fd, &failure, sizeof failure) != (ssize_t)sizeof failure)
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
	return i + 1 < argc && launch->argv[0][0] == '/' && launch->given[PARENT] && launch->given[FDS] &&
		launch->numbers[FDS] <= FDS_MAX && launch->cwd != NULL;
}

/* It may be gone already, and then nobody sends the signal. */
static void die_with_parent(const struct launch *launch)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		fail(launch, LAUNCH_PARENT, errno);
	if ((unsigned long long)getppid() != launch->numbers[PARENT])
		fail(launch, LAUNCH_PARENT, ESRCH);
}

/* The status pipe at 3 makes room for the program's descriptors, which move down by one; it ends up behind them. */
static bool move_fds(struct launch *launch)
{
	int count = (int)launch->numbers[FDS], last = LAUNCH_STATUS_FD + count;
	int aside = fcntl(LAUNCH_STATUS_FD, F_DUPFD_CLOEXEC, last + 1);

	if (aside < 0)
		return false;
	launch->status_fd = aside;
	for (int fd = LAUNCH_STATUS_FD; fd < last; fd++)
		if (dup2(fd + 1, fd) < 0)
			return false;
	if (dup3(aside, last, O_CLOEXEC) < 0)
		return false;
	launch->status_fd = last;
	return syscall(SYS_close_range, (unsigned)last + 1, ~0U, 0U) == 0;
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

static bool set_limits(const struct launch *launch)
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
	return lower_limit(RLIMIT_CORE, 0, 0);
}

int main(int argc, char **argv)
{
	struct launch launch = { .status_fd = LAUNCH_STATUS_FD };

	if (!parse_words(&launch, argc, argv))
		fail(&launch, LAUNCH_OPTIONS, EINVAL);
	die_with_parent(&launch);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail(&launch, LAUNCH_PRIVILEGES, errno);
	if (!move_fds(&launch))
		fail(&launch, LAUNCH_FDS, errno);
	if (chdir(launch.cwd) != 0)
		fail(&launch, LAUNCH_CWD, errno);
	(void)umask(S_IRWXG | S_IRWXO);
	if (!set_limits(&launch))
		fail(&launch, LAUNCH_LIMITS, errno);
	(void)execve(launch.argv[0], launch.argv, environ);
	fail(&launch, LAUNCH_RUN, errno);
}
