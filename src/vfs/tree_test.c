/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is below a folder, found in either way: everything is there, and nothing else is. */
#include "vfs/vfs_fixture.h"

#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

#define FAILS(wanted, call)                                                                                            \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		assert_int_equal((call), -1);                                                                          \
		assert_int_equal(errno, (wanted));                                                                     \
	} while (0)

static int read_file(const struct tree *tree, const char *relative, uint64_t limit, struct buffer *out)
{
	uint64_t size = 0;

	buffer_clear(out);
	return tree_read(tree, relative, limit, out, &size);
}

static void expect_read(const struct place *place, const char *relative, const char *text)
{
	HOLD(buffer_fini) struct buffer bytes = { 0 };

	assert_int_equal(read_file(&place->tree, relative, 1000, &bytes), 0);
	assert_string_equal(buffer_text(&bytes), text);
}

/* Everything that can be done to `relative` must fail with `wanted`; STAT and UNLINK only when it is not the last
 * component. */
static void expect_all_fail(const struct place *place, const char *relative, int wanted, bool last)
{
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	const struct tree *tree = &place->tree;
	struct stat seen;

	FAILS(wanted, read_file(tree, relative, 1000, &bytes));
	FAILS(wanted, tree_write(tree, relative, span_text("x")));
	FAILS(wanted, tree_list(tree, relative, &bytes));
	FAILS(wanted, tree_mkdirs(tree, relative, NULL));
	FAILS(wanted, tree_openat(tree, relative, O_RDONLY, 0));
	FAILS(wanted, tree_openat(tree, relative, O_WRONLY | O_CREAT | O_TRUNC, 0666));
	FAILS(wanted, tree_openat(tree, relative, O_PATH | O_DIRECTORY, 0));
	assert_int_equal(bytes.len, 0);
	if (last)
		return;
	FAILS(wanted, tree_stat(tree, relative, &seen));
	FAILS(wanted, tree_unlink(tree, relative));
	FAILS(wanted, tree_openat(tree, relative, O_PATH, 0));
}

static void files_are_written_read_and_seen(void **state)
{
	const struct place *place = *state;
	struct stat seen;
	size_t made = 9;

	assert_int_equal(tree_mkdirs(&place->tree, "a/b", &made), 0);
	assert_int_equal(made, 2);
	assert_int_equal(tree_mkdirs(&place->tree, "a/b/c", &made), 0);
	assert_int_equal(made, 1);
	assert_int_equal(tree_mkdirs(&place->tree, "a/b/c", &made), 0);
	assert_int_equal(made, 0);
	assert_int_equal(tree_mkdirs(&place->tree, "", NULL), 0);
	assert_int_equal(tree_write(&place->tree, "a/b/f", span_text("one")), 0);
	assert_int_equal(tree_write(&place->tree, "top", span_text("")), 0);
	expect_read(place, "a/b/f", "one");
	expect_read(place, "top", "");
	expect_file(place, "root/a/b/f", "one");
	assert_int_equal(tree_stat(&place->tree, "a/b/f", &seen), 0);
	assert_true(S_ISREG(seen.st_mode) && seen.st_size == 3);
	assert_int_equal(tree_stat(&place->tree, "", &seen), 0);
	assert_true(S_ISDIR(seen.st_mode));
}

static void what_is_missing_or_in_the_way_is_told(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer bytes = { 0 };

	put(place, "root/f", "file");
	FAILS(ENOENT, read_file(&place->tree, "nosuch", 9, &bytes));
	FAILS(ENOENT, read_file(&place->tree, "nosuch/f", 9, &bytes));
	FAILS(ENOENT, tree_write(&place->tree, "nosuch/f", span_text("x")));
	FAILS(ENOENT, tree_list(&place->tree, "nosuch", &bytes));
	FAILS(ENOENT, tree_unlink(&place->tree, "nosuch"));
	FAILS(ENOTDIR, read_file(&place->tree, "f/x", 9, &bytes));
	FAILS(ENOTDIR, tree_list(&place->tree, "f", &bytes));
	FAILS(ENOTDIR, tree_mkdirs(&place->tree, "f", NULL));
	FAILS(ENOTDIR, tree_mkdirs(&place->tree, "f/x", NULL));
	FAILS(EISDIR, read_file(&place->tree, "", 9, &bytes));
	FAILS(EISDIR, tree_write(&place->tree, "", span_text("x")));
	folder(place, "root/d");
	FAILS(EISDIR, read_file(&place->tree, "d", 9, &bytes));
	FAILS(EISDIR, tree_write(&place->tree, "d", span_text("x")));
	FAILS(EISDIR, tree_openat(&place->tree, "", O_RDONLY, 0));
}

static void paths_that_are_not_canonical_are_refused(void **state)
{
	static const char *const paths[] = { "..", ".", "/", "/a", "a/", "a//b", "./a", "a/.", "../outside/secret",
		"a/../../outside/secret", "a/..", "//" };
	const struct place *place = *state;

	folder(place, "root/a");
	put(place, "root/a/b", "b");
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		expect_all_fail(place, paths[i], EINVAL, false);
	assert_int_equal(tree_mkdirs(&place->tree, "..a/.b/...", NULL), 0); /* names like any other */
}

static void links_are_never_followed(void **state)
{
	static const char *const last[] = { "in", "out", "up", "dangling", "loop", "d/in", "magic", "process" };
	static const char *const on_the_way[] = { "dir/f", "out/secret", "up/secret", "dangling/f", "loop/f",
		"magic/tmp", "d/dir/f", "process/status", "dir/new" };
	const struct place *place = *state;
	char magic[64];

	folder(place, "root/d");
	put(place, "root/d/f", "f");
	link_to(place, "root/in", "d/f");
	link_to(place, "root/dir", "d");
	link_to(place, "root/d/in", "f");
	link_to(place, "root/d/dir", ".");
	link_to(place, "root/out", place->outside);
	link_to(place, "root/up", "../outside");
	link_to(place, "root/dangling", "nothing");
	link_to(place, "root/loop", "loop");
	(void)snprintf(magic, sizeof magic, "/proc/self/fd/%d", place->tree.fd);
	link_to(place, "root/magic", magic);
	link_to(place, "root/process", "/proc/self");
	for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
		expect_all_fail(place, last[i], ELOOP, true);
	for (size_t i = 0; i < sizeof on_the_way / sizeof on_the_way[0]; i++)
		expect_all_fail(place, on_the_way[i], ELOOP, false);
	assert_false(is_there(place, "root/nothing"));
	expect_file(place, "root/d/f", "f");
	expect_file(place, "outside/secret", SECRET);
}

static void the_process_file_system_does_not_lead_out(void **state)
{
	HOLD(tree_close) struct tree tree;
	const struct place *place = *state;
	struct stat seen;

	assert_int_equal(tree_open(&tree, "/proc/self"), 0);
	tree.walk = place->tree.walk;
	FAILS(ELOOP, tree_stat(&tree, "root/tmp", &seen));
	FAILS(ELOOP, tree_stat(&tree, "cwd/x", &seen));
	FAILS(ELOOP, tree_openat(&tree, "exe", O_RDONLY, 0));
	FAILS(ELOOP, tree_openat(&tree, "fd/0", O_RDONLY, 0));
}

static void other_mounts_below_the_folder_belong_to_it(void **state)
{
	HOLD(tree_close) struct tree tree;
	const struct place *place = *state;
	struct stat seen;

	assert_int_equal(tree_open(&tree, "/"), 0);
	tree.walk = place->tree.walk;
	assert_int_equal(tree_stat(&tree, "proc/version", &seen), 0);
	FAILS(ELOOP, tree_stat(&tree, "proc/self/status", &seen));
}

/* mv:183. The least of some attempts, since the machine may be busy. */
static void a_fifo_is_refused_at_once_and_not_opened(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	HOLD(fd_drop) int reader = -1;
	struct pollfd poll_for = { .events = POLLIN };
	int64_t least = INT64_MAX;

	assert_int_equal(mkfifo(in(place, "root/fifo"), 0666), 0);
	for (int i = 0; i < 5; i++) {
		int64_t begun = clock_monotonic_ns(&clock_system), took;

		FAILS(ENOTSUP, read_file(&place->tree, "fifo", 9, &bytes));
		FAILS(ENOTSUP, tree_write(&place->tree, "fifo", span_text("x")));
		took = clock_monotonic_ns(&clock_system) - begun;
		least = took < least ? took : least;
	}
	assert_true(least < 100 * NS_PER_MS);
	reader = open(in(place, "root/fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	FAILS(ENOTSUP, tree_write(&place->tree, "fifo", span_text("x")));
	poll_for.fd = reader;
	assert_int_equal(poll(&poll_for, 1, 0), 0); /* a writer that came and went would be told */
	assert_int_equal(tree_unlink(&place->tree, "fifo"), 0);
}

static void sockets_and_devices_are_refused(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	HOLD(fd_drop) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	HOLD(tree_close) struct tree devices;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", place->root);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	FAILS(ENOTSUP, read_file(&place->tree, "socket", 9, &bytes));
	FAILS(ENOTSUP, tree_write(&place->tree, "socket", span_text("x")));
	assert_int_equal(tree_open(&devices, "/dev"), 0);
	devices.walk = place->tree.walk;
	FAILS(ENOTSUP, read_file(&devices, "zero", 9, &bytes));
	FAILS(ENOTSUP, tree_write(&devices, "null", span_text("x")));
	assert_int_equal(bytes.len, 0);
}

/* mv:175, of a folder's own ways. */
static void what_is_removed_is_the_name_itself(void **state)
{
	const struct place *place = *state;

	folder(place, "root/d");
	put(place, "root/d/f", "f");
	link_to(place, "root/l", "d");
	link_to(place, "root/o", "../outside/secret");
	FAILS(ENOTEMPTY, tree_unlink(&place->tree, "d"));
	assert_int_equal(tree_unlink(&place->tree, "l"), 0);
	assert_int_equal(tree_unlink(&place->tree, "o"), 0);
	expect_file(place, "root/d/f", "f");
	expect_file(place, "outside/secret", SECRET);
	assert_int_equal(tree_unlink(&place->tree, "d/f"), 0);
	assert_int_equal(tree_unlink(&place->tree, "d"), 0);
	assert_false(is_there(place, "root/d"));
	FAILS(EINVAL, tree_unlink(&place->tree, ""));
}

static void a_listing_has_all_names_but_the_dots(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer names = { 0 };

	put(place, "root/one", "");
	link_to(place, "root/two", "nowhere");
	assert_int_equal(tree_list(&place->tree, "", &names), 0);
	assert_int_equal(names.len, 8);
	assert_true(memcmp(names.data, "one\0two", 8) == 0 || memcmp(names.data, "two\0one", 8) == 0);
	names.limit = 10;
	FAILS(ENOMEM, tree_list(&place->tree, "", &names));
}

/* In memory, since that many names take long on a disk. */
static void a_folder_of_too_many_names_is_not_listed(void **state)
{
	char path[] = "/dev/shm/vfs-test-XXXXXX", name[16];
	HOLD(buffer_fini) struct buffer names = { 0 };
	HOLD(tree_close) struct tree tree;
	HOLD(fd_drop) int dir = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < LIMIT_DIRECTORY_ENTRIES; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		assert_int_equal(mknodat(dir, name, S_IFREG | 0600, 0), 0);
	}
	assert_int_equal(tree_open(&tree, path), 0);
	assert_int_equal(tree_list(&tree, "", &names), 0);
	assert_int_equal(mknodat(dir, "more", S_IFREG | 0600, 0), 0);
	FAILS(EFBIG, tree_list(&tree, "", &names));
	remove_all(path);
}

static void a_file_over_the_limit_is_not_read(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	uint64_t size = 0;

	put(place, "root/f", "12345");
	assert_true(buffer_append_text(&bytes, "kept"));
	FAILS(EFBIG, tree_read(&place->tree, "f", 4, &bytes, &size));
	assert_int_equal(size, 5);
	assert_string_equal(buffer_text(&bytes), "kept");
	assert_int_equal(tree_read(&place->tree, "f", 5, &bytes, &size), 0);
	assert_string_equal(buffer_text(&bytes), "kept12345");
	assert_int_equal(size, 5);
	bytes.limit = 12;
	FAILS(EFBIG, tree_read(&place->tree, "f", 5, &bytes, &size));
}

/* Those of the process file system are said to be empty, as one that grows while it is read. */
static void a_file_that_has_more_than_was_said_is_read_to_its_end(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	HOLD(tree_close) struct tree tree;
	uint64_t size = 0;

	assert_int_equal(tree_open(&tree, "/proc"), 0);
	tree.walk = place->tree.walk;
	assert_int_equal(tree_read(&tree, "sys/kernel/ostype", 6, &bytes, &size), 0);
	assert_string_equal(buffer_text(&bytes), "Linux\n");
	FAILS(EFBIG, tree_read(&tree, "sys/kernel/ostype", 5, &bytes, &size));
	assert_int_equal(size, 6);
	assert_string_equal(buffer_text(&bytes), "Linux\n");
}

static void writing_keeps_mode_and_hard_links(void **state)
{
	const struct place *place = *state;
	mode_t before = umask(027);
	struct stat seen;

	put(place, "root/script", "long old text");
	assert_int_equal(chmod(in(place, "root/script"), 0751), 0);
	assert_int_equal(link(in(place, "root/script"), in(place, "root/other")), 0);
	assert_int_equal(tree_write(&place->tree, "script", span_text("new")), 0);
	assert_int_equal(tree_write(&place->tree, "fresh", span_text("new")), 0);
	(void)umask(before);
	expect_file(place, "root/other", "new");
	assert_int_equal(stat(in(place, "root/script"), &seen), 0);
	assert_int_equal(seen.st_mode & 07777, 0751);
	assert_int_equal(stat(in(place, "root/fresh"), &seen), 0);
	assert_int_equal(seen.st_mode & 07777, 0640);
}

static void hard_links_are_files_like_any_other(void **state)
{
	const struct place *place = *state;

	assert_int_equal(link(in(place, "outside/secret"), in(place, "root/mine")), 0);
	expect_read(place, "mine", SECRET);
}

/* More than the whole file system holds, so that it is refused before a byte is read: there are not that many. */
static void without_room_the_old_bytes_are_kept(void **state)
{
	static const char folder_name[] = "/dev/shm/vfs-test-XXXXXX";
	const struct place *place = *state;
	char path[sizeof folder_name];
	HOLD(tree_close) struct tree tree;
	struct span much = span_text("new");
	struct statfs system;
	struct stat seen;

	memcpy(path, folder_name, sizeof path);
	assert_non_null(mkdtemp(path));
	assert_int_equal(statfs(path, &system), 0);
	assert_int_equal(system.f_type, TMPFS_MAGIC);
	much.len = system.f_blocks * (size_t)system.f_bsize + MIB;
	assert_int_equal(tree_open(&tree, path), 0);
	tree.walk = place->tree.walk;
	assert_int_equal(tree_write(&tree, "old", span_text("old")), 0);
	FAILS(ENOSPC, tree_write(&tree, "old", much));
	FAILS(ENOSPC, tree_write(&tree, "new", much));
	FAILS(ENOENT, tree_stat(&tree, "new", &seen));
	assert_int_equal(tree_stat(&tree, "old", &seen), 0);
	assert_int_equal(seen.st_size, 3);
	remove_all(path);
}

static void what_is_made_and_can_not_be_written_is_removed(void **state)
{
	const struct place *place = *state;
	HOLD(free_drop) uint8_t *large = calloc(1, MIB);
	struct rlimit before, small;
	int result, os_errno;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ .rlim_cur = (rlim_t)64 * KIB, .rlim_max = before.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = tree_write(&place->tree, "new", span_of(large, MIB));
	os_errno = errno;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(result, -1);
	assert_int_equal(os_errno, EFBIG);
	assert_false(is_there(place, "root/new"));
}

static void names_and_paths_have_a_length(void **state)
{
	const struct place *place = *state;
	char name[NAME_MAX + 2], path[PATH_MAX + 2];

	memset(name, 'n', sizeof name);
	name[NAME_MAX + 1] = '\0';
	expect_all_fail(place, name, ENAMETOOLONG, false);
	name[NAME_MAX] = '\0';
	assert_int_equal(tree_write(&place->tree, name, span_text("long")), 0);
	expect_read(place, name, "long");
	for (size_t i = 0; i < sizeof path; i++)
		path[i] = i % 2 == 0 ? 'p' : '/';
	path[PATH_MAX + 1] = '\0';
	expect_all_fail(place, path, ENAMETOOLONG, false);
}

static void names_that_look_like_something_else_are_names(void **state)
{
	static const char *const names[] = { "%2e%2e", "..%2foutside", "\xE2\x80\xA4\xE2\x80\xA4", "a\\..\\b", "~",
		"\xEF\xBC\x8E\xEF\xBC\x8E", " ..", ".. ", "C:", "\xC2\xA0", "$HOME" };
	const struct place *place = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_int_equal(tree_write(&place->tree, names[i], span_text("name")), 0);
		expect_read(place, names[i], "name");
		assert_int_equal(tree_unlink(&place->tree, names[i]), 0);
	}
}

static void what_takes_the_place_of_the_folder_is_not_it(void **state)
{
	const struct place *place = *state;

	put(place, "root/f", "here");
	assert_int_equal(rename(place->root, in(place, "moved")), 0);
	link_to(place, "root", "outside");
	expect_read(place, "f", "here");
	remove_all(in(place, "moved"));
	expect_all_fail(place, "secret", ENOENT, false);
}

static void permissions_are_the_kernels_to_judge(void **state)
{
	const struct place *place = *state;
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	bool root = geteuid() == 0;

	folder(place, "root/d");
	put(place, "root/d/f", "f");
	put(place, "root/closed", "f");
	assert_int_equal(chmod(in(place, "root/closed"), 0), 0);
	assert_int_equal(chmod(in(place, "root/d"), 0555), 0);
	assert_int_equal(chmod(place->root, 0755), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	FAILS(EACCES, tree_write(&place->tree, "d/new", span_text("x")));
	FAILS(EACCES, tree_mkdirs(&place->tree, "d/new", NULL));
	FAILS(EACCES, tree_unlink(&place->tree, "d/f"));
	FAILS(EACCES, read_file(&place->tree, "closed", 9, &bytes));
	assert_int_equal(tree_mkdirs(&place->tree, "d", NULL), 0);
	expect_read(place, "d/f", "f");
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(in(place, "root/d"), 0755), 0);
}

static void what_is_no_folder_is_not_opened(void **state)
{
	const struct place *place = *state;
	struct tree tree;

	put(place, "root/f", "");
	FAILS(ENOTDIR, tree_open(&tree, in(place, "root/f")));
	FAILS(ENOENT, tree_open(&tree, in(place, "root/nosuch")));
}

#define BOTH(test)                                                                                                     \
	{ #test " (openat2)", test, place_tree, place_free, NULL },                                                    \
	{                                                                                                              \
#test " (walk)", test, place_walk, place_free, NULL                                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(files_are_written_read_and_seen),
		BOTH(what_is_missing_or_in_the_way_is_told),
		BOTH(paths_that_are_not_canonical_are_refused),
		BOTH(links_are_never_followed),
		BOTH(the_process_file_system_does_not_lead_out),
		BOTH(other_mounts_below_the_folder_belong_to_it),
		BOTH(a_fifo_is_refused_at_once_and_not_opened),
		BOTH(sockets_and_devices_are_refused),
		BOTH(what_is_removed_is_the_name_itself),
		BOTH(a_listing_has_all_names_but_the_dots),
		BOTH(a_file_over_the_limit_is_not_read),
		BOTH(a_file_that_has_more_than_was_said_is_read_to_its_end),
		BOTH(writing_keeps_mode_and_hard_links),
		BOTH(hard_links_are_files_like_any_other),
		BOTH(without_room_the_old_bytes_are_kept),
		BOTH(what_is_made_and_can_not_be_written_is_removed),
		BOTH(names_and_paths_have_a_length),
		BOTH(names_that_look_like_something_else_are_names),
		BOTH(what_takes_the_place_of_the_folder_is_not_it),
		BOTH(permissions_are_the_kernels_to_judge),
		cmocka_unit_test(a_folder_of_too_many_names_is_not_listed),
		cmocka_unit_test_setup_teardown(what_is_no_folder_is_not_opened, place_new, place_free),
	};

	return cmocka_run_group_tests_name("vfs_tree", tests, NULL, NULL);
}
