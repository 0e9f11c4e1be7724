/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/run_loop.h"

#include "base/limits.h"
#include "engine/wasm/call_queue.h"

/* ---- Before its first instruction ---- */

/* A loop takes no calls: its interceptors become subscriptions, and can't be asked. */
static enum capsule_status check_interceptors(const struct manifest *manifest, struct capsule_error *err)
{
	if (manifest->interceptors.count > LIMIT_LOOP_INTERCEPTORS)
		return error_set(err, CAPSULE_EMANIFEST,
			"%s:%u: a capsule with a run loop may declare %d [[interceptor]] entries, this one has %zu: subscribe "
			"to some of them from the loop",
			manifest->path, manifest->interceptors.items[LIMIT_LOOP_INTERCEPTORS].place.line,
			LIMIT_LOOP_INTERCEPTORS, manifest->interceptors.count);
	for (size_t i = 0; i < manifest->interceptors.count; i++) {
		const struct manifest_interceptor *interceptor = &manifest->interceptors.items[i];

		if (interceptor->mode != INTERCEPTOR_OBSERVES)
			return error_set(err, CAPSULE_EMANIFEST,
				"%s:%u: an interceptor of a capsule with a run loop can't decide about events, since a loop takes "
				"no calls: remove `mode`, or the export `run` from the module",
				manifest->path, interceptor->mode_place.line);
	}
	return CAPSULE_OK;
}

static enum capsule_status check(const struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct manifest *manifest = capsule->env.manifest;

	if (capsule->module->run_mismatch)
		return error_set(err, CAPSULE_EMODULE,
			"run() export mismatch: `run` must take nothing and give back nothing or an i32");
	if (!capsule->module->run_loop)
		return CAPSULE_OK;
	if (manifest->components.items[0].instance == INSTANCE_PER_CALL)
		return error_set(err, CAPSULE_EMANIFEST,
			"%s:%u: a module with a run loop keeps its instance: remove `instance = \"per-call\"`",
			manifest->path, manifest->components.items[0].instance_place.line);
	return check_interceptors(manifest, err);
}

enum capsule_status run_loop_prepare(struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct host_services *services = &capsule->env.services;
	enum capsule_status status;

	if (capsule->env.manifest == NULL)
		return CAPSULE_OK;
	status = check(capsule, err);
	if (status != CAPSULE_OK || !capsule->module->run_loop)
		return status;
	origin_init(&capsule->run_call.origin);
	if (services->run_loop == NULL)
		return CAPSULE_OK;
	return services->run_loop(services->user, &capsule->run_call.origin, err);
}

/* ---- Its end ---- */

void run_loop_end_waits(struct wasm_capsule *capsule, const struct capsule_error *why)
{
	struct list_node *node;
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_ESTATE, "capsule '%s' ended without becoming ready: %s", capsule->host.capsule_id,
		why->text);
	while ((node = list_take_first(&capsule->waiting)) != NULL)
		op_fail(LIST_ENTRY(node, struct op, link), &err);
}

static void over(struct op *op, void *user)
{
	struct wasm_capsule *capsule = user;

	if (capsule->health == ENGINE_UNLOADED) {
		wasm_capsule_down(capsule);
		return;
	}
	capsule->health = ENGINE_FAILED;
	capsule_drop_instance(capsule);
	if (op->error.status == CAPSULE_OK)
		(void)error_set(&capsule->why, CAPSULE_EGUEST, "WASM run loop exited unexpectedly: it returned");
	else
		(void)error_set(
			&capsule->why, op->error.status, "WASM run loop exited unexpectedly: %s", op->error.text);
	log_write(capsule->host.log, CAPSULE_LOG_ERROR, capsule->host.capsule_id, span_text(capsule->why.text));
	run_loop_end_waits(capsule, &capsule->why);
	engine_changed(&capsule->engine);
}

void run_loop_start(struct wasm_capsule *capsule)
{
	if (!wasm_capsule_loops(&capsule->engine))
		return;
	capsule->run_call.kind = ENGINE_EXPORT;
	capsule->run_call.name = "run";
	call_queue_add(capsule, &capsule->run_call, over, capsule);
}

static void time_over(struct timer *timer)
{
	struct wasm_capsule *capsule = LIST_ENTRY(timer, struct wasm_capsule, wall);
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled: it is unloaded");
	activation_abort(capsule, &err);
}

bool run_loop_stop(struct wasm_capsule *capsule)
{
	struct loop *loop = capsule->shared->loop;

	if (capsule->current != &capsule->run_call || !capsule->started)
		return false;
	if (capsule->wall.index != 0)
		return true; /* it has been asked to end before */
	/* Nobody ends a sleep, so there is nothing that it could do meanwhile. */
	if (capsule->instance->sleep.index != 0)
		return false;
	capsule->wall.fire = time_over;
	return loop_timer_arm(loop, &capsule->wall, loop_due_after(loop, LIMIT_LOOP_STOP_MS));
}
