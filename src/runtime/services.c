/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the runtime lends to one capsule. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/overlay.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#define OPEN_FOLDERS_MAX 16 /* descriptors while a temporary folder is removed */

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

/* Files. */

static enum capsule_status make_temporary(struct services *services, struct capsule_error *err)
{
	const char *folder = getenv("TMPDIR");
	char *path = NULL;

	if (folder == NULL || folder[0] != '/')
		folder = "/tmp";
	if (asprintf(&path, "%s/capsule-overlay-XXXXXX", folder) < 0)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the path of an overlay");
	if (mkdtemp(path) == NULL) {
		enum capsule_status status = error_os(err, errno, "a folder for the overlay in %.512s", folder);

		free(path);
		return status;
	}
	services->temporary = path;
	return CAPSULE_OK;
}

/* In the home, or in a folder of its own that goes away with the capsule when the home is not to be touched. */
static enum capsule_status overlay_folder(struct services *services, char **out, struct capsule_error *err)
{
	const struct home *home = &services->runtime->home;

	if (home->memory) {
		if (services->temporary == NULL && make_temporary(services, err) != CAPSULE_OK)
			return err != NULL ? err->status : CAPSULE_EIO;
		*out = text_copy(span_text(services->temporary));
	} else if (home->path == NULL) {
		return error_set(err, CAPSULE_ESTORE,
			"no home to keep the overlay of the workspace in: set ASTRID_HOME to an absolute path, or let the "
			"capsule write at once");
	} else {
		*out = overlay_place(home->path, services->workspace_path, services->id);
	}
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for the path of an overlay");
}

static enum capsule_status open_workspace(struct services *services, struct capsule_error *err)
{
	const struct capsule_runtime *runtime = services->runtime;
	const struct vfs_limits limits = { .bytes = runtime->overlay_bytes };
	HOLD(free_drop) char *folder = NULL;
	enum capsule_status status;

	if (services->workspace_path == NULL)
		return error_set(err, CAPSULE_ENOTFOUND,
			"there is no workspace: the folder %.512s did not exist when the capsule was loaded; make it, or "
			"name another one as the workspace",
			runtime->workspace != NULL ? runtime->workspace : "the process started in");
	if (services->overlay == CAPSULE_OVERLAY_OFF)
		return vfs_open_direct(&services->workspace, runtime->loop, services->workspace_path, true, err);
	status = overlay_folder(services, &folder, err);
	return status == CAPSULE_OK
		? vfs_open_overlay(&services->workspace, runtime->loop, services->workspace_path, folder, &limits, err)
		: status;
}

static enum capsule_status open_global(struct services *services, struct capsule_error *err)
{
	const char *home = services->runtime->home.path;

	if (services->global_path == NULL)
		return error_set(err, CAPSULE_ENOTFOUND,
			"global:// is not available: the folder %.512s/shared did not exist when the capsule was loaded",
			home != NULL ? home : "(there is no home)");
	return vfs_open_direct(&services->global, services->runtime->loop, services->global_path, false, err);
}

/* host_services.files */
static enum capsule_status lend_files(void *user, enum host_tree tree, struct vfs **vfs, struct capsule_error *err)
{
	struct services *services = user;
	struct vfs **place = tree == HOST_GLOBAL ? &services->global : &services->workspace;
	enum capsule_status status = CAPSULE_OK;

	if (*place == NULL)
		status = tree == HOST_GLOBAL ? open_global(services, err) : open_workspace(services, err);
	*vfs = *place;
	return status;
}

/* Uplinks and sessions. */

/* host_services.uplink */
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

	(void)err;
	services->session = *session;
	return CAPSULE_OK;
}

/* host_services.capable */
static bool lend_capable(void *user, const struct uuid *session, struct span capability)
{
	static const struct uuid none;
	const struct services *asking = user;

	if (!span_is(capability, "allow_prompt_injection") || memcmp(session, &none, sizeof none) == 0)
		return false;
	LIST_EACH (node, &asking->runtime->capsules) {
		const struct services *services = &LIST_ENTRY(node, struct capsule, link)->services;

		if (services->manifest != NULL && memcmp(&services->session, session, sizeof *session) == 0)
			return services->manifest->capabilities.allow_prompt_injection;
	}
	return false;
}

/* Life. */

static bool starts_programs(const struct manifest *manifest)
{
	if (manifest->mcp_servers.count > 0 || manifest->capabilities.host_process.count > 0)
		return true;
	return manifest->components.count > 0 && manifest->components.items[0].capabilities.host_process.count > 0;
}

/* Programs see the disk and no overlay, so a capsule that starts some would not see what they wrote, nor they what it did. */
static enum capsule_overlay_mode mode_of(const struct services *services)
{
	static const char told[] =
		"it may start programs, which see no overlay: its writes to the workspace are made at once";
	const struct capsule_runtime *runtime = services->runtime;
	bool explicit = false;
	enum capsule_overlay_mode mode = services_overlay_of(runtime, services->id, &explicit);

	if (mode == CAPSULE_OVERLAY_OFF || !starts_programs(services->manifest))
		return mode;
	log_write(&runtime->log, explicit ? CAPSULE_LOG_WARN : CAPSULE_LOG_INFO, services->id, span_text(told));
	return CAPSULE_OVERLAY_OFF;
}

/* The canonical path of a folder, NULL when there is none. */
static enum capsule_status find_folder(char **out, const char *path, struct capsule_error *err)
{
	HOLD(free_drop) char *full = realpath(path, NULL);
	struct stat info;

	*out = NULL;
	if (full == NULL)
		return errno == ENOMEM ? error_set(err, CAPSULE_ENOMEM, "no memory for a folder's path") : CAPSULE_OK;
	if (stat(full, &info) == 0 && S_ISDIR(info.st_mode))
		*out = GIVE(full);
	return CAPSULE_OK;
}

static enum capsule_status find_folders(struct services *services, struct capsule_error *err)
{
	const struct capsule_runtime *runtime = services->runtime;
	HOLD(free_drop) char *shared = NULL;
	enum capsule_status status = CAPSULE_OK;

	if (runtime->workspace != NULL)
		status = find_folder(&services->workspace_path, runtime->workspace, err);
	if (status != CAPSULE_OK || runtime->home.path == NULL)
		return status;
	if (asprintf(&shared, "%s/shared", runtime->home.path) < 0) {
		shared = NULL;
		return error_set(err, CAPSULE_ENOMEM, "no memory for a folder's path");
	}
	return find_folder(&services->global_path, shared, err);
}

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
	services->overlay = mode_of(services);
	status = find_folders(services, err);
	return status == CAPSULE_OK ? services_make_gate(services, err) : status;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	(void)remove(path);
	return 0;
}

void services_close(struct services *services)
{
	if (services->runtime == NULL)
		return;
	services_end_commits(services);
	vfs_close(services->workspace);
	vfs_close(services->global);
	if (services->temporary != NULL)
		(void)nftw(services->temporary, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < services->uplink_count; i++) {
		free(services->uplinks[i].name);
		free(services->uplinks[i].platform);
	}
	free(services->uplinks);
	kv_scope_free(services->kv);
	kv_close(services->own_store);
	gate_free(services->gate);
	free(services->workspace_path);
	free(services->global_path);
	free(services->temporary);
	*services = (struct services){ 0 };
}

void services_lend(struct services *services, struct engine_env *env)
{
	bool bare = services->manifest == NULL;

	env->gate = services->gate;
	env->services = (struct host_services){ .user = services,
		.kv = lend_kv,
		.files = bare ? NULL : lend_files,
		.refused = services_refused,
		.uplink = bare ? NULL : lend_uplink,
		.session = take_session,
		.capable = lend_capable };
}
