/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/pidfd.h"

#include "base/cleanup.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define SIGNAL_PROCESS_GROUP 4U /* PIDFD_SIGNAL_PROCESS_GROUP, which older headers don't have */

int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0U);
}

void pidfd_signal(int pidfd, int signal)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0U);
}

/* Its number here; 0 when it has none any more. */
static pid_t number_of(int pidfd)
{
	char path[64], line[128];
	FILE *file;
	pid_t pid = 0;

	(void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "Pid:", 4) == 0)
			pid = (pid_t)strtol(line + 4, NULL, 10);
	(void)fclose(file);
	return pid;
}

void pidfd_signal_group(int pidfd, int signal)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	pid_t pid;

	if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, SIGNAL_PROCESS_GROUP) == 0 || errno != EINVAL)
		return;
	pid = number_of(pidfd);
	if (pid > 1 && poll(&ended, 1, 0) == 0)
		(void)kill(-pid, signal);
}
