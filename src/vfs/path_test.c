/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths of guests as text, and along links. */
#include "vfs/vfs_fixture.h"

static enum capsule_status set(const struct place *place, const char *request, struct vfs_path *path)
{
	struct capsule_error error = { 0 };
	enum capsule_status status = vfs_path_set(place->vfs, span_text(request), path, &error);

	assert_int_equal(strlen(path->text), path->len);
	assert_true(strncmp(path->text, place->root, strlen(place->root)) == 0);
	assert_true(path->relative >= path->text && path->relative <= path->text + path->len);
	return status;
}

static void expect_path(const struct place *place, const struct vfs_path *path, const char *relative)
{
	char text[256];

	assert_string_equal(path->relative, relative);
	(void)snprintf(text, sizeof text, "%s%s%s", place->root, relative[0] != '\0' ? "/" : "", relative);
	assert_string_equal(path->text, text);
	assert_int_equal(path->len, strlen(text));
}

static void expect_set(const struct place *place, const char *request, const char *relative)
{
	struct vfs_path path;

	assert_int_equal(set(place, request, &path), CAPSULE_OK);
	expect_path(place, &path, relative);
}

static void expect_escape(const struct place *place, const char *request)
{
	struct capsule_error error = { 0 };
	struct vfs_path path;
	char text[256];

	assert_int_equal(vfs_path_set(place->vfs, span_text(request), &path, &error), CAPSULE_EDENIED);
	(void)snprintf(text, sizeof text, "path escapes root boundary: %s goes above it", request);
	assert_ptr_equal(strstr(error.text, text), error.text);
	assert_string_equal(path.text, place->root); /* for whoever goes on all the same */
	assert_string_equal(path.relative, "");
}

static enum capsule_status resolve(
	const struct place *place, const char *request, bool itself, struct vfs_path *path, struct capsule_error *error)
{
	assert_int_equal(set(place, request, path), CAPSULE_OK);
	path->itself = itself;
	return vfs_path_resolve(place->vfs, path, error);
}

static void expect_resolved(const struct place *place, const char *request, const char *relative)
{
	struct capsule_error error = { 0 };
	struct vfs_path path;

	assert_int_equal(resolve(place, request, false, &path, &error), CAPSULE_OK);
	expect_path(place, &path, relative);
}

/* It must fail, and the path stay as it was. */
static void expect_unresolved(
	const struct place *place, const char *request, enum capsule_status status, const char *says)
{
	struct capsule_error error = { 0 };
	struct vfs_path path;

	assert_int_equal(resolve(place, request, false, &path, &error), status);
	assert_non_null(strstr(error.text, says));
	assert_string_equal(path.relative, request);
	assert_null(strstr(error.text, "outside/")); /* not where it leads */
}

/* mv:167 mv:169 */
static void text_is_made_canonical(void **state)
{
	const struct place *place = *state;

	expect_set(place, "src/main.rs", "src/main.rs");
	expect_set(place, "a/./b//c/", "a/b/c");
	expect_set(place, "", "");
	expect_set(place, ".", "");
	expect_set(place, "a/..", "");
	expect_set(place, "/", "");
	expect_set(place, "///a", "a");
	expect_set(place, "sub/../f", "f");    /* mv:173 */
	expect_set(place, "nosuch/../b", "b"); /* mv:173: whether it is there does not matter */
	expect_set(place, "a/b/../../c/..", "");
	expect_set(place, "/etc/passwd", "etc/passwd"); /* mv:168 */
	expect_set(place, "..a/...", "..a/...");
	expect_set(place, "%2e%2e/x", "%2e%2e/x");
	expect_set(place, "\xEF\xBC\x8E\xEF\xBC\x8E/x", "\xEF\xBC\x8E\xEF\xBC\x8E/x"); /* full-width dots */
	expect_set(place, "..\\..\\x", "..\\..\\x");
}

/* mv:168 mv:173 mv:207 */
static void text_that_goes_above_the_folder_is_refused(void **state)
{
	const struct place *place = *state;

	expect_escape(place, "src/../../etc/passwd");
	expect_escape(place, "../../../../../../etc/passwd");
	expect_escape(place, "../x");
	expect_escape(place, "..");
	expect_escape(place, "/..");
	expect_escape(place, "a/../..");
	expect_escape(place, "a/../../root/b"); /* step by step: it is outside in between */
}

/* mv:212 */
static void bytes_that_are_no_path_are_refused(void **state)
{
	static const struct {
		struct span bytes;
		const char *says;
	} rows[] = {
		{ { (const uint8_t *)"\xFF\xFE", 2 }, "not UTF-8 at offset 0" },
		{ { (const uint8_t *)"a/\xC0\xAE", 4 }, "not UTF-8 at offset 2" }, /* an overlong dot */
		{ { (const uint8_t *)"a\0b", 3 }, "NUL byte at offset 1" },
		{ { (const uint8_t *)"\0", 1 }, "NUL byte at offset 0" },
	};
	const struct place *place = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct capsule_error error = { 0 };
		struct vfs_path path;

		assert_int_equal(vfs_path_set(place->vfs, rows[i].bytes, &path, &error), CAPSULE_EINVAL);
		assert_non_null(strstr(error.text, rows[i].says));
	}
}

static void components_and_paths_have_a_length(void **state)
{
	const struct place *place = *state;
	char text[LIMIT_PATH + 2];
	struct vfs_path path;

	memset(text, 'n', sizeof text);
	text[NAME_MAX + 1] = '\0';
	assert_int_equal(set(place, text, &path), CAPSULE_EINVAL);
	text[NAME_MAX] = '\0';
	assert_int_equal(set(place, text, &path), CAPSULE_OK);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 == 0 ? 'n' : '/';
	text[LIMIT_PATH + 1] = '\0';
	assert_int_equal(set(place, text, &path), CAPSULE_ELIMIT);
	text[LIMIT_PATH] = '\0';
	assert_int_equal(set(place, text, &path), CAPSULE_OK);
}

static void the_root_of_the_disk_can_be_the_folder(void **state)
{
	struct place *place = *state;
	struct capsule_error error = { 0 };
	struct vfs *disk = NULL;
	struct vfs_path path;

	assert_int_equal(vfs_open_direct(&disk, place->loop, "//", false, &error), CAPSULE_OK);
	assert_string_equal(vfs_root(disk), "/");
	assert_int_equal(vfs_path_set(disk, span_text(""), &path, &error), CAPSULE_OK);
	assert_string_equal(path.text, "/");
	assert_string_equal(path.relative, "");
	assert_int_equal(vfs_path_resolve(disk, &path, &error), CAPSULE_OK);
	assert_string_equal(path.text, "/");
	assert_int_equal(vfs_path_set(disk, span_text("a/b"), &path, &error), CAPSULE_OK);
	assert_string_equal(path.text, "/a/b");
	assert_string_equal(path.relative, "a/b");
	assert_int_equal(vfs_path_set(disk, span_text("a/../.."), &path, &error), CAPSULE_EDENIED);
	link_to(place, "root/l", "/");
	assert_int_equal(vfs_path_set(disk, span_text(in(place, "root/l")), &path, &error), CAPSULE_OK);
	assert_int_equal(vfs_path_resolve(disk, &path, &error), CAPSULE_OK);
	assert_string_equal(path.text, "/");
	vfs_close(disk);
}

static void links_inside_are_followed(void **state)
{
	const struct place *place = *state;

	folder(place, "root/d");
	folder(place, "root/d/sub");
	put(place, "root/d/f", "f");
	link_to(place, "root/l", "d");
	link_to(place, "root/f", "d/f");
	link_to(place, "root/d/up", "..");
	link_to(place, "root/d/self", ".");
	link_to(place, "root/deep", "d/sub//");
	link_to(place, "root/physical", "deep/../f"); /* up from where the link leads */
	link_to(place, "root/chain", "l/self/up/l/./up/f");
	link_to(place, "root/dangling", "d/nothing/at/all");
	expect_resolved(place, "", "");
	expect_resolved(place, "d/f", "d/f");
	expect_resolved(place, "l", "d");
	expect_resolved(place, "l/f", "d/f");
	expect_resolved(place, "f", "d/f");
	expect_resolved(place, "deep/x/y", "d/sub/x/y");
	expect_resolved(place, "physical", "d/f");
	expect_resolved(place, "chain", "d/f");
	expect_resolved(place, "d/up", "");
	expect_resolved(place, "dangling/more", "d/nothing/at/all/more");
	expect_resolved(place, "deep/../f", "d/f"); /* a guest's own ".." is of the text: this is "f" */
}

static void links_may_lead_out_and_back_in(void **state)
{
	const struct place *place = *state;

	put(place, "root/f", "f");
	link_to(place, "outside/back", place->root);
	link_to(place, "root/absolute", in(place, "root/f"));
	link_to(place, "root/whole", place->root);
	link_to(place, "root/over", "../root/f");
	link_to(place, "root/through", in(place, "outside/back/f"));
	expect_resolved(place, "absolute", "f");
	expect_resolved(place, "whole/f", "f");
	expect_resolved(place, "whole", "");
	expect_resolved(place, "over", "f");
	expect_resolved(place, "through", "f");
}

static void links_outside_are_refused_without_telling_where_to(void **state)
{
	const struct place *place = *state;
	char beside[128];

	link_to(place, "root/file", "../outside/secret");
	link_to(place, "root/folder", place->outside);
	link_to(place, "root/up", "..");
	link_to(place, "root/passwd", "/etc/passwd");
	link_to(place, "root/nothing", "../outside/nothing");
	link_to(place, "root/top", "/../../..");
	(void)snprintf(beside, sizeof beside, "%s-beside", place->root);
	link_to(place, "root/beside", beside); /* begins with the same letters */
	expect_unresolved(place, "file", CAPSULE_EDENIED, "path escapes root boundary: file leads outside");
	expect_unresolved(place, "folder/secret", CAPSULE_EDENIED, "path escapes root boundary: folder/secret");
	expect_unresolved(place, "folder/new", CAPSULE_EDENIED, "path escapes root boundary");
	expect_unresolved(place, "up", CAPSULE_EDENIED, "path escapes root boundary");
	expect_unresolved(place, "passwd", CAPSULE_EDENIED, "path escapes root boundary");
	expect_unresolved(place, "nothing", CAPSULE_EDENIED, "path escapes root boundary");
	expect_unresolved(place, "top", CAPSULE_EDENIED, "path escapes root boundary");
	expect_unresolved(place, "beside", CAPSULE_EDENIED, "path escapes root boundary");
}

static void links_of_the_process_file_system_are_refused(void **state)
{
	const struct place *place = *state;
	HOLD(fd_drop) int fd = open(place->root, O_PATH | O_CLOEXEC);
	char magic[64];

	(void)snprintf(magic, sizeof magic, "/proc/%d/fd/%d", (int)getpid(), fd);
	link_to(place, "root/magic", magic);
	link_to(place, "root/cwd", "/proc/self/cwd");
	expect_unresolved(place, "magic", CAPSULE_EDENIED, "link of the process file system"); /* even back inside */
	expect_unresolved(place, "cwd/x", CAPSULE_EDENIED, "link of the process file system");
}

static void only_so_many_links_are_followed(void **state)
{
	const struct place *place = *state;
	char name[32], target[32], large[LIMIT_PATH];

	put(place, "root/l0", "f");
	for (int i = 1; i <= LIMIT_LINKS + 1; i++) {
		(void)snprintf(name, sizeof name, "root/l%d", i);
		(void)snprintf(target, sizeof target, "l%d", i - 1);
		link_to(place, name, target);
	}
	expect_resolved(place, "l40", "l0");
	expect_unresolved(place, "l41", CAPSULE_ELIMIT, "more than 40 symbolic links on the way of l41");
	link_to(place, "root/loop", "loop/x");
	link_to(place, "root/ping", "pong");
	link_to(place, "root/pong", "ping");
	expect_unresolved(place, "loop", CAPSULE_ELIMIT, "more than 40");
	expect_unresolved(place, "ping/x", CAPSULE_ELIMIT, "more than 40");
	for (size_t i = 0; i < sizeof large - 1; i += 2)
		memcpy(large + i, "./", 2);
	memcpy(large + sizeof large - 6, "bomb", 5); /* each time more is left to do */
	link_to(place, "root/bomb", large);
	expect_unresolved(place, "bomb/x", CAPSULE_ELIMIT, "");
}

static void the_last_component_can_be_meant_itself(void **state)
{
	const struct place *place = *state;
	struct capsule_error error = { 0 };
	struct vfs_path path;

	folder(place, "root/d");
	link_to(place, "root/l", "d");
	link_to(place, "root/d/out", "/etc");
	link_to(place, "root/tail", "d/out");
	assert_int_equal(resolve(place, "l/out", true, &path, &error), CAPSULE_OK);
	assert_string_equal(path.relative, "d/out");
	assert_int_equal(resolve(place, "tail", true, &path, &error), CAPSULE_OK);
	assert_string_equal(path.relative, "tail");
	expect_unresolved(place, "l/out", CAPSULE_EDENIED, "path escapes root boundary");
}

static void what_is_not_there_stays_as_text(void **state)
{
	const struct place *place = *state;

	put(place, "root/f", "f");
	link_to(place, "root/up", "nosuch/../f");
	link_to(place, "root/over", "f/../f");
	link_to(place, "root/l", "f");
	expect_resolved(place, "nosuch/l/x", "nosuch/l/x");
	expect_resolved(place, "f/x", "f/x");
	expect_resolved(place, "l/x", "f/x");
	expect_unresolved(place, "up", CAPSULE_ENOTFOUND, "Not found: up");
	expect_unresolved(place, "over", CAPSULE_ENOTFOUND, "Not found: over");
}

static void a_link_to_a_name_that_is_not_utf8_is_refused(void **state)
{
	const struct place *place = *state;

	link_to(place, "root/l", "\xFF\xFE");
	expect_unresolved(place, "l", CAPSULE_EINVAL, "leads to a name that is not UTF-8");
}

static void what_the_capsule_wrote_is_no_link(void **state)
{
	struct place *place = *state;
	struct capsule_error error = { 0 };
	struct vfs_request request;
	char kept[96];

	folder(place, "root/d");
	link_to(place, "root/gone", "d");
	link_to(place, "root/own", "d");
	link_to(place, "root/other", "d");
	vfs_close(place->vfs);
	place->vfs = NULL;
	(void)snprintf(kept, sizeof kept, "%s/kept", place->base);
	assert_int_equal(vfs_open_overlay(&place->vfs, place->loop, place->root, kept, NULL, &error), CAPSULE_OK);
	vfs_request_init(&request, place->loop);
	request.verb = VFS_UNLINK;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(set(place, i == 0 ? "gone" : "own", &request.path), CAPSULE_OK);
		if (vfs_submit(place->vfs, &request, NULL, NULL) == VFS_WAITING)
			fail();
		assert_string_equal(request.op.error.text, "");
	}
	request.verb = VFS_MKDIR;
	assert_int_equal(set(place, "own", &request.path), CAPSULE_OK);
	assert_int_equal(vfs_submit(place->vfs, &request, NULL, NULL), VFS_DONE);
	assert_string_equal(request.op.error.text, "");
	vfs_request_fini(&request);
	expect_resolved(place, "gone", "gone");
	expect_resolved(place, "gone/x", "gone/x");
	expect_resolved(place, "own/x", "own/x");
	expect_resolved(place, "other/x", "d/x");
	assert_true(is_there(place, "root/gone"));
}

static struct op *submit(struct place *place, struct vfs_request *request, enum vfs_verb verb)
{
	request->verb = verb;
	assert_int_equal(vfs_submit(place->vfs, request, NULL, NULL), VFS_DONE);
	return &request->op;
}

/* The capsule made a folder, and somebody made it below later, with a link in it. */
static void links_in_a_folder_of_both_are_followed(void **state)
{
	struct place *place = *state;
	struct capsule_error error = { 0 };
	struct vfs_request request;

	folder(place, "root/d");
	put(place, "root/d/x", "below");
	vfs_close(place->vfs);
	place->vfs = NULL;
	assert_int_equal(
		vfs_open_overlay(&place->vfs, place->loop, place->root, in(place, "kept"), NULL, &error), CAPSULE_OK);
	vfs_request_init(&request, place->loop);
	assert_int_equal(set(place, "box/deep", &request.path), CAPSULE_OK);
	assert_string_equal(submit(place, &request, VFS_MKDIR)->error.text, "");
	assert_int_equal(set(place, "file", &request.path), CAPSULE_OK);
	assert_string_equal(submit(place, &request, VFS_WRITE)->error.text, "");
	folder(place, "root/box");
	link_to(place, "root/box/l", "../d");
	link_to(place, "root/box/deep", "../d"); /* in the place of the own folder */
	folder(place, "root/file");              /* and of the own file */
	link_to(place, "root/file/l", "../d");
	link_to(place, "root/up", "file/../d");
	expect_resolved(place, "box/l/x", "d/x");
	expect_resolved(place, "box/deep/x", "box/deep/x");
	expect_resolved(place, "file/l/x", "file/l/x");
	expect_unresolved(place, "up", CAPSULE_ENOTFOUND, "Not found");
	assert_int_equal(set(place, "box/l/x", &request.path), CAPSULE_OK);
	(void)submit(place, &request, VFS_READ);
	assert_true(request.linked);
	assert_int_equal(vfs_path_resolve(place->vfs, &request.path, &error), CAPSULE_OK);
	assert_string_equal(submit(place, &request, VFS_READ)->error.text, "");
	assert_string_equal(buffer_text(&request.op.result), "below");
	vfs_request_fini(&request);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_direct, place_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(text_is_made_canonical),
		ROW(text_that_goes_above_the_folder_is_refused),
		ROW(bytes_that_are_no_path_are_refused),
		ROW(components_and_paths_have_a_length),
		ROW(the_root_of_the_disk_can_be_the_folder),
		ROW(links_inside_are_followed),
		ROW(links_may_lead_out_and_back_in),
		ROW(links_outside_are_refused_without_telling_where_to),
		ROW(links_of_the_process_file_system_are_refused),
		ROW(only_so_many_links_are_followed),
		ROW(the_last_component_can_be_meant_itself),
		ROW(what_is_not_there_stays_as_text),
		ROW(a_link_to_a_name_that_is_not_utf8_is_refused),
		ROW(what_the_capsule_wrote_is_no_link),
		ROW(links_in_a_folder_of_both_are_followed),
	};

	return cmocka_run_group_tests_name("vfs_path", tests, NULL, NULL);
}
