/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child writes into a pipe: the first or the last bytes kept, all of them counted and read, so that it never waits for
 * us. */
#ifndef PROCESS_CAPTURE_H
#define PROCESS_CAPTURE_H

#include "loop/loop.h"
#include "process/process.h"

struct capture {
	struct watch *watch; /* NULL when nothing is read any more */
	int fd;              /* the reading end, -1 when closed or when the child has another descriptor */
	enum process_keep keep;
	size_t limit;
	struct buffer kept; /* when older bytes were dropped for newer ones, a ring that begins at `first` */
	size_t first;
	uint64_t total; /* bytes read */
	uint64_t lost;  /* of these dropped since they were last taken */
	void (*heard)(void *user, struct span bytes);
	void *user;
};

/** Read from turns of `loop` into `capture` (borrowed until capture_fini(), overwritten) as `stream` says, whose heard() gets
 *  `user`. *end, an empty holder, gets the writing end, close-on-exec; it stays empty for PROCESS_GIVEN, where nothing is
 *  read. Errors: CAPSULE_EIO, CAPSULE_ENOMEM; capture_fini() is right then too. */
MUST_CHECK enum capsule_status capture_start(struct capture *capture, struct loop *loop,
	const struct process_stream *stream, void *user, int *end, struct capsule_error *err);

/** Read what is in the pipe now, at most what a pipe can hold, and stop. `kept` is in order then. */
void capture_finish(struct capture *capture);

/** As process_take_output(). */
bool capture_take(struct capture *capture, struct buffer *out, uint64_t *lost);

/** Stop and free what was kept. */
void capture_fini(struct capture *capture);

#endif
