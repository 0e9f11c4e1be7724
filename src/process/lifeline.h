/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The socket between the library and what starts a child's program. The launcher tells failures through it, and in a sandbox
 * that the program was started, with descriptors that mean the sandbox's first process and the program; and the first
 * process of a sandbox lives only as long as the library holds its end. Loop thread. */
#ifndef PROCESS_LIFELINE_H
#define PROCESS_LIFELINE_H

#include "process/launch.h"

#include <stdbool.h>

struct lifeline {
	int fd;         /* our end; -1: closed */
	int init_fd;    /* pidfd of the first process; -1 before it told */
	int program_fd; /* pidfd of the program, whose group is its own */
	bool failed;    /* `failure` was told */
	struct launch_message failure;
};

/** Make the socket. *end gets the launcher's end, close-on-exec. Returns 0 or an errno value; lifeline_fini() is right then
 *  too. */
int lifeline_open(struct lifeline *line, int *end);

/** Close everything; a sandbox ends by it. */
void lifeline_fini(struct lifeline *line);

/** Take what has been told, without waiting. */
void lifeline_hear(struct lifeline *line);

/** Whether lifeline_hear() has heard that the program was started. */
bool lifeline_is_started(const struct lifeline *line);

/** Send a signal to the group of the sandboxed program. Returns false when it was not started yet. */
bool lifeline_signal(struct lifeline *line, int signal);

/** End the sandbox, whatever state it is in: its first process by SIGKILL if it is known, else as soon as it looks. What was
 *  told can still be heard. */
void lifeline_cut(struct lifeline *line);

#endif
