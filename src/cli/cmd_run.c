/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule run: find capsules, load them in order, tell their states, publish what is asked for, and keep them running
 * until that is dealt with or a signal comes. */
#include "cli/command.h"
#include "cli/found.h"
#include "cli/json.h"
#include "cli/mcp_result.h"
#include "cli/run_events.h"
#include "cli/run_feed.h"
#include "cli/run_stats.h"
#include "cli/session.h"
#include "cli/shell.h"
#include "cli/text.h"
#include <capsule/boot.h>
#include <capsule/mcp.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define EXIT_SIGNAL 128 /* what a shell shows for a program that a signal ended, with its number */

struct running {
	struct session session;
	const struct output *out;
	const struct options *options;
	struct run_events events;
	struct run_feed feed;
	bool feeds;         /* something is published: the program ends by itself, unless it is to stay */
	bool failed;        /* one of them did, or a folder can't be read */
	bool unheard;       /* standard output takes no more: whoever started this is gone */
	size_t good, ready; /* how many there are to load, and how many were */
};

static void print_json(FILE *stream, const struct capsule_state_change *change)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *object = doc == NULL ? NULL : yyjson_mut_obj(doc);
	char *text = NULL;

	if (object != NULL && cli_json_add_text(doc, object, "id", change->id) &&
		cli_json_add_text(doc, object, "version", change->version) &&
		cli_json_add_text(doc, object, "dir", change->dir) &&
		cli_json_add_text(doc, object, "state", change->state) &&
		cli_json_add_text(doc, object, "reason", change->reason) &&
		yyjson_mut_obj_add_uint(doc, object, "tools", change->tools)) {
		yyjson_mut_doc_set_root(doc, object);
		text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, NULL);
	}
	yyjson_mut_doc_free(doc);
	if (text == NULL)
		(void)cli_say_memory();
	else
		(void)fprintf(stream, "%s\n", text);
	free(text);
}

static void print_text(FILE *stream, bool colour, const struct capsule_state_change *change)
{
	bool ready = strcmp(change->state, "ready") == 0, failed = change->reason != NULL;

	cli_print_styled(stream, colour, ready ? STYLE_GOOD : failed ? STYLE_BAD : STYLE_FAINT, change->state);
	(void)fprintf(stream, ready ? "  %s" : " %s", change->id);
	if (ready)
		(void)fprintf(stream, " %s (tools %zu)", change->version, change->tools);
	if (failed) {
		(void)fputs(": ", stream);
		cli_print_clean(stream, change->reason, strlen(change->reason), CLEAN_LINE);
	}
	(void)fputc('\n', stream);
}

/* Whoever reads on wants to know now. */
static void hand_over(struct running *running)
{
	running->unheard = fflush(stdout) != 0 || ferror(stdout) != 0 || running->unheard;
}

/* capsule_state_fn. What lies between is not worth a line. With --stdin standard output is for events alone, with
 * --sandbox-shell for the shell. */
static void tell_state(void *user, const struct capsule_state_change *change)
{
	struct running *running = user;
	const struct output *out = running->out;
	bool aside = running->options->from_stdin || running->options->sandbox_shell != NULL;
	FILE *stream = aside ? stderr : stdout;

	if (strcmp(change->state, "loading") == 0 || strcmp(change->state, "unloading") == 0)
		return;
	running->failed = running->failed || change->reason != NULL;
	running->ready += strcmp(change->state, "ready") == 0;
	cli_progress_erase(&running->session.progress);
	if (running->options->json)
		print_json(stream, change);
	else
		print_text(stream, aside ? out->error_colour : out->colour, change);
	hand_over(running);
}

/* ---- Events ---- */

static bool as_json(const struct running *running)
{
	return running->options->json || running->options->from_stdin;
}

/* Whether a line is worth it: without --events what capsules publish, and what this program waits for. */
static bool is_shown(
	const struct running *running, const struct capsule_event *event, const struct run_event *known, bool answer)
{
	if (!run_events_show(&running->events, event))
		return false;
	return running->options->events || (!known->vetoed && (answer || !run_feed_is_failure(event)));
}

/* run_settled_fn */
static void tell_event(void *user, const struct capsule_event *event, const struct run_event *known)
{
	struct running *running = user;
	bool answer = running->feeds && run_feed_settled(&running->feed, event, known);

	if (!is_shown(running, event, known, answer))
		return;
	cli_progress_erase(&running->session.progress);
	if (!as_json(running))
		run_events_print_text(running->out, event, known);
	else if (!run_events_print_json(running->out, event, known))
		running->events.starved = true;
}

static void watch_events(struct running *running)
{
	const struct options *options = running->options;

	running->events.settled = tell_event;
	running->events.user = running;
	running->events.shown = options->events ? RUN_SHOWN_ALL : running->feeds ? RUN_SHOWN_MESSAGES : RUN_SHOWN_NONE;
	if (options->events || running->feeds)
		capsule_watch_events(running->session.runtime, run_events_note, &running->events);
}

static void tell_stats(struct running *running)
{
	if (run_stats_print(running->out, running->session.runtime, as_json(running)) != 0)
		running->failed = true;
	hand_over(running);
}

/* ---- What there is ---- */

static size_t count_good(const struct capsule_discovery *discovery)
{
	size_t good = 0;

	for (size_t i = 0; i < capsule_discovery_count(discovery); i++) {
		struct capsule_found found;

		capsule_discovery_item(discovery, i, &found);
		good += strcmp(found.state, "good") == 0;
	}
	return good;
}

static int nothing_found(const struct cli *cli, const struct capsule_discovery *discovery)
{
	if (capsule_discovery_count(discovery) > 0)
		return cli_say("no capsule can be loaded");
	cli_found_tell_places(stderr, "capsule: no capsules found in:", discovery);
	return cli->operand_count > 0 ? 1 : cli_say("name folders with capsules: capsule run DIR...");
}

/* ---- Running ---- */

static bool must_end(const struct running *running)
{
	return running->session.interrupted_by != 0 || running->unheard;
}

/* One turn, of which all output goes out at its end. `op` is cancelled when a signal comes. */
static void step(struct running *running, struct capsule_op *op)
{
	(void)cli_session_step(&running->session, op);
	if (running->session.asked) {
		running->session.asked = false;
		tell_stats(running);
	}
	hand_over(running);
}

/* Turn until `op` (taken) is complete. What ends the program cancels a boot. */
static enum capsule_status wait_for(struct running *running, struct capsule_op *op, const char *verb)
{
	struct session *session = &running->session;
	bool ending = must_end(running);
	enum capsule_status status;

	cli_progress_begin(&session->progress, verb, "capsules", 1);
	while (!capsule_op_done(op)) {
		const char *stage = capsule_op_stage(op);

		session->progress.what = stage != NULL ? stage : "capsules";
		step(running, session->interrupted_by == 0 && !ending ? op : NULL);
		if (running->unheard && !ending)
			capsule_op_cancel(op);
		ending = must_end(running);
	}
	cli_progress_end(&session->progress);
	status = capsule_error_status(capsule_op_error(op));
	if (status != CAPSULE_OK && !must_end(running))
		(void)cli_say_error(capsule_op_error(op));
	capsule_op_free(op);
	return status;
}

/* Until what is published is dealt with. Returns the exit status. */
static int feed(struct running *running)
{
	struct run_feed *feed = &running->feed;
	struct session *session = &running->session;
	int status;

	if (!must_end(running))
		run_feed_begin(feed);
	while (!must_end(running)) {
		run_feed_step(feed);
		if (run_feed_over(feed))
			break;
		step(running, NULL);
		run_feed_read(feed);
	}
	session->watched_fd = session->wait_ms_most = -1;
	status = run_feed_finish(feed);
	if (session->interrupted_by == 0 || running->options->stay)
		return status;
	(void)cli_say("interrupted");
	return EXIT_SIGNAL + session->interrupted_by;
}

/* The loaded capsule that `name` means, SERVER or CAPSULE:SERVER, and in `*server` the server's id. NULL after having
 * said why. */
static struct capsule *find_server(
	struct running *running, const struct capsule_discovery *discovery, const char *name, const char **server)
{
	const char *colon = strchr(name, ':');
	struct capsule *found = NULL;

	*server = colon != NULL ? colon + 1 : name;
	for (size_t i = 0; i < capsule_discovery_count(discovery); i++) {
		struct capsule_found item;
		struct capsule *capsule;

		capsule_discovery_item(discovery, i, &item);
		capsule = item.id != NULL ? capsule_find(running->session.runtime, item.id) : NULL;
		if (capsule == NULL ||
			(colon != NULL &&
				(strncmp(item.id, name, (size_t)(colon - name)) != 0 || item.id[colon - name] != '\0')))
			continue;
		if (!cli_mcp_has_server(capsule, *server))
			continue;
		if (found != NULL) {
			(void)cli_say(
				"--sandbox-shell %s: capsule '%s' has a server of that name, too: write CAPSULE:%s",
				CLI_SHORT(name), item.id, CLI_SHORT(*server));
			return NULL;
		}
		found = capsule;
	}
	if (found == NULL)
		(void)cli_say("--sandbox-shell: no capsule that is loaded has an MCP server '%s'", CLI_SHORT(name));
	return found;
}

/* A shell beside a server, until it ends. Returns its exit status. */
static int shell(struct running *running, const struct capsule_discovery *discovery)
{
	const char *server;
	struct capsule *capsule = find_server(running, discovery, running->options->sandbox_shell, &server);

	if (capsule == NULL)
		return EXIT_USAGE;
	hand_over(running);
	return cli_shell(&running->session, capsule, server);
}

static int run(struct running *running, struct capsule_discovery *discovery)
{
	struct session *session = &running->session;
	struct capsule_op *op = NULL;
	int status = 0;

	capsule_watch_states(session->runtime, tell_state, running);
	watch_events(running);
	if (capsule_boot(session->runtime, discovery, NULL, NULL, &op, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	/* The signal may come right behind the last one's line, before the boot itself is complete. */
	if (wait_for(running, op, "loading") != CAPSULE_OK && running->ready < running->good)
		running->failed = true;
	if (running->options->sandbox_shell != NULL && !must_end(running))
		status = shell(running, discovery);
	else if (running->feeds)
		status = feed(running);
	while (running->options->sandbox_shell == NULL && !running->feeds && !must_end(running))
		step(running, NULL);
	if (running->options->stats && !running->unheard)
		tell_stats(running);
	if (capsule_shutdown(session->runtime, NULL, NULL, &op, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	if (wait_for(running, op, "unloading") != CAPSULE_OK)
		running->failed = true;
	if (running->events.starved)
		return cli_say_memory();
	return status == 0 && running->failed ? 1 : status;
}

static int find(struct cli *cli, const struct session *session, struct capsule_discovery **discovery)
{
	const struct capsule_discover_options options = { .size = sizeof options,
		.roots = cli->operands,
		.root_count = cli->operand_count,
		.workspace = cli->options.workspace,
		.home = session->home,
		.trust = cli->options.trust };

	return capsule_discover(discovery, &options, cli->error) == CAPSULE_OK ? 0 : cli_say_error(cli->error);
}

/* ---- What was asked for ---- */

static int usage(const char *text)
{
	(void)cli_say("%s\n'capsule help run' explains it", text);
	return EXIT_USAGE;
}

/* What can't be published should be known before anything is loaded. */
static int check_operands(const struct options *options)
{
	for (size_t i = 0; i < options->setting_count; i++) {
		const struct capsule_setting *operand = &options->settings[i];
		struct run_message message;
		char why[RUN_WHY_BYTES];
		bool good = run_message_read(&message, operand->key, operand->value, why);

		run_message_fini(&message);
		if (!good) {
			(void)cli_say("--publish %s: %s\nit is of the form TOPIC=JSON: --publish 'a.b={\"x\":1}'",
				CLI_SHORT(operand->key), why);
			return EXIT_USAGE;
		}
	}
	return 0;
}

static int check_options(const struct options *options, bool feeds)
{
	if (options->stay && !feeds)
		return usage("--stay goes with --publish or --stdin; without them 'run' stays anyway");
	if (options->sandbox_shell != NULL && feeds)
		return usage(
			"--sandbox-shell and --publish or --stdin exclude each other: the shell has standard input");
	if (options->timeout_seconds > 0 && !feeds)
		return usage("--timeout goes with --publish or --stdin, without which 'run' does not end by itself");
	if (options->timeout_seconds > 0 && options->stay)
		return usage("--timeout and --stay exclude each other: leave one of them out");
	return check_operands(options);
}

static int find_and_run(struct running *running, struct cli *cli)
{
	struct capsule_discovery *discovery = NULL;
	int status = cli_session_open(&running->session, cli);

	if (status == 0)
		status = find(cli, &running->session, &discovery);
	if (status == 0) {
		running->failed = cli_found_tell_left_out(discovery) != 0;
		running->good = count_good(discovery);
		status = running->good > 0 ? run(running, discovery) : nothing_found(cli, discovery);
	}
	run_feed_fini(&running->feed);
	cli_session_close(&running->session);
	run_events_fini(&running->events);
	capsule_discovery_free(discovery);
	return status;
}

int cmd_run(struct cli *cli)
{
	const struct options *options = &cli->options;
	bool feeds = options->setting_count > 0 || options->from_stdin;
	int status = check_options(options, feeds);
	struct running *running;

	if (status != 0)
		return status;
	running = calloc(1, sizeof *running); /* too large for the stack */
	if (running == NULL)
		return cli_say_memory();
	running->out = &cli->out;
	running->options = options;
	running->feeds = feeds;
	running->feed.session = &running->session;
	running->feed.options = options;
	status = find_and_run(running, cli);
	free(running);
	return status;
}
