/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the runtime lends to one capsule. */
#include "runtime/internal.h"

#include "base/text.h"

#include <stdlib.h>

/* host_services.kv */
static enum capsule_status lend_kv(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct services *services = user;
	struct capsule_runtime *runtime = services->runtime;
	bool bare = services->manifest == NULL;
	enum capsule_status status = CAPSULE_OK;

	if (services->kv == NULL) {
		struct kv_store *store = NULL;

		if (!bare)
			status = home_store(&runtime->home, &store, err);
		else if (services->own_store == NULL)
			status = kv_open_memory(&services->own_store, runtime->loop, err);
		/* A file's name may be longer than a capsule's id; nobody else is in the store of a bare module. */
		if (status == CAPSULE_OK)
			status = kv_scope_new(&services->kv, bare ? services->own_store : store, runtime->principal,
				bare ? "module" : services->state_name, err);
	}
	*scope = services->kv;
	return status;
}

/* Uplinks and sessions. */

/* host_services.uplink. The gate lets only those through that the manifest declares. */
static enum capsule_status lend_uplink(void *user, struct span name, struct span platform, enum uplink_profile profile,
	struct uuid *id, struct capsule_error *err)
{
	struct services *services = user;

	return registry_add_uplink(&services->runtime->registry, services->id, name, platform, profile,
		runtime_now_ms(services->runtime), id, err);
}

/* host_services.session */
static enum capsule_status take_session(void *user, const struct uuid *session, struct capsule_error *err)
{
	struct services *services = user;

	services->session = *session;
	services_let_start(services);
	if (LIST_ENTRY(services, struct capsule, services)->member != NULL)
		member_session(LIST_ENTRY(services, struct capsule, services)->member, session);
	if (!LIST_ENTRY(services, struct capsule, services)->registered)
		return CAPSULE_OK;
	return registry_add_session(&services->runtime->registry, session, services->id, err);
}

/* host_services.capable */
static bool lend_capable(void *user, const struct uuid *session, struct span capability)
{
	const struct services *services = user;
	char text[UUID_TEXT_LEN + 1];

	uuid_format(session, text);
	return registry_capable(&services->runtime->registry, span_text(text), capability);
}

/* Life. */

enum capsule_status services_open(struct services *services, struct capsule_runtime *runtime, const char *id,
	const struct manifest *manifest, struct capsule_error *err)
{
	enum capsule_status status;

	services->runtime = runtime;
	services->id = id;
	services->state_name = id;
	services->manifest = manifest;
	list_init(&services->commits);
	if (manifest == NULL)
		return CAPSULE_OK;
	status = services_find_files(services, err);
	if (status == CAPSULE_OK)
		status = services_make_gate(services, err);
	return status == CAPSULE_OK ? services_open_programs(services, err) : status;
}

void services_close(struct services *services)
{
	if (services->runtime == NULL)
		return;
	services_end_commits(services);
	services_close_programs(services);
	services_close_files(services);
	kv_scope_free(services->kv);
	kv_close(services->own_store);
	gate_free(services->gate);
	*services = (struct services){ 0 };
}

void services_lend(struct services *services, struct engine_env *env)
{
	bool bare = services->manifest == NULL;

	env->gate = services->gate;
	env->services = (struct host_services){ .user = services,
		.kv = lend_kv,
		.files = bare ? NULL : services_files,
		.refused = services_refused,
		.uplink = bare ? NULL : lend_uplink,
		.session = take_session,
		.capable = lend_capable };
	services_lend_programs(services, &env->services);
	events_lend(services, &env->services);
}
