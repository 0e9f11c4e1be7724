/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child in a sandbox reaches besides files - sockets, processes, the kernel - and what it can run. */
#include "process/sandbox_place.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

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
	(void)snprintf(file.sun_path, sizeof file.sun_path, "%s", place_below(&place, ".astrid/sessions/system.sock"));
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
		place_start(*state, &run, &place.plan, argv, NULL);
		fixture_wait(*state, &run);
		fixture_expect(&run, PROCESS_EXITED, 0,
			network ? "FileNotFoundError\nreached\nreached\n"
				: "FileNotFoundError\nConnectionRefusedError\nConnectionRefusedError\n");
	}
	for (int i = 0; i < 3; i++)
		(void)close(fds[i]);
	place_show(&place, place_below(&place, ".astrid/sessions/system.sock"), true, "granted");
	place_refused(*state, &place, "sockets, pipes and devices are not shown");
	place_fini(&place);
}

static void names_are_resolved_with_a_network_only(void **state)
{
	struct place place;

	place_init(&place);
	place_expect(*state, &place, "ls /etc/resolv.conf 2>/dev/null; cat /proc/net/dev | grep -c :", "", "1\n");
	place.plan.network = true;
	if (access("/etc/resolv.conf", F_OK) == 0)
		place_expect(
			*state, &place, "head -c 0 /etc/resolv.conf && ls /etc/resolv.conf", "", "/etc/resolv.conf\n");
	place_fini(&place);
}

/* Others' processes, and the one without a filter that looks after the sandbox. */
static void no_other_process_is_in_reach(void **state)
{
	struct place place;

	place_init(&place);
	place_expect(*state, &place,
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
	place_expect(*state, &place,
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
	place_expect(*state, &place,
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
	image.path = strdup(place_below(&place, ".astrid/capsules/c/run.sh"));
	image.fd = open(image.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(write(image.script_fd, script, strlen(script)), strlen(script));
	place_write(image.path, "#!/bin/sh\necho changed\n");
	words[0] = image.path;
	place_start(*state, &run, &place.plan, words, &image);
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
			place_expect(*state, &place, rows[i].script, "", rows[i].output);
	place_fini(&place);
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FIXTURE(sockets_of_the_machine_are_out_of_reach),
		IN_FIXTURE(names_are_resolved_with_a_network_only),
		IN_FIXTURE(no_other_process_is_in_reach),
		IN_FIXTURE(settings_of_the_kernel_are_read_only),
		IN_FIXTURE(it_has_no_rights),
		IN_FIXTURE(a_script_is_the_one_that_was_opened),
		IN_FIXTURE(programs_of_everyday_run),
		cmocka_unit_test(place_as_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
