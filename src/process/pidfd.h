/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Processes by descriptor: it means one process for ever, also when its number has become another's. Threads: any. */
#ifndef PROCESS_PIDFD_H
#define PROCESS_PIDFD_H

#include <sys/types.h>

/** Returns the descriptor, close-on-exec, or -1 with errno. */
int pidfd_of(pid_t pid);

/** Signal the process, or the group whose first process it is (or was). Linux before 6.9 can do the latter by number only;
 *  there nothing is sent when the process is gone, since the number may be another's. */
void pidfd_signal(int pidfd, int signal);
void pidfd_signal_group(int pidfd, int signal);

#endif
