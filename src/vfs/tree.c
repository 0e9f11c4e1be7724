/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is below one folder. Only finding the folder that holds a name differs between the two ways; the name itself is
 * always handled beside it, with O_NOFOLLOW or a call that never follows. Nothing is opened before it was seen to be a file
 * or folder, since opening alone can do things to a FIFO or a device; what was opened is looked at again. */
#include "vfs/tree.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define EAGAIN_TRIES 16  /* the kernel answers EAGAIN when a folder was moved while it looked */
#define CREATE_TRIES 16  /* a name that comes and goes while it is to be created */
#define PROBE_BYTES 4096 /* read behind the end that a file was said to have */

static int failed(int os_errno)
{
	errno = os_errno;
	return -1;
}

static int openat2_folder(int dir, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	for (int i = 0; i < EAGAIN_TRIES; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return (int)fd;
}

int tree_open(struct tree *tree, const char *path)
{
	int probe;

	tree->walk = false;
	tree->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree->fd < 0)
		return -1;
	probe = openat2_folder(tree->fd, ".");
	if (probe >= 0)
		(void)close(probe);
	else /* an old kernel, or a filter of system calls: whatever it says, the walk tells what is really wrong */
		tree->walk = true;
	return 0;
}

void tree_close(struct tree *tree)
{
	fd_drop(&tree->fd);
	tree->fd = -1;
}

/* Finding folders. */

/* Whether each component is a name: nothing empty, "." or "..", which canonical paths do not have. */
static bool is_plain(const char *relative)
{
	if (relative[0] == '\0')
		return true;
	for (const char *at = relative;; at++) {
		size_t len = strcspn(at, "/");

		if (len == 0 || (at[0] == '.' && (len == 1 || (len == 2 && at[1] == '.'))))
			return false;
		at += len;
		if (*at == '\0')
			return true;
	}
}

/* The folder `name` in `dir`, which must be one and no link. */
static int step(int dir, const char *name)
{
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat seen;

	if (fd < 0 && errno == ENOTDIR)
		errno = fstatat(dir, name, &seen, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(seen.st_mode) ? ELOOP : ENOTDIR;
	return fd;
}

/* The folder `name` in `dir`, made and counted when it is missing. */
static int step_or_make(int dir, const char *name, size_t *made)
{
	int fd = step(dir, name);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (mkdirat(dir, name, 0777) == 0)
		(*made)++;
	else if (errno != EEXIST) /* somebody else was faster */
		return -1;
	return step(dir, name);
}

/* One component after the other; cuts `path` into pieces. With `made`, missing folders are made. */
static int walk(int root, char *path, size_t *made)
{
	HOLD(fd_drop) int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
	char *rest = NULL;

	for (char *name = strtok_r(path, "/", &rest); name != NULL && dir >= 0; name = strtok_r(NULL, "/", &rest)) {
		int next = made != NULL ? step_or_make(dir, name, made) : step(dir, name);

		if (next < 0)
			return -1;
		(void)close(dir);
		dir = next;
	}
	return fd_give(&dir);
}

/* The folder of which the first `len` bytes of `relative` are the path. */
static int folder_open(const struct tree *tree, const char *relative, size_t len)
{
	char path[PATH_MAX];
	int fd;

	if (strnlen(relative, sizeof path) == sizeof path)
		return failed(ENAMETOOLONG);
	if (!is_plain(relative))
		return failed(EINVAL);
	if (len == 0)
		return fcntl(tree->fd, F_DUPFD_CLOEXEC, 0);
	memcpy(path, relative, len);
	path[len] = '\0';
	if (!tree->walk) {
		fd = openat2_folder(tree->fd, path);
		if (fd >= 0 || errno != EAGAIN)
			return fd;
	}
	return walk(tree->fd, path, NULL);
}

int tree_parent(const struct tree *tree, const char *relative, const char **name)
{
	const char *slash = strrchr(relative, '/');

	if (relative[0] == '\0')
		return failed(EINVAL);
	*name = slash != NULL ? slash + 1 : relative;
	return folder_open(tree, relative, slash != NULL ? (size_t)(slash - relative) : 0);
}

/* Opening. */

/* Whether something of this kind may be opened with `flags`: 0 or an errno. */
static int check_kind(mode_t mode, int flags)
{
	if ((flags & O_DIRECTORY) != 0)
		return S_ISDIR(mode) ? 0 : S_ISLNK(mode) ? ELOOP : ENOTDIR;
	if ((flags & O_PATH) != 0 || S_ISREG(mode))
		return 0;
	return S_ISDIR(mode) ? EISDIR : S_ISLNK(mode) ? ELOOP : ENOTSUP;
}

/* `*seen` is what was opened. */
static int open_name(int dir, const char *name, int flags, unsigned mode, struct stat *seen)
{
	HOLD(fd_drop) int fd = -1;
	int wrong = 0;

	if (fstatat(dir, name, seen, AT_SYMLINK_NOFOLLOW) == 0)
		wrong = check_kind(seen->st_mode, flags);
	else if (errno != ENOENT || (flags & O_CREAT) == 0)
		return -1;
	if (wrong != 0)
		return failed(wrong);
	fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
	if (fd < 0) /* ENXIO: it became a FIFO that nobody reads, or a socket */
		return errno == ENXIO ? failed(ENOTSUP) : -1;
	wrong = fstat(fd, seen) == 0 ? check_kind(seen->st_mode, flags) : errno;
	return wrong == 0 ? fd_give(&fd) : failed(wrong);
}

int tree_openat(const struct tree *tree, const char *relative, int flags, unsigned mode)
{
	HOLD(fd_drop) int dir = -1;
	struct stat seen;
	const char *name;

	if (relative[0] == '\0') {
		if ((flags & (O_PATH | O_DIRECTORY)) == 0)
			return failed(EISDIR);
		return openat(tree->fd, ".", flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
	}
	dir = tree_parent(tree, relative, &name);
	return dir < 0 ? -1 : open_name(dir, name, flags, mode, &seen);
}

int tree_stat(const struct tree *tree, const char *relative, struct stat *out)
{
	HOLD(fd_drop) int dir = -1;
	const char *name;

	if (relative[0] == '\0')
		return fstat(tree->fd, out);
	dir = tree_parent(tree, relative, &name);
	return dir < 0 ? -1 : fstatat(dir, name, out, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
}

/* Folders and names. */

int tree_mkdirs(const struct tree *tree, const char *relative, size_t *made)
{
	size_t ignored, len = strlen(relative);
	char path[PATH_MAX];
	int fd;

	if (made == NULL)
		made = &ignored;
	*made = 0;
	fd = folder_open(tree, relative, len);
	if (fd < 0 && errno == ENOENT) {
		memcpy(path, relative, len + 1); /* fits: folder_open() has checked it */
		fd = walk(tree->fd, path, made);
	}
	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

int tree_unlink(const struct tree *tree, const char *relative)
{
	const char *name;
	HOLD(fd_drop) int dir = tree_parent(tree, relative, &name);
	struct stat seen;

	if (dir < 0 || fstatat(dir, name, &seen, AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	return unlinkat(dir, name, S_ISDIR(seen.st_mode) ? AT_REMOVEDIR : 0);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int read_names(DIR *stream, struct buffer *names)
{
	size_t count = 0;

	for (;;) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(stream); /* the stream is this call's own */
		if (entry == NULL)
			return errno == 0 ? 0 : -1;
		if (is_dots(entry->d_name))
			continue;
		if (++count > LIMIT_DIRECTORY_ENTRIES)
			return failed(EFBIG);
		if (!buffer_append(names, entry->d_name, strlen(entry->d_name) + 1))
			return failed(ENOMEM);
	}
}

int tree_list(const struct tree *tree, const char *relative, struct buffer *names)
{
	HOLD(fd_drop) int fd = tree_openat(tree, relative, O_RDONLY | O_DIRECTORY, 0);
	DIR *stream;
	int result, kept;

	if (fd < 0)
		return -1;
	stream = fdopendir(fd);
	if (stream == NULL)
		return -1;
	(void)fd_give(&fd); /* it is the stream's */
	result = read_names(stream, names);
	kept = errno;
	(void)closedir(stream);
	errno = kept;
	return result;
}

/* Bytes. */

/* Append what one read gives when it is asked for `want` bytes and a few more: a file ends where less comes. Most often
 * nothing comes behind `want`, and `out` needs no room for it. Returns how many bytes, 0 at the end, or -1. */
static ssize_t read_some(int fd, size_t want, struct buffer *out)
{
	uint8_t behind[PROBE_BYTES];
	struct iovec parts[2];
	ssize_t got;

	if (!buffer_reserve(out, want))
		return failed(out->starved ? ENOMEM : EFBIG);
	parts[0] = (struct iovec){ .iov_base = want > 0 ? out->data + out->len : behind, .iov_len = want };
	parts[1] = (struct iovec){ .iov_base = behind, .iov_len = sizeof behind };
	do
		got = readv(fd, parts, 2);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got;
	out->len += (size_t)got < want ? (size_t)got : want;
	if ((size_t)got > want && !buffer_append(out, behind, (size_t)got - want))
		return failed(out->starved ? ENOMEM : EFBIG);
	return got;
}

int tree_read(const struct tree *tree, const char *relative, uint64_t limit, struct buffer *out, uint64_t *size)
{
	HOLD(fd_drop) int dir = -1, fd = -1;
	size_t before = out->len;
	struct stat seen = { 0 };
	const char *name;

	if (relative[0] == '\0')
		return failed(EISDIR);
	dir = tree_parent(tree, relative, &name);
	fd = dir >= 0 ? open_name(dir, name, O_RDONLY, 0, &seen) : -1;
	if (fd < 0)
		return -1;
	*size = (uint64_t)seen.st_size;
	while (*size <= limit) {
		uint64_t have = out->len - before,
			 left = (uint64_t)seen.st_size > have ? (uint64_t)seen.st_size - have : 0;
		size_t want = left < BUFFER_MAX ? (size_t)left : BUFFER_MAX;
		ssize_t got = read_some(fd, want, out);

		if (got < 0)
			return -1;
		*size = out->len - before;
		if (got == 0 || (have == 0 && *size == (uint64_t)seen.st_size)) /* all, with room for more */
			return 0;
	}
	out->len = before;
	return failed(EFBIG);
}

/* The file to write to, made when it is missing. Not truncated: its bytes are kept until there is room for the new ones. */
static int open_for_writing(int dir, const char *name, bool *created)
{
	struct stat seen;

	for (int i = 0; i < CREATE_TRIES; i++) {
		int fd = open_name(dir, name, O_WRONLY, 0, &seen);

		*created = false;
		if (fd >= 0 || errno != ENOENT)
			return fd;
		fd = open_name(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0666, &seen);
		*created = fd >= 0;
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return failed(EAGAIN);
}

/* Take the room for `len` bytes beforehand, where the file system can. Returns 0, or an errno when there is no such room. */
static int reserve_room(int fd, size_t len)
{
	struct stat seen;
	int result;

	if (len == 0 || fstat(fd, &seen) != 0 || (uint64_t)seen.st_blocks * 512 >= len)
		return 0;
	do
		result = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len);
	while (result != 0 && errno == EINTR);
	return result != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) ? errno : 0;
}

static int write_all(int fd, struct span data)
{
	for (size_t done = 0; done < data.len;) {
		ssize_t wrote = pwrite(fd, data.data + done, data.len - done, (off_t)done);

		if (wrote < 0 && errno != EINTR)
			return -1;
		if (wrote == 0)
			return failed(EIO);
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return ftruncate(fd, (off_t)data.len);
}

int tree_write(const struct tree *tree, const char *relative, struct span data)
{
	HOLD(fd_drop) int dir = -1, fd = -1;
	const char *name;
	bool created;
	int wrong;

	if (relative[0] == '\0')
		return failed(EISDIR);
	dir = tree_parent(tree, relative, &name);
	if (dir < 0)
		return -1;
	fd = open_for_writing(dir, name, &created);
	if (fd < 0)
		return -1;
	wrong = reserve_room(fd, data.len);
	if (wrong == 0 && write_all(fd, data) != 0)
		wrong = errno;
	if (close(fd_give(&fd)) != 0 && wrong == 0 && errno != EINTR) /* some file systems tell only now */
		wrong = errno;
	if (wrong != 0 && created)
		(void)unlinkat(dir, name, 0);
	return wrong == 0 ? 0 : failed(wrong);
}
