/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "life/listing.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#define BACKUP ".bak"

DEFINE_DROP(dir_drop, DIR *, closedir)

void listing_fini(struct listing *listing)
{
	buffer_fini(&listing->text);
	free(listing->names);
	*listing = (struct listing){ 0 };
}

/* Not every file system tells what an entry is; what can't be a folder shows when something is opened in it. */
static bool may_be_capsule(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	if (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
		return false;
	if (entry->d_name[0] == '.')
		return false;
	return len < strlen(BACKUP) || strcmp(entry->d_name + len - strlen(BACKUP), BACKUP) != 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every entry counts, so that a folder without end ends here too. */
static int read_names(struct listing *out, DIR *dir)
{
	for (size_t entries = 0;; entries++) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			return errno;
		if (entries >= LIMIT_DIRECTORY_ENTRIES)
			return EOVERFLOW;
		if (!may_be_capsule(entry))
			continue;
		if (!buffer_append(&out->text, entry->d_name, strlen(entry->d_name) + 1))
			return ENOMEM;
		out->count++;
	}
}

static int sort_names(struct listing *out)
{
	const char *at = (const char *)out->text.data;

	if (out->count == 0)
		return 0;
	out->names = calloc(out->count, sizeof *out->names);
	if (out->names == NULL)
		return ENOMEM;
	for (size_t i = 0; i < out->count; i++) {
		out->names[i] = at;
		at += strlen(at) + 1;
	}
	qsort(out->names, out->count, sizeof *out->names, compare_names);
	return 0;
}

int listing_read(struct listing *out, int fd)
{
	HOLD(fd_drop) int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	HOLD(dir_drop) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int status;

	if (dir == NULL)
		return errno;
	(void)fd_give(&copy); /* closed with `dir` */
	status = read_names(out, dir);
	if (status == 0)
		status = sort_names(out);
	if (status != 0)
		listing_fini(out);
	return status;
}
