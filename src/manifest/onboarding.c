/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A secret is typed and not chosen, whatever values it lists; one choice is no choice but a default. */
#include "manifest/onboarding.h"
#include "base/cleanup.h"
#include "base/json.h"

static void append_member(struct buffer *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buffer_printf(out, ",\"%s\":", name);
	json_append_string(out, span_text(text));
}

static void append_prompt(struct buffer *out, const struct manifest_env *env)
{
	HOLD(buffer_fini) struct buffer fallback = { 0 };

	if (env->request != NULL) {
		append_member(out, "prompt", env->request);
		return;
	}
	if (buffer_printf(&fallback, "Please enter value for %s", env->key))
		append_member(out, "prompt", buffer_text(&fallback));
	else
		out->failed = out->starved = true;
}

static void append_type(struct buffer *out, const struct manifest_env *env)
{
	buffer_append_text(out, ",\"field_type\":");
	if (strcmp(env->type, "secret") == 0) {
		buffer_append_text(out, "\"Secret\"");
	} else if (strcmp(env->type, "array") == 0) {
		buffer_append_text(out, "\"Array\"");
	} else if (env->enum_values.count < 2) {
		buffer_append_text(out, "\"Text\"");
	} else {
		for (size_t i = 0; i < env->enum_values.count; i++) {
			buffer_append_text(out, i == 0 ? "{\"Enum\":[" : ",");
			json_append_string(out, span_text(env->enum_values.items[i]));
		}
		buffer_append_text(out, "]}");
	}
}

/* The default is kept as compact JSON: what begins with a quote is a string already. */
static void append_default(struct buffer *out, const struct manifest_env *env)
{
	const char *json = env->default_json;

	if (json != NULL && json[0] == '"') {
		buffer_append_text(out, ",\"default\":");
		buffer_append_text(out, json);
	} else if (json != NULL && strcmp(json, "null") != 0) {
		append_member(out, "default", json);
	} else if (env->enum_values.count == 1) {
		append_member(out, "default", env->enum_values.items[0]);
	}
}

bool onboarding_append(struct buffer *out, const struct manifest_env *env)
{
	buffer_append_text(out, "{\"key\":");
	json_append_string(out, span_text(env->key));
	append_prompt(out, env);
	append_member(out, "description", env->description);
	append_type(out, env);
	append_default(out, env);
	append_member(out, "placeholder", env->placeholder);
	return buffer_append_byte(out, '}');
}
