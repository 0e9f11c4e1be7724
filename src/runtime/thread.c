/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose turn it is: the thread that a runtime belongs to, and the places from which nobody may call into it. */
#include "runtime/internal.h"

#include "loop/loop.h"

void runtime_own(struct capsule_runtime *runtime)
{
	atomic_store_explicit(&runtime->owner, thread_self(), memory_order_relaxed);
}

enum capsule_status runtime_refuse(
	const struct capsule_runtime *runtime, const void *out, const char *function, struct capsule_error *err)
{
	if (runtime == NULL)
		return error_set(err, CAPSULE_EINVAL,
			"%s(): the handle is NULL; see whether what should have made it has failed", function);
	if (out == NULL)
		return error_set(
			err, CAPSULE_EINVAL, "%s(): there is no place for the result, it may not be NULL", function);
	if (atomic_load_explicit(&runtime->logging, memory_order_relaxed))
		return error_set(err, CAPSULE_ESTATE,
			"%s() can't be called from inside the log function, nor from one that audits, judges or is told of "
			"states; capsule_runtime_post() can",
			function);
	return error_set(err, CAPSULE_ESTATE,
		"%s(): the runtime belongs to another thread; hand the work to that one with capsule_runtime_post(), or "
		"take the runtime over with capsule_runtime_adopt()",
		function);
}

enum capsule_status capsule_runtime_adopt(struct capsule_runtime *runtime, struct capsule_error *err)
{
	error_clear(err);
	if (runtime == NULL || atomic_load_explicit(&runtime->logging, memory_order_relaxed))
		return runtime_refuse(runtime, runtime, "capsule_runtime_adopt", err);
	if (loop_in_turn(runtime->loop))
		return error_set(err, CAPSULE_ESTATE,
			"capsule_runtime_adopt(): the runtime is in a turn; let its thread come out of that first");
	runtime_own(runtime);
	return CAPSULE_OK;
}

/* A guest may be running while it logs: nothing of its runtime can change under it. */
void runtime_log(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct capsule_runtime *runtime = user;

	runtime_enter_embedder(runtime);
	runtime->write_log(runtime->log_user, level, capsule, message, len);
	runtime_leave_embedder(runtime);
}
