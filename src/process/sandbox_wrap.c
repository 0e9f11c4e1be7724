/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* bubblewrap does what its words say in their order, on an empty file system in memory that becomes the root. So:
 * first what is private, then the system, then what the plan shows, parents before children; what holds mounts is
 * made read-only last of all, since that is when nothing has to be created in it any more. */
#include "process/sandbox_wrap.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "process/sandbox_host.h"
#include "process/sandbox_system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NUMBER_SIZE 24
#define DATA_FDS (3 + SANDBOX_COPIES_MAX) /* users, groups, a script, what is copied of the system */

#define IDENTITY "1000" /* user and group inside; outside, it is who runs the runtime */

struct making {
	struct sandbox_words words;
	struct sandbox_wrap *wrap;
	const struct sandbox_plan *plan;
	int first_fd;
	bool by_fd;                      /* whether this bubblewrap takes descriptors of what it shows */
	bool hidden[SANDBOX_MOUNTS_MAX]; /* by mount: an empty folder was put there */
};

static const char *home_of(const struct sandbox_plan *plan)
{
	return plan->home == NULL ? SANDBOX_HOME : plan->home;
}

/* Take `fd`; say its number in bwrap. */
static void add_fd(struct making *making, int fd)
{
	struct sandbox_wrap *wrap = making->wrap;
	char number[NUMBER_SIZE];

	(void)snprintf(number, sizeof number, "%zu", (size_t)making->first_fd + wrap->fd_count);
	wrap->fds[wrap->fd_count++] = fd;
	sandbox_words_add(&making->words, number, NULL);
}

/* A file at `path` with what `fd` (taken) gives: a mount, or a copy in a folder of the root, which becomes read-only. */
static void add_data(struct making *making, const char *mode, const char *how, int fd, const char *path)
{
	sandbox_words_add(&making->words, "--perms", mode, how, NULL);
	add_fd(making, fd);
	sandbox_words_add(&making->words, path, NULL);
}

static enum capsule_status add_text_file(
	struct making *making, const char *path, const char *text, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = memfd_create("capsule-sandbox", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, span_text(text)) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		return error_os(err, errno, "make %s of a sandbox", path);
	add_data(making, "0444", "--file", fd_give(&fd), path);
	return CAPSULE_OK;
}

/* Who is there: names for the numbers that programs look up. */
static enum capsule_status add_users(struct making *making, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer users = { .limit = 3 * PATH_MAX };
	enum capsule_status status;

	buffer_printf(&users,
		"root:x:0:0:root:/:/usr/sbin/nologin\ncapsule:x:" IDENTITY ":" IDENTITY ":capsule:%s:/bin/sh\n"
		"nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
		home_of(making->plan));
	if (buffer_text(&users) == NULL)
		return buffer_check(&users, err);
	status = add_text_file(making, "/etc/passwd", buffer_text(&users), err);
	if (status == CAPSULE_OK)
		status = add_text_file(
			making, "/etc/group", "root:x:0:\ncapsule:x:" IDENTITY ":\nnogroup:x:65534:\n", err);
	return status;
}

/* The namespaces and what else holds for all. The inner launcher is the first process, since bubblewrap's would be
 * one without the filter that the program can get at. */
static void add_frame(struct making *making)
{
	sandbox_words_add(&making->words, "--unshare-user", "--unshare-all", NULL);
	if (making->plan->network)
		sandbox_words_add(&making->words, "--share-net", NULL);
	sandbox_words_add(&making->words, "--as-pid-1", "--uid", IDENTITY, "--gid", IDENTITY, "--hostname", "capsule",
		"--cap-drop", "ALL", "--new-session", NULL);
}

/* Folders of its own, which are writable and limited where this bubblewrap can do that. */
static void add_private(struct making *making, bool sized, const char *path)
{
	char number[NUMBER_SIZE];

	(void)snprintf(number, sizeof number, "%" PRIu64, (uint64_t)SANDBOX_PRIVATE_MAX);
	if (sized)
		sandbox_words_add(&making->words, "--size", number, NULL);
	sandbox_words_add(&making->words, "--perms", strcmp(path, home_of(making->plan)) == 0 ? "0700" : "1777",
		"--tmpfs", path, NULL);
}

static void add_own_trees(struct making *making, bool sized)
{
	sandbox_words_add(&making->words, "--dev", "/dev", NULL);
	add_private(making, sized, "/dev/shm");
	sandbox_words_add(&making->words, "--remount-ro", "/dev", NULL);
	/* To the kernel who is root on the machine may write its settings, `core_pattern` among them, without any right. */
	sandbox_words_add(&making->words, "--proc", "/proc", "--remount-ro", "/proc", NULL);
	add_private(making, sized, "/tmp");
	add_private(making, sized, home_of(making->plan));
}

/* Open what is at `path`; *fd is -1 for nothing. A link on the way was none when the path was made canonical, so
 * somebody put it there. */
static enum capsule_status open_shown(int *fd, mode_t *mode, const char *path, struct capsule_error *err)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	struct stat info = { .st_mode = 0 };

	*fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return CAPSULE_OK;
	if ((*fd < 0 && errno != ELOOP) || (*fd >= 0 && fstat(*fd, &info) != 0))
		return error_os(err, errno, "show %s in a sandbox", path);
	*mode = info.st_mode;
	if (*fd < 0 || S_ISLNK(*mode))
		return error_set(err, CAPSULE_EINVAL,
			"show %s in a sandbox: it has become a link, or a folder above it has, which could lead "
			"anywhere; put back what "
			"was there",
			path);
	return CAPSULE_OK;
}

/* `fd` is taken. By descriptor where bubblewrap can do that and as long as there is room, so that it is this file
 * also when another one is put into its place meanwhile. */
static void add_shown(struct making *making, const struct sandbox_mount *mount, int fd)
{
	const bool write = mount->access == SANDBOX_WRITE;

	if (making->by_fd && making->wrap->fd_count + DATA_FDS < SANDBOX_WRAP_FDS) {
		sandbox_words_add(&making->words, write ? "--bind-fd" : "--ro-bind-fd", NULL);
		add_fd(making, fd);
		sandbox_words_add(&making->words, mount->path, NULL);
		return;
	}
	sandbox_words_add(&making->words, write ? "--bind-try" : "--ro-bind-try", mount->path, mount->path, NULL);
	(void)close(fd);
}

/* An empty folder in place of what is hidden. What is not there and could be made by the program is made, since it would be
 * taken for ours later. */
static enum capsule_status add_hidden(
	struct making *making, size_t index, bool there, mode_t mode, struct capsule_error *err)
{
	const struct sandbox_mount *mount = &making->plan->mounts[index];

	if (!there && sandbox_plan_holder(making->plan, index)->access != SANDBOX_WRITE)
		return CAPSULE_OK;
	if (!there && mkdir(mount->path, S_IRWXU) != 0 && errno != EEXIST)
		return error_os(err, errno, "make the folder %s, which a sandbox hides", mount->path);
	making->hidden[index] = !there || S_ISDIR(mode);
	if (making->hidden[index])
		sandbox_words_add(&making->words, "--tmpfs", mount->path, NULL);
	else
		sandbox_words_add(&making->words, "--ro-bind", "/dev/null", mount->path, NULL);
	return CAPSULE_OK;
}

static enum capsule_status add_mount(struct making *making, size_t index, struct capsule_error *err)
{
	const struct sandbox_mount *mount = &making->plan->mounts[index];
	HOLD(fd_drop) int fd = -1;
	mode_t mode = 0;
	enum capsule_status status = open_shown(&fd, &mode, mount->path, err);

	if (status == CAPSULE_OK && mount->access == SANDBOX_HIDE)
		return add_hidden(making, index, fd >= 0, mode, err);
	if (status != CAPSULE_OK || fd < 0)
		return status;
	if (!S_ISDIR(mode) && !S_ISREG(mode))
		return error_set(err, CAPSULE_EINVAL,
			"show %s in a sandbox: it is neither a file nor a folder; sockets, pipes and devices are not shown",
			mount->path);
	add_shown(making, mount, fd_give(&fd));
	return CAPSULE_OK;
}

/* Whether a mount between numbers `first` and `end` is hidden and lies below the folder `path`. */
static bool hides_below(const struct making *making, size_t first, size_t end, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = first; i < end; i++)
		if (making->plan->mounts[i].access == SANDBOX_HIDE &&
			strncmp(making->plan->mounts[i].path, path, len) == 0 &&
			making->plan->mounts[i].path[len] == '/')
			return true;
	return false;
}

/* Make the folders between number `index`, which is hidden, and what holds it mounts of their own: what is mounted on can't
 * be renamed. Else the program would move one of them away, and the next one would find all that was hidden there. */
static enum capsule_status add_pins(struct making *making, size_t index, struct capsule_error *err)
{
	const struct sandbox_mount *holder = sandbox_plan_holder(making->plan, index);
	const char *path = making->plan->mounts[index].path;
	const char *slash = path + strlen(holder->path);

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		HOLD(free_drop) char *above = strndup(path, (size_t)(slash - path));
		const struct sandbox_mount pin = { .path = above, .access = holder->access };
		HOLD(fd_drop) int fd = -1;
		mode_t mode = 0;
		enum capsule_status status;

		if (above == NULL)
			return error_set(err, CAPSULE_ENOMEM, "hide %s in a sandbox: out of memory", path);
		if (hides_below(making, (size_t)(holder - making->plan->mounts), index, above))
			continue;
		status = open_shown(&fd, &mode, above, err);
		if (status != CAPSULE_OK)
			return status;
		if (fd >= 0)
			add_shown(making, &pin, fd_give(&fd));
	}
	return CAPSULE_OK;
}

static enum capsule_status add_plan(struct making *making, struct capsule_error *err)
{
	const struct sandbox_plan *plan = making->plan;
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < plan->count && status == CAPSULE_OK; i++) {
		if (!sandbox_plan_counts(plan, i))
			continue;
		if (plan->mounts[i].access == SANDBOX_HIDE)
			status = add_pins(making, i, err);
		if (status == CAPSULE_OK)
			status = add_mount(making, i, err);
	}
	return status;
}

/* Of a script, what was verified and not what is there by then. */
static enum capsule_status add_script(
	struct making *making, const struct program_image *image, struct capsule_error *err)
{
	char path[64];
	HOLD(fd_drop) int fd = -1;

	if (image == NULL || image->script_fd < 0)
		return CAPSULE_OK;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", image->script_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC); /* with an offset of its own */
	if (fd < 0)
		return error_os(err, errno, "show the script %s in a sandbox", image->path);
	add_data(making, "0555", "--ro-bind-data", fd_give(&fd), image->path);
	return CAPSULE_OK;
}

static void add_end(struct making *making)
{
	const struct sandbox_plan *plan = making->plan;

	/* Of the folder that it begins in nothing may be shown, but it is there. */
	if (plan->cwd != NULL)
		sandbox_words_add(&making->words, "--dir", plan->cwd, NULL);
	for (size_t i = 0; i < plan->count; i++)
		if (making->hidden[i])
			sandbox_words_add(&making->words, "--remount-ro", plan->mounts[i].path, NULL);
	sandbox_words_add(&making->words, "--remount-ro", "/", NULL);
	sandbox_words_add(&making->words, "--chdir", plan->cwd == NULL ? "/" : plan->cwd, NULL);
	sandbox_words_add(&making->words, "--", NULL);
}

static enum capsule_status add_system(struct making *making, struct capsule_error *err)
{
	HOLD(sandbox_copies_fini) struct sandbox_copies copies = { .count = 0 };
	enum capsule_status status = sandbox_system_add(&making->words, &copies, making->plan->network, err);

	for (size_t i = 0; i < copies.count; i++)
		add_data(making, "0444", "--file", fd_give(&copies.fds[i]), copies.paths[i]);
	return status;
}

static enum capsule_status make_words(
	struct making *making, const struct program_image *image, struct capsule_error *err)
{
	HOLD(free_drop) char *bwrap = NULL;
	enum capsule_status status = sandbox_host_find(&bwrap, &sandbox_host_here, err);
	bool sized;

	if (status == CAPSULE_OK)
		status = sandbox_host_available(&sandbox_host_here, err);
	if (status != CAPSULE_OK)
		return status;
	sized = sandbox_host_knows(bwrap, "--size");
	making->by_fd = sandbox_host_knows(bwrap, "--bind-fd");
	sandbox_words_add(&making->words, bwrap, NULL);
	add_frame(making);
	add_own_trees(making, sized);
	status = add_system(making, err);
	if (status == CAPSULE_OK)
		status = add_users(making, err);
	if (status == CAPSULE_OK)
		status = add_plan(making, err);
	if (status == CAPSULE_OK)
		status = add_script(making, image, err);
	add_end(making);
	return status;
}

enum capsule_status sandbox_wrap_make(struct sandbox_wrap *out, const struct sandbox_plan *plan,
	const struct program_image *image, int first_fd, struct capsule_error *err)
{
	struct making making = { .wrap = out, .plan = plan, .first_fd = first_fd };
	enum capsule_status status;

	*out = (struct sandbox_wrap){ .words = NULL };
	status = make_words(&making, image, err);
	out->words = making.words.words;
	out->count = making.words.count;
	if (status == CAPSULE_OK && making.words.failed)
		status = error_set(err, CAPSULE_ENOMEM, "make a sandbox: out of memory");
	return status;
}

void sandbox_wrap_fini(struct sandbox_wrap *wrap)
{
	struct sandbox_words words = { .words = wrap->words, .count = wrap->count };

	sandbox_words_fini(&words);
	for (size_t i = 0; i < wrap->fd_count; i++)
		fd_drop(&wrap->fds[i]);
	*wrap = (struct sandbox_wrap){ .words = NULL };
}
