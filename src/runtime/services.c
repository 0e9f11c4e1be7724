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
				bare ? "module" : services->id, err);
	}
	*scope = services->kv;
	return status;
}

/* Uplinks and sessions. */

/* host_services.uplink. The gate lets only those through that the manifest declares, each of which is in the registry from the load
 * on; here is which of them the guest has taken up. */
static enum capsule_status lend_uplink(void *user, struct span name, struct span platform, enum uplink_profile profile,
	struct uuid *id, struct capsule_error *err)
{
	struct services *services = user;
	struct service_uplink *uplink;
	enum capsule_status status;

	(void)profile; /* nothing is delivered to uplinks yet */
	for (size_t i = 0; i < services->uplink_count; i++)
		if (span_is(name, services->uplinks[i].name) && span_is(platform, services->uplinks[i].platform))
			return error_set(err, CAPSULE_EINVAL,
				"duplicate uplink: `%.*s` on `%.*s` is registered already", SPAN_ARG(name),
				SPAN_ARG(platform));
	if (services->uplink_count == LIMIT_UPLINKS)
		return error_set(err, CAPSULE_ELIMIT, "uplink registration limit reached: a capsule has at most %d",
			LIMIT_UPLINKS);
	status = uuid_make(id, err);
	if (status != CAPSULE_OK)
		return status;
	if (services->uplinks == NULL)
		services->uplinks = calloc(LIMIT_UPLINKS, sizeof *services->uplinks);
	if (services->uplinks == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an uplink");
	uplink = &services->uplinks[services->uplink_count];
	*uplink = (struct service_uplink){ .id = *id, .name = text_copy(name), .platform = text_copy(platform) };
	if (uplink->name == NULL || uplink->platform == NULL) {
		free(uplink->name);
		free(uplink->platform);
		return error_set(err, CAPSULE_ENOMEM, "no memory for an uplink");
	}
	services->uplink_count++;
	return CAPSULE_OK;
}

/* host_services.session */
static enum capsule_status take_session(void *user, const struct uuid *session, struct capsule_error *err)
{
	struct services *services = user;

	services->session = *session;
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
	services->manifest = manifest;
	list_init(&services->commits);
	if (manifest == NULL)
		return CAPSULE_OK;
	status = services_find_files(services, err);
	return status == CAPSULE_OK ? services_make_gate(services, err) : status;
}

void services_close(struct services *services)
{
	if (services->runtime == NULL)
		return;
	services_end_commits(services);
	services_close_files(services);
	for (size_t i = 0; i < services->uplink_count; i++) {
		free(services->uplinks[i].name);
		free(services->uplinks[i].platform);
	}
	free(services->uplinks);
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
}
