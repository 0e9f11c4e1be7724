/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/lifeline.h"

#include "base/cleanup.h"
#include "process/pidfd.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define FDS_TOLD 2      /* with LAUNCH_STARTED */
#define FDS_ROOM 8      /* what else should come is taken too, and closed */
#define MESSAGES_MAX 16 /* heard at once; the launcher sends two at most */

int lifeline_open(struct lifeline *line, int *end)
{
	int ends[2];

	*line = (struct lifeline){ .fd = -1, .init_fd = -1, .program_fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return errno;
	line->fd = ends[0];
	*end = ends[1];
	return 0;
}

static void close_one(int *fd)
{
	fd_drop(fd);
	*fd = -1;
}

void lifeline_fini(struct lifeline *line)
{
	close_one(&line->fd);
	close_one(&line->init_fd);
	close_one(&line->program_fd);
}

/* Take over or close what came with a message. */
static void take_fds(struct lifeline *line, struct msghdr *envelope, const struct launch_message *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(envelope);
	int fds[FDS_ROOM];
	size_t count;

	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return;
	count = (header->cmsg_len - CMSG_LEN(0)) / sizeof fds[0];
	if (count > FDS_ROOM)
		count = FDS_ROOM;
	memcpy(fds, CMSG_DATA(header), count * sizeof fds[0]);
	if (message != NULL && message->step == LAUNCH_STARTED && count == FDS_TOLD && line->init_fd < 0) {
		line->init_fd = fds[0];
		line->program_fd = fds[1];
		return;
	}
	for (size_t i = 0; i < count; i++)
		close_one(&fds[i]);
}

/* Returns false when there is nothing more. */
static bool hear_one(struct lifeline *line)
{
	struct launch_message message;
	struct iovec bytes = { .iov_base = &message, .iov_len = sizeof message };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct msghdr envelope = {
		.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	ssize_t len = recvmsg(line->fd, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len <= 0)
		return len < 0 && errno == EINTR;
	if (len != (ssize_t)sizeof message || (envelope.msg_flags & MSG_TRUNC) != 0) {
		take_fds(line, &envelope, NULL);
		return true;
	}
	take_fds(line, &envelope, &message);
	if (message.step != LAUNCH_STARTED && !line->failed) {
		line->failed = true;
		line->failure = message;
	}
	return true;
}

void lifeline_hear(struct lifeline *line)
{
	for (int i = 0; i < MESSAGES_MAX && line->fd >= 0; i++)
		if (!hear_one(line))
			return;
}

bool lifeline_is_started(const struct lifeline *line)
{
	return line->init_fd >= 0;
}

bool lifeline_signal(struct lifeline *line, int signal)
{
	lifeline_hear(line);
	if (line->program_fd < 0)
		return false;
	pidfd_signal_group(line->program_fd, signal);
	return true;
}

void lifeline_cut(struct lifeline *line)
{
	lifeline_hear(line);
	if (line->init_fd >= 0)
		pidfd_signal(line->init_fd, SIGKILL);
	if (line->fd >= 0)
		(void)shutdown(line->fd, SHUT_RDWR);
}
