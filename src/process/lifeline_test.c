/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the library hears from a launcher, also from one that says what it should not. */
#include "process/lifeline.h"

#include "process/pidfd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct both {
	struct lifeline line;
	int end;
	int fds_before;
};

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static struct both open_both(void)
{
	struct both both = { .fds_before = count_fds() };

	assert_int_equal(lifeline_open(&both.line, &both.end), 0);
	return both;
}

static void close_both(struct both *both)
{
	lifeline_fini(&both->line);
	(void)close(both->end);
	assert_int_equal(count_fds(), both->fds_before);
}

/* Send `len` bytes with `count` descriptors. */
static void tell(const struct both *both, const void *bytes, size_t len, const int *fds, size_t count)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(32 * sizeof(int))];
	} control = { .room = { 0 } };
	struct msghdr envelope = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count > 0) {
		envelope.msg_control = control.room;
		envelope.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(both->end, &envelope, 0), len);
}

static void tell_step(const struct both *both, int32_t step, const int *fds, size_t count)
{
	const struct launch_message message = { .step = step, .os_errno = ENOENT };

	tell(both, &message, sizeof message, fds, count);
}

static void the_first_failure_counts(void **state)
{
	struct both both = open_both();

	(void)state;
	lifeline_hear(&both.line);
	assert_false(both.line.failed);
	tell_step(&both, LAUNCH_CWD, NULL, 0);
	tell_step(&both, LAUNCH_RUN, NULL, 0);
	lifeline_hear(&both.line);
	assert_true(both.line.failed);
	assert_int_equal(both.line.failure.step, LAUNCH_CWD);
	assert_int_equal(both.line.failure.os_errno, ENOENT);
	assert_false(lifeline_is_started(&both.line));
	assert_false(lifeline_signal(&both.line, SIGTERM));
	close_both(&both);
}

static void what_is_no_message_is_dropped_with_its_descriptors(void **state)
{
	static const char long_one[64];
	const int fds[20] = { 0 };
	struct both both = open_both();
	const size_t counts[] = { 1, 3, 8, 20 };

	(void)state;
	tell(&both, "x", 1, fds, 2);
	tell(&both, long_one, sizeof long_one, fds, 2);
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		tell_step(&both, LAUNCH_STARTED, fds, counts[i]);
	tell_step(&both, LAUNCH_STARTED, NULL, 0);
	lifeline_hear(&both.line);
	assert_false(lifeline_is_started(&both.line));
	assert_false(both.line.failed);
	assert_int_equal(count_fds(), both.fds_before + 2);
	tell_step(&both, LAUNCH_STARTED, fds, 2);
	tell_step(&both, LAUNCH_STARTED, fds, 2); /* once is enough */
	lifeline_hear(&both.line);
	assert_true(lifeline_is_started(&both.line));
	assert_int_equal(count_fds(), both.fds_before + 4);
	close_both(&both);
}

static void no_more_than_a_few_are_heard_at_once(void **state)
{
	struct both both = open_both();

	(void)state;
	for (int i = 0; i < 40; i++)
		tell(&both, "x", 1, NULL, 0);
	tell_step(&both, LAUNCH_FDS, NULL, 0);
	lifeline_hear(&both.line);
	assert_false(both.line.failed);
	lifeline_hear(&both.line);
	lifeline_hear(&both.line);
	assert_true(both.line.failed);
	close_both(&both);
}

static void cut_it_ends_for_the_other_side_and_can_be_heard(void **state)
{
	struct both both = open_both();
	struct pollfd ready = { .fd = both.end, .events = POLLIN };

	(void)state;
	tell_step(&both, LAUNCH_RUN, NULL, 0);
	assert_int_equal(poll(&ready, 1, 0), 0);
	lifeline_cut(&both.line);
	assert_int_equal(poll(&ready, 1, 0), 1);
	assert_true(both.line.failed);
	lifeline_hear(&both.line);
	close_both(&both);
}

/* Start one that waits, in a group of its own, with another one in it. */
static pid_t start_group(int *pidfd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setpgid(0, 0) != 0 || fork() < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_true(setpgid(pid, pid) == 0 || errno == EACCES);
	*pidfd = pidfd_of(pid);
	assert_true(*pidfd >= 0);
	return pid;
}

static void signals_go_to_the_group_and_the_end_to_the_first(void **state)
{
	struct both both = open_both();
	int fds[2], status;
	pid_t init = start_group(&fds[0]), program = start_group(&fds[1]);

	(void)state;
	tell_step(&both, LAUNCH_STARTED, fds, 2);
	assert_true(lifeline_signal(&both.line, SIGTERM));
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_int_equal(waitpid(init, &status, WNOHANG), 0);
	assert_true(lifeline_signal(&both.line, SIGTERM)); /* there is nobody any more */
	lifeline_cut(&both.line);
	assert_int_equal(waitpid(init, &status, 0), init);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_true(kill(-init, SIGKILL) == 0 || errno == ESRCH); /* its companion, which had none of that */
	(void)close(fds[0]);
	(void)close(fds[1]);
	close_both(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_failure_counts),
		cmocka_unit_test(what_is_no_message_is_dropped_with_its_descriptors),
		cmocka_unit_test(no_more_than_a_few_are_heard_at_once),
		cmocka_unit_test(cut_it_ends_for_the_other_side_and_can_be_heard),
		cmocka_unit_test(signals_go_to_the_group_and_the_end_to_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
