/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "life/folder_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PATHS 16
#define WALK_FDS 16

void folder_make(struct folder *folder)
{
	(void)snprintf(folder->path, sizeof folder->path, "/tmp/capsule-life-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

void folder_remove(struct folder *folder)
{
	assert_int_equal(nftw(folder->path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS), 0);
}

const char *folder_path(const struct folder *folder, const char *name)
{
	static char paths[PATHS][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % PATHS];

	assert_in_range(snprintf(path, PATH_MAX, "%s/%s", folder->path, name), 1, PATH_MAX - 1);
	return path;
}

static void make_above(const struct folder *folder, const char *path)
{
	char above[PATH_MAX];

	(void)snprintf(above, sizeof above, "%s", path);
	for (char *at = above + strlen(folder->path) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		assert_true(mkdir(above, 0700) == 0 || errno == EEXIST);
		*at = '/';
	}
}

void folder_add(const struct folder *folder, const char *name)
{
	const char *path = folder_path(folder, name);

	make_above(folder, path);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
}

void folder_write(const struct folder *folder, const char *name, const char *text)
{
	const char *path = folder_path(folder, name);
	FILE *file;

	make_above(folder, path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void folder_capsule(const struct folder *folder, const char *name, const char *id, const char *more)
{
	char path[PATH_MAX];
	char *text = NULL;

	(void)snprintf(path, sizeof path, "%s%sCapsule.toml", name, name[0] != '\0' ? "/" : "");
	assert_true(asprintf(&text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n%s", id, more) > 0);
	folder_write(folder, path, text);
	free(text);
}

void folder_link(const struct folder *folder, const char *target, const char *name)
{
	const char *path = folder_path(folder, name);

	make_above(folder, path);
	assert_int_equal(symlink(target, path), 0);
}
