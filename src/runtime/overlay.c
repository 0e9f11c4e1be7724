/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public look at what a capsule wrote over a workspace. */
#include "runtime/overlay.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "runtime/discover.h"
#include "runtime/internal.h"
#include "vfs/overlay.h"
#include <capsule/files.h>

#include <errno.h>
#include <stdio.h>

#define WORKSPACE_DIGITS 32

struct capsule_overlay {
	char *workspace; /* canonical */
	char *dir;
	struct tree tree;
	struct overlay *overlay;
	struct buffer json; /* the last answer */
};

DEFINE_DROP(overlay_drop, struct capsule_overlay *, capsule_overlay_close)

char *overlay_place(const char *home, const char *workspace, const char *id)
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX], *path = NULL;

	blake3_bytes(span_text(workspace), hash);
	blake3_hex(hash, hex);
	return asprintf(&path, "%s/overlays/%.*s/%s", home, WORKSPACE_DIGITS, hex, id) < 0 ? NULL : path;
}

/* The id of the capsule that `capsule` names: itself, or what the manifest in that folder says. */
static enum capsule_status find_id(const char *capsule, char **out, struct capsule_error *err)
{
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	struct diagnostics diagnostics = { 0 };
	enum capsule_status status = CAPSULE_OK;

	if (capsule == NULL || capsule[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no capsule is named");
	if (!manifest_id_valid(capsule)) {
		status = manifest_load(&manifest, capsule, NULL, &diagnostics, err);
		diagnostics_fini(&diagnostics);
	}
	if (status != CAPSULE_OK)
		return status;
	*out = text_copy(span_text(manifest != NULL ? manifest->package.name : capsule));
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
}

static enum capsule_status open_at(
	struct capsule_overlay *overlay, const char *home, const char *id, struct capsule_error *err)
{
	enum capsule_status status;

	overlay->dir = overlay_place(home, overlay->workspace, id);
	if (overlay->dir == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
	if (tree_open(&overlay->tree, overlay->workspace) != 0)
		return error_os(err, errno, "the workspace %.512s", overlay->workspace);
	status = overlay_open(&overlay->overlay, &overlay->tree, overlay->workspace, overlay->dir, false, NULL, err);
	if (status == CAPSULE_ENOTFOUND)
		return error_set(err, CAPSULE_ENOTFOUND,
			"the capsule `%.128s` has no overlay of %.512s in the home %.256s: it wrote nothing there", id,
			overlay->workspace, home);
	return status;
}

enum capsule_status capsule_overlay_open(struct capsule_overlay **out, const char *id, const char *workspace,
	const char *home, struct capsule_error *err)
{
	HOLD(overlay_drop) struct capsule_overlay *overlay = calloc(1, sizeof *overlay);
	HOLD(free_drop) char *found_home = NULL;
	HOLD(free_drop) char *global = NULL;
	HOLD(free_drop) char *found_id = NULL;
	enum capsule_status status;

	error_clear(err);
	if (out == NULL)
		return error_set(err, CAPSULE_EINVAL, "no place for the overlay is named");
	*out = NULL;
	if (overlay == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an overlay");
	overlay->tree.fd = -1;
	status = find_id(id, &found_id, err);
	if (status == CAPSULE_OK)
		status = places_resolve(workspace, home, &overlay->workspace, &found_home, &global, err);
	if (status == CAPSULE_OK && overlay->workspace == NULL)
		return error_set(err, CAPSULE_ENOTFOUND, "the working directory is gone: name a workspace");
	if (status == CAPSULE_OK && found_home == NULL)
		return error_set(err, CAPSULE_EINVAL, "no home: set ASTRID_HOME to an absolute path, or name one");
	if (status == CAPSULE_OK)
		status = open_at(overlay, found_home, found_id, err);
	if (status == CAPSULE_OK)
		*out = GIVE(overlay);
	return status;
}

void capsule_overlay_close(struct capsule_overlay *overlay)
{
	if (overlay == NULL)
		return;
	overlay_close(overlay->overlay);
	if (overlay->tree.fd >= 0)
		tree_close(&overlay->tree);
	buffer_fini(&overlay->json);
	free(overlay->workspace);
	free(overlay->dir);
	free(overlay);
}

const char *capsule_overlay_dir(const struct capsule_overlay *overlay)
{
	return overlay->dir;
}

/* Append one component of a path to `out`, with its end cut off by "..". Returns false when that leads out. */
static bool append_component(struct buffer *out, struct span name)
{
	if (name.len == 0 || span_is(name, "."))
		return true;
	if (!span_is(name, "..")) {
		if (out->len > 0)
			(void)buffer_append_byte(out, '/');
		(void)buffer_append_span(out, name);
		return true;
	}
	if (out->len == 0)
		return false;
	while (out->len > 0 && out->data[--out->len] != '/')
		continue;
	return true;
}

/* `path` without ".", ".." and what is too much, in `out`. An absolute one has to begin with the workspace. */
static enum capsule_status find_relative(
	const struct capsule_overlay *overlay, const char *path, struct buffer *out, struct capsule_error *err)
{
	size_t root = strlen(overlay->workspace);
	struct span rest = path != NULL ? span_text(path) : span_of(NULL, 0);
	bool inside = true;

	if (rest.len > 0 && rest.data[0] == '/') {
		inside = span_starts(rest, span_text(overlay->workspace)) &&
			(rest.len == root || path[root] == '/' || root == 1);
		rest = inside ? span_of(rest.data + root, rest.len - root) : rest;
	}
	while (inside && rest.len > 0) {
		const uint8_t *slash = memchr(rest.data, '/', rest.len);
		size_t len = slash != NULL ? (size_t)(slash - rest.data) : rest.len;

		inside = append_component(out, span_of(rest.data, len));
		rest = slash != NULL ? span_of(slash + 1, rest.len - len - 1) : span_of(NULL, 0);
	}
	if (!inside)
		return error_set(
			err, CAPSULE_EDENIED, "`%.256s` leads out of the workspace %.512s", path, overlay->workspace);
	return buffer_check(out, err);
}

static enum capsule_status run(struct capsule_overlay *overlay, enum vfs_verb verb, const char *path, const char **json,
	struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer relative = { .limit = LIMIT_PATH };
	struct vfs_work work = { .verb = verb, .result = &overlay->json };
	enum capsule_status status;

	error_clear(err);
	buffer_clear(&overlay->json);
	status = find_relative(overlay, path, &relative, err);
	if (status != CAPSULE_OK)
		return status;
	work.relative = buffer_text(&relative);
	if (work.relative == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a path");
	status = overlay_run(overlay->overlay, &work, err);
	if (status != CAPSULE_OK)
		return status;
	*json = buffer_text(&overlay->json);
	return *json != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for what the overlay holds");
}

enum capsule_status capsule_overlay_diff(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err)
{
	return run(overlay, VFS_DIFF, path, json, err);
}

enum capsule_status capsule_overlay_commit(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err)
{
	return run(overlay, VFS_COMMIT, path, json, err);
}

enum capsule_status capsule_overlay_rollback(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err)
{
	return run(overlay, VFS_ROLLBACK, path, json, err);
}
