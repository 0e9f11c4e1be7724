/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Walking over the cache folder, and keeping it within its size. */
#include "engine/wasm/cache_trim.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/wasm/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DRAFT_OLD_NS (3600 * NS_PER_S)
#define ENTRIES_MAX 65536 /* weighed in one go; a folder with more is brought down over several */

static bool is_entry(const char *name)
{
	return strspn(name, "0123456789abcdef") == 2 * (size_t)ARTEFACT_KEY &&
		strcmp(name + 2 * (size_t)ARTEFACT_KEY, CACHE_SUFFIX) == 0;
}

static int64_t stamp_ns(const struct timespec *stamp)
{
	return (int64_t)stamp->tv_sec * NS_PER_S + stamp->tv_nsec;
}

static bool visit_file(
	int dir_fd, const char *name, bool (*visit)(void *user, const struct cache_file *file), void *user)
{
	struct cache_file file = { .name = name, .draft = strncmp(name, CACHE_DRAFT, sizeof CACHE_DRAFT - 1) == 0 };
	struct stat info;

	if ((!file.draft && !is_entry(name)) || fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
		S_ISDIR(info.st_mode))
		return true;
	file.bytes = (uint64_t)info.st_size;
	file.used_ns = file.draft ? stamp_ns(&info.st_mtim) : stamp_ns(&info.st_atim);
	return visit(user, &file);
}

bool cache_walk(int dir_fd, bool (*visit)(void *user, const struct cache_file *file), void *user)
{
	HOLD(fd_drop) int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;

	if (folder == NULL)
		return false;
	(void)fd_give(&own);
	do {
		errno = 0;
		entry = readdir(folder);
	} while (entry != NULL && visit_file(dir_fd, entry->d_name, visit, user));
	own = errno; /* kept over closedir() */
	(void)closedir(folder);
	errno = own;
	own = -1;
	return entry != NULL || errno == 0;
}

struct weighed {
	char name[CACHE_NAME];
	uint64_t bytes;
	int64_t used_ns;
};

struct weighing {
	int dir_fd;
	const char *keep;
	int64_t now_ns;
	uint64_t total;
	struct weighed *items;
	size_t count, capacity;
};

static bool weigh(void *user, const struct cache_file *file)
{
	struct weighing *weighing = user;

	if (file->draft) {
		if (weighing->now_ns - file->used_ns > DRAFT_OLD_NS)
			(void)unlinkat(weighing->dir_fd, file->name, 0);
		return true;
	}
	weighing->total += file->bytes;
	if (strcmp(file->name, weighing->keep) == 0)
		return true;
	if (weighing->count == weighing->capacity) {
		size_t capacity = weighing->capacity == 0 ? 64 : 2 * weighing->capacity;
		struct weighed *items = realloc(weighing->items, capacity * sizeof *items);

		if (items == NULL)
			return false;
		weighing->items = items;
		weighing->capacity = capacity;
	}
	memcpy(weighing->items[weighing->count].name, file->name, CACHE_NAME);
	weighing->items[weighing->count].bytes = file->bytes;
	weighing->items[weighing->count].used_ns = file->used_ns;
	return ++weighing->count < ENTRIES_MAX;
}

static int older_first(const void *a, const void *b)
{
	int64_t left = ((const struct weighed *)a)->used_ns, right = ((const struct weighed *)b)->used_ns;

	return (left > right) - (left < right);
}

void cache_trim(int dir_fd, uint64_t limit, const char *keep)
{
	struct weighing weighing = { .dir_fd = dir_fd, .keep = keep, .now_ns = clock_realtime_ns(&clock_system) };

	(void)cache_walk(dir_fd, weigh, &weighing);
	if (weighing.total > limit && weighing.count > 0)
		qsort(weighing.items, weighing.count, sizeof *weighing.items, older_first);
	for (size_t i = 0; i < weighing.count && weighing.total > limit; i++)
		if (unlinkat(dir_fd, weighing.items[i].name, 0) == 0)
			weighing.total -= weighing.items[i].bytes;
	free(weighing.items);
}
