/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options of a runtime that concern files, and where its own programs are. */
#include "runtime/internal.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

static enum capsule_status check_mode(const char *what, enum capsule_overlay_mode mode, struct capsule_error *err)
{
	if ((unsigned)mode <= CAPSULE_OVERLAY_OFF)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EINVAL, "%s is %d, expected one of enum capsule_overlay_mode", what, (int)mode);
}

enum capsule_status services_configure(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	const char *asked = options->workspace;

	if (asked != NULL && asked[0] != '/')
		return error_set(err, CAPSULE_EINVAL, "workspace is `%.256s`, expected an absolute path", asked);
	if (check_mode("overlay", options->overlay, err) != CAPSULE_OK)
		return CAPSULE_EINVAL;
	/* A process may stand in a folder that is gone. Then there is no workspace, which is told to whoever needs one. */
	runtime->workspace = asked != NULL ? text_copy(span_text(asked)) : realpath(".", NULL);
	if (runtime->workspace == NULL && (asked != NULL || errno == ENOMEM))
		return error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
	runtime->libexec_dir = options->libexec_dir != NULL ? text_copy(span_text(options->libexec_dir)) : NULL;
	if (options->libexec_dir != NULL && runtime->libexec_dir == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
	runtime->overlay = options->overlay;
	runtime->overlay_bytes = options->overlay_bytes;
	runtime->audit = options->audit;
	runtime->audit_user = options->audit_user;
	runtime->gate = options->gate;
	runtime->gate_user = options->gate_user;
	return CAPSULE_OK;
}

void services_forget(struct capsule_runtime *runtime)
{
	size_t cursor = 0;
	void *mode;

	while (map_next(&runtime->overlays, &cursor, NULL, &mode))
		free(mode);
	map_fini(&runtime->overlays);
	free(runtime->workspace);
	free(runtime->libexec_dir);
	runtime->workspace = runtime->libexec_dir = NULL;
}

enum capsule_overlay_mode services_overlay_of(const struct capsule_runtime *runtime, const char *id, bool *explicit)
{
	const enum capsule_overlay_mode *mode = map_get(&runtime->overlays, span_text(id));

	*explicit = mode != NULL;
	return mode != NULL ? *mode : runtime->overlay;
}

enum capsule_status capsule_runtime_set_overlay(
	struct capsule_runtime *runtime, const char *id, enum capsule_overlay_mode mode, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(runtime, runtime, "capsule_runtime_set_overlay", err);
	enum capsule_overlay_mode *copy;
	void *old = NULL;

	if (status != CAPSULE_OK || runtime == NULL)
		return status;
	if (id == NULL || !manifest_id_valid(id))
		return error_set(err, CAPSULE_EINVAL, "`%.128s` is no id of a capsule", id == NULL ? "" : id);
	status = check_mode("the mode", mode, err);
	if (status != CAPSULE_OK)
		return status;
	copy = malloc(sizeof *copy);
	if (copy == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the mode of an overlay");
	*copy = mode;
	status = map_put(&runtime->overlays, span_text(id), copy, &old, err);
	free(status == CAPSULE_OK ? old : copy);
	return status;
}
