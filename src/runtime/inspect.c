/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule_inspect(): the module of a capsule folder, or a module file, described by the engine. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <sys/stat.h>

/* What the description needs for as long as it takes. */
struct inspected {
	struct manifest *manifest;
	char *dir, *file;
};

void inspection_free(struct inspected *inspected)
{
	if (inspected == NULL)
		return;
	manifest_free(inspected->manifest);
	free(inspected->dir);
	free(inspected->file);
	free(inspected);
}

DEFINE_DROP(inspection_drop, struct inspected *, inspection_free)

static bool is_module_file(const char *path)
{
	struct stat info;
	size_t len = strlen(path);

	return stat(path, &info) == 0 && !S_ISDIR(info.st_mode) && !(len > 5 && strcmp(path + len - 5, ".toml") == 0);
}

static enum capsule_status fill(struct inspected *inspected, const char *path, struct capsule_error *err)
{
	struct diagnostics diagnostics = { 0 };
	const char *file = path;
	enum capsule_status status;

	if (!is_module_file(path)) {
		status = manifest_load(&inspected->manifest, path, NULL, &diagnostics, err);
		diagnostics_fini(&diagnostics);
		if (status == CAPSULE_OK)
			status = capsule_component(inspected->manifest, &file, err);
		if (status != CAPSULE_OK)
			return status;
		inspected->dir = capsule_folder(path, err);
		if (inspected->dir == NULL)
			return CAPSULE_ENOTFOUND;
	}
	inspected->file = text_copy(span_text(file));
	return inspected->file != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a file's name");
}

enum capsule_status capsule_inspect(struct capsule_runtime *runtime, const char *path, capsule_done_fn done, void *user,
	struct capsule_op **out, struct capsule_error *err)
{
	HOLD(inspection_drop) struct inspected *inspected = NULL;
	enum capsule_status status = runtime_enter(runtime, out, "capsule_inspect", err);
	struct capsule_error failure;
	struct capsule_op *op;

	if (status != CAPSULE_OK)
		return status;
	if (path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no capsule is named");
	inspected = calloc(1, sizeof *inspected);
	op = operation_new(runtime, OPERATION_INSPECT, done, user, err);
	if (inspected == NULL || op == NULL) {
		if (op != NULL)
			operation_discard(op);
		return error_set(err, CAPSULE_ENOMEM, "no memory to inspect a module");
	}
	op_start(&op->call.op, operation_done, op, NULL, 0, "inspect");
	if (fill(inspected, path, &failure) != CAPSULE_OK) {
		op_fail(&op->call.op, &failure);
	} else {
		op->inspect_env = (struct engine_env){ .loop = runtime->loop,
			.capsule_id = inspected->manifest == NULL ? inspected->file : inspected->manifest->package.name,
			.manifest = inspected->manifest,
			.dir = inspected->dir,
			.limits = runtime->limits };
		op->inspected = GIVE(inspected);
		wasm_inspect(runtime->wasm, &op->inspect_env, op->inspected->file, &op->call.op);
	}
	*out = op;
	return CAPSULE_OK;
}
