/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/place_fixture.h"

#include <fcntl.h>
#include <ftw.h>

int place_set_up(void **state)
{
	struct place_fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	(void)snprintf(fixture->root, sizeof fixture->root, "/tmp/capsule-place-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	(void)snprintf(fixture->capsule, sizeof fixture->capsule, "%s/capsule", fixture->root);
	assert_int_equal(mkdir(fixture->capsule, 0700), 0);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

int place_tear_down(void **state)
{
	struct place_fixture *fixture = *state;

	assert_int_equal(nftw(fixture->root, remove_one, 32, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture);
	return 0;
}

const char *place_path(const struct place_fixture *fixture, const char *name)
{
	static char paths[8][4096];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof paths[0], "%s/%s", fixture->root, name);
	return path;
}

void place_write(const struct place_fixture *fixture, const char *name, const char *text, mode_t mode)
{
	const char *path = place_path(fixture, name);
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

void place_folder(const struct place_fixture *fixture, const char *name)
{
	assert_int_equal(mkdir(place_path(fixture, name), 0700), 0);
}

void place_link(const struct place_fixture *fixture, const char *name, const char *target)
{
	(void)unlink(place_path(fixture, name));
	assert_int_equal(symlink(target, place_path(fixture, name)), 0);
}

void place_fifo(const struct place_fixture *fixture, const char *name)
{
	(void)unlink(place_path(fixture, name));
	assert_int_equal(mkfifo(place_path(fixture, name), 0700), 0);
}

void place_remove(const struct place_fixture *fixture, const char *name)
{
	assert_int_equal(remove(place_path(fixture, name)), 0);
}

void place_move(const struct place_fixture *fixture, const char *from, const char *to)
{
	assert_int_equal(rename(place_path(fixture, from), place_path(fixture, to)), 0);
}

void place_assert_error(const struct place_fixture *fixture, const char *part)
{
	if (strstr(fixture->err.text, part) == NULL)
		fail_msg("`%s` is not in: %s", part, fixture->err.text);
}
