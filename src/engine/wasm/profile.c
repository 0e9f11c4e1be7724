/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/profile.h"

#include "base/limits.h"
#include <build_facts.h>
#include <stdlib.h>
#include <wasmtime.h>

#if defined(__x86_64__)
#include <cpuid.h>
#else
#include <sys/auxv.h>
#endif

#define GUARD (64 * KIB)

/* Every value that is set, by name: the configuration and its description are made from the same rows, so that none can be left
 * out of the key under which code is kept. */
#define SETTINGS(SET, FIXED)                                                                                           \
	FIXED(strategy, WASMTIME_STRATEGY_CRANELIFT)                                                                   \
	FIXED(cranelift_opt_level, WASMTIME_OPT_LEVEL_SPEED)                                                           \
	FIXED(epoch_interruption, true)                                                                                \
	/* On by default in Wasmtime, of no use to a 0.3 guest, and each more surface for a hostile one. */            \
	FIXED(wasm_memory64, false)                                                                                    \
	FIXED(wasm_multi_memory, false)                                                                                \
	FIXED(wasm_relaxed_simd, false)                                                                                \
	/* Memory never moves and is never larger than what is reserved for it. */                                     \
	FIXED(memory_guard_size, GUARD)                                                                                \
	FIXED(memory_reservation_for_growth, 0)                                                                        \
	FIXED(memory_may_move, false)                                                                                  \
	FIXED(memory_init_cow, false)                                                                                  \
	FIXED(max_wasm_stack, LIMIT_WASM_STACK)                                                                        \
	FIXED(async_stack_size, LIMIT_FIBER_STACK)                                                                     \
	SET(memory_reservation, reserved_bytes(profile))                                                               \
	SET(signals_based_traps, !profile->no_signals)

void profile_fill(struct wasm_profile *profile)
{
	if (profile->guest_pages == 0 || profile->guest_pages > LIMIT_WASM_GUEST_PAGES)
		profile->guest_pages = LIMIT_WASM_GUEST_PAGES;
	if (profile->kernel_pages == 0 || profile->kernel_pages > LIMIT_WASM_KERNEL_PAGES)
		profile->kernel_pages = LIMIT_WASM_KERNEL_PAGES;
}

/* Wasmtime knows one size for all memories. */
static uint64_t reserved_bytes(const struct wasm_profile *profile)
{
	uint32_t pages = profile->guest_pages > profile->kernel_pages ? profile->guest_pages : profile->kernel_pages;

	return (uint64_t)pages * LIMIT_WASM_PAGE;
}

wasm_config_t *profile_config(const struct wasm_profile *profile)
{
	wasm_config_t *config = wasm_config_new();

#define APPLY(name, value) wasmtime_config_##name##_set(config, value);
	SETTINGS(APPLY, APPLY)
#undef APPLY
	wasmtime_config_parallel_compilation_set(config, profile->parallel); /* changes nothing of the code */
	return config;
}

#if defined(__x86_64__)
/* The leaves of cpuid that tell of instructions, without those that differ from core to core. */
static void describe_processor(struct buffer *out)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d))
		buffer_printf(out, "cpuid1=%08x%08x\n", c, d);
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		buffer_printf(out, "cpuid7=%08x%08x%08x\n", b, c, d);
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		buffer_printf(out, "cpuid8=%08x%08x\n", c, d);
}
#else
static void describe_processor(struct buffer *out)
{
	buffer_printf(out, "hwcap=%lx %lx\n", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
}
#endif

void profile_describe(const struct wasm_profile *profile, struct buffer *out)
{
	const char *details = getenv(PROFILE_DETAILS);

	buffer_append_text(out, "wasmtime=" WASMTIME_VERSION "\nbuild=" CAPSULE_DEPS_HASH "\n");
#define DESCRIBE(name, value) buffer_printf(out, #name "=%llu\n", (unsigned long long)(value));
	SETTINGS(DESCRIBE, DESCRIBE)
#undef DESCRIBE
	buffer_printf(out, "details=%.16s\n", details == NULL ? "" : details);
	describe_processor(out);
}
