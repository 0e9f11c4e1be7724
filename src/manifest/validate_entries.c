/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Settings that may not reach a program. */
#include "manifest/env_name.h"
#include "manifest/validate_part.h"

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
