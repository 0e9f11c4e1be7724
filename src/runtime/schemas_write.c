/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One file replaced by another in one step, if it still holds what it held. */
#include "runtime/schemas.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)
#define MODE_KEPT 0777
#define BLOCK 4096

struct place {
	const char *path, *name; /* the whole, and its last part */
	int dir;
	struct stat was; /* the file, when its content was looked at */
};

static void place_fini(struct place *place)
{
	fd_drop(&place->dir);
}

static enum capsule_status changed(const struct place *place, struct capsule_error *err)
{
	return error_set(
		err, CAPSULE_ESTATE, "%.512s was changed meanwhile; nothing was written, try again", place->path);
}

static enum capsule_status open_folder(struct place *place, struct capsule_error *err)
{
	const char *slash = strrchr(place->path, '/');
	HOLD(free_drop)
	char *folder = text_copy(
		slash == NULL ? span_text(".") : span_of(place->path, (size_t)(slash - place->path) + 1));

	place->name = slash == NULL ? place->path : slash + 1;
	if (folder == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a folder's name");
	place->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return place->dir < 0 ? error_os(err, errno, "open '%s'", folder) : CAPSULE_OK;
}

/* Whether what `fd` gives is `bytes` and no more: 1, 0, or -1 with errno set. */
static int holds(int fd, struct span bytes)
{
	uint8_t block[BLOCK];

	for (;;) {
		ssize_t got = read(fd, block, sizeof block);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return bytes.len == 0;
		if (!span_starts(bytes, span_of(block, (size_t)got)))
			return 0;
		bytes = span_of(bytes.data + got, bytes.len - (size_t)got);
	}
}

static enum capsule_status check_content(struct place *place, struct span before, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = openat(place->dir, place->name, READ_FLAGS);
	int same;

	if (fd < 0 && errno == ELOOP)
		return error_set(err, CAPSULE_ESTATE,
			"%.512s is a link, which would be replaced; name the folder of the file that it leads to",
			place->path);
	if (fd < 0 || fstat(fd, &place->was) != 0)
		return error_os(err, errno, "open '%s'", place->path);
	if (!S_ISREG(place->was.st_mode))
		return changed(place, err);
	same = holds(fd, before);
	if (same < 0)
		return error_os(err, errno, "read '%s'", place->path);
	return same > 0 ? CAPSULE_OK : changed(place, err);
}

static bool is_still(const struct place *place)
{
	const struct stat *was = &place->was;
	struct stat now;

	return fstatat(place->dir, place->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == was->st_dev &&
		now.st_ino == was->st_ino && now.st_size == was->st_size && now.st_ctim.tv_sec == was->st_ctim.tv_sec &&
		now.st_ctim.tv_nsec == was->st_ctim.tv_nsec;
}

static int fill(int fd, const struct place *place, struct span after)
{
	struct stat made;

	if (fd_write_all(fd, after) != 0 || fstat(fd, &made) != 0)
		return -1;
	if (made.st_uid != place->was.st_uid || made.st_gid != place->was.st_gid)
		(void)!fchown(fd, place->was.st_uid, place->was.st_gid); /* only root can give files away */
	return fchmod(fd, place->was.st_mode & MODE_KEPT) == 0 ? fsync(fd) : -1;
}

static enum capsule_status put_in_place(
	const struct place *place, const char *temporary, struct span after, struct capsule_error *err)
{
	HOLD(fd_drop)
	int fd = openat(place->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum capsule_status status = CAPSULE_OK;

	if (fd < 0)
		return error_os(err, errno, "make a file beside '%s'", place->path);
	if (fill(fd, place, after) != 0)
		status = error_os(err, errno, "write '%s'", place->path);
	else if (!is_still(place))
		status = changed(place, err);
	else if (renameat(place->dir, temporary, place->dir, place->name) != 0)
		status = error_os(err, errno, "replace '%s'", place->path);
	if (status != CAPSULE_OK)
		(void)unlinkat(place->dir, temporary, 0);
	else
		(void)fsync(place->dir); /* the file is whole either way */
	return status;
}

enum capsule_status schemas_replace(const char *path, struct span before, struct span after, struct capsule_error *err)
{
	HOLD(place_fini) struct place place = { .path = path, .dir = -1 };
	char text[UUID_TEXT_LEN + 1], temporary[sizeof ".Capsule.toml." + UUID_TEXT_LEN];
	struct uuid uuid;
	enum capsule_status status = open_folder(&place, err);

	if (status == CAPSULE_OK)
		status = check_content(&place, before, err);
	if (status == CAPSULE_OK)
		status = uuid_make(&uuid, err);
	if (status != CAPSULE_OK)
		return status;
	uuid_format(&uuid, text);
	(void)snprintf(temporary, sizeof temporary, ".Capsule.toml.%s", text);
	return put_in_place(&place, temporary, after, err);
}
