/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "runtime/home.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOCK_NAME "capsule.lock"
#define STORE_NAME "capsule.db"

static char *join(const char *a, const char *b)
{
	char *out = NULL;

	return asprintf(&out, "%s/%s", a, b) < 0 ? NULL : out;
}

enum capsule_status home_check_path(const char *path, const char *from, struct capsule_error *err)
{
	if (path[0] != '/' || path_has_dots(span_text(path)))
		return error_set(
			err, CAPSULE_EINVAL, "%s: the home `%.256s` must be an absolute path without `..`", from, path);
	return CAPSULE_OK;
}

enum capsule_status home_default_path(char **out, struct capsule_error *err)
{
	const char *home = getenv("ASTRID_HOME"), *user = getenv("HOME");

	*out = NULL;
	if (home != NULL) {
		if (home_check_path(home, "ASTRID_HOME", err) != CAPSULE_OK)
			return CAPSULE_EINVAL;
		*out = text_copy(span_text(home));
	} else if (user != NULL && user[0] == '/' && !path_has_dots(span_text(user))) {
		*out = join(user, ".astrid");
	} else {
		return CAPSULE_OK;
	}
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for the home's path");
}

enum capsule_status home_init(
	struct home *home, struct loop *loop, const char *path, bool memory, struct capsule_error *err)
{
	enum capsule_status status;

	*home = (struct home){ .loop = loop, .memory = memory, .lock_fd = -1 };
	if (path == NULL) {
		status = home_default_path(&home->path, err);
	} else {
		status = home_check_path(path, "home", err);
		home->path = status == CAPSULE_OK ? text_copy(span_text(path)) : NULL;
	}
	if (status != CAPSULE_OK || home->path == NULL)
		return status;
	home->socket_path = join(home->path, "sessions/system.sock");
	home->lock_path = join(home->path, LOCK_NAME);
	if (home->socket_path == NULL || home->lock_path == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the home's paths");
	return CAPSULE_OK;
}

char *home_cache_path(const char *path)
{
	return join(path, "cache/capsules");
}

char *home_global_path(const char *path)
{
	return join(path, "shared");
}

static enum capsule_status lock_taken(const struct home *home, int fd, struct capsule_error *err)
{
	char owner[32] = "";
	ssize_t got = pread(fd, owner, sizeof owner - 1, 0);
	uint64_t pid = 0;

	if (got > 0)
		(void)text_parse_u64(text_trim(span_of(owner, (size_t)got)), &pid);
	if (pid != 0)
		return error_set(err, CAPSULE_ELOCKED,
			"the home %.512s is in use by process %llu%s: end it, or name another home", home->path,
			(unsigned long long)pid, pid == (uint64_t)getpid() ? ", which is this one" : "");
	return error_set(err, CAPSULE_ELOCKED,
		"the home %.512s is in use by another process: end it, or name another home", home->path);
}

/* Whether `fd` is still the file at the lock's path: its last owner removes it. */
static bool lock_is_current(const struct home *home, int fd)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && stat(home->lock_path, &named) == 0 && ours.st_ino == named.st_ino &&
		ours.st_dev == named.st_dev;
}

/* The file goes away with the lock, so that a home at rest holds none. */
static void lock_release(struct home *home)
{
	if (home->lock_fd < 0)
		return;
	if (lock_is_current(home, home->lock_fd))
		(void)unlink(home->lock_path);
	(void)close(home->lock_fd);
	home->lock_fd = -1;
}

static enum capsule_status lock_take(struct home *home, struct capsule_error *err)
{
	for (;;) {
		HOLD(fd_drop) int fd = open(home->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		char owner[32];
		int len;

		if (fd < 0)
			return error_os(err, errno, "the lock file %s", home->lock_path);
		if (flock(fd, LOCK_EX | LOCK_NB) != 0)
			return errno == EWOULDBLOCK ? lock_taken(home, fd, err)
						    : error_os(err, errno, "the lock file %s", home->lock_path);
		if (!lock_is_current(home, fd))
			continue;
		len = snprintf(owner, sizeof owner, "%lld\n", (long long)getpid());
		if (ftruncate(fd, 0) != 0 || pwrite(fd, owner, (size_t)len, 0) != len) {
			enum capsule_status status = error_os(err, errno, "the lock file %s", home->lock_path);

			(void)unlink(home->lock_path);
			return status;
		}
		home->lock_fd = fd_give(&fd);
		return CAPSULE_OK;
	}
}

enum capsule_status home_make(const char *path, struct capsule_error *err)
{
	static const char *const folders[] = { "keys", "logs", "sessions" };
	HOLD(fd_drop) int fd = -1;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_os(err, errno, "the home %.512s can't be made", path);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_os(err, errno, "the home %.512s", path);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (mkdirat(fd, folders[i], 0700) != 0 && errno != EEXIST)
			return error_os(err, errno, "the folder %s of the home %.512s can't be made", folders[i], path);
	return CAPSULE_OK;
}

static enum capsule_status open_on_disk(struct home *home, struct capsule_error *err)
{
	HOLD(free_drop) char *file = NULL;
	enum capsule_status status;

	if (home->path == NULL)
		return error_set(err, CAPSULE_ESTORE,
			"no home to store in: set ASTRID_HOME to an absolute path, or keep the state in memory");
	status = home_make(home->path, err);
	if (status != CAPSULE_OK)
		return status;
	file = join(home->path, STORE_NAME);
	if (file == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the store's path");
	status = lock_take(home, err);
	if (status == CAPSULE_OK)
		status = kv_open_sqlite(&home->store, home->loop, file, err);
	if (status != CAPSULE_OK)
		lock_release(home);
	return status;
}

enum capsule_status home_store(struct home *home, struct kv_store **store, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	if (home->store == NULL)
		status = home->memory ? kv_open_memory(&home->store, home->loop, err) : open_on_disk(home, err);
	*store = home->store;
	return status;
}

void home_fini(struct home *home)
{
	kv_close(home->store);
	home->store = NULL;
	lock_release(home);
	free(home->path);
	free(home->socket_path);
	free(home->lock_path);
	*home = (struct home){ .lock_fd = -1 };
}
