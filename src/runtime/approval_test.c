/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receipts as a discovery asks for them: real folders, found and looked at. */
#include "runtime/approval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char manifest[] = "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n"
			       "[[component]]\nfile = \"guest.wasm\"\n"
			       "[capabilities]\nfs_write = [\"workspace://notes\", \"global://\"]\n";

struct fixture {
	char root[64], home[96], workspace[96], global[112], dir[160];
	struct approval_places places;
	struct discovery found;
	struct capsule_error err;
};

static void write_text(const struct fixture *fixture, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", fixture->dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	char path[128];

	assert_non_null(fixture);
	(void)snprintf(fixture->root, sizeof fixture->root, "/tmp/capsule-approval-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	(void)snprintf(fixture->home, sizeof fixture->home, "%s/home", fixture->root);
	(void)snprintf(fixture->workspace, sizeof fixture->workspace, "%s/w", fixture->root);
	(void)snprintf(fixture->global, sizeof fixture->global, "%s/shared", fixture->home);
	make_folder(fixture->workspace);
	(void)snprintf(path, sizeof path, "%s/.astrid", fixture->workspace);
	make_folder(path);
	(void)snprintf(path, sizeof path, "%s/.astrid/capsules", fixture->workspace);
	make_folder(path);
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/notes", path);
	make_folder(fixture->dir);
	write_text(fixture, "Capsule.toml", manifest);
	write_text(fixture, "guest.wasm", "(module)");
	fixture->places = (struct approval_places){ .home = fixture->home, .workspace = fixture->workspace };
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char *const arguments[] = { (char[]){ "rm" }, (char[]){ "-rf" }, fixture->root, NULL };
	int status;
	pid_t child;

	discovery_fini(&fixture->found);
	child = fork();
	if (child == 0) {
		(void)execvp(arguments[0], arguments);
		_exit(127);
	}
	free(fixture);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

/* Look again; gives the one capsule there is. */
static const struct discovered *look(struct fixture *fixture)
{
	char path[128];
	const struct discovery_root root = { .path = path, .origin = DISCOVERY_WORKSPACE };

	(void)snprintf(path, sizeof path, "%s/.astrid/capsules", fixture->workspace);
	discovery_fini(&fixture->found);
	assert_int_equal(discovery_find(&fixture->found, &root, 1, approval_problem, &fixture->places, &fixture->err),
		CAPSULE_OK);
	assert_int_equal(fixture->found.count, 1);
	return &fixture->found.items[0];
}

static void approve(struct fixture *fixture)
{
	const struct capsule_discover_options options = { .size = sizeof options, .home = fixture->home };
	struct capsule_approval *approval = NULL;

	assert_int_equal(capsule_approval_new(&approval, fixture->dir, &options, &fixture->err), CAPSULE_OK);
	assert_false(capsule_approval_holds(approval));
	assert_int_equal(capsule_approval_give(approval, "ada", &fixture->err), CAPSULE_OK);
	assert_true(capsule_approval_holds(approval));
	assert_string_equal(capsule_approval_changes(approval), "");
	capsule_approval_free(approval);
}

static void assert_waits(const struct discovered *found, const char *reason)
{
	char beginning[256];

	(void)snprintf(beginning, sizeof beginning, "waits for approval: %s: capsule approve /", reason);
	assert_int_equal(found->state, DISCOVERY_UNAPPROVED);
	assert_non_null(found->problem);
	if (strncmp(found->problem, beginning, strlen(beginning)) != 0)
		fail_msg("`%s` does not begin with `%s`", found->problem, beginning);
	assert_string_equal(found->module_blake3, "");
}

static void a_capsule_of_a_workspace_waits_until_it_is_approved(void **state)
{
	struct fixture *fixture = *state;
	const struct discovered *found = look(fixture);

	assert_waits(found, "not approved yet");
	assert_non_null(strstr(found->problem, " --home /tmp/capsule-approval-"));
	assert_null(strstr(found->problem, "--workspace"));
	approve(fixture);
	found = look(fixture);
	assert_int_equal(found->state, DISCOVERY_GOOD);
	assert_null(found->problem);
	assert_int_equal(strlen(found->module_blake3), 64);
}

static void a_receipt_without_the_module_lets_nothing_run(void **state)
{
	struct fixture *fixture = *state;
	char path[192];

	(void)snprintf(path, sizeof path, "%s/guest.wasm", fixture->dir);
	assert_int_equal(unlink(path), 0);
	approve(fixture);
	assert_waits(look(fixture), "its module `guest.wasm` was not there when it was approved");
	write_text(fixture, "guest.wasm", "(module)");
	assert_waits(look(fixture), "guest.wasm is new");
}

/* A name that looks like two lines of the list must not stand for a file of its own. */
static void a_name_with_a_line_break_approves_nothing(void **state)
{
	static const char name[] = "x\n0000000000000000000000000000000000000000000000000000000000000000 evil.md";
	struct fixture *fixture = *state;
	const struct discovered *found;
	char text[1024];

	write_text(fixture, name, "a file of that name");
	(void)snprintf(text, sizeof text,
		"%s[[mcp_server]]\nid = \"s\"\ntype = \"stdio\"\ncommand = \"true\"\nargs = [\"x\\n%s\"]\n", manifest,
		name + 2);
	write_text(fixture, "Capsule.toml", text);
	approve(fixture);
	found = look(fixture);
	assert_int_equal(found->state, DISCOVERY_GOOD);
	assert_non_null(strstr(found->approved, " guest.wasm\n"));
	assert_null(strstr(found->approved, "evil.md"));
	assert_non_null(strstr(found->rights, "\nfs_write workspace://notes -> "));
}

static void a_changed_module_waits_and_says_so(void **state)
{
	struct fixture *fixture = *state;

	approve(fixture);
	write_text(fixture, "guest.wasm", "(module )");
	assert_waits(look(fixture), "guest.wasm changed");
	write_text(fixture, "guest.wasm", "(module)");
	assert_int_equal(look(fixture)->state, DISCOVERY_GOOD);
}

static void a_right_that_appears_around_it_waits(void **state)
{
	struct fixture *fixture = *state;
	char reason[256];

	approve(fixture);
	make_folder(fixture->global);
	fixture->places.global = fixture->global;
	(void)snprintf(reason, sizeof reason, "may now write global:// -> %s", fixture->global);
	assert_waits(look(fixture), reason);
}

static void another_workspace_is_named_in_the_command(void **state)
{
	struct fixture *fixture = *state;
	const struct discovered *found;

	approve(fixture);
	fixture->places.workspace = fixture->root;
	found = look(fixture);
	assert_int_equal(found->state, DISCOVERY_UNAPPROVED);
	assert_non_null(strstr(found->problem, "may no longer write workspace://notes -> "));
	assert_non_null(strstr(found->problem, " --workspace /tmp/capsule-approval-"));
}

static void without_a_home_nothing_is_approved(void **state)
{
	struct fixture *fixture = *state;

	fixture->places.home = NULL;
	assert_waits(look(fixture), "there is no home to keep receipts in");
}

static void what_cannot_be_hashed_waits_and_does_not_end_the_discovery(void **state)
{
	struct fixture *fixture = *state;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/guest.wasm", fixture->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_waits(look(fixture), "`guest.wasm` is not a regular file");
}

static void names_are_quoted_for_a_shell(void **state)
{
	struct fixture *fixture = *state;
	const struct discovered *found;
	char path[200], again[200];

	(void)snprintf(path, sizeof path, "%s/.astrid/capsules/a;b 'c", fixture->workspace);
	assert_int_equal(rename(fixture->dir, path), 0);
	assert_non_null(strstr(look(fixture)->problem, "/.astrid/capsules/a;b '\\''c'"));
	(void)snprintf(again, sizeof again, "%s/.astrid/capsules/a\033\\'", fixture->workspace);
	assert_int_equal(rename(path, again), 0);
	found = look(fixture);
	assert_non_null(strstr(found->problem, ": capsule approve $'/tmp/"));
	assert_non_null(strstr(found->problem, "/.astrid/capsules/a\\x1b\\\\\\''"));
}

static void a_file_written_while_it_is_looked_at_is_not_approved(void **state)
{
	struct fixture *fixture = *state;
	struct discovered *found;
	char *why = NULL;

	approve(fixture);
	(void)look(fixture);
	found = &fixture->found.items[0];
	found->hash[0] ^= 1;
	assert_int_equal(approval_problem(&fixture->places, found, &why, &fixture->err), CAPSULE_OK);
	assert_non_null(strstr(why, "Capsule.toml is being written"));
	free(why);
}

static void a_receipt_taken_away_holds_no_longer(void **state)
{
	struct fixture *fixture = *state;
	const struct capsule_discover_options options = { .size = sizeof options, .home = fixture->home };
	struct capsule_approval *approval = NULL;

	approve(fixture);
	assert_int_equal(capsule_approval_new(&approval, fixture->dir, &options, &fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_approval_revoke(approval, &fixture->err), CAPSULE_OK);
	assert_string_equal(capsule_approval_changes(approval), "not approved yet");
	assert_int_equal(capsule_approval_revoke(approval, &fixture->err), CAPSULE_ENOTFOUND);
	assert_waits(look(fixture), "not approved yet");
	capsule_approval_free(approval);
}

static void misuse_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct capsule_discover_options small = { .size = 8 };
	struct capsule_approval *approval = NULL;
	char path[256];

	assert_int_equal(capsule_approval_new(&approval, NULL, NULL, &fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_approval_new(NULL, fixture->dir, NULL, &fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_approval_new(&approval, fixture->dir, &small, &fixture->err), CAPSULE_EINVAL);
	(void)snprintf(path, sizeof path, "%s/Capsule.toml", fixture->dir);
	assert_int_equal(capsule_approval_new(&approval, path, NULL, &fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_approval_new(&approval, "/no/such/folder", NULL, &fixture->err), CAPSULE_ENOTFOUND);
	assert_null(approval);
	capsule_approval_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_capsule_of_a_workspace_waits_until_it_is_approved),
		TEST(a_receipt_without_the_module_lets_nothing_run),
		TEST(a_name_with_a_line_break_approves_nothing),
		TEST(a_changed_module_waits_and_says_so),
		TEST(a_right_that_appears_around_it_waits),
		TEST(another_workspace_is_named_in_the_command),
		TEST(without_a_home_nothing_is_approved),
		TEST(what_cannot_be_hashed_waits_and_does_not_end_the_discovery),
		TEST(names_are_quoted_for_a_shell),
		TEST(a_file_written_while_it_is_looked_at_is_not_approved),
		TEST(a_receipt_taken_away_holds_no_longer),
		TEST(misuse_is_refused),
	};

	return cmocka_run_group_tests_name("runtime approval", tests, NULL, NULL);
}
