/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public handle of an operation. Handles are used again: a call should not cost an allocation. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#define SPARE_MAX 64
#define SPARE_BYTES                                                                                                    \
	(4u * KIB) /* a buffer that grew larger is kept for a moment only: large calls often follow each other, */
#define SPARE_LARGE (8u * MIB) /* and fresh memory costs a fault a page. All of those together */
#define SPARE_LARGE_NS NS_PER_S

static size_t large_bytes(const struct capsule_op *op)
{
	size_t result = op->call.op.result.capacity, input = op->input.capacity;

	return (result > SPARE_BYTES ? result : 0) + (input > SPARE_BYTES ? input : 0);
}

static void drop_large(struct capsule_op *op)
{
	if (op->call.op.result.capacity > SPARE_BYTES)
		buffer_fini(&op->call.op.result);
	if (op->input.capacity > SPARE_BYTES)
		buffer_fini(&op->input);
}

static void moment_over(struct timer *timer)
{
	struct capsule_runtime *runtime = LIST_ENTRY(timer, struct capsule_runtime, spare_timer);

	LIST_EACH (node, &runtime->spare)
		drop_large(LIST_ENTRY(node, struct capsule_op, link));
	runtime->spare_large = 0;
}

/* Keep the handle, and its large buffers for a moment if there is room. It goes to the front, to be used again while it is
 * in the cache; to the end when it had to give its buffers back. */
static void keep_handle(struct capsule_runtime *runtime, struct capsule_op *op)
{
	size_t large = large_bytes(op);

	runtime->spare_count++;
	if (large > SPARE_LARGE - runtime->spare_large) {
		drop_large(op);
		list_append(&runtime->spare, &op->link);
		return;
	}
	list_append(runtime->spare.next, &op->link);
	runtime->spare_large += large;
	runtime->spare_timer.fire = moment_over;
	if (large > 0 && runtime->spare_timer.index == 0 &&
		!loop_timer_arm(runtime->loop, &runtime->spare_timer, loop_now(runtime->loop) + SPARE_LARGE_NS))
		moment_over(&runtime->spare_timer);
}

static struct capsule_op *take_handle(struct capsule_runtime *runtime)
{
	struct list_node *node = list_take_first(&runtime->spare);
	struct capsule_op *op;

	if (node != NULL) {
		runtime->spare_count--;
		op = LIST_ENTRY(node, struct capsule_op, link);
		runtime->spare_large -= large_bytes(op);
		return op;
	}
	op = calloc(1, sizeof *op);
	if (op == NULL)
		return NULL;
	op->runtime = runtime;
	list_init(&op->link);
	op_init(&op->call.op, runtime->loop);
	return op;
}

struct capsule_op *operation_new(struct capsule_runtime *runtime, enum operation kind, capsule_done_fn done, void *user,
	struct capsule_error *err)
{
	struct capsule_op *op = take_handle(runtime);

	if (op == NULL) {
		(void)error_set(err, CAPSULE_ENOMEM, "no memory for an operation");
		return NULL;
	}
	op->kind = kind;
	op->done = done;
	op->user = user;
	op->complete = false;
	op->as_text = false;
	op->capsule = NULL;
	op->watch = NULL;
	op->call.cpu_ms = op->call.wall_ms = 0;
	op->call.wall_ns = op->call.cpu_ns = 0;
	error_clear(&op->call.op.error);
	buffer_clear(&op->call.op.result);
	buffer_clear(&op->input);
	list_append(&runtime->ops, &op->link);
	return op;
}

void operation_discard(struct capsule_op *op)
{
	struct capsule_runtime *runtime = op->runtime;

	list_remove(&op->link);
	if (runtime->awaited == op) {
		(void)error_set(&runtime->outcome, CAPSULE_ECANCELLED, "freed while it was waited for");
		runtime->awaited = NULL;
	}
	tool_call_forget(op);
	inspection_free(op->inspected);
	op->inspected = NULL;
	if (runtime->spare_count >= SPARE_MAX) {
		op_fini(&op->call.op);
		buffer_fini(&op->input);
		free(op);
		return;
	}
	keep_handle(runtime, op);
}

/* A guest's answer that is no text becomes text. */
static void repair_result(struct capsule_op *op)
{
	struct buffer *result = &op->call.op.result;
	struct buffer repaired = { .limit = 3 * (size_t)LIMIT_OUTPUT + 1 };

	if (text_is_utf8(buffer_span(result)))
		return;
	if (!text_append_lossy(&repaired, buffer_span(result)))
		(void)error_set(&op->call.op.error, CAPSULE_ENOMEM, "no memory to make the answer valid UTF-8");
	buffer_fini(result);
	*result = repaired;
}

static void load_done(struct capsule_op *handle)
{
	struct capsule *capsule = handle->capsule;
	struct capsule_error *error = &handle->call.op.error;

	if (error->status == CAPSULE_OK && capsule->tools_json == NULL)
		(void)error_set(error, CAPSULE_ENOMEM, "no memory for the list of tools");
	capsule->loading = false;
	if (error->status == CAPSULE_OK)
		return;
	handle->capsule = NULL;
	capsule_leave(capsule);
}

void operation_done(struct op *op, void *user)
{
	struct capsule_op *handle = user;
	struct capsule_runtime *runtime = handle->runtime;

	handle->complete = true;
	if (op->error.status == CAPSULE_OK && handle->as_text)
		repair_result(handle);
	if (handle->kind == OPERATION_LOAD && handle->capsule != NULL)
		load_done(handle);
	if (handle->kind == OPERATION_UNLOAD && handle->capsule != NULL) {
		capsule_leave(handle->capsule);
		handle->capsule = NULL;
	}
	if (runtime->awaited == handle) {
		(void)error_copy(&runtime->outcome, &op->error);
		runtime->awaited = NULL;
	}
	if (handle->done != NULL)
		handle->done(handle, handle->user);
}

void capsule_op_free(struct capsule_op *op)
{
	if (op == NULL || !runtime_usable(op->runtime))
		return;
	if (!op->complete) {
		op_fini(&op->call.op);
		/* Nobody can name a capsule whose load was given up; one that was being unloaded goes on its way. */
		if (op->capsule != NULL && (op->kind == OPERATION_LOAD || op->kind == OPERATION_UNLOAD))
			capsule_leave(op->capsule);
		op->capsule = NULL;
	}
	operation_discard(op);
}

void capsule_op_cancel(struct capsule_op *op)
{
	if (op == NULL || !runtime_usable(op->runtime))
		return;
	if (tool_call_asks(op))
		tool_call_cancel(op);
	else
		op_cancel(&op->call.op);
}

bool capsule_op_done(const struct capsule_op *op)
{
	return op->complete;
}

enum capsule_status capsule_op_wait(struct capsule_op *op, struct capsule_error *err)
{
	struct capsule_runtime *runtime = op == NULL ? NULL : op->runtime;
	enum capsule_status status = runtime_enter(runtime, op, "capsule_op_wait", err);

	if (status != CAPSULE_OK || runtime == NULL)
		return status;
	if (loop_in_turn(runtime->loop))
		return error_set(err, CAPSULE_ESTATE, "capsule_op_wait() can't be called from inside a turn");
	if (op->complete)
		return error_copy(err, &op->call.op.error);
	/* A done function may free the handle: it must not be looked at after a turn. */
	runtime->awaited = op;
	while (runtime->awaited != NULL)
		(void)loop_turn(runtime->loop, -1);
	return error_copy(err, &runtime->outcome);
}

const struct capsule_error *capsule_op_error(const struct capsule_op *op)
{
	static const struct capsule_error none = { .status = CAPSULE_OK };

	return op->complete ? &op->call.op.error : &none;
}

const char *capsule_op_stage(const struct capsule_op *op)
{
	if (op->complete)
		return NULL;
	if (op->kind == OPERATION_LOAD && op->capsule != NULL && op->capsule->composite != NULL)
		return composite_stage(op->capsule->composite);
	return op->call.op.stage;
}

const char *capsule_op_result(const struct capsule_op *op, size_t *len)
{
	/* The terminator may need room: the handle is logically unchanged. */
	struct buffer *result = (struct buffer *)(uintptr_t)&op->call.op.result;
	const char *text = op->complete && op->call.op.error.status == CAPSULE_OK ? buffer_text(result) : NULL;

	if (len != NULL)
		*len = text == NULL ? 0 : result->len;
	return text == NULL ? "" : text;
}

struct capsule *capsule_op_capsule(const struct capsule_op *op)
{
	return op->complete && op->kind == OPERATION_LOAD ? op->capsule : NULL;
}

int64_t capsule_op_wall_ns(const struct capsule_op *op)
{
	return op->call.wall_ns;
}

int64_t capsule_op_cpu_ns(const struct capsule_op *op)
{
	return op->call.cpu_ns;
}
