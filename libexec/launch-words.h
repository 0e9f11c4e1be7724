/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the two halves of capsule-launch share. */
#ifndef LAUNCH_WORDS_H
#define LAUNCH_WORDS_H

#include "process/launch.h"

#include <stdbool.h>

#define FDS_MAX 256 /* far above what the library passes */

enum number { PARENT, FDS, CPU, MEMORY, FILE_SIZE, FILES, PROCESSES, IMAGE, SCRIPT, INSIDE, NUMBERS };

struct launch {
	unsigned long long numbers[NUMBERS];
	bool given[NUMBERS];
	const char *cwd;
	char *const *argv; /* of the program */
	char *const *env;
	int status_fd;
	int image_fd; /* -1: the program is executed by its path */
};

/* Tell the library, or who started this by hand, and end. */
_Noreturn void launch_fail(const struct launch *launch, enum launch_step step, int os_errno);

/* Set the limits that were given, and no core files. */
bool launch_set_limits(const struct launch *launch);

/* Let a terminal that the program has as its standard input be that of its session, unless it is another one's. */
void launch_take_terminal(void);

/* Become the program. */
_Noreturn void launch_run(struct launch *launch);

/* The inner half: be the first process of a sandbox and look after the program. */
_Noreturn void launch_inside(struct launch *launch);

#endif
