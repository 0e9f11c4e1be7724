/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opening an overlay, and what it says about a path. */
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

DEFINE_DROP(overlay_drop, struct overlay *, overlay_close)

/* The next longer prefix of `path` that is a folder above it. */
static bool next_folder(struct span path, size_t *len)
{
	size_t from = *len > 0 ? *len + 1 : 0;
	const uint8_t *slash = from < path.len ? memchr(path.data + from, '/', path.len - from) : NULL;

	if (slash == NULL)
		return false;
	*len = (size_t)(slash - path.data);
	return true;
}

struct overlay_way overlay_way(const struct overlay *overlay, struct span path)
{
	struct overlay_way way = { 0 };
	size_t len = 0;

	while (overlay->index.entries.count > 0 && next_folder(path, &len)) {
		const struct overlay_entry *entry = overlay_index_find(&overlay->index, span_of(path.data, len));

		if (entry == NULL)
			continue;
		if (entry->kind == OVERLAY_FOLDER) {
			way.own = len;
			continue;
		}
		*(entry->kind == OVERLAY_FILE ? &way.file : &way.deleted) = len;
		break;
	}
	return way;
}

static enum overlay_shadow shadow_of(const struct overlay *overlay, const char *relative)
{
	struct span path = span_text(relative);
	struct overlay_way way = overlay_way(overlay, path);
	const struct overlay_entry *entry;

	if (way.deleted > 0 || way.file > 0)
		return OVERLAY_HIDDEN;
	entry = overlay_index_find(&overlay->index, path);
	if (entry == NULL)
		return OVERLAY_NOTHING;
	if (entry->kind == OVERLAY_DELETED)
		return OVERLAY_HIDDEN;
	return entry->kind == OVERLAY_FILE ? OVERLAY_OWN_FILE : OVERLAY_OWN_FOLDER;
}

enum overlay_shadow overlay_shadows(struct overlay *overlay, const char *relative)
{
	enum overlay_shadow shadow;

	pthread_mutex_lock(&overlay->index.lock);
	shadow = shadow_of(overlay, relative);
	pthread_mutex_unlock(&overlay->index.lock);
	return shadow;
}

size_t overlay_count(struct overlay *overlay)
{
	size_t count;

	pthread_mutex_lock(&overlay->index.lock);
	count = overlay->index.entries.count;
	pthread_mutex_unlock(&overlay->index.lock);
	return count;
}

bool overlay_touched(struct overlay *overlay)
{
	bool touched;

	pthread_mutex_lock(&overlay->index.lock);
	touched = overlay->touched;
	pthread_mutex_unlock(&overlay->index.lock);
	return touched;
}

static void set_touched(struct overlay *overlay, bool touched)
{
	pthread_mutex_lock(&overlay->index.lock);
	overlay->touched = touched;
	pthread_mutex_unlock(&overlay->index.lock);
}

/* Whether the first `len` bytes of `relative` name a folder below. */
static bool is_folder_below(const struct overlay *overlay, const char *relative, size_t len)
{
	char prefix[LIMIT_PATH];
	struct stat info;

	memcpy(prefix, relative, len);
	prefix[len] = '\0';
	return tree_stat(overlay->lower, prefix, &info) == 0 && S_ISDIR(info.st_mode);
}

/* lstat in the folder below. Below a folder of the overlay's own (`own` bytes of the path) there is nothing where the
 * folder below has a file or a link in its place. */
static int look_below(const struct overlay *overlay, const char *relative, size_t own, struct overlay_look *out)
{
	if (tree_stat(overlay->lower, relative, &out->stat) == 0) {
		out->link = S_ISLNK(out->stat.st_mode);
		errno = ELOOP;
		return out->link ? -1 : 0;
	}
	if (own > 0 && (errno == ELOOP || errno == ENOTDIR)) {
		int code = errno;

		errno = is_folder_below(overlay, relative, own) ? code : ENOENT;
	}
	return -1;
}

int overlay_look_index(
	const struct overlay *overlay, const char *relative, struct overlay_look *out, struct overlay_way *way)
{
	struct span path = span_text(relative);
	struct overlay_way found;

	*out = (struct overlay_look){ .entry = NULL };
	if (path.len >= LIMIT_PATH) {
		errno = ENAMETOOLONG;
		return -1;
	}
	found = overlay_way(overlay, path);
	if (way != NULL)
		*way = found;
	out->entry = overlay_index_find(&overlay->index, path);
	if (found.deleted > 0 || found.file > 0 || (out->entry != NULL && out->entry->kind == OVERLAY_DELETED)) {
		errno = found.file > 0 ? ENOTDIR : ENOENT;
		return -1;
	}
	out->own = out->entry != NULL;
	return 0;
}

int overlay_look(const struct overlay *overlay, const char *relative, struct overlay_look *out)
{
	struct overlay_way way;

	if (overlay_look_index(overlay, relative, out, &way) != 0)
		return -1;
	if (out->own)
		return tree_stat(&overlay->upper, relative, &out->stat);
	if (look_below(overlay, relative, way.own, out) == 0)
		return 0;
	/* A folder that was below when a file of the overlay was made in it. */
	if ((errno == ENOENT || errno == ENOTDIR) && relative[0] != '\0') {
		int code = errno;

		if (tree_stat(&overlay->upper, relative, &out->stat) == 0 && S_ISDIR(out->stat.st_mode))
			return 0; /* a file there is one that could not be removed */
		errno = code;
	}
	return -1;
}

enum capsule_status overlay_fail(struct vfs_work *work, struct capsule_error *err)
{
	work->linked = errno == ELOOP;
	return vfs_errno(err, errno, work->relative);
}

enum capsule_status overlay_failed(const struct overlay *overlay, const char *name, struct capsule_error *err)
{
	return error_os(err, errno, "the overlay's %.512s/%.256s", overlay->dir, name);
}

/* Make the folder `path` and its parents for its owner alone. */
static int make_folders(const char *path)
{
	HOLD(free_drop) char *copy = text_copy(span_text(path));

	if (copy == NULL) {
		errno = ENOMEM;
		return -1;
	}
	for (char *at = copy + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			return -1;
		*at = '/';
	}
	return mkdir(copy, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

static enum capsule_status open_folders(struct overlay *overlay, bool make, struct capsule_error *err)
{
	char *upper = NULL;
	int opened;

	if (make && make_folders(overlay->dir) != 0)
		return error_os(err, errno, "the overlay %.512s can't be made", overlay->dir);
	overlay->dir_fd = open(overlay->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (overlay->dir_fd < 0 && errno == ENOENT)
		return error_set(err, CAPSULE_ENOTFOUND, "there is no overlay in %.512s", overlay->dir);
	if (overlay->dir_fd < 0)
		return error_os(err, errno, "the overlay %.512s", overlay->dir);
	if (!make && faccessat(overlay->dir_fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		return error_set(err, CAPSULE_ENOTFOUND, "there is no overlay in %.512s", overlay->dir);
	if (mkdirat(overlay->dir_fd, "upper", 0700) != 0 && errno != EEXIST)
		return overlay_failed(overlay, "upper", err);
	if (asprintf(&upper, "%s/upper", overlay->dir) < 0)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
	opened = tree_open(&overlay->upper, upper);
	free(upper);
	return opened == 0 ? CAPSULE_OK : overlay_failed(overlay, "upper", err);
}

static enum capsule_status open_index(struct overlay *overlay, struct capsule_error *err)
{
	bool fresh = false;
	enum capsule_status status = overlay_index_open(
		&overlay->index, overlay->dir, overlay->dir_fd, overlay->root, &fresh, err);
	HOLD(buffer_fini) struct buffer names = { 0 };

	if (status == CAPSULE_OK && fresh) {
		if (tree_list(&overlay->upper, "", &names) != 0)
			return overlay_failed(overlay, "upper", err);
		if (names.len > 0)
			return overlay_damaged(overlay->dir, err, "the file index is missing");
		return overlay_index_rewrite(&overlay->index, err);
	}
	if (status == CAPSULE_OK)
		status = overlay_settle(overlay, err);
	if (status == CAPSULE_OK && (overlay->index.torn || overlay->index.lines != overlay->index.entries.count))
		status = overlay_index_rewrite(&overlay->index, err);
	return status;
}

static struct vfs_limits limits_of(const struct vfs_limits *limits)
{
	struct vfs_limits out = { .bytes = LIMIT_OVERLAY_BYTES, .entries = LIMIT_OVERLAY_ENTRIES };

	if (limits != NULL && limits->bytes > 0)
		out.bytes = limits->bytes;
	if (limits != NULL && limits->entries > 0 && limits->entries < out.entries)
		out.entries = limits->entries;
	return out;
}

enum capsule_status overlay_open(struct overlay **out, const struct tree *lower, const char *root, const char *dir,
	bool make, const struct vfs_limits *limits, struct capsule_error *err)
{
	HOLD(overlay_drop) struct overlay *overlay = calloc(1, sizeof *overlay);
	enum capsule_status status;

	if (overlay == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
	overlay->lower = lower;
	overlay->upper.fd = overlay->dir_fd = overlay->lock_fd = overlay->index.fd = -1;
	overlay->limits = limits_of(limits);
	overlay->dir = text_copy(span_text(dir));
	overlay->root = text_copy(span_text(root));
	if (overlay->dir == NULL || overlay->root == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
	status = open_folders(overlay, make, err);
	if (status == CAPSULE_OK)
		status = overlay_lock(overlay, err);
	if (status == CAPSULE_OK)
		status = open_index(overlay, err);
	if (status == CAPSULE_OK)
		status = overlay_recover(overlay, err);
	if (status != CAPSULE_OK)
		return status;
	set_touched(overlay, overlay_count(overlay) > 0);
	*out = GIVE(overlay);
	return CAPSULE_OK;
}

void overlay_close(struct overlay *overlay)
{
	if (overlay == NULL)
		return;
	overlay_index_close(&overlay->index);
	if (overlay->upper.fd >= 0)
		tree_close(&overlay->upper);
	fd_drop(&overlay->dir_fd);
	fd_drop(&overlay->lock_fd); /* with it goes the lock */
	free(overlay->dir);
	free(overlay->root);
	free(overlay);
}

static bool changes(enum vfs_verb verb)
{
	return verb == VFS_WRITE || verb == VFS_MKDIR || verb == VFS_UNLINK;
}

enum capsule_status overlay_run(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	static overlay_verb *const verbs[] = {
		[VFS_EXISTS] = overlay_exists,
		[VFS_STAT] = overlay_stat,
		[VFS_LIST] = overlay_names,
		[VFS_READ] = overlay_read,
		[VFS_WRITE] = overlay_write,
		[VFS_MKDIR] = overlay_mkdir,
		[VFS_UNLINK] = overlay_unlink,
		[VFS_COMMIT] = overlay_commit,
		[VFS_ROLLBACK] = overlay_rollback,
		[VFS_DIFF] = overlay_diff,
	};

	enum capsule_status status;

	work->exists = work->linked = false;
	work->stat = (struct vfs_stat){ 0 };
	status = verbs[work->verb](overlay, work, err);
	if (status == CAPSULE_OK && changes(work->verb))
		set_touched(overlay, true);
	else if (status == CAPSULE_OK && work->verb == VFS_COMMIT && work->relative[0] == '\0')
		set_touched(overlay, false);
	return status;
}
