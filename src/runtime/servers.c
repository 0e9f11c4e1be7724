/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Engines for the servers of a capsule, and which of them is meant. */
#include "runtime/servers.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/internal.h"
#include "runtime/programs.h"

#include <stdio.h>

/* Of a name in the store that no capsule can have: a dot is in no id, and in no hash. */
#define PINS_PREFIX "mcp-pins."

/* ---- What they are lent ---- */

/* mcp_services.sandbox */
static enum capsule_status lend_sandbox(void *user, struct sandbox_plan *plan, struct capsule_error *err)
{
	const struct servers *servers = user;

	return programs_server_plan(servers->capsule->services.programs, plan, err);
}

/* mcp_services.pins: a part of the store that the guest's functions have no name for. */
static enum capsule_status lend_pins(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct servers *servers = user;
	const struct capsule *capsule = servers->capsule;
	uint8_t hash[BLAKE3_SIZE];
	char name[sizeof PINS_PREFIX + BLAKE3_HEX];
	struct kv_store *store = NULL;
	enum capsule_status status = CAPSULE_OK;

	if (servers->pins == NULL) {
		status = home_store(&capsule->runtime->home, &store, err);
		blake3_bytes(span_text(capsule->services.state_name), hash);
		memcpy(name, PINS_PREFIX, sizeof PINS_PREFIX - 1);
		blake3_hex(hash, name + sizeof PINS_PREFIX - 1);
		if (status == CAPSULE_OK)
			status = kv_scope_new(&servers->pins, store, capsule->runtime->principal, name, err);
	}
	*scope = servers->pins;
	return status;
}

/* mcp_services.roots */
static bool lend_roots(void *user, struct buffer *out)
{
	const struct servers *servers = user;

	return buffer_append_span(out, buffer_span(&servers->roots));
}

/* mcp_services.trace */
static void trace(void *user, const char *server, bool outgoing, struct span line)
{
	struct servers *servers = user;
	struct capsule_runtime *runtime = servers->capsule->runtime;

	if (runtime->mcp_trace == NULL)
		return;
	runtime_enter_embedder(runtime);
	runtime->mcp_trace(
		runtime->mcp_trace_user, server, outgoing, line.len > 0 ? (const char *)line.data : "", line.len);
	runtime_leave_embedder(runtime);
}

static void append_uri(struct buffer *out, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

	(void)buffer_append_text(out, "file://");
	for (const char *at = path; *at != '\0'; at++)
		(void)(strchr(plain, *at) != NULL ? buffer_append_byte(out, (uint8_t)*at)
						  : buffer_printf(out, "%%%02X", (unsigned)(uint8_t)*at));
}

/* What of the workspace the capsule's servers see: that is where they are told to work. */
static enum capsule_status find_roots(struct servers *servers, struct capsule_error *err)
{
	const struct services *services = &servers->capsule->services;
	struct sandbox_plan plan = { 0 };
	struct buffer *out = &servers->roots;
	enum capsule_status status = CAPSULE_OK;

	if (services->workspace_path != NULL)
		status = programs_server_plan(services->programs, &plan, err);
	for (size_t i = 0; status == CAPSULE_OK && i < plan.count; i++) {
		const char *path = plan.mounts[i].path, *slash = strrchr(path, '/');
		HOLD(buffer_fini) struct buffer uri = { 0 };

		if (strcmp(plan.mounts[i].why, "workspace") != 0)
			continue;
		append_uri(&uri, path);
		(void)(buffer_append_text(out, out->len == 0 ? "[{\"uri\":" : ",{\"uri\":") &&
			json_append_lossy(out, buffer_span(&uri)) && buffer_append_text(out, ",\"name\":") &&
			json_append_lossy(out, span_text(slash != NULL && slash[1] != '\0' ? slash + 1 : path)) &&
			buffer_append_byte(out, '}'));
	}
	sandbox_plan_fini(&plan);
	if (out->len > 0)
		(void)buffer_append_byte(out, ']');
	/* A capsule without a place for its state fails when its server is started, with the reason. */
	if (status != CAPSULE_OK && status != CAPSULE_ENOMEM)
		return CAPSULE_OK;
	return status == CAPSULE_OK ? buffer_check(out, err) : status;
}

static enum capsule_status lend(struct servers *servers, struct capsule_error *err)
{
	struct capsule *capsule = servers->capsule;
	const struct capsule_runtime *runtime = capsule->runtime;
	enum capsule_status status = find_roots(servers, err);

	servers->limits = runtime->mcp_limits;
	servers->lent = (struct mcp_services){ .user = servers,
		.sandbox = lend_sandbox,
		.workspace = capsule->services.workspace_path,
		.unsandboxed = capsule->unsandboxed ? "its caller wants it so"
						    : servers_unsandboxed(runtime, capsule->id),
		.pins = lend_pins,
		.ask = runtime->prompt != NULL ? questions_ask : NULL,
		.record = servers_record,
		.tell = servers_tell,
		.roots = servers->roots.len > 0 ? lend_roots : NULL,
		.trace = trace };
	if (status != CAPSULE_OK)
		return status;
	return programs_launcher(capsule->services.programs, &servers->lent.launcher, err);
}

/* ---- Engines ---- */

static bool is_stdio(const struct manifest_mcp_server *server)
{
	return server->type != NULL && strcmp(server->type, "stdio") == 0;
}

static void warn_of_type(const struct capsule *capsule, const struct manifest_mcp_server *server)
{
	char text[512];

	(void)snprintf(text, sizeof text,
		"the MCP server `%.128s` is not started: %s%.128s%s; the types are: stdio. Write type = \"stdio\"",
		server->id, server->type == NULL ? "it has no type" : "its type is `",
		server->type == NULL ? "" : server->type, server->type == NULL ? "" : "`");
	log_write(&capsule->runtime->log, CAPSULE_LOG_WARN, capsule->id, span_text(text));
}

static enum capsule_status add_one(struct servers *servers, const struct engine_env *env,
	const struct manifest_mcp_server *server, struct capsule_error *err)
{
	struct engine *engine = NULL;
	enum capsule_status status = mcp_engine_new(&engine, env, server, &servers->lent, &servers->limits, err);

	if (status == CAPSULE_OK)
		status = composite_add(servers->capsule->composite, engine, err);
	if (status == CAPSULE_OK)
		servers->engines[servers->count++] = engine;
	return status;
}

enum capsule_status servers_add(struct capsule *capsule, const struct engine_env *env, struct capsule_error *err)
{
	const struct manifest *manifest = capsule->manifest;
	size_t count = manifest->mcp_servers.count;
	struct servers *servers;
	enum capsule_status status = CAPSULE_OK;

	if (count == 0)
		return CAPSULE_OK;
	servers = calloc(1, sizeof *servers);
	if (servers == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for MCP servers");
	capsule->servers = servers;
	servers->capsule = capsule;
	servers->engines = calloc(count, sizeof(struct engine *));
	if (servers->engines == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for MCP servers");
	for (size_t i = 0; status == CAPSULE_OK && i < count; i++) {
		const struct manifest_mcp_server *server = &manifest->mcp_servers.items[i];

		if (!is_stdio(server)) {
			warn_of_type(capsule, server);
			continue;
		}
		if (servers->count == 0)
			status = lend(servers, err);
		if (status == CAPSULE_OK)
			status = add_one(servers, env, server, err);
	}
	return status;
}

void servers_free(struct servers *servers)
{
	if (servers == NULL)
		return;
	kv_scope_free(servers->pins);
	buffer_fini(&servers->roots);
	buffer_fini(&servers->json);
	free(servers->engines);
	free(servers);
}

/* ---- Which one ---- */

/* Names are "capsule:<id>:<server>". */
static const char *id_of(const struct engine *engine)
{
	return strrchr(mcp_engine_server(engine), ':') + 1;
}

static enum capsule_status not_found(const struct capsule *capsule, const char *server, struct capsule_error *err)
{
	const struct servers *servers = capsule->servers;
	size_t count = servers != NULL ? servers->count : 0;
	HOLD(free_drop) const char **names = calloc(count + 1, sizeof *names);
	HOLD(buffer_fini) struct buffer list = { 0 };
	const char *near = NULL;

	if (count == 0)
		return error_set(err, CAPSULE_ENOTFOUND, "capsule '%s' has no MCP servers", capsule->id);
	for (size_t i = 0; names != NULL && i < count; i++) {
		names[i] = id_of(servers->engines[i]);
		(void)buffer_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	if (server == NULL)
		return error_set(err, CAPSULE_EINVAL, "capsule '%s' has %zu MCP servers, name one of them: %.512s",
			capsule->id, count, buffer_text(&list) != NULL ? buffer_text(&list) : "");
	if (names != NULL)
		near = text_nearest(server, names, count);
	return error_set(err, CAPSULE_ENOTFOUND, "capsule '%s' has no MCP server `%.128s`%s%s%s", capsule->id, server,
		near != NULL ? "; did you mean `" : "", near != NULL ? near : "", near != NULL ? "`?" : "");
}

enum capsule_status servers_find(
	const struct capsule *capsule, const char *server, struct engine **engine, struct capsule_error *err)
{
	const struct servers *servers = capsule->servers;

	if (servers == NULL || servers->count == 0 || (server == NULL && servers->count > 1))
		return not_found(capsule, server, err);
	for (size_t i = 0; i < servers->count; i++) {
		*engine = servers->engines[i];
		if (server == NULL || strcmp(server, id_of(*engine)) == 0 ||
			strcmp(server, mcp_engine_server(*engine)) == 0)
			return CAPSULE_OK;
	}
	return not_found(capsule, server, err);
}

const char *servers_of_tool(const struct capsule *capsule, const char *tool)
{
	const struct servers *servers = capsule->servers;

	if (servers == NULL || manifest_tool_find(capsule->manifest, tool) != NULL)
		return NULL;
	for (size_t i = 0; i < servers->count; i++)
		if (servers->engines[i]->ops->offers != NULL &&
			servers->engines[i]->ops->offers(servers->engines[i], tool))
			return mcp_engine_server(servers->engines[i]);
	return NULL;
}
