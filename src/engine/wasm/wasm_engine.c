/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The WASM engine of one capsule behind engine.h: load, call, unload, health. */
#include "engine/wasm/activation.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/config.h"
#include "engine/wasm/call_queue.h"
#include "engine/wasm/outcome.h"
#include "engine/wasm/run_loop.h"

#include <assert.h>

static struct wasm_capsule *capsule_of(struct engine *engine)
{
	return LIST_ENTRY(engine, struct wasm_capsule, engine);
}

static void load_failed(struct wasm_capsule *capsule, const struct capsule_error *err)
{
	capsule->health = ENGINE_FAILED;
	(void)error_copy(&capsule->why, err);
	op_fail(capsule->load_op, err);
}

/* host.ready: once is enough, and only a run loop is waited for. */
static void guest_ready(struct host *host)
{
	struct wasm_capsule *capsule = LIST_ENTRY(host, struct wasm_capsule, host);
	struct list_node *node;

	capsule->said_ready = true;
	while ((node = list_take_first(&capsule->waiting)) != NULL)
		op_finish(LIST_ENTRY(node, struct op, link));
}

static void module_loaded(void *user, struct wasm_module *module, const struct capsule_error *error)
{
	struct wasm_capsule *capsule = user;
	struct capsule_error err;

	capsule->loading = NULL;
	if (module == NULL) {
		load_failed(capsule, error);
		return;
	}
	capsule->module = module;
	if (run_loop_prepare(capsule, &err) != CAPSULE_OK) {
		load_failed(capsule, &err);
		return;
	}
	capsule->health = ENGINE_READY;
	op_finish(capsule->load_op);
	run_loop_start(capsule);
}

static void load_stopped(struct op *op)
{
	struct wasm_capsule *capsule = op->producer;

	if (capsule->loading != NULL)
		module_load_cancel(capsule->loading);
	capsule->loading = NULL;
	capsule->health = ENGINE_UNLOADED;
}

static const char *component_hash(const struct wasm_capsule *capsule)
{
	const struct manifest *manifest = capsule->env.manifest;

	return manifest == NULL || manifest->components.count == 0 ? NULL : manifest->components.items[0].hash;
}

static enum capsule_status tell_session(struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct host_services *services = &capsule->env.services;

	if (services->session == NULL)
		return CAPSULE_OK;
	return services->session(services->user, &capsule->host.session, err);
}

static void engine_load(struct engine *engine, struct op *op)
{
	struct wasm_capsule *capsule = capsule_of(engine);
	struct capsule_error err;

	op->producer = capsule;
	op->stop = load_stopped;
	capsule->load_op = op;
	capsule->said_ready = false;
	if (uuid_make(&capsule->host.session, &err) != CAPSULE_OK || tell_session(capsule, &err) != CAPSULE_OK ||
		engine_config_fill(&capsule->host.config, &capsule->env, &err) != CAPSULE_OK) {
		load_failed(capsule, &err);
		return;
	}
	capsule->loading = module_load_start(capsule->shared, capsule->env.dir, capsule->file,
		capsule->env.limits.module_bytes, component_hash(capsule), &op->stage, module_loaded, capsule, &err);
	if (capsule->loading == NULL)
		load_failed(capsule, &err);
}

static enum capsule_status engine_call(
	struct engine *engine, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	struct wasm_capsule *capsule = capsule_of(engine);
	enum capsule_status status;

	if (capsule->health == ENGINE_FAILED)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' has failed: %s", capsule->host.capsule_id,
			capsule->why.text);
	if (capsule->health != ENGINE_READY)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' is not loaded", capsule->host.capsule_id);
	if (wasm_capsule_loops(engine))
		return error_set(err, CAPSULE_EUNSUPPORTED,
			"Not supported: capsule '%s' runs a loop of its own and takes no calls",
			capsule->host.capsule_id);
	if (call->kind == ENGINE_INTERCEPTOR && !capsule->module->export_hook)
		return outcome_no_hook(capsule, err);
	status = call_queue_admit(capsule, call, err);
	if (status == CAPSULE_OK)
		call_queue_add(capsule, call, done, user);
	return status;
}

static void cancel_load(struct wasm_capsule *capsule)
{
	struct capsule_error err;

	if (capsule->loading == NULL)
		return;
	module_load_cancel(capsule->loading);
	capsule->loading = NULL;
	(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled: capsule '%s' is unloaded", capsule->host.capsule_id);
	op_fail(capsule->load_op, &err);
}

void wasm_capsule_down(struct wasm_capsule *capsule)
{
	struct list_node *node;

	loop_timer_disarm(capsule->shared->loop, &capsule->pause);
	capsule->aborted_in_row = 0;
	capsule_drop_instance(capsule);
	module_unref(capsule->module);
	capsule->module = NULL;
	while ((node = list_take_first(&capsule->unloads)) != NULL)
		op_finish(LIST_ENTRY(node, struct op, link));
}

static void engine_unload(struct engine *engine, struct op *op)
{
	struct wasm_capsule *capsule = capsule_of(engine);
	struct capsule_error err;

	capsule->health = ENGINE_UNLOADED;
	/* One that had no memory for its time limit stands in a list of the loop's and ends with the next turn. */
	if (list_empty(&op->link))
		list_append(&capsule->unloads, &op->link);
	cancel_load(capsule);
	(void)error_set(&err, CAPSULE_ECANCELLED, "it is unloaded");
	run_loop_end_waits(capsule, &err);
	if (run_loop_stop(capsule))
		return;
	(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled: capsule '%s' is unloaded", capsule->host.capsule_id);
	call_queue_cancel(capsule, &err);
	wasm_capsule_down(capsule);
}

static enum engine_health engine_health(struct engine *engine, struct capsule_error *why)
{
	struct wasm_capsule *capsule = capsule_of(engine);

	if (capsule->health == ENGINE_FAILED)
		(void)error_copy(why, &capsule->why);
	return capsule->health;
}

static void engine_wait_ready(struct engine *engine, struct op *op)
{
	struct wasm_capsule *capsule = capsule_of(engine);
	struct capsule_error err;

	if (capsule->said_ready || (capsule->health == ENGINE_READY && !wasm_capsule_loops(engine)) ||
		(capsule->health == ENGINE_UNLOADED && capsule->module == NULL)) {
		op_finish(op);
		return;
	}
	/* One that had no memory for its time limit stands in a list of the loop's and ends with the next turn. */
	if (capsule->health == ENGINE_READY && list_empty(&op->link)) {
		list_append(&capsule->waiting, &op->link);
		return;
	}
	(void)error_set(&err, CAPSULE_ESTATE, "capsule '%s' ended without becoming ready: %s", capsule->host.capsule_id,
		capsule->health == ENGINE_FAILED ? capsule->why.text : "it is not loaded");
	op_fail(op, &err);
}

static void append_tool(const struct manifest_tool *tool, struct buffer *out)
{
	buffer_append_text(out, "{\"name\":");
	json_append_string(out, span_text(tool->name));
	buffer_append_text(out, ",\"description\":");
	json_append_string(out, span_text(tool->description));
	buffer_append_text(out, ",\"input_schema\":");
	buffer_append_text(out, tool->input_schema);
	buffer_append_text(out, ",\"origin\":\"wasm\"}");
}

/* Those of the manifest come first: nobody has their names yet. */
static void take_name(struct engine *engine, struct map *taken, const char *name, struct buffer *out)
{
	if (taken != NULL && map_put(taken, span_text(name), engine, NULL, NULL) != CAPSULE_OK)
		out->failed = true;
}

static size_t engine_tools(const struct engine *engine, bool first, struct map *taken, struct buffer *out)
{
	const struct manifest *manifest = LIST_ENTRY(engine, const struct wasm_capsule, engine)->env.manifest;

	if (manifest == NULL || wasm_capsule_loops(engine))
		return 0;
	for (size_t i = 0; i < manifest->tools.count; i++) {
		if (!first || i > 0)
			buffer_append_text(out, ",");
		append_tool(&manifest->tools.items[i], out);
		take_name((struct engine *)(uintptr_t)engine, taken, manifest->tools.items[i].name, out);
	}
	return manifest->tools.count;
}

static bool engine_offers(const struct engine *engine, const char *tool)
{
	const struct manifest *manifest = LIST_ENTRY(engine, const struct wasm_capsule, engine)->env.manifest;

	return manifest == NULL || manifest_tool_find(manifest, tool) != NULL;
}

static size_t engine_calls(const struct engine *engine)
{
	const struct wasm_capsule *capsule = LIST_ENTRY(engine, const struct wasm_capsule, engine);

	return wasm_capsule_loops(engine) ? 0 : call_queue_length(capsule) + (capsule->current != NULL);
}

static void vars_fini(struct map *vars)
{
	size_t cursor = 0;
	void *value;

	while (map_next(vars, &cursor, NULL, &value)) {
		buffer_fini(value);
		free(value);
	}
	map_fini(vars);
}

static void engine_free(struct engine *engine)
{
	struct wasm_capsule *capsule = capsule_of(engine);

	assert(capsule->instance == NULL && capsule->module == NULL && capsule->current == NULL);
	op_fini(&capsule->run_call.op);
	engine_config_fini(&capsule->host.config);
	vars_fini(&capsule->vars);
	free(capsule->file);
	free(capsule);
}

static const struct engine_ops wasm_engine_ops = {
	.name = "wasm",
	.load = engine_load,
	.unload = engine_unload,
	.call = engine_call,
	.offers = engine_offers,
	.health = engine_health,
	.wait_ready = engine_wait_ready,
	.tools = engine_tools,
	.calls = engine_calls,
	.free = engine_free,
};

bool wasm_capsule_loops(const struct engine *engine)
{
	const struct wasm_capsule *capsule = LIST_ENTRY(engine, const struct wasm_capsule, engine);

	return capsule->module != NULL && capsule->module->run_loop && capsule->env.manifest != NULL;
}

int64_t wasm_capsule_cpu_ns(const struct engine *engine)
{
	return LIST_ENTRY(engine, const struct wasm_capsule, engine)->total_cpu_ns;
}

/* So large that a time limit never comes, small enough to be added to a time in nanoseconds. */
#define MS_MAX ((uint64_t)(INT64_MAX / NS_PER_MS / 4))

static void default_limits(struct engine_limits *limits, uint32_t guest_pages)
{
	limits->call_cpu_ms = limits->call_cpu_ms < MS_MAX ? limits->call_cpu_ms : MS_MAX;
	limits->call_wall_ms = limits->call_wall_ms < MS_MAX ? limits->call_wall_ms : MS_MAX;
	if (limits->call_cpu_ms == 0)
		limits->call_cpu_ms = LIMIT_CALL_CPU_MS;
	if (limits->call_wall_ms == 0)
		limits->call_wall_ms = LIMIT_CALL_WALL_MS;
	if (limits->memory_pages == 0 || limits->memory_pages > guest_pages)
		limits->memory_pages = guest_pages;
	if (limits->queue_calls == 0)
		limits->queue_calls = LIMIT_CALL_QUEUE;
	if (limits->queue_bytes == 0)
		limits->queue_bytes = LIMIT_CALL_QUEUE_BYTES;
	if (limits->module_bytes == 0)
		limits->module_bytes = LIMIT_WASM_MODULE;
}

enum capsule_status wasm_capsule_new(struct engine **out, struct wasm_runtime *runtime, const struct engine_env *env,
	const char *file, struct capsule_error *err)
{
	struct wasm_capsule *capsule = calloc(1, sizeof *capsule);

	if (capsule == NULL || (capsule->file = text_copy(span_text(file))) == NULL) {
		free(capsule);
		return error_set(err, CAPSULE_ENOMEM, "no memory for a capsule");
	}
	capsule->engine.ops = &wasm_engine_ops;
	capsule->env = *env;
	capsule->per_call = env->manifest != NULL && env->manifest->components.count > 0 &&
		env->manifest->components.items[0].instance == INSTANCE_PER_CALL;
	default_limits(&capsule->env.limits, runtime->profile.guest_pages);
	capsule->shared = runtime;
	capsule->host = (struct host){ .capsule_id = env->capsule_id,
		.manifest = env->manifest,
		.gate = env->gate,
		.services = env->services,
		.loop = env->loop,
		.log = env->log,
		.ready = guest_ready };
	capsule->runnable.run = activation_run;
	list_init(&capsule->queue);
	list_init(&capsule->waiting);
	list_init(&capsule->unloads);
	op_init(&capsule->run_call.op, env->loop);
	*out = &capsule->engine;
	return CAPSULE_OK;
}
