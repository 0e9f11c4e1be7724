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

/* Write over the oldest bytes of a full ring. */
static void overwrite(struct capture *capture, struct span bytes)
{
	size_t size = capture->kept.len, head;

	if (bytes.len >= size) {
		memcpy(capture->kept.data, bytes.data + (bytes.len - size), size);
		capture->first = 0;
		return;
	}
	head = size - capture->first < bytes.len ? size - capture->first : bytes.len;
	memcpy(capture->kept.data + capture->first, bytes.data, head);
	memcpy(capture->kept.data, bytes.data + head, bytes.len - head);
	capture->first = (capture->first + bytes.len) % size;
}

static void keep(struct capture *capture, struct span bytes)
{
	size_t room = capture->limit - capture->kept.len, fits = bytes.len < room ? bytes.len : room;
	bool last = capture->keep == PROCESS_LAST && capture->limit > 0;

	if (!buffer_append(&capture->kept, bytes.data, fits)) {
		capture->lost += bytes.len;
		return;
	}
	capture->lost += bytes.len - fits;
	if (last && fits < bytes.len)
		overwrite(capture, span_of(bytes.data + fits, bytes.len - fits));
}

static void take(struct capture *capture, const void *bytes, size_t len)
{
	capture->total += len;
	keep(capture, span_of(bytes, len));
	if (capture->heard != NULL)
		capture->heard(capture->user, span_of(bytes, len));
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

enum capsule_status capture_start(struct capture *capture, struct loop *loop, const struct process_stream *stream,
	void *user, int *end, struct capsule_error *err)
{
	int ends[2];

	*capture = (struct capture){ .fd = -1,
		.keep = stream->keep,
		.limit = stream->limit < BUFFER_MAX ? stream->limit : BUFFER_MAX,
		.heard = stream->heard,
		.user = user };
	if (stream->keep == PROCESS_GIVEN)
		return CAPSULE_OK;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_os(err, errno, "make a pipe for the output of a child");
	capture->fd = ends[0];
	*end = ends[1];
	return watch_start(&capture->watch, loop, capture->fd, read_ready, capture, err);
}

static void reverse(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		uint8_t byte = bytes[i];

		bytes[i] = bytes[len - 1 - i];
		bytes[len - 1 - i] = byte;
	}
}

/* Turn the ring so that it begins where it lies. */
static void straighten(struct capture *capture)
{
	if (capture->first == 0)
		return;
	reverse(capture->kept.data, capture->first);
	reverse(capture->kept.data + capture->first, capture->kept.len - capture->first);
	reverse(capture->kept.data, capture->kept.len);
	capture->first = 0;
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
	straighten(capture);
}

bool capture_take(struct capture *capture, struct buffer *out, uint64_t *lost)
{
	straighten(capture);
	if (!buffer_append_span(out, buffer_span(&capture->kept)))
		return false;
	buffer_clear(&capture->kept);
	if (lost != NULL)
		*lost = capture->lost;
	capture->lost = 0;
	return true;
}

void capture_fini(struct capture *capture)
{
	stop(capture);
	buffer_fini(&capture->kept);
	capture->first = 0;
}
