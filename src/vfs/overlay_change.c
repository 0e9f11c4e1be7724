/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The verbs that change: each is noted in the index first and then done in upper/; what fails is taken back, so that
 * only what succeeded counts as a change. */
#include "vfs/overlay_file.h"
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define WRITING "writing" /* the file that is renamed into upper when it is whole */
#define WAY_OUT "; commit or roll back what is in it (capsule fs diff, commit, rollback)"

static const struct overlay_base nothing = { .below = OVERLAY_BELOW_NONE };

/* Whether a change can be noted for the path: 0, or an errno. */
static int check_path(const char *relative)
{
	if (relative[0] == '\0')
		return EISDIR;
	return overlay_path_valid(span_text(relative)) ? 0 : strlen(relative) >= LIMIT_PATH ? ENAMETOOLONG : EINVAL;
}

/* Room in the overlay. `entries` with `names` bytes of paths are new, a file of `old` bytes becomes one of `bytes`. */
static enum capsule_status check_room(const struct overlay *overlay, size_t entries, size_t names, uint64_t old,
	uint64_t bytes, struct capsule_error *err)
{
	const struct overlay_index *index = &overlay->index;
	uint64_t others = overlay->bytes - old;

	if (entries > 0 && index->entries.count + entries > overlay->limits.entries)
		return error_set(err, CAPSULE_ELIMIT,
			"the overlay is full: it may hold changes of %llu files and folders" WAY_OUT,
			(unsigned long long)overlay->limits.entries);
	if (names > 0 && index->names + names > LIMIT_OVERLAY_NAMES)
		return error_set(err, CAPSULE_ELIMIT, "the overlay is full: the paths in it may have %u bytes" WAY_OUT,
			LIMIT_OVERLAY_NAMES);
	if (bytes > old && (others > overlay->limits.bytes || bytes > overlay->limits.bytes - others))
		return error_set(err, CAPSULE_ELIMIT,
			"the overlay is full: its files may have %llu bytes, and have %llu" WAY_OUT,
			(unsigned long long)overlay->limits.bytes, (unsigned long long)overlay->bytes);
	return CAPSULE_OK;
}

/* Folders that are to be made: the prefixes of a path from `from` bytes on up to `to`, none when `from` is 0. */
struct folders {
	size_t from, to;
	size_t entries, names; /* of those that have no entry yet */
};

static bool next_prefix(const char *path, size_t *len, size_t to)
{
	const char *slash;

	if (*len >= to)
		return false;
	slash = memchr(path + *len + 1, '/', to - *len - 1);
	*len = slash != NULL ? (size_t)(slash - path) : to;
	return true;
}

/* Whether the folder at the first `len` bytes of `path` exists. Returns 1, 0 or -1. */
static int folder_there(const struct overlay *overlay, const char *path, size_t len)
{
	struct overlay_look look;
	char prefix[LIMIT_PATH];

	memcpy(prefix, path, len);
	prefix[len] = '\0';
	if (overlay_look(overlay, prefix, &look) != 0)
		return errno == ENOENT ? 0 : -1;
	if (S_ISDIR(look.stat.st_mode))
		return 1;
	errno = ENOTDIR;
	return -1;
}

/* Which of the folders on the way to the first `to` bytes of `path` are missing. Returns 0, or -1. */
static int plan_folders(const struct overlay *overlay, const char *path, size_t to, struct folders *out)
{
	struct overlay_way way = overlay_way(overlay, span_of(path, to));
	int there = to > 0 ? folder_there(overlay, path, to) : 1;

	*out = (struct folders){ .to = to };
	if (there != 0)
		return there > 0 ? 0 : -1;
	/* Down to the deepest one of the overlay's own all are there; the first that was deleted is not, and none below
	 * it. */
	for (size_t len = way.own; next_prefix(path, &len, to);) {
		struct span prefix = span_of(path, len);

		if (out->from == 0 && len != way.deleted) {
			there = folder_there(overlay, path, len);
			if (there < 0)
				return -1;
			if (there > 0)
				continue;
		}
		if (out->from == 0)
			out->from = len;
		if (overlay_index_find(&overlay->index, prefix) == NULL) {
			out->entries++;
			out->names += len;
		}
	}
	return 0;
}

/* Those that are to hold `path`. */
static int plan_parents(const struct overlay *overlay, const char *path, struct folders *out)
{
	const char *slash = strrchr(path, '/');

	return plan_folders(overlay, path, slash != NULL ? (size_t)(slash - path) : 0, out);
}

/* Back to what `entry` was before it was made: deleted, or nothing. */
static void take_back(struct overlay *overlay, struct overlay_entry *entry)
{
	if (entry->was_deleted) {
		if (overlay_index_set(&overlay->index, span_of(entry->path, entry->len), OVERLAY_DELETED, NULL, NULL,
			    NULL) != CAPSULE_OK)
			overlay_index_become(
				&overlay->index, entry, OVERLAY_DELETED); /* the line that stays is put right later */
	} else if (overlay_index_drop(&overlay->index, entry, NULL) != CAPSULE_OK) {
		overlay_index_forget(&overlay->index, entry);
	}
}

/* Take back the folders that were made, the deepest first. */
static void unmake_folders(struct overlay *overlay, const char *path, const struct folders *folders)
{
	char prefix[LIMIT_PATH];

	for (size_t len = folders->to; folders->from > 0 && len >= folders->from; len--) {
		struct overlay_entry *entry;

		if (len != folders->to && path[len] != '/')
			continue;
		memcpy(prefix, path, len);
		prefix[len] = '\0';
		(void)tree_unlink(&overlay->upper, prefix);
		entry = overlay_index_find(&overlay->index, span_of(path, len));
		if (entry != NULL && entry->kind == OVERLAY_FOLDER)
			take_back(overlay, entry);
	}
}

/* Note and make them, and in upper those too that only stand below. */
static enum capsule_status make_folders(
	struct overlay *overlay, const char *path, const struct folders *folders, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;
	char whole[LIMIT_PATH];
	size_t len = folders->from;

	memcpy(whole, path, folders->to);
	whole[folders->to] = '\0';
	while (status == CAPSULE_OK && len > 0) {
		status = overlay_index_set(&overlay->index, span_of(path, len), OVERLAY_FOLDER, &nothing, NULL, err);
		if (!next_prefix(path, &len, folders->to))
			break;
	}
	if (status == CAPSULE_OK && tree_mkdirs(&overlay->upper, whole, NULL) != 0)
		status = overlay_failed(overlay, "upper", err);
	if (status != CAPSULE_OK)
		unmake_folders(overlay, path, folders);
	return status;
}

enum capsule_status overlay_mkdir(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	struct overlay_look look;
	struct folders folders;
	enum capsule_status status;

	errno = check_path(work->relative);
	if (errno != 0)
		return work->relative[0] == '\0' ? vfs_refuse_root(err) : overlay_fail(work, err);
	if (overlay_look(overlay, work->relative, &look) == 0) {
		errno = EEXIST;
		return S_ISDIR(look.stat.st_mode) ? CAPSULE_OK : overlay_fail(work, err);
	}
	if (errno != ENOENT || plan_folders(overlay, work->relative, strlen(work->relative), &folders) != 0)
		return overlay_fail(work, err);
	status = check_room(overlay, folders.entries, folders.names, 0, 0, err);
	return status == CAPSULE_OK ? make_folders(overlay, work->relative, &folders, err) : status;
}

/* Put the bytes into the file that will be renamed. */
static enum capsule_status write_aside(const struct overlay *overlay, struct span data, struct capsule_error *err)
{
	HOLD(fd_drop)
	int fd = openat(overlay->dir_fd, WRITING, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);

	return fd >= 0 && fd_write_all(fd, data) == 0 ? CAPSULE_OK : overlay_failed(overlay, WRITING, err);
}

static enum capsule_status rename_into_upper(
	const struct overlay *overlay, const char *relative, struct capsule_error *err)
{
	const char *name;
	HOLD(fd_drop) int parent = tree_parent(&overlay->upper, relative, &name);

	if (parent < 0 || renameat(overlay->dir_fd, WRITING, parent, name) != 0)
		return overlay_failed(overlay, "upper", err);
	return CAPSULE_OK;
}

/* What stands below a path that was looked at; of one that has a base already, `below` alone. A link on the way now is
 * one in the place of a folder of the overlay's own. */
static int find_base(
	const struct overlay *overlay, const char *relative, const struct overlay_look *look, struct overlay_base *base)
{
	if ((look->entry != NULL ? overlay_base_look : overlay_base_take)(overlay->lower, relative, base) == 0)
		return 0;
	*base = nothing;
	return errno == ELOOP ? 0 : -1;
}

/* The bytes are aside: note the file and put it into its place. */
static enum capsule_status put_file(struct overlay *overlay, const struct vfs_work *work,
	const struct overlay_look *look, const struct overlay_base *base, struct capsule_error *err)
{
	struct overlay_entry *entry = look->entry;
	enum capsule_status status = CAPSULE_OK;

	if (!look->own)
		status = overlay_index_set(&overlay->index, span_text(work->relative), OVERLAY_FILE, base, &entry, err);
	if (status != CAPSULE_OK)
		return status;
	status = rename_into_upper(overlay, work->relative, err);
	if (status != CAPSULE_OK && !look->own)
		take_back(overlay, entry);
	if (status != CAPSULE_OK)
		return status;
	overlay->bytes += work->data.len - entry->size;
	entry->size = work->data.len;
	return CAPSULE_OK;
}

/* Whether a file may be written there: 0, or an errno. */
static int check_target(const struct overlay *overlay, const char *relative, struct overlay_look *look)
{
	int wrong = check_path(relative);

	if (wrong != 0)
		return wrong;
	if (overlay_look(overlay, relative, look) != 0)
		return errno == ENOENT ? 0 : errno;
	return S_ISREG(look->stat.st_mode) ? 0 : S_ISDIR(look->stat.st_mode) ? EISDIR : ENOTSUP;
}

enum capsule_status overlay_write(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	struct overlay_look look = { .entry = NULL };
	struct overlay_base base = nothing;
	struct folders folders = { .from = 0 };
	enum capsule_status status;
	bool fresh, over; /* over: a file of the overlay's own is there, so its folders are, too */

	errno = check_target(overlay, work->relative, &look);
	over = look.own && S_ISREG(look.stat.st_mode);
	if (errno != 0 || (!over && plan_parents(overlay, work->relative, &folders) != 0) ||
		(look.entry == NULL && find_base(overlay, work->relative, &look, &base) != 0))
		return overlay_fail(work, err);
	fresh = look.entry == NULL;
	status = check_room(overlay, folders.entries + fresh, folders.names + (fresh ? strlen(work->relative) : 0),
		!fresh && look.own ? look.entry->size : 0, work->data.len, err);
	if (status != CAPSULE_OK)
		return status;
	status = write_aside(overlay, work->data, err);
	if (status == CAPSULE_OK && !over)
		status = make_folders(overlay, work->relative, &folders, err);
	if (status == CAPSULE_OK) {
		status = put_file(overlay, work, &look, &base, err);
		if (status != CAPSULE_OK)
			unmake_folders(overlay, work->relative, &folders);
	}
	if (status != CAPSULE_OK)
		(void)unlinkat(overlay->dir_fd, WRITING, 0);
	return status;
}

/* Remove `relative` from upper, and the folders above it that only stood there for it. Returns 0, or -1. */
static int remove_upper(const struct overlay *overlay, const char *relative)
{
	char path[LIMIT_PATH];
	char *slash;

	if (tree_unlink(&overlay->upper, relative) != 0 && errno != ENOENT && errno != ENOTDIR)
		return -1;
	(void)snprintf(path, sizeof path, "%s", relative);
	while ((slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		if (overlay_index_find(&overlay->index, span_text(path)) != NULL ||
			tree_unlink(&overlay->upper, path) != 0)
			break;
	}
	return 0;
}

enum capsule_status overlay_forget(struct overlay *overlay, struct overlay_entry *entry, struct capsule_error *err)
{
	uint64_t size = entry->size;
	bool kept = entry->kind != OVERLAY_DELETED;
	char path[LIMIT_PATH];
	enum capsule_status status;

	(void)snprintf(path, sizeof path, "%s", entry->path);
	status = overlay_index_drop(&overlay->index, entry, err);
	if (status != CAPSULE_OK)
		return status;
	overlay->bytes -= kept ? size : 0;
	/* What can't be removed is in nobody's way: it is removed when the overlay is opened again. A folder in which
	 * something is left stays, as one that only stands there for it. */
	(void)(kept ? remove_upper(overlay, path) : 0);
	return CAPSULE_OK;
}

/* What is below stays hidden. */
static enum capsule_status hide(struct overlay *overlay, const struct vfs_work *work, const struct overlay_base *base,
	struct capsule_error *err)
{
	struct overlay_entry *entry;
	enum capsule_status status = overlay_index_set(
		&overlay->index, span_text(work->relative), OVERLAY_DELETED, base, &entry, err);

	if (status != CAPSULE_OK)
		return status;
	overlay->bytes -= entry->size;
	entry->size = 0;
	(void)remove_upper(overlay, work->relative);
	return CAPSULE_OK;
}

enum capsule_status overlay_unlink(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	struct overlay_look look;
	struct overlay_base base;
	enum capsule_status status = CAPSULE_OK;
	int empty = 1;

	errno = check_path(work->relative);
	if (errno != 0)
		return work->relative[0] == '\0' ? vfs_refuse_root(err) : overlay_fail(work, err);
	if (overlay_look(overlay, work->relative, &look) != 0 && !look.link)
		return overlay_fail(work, err);
	if (S_ISDIR(look.stat.st_mode))
		empty = overlay_is_empty(overlay, work->relative);
	if (empty == 0)
		errno = ENOTEMPTY;
	if (empty != 1 || find_base(overlay, work->relative, &look, &base) != 0)
		return overlay_fail(work, err);
	if (look.own && look.entry->base.below == OVERLAY_BELOW_NONE && base.below == OVERLAY_BELOW_NONE)
		return overlay_forget(overlay, look.entry, err);
	if (!look.own && base.below == OVERLAY_BELOW_NONE) { /* a folder that is gone below and empty now */
		(void)remove_upper(overlay, work->relative);
		return CAPSULE_OK;
	}
	if (look.entry == NULL)
		status = check_room(overlay, 1, strlen(work->relative), 0, 0, err);
	return status == CAPSULE_OK ? hide(overlay, work, &base, err) : status;
}
