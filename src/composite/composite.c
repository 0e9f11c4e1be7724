/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule as those who use it see it: made of engines, held, called, asked, let go. */
#include "composite/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"

#include <assert.h>

enum capsule_status composite_new(
	struct composite **out, const struct composite_options *options, struct capsule_error *err)
{
	struct composite *composite = calloc(1, sizeof *composite);

	if (composite == NULL || (composite->id = text_copy(span_text(options->id))) == NULL) {
		free(composite);
		return error_set(err, CAPSULE_ENOMEM, "no memory for a capsule");
	}
	composite->loop = options->loop;
	composite->log = options->log;
	composite->grace_ms = options->grace_ms != 0 ? options->grace_ms : LIMIT_UNLOAD_GRACE_MS;
	composite->changed = options->changed;
	composite->retooled = options->retooled;
	composite->gone = options->gone;
	composite->user = options->user;
	composite->refs = 1;
	op_init(&composite->step, options->loop);
	list_init(&composite->unloads);
	list_init(&composite->waits);
	*out = composite;
	return CAPSULE_OK;
}

enum capsule_status composite_add(struct composite *composite, struct engine *engine, struct capsule_error *err)
{
	struct engine **engines;

	if (composite->state != COMPOSITE_UNLOADED) {
		engine->ops->free(engine);
		return composite_refuse(composite, err);
	}
	engines = reallocarray(composite->engines, composite->count + 1, sizeof(struct engine *));
	if (engines == NULL) {
		engine->ops->free(engine);
		return error_set(err, CAPSULE_ENOMEM, "no memory for an engine of capsule '%s'", composite->id);
	}
	engine->changed = composite_engine_changed;
	engine->retooled = composite_engine_retooled;
	engine->user = composite;
	engines[composite->count++] = engine;
	composite->engines = engines;
	return CAPSULE_OK;
}

void composite_free(struct composite *composite)
{
	void (*gone)(void *user) = composite->gone;
	void *user = composite->user;

	assert(composite->loaded == 0 && list_empty(&composite->waits));
	while (composite->count > 0) {
		struct engine *engine = composite->engines[--composite->count];

		engine->ops->free(engine);
	}
	loop_timer_disarm(composite->loop, &composite->grace);
	op_fini(&composite->step);
	free(composite->engines);
	free(composite->why);
	free(composite->id);
	free(composite);
	if (gone != NULL)
		gone(user);
}

struct composite *composite_hold(struct composite *composite)
{
	composite->refs++;
	return composite;
}

void composite_release(struct composite *composite)
{
	if (composite == NULL)
		return;
	assert(composite->refs > 0);
	if (--composite->refs > 0)
		return;
	if (composite->state == COMPOSITE_UNLOADED)
		composite_free(composite);
	else
		composite_leave(composite);
}

static bool engine_offers(const struct engine *engine, const char *tool)
{
	return engine->ops->offers == NULL || engine->ops->offers(engine, tool);
}

/* A tool is asked of the engine that offers it; what is no tool, of each one until one has it. */
static bool may_ask(const struct engine *engine, const struct engine_call *call)
{
	return call->kind != ENGINE_TOOL || engine_offers(engine, call->name);
}

/* It has no such thing: another one may have it. */
static bool passes_on(const struct engine_call *call, enum capsule_status status)
{
	return status == CAPSULE_EUNSUPPORTED || (call->kind == ENGINE_INTERCEPTOR && status == CAPSULE_ENOTFOUND);
}

enum capsule_status composite_call(
	struct composite *composite, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	enum capsule_status refused = CAPSULE_OK;

	if (composite->state != COMPOSITE_READY)
		return composite_refuse(composite, err);
	/* The first refusal is told: it is the one that knows why. */
	for (size_t i = 0; i < composite->count; i++) {
		struct engine *engine = composite->engines[i];
		struct capsule_error other;
		bool first = refused == CAPSULE_OK;
		enum capsule_status status;

		if (!may_ask(engine, call))
			continue;
		status = engine->ops->call(engine, call, done, user, first ? err : &other);
		if (!passes_on(call, status))
			return first || status == CAPSULE_OK ? status : error_copy(err, &other);
		refused = first ? status : refused;
	}
	if (refused != CAPSULE_OK)
		return refused;
	return error_set(
		err, CAPSULE_EUNSUPPORTED, "Not supported: capsule '%s' has nothing that takes calls", composite->id);
}

bool composite_offers(const struct composite *composite, const char *tool)
{
	for (size_t i = 0; i < composite->count; i++) {
		const struct engine *engine = composite->engines[i];

		if (engine->ops->offers != NULL && engine->ops->offers(engine, tool))
			return true;
	}
	return false;
}

size_t composite_calls(const struct composite *composite)
{
	size_t calls = 0;

	for (size_t i = 0; i < composite->count; i++) {
		const struct engine *engine = composite->engines[i];

		if (engine->ops->calls != NULL)
			calls += engine->ops->calls(engine);
	}
	return calls;
}

bool composite_append_tools(const struct composite *composite, struct buffer *out, size_t *count)
{
	struct map taken = { 0 };
	size_t tools = 0;

	buffer_append_text(out, "[");
	for (size_t i = 0; composite->state == COMPOSITE_READY && i < composite->count; i++) {
		const struct engine *engine = composite->engines[i];

		if (engine->ops->tools != NULL)
			tools += engine->ops->tools(engine, tools == 0, &taken, out);
	}
	map_fini(&taken);
	if (count != NULL)
		*count = tools;
	return buffer_append_text(out, "]");
}

const char *composite_engine_name(const struct composite *composite, size_t index)
{
	return index < composite->count ? composite->engines[index]->ops->name : NULL;
}

const char *composite_stage(const struct composite *composite)
{
	return composite->motion == MOTION_UP && op_pending(&composite->step) ? composite->step.stage : NULL;
}
