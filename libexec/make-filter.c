/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes the filter of system calls of sandboxed children as a C header (launch-filter.h), while the launcher is built:
 * everything is allowed but what programs of capsules have no use for and what has been a way out of namespaces. Refused calls
 * fail with EPERM, as for a user without rights, and clone3() with ENOSYS, so that the C library falls back to clone(),
 * whose flags a filter can see. Programs for another architecture (32 bits, x32) end at their first call. */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __s390__
#define CLONE_FLAGS 1 /* which argument has them */
#else
#define CLONE_FLAGS 0
#endif

#define UNKNOWN (-1)         /* libseccomp must know it, or the machine lacks it */
#define LOW_32 0xffffffffULL /* of an int, the kernel takes only these bits */

struct refused_call {
	const char *name;
	int number; /* of calls newer than many a libseccomp: those have one number on all machines */
};

static const struct refused_call refused_calls[] = {
	/* the tree of mounts, which is the sandbox */
	{ "mount", UNKNOWN }, { "umount", UNKNOWN }, { "umount2", UNKNOWN }, { "pivot_root", UNKNOWN },
	{ "chroot", UNKNOWN }, { "fsopen", 430 }, { "fsconfig", 431 }, { "fsmount", 432 }, { "fspick", 433 },
	{ "open_tree", 428 }, { "move_mount", 429 }, { "mount_setattr", 442 }, { "statmount", 457 },
	{ "listmount", 458 }, { "open_tree_attr", 467 },
	/* other namespaces */
	{ "setns", UNKNOWN },
	/* other processes */
	{ "ptrace", UNKNOWN }, { "process_vm_readv", UNKNOWN }, { "process_vm_writev", UNKNOWN }, { "kcmp", UNKNOWN },
	{ "pidfd_getfd", 438 }, { "move_pages", UNKNOWN }, { "migrate_pages", UNKNOWN },
	/* keys, which have no namespace of their own */
	{ "add_key", UNKNOWN }, { "request_key", UNKNOWN }, { "keyctl", UNKNOWN },
	/* large parts of the kernel that programs of capsules do not need */
	{ "io_uring_setup", 425 }, { "io_uring_enter", 426 }, { "io_uring_register", 427 }, { "bpf", UNKNOWN },
	{ "perf_event_open", UNKNOWN }, { "userfaultfd", UNKNOWN }, { "fanotify_init", UNKNOWN },
	{ "lookup_dcookie", UNKNOWN }, { "uselib", UNKNOWN }, { "modify_ldt", UNKNOWN }, { "nfsservctl", UNKNOWN },
	/* files by number instead of by path */
	{ "open_by_handle_at", UNKNOWN },
	/* the machine */
	{ "kexec_load", UNKNOWN }, { "kexec_file_load", UNKNOWN }, { "init_module", UNKNOWN },
	{ "finit_module", UNKNOWN }, { "delete_module", UNKNOWN }, { "reboot", UNKNOWN }, { "swapon", UNKNOWN },
	{ "swapoff", UNKNOWN }, { "acct", UNKNOWN }, { "quotactl", UNKNOWN }, { "quotactl_fd", 443 },
	{ "syslog", UNKNOWN }, { "iopl", UNKNOWN }, { "ioperm", UNKNOWN }, { "vhangup", UNKNOWN },
	{ "sethostname", UNKNOWN }, { "setdomainname", UNKNOWN }, { "settimeofday", UNKNOWN }, { "stime", UNKNOWN },
	{ "clock_settime", UNKNOWN }, { "clock_settime64", UNKNOWN },
	/* adjtimex and clock_adjtime also read the clock's state, for which any user may call them; changing needs a
	 * capability that no sandbox has */
};

/* Calls that are refused for some values of one argument. */
struct refused_value {
	const char *name;
	struct scmp_arg_cmp when;
};

static const struct refused_value refused_values[] = {
	{ "clone", { CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER } },
	{ "unshare", { 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER } },
	{ "ioctl", { 1, SCMP_CMP_MASKED_EQ, LOW_32, TIOCSTI } }, /* types into the terminal of who started this */
	{ "ioctl", { 1, SCMP_CMP_MASKED_EQ, LOW_32, TIOCLINUX } },
	{ "personality", { 0, SCMP_CMP_NE, LOW_32, 0 } }, /* all ones: asks which one there is */
};

/* A name that this architecture never had is no rule. Returns 0 or a negative errno. */
static int add_rule(
	scmp_filter_ctx context, int os_errno, const char *name, int number, const struct scmp_arg_cmp *when)
{
	int resolved = seccomp_syscall_resolve_name(name);
	int result;

	if (resolved == __NR_SCMP_ERROR)
		resolved = number;
	if (resolved == UNKNOWN)
		return 0;
	result = seccomp_rule_add_array(
		context, SCMP_ACT_ERRNO((uint32_t)os_errno), resolved, when == NULL ? 0 : 1, when);
	return result == -EDOM ? 0 : result;
}

static int add_rules(scmp_filter_ctx context)
{
	/* Its flags are behind a pointer, which no filter can follow. */
	int result = add_rule(context, ENOSYS, "clone3", 435, NULL);

	for (size_t i = 0; i < sizeof refused_calls / sizeof refused_calls[0] && result == 0; i++)
		result = add_rule(context, EPERM, refused_calls[i].name, refused_calls[i].number, NULL);
	for (size_t i = 0; i < sizeof refused_values / sizeof refused_values[0] && result == 0; i++)
		result = add_rule(context, EPERM, refused_values[i].name, UNKNOWN, &refused_values[i].when);
	return result;
}

/* Returns 0 or a negative errno. */
static int compile_to(int fd)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int result;

	if (context == NULL)
		return -ENOMEM;
	result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (result == 0) /* a tree instead of a row of comparisons: every call of the child goes through it */
		result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (result == 0)
		result = add_rules(context);
	if (result == 0)
		result = seccomp_export_bpf(context, fd);
	seccomp_release(context);
	return result;
}

int main(void)
{
	static struct sock_filter rules[BPF_MAXINSNS];
	int fd = memfd_create("filter", MFD_CLOEXEC);
	int result = fd < 0 ? -errno : compile_to(fd);
	ssize_t len = result == 0 ? pread(fd, rules, sizeof rules, 0) : -1;

	if (len <= 0 || len % (ssize_t)sizeof rules[0] != 0) {
		(void)fprintf(stderr, "make-filter: libseccomp makes no filter for this machine: %s\n",
			strerror(result < 0 ? -result : EIO));
		return 1;
	}
	(void)puts("/* Made by libexec/make-filter.c. */\n#include <linux/filter.h>\n\n"
		   "static const struct sock_filter launch_filter[] = {");
	for (size_t i = 0; i < (size_t)len / sizeof rules[0]; i++)
		(void)printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", rules[i].code, rules[i].jt, rules[i].jf, rules[i].k);
	(void)puts("};");
	return fflush(stdout) == 0 ? 0 : 1;
}
