/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How Wasmtime is configured: in one place, because code that was compiled under one configuration must never run under
 * another. The process that runs guests and the one that compiles for it both start from here. */
#ifndef WASM_PROFILE_H
#define WASM_PROFILE_H

#include "base/buffer.h"
#include <wasm.h>

/* A variable of the environment that is part of what Wasmtime compares. */
#define PROFILE_DETAILS "WASMTIME_BACKTRACE_DETAILS"

/* What may differ between two engines. Zero-initialised is the usual one. */
struct wasm_profile {
	bool no_signals;       /* faults of guests are found by checks in their code, not by signal handlers */
	bool parallel;         /* compile on all processors at once, by threads that stay; the code is the same */
	uint32_t guest_pages;  /* ceiling of a guest's own memory, at most LIMIT_WASM_GUEST_PAGES; 0: that */
	uint32_t kernel_pages; /* ceiling of kernel memory, at most LIMIT_WASM_KERNEL_PAGES; 0: that */
};

/** Put the ceilings in place of zeroes. */
void profile_fill(struct wasm_profile *profile);

/** A configuration for wasm_engine_new_with_config(), without memory and stack creators. `profile` is filled. Owned by the
 *  caller. */
wasm_config_t *profile_config(const struct wasm_profile *profile);

/** Everything that compiled code depends on besides the module: Wasmtime's version and build, each value of the
 *  configuration, the processor's features. Equal texts mean that code made under one runs under the other. `profile` is
 *  filled. */
void profile_describe(const struct wasm_profile *profile, struct buffer *out);

#endif
