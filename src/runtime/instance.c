/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a public capsule is made of, what the runtime lends its engines, and its end. */
#include "runtime/takedown.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "engine/static/static.h"

#include <errno.h>
#include <sys/stat.h>

enum capsule_status capsule_component(const struct manifest *manifest, const char **file, struct capsule_error *err)
{
	if (manifest->components.count == 0)
		return error_set(err, CAPSULE_EMODULE,
			"Unsupported entry point: %s has no [[component]], so there is no module; add [[component]] with "
			"file = \"<module>.wasm\"",
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

static void unregister(struct capsule *capsule)
{
	if (capsule->registered)
		(void)registry_remove(&capsule->runtime->registry, capsule->id, NULL);
	capsule->registered = false;
}

/* Its engines, which borrowed from it, are gone. */
static void capsule_free(struct capsule *capsule)
{
	events_leave(capsule);
	unregister(capsule);
	servers_free(capsule->servers);
	services_close(&capsule->services);
	settings_fini(&capsule->settings);
	manifest_free(capsule->manifest);
	free(capsule->tools_json);
	free(capsule->approved);
	free(capsule->rights);
	buffer_fini(&capsule->served);
	free(capsule->dir);
	free(capsule->id);
	free(capsule);
}

/* composite_options.gone */
static void composite_gone(void *user)
{
	struct capsule *capsule = user;
	struct capsule_runtime *runtime = capsule->runtime;

	runtime->leaving--;
	capsule_free(capsule);
	takedown_capsule_gone(runtime);
}

void capsule_leave(struct capsule *capsule)
{
	struct capsule_runtime *runtime = capsule->runtime;

	list_remove(&capsule->link);
	if (capsule->composite == NULL) {
		capsule_free(capsule);
		takedown_capsule_gone(runtime); /* it may be the last one that a shutdown waits for */
		return;
	}
	/* A load that was given up takes some turns to go; nobody has to wait for that before the next one. */
	if (capsule->tools_json == NULL)
		unregister(capsule);
	runtime->leaving++;
	composite_release(capsule->composite);
}

struct capsule *capsule_make(struct capsule_runtime *runtime, struct capsule_error *err)
{
	struct capsule *capsule = calloc(1, sizeof *capsule);

	if (capsule == NULL) {
		(void)error_set(err, CAPSULE_ENOMEM, "no memory for a capsule");
		return NULL;
	}
	capsule->runtime = runtime;
	list_init(&capsule->link);
	list_init(&capsule->inbound);
	list_init(&capsule->inbound_later.link);
	list_append(&runtime->capsules, &capsule->link);
	return capsule;
}

static enum capsule_status check_hash(
	const struct buffer *source, const uint8_t *hash, const char *path, struct capsule_error *err)
{
	uint8_t found[BLAKE3_SIZE];

	blake3_bytes(buffer_span(source), found);
	if (memcmp(found, hash, sizeof found) == 0)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EMANIFEST,
		"%.512s: Capsule.toml was changed since it was found: look for capsules again", path);
}

enum capsule_status capsule_read_manifest(
	struct capsule *capsule, const char *path, const uint8_t *hash, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer source = { 0 };
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	HOLD(free_drop) char *dir = NULL;
	struct diagnostics diagnostics = { 0 };
	enum capsule_status status = manifest_load(&manifest, path, hash != NULL ? &source : NULL, &diagnostics, err);

	diagnostics_fini(&diagnostics);
	if (status == CAPSULE_OK && hash != NULL)
		status = check_hash(&source, hash, path, err);
	if (status != CAPSULE_OK)
		return status;
	dir = capsule_folder(path, err);
	if (dir == NULL)
		return CAPSULE_ENOTFOUND;
	if (capsule->id == NULL)
		capsule->id = text_copy(span_text(manifest->package.name));
	if (capsule->id == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a capsule's name");
	free(capsule->dir);
	capsule->dir = GIVE(dir);
	capsule->manifest = GIVE(manifest);
	return CAPSULE_OK;
}

static struct engine_env make_env(struct capsule *capsule)
{
	struct capsule_runtime *runtime = capsule->runtime;
	struct engine_env env = { .loop = runtime->loop,
		.capsule_id = capsule->id,
		.manifest = capsule->manifest,
		.approved = capsule->approved,
		.dir = capsule->dir,
		.socket_path = runtime->home.socket_path,
		.config = capsule->bare ? &capsule->settings : NULL,
		.log = &runtime->log,
		.limits = runtime->limits };

	services_lend(&capsule->services, &env);
	return env;
}

/* ---- Engines ---- */

enum capsule_status capsule_make_composite(struct capsule *capsule, struct capsule_error *err)
{
	struct capsule_runtime *runtime = capsule->runtime;
	const struct composite_options options = { .loop = runtime->loop,
		.id = capsule->id,
		.log = &runtime->log,
		.grace_ms = runtime->unload_grace_ms,
		.changed = capsule_state_changed,
		.retooled = capsule_retooled,
		.gone = composite_gone,
		.user = capsule };

	return composite_new(&capsule->composite, &options, err);
}

static enum capsule_status enter(struct capsule *capsule, struct capsule_error *err)
{
	struct capsule_runtime *runtime = capsule->runtime;
	enum capsule_status status = registry_add(
		&runtime->registry, capsule->manifest, capsule, runtime_now_ms(runtime), err);

	capsule->registered = status == CAPSULE_OK;
	return status;
}

static enum capsule_status add_wasm(
	struct capsule *capsule, const struct engine_env *env, const char *file, struct capsule_error *err)
{
	struct engine *engine;
	enum capsule_status status = wasm_capsule_new(&engine, capsule->runtime->wasm, env, file, err);

	if (status == CAPSULE_OK)
		status = composite_add(capsule->composite, engine, err);
	if (status == CAPSULE_OK)
		capsule->wasm = engine;
	return status;
}

static enum capsule_status add_static(struct capsule *capsule, const struct engine_env *env, struct capsule_error *err)
{
	struct engine *engine;
	enum capsule_status status = static_engine_new(&engine, env, err);

	if (status == CAPSULE_OK)
		status = composite_add(capsule->composite, engine, err);
	if (status == CAPSULE_OK)
		capsule->content = engine;
	return status;
}

enum capsule_status capsule_make_engines(struct capsule *capsule, const char *file, struct capsule_error *err)
{
	struct engine_env env;
	enum capsule_status status = CAPSULE_OK;

	if (capsule->manifest != NULL)
		status = enter(capsule, err);
	if (status == CAPSULE_OK)
		status = services_open(&capsule->services, capsule->runtime, capsule->id, capsule->manifest, err);
	if (status == CAPSULE_OK && capsule->rights != NULL)
		status = services_check_rights(&capsule->services, capsule->rights, err);
	if (status == CAPSULE_OK && capsule->manifest != NULL)
		status = events_join(capsule, err);
	if (status != CAPSULE_OK)
		return status;
	if (capsule->state_name[0] != '\0')
		capsule->services.state_name = capsule->state_name;
	env = make_env(capsule);
	if (capsule->manifest == NULL)
		return add_wasm(capsule, &env, file, err);
	if (capsule->manifest->components.count > 0)
		status = add_wasm(capsule, &env, capsule->manifest->components.items[0].file, err);
	if (status == CAPSULE_OK)
		status = servers_add(capsule, &env, err);
	if (status == CAPSULE_OK)
		status = add_static(capsule, &env, err);
	return status;
}

/* ---- What it tells ---- */

const char *capsule_id(const struct capsule *capsule)
{
	return capsule->id;
}

const char *capsule_tools_json(const struct capsule *capsule)
{
	return capsule->tools_json != NULL ? capsule->tools_json : "[]";
}

enum capsule_health capsule_health(const struct capsule *capsule, struct capsule_error *err)
{
	error_clear(err);
	switch (composite_health(capsule->composite, err)) {
	case COMPOSITE_LOADING:
		return CAPSULE_LOADING;
	case COMPOSITE_READY:
		return CAPSULE_READY;
	case COMPOSITE_FAILED:
		return CAPSULE_FAILED;
	default:
		return CAPSULE_UNLOADED;
	}
}

int64_t capsule_cpu_ns(const struct capsule *capsule)
{
	return capsule->wasm == NULL ? 0 : wasm_capsule_cpu_ns(capsule->wasm);
}
