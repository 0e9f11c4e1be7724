/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child writes into a pipe: the first bytes kept, all of them counted and read, so that it never waits for us. */
#ifndef PROCESS_CAPTURE_H
#define PROCESS_CAPTURE_H

#include "base/buffer.h"
#include "loop/loop.h"

struct capture {
	struct watch *watch; /* NULL when nothing is read any more */
	int fd;              /* the reading end, -1 when closed */
	size_t limit;
	struct buffer kept;
	uint64_t total; /* bytes read */
};

/** Read from turns of `loop` into `capture` (borrowed until capture_fini(), overwritten) and keep `limit` bytes. *end, an empty
 *  holder, gets the writing end, close-on-exec. Errors: CAPSULE_EIO, CAPSULE_ENOMEM; capture_fini() is right then too. */
MUST_CHECK enum capsule_status capture_start(
	struct capture *capture, struct loop *loop, size_t limit, int *end, struct capsule_error *err);

/** Read what is in the pipe now, at most what a pipe can hold, and stop. */
void capture_finish(struct capture *capture);

/** Stop and free what was kept. */
void capture_fini(struct capture *capture);

#endif
