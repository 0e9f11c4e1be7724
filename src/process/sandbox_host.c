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
		"no sandbox can be made: the program bwrap is not in %s; install the package `bubblewrap` (0.5 or newer)" NOT_WITHOUT,
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
		return "no sandbox can be made: user namespaces are switched off (user.max_user_namespaces is 0); allow them with "
		       "`sysctl user.max_user_namespaces=15000`, kept in a file of /etc/sysctl.d" NOT_WITHOUT;
	if (geteuid() != 0 && switch_of(host, "kernel/unprivileged_userns_clone", 1) == 0)
		return "no sandbox can be made: user namespaces are for root only (kernel.unprivileged_userns_clone is 0); allow them "
		       "with `sysctl kernel.unprivileged_userns_clone=1`, kept in a file of /etc/sysctl.d. A setuid bwrap does not "
		       "help: children gain no privileges" NOT_WITHOUT;
	return NULL;
}

enum capsule_status sandbox_host_available(const struct sandbox_host *host, struct capsule_error *err)
{
	HOLD(free_drop) char *bwrap = NULL;
	enum capsule_status status = sandbox_host_find(&bwrap, host, err);
	const char *off = status == CAPSULE_OK ? switched_off(host) : NULL;

	return off == NULL ? status : error_set(err, CAPSULE_EUNSUPPORTED, "%s", off);
}

enum capsule_status sandbox_available(struct capsule_error *err)
{
	return sandbox_host_available(&sandbox_host_here, err);
}

/* What bwrap writes, word for word a part of it, and what that means. The first row that fits counts. */
static const struct {
	const char *said;
	const char *means;
} causes[] = {
	{ "setting up uid map: Permission denied", NULL },
};

enum capsule_status sandbox_host_explain(const struct sandbox_host *host, struct span said, struct capsule_error *err)
{
	(void)host;
	(void)causes;
	return error_set(err, CAPSULE_EIO, "make a sandbox: %.*s", SPAN_ARG(said));
}

enum capsule_status sandbox_explain(struct span said, struct capsule_error *err)
{
	return sandbox_host_explain(&sandbox_host_here, said, err);
}
