/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receipts in a real home: what they hold, what voids them, and what is not taken for one. */
#include "consent/trust.h"

#include "base/blake3.h"
#include "consent/trust_receipt.h"
#include "process/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n"
#define MODULE "[[component]]\nfile = \"guest.wasm\"\n"
#define RIGHTS "[capabilities]\nnet = [\"Example.com\"]\nfs_read = [\"workspace://a\", \"\"]\nuplink = true\n"

struct fixture {
	char root[64], home[96], dir[96], workspace[96];
	struct trust_subject subject;
	char *changes;
	struct capsule_error err;
};

static const char *path_of(const struct fixture *fixture, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof paths[0], "%s/%s", fixture->root, name);
	return path;
}

static void write_text(const struct fixture *fixture, const char *name, const char *text)
{
	FILE *file = fopen(path_of(fixture, name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void remove_all(const char *path)
{
	char *const arguments[] = { (char[]){ "rm" }, (char[]){ "-rf" }, (char *)(uintptr_t)path, NULL };
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		(void)execvp(arguments[0], arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	(void)snprintf(fixture->root, sizeof fixture->root, "/tmp/capsule-trust-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	(void)snprintf(fixture->home, sizeof fixture->home, "%s/home", fixture->root);
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/dir", fixture->root);
	(void)snprintf(fixture->workspace, sizeof fixture->workspace, "%s/w", fixture->root);
	assert_int_equal(mkdir(fixture->home, 0700), 0);
	assert_int_equal(mkdir(fixture->dir, 0700), 0);
	assert_int_equal(mkdir(fixture->workspace, 0700), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	trust_subject_fini(&fixture->subject);
	free(fixture->changes);
	remove_all(fixture->root);
	free(fixture);
	return 0;
}

/* The capsule at dir/ as the manifest `text` has it. */
static enum capsule_status make_subject(struct fixture *fixture, const char *text)
{
	const struct gate_roots roots = { .workspace = fixture->workspace, .forbidden = fixture->home };
	struct diagnostics found = { 0 };
	struct manifest *manifest = NULL;
	struct policy policy;
	enum capsule_status status;

	write_text(fixture, "dir/Capsule.toml", text);
	trust_subject_fini(&fixture->subject);
	if (manifest_load(&manifest, fixture->dir, NULL, &found, &fixture->err) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_int_equal(policy_make(&policy, manifest, &roots, &fixture->err), CAPSULE_OK);
	status = trust_subject_make(&fixture->subject, fixture->dir, manifest, &policy, &fixture->err);
	policy_fini(&policy);
	manifest_free(manifest);
	diagnostics_fini(&found);
	return status;
}

static void take(struct fixture *fixture, const char *text)
{
	if (make_subject(fixture, text) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
}

static void approve(struct fixture *fixture)
{
	if (trust_approve(fixture->home, &fixture->subject, "ada", "2026-01-02T03:04:05Z", &fixture->err) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
}

/* NULL when a receipt holds. */
static const char *check(struct fixture *fixture)
{
	free(fixture->changes);
	assert_int_equal(trust_check(&fixture->changes, fixture->home, &fixture->subject, &fixture->err), CAPSULE_OK);
	return fixture->changes;
}

static void assert_changes(struct fixture *fixture, const char *expected)
{
	const char *changes = check(fixture);

	assert_non_null(changes);
	assert_string_equal(changes, expected);
}

static void assert_void(struct fixture *fixture, const char *part)
{
	const char *changes = check(fixture);

	assert_non_null(changes);
	if (strstr(changes, part) == NULL)
		fail_msg("`%s` is not in: %s", part, changes);
}

/* The receipt's path. */
static const char *receipt_of(const struct fixture *fixture)
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX], name[BLAKE3_HEX + 32];

	blake3_bytes(span_text(fixture->dir), hash);
	blake3_hex(hash, hex);
	(void)snprintf(name, sizeof name, "home/trust/%s.json", hex);
	return path_of(fixture, name);
}

/* ---- Subjects ---- */

static void a_subject_has_each_file_once_and_rights_in_order(void **state)
{
	struct fixture *fixture = *state;
	const struct trust_subject *subject = &fixture->subject;
	char right[256];

	write_text(fixture, "dir/guest.wasm", "(module)");
	write_text(fixture, "dir/server.py", "pass");
	take(fixture,
		HEAD MODULE
		"[[skill]]\nname = \"s\"\nfile = \"s.md\"\n[[context_file]]\nname = \"c\"\nfile = \"s.md\"\n"
		"[[mcp_server]]\nid = \"m\"\ncommand = \"python3\"\nargs = [\"server.py\", \".\", \"/etc/passwd\"]\n" RIGHTS);
	assert_int_equal(subject->file_count, 5);
	assert_string_equal(subject->files[0].name, ".");
	assert_int_equal(strlen(subject->files[0].blake3), 64);
	assert_string_equal(subject->files[1].name, "Capsule.toml");
	assert_string_equal(subject->files[2].name, "guest.wasm");
	assert_string_equal(subject->files[3].name, "s.md");
	assert_string_equal(subject->files[3].blake3, "");
	assert_string_equal(subject->files[4].name, "server.py");
	assert_int_equal(strlen(subject->files[4].blake3), 64);
	assert_ptr_equal(trust_subject_file(subject, "s.md"), &subject->files[3]);
	assert_null(trust_subject_file(subject, "no"));
	assert_int_equal(subject->right_count, 3);
	(void)snprintf(right, sizeof right, "fs_read workspace://a -> %s/a", fixture->workspace);
	assert_string_equal(subject->rights[0], right);
	assert_string_equal(subject->rights[1], "net Example.com -> example.com");
	assert_string_equal(subject->rights[2], "uplink");
}

#define SERVER                                                                                                         \
	"[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\ncommand = \"./bin/tool\"\n"                                     \
	"args = [\"././/server.py\", \"./\", \"-v\"]\n"                                                                \
	"integrity = [\"./lib/a.py=blake3:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]\n"

static void what_a_server_runs_is_named_without_its_dots(void **state)
{
	struct fixture *fixture = *state;
	const struct trust_subject *subject = &fixture->subject;
	char slice[128];

	(void)snprintf(slice, sizeof slice, "bin/tool/%s", program_triple());
	assert_int_equal(mkdir(path_of(fixture, "dir/bin"), 0700), 0);
	assert_int_equal(mkdir(path_of(fixture, "dir/bin/tool"), 0700), 0);
	assert_int_equal(mkdir(path_of(fixture, "dir/lib"), 0700), 0);
	write_text(fixture, "dir/server.py", "pass");
	write_text(fixture, "dir/lib/a.py", "pass");
	(void)snprintf(slice, sizeof slice, "dir/bin/tool/%s", program_triple());
	write_text(fixture, slice, "#!/bin/sh\n");
	take(fixture, HEAD SERVER);
	assert_int_equal(subject->file_count, 5);
	assert_string_equal(subject->files[0].name, ".");
	assert_string_equal(subject->files[1].name, "Capsule.toml");
	assert_string_equal(subject->files[2].name, slice + strlen("dir/"));
	assert_string_equal(subject->files[3].name, "lib/a.py");
	assert_string_equal(subject->files[4].name, "server.py");
}

static void nothing_in_the_folder_of_a_server_changes_unseen(void **state)
{
	struct fixture *fixture = *state;

	write_text(fixture, "dir/helper.py", "pass");
	take(fixture, HEAD SERVER);
	approve(fixture);
	assert_null(check(fixture));
	write_text(fixture, "dir/helper.py", "evil");
	take(fixture, HEAD SERVER);
	assert_changes(fixture, "something in the folder changed");
	write_text(fixture, "dir/helper.py", "pass");
	take(fixture, HEAD SERVER);
	assert_null(check(fixture));
	assert_int_equal(mkdir(path_of(fixture, "dir/__pycache__"), 0700), 0);
	take(fixture, HEAD SERVER);
	assert_changes(fixture, "something in the folder changed");
	assert_int_equal(rmdir(path_of(fixture, "dir/__pycache__")), 0);
	write_text(fixture, "dir/server.py", "pass");
	take(fixture, HEAD SERVER);
	assert_changes(fixture, "something in the folder changed\nserver.py is new");
	/* Without a server only the files that are named count. */
	take(fixture, HEAD);
	assert_void(fixture, "the whole folder no longer counts, only the files that the manifest names");
	approve(fixture);
	write_text(fixture, "dir/helper.py", "evil");
	take(fixture, HEAD);
	assert_null(check(fixture));
	take(fixture, HEAD SERVER);
	assert_void(fixture, "the whole folder counts, since there is an MCP server");
}

static void a_server_that_may_do_more_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *grants = HEAD "[capabilities]\nhost_process = [\"./bin/tool\"]\nnet = [\"*\"]\n" SERVER;
	char wider[2048];

	take(fixture, grants);
	approve(fixture);
	assert_null(check(fixture));
	(void)snprintf(wider, sizeof wider, "%snetwork = true\n", grants);
	take(fixture, wider);
	assert_void(fixture, "may no longer run the MCP server m -> {\"command\":\"./bin/tool\"");
	assert_void(fixture, "may now run the MCP server m -> {\"command\":\"./bin/tool\"");
	assert_void(fixture, ",\"network\":true}");
}

static void a_folder_of_a_server_that_has_no_digest_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkfifo(path_of(fixture, "dir/fifo"), 0600), 0);
	assert_int_equal(make_subject(fixture, HEAD SERVER), CAPSULE_EIO);
	assert_non_null(strstr(fixture->err.text, "`fifo` is no file, folder or link"));
	assert_int_equal(make_subject(fixture, HEAD), CAPSULE_OK);
}

static void files_outside_of_the_folder_are_refused(void **state)
{
	struct fixture *fixture = *state;

	write_text(fixture, "outside", "x");
	assert_int_equal(symlink("../outside", path_of(fixture, "dir/guest.wasm")), 0);
	assert_int_equal(make_subject(fixture, HEAD MODULE), CAPSULE_EIO);
	assert_non_null(strstr(fixture->err.text, "`guest.wasm` lies outside the capsule's folder"));
	assert_int_equal(fixture->subject.file_count, 0);
}

static void only_regular_files_are_hashed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkfifo(path_of(fixture, "dir/guest.wasm"), 0600), 0);
	assert_int_equal(make_subject(fixture, HEAD MODULE), CAPSULE_EIO);
	assert_non_null(strstr(fixture->err.text, "`guest.wasm` is not a regular file"));
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	struct fixture *fixture = *state;

	write_text(fixture, "dir/guest.wasm", "");
	assert_int_equal(truncate(path_of(fixture, "dir/guest.wasm"), (off_t)65 << 20), 0);
	assert_int_equal(make_subject(fixture, HEAD MODULE), CAPSULE_ELIMIT);
	assert_non_null(strstr(fixture->err.text, "`guest.wasm` is too large"));
}

/* ---- Receipts ---- */

static void a_receipt_holds_until_something_changes(void **state)
{
	struct fixture *fixture = *state;

	write_text(fixture, "dir/guest.wasm", "(module)");
	take(fixture, HEAD MODULE RIGHTS);
	assert_changes(fixture, "not approved yet");
	approve(fixture);
	assert_null(check(fixture));
	write_text(fixture, "dir/guest.wasm", "(module (memory 1))");
	take(fixture, HEAD MODULE RIGHTS);
	assert_changes(fixture, "guest.wasm changed");
	assert_int_equal(unlink(path_of(fixture, "dir/guest.wasm")), 0);
	take(fixture, HEAD MODULE RIGHTS);
	assert_changes(fixture, "guest.wasm is gone");
	approve(fixture);
	assert_null(check(fixture));
	write_text(fixture, "dir/guest.wasm", "(module)");
	take(fixture, HEAD MODULE RIGHTS);
	assert_changes(fixture, "guest.wasm is new");
}

static void rights_are_told_as_they_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	char expected[512];

	take(fixture, HEAD RIGHTS);
	approve(fixture);
	take(fixture, HEAD "[capabilities]\nfs_write = [\"workspace://a\"]\nhost_process = [\"git\"]\n");
	(void)snprintf(expected, sizeof expected,
		"Capsule.toml changed\nmay no longer read workspace://a -> %s/a\nmay now write workspace://a -> %s/a\n"
		"may now run git\nmay no longer reach Example.com -> example.com\nmay no longer be an uplink",
		fixture->workspace, fixture->workspace);
	assert_changes(fixture, expected);
}

static void deciding_about_events_is_a_right(void **state)
{
#define INTERCEPTOR "[[interceptor]]\nevent = \"user.v1.*\"\naction = \"check\"\n"
	struct fixture *fixture = *state;

	take(fixture, HEAD INTERCEPTOR);
	assert_int_equal(fixture->subject.right_count, 0);
	approve(fixture);
	take(fixture, HEAD INTERCEPTOR "mode = \"guard\"\n");
	assert_int_equal(fixture->subject.right_count, 1);
	assert_string_equal(fixture->subject.rights[0], "interceptor user.v1.* -> guard");
	assert_changes(fixture, "Capsule.toml changed\nmay now decide about events: user.v1.* -> guard");
	approve(fixture);
	assert_null(check(fixture));
	take(fixture, HEAD INTERCEPTOR "mode = \"rewrite\"\n");
	assert_changes(fixture,
		"Capsule.toml changed\nmay no longer decide about events: user.v1.* -> guard\n"
		"may now decide about events: user.v1.* -> rewrite");
#undef INTERCEPTOR
}

static void a_link_that_leads_elsewhere_now_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *link = path_of(fixture, "w/a");
	char expected[512];

	take(fixture, HEAD RIGHTS);
	approve(fixture);
	assert_int_equal(mkdir(path_of(fixture, "w/b"), 0700), 0);
	assert_int_equal(symlink("b", link), 0);
	take(fixture, HEAD RIGHTS);
	(void)snprintf(expected, sizeof expected,
		"may no longer read workspace://a -> %s/a\nmay now read workspace://a -> %s/b", fixture->workspace,
		fixture->workspace);
	assert_changes(fixture, expected);
}

static void names_are_told_on_one_line(void **state)
{
	struct fixture *fixture = *state;

	take(fixture, HEAD);
	approve(fixture);
	take(fixture, HEAD "[[skill]]\nname = \"s\"\nfile = \"a\\nmay now\"\n");
	assert_changes(fixture, "Capsule.toml changed\na\\x0amay now is new");
}

static void many_changes_are_counted(void **state)
{
	struct fixture *fixture = *state;
	struct buffer text = { 0 };

	take(fixture, HEAD);
	approve(fixture);
	(void)buffer_append_text(&text, HEAD "[capabilities]\nhost_process = [");
	for (int i = 0; i < 300; i++)
		(void)buffer_printf(&text, "\"p%d\",", i);
	(void)buffer_append_text(&text, "]\n");
	take(fixture, buffer_text(&text));
	buffer_fini(&text);
	assert_void(fixture, "\nand 101 more changes");
}

static void what_is_written_is_closed_to_others_and_alone(void **state)
{
	struct fixture *fixture = *state;
	struct stat info;
	struct dirent *entry;
	size_t names = 0;
	mode_t old = umask(0);
	DIR *folder;

	take(fixture, HEAD);
	approve(fixture);
	approve(fixture);
	(void)umask(old);
	assert_int_equal(stat(path_of(fixture, "home/trust"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	assert_int_equal(stat(receipt_of(fixture), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	folder = opendir(path_of(fixture, "home/trust"));
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		names += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
	assert_int_equal(closedir(folder), 0);
	assert_int_equal(names, 1);
}

static void damaged_receipts_do_not_hold(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "", "receipt" },
		{ "{", "receipt" },
		{ "[]", "it has no \"version\"" },
		{ "{\"version\":2}", "it is of format 2, this program reads 1" },
		{ "{\"version\":1}", "other members" },
		{ "{\"version\":1,\"version\":1}", "version" },
		{ "{\"version\":1,\"id\":\"a\",\"dir\":\"/\",\"by\":\"b\",\"when\":\"w\",\"files\":[],\"rights\":[]}",
			"\"files\"" },
		{ "{\"version\":1,\"id\":3,\"dir\":\"/\",\"by\":\"b\",\"when\":\"w\",\"files\":[],\"rights\":[]}",
			"\"id\"" },
		{ "{\"version\":1,\"id\":\"a\",\"dir\":\"/\",\"by\":\"b\",\"when\":\"w\",\"files\":[{\"name\":\"a\",\"blake3\":"
		  "\"AA\"}],\"rights\":[]}",
			"has no hash" },
		{ "{\"version\":1,\"id\":\"a\",\"dir\":\"/\",\"by\":\"b\",\"when\":\"w\",\"files\":[{\"name\":\"a\",\"blake3\":"
		  "null}],\"rights\":[\"b\",\"a\"]}",
			"\"rights\" is not in order" },
	};
	struct fixture *fixture = *state;

	take(fixture, HEAD);
	approve(fixture);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		write_text(fixture, receipt_of(fixture) + strlen(fixture->root) + 1, rows[i].text);
		assert_void(fixture, " does not hold: ");
		assert_void(fixture, rows[i].reason);
	}
	approve(fixture);
	assert_null(check(fixture));
}

static void a_receipt_that_others_can_write_does_not_hold(void **state)
{
	struct fixture *fixture = *state;

	take(fixture, HEAD);
	approve(fixture);
	assert_int_equal(chmod(receipt_of(fixture), 0602), 0);
	assert_void(fixture, "nobody else can write");
	assert_int_equal(chmod(receipt_of(fixture), 0644), 0);
	assert_null(check(fixture));
	assert_int_equal(link(receipt_of(fixture), path_of(fixture, "second")), 0);
	assert_void(fixture, "has one name");
}

static void a_link_or_pipe_in_place_of_a_receipt_does_not_hold(void **state)
{
	struct fixture *fixture = *state;

	take(fixture, HEAD);
	approve(fixture);
	assert_int_equal(rename(receipt_of(fixture), path_of(fixture, "moved")), 0);
	assert_int_equal(symlink(path_of(fixture, "moved"), receipt_of(fixture)), 0);
	assert_void(fixture, "it is a symbolic link");
	assert_int_equal(unlink(receipt_of(fixture)), 0);
	assert_int_equal(mkfifo(receipt_of(fixture), 0600), 0);
	assert_void(fixture, "not a regular file");
	approve(fixture);
	assert_null(check(fixture));
}

static void folders_that_others_can_write_hold_no_receipts(void **state)
{
	struct fixture *fixture = *state;

	take(fixture, HEAD);
	approve(fixture);
	assert_int_equal(chmod(fixture->home, 0755), 0);
	assert_null(check(fixture));
	assert_int_equal(chmod(fixture->home, 0777), 0);
	assert_void(fixture, "can be written by others");
	assert_int_equal(chmod(fixture->home, 0700), 0);
	assert_int_equal(chmod(path_of(fixture, "home/trust"), 0770), 0);
	assert_void(fixture, "can be written by others");
	assert_int_equal(trust_approve(fixture->home, &fixture->subject, "ada", "now", &fixture->err), CAPSULE_EIO);
	assert_int_equal(trust_revoke(fixture->home, fixture->dir, &fixture->err), CAPSULE_EIO);
}

static void a_receipt_of_another_folder_does_not_hold(void **state)
{
	struct fixture *fixture = *state;
	char moved[128];

	take(fixture, HEAD);
	approve(fixture);
	(void)snprintf(moved, sizeof moved, "%s", receipt_of(fixture));
	assert_int_equal(rename(fixture->dir, path_of(fixture, "other")), 0);
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/other", fixture->root);
	assert_int_equal(symlink("other", path_of(fixture, "dir")), 0);
	take(fixture, HEAD);
	assert_changes(fixture, "not approved yet");
	assert_int_equal(rename(moved, receipt_of(fixture)), 0);
	assert_void(fixture, "the receipt is that of another folder, /tmp/");
}

static void a_receipt_is_taken_away_once(void **state)
{
	struct fixture *fixture = *state;

	take(fixture, HEAD);
	assert_int_equal(trust_revoke(fixture->home, fixture->dir, &fixture->err), CAPSULE_ENOTFOUND);
	approve(fixture);
	remove_all(fixture->dir);
	assert_int_equal(trust_revoke(fixture->home, fixture->dir, &fixture->err), CAPSULE_OK);
	assert_int_equal(trust_revoke(fixture->home, fixture->dir, &fixture->err), CAPSULE_ENOTFOUND);
	assert_changes(fixture, "not approved yet");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_subject_has_each_file_once_and_rights_in_order),
		TEST(what_a_server_runs_is_named_without_its_dots),
		TEST(nothing_in_the_folder_of_a_server_changes_unseen),
		TEST(a_server_that_may_do_more_is_told),
		TEST(a_folder_of_a_server_that_has_no_digest_is_refused),
		TEST(files_outside_of_the_folder_are_refused),
		TEST(only_regular_files_are_hashed),
		TEST(a_file_that_is_too_large_is_refused),
		TEST(a_receipt_holds_until_something_changes),
		TEST(rights_are_told_as_they_come_and_go),
		TEST(deciding_about_events_is_a_right),
		TEST(a_link_that_leads_elsewhere_now_is_told),
		TEST(names_are_told_on_one_line),
		TEST(many_changes_are_counted),
		TEST(what_is_written_is_closed_to_others_and_alone),
		TEST(damaged_receipts_do_not_hold),
		TEST(a_receipt_that_others_can_write_does_not_hold),
		TEST(a_link_or_pipe_in_place_of_a_receipt_does_not_hold),
		TEST(folders_that_others_can_write_hold_no_receipts),
		TEST(a_receipt_of_another_folder_does_not_hold),
		TEST(a_receipt_is_taken_away_once),
	};

	return cmocka_run_group_tests_name("consent trust", tests, NULL, NULL);
}
