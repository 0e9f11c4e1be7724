/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a folder or a module file to a capsule, and the way out. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <sys/stat.h>

enum capsule_status capsule_component(const struct manifest *manifest, const char **file, struct capsule_error *err)
{
	if (manifest->components.count == 0)
		return error_set(err, CAPSULE_EMODULE,
			"Unsupported entry point: %s has no [[component]]; this release runs WASM components only, add "
			"[[component]] with file = \"<module>.wasm\"",
			manifest->path);
	*file = manifest->components.items[0].file;
	return CAPSULE_OK;
}

/* The folder is that in which the manifest is named, also when the name is a link to a file elsewhere. */
char *capsule_folder(const char *path, struct capsule_error *err)
{
	HOLD(free_drop) char *folder = NULL;
	const char *slash = strrchr(path, '/');
	struct span named = span_text(path);
	struct stat info;
	char *full;

	if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
		named = slash == NULL ? span_text(".") : span_of(path, (size_t)(slash - path) + 1);
	folder = text_copy(named);
	full = folder == NULL ? NULL : realpath(folder, NULL);
	if (full == NULL)
		(void)error_os(err, folder == NULL ? ENOMEM : errno, "capsule `%.512s`", path);
	return full;
}

static void settings_fini(struct map *settings)
{
	size_t cursor = 0;
	void *value;

	while (map_next(settings, &cursor, NULL, &value))
		free(value);
	map_fini(settings);
}

static void capsule_free(struct capsule *capsule)
{
	if (capsule->engine != NULL)
		capsule->engine->ops->free(capsule->engine);
	services_close(&capsule->services);
	settings_fini(&capsule->settings);
	manifest_free(capsule->manifest);
	op_fini(&capsule->leave);
	free(capsule->tools_json);
	free(capsule->dir);
	free(capsule->id);
	free(capsule);
}

static void left(struct op *op, void *user)
{
	struct capsule *capsule = user;

	(void)op;
	capsule->runtime->leaving--;
	capsule_free(capsule);
}

void capsule_leave(struct capsule *capsule)
{
	list_remove(&capsule->link);
	if (capsule->engine == NULL) {
		capsule_free(capsule);
		return;
	}
	capsule->runtime->leaving++;
	op_start(&capsule->leave, left, capsule, NULL, 0, "unload");
	capsule->engine->ops->unload(capsule->engine, &capsule->leave);
}

static struct capsule *capsule_make(struct capsule_runtime *runtime, struct capsule_error *err)
{
	struct capsule *capsule = calloc(1, sizeof *capsule);

	if (capsule == NULL) {
		(void)error_set(err, CAPSULE_ENOMEM, "no memory for a capsule");
		return NULL;
	}
	capsule->runtime = runtime;
	op_init(&capsule->leave, runtime->loop);
	list_init(&capsule->link);
	list_append(&runtime->capsules, &capsule->link);
	return capsule;
}

static struct engine_env make_env(struct capsule *capsule)
{
	struct capsule_runtime *runtime = capsule->runtime;

	struct engine_env env = { .loop = runtime->loop,
		.capsule_id = capsule->id,
		.manifest = capsule->manifest,
		.dir = capsule->manifest == NULL ? NULL : capsule->dir,
		.socket_path = runtime->home.socket_path,
		.config = capsule->manifest == NULL ? &capsule->settings : NULL,
		.log = &runtime->log,
		.limits = runtime->limits };

	services_lend(&capsule->services, &env);
	return env;
}

static enum capsule_status make_tools_json(struct capsule *capsule, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	const struct manifest *manifest = capsule->manifest;

	buffer_append_text(&out, "[");
	for (size_t i = 0; manifest != NULL && i < manifest->tools.count; i++) {
		const struct manifest_tool *tool = &manifest->tools.items[i];

		buffer_append_text(&out, i == 0 ? "{\"name\":" : ",{\"name\":");
		json_append_string(&out, span_text(tool->name));
		buffer_append_text(&out, ",\"description\":");
		json_append_string(&out, span_text(tool->description));
		buffer_append_text(&out, ",\"input_schema\":");
		buffer_append_text(&out, tool->input_schema);
		buffer_append_text(&out, "}");
	}
	buffer_append_text(&out, "]");
	capsule->tools_json = buffer_steal(&out);
	return capsule->tools_json != NULL ? CAPSULE_OK
					   : error_set(err, CAPSULE_ENOMEM, "no memory for the list of tools");
}

static enum capsule_status fill_from_folder(struct capsule *capsule, const char *path, struct capsule_error *err)
{
	struct diagnostics diagnostics = { 0 };
	enum capsule_status status = manifest_load(&capsule->manifest, path, NULL, &diagnostics, err);

	diagnostics_fini(&diagnostics);
	if (status != CAPSULE_OK)
		return status;
	capsule->dir = capsule_folder(path, err);
	if (capsule->dir == NULL)
		return CAPSULE_ENOTFOUND;
	capsule->id = text_copy(span_text(capsule->manifest->package.name));
	return capsule->id != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a capsule's name");
}

/* Make the engine for `file` and start to load it; every failure ends the operation. */
static void start_engine(struct capsule_op *op, const char *file)
{
	struct capsule *capsule = op->capsule;
	struct engine_env env;
	struct capsule_error err;

	if (services_open(&capsule->services, capsule->runtime, capsule->id, capsule->manifest, &err) != CAPSULE_OK) {
		op_fail(&op->call.op, &err);
		return;
	}
	env = make_env(capsule);
	if (make_tools_json(capsule, &err) != CAPSULE_OK ||
		wasm_capsule_new(&capsule->engine, capsule->runtime->wasm, &env, file, &err) != CAPSULE_OK) {
		op_fail(&op->call.op, &err);
		return;
	}
	capsule->engine->ops->load(capsule->engine, &op->call.op);
}

static struct capsule_op *load_begin(
	struct capsule_runtime *runtime, capsule_done_fn done, void *user, struct capsule_error *err)
{
	struct capsule_op *op = operation_new(runtime, OPERATION_LOAD, done, user, err);

	if (op == NULL)
		return NULL;
	op->capsule = capsule_make(runtime, err);
	if (op->capsule == NULL) {
		operation_discard(op);
		return NULL;
	}
	op_start(&op->call.op, operation_done, op, NULL, 0, "load");
	return op;
}

enum capsule_status capsule_load(struct capsule_runtime *runtime, const char *dir, capsule_done_fn done, void *user,
	struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(runtime, out, "capsule_load", err);
	struct capsule_op *op;
	struct capsule_error failure;
	const char *file = NULL;

	if (status != CAPSULE_OK)
		return status;
	if (dir == NULL || dir[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no folder is named");
	op = load_begin(runtime, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	if (fill_from_folder(op->capsule, dir, &failure) != CAPSULE_OK ||
		capsule_component(op->capsule->manifest, &file, &failure) != CAPSULE_OK)
		op_fail(&op->call.op, &failure);
	else
		start_engine(op, file);
	*out = op;
	return CAPSULE_OK;
}

static enum capsule_status copy_settings(
	struct capsule *capsule, const struct capsule_setting *settings, size_t count, struct capsule_error *err)
{
	for (size_t i = 0; i < count; i++) {
		HOLD(free_drop) char *value = NULL;
		enum capsule_status status;
		void *old = NULL;

		if (settings[i].key == NULL || settings[i].value == NULL)
			return error_set(err, CAPSULE_EINVAL, "setting %zu has no %s", i,
				settings[i].key == NULL ? "key" : "value");
		value = text_copy(span_text(settings[i].value));
		if (value == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a setting");
		status = map_put(&capsule->settings, span_text(settings[i].key), value, &old, err);
		if (status != CAPSULE_OK)
			return status;
		value = NULL;
		free(old);
	}
	return CAPSULE_OK;
}

enum capsule_status capsule_load_module(struct capsule_runtime *runtime, const char *file,
	const struct capsule_setting *settings, size_t count, capsule_done_fn done, void *user, struct capsule_op **out,
	struct capsule_error *err)
{
	struct capsule_op *op;
	const char *slash;
	enum capsule_status status = runtime_enter(runtime, out, "capsule_load_module", err);

	if (status != CAPSULE_OK)
		return status;
	if (file == NULL || file[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no module file is named");
	if (settings == NULL && count > 0)
		return error_set(err, CAPSULE_EINVAL, "%zu settings are announced, but they are NULL", count);
	op = load_begin(runtime, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	slash = strrchr(file, '/');
	op->capsule->id = text_copy(span_text(slash == NULL || slash[1] == '\0' ? file : slash + 1));
	status = op->capsule->id != NULL ? copy_settings(op->capsule, settings, count, err)
					 : error_set(err, CAPSULE_ENOMEM, "no memory for a module");
	if (status != CAPSULE_OK) {
		capsule_op_free(op);
		return status;
	}
	start_engine(op, file);
	*out = op;
	return CAPSULE_OK;
}

enum capsule_status capsule_unload(
	struct capsule *capsule, capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(
		capsule == NULL ? NULL : capsule->runtime, out, "capsule_unload", err);
	struct capsule_op *op;

	if (status != CAPSULE_OK || capsule == NULL)
		return status;
	if (capsule->unloading)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' is being unloaded already", capsule->id);
	op = operation_new(capsule->runtime, OPERATION_UNLOAD, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	capsule->unloading = true;
	op->capsule = capsule;
	op_start(&op->call.op, operation_done, op, NULL, 0, "unload");
	capsule->engine->ops->unload(capsule->engine, &op->call.op);
	*out = op;
	return CAPSULE_OK;
}

const char *capsule_id(const struct capsule *capsule)
{
	return capsule->id;
}

const char *capsule_tools_json(const struct capsule *capsule)
{
	return wasm_capsule_loops(capsule->engine) ? "[]" : capsule->tools_json;
}

enum capsule_health capsule_health(const struct capsule *capsule, struct capsule_error *err)
{
	error_clear(err);
	return (enum capsule_health)capsule->engine->ops->health(capsule->engine, err);
}

int64_t capsule_cpu_ns(const struct capsule *capsule)
{
	return wasm_capsule_cpu_ns(capsule->engine);
}
