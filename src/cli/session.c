/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The loop of the command line. Signals come through a descriptor that is polled beside the runtime's, so that Ctrl-C is
 * seen between two slices of a guest and everything is put away before the program ends; a second one ends it at once. */
#include "cli/session.h"
#include "cli/path.h"
#include "cli/text.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MS_PER_S 1000

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void log_record(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	static const char *const names[] = { "trace", "debug", "info", "warn", "error" };
	static const enum style styles[] = { STYLE_FAINT, STYLE_FAINT, STYLE_PLAIN, STYLE_WARNING, STYLE_BAD };
	struct session *session = user;

	if (level >= CAPSULE_LOG_OFF)
		return;
	cli_progress_erase(&session->progress);
	(void)fprintf(stderr, "%s: ", capsule != NULL ? capsule : "capsule");
	cli_print_styled(stderr, session->error_colour, styles[level], names[level]);
	(void)fputs(": ", stderr);
	for (size_t at = 0; at <= len;) {
		const char *newline = memchr(message + at, '\n', len - at);
		size_t end = newline != NULL ? (size_t)(newline - message) : len;

		if (at > 0)
			(void)fputs(
				"    ", stderr); /* so that a guest can't make a line that looks like somebody else's */
		cli_print_clean(stderr, message + at, end - at, CLEAN_LINE);
		(void)fputc('\n', stderr);
		at = end + 1;
	}
}

/* Hold the signals back, but not those that the parent wants ignored, as of a job in the background. */
static int hold_signals(struct session *session, bool asked)
{
	sigset_t held;

	(void)sigemptyset(&held);
	if (asked)
		(void)sigaddset(&held, SIGUSR1);
	for (size_t i = 0; i < sizeof end_signals / sizeof end_signals[0]; i++) {
		struct sigaction action;

		if (sigaction(end_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			(void)sigaddset(&held, end_signals[i]);
	}
	session->signal_fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
	if (session->signal_fd < 0)
		return cli_say("cannot watch for signals: %s", strerror(errno));
	(void)sigprocmask(SIG_BLOCK, &held, &session->old_mask);
	return 0;
}

/* A refusal ends the call that it happens in, and the message of that has it all; the log needs no second one. */
static void audit_nothing(void *user, const struct capsule_audit_record *record)
{
	(void)user;
	(void)record;
}

/* The last one counts, as of all options. */
static enum capsule_overlay_mode overlay_of_all(const struct options *asked)
{
	int mode = CAPSULE_OVERLAY_MANUAL;

	for (size_t i = 0; i < asked->overlay_count; i++)
		mode = asked->overlays[i].name == NULL ? asked->overlays[i].word : mode;
	return (enum capsule_overlay_mode)mode;
}

static int set_overlays(struct session *session, const struct options *asked)
{
	for (size_t i = 0; i < asked->overlay_count; i++) {
		const struct choice *choice = &asked->overlays[i];

		if (choice->name != NULL &&
			capsule_runtime_set_overlay(session->runtime, choice->name,
				(enum capsule_overlay_mode)choice->word, session->error) != CAPSULE_OK)
			return cli_say_error(session->error);
	}
	return 0;
}

/* What is so dangerous is said before anything happens, whatever the log's level is. */
static void warn_of_no_sandbox(const struct cli *cli)
{
	for (size_t i = 0; i < cli->options.unsandboxed_count; i++) {
		const char *id = cli->options.unsandboxed[i];
		bool all = strcmp(id, "*") == 0;

		(void)cli_say("WARNING: programs of %s%s run WITHOUT A SANDBOX and can do anything that you can",
			all ? "all capsules" : "the capsule ", all ? "" : id);
	}
}

int cli_session_open(struct session *session, const struct cli *cli)
{
	const struct options *asked = &cli->options;
	struct capsule_runtime_options options = {
		.size = sizeof options,
		.memory_store = asked->memory_store,
		.log = log_record,
		.log_user = session,
		.audit = audit_nothing,
		.unsandboxed = asked->unsandboxed,
		.unsandboxed_count = asked->unsandboxed_count,
		.log_level = (enum capsule_log_level)asked->log_level,
		.call_cpu_ms = asked->cpu_ms,
		.call_wall_ms = asked->wall_ms,
		.cache_dir = asked->no_cache ? "" : NULL,
		.inbox_messages = asked->inbox_messages,
		.inbox_bytes = asked->inbox_kib * 1024,
		.compile_cpu_ms = asked->compile_seconds * MS_PER_S,
		.compile_bytes = asked->compile_mib << 20,
	};
	int status;

	*session = (struct session){ .error = cli->error,
		.error_colour = cli->out.error_colour,
		.signal_fd = -1,
		.watched_fd = -1,
		.wait_ms_most = -1 };
	cli_progress_init(&session->progress);
	cli_consent_open(&session->consent, asked->yes, cli->out.error_colour, &session->progress);
	if (cli_consent_answers(&session->consent)) {
		options.prompt = cli_consent_prompt;
		options.prompt_user = &session->consent;
	}
	warn_of_no_sandbox(cli);
	status = cli_path_absolute(asked->home, &session->home);
	if (status == 0)
		status = cli_path_absolute(asked->workspace, &session->workspace);
	if (status == 0)
		status = hold_signals(session, asked->stats);
	if (status != 0)
		return status;
	options.home = session->home;
	options.workspace = session->workspace;
	options.overlay = overlay_of_all(asked);
	if (capsule_runtime_new(&session->runtime, &options, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	return set_overlays(session, asked);
}

/* Take the signal, after which signals act as ever: what can't be cancelled is ended by the next one. The one that
 * only asks is held back to the end: it must not be what ends the program. */
static void take_signal(struct session *session)
{
	struct signalfd_siginfo signal;
	sigset_t mask = session->old_mask, held;

	if (session->interrupted_by != 0 || read(session->signal_fd, &signal, sizeof signal) != (ssize_t)sizeof signal)
		return;
	if (signal.ssi_signo == SIGUSR1) {
		session->asked = true;
		return;
	}
	session->interrupted_by = (int)signal.ssi_signo;
	(void)sigprocmask(SIG_BLOCK, NULL, &held);
	if (sigismember(&held, SIGUSR1) == 1)
		(void)sigaddset(&mask, SIGUSR1);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

static int wait_ms(const struct session *session)
{
	int most = session->wait_ms_most,
	    ms = cli_progress_wait_ms(&session->progress, capsule_runtime_timeout_ms(session->runtime));

	return most >= 0 && (ms < 0 || most < ms) ? most : ms;
}

bool cli_session_step(struct session *session, struct capsule_op *op)
{
	struct pollfd polled[] = {
		{ .fd = capsule_runtime_fd(session->runtime), .events = POLLIN },
		{ .fd = session->interrupted_by == 0 ? session->signal_fd : -1, .events = POLLIN },
		{ .fd = session->watched_fd, .events = POLLIN },
		{ .fd = cli_consent_step(&session->consent), .events = POLLIN },
	};
	bool some = poll(polled, 4, wait_ms(session)) > 0;

	session->watched_ready = some && polled[2].revents != 0;
	if (some && polled[1].revents != 0) {
		take_signal(session);
		if (session->interrupted_by != 0)
			capsule_op_cancel(op);
	}
	if (some && polled[3].revents != 0)
		cli_consent_read(&session->consent);
	if (session->consent.first == NULL)
		cli_progress_tick(&session->progress);
	return capsule_runtime_turn(session->runtime, 0);
}

bool cli_session_await(struct session *session, struct capsule_op *op, const char *verb, const char *what)
{
	bool more = true;

	cli_progress_begin(&session->progress, verb, what, 1);
	while (!capsule_op_done(op) && more) {
		const char *stage = capsule_op_stage(op);

		session->progress.verb = stage != NULL ? stage : verb;
		more = cli_session_step(session, op);
	}
	cli_progress_end(&session->progress);
	return capsule_op_done(op);
}

int cli_session_wait(struct session *session, struct capsule_op *op, const char *verb, const char *what)
{
	if (!cli_session_await(session, op, verb, what))
		return cli_say("%s %s: the operation never ended", verb, CLI_SHORT(what));
	if (capsule_error_status(capsule_op_error(op)) != CAPSULE_OK)
		return cli_session_failed(session, capsule_op_error(op));
	return session->interrupted_by != 0 ? cli_session_failed(session, NULL) : 0;
}

int cli_session_failed(struct session *session, const struct capsule_error *error)
{
	if (session->interrupted_by == 0)
		return cli_say_error(error);
	(void)cli_say("interrupted");
	return 128 + session->interrupted_by;
}

int cli_session_load(
	struct session *session, const struct cli *cli, const char *dir, bool bare, struct capsule **capsule)
{
	const struct options *options = &cli->options;
	struct capsule_op *op = NULL;
	enum capsule_status started;
	int status;

	if (bare)
		started = capsule_load_module(session->runtime, dir, options->settings, options->setting_count, NULL,
			NULL, &op, session->error);
	else
		started = capsule_load(session->runtime, dir, NULL, NULL, &op, session->error);
	if (started != CAPSULE_OK)
		return cli_say_error(session->error);
	status = cli_session_wait(session, op, "loading", dir);
	*capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	return status;
}

void cli_session_close(struct session *session)
{
	capsule_runtime_free(session->runtime);
	cli_consent_close(&session->consent);
	if (session->signal_fd >= 0) {
		(void)close(session->signal_fd);
		(void)sigprocmask(SIG_SETMASK, &session->old_mask, NULL);
	}
	free(session->home);
	free(session->workspace);
}
