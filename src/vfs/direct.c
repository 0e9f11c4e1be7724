/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Work straight on a folder, and the texts of what can go wrong with files. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "vfs/work.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

/* The folder itself has no name of its own; guests write it so. */
static const char *shown(const char *path)
{
	return path[0] != '\0' ? path : "/";
}

static enum capsule_status text_of_errno(struct capsule_error *err, int os_errno, const char *path)
{
	switch (os_errno) {
	case ENOENT:
		return error_set(err, CAPSULE_ENOTFOUND, "Not found: %s", path);
	case EACCES:
	case EPERM:
		return error_set(err, CAPSULE_EDENIED, "Permission denied: %s", path);
	case EXDEV:
		return error_set(err, CAPSULE_EDENIED, "Path resolves outside sandbox boundaries: %s", path);
	case ENOTSUP:
		return error_set(err, CAPSULE_EUNSUPPORTED,
			"Not supported: %s is a device, FIFO or socket; only files and folders can be used", path);
	case ENOMEM:
		return error_set(err, CAPSULE_ENOMEM, "out of memory: %s", path);
	case ELOOP:
		return error_set(err, CAPSULE_EIO, "IO error: a symbolic link stands on the way (os error %d): %s",
			os_errno, path);
	default: /* strerror() is of the calling thread since glibc 2.32 */
		return error_set(
			err, CAPSULE_EIO, "IO error: %s (os error %d): %s", strerror(os_errno), os_errno, path);
	}
}

enum capsule_status vfs_errno(struct capsule_error *err, int os_errno, const char *path)
{
	enum capsule_status status = text_of_errno(err, os_errno, shown(path));

	if (err != NULL)
		err->os_errno = os_errno;
	return status;
}

/* errno as the outcome of `work`. */
static enum capsule_status failed(struct vfs_work *work, struct capsule_error *err)
{
	work->linked = errno == ELOOP;
	return vfs_errno(err, errno, work->relative);
}

enum capsule_status vfs_refuse_root(struct capsule_error *err)
{
	return error_set(err, CAPSULE_EDENIED,
		"Permission denied: Cannot operate on capability root directly; name what is in it");
}

enum capsule_status vfs_refuse_file(struct capsule_error *err, uint64_t size, uint64_t limit, const char *path)
{
	return error_set(err, CAPSULE_ELIMIT,
		"File too large to read into memory (%" PRIu64 " bytes > %" PRIu64 " bytes): %s", size, limit, path);
}

enum capsule_status vfs_refuse_names(struct capsule_error *err, const char *path)
{
	return error_set(err, CAPSULE_ELIMIT, "more than %d names in %s", LIMIT_DIRECTORY_ENTRIES, shown(path));
}

void vfs_found(struct vfs_work *work, const struct stat *seen)
{
	work->exists = true;
	work->stat = (struct vfs_stat){
		.is_dir = S_ISDIR(seen->st_mode),
		.is_file = S_ISREG(seen->st_mode),
		.size = (uint64_t)seen->st_size,
		.mtime = seen->st_mtim.tv_sec > 0 ? (uint64_t)seen->st_mtim.tv_sec : 0,
	};
}

int vfs_compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum capsule_status do_exists(const struct tree *tree, struct vfs_work *work, struct capsule_error *err)
{
	struct stat seen;

	if (tree_stat(tree, work->relative, &seen) == 0) {
		if (!S_ISLNK(seen.st_mode)) {
			work->exists = true;
			return CAPSULE_OK;
		}
		errno = ELOOP; /* where it leads decides */
	}
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case EACCES:
	case ENAMETOOLONG:
		return CAPSULE_OK;
	default:
		return failed(work, err);
	}
}

static enum capsule_status do_stat(const struct tree *tree, struct vfs_work *work, struct capsule_error *err)
{
	struct stat seen;

	if (tree_stat(tree, work->relative, &seen) != 0)
		return failed(work, err);
	vfs_found(work, &seen);
	return CAPSULE_OK;
}

/* `names` (each with a zero byte behind it) sorted by bytes, without those that are not UTF-8, appended to `out`. */
static bool append_sorted(const struct buffer *names, struct buffer *out)
{
	HOLD(free_drop) const char **sorted = NULL;
	size_t count = 0;

	if (names->len == 0)
		return true;
	for (size_t at = 0; at < names->len; at += strlen((const char *)names->data + at) + 1)
		count++;
	sorted = malloc(count * sizeof *sorted);
	if (sorted == NULL)
		return false;
	count = 0;
	for (size_t at = 0; at < names->len; at += strlen((const char *)names->data + at) + 1)
		sorted[count++] = (const char *)names->data + at;
	qsort(sorted, count, sizeof *sorted, vfs_compare_names);
	for (size_t i = 0; i < count; i++) {
		struct span name = span_text(sorted[i]);

		if (text_is_utf8(name) && !buffer_append(out, name.data, name.len + 1))
			return false;
	}
	return true;
}

static enum capsule_status do_list(const struct tree *tree, struct vfs_work *work, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer names = { 0 };

	if (tree_list(tree, work->relative, &names) != 0) {
		if (errno == EFBIG)
			return vfs_refuse_names(err, work->relative);
		return failed(work, err);
	}
	if (!append_sorted(&names, work->result))
		return vfs_errno(err, ENOMEM, work->relative);
	return CAPSULE_OK;
}

static enum capsule_status do_read(const struct tree *tree, struct vfs_work *work, struct capsule_error *err)
{
	uint64_t limit = work->limit != 0 ? work->limit : LIMIT_PAYLOAD, size = 0;

	if (tree_read(tree, work->relative, limit, work->result, &size) == 0)
		return CAPSULE_OK;
	if (errno != EFBIG)
		return failed(work, err);
	return vfs_refuse_file(err, size, limit, work->relative);
}

/* Make the folder that is to hold `relative`. */
static int make_parents(const struct tree *tree, const char *relative)
{
	const char *slash = strrchr(relative, '/');
	char path[PATH_MAX];
	size_t len = slash != NULL ? (size_t)(slash - relative) : 0;

	if (len >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, relative, len);
	path[len] = '\0';
	return tree_mkdirs(tree, path, NULL);
}

static enum capsule_status do_write(
	const struct tree *tree, bool parents, struct vfs_work *work, struct capsule_error *err)
{
	int result = tree_write(tree, work->relative, work->data);

	if (result != 0 && errno == ENOENT && parents) {
		result = make_parents(tree, work->relative);
		if (result == 0)
			result = tree_write(tree, work->relative, work->data);
	}
	return result == 0 ? CAPSULE_OK : failed(work, err);
}

static enum capsule_status do_mkdir(const struct tree *tree, struct vfs_work *work, struct capsule_error *err)
{
	if (work->relative[0] == '\0')
		return vfs_refuse_root(err);
	return tree_mkdirs(tree, work->relative, NULL) == 0 ? CAPSULE_OK : failed(work, err);
}

static enum capsule_status do_unlink(const struct tree *tree, struct vfs_work *work, struct capsule_error *err)
{
	if (work->relative[0] == '\0')
		return vfs_refuse_root(err);
	return tree_unlink(tree, work->relative) == 0 ? CAPSULE_OK : failed(work, err);
}

/* What there is to commit, take back or show without an overlay. */
static enum capsule_status answer(struct vfs_work *work, const char *json, struct capsule_error *err)
{
	return buffer_append_text(work->result, json) ? CAPSULE_OK : vfs_errno(err, ENOMEM, work->relative);
}

enum capsule_status direct_run(const struct tree *tree, bool parents, struct vfs_work *work, struct capsule_error *err)
{
	work->exists = false;
	work->linked = false;
	work->stat = (struct vfs_stat){ 0 };
	switch (work->verb) {
	case VFS_EXISTS:
		return do_exists(tree, work, err);
	case VFS_STAT:
		return do_stat(tree, work, err);
	case VFS_LIST:
		return do_list(tree, work, err);
	case VFS_READ:
		return do_read(tree, work, err);
	case VFS_WRITE:
		return do_write(tree, parents, work, err);
	case VFS_MKDIR:
		return do_mkdir(tree, work, err);
	case VFS_UNLINK:
		return do_unlink(tree, work, err);
	case VFS_COMMIT:
		return answer(work, "{\"committed\":[],\"conflicts\":[],\"failed\":[]}", err);
	case VFS_ROLLBACK:
		return answer(work, "{\"dropped\":[]}", err);
	case VFS_DIFF:
		return answer(work, "[]", err);
	}
	return error_set(err, CAPSULE_EINTERNAL, "files: unknown operation");
}
