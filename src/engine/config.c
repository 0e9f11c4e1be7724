/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* [env] resolution, in this order for each key: a value in the key-value store, a choice that only a person can make (more
 * than one enum value), the default. What is left is missing, and all that is missing is told at once. */
#include "engine/config.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#define SOCKET_KEY "ASTRID_SOCKET_PATH" /* the runtime's own; a manifest can't set it */

/* Put a copy of `value`; one that stood there is replaced. */
static enum capsule_status config_put(struct map *config, const char *key, struct span value, struct capsule_error *err)
{
	HOLD(free_drop) char *copy = text_copy(value);
	void *old = NULL;

	if (copy == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the setting %.128s", key);
	if (map_put(config, span_text(key), copy, &old, err) != CAPSULE_OK)
		return CAPSULE_ENOMEM;
	copy = NULL;
	free(old);
	return CAPSULE_OK;
}

enum found { FOUND, ABSENT, UNUSABLE };

/* A value that somebody stored. One that is no text can't be used and has to be given again. */
static enum capsule_status stored_value(struct map *config, const struct engine_env *env, struct kv_scope *scope,
	const char *key, enum found *found, struct capsule_error *err)
{
	struct kv_request request = { .verb = KV_GET, .key = span_text(key) };
	struct span value;
	enum capsule_status status;

	op_init(&request.op, env->loop);
	status = kv_run(scope, &request, err);
	value = buffer_span(&request.op.result);
	*found = ABSENT;
	if (status == CAPSULE_OK && request.found) {
		bool text = text_is_utf8(value) && (value.len == 0 || memchr(value.data, 0, value.len) == NULL);

		*found = text ? FOUND : UNUSABLE;
		if (text)
			status = config_put(config, key, value, err);
	}
	op_fini(&request.op);
	return status;
}

/* A default: a string as it is, null as empty, anything else as its JSON text. */
static enum capsule_status default_value(
	struct map *config, const struct manifest_env *entry, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_MANIFEST_BYTES, .depth_max = LIMIT_JSON_DEPTH };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct span text = span_text(entry->default_json);
	yyjson_val *root;
	enum capsule_status status = json_parse(&doc, text, &limits, "default", err);

	if (status != CAPSULE_OK)
		return status;
	root = yyjson_doc_get_root(doc);
	if (yyjson_is_str(root))
		text = span_of(yyjson_get_str(root), yyjson_get_len(root));
	else if (yyjson_is_null(root))
		text = span_of(NULL, 0);
	return config_put(config, entry->key, text, err);
}

/* Whether there is a value for `entry`, which is in `config` then. */
static enum capsule_status resolve(struct map *config, const struct engine_env *env, struct kv_scope *scope,
	const struct manifest_env *entry, bool *missing, struct capsule_error *err)
{
	enum found found;
	enum capsule_status status = stored_value(config, env, scope, entry->key, &found, err);

	if (status != CAPSULE_OK || found == FOUND)
		return status;
	if (found == ABSENT && entry->enum_values.count <= 1 && entry->default_json != NULL)
		return default_value(config, entry, err);
	*missing = true;
	return CAPSULE_OK;
}

static enum capsule_status tell_missing(const struct engine_env *env, const struct manifest_env *const *entries,
	size_t count, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer names = { 0 };

	for (size_t i = 0; i < count; i++)
		(void)((i == 0 || buffer_append_text(&names, ", ")) && buffer_append_text(&names, entries[i]->key));
	if (env->services.missing != NULL)
		env->services.missing(env->services.user, entries, count);
	return error_set(err, CAPSULE_EMANIFEST,
		"Missing required environment variables: %.*s. Give each a default in [env] of Capsule.toml, or store a "
		"value under its name",
		SPAN_ARG(buffer_span(&names)));
}

static enum capsule_status resolve_all(struct map *config, const struct engine_env *env, struct capsule_error *err)
{
	const struct manifest *manifest = env->manifest;
	HOLD(free_drop) const struct manifest_env **missing = calloc(manifest->env.count, sizeof *missing);
	struct kv_scope *scope = NULL;
	size_t count = 0;
	enum capsule_status status;

	if (missing == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the settings of a capsule");
	status = env->services.kv(env->services.user, &scope, err);
	for (size_t i = 0; status == CAPSULE_OK && i < manifest->env.count; i++) {
		const struct manifest_env *entry = &manifest->env.items[i];
		bool is_missing = false;

		if (strcmp(entry->key, SOCKET_KEY) == 0 && env->socket_path != NULL)
			log_write(env->log, CAPSULE_LOG_WARN, env->capsule_id,
				span_text(
					"[env] " SOCKET_KEY " is set by the runtime; the manifest's entry is ignored"));
		else
			status = resolve(config, env, scope, entry, &is_missing, err);
		if (is_missing)
			missing[count++] = entry;
	}
	if (status != CAPSULE_OK || count == 0)
		return status;
	return tell_missing(env, missing, count, err);
}

static enum capsule_status copy_settings(struct map *config, const struct map *settings, struct capsule_error *err)
{
	size_t cursor = 0;
	struct span key;
	void *value;

	while (map_next(settings, &cursor, &key, &value)) {
		HOLD(free_drop) char *name = text_copy(key);

		if (name == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a setting");
		if (config_put(config, name, span_text(value), err) != CAPSULE_OK)
			return CAPSULE_ENOMEM;
	}
	return CAPSULE_OK;
}

enum capsule_status engine_config_fill(struct map *config, const struct engine_env *env, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	if (env->socket_path != NULL)
		status = config_put(config, SOCKET_KEY, span_text(env->socket_path), err);
	if (status == CAPSULE_OK && env->manifest != NULL && env->manifest->env.count > 0)
		status = resolve_all(config, env, err);
	if (status == CAPSULE_OK && env->config != NULL)
		status = copy_settings(config, env->config, err);
	return status;
}

void engine_config_fini(struct map *config)
{
	size_t cursor = 0;
	void *value;

	while (map_next(config, &cursor, NULL, &value))
		free(value);
	map_fini(config);
}
