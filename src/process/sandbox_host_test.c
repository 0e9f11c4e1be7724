/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Machines that can't make a sandbox: the texts, from folders that look like such a machine and from bwrap itself
 * where it is made to fail here. mv:69, hs:107 (as far as finding it goes) */
#include "process/sandbox_host.h"

#include "process/process_fixture.h"
#include "process/sandbox.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>

#define PREFIX "/proc/sys/"

struct machine {
	char root[64];
	struct sandbox_host host;
};

static void put(const struct machine *machine, const char *path, const char *content, mode_t mode)
{
	char name[PATH_MAX];
	FILE *file;

	(void)snprintf(name, sizeof name, "%s%s", machine->root, path);
	for (char *slash = strchr(name + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(name, 0755);
		*slash = '/';
	}
	file = fopen(name, "we");
	assert_non_null(file);
	(void)fputs(content, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, mode), 0);
}

/* A machine for an ordinary user, with bwrap in its /bin and nothing else. */
static void machine_init(struct machine *machine, char *path)
{
	*machine = (struct machine){ .root = "/tmp/capsule-host-XXXXXX" };
	assert_non_null(mkdtemp(machine->root));
	(void)snprintf(path, PATH_MAX, "relative::%s/none:%s/bin", machine->root, machine->root);
	machine->host = (struct sandbox_host){ .root = machine->root, .path = path, .ordinary = true };
	put(machine, "/bin/bwrap", "#!/bin/sh\n", 0755);
}

static void machine_fini(const struct machine *machine)
{
	fixture_remove_folder(machine->root);
}

static void assert_unsupported(enum capsule_status status, const struct capsule_error *err, const char *const *parts)
{
	assert_int_equal(status, CAPSULE_EUNSUPPORTED);
	for (; *parts != NULL; parts++)
		if (strstr(err->text, *parts) == NULL)
			fail_msg("no `%s` in: %s", *parts, err->text);
	assert_non_null(strstr(err->text, "nothing is run without a sandbox instead"));
	assert_null(strstr(err->text, "..."));
}

#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void bwrap_is_found_in_the_folders(void **state)
{
	struct machine machine;
	char path[PATH_MAX], expected[PATH_MAX], *found = NULL;

	(void)state;
	machine_init(&machine, path);
	assert_int_equal(sandbox_host_find(&found, &machine.host, NULL), CAPSULE_OK);
	(void)snprintf(expected, sizeof expected, "%s/bin/bwrap", machine.root);
	assert_string_equal(found, expected);
	assert_int_equal(sandbox_host_available(&machine.host, NULL), CAPSULE_OK);
	free(found);
	machine_fini(&machine);
}

/* mv:52 */
static void a_machine_without_bwrap_is_told_what_to_install(void **state)
{
	struct machine machine;
	struct capsule_error err;
	char path[PATH_MAX];

	(void)state;
	machine_init(&machine, path);
	put(&machine, "/bin/bwrap", "not executable", 0644);
	assert_unsupported(sandbox_host_available(&machine.host, &err), &err,
		PARTS("bwrap is not in", machine.root, "install the package `bubblewrap`"));
	machine.host.path = "";
	assert_unsupported(sandbox_host_available(&machine.host, &err), &err, PARTS("bwrap"));
	machine_fini(&machine);
}

static void switches_that_are_off_are_named(void **state)
{
	static const struct {
		const char *file, *content;
		bool ordinary;
		const char *part; /* NULL: fine */
	} rows[] = {
		{ "kernel/unprivileged_userns_clone", "0\n", true, "`sysctl kernel.unprivileged_userns_clone=1`" },
		{ "kernel/unprivileged_userns_clone", "0\n", false, NULL }, /* root may */
		{ "kernel/unprivileged_userns_clone", "1\n", true, NULL },
		{ "kernel/unprivileged_userns_clone", "", true, NULL },
		{ "kernel/unprivileged_userns_clone", "zero", true, NULL },
		{ "user/max_user_namespaces", "0\n", false, "`sysctl user.max_user_namespaces=15000`" },
		{ "user/max_user_namespaces", "96365\n", false, NULL },
		{ "kernel/apparmor_restrict_unprivileged_userns", "1\n", true, NULL }, /* bwrap may have a profile */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct machine machine;
		struct capsule_error err = { .status = CAPSULE_OK };
		char path[PATH_MAX], name[PATH_MAX];
		enum capsule_status status;

		if (!rows[i].ordinary && geteuid() != 0)
			continue;
		machine_init(&machine, path);
		machine.host.ordinary = rows[i].ordinary;
		(void)snprintf(name, sizeof name, PREFIX "%s", rows[i].file);
		put(&machine, name, rows[i].content, 0644);
		status = sandbox_host_available(&machine.host, &err);
		if (rows[i].part == NULL)
			assert_int_equal(status, CAPSULE_OK);
		else
			assert_unsupported(status, &err, PARTS(rows[i].part));
		machine_fini(&machine);
	}
}

/* Word for word what bubblewrap 0.3 to 0.11 and distributions' builds of it print. */
static void words_of_bwrap_are_explained(void **state)
{
	static const char debian[] =
		"bwrap: No permissions to create new namespace, likely because the kernel does not allow "
		"non-privileged user namespaces. See <https://deb.li/bubblewrap> or "
		"<file:///usr/share/doc/bubblewrap/README.Debian.gz>.\n";
	static const char map[] = "bwrap: setting up uid map: Permission denied\n";
	static const struct {
		const char *said, *file, *content; /* a file of the machine; NULL: none */
		const char *part;
	} rows[] = {
		{ debian, PREFIX "kernel/unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone=1" },
		{ "bwrap: No permissions to creating new namespace, likely because the kernel does not allow "
		  "non-privileged user "
		  "namespaces. On e.g. debian this can be enabled with 'sysctl kernel.unprivileged_userns_clone=1'.",
			PREFIX "user/max_user_namespaces", "0\n", "user.max_user_namespaces=15000" },
		{ "bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces "
		  "exceeded (ENOSPC)\n",
			NULL, NULL, "raise the numbers in /proc/sys/user/max_*_namespaces" },
		{ "bwrap: Creating new namespace failed, likely because the kernel does not support user "
		  "namespaces.  bwrap must be "
		  "installed setuid on such systems.\n",
			NULL, NULL, "`unshare -Ur true`" },
		{ debian, "/.dockerenv", "", "--security-opt seccomp=unconfined" },
		{ debian, "/run/.containerenv", "", "unmask=ALL" },
		{ debian, NULL, NULL, "a security module" },
		{ map, PREFIX "kernel/apparmor_restrict_unprivileged_userns", "1\n", "bwrap-userns-restrict" },
		{ "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted\n",
			PREFIX "kernel/apparmor_restrict_unprivileged_userns", "1\n",
			"kernel.apparmor_restrict_unprivileged_userns=0" },
		{ map, PREFIX "kernel/apparmor_restrict_unprivileged_userns", "0\n", "a security module" },
		{ "bwrap: Failed to make / slave: Permission denied\n", NULL, NULL, "SELinux" },
		{ "bwrap: Failed to mount tmpfs: Permission denied", NULL, NULL, "SELinux" },
		{ "bwrap: Can't mount proc on /newroot/proc: Operation not permitted\n", NULL, NULL,
			"systempaths=unconfined" },
		{ "bwrap: Can't mount proc on /proc: Operation not permitted\n", NULL, NULL, "unmask=ALL" },
		{ "bwrap: Can't read /proc/sys/kernel/overflowuid: No such file or directory\n", NULL, NULL,
			"unmask=ALL" },
		{ "bwrap: Unknown option --perms\n", NULL, NULL, "install 0.5 or newer" },
		{ "bwrap: Unexpected capabilities but not setuid, old file caps config?\n", NULL, NULL,
			"ordinary user" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct machine machine;
		struct capsule_error err = { .status = CAPSULE_OK };
		char path[PATH_MAX];

		machine_init(&machine, path);
		if (rows[i].file != NULL)
			put(&machine, rows[i].file, rows[i].content, 0644);
		assert_unsupported(sandbox_host_explain(&machine.host, span_text(rows[i].said), &err), &err,
			PARTS(rows[i].part, "(bwrap: "));
		machine_fini(&machine);
	}
}

static void other_words_are_quoted(void **state)
{
	static char much[100000];
	struct capsule_error err = { .status = CAPSULE_OK };

	(void)state;
	assert_int_equal(
		sandbox_explain(span_text("bwrap: Can't chdir to /w: No such file or directory\n"), &err), CAPSULE_EIO);
	assert_string_equal(err.text, "make a sandbox: bwrap: Can't chdir to /w: No such file or directory");
	assert_int_equal(sandbox_explain(span_text(""), &err), CAPSULE_EIO);
	memset(much, 'x', sizeof much);
	assert_int_equal(sandbox_explain(span_of(much, sizeof much), &err), CAPSULE_EIO);
	assert_true(strlen(err.text) < 400);
	assert_int_equal(sandbox_explain(span_of("\xff\xfe\x00\x1b[2J", 7), &err), CAPSULE_EIO);
	assert_null(strchr(err.text, '\x1b'));
}

/* What the bwrap that is here says on machines that unshare(1) makes of this one. */
static void explain_here(void **state, const char *script, const char *part)
{
	const struct fixture *fixture = *state;
	struct run run = { .calls = 0 };
	struct capsule_error err = { .status = CAPSULE_OK };

	fixture_start_shell(fixture, &run, script);
	fixture_wait(*state, &run);
	if (run.error[0] == '\0' || strncmp(run.error, "bwrap: ", 7) != 0)
		fail_msg("expected bwrap to refuse, got: %s%s", run.output, run.error);
	assert_unsupported(sandbox_explain(span_text(run.error), &err), &err, PARTS(part));
	run_fini(&run);
}

#define BWRAP                                                                                                            \
	"exec bwrap --unshare-user --unshare-all --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 " \
	"--proc /proc /usr/bin/true"

static void a_real_bwrap_without_namespaces_is_explained(void **state)
{
	explain_here(state, "exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && " BWRAP "'",
		"/proc/sys/user/max_*_namespaces");
	explain_here(state, "exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_net_namespaces && " BWRAP "'",
		"/proc/sys/user/max_*_namespaces");
}

static void a_real_bwrap_in_a_masked_proc_is_explained(void **state)
{
	explain_here(state,
		"exec unshare -Urmpf sh -c 'mount -t proc proc /proc && mount -t tmpfs none /proc/bus && " BWRAP "'",
		"systempaths=unconfined");
}

static void the_real_bwrap_has_the_options_of_its_help(void **state)
{
	char *bwrap = NULL;

	(void)state;
	assert_int_equal(sandbox_host_find(&bwrap, &sandbox_host_here, NULL), CAPSULE_OK);
	assert_true(sandbox_host_knows(bwrap, "--perms"));
	assert_false(sandbox_host_knows(bwrap, "--perm"));
	assert_false(sandbox_host_knows(bwrap, "--frobnicate"));
	assert_false(sandbox_host_knows("/none", "--perms"));
	free(bwrap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bwrap_is_found_in_the_folders),
		cmocka_unit_test(a_machine_without_bwrap_is_told_what_to_install),
		cmocka_unit_test(switches_that_are_off_are_named),
		cmocka_unit_test(words_of_bwrap_are_explained),
		cmocka_unit_test(other_words_are_quoted),
		cmocka_unit_test(the_real_bwrap_has_the_options_of_its_help),
		cmocka_unit_test_setup_teardown(
			a_real_bwrap_without_namespaces_is_explained, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			a_real_bwrap_in_a_masked_proc_is_explained, fixture_set_up, fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
