/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The trees of files of one capsule: where they are, whether an overlay lies over the workspace, when they are opened. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/folder.h"
#include "runtime/overlay.h"
#include "runtime/programs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* An overlay in use, in the runtime's list. */
struct open_overlay {
	struct list_node link;
	struct vfs *vfs;
	size_t users;
	char folder[];
};

/* Where they are. */

/* Programs see the disk and no overlay, so a capsule that starts some would not see what they wrote, nor they what it did. */
static enum capsule_overlay_mode mode_of(const struct services *services)
{
	static const char told[] =
		"it may start programs, which see no overlay: its writes to the workspace are made at once";
	const struct capsule_runtime *runtime = services->runtime;
	bool explicit = false;
	enum capsule_overlay_mode mode = services_overlay_of(runtime, services->id, &explicit);

	if (mode == CAPSULE_OVERLAY_OFF || !programs_start(services->manifest))
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

enum capsule_status services_find_files(struct services *services, struct capsule_error *err)
{
	const struct capsule_runtime *runtime = services->runtime;
	HOLD(free_drop) char *shared = NULL;
	enum capsule_status status = CAPSULE_OK;

	services->overlay = mode_of(services);
	if (runtime->workspace != NULL)
		status = find_folder(&services->workspace_path, runtime->workspace, err);
	if (status != CAPSULE_OK || runtime->home.path == NULL)
		return status;
	shared = home_global_path(runtime->home.path);
	if (shared == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a folder's path");
	return find_folder(&services->global_path, shared, err);
}

/* Opening them. */

/* In the home, or in a folder of its own that goes away with the capsule when the home is not to be touched. NULL after a failure. */
static char *overlay_folder(struct services *services, struct capsule_error *err)
{
	const struct home *home = &services->runtime->home;
	char *folder = NULL;

	if (home->memory) {
		if (services->temporary == NULL &&
			folder_make_temporary(&services->temporary, "capsule-overlay", err) != CAPSULE_OK)
			return NULL;
		assert(services->temporary != NULL);
		folder = text_copy(span_text(services->temporary));
	} else if (home->path != NULL) {
		folder = overlay_place(home->path, services->workspace_path, services->id);
	} else {
		(void)error_set(err, CAPSULE_ESTORE,
			"no home to keep the overlay of the workspace in: set ASTRID_HOME to an absolute path, or let the "
			"capsule write at once");
		return NULL;
	}
	if (folder == NULL)
		(void)error_set(err, CAPSULE_ENOMEM, "no memory for the path of an overlay");
	return folder;
}

/* One overlay serves everybody who has a capsule of that id loaded: while one follows another, both see the same files. */
static struct open_overlay *find_open(const struct capsule_runtime *runtime, const char *folder)
{
	LIST_EACH (node, &runtime->open_overlays) {
		struct open_overlay *open = LIST_ENTRY(node, struct open_overlay, link);

		if (strcmp(open->folder, folder) == 0)
			return open;
	}
	return NULL;
}

static enum capsule_status open_overlay(struct services *services, const char *folder, struct capsule_error *err)
{
	struct capsule_runtime *runtime = services->runtime;
	const struct vfs_limits limits = { .bytes = runtime->overlay_bytes };
	struct open_overlay *open = find_open(runtime, folder);
	size_t len = strlen(folder);
	enum capsule_status status = CAPSULE_OK;

	if (open == NULL) {
		open = calloc(1, sizeof *open + len + 1);
		if (open == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
		status = vfs_open_overlay(&open->vfs, runtime->loop, services->workspace_path, folder, &limits, err);
		if (status != CAPSULE_OK) {
			free(open);
			return status;
		}
		memcpy(open->folder, folder, len + 1);
		list_append(&runtime->open_overlays, &open->link);
	}
	open->users++;
	services->shared = open;
	services->workspace = open->vfs;
	return status;
}

static enum capsule_status open_workspace(struct services *services, struct capsule_error *err)
{
	const struct capsule_runtime *runtime = services->runtime;
	HOLD(free_drop) char *folder = NULL;

	if (services->workspace_path == NULL)
		return error_set(err, CAPSULE_ENOTFOUND,
			"there is no workspace: the folder %.512s did not exist when the capsule was loaded; make it, or "
			"name another one as the workspace",
			runtime->workspace != NULL ? runtime->workspace : "in which the process started");
	if (services->overlay == CAPSULE_OVERLAY_OFF)
		return vfs_open_direct(&services->workspace, runtime->loop, services->workspace_path, true, err);
	folder = overlay_folder(services, err);
	return folder != NULL ? open_overlay(services, folder, err) : CAPSULE_ESTORE;
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

enum capsule_status services_files(void *user, enum host_tree tree, struct vfs **vfs, struct capsule_error *err)
{
	struct services *services = user;
	struct vfs **place = tree == HOST_GLOBAL ? &services->global : &services->workspace;
	enum capsule_status status = CAPSULE_OK;

	if (*place == NULL)
		status = tree == HOST_GLOBAL ? open_global(services, err) : open_workspace(services, err);
	*vfs = *place;
	return status;
}

void services_close_files(struct services *services)
{
	struct open_overlay *open = services->shared;

	if (open == NULL) {
		vfs_close(services->workspace);
	} else if (--open->users == 0) {
		list_remove(&open->link);
		vfs_close(open->vfs);
		free(open);
	}
	vfs_close(services->global);
	if (services->temporary != NULL)
		folder_remove(services->temporary);
	free(services->workspace_path);
	free(services->global_path);
	free(services->temporary);
}
