/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests against values that other programs gave, trees against their documented form, and trees that are traps. */
#include "process/digest.h"

#include "base/blake3.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "process/place_fixture.h"

#include <fcntl.h>

#define EMPTY_BLAKE3 "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_BLAKE3 "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void assert_path(struct place_fixture *fixture, const char *name, bool sha256, const char *expected)
{
	char out[DIGEST_TEXT];

	if (digest_path(out, place_path(fixture, name), sha256, &fixture->err) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_string_equal(out, expected);
}

static void digests_of_files_are_those_of_others(void **state)
{
	struct place_fixture *fixture = *state;

	place_write(fixture, "empty", "", 0600);
	place_write(fixture, "abc", "abc", 0600);
	place_link(fixture, "link", "abc");
	assert_path(fixture, "empty", false, "blake3:" EMPTY_BLAKE3);
	assert_path(fixture, "empty", true, "sha256:" EMPTY_SHA256);
	assert_path(fixture, "abc", false, "blake3:" ABC_BLAKE3);
	assert_path(fixture, "abc", true, "sha256:" ABC_SHA256);
	assert_path(fixture, "link", true, "sha256:" ABC_SHA256);
}

static void a_file_is_read_from_its_start(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(fd_drop) int fd = -1;
	char out[DIGEST_TEXT];

	place_write(fixture, "abc", "abc", 0600);
	fd = open(place_path(fixture, "abc"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_int_equal(digest_file(out, DIGEST_SHA256, fd, &fixture->err), CAPSULE_OK);
	assert_string_equal(out, "sha256:" ABC_SHA256);
	assert_int_equal(digest_file(out, DIGEST_BLAKE3, fd, &fixture->err), CAPSULE_OK);
	assert_string_equal(out, "blake3:" ABC_BLAKE3);
	assert_int_equal(digest_file(out, DIGEST_TREE, fd, &fixture->err), CAPSULE_EINVAL);
}

static void a_large_file_has_the_same_digest_in_pieces(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(free_drop) char *text = malloc(200001);
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX], expected[DIGEST_TEXT];

	assert_non_null(text);
	for (size_t i = 0; i < 200000; i++)
		text[i] = (char)('a' + i % 26);
	text[200000] = '\0';
	place_write(fixture, "large", text, 0600);
	blake3_bytes(span_text(text), hash);
	blake3_hex(hash, hex);
	(void)snprintf(expected, sizeof expected, "blake3:%s", hex);
	assert_path(fixture, "large", false, expected);
}

static void refuse_path(struct place_fixture *fixture, const char *name, bool sha256, enum capsule_status expected)
{
	char out[DIGEST_TEXT];

	assert_int_equal(digest_path(out, place_path(fixture, name), sha256, &fixture->err), expected);
}

static void what_is_no_file_and_no_folder_has_no_digest(void **state)
{
	struct place_fixture *fixture = *state;
	char out[DIGEST_TEXT];

	place_fifo(fixture, "fifo");
	refuse_path(fixture, "fifo", false, CAPSULE_EINVAL);
	place_assert_error(fixture, "no regular file and no folder");
	refuse_path(fixture, "absent", false, CAPSULE_ENOTFOUND);
	refuse_path(fixture, "capsule", true, CAPSULE_EINVAL);
	place_assert_error(fixture, "begins with `tree:`");
	assert_int_equal(digest_path(out, "/dev/null", false, &fixture->err), CAPSULE_EINVAL);
}

/* ---- Trees ---- */

static void add_hashed(struct buffer *listing, char kind, const char *bytes, const char *path)
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX];

	blake3_bytes(span_text(bytes), hash);
	blake3_hex(hash, hex);
	assert_true(buffer_printf(listing, "%c %s %s", kind, hex, path));
	assert_true(buffer_append_byte(listing, '\0'));
}

static void add_folder(struct buffer *listing, const char *path)
{
	assert_true(buffer_printf(listing, "d %s", path));
	assert_true(buffer_append_byte(listing, '\0'));
}

static void assert_listing(struct place_fixture *fixture, const char *name, const struct buffer *listing)
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX], expected[DIGEST_TEXT];

	blake3_bytes(buffer_span(listing), hash);
	blake3_hex(hash, hex);
	(void)snprintf(expected, sizeof expected, "tree:%s", hex);
	assert_path(fixture, name, false, expected);
}

static void a_tree_is_its_listing(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer listing = { 0 };

	assert_listing(fixture, "capsule", &listing);
	place_folder(fixture, "capsule/a");
	place_folder(fixture, "capsule/a/.git");
	place_write(fixture, "capsule/a/x", "one", 0644);
	place_write(fixture, "capsule/a-b", "two", 0700);
	place_write(fixture, "capsule/a/.git/g", "", 0600);
	place_link(fixture, "capsule/z", "../../nowhere");
	place_folder(fixture, "capsule/\xff");
	/* What is in a folder directly behind it, though `-` is less than `/`. */
	add_folder(&listing, "a");
	add_folder(&listing, "a/.git");
	add_hashed(&listing, 'f', "", "a/.git/g");
	add_hashed(&listing, 'f', "one", "a/x");
	add_hashed(&listing, 'x', "two", "a-b");
	add_hashed(&listing, 'l', "../../nowhere", "z");
	add_folder(&listing, "\xff");
	assert_listing(fixture, "capsule", &listing);
}

static void tree_of(struct place_fixture *fixture, char out[DIGEST_TEXT])
{
	if (digest_path(out, fixture->capsule, false, &fixture->err) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
}

static void every_change_of_a_tree_counts(void **state)
{
	struct place_fixture *fixture = *state;
	char seen[8][DIGEST_TEXT];
	size_t count = 0;

	place_write(fixture, "capsule/a", "x", 0600);
	tree_of(fixture, seen[count++]);
	place_write(fixture, "capsule/a", "y", 0600);
	tree_of(fixture, seen[count++]);
	place_write(fixture, "capsule/a", "x", 0700);
	tree_of(fixture, seen[count++]);
	place_move(fixture, "capsule/a", "capsule/b");
	tree_of(fixture, seen[count++]);
	place_link(fixture, "capsule/b", "x");
	tree_of(fixture, seen[count++]);
	place_remove(fixture, "capsule/b");
	place_folder(fixture, "capsule/b");
	tree_of(fixture, seen[count++]);
	place_write(fixture, "capsule/b/.hidden", "x", 0600);
	tree_of(fixture, seen[count++]);
	place_remove(fixture, "capsule/b/.hidden");
	place_remove(fixture, "capsule/b");
	tree_of(fixture, seen[count++]);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[i], seen[k]);
}

static void times_and_rights_of_others_do_not_count(void **state)
{
	struct place_fixture *fixture = *state;
	char before[DIGEST_TEXT], after[DIGEST_TEXT];

	place_write(fixture, "capsule/a", "x", 0600);
	tree_of(fixture, before);
	place_write(fixture, "capsule/a", "x", 0655);
	tree_of(fixture, after);
	assert_string_equal(before, after);
}

static void a_tree_with_a_fifo_is_refused_by_name(void **state)
{
	struct place_fixture *fixture = *state;
	char out[DIGEST_TEXT];

	place_folder(fixture, "capsule/d");
	place_fifo(fixture, "capsule/d/fifo");
	assert_int_equal(digest_path(out, fixture->capsule, false, &fixture->err), CAPSULE_EINVAL);
	place_assert_error(fixture, "`d/fifo` is no file, folder or link");
}

static enum capsule_status bounded(struct place_fixture *fixture, const struct digest_bounds *bounds)
{
	HOLD(fd_drop) int fd = open(fixture->capsule, O_PATH | O_CLOEXEC);
	char out[DIGEST_TEXT];

	assert_true(fd >= 0);
	return digest_tree(out, fd, bounds, &fixture->err);
}

static void trees_have_bounds(void **state)
{
	struct place_fixture *fixture = *state;

	place_folder(fixture, "capsule/1");
	place_folder(fixture, "capsule/1/2");
	place_write(fixture, "capsule/1/2/a", "12345", 0600);
	place_write(fixture, "capsule/b", "678", 0600);
	assert_int_equal(bounded(fixture, &(struct digest_bounds){ 8, 4, 2 }), CAPSULE_OK);
	assert_int_equal(bounded(fixture, &(struct digest_bounds){ 7, 4, 2 }), CAPSULE_ELIMIT);
	place_assert_error(fixture, "more than 7 bytes");
	assert_int_equal(bounded(fixture, &(struct digest_bounds){ 8, 3, 2 }), CAPSULE_ELIMIT);
	place_assert_error(fixture, "more than 3 entries");
	assert_int_equal(bounded(fixture, &(struct digest_bounds){ 8, 4, 1 }), CAPSULE_ELIMIT);
	place_assert_error(fixture, "`1/2` lies too deep");
}

static void a_tree_of_the_greatest_depth_is_read(void **state)
{
	struct place_fixture *fixture = *state;
	char name[2 * DIGEST_TREE_DEPTH + 64] = "capsule";
	size_t len = strlen(name);

	for (size_t i = 0; i < DIGEST_TREE_DEPTH; i++) {
		(void)snprintf(name + len, sizeof name - len, "/d");
		len += 2;
		place_folder(fixture, name);
	}
	assert_int_equal(bounded(fixture, NULL), CAPSULE_OK);
	(void)snprintf(name + len, sizeof name - len, "/d");
	place_folder(fixture, name);
	assert_int_equal(bounded(fixture, NULL), CAPSULE_ELIMIT);
}

/* ---- Lists ---- */

static enum capsule_status check_list(struct place_fixture *fixture, const char *const *lines, size_t count)
{
	return digest_check_list(fixture->capsule, lines, count, &fixture->err);
}

static void lists_hold_until_something_changes(void **state)
{
	struct place_fixture *fixture = *state;
	char tree[DIGEST_TEXT + 32], digest[DIGEST_TEXT];
	const char *const lines[] = { "abc=blake3:" ABC_BLAKE3, "./abc=sha256:" ABC_SHA256,
		"inside=sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", tree };

	place_write(fixture, "capsule/abc", "abc", 0600);
	place_link(fixture, "capsule/inside", "abc");
	place_folder(fixture, "capsule/lib");
	place_write(fixture, "capsule/lib/x", "x", 0600);
	if (digest_path(digest, place_path(fixture, "capsule/lib"), false, &fixture->err) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	(void)snprintf(tree, sizeof tree, "lib=%s", digest);
	assert_int_equal(check_list(fixture, lines, 4), CAPSULE_OK);
	assert_int_equal(check_list(fixture, NULL, 0), CAPSULE_OK);
	place_write(fixture, "capsule/lib/y", "y", 0600);
	assert_int_equal(check_list(fixture, lines, 4), CAPSULE_EDENIED);
	place_assert_error(fixture, "integrity: `lib` is not what the manifest says: expected tree:");
	assert_int_equal(check_list(fixture, lines, 3), CAPSULE_OK);
	place_write(fixture, "capsule/abc", "abd", 0600);
	assert_int_equal(check_list(fixture, lines, 3), CAPSULE_EDENIED);
	place_assert_error(fixture, "expected blake3:" ABC_BLAKE3 ", got blake3:");
}

static void refuse_line(struct place_fixture *fixture, const char *line, enum capsule_status expected, const char *part)
{
	assert_int_equal(check_list(fixture, &line, 1), expected);
	place_assert_error(fixture, part);
}

static void lists_lead_nowhere_else(void **state)
{
	struct place_fixture *fixture = *state;

	place_write(fixture, "outside", "abc", 0600);
	place_link(fixture, "capsule/out", "../outside");
	place_fifo(fixture, "capsule/fifo");
	place_write(fixture, "capsule/abc", "abc", 0600);
	refuse_line(fixture, "out=blake3:" ABC_BLAKE3, CAPSULE_EDENIED, "`out` lies outside the capsule's folder");
	refuse_line(fixture, "../outside=blake3:" ABC_BLAKE3, CAPSULE_EINVAL, "holds `..`");
	refuse_line(fixture, "absent=blake3:" ABC_BLAKE3, CAPSULE_ENOTFOUND, "`absent`");
	refuse_line(fixture, "abc/x=blake3:" ABC_BLAKE3, CAPSULE_ENOTFOUND, "`abc/x` does not exist");
	refuse_line(fixture, "fifo=blake3:" ABC_BLAKE3, CAPSULE_EINVAL, "no regular file and no folder");
	refuse_line(fixture, "abc=tree:" ABC_BLAKE3, CAPSULE_EINVAL, "it is a file");
	/* A BLAKE3 digest that is called sha256 is none. */
	refuse_line(fixture, "abc=sha256:" ABC_BLAKE3, CAPSULE_EDENIED, "got sha256:" ABC_SHA256);
}

static void an_approved_folder_is_as_it_was(void **state)
{
	struct place_fixture *fixture = *state;
	char tree[DIGEST_TEXT], approved[512];

	place_write(fixture, "capsule/a", "x", 0600);
	tree_of(fixture, tree);
	(void)snprintf(approved, sizeof approved, ABC_BLAKE3 " a\n%s .\n" EMPTY_BLAKE3 " b\n", tree + strlen("tree:"));
	assert_int_equal(digest_check_approved(fixture->capsule, approved, &fixture->err), CAPSULE_OK);
	place_write(fixture, "capsule/b", "", 0600);
	assert_int_equal(digest_check_approved(fixture->capsule, approved, &fixture->err), CAPSULE_EDENIED);
	place_assert_error(fixture, "changed since it was approved");
	assert_int_equal(digest_check_approved(fixture->capsule, "", &fixture->err), CAPSULE_EDENIED);
	assert_int_equal(digest_check_approved(fixture->capsule, ABC_BLAKE3 " .a\n", &fixture->err), CAPSULE_EDENIED);
	place_assert_error(fixture, "approved without its whole folder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(digests_of_files_are_those_of_others, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(a_file_is_read_from_its_start, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(
			a_large_file_has_the_same_digest_in_pieces, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_no_file_and_no_folder_has_no_digest, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(a_tree_is_its_listing, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(every_change_of_a_tree_counts, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(times_and_rights_of_others_do_not_count, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(a_tree_with_a_fifo_is_refused_by_name, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(trees_have_bounds, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(a_tree_of_the_greatest_depth_is_read, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(lists_hold_until_something_changes, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(lists_lead_nowhere_else, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(an_approved_folder_is_as_it_was, place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests_name("process_digest", tests, NULL, NULL);
}
