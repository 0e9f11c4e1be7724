/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The sandbox of a server and its environment: what every child has, and above it the values of [env]. */
#include "engine/mcp/server_internal.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/text.h"
#include "engine/config.h"
#include "gate/gate.h"
#include <stdio.h>

/* A host that nobody has: only `*` allows it, and no gate of an embedder that takes some hosts away. */
#define ANY_HOST "network.invalid"

static bool may_reach_everything(const struct engine_env *env)
{
	const struct string_list *net = &env->manifest->capabilities.net;
	struct gate_decision decision;
	bool declared = false;

	for (size_t i = 0; i < net->count; i++)
		declared |= strcmp(net->items[i], "*") == 0;
	return declared && env->gate != NULL && gate_allows(env->gate, GATE_HTTP, span_text(ANY_HOST), &decision);
}

static enum capsule_status fill_plan(
	struct sandbox_plan *plan, const struct mcp_server *server, struct capsule_error *err)
{
	const struct mcp_services *services = server->options.services;
	enum capsule_status status = services->sandbox(services->user, plan, err);

	if (status != CAPSULE_OK)
		return status;
	plan->network = server->options.declared->network && may_reach_everything(server->env);
	if (services->unsandboxed == NULL)
		return sandbox_available(err);
	/* There is no private home then; the folder for its state is the one that is its own. */
	if (plan->home == NULL && plan->cwd != NULL && (plan->home = text_copy(span_text(plan->cwd))) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the sandbox of a server");
	return CAPSULE_OK;
}

/* An owned copy. */
static bool add_entry(struct server_setup *setup, struct span name, const char *value)
{
	char **entry = &setup->env[setup->env_count];

	if (value == NULL)
		*entry = text_copy(name);
	else if (asprintf(entry, "%.*s=%s", (int)name.len, (const char *)name.data, value) < 0)
		*entry = NULL;
	setup->env_count += *entry != NULL;
	return *entry != NULL;
}

static struct span name_of(const char *entry)
{
	return span_of(entry, strcspn(entry, "="));
}

static enum capsule_status join_env(struct server_setup *setup, const struct map *config, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer room = { 0 };
	char *usual[SANDBOX_ENV_MAX];
	size_t count = sandbox_environment(&setup->plan, usual, &room), cursor = 0, most = count;
	struct span name;
	void *value;
	bool ok;

	while (map_next(config, &cursor, &name, &value))
		most++;
	setup->env = calloc(most + 1, sizeof *setup->env);
	ok = setup->env != NULL && !room.failed;
	for (size_t i = 0; ok && i < count; i++)
		if (map_get(config, name_of(usual[i])) == NULL)
			ok = add_entry(setup, span_text(usual[i]), NULL);
	cursor = 0;
	while (ok && map_next(config, &cursor, &name, &value))
		ok = add_entry(setup, name, value);
	return ok ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for the environment of a server");
}

enum capsule_status server_setup_make(
	struct server_setup *out, const struct mcp_server *server, struct capsule_error *err)
{
	struct engine_env env = *server->env;
	struct map config = { 0 };
	enum capsule_status status;

	*out = (struct server_setup){ 0 };
	env.socket_path = NULL; /* the runtime's socket is nothing for its children */
	env.config = NULL;
	status = engine_config_fill(&config, &env, err);
	if (status == CAPSULE_OK)
		status = fill_plan(&out->plan, server, err);
	if (status == CAPSULE_OK)
		status = join_env(out, &config, err);
	engine_config_fini(&config);
	return status;
}

void server_setup_fini(struct server_setup *setup)
{
	for (size_t i = 0; i < setup->env_count; i++)
		free(setup->env[i]);
	free(setup->env);
	sandbox_plan_fini(&setup->plan);
	*setup = (struct server_setup){ 0 };
}

enum capsule_status server_setup_apply(struct server_setup *setup, const struct mcp_server *server, const char *program,
	struct process_spec *spec, struct capsule_error *err)
{
	bool sandboxed = server->options.services->unsandboxed == NULL;

	spec->launcher = server->options.services->launcher;
	spec->env = (const char *const *)setup->env;
	spec->cwd = setup->plan.cwd;
	spec->limits = setup->plan.limits;
	spec->sandbox = sandboxed ? &setup->plan : NULL;
	if (!sandboxed)
		return CAPSULE_OK;
	return sandbox_plan_show_program(&setup->plan, program, server->env->dir, err);
}
