/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the library and capsule-launch say to each other. The library starts the launcher with its own standard streams, the
 * status socket as descriptor 3, and the descriptors of the program from 4 on, and these words:
 *
 *   capsule-launch --parent PID --fds COUNT --cwd FOLDER [--image 1 [--script 1]] [LIMIT...] -- PROGRAM ARGUMENT...
 *
 * With --image one more descriptor follows those of the program: what is executed, or, of a script and in a sandbox, the file
 * that must still be the one at its path. LIMIT: --cpu SECONDS, --memory BYTES, --file BYTES, --files COUNT. The socket closes when the
 * program runs. When it can't be made to, one `launch_message` comes out of it.
 *
 * A sandboxed child is started in two steps:
 *
 *   bwrap WORDS... -- /proc/self/fd/9 --inside 1 --fds COUNT
 *       [--cwd FOLDER] [--image 1] [--processes COUNT] [LIMIT...] -- PROGRAM ARGUMENT...
 *
 * Bubblewrap has no launcher before it, since posix_spawn() can do all that it needs: a session of its own, the
 * descriptors that it is to have and no others. It has no tie to its parent, and may gain privileges, without which a
 * profile of the machine (AppArmor) would keep it from making namespaces; it gives that up itself. It runs the launcher as
 * the first process of a PID namespace, with the descriptors of enum launch_inside. That one starts the program, tells
 * LAUNCH_STARTED with two pidfds, its own and the program's, and looks after it: when it ends, the kernel ends everything
 * in the namespace. It ends when the program does, when the library closes the socket or shuts it down, and when the
 * process of the library is gone. So nothing is left behind, wherever in the two steps that happens: nobody who sets up
 * a sandbox is killed in the middle, he comes to the launcher inside, who finds that nobody waits. */
#ifndef PROCESS_LAUNCH_H
#define PROCESS_LAUNCH_H

#include <stdint.h>

#define LAUNCH_STATUS_FD 3
#define LAUNCH_EXIT 127 /* what the launcher ends with then */

#define LAUNCH_ENV_MAX (1024u * 1024) /* bytes of an environment that is passed by descriptor */

/* In the order in which they are taken. */
enum launch_step {
	LAUNCH_OPTIONS,
	LAUNCH_PARENT,
	LAUNCH_PRIVILEGES,
	LAUNCH_FDS,
	LAUNCH_CWD,
	LAUNCH_LIMITS,
	LAUNCH_INSIDE,  /* what the inner launcher needs: the environment, a process */
	LAUNCH_FILTER,  /* of system calls */
	LAUNCH_CHANGED, /* the file at the program's path is another than the one that was opened */
	LAUNCH_RUN,
	LAUNCH_STARTED, /* no failure: the sandbox is there and the program is about to run */
	LAUNCH_STEP_COUNT
};

struct launch_message {
	int32_t step; /* enum launch_step */
	int32_t os_errno;
};

/* Descriptors of the launcher inside. Bubblewrap has them, too, and before them /dev/null twice and a pipe for what it
 * says. */
enum launch_inside {
	INSIDE_INPUT = 3, /* the program's standard streams */
	INSIDE_OUTPUT,
	INSIDE_ERROR,
	INSIDE_STATUS,
	INSIDE_LIFE,     /* pidfd of the process of the library */
	INSIDE_ENV,      /* a file with the program's environment: each "NAME=value" with a zero byte behind it */
	INSIDE_LAUNCHER, /* capsule-launch itself */
	INSIDE_FDS,      /* the program's other descriptors, then the image, then those of bwrap */
};

#endif
