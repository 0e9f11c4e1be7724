/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The filter of system calls, put on a child of this test. That real programs run behind it is in
 * src/process/sandbox_reach_test.c. */
#include "launch-filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OTHER 200 /* what a child ends with when the filter could not be put on */

static void put_filter_on(void)
{
	const struct sock_fprog program = {
		.len = sizeof launch_filter / sizeof launch_filter[0],
		.filter = (struct sock_filter *)(uintptr_t)launch_filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		_exit(OTHER);
}

/* How a child ends that has the filter and does `act`, which returns an errno value. */
static int status_of(int (*act)(const void *), const void *argument)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		put_filter_on();
		_exit(act(argument));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

struct call {
	const char *name;
	long number;
	long args[3];
	int expected; /* errno, 0: it is let through and works */
};

/* As root they would fail otherwise, or do what no test should: so with arguments that the kernel refuses by other
 * means. */
static int make_call(const void *argument)
{
	const struct call *call = argument;

	errno = 0;
	return syscall(call->number, call->args[0], call->args[1], call->args[2], 0L, 0L, 0L) == -1 ? errno : 0;
}

static const struct call refused[] = {
	{ "mount", SYS_mount, { 0 }, EPERM },
	{ "umount2", SYS_umount2, { 0 }, EPERM },
	{ "pivot_root", SYS_pivot_root, { 0 }, EPERM },
	{ "chroot", SYS_chroot, { 0 }, EPERM },
	{ "open_tree", 428, { -1 }, EPERM },
	{ "move_mount", 429, { -1 }, EPERM },
	{ "fsopen", 430, { 0 }, EPERM },
	{ "fsconfig", 431, { -1 }, EPERM },
	{ "fsmount", 432, { -1 }, EPERM },
	{ "fspick", 433, { -1 }, EPERM },
	{ "mount_setattr", 442, { -1 }, EPERM },
	{ "statmount", 457, { 0 }, EPERM },
	{ "listmount", 458, { 0 }, EPERM },
	{ "open_tree_attr", 467, { -1 }, EPERM },
	{ "setns", SYS_setns, { -1 }, EPERM },
	{ "unshare, a user namespace", SYS_unshare, { CLONE_NEWUSER }, EPERM },
	{ "unshare, also others", SYS_unshare, { CLONE_NEWUSER | CLONE_NEWNS | CLONE_FS }, EPERM },
	{ "clone, a user namespace", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, EPERM },
	{ "clone3", 435, { 0 }, ENOSYS },
	{ "ptrace", SYS_ptrace, { 0 }, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, { 0 }, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, { 0 }, EPERM },
	{ "kcmp", SYS_kcmp, { 0 }, EPERM },
	{ "pidfd_getfd", 438, { -1 }, EPERM },
	{ "add_key", SYS_add_key, { 0 }, EPERM },
	{ "request_key", SYS_request_key, { 0 }, EPERM },
	{ "keyctl", SYS_keyctl, { 0 }, EPERM },
	{ "io_uring_setup", 425, { 0 }, EPERM },
	{ "io_uring_enter", 426, { -1 }, EPERM },
	{ "io_uring_register", 427, { -1 }, EPERM },
	{ "bpf", SYS_bpf, { 99 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, EPERM },
	{ "userfaultfd", SYS_userfaultfd, { -1 }, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1 }, EPERM },
	{ "kexec_load", SYS_kexec_load, { 0, 99 }, EPERM },
	{ "init_module", SYS_init_module, { 0 }, EPERM },
	{ "finit_module", SYS_finit_module, { -1 }, EPERM },
	{ "delete_module", SYS_delete_module, { 0 }, EPERM },
	{ "reboot", SYS_reboot, { 0 }, EPERM },
	{ "swapon", SYS_swapon, { 0 }, EPERM },
	{ "acct", SYS_acct, { 1 }, EPERM },
	{ "quotactl", SYS_quotactl, { -1 }, EPERM },
	{ "syslog", SYS_syslog, { 99 }, EPERM },
	{ "settimeofday", SYS_settimeofday, { 1, 1 }, EPERM },
	{ "clock_settime", SYS_clock_settime, { 99 }, EPERM },
	{ "personality", SYS_personality, { 0x20000 }, EPERM },
	{ "personality, no random addresses", SYS_personality, { ADDR_NO_RANDOMIZE }, EPERM },
	{ "TIOCSTI", SYS_ioctl, { -1, TIOCSTI }, EPERM },
	{ "TIOCSTI with high bits", SYS_ioctl, { -1, TIOCSTI | (1L << 40) }, EPERM },
	{ "TIOCLINUX", SYS_ioctl, { -1, TIOCLINUX }, EPERM },
};

static void calls_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		int status = status_of(make_call, &refused[i]);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != refused[i].expected)
			fail_msg("%s: %#x", refused[i].name, (unsigned)status);
	}
}

static void calls_are_let_through(void **state)
{
	static const struct call calls[] = {
		{ "getpid", SYS_getpid, { 0 }, 0 },
		{ "personality, asked", SYS_personality, { 0xffffffffL }, 0 },
		{ "unshare, no namespace", SYS_unshare, { CLONE_FS | CLONE_FILES }, 0 },
		{ "clone", SYS_clone, { SIGCHLD }, 0 },
		{ "another ioctl", SYS_ioctl, { -1, TIOCGWINSZ }, EBADF },
		{ "name_to_handle_at", SYS_name_to_handle_at, { -1, 0, 0 }, EFAULT },
		{ "memfd_create", SYS_memfd_create, { (long)(intptr_t) "x" }, 0 },
		{ "pidfd_open", 434, { 1 }, 0 },
		{ "adjtimex, read", SYS_adjtimex, { 0 }, EFAULT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		int status = status_of(make_call, &calls[i]);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != calls[i].expected)
			fail_msg("%s: %#x", calls[i].name, (unsigned)status);
	}
}

static void *nothing(void *argument)
{
	return argument;
}

static int start_thread(const void *argument)
{
	pthread_t thread;
	int result = pthread_create(&thread, NULL, nothing, NULL);

	(void)argument;
	return result != 0 ? result : pthread_join(thread, NULL);
}

static void threads_start_although_clone3_is_refused(void **state)
{
	(void)state;
	assert_int_equal(status_of(start_thread, NULL), 0);
}

#ifdef __x86_64__
static int call_as_32_bits(const void *argument)
{
	long result = 20; /* getpid there */

	(void)argument;
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result > 0 ? 0 : (int)-result;
}

static int call_as_x32(const void *argument)
{
	(void)argument;
	return syscall(0x40000000L + SYS_getpid) == -1 ? errno : 0;
}

static void calls_of_another_architecture_end_the_program(void **state)
{
	int status = status_of(call_as_32_bits, NULL);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	status = status_of(call_as_x32, NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_refused),
		cmocka_unit_test(calls_are_let_through),
		cmocka_unit_test(threads_start_although_clone3_is_refused),
#ifdef __x86_64__
		cmocka_unit_test(calls_of_another_architecture_end_the_program),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
