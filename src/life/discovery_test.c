/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Discovery on real folders. */
#include "life/discovery.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "life/folder_fixture.h"
#include "life/listing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct fixture {
	struct folder folder;
	struct discovery found;
	struct capsule_error err;
	const char *distrusted; /* id of the capsule that trust() does not let pass */
	size_t asked;           /* calls of trust() */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	folder_make(&fixture->folder);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	discovery_fini(&fixture->found);
	folder_remove(&fixture->folder);
	free(fixture);
	return 0;
}

static enum capsule_status trust(void *user, struct discovered *found, char **why, struct capsule_error *err)
{
	struct fixture *fixture = user;

	(void)err;
	fixture->asked++;
	if (fixture->distrusted != NULL && strcmp(found->manifest->package.name, fixture->distrusted) == 0)
		*why = text_copy(span_text("not approved yet"));
	else
		memset(found->module_blake3, 'a', 64);
	return CAPSULE_OK;
}

/* Looks through the folders `first` and `second` (NULL: none) of the fixture. */
static enum capsule_status find_in(struct fixture *fixture, const char *first, enum discovery_origin first_origin,
	const char *second, enum discovery_origin second_origin)
{
	struct discovery_root roots[2] = { { folder_path(&fixture->folder, first), first_origin } };

	if (second != NULL)
		roots[1] = (struct discovery_root){ folder_path(&fixture->folder, second), second_origin };
	discovery_fini(&fixture->found);
	return discovery_find(&fixture->found, roots, second != NULL ? 2 : 1, trust, fixture, &fixture->err);
}

static void find(struct fixture *fixture, const char *root)
{
	assert_int_equal(find_in(fixture, root, DISCOVERY_HOME, NULL, DISCOVERY_HOME), CAPSULE_OK);
}

static const struct discovered *item(const struct fixture *fixture, size_t index)
{
	assert_true(index < fixture->found.count);
	return &fixture->found.items[index];
}

static void assert_item(const struct fixture *fixture, size_t index, const char *name, enum discovery_state state)
{
	assert_string_equal(item(fixture, index)->dir, folder_path(&fixture->folder, name));
	assert_int_equal(item(fixture, index)->state, state);
	assert_int_equal(item(fixture, index)->problem == NULL, state == DISCOVERY_GOOD);
	assert_int_equal(item(fixture, index)->manifest == NULL, state == DISCOVERY_BROKEN);
}

static void assert_found(const struct fixture *fixture, size_t items, size_t warnings)
{
	assert_int_equal(fixture->found.count, items);
	assert_int_equal(fixture->found.warning_count, warnings);
}

/* rt:87 */
static void a_root_that_does_not_exist_holds_nothing(void **state)
{
	struct fixture *fixture = *state;

	find(fixture, "nowhere");
	assert_found(fixture, 0, 0);
	assert_int_equal(find_in(fixture, "nowhere", DISCOVERY_WORKSPACE, "else", DISCOVERY_HOME), CAPSULE_OK);
	assert_found(fixture, 0, 0);
	assert_int_equal(find_in(fixture, "typo", DISCOVERY_NAMED, NULL, DISCOVERY_HOME), CAPSULE_OK);
	assert_found(fixture, 0, 1);
	assert_non_null(strstr(fixture->found.warnings[0], "typo: there is no such folder"));
}

/* rt:88: the warning is what is told of the folder */
static void a_broken_manifest_is_told_and_the_rest_goes_on(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/x", "x", "");
	folder_write(&fixture->folder, "root/y/Capsule.toml", "[package]\nname = \"y\"\n");
	find(fixture, "root");
	assert_found(fixture, 2, 0);
	assert_item(fixture, 0, "root/x", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/y", DISCOVERY_BROKEN);
	assert_non_null(strstr(item(fixture, 1)->problem, "root/y/Capsule.toml:1:1: missing key `version`"));
	assert_null(strstr(item(fixture, 1)->problem, "more"));
	assert_int_equal(item(fixture, 1)->diagnostics.errors, 1);
	assert_true(span_is(buffer_span(&item(fixture, 1)->source), "[package]\nname = \"y\"\n"));
}

/* rt:89, rt:91, rt:93 */
static void only_capsule_toml_one_level_below_counts(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/x/sub", "x", "");
	folder_write(&fixture->folder, "root/y/capsule.toml", "[package]\nname = \"y\"\nversion = \"1.0.0\"\n");
	folder_write(&fixture->folder, "root/z/README.md", "nothing\n");
	folder_write(&fixture->folder, "root/file", "nothing\n");
	find(fixture, "root");
	assert_found(fixture, 0, 0);
}

/* rt:90 */
static void a_root_with_a_manifest_is_a_capsule(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root", "r", "");
	folder_capsule(&fixture->folder, "root/template", "t", "");
	find(fixture, "root");
	assert_found(fixture, 2, 0);
	assert_item(fixture, 0, "root", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/template", DISCOVERY_GOOD);
	/* Who names a capsule has not named what lies in it. */
	assert_int_equal(find_in(fixture, "root", DISCOVERY_NAMED, NULL, DISCOVERY_HOME), CAPSULE_OK);
	assert_found(fixture, 1, 0);
	assert_item(fixture, 0, "root", DISCOVERY_GOOD);
}

/* rt:92 */
static void links_are_followed_and_those_that_lead_nowhere_ignored(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "elsewhere/x", "x", "");
	folder_write(&fixture->folder, "manifest", "[package]\nname = \"m\"\nversion = \"1.0.0\"\n");
	folder_link(&fixture->folder, "../elsewhere/x", "root/a");
	folder_link(&fixture->folder, "../nowhere", "root/b");
	folder_link(&fixture->folder, "c", "root/c");
	folder_link(&fixture->folder, "../../nowhere", "root/d/Capsule.toml");
	folder_link(&fixture->folder, "../../manifest", "root/e/Capsule.toml");
	folder_link(&fixture->folder, "../manifest", "root/f");
	find(fixture, "root");
	assert_found(fixture, 2, 0);
	assert_item(fixture, 0, "root/a", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/e", DISCOVERY_GOOD);
}

/* rt:94 */
static void the_workspace_comes_before_the_home(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "work/a", "a", "");
	folder_capsule(&fixture->folder, "home/b", "a", "");
	folder_capsule(&fixture->folder, "home/c", "c", "");
	assert_int_equal(find_in(fixture, "work", DISCOVERY_WORKSPACE, "home", DISCOVERY_HOME), CAPSULE_OK);
	assert_found(fixture, 3, 0);
	assert_item(fixture, 0, "work/a", DISCOVERY_GOOD);
	assert_int_equal(item(fixture, 0)->origin, DISCOVERY_WORKSPACE);
	assert_item(fixture, 1, "home/b", DISCOVERY_DUPLICATE);
	assert_int_equal(item(fixture, 1)->other, 0);
	assert_non_null(strstr(item(fixture, 1)->problem, item(fixture, 0)->dir));
	assert_non_null(strstr(item(fixture, 1)->problem, item(fixture, 1)->dir));
	assert_item(fixture, 2, "home/c", DISCOVERY_GOOD);
	assert_int_equal(fixture->asked, 1);
	assert_int_equal(strlen(item(fixture, 0)->module_blake3), 64);
	assert_string_equal(item(fixture, 2)->module_blake3, "");
}

static void two_folders_of_one_root_with_one_id_are_told_apart_by_name(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/b", "same", "");
	folder_capsule(&fixture->folder, "root/a", "same", "");
	folder_capsule(&fixture->folder, "root/c", "same", "");
	find(fixture, "root");
	assert_item(fixture, 0, "root/a", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/b", DISCOVERY_DUPLICATE);
	assert_item(fixture, 2, "root/c", DISCOVERY_DUPLICATE);
	assert_int_equal(item(fixture, 2)->other, 0);
}

static void a_folder_that_is_named_twice_is_told_to_be(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/a", "same", "");
	folder_capsule(&fixture->folder, "root/b", "same", "");
	assert_int_equal(find_in(fixture, "root/a", DISCOVERY_NAMED, "root", DISCOVERY_NAMED), CAPSULE_OK);
	assert_found(fixture, 3, 0);
	assert_item(fixture, 0, "root/a", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/a", DISCOVERY_DUPLICATE);
	assert_int_equal(item(fixture, 1)->other, 0);
	assert_string_equal(item(fixture, 1)->problem, "it was found before: it is named twice");
	assert_item(fixture, 2, "root/b", DISCOVERY_DUPLICATE);
	assert_non_null(strstr(item(fixture, 2)->problem, "is taken by"));
}

static void what_nobody_approved_hides_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture->distrusted = "a";
	folder_capsule(&fixture->folder, "work/a", "a", "");
	folder_capsule(&fixture->folder, "home/a", "a", "");
	assert_int_equal(find_in(fixture, "work", DISCOVERY_WORKSPACE, "home", DISCOVERY_HOME), CAPSULE_OK);
	assert_item(fixture, 0, "work/a", DISCOVERY_UNAPPROVED);
	assert_string_equal(item(fixture, 0)->problem, "not approved yet");
	assert_item(fixture, 1, "home/a", DISCOVERY_GOOD);
	/* What a person named needs no receipt. */
	assert_int_equal(find_in(fixture, "work", DISCOVERY_NAMED, "home", DISCOVERY_HOME), CAPSULE_OK);
	assert_item(fixture, 0, "work/a", DISCOVERY_GOOD);
	assert_item(fixture, 1, "home/a", DISCOVERY_DUPLICATE);
}

static void a_broken_one_hides_nothing(void **state)
{
	struct fixture *fixture = *state;

	folder_write(&fixture->folder, "work/a/Capsule.toml", "[package]\nname = \"a\"\n");
	folder_capsule(&fixture->folder, "home/a", "a", "");
	assert_int_equal(find_in(fixture, "work", DISCOVERY_WORKSPACE, "home", DISCOVERY_HOME), CAPSULE_OK);
	assert_item(fixture, 0, "work/a", DISCOVERY_BROKEN);
	assert_item(fixture, 1, "home/a", DISCOVERY_GOOD);
}

/* rt:95 */
static void a_root_that_is_a_file_is_a_warning(void **state)
{
	struct fixture *fixture = *state;

	folder_write(&fixture->folder, "file", "x");
	folder_capsule(&fixture->folder, "root/a", "a", "");
	assert_int_equal(find_in(fixture, "file", DISCOVERY_WORKSPACE, "root", DISCOVERY_HOME), CAPSULE_OK);
	assert_found(fixture, 1, 1);
	assert_non_null(strstr(fixture->found.warnings[0], "/file: Not a directory"));
	assert_item(fixture, 0, "root/a", DISCOVERY_GOOD);
}

/* Root may read everything, so it becomes somebody else for a while. */
static void what_can_not_be_read_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *const open_to_all[] = { "", "root", "root/a" };
	bool root = geteuid() == 0;

	folder_capsule(&fixture->folder, "root/a", "a", "");
	folder_add(&fixture->folder, "closed");
	for (size_t i = 0; i < sizeof open_to_all / sizeof open_to_all[0]; i++)
		assert_int_equal(chmod(folder_path(&fixture->folder, open_to_all[i]), 0755), 0);
	assert_int_equal(chmod(folder_path(&fixture->folder, "root/a/Capsule.toml"), 0), 0);
	assert_int_equal(chmod(folder_path(&fixture->folder, "closed"), 0), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	assert_int_equal(find_in(fixture, "closed", DISCOVERY_WORKSPACE, "root", DISCOVERY_HOME), CAPSULE_OK);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(chmod(folder_path(&fixture->folder, "closed"), 0700), 0);
	assert_found(fixture, 1, 1);
	assert_non_null(strstr(fixture->found.warnings[0], "closed: Permission denied"));
	assert_item(fixture, 0, "root/a", DISCOVERY_BROKEN);
	assert_non_null(strstr(item(fixture, 0)->problem, "Capsule.toml: Permission denied"));
}

/* rt:96 */
static void folders_come_by_name(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/b", "b", "");
	folder_capsule(&fixture->folder, "root/a", "a", "");
	folder_capsule(&fixture->folder, "root/c", "c", "");
	folder_capsule(&fixture->folder, "root/B", "upper", "");
	find(fixture, "root");
	assert_found(fixture, 4, 0);
	assert_item(fixture, 0, "root/B", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/a", DISCOVERY_GOOD);
	assert_item(fixture, 2, "root/b", DISCOVERY_GOOD);
	assert_item(fixture, 3, "root/c", DISCOVERY_GOOD);
}

/* rt:97 */
static void backups_and_hidden_folders_are_skipped(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/a.bak", "a", "");
	folder_capsule(&fixture->folder, "root/.bak", "b", "");
	folder_capsule(&fixture->folder, "root/.c", "c", "");
	folder_capsule(&fixture->folder, "root/bak", "d", "");
	folder_capsule(&fixture->folder, "root/e.bak.e", "e", "");
	find(fixture, "root");
	assert_found(fixture, 2, 0);
	assert_item(fixture, 0, "root/bak", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/e.bak.e", DISCOVERY_GOOD);
}

static void paths_are_absolute_whatever_was_named(void **state)
{
	struct fixture *fixture = *state;
	const struct discovery_root relative = { "./root/../root", DISCOVERY_WORKSPACE };
	HOLD(free_drop) char *before = getcwd(NULL, 0);

	folder_capsule(&fixture->folder, "root/a", "a", "");
	assert_non_null(before);
	assert_int_equal(chdir(fixture->folder.path), 0);
	assert_int_equal(discovery_find(&fixture->found, &relative, 1, NULL, NULL, &fixture->err), CAPSULE_OK);
	assert_int_equal(chdir(before), 0);
	assert_item(fixture, 0, "root/a", DISCOVERY_GOOD);
	assert_string_equal(item(fixture, 0)->manifest->path, folder_path(&fixture->folder, "root/a/Capsule.toml"));
}

static void the_hash_is_of_the_bytes_that_were_parsed(void **state)
{
	static const char text[] = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n";
	struct fixture *fixture = *state;
	uint8_t hash[BLAKE3_SIZE];

	folder_write(&fixture->folder, "root/a/Capsule.toml", text);
	find(fixture, "root");
	blake3_bytes(span_text(text), hash);
	assert_memory_equal(item(fixture, 0)->hash, hash, sizeof hash);
}

static void nobody_is_waited_for(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	HOLD(fd_drop) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	folder_add(&fixture->folder, "root/fifo");
	folder_add(&fixture->folder, "root/folder/Capsule.toml");
	folder_add(&fixture->folder, "root/socket");
	folder_link(&fixture->folder, "/dev/zero", "root/zero/Capsule.toml");
	assert_int_equal(mkfifo(folder_path(&fixture->folder, "root/fifo/Capsule.toml"), 0600), 0);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s",
		folder_path(&fixture->folder, "root/socket/Capsule.toml"));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	find(fixture, "root");
	assert_found(fixture, 4, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(item(fixture, i)->state, DISCOVERY_BROKEN);
		assert_non_null(strstr(item(fixture, i)->problem, "Capsule.toml: not a regular file"));
	}
}

static void a_manifest_that_is_too_long_is_broken(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) char *text = malloc(2 * MIB + 1);

	assert_non_null(text);
	memset(text, '\n', 2 * MIB);
	text[2 * MIB] = '\0';
	folder_write(&fixture->folder, "root/a/Capsule.toml", text);
	folder_write(&fixture->folder, "root/b/Capsule.toml", "");
	folder_capsule(&fixture->folder, "root/c", "c", "");
	find(fixture, "root");
	assert_item(fixture, 0, "root/a", DISCOVERY_BROKEN);
	assert_true(item(fixture, 0)->source.len <= LIMIT_MANIFEST_BYTES + 1);
	assert_item(fixture, 1, "root/b", DISCOVERY_BROKEN);
	assert_item(fixture, 2, "root/c", DISCOVERY_GOOD);
}

static void hostile_names_are_paths_and_clean_text(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/\x1b[31m\n", "a", "");
	folder_capsule(&fixture->folder, "root/up", "../x", "");
	folder_write(&fixture->folder, "\x1b[31m\nfile", "");
	assert_int_equal(find_in(fixture, "root", DISCOVERY_HOME, "\x1b[31m\nfile", DISCOVERY_HOME), CAPSULE_OK);
	assert_found(fixture, 2, 1);
	assert_item(fixture, 0, "root/\x1b[31m\n", DISCOVERY_GOOD);
	assert_item(fixture, 1, "root/up", DISCOVERY_BROKEN);
	assert_non_null(strstr(item(fixture, 1)->problem, "../x"));
	assert_null(strchr(fixture->found.warnings[0], '\x1b'));
}

static void a_folder_that_leads_back_to_its_root_ends(void **state)
{
	struct fixture *fixture = *state;

	folder_capsule(&fixture->folder, "root/a", "a", "");
	folder_link(&fixture->folder, ".", "root/here");
	folder_link(&fixture->folder, "..", "root/up");
	folder_link(&fixture->folder, "y", "root/x");
	folder_link(&fixture->folder, "x", "root/y");
	folder_link(&fixture->folder, "Capsule.toml", "root/z/Capsule.toml");
	find(fixture, "root");
	assert_found(fixture, 1, 0);
	assert_item(fixture, 0, "root/a", DISCOVERY_GOOD);
	folder_link(&fixture->folder, "loop", "loop");
	find(fixture, "loop");
	assert_found(fixture, 0, 1);
	assert_non_null(strstr(fixture->found.warnings[0], "loop: Too many levels of symbolic links"));
}

static void too_many_capsules_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct discovery_root root = { .origin = DISCOVERY_HOME };
	char name[32];

	folder_capsule(&fixture->folder, "one", "one", "");
	for (int i = 0; i <= LIMIT_CAPSULES; i++) {
		(void)snprintf(name, sizeof name, "root/%05d", i);
		folder_link(&fixture->folder, "../one", name);
	}
	root.path = folder_path(&fixture->folder, "root");
	assert_int_equal(discovery_find(&fixture->found, &root, 1, NULL, NULL, &fixture->err), CAPSULE_ELIMIT);
	assert_non_null(strstr(fixture->err.text, "more than 16384 capsules"));
	assert_non_null(strstr(fixture->err.text, "root/16384/Capsule.toml"));
	assert_found(fixture, 0, 0);
	assert_int_equal(unlink(folder_path(&fixture->folder, "root/16384")), 0);
	find(fixture, "root");
	assert_found(fixture, LIMIT_CAPSULES, 0);
	assert_item(fixture, LIMIT_CAPSULES - 1, "root/16383", DISCOVERY_DUPLICATE);
}

static void a_folder_that_vanishes_holds_nothing(void **state)
{
	struct fixture *fixture = *state;
	HOLD(listing_fini) struct listing listing = { 0 };
	HOLD(fd_drop) int fd = -1;

	folder_add(&fixture->folder, "gone");
	fd = open(folder_path(&fixture->folder, "gone"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(rmdir(folder_path(&fixture->folder, "gone")), 0);
	assert_int_equal(listing_read(&listing, fd), 0);
	assert_int_equal(listing.count, 0);
}

static enum capsule_status trust_fails(void *user, struct discovered *found, char **why, struct capsule_error *err)
{
	(void)user;
	(void)found;
	(void)why;
	return error_set(err, CAPSULE_ENOMEM, "no memory for a receipt");
}

static void a_failure_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	const struct discovery_root root = { folder_path(&fixture->folder, "root"), DISCOVERY_WORKSPACE };

	folder_capsule(&fixture->folder, "root/a", "a", "");
	assert_int_equal(discovery_find(&fixture->found, &root, 1, trust_fails, NULL, &fixture->err), CAPSULE_ENOMEM);
	assert_string_equal(fixture->err.text, "no memory for a receipt");
	assert_found(fixture, 0, 0);
	assert_null(fixture->found.items);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_root_that_does_not_exist_holds_nothing),
		TEST(a_broken_manifest_is_told_and_the_rest_goes_on),
		TEST(only_capsule_toml_one_level_below_counts),
		TEST(a_root_with_a_manifest_is_a_capsule),
		TEST(links_are_followed_and_those_that_lead_nowhere_ignored),
		TEST(the_workspace_comes_before_the_home),
		TEST(two_folders_of_one_root_with_one_id_are_told_apart_by_name),
		TEST(a_folder_that_is_named_twice_is_told_to_be),
		TEST(what_nobody_approved_hides_nothing),
		TEST(a_broken_one_hides_nothing),
		TEST(a_root_that_is_a_file_is_a_warning),
		TEST(what_can_not_be_read_is_told),
		TEST(folders_come_by_name),
		TEST(backups_and_hidden_folders_are_skipped),
		TEST(paths_are_absolute_whatever_was_named),
		TEST(the_hash_is_of_the_bytes_that_were_parsed),
		TEST(nobody_is_waited_for),
		TEST(a_manifest_that_is_too_long_is_broken),
		TEST(hostile_names_are_paths_and_clean_text),
		TEST(a_folder_that_leads_back_to_its_root_ends),
		TEST(too_many_capsules_are_refused),
		TEST(a_folder_that_vanishes_holds_nothing),
		TEST(a_failure_leaves_nothing),
	};

	return cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
}
