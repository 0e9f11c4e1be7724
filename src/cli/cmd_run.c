/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule run: find capsules, load them in order, tell their states, keep them running until a signal comes. */
#include "cli/command.h"
#include "cli/found.h"
#include "cli/json.h"
#include "cli/session.h"
#include <capsule/boot.h>
#include <stdlib.h>
#include <string.h>

struct running {
	struct session session;
	const struct output *out;
	bool json;
	bool failed;        /* one of them did, or a folder can't be read */
	bool unheard;       /* standard output takes no more: whoever started this is gone */
	size_t good, ready; /* how many there are to load, and how many were */
};

static void print_json(const struct capsule_state_change *change)
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
		(void)puts(text);
	free(text);
}

static void print_text(const struct output *out, const struct capsule_state_change *change)
{
	bool ready = strcmp(change->state, "ready") == 0, failed = change->reason != NULL;

	cli_print_styled(stdout, out->colour, ready ? STYLE_GOOD : failed ? STYLE_BAD : STYLE_FAINT, change->state);
	(void)printf(ready ? "  %s" : " %s", change->id);
	if (ready)
		(void)printf(" %s (tools %zu)", change->version, change->tools);
	if (failed) {
		(void)fputs(": ", stdout);
		cli_print_clean(stdout, change->reason, strlen(change->reason), CLEAN_LINE);
	}
	(void)fputc('\n', stdout);
}

/* capsule_state_fn. What lies between is not worth a line. */
static void tell_state(void *user, const struct capsule_state_change *change)
{
	struct running *running = user;

	if (strcmp(change->state, "loading") == 0 || strcmp(change->state, "unloading") == 0)
		return;
	running->failed = running->failed || change->reason != NULL;
	running->ready += strcmp(change->state, "ready") == 0;
	cli_progress_erase(&running->session.progress);
	if (running->json)
		print_json(change);
	else
		print_text(running->out, change);
	/* Whoever reads on wants to know now. */
	running->unheard = fflush(stdout) != 0 || ferror(stdout) != 0 || running->unheard;
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
		(void)cli_session_step(session, session->interrupted_by == 0 && !ending ? op : NULL);
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

static int run(struct running *running, struct capsule_discovery *discovery)
{
	struct session *session = &running->session;
	struct capsule_op *op = NULL;

	capsule_watch_states(session->runtime, tell_state, running);
	if (capsule_boot(session->runtime, discovery, NULL, NULL, &op, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	/* The signal may come right behind the last one's line, before the boot itself is complete. */
	if (wait_for(running, op, "loading") != CAPSULE_OK && running->ready < running->good)
		running->failed = true;
	while (!must_end(running))
		(void)cli_session_step(session, NULL);
	if (capsule_shutdown(session->runtime, NULL, NULL, &op, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	if (wait_for(running, op, "unloading") != CAPSULE_OK)
		running->failed = true;
	return running->failed ? 1 : 0;
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

int cmd_run(struct cli *cli)
{
	struct running running = { .out = &cli->out, .json = cli->options.json };
	struct capsule_discovery *discovery = NULL;
	int status = cli_session_open(&running.session, cli);

	if (status == 0)
		status = find(cli, &running.session, &discovery);
	if (status == 0) {
		running.failed = cli_found_tell_left_out(discovery) != 0;
		running.good = count_good(discovery);
		status = running.good > 0 ? run(&running, discovery) : nothing_found(cli, discovery);
	}
	cli_session_close(&running.session);
	capsule_discovery_free(discovery);
	return status;
}
