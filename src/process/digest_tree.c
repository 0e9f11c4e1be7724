/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The digest of a folder: one walk down and up, each name handled beside the descriptor of its folder and never
 * followed, so that a tree that changes meanwhile can't lead elsewhere. Nothing is opened before it was seen to be a
 * file or folder, since opening alone can do things to a device; what was opened is looked at again. */
#include "process/digest.h"

#include "base/blake3.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* One folder on the way down. */
struct level {
	int fd;
	char **names; /* in byte order, owned; those before `next` are done */
	size_t count, next;
	size_t path_len; /* of the folder's own path in walk.path */
};

struct walk {
	struct level levels[DIGEST_TREE_DEPTH + 1]; /* the first is the tree itself */
	size_t depth;                               /* levels in use */
	struct buffer path;                         /* of the entry at hand, relative to the tree */
	struct blake3_hasher *hasher;
	uint64_t bytes_left, entries_left;
	const struct digest_bounds *bounds;
	struct capsule_error *err;
};

static enum capsule_status no_memory(struct walk *walk)
{
	return error_set(walk->err, CAPSULE_ENOMEM, "no memory for the digest of a folder");
}

static enum capsule_status failed(struct walk *walk, int cause)
{
	const char *path = buffer_text(&walk->path);

	return error_os(walk->err, cause, "`%.512s`", path == NULL || path[0] == '\0' ? "." : path);
}

static enum capsule_status refused(struct walk *walk, enum capsule_status status, const char *why)
{
	const char *path = buffer_text(&walk->path);

	return error_set(walk->err, status, "`%.512s` %s", path != NULL ? path : "", why);
}

/* ---- Levels ---- */

static void level_fini(struct level *level)
{
	for (size_t i = 0; i < level->count; i++)
		free(level->names[i]);
	free(level->names);
	fd_drop(&level->fd);
	*level = (struct level){ .fd = -1 };
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static bool add_name(struct level *level, size_t *capacity, const char *name)
{
	if (level->count == *capacity) {
		size_t more = *capacity == 0 ? 32 : 2 * *capacity;
		char **names = reallocarray(level->names, more, sizeof *names);

		if (names == NULL)
			return false;
		level->names = names;
		*capacity = more;
	}
	level->names[level->count] = text_copy(span_text(name));
	return level->names[level->count] != NULL && ++level->count > 0;
}

/* The names of the folder behind level->fd, which the tree's bounds allow. */
static enum capsule_status read_names(struct walk *walk, struct level *level)
{
	int fd = openat(level->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	enum capsule_status status = CAPSULE_OK;
	const struct dirent *entry;
	size_t capacity = 0;

	if (stream == NULL) {
		status = failed(walk, errno);
		fd_drop(&fd);
		return status;
	}
	while (status == CAPSULE_OK) {
		errno = 0;
		entry = readdir(stream);
		if (entry == NULL) {
			status = errno == 0 ? CAPSULE_OK : failed(walk, errno);
			break;
		}
		if (is_dots(entry->d_name))
			continue;
		if (walk->entries_left == 0)
			status = error_set(walk->err, CAPSULE_ELIMIT, "the folder has more than %llu entries",
				(unsigned long long)walk->bounds->entries);
		else if (!add_name(level, &capacity, entry->d_name))
			status = no_memory(walk);
		else
			walk->entries_left--;
	}
	(void)closedir(stream);
	if (level->count > 1)
		qsort(level->names, level->count, sizeof *level->names, compare_names);
	return status;
}

/* Go down into the folder behind `fd` (taken), whose path is walk->path. */
static enum capsule_status go_down(struct walk *walk, int fd)
{
	struct level *level = &walk->levels[walk->depth];

	if (walk->depth > walk->bounds->depth) {
		(void)close(fd);
		return refused(walk, CAPSULE_ELIMIT, "lies too deep: there are too many folders in one another");
	}
	*level = (struct level){ .fd = fd, .path_len = walk->path.len };
	walk->depth++;
	return read_names(walk, level);
}

/* ---- Entries ---- */

/* "x <hex> path\0"; `hash` NULL: "d path\0". */
static void add_entry(struct walk *walk, char kind, const uint8_t *hash)
{
	char hex[BLAKE3_HEX];

	blake3_hasher_add(walk->hasher, span_of((const char[]){ kind, ' ' }, 2));
	if (hash != NULL) {
		blake3_hex(hash, hex);
		hex[BLAKE3_HEX - 1] = ' ';
		blake3_hasher_add(walk->hasher, span_of(hex, sizeof hex));
	}
	blake3_hasher_add(walk->hasher, buffer_span(&walk->path));
	blake3_hasher_add(walk->hasher, span_of("", 1));
}

static enum capsule_status add_link(struct walk *walk, int dir, const char *name)
{
	char target[PATH_MAX + 1];
	uint8_t hash[BLAKE3_SIZE];
	ssize_t len = readlinkat(dir, name, target, sizeof target);

	if (len < 0)
		return failed(walk, errno);
	if ((size_t)len >= sizeof target)
		return refused(walk, CAPSULE_ELIMIT, "is a link with too long a text");
	blake3_bytes(span_of(target, (size_t)len), hash);
	add_entry(walk, 'l', hash);
	return CAPSULE_OK;
}

static enum capsule_status add_file(struct walk *walk, int dir, const char *name)
{
	HOLD(fd_drop) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	uint8_t hash[BLAKE3_SIZE];
	struct stat info;
	int64_t len;

	if (fd < 0 || fstat(fd, &info) != 0)
		return failed(walk, errno);
	if (!S_ISREG(info.st_mode))
		return refused(walk, CAPSULE_EIO, "changed while the folder was read");
	len = blake3_file(fd, walk->bytes_left, hash);
	if (len < 0 && errno == EFBIG)
		return error_set(walk->err, CAPSULE_ELIMIT, "the folder's files have more than %llu bytes",
			(unsigned long long)walk->bounds->bytes);
	if (len < 0)
		return failed(walk, errno);
	walk->bytes_left -= (uint64_t)len;
	add_entry(walk, (info.st_mode & S_IXUSR) != 0 ? 'x' : 'f', hash);
	return CAPSULE_OK;
}

static enum capsule_status add_folder(struct walk *walk, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return failed(walk, errno);
	add_entry(walk, 'd', NULL);
	return go_down(walk, fd);
}

static enum capsule_status add_name_of(struct walk *walk, int dir, const char *name)
{
	struct stat info;

	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
		return failed(walk, errno);
	if (S_ISLNK(info.st_mode))
		return add_link(walk, dir, name);
	if (S_ISREG(info.st_mode))
		return add_file(walk, dir, name);
	if (S_ISDIR(info.st_mode))
		return add_folder(walk, dir, name);
	return refused(walk, CAPSULE_EINVAL, "is no file, folder or link: such things have no digest");
}

static enum capsule_status walk_tree(struct walk *walk, int fd)
{
	int top = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum capsule_status status = top >= 0 ? go_down(walk, top) : failed(walk, errno);

	while (status == CAPSULE_OK && walk->depth > 0) {
		struct level *level = &walk->levels[walk->depth - 1];
		const char *name;

		walk->path.len = level->path_len;
		if (level->next == level->count) {
			level_fini(level);
			walk->depth--;
			continue;
		}
		name = level->names[level->next++];
		if ((level->path_len > 0 && !buffer_append_byte(&walk->path, '/')) ||
			!buffer_append_text(&walk->path, name))
			return no_memory(walk);
		status = add_name_of(walk, level->fd, name);
	}
	return status;
}

enum capsule_status digest_tree(
	char out[DIGEST_TEXT], int fd, const struct digest_bounds *bounds, struct capsule_error *err)
{
	static const struct digest_bounds largest = { DIGEST_TREE_MAX, DIGEST_TREE_ENTRIES, DIGEST_TREE_DEPTH };
	struct walk walk = { .bounds = bounds != NULL ? bounds : &largest, .err = err };
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX];
	enum capsule_status status;

	walk.hasher = blake3_hasher_new();
	walk.bytes_left = walk.bounds->bytes;
	walk.entries_left = walk.bounds->entries;
	status = walk_tree(&walk, fd);
	blake3_hasher_finish(walk.hasher, hash);
	while (walk.depth > 0)
		level_fini(&walk.levels[--walk.depth]);
	blake3_hasher_free(walk.hasher);
	buffer_fini(&walk.path);
	if (status != CAPSULE_OK)
		return status;
	blake3_hex(hash, hex);
	(void)snprintf(out, DIGEST_TEXT, "%s%s", digest_prefix(DIGEST_TREE), hex);
	return CAPSULE_OK;
}
