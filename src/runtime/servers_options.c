/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options of a runtime that concern programs. */
#include "runtime/servers.h"

#include "base/text.h"
#include "runtime/internal.h"

#include <stdlib.h>

#define UNSANDBOXED_MAX 4096

static enum capsule_status copy_unsandboxed(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	size_t count = options->unsandboxed_count;

	if (count == 0)
		return CAPSULE_OK;
	if (options->unsandboxed == NULL || count > UNSANDBOXED_MAX)
		return error_set(err, CAPSULE_EINVAL, "unsandboxed_count is %zu, %s", count,
			options->unsandboxed == NULL ? "but unsandboxed is NULL" : "4096 is the most");
	runtime->unsandboxed = calloc(count, sizeof(char *));
	if (runtime->unsandboxed == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
	for (size_t i = 0; i < count; i++) {
		const char *id = options->unsandboxed[i];

		if (id == NULL || (strcmp(id, "*") != 0 && !manifest_id_valid(id)))
			return error_set(err, CAPSULE_EINVAL,
				"unsandboxed[%zu] is `%.128s`, expected the id of a capsule, or *", i,
				id == NULL ? "" : id);
		runtime->unsandboxed[i] = text_copy(span_text(id));
		if (runtime->unsandboxed[i] == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
		runtime->unsandboxed_count++;
	}
	return CAPSULE_OK;
}

enum capsule_status servers_configure(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	runtime->prompt = options->prompt;
	runtime->prompt_user = options->prompt_user;
	runtime->mcp_limits = (struct mcp_engine_limits){ .handshake_ms = options->mcp_handshake_ms,
		.call_ms = options->mcp_call_ms,
		.ping_ms = options->mcp_ping_ms,
		.close_ms = options->mcp_stop_ms,
		.term_ms = options->mcp_stop_ms,
		.restart = { .first_ms = options->restart_ms, .attempts = options->restart_attempts } };
	return copy_unsandboxed(runtime, options, err);
}

void servers_forget(struct capsule_runtime *runtime)
{
	for (size_t i = 0; i < runtime->unsandboxed_count; i++)
		free(runtime->unsandboxed[i]);
	free(runtime->unsandboxed);
}

const char *servers_unsandboxed(const struct capsule_runtime *runtime, const char *id)
{
	for (size_t i = 0; i < runtime->unsandboxed_count; i++) {
		if (strcmp(runtime->unsandboxed[i], "*") == 0)
			return "the runtime was told so, for all capsules";
		if (strcmp(runtime->unsandboxed[i], id) == 0)
			return "the runtime was told so, for this capsule";
	}
	return NULL;
}
