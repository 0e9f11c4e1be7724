/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Settings that may not reach a program, MCP servers that would not be started. */
#include "base/text.h"
#include "manifest/env_name.h"
#include "manifest/validate_part.h"

#include <stdio.h>

#define SOCKET_KEY "ASTRID_SOCKET_PATH"

static bool starts_programs(const struct manifest *manifest)
{
	return manifest->mcp_servers.count > 0 || manifest_component_grants(manifest, "host_process");
}

static void check_env_name(const struct manifest_env *env, bool programs, struct diagnostics *found)
{
	if (strcmp(env->key, SOCKET_KEY) == 0)
		diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(env->place), "remove it",
			"the setting `" SOCKET_KEY "` belongs to the runtime; the value here is ignored");
	else if (env_name_blocked(span_text(env->key)))
		diagnostics_add(found, programs ? SEVERITY_ERROR : SEVERITY_WARNING, PLACE_ARGS(env->place),
			"call it something else, as `MY_SETTING`",
			"the setting `%" VALIDATE_SHOWN "` has the name of a variable that decides %s%s", env->key,
			"what programs run and trust, so no program may get it",
			programs ? "" : "; only the guest can read it");
}

static void check_env_values(const struct manifest_env *env, struct diagnostics *found)
{
	if (env->type != NULL && strcmp(env->type, "secret") == 0 && env->enum_values.count > 0)
		diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(env->enum_values.places[0]),
			"remove `enum_values`, or give it another `type`",
			"`enum_values` of [env.%" VALIDATE_SHOWN "] is ignored: a secret is not chosen from a list",
			env->key);
}

void validate_env(const struct manifest *manifest, struct diagnostics *found)
{
	bool programs = manifest->env.count > 0 && starts_programs(manifest);

	for (size_t i = 0; i < manifest->env.count; i++) {
		if (manifest->env.items[i].key == NULL)
			continue;
		check_env_name(&manifest->env.items[i], programs, found);
		check_env_values(&manifest->env.items[i], found);
	}
}

/* Ways to talk to a server that exist. */
static const char *const server_types[] = { "stdio" };

static void check_server_type(const struct manifest_mcp_server *server, struct diagnostics *found)
{
	const char *near;
	char fix[VALIDATE_FIX_MAX];

	if (server->type == NULL) {
		if (server->type_place.line == 0)
			diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->place), "add `type = \"stdio\"`",
				"the MCP server `%" VALIDATE_SHOWN "` has no `type` and is not started; types: `stdio`",
				server->id);
		return;
	}
	if (strcmp(server->type, server_types[0]) == 0)
		return;
	near = text_nearest(server->type, server_types, 1);
	(void)snprintf(fix, sizeof(fix), "did you mean `%s`?", near != NULL ? near : "");
	diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->type_place),
		near != NULL ? fix : "write `stdio` if it speaks over its standard input and output",
		"the MCP server `%" VALIDATE_SHOWN "` has the unknown type `%" VALIDATE_SHOWN
		"` and is not started; types: `stdio`",
		server->id, server->type);
}

void validate_servers(const struct manifest *manifest, struct diagnostics *found)
{
	for (size_t i = 0; i < manifest->mcp_servers.count; i++) {
		const struct manifest_mcp_server *server = &manifest->mcp_servers.items[i];

		if (server->id == NULL)
			continue;
		check_server_type(server, found);
		if (server->type != NULL && strcmp(server->type, server_types[0]) == 0 && server->command == NULL &&
			server->command_place.line == 0)
			diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->place),
				"add `command`: the program to start",
				"the MCP server `%" VALIDATE_SHOWN "` has no `command` and can't be started",
				server->id);
	}
}
