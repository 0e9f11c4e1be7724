/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the workspace, the home and the global folder are, for whatever works without a runtime. */
#include "runtime/discover.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/home.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The working directory may have been removed, or be out of reach: then there is no workspace. */
static enum capsule_status resolve_workspace(const char *workspace, char **out, struct capsule_error *err)
{
	if (workspace != NULL && workspace[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "the workspace is named by an empty text: name a folder");
	*out = realpath(workspace != NULL ? workspace : ".", NULL);
	if (*out == NULL && (workspace != NULL || errno == ENOMEM))
		return error_os(err, errno, "the workspace %.512s", workspace != NULL ? workspace : ".");
	if (*out != NULL && !is_folder(*out))
		return error_set(err, CAPSULE_EINVAL, "the workspace %.512s is not a folder", workspace);
	return CAPSULE_OK;
}

/* What does not exist yet is absolute, which is all that can be said of it. */
static enum capsule_status resolve_home(const char *home, char **out, struct capsule_error *err)
{
	HOLD(free_drop) char *named = NULL;
	enum capsule_status status;

	status = home != NULL ? home_check_path(home, "home", err) : home_default_path(&named, err);
	if (status != CAPSULE_OK)
		return status;
	if (home != NULL)
		named = text_copy(span_text(home));
	else if (named == NULL)
		return CAPSULE_OK;
	*out = named == NULL ? NULL : realpath(named, NULL);
	if (*out == NULL)
		*out = GIVE(named);
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for the home's path");
}

static enum capsule_status resolve_global(const char *home, char **out, struct capsule_error *err)
{
	HOLD(free_drop) char *shared = home == NULL ? NULL : home_global_path(home);

	if (home == NULL)
		return CAPSULE_OK;
	if (shared == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the global folder's path");
	if (is_folder(shared))
		*out = realpath(shared, NULL);
	return CAPSULE_OK;
}

enum capsule_status places_resolve(const char *workspace, const char *home, char **workspace_out, char **home_out,
	char **global_out, struct capsule_error *err)
{
	HOLD(free_drop) char *found_workspace = NULL;
	HOLD(free_drop) char *found_home = NULL;
	HOLD(free_drop) char *found_global = NULL;
	enum capsule_status status = resolve_workspace(workspace, &found_workspace, err);

	if (status == CAPSULE_OK)
		status = resolve_home(home, &found_home, err);
	if (status == CAPSULE_OK)
		status = resolve_global(found_home, &found_global, err);
	if (status != CAPSULE_OK)
		return status;
	*workspace_out = GIVE(found_workspace);
	*home_out = GIVE(found_home);
	*global_out = GIVE(found_global);
	return CAPSULE_OK;
}
