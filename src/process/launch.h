/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the library and capsule-launch say to each other. The library starts the launcher with its own standard streams, the
 * status pipe as descriptor 3, and the descriptors of the program from 4 on, and these words:
 *
 *   capsule-launch --parent PID --fds COUNT --cwd FOLDER [--cpu SECONDS] [--memory BYTES] [--file BYTES] [--files COUNT]
 *       -- PROGRAM ARGUMENT...
 *
 * The pipe closes when the program runs. When it can't be made to, one `launch_failure` comes out of it. */
#ifndef PROCESS_LAUNCH_H
#define PROCESS_LAUNCH_H

#include <stdint.h>

#define LAUNCH_STATUS_FD 3
#define LAUNCH_EXIT 127 /* what the launcher ends with then */

/* In the order in which they are taken. */
enum launch_step {
	LAUNCH_OPTIONS,
	LAUNCH_PARENT,
	LAUNCH_PRIVILEGES,
	LAUNCH_FDS,
	LAUNCH_CWD,
	LAUNCH_LIMITS,
	LAUNCH_RUN,
	LAUNCH_STEP_COUNT
};

struct launch_failure {
	int32_t step; /* enum launch_step */
	int32_t os_errno;
};

#endif
