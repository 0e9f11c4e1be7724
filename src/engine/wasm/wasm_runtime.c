/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What all capsules of a runtime share. Wasmtime's configuration is fixed here: what guests may use, how large their stacks
 * are, where their memory comes from. */
#include "engine/wasm/shared.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/wasm/kernel_module.h"
#include "engine/wasm/trap.h"

static wasm_config_t *make_config(struct slab *slab)
{
	wasm_config_t *config = wasm_config_new();

	wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_CRANELIFT);
	wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
	wasmtime_config_epoch_interruption_set(config, true);
	/* On by default in Wasmtime, of no use to a 0.3 guest, and each more surface for a hostile one. */
	wasmtime_config_wasm_memory64_set(config, false);
	wasmtime_config_wasm_multi_memory_set(config, false);
	wasmtime_config_wasm_relaxed_simd_set(config, false);
	slab_configure(slab, config);
	return config;
}

static enum capsule_status runtime_fill(
	struct wasm_runtime *runtime, const struct wasm_extra *extra, struct capsule_error *err)
{
	enum capsule_status status = slab_new(&runtime->slab, err);

	if (status != CAPSULE_OK)
		return status;
	runtime->engine = wasm_engine_new_with_config(make_config(runtime->slab));
	status = ticker_new(&runtime->ticker, runtime->engine, err);
	if (status == CAPSULE_OK)
		status = binding_table_init(&runtime->bindings, extra, err);
	if (status != CAPSULE_OK)
		return status;
	runtime->linker = wasmtime_linker_new(runtime->engine);
	wasmtime_linker_allow_shadowing(runtime->linker, true);
	status = binding_define(&runtime->bindings, runtime->linker, err);
	if (status != CAPSULE_OK)
		return status;
	return kernel_module_build(&runtime->kernel_module, &runtime->kernel, runtime->engine, &runtime->bindings, err);
}

enum capsule_status wasm_runtime_new(
	struct wasm_runtime **out, struct loop *loop, const struct wasm_extra *extra, struct capsule_error *err)
{
	struct wasm_runtime *runtime = calloc(1, sizeof *runtime);
	enum capsule_status status;

	if (runtime == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the WASM engine");
	runtime->loop = loop;
	list_init(&runtime->active);
	status = runtime_fill(runtime, extra, err);
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
	/* A compilation can't be stopped, and nobody waits for its result any more. */
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
	free(runtime);
}

const char *wasm_build_info(void)
{
	return "Wasmtime " WASMTIME_VERSION ", " CAPSULE_LIBRARIES;
}
