/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child in a sandbox sees, reaches and may change, as it finds out itself. All of it runs a second time as an
 * ordinary user when this is root. */
#include "process/sandbox.h"

#include "process/process_fixture.h"
#include "process/program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define NOBODY 65534

/* A person's home with what nobody else should read, two capsules and their folders for state, and a workspace. */
struct place {
	char home[64];
	struct sandbox_plan plan;
	char workspace[PATH_MAX];
};

static const char *below(const struct place *place, const char *path)
{
	static char names[4][PATH_MAX];
	static unsigned next;
	char *name = names[next++ % 4];

	(void)snprintf(name, PATH_MAX, "%s/%s", place->home, path);
	return name;
}

static void write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	(void)fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

static char *read_file(const char *path)
{
	static char content[4096];
	FILE *file = fopen(path, "re");
	size_t len;

	if (file == NULL)
		return NULL;
	len = fread(content, 1, sizeof content - 1, file);
	content[len] = '\0';
	(void)fclose(file);
	return content;
}

static void show(struct place *place, const char *path, bool writable, const char *why)
{
	struct capsule_error err = { .status = CAPSULE_OK };

	if (sandbox_plan_show(&place->plan, path, writable, why, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

/* With the plan of a capsule `c` and the workspace `work`, both below the home, which is below /tmp. */
static void place_init(struct place *place)
{
	static const char *const folders[] = { ".ssh", ".astrid", ".astrid/keys", ".astrid/sessions",
		".astrid/capsules", ".astrid/capsules/c", ".astrid/capsules/other", ".astrid/state", ".astrid/state/c",
		".astrid/state/other", "work" };
	static const char *const files[] = { ".ssh/id_ed25519", ".astrid/capsule.db", ".astrid/keys/runtime.key",
		".astrid/sessions/system.token", ".astrid/capsules/c/run.sh", ".astrid/capsules/other/run.sh",
		".astrid/state/other/secret", "work/file" };

	*place = (struct place){ .home = "/tmp/capsule-place-XXXXXX" };
	assert_non_null(mkdtemp(place->home));
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		assert_int_equal(mkdir(below(place, folders[i]), 0755), 0);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		write_file(below(place, files[i]), files[i]);
	(void)snprintf(place->workspace, sizeof place->workspace, "%s", below(place, "work"));
	assert_int_equal(sandbox_plan_hide(&place->plan, below(place, ".astrid"), "home", NULL), CAPSULE_OK);
	show(place, below(place, ".astrid/capsules/c"), false, "capsule");
	show(place, below(place, ".astrid/state/c"), true, "state");
	show(place, place->workspace, true, "workspace");
	place->plan.cwd = strdup(place->workspace);
}

static void place_fini(struct place *place)
{
	sandbox_plan_fini(&place->plan);
	fixture_remove_folder(place->home);
}

static void start_in(const struct fixture *fixture, struct run *run, const struct sandbox_plan *plan,
	const char *const *argv, const struct program_image *image)
{
	struct process_spec spec = fixture_spec(fixture, argv);
	struct buffer room = { .limit = 0 };
	char *env[SANDBOX_ENV_MAX + 1] = { NULL };

	assert_true(sandbox_environment(plan, env, &room) > 0);
	spec.sandbox = plan;
	spec.image = image;
	spec.env = (const char *const *)env;
	fixture_start(fixture, run, &spec);
	buffer_fini(&room);
}

/* Run a shell script in the sandbox of `place`, with `argument` as $1; it must write `output` and end with 0. */
static void expect(struct fixture *fixture, const struct place *place, const char *script, const char *argument,
	const char *output)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", argument, NULL };
	struct run run = { .calls = 0 };

	start_in(fixture, &run, &place->plan, argv, NULL);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, output);
}

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
	const char *const own[] = { place->home, strdup(below(place, ".astrid")),
		strdup(below(place, ".astrid/capsules")), strdup(below(place, ".astrid/capsules/c")),
		strdup(below(place, ".astrid/state")), strdup(below(place, ".astrid/state/c")),
		strdup(below(place, ".astrid/capsules/c/run.sh")), strdup(below(place, "work")),
		strdup(below(place, "work/file")) };
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
	expect(*state, &place,
		"find / -path /proc -prune -print -o -path /dev -prune -print -o -path /usr -prune -print -o "
		"-path '/etc/*' -type d ! -name ssl ! -name pki ! -name tls -prune -print -o -print | LC_ALL=C sort",
		"", allowed);
	expect(*state, &place, "ls -A /dev | LC_ALL=C sort | tr '\\n' ' '", "",
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
	expect(fixture, &place,
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
	expect(fixture, &place, "cat \"$1\"/.astrid/capsules/c/run.sh; cat file", place.home, /* mv:67 */
		".astrid/capsules/c/run.shwork/file");
	place_fini(&place);
}

static void the_runtimes_home_stays_hidden_in_a_workspace_that_holds_it(void **state)
{
	struct place place;
	struct fixture *fixture = *state;

	place_init(&place);
	show(&place, place.home, true, "workspace");
	expect(fixture, &place,
		"cd \"$1\" && ls -A . .astrid .astrid/capsules .astrid/state | tr '\\n' ' '; cat "
		".astrid/keys/runtime.key 2>/dev/null; "
		"touch .astrid/new 2>/dev/null || echo closed; touch .astrid/state/c/new new && echo open",
		place.home,
		".: .astrid .ssh work  .astrid: capsules state  .astrid/capsules: c  .astrid/state: c closed\nopen\n");
	assert_int_equal(access(below(&place, "new"), F_OK), 0);
	assert_int_equal(access(below(&place, ".astrid/state/c/new"), F_OK), 0);
	assert_int_equal(access(below(&place, ".astrid/new"), F_OK), -1);
	place_fini(&place);
}

/* Several folders below what is writable: none of those on the way can be put aside, for the next child to look into. */
static void what_is_hidden_can_not_be_moved_away(void **state)
{
	struct place place = { .home = "/tmp/capsule-place-XXXXXX" };

	assert_non_null(mkdtemp(place.home));
	assert_int_equal(mkdir(below(&place, "a"), 0700), 0);
	assert_int_equal(mkdir(below(&place, "a/b"), 0700), 0);
	assert_int_equal(mkdir(below(&place, "a/b/own"), 0700), 0);
	assert_int_equal(mkdir(below(&place, "a/more"), 0700), 0);
	write_file(below(&place, "a/b/own/key"), "key");
	write_file(below(&place, "a/more/key"), "key");
	show(&place, place.home, true, "workspace");
	assert_int_equal(sandbox_plan_hide(&place.plan, below(&place, "a/b/own"), "home", NULL), CAPSULE_OK);
	assert_int_equal(sandbox_plan_hide(&place.plan, below(&place, "a/more"), "home", NULL), CAPSULE_OK);
	for (int i = 0; i < 2; i++)
		expect(*state, &place,
			"cd \"$1\" && { mv a c; mv a/b d; mv a/b/own e; mv a/more f; rmdir a/more; } 2>/dev/null; "
			"touch a/new a/b/new && find . -name key && echo none",
			place.home, "none\n");
	assert_int_equal(access(below(&place, "a/b/own/key"), F_OK), 0);
	place_fini(&place);
}

/* A child that could make the runtime's home could put capsules into it. */
static void what_is_hidden_can_not_be_made_by_a_child(void **state)
{
	struct place place = { .home = "/tmp/capsule-place-XXXXXX" };

	assert_non_null(mkdtemp(place.home));
	show(&place, place.home, true, "workspace");
	assert_int_equal(sandbox_plan_hide(&place.plan, below(&place, ".astrid"), "home", NULL), CAPSULE_OK);
	expect(*state, &place, "mkdir -p \"$1\"/.astrid/capsules 2>/dev/null || echo closed", place.home, "closed\n");
	assert_int_equal(access(below(&place, ".astrid/capsules"), F_OK), -1);
	place_fini(&place);
}

/* mv:68: the runtime's home is not there (any more) */
static void what_is_hidden_need_not_exist(void **state)
{
	struct place place = { .home = "/tmp/capsule-place-XXXXXX" };

	assert_non_null(mkdtemp(place.home));
	show(&place, place.home, false, "workspace");
	assert_int_equal(sandbox_plan_hide(&place.plan, below(&place, ".astrid"), "home", NULL), CAPSULE_OK);
	show(&place, below(&place, ".astrid/capsules/c"), false, "capsule");
	expect(*state, &place, "ls -A \"$1\"", place.home, "");
	assert_int_equal(access(below(&place, ".astrid"), F_OK), -1);
	place_fini(&place);
}

/* hs:128 */
static void private_folders_are_empty_and_go_with_it(void **state)
{
	struct place place;

	place_init(&place);
	expect(*state, &place,
		"ls -A /home/capsule /dev/shm | tr '\\n' ' '; for dir in /tmp /home/capsule /dev/shm; do "
		"echo x >$dir/capsule-private && cat $dir/capsule-private; done; echo $HOME $TMPDIR; id -un; hostname",
		"", "/dev/shm:  /home/capsule: x\nx\nx\n/home/capsule /tmp\ncapsule\ncapsule\n");
	assert_int_equal(access("/tmp/capsule-private", F_OK), -1);
	assert_int_equal(access("/home/capsule/capsule-private", F_OK), -1);
	expect(*state, &place, "ls -A /home/capsule /dev/shm | tr '\\n' ' '", "", "/dev/shm:  /home/capsule: ");
	place_fini(&place);
}

/* hs:127, hs:129, hs-W-42, hs:133 (its folder): the workspace is below /tmp here */
static void writes_work_where_the_plan_says_and_nowhere_else(void **state)
{
	struct place place;

	place_init(&place);
	expect(*state, &place,
		"for dir in / /etc /usr /usr/bin /dev /home /bin \"$1\" \"$1/.astrid\" \"$1/.astrid/capsules\" "
		"\"$1/.astrid/capsules/c\"; "
		"do touch \"$dir/new\" 2>&1 | grep -v 'Read-only file system'; done; "
		"echo x 2>/dev/null >>\"$1/.astrid/capsules/c/run.sh\"; rm -f \"$1/.astrid/capsules/c/run.sh\" 2>/dev/null; "
		"echo changed >file; echo new >\"$1/.astrid/state/c/new\"; pwd",
		place.home, strcmp(below(&place, "work"), place.workspace) == 0 ? below(&place, "work\n") : "");
	assert_string_equal(read_file(below(&place, "work/file")), "changed\n");
	assert_string_equal(read_file(below(&place, ".astrid/state/c/new")), "new\n");
	assert_string_equal(read_file(below(&place, ".astrid/capsules/c/run.sh")), ".astrid/capsules/c/run.sh");
	place_fini(&place);
}

static void a_workspace_below_the_private_home_is_there(void **state)
{
	struct place place;
	char path[PATH_MAX], file[PATH_MAX + 8];

	if (geteuid() != 0)
		skip();
	place_init(&place);
	(void)mkdir("/home/capsule", 0755);
	(void)snprintf(path, sizeof path, "/home/capsule/%s", strrchr(place.home, '-'));
	assert_int_equal(mkdir(path, 0755), 0);
	show(&place, path, true, "workspace");
	expect(*state, &place, "cd \"$1\" && echo x >new && ls -A /home/capsule | wc -l", path, "1\n");
	(void)snprintf(file, sizeof file, "%s/new", path);
	assert_string_equal(read_file(file), "x\n");
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
		show(&place, path, true, "workspace");
		place.plan.cwd = strdup(path);
		expect(*state, &place, "echo x >new; test \"$PWD\" = \"$1\" && echo same", path, "same\n");
		(void)snprintf(file, sizeof file, "%s/new", path);
		assert_string_equal(read_file(file), "x\n");
	}
	place_fini(&place);
}

static void one_file_can_be_shown(void **state)
{
	struct place place;

	place_init(&place);
	show(&place, below(&place, ".ssh/id_ed25519"), false, "granted");
	expect(*state, &place,
		"ls -A \"$1/.ssh\"; cat \"$1/.ssh/id_ed25519\"; echo x 2>/dev/null >\"$1/.ssh/id_ed25519\" || true",
		place.home, "id_ed25519\n.ssh/id_ed25519");
	place_fini(&place);
}

static void expect_refusal(struct fixture *fixture, const struct place *place, const char *part)
{
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct capsule_error err = { .status = CAPSULE_OK };
	struct process *process = NULL;

	spec.sandbox = &place->plan;
	assert_int_equal(process_start(&process, fixture->loop, &spec, NULL, NULL, &err), CAPSULE_EINVAL);
	if (strstr(err.text, part) == NULL)
		fail_msg("no `%s` in: %s", part, err.text);
}

/* Somebody who may write above a shown path could lead it anywhere. */
static void a_path_that_has_become_a_link_is_refused(void **state)
{
	struct place place;

	place_init(&place);
	assert_int_equal(rename(below(&place, "work"), below(&place, "old")), 0);
	assert_int_equal(symlink(".ssh", below(&place, "work")), 0);
	expect_refusal(*state, &place, below(&place, "work in a sandbox: it has become a link"));
	show(&place, below(&place, "work/deep"), true, "granted");
	sandbox_plan_fini(&place.plan);
	show(&place, below(&place, "work/id_ed25519"), true, "granted");
	expect_refusal(*state, &place, "has become a link");
	place_fini(&place);
}

static int listen_at(const void *address, socklen_t len)
{
	int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Tries each in turn; writes what it came to. */
#define CONNECT                                                                                                        \
	"import socket, sys\n"                                                                                         \
	"def attempt(kind, address):\n"                                                                                \
	"    try:\n"                                                                                                   \
	"        socket.socket(kind).connect(address)\n"                                                               \
	"        print('reached')\n"                                                                                   \
	"    except OSError as error:\n"                                                                               \
	"        print(type(error).__name__)\n"                                                                        \
	"home, port = sys.argv[1], int(sys.argv[2])\n"                                                                 \
	"attempt(socket.AF_UNIX, home + '/.astrid/sessions/system.sock')\n"                                            \
	"attempt(socket.AF_UNIX, '\\0' + home)\n"                                                                      \
	"attempt(socket.AF_INET, ('127.0.0.1', port))\n"

/* hs:131, hs-W-41; with a network what the machine's own network shows is reached, and files are not, all the same. */
static void sockets_of_the_machine_are_out_of_reach(void **state)
{
	struct place place;
	struct sockaddr_un file = { .sun_family = AF_UNIX }, hidden = { .sun_family = AF_UNIX };
	struct sockaddr_in net = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof net;
	char port[16];
	int fds[3];

	if (access("/usr/bin/python3", X_OK) != 0)
		skip();
	place_init(&place);
	(void)snprintf(file.sun_path, sizeof file.sun_path, "%s", below(&place, ".astrid/sessions/system.sock"));
	(void)snprintf(hidden.sun_path + 1, sizeof hidden.sun_path - 1, "%s", place.home);
	fds[0] = listen_at(&file, sizeof file);
	fds[1] = listen_at(&hidden, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(place.home)));
	fds[2] = listen_at(&net, sizeof net);
	assert_int_equal(getsockname(fds[2], (struct sockaddr *)&net, &len), 0);
	(void)snprintf(port, sizeof port, "%d", ntohs(net.sin_port));
	for (int network = 0; network < 2; network++) {
		const char *const argv[] = { "/usr/bin/python3", "-c", CONNECT, place.home, port, NULL };
		struct run run = { .calls = 0 };

		place.plan.network = network != 0;
		start_in(*state, &run, &place.plan, argv, NULL);
		fixture_wait(*state, &run);
		fixture_expect(&run, PROCESS_EXITED, 0,
			network ? "FileNotFoundError\nreached\nreached\n"
				: "FileNotFoundError\nConnectionRefusedError\nConnectionRefusedError\n");
	}
	for (int i = 0; i < 3; i++)
		(void)close(fds[i]);
	show(&place, below(&place, ".astrid/sessions/system.sock"), true, "granted");
	expect_refusal(*state, &place, "sockets, pipes and devices are not shown");
	place_fini(&place);
}

static void names_are_resolved_with_a_network_only(void **state)
{
	struct place place;

	place_init(&place);
	expect(*state, &place, "ls /etc/resolv.conf 2>/dev/null; cat /proc/net/dev | grep -c :", "", "1\n");
	place.plan.network = true;
	if (access("/etc/resolv.conf", F_OK) == 0)
		expect(*state, &place, "head -c 0 /etc/resolv.conf && ls /etc/resolv.conf", "", "/etc/resolv.conf\n");
	place_fini(&place);
}

/* Others' processes, and the one without a filter that looks after the sandbox. */
static void no_other_process_is_in_reach(void **state)
{
	struct place place;

	place_init(&place);
	expect(*state, &place,
		"for id in /proc/[0-9]*; do case ${id#/proc/} in 1|$$) ;; *) echo $id;; esac; done; "
		"for file in environ mem maps root/etc cwd/ fd/0; do head -c 1 /proc/1/$file 2>/dev/null; ls "
		"/proc/1/$file/ 2>/dev/null; "
		"done; kill -KILL 1 2>/dev/null; kill -TERM 1 2>/dev/null; echo alive",
		"", "alive\n");
	place_fini(&place);
}

/* Opened and not written: a machine on which this fails keeps its settings. */
static void settings_of_the_kernel_are_read_only(void **state)
{
	struct place place;

	place_init(&place);
	expect(*state, &place,
		"for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sysrq-trigger /proc/self/oom_score_adj; do "
		"(: >>$f) 2>/dev/null && echo $f; done; find /proc/sys /proc/irq /proc/bus -type f -writable 2>/dev/null; "
		"cat /proc/sys/vm/swappiness >/dev/null && echo read",
		"", "read\n");
	place_fini(&place);
}

static void it_has_no_rights(void **state)
{
	struct place place;

	place_init(&place);
	expect(*state, &place,
		"grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t0' | tr '\\n' ' '; "
		"unshare -Ur true 2>/dev/null || echo none; mount -t tmpfs x /tmp 2>/dev/null || echo none",
		"", "CapPrm: CapEff: CapBnd: CapAmb: NoNewPrivs:1 Seccomp:2 none\nnone\n");
	place_fini(&place);
}

/* Of a script, what was verified is run, and not what is there by then. */
static void a_script_is_the_one_that_was_opened(void **state)
{
	static const char script[] = "#!/bin/sh\necho verified \"$0\"\n";
	struct place place;
	struct run run = { .calls = 0 };
	struct program_image image = { .fd = -1, .script_fd = memfd_create("script", MFD_CLOEXEC) };
	const char *const argv[] = { NULL, NULL };
	const char *words[2] = { argv[0], NULL };
	char expected[PATH_MAX];

	place_init(&place);
	image.path = strdup(below(&place, ".astrid/capsules/c/run.sh"));
	image.fd = open(image.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(write(image.script_fd, script, strlen(script)), strlen(script));
	write_file(image.path, "#!/bin/sh\necho changed\n");
	words[0] = image.path;
	start_in(*state, &run, &place.plan, words, &image);
	fixture_wait(*state, &run);
	(void)snprintf(expected, sizeof expected, "verified %s\n", image.path);
	fixture_expect(&run, PROCESS_EXITED, 0, expected);
	(void)close(image.fd);
	(void)close(image.script_fd);
	free(image.path);
	place_fini(&place);
}

/* What the filter of system calls and the bare file system could break. */
static void programs_of_everyday_run(void **state)
{
	static const struct {
		const char *program, *script, *output;
	} rows[] = {
		{ "/usr/bin/python3",
			"python3 -c 'import multiprocessing as m, subprocess as s, tempfile, threading, socket, sqlite3\n"
			"print(m.Pool(2).map(abs, [-1, -2]), s.check_output([\"echo\", \"x\"]), tempfile.gettempdir())\n"
			"t = threading.Thread(target=print, args=(1,)); t.start(); t.join()\n"
			"a, b = socket.socketpair(); a.send(b\"y\"); print(b.recv(1))'",
			"[1, 2] b'x\\n' /tmp\n1\nb'y'\n" },
		{ "/usr/bin/node",
			"node -e 'const {Worker} = require(\"worker_threads\"); const {execFileSync} = "
			"require(\"child_process\");"
			"require(\"fs\").promises.writeFile(\"node-file\", \"z\").then(() => { "
			"console.log(execFileSync(\"cat\", [\"node-file\"]).toString(), require(\"os\").homedir());"
			"new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(2)\", {eval: true})"
			".on(\"message\", m => console.log(m)); })'",
			"z /home/capsule\n2\n" },
		{ "/usr/bin/npx", "npx --version >version && test -s version && echo fine", "fine\n" },
		{ "/usr/bin/git",
			"git init -q repository && cd repository && echo x >file && git add file && "
			"git -c user.name=n -c user.email=e commit -qm m && git log --format=%s && git status --porcelain",
			"m\n" },
		{ "/usr/bin/perl", "perl -e 'print sort { $a <=> $b } 2, 1; print \"\\n\"'", "12\n" },
		{ "/usr/bin/java", "java -version 2>/dev/null && echo fine", "fine\n" },
		{ "/bin/sh", "echo b a | tr ' ' '\\n' | sort | (read first; echo $first); sleep 0 & wait; ulimit -c",
			"a\n0\n" },
	};
	struct place place;

	place_init(&place);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (access(rows[i].program, X_OK) == 0)
			expect(*state, &place, rows[i].script, "", rows[i].output);
	place_fini(&place);
}

/* Root is somebody else in many ways; what holds above must hold for everybody. */
static void all_of_it_holds_for_an_ordinary_user(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0)
			(void)execl("/proc/self/exe", "sandbox_child_test", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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
		IN_FIXTURE(sockets_of_the_machine_are_out_of_reach),
		IN_FIXTURE(names_are_resolved_with_a_network_only),
		IN_FIXTURE(no_other_process_is_in_reach),
		IN_FIXTURE(settings_of_the_kernel_are_read_only),
		IN_FIXTURE(it_has_no_rights),
		IN_FIXTURE(a_script_is_the_one_that_was_opened),
		IN_FIXTURE(programs_of_everyday_run),
		cmocka_unit_test(all_of_it_holds_for_an_ordinary_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
