/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/sandbox_host.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "process/program.h"
#include "process/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWITCH_MAX 64                  /* bytes read of a file of /proc/sys: a number */
#define SAID_MAX 300                   /* bytes of bwrap's words that are quoted */
#define PROGRAM_MAX (4u * 1024 * 1024) /* bytes of bwrap, which has about 70 KiB */

/* Every text that says that there is no sandbox ends so. */
#define NOT_WITHOUT "; nothing is run without a sandbox instead"

const struct sandbox_host sandbox_host_here = { .root = "", .path = PROGRAM_PATH };

static bool is_program(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

enum capsule_status sandbox_host_find(char **bwrap, const struct sandbox_host *host, struct capsule_error *err)
{
	char path[PATH_MAX];

	for (const char *folder = host->path; *folder != '\0';) {
		size_t len = strcspn(folder, ":");

		if (len > 0 && folder[0] == '/' &&
			(size_t)snprintf(path, sizeof path, "%.*s/bwrap", (int)len, folder) < sizeof path &&
			is_program(path)) {
			*bwrap = strdup(path);
			return *bwrap != NULL ? CAPSULE_OK
					      : error_set(err, CAPSULE_ENOMEM, "find bwrap: out of memory");
		}
		folder += len;
		folder += *folder == ':';
	}
	return error_set(err, CAPSULE_EUNSUPPORTED,
		"no sandbox can be made: the program bwrap is not in %s; install the package `bubblewrap` (0.5 "
		"or newer)" NOT_WITHOUT,
		host->path);
}

/* What the switch `name` below /proc/sys says; `otherwise` when there is none. */
static long long switch_of(const struct sandbox_host *host, const char *name, long long otherwise)
{
	HOLD(buffer_fini) struct buffer content = { .limit = SWITCH_MAX };
	HOLD(fd_drop) int fd = -1;
	char path[PATH_MAX], *end;
	long long value;

	if ((size_t)snprintf(path, sizeof path, "%s/proc/sys/%s", host->root, name) >= sizeof path)
		return otherwise;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, SWITCH_MAX, &content) != 0 || buffer_text(&content) == NULL)
		return otherwise;
	value = strtoll(buffer_text(&content), &end, 10);
	return end == buffer_text(&content) ? otherwise : value;
}

bool sandbox_host_knows(const char *bwrap, const char *name)
{
	HOLD(buffer_fini) struct buffer program = { .limit = PROGRAM_MAX + 1 };
	HOLD(fd_drop) int fd = open(bwrap, O_RDONLY | O_CLOEXEC);
	char help[64];
	int len = snprintf(help, sizeof help, "    %s ", name);

	if (fd < 0 || fd_read_all(fd, PROGRAM_MAX, &program) != 0)
		return false;
	return memmem(program.data, program.len, help, (size_t)len) != NULL;
}

static bool in_container(const struct sandbox_host *host)
{
	static const char *const marks[] = { "/.dockerenv", "/run/.containerenv", "/run/systemd/container" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if ((size_t)snprintf(path, sizeof path, "%s%s", host->root, marks[i]) < sizeof path &&
			access(path, F_OK) == 0)
			return true;
	return false;
}

/* The switches that are off for this user; NULL when none is. */
static const char *switched_off(const struct sandbox_host *host)
{
	if (switch_of(host, "user/max_user_namespaces", 1) == 0)
		return "user namespaces are switched off (user.max_user_namespaces is 0); allow them with `sysctl "
		       "user.max_user_namespaces=15000`, kept in a file of /etc/sysctl.d";
	if ((host->ordinary || geteuid() != 0) && switch_of(host, "kernel/unprivileged_userns_clone", 1) == 0)
		return "user namespaces are for root only (kernel.unprivileged_userns_clone is 0); allow them with `sysctl "
		       "kernel.unprivileged_userns_clone=1`, kept in a file of /etc/sysctl.d. A setuid bwrap "
		       "does not help: children gain "
		       "no privileges";
	return NULL;
}

enum capsule_status sandbox_host_available(const struct sandbox_host *host, struct capsule_error *err)
{
	HOLD(free_drop) char *bwrap = NULL;
	enum capsule_status status = sandbox_host_find(&bwrap, host, err);
	const char *off = status == CAPSULE_OK ? switched_off(host) : NULL;

	return off == NULL ? status
			   : error_set(err, CAPSULE_EUNSUPPORTED, "no sandbox can be made: %s" NOT_WITHOUT, off);
}

enum capsule_status sandbox_available(struct capsule_error *err)
{
	return sandbox_host_available(&sandbox_host_here, err);
}

/* Why, as far as what bwrap wrote tells. */
enum cause {
	CAUSE_NAMESPACES, /* the kernel gives it none */
	CAUSE_NUMBER,     /* ... since there are as many as may be */
	CAUSE_RIGHTS,     /* it got them, and may do nothing with them */
	CAUSE_PROC,       /* the /proc of its own */
	CAUSE_OLD,
	CAUSE_CAPABILITIES,
	CAUSE_OTHER,
};

/* A part of its words; the first row that fits counts. */
static const struct {
	const char *said;
	enum cause cause;
} rows[] = {
	{ "(ENOSPC)", CAUSE_NUMBER },
	{ "Creating new namespace failed: No space left on device", CAUSE_NUMBER },
	{ "No permissions to creat", CAUSE_NAMESPACES }, /* "create new namespace", "creating new namespace" */
	{ "Creating new namespace failed", CAUSE_NAMESPACES },
	{ "Can't mount proc on", CAUSE_PROC },
	{ "/proc/sys/kernel/overflow", CAUSE_PROC },
	{ "setting up uid map", CAUSE_RIGHTS },
	{ "loopback: ", CAUSE_RIGHTS },
	{ "Failed to make / slave", CAUSE_RIGHTS },
	{ "Failed to mount tmpfs", CAUSE_RIGHTS },
	{ "Unknown option", CAUSE_OLD },
	{ "Unexpected capabilities but not setuid", CAUSE_CAPABILITIES },
};

static enum cause cause_of(struct span said)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (said.len > 0 && memmem(said.data, said.len, rows[i].said, strlen(rows[i].said)) != NULL)
			return rows[i].cause;
	return CAUSE_OTHER;
}

/* What refuses namespaces or what is done in them, when no switch is off. */
static const char *who_refuses(const struct sandbox_host *host)
{
	if (switch_of(host, "kernel/apparmor_restrict_unprivileged_userns", 0) != 0)
		return "AppArmor refuses it (kernel.apparmor_restrict_unprivileged_userns is 1, as Ubuntu has "
		       "it). Give bwrap a profile: "
		       "`apt install apparmor-profiles && ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict "
		       "/etc/apparmor.d/ && systemctl reload apparmor`; or switch that off for all programs: "
		       "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`";
	if (in_container(host))
		return "the container that this runs in refuses it. Start the container with `--security-opt "
		       "seccomp=unconfined "
		       "--security-opt apparmor=unconfined --security-opt systempaths=unconfined` (Podman: `--security-opt "
		       "seccomp=unconfined --security-opt unmask=ALL --security-opt label=disable`)";
	return "the kernel or a security module (SELinux, a filter of system calls of a service) refuses it; "
	       "`unshare -Ur true`, run "
	       "as the same user, must work";
}

static const char *meaning_of(const struct sandbox_host *host, enum cause cause)
{
	const char *off;

	switch (cause) {
	case CAUSE_NUMBER:
		return "there are as many namespaces as may be: raise the numbers in "
		       "/proc/sys/user/max_*_namespaces, of which none "
		       "must be 0";
	case CAUSE_PROC:
		return "the kernel shows no new /proc where parts of the old one are hidden, as in a container. "
		       "Start the container "
		       "with `--security-opt systempaths=unconfined` (Podman: `--security-opt unmask=ALL`)";
	case CAUSE_OLD:
		return "bubblewrap is too old: install 0.5 or newer";
	case CAUSE_CAPABILITIES:
		return "it is started with capabilities of the runtime: run that as an ordinary user without "
		       "any, or as root";
	case CAUSE_NAMESPACES:
	case CAUSE_RIGHTS:
		break;
	case CAUSE_OTHER:
		return NULL;
	}
	off = switched_off(host);
	return off != NULL ? off : who_refuses(host);
}

enum capsule_status sandbox_host_explain(const struct sandbox_host *host, struct span said, struct capsule_error *err)
{
	struct span words = text_trim(span_of(said.data, said.len < SAID_MAX ? said.len : SAID_MAX));
	const char *meaning = meaning_of(host, cause_of(said));

	if (meaning == NULL)
		return error_set(err, CAPSULE_EIO, "make a sandbox: %.*s", SPAN_ARG(words));
	return error_set(err, CAPSULE_EUNSUPPORTED, "no sandbox can be made: %s" NOT_WITHOUT " (%.*s)", meaning,
		SPAN_ARG(words));
}

enum capsule_status sandbox_explain(struct span said, struct capsule_error *err)
{
	return sandbox_host_explain(&sandbox_host_here, said, err);
}
