/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The composition root: options, the loop behind the public functions, the end of everything. */
#include "runtime/takedown.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "runtime/options.h"

#include <inttypes.h>

static enum capsule_status take_options(
	struct capsule_runtime_options *out, const struct capsule_runtime_options *given, struct capsule_error *err)
{
	static const struct options_kind kind = { .type = "struct capsule_runtime_options",
		.size = sizeof *out,
		.first = offsetof(struct capsule_runtime_options, module_bytes) + sizeof(uint64_t),
		.alignment = _Alignof(struct capsule_runtime_options) };

	return options_take(out, &kind, given, err);
}

static enum capsule_status check_time(const char *name, uint64_t ms, struct capsule_error *err)
{
	const uint64_t most = INT64_MAX / NS_PER_MS / 2; /* can be added to any time of the clock */

	if (ms > most)
		return error_set(err, CAPSULE_EINVAL, "%s is %" PRIu64 ", %" PRIu64 " is the most", name, ms, most);
	return CAPSULE_OK;
}

static enum capsule_status check_times(const struct capsule_runtime_options *options, struct capsule_error *err)
{
	const struct {
		const char *name;
		uint64_t ms;
	} times[] = { { "call_cpu_ms", options->call_cpu_ms }, { "call_wall_ms", options->call_wall_ms },
		{ "compile_cpu_ms", options->compile_cpu_ms }, { "unload_grace_ms", options->unload_grace_ms },
		{ "ready_ms", options->ready_ms }, { "chain_ms", options->chain_ms }, { "hook_ms", options->hook_ms },
		{ "lag_notice_ms", options->lag_notice_ms }, { "mcp_handshake_ms", options->mcp_handshake_ms },
		{ "mcp_call_ms", options->mcp_call_ms }, { "mcp_ping_ms", options->mcp_ping_ms },
		{ "mcp_stop_ms", options->mcp_stop_ms }, { "restart_ms", options->restart_ms } };
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; status == CAPSULE_OK && i < sizeof times / sizeof times[0]; i++)
		status = check_time(times[i].name, times[i].ms, err);
	return status;
}

static enum capsule_status check_options(const struct capsule_runtime_options *options, struct capsule_error *err)
{
	enum capsule_status status = check_times(options, err);

	if (status != CAPSULE_OK)
		return status;
	if ((unsigned)options->log_level > CAPSULE_LOG_OFF)
		return error_set(err, CAPSULE_EINVAL, "log_level is %d, expected one of enum capsule_log_level",
			(int)options->log_level);
	if (options->memory_pages > LIMIT_WASM_GUEST_PAGES)
		return error_set(err, CAPSULE_EINVAL, "memory_pages is %u, %u is the most", options->memory_pages,
			LIMIT_WASM_GUEST_PAGES);
	if (options->kernel_pages != 0 &&
		(options->kernel_pages < LIMIT_WASM_KERNEL_PAGES_LEAST ||
			options->kernel_pages > LIMIT_WASM_KERNEL_PAGES))
		return error_set(err, CAPSULE_EINVAL, "kernel_pages is %u, it may be %u to %u", options->kernel_pages,
			LIMIT_WASM_KERNEL_PAGES_LEAST, LIMIT_WASM_KERNEL_PAGES);
	if (options->libexec_dir != NULL && options->libexec_dir[0] != '/')
		return error_set(err, CAPSULE_EINVAL, "libexec_dir is `%.256s`, expected an absolute path",
			options->libexec_dir);
	if (options->module_bytes > BUFFER_MAX / 2)
		return error_set(err, CAPSULE_EINVAL, "module_bytes is %" PRIu64 ", %zu is the most",
			options->module_bytes, BUFFER_MAX / 2);
	if (options->principal != NULL &&
		(options->principal[0] == '\0' || strlen(options->principal) >= ORIGIN_PRINCIPAL_MAX))
		return error_set(err, CAPSULE_EINVAL, "principal must have 1 to %d bytes", ORIGIN_PRINCIPAL_MAX - 1);
	return CAPSULE_OK;
}

/* Where compiled modules are kept, NULL for nowhere. */
static enum capsule_status cache_folder(
	const struct capsule_runtime *runtime, const char *asked, char **out, struct capsule_error *err)
{
	*out = NULL;
	if (asked != NULL && asked[0] == '\0')
		return CAPSULE_OK;
	if (asked != NULL && asked[0] != '/')
		return error_set(err, CAPSULE_EINVAL, "cache_dir is `%.256s`, expected an absolute path", asked);
	if (asked == NULL && (runtime->home.path == NULL || runtime->home.memory))
		return CAPSULE_OK;
	*out = asked != NULL ? text_copy(span_text(asked)) : home_cache_path(runtime->home.path);
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
}

void runtime_origin(const struct capsule_runtime *runtime, struct origin *origin)
{
	size_t len = strlen(runtime->principal);

	origin_init(origin);
	memcpy(origin->principal, runtime->principal, len + 1);
}

static enum capsule_status start_engine(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	HOLD(free_drop) char *cache = NULL;
	struct wasm_options wasm = { .log = &runtime->log,
		.cache_bytes = options->cache_bytes,
		.libexec_dir = options->libexec_dir,
		.compile_in_process = options->compile_in_process,
		.compile_cpu_ms = options->compile_cpu_ms,
		.compile_bytes = options->compile_bytes,
		.compile_jobs = options->compile_jobs,
		.no_signals = options->no_signal_handlers,
		.guest_pages = options->memory_pages,
		.kernel_pages = options->kernel_pages };
	enum capsule_status status = cache_folder(runtime, options->cache_dir, &cache, err);

	wasm.cache_dir = cache;
	return status == CAPSULE_OK ? wasm_runtime_new(&runtime->wasm, runtime->loop, &wasm, err) : status;
}

static enum capsule_status runtime_fill(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	enum capsule_status status;

	runtime->write_log = options->log;
	runtime->log_user = options->log_user;
	runtime->log = (struct log_sink){ options->log == NULL ? NULL : runtime_log, runtime, options->log_level };
	runtime->limits = (struct engine_limits){ .call_cpu_ms = options->call_cpu_ms,
		.call_wall_ms = options->call_wall_ms,
		.memory_pages = options->memory_pages,
		.queue_calls = options->queue_calls,
		.module_bytes = options->module_bytes };
	runtime->unload_grace_ms = options->unload_grace_ms;
	runtime->ready_ms = options->ready_ms != 0 ? options->ready_ms : LIMIT_READY_MS;
	runtime->principal = text_copy(span_text(options->principal == NULL ? "default" : options->principal));
	if (runtime->principal == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
	status = loop_new(&runtime->loop, &clock_system, err);
	if (status == CAPSULE_OK)
		status = events_open(runtime, options, err);
	if (status == CAPSULE_OK)
		status = home_init(&runtime->home, runtime->loop, options->home, options->memory_store, err);
	if (status == CAPSULE_OK)
		status = services_configure(runtime, options, err);
	if (status == CAPSULE_OK)
		status = servers_configure(runtime, options, err);
	if (status == CAPSULE_OK)
		status = start_engine(runtime, options, err);
	return status;
}

enum capsule_status capsule_runtime_new(
	struct capsule_runtime **out, const struct capsule_runtime_options *options, struct capsule_error *err)
{
	struct capsule_runtime_options taken = { .size = sizeof taken };
	struct capsule_runtime *runtime;
	enum capsule_status status = CAPSULE_OK;

	error_clear(err);
	if (out == NULL)
		return error_set(err, CAPSULE_EINVAL, "there is no place for the runtime, it may not be NULL");
	if (options != NULL)
		status = take_options(&taken, options, err);
	if (status == CAPSULE_OK)
		status = check_options(&taken, err);
	if (status != CAPSULE_OK)
		return status;
	runtime = calloc(1, sizeof *runtime);
	if (runtime == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a runtime");
	runtime_own(runtime);
	list_init(&runtime->capsules);
	list_init(&runtime->ops);
	list_init(&runtime->spare);
	list_init(&runtime->open_overlays);
	list_init(&runtime->subscriptions);
	list_init(&runtime->tool_watches);
	list_init(&runtime->questions);
	registry_init(&runtime->registry);
	runtime->home.lock_fd = -1;
	status = runtime_fill(runtime, &taken, err);
	if (status != CAPSULE_OK) {
		capsule_runtime_free(runtime);
		return status;
	}
	*out = runtime;
	return CAPSULE_OK;
}

/* The last one loaded goes first. Calls were ended with their operations, interceptors are here: nothing has to be
 * waited for. */
static void end_capsules(struct capsule_runtime *runtime)
{
	if (runtime->dispatch != NULL)
		dispatch_abort(runtime->dispatch);
	while (!list_empty(&runtime->capsules))
		capsule_leave(LIST_ENTRY(runtime->capsules.prev, struct capsule, link));
	while (runtime->leaving > 0)
		(void)loop_turn(runtime->loop, -1);
}

/* Handles that the embedder still holds become invalid here, as the header says. */
static void end_ops(struct capsule_runtime *runtime)
{
	while (!list_empty(&runtime->ops)) {
		struct capsule_op *op = LIST_ENTRY(runtime->ops.next, struct capsule_op, link);

		capsule_op_free(op);
	}
}

static void free_spare(struct capsule_runtime *runtime)
{
	struct list_node *node;

	if (runtime->loop != NULL)
		loop_timer_disarm(runtime->loop, &runtime->spare_timer);
	while ((node = list_take_first(&runtime->spare)) != NULL) {
		struct capsule_op *op = LIST_ENTRY(node, struct capsule_op, link);

		buffer_fini(&op->input);
		buffer_fini(&op->call.op.result);
		free(op);
	}
}

void capsule_runtime_free(struct capsule_runtime *runtime)
{
	if (runtime == NULL || !runtime_usable(runtime) || (runtime->loop != NULL && loop_in_turn(runtime->loop)))
		return;
	if (runtime->loop != NULL)
		loop_post_close(runtime->loop); /* the turns below must not run code of the embedder */
	runtime->watch = NULL;
	runtime->told = NULL;
	if (runtime->dispatch != NULL)
		dispatch_watch(runtime->dispatch, NULL);
	end_ops(runtime);
	takedown_end(runtime);
	events_end_subscriptions(runtime);
	end_capsules(runtime);
	events_close(runtime);
	free_spare(runtime);
	registry_fini(&runtime->registry);
	buffer_fini(&runtime->states);
	home_fini(&runtime->home);
	wasm_runtime_free(runtime->wasm);
	loop_free(runtime->loop);
	services_forget(runtime);
	questions_free(runtime);
	servers_forget(runtime);
	free(runtime->principal);
	free(runtime);
}

int capsule_runtime_fd(const struct capsule_runtime *runtime)
{
	return loop_fd(runtime->loop);
}

int capsule_runtime_timeout_ms(const struct capsule_runtime *runtime)
{
	return loop_timeout_ms(runtime->loop);
}

bool capsule_runtime_turn(struct capsule_runtime *runtime, int wait_ms)
{
	return runtime != NULL && runtime_usable(runtime) && loop_turn(runtime->loop, wait_ms);
}

enum capsule_status capsule_runtime_post(
	struct capsule_runtime *runtime, void (*fn)(void *arg), void *arg, struct capsule_error *err)
{
	error_clear(err);
	if (runtime == NULL || fn == NULL)
		return error_set(err, CAPSULE_EINVAL, "capsule_runtime_post(): no %s is given",
			runtime == NULL ? "runtime" : "function");
	return loop_post(runtime->loop, fn, arg, err);
}
