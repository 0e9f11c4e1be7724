/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/fd.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#define READ_PIECE ((size_t)64 << 10)
#define EAGAIN_TRIES 16 /* the kernel answers EAGAIN when a folder on the way was renamed meanwhile */

int fd_open_beneath(const char *dir, const char *path, int flags)
{
	const struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	HOLD(fd_drop) int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long fd = -1;

	if (folder < 0)
		return -1;
	for (int i = 0; i < EAGAIN_TRIES; i++) {
		fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return (int)fd;
}

int fd_read_all(int fd, size_t limit, struct buffer *out)
{
	size_t have = 0;

	while (have <= limit) {
		size_t piece = limit - have < READ_PIECE ? limit - have + 1 : READ_PIECE, room = buffer_room(out);
		ssize_t got;

		if (piece > room)
			piece = room > 0 ? room : 1; /* which does not fit, and is told */

		if (!buffer_reserve(out, piece)) {
			errno = out->starved ? ENOMEM : EFBIG;
			return -1;
		}
		got = read(fd, out->data + out->len, piece);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		out->len += (size_t)got;
		have += (size_t)got;
	}
	errno = EFBIG;
	return -1;
}

int fd_write_all(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		ssize_t written = write(fd, bytes.data, bytes.len);

		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0)
			bytes = span_of(bytes.data + written, bytes.len - (size_t)written);
	}
	return 0;
}
