/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Waiting until a capsule can serve: its engines are asked one after the other, the operation of who waits has the deadline. */
#include "composite/internal.h"

#include "base/cleanup.h"

struct ready_wait {
	struct list_node link; /* composite.waits */
	struct composite *composite;
	struct op *op;  /* of who waits */
	struct op step; /* of one engine */
	size_t at;      /* which one */
};

static void wait_free(struct ready_wait *wait)
{
	list_remove(&wait->link);
	op_fini(&wait->step);
	free(wait);
}

/* Deadline or cancel. */
static void wait_stopped(struct op *op)
{
	if (op->producer != NULL)
		wait_free(op->producer);
}

static void wait_failed(struct ready_wait *wait, const struct capsule_error *err)
{
	op_fail(wait->op, err);
	wait_free(wait);
}

static void ask_next(struct ready_wait *wait);

static void step_ready(struct op *op, void *user)
{
	struct ready_wait *wait = user;

	if (op->error.status != CAPSULE_OK) {
		wait_failed(wait, &op->error);
		return;
	}
	wait->at++;
	ask_next(wait);
}

static void ask_next(struct ready_wait *wait)
{
	const struct composite *composite = wait->composite;

	while (wait->at < composite->count && composite->engines[wait->at]->ops->wait_ready == NULL)
		wait->at++;
	if (wait->at == composite->count) {
		op_finish(wait->op);
		wait_free(wait);
		return;
	}
	op_start(&wait->step, step_ready, wait, NULL, 0, "ready");
	composite->engines[wait->at]->ops->wait_ready(composite->engines[wait->at], &wait->step);
}

static struct ready_wait *wait_new(struct composite *composite, struct op *op)
{
	struct ready_wait *wait = calloc(1, sizeof *wait);

	if (wait == NULL)
		return NULL;
	wait->composite = composite;
	wait->op = op;
	op_init(&wait->step, composite->loop);
	list_init(&wait->link);
	list_append(&composite->waits, &wait->link);
	return wait;
}

void composite_wait_ready(struct composite *composite, struct op *op, uint64_t timeout_ms, op_done_fn done, void *user)
{
	struct ready_wait *wait;
	struct capsule_error err;

	op->producer = NULL;
	op_start(op, done, user, wait_stopped, timeout_ms, "ready");
	if (composite->count == 0) {
		op_finish(op);
		return;
	}
	if (composite->state != COMPOSITE_READY) {
		(void)composite_refuse(composite, &err);
		op_fail(op, &err);
		return;
	}
	if (timeout_ms == 0) {
		(void)error_set(&err, CAPSULE_ETIMEOUT, "ready: no answer within 0 ms");
		op_fail(op, &err);
		return;
	}
	wait = wait_new(composite, op);
	if (wait == NULL) {
		(void)error_set(&err, CAPSULE_ENOMEM, "no memory to wait for capsule '%s'", composite->id);
		op_fail(op, &err);
		return;
	}
	op->producer = wait;
	ask_next(wait);
}

void composite_end_waits(struct composite *composite)
{
	struct capsule_error err;

	(void)composite_refuse(composite, &err);
	while (!list_empty(&composite->waits))
		wait_failed(LIST_ENTRY(composite->waits.next, struct ready_wait, link), &err);
}
