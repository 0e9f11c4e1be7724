/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Before each start: is there a command, is it granted, are its settings there, and is the program the one that the
 * manifest means? The last question reads files, on the pool, from copies: the server may be gone when it is answered. */
#include "engine/mcp/server_internal.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/gate.h"
#include "loop/pool.h"

struct server_check {
	struct pool_job job;
	struct mcp_server *server; /* NULL: abandoned */
	char *command, *dir, *hash, *approved;
	char **integrity;
	size_t integrity_count;
	struct program program; /* found before, or now */
	struct program_image image;
	bool opened;
	struct server_setup setup;
	enum capsule_status status;
	struct capsule_error failure;
};

static void check_free(struct server_check *check)
{
	for (size_t i = 0; i < check->integrity_count; i++)
		free(check->integrity[i]);
	free(check->integrity);
	free(check->command);
	free(check->dir);
	free(check->hash);
	free(check->approved);
	program_fini(&check->program);
	if (check->opened)
		program_image_fini(&check->image);
	server_setup_fini(&check->setup);
	free(check);
}

DEFINE_DROP(check_drop, struct server_check *, check_free)

static enum capsule_status check_grant(const struct mcp_server *server, struct capsule_error *err)
{
	const struct manifest_mcp_server *declared = server->options.declared;
	const struct gate *gate = server->env->gate != NULL ? server->env->gate : gate_deny_all();
	struct gate_question question = { .operation = GATE_PROCESS };
	struct gate_decision decision;

	if (declared->command == NULL || declared->command[0] == '\0')
		return error_set(err, CAPSULE_EMANIFEST,
			"MCP server requires a 'command' field; add command = \"...\" to the [[mcp_server]] `%s`",
			declared->id);
	question.operand = span_text(declared->command);
	gate_ask(gate, &question, &decision);
	if (decision.allowed)
		return CAPSULE_OK;
	if (decision.reason == GATE_NOT_DECLARED || decision.reason == GATE_BY_ALL)
		return error_set(err, CAPSULE_EDENIED,
			"Security Check Failed: host_process capability for '%s' was not declared in the manifest. Add "
			"\"%s\" to host_process in [capabilities]",
			declared->command, declared->command);
	if (decision.reason == GATE_ARGUMENTS)
		return error_set(err, CAPSULE_EDENIED,
			"Security Check Failed: the command '%s' has blanks; arguments belong in args: write the program "
			"alone into command and host_process",
			declared->command);
	(void)gate_refuse(err, gate, server->env->capsule_id, &question, &decision);
	return error_in(err, "Security Check Failed");
}

/* ---- On the pool ---- */

static enum capsule_status find(struct server_check *check)
{
	HOLD(free_drop) const char **writable = calloc(check->setup.plan.count + 1, sizeof *writable);
	struct program_places places = { .capsule_dir = check->dir, .writable = writable };

	if (check->program.path != NULL)
		return CAPSULE_OK;
	if (writable == NULL)
		return error_set(&check->failure, CAPSULE_ENOMEM, "no memory to look for %s", check->command);
	for (size_t i = 0; i < check->setup.plan.count; i++)
		if (check->setup.plan.mounts[i].access == SANDBOX_WRITE)
			writable[places.writable_count++] = check->setup.plan.mounts[i].path;
	return program_find(&check->program, check->command, &places, &check->failure);
}

static void find_and_verify(struct pool_job *job)
{
	struct server_check *check = LIST_ENTRY(job, struct server_check, job);
	const char *const *lines = (const char *const *)check->integrity;
	enum capsule_status status = find(check);

	if (status == CAPSULE_OK)
		status = program_open(&check->image, &check->program, check->hash, &check->failure);
	check->opened = status == CAPSULE_OK;
	if (check->opened && check->integrity_count > 0)
		status = digest_check_list(check->dir, lines, check->integrity_count, &check->failure);
	if (status == CAPSULE_OK && check->approved != NULL)
		status = digest_check_approved(check->dir, check->approved, &check->failure);
	check->status = status;
}

static void verified(struct pool_job *job)
{
	HOLD(check_drop) struct server_check *check = LIST_ENTRY(job, struct server_check, job);
	struct mcp_server *server = check->server;

	if (server == NULL)
		return;
	server->check = NULL;
	if (server->program.path == NULL) {
		server->program = check->program;
		check->program = (struct program){ 0 };
	}
	if (check->status != CAPSULE_OK) {
		(void)error_in(&check->failure, "Unsupported entry point");
		server_checked(server, NULL, NULL, &check->failure);
		return;
	}
	memcpy(server->digest, check->image.digest, sizeof check->image.digest);
	server_checked(server, &check->setup, &check->image, NULL);
}

/* ---- Off to it ---- */

static char *copy(const char *text, bool *ok)
{
	char *result = text == NULL ? NULL : text_copy(span_text(text));

	*ok &= text == NULL || result != NULL;
	return result;
}

static bool fill(struct server_check *check, const struct mcp_server *server)
{
	const struct manifest_mcp_server *declared = server->options.declared;
	const struct program *found = &server->program;
	bool ok = true;

	check->program.command = copy(found->command, &ok);
	check->program.path = copy(found->path, &ok);
	check->program.bundled = found->bundled;
	check->command = copy(declared->command, &ok);
	check->dir = copy(server->env->dir, &ok);
	check->hash = copy(declared->hash, &ok);
	check->approved = copy(server->env->approved, &ok);
	check->integrity = calloc(declared->integrity.count + 1, sizeof *check->integrity);
	ok = ok && check->integrity != NULL;
	for (size_t i = 0; ok && i < declared->integrity.count; i++)
		check->integrity[check->integrity_count++] = copy(declared->integrity.items[i], &ok);
	return ok;
}

enum capsule_status server_check_start(struct mcp_server *server, struct capsule_error *err)
{
	HOLD(check_drop) struct server_check *check = calloc(1, sizeof *check);
	enum capsule_status status;

	if (check == NULL || !fill(check, server))
		return error_set(err, CAPSULE_ENOMEM, "no memory to start MCP server %s", server->name);
	if (check_grant(server, err) != CAPSULE_OK)
		return error_in(err, "Unsupported entry point");
	status = server_setup_make(&check->setup, server, err);
	if (status != CAPSULE_OK)
		return status;
	check->job.work = find_and_verify;
	check->job.after = verified;
	status = pool_submit(server->loop, &check->job, err);
	if (status != CAPSULE_OK)
		return status;
	check->server = server;
	server->check = GIVE(check);
	return CAPSULE_OK;
}

void server_check_abandon(struct mcp_server *server)
{
	if (server->check == NULL)
		return;
	server->check->server = NULL;
	server->check = NULL;
}
