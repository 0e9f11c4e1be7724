/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests for files: what each verb does, and what it says when it fails. */
#include "vfs/vfs_calls.h"

#include <utime.h>

static void expect_done(const struct place *place, enum vfs_verb verb, const char *path, struct span data)
{
	CALL(call, verb, path, data);

	assert_int_equal(run(place, call), CAPSULE_OK);
	assert_string_equal(call->request.op.error.text, "");
}

static void expect_failure(
	const struct place *place, enum vfs_verb verb, const char *path, enum capsule_status status, const char *text)
{
	CALL(call, verb, path, span_text("data"));

	assert_int_equal(run(place, call), status);
	assert_ptr_equal(strstr(call->request.op.error.text, text), call->request.op.error.text);
	assert_int_equal(call->request.op.result.len, 0);
	assert_false(call->request.linked);
}

static void expect_linked(const struct place *place, enum vfs_verb verb, const char *path)
{
	CALL(call, verb, path, span_text("data"));

	assert_int_equal(run(place, call), CAPSULE_EIO);
	assert_true(call->request.linked);
	assert_false(call->request.exists);
	assert_non_null(strstr(call->request.op.error.text, "symbolic link"));
}

static bool exists(const struct place *place, const char *path)
{
	CALL(call, VFS_EXISTS, path, NOTHING);

	assert_int_equal(run(place, call), CAPSULE_OK);
	return call->request.exists;
}

static void expect_read(const struct place *place, const char *path, const char *text)
{
	CALL(call, VFS_READ, path, NOTHING);

	assert_int_equal(run(place, call), CAPSULE_OK);
	assert_string_equal(buffer_text(&call->request.op.result), text);
}

static struct vfs_stat stat_of(const struct place *place, const char *path)
{
	CALL(call, VFS_STAT, path, NOTHING);

	assert_int_equal(run(place, call), CAPSULE_OK);
	return call->request.stat;
}

static void files_are_written_and_read(void **state)
{
	const struct place *place = *state;

	expect_done(place, VFS_WRITE, "a/b/c/f", span_text("bytes")); /* with parents */
	expect_read(place, "/a/./b/c//f", "bytes");
	expect_done(place, VFS_WRITE, "a/b/c/f", span_text("less"));
	expect_read(place, "a/b/c/f", "less");
	expect_done(place, VFS_WRITE, "a/b/c/f", NOTHING);
	expect_read(place, "a/b/c/f", "");
	expect_failure(place, VFS_READ, "nosuch", CAPSULE_ENOTFOUND, "Not found: nosuch");
	expect_failure(place, VFS_READ, "a", CAPSULE_EIO, "IO error: Is a directory (os error 21): a");
	expect_failure(place, VFS_WRITE, "a", CAPSULE_EIO, "IO error: Is a directory (os error 21): a");
	expect_failure(place, VFS_WRITE, "", CAPSULE_EIO, "IO error: Is a directory (os error 21): /");
	expect_failure(
		place, VFS_WRITE, "a/b/c/f/x", CAPSULE_EIO, "IO error: Not a directory (os error 20): a/b/c/f/x");
}

static void missing_parents_can_be_left_to_the_writer(void **state)
{
	struct place *place = *state;

	vfs_close(place->vfs);
	assert_int_equal(vfs_open_direct(&place->vfs, place->loop, place->root, false, NULL), CAPSULE_OK);
	expect_failure(place, VFS_WRITE, "a/f", CAPSULE_ENOTFOUND, "Not found: a/f");
	expect_done(place, VFS_WRITE, "f", span_text("x"));
	assert_false(is_there(place, "root/a"));
}

static void what_is_there_exists(void **state)
{
	const struct place *place = *state;

	put(place, "root/f", "f");
	assert_true(exists(place, "/"));
	assert_true(exists(place, ""));
	assert_true(exists(place, "f"));
	assert_false(exists(place, "g"));
	assert_false(exists(place, "f/x"));
	assert_false(exists(place, "no/such"));
}

static void stat_tells_kind_size_and_time(void **state)
{
	const struct place *place = *state;
	const struct utimbuf early = { .actime = 5, .modtime = -5 }, late = { .actime = 5, .modtime = 1234567890 };
	struct vfs_stat seen;

	put(place, "root/f", "four");
	assert_int_equal(utime(in(place, "root/f"), &late), 0);
	seen = stat_of(place, "f");
	assert_true(seen.is_file && !seen.is_dir);
	assert_int_equal(seen.size, 4);
	assert_int_equal(seen.mtime, 1234567890);
	assert_int_equal(utime(in(place, "root/f"), &early), 0);
	assert_int_equal(stat_of(place, "f").mtime, 0);
	seen = stat_of(place, "");
	assert_true(seen.is_dir && !seen.is_file);
	expect_failure(place, VFS_STAT, "g", CAPSULE_ENOTFOUND, "Not found: g");
}

/* mv:171 */
static void a_link_outside_is_seen_and_leads_nowhere(void **state)
{
	const struct place *place = *state;
	struct vfs_stat seen;
	struct capsule_error error = { 0 };
	CALL(call, VFS_READ, "l", NOTHING);

	link_to(place, "root/l", "/etc/passwd");
	seen = stat_of(place, "l");
	assert_false(seen.is_file || seen.is_dir);
	expect_linked(place, VFS_EXISTS, "l"); /* not there, as far as nobody follows it, and nobody can */
	assert_int_equal(run(place, call), CAPSULE_EIO);
	assert_true(call->request.linked);
	assert_int_equal(vfs_path_resolve(place->vfs, &call->request.path, &error), CAPSULE_EDENIED);
	assert_non_null(strstr(error.text, "escapes root boundary"));
	expect_linked(place, VFS_WRITE, "l");
	expect_linked(place, VFS_LIST, "l");
	expect_linked(place, VFS_MKDIR, "l");
	expect_linked(place, VFS_STAT, "l/x");
	expect_linked(place, VFS_UNLINK, "l/x");
}

/* mv:172 */
static void a_link_inside_is_followed_by_asking_again(void **state)
{
	const struct place *place = *state;
	struct vfs_stat seen;
	CALL(call, VFS_READ, "l", NOTHING);
	CALL(see, VFS_EXISTS, "l", NOTHING);

	folder(place, "root/sub");
	put(place, "root/sub/f", "found");
	link_to(place, "root/l", "sub/f");
	assert_int_equal(run(place, see), CAPSULE_EIO);
	assert_int_equal(vfs_path_resolve(place->vfs, &see->request.path, NULL), CAPSULE_OK);
	assert_int_equal(run(place, see), CAPSULE_OK);
	assert_true(see->request.exists && !see->request.linked);
	assert_int_equal(run(place, call), CAPSULE_EIO);
	assert_int_equal(vfs_path_resolve(place->vfs, &call->request.path, NULL), CAPSULE_OK);
	assert_int_equal(run(place, call), CAPSULE_OK);
	assert_string_equal(buffer_text(&call->request.op.result), "found");
	seen = stat_of(place, "l");
	assert_false(seen.is_file || seen.is_dir);
}

/* mv:174 */
static void folders_are_made_with_their_parents(void **state)
{
	const struct place *place = *state;

	expect_done(place, VFS_MKDIR, "a/b/c", NOTHING);
	expect_done(place, VFS_MKDIR, "a/b/c", NOTHING);
	assert_true(is_there(place, "root/a/b/c"));
	put(place, "root/f", "f");
	expect_failure(place, VFS_MKDIR, "f", CAPSULE_EIO, "IO error: Not a directory (os error 20): f");
	expect_failure(
		place, VFS_MKDIR, "", CAPSULE_EDENIED, "Permission denied: Cannot operate on capability root directly");
	expect_failure(place, VFS_UNLINK, "/", CAPSULE_EDENIED,
		"Permission denied: Cannot operate on capability root directly");
}

/* mv:175 */
static void removing_takes_the_name_itself(void **state)
{
	const struct place *place = *state;
	CALL(call, VFS_UNLINK, "ld/inner", NOTHING);

	folder(place, "root/d");
	put(place, "root/d/f", "f");
	link_to(place, "root/d/inner", "f");
	link_to(place, "root/l", "../outside/secret");
	link_to(place, "root/ld", "d");
	expect_failure(place, VFS_UNLINK, "d", CAPSULE_EIO, "IO error: Directory not empty (os error 39): d");
	expect_done(place, VFS_UNLINK, "l", NOTHING);
	assert_false(is_there(place, "root/l"));
	expect_file(place, "outside/secret", SECRET);
	assert_int_equal(run(place, call), CAPSULE_EIO); /* also when a link was on the way */
	assert_int_equal(vfs_path_resolve(place->vfs, &call->request.path, NULL), CAPSULE_OK);
	assert_int_equal(run(place, call), CAPSULE_OK);
	assert_false(is_there(place, "root/d/inner"));
	expect_done(place, VFS_UNLINK, "d/f", NOTHING);
	expect_done(place, VFS_UNLINK, "d", NOTHING);
	assert_false(is_there(place, "root/d"));
	expect_failure(place, VFS_UNLINK, "d", CAPSULE_ENOTFOUND, "Not found: d");
}

static void a_listing_is_sorted_by_bytes_and_is_utf8(void **state)
{
	const struct place *place = *state;
	static const char wanted[] = "B\0Z\0a\0a.b\0ab\0\xC3\xA4";
	CALL(call, VFS_LIST, "", NOTHING);

	put(place, "root/ab", "");
	put(place, "root/\xC3\xA4", "");
	put(place, "root/\xFF\xFE", "");
	put(place, "root/a.b", "");
	folder(place, "root/Z");
	put(place, "root/a", "");
	link_to(place, "root/B", "nowhere");
	assert_int_equal(run(place, call), CAPSULE_OK);
	assert_int_equal(call->request.op.result.len, sizeof wanted);
	assert_memory_equal(call->request.op.result.data, wanted, sizeof wanted);
	expect_failure(place, VFS_LIST, "a", CAPSULE_EIO, "IO error: Not a directory (os error 20): a");
	expect_failure(place, VFS_LIST, "b", CAPSULE_ENOTFOUND, "Not found: b");
}

static void a_large_file_is_refused_with_both_sizes(void **state)
{
	const struct place *place = *state;
	CALL(call, VFS_READ, "f", NOTHING);

	put(place, "root/f", "12345");
	call->request.limit = 4;
	assert_int_equal(run(place, call), CAPSULE_ELIMIT);
	assert_string_equal(call->request.op.error.text, "File too large to read into memory (5 bytes > 4 bytes): f");
	call->request.limit = 5;
	assert_int_equal(run(place, call), CAPSULE_OK);
	assert_int_equal(truncate(in(place, "root/f"), (off_t)LIMIT_PAYLOAD + 1), 0);
	expect_failure(place, VFS_READ, "f", CAPSULE_ELIMIT,
		"File too large to read into memory (10485761 bytes > 10485760 bytes)");
}

static void what_is_no_file_is_not_used(void **state)
{
	const struct place *place = *state;
	struct vfs_stat seen;

	assert_int_equal(mkfifo(in(place, "root/fifo"), 0666), 0);
	expect_failure(
		place, VFS_READ, "fifo", CAPSULE_EUNSUPPORTED, "Not supported: fifo is a device, FIFO or socket");
	expect_failure(place, VFS_WRITE, "fifo", CAPSULE_EUNSUPPORTED, "Not supported: fifo");
	seen = stat_of(place, "fifo");
	assert_false(seen.is_file || seen.is_dir);
	expect_done(place, VFS_UNLINK, "fifo", NOTHING);
}

static void without_an_overlay_there_is_nothing_to_commit(void **state)
{
	static const enum vfs_verb verbs[] = { VFS_COMMIT, VFS_ROLLBACK, VFS_DIFF };
	static const char *const answers[] = { "{\"committed\":[],\"conflicts\":[],\"failed\":[]}", "{\"dropped\":[]}",
		"[]" };
	const struct place *place = *state;

	expect_done(place, VFS_WRITE, "f", span_text("x"));
	assert_false(vfs_dirty(place->vfs));
	for (size_t i = 0; i < 3; i++) {
		CALL(call, verbs[i], "", NOTHING);

		assert_int_equal(run(place, call), CAPSULE_OK);
		assert_string_equal(buffer_text(&call->request.op.result), answers[i]);
	}
	expect_read(place, "f", "x");
}

static void a_folder_that_was_removed_is_told(void **state)
{
	const struct place *place = *state;
	char text[160];

	remove_all(place->root);
	(void)snprintf(text, sizeof text, "IO error: the folder %s was removed while it was in use", place->root);
	expect_failure(place, VFS_READ, "f", CAPSULE_EIO, text);
	expect_failure(place, VFS_WRITE, "f", CAPSULE_EIO, text);
	expect_failure(place, VFS_MKDIR, "d", CAPSULE_EIO, text);
	assert_false(exists(place, "f"));
	folder(place, "root"); /* another one */
	put(place, "root/f", "other");
	expect_failure(place, VFS_READ, "f", CAPSULE_EIO, text);
}

static void a_path_of_another_folder_is_refused(void **state)
{
	const struct place *place = *state;
	struct vfs *other = NULL;
	CALL(call, VFS_READ, "", NOTHING);

	assert_int_equal(vfs_open_direct(&other, place->loop, place->outside, true, NULL), CAPSULE_OK);
	assert_int_equal(vfs_path_set(other, span_text("secret"), &call->request.path, NULL), CAPSULE_OK);
	assert_int_equal(run(place, call), CAPSULE_EINVAL);
	vfs_close(other);
}

static void folders_are_opened_by_their_canonical_path(void **state)
{
	struct place *place = *state;
	struct capsule_error error = { 0 };
	struct vfs *other = NULL;

	link_to(place, "by-link", "root/../root/.");
	assert_int_equal(vfs_open_direct(&other, place->loop, in(place, "by-link"), true, &error), CAPSULE_OK);
	assert_string_equal(vfs_root(other), place->root);
	vfs_close(other);
	assert_int_equal(vfs_open_direct(&other, place->loop, in(place, "nosuch"), true, &error), CAPSULE_ENOTFOUND);
	assert_non_null(strstr(error.text, "nosuch"));
	put(place, "file", "");
	assert_int_equal(vfs_open_direct(&other, place->loop, in(place, "file"), true, &error), CAPSULE_EIO);
	vfs_close(NULL);
}

/* mv:198 */
static void an_overlay_takes_the_same_paths(void **state)
{
	struct place *place = *state;
	char kept[96];
	struct vfs_path *path = calloc(1, sizeof *path);

	(void)snprintf(kept, sizeof kept, "%s/kept", place->base);
	vfs_close(place->vfs);
	place->vfs = NULL;
	assert_int_equal(vfs_open_overlay(&place->vfs, place->loop, place->root, kept, NULL, NULL), CAPSULE_OK);
	assert_int_equal(vfs_path_set(place->vfs, span_text("../x"), path, NULL), CAPSULE_EDENIED);
	free(path);
	assert_false(is_there(place, "x"));
	assert_false(vfs_dirty(place->vfs));
	expect_done(place, VFS_WRITE, "/abs", span_text("below"));
	assert_true(vfs_dirty(place->vfs));
	expect_read(place, "abs", "below");
	assert_false(is_there(place, "root/abs"));
	expect_done(place, VFS_COMMIT, "", NOTHING);
	expect_file(place, "root/abs", "below");
	assert_false(vfs_dirty(place->vfs));
}

static void open_overlay(struct place *place)
{
	vfs_close(place->vfs);
	place->vfs = NULL;
	assert_int_equal(
		vfs_open_overlay(&place->vfs, place->loop, place->root, in(place, "kept"), NULL, NULL), CAPSULE_OK);
}

/* A conflict is for somebody to end: trying again without a new change would end the same. */
static void what_a_commit_left_is_not_dirty(void **state)
{
	struct place *place = *state;

	put(place, "root/a", "old");
	open_overlay(place);
	expect_done(place, VFS_WRITE, "a", span_text("capsule's"));
	put(place, "root/a", "somebody else's");
	assert_true(vfs_dirty(place->vfs));
	expect_done(place, VFS_COMMIT, "", NOTHING);
	expect_read(place, "a", "capsule's");
	expect_file(place, "root/a", "somebody else's");
	assert_false(vfs_dirty(place->vfs));
	expect_failure(place, VFS_UNLINK, "none", CAPSULE_ENOTFOUND, "Not found: none");
	assert_false(vfs_dirty(place->vfs));
	expect_done(place, VFS_WRITE, "b", span_text("1"));
	expect_done(place, VFS_WRITE, "c", span_text("1"));
	expect_done(place, VFS_COMMIT, "b", NOTHING);
	assert_true(vfs_dirty(place->vfs));
	expect_done(place, VFS_COMMIT, "", NOTHING);
	assert_false(vfs_dirty(place->vfs));
	expect_done(place, VFS_MKDIR, "d", NOTHING);
	assert_true(vfs_dirty(place->vfs));
	expect_done(place, VFS_COMMIT, "", NOTHING);
	expect_done(place, VFS_UNLINK, "b", NOTHING);
	assert_true(vfs_dirty(place->vfs));
	expect_done(place, VFS_COMMIT, "", NOTHING);
	open_overlay(place); /* the conflict may have been ended in between */
	assert_true(vfs_dirty(place->vfs));
	expect_done(place, VFS_ROLLBACK, "", NOTHING);
	assert_false(vfs_dirty(place->vfs));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_direct, place_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(files_are_written_and_read),
		ROW(missing_parents_can_be_left_to_the_writer),
		ROW(what_is_there_exists),
		ROW(stat_tells_kind_size_and_time),
		ROW(a_link_outside_is_seen_and_leads_nowhere),
		ROW(a_link_inside_is_followed_by_asking_again),
		ROW(folders_are_made_with_their_parents),
		ROW(removing_takes_the_name_itself),
		ROW(a_listing_is_sorted_by_bytes_and_is_utf8),
		ROW(a_large_file_is_refused_with_both_sizes),
		ROW(what_is_no_file_is_not_used),
		ROW(without_an_overlay_there_is_nothing_to_commit),
		ROW(a_folder_that_was_removed_is_told),
		ROW(a_path_of_another_folder_is_refused),
		ROW(folders_are_opened_by_their_canonical_path),
		ROW(an_overlay_takes_the_same_paths),
		ROW(what_a_commit_left_is_not_dirty),
	};

	return cmocka_run_group_tests_name("vfs", tests, NULL, NULL);
}
