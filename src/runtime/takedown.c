/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The way down of a whole set. Capsules that somebody else loads or unloads at the moment are not touched: the load is
 * cancelled, and both are waited for. */
#include "runtime/takedown.h"

#include "base/cleanup.h"
#include "base/limits.h"

struct takedown {
	struct capsule_runtime *runtime;
	uint32_t boot;             /* whose capsules; 0: all */
	struct capsule_op *handle; /* of who waits; NULL: nobody */
	struct capsule *capsule;   /* being unloaded with `step` */
	struct op step;
	bool held; /* nothing is unloaded yet: until `hold` fires, or `release` runs */
	struct timer hold;
	struct runnable release;
};

static bool concerns(const struct takedown *takedown, const struct capsule *capsule)
{
	return takedown->boot == 0 || capsule->boot == takedown->boot;
}

static struct capsule *next_capsule(const struct takedown *takedown)
{
	struct list_node *head = &takedown->runtime->capsules;

	for (struct list_node *node = head->prev; node != head; node = node->prev) {
		struct capsule *capsule = LIST_ENTRY(node, struct capsule, link);

		if (concerns(takedown, capsule) && !capsule->unloading && !capsule->loading)
			return capsule;
	}
	return NULL;
}

/* Whether something that it concerns is not gone yet. */
static bool waits(const struct takedown *takedown)
{
	if (takedown->runtime->leaving > 0)
		return true;
	LIST_EACH (node, &takedown->runtime->capsules)
		if (concerns(takedown, LIST_ENTRY(node, const struct capsule, link)))
			return true;
	return false;
}

static void unloaded(struct op *op, void *user);

static void go_on(struct takedown *takedown)
{
	struct capsule *capsule = takedown->held ? NULL : next_capsule(takedown);

	if (takedown->held)
		return;
	if (capsule != NULL) {
		capsule->unloading = true;
		takedown->capsule = capsule;
		op_start(&takedown->step, unloaded, takedown, NULL, 0, "unload");
		composite_unload(capsule->composite, &takedown->step);
		return;
	}
	if (waits(takedown))
		return; /* until the last one of them is gone */
	takedown->runtime->takedown = NULL;
	if (takedown->handle != NULL)
		op_finish(&takedown->handle->call.op);
	op_fini(&takedown->step);
	free(takedown);
}

/* From its end the capsule goes on by itself: its being gone is what continues. */
static void unloaded(struct op *op, void *user)
{
	struct takedown *takedown = user;
	struct capsule *capsule = takedown->capsule;

	(void)op;
	takedown->capsule = NULL;
	capsule_leave(capsule);
}

void takedown_capsule_gone(struct capsule_runtime *runtime)
{
	if (runtime->takedown != NULL && runtime->takedown->capsule == NULL)
		go_on(runtime->takedown);
}

/* ---- Held ---- */

static void let_go(struct takedown *takedown)
{
	struct loop *loop = takedown->runtime->loop;

	takedown->held = false;
	loop_timer_disarm(loop, &takedown->hold);
	loop_unready(&takedown->release);
	if (takedown->capsule == NULL)
		go_on(takedown);
}

static void hold_over(struct timer *timer)
{
	let_go(LIST_ENTRY(timer, struct takedown, hold));
}

static void release_run(struct runnable *runnable)
{
	let_go(LIST_ENTRY(runnable, struct takedown, release));
}

void takedown_release(struct capsule_runtime *runtime)
{
	struct takedown *takedown = runtime->takedown;

	if (takedown != NULL && takedown->held)
		loop_ready(runtime->loop, &takedown->release, false);
}

static void hold(struct takedown *takedown)
{
	struct capsule_runtime *runtime = takedown->runtime;
	uint64_t ms = runtime->unload_grace_ms != 0 ? runtime->unload_grace_ms : LIMIT_UNLOAD_GRACE_MS;

	takedown->hold.fire = hold_over;
	takedown->release.run = release_run;
	takedown->held = loop_timer_arm(runtime->loop, &takedown->hold, loop_due_after(runtime->loop, ms));
}

/* ---- Its beginning and its end ---- */

static void handle_stopped(struct op *op)
{
	struct takedown *takedown = op->producer;

	takedown->handle = NULL;
}

static void cancel_loads(struct capsule_runtime *runtime)
{
	LIST_EACH (node, &runtime->ops) {
		struct capsule_op *op = LIST_ENTRY(node, struct capsule_op, link);

		if (op->kind == OPERATION_LOAD && !op->complete)
			op_cancel(&op->call.op);
	}
}

enum capsule_status takedown_start(
	struct capsule_runtime *runtime, uint32_t boot, struct capsule_op *handle, struct capsule_error *err)
{
	struct takedown *takedown = runtime->takedown;

	if (takedown == NULL) {
		takedown = calloc(1, sizeof *takedown);
		if (takedown == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory to unload the capsules");
		takedown->runtime = runtime;
		takedown->boot = boot;
		op_init(&takedown->step, runtime->loop);
		list_init(&takedown->release.link);
		runtime->takedown = takedown;
	}
	if (boot == 0)
		takedown->boot = 0;
	if (handle != NULL) {
		hold(takedown);
		takedown->handle = handle;
		handle->call.op.producer = takedown;
		handle->call.op.stop = handle_stopped;
		cancel_loads(runtime);
	}
	if (takedown->capsule == NULL)
		go_on(takedown);
	return CAPSULE_OK;
}

bool takedown_of_all(const struct capsule_runtime *runtime)
{
	return runtime->takedown != NULL && runtime->takedown->boot == 0;
}

void takedown_end(struct capsule_runtime *runtime)
{
	struct takedown *takedown = runtime->takedown;

	if (takedown == NULL)
		return;
	runtime->takedown = NULL;
	loop_timer_disarm(runtime->loop, &takedown->hold);
	loop_unready(&takedown->release);
	op_fini(&takedown->step);
	free(takedown);
}
