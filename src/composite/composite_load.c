/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Up: one engine after the other. */
#include "composite/internal.h"

/* The caller gave the load up: the engine that is being loaded is stopped, and the rest is taken down when it says so. */
static void load_stopped(struct op *op)
{
	struct composite *composite = op->producer;

	composite->load = NULL;
	if (composite->motion == MOTION_UP)
		op_cancel(&composite->step);
}

void composite_load_failed(struct composite *composite, const struct capsule_error *err)
{
	struct op *op = composite->load;

	composite->load = NULL;
	if (op != NULL)
		op_fail(op, err);
}

static void loaded(struct composite *composite)
{
	struct op *op = composite->load;

	composite->load = NULL;
	composite->motion = MOTION_NONE;
	composite_move(composite, COMPOSITE_READY);
	if (op != NULL)
		op_finish(op);
	composite_check_health(composite);
}

static void step_loaded(struct op *op, void *user)
{
	struct composite *composite = user;
	struct capsule_error given_up;

	composite->loaded++;
	if (op->error.status == CAPSULE_OK && composite->load != NULL) {
		composite_go_up(composite);
		return;
	}
	(void)error_set(&given_up, CAPSULE_ECANCELLED, "load: cancelled");
	composite_set_reason(composite, op->error.status == CAPSULE_OK ? &given_up : &op->error);
	composite_go_down(composite);
}

void composite_go_up(struct composite *composite)
{
	struct engine *engine;

	if (composite->loaded == composite->count) {
		loaded(composite);
		return;
	}
	engine = composite->engines[composite->loaded];
	composite->motion = MOTION_UP;
	op_start(&composite->step, step_loaded, composite, NULL, 0, "load");
	engine->ops->load(engine, &composite->step);
}

void composite_load(struct composite *composite, struct op *op)
{
	struct capsule_error err;

	if (composite->state != COMPOSITE_UNLOADED && composite->state != COMPOSITE_FAILED) {
		(void)composite_refuse(composite, &err);
		op_fail(op, &err);
		return;
	}
	op->producer = composite;
	op->stop = load_stopped;
	composite->load = op;
	composite_move(composite, COMPOSITE_LOADING);
	composite->again = composite->loaded > 0;
	if (composite->again)
		composite_go_down(composite);
	else
		composite_go_up(composite);
}

void composite_fail(struct composite *composite, const struct capsule_error *why)
{
	composite_set_reason(composite, why);
	composite_move(composite, COMPOSITE_LOADING);
	composite_move(composite, COMPOSITE_FAILED);
}
