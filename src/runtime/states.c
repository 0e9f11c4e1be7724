/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The states of all capsules: as JSON, and told as they change. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/json.h"

static void append_text(struct buffer *out, const char *key, const char *text)
{
	buffer_printf(out, ",\"%s\":", key);
	if (text != NULL)
		json_append_lossy(out, span_text(text));
	else
		buffer_append_text(out, "null");
}

static const char *version_of(const struct capsule *capsule)
{
	return capsule->manifest == NULL ? NULL : capsule->manifest->package.version;
}

static void append_state(const struct capsule *capsule, struct buffer *out)
{
	struct capsule_error why;
	enum composite_state state = composite_state(capsule->composite, NULL);
	bool ill = composite_health(capsule->composite, &why) == COMPOSITE_FAILED;
	const char *engine;

	buffer_append_text(out, "{\"id\":");
	json_append_lossy(out, span_text(capsule->id)); /* of a bare module: a file's name */
	append_text(out, "version", version_of(capsule));
	append_text(out, "dir", capsule->dir);
	append_text(out, "state", composite_state_name(state));
	append_text(out, "reason", ill ? why.text : NULL);
	buffer_append_text(out, ",\"engines\":[");
	for (size_t i = 0; (engine = composite_engine_name(capsule->composite, i)) != NULL; i++)
		buffer_printf(out, "%s\"%s\"", i == 0 ? "" : ",", engine);
	buffer_printf(out, "],\"tools\":%zu}", capsule->tool_count);
}

bool capsule_append_states(const struct capsule_runtime *runtime, struct buffer *out)
{
	bool first = true;

	buffer_append_text(out, "[");
	LIST_EACH (node, &runtime->capsules) {
		const struct capsule *capsule = LIST_ENTRY(node, const struct capsule, link);

		if (capsule->composite == NULL)
			continue; /* its load has just begun and failed */
		if (!first)
			buffer_append_text(out, ",");
		first = false;
		append_state(capsule, out);
	}
	return buffer_append_text(out, "]");
}

const char *capsule_states_json(struct capsule_runtime *runtime)
{
	buffer_clear(&runtime->states);
	(void)capsule_append_states(runtime, &runtime->states);
	return buffer_text(&runtime->states);
}

/* One that is neither coming nor going. */
static bool is_settled(const struct capsule *capsule)
{
	enum composite_state state = composite_state(capsule->composite, NULL);

	return !capsule->loading && !capsule->unloading && (state == COMPOSITE_READY || state == COMPOSITE_FAILED);
}

struct capsule *capsule_find(const struct capsule_runtime *runtime, const char *id)
{
	struct capsule *capsule = registry_find(&runtime->registry, id);

	if (capsule != NULL)
		return is_settled(capsule) ? capsule : NULL;
	/* One that failed before it could be registered is known all the same. There are few of those. */
	LIST_EACH (node, &runtime->capsules) {
		capsule = LIST_ENTRY(node, struct capsule, link);
		if (!capsule->bare && capsule->composite != NULL && capsule->id != NULL &&
			strcmp(capsule->id, id) == 0 && is_settled(capsule))
			return capsule;
	}
	return NULL;
}

void capsule_watch_states(struct capsule_runtime *runtime, capsule_state_fn changed, void *user)
{
	if (runtime == NULL || !runtime_usable(runtime))
		return;
	runtime->watch = changed;
	runtime->watch_user = user;
}

/* The list of tools is made when they are there for the first time, and anew when a server has others. */
static void note_tools(struct capsule *capsule)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	size_t count;
	char *json;

	(void)composite_append_tools(capsule->composite, &out, &count);
	json = buffer_steal(&out);
	if (json == NULL)
		return; /* the old list is better than none */
	free(capsule->tools_json);
	capsule->tools_json = json;
	capsule->tool_count = count;
}

void capsule_retooled(void *user)
{
	note_tools(user);
}

void capsule_state_changed(void *user)
{
	struct capsule *capsule = user;
	struct capsule_runtime *runtime = capsule->runtime;
	struct capsule_error why;
	enum composite_state state = composite_state(capsule->composite, &why);
	struct capsule_state_change change;

	if (state == COMPOSITE_READY)
		note_tools(capsule);
	if (state == COMPOSITE_FAILED || state == COMPOSITE_UNLOADING || state == COMPOSITE_UNLOADED)
		services_end_children(&capsule->services);
	events_state_changed(capsule, state, &why);
	if (runtime->watch == NULL)
		return;
	change = (struct capsule_state_change){ .id = capsule->id,
		.version = version_of(capsule),
		.dir = capsule->dir,
		.state = composite_state_name(state),
		.reason = state == COMPOSITE_FAILED ? why.text : NULL,
		.tools = capsule->tool_count };
	runtime_enter_embedder(runtime);
	runtime->watch(runtime->watch_user, &change);
	runtime_leave_embedder(runtime);
}
