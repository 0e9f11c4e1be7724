/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child in a sandbox sees and may change, as it finds out itself. */
#include "process/sandbox_place.h"

#include <fcntl.h>
#include <sys/stat.h>

/* What the sandbox has of the system if this machine has it, each with what else is made for it. */
static const char *const roots[] = { "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin" };
static const char *const files[] = { "/etc/alternatives", "/etc/crypto-policies", "/etc/group", "/etc/hosts",
	"/etc/java-11-openjdk", "/etc/java-17-openjdk", "/etc/java-21-openjdk", "/etc/ld.so.cache", "/etc/localtime",
	"/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/pki/ca-trust", "/etc/pki/tls/cert.pem",
	"/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/protocols", "/etc/services", "/etc/ssl/cert.pem",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/timezone" };

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As find(1) would list it, sorted by bytes; owned by the caller. */
static char *allowed_tree(const struct place *place)
{
	static const char *const always[] = { "/", "/dev", "/etc", "/home", "/home/capsule", "/proc", "/tmp", "/usr" };
	const char *const own[] = { place->home, strdup(place_below(place, ".astrid")),
		strdup(place_below(place, ".astrid/capsules")), strdup(place_below(place, ".astrid/capsules/c")),
		strdup(place_below(place, ".astrid/state")), strdup(place_below(place, ".astrid/state/c")),
		strdup(place_below(place, ".astrid/capsules/c/run.sh")), strdup(place_below(place, "work")),
		strdup(place_below(place, "work/file")) };
	const char *lines[128];
	size_t count = 0;
	struct buffer text = { .limit = 0 };
	bool pki = false;

	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		lines[count++] = always[i];
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		lines[count++] = own[i];
	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
		if (access(roots[i], F_OK) == 0)
			lines[count++] = roots[i];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (access(files[i], F_OK) == 0) {
			lines[count++] = files[i];
			pki = pki || strncmp(files[i], "/etc/pki/tls/", 13) == 0;
		}
	if (access("/etc/ca-certificates/extracted", F_OK) == 0)
		lines[count++] = "/etc/ca-certificates";
	if (access("/etc/ssl", F_OK) == 0)
		lines[count++] = "/etc/ssl";
	if (access("/etc/pki", F_OK) == 0)
		lines[count++] = "/etc/pki";
	if (pki)
		lines[count++] = "/etc/pki/tls";
	qsort(lines, count, sizeof lines[0], compare_lines);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&text, "%s\n", lines[i]);
	for (size_t i = 1; i < sizeof own / sizeof own[0]; i++)
		free((char *)(uintptr_t)own[i]);
	return buffer_steal(&text);
}

/* Everything but what is in the system's own folders, /proc and /dev. */
static void the_whole_tree_is_what_the_plan_and_the_list_say(void **state)
{
	struct place place;
	char *allowed;

	place_init(&place);
	allowed = allowed_tree(&place);
	place_expect(*state, &place,
		"find / -path /proc -prune -print -o -path /dev -prune -print -o -path /usr -prune -print -o "
		"-path '/etc/*' -type d ! -name ssl ! -name pki ! -name tls -prune -print -o -print | LC_ALL=C sort",
		"", allowed);
	place_expect(*state, &place, "ls -A /dev | LC_ALL=C sort | tr '\\n' ' '", "",
		"core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
	free(allowed);
	place_fini(&place);
}

/* hs:130, hs-W-40: nothing of the runtime's home but the capsule's own folders, nothing of the user, nothing of the
 * system's secrets. */
static void secrets_are_not_there(void **state)
{
	struct place place;
	struct fixture *fixture = *state;

	place_init(&place);
	place_expect(fixture, &place,
		"for path in .ssh .ssh/id_ed25519 .astrid/capsule.db .astrid/keys .astrid/keys/runtime.key .astrid/sessions "
		".astrid/sessions/system.token .astrid/capsules/other .astrid/capsules/other/run.sh "
		".astrid/state/other/secret; do "
		"cat \"$1/$path\" 2>/dev/null; ls \"$1/$path\" 2>/dev/null; done; "
		"for path in /root /run /var /sys /boot /opt /srv /mnt /media /etc/shadow /etc/gshadow "
		"/etc/sudoers /etc/machine-id "
		"/etc/ssl/private /etc/npmrc /etc/ld.so.preload /var/run/docker.sock /run/docker.sock /run/user "
		"/proc/kcore /proc/sys/x; "
		"do head -c 1 \"$path\" 2>/dev/null; ls \"$path/\" 2>/dev/null; done; true",
		place.home, "");
	place_expect(fixture, &place, "cat \"$1\"/.astrid/capsules/c/run.sh; cat file", place.home, /* mv:67 */
		".astrid/capsules/c/run.shwork/file");
	place_fini(&place);
}

static void the_runtimes_home_stays_hidden_in_a_workspace_that_holds_it(void **state)
{
	struct place place;
	struct fixture *fixture = *state;

	place_init(&place);
	place_show(&place, place.home, true, "workspace");
	place_expect(fixture, &place,
		"cd \"$1\" && ls -A . .astrid .astrid/capsules .astrid/state | tr '\\n' ' '; cat "
		".astrid/keys/runtime.key 2>/dev/null; "
		"touch .astrid/new 2>/dev/null || echo closed; touch .astrid/state/c/new new && echo open",
		place.home,
		".: .astrid .ssh work  .astrid: capsules state  .astrid/capsules: c  .astrid/state: c closed\nopen\n");
	assert_int_equal(access(place_below(&place, "new"), F_OK), 0);
	assert_int_equal(access(place_below(&place, ".astrid/state/c/new"), F_OK), 0);
	assert_int_equal(access(place_below(&place, ".astrid/new"), F_OK), -1);
	place_fini(&place);
}

/* Several folders below what is writable: none of those on the way can be put aside, for the next child to look into. */
static void what_is_hidden_can_not_be_moved_away(void **state)
{
	struct place place = { .home = "/tmp/capsule-place-XXXXXX" };

	assert_non_null(mkdtemp(place.home));
	assert_int_equal(mkdir(place_below(&place, "a"), 0700), 0);
	assert_int_equal(mkdir(place_below(&place, "a/b"), 0700), 0);
	assert_int_equal(mkdir(place_below(&place, "a/b/own"), 0700), 0);
	assert_int_equal(mkdir(place_below(&place, "a/more"), 0700), 0);
	place_write(place_below(&place, "a/b/own/key"), "key");
	place_write(place_below(&place, "a/more/key"), "key");
	place_show(&place, place.home, true, "workspace");
	assert_int_equal(sandbox_plan_hide(&place.plan, place_below(&place, "a/b/own"), "home", NULL), CAPSULE_OK);
	assert_int_equal(sandbox_plan_hide(&place.plan, place_below(&place, "a/more"), "home", NULL), CAPSULE_OK);
	for (int i = 0; i < 2; i++)
		place_expect(*state, &place,
			"cd \"$1\" && { mv a c; mv a/b d; mv a/b/own e; mv a/more f; rmdir a/more; } 2>/dev/null; "
			"touch a/new a/b/new && find . -name key && echo none",
			place.home, "none\n");
	assert_int_equal(access(place_below(&place, "a/b/own/key"), F_OK), 0);
	place_fini(&place);
}

/* A child that could make the runtime's home could put capsules into it. */
static void what_is_hidden_can_not_be_made_by_a_child(void **state)
{
	struct place place = { .home = "/tmp/capsule-place-XXXXXX" };

	assert_non_null(mkdtemp(place.home));
	place_show(&place, place.home, true, "workspace");
	assert_int_equal(sandbox_plan_hide(&place.plan, place_below(&place, ".astrid"), "home", NULL), CAPSULE_OK);
	place_expect(
		*state, &place, "mkdir -p \"$1\"/.astrid/capsules 2>/dev/null || echo closed", place.home, "closed\n");
	assert_int_equal(access(place_below(&place, ".astrid/capsules"), F_OK), -1);
	place_fini(&place);
}

/* mv:68: the runtime's home is not there (any more) */
static void what_is_hidden_need_not_exist(void **state)
{
	struct place place = { .home = "/tmp/capsule-place-XXXXXX" };

	assert_non_null(mkdtemp(place.home));
	place_show(&place, place.home, false, "workspace");
	assert_int_equal(sandbox_plan_hide(&place.plan, place_below(&place, ".astrid"), "home", NULL), CAPSULE_OK);
	place_show(&place, place_below(&place, ".astrid/capsules/c"), false, "capsule");
	place_expect(*state, &place, "ls -A \"$1\"", place.home, "");
	assert_int_equal(access(place_below(&place, ".astrid"), F_OK), -1);
	place_fini(&place);
}

/* hs:128 */
static void private_folders_are_empty_and_go_with_it(void **state)
{
	struct place place;

	place_init(&place);
	place_expect(*state, &place,
		"ls -A /home/capsule /dev/shm | tr '\\n' ' '; for dir in /tmp /home/capsule /dev/shm; do "
		"echo x >$dir/capsule-private && cat $dir/capsule-private; done; echo $HOME $TMPDIR; id -un; hostname",
		"", "/dev/shm:  /home/capsule: x\nx\nx\n/home/capsule /tmp\ncapsule\ncapsule\n");
	assert_int_equal(access("/tmp/capsule-private", F_OK), -1);
	assert_int_equal(access("/home/capsule/capsule-private", F_OK), -1);
	place_expect(*state, &place, "ls -A /home/capsule /dev/shm | tr '\\n' ' '", "", "/dev/shm:  /home/capsule: ");
	place_fini(&place);
}

/* hs:127, hs:129, hs-W-42, hs:133 (its folder): the workspace is below /tmp here */
static void writes_work_where_the_plan_says_and_nowhere_else(void **state)
{
	struct place place;

	place_init(&place);
	place_expect(*state, &place,
		"for dir in / /etc /usr /usr/bin /dev /home /bin \"$1\" \"$1/.astrid\" \"$1/.astrid/capsules\" "
		"\"$1/.astrid/capsules/c\"; "
		"do touch \"$dir/new\" 2>&1 | grep -v 'Read-only file system'; done; "
		"echo x 2>/dev/null >>\"$1/.astrid/capsules/c/run.sh\"; rm -f \"$1/.astrid/capsules/c/run.sh\" 2>/dev/null; "
		"echo changed >file; echo new >\"$1/.astrid/state/c/new\"; pwd",
		place.home,
		strcmp(place_below(&place, "work"), place.workspace) == 0 ? place_below(&place, "work\n") : "");
	assert_string_equal(place_read(place_below(&place, "work/file")), "changed\n");
	assert_string_equal(place_read(place_below(&place, ".astrid/state/c/new")), "new\n");
	assert_string_equal(place_read(place_below(&place, ".astrid/capsules/c/run.sh")), ".astrid/capsules/c/run.sh");
	place_fini(&place);
}

static void a_workspace_below_the_private_home_is_there(void **state)
{
	struct place place;
	char path[PATH_MAX], file[PATH_MAX + 8];

	if (geteuid() != 0)
		return; /* who may make no folder in /home has no workspace there */
	place_init(&place);
	(void)mkdir("/home/capsule", 0755);
	(void)snprintf(path, sizeof path, "/home/capsule/%s", strrchr(place.home, '-'));
	assert_int_equal(mkdir(path, 0755), 0);
	place_show(&place, path, true, "workspace");
	place_expect(*state, &place, "cd \"$1\" && echo x >new && ls -A /home/capsule | wc -l", path, "1\n");
	(void)snprintf(file, sizeof file, "%s/new", path);
	assert_string_equal(place_read(file), "x\n");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
	(void)rmdir("/home/capsule");
	place_fini(&place);
}

/* mv:62, mv:63 */
static void any_name_works_that_is_text(void **state)
{
	static const char *const names[] = { "a b", "\"", "'", "back\\slash", "new\nline", "-- --bind", "$(id)",
		"\xc3\xa4", "*" };
	struct place place;
	char path[PATH_MAX], file[PATH_MAX + 8];

	place_init(&place);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/work/%s", place.home, names[i]);
		assert_int_equal(mkdir(path, 0755), 0);
		sandbox_plan_fini(&place.plan);
		place_show(&place, path, true, "workspace");
		place.plan.cwd = strdup(path);
		place_expect(*state, &place, "echo x >new; test \"$PWD\" = \"$1\" && echo same", path, "same\n");
		(void)snprintf(file, sizeof file, "%s/new", path);
		assert_string_equal(place_read(file), "x\n");
	}
	place_fini(&place);
}

static void one_file_can_be_shown(void **state)
{
	struct place place;

	place_init(&place);
	place_show(&place, place_below(&place, ".ssh/id_ed25519"), false, "granted");
	place_expect(*state, &place,
		"ls -A \"$1/.ssh\"; cat \"$1/.ssh/id_ed25519\"; echo x 2>/dev/null >\"$1/.ssh/id_ed25519\" || true",
		place.home, "id_ed25519\n.ssh/id_ed25519");
	place_fini(&place);
}

/* Somebody who may write above a shown path could lead it anywhere. */
static void a_path_that_has_become_a_link_is_refused(void **state)
{
	struct place place;

	place_init(&place);
	assert_int_equal(rename(place_below(&place, "work"), place_below(&place, "old")), 0);
	assert_int_equal(symlink(".ssh", place_below(&place, "work")), 0);
	place_refused(*state, &place, place_below(&place, "work in a sandbox: it has become a link"));
	place_show(&place, place_below(&place, "work/deep"), true, "granted");
	sandbox_plan_fini(&place.plan);
	place_show(&place, place_below(&place, "work/id_ed25519"), true, "granted");
	place_refused(*state, &place, "has become a link");
	place_fini(&place);
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FIXTURE(the_whole_tree_is_what_the_plan_and_the_list_say),
		IN_FIXTURE(secrets_are_not_there),
		IN_FIXTURE(the_runtimes_home_stays_hidden_in_a_workspace_that_holds_it),
		IN_FIXTURE(what_is_hidden_can_not_be_moved_away),
		IN_FIXTURE(what_is_hidden_can_not_be_made_by_a_child),
		IN_FIXTURE(what_is_hidden_need_not_exist),
		IN_FIXTURE(private_folders_are_empty_and_go_with_it),
		IN_FIXTURE(writes_work_where_the_plan_says_and_nowhere_else),
		IN_FIXTURE(a_workspace_below_the_private_home_is_there),
		IN_FIXTURE(any_name_works_that_is_text),
		IN_FIXTURE(one_file_can_be_shown),
		IN_FIXTURE(a_path_that_has_become_a_link_is_refused),
		cmocka_unit_test(place_as_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
