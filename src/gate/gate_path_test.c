/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which paths the entries of fs_read and fs_write open, and which they do not. */
#include "gate/gate_fixture.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* rt:137 */
static void an_entry_covers_itself_and_what_is_below(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("fs_read = [\"/workspace/src\", \"/tmp/exact.txt\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/main.rs");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/tmp/exact.txt");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src");
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/src-evil/main.rs", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/src_evil/main.rs", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/src/../../etc/passwd", GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/tmp/exact.txt2", GATE_NOT_DECLARED);
}

/* rt:138 */
static void the_wildcard_is_the_workspace_and_nothing_else(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_write = [\"*\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_WRITE, "/workspace/src/main.rs");
	ASSERT_ALLOWED(&fixture, GATE_WRITE, "/workspace");
	ASSERT_DENIED(&fixture, GATE_WRITE, "/etc/passwd", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_WRITE, "/random/file.txt", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_WRITE, "/workspace2", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_WRITE, "/", GATE_NOT_DECLARED);
}

/* rt:139 */
static void the_workspace_scheme_alone_is_the_workspace(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"workspace://\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/main.rs");
	ASSERT_DENIED(&fixture, GATE_READ, "/other/path", GATE_NOT_DECLARED);
}

#define SKILL "/home/user/.astrid/skills/s/SKILL.md"
static const struct gate_roots both_roots = { .workspace = "/workspace", .global = "/home/user/.astrid" };

/* rt:140 */
static void the_global_scheme_is_the_shared_folder(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nfs_read = [\"global://\"]\n", both_roots, GATE_FOR_COMPONENT);

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, SKILL);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/src/main.rs", GATE_NOT_DECLARED);
}

/* rt:141 */
static void without_a_shared_folder_global_grants_nothing(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"global://\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, SKILL, GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/", GATE_NOT_DECLARED);
}

/* rt:142 */
static void both_schemes_open_both_roots(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nfs_read = [\"workspace://\", \"global://\"]\n", both_roots, GATE_FOR_COMPONENT);

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, SKILL);
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/main.rs");
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/passwd", GATE_NOT_DECLARED);
}

/* rt:143 */
static void the_workspace_scheme_does_not_open_the_shared_folder(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nfs_read = [\"workspace://\"]\n", both_roots, GATE_FOR_COMPONENT);

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, SKILL, GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/main.rs");
}

/* rt:146 */
static void a_folder_of_the_workspace_does_not_open_its_look_alike(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"workspace://src\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/a");
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/srcx", GATE_NOT_DECLARED);
}

/* rt:147 */
static void a_relative_entry_is_below_the_workspace(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"src\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/a");
	ASSERT_DENIED(&fixture, GATE_READ, "/src/a", GATE_NOT_DECLARED);
}

/* rt:148 */
static void an_asterisk_within_an_entry_is_no_pattern(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("fs_read = [\"/ws/*\", \"**\", \"workspace://*\", \"/x*\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/ws/a", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/a", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/xy", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_READ, "/ws/*");
}

/* rt:149 */
static void repeated_slashes_and_single_dots_mean_nothing(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"/workspace/src\"]");
	HOLD(fixture_fini) struct gate_fixture odd = fixture_of("fs_read = [\"/workspace//./src/.//\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace//src/./main.rs");
	ASSERT_ALLOWED(&fixture, GATE_READ, "//workspace/src//");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/./workspace/src/.");
	ASSERT_ALLOWED(&odd, GATE_READ, "/workspace/src/main.rs");
	ASSERT_DENIED(&odd, GATE_READ, "/workspace/srcs", GATE_NOT_DECLARED);
}

/* rt:150 */
static void only_whole_components_of_two_dots_are_refused(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"workspace://\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/..b/x");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/b../...");
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/..", GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/a/../b", GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_READ, "/../workspace", GATE_DOTS);
}

/* rt:151, the first hole of W-06 */
static void an_empty_entry_grants_nothing(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"\"]\nfs_write = [\"\", \"a\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/passwd", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_WRITE, "/workspace/b", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_WRITE, "/workspace/a");
}

/* rt:152, the second hole of W-06 */
static void a_slash_behind_a_scheme_does_not_replace_the_root(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nfs_read = [\"workspace:///etc\", \"global:////var\"]\n", both_roots,
		GATE_FOR_COMPONENT);

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/passwd", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/var/log", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/etc/passwd");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/home/user/.astrid/var/log");
}

static void an_entry_with_two_dots_grants_nothing(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of(
		"fs_read = [\"workspace://^^/etc\", \"/workspace/^^/etc\", \"a/^^\", \"^^\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/passwd", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/a", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/../etc", GATE_DOTS);
}

static void an_unknown_scheme_grants_nothing(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"home://\", \"Workspace://\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/home:/x", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/a", GATE_NOT_DECLARED);
}

/* rt:153 */
static void reading_does_not_grant_writing(void **state)
{
	HOLD(fixture_fini) struct gate_fixture reads = fixture_of("fs_read = [\"*\", \"/\"]");
	HOLD(fixture_fini) struct gate_fixture writes = fixture_of("fs_write = [\"*\", \"/\"]");

	(void)state;
	ASSERT_DENIED(&reads, GATE_WRITE, "/workspace/a", GATE_NOT_DECLARED);
	ASSERT_DENIED(&writes, GATE_READ, "/workspace/a", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&reads, GATE_READ, "/workspace/a");
}

static void the_root_of_the_disk_covers_every_path(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("fs_read = [\"/\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/etc/passwd");
	ASSERT_DENIED(&fixture, GATE_READ, "etc/passwd", GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_READ, "", GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/../root", GATE_DOTS);
	assert_false(fixture_ask_more(&fixture, GATE_READ, span_of("/etc\0/x", 7), NULL));
	assert_int_equal(fixture.decision.reason, GATE_MALFORMED);
}

static void nothing_is_decoded_or_folded(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("fs_read = [\"/workspace/caf\xC3\xA9\", \"/workspace/a%2Fb\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/caf\xC3\xA9/x");
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/cafe\xCC\x81/x", GATE_NOT_DECLARED); /* decomposed */
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/caf%C3%A9/x", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/WORKSPACE/caf\xC3\xA9", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ,
		"/workspace\xE2\x88\x95"
		"caf\xC3\xA9",
		GATE_NOT_DECLARED); /* U+2215 */
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/a%2Fb/c");
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/a/b", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace/%2e%2e/etc", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace\\caf\xC3\xA9", GATE_NOT_DECLARED);
}

/* S16: what says what a capsule may do is closed, whatever is declared. */
static void the_home_is_closed_but_for_the_shared_folder(void **state)
{
	static const struct gate_roots roots = {
		.workspace = "/w", .global = "/w/.home/shared", .forbidden = "/w/.home"
	};
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nfs_read = [\"/\"]\nfs_write = [\"*\", \"/w/.home/trust\"]\n", roots,
		GATE_FOR_COMPONENT);

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/w/.home", GATE_PROTECTED);
	ASSERT_DENIED(&fixture, GATE_READ, "/w//.home/./trust/x", GATE_PROTECTED);
	ASSERT_DENIED(&fixture, GATE_WRITE, "/w/.home/trust/x", GATE_PROTECTED);
	ASSERT_DENIED(&fixture, GATE_READ, "/w/.home/sharedx", GATE_PROTECTED);
	ASSERT_ALLOWED(&fixture, GATE_READ, "/w/.home/shared/x");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/w/.homely");
	ASSERT_ALLOWED(&fixture, GATE_READ, "/w");
}

static void without_a_workspace_entries_that_need_one_grant_nothing(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nfs_read = [\"*\", \"workspace://\", \"src\", \"/opt\"]\n", (struct gate_roots){ 0 },
		GATE_FOR_COMPONENT);

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/src", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_READ, "/opt/x");
}

static void a_root_that_is_not_absolute_is_refused(void **state)
{
	HOLD(manifest_drop) struct manifest *manifest = fixture_manifest("");
	static const struct gate_roots bad[] = { { .workspace = "w" }, { .global = "" }, { .forbidden = "./h" },
		{ .forbidden = "/no-such-folder/../h" } };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct gate *gate = NULL;
		struct capsule_error err;

		assert_int_equal(gate_new_manifest(&gate, manifest, &bad[i], GATE_FOR_CAPSULE, &err), CAPSULE_EINVAL);
		assert_null(gate);
	}
}

/* ---- Real folders and links ---- */

struct disk {
	char dir[64]; /* canonical */
};

static void disk_path(const struct disk *disk, const char *name, char out[static 256])
{
	(void)snprintf(out, 256, "%s/%s", disk->dir, name);
}

static void make_folder(const struct disk *disk, const char *name)
{
	char path[256];

	disk_path(disk, name, path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const struct disk *disk, const char *target, const char *name)
{
	char path[256];

	disk_path(disk, name, path);
	assert_int_equal(symlink(target, path), 0);
}

static int disk_setup(void **state)
{
	struct disk *disk = calloc(1, sizeof *disk);
	char dir[] = "/tmp/gate-test-XXXXXX";
	char *real;

	assert_non_null(disk);
	assert_non_null(mkdtemp(dir));
	real = realpath(dir, NULL);
	assert_non_null(real);
	(void)snprintf(disk->dir, sizeof disk->dir, "%s", real);
	free(real);
	*state = disk;
	make_folder(disk, "project");
	make_folder(disk, "project/src");
	make_folder(disk, "project-evil");
	make_link(disk, "project", "link");
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
	(void)info;
	(void)flag;
	(void)walk;
	return remove(path);
}

static int disk_teardown(void **state)
{
	struct disk *disk = *state;
	int status = nftw(disk->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);

	free(disk);
	return status;
}

static struct gate_fixture disk_gate(const struct disk *disk, const char *line, const char *workspace)
{
	char root[256], text[1024];

	disk_path(disk, workspace, root);
	(void)snprintf(text, sizeof text, "[capabilities]\n%s\n", line);
	return fixture_make(text, (struct gate_roots){ .workspace = root }, GATE_FOR_COMPONENT);
}

static bool disk_ask(struct gate_fixture *fixture, const struct disk *disk, const char *name)
{
	char path[256];

	disk_path(disk, name, path);
	return fixture_ask(fixture, GATE_READ, path);
}

/* rt:144 */
static void the_wildcard_stays_in_a_real_workspace(void **state)
{
	const struct disk *disk = *state;
	HOLD(fixture_fini)
	struct gate_fixture fixture = disk_gate(disk, "fs_read = [\"*\"]\nfs_write = [\"*\"]", "project");
	char path[256];

	assert_true(disk_ask(&fixture, disk, "project/src/a"));
	assert_false(disk_ask(&fixture, disk, "project-evil/file.txt"));
	disk_path(disk, "project/../../etc/passwd", path);
	ASSERT_DENIED(&fixture, GATE_READ, path, GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_WRITE, path, GATE_DOTS);
	ASSERT_DENIED(&fixture, GATE_READ, "/home/other/.ssh/id_ed25519", GATE_NOT_DECLARED);
}

/* rt:145 */
static void a_workspace_that_is_a_link_is_its_target(void **state)
{
	const struct disk *disk = *state;
	HOLD(fixture_fini)
	struct gate_fixture fixture = disk_gate(disk, "fs_read = [\"*\", \"workspace://src\"]", "link");

	assert_true(disk_ask(&fixture, disk, "project/src/a"));
	assert_true(disk_ask(&fixture, disk, "project/b"));
	assert_false(disk_ask(&fixture, disk, "project-evil/b"));
}

/* S6: the entry is judged where it leads, and paths that were followed are judged by that. */
static void an_entry_that_is_a_link_means_its_target(void **state)
{
	const struct disk *disk = *state;
	HOLD(fixture_fini) struct gate_fixture fixture = { 0 };
	char line[256];

	make_link(disk, "src", "project/alias");
	(void)snprintf(line, sizeof line, "fs_read = [\"workspace://alias\", \"%s/link/deep\"]", disk->dir);
	fixture = disk_gate(disk, line, "project");
	assert_true(disk_ask(&fixture, disk, "project/src/a"));
	assert_true(disk_ask(&fixture, disk, "project/alias/a")); /* as a guest names it, before links are followed */
	assert_true(disk_ask(&fixture, disk, "project/deep/a"));
	assert_false(disk_ask(&fixture, disk, "link/deep/a"));
	assert_false(disk_ask(&fixture, disk, "project/b"));
}

/* S6: a link that a hostile workspace brings along opens nothing outside. */
static void an_entry_whose_link_leads_out_of_the_workspace_grants_nothing(void **state)
{
	const struct disk *disk = *state;
	HOLD(fixture_fini) struct gate_fixture fixture = { 0 };

	make_link(disk, "../project-evil", "project/notes");
	make_link(disk, "/etc", "project/etc");
	fixture = disk_gate(disk, "fs_read = [\"workspace://notes\", \"etc\", \"workspace://etc/ssh/new\"]", "project");
	assert_false(disk_ask(&fixture, disk, "project-evil/a"));
	assert_false(disk_ask(&fixture, disk, "project/notes/a"));
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/passwd", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_READ, "/etc/ssh/new", GATE_NOT_DECLARED);
}

/* S16 with links: the home is closed where it really is. */
static void a_home_that_is_a_link_is_closed_at_its_target(void **state)
{
	const struct disk *disk = *state;
	HOLD(fixture_fini) struct gate_fixture fixture = { 0 };
	char home[256], shared[256];

	make_folder(disk, "real-home");
	make_folder(disk, "real-home/shared");
	make_link(disk, "real-home", "home");
	disk_path(disk, "home", home);
	disk_path(disk, "home/shared", shared);
	fixture = fixture_make("[capabilities]\nfs_read = [\"/\"]\n",
		(struct gate_roots){ .global = shared, .forbidden = home }, GATE_FOR_CAPSULE);
	assert_false(disk_ask(&fixture, disk, "real-home/trust"));
	assert_int_equal(fixture.decision.reason, GATE_PROTECTED);
	assert_true(disk_ask(&fixture, disk, "real-home/shared/a"));
}

static void what_does_not_exist_yet_is_kept_as_text(void **state)
{
	const struct disk *disk = *state;
	HOLD(fixture_fini)
	struct gate_fixture fixture = disk_gate(
		disk, "fs_read = [\"workspace://new/./deep//er\", \"src/new\"]", "link");

	assert_true(disk_ask(&fixture, disk, "project/new/deep/er/a"));
	assert_true(disk_ask(&fixture, disk, "project/src/new"));
	assert_false(disk_ask(&fixture, disk, "project/new/deep"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_covers_itself_and_what_is_below),
		cmocka_unit_test(the_wildcard_is_the_workspace_and_nothing_else),
		cmocka_unit_test(the_workspace_scheme_alone_is_the_workspace),
		cmocka_unit_test(the_global_scheme_is_the_shared_folder),
		cmocka_unit_test(without_a_shared_folder_global_grants_nothing),
		cmocka_unit_test(both_schemes_open_both_roots),
		cmocka_unit_test(the_workspace_scheme_does_not_open_the_shared_folder),
		cmocka_unit_test(a_folder_of_the_workspace_does_not_open_its_look_alike),
		cmocka_unit_test(a_relative_entry_is_below_the_workspace),
		cmocka_unit_test(an_asterisk_within_an_entry_is_no_pattern),
		cmocka_unit_test(repeated_slashes_and_single_dots_mean_nothing),
		cmocka_unit_test(only_whole_components_of_two_dots_are_refused),
		cmocka_unit_test(an_empty_entry_grants_nothing),
		cmocka_unit_test(a_slash_behind_a_scheme_does_not_replace_the_root),
		cmocka_unit_test(an_entry_with_two_dots_grants_nothing),
		cmocka_unit_test(an_unknown_scheme_grants_nothing),
		cmocka_unit_test(reading_does_not_grant_writing),
		cmocka_unit_test(the_root_of_the_disk_covers_every_path),
		cmocka_unit_test(nothing_is_decoded_or_folded),
		cmocka_unit_test(the_home_is_closed_but_for_the_shared_folder),
		cmocka_unit_test(without_a_workspace_entries_that_need_one_grant_nothing),
		cmocka_unit_test(a_root_that_is_not_absolute_is_refused),
		cmocka_unit_test_setup_teardown(the_wildcard_stays_in_a_real_workspace, disk_setup, disk_teardown),
		cmocka_unit_test_setup_teardown(a_workspace_that_is_a_link_is_its_target, disk_setup, disk_teardown),
		cmocka_unit_test_setup_teardown(an_entry_that_is_a_link_means_its_target, disk_setup, disk_teardown),
		cmocka_unit_test_setup_teardown(
			an_entry_whose_link_leads_out_of_the_workspace_grants_nothing, disk_setup, disk_teardown),
		cmocka_unit_test_setup_teardown(
			a_home_that_is_a_link_is_closed_at_its_target, disk_setup, disk_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_exist_yet_is_kept_as_text, disk_setup, disk_teardown),
	};

	return cmocka_run_group_tests_name("gate_path", tests, NULL, NULL);
}
