/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Down: calls get their time, then the engines are unloaded, the last one first. */
#include "composite/internal.h"

#include "base/limits.h"

#include <stdio.h>

static void tell_idle(struct composite *composite, bool tell)
{
	for (size_t i = 0; i < composite->count; i++)
		composite->engines[i]->tell_idle = tell;
}

static void unloaded(struct composite *composite)
{
	struct list_node *node;

	composite_move(composite, COMPOSITE_UNLOADED);
	while ((node = list_take_first(&composite->unloads)) != NULL)
		op_finish(LIST_ENTRY(node, struct op, link));
	if (composite->refs == 0)
		composite_free(composite);
}

static void step_unloaded(struct op *op, void *user)
{
	struct composite *composite = user;

	(void)op;
	composite->loaded--;
	composite_go_down(composite);
}

/* Nothing is loaded any more. */
static void down(struct composite *composite)
{
	struct capsule_error why;

	composite->motion = MOTION_NONE;
	if (composite->state == COMPOSITE_UNLOADING) {
		unloaded(composite);
		return;
	}
	if (composite->again && composite->load != NULL) {
		composite->again = false;
		composite_go_up(composite);
		return;
	}
	/* A load that was given up while what had failed before was still being unloaded keeps that reason. */
	composite_reason(composite, &why);
	composite_move(composite, COMPOSITE_FAILED);
	composite_load_failed(composite, &why);
}

void composite_go_down(struct composite *composite)
{
	struct engine *engine;

	if (composite->loaded == 0) {
		down(composite);
		return;
	}
	engine = composite->engines[composite->loaded - 1];
	composite->motion = MOTION_DOWN;
	op_start(&composite->step, step_unloaded, composite, NULL, 0, "unload");
	engine->ops->unload(engine, &composite->step);
}

/* The time is over, or the last call was: always from a turn, since an engine is not unloaded while it ends a call. */
static void grace_over(struct timer *timer)
{
	struct composite *composite = LIST_ENTRY(timer, struct composite, grace);
	size_t calls = composite_calls(composite);
	char text[128];

	tell_idle(composite, false);
	if (calls > 0) {
		(void)snprintf(text, sizeof text, "unloading: %zu calls are stopped after %llu ms", calls,
			(unsigned long long)composite->grace_ms);
		log_write(composite->log, CAPSULE_LOG_WARN, composite->id, span_text(text));
	}
	composite_go_down(composite);
}

static void give_grace(struct composite *composite)
{
	if (composite_calls(composite) == 0) {
		composite_go_down(composite);
		return;
	}
	composite->grace.fire = grace_over;
	if (!loop_timer_arm(composite->loop, &composite->grace, loop_due_after(composite->loop, composite->grace_ms))) {
		composite_go_down(composite); /* no memory for a timer: no time for the calls */
		return;
	}
	composite->motion = MOTION_GRACE;
	tell_idle(composite, true);
}

void composite_leave(struct composite *composite)
{
	struct capsule_error err;
	bool up = composite->motion == MOTION_UP;

	switch (composite->state) {
	case COMPOSITE_LOADING:
		composite_move(composite, COMPOSITE_UNLOADING);
		(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled: capsule '%s' is unloaded", composite->id);
		composite_load_failed(composite, &err);
		if (up)
			op_cancel(&composite->step);
		break;
	case COMPOSITE_READY:
	case COMPOSITE_FAILED:
		composite_move(composite, COMPOSITE_UNLOADING);
		composite_end_waits(composite);
		give_grace(composite);
		break;
	default:
		break;
	}
}

void composite_unload(struct composite *composite, struct op *op)
{
	if (composite->state == COMPOSITE_UNLOADED) {
		op_finish(op);
		return;
	}
	/* One that had no memory for its time limit stands in a list of the loop's and ends with the next turn. */
	if (list_empty(&op->link))
		list_append(&composite->unloads, &op->link);
	composite_leave(composite);
}
