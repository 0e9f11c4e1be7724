/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What all capsules of a runtime share. */
#include "engine/wasm/shared.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/wasm/kernel_module.h"
#include "engine/wasm/trap.h"

static enum capsule_status copy_text(char **out, const char *text, struct capsule_error *err)
{
	*out = text == NULL ? NULL : text_copy(span_text(text));
	return text == NULL || *out != NULL ? CAPSULE_OK
					    : error_set(err, CAPSULE_ENOMEM, "no memory for the WASM engine");
}

static enum capsule_status take_options(
	struct wasm_runtime *runtime, const struct wasm_options *options, struct capsule_error *err)
{
	static const struct log_sink nobody = { .level = CAPSULE_LOG_OFF };
	enum capsule_status status = copy_text(&runtime->cache.dir, options->cache_dir, err);

	if (status == CAPSULE_OK)
		status = copy_text(&runtime->libexec_dir, options->libexec_dir, err);
	runtime->log = options->log == NULL ? &nobody : options->log;
	runtime->cache.limit = options->cache_bytes == 0 ? LIMIT_CACHE : options->cache_bytes;
	runtime->compile_in_process = options->compile_in_process;
	runtime->profile = (struct wasm_profile){ .no_signals = options->no_signals,
		.guest_pages = options->guest_pages,
		.kernel_pages = options->kernel_pages };
	profile_fill(&runtime->profile);
	profile_describe(&runtime->profile, &runtime->description);
	runtime->compiler = (struct compiler){ .libexec_dir = runtime->libexec_dir,
		.description = buffer_text(&runtime->description),
		.cpu_ms = options->compile_cpu_ms,
		.memory_bytes = options->compile_bytes,
		.jobs_max = options->compile_jobs };
	compiler_init(&runtime->compiler, runtime->loop, &runtime->profile);
	return status == CAPSULE_OK ? buffer_check(&runtime->description, err) : status;
}

static wasm_config_t *make_config(const struct wasm_runtime *runtime)
{
	wasm_config_t *config = profile_config(&runtime->profile);

	slab_configure(runtime->slab, config);
	return config;
}

static enum capsule_status runtime_fill(
	struct wasm_runtime *runtime, const struct wasm_options *options, struct capsule_error *err)
{
	enum capsule_status status = take_options(runtime, options, err);

	if (status == CAPSULE_OK)
		status = slab_new(&runtime->slab, &runtime->profile, err);
	if (status != CAPSULE_OK)
		return status;
	runtime->engine = wasm_engine_new_with_config(make_config(runtime));
	status = ticker_new(&runtime->ticker, runtime->engine, err);
	if (status == CAPSULE_OK)
		status = binding_table_init(&runtime->bindings, options->extra, err);
	if (status != CAPSULE_OK)
		return status;
	runtime->linker = wasmtime_linker_new(runtime->engine);
	wasmtime_linker_allow_shadowing(runtime->linker, true);
	status = binding_define(&runtime->bindings, runtime->linker, err);
	if (status != CAPSULE_OK)
		return status;
	return kernel_module_build(runtime, err);
}

enum capsule_status wasm_runtime_new(
	struct wasm_runtime **out, struct loop *loop, const struct wasm_options *options, struct capsule_error *err)
{
	static const struct wasm_options defaults;
	struct wasm_runtime *runtime = calloc(1, sizeof *runtime);
	enum capsule_status status;

	if (runtime == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the WASM engine");
	runtime->loop = loop;
	list_init(&runtime->active);
	list_init(&runtime->loads);
	status = runtime_fill(runtime, options == NULL ? &defaults : options, err);
	if (status != CAPSULE_OK) {
		wasm_runtime_free(runtime);
		return status;
	}
	*out = runtime;
	return CAPSULE_OK;
}

void wasm_runtime_free(struct wasm_runtime *runtime)
{
	if (runtime == NULL)
		return;
	/* What runs on the pool can't be stopped, and nobody waits for its result any more. */
	while (runtime->jobs > 0)
		(void)loop_turn(runtime->loop, -1);
	loop_timer_disarm(runtime->loop, &runtime->trim);
	ticker_free(runtime->ticker);
	if (runtime->linker != NULL)
		wasmtime_linker_delete(runtime->linker);
	if (runtime->kernel != NULL)
		wasmtime_instance_pre_delete(runtime->kernel);
	if (runtime->kernel_module != NULL)
		wasmtime_module_delete(runtime->kernel_module);
	binding_table_fini(&runtime->bindings);
	map_fini(&runtime->modules);
	if (runtime->engine != NULL)
		wasm_engine_delete(runtime->engine);
	slab_free(runtime->slab);
	buffer_fini(&runtime->description);
	free(runtime->cache.dir);
	free(runtime->libexec_dir);
	free(runtime);
}

void wasm_runtime_warn(struct wasm_runtime *runtime, const struct capsule_error *note)
{
	if (note->status == CAPSULE_OK || strcmp(note->text, runtime->warned) == 0)
		return;
	memcpy(runtime->warned, note->text, sizeof runtime->warned);
	log_write(runtime->log, CAPSULE_LOG_WARN, NULL, span_text(note->text));
}

const char *wasm_build_info(void)
{
	return "Wasmtime " WASMTIME_VERSION ", " CAPSULE_LIBRARIES;
}
