/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The terminal of the program stays with the program. The shell gets another one, a pair of which the near end is held here:
 * what is typed goes in, what the shell shows comes out, and a change of size is passed on. So the shell has job control,
 * and can do nothing to the terminal itself. */
#include "cli/shell.h"
#include "cli/path.h"
#include "cli/text.h"
#include <capsule/mcp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

struct relay {
	int near, far;     /* of the pair */
	int resized;       /* tells when the terminal has another size */
	int ready;         /* epoll: something is to be done */
	sigset_t old_mask; /* before SIGWINCH was held back */
	struct termios was;
	bool raw;
	bool typing;        /* there may come more */
	char pending[4096]; /* typed, and not taken by the shell yet */
	size_t len;
};

/* ---- Setting up ---- */

static bool make_pair(struct relay *relay)
{
	char name[64];

	relay->near = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (relay->near < 0 || grantpt(relay->near) != 0 || unlockpt(relay->near) != 0 ||
		ptsname_r(relay->near, name, sizeof name) != 0)
		return false;
	relay->far = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return relay->far >= 0;
}

static void pass_size(const struct relay *relay)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(relay->near, TIOCSWINSZ, &size);
}

static bool watch(const struct relay *relay, int fd, unsigned events)
{
	struct epoll_event wanted = { .events = events, .data.fd = fd };

	return epoll_ctl(relay->ready, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

static bool make_ready(struct relay *relay)
{
	sigset_t resized;

	(void)sigemptyset(&resized);
	(void)sigaddset(&resized, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &resized, NULL);
	relay->resized = signalfd(-1, &resized, SFD_CLOEXEC | SFD_NONBLOCK);
	relay->ready = epoll_create1(EPOLL_CLOEXEC);
	return relay->resized >= 0 && relay->ready >= 0 && watch(relay, relay->near, EPOLLIN) &&
		watch(relay, STDIN_FILENO, EPOLLIN) && watch(relay, relay->resized, EPOLLIN);
}

static bool make_raw(struct relay *relay)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &relay->was) != 0)
		return false;
	(void)tcsetattr(relay->far, TCSANOW, &relay->was);
	raw = relay->was;
	cfmakeraw(&raw);
	relay->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	return relay->raw;
}

static int relay_open(struct relay *relay)
{
	*relay = (struct relay){ .near = -1, .far = -1, .resized = -1, .ready = -1, .typing = true };
	(void)sigprocmask(SIG_BLOCK, NULL, &relay->old_mask);
	if (make_pair(relay) && make_ready(relay) && make_raw(relay)) {
		pass_size(relay);
		return 0;
	}
	return cli_say("no terminal can be made for the shell: %s", strerror(errno));
}

/* The mask is that of the session again, which its end restores. */
static void relay_close(struct relay *relay)
{
	const int fds[] = { relay->near, relay->far, relay->resized, relay->ready };
	sigset_t resized;

	if (relay->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &relay->was);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	(void)sigemptyset(&resized);
	(void)sigaddset(&resized, SIGWINCH);
	if (sigismember(&relay->old_mask, SIGWINCH) == 0)
		(void)sigprocmask(SIG_UNBLOCK, &resized, NULL);
}

/* ---- Passing on ---- */

/* What is waited for now: no more is read than the shell takes. */
static void watch_again(const struct relay *relay)
{
	struct epoll_event typed = { .events = relay->len == 0 ? EPOLLIN : 0, .data.fd = STDIN_FILENO },
			   shown = { .events = EPOLLIN | (relay->len > 0 ? EPOLLOUT : 0), .data.fd = relay->near };

	if (relay->typing)
		(void)epoll_ctl(relay->ready, EPOLL_CTL_MOD, STDIN_FILENO, &typed);
	(void)epoll_ctl(relay->ready, EPOLL_CTL_MOD, relay->near, &shown);
}

static void hand_in(struct relay *relay)
{
	ssize_t written = relay->len > 0 ? write(relay->near, relay->pending, relay->len) : 0;

	if (written > 0) {
		relay->len -= (size_t)written;
		memmove(relay->pending, relay->pending + written, relay->len);
	}
}

static void take_typed(struct relay *relay)
{
	ssize_t got = relay->len == 0 ? read(STDIN_FILENO, relay->pending, sizeof relay->pending) : -1;

	if (got > 0) {
		relay->len = (size_t)got;
		hand_in(relay);
	} else if (got == 0 || (relay->len == 0 && errno != EINTR && errno != EAGAIN)) {
		(void)epoll_ctl(relay->ready, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		relay->typing = false;
	}
}

/* Whether there may be more. */
static bool show(struct relay *relay)
{
	char bytes[4096];
	ssize_t got = read(relay->near, bytes, sizeof bytes);

	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			(void)epoll_ctl(relay->ready, EPOLL_CTL_DEL, relay->near, NULL);
		return false;
	}
	(void)fwrite(bytes, 1, (size_t)got, stdout);
	(void)fflush(stdout);
	return true;
}

static void pass_on(struct relay *relay)
{
	struct epoll_event events[3];
	struct signalfd_siginfo signal;
	int count = epoll_wait(relay->ready, events, 3, 0);

	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == STDIN_FILENO) {
			take_typed(relay);
		} else if (events[i].data.fd == relay->near) {
			hand_in(relay);
			(void)show(relay);
		} else if (read(relay->resized, &signal, sizeof signal) > 0) {
			pass_size(relay);
		}
	}
	watch_again(relay);
}

/* ---- The shell ---- */

/* Wait for the operation (taken). Returns the exit status. `relay` may be NULL. */
static int finish(struct session *session, struct relay *relay, struct capsule_op *op)
{
	int status;

	session->watched_fd = relay != NULL ? relay->ready : -1;
	while (!capsule_op_done(op)) {
		(void)cli_session_step(session, op);
		if (relay != NULL && session->watched_ready)
			pass_on(relay);
		if (relay != NULL && !relay->typing)
			capsule_op_cancel(op); /* who typed is gone */
	}
	session->watched_fd = -1;
	while (relay != NULL && show(relay))
		;
	if (relay != NULL)
		relay_close(relay);
	status = capsule_error_status(capsule_op_error(op)) == CAPSULE_OK
		? (int)strtol(capsule_op_result(op, NULL), NULL, 10)
		: cli_session_failed(session, capsule_op_error(op));
	capsule_op_free(op);
	return status;
}

static int run_interactive(struct session *session, struct capsule *capsule, const char *server)
{
	/* One that edits lines, where there is one. */
	static const char script[] = "TERM=$1 PS1=$2; export TERM PS1\n"
				     "command -v bash >/dev/null && exec bash --norc -i\n"
				     "exec sh -i";
	const char *term = getenv("TERM");
	char *prompt = cli_path_printf("(sandbox of %s) \\$ ", server);
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", term != NULL ? term : "dumb", prompt, NULL };
	struct relay relay;
	struct capsule_op *op = NULL;
	enum capsule_status started;
	int status = prompt != NULL ? relay_open(&relay) : 1;

	if (prompt == NULL)
		return status;
	if (status == 0) {
		const int streams[3] = { relay.far, relay.far, relay.far };

		started = capsule_mcp_run_inside(capsule, server, argv, streams, NULL, NULL, &op, session->error);
		(void)close(relay.far);
		relay.far = -1;
		if (started == CAPSULE_OK)
			status = finish(session, &relay, op);
	}
	if (op == NULL) {
		relay_close(&relay);
		status = status == 0 ? cli_say_error(session->error) : status;
	}
	free(prompt);
	return status;
}

int cli_shell(struct session *session, struct capsule *capsule, const char *server)
{
	static const char *const argv[] = { "/bin/sh", NULL };
	struct capsule_op *op = NULL;

	if (isatty(STDIN_FILENO))
		return run_interactive(session, capsule, server);
	if (capsule_mcp_run_inside(capsule, server, argv, NULL, NULL, NULL, &op, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	return finish(session, NULL, op);
}
