/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of files: a folder `root` that nothing may leave, and a folder `outside` beside it with a secret. */
#ifndef VFS_VFS_FIXTURE_H
#define VFS_VFS_FIXTURE_H

#include "base/cleanup.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "vfs/vfs.h"
#include "vfs/work.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "outside of everything"

struct place {
	char base[64];
	char root[80], outside[80];
	struct tree tree;
	struct loop *loop;
	struct vfs *vfs;
};

/* `<base>/<name>`, one of eight that are used in turn. */
static inline const char *in(const struct place *place, const char *name)
{
	static char paths[8][LIMIT_PATH + 128];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof paths[0], "%s/%s", place->base, name);
	return path;
}

static inline void put(const struct place *place, const char *name, const char *text)
{
	FILE *file = fopen(in(place, name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void folder(const struct place *place, const char *name)
{
	assert_int_equal(mkdir(in(place, name), 0777), 0);
}

static inline void link_to(const struct place *place, const char *name, const char *target)
{
	assert_int_equal(symlink(target, in(place, name)), 0);
}

static inline bool is_there(const struct place *place, const char *name)
{
	struct stat seen;

	return lstat(in(place, name), &seen) == 0;
}

/* The file must be there and hold this. */
static inline void expect_file(const struct place *place, const char *name, const char *text)
{
	char buffer[256] = { 0 };
	FILE *file = fopen(in(place, name), "re");

	assert_non_null(file);
	assert_int_equal(fread(buffer, 1, sizeof buffer - 1, file), strlen(text));
	(void)fclose(file);
	assert_string_equal(buffer, text);
}

static inline int remove_one(const char *path, const struct stat *seen, int kind, struct FTW *place)
{
	(void)seen;
	(void)kind;
	(void)place;
	return remove(path);
}

static inline void remove_all(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int place_new(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	const char *tmp = getenv("TMPDIR");

	assert_non_null(place);
	if (tmp == NULL || strlen(tmp) > 32)
		tmp = "/tmp";
	(void)snprintf(place->base, sizeof place->base, "%s/vfs-test-XXXXXX", tmp);
	assert_non_null(mkdtemp(place->base));
	(void)snprintf(place->root, sizeof place->root, "%s/root", place->base);
	(void)snprintf(place->outside, sizeof place->outside, "%s/outside", place->base);
	folder(place, "root");
	folder(place, "outside");
	put(place, "outside/secret", SECRET);
	place->tree.fd = -1;
	*state = place;
	return 0;
}

static inline int place_free(void **state)
{
	struct place *place = *state;

	tree_close(&place->tree);
	vfs_close(place->vfs);
	loop_free(place->loop);
	remove_all(place->base);
	assert_false(is_there(place, ""));
	free(place);
	return 0;
}

/* With the folder opened as a tree, in the way that the kernel allows. */
static inline int place_tree(void **state)
{
	struct place *place;

	place_new(state);
	place = *state;
	assert_int_equal(tree_open(&place->tree, place->root), 0);
	return 0;
}

/* With the folder opened as a tree that goes from component to component. */
static inline int place_walk(void **state)
{
	struct place *place;

	place_tree(state);
	place = *state;
	place->tree.walk = true;
	return 0;
}

/* With the folder opened for requests, without an overlay. */
static inline int place_direct(void **state)
{
	struct capsule_error error = { 0 };
	struct place *place;

	place_new(state);
	place = *state;
	assert_int_equal(loop_new(&place->loop, &clock_system, NULL), CAPSULE_OK);
	assert_int_equal(vfs_open_direct(&place->vfs, place->loop, place->root, true, &error), CAPSULE_OK);
	return 0;
}

#endif
