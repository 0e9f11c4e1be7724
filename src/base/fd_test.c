/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading to the end: all of it, and what is said when it is too much. */
#include "base/fd.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SIZE 100000u /* more than is read at once */

struct fixture {
	int fd;
	struct buffer out;
	uint8_t bytes[SIZE];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	for (size_t i = 0; i < SIZE; i++)
		fixture->bytes[i] = (uint8_t)(i * 7 + i / 256);
	fixture->fd = memfd_create("fd_test", MFD_CLOEXEC);
	assert_true(fixture->fd >= 0);
	assert_int_equal(fd_write_all(fixture->fd, span_of(fixture->bytes, SIZE)), 0);
	assert_int_equal(lseek(fixture->fd, 0, SEEK_SET), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fd_drop(&fixture->fd);
	buffer_fini(&fixture->out);
	free(fixture);
	return 0;
}

static void all_is_read_behind_what_is_there(void **state)
{
	struct fixture *fixture = *state;

	assert_true(buffer_append_text(&fixture->out, "ab"));
	assert_int_equal(fd_read_all(fixture->fd, SIZE, &fixture->out), 0);
	assert_int_equal(fixture->out.len, SIZE + 2);
	assert_memory_equal(fixture->out.data, "ab", 2);
	assert_memory_equal(fixture->out.data + 2, fixture->bytes, SIZE);
	assert_int_equal(fd_read_all(fixture->fd, 0, &fixture->out), 0); /* nothing is left */
	assert_int_equal(fixture->out.len, SIZE + 2);
}

static void more_than_the_limit_is_told(void **state)
{
	struct fixture *fixture = *state;

	errno = 0;
	assert_int_equal(fd_read_all(fixture->fd, SIZE - 1, &fixture->out), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(fixture->out.len, SIZE);
	assert_false(fixture->out.failed);
}

static void more_than_the_buffer_may_hold_is_told(void **state)
{
	struct fixture *fixture = *state;

	fixture->out.limit = SIZE + 1;
	assert_int_equal(fd_read_all(fixture->fd, SIZE, &fixture->out), 0);
	buffer_fini(&fixture->out);
	fixture->out.limit = SIZE - 1;
	assert_int_equal(lseek(fixture->fd, 0, SEEK_SET), 0);
	errno = 0;
	assert_int_equal(fd_read_all(fixture->fd, SIZE, &fixture->out), -1);
	assert_int_equal(errno, EFBIG);
	assert_true(fixture->out.failed);
	assert_false(fixture->out.starved);
}

static void what_can_not_be_read_is_told(void **state)
{
	struct fixture *fixture = *state;
	HOLD(fd_drop) int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(folder >= 0);
	assert_int_equal(fd_read_all(folder, SIZE, &fixture->out), -1);
	assert_int_equal(errno, EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_read_behind_what_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_the_limit_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_the_buffer_may_hold_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_can_not_be_read_is_told, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
