/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does it take until a capsule is loaded, whose module is compiled first, or whose compiled code is in the cache? The
 * runtime is there, and none of its capsules has the same module, so that nothing but files is shared with the load before. */
#include "harness.h"
#include "rig.h"

struct subject {
	struct rig *rig;
	const char *id;
	bool cold;
};

static int64_t run_load(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++) {
		struct capsule *capsule;
		int64_t start;

		if (subject->cold && rig_clear_cache(subject->rig) == 0)
			bench_fail("%s: nothing was in the cache", subject->id);
		start = bench_now();
		capsule = rig_load_written(subject->rig, subject->id);
		took += bench_now() - start;
		rig_unload(subject->rig, capsule);
	}
	return took;
}

int main(int argc, char **argv)
{
	const char *guests = bench_guests(argc, argv);
	const struct capsule_runtime_options in_process = { .compile_in_process = true };
	struct rig usual, without_child;
	struct subject small_cold = { &usual, "echo", true }, small_cached = { &usual, "echo", false };
	struct subject large_cold = { &usual, "large", true }, large_cached = { &usual, "large", false };
	struct subject child = { &usual, "large", true }, thread = { &without_child, "large", true };
	/* Each empties the cache of its rig, and must find something in it: the cached ones come first. */
	const struct bench_case small[] = {
		{ "load.cached", "ms", 1e6, run_load, &small_cached },
		{ "load.cold", "ms", 1e6, run_load, &small_cold },
	};
	const struct bench_case large[] = {
		{ "load.cached.800k", "ms", 1e6, run_load, &large_cached },
		{ "load.cold.800k", "ms", 1e6, run_load, &large_cold },
		{ "compile.child", "ms", 1e6, run_load, &child },
		{ "floor.compile", "ms", 1e6, run_load, &thread },
	};

	rig_open(&usual, guests, NULL);
	rig_open(&without_child, guests, &in_process);
	rig_write(&usual, "echo", "echo", "run", "");
	rig_write(&usual, "large", "large", "run", "");
	rig_write(&without_child, "large", "large", "run", "");
	rig_unload(&usual, rig_load_written(&usual, "echo"));
	bench_run(small, sizeof small / sizeof small[0]);
	rig_unload(&usual, rig_load_written(&usual, "large"));
	rig_unload(&without_child, rig_load_written(&without_child, "large"));
	bench_run_slow(large, sizeof large / sizeof large[0]);
	rig_close(&without_child);
	rig_close(&usual);
	return 0;
}
