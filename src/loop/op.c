/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of an operation. Every way out of `pending` goes through settle(), which is what makes it exactly one; the
 * producer's stop() comes last, so that nothing here touches the operation after foreign code had it. */
#include "loop/op.h"

#include "loop/loop_internal.h"
#include <assert.h>
#include <inttypes.h>

static void settle(struct op *op)
{
	loop_timer_disarm(op->loop, &op->deadline);
	op->state = OP_FINISHED;
	list_remove(&op->link);
	loop_op_finished(op->loop, op);
}

/* End it against its producer, with op->error filled. */
static void settle_and_stop(struct op *op)
{
	settle(op);
	if (op->stop != NULL)
		op->stop(op);
}

static void deadline_missed(struct timer *timer)
{
	struct op *op = LIST_ENTRY(timer, struct op, deadline);

	error_set(&op->error, CAPSULE_ETIMEOUT, "%s: no answer within %" PRIu64 " ms", op->what, op->timeout_ms);
	settle_and_stop(op);
}

void op_init(struct op *op, struct loop *loop)
{
	op->loop = loop;
	op->state = OP_IDLE;
	op->done = NULL;
	op->user = NULL;
	op->stop = NULL;
	op->producer = NULL;
	op->deadline = (struct timer){ .fire = deadline_missed };
	op->timeout_ms = 0;
	op->what = "";
	list_init(&op->link);
	error_clear(&op->error);
	op->result = (struct buffer){ 0 };
}

void op_fini(struct op *op)
{
	bool stop = op->state == OP_PENDING && op->stop != NULL;

	loop_timer_disarm(op->loop, &op->deadline);
	op->state = OP_IDLE;
	list_remove(&op->link);
	if (stop)
		op->stop(op);
	buffer_fini(&op->result);
}

void op_start(struct op *op, op_done_fn done, void *user, op_stop_fn stop, uint64_t timeout_ms, const char *what)
{
	assert(op->state == OP_IDLE);
	op->state = OP_PENDING;
	op->done = done;
	op->user = user;
	op->stop = stop;
	op->timeout_ms = timeout_ms;
	op->what = what;
	op->stage = NULL;
	error_clear(&op->error);
	buffer_clear(&op->result);
	/* Without memory for its deadline it must not run at all. It is ended by the next turn and not here, since the
	 * producer has yet to begin; until then it stands among the finished ones as pending. */
	if (timeout_ms != 0 && !loop_timer_arm(op->loop, &op->deadline, loop_due_after(op->loop, timeout_ms)))
		loop_op_finished(op->loop, op);
}

void op_finish(struct op *op)
{
	if (op->state == OP_PENDING)
		settle(op);
}

void op_fail(struct op *op, const struct capsule_error *err)
{
	assert(err->status != CAPSULE_OK);
	if (op->state != OP_PENDING)
		return;
	error_copy(&op->error, err);
	settle(op);
}

void op_cancel(struct op *op)
{
	if (op->state != OP_PENDING)
		return;
	error_set(&op->error, CAPSULE_ECANCELLED, "%s: cancelled", op->what);
	settle_and_stop(op);
}

void op_deliver(struct op *op)
{
	if (op->state == OP_PENDING) {
		error_set(&op->error, CAPSULE_ENOMEM, "%s: no memory for its time limit", op->what);
		settle_and_stop(op);
		return;
	}
	op->state = OP_IDLE;
	op->done(op, op->user);
}
