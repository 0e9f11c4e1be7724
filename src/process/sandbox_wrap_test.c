/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words for bubblewrap, as such, and what they come to when files change between making and running them. */
#include "process/sandbox_wrap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FIRST_FD 500 /* far from all that a test has open */

static void show(struct sandbox_plan *plan, const char *path, bool writable)
{
	struct capsule_error err = { .status = CAPSULE_OK };

	if (sandbox_plan_show(plan, path, writable, "test", &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

static void make(struct sandbox_wrap *wrap, const struct sandbox_plan *plan)
{
	struct capsule_error err = { .status = CAPSULE_OK };

	if (sandbox_wrap_make(wrap, plan, NULL, FIRST_FD, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

/* Where `word` stands, or -1. */
static int place_of(const struct sandbox_wrap *wrap, const char *word)
{
	for (size_t i = 0; i < wrap->count; i++)
		if (strcmp(wrap->words[i], word) == 0)
			return (int)i;
	return -1;
}

/* Run `script` in it and compare what it writes; NULL: bubblewrap must refuse. */
static void expect(const struct sandbox_wrap *wrap, const char *script, const char *output)
{
	const char *words[1024];
	char said[4096] = "";
	size_t len = 0;
	ssize_t got;
	int ends[2], status;
	pid_t pid;

	assert_true(wrap->count + 4 < sizeof words / sizeof words[0]);
	memcpy(words, wrap->words, wrap->count * sizeof words[0]);
	words[wrap->count] = "/bin/sh";
	words[wrap->count + 1] = "-c";
	words[wrap->count + 2] = script;
	words[wrap->count + 3] = NULL;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t i = 0; i < wrap->fd_count; i++)
			if (dup2(wrap->fds[i], FIRST_FD + (int)i) < 0)
				_exit(1);
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execv(words[0], (char *const *)(uintptr_t)words);
		_exit(1);
	}
	(void)close(ends[1]);
	while (len + 1 < sizeof said && (got = read(ends[0], said + len, sizeof said - 1 - len)) > 0)
		len += (size_t)got;
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(said, output == NULL ? "" : output);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status) == 0, output != NULL);
}

static void words_begin_with_bwrap_and_end_before_the_program(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct sandbox_wrap wrap;

	(void)state;
	make(&wrap, &plan);
	assert_int_equal(wrap.words[0][0], '/');
	assert_string_equal(wrap.words[wrap.count - 1], "--");
	assert_null(wrap.words[wrap.count]);
	for (size_t i = 0; i < 6; i++)
		assert_true(place_of(&wrap,
				    ((const char *const[]){ "--unshare-user", "--as-pid-1", "--new-session", "--proc",
					    "--cap-drop", "--remount-ro" })[i]) > 0);
	sandbox_wrap_fini(&wrap);
}

/* mv:65 */
static void a_network_is_shared_only_when_the_plan_has_it(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct sandbox_wrap wrap;

	(void)state;
	make(&wrap, &plan);
	assert_true(place_of(&wrap, "--unshare-all") > 0);
	assert_int_equal(place_of(&wrap, "--share-net"), -1);
	sandbox_wrap_fini(&wrap);
	plan.network = true;
	make(&wrap, &plan);
	assert_int_equal(place_of(&wrap, "--share-net"), place_of(&wrap, "--unshare-all") + 1);
	sandbox_wrap_fini(&wrap);
}

/* What hides comes before what shows (hs-W-42), what is read-only in the end after both. */
static void private_folders_come_first_and_the_root_is_closed_last(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct sandbox_wrap wrap;
	char dir[] = "/tmp/capsule-wrap-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	show(&plan, dir, true);
	make(&wrap, &plan);
	assert_true(place_of(&wrap, "/tmp") < place_of(&wrap, dir));
	assert_true(place_of(&wrap, SANDBOX_HOME) < place_of(&wrap, dir));
	assert_true(place_of(&wrap, "/") > place_of(&wrap, dir));
	sandbox_wrap_fini(&wrap);
	sandbox_plan_fini(&plan);
	assert_int_equal(rmdir(dir), 0);
}

/* More than there are descriptors for: the rest goes by path. */
static void many_files_are_shown(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct sandbox_wrap wrap;
	char dir[] = "/tmp/capsule-wrap-XXXXXX", path[64], script[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 100; i++) {
		(void)snprintf(path, sizeof path, "%s/%d", dir, i);
		(void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		if (i % 4 != 0)
			show(&plan, path, i % 4 == 1);
	}
	make(&wrap, &plan);
	assert_true(wrap.fd_count <= SANDBOX_WRAP_FDS);
	(void)snprintf(
		script, sizeof script, "cd %s; ls | wc -l; for f in *; do test -w $f && echo; done | wc -l", dir);
	expect(&wrap, script, "75\n25\n");
	sandbox_wrap_fini(&wrap);
	sandbox_plan_fini(&plan);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(path, sizeof path, "%s/%d", dir, i);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* Between looking at a path and mounting it somebody puts a link to a secret there. By descriptor it is what was
 * looked at. */
static void a_path_that_changes_meanwhile_leads_nowhere_else(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct sandbox_wrap wrap;
	char dir[] = "/tmp/capsule-wrap-XXXXXX", shown[64], moved[64], secret[64], script[256];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(shown, sizeof shown, "%s/shown", dir);
	(void)snprintf(moved, sizeof moved, "%s/moved", dir);
	(void)snprintf(secret, sizeof secret, "%s/secret", dir);
	(void)snprintf(script, sizeof script, "ls -A %s %s && rm %s/mine", dir, shown, shown);
	assert_int_equal(mkdir(shown, 0755), 0);
	assert_int_equal(mkdir(secret, 0755), 0);
	show(&plan, shown, true);
	make(&wrap, &plan);
	assert_int_equal(rename(shown, moved), 0);
	assert_int_equal(symlink("secret", shown), 0);
	if (place_of(&wrap, "--bind-fd") > 0) {
		char path[96], expected[256];

		(void)snprintf(path, sizeof path, "%s/mine", moved);
		(void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		(void)snprintf(expected, sizeof expected, "%s:\nshown\n\n%s:\nmine\n", dir, shown);
		expect(&wrap, script, expected);
		assert_int_equal(access(path, F_OK), -1);
	}
	sandbox_wrap_fini(&wrap);
	sandbox_plan_fini(&plan);
	assert_int_equal(unlink(shown), 0);
	assert_int_equal(rmdir(secret), 0);
	assert_int_equal(rmdir(moved), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_begin_with_bwrap_and_end_before_the_program),
		cmocka_unit_test(a_network_is_shared_only_when_the_plan_has_it),
		cmocka_unit_test(private_folders_come_first_and_the_root_is_closed_last),
		cmocka_unit_test(many_files_are_shown),
		cmocka_unit_test(a_path_that_changes_meanwhile_leads_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
