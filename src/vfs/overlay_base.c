/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What stood below a change when it was made, and whether it still does. */
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#define NS 1000000000ll
#define SETTLED_NS (2 * NS) /* the coarsest time stamps of file systems */

static int64_t mtime_of(const struct stat *info)
{
	return info->st_mtim.tv_sec * NS + info->st_mtim.tv_nsec;
}

/* A time that another write right now would leave as it is tells nothing. */
static int64_t mtime_settled(const struct stat *info)
{
	struct timespec now;
	int64_t mtime = mtime_of(info);

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || mtime > now.tv_sec * NS + now.tv_nsec - SETTLED_NS)
		return OVERLAY_TIME_UNKNOWN;
	return mtime;
}

int overlay_hash(const struct tree *tree, const char *relative, uint8_t hash[BLAKE3_SIZE])
{
	HOLD(fd_drop) int fd = tree_openat(tree, relative, O_RDONLY, 0);

	return fd >= 0 && blake3_file(fd, INT64_MAX, hash) >= 0 ? 0 : -1;
}

/* lstat in the folder below, where a way through a file means that nothing is there. */
static int stat_below(const struct tree *lower, const char *relative, struct stat *info)
{
	if (tree_stat(lower, relative, info) == 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return -1;
	*info = (struct stat){ .st_ino = 0 };
	return 0;
}

static enum overlay_below below_of(const struct stat *info)
{
	if (info->st_ino == 0)
		return OVERLAY_BELOW_NONE;
	if (S_ISREG(info->st_mode))
		return OVERLAY_BELOW_FILE;
	return S_ISDIR(info->st_mode) ? OVERLAY_BELOW_FOLDER : OVERLAY_BELOW_OTHER;
}

int overlay_base_look(const struct tree *lower, const char *relative, struct overlay_base *base)
{
	struct stat info;

	*base = (struct overlay_base){ .below = OVERLAY_BELOW_NONE };
	if (stat_below(lower, relative, &info) != 0)
		return -1;
	base->below = below_of(&info);
	return 0;
}

int overlay_base_take(const struct tree *lower, const char *relative, struct overlay_base *base)
{
	HOLD(fd_drop) int fd = -1;
	struct stat info;

	*base = (struct overlay_base){ .below = OVERLAY_BELOW_NONE };
	if (stat_below(lower, relative, &info) != 0)
		return -1;
	if (info.st_ino == 0)
		return 0;
	if (S_ISREG(info.st_mode)) {
		fd = tree_openat(lower, relative, O_RDONLY, 0);
		if (fd < 0 || fstat(fd, &info) != 0)
			return -1;
		base->mtime_ns = mtime_settled(&info);
		if (blake3_file(fd, INT64_MAX, base->hash) < 0)
			return -1;
		base->below = OVERLAY_BELOW_FILE;
	} else {
		base->below = below_of(&info);
		base->mtime_ns = mtime_of(&info);
	}
	base->size = (uint64_t)info.st_size;
	base->inode = info.st_ino;
	return 0;
}

/* Whether the regular file that `now` tells of is the one of the base. Returns 1, 0 or -1. */
static int same_file(const struct overlay *overlay, const struct overlay_entry *entry, const struct stat *now)
{
	const struct overlay_base *base = &entry->base;
	uint8_t hash[BLAKE3_SIZE];

	if (base->below != OVERLAY_BELOW_FILE || (uint64_t)now->st_size != base->size)
		return 0;
	if (base->mtime_ns != OVERLAY_TIME_UNKNOWN && base->mtime_ns == mtime_of(now) && base->inode == now->st_ino)
		return 1;
	if (overlay_hash(overlay->lower, entry->path, hash) != 0)
		return -1;
	return memcmp(hash, base->hash, sizeof hash) == 0;
}

/* Whether the regular file that `now` tells of has the bytes of the one in upper. Returns 1, 0 or -1. */
static int equals_upper(const struct overlay *overlay, const struct overlay_entry *entry, const struct stat *now)
{
	uint8_t below[BLAKE3_SIZE], above[BLAKE3_SIZE];

	if (entry->kind != OVERLAY_FILE || (uint64_t)now->st_size != entry->size)
		return 0;
	if (overlay_hash(overlay->lower, entry->path, below) != 0 ||
		overlay_hash(&overlay->upper, entry->path, above) != 0)
		return -1;
	return memcmp(below, above, sizeof below) == 0;
}

static enum overlay_verdict judge_absent(const struct overlay_entry *entry)
{
	if (entry->kind == OVERLAY_DELETED)
		return OVERLAY_DONE;
	/* A file that was changed here and removed there is a conflict; one in the place of a folder, or of nothing, is
	 * none. */
	if (entry->kind == OVERLAY_FILE && entry->base.below != OVERLAY_BELOW_NONE &&
		entry->base.below != OVERLAY_BELOW_FOLDER)
		return OVERLAY_CHANGED;
	return OVERLAY_SAME;
}

static int judge_file(const struct overlay *overlay, const struct overlay_entry *entry, const struct stat *now,
	enum overlay_verdict *out)
{
	int same = same_file(overlay, entry, now), done = 0;

	if (same == 0)
		done = equals_upper(overlay, entry, now);
	if (same < 0 || done < 0)
		return -1;
	*out = same == 1 ? OVERLAY_SAME : done == 1 ? OVERLAY_DONE : OVERLAY_CHANGED;
	return 0;
}

int overlay_judge(
	const struct overlay *overlay, const struct overlay_entry *entry, struct stat *now, enum overlay_verdict *out)
{
	const struct overlay_base *base = &entry->base;

	if (stat_below(overlay->lower, entry->path, now) != 0) {
		*now = (struct stat){ .st_ino = 0 };
		*out = OVERLAY_CHANGED; /* a link on the way */
		return errno == ELOOP ? 0 : -1;
	}
	if (now->st_ino == 0)
		*out = judge_absent(entry);
	else if (S_ISREG(now->st_mode))
		return judge_file(overlay, entry, now, out);
	else if (S_ISDIR(now->st_mode))
		*out = entry->kind == OVERLAY_FOLDER          ? OVERLAY_DONE
			: base->below == OVERLAY_BELOW_FOLDER ? OVERLAY_SAME
							      : OVERLAY_CHANGED;
	else
		*out = base->below == OVERLAY_BELOW_OTHER && base->inode == now->st_ino ? OVERLAY_SAME
											: OVERLAY_CHANGED;
	return 0;
}
