/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/server_internal.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/path.h"
#include <stdio.h>

#define CAPSULE_PREFIX "./"
#define WORKSPACE_PREFIX "workspace://"

/* The words of a program, the ones that were made of others owned. */
struct words {
	const char **items; /* NULL-ended */
	char **made;
	size_t made_count;
};

static void words_drop(struct words *words)
{
	for (size_t i = 0; i < words->made_count; i++)
		free(words->made[i]);
	free(words->made);
	free(words->items);
}

/* Add `rest` below `dir`. What is not granted there is not in the sandbox, whatever the word says. */
static enum capsule_status add_path(
	struct words *words, const char **out, const char *dir, const char *rest, struct capsule_error *err)
{
	char *path = NULL;

	while (rest[0] == '/')
		rest++;
	if (asprintf(&path, "%s%s%s", dir, rest[0] != '\0' ? "/" : "", rest) < 0)
		return error_set(err, CAPSULE_ENOMEM, "no memory for its arguments");
	words->made[words->made_count++] = path;
	*out = path;
	return CAPSULE_OK;
}

/* The working folder is the one for state: what begins with "./" means the capsule's, and programs know no workspace:// . */
static enum capsule_status add_word(struct words *words, const char **out, const struct mcp_server *server,
	const char *arg, struct capsule_error *err)
{
	const char *dir = server->env->dir, *workspace = server->options.services->workspace;
	const char *rest = arg + sizeof WORKSPACE_PREFIX - 1;

	*out = arg;
	if (dir != NULL && strncmp(arg, CAPSULE_PREFIX, sizeof CAPSULE_PREFIX - 1) == 0)
		return add_path(words, out, dir, arg + sizeof CAPSULE_PREFIX - 1, err);
	if (strncmp(arg, WORKSPACE_PREFIX, sizeof WORKSPACE_PREFIX - 1) != 0)
		return CAPSULE_OK;
	if (workspace == NULL)
		return error_set(err, CAPSULE_ESTATE,
			"its argument `%.256s`: there is no workspace; name a folder that exists as the workspace",
			arg);
	if (path_has_dots(span_text(rest)))
		return error_set(err, CAPSULE_EMANIFEST,
			"its argument `%.256s` leads out of a folder by `..`: name the path that is meant", arg);
	return add_path(words, out, workspace, rest, err);
}

static enum capsule_status make_words(struct words *words, const struct mcp_server *server, struct capsule_error *err)
{
	const struct string_list *args = &server->options.declared->args;
	enum capsule_status status = CAPSULE_OK;

	words->items = calloc(args->count + 2, sizeof *words->items);
	words->made = calloc(args->count + 1, sizeof *words->made);
	if (words->items == NULL || words->made == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for its arguments");
	words->items[0] = server->program.path;
	for (size_t i = 0; status == CAPSULE_OK && i < args->count; i++)
		status = add_word(words, &words->items[i + 1], server, args->items[i], err);
	return status;
}

static void heard(void *user, struct span line)
{
	struct mcp_server *server = user;

	server_log_line(&server->log, CAPSULE_LOG_INFO, line, loop_now(server->loop));
}

static void trace(void *user, bool outgoing, struct span line)
{
	struct mcp_server *server = user;
	const struct mcp_services *services = server->options.services;

	services->trace(services->user, server->name, outgoing, line);
}

static struct mcp_client_options client_options(const struct mcp_server *server)
{
	const struct mcp_engine_limits *limits = server->options.limits;

	return (struct mcp_client_options){
		.name = "capsule",
		.title = "Capsule",
		.version = CAPSULE_VERSION,
		.features = { .roots = server->options.services->roots != NULL },
		.handshake_ms = limits->handshake_ms,
		.request_ms = limits->call_ms,
		.request_hard_ms = limits->call_hard_ms,
		.ping_ms = limits->ping_ms,
		.in_flight = limits->in_flight,
	};
}

static void warn_unsandboxed(const struct mcp_server *server)
{
	const char *reason = server->options.services->unsandboxed;
	HOLD(buffer_fini) struct buffer text = { 0 };

	if (reason != NULL &&
		buffer_printf(&text, "server %s runs without a sandbox: %s", server->options.declared->id, reason))
		log_write(server->env->log, CAPSULE_LOG_WARN, server->env->capsule_id, buffer_span(&text));
}

enum capsule_status server_spawn(struct mcp_server *server, struct server_setup *setup,
	const struct program_image *image, struct capsule_error *err)
{
	HOLD(words_drop) struct words words = { 0 };
	struct process_spec spec = { .input = -1, .image = image };
	struct mcp_stdio_options options = {
		.loop = server->loop,
		.spec = &spec,
		.client = client_options(server),
		.close_ms = server->options.limits->close_ms,
		.term_ms = server->options.limits->term_ms,
		.event = server_event,
		.lost = server_lost,
		.heard = heard,
		.trace = server->options.services->trace != NULL ? trace : NULL,
		.user = server,
	};
	enum capsule_status status = make_words(&words, server, err);

	spec.argv = words.items;
	if (status == CAPSULE_OK)
		status = server_setup_apply(setup, server, server->program.path, &spec, err);
	if (status == CAPSULE_OK)
		status = mcp_stdio_start(&server->stdio, &options, err);
	if (status != CAPSULE_OK)
		return status;
	warn_unsandboxed(server);
	return CAPSULE_OK;
}
