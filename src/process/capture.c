/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/capture.h"

#include "base/cleanup.h"
#include "loop/watch.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#define CHUNK 8192
#define CHUNKS_A_TURN 8 /* a pipe's usual size; a child that writes without end must not keep the loop */

static void stop(struct capture *capture)
{
	watch_stop(capture->watch);
	capture->watch = NULL;
	fd_drop(&capture->fd);
	capture->fd = -1;
}

static void take(struct capture *capture, const void *bytes, size_t len)
{
	size_t room = capture->limit - capture->kept.len;

	capture->total += len;
	(void)buffer_append(&capture->kept, bytes, len < room ? len : room);
}

/* Read once, at most `most` bytes. Returns how many, 0 when there is nothing now; at the end of the stream it stops. */
static size_t read_chunk(struct capture *capture, size_t most)
{
	uint8_t bytes[CHUNK];
	ssize_t len = read(capture->fd, bytes, most < CHUNK ? most : CHUNK);

	if (len > 0) {
		take(capture, bytes, (size_t)len);
		return (size_t)len;
	}
	if (len == 0 || (errno != EAGAIN && errno != EINTR))
		stop(capture);
	return 0;
}

static void read_ready(void *user)
{
	struct capture *capture = user;

	for (int i = 0; i < CHUNKS_A_TURN; i++)
		if (read_chunk(capture, CHUNK) < CHUNK)
			break;
}

enum capsule_status capture_start(
	struct capture *capture, struct loop *loop, size_t limit, int *end, struct capsule_error *err)
{
	int ends[2];

	*capture = (struct capture){ .fd = -1, .limit = limit < BUFFER_MAX ? limit : BUFFER_MAX };
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_os(err, errno, "make a pipe for the output of a child");
	capture->fd = ends[0];
	*end = ends[1];
	return watch_start(&capture->watch, loop, capture->fd, read_ready, capture, err);
}

void capture_finish(struct capture *capture)
{
	int left = 0;

	/* Counted beforehand: a grandchild that got away may go on writing. */
	if (capture->fd >= 0 && ioctl(capture->fd, FIONREAD, &left) != 0)
		left = 0;
	while (left > 0 && capture->fd >= 0) {
		size_t len = read_chunk(capture, (size_t)left);

		if (len == 0)
			break;
		left -= (int)len;
	}
	stop(capture);
}

void capture_fini(struct capture *capture)
{
	stop(capture);
	buffer_fini(&capture->kept);
}
